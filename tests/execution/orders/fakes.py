"""Hand-written stand-ins: a scripted broker, a storage in memory whose N-th write fails, desk facts, a harness."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from execution.brokers.port import (
    BrokerEvent,
    BrokerOrder,
    BrokerSnapshot,
    Capability,
    ChainExpiry,
    ExecutionEvent,
    OrderEvent,
    WhatIf,
)
from execution.commands import TicketDraft
from execution.facts import OrderCaps
from execution.orders.manager import OrderManager
from execution.orders.timings import OrderTimings
from execution.storage import AuditKind, AuditRecord, LoadedState, StoredOrder
from execution.views import JournalWritten, LogLine, Notice, OrderNotice, OrdersState, SendOutcome, State
from models.account import AccountInfo, AccountValues
from models.clock import ManualClock
from models.contract import Contract, option_contract, underlying_contract
from models.enums import (
    Action,
    BrokerName,
    MarketDataKind,
    Metric,
    Mode,
    OrderStatus,
    OrderType,
    Regime,
    Right,
    TimeInForce,
    TradingState,
)
from models.errors import InvalidInput, KnownError
from models.greeks import PortfolioGreeks
from models.ids import AccountId, BrokerOrderId, ContractKey, ExecutionId, OrderId, new_order_id
from models.order import Order, OrderLeg
from models.position import UnifiedPosition
from models.product import TickRule
from models.quote import Quote
from models.risk import Limit, RiskBreach
from models.trade import AccountSnapshot, Execution, ExecutionKind, JournalEntry, MarketContext

NOW = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)
ACCOUNT = AccountId("PAPER-1")
EXPIRY = date(2026, 6, 12)
BROKER_ID = BrokerOrderId("B1")
T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs one test's coroutine on a loop of its own."""
    return asyncio.run(coroutine)


def option(strike: int, right: Right = Right.PUT, root: str = "SPXW", expiry: date = EXPIRY) -> Contract:
    return option_contract(root, expiry, right, Decimal(strike))


def leg(contract: Contract, action: Action = Action.SELL, quantity: int = 1) -> OrderLeg:
    return OrderLeg(contract, action, quantity)


def condor(quantity: int = 2) -> tuple[OrderLeg, ...]:
    """A sold SPXW iron condor, quoted at a mid of CR 2.00 in `quotes`."""
    return (
        leg(option(6900), Action.BUY, quantity),
        leg(option(7000), Action.SELL, quantity),
        leg(option(7400, Right.CALL), Action.SELL, quantity),
        leg(option(7500, Right.CALL), Action.BUY, quantity),
    )


MIDS = {6900: "4.00", 7000: "5.00", 7400: "4.00", 7500: "3.00"}


def quote(contract: Contract, mid: str, *, half: str = "0.10", kind: MarketDataKind = MarketDataKind.LIVE) -> Quote:
    middle, width = Decimal(mid), Decimal(half)
    return Quote(contract.key, middle - width, middle + width, middle, NOW, kind)


def draft(
    legs: tuple[OrderLeg, ...] | None = None,
    price: str | None = "-1.85",
    *,
    order_type: OrderType = OrderType.LIMIT,
    tif: TimeInForce = TimeInForce.DAY,
    account: AccountId = ACCOUNT,
    order_id: OrderId | None = None,
) -> TicketDraft:
    return TicketDraft(
        order_id=order_id or new_order_id(),
        account_id=account,
        legs=condor() if legs is None else legs,
        order_type=order_type,
        limit_price=None if price is None else Decimal(price),
        tif=tif,
        rationale="premium is rich",
    )


CAPS = OrderCaps(
    max_contracts_per_leg=50,
    max_notional_usd=Decimal(5_000_000),
    max_loss_usd=Decimal(50_000),
    collar_pct_of_mid=Decimal(20),
    collar_min_usd=Decimal("0.50"),
    max_orders_per_minute=10,
    max_orders_per_day=50,
    max_open_orders_per_underlying=5,
    quote_max_age_s=5.0,
    simulation_max_age_s=30.0,
    duplicate_window_s=5.0,
    block_on_limit_breach=True,
)


def greeks(spx_delta: float = 10.0, vega: float = -100.0, excluded: int = 0) -> PortfolioGreeks:
    return PortfolioGreeks(NOW, spx_delta, -1.0, 50.0, vega, 0, excluded)


