"""An order desk on a scripted wire, and the facts TWS would send about its orders."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal

from execution.brokers.ibkr.executions import split_exec_id
from execution.brokers.ibkr.facts import (
    CommissionFact,
    CompletedOrderFact,
    ErrorFact,
    ExecutionFact,
    IbComboLeg,
    IbContract,
    IbMargins,
    OpenOrderFact,
    OrderStatusFact,
)
from execution.brokers.ibkr.order_desk import OrderDesk
from execution.brokers.ibkr.settings import IbkrSettings, IbTimeouts
from execution.brokers.port import BrokerEvent
from models.clock import ManualClock
from models.contract import Contract, option_contract
from models.enums import Action
from models.errors import InvalidInput
from models.ids import AccountId, ExecutionId
from models.order import Order
from tests.execution.brokers.ibkr.fake_wire import FakeWire
from tests.execution.brokers.order_bench import STRIKES, Link, OrderPad, Told

START = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)
ACCOUNT = AccountId("DU100")
CLIENT = 17
FAST = IbTimeouts(answer_s=0.2, ack_s=0.1, cancel_s=0.1)
OPTIONS = tuple(
    option_contract("SPXW", date(2026, 5, 15), right, Decimal(strike), conid=1001 + index)
    for index, (strike, right) in enumerate(STRIKES)
)
PAD = OrderPad(ACCOUNT, OPTIONS, START)
condor, single, order_of = PAD.condor, PAD.single, PAD.order_of
NO_MARGINS = IbMargins(None, None, None, None, None, None, None, None, None, None, None, None, "", "")


@dataclass(slots=True)
class FakeContracts:
    """Contracts by conid; `unknown` ones are not told, `failure` is raised instead of an answer."""

    known: dict[int, Contract] = field(default_factory=lambda: {each.conid: each for each in OPTIONS})
    cached: set[int] = field(default_factory=set)
    failure: Exception | None = None
    asked: int = 0
    #: Awaited by every question when set: lets a test hold an answer back.
    gate: asyncio.Event | None = None
    #: The same for questions about what TWS itself named.
    told_gate: asyncio.Event | None = None

    def by_con_id(self, con_id: int) -> Contract | None:
        return self.known.get(con_id) if con_id in self.cached else None

    async def contract(self, ib: IbContract) -> Contract:
        if self.told_gate is not None:
            await self.told_gate.wait()
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        if ib.con_id not in self.known:
            raise InvalidInput("contract", f"TWS knows no contract {ib.con_id}.")
        self.cached.add(ib.con_id)
        return self.known[ib.con_id]

    async def con_id_of(self, contract: Contract) -> IbContract:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return ib_of(contract)


def ib_of(contract: Contract) -> IbContract:
    """Returns TWS's contract of an option."""
    return IbContract(contract.conid, "SPX", "OPT", "20260515", contract.strike, exchange="SMART", trading_class="SPXW")


# --- what TWS says ----------------------------------------------------------------------------------------------------


