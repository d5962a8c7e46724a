"""The analysis table: figures tick in place, text is made when it is looked at, units are in the tooltips."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester, QSignalSpy
from pytestqt.qtbot import QtBot

from execution.analysis_views import ExplainLine, ExplainState
from tests.ui import analysis_demo_data as demo
from ui.analysis.explain_page import ExplainPage
from ui.analysis.margin_page import COLUMNS as MARGIN_COLUMNS
from ui.analysis.stress_page import COLUMNS as STRESS_COLUMNS
from ui.analysis.stress_page import StressPage
from ui.analysis.table_model import FigureColumn, FigureModel, figure
from ui.theme import Theme


def _model(rows: tuple[ExplainLine, ...]) -> FigureModel[ExplainLine]:
    columns: tuple[FigureColumn[ExplainLine], ...] = (
        FigureColumn("Name", "", lambda line: line.name),
        figure("Actual", "dollars", lambda line: line.actual, lambda value: f"{value:.0f}", has_bar=True),
    )
    model = FigureModel(columns, lambda line: line.name, lambda _: False)
    model.set_rows(rows)
    return model


def test_figures_that_tick_are_announced_in_place_and_nothing_is_reset(qtbot: QtBot) -> None:
    lines = demo.positions(20)
    model = _model(lines)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)
    changed, reset = QSignalSpy(model.dataChanged), QSignalSpy(model.modelReset)
    model.set_rows(lines)
    assert (changed.count(), reset.count()) == (0, 0)
    ticked = (*lines[:4], replace(lines[4], actual=12345.0), *lines[5:])
    model.set_rows(tuple(reversed(ticked)))
    assert (changed.count(), reset.count()) == (1, 0)
    assert (changed.at(0)[0].row(), changed.at(0)[1].row()) == (4, 4)
    assert model.text(4, 1) == "12345"
    model.set_rows(lines[:-1])
    assert reset.count() == 1
    assert tester.model() is model


def test_text_is_made_for_rows_that_are_looked_at_only() -> None:
    made: list[str] = []

    def show(line: ExplainLine) -> str:
        made.append(line.name)
        return line.name

    model: FigureModel[ExplainLine] = FigureModel(
        (FigureColumn("Name", "", show),), lambda line: line.name, lambda _: False
    )
    model.set_rows(demo.positions(500))
    assert made == []
    assert model.text(7, 0) == model.text(7, 0)
    assert len(made) == 1


def test_tooltips_carry_the_unit(qtbot: QtBot, theme: Theme) -> None:
    page = StressPage(theme)
    qtbot.addWidget(page)
    page.show_state(demo.stress())
    model = page.ladder.figures
    for column in range(model.columnCount()):
        tip = str(model.data(model.index(0, column), Qt.ItemDataRole.ToolTipRole))
        assert tip.endswith(model.columns[column].unit)
        assert model.headerData(column, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)


def _explained(*made: tuple[str, float]) -> ExplainState:
    lines = tuple(replace(demo.positions(1)[0], name=name, actual=actual) for name, actual in made)
    return replace(demo.explain(), by_underlying=lines)


def _names(page: ExplainPage) -> list[str]:
    return [line.name for line in page.by_underlying.figures.rows if line.name != "Total"]


def test_the_explain_table_stays_largest_first_as_figures_tick_and_keeps_what_is_selected(
    qtbot: QtBot, theme: Theme
) -> None:
    page = ExplainPage(theme)
    qtbot.addWidget(page)
    page.show_state(_explained(("SPX", 500.0), ("AAPL", -300.0), ("QQQ", 100.0)))
    tester = QAbstractItemModelTester(page.by_underlying.figures, QAbstractItemModelTester.FailureReportingMode.Warning)
    assert _names(page) == ["SPX", "AAPL", "QQQ"]
    page.by_underlying.selectRow(_names(page).index("QQQ") + 1)
    page.show_state(_explained(("SPX", 500.0), ("AAPL", -300.0), ("QQQ", -900.0)))
    assert _names(page) == ["QQQ", "SPX", "AAPL"]
    selected = page.by_underlying.selectionModel().selectedRows()[0].row()
    assert page.by_underlying.figures.row_at(selected).name == "QQQ"
    assert tester.model() is page.by_underlying.figures


def test_an_order_the_user_asked_for_is_not_undone_by_the_next_figures(qtbot: QtBot, theme: Theme) -> None:
    page = ExplainPage(theme)
    qtbot.addWidget(page)
    page.show_state(_explained(("SPX", 500.0), ("AAPL", -300.0), ("QQQ", 100.0)))
    page.by_underlying.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    page.show_state(_explained(("SPX", 500.0), ("AAPL", -300.0), ("QQQ", -900.0)))
    assert _names(page) == ["AAPL", "QQQ", "SPX"]


def test_no_row_moves_away_from_under_the_pointer(qtbot: QtBot, theme: Theme, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ExplainPage(theme)
    qtbot.addWidget(page)
    page.show_state(_explained(("SPX", 500.0), ("AAPL", -300.0)))
    monkeypatch.setattr(page.by_underlying, "underMouse", lambda: True)
    page.show_state(_explained(("SPX", 200.0), ("AAPL", -300.0)))
    assert _names(page) == ["SPX", "AAPL"]
    monkeypatch.setattr(page.by_underlying, "underMouse", lambda: False)
    page.show_state(_explained(("SPX", 201.0), ("AAPL", -300.0)))
    assert _names(page) == ["AAPL", "SPX"]


def test_the_change_of_vol_says_its_unit_in_the_header() -> None:
    for titles in ([one.title for one in STRESS_COLUMNS], [one.title for one in MARGIN_COLUMNS]):
        assert "Vol change pts" in titles
