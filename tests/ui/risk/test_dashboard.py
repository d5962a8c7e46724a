"""The risk dashboard: tiles, flags, benchmark, scope, looks, with real clicks."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from execution.views import LimitRow
from models.enums import Metric
from tests.ui import risk_demo_data as demo
from tests.ui.risk.desk import Desk
from ui.risk.metric_tile import MetricTile, bounds_text
from ui.theme import LimitState, Theme, ThemeName

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


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


def test_in_a_narrow_tile_the_mark_stays_and_the_word_goes_so_that_the_name_is_whole(desk: Desk) -> None:
    desk.panel.resize(560, 700)
    desk.publish(demo.risk())
    desk.publish(replace(demo.risk(), compute_ms=1.0))
    vega = desk.panel.tiles[Metric.VEGA]
    assert vega.used.text() == "▲ 109%"
    for tile in desk.panel.tiles.values():
        assert tile.name.text() == tile.name.full


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


def test_the_vega_tile_tells_the_weighted_readings_when_asked(desk: Desk) -> None:
    desk.publish(replace(demo.risk(), vega_30_day=-1932.4, vega_vix_weighted=None))
    tip = desk.panel.tiles[Metric.VEGA].value.toolTip()
    assert "weighted to 30 days: −1,932" in tip
    assert "in points of VIX: —" in tip
    assert "30 days" not in desk.panel.tiles[Metric.THETA].value.toolTip()
