"""Fixtures of the journal's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from database.store import SqliteStorage
from tests.database.builders import open_paper, seed_journal
from tests.ui.journal.desk import Desk, Make
from ui.op import ReaderPool


@pytest.fixture
def pool(qapp: QApplication) -> Iterator[ReaderPool]:
    pool = ReaderPool()
    yield pool
    pool.close()


@pytest.fixture
def make(qtbot: QtBot, tmp_path: Path, pool: ReaderPool) -> Iterator[Make]:
    """Makes the panel over a database with `rows` seeded rows."""
    opened: list[tuple[Desk, SqliteStorage]] = []

    def build(rows: int = 0) -> Desk:
        path = tmp_path / "desk" / "desk.db"
        if rows:
            seed_journal(path, rows)
        storage = open_paper(path)
        opened.append((Desk(qtbot, storage, tmp_path, pool), storage))
        return opened[-1][0]

    yield build
    for desk, storage in opened:
        pool.close()
        desk.panel.csv._pool.close()
        desk.close()
        storage.close()
