"""Opens the blank window, prints a line when it is painted, ends. `plot` as argument: with an empty plot in it."""

from __future__ import annotations

import json
import os
import sys

from PySide6.QtWidgets import QApplication

from benchmarks.blank import FirstPaint, blank_window


def main() -> None:
    """Runs until the first paint."""
    app = QApplication(["benchmark"])
    window = blank_window(with_plot="plot" in sys.argv[1:])
    watcher = FirstPaint(window)

    def on_painted() -> None:
        print("painted", flush=True)
        print(json.dumps({"modules": len(sys.modules)}), flush=True)
        os._exit(0)

    watcher.painted.connect(on_painted)
    window.show()
    watcher.watch()
    app.exec()


if __name__ == "__main__":
    main()
