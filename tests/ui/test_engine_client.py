from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from execution.commands import CancelAll, Command, ListUnderlyings
from models.errors import InvalidInput
from ui.engine_client import EngineStopped, ThreadedEngineClient
from ui.op import ReaderPool


class Asker(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Any] = []
        self.errors: list[Exception] = []
        self.threads: set[int] = set()

    def done(self, answer: object) -> None:
        self.answers.append(answer)
        self.threads.add(threading.get_ident())

    def failed(self, error: Exception) -> None:
        self.errors.append(error)
        self.threads.add(threading.get_ident())


def _settled(result: object = None, error: Exception | None = None) -> Future[Any]:
    future: Future[Any] = Future()
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
    return future


def test_an_answer_from_the_engine_thread_arrives_on_the_ui_thread(qtbot: QtBot) -> None:
    asker = Asker()
    with ThreadPoolExecutor(1) as engine:
        client = ThreadedEngineClient(lambda command: engine.submit(lambda: (command, threading.get_ident())))
        client.ask(CancelAll(), asker.done, asker.failed)
        qtbot.waitUntil(lambda: bool(asker.answers))
    command, engine_thread = asker.answers[0]
    assert command == CancelAll()
    assert asker.threads == {threading.get_ident()} != {engine_thread}


def test_an_answer_that_is_there_already_still_comes_after_ask_returned(qtbot: QtBot) -> None:
    asker = Asker()
    client = ThreadedEngineClient(lambda _command: _settled(("SPX",)))
    client.ask(ListUnderlyings(), asker.done, asker.failed)
    assert asker.answers == []
    qtbot.waitUntil(lambda: asker.answers == [("SPX",)])


def test_a_failure_goes_to_failed_only(qtbot: QtBot) -> None:
    asker = Asker()
    client = ThreadedEngineClient(lambda _command: _settled(error=InvalidInput("underlying", "ZZZ is not known.")))
    client.ask(ListUnderlyings(), asker.done, asker.failed)
    qtbot.waitUntil(lambda: bool(asker.errors))
    assert str(asker.errors[0]) == "ZZZ is not known."
    assert asker.answers == []


def test_a_closed_engine_answers_with_a_reason(qtbot: QtBot) -> None:
    def closed(_command: Command) -> Future[Any]:
        raise RuntimeError("Event loop is closed")

    def cancelled(_command: Command) -> Future[Any]:
        future: Future[Any] = Future()
        future.cancel()
        return future

    asker = Asker()
    for submit in (closed, cancelled):
        ThreadedEngineClient(submit, asker).ask(CancelAll(), asker.done, asker.failed)
    qtbot.waitUntil(lambda: len(asker.errors) == 2)
    assert isinstance(asker.errors[1], EngineStopped)


def test_a_widget_that_is_gone_is_not_called(qtbot: QtBot) -> None:
    asker, waiting = Asker(), Future[Any]()
    client = ThreadedEngineClient(lambda _command: waiting)
    client.ask(CancelAll(), asker.done, asker.failed)
    with qtbot.waitSignal(asker.destroyed):
        asker.deleteLater()
    waiting.set_result(3)
    witness = Asker()
    client.ask(CancelAll(), witness.done, witness.failed)
    qtbot.waitUntil(lambda: witness.answers == [3])
    assert asker.answers == []


@pytest.fixture
def pool(qtbot: QtBot) -> Iterator[ReaderPool]:
    made = ReaderPool()
    yield made
    made.close()


def test_slow_work_runs_in_the_worker_and_reports_on_the_ui_thread(qtbot: QtBot, pool: ReaderPool) -> None:
    asker = Asker()
    pool.run(threading.get_ident, done=asker.done, failed=asker.failed)
    qtbot.waitUntil(lambda: bool(asker.answers))
    assert asker.answers[0] != threading.get_ident()
    assert asker.threads == {threading.get_ident()}


def test_work_that_fails_reports_the_exception(qtbot: QtBot, pool: ReaderPool) -> None:
    asker = Asker()

    def work() -> None:
        raise InvalidInput("file", "The file cannot be written.")

    pool.run(work, done=asker.done, failed=asker.failed)
    qtbot.waitUntil(lambda: bool(asker.errors))
    assert asker.answers == []


def test_cancelled_work_reports_nothing(qtbot: QtBot, pool: ReaderPool) -> None:
    asker, gate = Asker(), threading.Event()
    running = pool.run(gate.wait, done=asker.done, failed=asker.failed)
    queued = pool.run(lambda: 2, done=asker.done, failed=asker.failed)
    last = pool.run(lambda: 3, done=asker.done, failed=asker.failed)
    running.cancel()
    queued.cancel()
    gate.set()
    with qtbot.waitSignal(last.destroyed):
        pass
    assert asker.answers == [3]
    assert asker.errors == []
