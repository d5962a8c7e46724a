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


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An empty, closed database: migrating one for each test would take most of the suite's time."""
    made = tmp_path_factory.mktemp("template") / "desk.db"
    open_paper(made).close()
    return made.read_bytes()


@pytest.fixture
def storage(path: Path, template: bytes) -> Iterator[SqliteStorage]:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(template)
    path.chmod(0o600)
    opened = open_paper(path)
    yield opened
    opened.close()


@pytest.fixture
def reader(storage: SqliteStorage) -> Iterator[JournalReader]:
    opened = JournalReader(storage.path)
    yield opened
    opened.close()
