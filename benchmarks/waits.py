"""How soon a dead link is noticed, and how soon the desk trades again, with the time limits a user has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from benchmarks.whole_desk import WholeDesk
from models.errors import KnownError

#: Desks that wait at the same time: enough to be done soon, few enough not to wait for each other.
_AT_ONCE = 4
_PATIENCE_S = 120.0

DeskT = TypeVar("DeskT", bound=WholeDesk[Any])
#: Makes a desk in a folder out of a seed.
MakeDesk = Callable[[Path, int], DeskT]


async def until_noticed(
    folder: Path,
    count: int,
    make: MakeDesk[DeskT],
    *,
    within_s: float,
    go_deaf: Callable[[DeskT], None],
    is_noticed: Callable[[DeskT], bool],
) -> list[float]:
    """Returns the seconds until each of `count` links, gone deaf at some point of the first `within_s`, was noticed."""
    rng = Random(11)

    async def one(number: int) -> float:
        on = make(folder / str(number), number)
        await on.start()
        try:
            await asyncio.sleep(rng.uniform(0.0, within_s))
            began_s = time.perf_counter()
            go_deaf(on)
            if not await on.watch.until(lambda: is_noticed(on), _PATIENCE_S):
                raise KnownError("A link that went deaf was never noticed.")
            return time.perf_counter() - began_s
        finally:
            await on.stop()

    return await _few_at_once([partial(one, number) for number in range(count)])


async def returns(folder: Path, outages_s: Sequence[float], make: MakeDesk[DeskT]) -> list[float]:
    """Returns the seconds from the far end's return, after each outage, until orders may leave again."""

    async def one(number: int, outage_s: float) -> float:
        on = make(folder / str(number), number)
        await on.start()
        try:
            await on.stop_far()
            await asyncio.sleep(outage_s)
            began_s = time.perf_counter()
            await on.start_far()
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
