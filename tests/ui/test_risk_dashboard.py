"""The risk dashboard with real clicks and keys; the engine is a client that notes what was asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from execution.commands import SetBetaOverride, SetLimit, SetScenario
from execution.views import LimitRow, State
from models.enums import BetaSource, Metric, Regime
from models.errors import InvalidInput
from tests.ui import risk_demo_data as demo
from tests.ui.demo_data import RecordingClient
from ui.bridge import Bridge
from ui.panels.risk_dashboard import RiskDashboardPanel
from ui.risk.buckets import TOTAL, BucketModel
from ui.risk.curve_plot import fitted_range
from ui.risk.metric_tile import MetricTile, bounds_text
from ui.risk.number_edit import NumberEdit, number_text, parse_number
from ui.risk.scenario_bar import date_text
from ui.theme import LimitState, Theme, ThemeName

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")

ANSWERS = {SetScenario: None, SetLimit: None, SetBetaOverride: None}


class Desk:
    """The panel with its surroundings."""

    def __init__(self, qtbot: QtBot, theme: Theme, answers: dict[type, object] | None = None) -> None:
        self.qtbot = qtbot
        self.bridge = Bridge(frame_ms=1)
        self.client = RecordingClient({**ANSWERS, **(answers or {})})
        self.panel = RiskDashboardPanel(self.bridge, self.client, theme)
        qtbot.addWidget(self.panel)
        self.panel.resize(830, 520)
        self.panel.show()

    def publish(self, *states: State) -> None:
        for state in states:
            self.bridge.state(state)
            self.qtbot.waitUntil(lambda state=state: self.bridge.newest(type(state)) is state)  # type: ignore[misc]

    def click(self, widget: QWidget) -> None:
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)

    def scenarios(self) -> list[SetScenario]:
        return [one for one in self.client.asked if isinstance(one, SetScenario)]

    def wait_scenario(self, is_it: Callable[[SetScenario], bool]) -> None:
        self.qtbot.waitUntil(lambda: bool(self.scenarios()) and is_it(self.scenarios()[-1]))


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    theme = Theme()
    theme.apply(qapp)
    yield theme
    qapp.setStyleSheet("")


@pytest.fixture
def desk(qtbot: QtBot, theme: Theme) -> Desk:
    desk = Desk(qtbot, theme)
    desk.publish(demo.structure(), demo.market(), demo.risk(), demo.scenario())
    return desk


def test_before_figures_come_the_panel_says_what_it_waits_for(qtbot: QtBot, theme: Theme) -> None:
    panel = Desk(qtbot, theme).panel
    assert panel.empty_text is not None
    assert "Waiting" in panel.empty_text


def test_tiles_show_figure_unit_bounds_and_used_share(desk: Desk) -> None:
    delta = desk.panel.tiles[Metric.SPX_DELTA]
    assert (delta.value.text(), delta.unit.text(), delta.used.text()) == ("+32.1", "$/pt", "54%")
    assert delta.bounds.full == "±60"
    assert delta.detail.text() == "+2,314 $/1%"
    assert desk.panel.tiles[Metric.MARGIN_USED_PCT].value.text() == "41.2%"
    assert desk.panel.regime.text() == "MEDIUM limits"


@pytest.mark.parametrize(
    ("metric", "value", "unit"),
    [
        (Metric.SPX_DELTA, -123.4, "$/pt"),
        (Metric.GAMMA, -0.22, "Δ/pt"),
        (Metric.THETA, 375.19, "$/d"),
        (Metric.VEGA, -1463.0, "$/vol"),
        (Metric.MARGIN_USED_PCT, 38.5, "net liq"),
    ],
)
def test_a_narrow_tile_writes_smaller_and_keeps_unit_and_bounds_whole(
    qtbot: QtBot, theme: Theme, metric: Metric, value: float, unit: str
) -> None:
    tile = MetricTile(theme, metric)
    qtbot.addWidget(tile)
    tile.show_value("Name", value, "+2,314 $/1%", excluded=0)
    tile.show_limit(LimitRow(metric, value, -2500.0, 2500.0, 0.59, is_breached=False), is_same_figure=True)
    tile.resize(180, 66)
    tile.show()
    wide = tile.value.width()
    for width in (118, 98):
        tile.resize(width, 66)
        qtbot.waitUntil(lambda: tile.value.width() < wide)
        assert (tile.unit.text(), tile.bounds.text()) == (unit, "±2,500")
        assert not tile.detail.isVisible()
        assert "+2,314 $/1%" in tile.value.toolTip()
    tile.resize(180, 66)
    qtbot.waitUntil(tile.detail.isVisible)


def test_the_stamp_of_the_curve_is_whole_or_not_there(desk: Desk) -> None:
    stamp = desk.panel.curve.read_out.stamp
    for width in range(420, 831, 30):
        desk.panel.resize(width, 520)
        desk.publish(demo.scenario())
        room = stamp.fontMetrics().horizontalAdvance(stamp.text())
        assert stamp.text() == "" or room <= stamp.width()
    assert stamp.text() != ""


def test_near_and_over_a_limit_are_said_in_words_beside_the_colour(desk: Desk) -> None:
    gamma, vega = desk.panel.tiles[Metric.GAMMA], desk.panel.tiles[Metric.VEGA]
    assert (gamma.state, gamma.used.text()) == (LimitState.NEAR, "● near 87%")
    assert (vega.state, vega.used.text()) == (LimitState.BREACHED, "▲ over 109%")


def test_an_unknown_figure_is_a_dash_and_never_zero(desk: Desk) -> None:
    state = demo.risk(margin=None)
    desk.publish(replace(state, greeks=replace(state.greeks, vega=math.nan), dollars_per_one_pct=None))
    assert desk.panel.tiles[Metric.VEGA].value.text() == "—"
    assert desk.panel.tiles[Metric.MARGIN_USED_PCT].value.text() == "—"
    assert desk.panel.tiles[Metric.SPX_DELTA].detail.text() == ""


def test_totals_with_positions_left_out_are_marked_and_the_flag_opens_the_list(desk: Desk) -> None:
    assert desk.panel.tiles[Metric.SPX_DELTA].name.full == "SPX delta*"
    assert desk.panel.flag.text() == "▲ 2 left out, 1 beta unknown"
    desk.click(desk.panel.flag)
    assert desk.panel.pages.currentWidget() is desk.panel.quality
    assert "SPXW 6300 P 17 Sep 26: no vol reproduces its price" in desk.panel.quality.excluded.text()
    desk.publish(demo.risk(excluded=(), defaulted=()))
    assert not desk.panel.flag.isVisible()
    assert desk.panel.tiles[Metric.SPX_DELTA].name.full == "SPX delta"


def test_another_benchmark_rescales_the_figure_and_keeps_the_limit_on_the_book(desk: Desk) -> None:
    desk.click(desk.panel.benchmark.buttons["SPY"])
    assert desk.scenarios()[-1].benchmark == "SPY"
    desk.publish(demo.risk(benchmark="SPY", ratio=10.0))
    delta = desk.panel.tiles[Metric.SPX_DELTA]
    assert (delta.name.full, delta.value.text()) == ("SPY delta*", "+321.4")
    assert delta.bounds.full == "book +32.1: ±60"
    assert desk.panel.tiles[Metric.GAMMA].value.text() == "−521.00"
    assert desk.panel.tiles[Metric.THETA].bounds.full == "−250 … +1,250"


def test_a_benchmark_without_a_price_is_said_and_the_word_goes_when_the_price_comes(desk: Desk) -> None:
    desk.publish(replace(demo.risk(benchmark="/ES"), benchmark_price=None))
    assert "No price of /ES" in desk.panel.note.text()
    assert desk.panel.tiles[Metric.SPX_DELTA].name.full == "SPX delta*"
    desk.publish(demo.risk(benchmark="/ES"))
    assert desk.panel.note.text() == ""


def test_a_scope_asks_for_that_underlying_only_and_falls_back_when_it_is_gone(desk: Desk) -> None:
    scope = desk.panel.scope
    assert [scope.itemText(index) for index in range(3)] == ["Whole book", "Only /ESM6", "Only AAPL"]
    scope.setFocus()
    QTest.keyClick(scope, Qt.Key.Key_Down)
    assert desk.scenarios()[-1].underlyings == ("/ESM6",)
    desk.publish(replace(demo.risk(), by_underlying=(demo.bucket("SPX", 1.0),)))
    assert scope.currentText() == "Whole book"
    assert desk.scenarios()[-1].underlyings == ()


def test_range_date_and_vol_become_one_scenario(desk: Desk) -> None:
    bar = desk.panel.scenario_bar
    desk.click(bar.range.buttons[5.0])
    bar.date.setFocus()
    for _ in range(3):
        QTest.keyClick(bar.date, Qt.Key.Key_Right)
    bar.vol.setFocus()
    QTest.keyClick(bar.vol, Qt.Key.Key_Right)
    desk.wait_scenario(lambda one: one.days_forward == 3.0 and one.vol_shift_points == 0.5)
    assert desk.scenarios()[-1].spot_range_pct == 5.0
    assert bar.date_text.text() == "7 May 26 (+3 d)"
    assert bar.vol_text.text() == "+0.5 pts"


def test_the_date_runs_from_today_to_the_very_instant_of_the_last_expiry(desk: Desk) -> None:
    bar = desk.panel.scenario_bar
    assert bar.date_text.text() == "today"
    assert not bar.today.isEnabled()
    desk.publish(replace(demo.scenario(), last_expiry_days=11.06))
    desk.click(bar.expiry)
    desk.wait_scenario(lambda one: one.days_forward == 11.06)
    assert bar.date_text.text() == "expiry 15 May 26"
    desk.publish(replace(demo.scenario(), last_expiry_days=10.5))
    assert bar.date.value() == bar.date.maximum() == 11
    desk.click(bar.earlier)
    desk.wait_scenario(lambda one: one.days_forward == 10.0)
    desk.click(bar.today)
    desk.wait_scenario(lambda one: one.days_forward == 0.0)


def test_a_relative_vol_shift_is_in_per_cent_and_starts_at_nothing(desk: Desk) -> None:
    bar = desk.panel.scenario_bar
    bar.vol.setFocus()
    QTest.keyClick(bar.vol, Qt.Key.Key_PageUp)
    desk.wait_scenario(lambda one: one.vol_shift_points == 2.5)
    desk.click(bar.vol_mode.buttons[True])
    desk.wait_scenario(lambda one: one.vol_shift_relative and one.vol_shift_points == 0.0)
    QTest.keyClick(bar.vol, Qt.Key.Key_PageUp)
    desk.wait_scenario(lambda one: one.vol_shift_relative and one.vol_shift_points == 5.0)
    assert bar.vol_text.text() == "+5%"
    desk.click(bar.no_shift)
    desk.wait_scenario(lambda one: one.vol_shift_points == 0.0)


def test_a_drag_of_many_steps_asks_few_times(desk: Desk) -> None:
    for step in range(1, 41):
        desk.panel.scenario_bar.date.setValue(step)
    desk.wait_scenario(lambda one: one.days_forward == 40.0)
    assert len(desk.scenarios()) < 10


def test_a_refused_scenario_is_said_in_the_panel(qtbot: QtBot, theme: Theme) -> None:
    desk = Desk(qtbot, theme, {SetScenario: InvalidInput("scenario", "There is no such day.")})
    desk.publish(demo.risk())
    desk.click(desk.panel.benchmark.buttons["SPY"])
    assert desk.panel.note.text() == "▲ There is no such day."


def test_the_curve_is_redrawn_in_place(desk: Desk) -> None:
    plot = desk.panel.curve.plot
    curves, items = (plot.today, plot.date, plot.expiry), list(plot.getPlotItem().items)
    moved = demo.scenario(spot=7100.0)
    desk.publish(moved)
    assert (plot.today, plot.date, plot.expiry) == curves
    assert list(plot.getPlotItem().items) == items
    np.testing.assert_array_equal(plot.today.getData()[1], moved.curve_today)
    assert plot.getViewBox().viewRange()[0] == pytest.approx([moved.spots[0], moved.spots[-1]])


def test_the_date_curve_shows_only_when_it_differs_from_today(desk: Desk) -> None:
    plot, out = desk.panel.curve.plot, desk.panel.curve.read_out
    assert not plot.date.isVisible()
    desk.publish(demo.scenario(SetScenario(days_forward=8)))
    assert plot.date.isVisible()
    assert "12 May 26 (+8 d)" in out.date.name.text()
    desk.publish(demo.scenario(SetScenario(vol_shift_points=5)))
    assert "Vol shifted" in out.date.name.text()


def test_the_crosshair_reads_level_move_and_pnl_of_each_curve(desk: Desk) -> None:
    plot, out = desk.panel.curve.plot, desk.panel.curve.read_out
    state = demo.scenario()
    assert out.where.text() == "SPX 7,200.75  0.00%"
    assert out.today.value.text() == "0"
    centre = plot.viewport().rect().center()
    shake = cycle((-1, 1))

    def is_there() -> bool:  # the plot drops moves that follow each other within 10 ms: a resting hand still trembles
        QTest.mouseMove(plot.viewport(), QPoint(centre.x() - 150, centre.y() + next(shake)))
        return bool(plot.cross.isVisible())

    desk.qtbot.waitUntil(is_there)
    level = float(plot.cross.value())
    assert level < state.spot_now
    expected = float(np.interp(level, state.spots, state.curve_today))
    shown = parse_number(out.today.value.text())
    assert shown is not None
    assert abs(shown - expected) <= 0.5
    plot.point_at(None)
    assert out.where.text() == "SPX 7,200.75  0.00%"


def test_slices_stand_in_the_order_of_the_curve_and_tick_in_place(desk: Desk) -> None:
    model = desk.panel.curve.slices.model_
    assert model.headerData(0, Qt.Orientation.Horizontal) == "−10%"
    assert model.headerData(6, Qt.Orientation.Horizontal) == "0%"
    assert model.index(1, 6).data() == "0"
    state = demo.scenario()
    resets, changes = QSignalSpy(model.modelReset), QSignalSpy(model.dataChanged)
    first = replace(state.slices[0], pnl=state.slices[0].pnl - 5000)
    desk.publish(replace(state, slices=(first, *state.slices[1:])))
    assert resets.count() == 0
    assert [(one[0].row(), one[0].column(), one[1].column()) for one in _calls(changes)] == [(1, 0, 0)]


def test_the_heat_map_outlines_an_exact_zero_and_tells_the_cell_under_the_mouse(desk: Desk) -> None:
    heat = desk.panel.heat_map
    desk.panel.tabs.setCurrentIndex(1)
    assert heat.zero_cell == (2, 6)
    assert heat.text_at(2, 6) == "0"
    QTest.mouseMove(heat, heat.cell_rect(4, 2).center().toPoint())
    desk.qtbot.waitUntil(lambda: heat.hover_text != "")
    assert heat.hover_text.startswith("SPX 6,480.68 (−10%), vol +5 pts:")
    assert heat.cell_at(QPoint(2, 2)) is None


def test_the_highest_vol_is_on_top_and_cells_know_where_they_are(desk: Desk) -> None:
    heat = desk.panel.heat_map
    desk.panel.show_page(heat)
    assert heat.cell_rect(6, 0).top() < heat.cell_rect(0, 0).top()
    for cell in ((0, 0), (3, 5), (6, 12)):
        assert heat.cell_at(heat.cell_rect(*cell).center().toPoint()) == cell


def test_buckets_sort_by_raw_figures_unknown_last_and_the_total_below_all(desk: Desk) -> None:
    table = desk.panel.by_underlying
    desk.panel.show_page(table)
    header = table.horizontalHeader()
    at = QPoint(header.sectionViewportPosition(5) + 20, header.height() // 2)
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert table.buckets.names == ("QQQ", "/ESM6", "AAPL", "SPY", "SPX", "ZVRA", TOTAL)
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert table.buckets.names == ("SPX", "SPY", "AAPL", "/ESM6", "QQQ", "ZVRA", TOTAL)


def test_ticking_figures_keep_the_rows_where_they_are(desk: Desk) -> None:
    desk.panel.show_page(desk.panel.by_underlying)
    model = desk.panel.by_underlying.buckets
    names, resets, changes = model.names, QSignalSpy(model.modelReset), QSignalSpy(model.dataChanged)
    ticked = tuple(replace(one, vega_per_point=-9e5) if one.name == "AAPL" else one for one in demo.BY_UNDERLYING)
    desk.publish(replace(demo.risk(), by_underlying=ticked))
    assert model.names == names
    assert resets.count() == 0
    assert [one[0].row() for one in _calls(changes)] == [1, len(names) - 1]


def test_a_table_behind_another_page_costs_nothing_and_catches_up_when_it_is_chosen(desk: Desk) -> None:
    desk.panel.show_page(desk.panel.curve)
    changes = QSignalSpy(desk.panel.by_expiry.buckets.dataChanged)
    ticked = tuple(replace(one, vega_per_point=-9e5) for one in demo.risk().by_expiry)
    desk.publish(replace(demo.risk(), by_expiry=ticked))
    assert changes.count() == 0
    desk.panel.show_page(desk.panel.by_expiry)
    model = desk.panel.by_expiry.buckets
    column = next(index for index, one in enumerate(model.columns, start=1) if one.title == "Vega")
    assert model.index(0, column).data() == "−900,000"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), min_size=1, max_size=8), column=st.integers(2, 8))
def test_any_column_sorts_known_figures_rising_with_unknown_ones_last(
    theme: Theme, sizes: list[float], column: int
) -> None:
    model = BucketModel(theme, "Underlying", with_dte=False)
    model.set_buckets(tuple(demo.bucket(f"S{index}", size) for index, size in enumerate(sizes)))
    model.sort(column)
    by_name = {f"S{index}": demo.bucket("", size) for index, size in enumerate(sizes)}
    values = [model.columns[column - 1].value(by_name[name]) for name in model.names[:-1]]
    known = [value for value in values if value is not None and not math.isnan(value)]
    assert known == sorted(known)
    assert all(math.isnan(value or 0.0) for value in values[len(known) :])


def test_the_regime_in_force_is_marked_in_the_limits(desk: Desk) -> None:
    desk.panel.show_page(desk.panel.limits)
    assert desk.panel.limits.chips[Regime.MEDIUM_VOL].text() == "MEDIUM · in force"
    desk.publish(demo.market(Regime.CRISIS))
    assert desk.panel.limits.chips[Regime.MEDIUM_VOL].text() == "MEDIUM"
    assert desk.panel.limits.chips[Regime.CRISIS].text() == "CRISIS · in force"


def test_a_limit_is_typed_and_saved_with_enter(desk: Desk) -> None:
    editor = desk.panel.limits
    desk.panel.show_page(editor)
    field = editor.fields[Regime.HIGH_VOL, Metric.VEGA].low
    _type(field, "-1,750")
    assert desk.client.asked[-1] == SetLimit(Regime.HIGH_VOL, Metric.VEGA, -1750.0, 2500.0)
    assert field.text() == "−1,750"
    assert editor.message.text() == "Saved: HIGH Vega −1,750 … +2,500."
    _type(field, "")
    assert desk.client.asked[-1] == SetLimit(Regime.HIGH_VOL, Metric.VEGA, None, 2500.0)


@pytest.mark.parametrize(
    ("typed", "says"),
    [("abc", "“abc” is not a number."), ("nan", "not a number that can be used"), ("99", "above the upper one")],
)
def test_a_bad_limit_is_said_inline_stays_in_the_field_and_changes_nothing(desk: Desk, typed: str, says: str) -> None:
    editor = desk.panel.limits
    desk.panel.show_page(editor)
    field = editor.fields[Regime.MEDIUM_VOL, Metric.SPX_DELTA].low
    asked = len(desk.client.asked)
    _type(field, typed)
    assert len(desk.client.asked) == asked
    assert says in editor.message.text()
    assert field.property("invalid") is True
    desk.publish(demo.risk(delta=33.0))
    assert field.text() == typed
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert field.text() == "−60"
    assert field.property("invalid") is False


def test_a_limit_that_could_not_be_saved_stays_typed_with_the_reason(qtbot: QtBot, theme: Theme) -> None:
    desk = Desk(qtbot, theme, {SetLimit: InvalidInput("limit", "The database is read-only.")})
    desk.publish(demo.market(), demo.risk())
    desk.panel.show_page(desk.panel.limits)
    field = desk.panel.limits.fields[Regime.LOW_VOL, Metric.GAMMA].low
    _type(field, "-9")
    assert field.text() == "-9"
    assert "The database is read-only." in desk.panel.limits.message.text()


def test_a_limit_changed_elsewhere_shows_unless_the_field_is_being_typed_in(desk: Desk) -> None:
    editor = desk.panel.limits
    desk.panel.show_page(editor)
    busy, idle = editor.fields[Regime.CRISIS, Metric.VEGA].low, editor.fields[Regime.CRISIS, Metric.THETA].high
    busy.setFocus()
    QTest.keyClick(busy, Qt.Key.Key_7)
    typed = busy.text()
    limits = tuple(
        replace(one, limits=tuple(replace(limit, low=-1.0, high=1.0) for limit in one.limits))
        for one in demo.regime_limits()
    )
    desk.publish(replace(demo.risk(), regime_limits=limits))
    assert (busy.text(), idle.text()) == (typed, "1")


def test_an_own_beta_is_set_refused_and_taken_back(desk: Desk) -> None:
    quality = desk.panel.quality
    desk.panel.show_page(quality)
    row = quality.rows["ZVRA"]
    assert row.source.text() == "▲ default, unknown"
    assert not quality.rows["SPX"].own.isVisible()
    _type(row.own, "x1")
    assert "is not a number" in quality.message.text()
    assert not any(isinstance(one, SetBetaOverride) for one in desk.client.asked)
    _type(row.own, "1.6")
    assert desk.client.asked[-1] == SetBetaOverride("ZVRA", 1.6)
    desk.publish(demo.structure({"SPX": (1.0, BetaSource.EXACT), "ZVRA": (1.6, BetaSource.OVERRIDE)}))
    assert (row.beta.text(), row.source.text()) == ("1.60", "your own")
    assert not quality.rows["AAPL"].name.isVisible()
    desk.click(row.back)
    assert desk.client.asked[-1] == SetBetaOverride("ZVRA", None)


def test_an_absurd_beta_is_refused_by_the_desk_and_kept_in_the_field(qtbot: QtBot, theme: Theme) -> None:
    error = InvalidInput("beta", "Beta 99 for ZVRA is out of range (-20 to 20).")
    desk = Desk(qtbot, theme, {SetBetaOverride: error})
    desk.publish(demo.structure(), demo.risk())
    desk.panel.show_page(desk.panel.quality)
    own = desk.panel.quality.rows["ZVRA"].own
    _type(own, "99")
    assert own.text() == "99"
    assert own.problem == str(error)


def test_the_scenario_controls_stand_only_where_they_matter(desk: Desk) -> None:
    panel = desk.panel
    assert panel.scenario_bar.isVisible()
    panel.show_page(panel.limits)
    assert not panel.scenario_bar.isVisible()
    assert not panel.scenario_bar.range.isVisible()
    desk.publish(demo.scenario(spot=7000.0))
    panel.show_page(panel.curve)
    assert panel.curve.read_out.where.text() == "SPX 7,000.00  0.00%"


def test_both_looks_paint_every_page_at_any_size(desk: Desk, theme: Theme) -> None:
    pictures = set()
    for name in (ThemeName.LIGHT, ThemeName.DARK):
        theme.switch(name)
        for width, height in ((640, 420), (1200, 700)):
            desk.panel.resize(width, height)
            for index in range(desk.panel.tabs.count()):
                desk.panel.tabs.setCurrentIndex(index)
                image = desk.panel.grab().toImage()
                assert image.width() >= width
                pictures.add(bytes(image.constBits()[: 4 * image.width() * image.height()]))
    assert len(pictures) == 2 * 2 * desk.panel.tabs.count()


# --- the pure parts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (-60.0, 60.0, "±60"),
        (-250.0, 1250.0, "−250 … +1,250"),
        (None, 45.0, "at most +45"),
        (-2.5, None, "at least −2.50"),
        (None, None, "no limit"),
        (0.0, 0.0, "0 … 0"),
    ],
)
def test_bounds_in_words(low: float | None, high: float | None, text: str) -> None:
    assert bounds_text(low, high) == text


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=4))
def test_a_number_reads_back_as_it_is_shown(value: object) -> None:
    number = float(str(value))
    assert parse_number(number_text(number)) == pytest.approx(number, abs=5e-5)


def test_an_empty_field_is_no_number_at_all() -> None:
    assert parse_number("  ") is None
    assert parse_number("−1,750.5") == -1750.5
    assert number_text(None) == ""


def test_the_dollar_axis_holds_still_while_the_curves_fill_it() -> None:
    def curve(low: float, high: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        line = np.array([low, 0.0, high, math.nan])
        return line, line, line

    first = fitted_range(None, curve(-1000, 500))
    assert first is not None
    assert first[0] < -1000
    assert first[1] > 500
    assert fitted_range(first, curve(-950, 480)) == first
    assert fitted_range(first, curve(-1500, 480)) != first
    assert fitted_range(first, curve(-100, 50)) != first
    nothing = np.array([math.nan])
    assert fitted_range(first, (nothing, nothing, nothing)) is None


def test_dates_are_new_york_dates() -> None:
    late = demo.NOW.replace(hour=3)  # 23:00 of the day before in New York
    assert date_text(late, 1.0, 30.0) == "4 May 26 (+1 d)"
    assert date_text(late, 0.0, 30.0) == "today"
    assert date_text(None, 2.0, 30.0) == "+2 d"


def _type(field: NumberEdit, text: str) -> None:
    field.setFocus()
    field.selectAll()
    QTest.keyClick(field, Qt.Key.Key_Delete)
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Return)


def _calls(spy: QSignalSpy) -> list[list[Any]]:
    return [spy.at(index) for index in range(spy.count())]


def test_the_vega_tile_tells_the_weighted_readings_when_asked(desk: Desk) -> None:
    desk.publish(replace(demo.risk(), vega_30_day=-1932.4, vega_vix_weighted=None))
    tip = desk.panel.tiles[Metric.VEGA].value.toolTip()
    assert "weighted to 30 days: −1,932" in tip
    assert "in points of VIX: —" in tip
    assert "30 days" not in desk.panel.tiles[Metric.THETA].value.toolTip()


def test_the_risk_graph_says_its_method_where_there_is_room_and_always_when_asked(desk: Desk) -> None:
    read_out = desk.panel.curve.read_out
    desk.publish(replace(demo.scenario(), method="Full revaluation, American and European options"))
    assert "American and European" in read_out.stamp.toolTip()
    assert "as of" in read_out.stamp.text()
    desk.panel.resize(1500, 520)
    QApplication.processEvents()
    desk.publish(replace(demo.scenario(), method="Full revaluation", left_out=1))
    assert read_out.stamp.text().startswith("full revaluation, sticky strike")
