"""How soon a dead link is noticed, and how soon the desk trades again, with the time limits a user has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.ibkr_desk import DeskOnTws
from execution.brokers.ibkr.settings import IbTimeouts
from execution.views import Phase
from models.errors import KnownError

#: Desks that wait at the same time: enough to be done soon, few enough not to wait for each other.
_AT_ONCE = 4
_PATIENCE_S = 90.0


async def half_open(folder: Path, count: int, timeouts: IbTimeouts) -> list[float]:
    """Returns the seconds until each of `count` links, gone deaf at some point between pings, was called down."""
    rng = Random(11)

    async def one(number: int) -> float:
        on = DeskOnTws(folder / str(number), seed=number, timeouts=timeouts)
        await on.start()
        try:
            await asyncio.sleep(rng.uniform(0.0, timeouts.ping_every_s))
            began_s = time.perf_counter()
            on.simulator.half_open()
            if not await on.watch.until(lambda: on.watch.phase is not Phase.READY, _PATIENCE_S):
                raise KnownError("A half-open link was never noticed.")
            return time.perf_counter() - began_s
        finally:
            await on.stop()

    return await _few_at_once([partial(one, number) for number in range(count)])


async def returns(folder: Path, outages_s: Sequence[float], timeouts: IbTimeouts) -> list[float]:
    """Returns the seconds from TWS's return, after each outage, until orders may leave again."""

    async def one(number: int, outage_s: float) -> float:
        on = DeskOnTws(folder / str(number), seed=number, timeouts=timeouts)
        await on.start()
        try:
            await on.stop_tws()
            await asyncio.sleep(outage_s)
            began_s = time.perf_counter()
            await on.start_tws()
            await on.ready(_PATIENCE_S)
            return time.perf_counter() - began_s
        finally:
            await on.stop()

    return await _few_at_once([partial(one, number, outage_s) for number, outage_s in enumerate(outages_s)])


async def _few_at_once(work: Sequence[Callable[[], Awaitable[float]]]) -> list[float]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def guarded(one: Callable[[], Awaitable[float]]) -> float:
        async with gate:
            return await one()

    return list(await asyncio.gather(*(guarded(one) for one in work)))
