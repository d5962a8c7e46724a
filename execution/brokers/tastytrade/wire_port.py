"""One login at Tastytrade, free of any library: what the parts of the adapter are written against.

The real one is `session.TastySession`. Every method is called on the engine's loop thread; each await has its own limit
and raises `models.errors.BrokerFailure`: AUTH (login refused or revoked), TIMEOUT, OFFLINE, RATE_LIMIT, REJECTED (a
decoded refusal, `code` = Tastytrade's), PROTOCOL (an answer nobody can read). Reads retry by themselves (401 once after
a refresh, 429 / 5xx / network with pauses); writes leave once, and raise with `outcome_unknown` unless a decoded 4xx
came. Lists come without what could not be read, which goes to the sink as OddObject.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from execution.brokers.tastytrade.facts import (
    AlertFact,
    MarketFact,
    TastyAccount,
    TastyBalance,
    TastyDryRun,
    TastyExpiration,
    TastyMetrics,
    TastyOrder,
    TastyPosition,
    TastyTransaction,
)


@dataclass(frozen=True, slots=True)
class TastyOrderLeg:
    """A leg as it is sent; `action` in Tastytrade's words."""

    symbol: str
    instrument_type: str
    action: str
    quantity: int


@dataclass(frozen=True, slots=True)
class TastyOrderDraft:
    """What is sent. `net_price` per package, debit positive, None for market orders.

    `is_strict`: a closing leg without a position to close is refused instead of opening one.
    """

    legs: tuple[TastyOrderLeg, ...]
    order_type: str
    time_in_force: str
    net_price: Decimal | None
    external_identifier: str
    is_strict: bool


@dataclass(frozen=True, slots=True)
class Login:
    """What the login told. `scopes` out of the refresh token, empty when it cannot be read."""

    accounts: tuple[TastyAccount, ...]
    scopes: tuple[str, ...]


def always() -> bool:
    """What waits for nothing."""
    return True


AlertSink = Callable[[AlertFact], None]
MarketSink = Callable[[tuple[MarketFact, ...]], None]


class TastyWire(Protocol):
    """A session with its two streams, which connect, heartbeat, recycle and come back by themselves, told as facts."""

    async def open(self) -> Login:
        """Logs in and reads the accounts; opens no stream yet."""
        ...

    async def close(self) -> None:
        """Ends streams and session; no fact comes afterwards."""
        ...

    async def start_alerts(self, account_numbers: Collection[str]) -> None:
        """Starts the account stream; returns when it is subscribed. Facts go to the alert sink in their order."""
        ...

    async def start_quotes(self) -> None:
        """Starts the quote stream; returns when it is authorised."""
        ...

    def set_streamer_symbols(self, quotes: Collection[str], greeks: Collection[str]) -> None:
        """States the full set of streamer symbols wanted, by need; sent as chunked differences, anew on a reconnect."""
        ...

    async def balance(self, account_number: str) -> TastyBalance:
        """Returns an account's money."""
        ...

    async def positions(self, account_number: str) -> tuple[TastyPosition, ...]:
        """Returns what an account holds."""
        ...

    async def orders(self, account_number: str, since: date) -> tuple[TastyOrder, ...]:
        """Returns every order since a day, working ones included, newest first, all pages."""
        ...

    async def live_orders(self, account_number: str) -> tuple[TastyOrder, ...]:
        """Returns the orders of today that are working or ended today."""
        ...

    async def order(self, account_number: str, order_id: str) -> TastyOrder | None:
        """Returns one order, None when there is none of that id."""
        ...

    async def transactions(self, account_number: str, since: date) -> tuple[TastyTransaction, ...]:
        """Returns transactions since a day, oldest first, all pages."""
        ...

    async def metrics(self, symbols: Collection[str]) -> tuple[TastyMetrics, ...]:
        """Returns betas and vol ranks; unknown symbols are absent, one odd symbol loses no other."""
        ...

    async def chain(self, underlying: str) -> tuple[TastyExpiration, ...]:
        """Returns every expiration of every root on an equity or index, nested; empty for an unknown one."""
        ...

    async def futures_chain(self, product: str) -> tuple[TastyExpiration, ...]:
        """Returns every expiration of the options on a futures product (`ES`)."""
        ...

    async def streamer_symbol(self, symbol: str, instrument_type: str) -> str:
        """Returns DXLink's symbol of an instrument; raises InvalidInput when Tastytrade does not know it."""
        ...

    async def dry_run(self, account_number: str, draft: TastyOrderDraft) -> TastyDryRun:
        """Asks what an order would need; a refusal is an answer."""
        ...

    async def margin_dry_run(self, account_number: str, draft: TastyOrderDraft, underlying: str) -> TastyDryRun:
        """Asks for the margin alone, by an endpoint that does not judge the order; a refusal is an answer."""
        ...

    async def place(
        self, account_number: str, draft: TastyOrderDraft, *, may_leave: Callable[[], bool] = always
    ) -> TastyOrder:
        """Sends an order once and returns it as accepted.

        `may_leave` is asked at the last moment, when nothing is waited for any more; OFFLINE when it says no.
        """
        ...

    async def replace(
        self, account_number: str, order_id: str, draft: TastyOrderDraft, *, may_leave: Callable[[], bool] = always
    ) -> TastyOrder:
        """Replaces a working order once; returns the successor (another id). `may_leave` as for `place`."""
        ...

    async def cancel(self, account_number: str, order_id: str) -> None:
        """Asks to cancel, once."""
        ...
