"""One broker of several: what it is, how its link stands, and whether it was compared since it last broke."""

from __future__ import annotations

import asyncio
from typing import Final

from execution.brokers.port import Broker
from models.account import AccountInfo
from models.enums import BrokerName, FeedState

TITLES: Final = {
    BrokerName.PAPER: "The paper broker",
    BrokerName.IBKR: "Interactive Brokers",
    BrokerName.TASTYTRADE: "Tastytrade",
}
_LINKS: Final = {FeedState.CONNECTING: "is connecting", FeedState.STALE: "is stale", FeedState.DOWN: "is down"}


class House:
    """Engine thread only; kept by `JoinedBroker`, which connects it and reads its events."""

    def __init__(self, number: int, broker: Broker) -> None:
        self.number = number
        self.broker = broker
        self.accounts: tuple[AccountInfo, ...] = ()
        self.reading: asyncio.Task[None] | None = None
        self.mending: asyncio.Task[None] | None = None
        #: It connected once: from then on the adapter mends its link by itself.
        self.is_open = False
        self.feed = FeedState.CONNECTING
        self.text = ""
        #: Why it did not tell orders and positions although its link is sound.
        self.trouble = ""
        #: It did not come up for want of something only the user can do.
        self.is_users_turn = False
        self._link_number = 0
        self._agreed_number = -1

    @property
    def title(self) -> str:
        """Its name in text."""
        return TITLES[self.broker.name]

    @property
    def link_number(self) -> int:
        """Rises with every break of the link: what was told before one proves nothing after it."""
        return self._link_number

    @property
    def is_sound(self) -> bool:
        """Whether link and answers are what they should be."""
        return self.is_open and self.feed is FeedState.LIVE and not self.trouble

    @property
    def is_seen(self) -> bool:
        """Whether its orders and positions were compared at all in this run."""
        return self._agreed_number >= 0

    @property
    def is_locked(self) -> bool:
        """Whether its link broke since its orders and positions were compared."""
        return self._agreed_number != self._link_number

    def break_link(self) -> None:
        """Nothing goes out until a snapshot told after this one is compared."""
        self._link_number += 1

    def opened(self, accounts: tuple[AccountInfo, ...]) -> None:
        """Takes what connecting brought."""
        self.accounts, self.is_open, self.trouble = accounts, True, ""
        self.feed, self.text = FeedState.LIVE, ""

    def closed(self) -> None:
        """Takes that it was let go."""
        self.accounts, self.is_open, self.reading = (), False, None
        self.feed = FeedState.DOWN
        self.break_link()

    def note(self, failure: str) -> bool:
        """Keeps why it is not sound; True when that is news."""
        is_news = failure != (self.trouble if self.is_open else self.text)
        if self.is_open:
            self.trouble = failure
        else:
            self.text = failure
        return is_news

    def agree(self, told_on: int) -> None:
        """Takes note that what it told on that link was compared."""
        self._agreed_number = max(self._agreed_number, told_on)

    def words(self) -> str:
        """Returns what is wrong, and what that means; empty when nothing is."""
        if self.is_sound:
            return ""
        if not self.is_seen:
            why = f": {self.text}" if self.text else "."
            when = "when that is done" if self.is_users_turn else "by itself"
            return (
                f"{self.title} is not connected yet{why} Its positions are in no figure, so nothing is sent in any "
                f"account. It is tried again {when}."
            )
        what = self.trouble or self.text
        how = f"{self.title} {_LINKS.get(self.feed, 'does not answer')}"
        why = what if what and self.title in what else f"{how}: {what}" if what else f"{how}."
        return f"{why} Nothing is sent in its accounts, and its positions are as it told them last."
