"""The pinned Qt binding must count references of None right: a wrong count aborts a window after minutes."""

from __future__ import annotations

import gc
import sys

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QTableView
from pytestqt.qtbot import QtBot

ROUNDS = 2000


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal from Python 3.12 on")
def test_reading_an_unset_role_does_not_use_up_references_of_none(qtbot: QtBot) -> None:
    model, timer = QStandardItemModel(3, 3), QTimer()
    view = QTableView()
    qtbot.addWidget(view)
    view.setModel(model)
    index = model.index(0, 0)
    gc.collect()
    before = sys.getrefcount(None)
    for _ in range(ROUNDS):
        index.data(Qt.ItemDataRole.ForegroundRole)
        timer.timeout.emit()
    gc.collect()
    assert sys.getrefcount(None) > before - ROUNDS // 4
