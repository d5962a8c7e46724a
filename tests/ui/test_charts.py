"""The charts panel over a source of made-up history: real clicks, real reader pool, no engine."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from database.reader import JournalReader
from execution.commands import TakeSnapshot
from execution.views import SnapshotWritten
from models.clock import NEW_YORK
from models.enums import Regime
from models.errors import KnownError
from models.ids import AccountId
from tests.database.builders import a_snapshot, open_paper
from tests.ui import demo_data as demo
from tests.ui.charts_demo_data import LAST, DemoMissed, DemoSeries, DemoSource, demo_source, slot_times
from tests.ui.demo_data import RecordingClient
from ui.bridge import Bridge
from ui.charts.source import ChartMetric, Gap, SnapshotSource, gaps_of, load_history, regime_runs
from ui.charts.thinning import broken, nearest, thin
from ui.charts.time_axis import tick_instants, tick_text
from ui.op import ReaderPool
from ui.panels.charts import ChartsPanel
from ui.theme import Ink, Theme, ThemeName, regime_ink

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


class Desk:
    """The panel with its surroundings."""

    def __init__(
        self, qtbot: QtBot, theme: Theme, pool: ReaderPool, source: DemoSource, answer: object = ("a", "b")
    ) -> None:
        self.qtbot = qtbot
        self.bridge = Bridge(frame_ms=1)
        self.client = RecordingClient({TakeSnapshot: answer})
        self.source = source
        self.panel = ChartsPanel(self.bridge, self.client, theme, source, pool)
        qtbot.addWidget(self.panel)
        self.panel.resize(1600, 400)
        self.panel.show()
        self.plot = self.panel.plot

    def wait(self, is_so: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(is_so)

    def wait_drawn(self) -> None:
        self.wait(lambda: bool(self.plot.lines) and self.panel.empty_text is None)

    def click(self, widget: QWidget) -> None:
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)

    def detail(self) -> str:
        return re.sub(r"<[^>]*>|&nbsp;", "", self.panel.detail.text())


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    theme = Theme()
    theme.apply(qapp)
    yield theme
    qapp.setStyleSheet("")


@pytest.fixture
def pool(qapp: QApplication) -> Iterator[ReaderPool]:
    pool = ReaderPool()
    yield pool
    pool.close()


@pytest.fixture
def desk(qtbot: QtBot, theme: Theme, pool: ReaderPool) -> Desk:
    desk = Desk(qtbot, theme, pool, demo_source(60))
    desk.wait_drawn()
    return desk


def test_without_snapshots_the_panel_says_what_to_do(qtbot: QtBot, theme: Theme, pool: ReaderPool) -> None:
    desk = Desk(qtbot, theme, pool, DemoSource())
    desk.wait(lambda: "Snapshot now" in (desk.panel.empty_text or ""))


def test_nothing_is_read_before_the_panel_is_seen(qtbot: QtBot, theme: Theme, pool: ReaderPool) -> None:
    source = demo_source(5)
    panel = ChartsPanel(Bridge(), RecordingClient(), theme, source, pool)
    qtbot.addWidget(panel)
    assert source.reads == 0
    panel.show()
    qtbot.waitUntil(lambda: source.reads == 1)


def test_a_failing_read_is_said_with_its_cure(qtbot: QtBot, theme: Theme, pool: ReaderPool) -> None:
    source = demo_source(5)
    source.error = KnownError("The database is locked.", cure="Close the other program.")
    desk = Desk(qtbot, theme, pool, source)
    desk.wait(lambda: "The database is locked. Close the other program." in (desk.panel.empty_text or ""))
    source.error = None
    desk.bridge.state(demo.desk())  # e.g. the engine has opened the database meanwhile
    desk.wait_drawn()
    source.error = KnownError("The disk is gone.")
    desk.panel.reload()
    desk.wait(lambda: "The disk is gone." in desk.panel.note.text())
    assert desk.panel.empty_text is None


def test_every_metric_draws_its_column(desk: Desk) -> None:
    series = desk.source.series["PAPER-1"]
    desk.click(desk.panel.range.buttons[7])
    for metric in ChartMetric:
        desk.click(desk.panel.metric_choice.buttons[metric])
        drawn = desk.plot.lines["PAPER-1"].getData()[1]
        drawn = drawn[np.isfinite(drawn)]
        assert drawn.size
        assert np.isin(drawn, series.columns[metric.column]).all()


def test_the_vix_is_drawn_once_and_accounts_can_be_switched_off(desk: Desk) -> None:
    desk.click(desk.panel.metric_choice.buttons[ChartMetric.VIX])
    assert [name for name, line in desk.plot.lines.items() if line.isVisible()] == ["PAPER-1"]
    desk.click(desk.panel.metric_choice.buttons[ChartMetric.THETA])
    assert all(line.isVisible() for line in desk.plot.lines.values())
    desk.click(desk.panel.account_buttons["PAPER-2"])
    assert [name for name, line in desk.plot.lines.items() if line.isVisible()] == ["PAPER-1", "U7712345"]
    assert desk.detail().count("▬") == 2
    for name in ("PAPER-1", "U7712345"):
        desk.click(desk.panel.account_buttons[name])
    assert desk.detail() == "No account is chosen."


@pytest.mark.parametrize(("days", "expected_days"), [(7, 7), (31, 31), (0, 83)])
def test_range_buttons_end_at_the_newest_snapshot(desk: Desk, days: int, expected_days: int) -> None:
    desk.click(desk.panel.range.buttons[days])
    low, high = desk.plot.view_s
    assert low <= high - expected_days * 86_400 * 0.98
    assert high == pytest.approx(LAST.timestamp(), abs=(high - low) * 0.02)


def test_one_day_shows_the_newest_session_alone(desk: Desk) -> None:
    desk.click(desk.panel.range.buttons[1])
    low, _ = desk.plot.view_s
    assert datetime.fromtimestamp(low, UTC).astimezone(NEW_YORK).date() == LAST.astimezone(NEW_YORK).date()


def test_the_vertical_axis_fits_what_is_in_view(desk: Desk) -> None:
    desk.click(desk.panel.range.buttons[7])
    for name in ("PAPER-2", "U7712345"):
        desk.click(desk.panel.account_buttons[name])
    drawn = desk.plot.lines["PAPER-1"].getData()[1]
    bottom, top = desk.plot.getViewBox().viewRange()[1]
    assert bottom <= np.nanmin(drawn)
    assert top >= np.nanmax(drawn)
    assert np.nanmax(drawn) - np.nanmin(drawn) > 0.8 * (top - bottom)


def test_change_draws_per_cent_since_the_left_edge_of_net_liquidation_only(desk: Desk) -> None:
    desk.click(desk.panel.range.buttons[0])
    desk.panel.change.click()
    for account_id, line in desk.plot.lines.items():
        values = desk.source.series[account_id].columns["net_liquidation"]
        drawn = line.getData()[1]
        assert drawn[0] == pytest.approx(0.0)
        assert drawn[-1] == pytest.approx((values[-1] / values[0] - 1) * 100)
    assert "%" in desk.detail()
    desk.click(desk.panel.metric_choice.buttons[ChartMetric.VEGA])
    assert not desk.panel.change.isEnabled()
    assert "%" not in desk.detail()


def test_the_crosshair_reads_new_york_time_and_every_account(desk: Desk) -> None:
    series = desk.source.series["PAPER-1"]
    index = series.at_s.size - 40
    at_s = float(series.at_s[index])
    desk.click(desk.panel.range.buttons[7])
    box = desk.plot.getViewBox()
    at = desk.plot.mapFromScene(box.mapViewToScene(QPointF(at_s, sum(box.viewRange()[1]) / 2)))
    shake = cycle((-1, 1))

    def is_there() -> bool:  # the plot drops moves that follow each other within 10 ms: a resting hand still trembles
        QTest.mouseMove(desk.plot.viewport(), QPoint(at.x(), at.y() + next(shake)))
        return bool(desk.plot.cross.isVisible() and desk.plot.cross.value() == at_s)

    desk.wait(is_there)
    assert desk.panel.where.text() == f"{datetime.fromtimestamp(at_s, NEW_YORK):%Y-%m-%d %H:%M} NY"
    assert ChartMetric.NET_LIQUIDATION.text(series.columns["net_liquidation"][index]) in desk.detail()
    assert desk.detail().count("▬") == 3
    desk.plot.point_at(None)
    assert desk.panel.where.text() == "2026-05-04 15:30 NY"


def test_missed_slots_are_a_gap_with_a_mark_and_the_reason(desk: Desk) -> None:
    desk.click(desk.panel.range.buttons[7])
    x, y = desk.plot.lines["PAPER-1"].getData()
    holes = x[np.isnan(y)]
    gap = Gap(holes[0], holes[0] + 2700.0, 4, "desk not running")
    assert load_history(desk.source).accounts[0].gaps == (gap,)
    assert desk.plot.gap_marks.getData()[0].size == 1
    desk.plot.point_at(gap.first_s + 1000.0)
    assert "▲ 4 snapshots missed: desk not running" in desk.detail()
    assert "—" in desk.detail()


def test_a_gap_stays_a_gap_when_ten_years_are_in_view(desk: Desk) -> None:
    at_s = slot_times(2500)
    hole = (at_s > at_s[30_000]) & (at_s < at_s[36_000])
    columns = {metric.column: np.sin(at_s / 1e6)[~hole] for metric in ChartMetric} | {"regime": at_s[~hole] * 0}
    missed = tuple(DemoMissed(datetime.fromtimestamp(one, UTC), "PAPER-1", "off") for one in at_s[hole])
    desk.source.series = {"PAPER-1": DemoSeries("PAPER-1", at_s[~hole], columns)}
    desk.source.missed = missed
    desk.panel.reload()
    desk.wait(lambda: list(desk.plot.lines) == ["PAPER-1"])
    desk.click(desk.panel.range.buttons[0])
    x, y = desk.plot.lines["PAPER-1"].getData()
    assert x.size < 20_000
    inside = (x > at_s[30_001]) & (x < at_s[35_999])
    assert np.isnan(y[inside]).all()
    assert np.isnan(y).any()


def test_regimes_tint_the_background_and_can_be_switched_off(desk: Desk) -> None:
    desk.click(desk.panel.range.buttons[0])
    history = load_history(desk.source)
    run = history.regimes[0]
    alpha = 20
    tint = desk.panel.theme.color(regime_ink(run.regime), alpha=alpha).rgba()
    assert set(desk.plot.bands.pixels(run.start_s, run.end_s, 10).tolist()) == {tint}
    assert set(desk.plot.bands.pixels(run.start_s - 2e6, run.start_s - 1e6, 4).tolist()) == {0}
    assert "CRISIS" in desk.panel.legend.text()
    with_bands = desk.plot.grab().toImage()
    desk.panel.regimes.click()
    assert desk.panel.legend.text() == ""
    assert desk.plot.grab().toImage() != with_bands


def test_snapshot_now_writes_says_so_and_reads_again(desk: Desk) -> None:
    reads = desk.source.reads
    desk.click(desk.panel.snapshot)
    assert desk.client.asked == [TakeSnapshot()]
    assert desk.panel.snapshot.isEnabled()
    desk.wait(lambda: desk.source.reads == reads + 1)


def test_a_snapshot_that_failed_is_said(qtbot: QtBot, theme: Theme, pool: ReaderPool) -> None:
    desk = Desk(qtbot, theme, pool, demo_source(5), KnownError("The database is read-only."))
    desk.wait_drawn()
    desk.click(desk.panel.snapshot)
    assert "The database is read-only." in desk.panel.note.text()
    assert desk.panel.snapshot.text() == "Snapshot now"


def test_a_written_snapshot_is_read_at_once_and_the_view_follows_the_end(desk: Desk) -> None:
    desk.click(desk.panel.range.buttons[7])
    high = desk.plot.view_s[1]
    line = desk.plot.lines["PAPER-1"]
    later = LAST + timedelta(hours=20)
    desk.source.series = {name: _one_more(one, later) for name, one in desk.source.series.items()}
    desk.bridge.notice(SnapshotWritten(later, ("a",)))
    desk.wait(lambda: desk.plot.view_s[1] > high + 3600)
    assert desk.plot.lines["PAPER-1"] is line
    assert desk.panel.where.text() == "2026-05-05 11:30 NY"


def test_a_written_snapshot_leaves_a_view_of_the_past_where_it_is(desk: Desk) -> None:
    desk.plot.look_at(LAST.timestamp() - 30 * 86_400, LAST.timestamp() - 20 * 86_400)
    view, reads = desk.plot.view_s, desk.source.reads
    desk.bridge.notice(SnapshotWritten(LAST, ("a",)))
    desk.wait(lambda: desk.source.reads > reads and not desk.panel._is_reading)
    assert desk.plot.view_s == view


def test_snapshots_written_while_hidden_are_read_when_shown(desk: Desk) -> None:
    reads = desk.source.reads
    desk.panel.hide()
    desk.bridge.notice(SnapshotWritten(LAST, ("a",)))
    desk.wait(lambda: desk.panel._is_stale)
    assert desk.source.reads == reads
    desk.panel.show()
    desk.wait(lambda: desk.source.reads == reads + 1)


def test_the_wheel_zooms_time_and_stops_at_an_hour(desk: Desk) -> None:
    low, high = desk.plot.view_s
    box = desk.plot.getViewBox()
    box.scaleBy(x=0.5)
    assert desk.plot.view_s[1] - desk.plot.view_s[0] == pytest.approx((high - low) / 2)
    box.scaleBy(x=1e-9)
    assert desk.plot.view_s[1] - desk.plot.view_s[0] == pytest.approx(3600.0)


def test_a_narrow_panel_offers_the_metrics_in_a_box(desk: Desk) -> None:
    desk.panel.resize(700, 330)
    box = desk.panel.metric_box
    assert box.isVisible()
    assert not desk.panel.metric_choice.isVisible()
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Down)
    assert desk.panel.metric_choice.value is ChartMetric.SPX_DELTA
    desk.panel.resize(1600, 330)
    assert desk.panel.metric_choice.buttons[ChartMetric.SPX_DELTA].isChecked()


def test_a_switch_of_looks_recolours_lines_and_legend(desk: Desk, theme: Theme) -> None:
    theme.switch(ThemeName.LIGHT)
    assert desk.plot.lines["PAPER-1"].opts["pen"].color() == theme.color(Ink.SERIES_1)
    assert theme.css(regime_ink(Regime.CRISIS)) in desk.panel.legend.text()


def test_the_history_of_a_real_database_is_read(tmp_path: Path) -> None:
    storage = open_paper(tmp_path / "desk.db")
    slot = LAST - timedelta(minutes=15)

    async def write() -> None:
        await storage.write_snapshot(a_snapshot(LAST - timedelta(minutes=30), AccountId("A"), "1000"), None)
        await storage.record_missed_slot(slot, AccountId("A"), "desk not running")
        await storage.write_snapshot(a_snapshot(LAST, AccountId("A"), "1010.5"), LAST)

    asyncio.run(write())
    reader: JournalReader = JournalReader(storage.path)
    source: SnapshotSource = reader
    history = load_history(source)
    reader.close()
    storage.close()
    assert [one.account_id for one in history.accounts] == ["A"]
    assert history.accounts[0].columns["net_liquidation"].tolist() == [1000.0, 1010.5]
    assert history.accounts[0].gaps == (Gap(slot.timestamp(), slot.timestamp(), 1, "desk not running"),)
    assert history.span_s == (LAST.timestamp() - 1800, LAST.timestamp())


def test_a_first_snapshot_alone_is_seen_as_a_dot(qtbot: QtBot, theme: Theme, pool: ReaderPool) -> None:
    whole = demo_source(5).series["PAPER-1"]
    columns = {name: column[-1:] for name, column in whole.columns.items()}
    desk = Desk(qtbot, theme, pool, DemoSource((DemoSeries("PAPER-1", whole.at_s[-1:], columns),)))
    desk.wait_drawn()
    low, high = desk.plot.view_s
    assert low < LAST.timestamp() < high
    assert desk.plot.lines["PAPER-1"].opts["symbol"] == "o"


# --- the pure parts ---------------------------------------------------------------------------------------------------


@given(
    values=st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=400),
    columns=st.integers(1, 40),
)
def test_thinning_keeps_every_extreme_and_stays_small(values: list[float], columns: int) -> None:
    y = np.array(values)
    x = np.arange(y.size, dtype=np.float64) * 900.0
    thin_x, thin_y = thin(x, y, 0.0, float(x[-1]), columns)
    assert thin_x.size <= 4 * (columns + 2)
    assert (np.diff(thin_x) >= 0).all()
    if np.isfinite(y).any():
        assert np.nanmin(thin_y) == np.nanmin(y)
        assert np.nanmax(thin_y) == np.nanmax(y)
    else:
        assert np.isnan(thin_y).all()


def test_thinning_keeps_a_neighbour_on_each_side_so_that_lines_reach_the_edge() -> None:
    x = np.arange(100.0)
    thin_x, _ = thin(x, x, 40.5, 59.5, 500)
    assert (thin_x[0], thin_x[-1]) == (40.0, 60.0)


def test_a_break_is_put_between_the_points_around_it() -> None:
    x, y = broken(np.array([1.0, 2.0, 9.0]), np.array([5.0, 6.0, 7.0]), np.array([3.0]))
    assert x.tolist() == [1.0, 2.0, 3.0, 9.0]
    assert np.isnan(y).tolist() == [False, False, True, False]


def test_nearest_takes_the_closer_neighbour() -> None:
    at_s = np.array([0.0, 10.0, 20.0])
    assert [nearest(at_s, wanted) for wanted in (-5, 4, 6, 14, 99)] == [0, 0, 1, 1, 2]
    with pytest.raises(ValueError, match="empty"):
        nearest(np.empty(0), 1.0)


def test_missed_slots_join_only_when_neighbours_with_one_reason() -> None:
    at = [LAST + timedelta(minutes=minutes) for minutes in (0, 15, 30, 90)]
    slots = [DemoMissed(one, "A", reason) for one, reason in zip(at, ("off", "off", "late", "late"), strict=True)]
    gaps = gaps_of(slots)
    assert [(gap.count, gap.reason) for gap in gaps] == [(2, "off"), (1, "late"), (1, "late")]


def test_unknown_regimes_make_no_stretch() -> None:
    at_s = np.arange(6.0)
    runs = regime_runs(at_s, np.array([0, 0, np.nan, 1, 1, 1]))
    assert [(run.start_s, run.end_s, run.regime) for run in runs] == [
        (0.0, 2.0, Regime.LOW_VOL),
        (3.0, 5.0, Regime.MEDIUM_VOL),
    ]
    assert regime_runs(np.empty(0), np.empty(0)) == ()


@pytest.mark.parametrize("day", [datetime(2026, 3, 8, tzinfo=NEW_YORK), datetime(2026, 11, 1, tzinfo=NEW_YORK)])
def test_day_ticks_stay_at_midnight_through_the_change_of_clocks(day: datetime) -> None:
    low, high = (day - timedelta(days=4)).timestamp(), (day + timedelta(days=4)).timestamp()
    step_s, ticks = tick_instants(low, high, 9)
    assert step_s == 86_400.0
    assert {datetime.fromtimestamp(tick, NEW_YORK).hour for tick in ticks} == {0}
    assert len(ticks) == 9


@given(start=st.floats(1.2e9, 2.0e9), span=st.floats(3600.0, 4e8), room=st.integers(2, 30))
def test_ticks_lie_in_view_rise_and_have_a_label(start: float, span: float, room: int) -> None:
    step_s, ticks = tick_instants(start, start + span, room)
    assert all(start <= tick <= start + span for tick in ticks)
    assert ticks == sorted(set(ticks))
    assert all(tick_text(tick, step_s) for tick in ticks)


@pytest.mark.parametrize(
    ("at", "step_s", "text"),
    [
        (datetime(2026, 5, 4, 10, 0, tzinfo=NEW_YORK), 3600.0, "10:00"),
        (datetime(2026, 5, 4, 0, 0, tzinfo=NEW_YORK), 3600.0, "4 May"),
        (datetime(2026, 5, 4, 0, 0, tzinfo=NEW_YORK), 86_400.0, "4 May"),
        (datetime(2026, 5, 1, 0, 0, tzinfo=NEW_YORK), 3e6, "May 26"),
        (datetime(2026, 1, 1, 0, 0, tzinfo=NEW_YORK), 3e6, "2026"),
    ],
)
def test_tick_labels(at: datetime, step_s: float, text: str) -> None:
    assert tick_text(at.timestamp(), step_s) == text


def _one_more(series: DemoSeries, at: datetime) -> DemoSeries:
    columns = {name: np.append(column, column[-1]) for name, column in series.columns.items()}
    return DemoSeries(series.account_id, np.append(series.at_s, at.timestamp()), columns)
