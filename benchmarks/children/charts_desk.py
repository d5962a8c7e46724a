"""Draws years of snapshots of some accounts, pans and zooms, and prints how long each took.

Arguments: data folder, database, frames to pan. Without an engine, as the journal's program.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pyqtgraph as pg

from benchmarks.databases import ready_on
from benchmarks.desktop import open_desktop
from benchmarks.figures import percentile
from benchmarks.waiting import never
from benchmarks.windows import live_for, wait_until
from ui.app import Desktop
from ui.charts.source import ChartMetric, History, load_history
from ui.panels.charts import ChartsPanel

_ALL, _YEAR_S = 0, 365 * 86_400.0


def main() -> None:
    """Runs, then tells."""
    folder, database, frames = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    importlib.import_module("database.reader")
    desktop = open_desktop(never, folder, told=ready_on(database))
    facts = chart_facts(desktop, frames)
    desktop.close()
    print(json.dumps(facts))


def chart_facts(desktop: Desktop, frames: int) -> dict[str, Any]:
    """Opens the panel and measures it; a time ends when the plot is painted."""
    panel = cast("ChartsPanel", desktop.window.panel("charts"))
    plot = panel.plot
    desktop.window.reveal("charts")
    wait_until(lambda: panel.empty_text is None, within_s=60.0, what="the history")
    live_for(0.2)
    started = time.perf_counter()
    history = load_history(desktop.reader)
    read_ms = (time.perf_counter() - started) * 1000.0
    shown = frozenset(panel.account_buttons)

    def draw() -> None:
        plot.show_history(history)
        plot.choose(ChartMetric.NET_LIQUIDATION, shown)
        panel.range.buttons[_ALL].click()

    draw_ms = painted_ms(plot, draw)
    metrics = [painted_ms(plot, panel.metric_choice.buttons[metric].click) for metric in ChartMetric]
    panel.metric_choice.buttons[ChartMetric.NET_LIQUIDATION].click()
    pans = panned(plot, history, frames)
    low, high = plot.view_s
    zooms = [
        painted_ms(plot, lambda share=share: plot.look_at(high - (high - low) * share, high))  # type: ignore[misc]
        for share in [0.97**step for step in range(frames)]
    ]
    return {
        "read_ms": read_ms,
        "draw_ms": draw_ms,
        "metric_ms": max(metrics),
        "pan_p50_ms": percentile(pans, 0.5),
        "pan_p99_ms": percentile(pans, 0.99),
        "zoom_p99_ms": percentile(zooms, 0.99),
        "points": sum(one.at_s.size for one in history.accounts),
        **plain_curves(history, frames),
    }


def painted_ms(plot: Any, act: Callable[[], object]) -> float:
    """Returns ms from `act` until the plot is painted."""
    started = time.perf_counter()
    act()
    plot.viewport().repaint()
    return (time.perf_counter() - started) * 1000.0


def panned(plot: Any, history: History, frames: int) -> list[float]:
    """Drags a year of the history through the view; returns ms of each frame."""
    span = history.span_s
    assert span is not None  # noqa: S101 - the panel showed it
    first, last = span
    width = min(_YEAR_S, (last - first) / 2.0)
    step = (last - first - width) / max(frames, 1)
    times = []
    for number in range(frames):
        low = first + number * step
        times.append(painted_ms(plot, lambda low=low: plot.setXRange(low, low + width, padding=0)))  # type: ignore[misc]
    return times


def plain_curves(history: History, frames: int) -> dict[str, float]:
    """Returns the same picture by plain pyqtgraph curves of all points: the baseline."""
    plain = pg.PlotWidget()
    plain.resize(1200, 260)
    plain.show()
    live_for(0.1)

    def draw() -> None:
        for one in history.accounts:
            plain.plot(one.at_s, one.columns[ChartMetric.NET_LIQUIDATION.column])

    draw_ms = painted_ms(plain, draw)
    pans = panned(plain, history, max(frames // 10, 2))
    plain.close()
    return {"plain_draw_ms": draw_ms, "plain_pan_p50_ms": percentile(pans, 0.5)}


if __name__ == "__main__":
    main()