class FakeFacts:
    """The desk: everything is an attribute a test may change."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.position_version = 7
        self.trading_unlocked = True
        self.is_read_only = False
        self.trading_state = TradingState.ACTIVE
        self.caps = CAPS
        self.accounts = {ACCOUNT: AccountInfo(BrokerName.PAPER, ACCOUNT, Mode.PAPER, "Paper", may_trade=True)}
        self.values = {
            ACCOUNT: AccountValues(
                ACCOUNT, NOW, Decimal(500_000), Decimal(400_000), Decimal(300_000), Decimal(50_000), Decimal(40_000)
            )
        }
        self.armed: set[AccountId] = set()
        self.quotes = {
            each.contract.key: quote(each.contract, MIDS[int(each.contract.strike or 0)]) for each in condor()
        }
        self.age_s = 1.0
        self.held: list[UnifiedPosition] = []
        self.loss: Decimal | None = Decimal(19_630)
        self.bounds: tuple[Limit, ...] = (Limit(Metric.SPX_DELTA, -60.0, 60.0), Limit(Metric.VEGA, -2500.0, None))
        self.tick = TickRule(Decimal("0.05"), Decimal(0), Decimal("0.05"))
        self.delta_per_leg = 1.0
        self.greeks_asked: list[tuple[Execution, ...]] = []

    def account(self, account_id: AccountId) -> AccountInfo | None:
        return self.accounts.get(account_id)

    def account_values(self, account_id: AccountId) -> AccountValues | None:
        return self.values.get(account_id)

    def is_armed(self, account_id: AccountId) -> bool:
        info = self.accounts.get(account_id)
        return info is not None and (info.mode is Mode.PAPER or account_id in self.armed)

    def quote(self, key: ContractKey) -> Quote | None:
        return self.quotes.get(key)

    def quote_age_s(self, key: ContractKey) -> float | None:
        return self.age_s if key in self.quotes else None

    def quotes_are_simulated(self) -> bool:
        return False

    def positions(self, account_id: AccountId) -> Sequence[UnifiedPosition]:
        return [position for position in self.held if position.account_id == account_id]

    def net_tick_rule(self, legs: tuple[OrderLeg, ...]) -> TickRule:
        return self.tick

    def greeks(self, *, without: Sequence[Execution] = (), extra_legs: Sequence[OrderLeg] = ()) -> PortfolioGreeks:
        self.greeks_asked.append(tuple(without))
        return greeks(10.0 - 3.0 * len(without) + self.delta_per_leg * len(extra_legs))

    def limits(self) -> tuple[Limit, ...]:
        return self.bounds

    def max_loss_usd(self, legs: tuple[OrderLeg, ...], limit_price: Decimal | None) -> Decimal | None:
        return self.loss

    def market_context(self) -> MarketContext:
        return MarketContext(self.clock.now_utc(), 7200.75, 17.4, 19.0, Regime.MEDIUM_VOL)

    def strategy_tag(self, legs: tuple[OrderLeg, ...]) -> str:
        return "iron_condor" if len(legs) == 4 else "custom"

    def now_utc(self) -> datetime:
        return self.clock.now_utc()

    def want_quotes(self, owner: str, keys: Collection[ContractKey]) -> None:
        return None


GOOD_WHAT_IF = WhatIf(
    initial_margin_before=Decimal(50_000),
    initial_margin_change=Decimal(20_000),
    initial_margin_after=Decimal(70_000),
    maintenance_margin_before=Decimal(40_000),
    maintenance_margin_change=Decimal(20_000),
    maintenance_margin_after=Decimal(60_000),
    equity_change=Decimal(0),
    buying_power_after=Decimal(280_000),
    fees=Decimal("5.20"),
)
EMPTY_SNAPSHOT = BrokerSnapshot(NOW, (), (), (), (), (), NOW)


class FakeBroker:
    """Does what its script says and counts what it was asked."""

    def __init__(self) -> None:
        self.name = BrokerName.PAPER
        self.capabilities = frozenset({Capability.REPLACE, Capability.MARKET_ON_CLOSE})
        self.submitted: list[Order] = []
        self.cancelled: list[Order] = []
        self.replaced: list[tuple[Order, Decimal]] = []
        self.found_for: list[tuple[OrderId, ...]] = []
        self.what_if: WhatIf | Exception = GOOD_WHAT_IF
        self.submit_error: BaseException | None = None
        self.cancel_error: Exception | None = None
        self.replace_error: Exception | None = None
        self.during_submit: Callable[[Order], Awaitable[None]] | None = None
        self.during_cancel: Callable[[Order], Awaitable[None]] | None = None
        self.during_simulate: Callable[[Order], Awaitable[None]] | None = None
        #: One answer per find_orders, the last one again and again.
        self.finds: list[tuple[BrokerOrder, ...] | Exception] = [()]
        self.snapshot_value: BrokerSnapshot = EMPTY_SNAPSHOT
        self.unlisted: set[ContractKey] = set()
        self.resolve_error: Exception | None = None
        self.resolved: dict[ContractKey, Contract] = {}

    async def simulate(self, order: Order) -> WhatIf:
        if self.during_simulate is not None:
            await self.during_simulate(order)
        if isinstance(self.what_if, Exception):
            raise self.what_if
        return self.what_if

    async def submit(self, order: Order) -> BrokerOrderId:
        self.submitted.append(order)
        if self.during_submit is not None:
            await self.during_submit(order)
        if self.submit_error is not None:
            raise self.submit_error
        return BrokerOrderId(f"B{len(self.submitted)}")

    async def cancel(self, order: Order) -> None:
        self.cancelled.append(order)
        if self.during_cancel is not None:
            await self.during_cancel(order)
        if self.cancel_error is not None:
            raise self.cancel_error

    async def replace(self, order: Order, limit_price: Decimal) -> None:
        self.replaced.append((order, limit_price))
        if self.replace_error is not None:
            raise self.replace_error

    async def find_orders(self, order_ids: Collection[OrderId]) -> tuple[BrokerOrder, ...]:
        self.found_for.append(tuple(order_ids))
        answer = self.finds.pop(0) if len(self.finds) > 1 else self.finds[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def snapshot(self) -> BrokerSnapshot:
        return self.snapshot_value

    async def resolve(self, key: ContractKey) -> Contract:
        if self.resolve_error is not None:
            raise self.resolve_error
        if key in self.unlisted:
            raise InvalidInput("symbol", f"{key} is not listed.")
        if key in self.resolved:
            return self.resolved[key]
        known = {each.contract.key: each.contract for each in condor()}
        return known[key] if key in known else _contract_of(key)

    async def connect(self) -> tuple[AccountInfo, ...]:
        return ()

    async def close(self) -> None:
        return None

    async def events(self) -> AsyncIterator[BrokerEvent]:
        nothing: tuple[BrokerEvent, ...] = ()
        for event in nothing:
            yield event

    async def expiries(self, underlying: str) -> tuple[ChainExpiry, ...]:
        return ()

    async def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        return ()

    async def net_tick_rule(self, legs: tuple[OrderLeg, ...]) -> TickRule:
        return legs[0].contract.net_tick

    async def underlyings(self) -> tuple[str, ...]:
        return ()

    async def betas(self, symbols: Collection[str]) -> dict[str, float]:
        return {}

    def set_subscriptions(self, contracts: Collection[Contract]) -> None:
        return None


def _contract_of(key: ContractKey) -> Contract:
    from models.contract import contract_of_occ

    return contract_of_occ(key) if len(key) == 21 else underlying_contract(key)


class DiskFull(KnownError):
    def __init__(self) -> None:
        super().__init__("The disk is full.", cure="Free some space.")


class FakeStorage:
    """What the database keeps, in memory; `fail_writes` holds the numbers of the writes that fail (from 1)."""

    is_read_only = False

    def __init__(self) -> None:
        self.writes = 0
        self.fail_writes: set[int] = set()
        self.orders: dict[OrderId, Order] = {}
        self.intents: dict[OrderId, datetime] = {}
        self.executions: dict[tuple[AccountId, ExecutionId], Execution] = {}
        self.fees: dict[ExecutionId, str] = {}
        self.journal: list[JournalEntry] = []
        self.journaled: set[tuple[AccountId, ExecutionId, int]] = set()
        self.order_journal: dict[OrderId, str] = {}
        self.audits: list[AuditRecord] = []
        self.count_error: KnownError | None = None
        self.on_intent: Callable[[], Awaitable[None]] | None = None
        self.trail: list[str] = []

    def _write(self, what: str) -> None:
        self.writes += 1
        if self.writes in self.fail_writes:
            raise DiskFull
        self.trail.append(what)

    async def load(self, accounts: Sequence[AccountId]) -> LoadedState:
        orders = tuple(
            StoredOrder(order, BrokerName.PAPER, self.intents.get(order.id), self.order_journal.get(order.id))
            for order in self.orders.values()
        )
        return LoadedState(
            orders=orders,
            executions=tuple(self.executions.values()),
            open_breaches=(),
            positions=(),
            trading_state=TradingState.ACTIVE,
            trading_state_reason="",
            journaled=frozenset(self.journaled),
        )

    async def save_order(self, order: Order, broker: BrokerName, audit: Sequence[AuditRecord]) -> None:
        self._write("order")
        self.orders[order.id] = order
        self.audits += audit

    async def commit_intent(self, order: Order, broker: BrokerName, audit: AuditRecord) -> None:
        self._write("intent")
        if self.on_intent is not None:
            await self.on_intent()
        if order.id in self.intents:
            raise KnownError("There is an intent of this order already.")
        self.intents[order.id] = order.submitted_at or NOW
        self.orders[order.id] = order
        self.audits.append(audit)

    async def record_executions(
        self, executions: Sequence[Execution], audit: Sequence[AuditRecord]
    ) -> tuple[bool, ...]:
        self._write("execution")
        answers = []
        for execution in executions:
            key = (execution.account_id, execution.execution_id)
            known = self.executions.get(key)
            is_new = known is None or execution.revision > known.revision
            if is_new:
                self.executions[key] = execution
            answers.append(is_new)
        self.audits += audit
        return tuple(answers)

    async def record_fee(self, broker: BrokerName, account_id: AccountId, execution_id: ExecutionId, fee: str) -> bool:
        self._write("fee")
        is_new = self.fees.get(execution_id) != fee
        self.fees[execution_id] = fee
        return is_new

    async def write_journal(
        self, entry: JournalEntry, order: Order | None, broker: BrokerName, audit: AuditRecord
    ) -> bool:
        self._write("journal")
        pairs = zip(audit.state["execution_ids"], audit.state["revisions"], strict=True)
        keys = {(entry.account_id, ExecutionId(execution_id), revision) for execution_id, revision in pairs}
        if keys <= self.journaled:
            return False
        self.journaled |= keys
        self.journal.append(entry)
        if order is not None:
            self.order_journal[order.id] = entry.id
        self.audits.append(audit)
        return True

    async def audit(self, records: Sequence[AuditRecord]) -> None:
        self._write("audit")
        self.audits += records

    async def save_positions(
        self, account_id: AccountId, positions: Sequence[UnifiedPosition], at_utc: datetime
    ) -> None:
        self._write("positions")

    async def save_trading_state(self, state: TradingState, reason: str, at_utc: datetime) -> None:
        self._write("trading_state")

    async def count_intents(self, day_start_utc: datetime) -> int:
        if self.count_error is not None:
            raise self.count_error
        return sum(1 for at in self.intents.values() if at >= day_start_utc)

    async def write_snapshot(self, snapshot: AccountSnapshot, slot_utc: datetime | None) -> bool:
        return True

    async def record_missed_slot(self, slot_utc: datetime, account_id: AccountId, reason: str) -> bool:
        return True

    async def last_slot(self, account_id: AccountId) -> datetime | None:
        return None

    async def save_breach(self, breach: RiskBreach) -> None:
        return None

    async def edit_journal(
        self, journal_id: str, *, user_rationale: str | None, tags: Sequence[str] | None, at_utc: datetime
    ) -> None:
        return None

    async def load_settings(self) -> dict[str, str]:
        return {}

    async def save_setting(self, name: str, value: str, at_utc: datetime) -> None:
        return None

    def kinds(self) -> list[AuditKind]:
        return [record.kind for record in self.audits]


class Window:
    """Collects what the engine tells."""

    def __init__(self) -> None:
        self.states: list[State] = []
        self.notices: list[Notice] = []

    def state(self, state: State) -> None:
        self.states.append(state)

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)

    def lines(self) -> list[str]:
        return [notice.text for notice in self.notices if isinstance(notice, LogLine)]

    def says(self, *words: str) -> bool:
        return any(all(word in line for word in words) for line in self.lines())

    def statuses(self, order_id: OrderId) -> list[OrderStatus]:
        """The order's statuses as told, repeats left out."""
        told = [
            each.order.status for each in self.notices if isinstance(each, OrderNotice) and each.order.id == order_id
        ]
        return [status for index, status in enumerate(told) if index == 0 or told[index - 1] is not status]

    def journal_ids(self) -> list[str]:
        return [notice.journal_id for notice in self.notices if isinstance(notice, JournalWritten)]

    def shown(self) -> OrdersState:
        return next(state for state in reversed(self.states) if isinstance(state, OrdersState))


