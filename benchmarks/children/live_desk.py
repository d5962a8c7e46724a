"""Runs the desk on a large book under a stream of quotes and prints how window and engine kept up.

Arguments: data folder, positions, quotes a second, seconds, windows to cut them into.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

import main as program
from benchmarks.book import live_book
from benchmarks.desktop import look_at_every_panel, open_desktop, wait_ready
from benchmarks.feed import FeedBroker
from benchmarks.figures import percentile
from benchmarks.freshness import Freshness, MarkingPublisher
from benchmarks.windows import Heartbeat, live_for, wait_until
from execution.views import BookStructure, Publisher, RiskState, ScenarioState
from models.clock import SystemClock
from models.enums import Mode
from ui.app import Desktop

_SEED = 7
_WARM_S = 3.0


@dataclass(slots=True)
class Parts:
    """What the measuring needs of the desk, once it has been composed."""

    positions: int
    quotes_per_s: int
    folder: Path
    broker: FeedBroker | None = None
    publisher: MarkingPublisher | None = None

    async def compose(self, publisher: Publisher) -> program.Composed:
        """Makes the desk as main.py does, with the feed in place of the paper broker."""
        from analytics.strategy import recognise
        from database.store import open_storage
        from execution.assembly import Surroundings, assemble
        from execution.brokers.paper.synthetic import SyntheticMarket
        from execution.sessions import ExchangeSessions
        from models.config import load_config

        clock = SystemClock()
        market = SyntheticMarket(seed=_SEED, start_utc=clock.now_utc())
        book = live_book(market, clock.now_utc(), self.positions)
        broker = FeedBroker(market, clock, book, quotes_per_s=self.quotes_per_s)
        marking = MarkingPublisher(publisher)
        marking.follow(broker.stream)
        path = self.folder / "journal.sqlite"
        storage = open_storage(path, environment="bench", mode=Mode.PAPER, clock=clock)

        async def tend() -> tuple[str, ...]:
            report = await storage.verify()
            return tuple(report.problems)

        config = load_config(program.ASSETS / "defaults.toml", self.folder / "none.toml")
        options = program.Options(self.folder, self.folder / "none.toml", (), 7, session_hours=False, sample_book=False)
        desk = assemble(
            Surroundings(
                broker=broker,
                storage=storage,
                config=config,
                clock=clock,
                publisher=marking,
                sessions=ExchangeSessions(),
                recognise=recognise,
                tend_storage=tend,
                market_label=market.label,
                database_path=str(path),
                connections=program.connections(options, config, "paper", market.label),
                analysts=program.analysts(options, clock),
            )
        )
        self.broker, self.publisher = broker, marking

        async def close() -> None:
            await desk.stop()
            storage.close()

        return program.Composed(desk, path, market.label, close)


def main() -> None:
    """Runs, then measures."""
    folder, positions, quotes_per_s = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    seconds, windows = float(sys.argv[4]), int(sys.argv[5])
    folder.mkdir(parents=True, exist_ok=True)
    program.log_to_file(folder / "logs" / "optiondesk.log")
    parts = Parts(positions, quotes_per_s, folder)
    desktop = open_desktop(parts.compose, folder)
    wait_ready(desktop)
    look_at_every_panel(desktop)
    wait_until(lambda: desktop.bridge.newest(ScenarioState) is not None, within_s=30.0, what="scenario figures")
    facts = measured(desktop, parts, seconds, windows)
    desktop.close()
    print(json.dumps(facts))


def measured(desktop: Desktop, parts: Parts, seconds: float, windows: int) -> dict[str, Any]:
    """Returns what one run of `seconds` showed, cut into windows."""
    assert parts.broker is not None  # noqa: S101 - the desk is ready, so it was composed
    assert parts.publisher is not None  # noqa: S101 - as above
    stream, process = parts.broker.stream, psutil.Process()
    freshness, heart = Freshness(desktop.bridge, parts.publisher), Heartbeat()
    live_for(min(_WARM_S, seconds))
    freshness.ages.clear()
    freshness.compute_ms.clear()
    stream.deepest = 0
    heart.start()
    cut = []
    for _ in range(windows):
        began, taken, sent = time.perf_counter(), stream.taken, parts.broker.sent
        cpu = sum(process.cpu_times()[:2])
        live_for(seconds / windows)
        took_s = time.perf_counter() - began
        late = [ms for at_s, ms in heart.beats if at_s >= began]
        ages = [ms for at_s, ms in freshness.ages if at_s >= began]
        cut.append(
            {
                "processed_per_s": (stream.taken - taken) / took_s,
                "arrived_per_s": (parts.broker.sent - sent) / took_s,
                "stall_p50_ms": percentile(late, 0.5),
                "stall_p99_ms": percentile(late, 0.99),
                "stall_max_ms": max(late, default=0.0),
                "fresh_p50_ms": percentile(ages, 0.5),
                "fresh_p99_ms": percentile(ages, 0.99),
                "cpu_pct": (sum(process.cpu_times()[:2]) - cpu) / took_s * 100.0,
            }
        )
    heart.stop()
    return {"windows": cut, **_whole(desktop, parts, heart, freshness)}


def _whole(desktop: Desktop, parts: Parts, heart: Heartbeat, freshness: Freshness) -> dict[str, Any]:
    """Returns what belongs to the run as a whole."""
    assert parts.broker is not None  # noqa: S101 - the desk is ready, so it was composed
    late, ages = [ms for _, ms in heart.beats], [ms for _, ms in freshness.ages]
    risk, structure = desktop.bridge.newest(RiskState), desktop.bridge.newest(BookStructure)
    return {
        "stall_p99_ms": percentile(late, 0.99),
        "stall_max_ms": max(late, default=0.0),
        "fresh_p99_ms": percentile(ages, 0.99),
        "queue_deepest": parts.broker.stream.deepest,
        "compute_p50_ms": percentile(freshness.compute_ms, 0.5),
        "compute_p99_ms": percentile(freshness.compute_ms, 0.99),
        "risk_states": len(freshness.compute_ms),
        "quotes_followed": len(ages),
        "positions": 0 if structure is None else len(structure.rows),
        "excluded": -1 if risk is None else len(risk.excluded),
        "excluded_positions": [] if risk is None else [f"{one.label}: {one.reason.value}" for one in risk.excluded],
        "rss_mb": psutil.Process().memory_info().rss / 2**20,
    }


if __name__ == "__main__":
    main()
