"""Fixtures: a real database file per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from database.reader import JournalReader
from database.store import SqliteStorage
from tests.database.builders import open_paper


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "desk" / "desk.db"


@pytest.fixture
def storage(path: Path) -> Iterator[SqliteStorage]:
    opened = open_paper(path)
    yield opened
    opened.close()


@pytest.fixture
def reader(storage: SqliteStorage) -> Iterator[JournalReader]:
    opened = JournalReader(storage.path)
    yield opened
    opened.close()
