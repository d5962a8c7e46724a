from __future__ import annotations

import threading
from typing import Any

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from execution.views import BookNumbers, BookStructure, LogLine, MarketState, OrdersState, Severity
from tests.ui import demo_data as demo
from ui.bridge import Bridge


class Listener(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []
        self.threads: set[int] = set()

    def take(self, news: object) -> None:
        self.got.append(news)
        self.threads.add(threading.get_ident())


class Breaker(QObject):
    def take(self, news: object) -> None:
        raise RuntimeError("this panel is broken")


def _line(number: int) -> LogLine:
    return LogLine(demo.NOW, Severity.INFO, "test", str(number))


def test_a_flood_from_another_thread_collapses_to_the_newest_on_the_ui_thread(qtbot: QtBot) -> None:
    bridge, listener = Bridge(frame_ms=20), Listener()
    bridge.subscribe(MarketState, listener.take)

    def publish() -> None:
        for number in range(20_000):
            bridge.state(demo.market(spx_price=float(number)))

    worker = threading.Thread(target=publish)
    worker.start()
    worker.join()
    qtbot.waitUntil(lambda: bool(listener.got) and listener.got[-1].spx_price == 19_999.0)
    assert len(listener.got) < 20
    assert listener.threads == {threading.get_ident()}


def test_notices_arrive_every_one_and_in_order_even_in_a_burst(qtbot: QtBot, bridge: Bridge) -> None:
    listener = Listener()
    bridge.subscribe(LogLine, listener.take)
    for number in range(1_000):
        bridge.notice(_line(number))
    qtbot.waitUntil(lambda: len(listener.got) == 1_000)
    assert [line.text for line in listener.got] == [str(number) for number in range(1_000)]


def test_a_new_subscriber_gets_the_newest_state_at_once(qtbot: QtBot, bridge: Bridge) -> None:
    first, second = Listener(), Listener()
    bridge.subscribe(MarketState, first.take)
    bridge.state(demo.market())
    qtbot.waitUntil(lambda: bool(first.got))
    bridge.subscribe(MarketState, second.take)
    assert second.got == first.got
    assert bridge.newest(MarketState) == first.got[-1]
    assert bridge.newest(OrdersState) is None


def test_the_structure_comes_before_its_numbers_whatever_the_order_of_publishing(qtbot: QtBot, bridge: Bridge) -> None:
    listener = Listener()
    bridge.subscribe(BookNumbers, listener.take)
    bridge.subscribe(BookStructure, listener.take)
    bridge.state(demo.market())
    bridge.state(demo.numbers())
    bridge.state(demo.structure())
    qtbot.waitUntil(lambda: len(listener.got) == 2)
    assert isinstance(listener.got[0], BookStructure)


def test_a_deleted_listener_is_forgotten(qtbot: QtBot, bridge: Bridge) -> None:
    kept, gone = Listener(), Listener()
    bridge.subscribe(MarketState, kept.take)
    bridge.subscribe(MarketState, gone.take)
    with qtbot.waitSignal(gone.destroyed):
        gone.deleteLater()
    bridge.state(demo.market())
    qtbot.waitUntil(lambda: bool(kept.got))
    assert gone.got == []


def test_a_broken_listener_is_reported_and_does_not_blind_the_others(qtbot: QtBot, bridge: Bridge) -> None:
    breaker, listener = Breaker(), Listener()
    bridge.subscribe(MarketState, breaker.take)
    bridge.subscribe(MarketState, listener.take)
    with qtbot.captureExceptions() as caught:
        bridge.state(demo.market())
        qtbot.waitUntil(lambda: bool(listener.got))
    assert [str(error) for _, error, _ in caught] == ["this panel is broken"]


def test_only_methods_of_qt_objects_may_subscribe_and_only_to_what_is_published(bridge: Bridge) -> None:
    with pytest.raises(TypeError, match="bound method"):
        bridge.subscribe(MarketState, lambda _state: None)
    with pytest.raises(TypeError, match="neither a state nor a notice"):
        bridge.subscribe(str, Listener().take)
