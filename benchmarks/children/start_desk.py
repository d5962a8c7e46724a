"""Opens the desk as main.py does, prints a line at its first paint, then tells what was loaded by then.

Argument: the data folder. The engine is composed only after the first paint; here it waits instead, so that nothing
but the window is measured. The time that the other panels take after it is told too.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import main as program

#: What the window must not wait for.
HEAVY = (
    "sqlalchemy",
    "alembic",
    "pandas",
    "polars",
    "scipy",
    "apscheduler",
    "exchange_calendars",
    "tastytrade",
    "ib_insync",
    "ib_async",
    "openai",
    "yfinance",
    "pydantic",
)


def main() -> None:
    """Runs until the first paint."""
    data_dir = Path(sys.argv[1])
    data_dir.mkdir(parents=True, exist_ok=True)
    program.log_to_file(data_dir / "logs" / "optiondesk.log")
    from ui.preflight import window_problem

    problem = window_problem()
    if problem is not None:
        raise SystemExit(problem)
    from PySide6.QtCore import QTimer

    from benchmarks.waiting import never
    from ui.app import Desktop, make_application

    app = make_application()
    desktop = Desktop(app, never, settings_path=data_dir / "window.ini")

    window = desktop.window
    poll = QTimer()
    facts: dict[str, object] = {}
    painted_at = 0.0

    def on_painted() -> None:
        nonlocal painted_at
        loaded = set(sys.modules)
        painted_at = time.perf_counter()
        print("painted", flush=True)
        facts["modules"] = len(loaded)
        facts["heavy"] = [name for name in HEAVY if name in loaded]
        facts["panels"] = [key for key, dock in window.docks.items() if dock.is_built]
        poll.start(1)

    def on_poll() -> None:
        if window.is_complete:
            facts["rest_ms"] = (time.perf_counter() - painted_at) * 1000.0
            print(json.dumps(facts), flush=True)
            os._exit(0)

    poll.timeout.connect(on_poll)
    window.first_painted.connect(on_painted)
    desktop.show()
    app.exec()


if __name__ == "__main__":
    main()
