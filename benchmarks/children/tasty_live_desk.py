"""Runs the desk on Tastytrade (a simulated one in another process) and prints how window and engine kept up.

Arguments: data folder, quotes a second, seconds, windows to cut them into, contracts the window must show, contracts
subscribed in all.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.dxlink_events import CountedTasty, DxLinkEvents
from benchmarks.followed import Followed
from benchmarks.wire_desk import Far, run
from execution.brokers.port import Broker
from execution.brokers.simulator_process import Started
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings
from models.clock import Clock

_SECRETS = TastySecrets("any", "any")


def main() -> None:
    """Runs, then measures."""
    contracts = int(sys.argv[6])
    count = DxLinkEvents()

    def make(started: Started, clock: Clock) -> tuple[Broker, Followed]:
        settings = TastySettings(base_url=f"http://127.0.0.1:{started.port}")
        broker = CountedTasty(settings, _SECRETS, clock, count=count, contracts=contracts)
        return broker, count

    facts = run(
        Far("tastytrade", "tests.simulators.tastytrade", ("--any-login",), "simulated Tastytrade", make, 0.0),
        Path(sys.argv[1]),
        ticks_per_s=float(sys.argv[2]),
        seconds=float(sys.argv[3]),
        windows=int(sys.argv[4]),
        lines=int(sys.argv[5]),
    )
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
