"""Follows up what was left open: requests without an answer, fills announced but not told, fees still to come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import date
from typing import Any, Final

from execution.brokers.tastytrade.executions import FillBook
from execution.brokers.tastytrade.order_book import OrderBook
from execution.brokers.tastytrade.order_listing import Lister, is_waiting_for_fills
from execution.brokers.tastytrade.order_teller import Teller
from models.clock import Clock, new_york_time
from models.errors import BrokerFailure

#: Tries of one doubt, each pause twice the one before.
_TRIES: Final = 6
_FEE_TRIES: Final = 9
#: How often estimates of former days are read again, until they are none.
_REREAD_EVERY_S: Final = 1800.0
_log = logging.getLogger(__name__)


class Watch:
    """Asks in the background; never sends. Engine thread only."""

    def __init__(
        self,
        *,
        lister: Lister,
        teller: Teller,
        book: OrderBook,
        fills: FillBook,
        clock: Clock,
        look_after_s: float,
        fees_after_s: float,
    ) -> None:
        self._lister = lister
        self._teller = teller
        self._book = book
        self._fills = fills
        self._clock = clock
        self._look_after_s = look_after_s
        self._fees_after_s = fees_after_s
        self._is_look_wanted = False
        self._looking: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def look(self) -> frozenset[str]:
        """Asks for everything and tells what is new; returns the orders listed."""
        listing = await self._lister.ask()
        self._book.note_listed(listing.mentioned, listing.asked_at)
        for record in self._book.records():
            record.is_replace_doubted = record.is_replace_doubted and not self._book.has_heir(record)
        await self._teller.tell_all()
        if self._is_fee_open():
            self.fees_soon()
        if self._is_doubted() and not self.is_looking:
            # Left open when the link went: nobody follows it any more, and an end would never be believed.
            self.look_soon()
        return listing.mentioned

    def look_soon(self) -> None:
        """Follows a doubt in a while: usually the next alert settles it. One look serves all doubts."""
        self._is_look_wanted = True
        if self._looking is None or self._looking.done():
            self._looking = _start(self._follow(), "tastytrade order doubts")

    def fees_soon(self) -> None:
        """Reads fees in a while, where some are still to come or are estimates of former days."""
        self._news.set()
        if (self._reading is None or self._reading.done()) and self._is_fee_open():
            self._reading = _start(self._read_fees(), "tastytrade fees")

    @property
    def is_looking(self) -> bool:
        """Whether a doubt is being followed up."""
        return self._looking is not None and not self._looking.done()

    def stop(self) -> None:
        """Ends both."""
        for task in (self._looking, self._reading):
            if task is not None:
                task.cancel()
        self._looking = self._reading = None

    # --- doubts -------------------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        pause_s, tries = self._look_after_s, 0
        while self._is_look_wanted or (self._is_doubted() and tries < _TRIES):
            if self._is_look_wanted:
                self._is_look_wanted, pause_s, tries = False, self._look_after_s, 0
            await asyncio.sleep(pause_s)
            pause_s, tries = pause_s * 2, tries + 1
            try:
                await self.look()
            except BrokerFailure as error:
                _log.warning("Tastytrade could not be asked what it has: %s", error)
        for record in self._book.records():
            if record.is_replace_doubted:
                record.is_replace_doubted = False
                await self._teller.tell_order(record)

    def _is_doubted(self) -> bool:
        return bool(self._book.doubts()) or any(
            record.is_replace_doubted or self._book.lost_heir(record) or is_waiting_for_fills(record, self._book)
            for record in self._book.records()
        )

    # --- fees ---------------------------------------------------------------------------------------------------------

    def _is_fee_open(self) -> bool:
        return bool(self._fills.without_fee() or self._fills.estimated_before(self._today()) or self._is_estimated())

    def _is_estimated(self) -> bool:
        return any(fill.is_fee_estimated for fill in self._fills.all())

    async def _read_fees(self) -> None:
        """Reads soon while fees are missing, then twice an hour while estimates of former days stand."""
        pause_s, tries = self._fees_after_s, 0
        while self._is_fee_open():
            is_soon = bool(self._fills.without_fee()) and tries < _FEE_TRIES
            pause_s, tries = pause_s * 2, tries + 1
            try:
                async with asyncio.timeout(pause_s / 2 if is_soon else _REREAD_EVERY_S):
                    await self._news.wait()
            except TimeoutError:
                await self._read_due()
            else:
                # A new fill: however many come, one reading a moment later serves them all.
                self._news.clear()
                await asyncio.sleep(self._fees_after_s)
                await self._read_due()
                pause_s, tries = self._fees_after_s, 0

    async def _read_due(self) -> None:
        due = (*self._fills.without_fee(), *self._fills.estimated_before(self._today()))
        try:
            if due:
                await self._lister.ask_fees(sorted({fill.account_number for fill in due}))
        except BrokerFailure as error:
            _log.warning("the fees could not be read: %s", error)
        await self._teller.tell_all()

    def _today(self) -> date:
        return new_york_time(self._clock.now_utc()).date()


def _start(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    task = asyncio.get_running_loop().create_task(work, name=name)
    task.add_done_callback(_log_end)
    return task


def _log_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("%s ended", task.get_name(), exc_info=task.exception())
