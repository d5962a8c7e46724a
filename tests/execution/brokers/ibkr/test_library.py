from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from execution.brokers.ibkr.library import IbLibrary, installed_version, load_library
from execution.brokers.ibkr.settings import IbLibraryName
from models.errors import BrokerFailure, BugError, FailureKind
from tests.execution.brokers.ibkr.raw_tws import library_name

HERE = library_name()
OTHER = next(name for name in IbLibraryName if name is not HERE)


async def loaded(name: IbLibraryName, *present: IbLibraryName) -> IbLibrary:
    return load_library(name, installed=lambda asked: "1.0" if asked in present else None)


def test_the_library_of_this_environment_is_loaded_with_its_version() -> None:
    async def load() -> IbLibrary:
        return load_library(HERE)

    library = asyncio.run(load())
    assert (library.name, library.version) == (HERE, installed_version(HERE.value))
    assert library.oldest_server == 157


def test_the_library_that_is_not_here_is_reported_missing() -> None:
    with pytest.raises(BrokerFailure, match=f"{OTHER.value} is not installed .the other one is") as caught:
        asyncio.run(loaded(OTHER, HERE))
    assert caught.value.kind is FailureKind.UNSUPPORTED


def test_none_installed_is_reported_missing() -> None:
    with pytest.raises(BrokerFailure, match=f"{HERE.value} is not installed"):
        asyncio.run(loaded(HERE))


def test_both_in_one_environment_are_refused() -> None:
    with pytest.raises(BrokerFailure, match="overwrite each other"):
        asyncio.run(loaded(HERE, HERE, OTHER))


def test_a_package_that_is_listed_but_cannot_be_imported_is_reported() -> None:
    with pytest.raises(BrokerFailure, match=f"{OTHER.value} is not installed .No module named"):
        asyncio.run(loaded(OTHER, OTHER))


def test_loading_needs_a_running_loop() -> None:
    with pytest.raises(BugError, match="engine's thread"):
        load_library(HERE)


def test_the_first_import_may_happen_on_an_engine_thread_that_has_no_loop_set() -> None:
    # in a process of its own: an import happens once
    program = f"""
import asyncio, threading
from execution.brokers.ibkr.library import load_library
from execution.brokers.ibkr.settings import IbLibraryName
seen = []
async def load():
    seen.append(load_library(IbLibraryName({HERE.value!r})).new_ib())
def engine():
    loop = asyncio.new_event_loop()
    loop.run_until_complete(load())
    loop.close()
thread = threading.Thread(target=engine)
thread.start(); thread.join()
print(type(seen[0]).__name__)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout.strip(), done.returncode) == ("IB", 0), done.stderr


def test_nothing_of_either_library_is_imported_with_the_adapter_above_the_seam() -> None:
    program = """
import sys
import execution.brokers.ibkr.link, execution.brokers.ibkr.connection, execution.brokers.ibkr.probe
print([name for name in sys.modules if name.split('.')[0] in {'ib_insync', 'ib_async', 'eventkit'}])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
