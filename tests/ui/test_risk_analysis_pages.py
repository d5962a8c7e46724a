"""Each page of the risk analysis: figures, words, marks that need no colour, reading with mouse and keys."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from execution.analysis_views import Crossing
from models.enums import Metric
from tests.ui import analysis_demo_data as demo
from tests.ui.risk_demo_data import SPOT
from ui.analysis.breach_grid import runs, shades
from ui.analysis.breach_page import BreachPage
from ui.analysis.expiry_page import ExpiryPage
from ui.analysis.explain_page import ExplainPage
from ui.analysis.margin_page import MarginPage, broker_text, call_text
from ui.analysis.margin_plot import dollars_text
from ui.analysis.stress_page import StressPage
from ui.analysis.waterfall import bars
from ui.analysis.words import crossing_text, move_text, sentences
from ui.theme import Ink, Theme

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")
SIZE = (1364, 206)


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    theme = Theme()
    theme.apply(qapp)
    yield theme
    qapp.setStyleSheet("")


# --- breach map -------------------------------------------------------------------------------------------------------


@pytest.fixture
def breach(qtbot: QtBot, theme: Theme) -> BreachPage:
    page = BreachPage(theme)
    qtbot.addWidget(page)
    page.resize(*SIZE)
    page.show()
    page.show_state(demo.breach_map())
    return page


def test_two_sentences_say_what_breaks_first_on_each_side(breach: BreachPage) -> None:
    assert breach.sentences == (
        "Down: delta breaks first at SPX 6,778 (−5.9%)",
        "Up: delta breaks first at SPX 7,266 (+0.9%)",
    )


def test_a_limit_that_is_broken_now_is_said_first_and_marked_in_the_table(breach: BreachPage) -> None:
    breach.show_state(demo.breach_map(size=1.0))
    assert breach.sentences[0] == "▲ Broken now: delta"
    assert breach.sentences[1].startswith("Down: vega breaks next at SPX 6,8")
    table = breach.limits.figures
    assert [table.text(0, column) for column in (0, 4, 5)] == ["SPX delta", "▲ now", "▲ now"]
    assert table.columns[0].ink_of(table.row_at(0)) is Ink.LIMIT_BREACHED
    breach.show_state(demo.breach_map())
    assert len(breach.sentences) == 2


def test_a_side_on_which_every_limit_holds_says_how_far_that_was_looked_at(breach: BreachPage) -> None:
    breach.show_state(demo.breach_map(size=0.01))
    assert breach.sentences == ("Down: no limit breaks to −15%", "Up: no limit breaks to +15%")
    table = breach.limits.figures
    assert {table.text(row, column) for row in range(4) for column in (4, 5)} == {"holds"}


def test_the_table_of_limits_says_bounds_and_where_they_break(breach: BreachPage) -> None:
    table = breach.limits.figures
    assert [table.text(1, column) for column in range(6)] == ["Gamma", "−0.29", "−6.00", "none", "holds", "holds"]
    assert table.text(3, 4) == "6,461 (−10.3%)"


def test_a_low_page_scrolls_its_limits_one_way_only(breach: BreachPage) -> None:
    breach.resize(1364, 120)
    breach.show_state(demo.breach_map())
    QApplication.processEvents()
    assert breach.limits.verticalScrollBar().maximum() > 0
    assert breach.limits.horizontalScrollBar().maximum() == 0


def test_lanes_show_value_and_used_share_of_now_with_a_second_cue_when_they_break(breach: BreachPage) -> None:
    lanes = breach.lanes
    assert lanes.read_out == "SPX 7,200.75, now"
    assert lanes.figure_at(0) == ("−40.6", "68%")
    breach.show_state(demo.breach_map(size=0.7))
    assert lanes.figure_at(0) == ("−56.8", "● 95%")
    breach.show_state(demo.breach_map(size=1.0))
    assert lanes.figure_at(0) == ("−81.1", "▲ 135%")


def test_the_mouse_reads_the_lanes_elsewhere_and_marks_the_same_level_in_the_map(
    breach: BreachPage, qtbot: QtBot
) -> None:
    lanes, columns = breach.lanes, breach.lanes.columns
    assert columns is not None
    spy = QSignalSpy(lanes.pointed)
    QTest.mouseMove(lanes, QPoint(int(columns.x_of(-10.0)), 60))
    qtbot.waitUntil(lambda: spy.count() == 1)
    assert lanes.read_out == "SPX 6,481 (−10.0%)"
    assert lanes.figure_at(3)[1] == "● 99%"
    assert lanes.figure_at(1)[1] == "no limit"  # gamma has no upper bound, and is positive there
    QApplication.sendEvent(lanes, _leave())
    assert lanes.read_out == "SPX 7,200.75, now"


def test_arrow_keys_read_lanes_and_map_from_now_on(breach: BreachPage) -> None:
    QTest.keyClick(breach.lanes, Qt.Key.Key_Left)
    assert breach.lanes.read_out == "SPX 7,165 (−0.5%)"
    QTest.keyClick(breach.lanes, Qt.Key.Key_Escape)
    assert breach.lanes.read_out.endswith("now")
    grid = breach.grid
    assert grid.read_out == ""
    QTest.keyClick(grid, Qt.Key.Key_Up)
    assert grid.read_out.startswith("SPX 7,201 (0.0%), +2.5 pts: ")
    for _ in range(99):
        QTest.keyClick(grid, Qt.Key.Key_Right)
        QTest.keyClick(grid, Qt.Key.Key_Down)
    assert grid.read_out.startswith("SPX 8,281 (+15.0%), −5 pts: delta ")
    assert grid.read_out.endswith("▲ over")
    assert breach.lanes.read_out == "SPX 8,281 (+15.0%)"


def test_the_cell_under_the_mouse_is_told_in_words(breach: BreachPage, qtbot: QtBot) -> None:
    grid = breach.grid
    QTest.mouseMove(grid, grid.cell_rect(0, 3).center().toPoint())
    qtbot.waitUntil(lambda: bool(grid.read_out))
    assert grid.read_out.startswith("SPX 6,229 (−13.5%), −5 pts: theta ")
    assert grid.cell_at(QPointF(1.0, 1.0)) is None


def test_every_row_of_the_map_is_labelled_from_end_to_end_by_what_binds() -> None:
    state = demo.breach_map()
    found = runs(state)
    for row in range(state.worst.shape[0]):
        spans = [(run.start, run.stop) for run in found if run.row == row]
        assert [start for start, _ in spans[1:]] == [stop for _, stop in spans[:-1]]
        assert (spans[0][0], spans[-1][1]) == (0, state.worst.shape[1])
    for run in found:
        lanes = {state.lanes[int(lane)].metric for lane in state.binding[run.row, run.start : run.stop]}
        over = state.worst[run.row, run.start : run.stop] > 1
        assert len(lanes) == 1
        assert bool(over.all()) == bool(over.any()) == run.is_broken == run.label.startswith("▲")


def test_where_no_limit_applies_the_map_says_so_and_stays_plain(theme: Theme) -> None:
    state = demo.breach_map(spots=5, vols=(0.0, 5.0))
    nothing = replace(state, worst=np.full((2, 5), math.nan), binding=np.full((2, 5), -1))
    assert [run.label for run in runs(nothing)] == ["no limit", "no limit"]
    raised = theme.color(Ink.RAISED)
    assert (shades(nothing.worst, theme)[..., :3] == (raised.blue(), raised.green(), raised.red())).all()


@pytest.mark.parametrize(("spots", "vols"), [(3, (0.0,)), (121, tuple(float(v) for v in range(-10, 21)))])
def test_maps_of_any_size_are_painted(breach: BreachPage, spots: int, vols: tuple[float, ...]) -> None:
    breach.show_state(demo.breach_map(spots=spots, vols=vols))
    before = breach.grab().toImage()
    breach.show_state(demo.breach_map(spots=spots, vols=vols, size=0.02))
    assert breach.grab().toImage() != before


def test_a_limit_used_without_bound_is_over_and_never_a_figure(breach: BreachPage) -> None:
    state = demo.breach_map()
    lane = replace(state.lanes[0], low=0.0, utilisation=np.full(61, math.inf))
    breach.show_state(replace(state, lanes=(lane, *state.lanes[1:])))
    assert breach.lanes.figure_at(0) == ("−40.6", "▲ over")
    breach.show_state(replace(state, worst=np.full(state.worst.shape, math.inf), binding=np.zeros((7, 61), int)))
    QTest.keyClick(breach.grid, Qt.Key.Key_Up)
    assert breach.grid.read_out == "SPX 7,201 (0.0%), +2.5 pts: delta ▲ over"


# --- stress and expiries ----------------------------------------------------------------------------------------------


def test_the_ladder_marks_the_row_of_now_and_stands_on_it(qtbot: QtBot, theme: Theme) -> None:
    page = StressPage(theme)
    qtbot.addWidget(page)
    page.resize(*SIZE)
    page.show()
    page.show_state(demo.stress())
    model, table = page.ladder.figures, page.ladder
    now = demo.STRESS_SHIFTS.index(0)
    assert [model.text(now, column) for column in (0, 1, 3, 4)] == ["0%", "7,201", "0", "0.0%"]
    assert [model.is_marked(row) for row in model.rows] == [shift == 0 for shift in demo.STRESS_SHIFTS]
    assert table.visualRect(model.index(now, 0)).center().y() in range(40, 140)
    QTest.keyClick(table, Qt.Key.Key_Home)
    table.setCurrentIndex(model.index(0, 0))
    at = table.verticalScrollBar().value()
    page.show_state(demo.stress(spot=SPOT + 1))
    assert table.verticalScrollBar().value() == at


def test_gains_and_losses_carry_sign_and_ink_and_bars_share_one_zero(qtbot: QtBot, theme: Theme) -> None:
    page = StressPage(theme)
    qtbot.addWidget(page)
    page.show_state(demo.stress())
    model = page.ladder.figures
    pnl = model.columns[3]
    texts = [model.text(row, 3) for row in range(model.rowCount())]
    inks = [pnl.ink_of(row) for row in model.rows]
    for text, ink in zip(texts, inks, strict=True):
        assert ink is {"−": Ink.LOSS, "+": Ink.GAIN}.get(text[0], Ink.TEXT)
    low, high = model.bar_span(3)
    assert low < 0 < high


def test_an_unknown_net_liquidation_is_a_dash(qtbot: QtBot, theme: Theme) -> None:
    page = StressPage(theme)
    qtbot.addWidget(page)
    page.show_state(demo.stress(net_liq=None))
    assert {page.ladder.figures.text(row, 4) for row in range(17)} == {"—"}


def test_expiries_add_up_in_the_first_row_and_have_a_column_a_move(qtbot: QtBot, theme: Theme) -> None:
    page = ExpiryPage(theme)
    qtbot.addWidget(page)
    state = demo.expiries()
    page.show_state(state)
    model = page.ladder.figures
    titles = [str(model.headerData(index, Qt.Orientation.Horizontal)) for index in range(model.columnCount())]
    assert titles[9:] == ["P&L −10%", "P&L −5%", "P&L −3%", "P&L +3%", "P&L +5%"]
    assert [model.text(0, column) for column in (0, 1, 2)] == ["All dates", "", "54"]
    total = model.row_at(0).rung
    assert total.pnl_at[0] == pytest.approx(math.fsum(one.pnl_at[0] for one in state.rungs))
    assert [model.text(1, column) for column in (0, 1)] == ["4 May 26", "0"]
    page.show_state(replace(state, shifts_pct=(-5.0,), rungs=tuple(replace(r, pnl_at=(1.0,)) for r in state.rungs)))
    assert model.columnCount() == 10
    assert model.text(0, 9) == "+9"


def test_a_figure_that_one_date_lacks_is_unknown_in_the_sum(qtbot: QtBot, theme: Theme) -> None:
    page = ExpiryPage(theme)
    qtbot.addWidget(page)
    state = demo.expiries()
    page.show_state(replace(state, rungs=(replace(state.rungs[0], gamma=math.nan), *state.rungs[1:])))
    assert page.ladder.figures.text(0, 6) == "—"
    page.show_state(replace(state, rungs=()))
    assert page.ladder.figures.rowCount() == 0


# --- margin -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def margin(qtbot: QtBot, theme: Theme) -> MarginPage:
    page = MarginPage(theme)
    qtbot.addWidget(page)
    page.resize(*SIZE)
    page.show()
    page.show_state(demo.margin())
    return page


def test_the_margin_call_is_said_and_drawn_as_a_labelled_line(margin: MarginPage) -> None:
    assert margin.call.text() == "Margin call at SPX 7,751 (+7.6%)"
    down, up = margin.plot.calls
    assert (down.isVisible(), up.isVisible()) == (False, True)
    assert up.label.format == "margin call SPX 7,751 (+7.6%)"
    assert float(up.value()) == pytest.approx(7751, abs=1)


def test_the_brokers_requirement_stands_against_ours(margin: MarginPage) -> None:
    assert margin.broker.text() == (
        "Requirement now: broker 234,162, ours 231,900 (Reg-T), ours less broker's −2,262, −1.0%"
    )
    assert broker_text(demo.margin(broker=None)) == "Requirement now: broker —, ours 231,900 (Reg-T)"
    assert "ours 148,200 (Portfolio margin)" in broker_text(demo.margin(own_method="Portfolio margin"))


def test_the_table_stands_below_the_plot_only_where_the_page_is_tall_and_not_wide(margin: MarginPage) -> None:
    for size, is_below in (((900, 500), True), ((1900, 500), False), ((900, 200), False)):
        margin.resize(*size)
        QApplication.processEvents()
        assert (margin.table.geometry().top() > margin.plot.geometry().bottom()) is is_below, size


def test_no_margin_call_says_how_far_that_holds_and_an_unknown_requirement_says_nothing_more() -> None:
    state = demo.margin()
    rich = replace(state, call_up_pct=None, rungs=tuple(replace(one, excess=1000.0) for one in state.rungs))
    assert call_text(rich) == "No margin call from −20% to +20%"
    unknown = replace(state, call_up_pct=None, rungs=tuple(replace(one, excess=None) for one in state.rungs))
    assert call_text(unknown).startswith("Margin call: unknown")
    short = replace(state, rungs=tuple(replace(one, excess=-1500.0) for one in state.rungs))
    assert call_text(short) == "▲ Margin call now: 1,500 short"
    assert call_text(replace(state, rungs=())) == ""


def test_the_crosshair_reads_equity_and_requirements(margin: MarginPage) -> None:
    margin.plot.point_at(SPOT * 1.05)
    assert margin.where.text() == "SPX 7,561 (+5.0%)"
    rung = next(one for one in demo.margin().rungs if one.shift_pct == 5)
    assert [label.text() for label in margin.values] == [f"{rung.equity:,.0f}", "236,400", "160,200"]
    margin.plot.point_at(None)
    assert margin.where.text() == "SPX 7,201 (0.0%)"


def test_a_requirement_that_is_not_known_is_a_dash_and_a_gap_in_the_curve(margin: MarginPage) -> None:
    state = demo.margin()
    margin.show_state(replace(state, rungs=tuple(replace(one, portfolio=None) for one in state.rungs)))
    assert margin.values[2].text() == "—"
    assert {margin.table.figures.text(row, 5) for row in range(len(state.rungs))} == {"—"}
    assert not np.isfinite(margin.plot.curves[2].yData).any()


def test_the_accounts_own_method_is_the_solid_curve(margin: MarginPage) -> None:
    def styles() -> list[Qt.PenStyle]:
        return [curve.opts["pen"].style() for curve in margin.plot.curves]

    solid, dashed = Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine
    assert styles() == [solid, solid, dashed]
    margin.show_state(demo.margin(own_method="Portfolio margin"))
    assert styles() == [solid, dashed, solid]
    margin.show_state(demo.margin(own_method="each account's own"))
    assert styles() == [solid, solid, solid]


def test_balances_on_the_axis_bear_no_plus() -> None:
    assert [dollars_text(value) for value in (0.0, 512_340.0, -200_000.0, 1_500_000.0)] == [
        "0", "512k", "−200k", "1.5M",
    ]  # fmt: skip


# --- P&L explain ------------------------------------------------------------------------------------------------------


@pytest.fixture
def explain(qtbot: QtBot, theme: Theme) -> ExplainPage:
    page = ExplainPage(theme)
    qtbot.addWidget(page)
    page.resize(*SIZE)
    page.show()
    page.show_state(demo.explain())
    return page


def test_the_waterfall_names_every_part_and_ends_at_what_was_made(explain: ExplainPage) -> None:
    assert explain.waterfall.texts == (
        ("Delta", "−1,619"), ("Gamma", "−1,345"), ("Theta", "+3,691"), ("Vega", "−849"), ("Trades", "+27"),
        ("Residual", "−42"), ("Actual", "−137"),
    )  # fmt: skip


@given(st.lists(st.floats(-1e7, 1e7), min_size=6, max_size=6))
def test_each_bar_starts_where_the_one_before_ended_and_they_end_at_the_whole(parts: list[float]) -> None:
    found = bars(demo.line("SPX", *parts))
    assert found[0].start == 0
    for one, following in pairwise(found[:-1]):
        assert following.start == one.end
    assert found[-2].end == pytest.approx(found[-1].end, abs=1e-6)


def test_an_unknown_part_has_no_length_and_is_a_dash() -> None:
    found = bars(replace(demo.BY_UNDERLYING[0], vega=math.nan))
    assert (found[3].text, found[3].start) == ("—", found[3].end)


def test_what_is_rounded_to_nothing_carries_neither_sign_nor_colour(explain: ExplainPage) -> None:
    explain.show_state(replace(demo.explain(), by_underlying=(demo.line("SPX", -0.4, 0.2, 12.0, 0, 0, 0),)))
    model = explain.by_underlying.figures
    inks = [column.ink_of(model.row_at(1)) for column in model.columns[2:5]]
    assert [model.text(1, column) for column in (2, 3, 4)] == ["0", "0", "+12"]
    assert inks == [Ink.TEXT, Ink.TEXT, Ink.GAIN]
    assert [bar.ink for bar in bars(model.row_at(1))[:3]] == [Ink.TEXT, Ink.TEXT, Ink.GAIN]


def test_lines_come_by_underlying_by_position_and_unexplained(explain: ExplainPage) -> None:
    model = explain.by_underlying.figures
    assert [model.text(row, 0) for row in range(model.rowCount())] == ["Total", "SPY", "SPX", "/ESM6", "QQQ", "AAPL"]
    QTest.mouseClick(explain.split.buttons["positions"], Qt.MouseButton.LeftButton)
    assert explain.by_position.isVisible()
    assert explain.by_position.figures.rowCount() == 10
    assert explain.split.buttons["unexplained"].text() == "▲ Unexplained 2"
    QTest.mouseClick(explain.split.buttons["unexplained"], Qt.MouseButton.LeftButton)
    assert explain.unexplained.toPlainText().splitlines() == list(demo.explain().unexplained)
    explain.show_state(demo.explain(unexplained=()))
    assert explain.split.buttons["unexplained"].text() == "Unexplained 0"
    assert "Every contract" in explain.unexplained.toPlainText()


def test_a_click_on_a_header_sorts_by_figures_with_the_total_on_top(explain: ExplainPage) -> None:
    table = explain.by_underlying
    header = table.horizontalHeader()
    at = QPoint(header.sectionViewportPosition(2) + 10, header.height() // 2)
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)
    first = [table.figures.text(row, 2) for row in range(6)]
    assert first[0] == "−1,619"
    assert first[1:] == ["−2,140", "−313", "+88", "+141", "+605"]
    explain.show_state(demo.explain(size=2.0))
    assert [table.figures.text(row, 2) for row in range(6)][1:] == ["−4,280", "−625", "+176", "+282", "+1,210"]


def test_two_accounts_with_the_same_contract_keep_a_line_each(explain: ExplainPage) -> None:
    twice = (demo.line("SPX", 1, 0, 0, 0, 0, 0), demo.line("SPX", 2, 0, 0, 0, 0, 0))
    for factor in (1.0, 3.0):
        lines = tuple(replace(one, actual=one.actual * factor) for one in twice)
        explain.show_state(replace(demo.explain(), by_underlying=lines))
        model = explain.by_underlying.figures
        assert sorted(model.text(row, 1) for row in (1, 2)) == [f"+{factor:.0f}", f"+{2 * factor:.0f}"]


# --- words ------------------------------------------------------------------------------------------------------------


def test_crossings_in_a_cell() -> None:
    crossing = Crossing(Metric.VEGA, -2500.0, False, -2.617, 7012.3)
    assert crossing_text(crossing) == "7,012 (−2.6%)"
    assert crossing_text(replace(crossing, shift_pct=0.0)) == "▲ now"
    assert crossing_text(None) == "holds"


def test_moves_have_no_needless_decimals() -> None:
    assert [move_text(one) for one in (-7.5, 10.0, 0.0, -2.617)] == ["−7.5%", "+10%", "0%", "−2.6%"]


def test_only_what_breaks_ahead_of_now_is_next() -> None:
    state = demo.breach_map(size=1.0)
    assert [one.ink for one in sentences(state)] == [Ink.LIMIT_BREACHED, Ink.TEXT, Ink.TEXT]
    only = replace(state, lanes=state.lanes[:1])
    assert sentences(only)[1].text == "Down: no further limit breaks to −15%"


def _leave() -> QEvent:
    return QEvent(QEvent.Type.Leave)
