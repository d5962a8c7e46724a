"""An order desk on a scripted wire, and what Tastytrade would say of its orders."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from execution.brokers.port import BrokerEvent
from execution.brokers.tastytrade.contract_codec import contract_of, symbol_of
from execution.brokers.tastytrade.facts import TastyFill, TastyLeg, TastyOrder, TastyTransaction
from execution.brokers.tastytrade.order_desk import OrderDesk
from execution.brokers.tastytrade.settings import TastySettings
from models.clock import ManualClock
from models.contract import Contract, option_contract, underlying_contract
from models.enums import Action, TimeInForce
from models.errors import BrokerFailure, InvalidInput
from models.ids import AccountId, BrokerOrderId, ContractKey
from models.order import Order, OrderLeg
from tests.execution.brokers.order_bench import STRIKES, Link, OrderPad, Told
from tests.execution.brokers.tastytrade.fake_wire import ACCOUNT_NUMBER, OUR_SOURCE, FakeWire

START = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)
ACCOUNT = AccountId(ACCOUNT_NUMBER)
SIMULATOR = TastySettings(base_url="http://127.0.0.1:1")
OPTIONS = tuple(option_contract("SPXW", date(2026, 5, 15), right, Decimal(strike)) for strike, right in STRIKES)
PAD = OrderPad(ACCOUNT, OPTIONS, START)
condor, single, order_of = PAD.condor, PAD.single, PAD.order_of
FOREIGN_SOURCE = "WB2;0.174.2"


@dataclass(slots=True)
class FakeContracts:
    """Contracts by symbol; `unknown` symbols cannot be represented, `failure` is raised instead of an answer."""

    unknown: set[str] = field(default_factory=set)
    failure: BrokerFailure | None = None

    def by_symbol(self, symbol: str, instrument_type: str) -> Contract | None:
        if symbol in self.unknown or self.failure is not None:
            return None
        return contract_of(symbol, instrument_type)

    async def contract(self, symbol: str, instrument_type: str) -> Contract:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        if symbol in self.unknown:
            raise InvalidInput("symbol", f"{symbol} cannot be shown.")
        return contract_of(symbol, instrument_type)

    async def symbol_of(self, contract: Contract) -> tuple[str, str]:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return symbol_of(contract)


# --- orders of ours ---------------------------------------------------------------------------------------------------


def shares(action: Action, quantity: int, limit: str) -> Order:
    """Returns an order for stock."""
    return order_of((OrderLeg(underlying_contract("AAPL"), action, quantity),), Decimal(limit))


# --- what Tastytrade says ---------------------------------------------------------------------------------------------


def frame(
    order: Order,
    status: str = "Live",
    *,
    tasty_id: str = "501",
    at_s: float = 0.0,
    filled: int = 0,
    legs_filled: tuple[int, ...] | None = None,
    identifier: str | None = None,
    source: str = OUR_SOURCE,
    limit: str | None = None,
    replaces: str = "",
    replaced_by: str = "",
    reason: str = "",
    price: str = "2.00",
) -> TastyOrder:
    """Returns an order as an alert tells it, `at_s` seconds after the start; fills are of one package each.

    `filled`: packages filled on every leg; `legs_filled` by leg instead.
    """
    done = legs_filled if legs_filled is not None else tuple(filled for _ in order.legs)
    at = START + timedelta(seconds=at_s)
    return TastyOrder(
        order_id=tasty_id,
        account_number=order.account_id,
        external_identifier=order.id if identifier is None else identifier,
        source=source,
        status=status,
        order_type="Limit" if order.limit_price is not None else "Market",
        time_in_force="Day" if order.tif is TimeInForce.DAY else "GTC",
        net_price=order.limit_price if limit is None else Decimal(limit),
        size=Decimal(order.packages),
        legs=tuple(
            _leg(leg, order.packages, packages, tasty_id, price) for leg, packages in zip(order.legs, done, strict=True)
        ),
        replaces_order_id=replaces,
        replacing_order_id=replaced_by,
        reject_reason=reason,
        received_at_utc=START,
        updated_at_utc=at,
        terminal_at_utc=None,
    )


def _leg(leg: OrderLeg, size: int, packages: int, tasty_id: str, price: str) -> TastyLeg:
    symbol, instrument_type = symbol_of(leg.contract)
    ratio = leg.quantity // size
    fills = tuple(
        TastyFill(f"{tasty_id}-{number}", Decimal(ratio), Decimal(price), START + timedelta(seconds=number))
        for number in range(1, packages + 1)
    )
    action = "Buy to Open" if leg.action is Action.BUY else "Sell to Open"
    left = Decimal(leg.quantity - ratio * packages)
    return TastyLeg(symbol, instrument_type, action, Decimal(leg.quantity), left, fills)


def without_fills(order: TastyOrder) -> TastyOrder:
    """Returns a frame whose fills are gone, as Tastytrade sends now and then."""
    return replace(order, legs=tuple(replace(leg, fills=()) for leg in order.legs))


def transactions_of(
    order: TastyOrder, *, fees: str | None = "1.25", is_estimated: bool = True, exec_ids: bool = True, first: int = 9001
) -> tuple[TastyTransaction, ...]:
    """Returns the transactions of all fills of an order: one per leg and fill."""
    rows = [(leg, fill) for leg in order.legs for fill in leg.fills]
    return tuple(
        transaction(
            str(first + index),
            "Trade",
            leg.action,
            leg.symbol,
            instrument_type=leg.instrument_type,
            action=leg.action,
            quantity=fill.quantity,
            price=fill.price,
            fees=fees,
            is_estimated=is_estimated,
            order_id=order.order_id,
            fill_id=fill.fill_id if exec_ids else "",
            at_utc=fill.at_utc,
        )
        for index, (leg, fill) in enumerate(rows)
    )


def transaction(
    transaction_id: str,
    kind: str,
    sub_type: str,
    symbol: str,
    *,
    instrument_type: str = "Equity Option",
    underlying: str = "SPX",
    action: str = "",
    quantity: Decimal | str | None = "1",
    price: Decimal | str | None = None,
    cash: str | None = None,
    fees: str | None = None,
    is_estimated: bool = False,
    order_id: str = "",
    fill_id: str = "",
    at_utc: datetime | None = START,
) -> TastyTransaction:
    """Returns a transaction."""
    return TastyTransaction(
        transaction_id=transaction_id,
        account_number=ACCOUNT_NUMBER,
        transaction_type=kind,
        sub_type=sub_type,
        symbol=symbol,
        instrument_type=instrument_type,
        underlying_symbol=underlying,
        action=action,
        quantity=None if quantity is None else Decimal(quantity),
        price=None if price is None else Decimal(price),
        cash_effect=None if cash is None else Decimal(cash),
        fees=None if fees is None else Decimal(fees),
        are_fees_estimated=is_estimated,
        order_id=order_id,
        fill_id=fill_id,
        executed_at_utc=at_utc,
        description="",
    )


# --- the desk ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Bench(Told):
    """An order desk, its wire, and everything it told."""

    wire: FakeWire
    clock: ManualClock
    contracts: FakeContracts
    held: dict[ContractKey, Decimal] | None
    desk: OrderDesk
    link: Link[FakeWire]

    async def take(self, *frames: TastyOrder) -> None:
        for each in frames:
            await self.desk.take(each)

    async def tell(self, *frames: TastyOrder) -> None:
        """The far end comes to have these orders, and alerts them."""
        self.wire.put(*frames)
        await self.take(*frames)

    async def sent(self, order: Order) -> BrokerOrderId:
        return await self.desk.submit(order)


def bench(settings: TastySettings = SIMULATOR, last_known: datetime | None = None) -> Bench:
    """Returns a desk on a session that stands, in an account that holds nothing."""
    clock = ManualClock(START)
    wire, contracts, events = FakeWire(clock), FakeContracts(), list[BrokerEvent]()
    link = Link(wire)
    made: list[Bench] = []
    desk = OrderDesk(
        wire=link.current,
        catalog=contracts,
        positions=lambda _: made[0].held,
        accounts=lambda: (ACCOUNT,),
        clock=clock,
        settings=settings,
        emit=events.append,
        last_known=lambda _: last_known,
        look_after_s=0.005,
        fees_after_s=0.005,
    )
    made.append(Bench(events, wire, clock, contracts, {}, desk, link))
    return made[0]


def play(
    scenario: Callable[[Bench], Awaitable[None]],
    *,
    settings: TastySettings = SIMULATOR,
    last_known: datetime | None = None,
) -> None:
    """Runs a scenario on a fresh desk."""

    async def run() -> None:
        each = bench(settings, last_known)
        try:
            await scenario(each)
        finally:
            each.desk.link_lost()
            await asyncio.sleep(0)

    asyncio.run(run())
