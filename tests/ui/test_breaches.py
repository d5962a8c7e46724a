"""The breaches panel: real clicks, archived breaches from a real database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from database.reader import JournalReader
from execution.commands import AcknowledgeBreach, Command
from execution.views import BreachesState, LimitRow, Phase, RiskState
from models.clock import ManualClock
from models.enums import BreachState, Metric, Regime
from models.errors import KnownError
from models.greeks import PortfolioGreeks
from models.risk import Limit, RiskBreach
from tests.database.builders import NOW, open_paper
from tests.ui import demo_data
from ui.breaches import text as words
from ui.breaches.card import BreachCard
from ui.breaches.model import HistoryColumn, HistoryModel
from ui.bridge import Bridge
from ui.icons import Icons
from ui.messages import Messages
from ui.op import ReaderPool
from ui.panels.breaches import BreachesPanel
from ui.theme import Theme

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")

BOUNDS: dict[Metric, tuple[float | None, float | None]] = {
    Metric.SPX_DELTA: (-100.0, 100.0),
    Metric.GAMMA: (-3.0, None),
    Metric.THETA: (0.0, 2000.0),
    Metric.VEGA: (-4000.0, 1500.0),
    Metric.MARGIN_USED_PCT: (None, 50.0),
}
CALM: dict[Metric, float | None] = {
    Metric.SPX_DELTA: 81.0,
    Metric.GAMMA: -1.5,
    Metric.THETA: 820.0,
    Metric.VEGA: -2000.0,
    Metric.MARGIN_USED_PCT: 20.0,
}


def risk(**changes: float | None) -> RiskState:
    """Limits as the engine tells them; `changes` by metric value, e.g. vega=-5200."""
    values = CALM | {Metric(name): value for name, value in changes.items()}
    rows = []
    for metric, (low, high) in BOUNDS.items():
        value, limit = values[metric], Limit(metric, low, high)
        share = None if value is None else limit.utilisation(value)
        rows.append(LimitRow(metric, value, low, high, share, value is not None and limit.is_breached(value)))
    greeks = PortfolioGreeks(NOW, 81.0, -1.5, 820.0, -2000.0, beta_unavailable_count=0)
    return RiskState(greeks, "SPX", 7200.75, 5832.6, tuple(rows), (), (), (), (), (), 1.0)


def vega_breach(breach_id: str = "vega", *, detected_at: datetime = NOW, value: float = -5200.0) -> RiskBreach:
    return RiskBreach(breach_id, "VEGA_TOO_LOW", Metric.VEGA, -4000.0, value, Regime.MEDIUM_VOL, detected_at)


def over(breach: RiskBreach, after: timedelta) -> RiskBreach:
    return replace(breach, state=BreachState.ARCHIVED, archived_at=breach.detected_at + after)


class HeldClient:
    """An EngineClient whose answers the test gives."""

    def __init__(self) -> None:
        self.asked: list[tuple[Command, Callable[[Any], None], Callable[[Exception], None]]] = []

    def ask(self, command: Command, done: Callable[[Any], None], failed: Callable[[Exception], None]) -> None:
        self.asked.append((command, done, failed))


class Desk:
    """The panel with its surroundings and a database with one archived breach."""

    def __init__(self, qtbot: QtBot, tmp_path: Path, pool: ReaderPool) -> None:
        self.path = tmp_path / "desk" / "desk.db"
        self.stored = over(vega_breach("stored", detected_at=NOW - timedelta(days=3)), timedelta(minutes=40))
        storage = open_paper(self.path)
        asyncio.run(storage.save_breach(self.stored))
        storage.close()
        self.qtbot = qtbot
        self.bridge = Bridge(frame_ms=1)
        self.client = HeldClient()
        self.clock = ManualClock(NOW + timedelta(minutes=12))
        theme = Theme()
        self.messages = Messages(self.bridge, theme, Icons(theme))
        self.readers: list[JournalReader] = []
        self.panel = BreachesPanel(
            self.bridge,
            self.client,
            theme,
            messages=self.messages,
            clock=self.clock,
            pool=pool,
            open_reader=self._open,
        )
        qtbot.addWidget(self.panel)
        self.panel.resize(1600, 330)
        self.panel.show()

    def _open(self) -> JournalReader:
        self.readers.append(JournalReader(self.path))
        return self.readers[-1]

    def tell(self, state: RiskState | BreachesState) -> None:
        """Publishes a state and waits until the panel has it."""
        self.bridge.state(state)
        self.qtbot.waitUntil(lambda: self.bridge.newest(type(state)) is state)

    def ready(self) -> None:
        self.bridge.state(demo_data.desk(phase=Phase.READY))
        self.qtbot.waitUntil(lambda: self.panel.history.rowCount() == 1)

    def click(self, widget: QWidget) -> None:
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)

    @property
    def card(self) -> BreachCard:
        return next(iter(self.panel.cards.values()))

    def history(self) -> list[str]:
        return [breach.id for breach in self.panel.history.rows]


@pytest.fixture
def desk(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[Desk]:
    pool = ReaderPool()
    made = Desk(qtbot, tmp_path, pool)
    yield made
    pool.close()
    for reader in made.readers:
        reader.close()


def test_nothing_is_claimed_before_the_desk_watches_limits(desk: Desk) -> None:
    assert desk.panel.empty_text == "Limits are watched as soon as the desk is ready."
    assert desk.readers == []


def test_a_quiet_book_shows_how_much_of_each_limit_is_used(desk: Desk) -> None:
    desk.tell(risk())
    desk.tell(BreachesState((), ()))
    assert desk.panel.summary.text() == "✓ All limits hold"
    assert desk.panel.limits.texts() == {
        Metric.SPX_DELTA: ["+81.0", "−100.0", "+100.0", "near 81%"],
        Metric.GAMMA: ["−1.50", "−3.00", "none", "50%"],
        Metric.THETA: ["+820.00", "0.00", "+2,000", "41%"],
        Metric.VEGA: ["−2,000", "−4,000", "+1,500", "50%"],
        Metric.MARGIN_USED_PCT: ["20.0%", "none", "50.0%", "40%"],
    }


def test_a_limit_that_cannot_be_measured_is_not_said_to_hold(desk: Desk) -> None:
    desk.tell(risk(margin_used_pct=None))
    desk.tell(BreachesState((), ()))
    assert desk.panel.summary.text() == "No breach known; not measured: Margin"
    assert desk.panel.limits.texts()[Metric.MARGIN_USED_PCT][0] == "—"


def test_an_open_breach_says_what_by_how_much_and_since_when(desk: Desk) -> None:
    desk.tell(risk(vega=-5600.0))
    desk.tell(BreachesState((vega_breach(),), ()))
    card = desk.card
    assert card.title.text() == "Vega below its limit"
    assert card.value.text() == "−5,600"
    assert card.bound.text() == "low −4,000"
    assert card.share.text() == "140%, 1,600 beyond"
    assert card.regime.text() == "MEDIUM"
    assert card.since.text() == "since 15:45:12, open for 12 m 00 s"
    assert desk.panel.summary.text() == "1 limit broken"


def test_the_duration_counts_on(desk: Desk) -> None:
    desk.tell(BreachesState((vega_breach(),), ()))
    desk.clock.advance(timedelta(minutes=50))
    desk.qtbot.waitUntil(lambda: desk.card.since.text().endswith("open for 1 h 02 m"))


def test_without_a_live_figure_the_breach_keeps_the_one_it_was_told_with(desk: Desk) -> None:
    desk.tell(BreachesState((vega_breach(value=-4100.0),), ()))
    assert desk.card.value.text() == "−4,100"
    desk.tell(risk(vega=-3990.0))
    assert desk.card.share.text() == "100%, inside again"


def test_acknowledge_asks_the_engine_once_and_the_card_goes_with_its_answer(desk: Desk) -> None:
    desk.ready()
    desk.tell(risk(vega=-5200.0))
    desk.tell(BreachesState((vega_breach(),), ()))
    desk.click(desk.card.acknowledge_button)
    desk.click(desk.card.acknowledge_button)
    assert [command for command, _, _ in desk.client.asked] == [AcknowledgeBreach("vega")]
    desk.client.asked[0][1](None)
    archived = over(vega_breach(), timedelta(minutes=12))
    desk.tell(BreachesState((), (archived,)))
    assert desk.panel.cards == {}
    assert desk.history() == ["vega", "stored"]
    assert desk.panel.summary.text() == "A limit is broken and acknowledged"


def test_a_refused_acknowledgement_says_why_and_can_be_tried_again(desk: Desk) -> None:
    desk.tell(BreachesState((vega_breach(),), ()))
    desk.click(desk.card.acknowledge_button)
    assert not desk.card.acknowledge_button.isEnabled()
    desk.client.asked[0][2](KnownError("The desk is read only."))
    assert desk.messages.toasts == ("The desk is read only.",)
    assert desk.card.acknowledge_button.isEnabled()


def test_show_in_dashboard_names_the_metric(desk: Desk) -> None:
    desk.tell(BreachesState((vega_breach(),), ()))
    with desk.qtbot.waitSignal(desk.panel.show_in_dashboard) as caught:
        desk.click(desk.card.show_button)
    assert caught.args == [Metric.VEGA]


def test_cards_stand_in_the_order_of_the_engine_and_keep_their_widget(desk: Desk) -> None:
    desk.tell(BreachesState((vega_breach("a"),), ()))
    first = desk.card
    desk.tell(BreachesState((vega_breach("b"), vega_breach("a")), ()))
    assert desk.panel.cards["a"] is first
    assert desk.panel.summary.text() == "2 limits broken"
    desk.qtbot.waitUntil(lambda: desk.panel.cards["b"].y() < first.y())


def test_history_joins_the_session_with_the_database_without_doubles(desk: Desk) -> None:
    recent = over(vega_breach("recent"), timedelta(seconds=90))
    desk.tell(BreachesState((), (recent, desk.stored)))
    desk.bridge.state(demo_data.desk(phase=Phase.READY))
    desk.qtbot.waitUntil(lambda: bool(desk.readers))
    desk.qtbot.wait(50)
    assert desk.history() == ["recent", "stored"]
    index = desk.panel.history.index
    texts = [str(index(0, column).data()) for column in HistoryColumn]
    assert texts == ["2026-05-04 15:45:12", "Vega below its limit", "−5,200", "low −4,000", "MEDIUM", "1 m 30 s"]
    assert desk.panel.history_title.text() == "HISTORY   2 breaches"


def test_an_unreadable_history_is_told_and_open_breaches_are_shown_all_the_same(desk: Desk) -> None:
    desk.path.rename(desk.path.with_suffix(".gone"))
    desk.bridge.state(demo_data.desk(phase=Phase.READY))
    desk.tell(BreachesState((vega_breach(),), ()))
    desk.qtbot.waitUntil(lambda: bool(desk.messages.toasts))
    assert desk.card.title.text() == "Vega below its limit"


def test_a_wide_panel_has_the_history_beside_and_a_high_one_below(desk: Desk) -> None:
    assert desk.panel.splitter.orientation() is Qt.Orientation.Horizontal
    desk.panel.resize(900, 700)
    assert desk.panel.splitter.orientation() is Qt.Orientation.Vertical


def test_the_history_takes_only_what_is_over(desk: Desk) -> None:
    model = HistoryModel(Theme())
    model.merge((vega_breach("open"), over(vega_breach("over"), timedelta(hours=2))))
    assert [breach.id for breach in model.rows] == ["over"]


@given(st.integers(0, 10**8))
def test_durations_never_lose_more_than_their_smaller_unit(seconds: int) -> None:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    parts = words.lasted(NOW - timedelta(seconds=seconds), NOW).split()
    pairs = list(zip(parts[::2], parts[1::2], strict=True))
    total = sum(int(number) * units[unit] for number, unit in pairs)
    assert 0 <= seconds - total < units[pairs[-1][1]]


@pytest.mark.parametrize(
    ("kind", "bound", "value", "share"),
    [
        ("VEGA_TOO_LOW", -4000.0, -5000.0, 1.25),
        ("SPX_DELTA_TOO_HIGH", 100.0, 131.2, 1.312),
        ("THETA_TOO_LOW", 0.0, -50.0, float("inf")),
        ("SPX_DELTA_TOO_HIGH", 100.0, -20.0, 0.0),
        ("THETA_TOO_LOW", 200.0, 50.0, float("inf")),
    ],
)
def test_the_used_share_is_of_the_bound_that_broke(kind: str, bound: float, value: float, share: float) -> None:
    breach = replace(vega_breach(), breach_type=kind, threshold=bound)
    assert words.used(breach, value) == pytest.approx(share)
