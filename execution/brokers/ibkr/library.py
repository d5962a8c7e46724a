"""The one seam through which the client library comes in: ib_insync or ib_async, by name, with no branch on it.

ib_insync wants a loop on the importing thread before its first import; both install the same `eventkit` package and so
must never be in one environment. Nothing of the library is imported with this module.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from execution.brokers.ibkr.advice import Trouble, failure_of
from execution.brokers.ibkr.settings import IbkrSettings, IbLibraryName
from models.errors import BugError


@dataclass(frozen=True, slots=True)
class IbLibrary:
    """A loaded library: the names both have, and nothing else of it."""

    name: IbLibraryName
    version: str
    module: ModuleType

    def new_ib(self) -> Any:
        """Returns a fresh client object; one per connection, made on the loop's thread."""
        return self.module.IB()

    @property
    def oldest_server(self) -> int:
        """The lowest server version the library speaks."""
        return int(self.module.Client.MinClientVersion)


def load_library(name: IbLibraryName, *, installed: Callable[[str], str | None] | None = None) -> IbLibrary:
    """Imports the client library on the thread of the running loop.

    `installed` returns a distribution's version, None when it is absent. Raises BrokerFailure(UNSUPPORTED) when the
    library is missing or both are installed, BugError outside a running loop.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise BugError("the client library must be loaded on the engine's thread, while its loop runs") from None
    version_of = installed or installed_version
    settings = IbkrSettings(library=name)
    if any(version_of(other.value) is not None for other in IbLibraryName if other is not name):
        if version_of(name.value) is not None:
            raise failure_of(Trouble.LIBRARIES_BOTH, settings)
        raise failure_of(Trouble.LIBRARY_MISSING, settings, detail="the other one is")
    version = version_of(name.value)
    if version is None:
        raise failure_of(Trouble.LIBRARY_MISSING, settings)
    asyncio.set_event_loop(loop)  # the library finds its loop by the thread, not by what runs
    try:
        module = importlib.import_module(name.value)
    except ImportError as error:
        raise failure_of(Trouble.LIBRARY_MISSING, settings, detail=str(error)) from error
    return IbLibrary(name, version, module)


def installed_version(distribution: str) -> str | None:
    """Returns the installed version of a distribution, None when it is absent."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
