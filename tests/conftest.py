"""Fixtures every package's tests may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared"
_ABSENT = "is not beside this checkout"


def _shared(folder: str) -> Path:
    path = _SHARED / folder
    if not path.is_dir():
        pytest.skip(f"the shared folder {folder!r} {_ABSENT}")
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real market data; the test skips, and says so, where it is absent."""
    return _shared("data")


@pytest.fixture(scope="session")
def shared_reference() -> Path:
    """Folder with reference figures; the test skips, and says so, where it is absent."""
    return _shared("reference")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests (`@pytest.mark.anyio`) run on plain asyncio, as the engine does."""
    return "asyncio"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how much was not run for want of the shared folder."""
    skipped = _skipped_for_absence(terminalreporter)
    if skipped:
        terminalreporter.write_line(f"{skipped} tests skipped: the shared data {_ABSENT}.", yellow=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """On CI a test that was skipped for want of the shared folder fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and isinstance(reporter, pytest.TerminalReporter) and _skipped_for_absence(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _skipped_for_absence(reporter: pytest.TerminalReporter) -> int:
    return sum(_ABSENT in str(report.longrepr) for report in reporter.stats.get("skipped", []))
