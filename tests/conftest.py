"""Fixtures every package's tests may use."""

from __future__ import annotations

from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared"


def _shared(folder: str) -> Path:
    path = _SHARED / folder
    if not path.is_dir():
        pytest.skip(f"the shared folder {folder!r} is not beside this checkout")
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real market data; the test skips, and says so, where it is absent."""
    return _shared("data")


@pytest.fixture(scope="session")
def shared_reference() -> Path:
    """Folder with reference figures; the test skips, and says so, where it is absent."""
    return _shared("reference")
