"""Runs the desk on Interactive Brokers (a simulated TWS in another process) and prints how window and engine kept up.

Arguments: data folder, ticks a second, seconds, windows to cut them into, lines that must be open.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.followed import Followed
from benchmarks.wire_desk import Far, run
from benchmarks.wire_ticks import CountedBroker, WireTicks
from execution.brokers.ibkr.lines import LINGER_S
from execution.brokers.ibkr.settings import IbkrSettings, IbLibraryName
from execution.brokers.ibkr.trial import installed_libraries
from execution.brokers.port import Broker
from execution.brokers.simulator_process import Started
from models.clock import Clock


def main() -> None:
    """Runs, then measures."""
    library = IbLibraryName(installed_libraries()[0])

    def make(started: Started, clock: Clock) -> tuple[Broker, Followed]:
        settings = IbkrSettings(port=started.port, library=library)
        count = WireTicks(settings, clock)
        return CountedBroker(settings=settings, clock=clock, count=count), count

    facts = run(
        Far("ibkr", "tests.simulators.tws", (), "simulated TWS", make, LINGER_S),
        Path(sys.argv[1]),
        ticks_per_s=float(sys.argv[2]),
        seconds=float(sys.argv[3]),
        windows=int(sys.argv[4]),
        lines=int(sys.argv[5]),
    )
    print(json.dumps({**facts, "library": library.value}))


if __name__ == "__main__":
    main()
