"""Disconnects of Tastytrade at random points of a day's trading: see `storms`.

Several desks trade at the same time, each in its own weather. How soon a link that went deaf is noticed, and how soon
the desk is ready after the server's return, is measured apart, with the time limits a user has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from random import Random

from benchmarks.figures import Outcome, figure
from benchmarks.plan import Plan
from benchmarks.storms import StormReport, Storms, facts_of, figures_of
from benchmarks.tasty_desk import SHORT, DeskOnTasty
from benchmarks.tasty_weather import Break, TastyWeather
from benchmarks.waits import returns, until_noticed
from execution.brokers.tastytrade.settings import TastyTimeouts
from execution.views import Phase

NOTICED_AT_MOST_S, READY_AT_MOST_S = 75.0, 15.0
_DESKS = 4
_QUOTES_DOWN = "Quotes of Tastytrade are down"


async def run_storms(folder: Path, seed: int, kinds: Sequence[Break]) -> StormReport:
    """Returns the report of a storm of each of these kinds, in an order of the seed's, on a new desk."""
    on = DeskOnTasty(folder, seed=seed)
    await on.start()
    try:
        return await Storms(TastyWeather(on, Random(seed))).run(len(kinds), kinds=kinds)
    finally:
        await on.stop()


async def run_desks(folder: Path, storms: int, desks: int, *, first_seed: int = 1) -> list[StormReport]:
    """Returns the reports of `storms` storms, every kind in turn, dealt to so many desks."""
    every = tuple(Break)
    kinds = [every[number % len(every)] for number in range(storms)]
    hands = [kinds[first::desks] for first in range(min(desks, storms))]
    seeds = range(first_seed, first_seed + len(hands))
    return list(
        await asyncio.gather(
            *(run_storms(folder / str(seed), seed, hand) for seed, hand in zip(seeds, hands, strict=True))
        )
    )


async def noticed(folder: Path, count: int, timeouts: TastyTimeouts) -> tuple[list[float], list[float]]:
    """Returns the seconds until links gone deaf were noticed: those with everything on them, then quotes alone."""

    def make(place: Path, seed: int) -> DeskOnTasty:
        return DeskOnTasty(place, seed=seed, timeouts=timeouts)

    def are_quotes_down(on: DeskOnTasty) -> bool:
        return any(line.text.startswith(_QUOTES_DOWN) for line in on.watch.lines)

    within_s = timeouts.heartbeat_every_s
    every = until_noticed(
        folder / "links",
        count,
        make,
        within_s=within_s,
        go_deaf=lambda on: on.simulator.half_open(),
        is_noticed=lambda on: on.watch.phase is not Phase.READY,
    )
    quotes = until_noticed(
        folder / "quotes",
        max(count // 2, 1),
        make,
        within_s=within_s,
        go_deaf=lambda on: on.simulator.freeze_sockets("quotes"),
        is_noticed=are_quotes_down,
    )
    found = await asyncio.gather(every, quotes)
    return found[0], found[1]


def measure(plan: Plan, folder: Path) -> Outcome:
    """The storms, then the times with the limits a user has."""
    reports = asyncio.run(run_desks(folder / "storms", plan.storms, _DESKS))
    timeouts = SHORT if plan.is_tiny else TastyTimeouts()
    links, quotes = asyncio.run(noticed(folder / "deaf", plan.half_opens, timeouts))
    ready = asyncio.run(
        returns(
            folder / "returns", plan.outages_s, lambda place, seed: DeskOnTasty(place, seed=seed, timeouts=timeouts)
        )
    )
    return Outcome(
        {
            **figures_of(reports, plan.storms),
            "dead_peer_noticed": figure("s", [max(links)], at_most=NOTICED_AT_MOST_S),
            "dead_quote_stream_noticed": figure("s", [max(quotes)], at_most=NOTICED_AT_MOST_S),
            "ready_after_return": figure("s", [max(ready)], at_most=READY_AT_MOST_S),
        },
        {
            "dead_peer_noticed_s": links,
            "dead_quote_stream_noticed_s": quotes,
            "ready_after_return_s": ready,
            "outages_s": list(plan.outages_s),
            **facts_of(reports),
        },
    )
