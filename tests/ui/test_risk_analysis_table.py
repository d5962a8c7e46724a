"""The analysis table: figures tick in place, text is made when it is looked at, units are in the tooltips."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester, QSignalSpy
from pytestqt.qtbot import QtBot

from execution.analysis_views import ExplainLine
from tests.ui import analysis_demo_data as demo
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
