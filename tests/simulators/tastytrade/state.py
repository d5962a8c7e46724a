"""What one run of the simulated Tastytrade stands on: the exchange, its contracts, the time, what is postponed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from execution.brokers.paper.core import PaperCore
from execution.brokers.paper.faults import FaultScript
from execution.brokers.paper.store import StoreChange
from models.clock import new_york_time
from models.ids import AccountId
from tests.simulators.postponed import Postponed
from tests.simulators.tastytrade.habits import Habits
from tests.simulators.tastytrade.listing import Listing
from tests.simulators.tastytrade.replies import not_found


@dataclass(slots=True)
class TastyState:
    """From start to stop. `deliver` sends what the exchange has to tell by now, `cut` breaks every connection."""

    core: PaperCore
    habits: Habits
    faults: FaultScript
    postponed: Postponed
    now: Callable[[], datetime]
    deliver: Callable[[], None]
    cut: Callable[[], None]
    listing: Listing = field(init=False)

    def __post_init__(self) -> None:
        self.listing = Listing(self.core.market)

    @property
    def accounts(self) -> tuple[AccountId, ...]:
        """Every account of the login."""
        return self.core.book.account_ids

    def account(self, number: str) -> AccountId:
        """Returns an account by its number; raises Refusal for an unknown one."""
        if number not in self.accounts:
            raise not_found(f"account {number}")
        return AccountId(number)

    def today(self) -> date:
        """Returns New York's day."""
        return new_york_time(self.now()).date()

    def keep(self, *facts: tuple[str, str]) -> None:
        """Writes texts that must survive a restart."""
        if facts:
            self.core.store.commit(StoreChange(self.core.now_utc, facts=facts))

    def fact(self, name: str) -> str | None:
        """Returns a kept text."""
        return self.core.store.fact(name)
