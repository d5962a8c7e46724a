"""Runs the desk with the sample book, every panel shown once, and prints the memory it holds.

Arguments: data folder, seconds to run after the desk is ready.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil

import main as program
from benchmarks.desktop import look_at_every_panel, open_desktop, wait_ready
from benchmarks.windows import live_for
from execution.views import BookStructure


def main() -> None:
    """Runs, then measures."""
    data_dir, seconds = Path(sys.argv[1]), float(sys.argv[2])
    data_dir.mkdir(parents=True, exist_ok=True)
    program.log_to_file(data_dir / "logs" / "optiondesk.log")
    options = program.Options(data_dir, data_dir / "none.toml", (), 7, session_hours=False, sample_book=True)
    desktop = open_desktop(lambda publisher: program.compose(options, publisher), data_dir)
    wait_ready(desktop)
    look_at_every_panel(desktop)
    live_for(seconds)
    held = psutil.Process().memory_full_info()
    structure = desktop.bridge.newest(BookStructure)
    facts = {
        "rss_mb": held.rss / 2**20,
        "uss_mb": held.uss / 2**20,
        "positions": 0 if structure is None else len(structure.rows),
        "panels": [key for key, dock in desktop.window.docks.items() if dock.is_built],
    }
    desktop.close()
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
