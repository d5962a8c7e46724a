"""Shows the blank window for a while and prints the memory it holds. Argument: seconds."""

from __future__ import annotations

import json
import sys

import psutil
from PySide6.QtWidgets import QApplication

from benchmarks.blank import blank_window
from benchmarks.windows import live_for


def main() -> None:
    """Runs, then measures."""
    _app = QApplication(["benchmark"])
    window = blank_window()
    window.show()
    live_for(float(sys.argv[1]))
    print(json.dumps({"rss_mb": psutil.Process().memory_info().rss / 2**20}))


if __name__ == "__main__":
    main()
