"""Disconnects of Interactive Brokers at random points of a day's trading: see `storms`.

How soon a half-open link is noticed, and how soon the desk is ready after TWS's return, is measured apart, with the
time limits a user has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from random import Random

from benchmarks.figures import Outcome, figure
from benchmarks.ibkr_desk import SHORT, DeskOnTws
from benchmarks.ibkr_weather import Break, TwsWeather
from benchmarks.plan import Plan
from benchmarks.storms import StormReport, Storms, facts_of, figures_of
from benchmarks.waits import returns, until_noticed
from execution.brokers.ibkr.settings import IbTimeouts
from execution.views import Phase

NOTICED_AT_MOST_S, READY_AT_MOST_S = 25.0, 15.0


async def run_storms(folder: Path, storms: int, seed: int, kinds: Sequence[Break] = tuple(Break)) -> StormReport:
    """Returns the report of `storms` storms on a new desk."""
    on = DeskOnTws(folder, seed=seed)
    await on.start()
    try:
        return await Storms(TwsWeather(on, Random(seed))).run(storms, kinds=kinds)
    finally:
        await on.stop()


def measure(plan: Plan, folder: Path) -> Outcome:
    """The storms, then the two times with the limits a user has."""
    reports = [asyncio.run(run_storms(folder / "storms", plan.storms, seed=7))]
    timeouts = SHORT if plan.is_tiny else IbTimeouts()

    def make(place: Path, seed: int) -> DeskOnTws:
        return DeskOnTws(place, seed=seed, timeouts=timeouts)

    noticed = asyncio.run(
        until_noticed(
            folder / "half-open",
            plan.half_opens,
            make,
            within_s=timeouts.ping_every_s,
            go_deaf=lambda on: on.simulator.half_open(),
            is_noticed=lambda on: on.watch.phase is not Phase.READY,
        )
    )
    ready = asyncio.run(returns(folder / "returns", plan.outages_s, make))
    return Outcome(
        {
            **figures_of(reports, plan.storms),
            "half_open_noticed": figure("s", [max(noticed)], at_most=NOTICED_AT_MOST_S),
            "ready_after_return": figure("s", [max(ready)], at_most=READY_AT_MOST_S),
        },
        {
            "half_open_noticed_s": noticed,
            "ready_after_return_s": ready,
            "outages_s": list(plan.outages_s),
            **facts_of(reports),
        },
    )
