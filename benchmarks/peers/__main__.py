"""python -m benchmarks.peers [--tiny]: runs the races in the peers' environment and prints them as one line of JSON."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import Any

from benchmarks.peers.early_exercise import race_american
from benchmarks.peers.european import race_greeks, race_vols
from benchmarks.peers.whole_book import race_book

_PEERS = ("fast-vollib", "numba", "nautilus_trader", "QuantLib", "numpy", "scipy")


def main(*, is_tiny: bool) -> None:
    """Prints the races: per name the unit and the runs of each contestant; and the errors and distances found."""
    runs = 2 if is_tiny else 15
    races: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for count in (50,) if is_tiny else (200, 1_000, 10_000, 100_000):
        found, errors[f"greeks_{count}"] = race_greeks(count, runs)
        races[f"greeks_{count}"] = {"unit": "ns", "runs": found}
    for count in (50,) if is_tiny else (1_000, 10_000, 100_000):
        found, errors[f"implied_vol_{count}"] = race_vols(count, runs)
        races[f"implied_vol_{count}"] = {"unit": "ns", "runs": found}
    positions = 20 if is_tiny else 1_000
    found, errors[f"book_{positions}"] = race_book(positions, runs)
    races[f"book_{positions}"] = {"unit": "us", "runs": found}
    options = 20 if is_tiny else 2_000
    three, errors[f"american_{options}"] = race_american(options, min(runs, 7))
    for name, one in three.items():
        races[f"{name}_{options}"] = {"unit": "us", "runs": one}
    print(json.dumps({"races": races, "errors": errors, "versions": {name: version(name) for name in _PEERS}}))


if __name__ == "__main__":
    main(is_tiny="--tiny" in sys.argv[1:])