def bag_of(order: Order, *, turned: bool = False) -> IbContract:
    """Returns the contract as TWS echoes it; `turned`: with its legs in another sequence."""
    if len(order.legs) == 1:
        return ib_of(order.legs[0].contract)
    legs = [
        IbComboLeg(leg.contract.conid, leg.quantity // order.packages, leg.action.value, "SMART") for leg in order.legs
    ]
    shown = tuple(reversed(legs)) if turned else tuple(legs)
    return IbContract(28812380, "SPX", "BAG", right="?", exchange="SMART", trading_class="COMB", combo_legs=shown)


def opened(
    order: Order,
    status: str = "Submitted",
    *,
    order_id: int = 1,
    perm_id: int = 900,
    client_id: int = CLIENT,
    ref: str | None = None,
    limit: Decimal | None = None,
    turned: bool = False,
) -> OpenOrderFact:
    """Returns TWS's echo of an order."""
    is_combo = len(order.legs) > 1
    action = "BUY" if is_combo else order.legs[0].action.value
    net = order.limit_price if limit is None else limit
    return OpenOrderFact(
        order_id=order_id,
        client_id=client_id,
        perm_id=perm_id,
        account=order.account_id,
        order_ref=order.id if ref is None else ref,
        contract=bag_of(order, turned=turned),
        action=action,
        quantity=Decimal(order.packages),
        order_type=order.order_type.value,
        limit_price=-net if net is not None and action == "SELL" else net,
        tif=order.tif.value,
        status=status,
        is_what_if=False,
        margins=NO_MARGINS,
    )


def status_of(
    status: str, filled: int = 0, remaining: int = 0, *, order_id: int = 1, perm_id: int = 900, client_id: int = CLIENT
) -> OrderStatusFact:
    """Returns a status."""
    return OrderStatusFact(order_id, client_id, perm_id, status, Decimal(filled), Decimal(remaining), None, "")


def completed(
    order: Order, status: str, *, filled: int = 0, said: str = "", perm_id: int = 900, ref: str | None = None
) -> CompletedOrderFact:
    """Returns a completed order; TWS gives a total of 0 for these."""
    echo = opened(order)
    return CompletedOrderFact(
        perm_id=perm_id,
        account=order.account_id,
        order_ref=order.id if ref is None else ref,
        contract=echo.contract,
        action=echo.action,
        quantity=Decimal(0),
        filled_quantity=Decimal(filled),
        order_type=echo.order_type,
        limit_price=echo.limit_price,
        tif=echo.tif,
        status=status,
        completed_status=said,
        completed_at_utc=START,
    )


def error(code: int, text: str = "TWS says something.", *, order_id: int = 1) -> ErrorFact:
    """Returns an error about an order."""
    return ErrorFact(order_id, code, text)


def fills_of(
    order: Order,
    packages: int = 1,
    *,
    base: str = "0000e0d5.5f4d",
    revision: int = 1,
    perm_id: int = 900,
    order_id: int = 1,
    price: str = "2.00",
    is_live: bool = True,
) -> tuple[ExecutionFact, ...]:
    """Returns the executions of some packages: the line of the combination (if it is one), then each leg."""
    lines: list[ExecutionFact] = []
    is_combo = len(order.legs) > 1
    if is_combo:
        line = bag_of(order)
        lines.append(_execution(order, replace(line, combo_legs=()), f"{base}.01", revision, "BOT", packages, "-1.85"))
    for number, leg in enumerate(order.legs, start=2 if is_combo else 1):
        quantity = packages * leg.quantity // order.packages
        side = "BOT" if leg.action is Action.BUY else "SLD"
        lines.append(_execution(order, ib_of(leg.contract), f"{base}.{number:02}", revision, side, quantity, price))
    return tuple(replace(each, perm_id=perm_id, order_id=order_id, is_live=is_live) for each in lines)


def _execution(
    order: Order, contract: IbContract, root: str, revision: int, side: str, quantity: int, price: str
) -> ExecutionFact:
    return ExecutionFact(
        exec_id=f"{root}.{revision:02}",
        order_id=1,
        client_id=CLIENT,
        perm_id=900,
        account=order.account_id,
        order_ref=order.id,
        contract=contract,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        at_utc=START,
        cumulative_quantity=Decimal(quantity),
        is_live=True,
    )


def fee_of(fact: ExecutionFact, dollars: str = "1.25", *, currency: str = "USD") -> CommissionFact:
    """Returns the commission of an execution (nothing for the line of a combination)."""
    fee = Decimal(0) if fact.contract.sec_type == "BAG" else Decimal(dollars)
    return CommissionFact(fact.exec_id, fee, currency, None)


def root_of(fact: ExecutionFact) -> ExecutionId:
    """Returns the id that corrections keep."""
    return split_exec_id(fact.exec_id)[0]


# --- the desk ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Bench(Told):
    """An order desk, its wire, and everything it told."""

    wire: FakeWire
    contracts: FakeContracts
    desk: OrderDesk
    link: Link[FakeWire]

    async def take(self, *facts: object) -> None:
        for fact in facts:
            await self.desk.take(fact)  # type: ignore[arg-type]  # a test's facts of any kind
        if self.contracts.told_gate is None:
            await self.until(lambda: not self.desk.is_telling)

    async def sent(self, order: Order, *answers: object) -> str:
        """Submits an order that TWS answers with these facts (by default: submitted), and returns its broker id."""
        waiting = asyncio.ensure_future(self.desk.submit(order))
        await self.until(lambda: bool(self.wire.placed) and self.wire.placed[-1][2].order_ref == order.id)
        number = self.wire.placed[-1][0]
        await self.take(*(answers or (opened(order, order_id=number), status_of("Submitted", order_id=number))))
        return await waiting


def bench(settings: IbkrSettings | None = None) -> Bench:
    """Returns a desk on a wire that stands."""
    clock = ManualClock(START)
    wire, contracts, events = FakeWire(clock), FakeContracts(), list[BrokerEvent]()
    link = Link(wire)
    desk = OrderDesk(
        wire=link.current,
        catalog=contracts,
        clock=clock,
        settings=settings or IbkrSettings(client_id=CLIENT, timeouts=FAST),
        emit=events.append,
        settle_s=0.01,
        look_after_s=0.01,
    )
    return Bench(events, wire, contracts, desk, link)


def play(scenario: Callable[[Bench], Awaitable[None]], settings: IbkrSettings | None = None) -> None:
    """Runs a scenario on a fresh desk."""

    async def run() -> None:
        each = bench(settings)
        await scenario(each)
        each.desk.link_lost()
        await asyncio.sleep(0)

    asyncio.run(run())
