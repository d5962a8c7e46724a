"""The real client library, whichever is installed: what it sends is caught, what it is sent it decodes itself.

A test's harness for the layouts: no socket, no throttling, every call of the library's wrapper recorded with its
values, and every word of its decoder's log kept, because a message it drops is only told there.
"""

from __future__ import annotations

import asyncio
import copy
import importlib
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import metadata
from types import TracebackType
from typing import Any, Self

from tests.simulators.tws.framing import Fields, FrameReader, decode, encode
from tests.simulators.tws.requests import Request, parse

#: Highest server version of each library; both begin at 157.
_MAX_VERSIONS = {"ib_insync": 176, "ib_async": 178}
#: Every version at which a layout changes, and its neighbours.
_STEPS = (157, 158, 159, 160, 162, 163, 164, 166, 169, 170, 173, 176, 177, 178)


def library_name() -> str:
    """ib_insync or ib_async: the one that is installed; an environment never has both."""
    installed = [name for name in _MAX_VERSIONS if _is_installed(name)]
    if len(installed) != 1:
        raise RuntimeError(f"exactly one of {', '.join(_MAX_VERSIONS)} must be installed; found {installed}")
    return installed[0]


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def versions() -> tuple[int, ...]:
    """The server versions worth a test with the installed library."""
    return tuple(version for version in _STEPS if version <= _MAX_VERSIONS[library_name()])


class RealClient:
    """A library's IB object that believes it is connected at `version`. A context: it owns the thread's event loop."""

    def __init__(self, version: int) -> None:
        self._version = version
        self._loop = asyncio.new_event_loop()
        self._frames = FrameReader()
        self._sent: list[tuple[str, ...]] = []
        self._log = _Log()
        #: The library's module: its classes are attributes of it.
        self.library: Any = None
        self.ib: Any = None
        #: What the decoder told the wrapper: method and arguments, as they were when told.
        self.told: list[tuple[str, tuple[Any, ...]]] = []

    def __enter__(self) -> Self:
        asyncio.set_event_loop(self._loop)
        self.library = importlib.import_module(library_name())
        self.ib = self.library.IB()
        client = self.ib.client
        client.MaxRequests = 0
        client.conn.sendMsg = self._catch
        client.connState = client.CONNECTED
        client._serverVersion = client.decoder.serverVersion = self._version
        client._apiReady = True
        logging.getLogger(library_name()).addHandler(self._log)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger(library_name()).removeHandler(self._log)
        asyncio.set_event_loop(None)
        self._loop.close()

    def sent(self, call: Callable[[Any], object]) -> Request:
        """What our parser makes of the one message the call sends; `call` gets the library's client."""
        return parse(self.fields(call), self._version)

    def fields(self, call: Callable[[Any], object]) -> tuple[str, ...]:
        """The fields of the one message the call sends."""
        self._sent.clear()
        call(self.ib.client)
        (fields,) = self._sent
        return fields

    def hear(self, *messages: Fields, is_handled: bool = True) -> list[tuple[str, tuple[Any, ...]]]:
        """What the decoder tells the wrapper about these messages, come in one TCP read.

        With `is_handled` the library's own wrapper takes them too. Fails when the library logs an error: that is how it
        says that it dropped a message.
        """
        self.told.clear()
        with self._recorded(is_handled=is_handled):
            self.ib.client._onSocketHasData(b"".join(encode(message) for message in messages))
        assert not self._log.complaints, self._log.complaints
        return list(self.told)

    @contextmanager
    def _recorded(self, *, is_handled: bool) -> Iterator[None]:
        wrapper, decoder = self.ib.wrapper, self.ib.client.decoder
        decoder.wrapper = _Recorder(wrapper, self.told, is_handled=is_handled)
        try:
            yield
        finally:
            decoder.wrapper = wrapper

    def _catch(self, data: bytes) -> None:
        self._sent.extend(decode(body) for body in self._frames.feed(data))


class _Recorder:
    """Stands before the library's wrapper: notes every call, then lets it through."""

    def __init__(self, wrapper: Any, told: list[tuple[str, tuple[Any, ...]]], *, is_handled: bool) -> None:
        self._wrapper = wrapper
        self._told = told
        self._is_handled = is_handled

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._wrapper, name)
        return partial(self._note, name, value) if callable(value) else value

    def _note(self, name: str, method: Callable[..., Any], *arguments: Any) -> None:
        self._told.append((name, tuple(copy.copy(argument) for argument in arguments)))
        if self._is_handled:
            method(*arguments)


class _Log(logging.Handler):
    """Keeps what the decoder says at all, and errors of anything else in the library."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.complaints: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps a complaint."""
        if record.name.endswith(".Decoder") or record.levelno >= logging.ERROR:
            self.complaints.append(f"{record.name}: {record.getMessage()}\n{record.exc_info}")


def values(obj: Any, names: Iterable[str]) -> dict[str, Any]:
    """These attributes of a library's object."""
    return {name: getattr(obj, name) for name in names}
