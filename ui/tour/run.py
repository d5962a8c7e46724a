"""Runs the tour in a real window (offscreen unless told otherwise) and writes tour.json."""

# ruff: noqa: PLC0415 - the engine's and the database's modules are imported when the tour needs them

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt

from execution.views import DeskState, Publisher
from models.errors import DeskError
from ui.app import Composed, Desktop, make_application
from ui.theme import ThemeName
from ui.tour.pictures import take_pictures
from ui.tour.stage import Notices, Stage, TourFailed
from ui.tour.steps import Tour, steps

if TYPE_CHECKING:
    from execution.brokers.paper.faults import FaultScript

_LOG = logging.getLogger(__name__)
Make = Callable[[Publisher, "FaultScript"], Awaitable[Composed]]


def run_tour(make: Make, *, out: Path, pictures: Path | None, settings_path: Path) -> int:
    """Plays the tour into `out`; returns 0 when every step came out as it must, otherwise 1."""
    out.mkdir(parents=True, exist_ok=True)
    from execution.brokers.paper.faults import tour_orders

    app = make_application()
    script = tour_orders()
    desktop = Desktop(app, lambda publisher: make(publisher, script), settings_path=settings_path, theme=ThemeName.DARK)
    desktop.settings.hint_dismissed = True
    stage = Stage(
        window=desktop.window,
        bridge=desktop.bridge,
        client=desktop.client,
        theme=desktop.theme,
        out=out,
        database_path=lambda: Path(stage.newest(DeskState).database_path),
        notices=Notices(desktop.bridge),
    )
    desktop.engine_failed.connect(stage.notices.on_engine_failed, Qt.ConnectionType.QueuedConnection)
    desktop.show()
    tour = Tour(stage)
    failure = _play(tour, stage)
    tour.facts["passed"] = failure is None
    if failure is not None:
        tour.facts["failure"] = failure
    tour.facts["pictures"] = [path.name for path in stage.pictures]
    desktop.close()
    (out / "tour.json").write_text(json.dumps(tour.facts, indent=1), encoding="utf-8")
    if pictures is not None and failure is None:
        _copy(stage.pictures, pictures)
    sys.stdout.write(f"tour: {'passed' if failure is None else 'FAILED: ' + failure}; facts in {out / 'tour.json'}\n")
    return 0 if failure is None else 1


def _play(tour: Tour, stage: Stage) -> str | None:
    """Runs step after step; returns why one failed, in words."""
    done: list[str] = []
    tour.facts["steps"] = done
    for step in steps(tour):
        try:
            step()
        except DeskError as error:
            _LOG.exception("tour step %s failed", step.__name__)
            return f"{step.__name__}: {error}"
        done.append(step.__name__)
    try:
        _journal_facts(tour, stage)
        take_pictures(stage)
    except DeskError as error:
        _LOG.exception("the tour's records or pictures failed")
        return str(error)
    return None


def _journal_facts(tour: Tour, stage: Stage) -> None:
    """Reads back what was written: the journal row, the order's every status and time, the snapshot."""
    from database.journal_query import JournalFilter
    from database.reader import JournalReader

    path = stage.database_path()
    reader = JournalReader(path)
    try:
        order_id = tour.facts["order"]["id"]
        rows = reader.page(JournalFilter(), limit=5)
        details = [reader.detail(row.id) for row in rows]
        ours = [detail for detail in details if detail.order_id == order_id]
        if len(ours) != 1:
            raise TourFailed(f"The condor has {len(ours)} journal rows instead of one.")
        tour.facts["database"] = str(path)
        tour.facts["journal_id"] = ours[0].row.id
        tour.facts["journal_row"] = _row(path, ours[0].row.id)
        tour.facts["order"]["history"] = [_audit(row) for row in reader.order_audit(order_id)]
        tour.facts["order"]["executions"] = len(ours[0].executions)
        tour.facts["snapshot"] = _plain(reader.snapshot(tour.facts["snapshot_id"]))
    finally:
        reader.close()


def _audit(row: Any) -> dict[str, Any]:
    facts: dict[str, Any] = _plain(row)
    return facts


def _plain(value: Any) -> Any:
    from ui.tour.facts import plain

    return plain(value)


def _row(path: Path, journal_id: str) -> dict[str, Any]:
    """Reads the row as any SQLite tool would."""
    import sqlite3

    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        found = connection.execute("SELECT * FROM trade_journal WHERE id = ?", (journal_id,)).fetchone()
    finally:
        connection.close()
    facts = dict(found)
    for name in ("legs_json", "pre_greeks_json", "post_greeks_json"):
        facts[name] = json.loads(facts[name])
    return facts


def _copy(taken: list[Path], target: Path) -> None:
    """Copies what README and guide show: every panel and the window in the dark theme, the window in the light one."""
    target.mkdir(parents=True, exist_ok=True)
    for path in taken:
        if path.stem.endswith("_dark") or path.stem == "window_light":
            shutil.copyfile(path, target / path.name)
