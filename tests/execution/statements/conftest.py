"""Fixtures of imports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from database.store import open_storage
from models.clock import ManualClock
from models.enums import Mode
from tests.execution.statements.kit import NOW, ImportDesk

Another = Callable[[str], ImportDesk]


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Another]:
    """Makes a desk on a database of its own, by name."""
    opened: list[ImportDesk] = []

    def make(name: str) -> ImportDesk:
        path = tmp_path / name / "desk.db"
        storage = open_storage(path, environment="ibkr", mode=Mode.PAPER, clock=ManualClock(NOW))
        opened.append(ImportDesk(storage))
        return opened[-1]

    yield make
    for desk in opened:
        desk.close()


@pytest.fixture
def desk(another: Another) -> ImportDesk:
    return another("desk")
