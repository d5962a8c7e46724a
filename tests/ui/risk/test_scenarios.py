"""The dashboard's scenarios: controls, curve, slices and heat map, with real clicks and drags."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import cycle

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from execution.commands import SetScenario
from models.errors import InvalidInput
from tests.ui import risk_demo_data as demo
from tests.ui.risk.desk import Desk, calls
from ui.risk.curve_plot import fitted_range
from ui.risk.number_edit import parse_number
from ui.risk.scenario_bar import date_text
from ui.theme import Theme

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


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
    assert [(one[0].row(), one[0].column(), one[1].column()) for one in calls(changes)] == [(1, 0, 0)]


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


def test_the_scenario_controls_stand_only_where_they_matter(desk: Desk) -> None:
    panel = desk.panel
    assert panel.scenario_bar.isVisible()
    panel.show_page(panel.limits)
    assert not panel.scenario_bar.isVisible()
    assert not panel.scenario_bar.range.isVisible()
    desk.publish(demo.scenario(spot=7000.0))
    panel.show_page(panel.curve)
    assert panel.curve.read_out.where.text() == "SPX 7,000.00  0.00%"


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


def test_the_risk_graph_says_its_method_where_there_is_room_and_always_when_asked(desk: Desk) -> None:
    read_out = desk.panel.curve.read_out
    desk.publish(replace(demo.scenario(), method="Full revaluation, American and European options"))
    assert "American and European" in read_out.stamp.toolTip()
    assert "as of" in read_out.stamp.text()
    desk.panel.resize(1500, 520)
    QApplication.processEvents()
    desk.publish(replace(demo.scenario(), method="Full revaluation", left_out=1))
    assert read_out.stamp.text().startswith("full revaluation, sticky strike")
