"""Beats in a blank window for a while: how late this machine's timers are by themselves. Argument: seconds."""

from __future__ import annotations

import json
import sys

from PySide6.QtWidgets import QApplication

from benchmarks.blank import blank_window
from benchmarks.figures import percentile
from benchmarks.windows import Heartbeat, live_for, wait_until


def main() -> None:
    """Runs, then tells."""
    _app = QApplication(["benchmark"])
    window = blank_window()
    window.show()
    live_for(0.2)
    heart = Heartbeat()
    heart.start()
    live_for(float(sys.argv[1]))
    wait_until(lambda: bool(heart.beats), within_s=5.0, what="a beat")
    late = [ms for _, ms in heart.beats]
    print(json.dumps({"p50_ms": percentile(late, 0.5), "p99_ms": percentile(late, 0.99), "max_ms": max(late)}))


if __name__ == "__main__":
    main()
