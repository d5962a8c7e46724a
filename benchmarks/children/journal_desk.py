"""Opens the journal on a large database, filters it, scrolls it, and prints how long each took.

Arguments: data folder, database, repeats of each filter, places scrolled to. The engine is not started: the database's
modules, which it would have loaded by then, are imported before the panel is opened.
"""

from __future__ import annotations

import importlib
import json
import random
import sqlite3
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, cast

from PySide6.QtCore import QDate, QEventLoop, QTimer, SignalInstance

from benchmarks.databases import ready_on
from benchmarks.desktop import open_desktop
from benchmarks.figures import percentile
from benchmarks.waiting import never
from benchmarks.windows import Heartbeat, live_for, wait_until
from ui.app import Desktop
from ui.journal.date_range import Range
from ui.journal.table import ROW_HEIGHT
from ui.panels.journal import JournalPanel

_WITHIN_MS = 30_000
_FROM, _TO = date(2020, 1, 1), date(2020, 12, 31)


def main() -> None:
    """Runs, then tells."""
    folder, database, repeats, places = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    folder.mkdir(parents=True, exist_ok=True)
    importlib.import_module("database.reader")
    desktop = open_desktop(never, folder)
    bench = JournalBench(desktop)
    facts: dict[str, Any] = {"open_ms": bench.open(database)}
    heart = Heartbeat()
    heart.start()
    facts["filters_ms"] = bench.filters(repeats)
    heart.stop()
    facts["stall_max_ms"] = max((ms for _, ms in heart.beats), default=0.0)
    facts |= bench.scroll(places)
    facts["raw_sqlite_ms"] = raw_query_ms(database)
    desktop.close()
    print(json.dumps(facts))


class JournalBench:
    """Drives the journal panel as a user would; a time ends when the rows are painted."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop
        self._panel = cast("JournalPanel", desktop.window.panel("journal"))

    def open(self, database: Path) -> float:
        """Tells the panel, in front, of its database; returns ms until that is open and the first rows are painted."""
        self._desktop.window.reveal("journal")
        live_for(0.3)
        took_ms = self._until(self._panel.source.listed, lambda: self._desktop.bridge.state(ready_on(database)))
        wait_until(lambda: bool(self._panel.filters.underlying.popup.items()), within_s=30.0, what="the facets")
        return took_ms

    def filters(self, repeats: int) -> dict[str, list[float]]:
        """Sets each kind of filter and takes it away again; returns ms until the rows are painted, of each."""
        found: dict[str, list[float]] = {name: [] for name in (*self._kinds(), "cleared")}
        for _ in range(repeats):
            for name, act in self._kinds().items():
                found[name].append(self._until(self._panel.source.listed, act))
                live_for(0.05)
                found["cleared"].append(self._until(self._panel.source.listed, self._panel.filters.clear))
                live_for(0.05)
        return found

    def scroll(self, places: int) -> dict[str, Any]:
        """Jumps to places all over the list; returns ms until their rows are painted, and rows read against shown."""
        table, source, model = self._panel.table, self._panel.source, self._panel.model
        rng = random.Random(1)
        shown, times, most_held = 0, list[float](), 0
        read_before = source.rows_read
        for _ in range(places):
            first, last = table.window_rows()
            row = rng.randrange(max(model.total - (last - first) - 1, 1))
            if model.missing(row, row + last - first) is None:
                continue
            times.append(self._until(source.loaded, lambda row=row: table.scroll_to(row * ROW_HEIGHT)))  # type: ignore[misc]
            first, last = table.window_rows()
            shown += min(last, model.total - 1) - first + 1
            most_held = max(most_held, model.held)
        return {
            "scroll_p50_ms": percentile(times, 0.5),
            "scroll_p99_ms": percentile(times, 0.99),
            "rows_loaded": source.rows_read - read_before,
            "rows_shown": shown,
            "most_held": most_held,
            "total": model.total,
        }

    def _kinds(self) -> dict[str, Callable[[], None]]:
        bar = self._panel.filters

        def search() -> None:
            bar.search.setText("hedge earnings")
            bar.search.returnPressed.emit()

        def dates() -> None:
            bar.dates.choose(Range.DATES)
            for edit, day in ((bar.dates.from_edit, _FROM), (bar.dates.to_edit, _TO)):
                edit.blockSignals(True)
                edit.setDate(QDate(day.year, day.month, day.day))
                edit.blockSignals(False)
            bar.dates.changed.emit()

        def all_at_once() -> None:
            bar.search.setText("roll")
            bar.underlying.choose(("SPX", "SPY"))
            bar.regime.choose(("HIGH_VOL",))
            bar.tag.choose(("hedge",))
            bar.search.returnPressed.emit()

        kinds: dict[str, Callable[[], None]] = {"text": search}
        for name, button, value in (
            ("symbol", bar.underlying, "SPX"),
            ("strategy", bar.strategy, "iron_condor"),
            ("regime", bar.regime, "CRISIS"),
            ("status", bar.status, "PARTIAL"),
            ("account", bar.account, "DU1"),
            ("tag", bar.tag, "roll"),
        ):

            def choose(button: Any = button, value: str = value) -> None:
                button.choose((value,))
                button.changed.emit()

            kinds[name] = choose
        return kinds | {"dates": dates, "all_at_once": all_at_once}

    def _until(self, signal: SignalInstance, act: Callable[[], object]) -> float:
        """Returns ms from `act` until `signal` came and the table was painted."""
        loop = QEventLoop()
        took_ms = -1.0
        started = 0.0

        def on_signal(*_: object) -> None:
            nonlocal took_ms
            if took_ms < 0.0:
                self._panel.table.viewport().repaint()
                took_ms = (time.perf_counter() - started) * 1000.0
                loop.quit()

        signal.connect(on_signal)
        QTimer.singleShot(_WITHIN_MS, loop.quit)
        started = time.perf_counter()
        act()
        if took_ms < 0.0:
            loop.exec()
        signal.disconnect(on_signal)
        if took_ms < 0.0:
            raise TimeoutError("the journal did not answer")
        return took_ms


def raw_query_ms(database: Path) -> float:
    """Returns ms that plain sqlite3 takes to count and list one filter of the table itself, best of three."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        connection.execute("SELECT count(*) FROM trade_journal WHERE user_rationale LIKE '%hedge%'").fetchone()
        connection.execute(
            "SELECT * FROM trade_journal WHERE user_rationale LIKE '%hedge%' ORDER BY created_at DESC LIMIT 40"
        ).fetchall()
        times.append((time.perf_counter() - started) * 1000.0)
    connection.close()
    return min(times)


if __name__ == "__main__":
    main()
