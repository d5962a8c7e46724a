"""One connection to TWS, free of any library: what the parts of the adapter are written against.

The real one is `connection.IbConnection`. Every method is called on the engine's loop thread (asserted); each await has
its own limit and raises `models.errors.BrokerFailure`: TIMEOUT (no answer), OFFLINE (link gone), REJECTED (a decoded
refusal, `code` = TWS's number). Facts go to the sink in the order in which TWS sent them, before anything the library
makes of them; a request's answer is also returned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Protocol

from execution.brokers.ibkr.facts import (
    CompletedOrderFact,
    ExecutionFact,
    Fact,
    IbContract,
    IbContractDetails,
    IbMargins,
    IbOptionParams,
    IbPriceIncrement,
    OpenOrderFact,
    PositionFact,
    TickFact,
)


@dataclass(frozen=True, slots=True)
class IbOrder:
    """What is sent. `limit_price` is None for MKT and MOC; a BAG's net credit is negative."""

    action: str
    quantity: Decimal
    order_type: str
    limit_price: Decimal | None
    tif: str
    account: str
    order_ref: str


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the start of the API told."""

    server_version: int
    accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WhatIfReply:
    """The answers to a what-if: `margins` of the real one, else of the last; None = none came in time.

    `refusal` is (code, text) when TWS refused the order.
    """

    margins: IbMargins | None
    refusal: tuple[int, str] | None
    warnings: tuple[str, ...] = ()


FactSink = Callable[[Fact], None]
TickSink = Callable[[tuple[TickFact, ...]], None]


class IbWire(Protocol):
    """One connection, used once: after it closed another is made."""

    @property
    def is_open(self) -> bool:
        """Whether the API has started and the socket stands."""
        ...

    @property
    def own_zone(self) -> tzinfo:
        """TWS's own time zone; New York before it has greeted."""
        ...

    async def open(self) -> Greeting:
        """Connects and starts the API; nothing else is asked for yet."""
        ...

    async def close(self) -> None:
        """Lets go; no fact comes afterwards."""
        ...

    async def current_time(self) -> datetime:
        """Returns TWS's clock; also the sign of life, and a barrier behind everything sent before it."""
        ...

    async def positions(self) -> tuple[PositionFact, ...]:
        """Returns all holdings of all accounts, and subscribes to changes (facts)."""
        ...

    async def account_updates(self, account: str) -> None:
        """Subscribes to an account's values; returns when the first full set has come as facts."""
        ...

    def subscribe_day_pnl(self, account: str) -> None:
        """Subscribes to an account's profit and loss of the day (facts); TWS may stay silent."""
        ...

    async def open_orders(self) -> tuple[OpenOrderFact, ...]:
        """Returns the working orders of every client of this login, TWS's own included."""
        ...

    async def completed_orders(self) -> tuple[CompletedOrderFact, ...]:
        """Returns what is done, as far back as TWS remembers."""
        ...

    async def executions(self) -> tuple[ExecutionFact, ...]:
        """Returns the executions of all clients since TWS's midnight; their commissions come as facts."""
        ...

    async def contract_details(self, contract: IbContract) -> tuple[IbContractDetails, ...]:
        """Returns every contract that fits; empty when none does."""
        ...

    async def option_params(self, underlying: IbContractDetails) -> tuple[IbOptionParams, ...]:
        """Returns the option classes on an underlying (for a future: of its exchange)."""
        ...

    async def market_rule(self, rule_id: int) -> tuple[IbPriceIncrement, ...]:
        """Returns a price increment table, by rising edge."""
        ...

    def set_market_data_type(self, data_type: int) -> None:
        """States which quotes are wanted: 1 live, 3 delayed where there are no live ones, 4 delayed or frozen."""
        ...

    def subscribe(self, contract: IbContract) -> int:
        """Opens a market-data line for a qualified contract and returns its request id (errors name it)."""
        ...

    def unsubscribe(self, con_id: int) -> None:
        """Closes a line."""
        ...

    async def what_if(self, contract: IbContract, order: IbOrder) -> WhatIfReply:
        """Asks what an order would need. Never raises for a refusal or silence: the reply tells."""
        ...

    def place(self, contract: IbContract, order: IbOrder, order_id: int | None = None) -> int:
        """Sends an order to work, or with `order_id` changes one, and returns the order id used. Sent once."""
        ...

    def cancel(self, order_id: int) -> None:
        """Asks to cancel an order of this client id."""
        ...