class Sleeper:
    """Time that passes only when the test lets it: `wake` ends every sleep that has come due."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._sleeping: list[tuple[datetime, asyncio.Event]] = []
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        event = asyncio.Event()
        self._sleeping.append((self._clock.now_utc() + timedelta(seconds=seconds), event))
        await event.wait()

    async def pass_time(self, seconds: float) -> None:
        """Lets that much time pass, waking sleepers in the order they are due."""
        await settle()
        end = self._clock.now_utc() + timedelta(seconds=seconds)
        while due := sorted((entry for entry in self._sleeping if entry[0] <= end), key=lambda entry: entry[0]):
            at, event = due[0]
            self._sleeping.remove(due[0])
            self._clock.set(max(at, self._clock.now_utc()))
            event.set()
            await settle()
        self._clock.set(end)
        await settle()


async def settle() -> None:
    """Lets everything that can run, run."""
    for _ in range(30):
        await asyncio.sleep(0)


@dataclass
class Desk:
    """An order manager with its fakes."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    broker: FakeBroker = field(default_factory=FakeBroker)
    storage: FakeStorage = field(default_factory=FakeStorage)
    window: Window = field(default_factory=Window)
    mode: Mode = Mode.PAPER
    halts: list[str] = field(default_factory=list)
    timings: OrderTimings = field(default_factory=OrderTimings)

    def __post_init__(self) -> None:
        self.facts = FakeFacts(self.clock)
        self.sleep = Sleeper(self.clock)
        self.manager = self.start()

    def start(self) -> OrderManager:
        """Makes a manager, as a start of the desk does; an earlier one is forgotten (crash)."""
        self.manager = OrderManager(
            broker=self.broker,
            storage=self.storage,
            facts=self.facts,
            publisher=self.window,
            clock=self.clock,
            mode=self.mode,
            halt=self._halt,
            timings=self.timings,
            sleep=self.sleep,
        )
        return self.manager

    async def _halt(self, reason: str) -> None:
        self.halts.append(reason)
        self.facts.trading_state = TradingState.HALTED

    async def simulated(self, ticket: TicketDraft | None = None) -> TicketDraft:
        ticket = draft() if ticket is None else ticket
        outcome = await self.manager.simulate(ticket)
        assert outcome.order is not None, (outcome.problems, outcome.failure)
        return ticket

    async def sent(self, ticket: TicketDraft | None = None) -> TicketDraft:
        ticket = await self.simulated(ticket)
        outcome: SendOutcome = await self.manager.send(ticket)
        assert outcome.accepted, (outcome.problems, outcome.denials, outcome.failure)
        return ticket

    def order(self, ticket: TicketDraft) -> Order:
        order = self.manager.order(ticket.order_id)
        assert order is not None
        return order

    async def told(self, ticket: TicketDraft, status: OrderStatus, **changes: Any) -> None:
        await self.manager.apply(OrderEvent(word(ticket, status, **changes)))

    async def fill(self, ticket: TicketDraft, packages: int = 1, batch: str = "1", **changes: Any) -> list[Execution]:
        """Executions of every leg for that many packages, applied one by one."""
        done = fills_of(ticket, packages, batch, **changes)
        for execution in done:
            await self.manager.apply(ExecutionEvent(execution))
        return done

    async def recover(self, snapshot: BrokerSnapshot | None = None) -> None:
        await self.manager.recover(await self.storage.load([ACCOUNT]), snapshot or EMPTY_SNAPSHOT)


