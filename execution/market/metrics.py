"""The broker's own vol ranks of the underlying on screen: asked when it changes and now and then, not per repaint."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import timedelta
from typing import Final

from execution.brokers.port import Broker, Capability, UnderlyingMetrics
from models.clock import Clock
from models.errors import KnownError

#: Ranks over a year move slowly.
EVERY_S: Final = 300.0
#: After a failure, unless the underlying changes.
AGAIN_S: Final = 30.0
#: Older figures are not shown: nobody has confirmed them since.
GOOD_FOR: Final = timedelta(minutes=30)
_LOG = logging.getLogger(__name__)


class MetricsService:
    """Keeps the figures of one underlying fresh, and those of others for as long as they are good. Engine thread."""

    def __init__(self, *, broker: Broker, clock: Clock, every_s: float = EVERY_S, again_s: float = AGAIN_S) -> None:
        self._broker = broker
        self._clock = clock
        self._every_s = every_s
        self._again_s = again_s
        self._underlying: str | None = None
        self._known: dict[str, UnderlyingMetrics] = {}
        self._due_s: dict[str, float] = {}
        self._changed = asyncio.Event()

    def want(self, underlying: str | None) -> None:
        """Says which underlying is on screen; the same one changes nothing."""
        if underlying != self._underlying:
            self._underlying = underlying
            self._changed.set()

    def of(self, underlying: str) -> UnderlyingMetrics | None:
        """Returns what is known, every figure None where nothing is; None at a broker that ranks no vols."""
        if Capability.METRICS not in self._broker.capabilities:
            return None
        now_utc = self._clock.now_utc()
        known = self._known.get(underlying)
        if known is None or now_utc - known.at_utc > GOOD_FOR:
            return UnderlyingMetrics(underlying, self._broker.name, now_utc)
        return known

    async def run(self) -> None:
        """Asks whenever it is time, until cancelled."""
        while True:
            self._changed.clear()
            rest_s = None if self._underlying is None else await self._ask_if_due(self._underlying)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest_s):
                    await self._changed.wait()

    async def _ask_if_due(self, underlying: str) -> float:
        """Returns how long the figures of an underlying are left alone."""
        loop = asyncio.get_running_loop()
        rest_s = self._due_s.get(underlying, 0.0) - loop.time()
        if rest_s > 0:
            return rest_s
        try:
            told = await self._broker.underlying_metrics(underlying)
        except KnownError as error:
            _LOG.info("the vol ranks of %s are not known: %s", underlying, error)
            rest_s = self._again_s
        else:
            rest_s = self._every_s
            if told is None:
                self._known.pop(underlying, None)
            else:
                self._known[underlying] = told
        self._due_s[underlying] = loop.time() + rest_s
        return rest_s
