"""Answers that come after the panel was closed."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot
from shiboken6 import delete

from execution.commands import Command
from execution.suggestion_commands import ReadScoreboard
from models.errors import KnownError
from ui.engine_client import ThreadedEngineClient
from ui.suggestions.asking import Question, ask


class Engine:
    """Hands out futures that the test settles."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []
        self.client = ThreadedEngineClient(self._submit)

    def _submit(self, _command: Command) -> Future[Any]:
        self.futures.append(Future())
        return self.futures[-1]


@pytest.mark.parametrize("answer", ["the score", KnownError("not now")])
def test_an_answer_reaches_the_one_who_asked_once(qtbot: QtBot, answer: object) -> None:
    engine, owner = Engine(), QObject()
    done: list[object] = []
    failed: list[Exception] = []
    ask(owner, engine.client, ReadScoreboard(), done.append, failed.append)
    if isinstance(answer, Exception):
        engine.futures[0].set_exception(answer)
    else:
        engine.futures[0].set_result(answer)
    qtbot.waitUntil(lambda: bool(done or failed))
    assert (done, failed) == (([], [answer]) if isinstance(answer, Exception) else ([answer], []))
    qtbot.waitUntil(lambda: owner.findChild(Question) is None)


def test_an_answer_to_a_widget_that_is_gone_is_dropped(qtbot: QtBot) -> None:
    engine, owner = Engine(), QObject()
    told: list[object] = []
    ask(owner, engine.client, ReadScoreboard(), told.append, told.append)
    delete(owner)
    engine.futures[0].set_result("too late")
    other: list[object] = []
    keeper = QObject()
    ask(keeper, engine.client, ReadScoreboard(), other.append, other.append)
    engine.futures[1].set_result("in time")
    qtbot.waitUntil(lambda: bool(other))
    assert told == []
