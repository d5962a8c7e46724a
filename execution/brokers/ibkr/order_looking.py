"""Looks at TWS when a word left something open, and tells what is found."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from execution.brokers.ibkr.executions import FillBook
from execution.brokers.ibkr.order_book import OrderBook
from execution.brokers.ibkr.order_listing import Lister, Listing
from execution.brokers.ibkr.order_teller import Teller
from models.errors import BrokerFailure

#: A look within a request; with that request's own wait it stays below the order manager's patience (15 s).
_LOOK_S: Final = 4.0
_log = logging.getLogger(__name__)


class Looker:
    """Brings books and desk up to TWS's lists. Engine thread only."""

    def __init__(
        self, *, lister: Lister, teller: Teller, book: OrderBook, fills: FillBook, look_after_s: float
    ) -> None:
        self._lister = lister
        self._teller = teller
        self._book = book
        self._fills = fills
        self._look_after_s = look_after_s
        self._looking: asyncio.Task[None] | None = None
        self._is_wanted = False
        self._telling: asyncio.Task[None] | None = None
        self._is_telling_wanted = False

    async def look(self) -> Listing:
        """Asks TWS what it has and tells what is new."""
        listing = await self._lister.ask()
        await self.tell_all()
        return listing

    async def look_or_none(self) -> Listing | None:
        """Looks within a short time; None when TWS does not tell."""
        try:
            async with asyncio.timeout(_LOOK_S):
                return await self.look()
        except (BrokerFailure, TimeoutError) as error:
            _log.warning("TWS could not be asked what it has: %s", error)
            return None

    def look_soon(self) -> None:
        """Follows a doubt in a while: usually TWS's next word settles it. One look serves all doubts."""
        self._is_wanted = True
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._follow(), name="ibkr order doubts")
            self._looking.add_done_callback(_log_end)

    def tell_soon(self) -> None:
        """Tells what TWS has to be asked about first, aside: whoever takes its words must not wait for its answers."""
        self._is_telling_wanted = True
        if self._telling is None or self._telling.done():
            self._telling = asyncio.get_running_loop().create_task(self._tell(), name="ibkr orders of others")
            self._telling.add_done_callback(_log_end)

    @property
    def is_telling(self) -> bool:
        """Whether something is still to be told that TWS is asked about."""
        return self._telling is not None and not self._telling.done()

    @property
    def is_looking(self) -> bool:
        """Whether a doubt is being followed."""
        return self._looking is not None and not self._looking.done()

    def stop(self) -> None:
        """Ends the look that follows a doubt, and the questions about contracts of others."""
        for task in (self._looking, self._telling):
            if task is not None:
                task.cancel()
        self._looking = self._telling = None

    async def tell_all(self) -> None:
        """Tells what the desk has not been told yet."""
        for fill in self._fills.legs():
            await self._teller.tell_fill(fill)
        for record in self._book.records():
            await self._teller.tell_order(record)

    async def _tell(self) -> None:
        while self._is_telling_wanted:
            self._is_telling_wanted = False
            await self.tell_all()

    async def _follow(self) -> None:
        while self._is_wanted:
            self._is_wanted = False
            await asyncio.sleep(self._look_after_s)
            started_at = self._book.count
            listing = await self.look_or_none()
            if listing is not None and listing.is_complete:
                for record in self._book.mark_absent(started_at, listing.mentioned):
                    await self._teller.tell_order(record)


def _log_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("%s broke", task.get_name(), exc_info=task.exception())