FILL_PRICES = {6900: "4.05", 7000: "4.95", 7400: "3.95", 7500: "3.00"}


def word(ticket: TicketDraft, status: OrderStatus, **changes: Any) -> BrokerOrder:
    """What the broker tells of a ticket's order."""
    told = BrokerOrder(
        broker_order_id=BROKER_ID,
        order_id=ticket.order_id,
        account_id=ticket.account_id,
        legs=ticket.legs,
        order_type=ticket.order_type,
        limit_price=ticket.limit_price,
        tif=ticket.tif,
        status=status,
        filled_packages=0,
        at_utc=NOW,
    )
    return replace(told, **changes)


def execution_of(each: OrderLeg, execution_id: str, **changes: Any) -> Execution:
    strike = int(each.contract.strike or 0)
    made = Execution(
        broker=BrokerName.PAPER,
        account_id=ACCOUNT,
        execution_id=ExecutionId(execution_id),
        broker_order_id=BROKER_ID,
        order_id=None,
        contract=each.contract,
        action=each.action,
        quantity=Decimal(each.quantity),
        price=Decimal(FILL_PRICES.get(strike, "1.00")),
        executed_at_utc=NOW,
        kind=ExecutionKind.TRADE,
    )
    return replace(made, **changes)


def fills_of(ticket: TicketDraft, packages: int = 1, batch: str = "1", **changes: Any) -> list[Execution]:
    from execution.orders.package import ratios

    shares = ratios(ticket.legs)
    return [
        execution_of(
            replace(each, quantity=share * packages),
            f"{batch}.{number}",
            **{"order_id": ticket.order_id, **changes},
        )
        for number, (each, share) in enumerate(zip(ticket.legs, shares, strict=True))
    ]
