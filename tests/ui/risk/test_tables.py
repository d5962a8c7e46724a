"""The dashboard's tables: buckets, limits and betas, with real clicks and keys."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QSignalSpy, QTest
from pytestqt.qtbot import QtBot

from execution.commands import SetBetaOverride, SetLimit
from models.enums import BetaSource, Metric, Regime
from models.errors import InvalidInput
from tests.ui import risk_demo_data as demo
from tests.ui.risk.desk import Desk, calls
from ui.risk.buckets import TOTAL, BucketModel
from ui.risk.number_edit import NumberEdit, number_text, parse_number
from ui.theme import Theme

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


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
    assert [one[0].row() for one in calls(changes)] == [1, len(names) - 1]


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


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=4))
def test_a_number_reads_back_as_it_is_shown(value: object) -> None:
    number = float(str(value))
    assert parse_number(number_text(number)) == pytest.approx(number, abs=5e-5)


def test_an_empty_field_is_no_number_at_all() -> None:
    assert parse_number("  ") is None
    assert parse_number("−1,750.5") == -1750.5
    assert number_text(None) == ""


def _type(field: NumberEdit, text: str) -> None:
    field.setFocus()
    field.selectAll()
    QTest.keyClick(field, Qt.Key.Key_Delete)
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Return)
