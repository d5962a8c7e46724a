"""Values for tests and benchmarks, and fast seeding of large databases."""

from __future__ import annotations

import json
import random
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from string import Template

from sqlalchemy import Connection, insert

from database.rebuild import rebuild_derived
from database.schema import account_snapshots, journal_tags, trade_journal
from database.store import SqliteStorage, open_storage
from models.clock import ManualClock
from models.contract import Contract, option_contract
from models.coverage import StatementDays
from models.enums import (
    Action,
    BrokerName,
    JournalStatus,
    Mode,
    OrderStatus,
    OrderType,
    Regime,
    Right,
    TimeInForce,
)
from models.greeks import PortfolioGreeks, UnitGreeks
from models.ids import AccountId, BrokerOrderId, ExecutionId, OrderId, new_order_id, new_uuid
from models.order import Order, OrderLeg, SimulationResult
from models.records import AuditKind, AuditRecord
from models.statement import CashKind, CashMovement, StatementLine, StatementPart
from models.trade import AccountSnapshot, Execution, JournalEntry, JournalLeg, MarketContext

NOW = datetime(2026, 5, 4, 19, 45, 12, 123456, tzinfo=UTC)
ACCOUNT = AccountId("DU1234567")
PUT = option_contract("SPXW", date(2026, 6, 15), Right.PUT, Decimal(6800), conid=265598)
CALL = option_contract("SPXW", date(2026, 6, 15), Right.CALL, Decimal("7502.5"))
_STRATEGIES = ("iron_condor", "short_strangle", "put_credit_spread", "calendar", "long_call", "covered_call", None)
_UNDERLYINGS = ("SPX", "SPY", "QQQ", "AAPL", "MSFT", "/ES", "IWM", "TLT")
_WORDS = ("sold", "premium", "before", "the", "close", "roll", "down", "hedge", "earnings", "rich", "vol", "delta")
_TAGS = ("earnings", "roll", "hedge", "mistake", "weekly")


def open_paper(path: Path, *, mode: Mode = Mode.PAPER, environment: str = "desk") -> SqliteStorage:
    """Returns an open storage on `path` with a clock that stands still."""
    return open_storage(path, environment=environment, mode=mode, clock=ManualClock(NOW))


def sql(text: str, **names: str) -> str:
    """Returns SQL with `$name` replaced: tables and columns cannot be bound."""
    return Template(text).substitute(names)


def a_greeks(delta: float = -120.5) -> PortfolioGreeks:
    return PortfolioGreeks(
        timestamp=NOW, spx_equiv_delta=delta, gamma=-8.2, theta=340.0, vega=-1200.0, beta_unavailable_count=1
    )


def an_order(status: OrderStatus = OrderStatus.PENDING, *, order_id: OrderId | None = None) -> Order:
    legs = (
        OrderLeg(PUT, Action.SELL, 2, UnitGreeks(12.5, 0.18, -0.16, 0.0004, -1.9, 4.25)),
        OrderLeg(CALL, Action.SELL, 2, None),
    )
    simulated = SimulationResult(
        initial_margin_current=Decimal("10000.10"),
        initial_margin_change=Decimal("2500.25"),
        initial_margin_after=Decimal("12500.35"),
        maintenance_margin_current=None,
        maintenance_margin_change=None,
        maintenance_margin_after=None,
        equity_change=Decimal("-3.12"),
        buying_power_after=Decimal("301220.00"),
        fees=Decimal("3.12"),
        current_greeks=a_greeks(),
        projected_greeks=a_greeks(-131.25),
        simulated_at=NOW,
        fingerprint="f" * 64,
        position_version=7,
        broker_warn="near the close",
    )
    return Order(
        id=order_id or new_order_id(),
        account_id=ACCOUNT,
        legs=legs,
        order_type=OrderType.LIMIT,
        limit_price=Decimal("-1.850"),
        tif=TimeInForce.DAY,
        status=status,
        created_at=NOW,
        simulation_result=simulated,
        user_rationale="sell rich vol — größer",
        strategy_tag="short_strangle",
        submitted_at=NOW,
        broker_order_id=BrokerOrderId("1001"),
        fill_prices={PUT.key: Decimal("12.5000"), CALL.key: Decimal("0.05")},
    )


def an_audit(kind: AuditKind = AuditKind.STATUS, order_id: OrderId | None = None, **state: object) -> AuditRecord:
    return AuditRecord(kind, order_id, BrokerOrderId("1001"), ACCOUNT, NOW, dict(state), latency_us=1500)


def an_execution(
    execution_id: str = "0001f4e8.01",
    *,
    order_id: OrderId | None = None,
    revision: int = 1,
    price: str = "12.50",
    fee: str | None = None,
    contract: Contract = PUT,
) -> Execution:
    return Execution(
        broker=BrokerName.PAPER,
        account_id=ACCOUNT,
        execution_id=ExecutionId(execution_id),
        broker_order_id=BrokerOrderId("1001"),
        order_id=order_id,
        contract=contract,
        action=Action.SELL,
        quantity=Decimal(2),
        price=Decimal(price),
        executed_at_utc=NOW,
        revision=revision,
        fee=None if fee is None else Decimal(fee),
    )


def a_statement_part(execution_id: str = "0001f4e8.77") -> StatementPart:
    """A fill that a statement told, with its line, a fee of the account and the day it stands for."""
    return StatementPart(
        executions=(replace(an_execution(execution_id, fee="1.05"), broker=BrokerName.IBKR),),
        lines=(
            StatementLine(
                broker=BrokerName.IBKR,
                account_id=ACCOUNT,
                line_id=f"booked:{execution_id}",
                line_no=77,
                trade_id="7700",
                execution_id=ExecutionId(execution_id),
                fee=Decimal("1.05"),
                is_preliminary=False,
            ),
        ),
        cash=(
            CashMovement(
                broker=BrokerName.IBKR,
                account_id=ACCOUNT,
                movement_id="9001",
                kind=CashKind.FEE,
                at_utc=NOW,
                amount=Decimal("-10.00"),
                currency="USD",
                text="Snapshot fee",
            ),
        ),
        days=(StatementDays(BrokerName.IBKR, ACCOUNT, NOW.date(), NOW.date(), NOW, "may.xml"),),
    )


def a_context() -> MarketContext:
    return MarketContext(at_utc=NOW, spx_price=7200.75, vix=17.4, vix3m=19.0, regime=Regime.MEDIUM_VOL)


def an_entry(
    *,
    order_id: OrderId | None = None,
    at_utc: datetime = NOW,
    rationale: str | None = "sold premium",
    tags: tuple[str, ...] = (),
    underlying: str = "SPX",
    status: JournalStatus = JournalStatus.FILLED,
    legs: tuple[JournalLeg, ...] | None = None,
) -> JournalEntry:
    return JournalEntry(
        id=new_uuid(),
        created_at=at_utc,
        broker=BrokerName.PAPER,
        account_id=ACCOUNT,
        broker_order_id=BrokerOrderId("1001"),
        order_id=order_id,
        underlying=underlying,
        strategy_tag="iron_condor",
        status=status,
        legs=(JournalLeg(PUT, Action.SELL, 2, Decimal("12.50")),) if legs is None else legs,
        net_debit_credit=Decimal("-2500.00"),
        context=a_context(),
        pre_greeks=a_greeks(),
        post_greeks=None,
        user_rationale=rationale,
        tags=tags,
    )


def a_snapshot(at_utc: datetime = NOW, account: AccountId = ACCOUNT, net: str = "512340.55") -> AccountSnapshot:
    return AccountSnapshot(
        id=new_uuid(),
        captured_at=at_utc,
        account_id=account,
        broker=BrokerName.PAPER,
        net_liquidation=Decimal(net),
        cash_balance=None,
        greeks=a_greeks(),
        context=a_context(),
    )


def seed_journal(path: Path, rows: int, *, seed: int = 1) -> None:
    """Fills a new or existing paper database with `rows` journal rows over ten years, in one transaction."""
    rng = random.Random(seed)
    start = datetime(2016, 5, 4, 14, 0, tzinfo=UTC)
    step = timedelta(days=3650) / max(rows, 1)

    def job(connection: Connection) -> None:
        batch = [_random_row(rng, start + step * number) for number in range(rows)]
        if batch:
            connection.execute(insert(trade_journal), batch)
        tagged = [
            {"journal_id": row["id"], "tag": tag}
            for row in batch
            for tag in set(rng.choices(_TAGS, k=rng.randrange(3)))
        ]
        if tagged:
            connection.execute(insert(journal_tags), tagged)
        rebuild_derived(connection)

    _in_writer(path, job)


def seed_snapshots(path: Path, *, accounts: int = 3, years: int = 10, seed: int = 1) -> int:
    """Writes 32 snapshots on each of 252 days a year for every account; returns the number of rows."""
    rng = random.Random(seed)
    rows: list[dict[str, object]] = []
    for account in range(accounts):
        net = 500_000.0
        for day in range(252 * years):
            opening = datetime(2016, 1, 4, 14, 30, tzinfo=UTC) + timedelta(days=day * 365 / 252)
            for slot in range(32):
                net += rng.gauss(0, 250)
                rows.append(_snapshot_row(rng, opening + timedelta(minutes=15 * slot), f"DU{account}", net))

    def job(connection: Connection) -> None:
        connection.execute(insert(account_snapshots), rows)
        rebuild_derived(connection)

    _in_writer(path, job)
    return len(rows)


def _in_writer(path: Path, job: object) -> None:
    storage = open_paper(path)
    try:
        storage._writer.write_now("seeding", job)  # type: ignore[arg-type]
    finally:
        storage.close()


def _random_uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _random_row(rng: random.Random, at_utc: datetime) -> dict[str, object]:
    underlying = rng.choice(_UNDERLYINGS)
    legs = [
        {
            "symbol": f"{underlying:<6}260515P{strike:05d}000",
            "expiry": "2026-05-15",
            "strike": float(strike),
            "right": "P",
            "action": rng.choice(("BUY", "SELL")),
            "qty": rng.randrange(1, 10),
            "fill_price": rng.randrange(5, 5000) / 100,
            "conid": None,
            "multiplier": 100.0,
        }
        for strike in rng.sample(range(4000, 8000, 5), k=rng.choice((1, 2, 4)))
    ]
    greeks = {"spx_delta": rng.gauss(0, 100), "gamma": -8.2, "theta": 340.0, "vega": -1200.0}
    return {
        "id": _random_uuid(rng),
        "created_at": at_utc,
        "broker": "PAPER",
        "account_id": f"DU{rng.randrange(3)}",
        "broker_order_id": str(rng.randrange(10**9)),
        "underlying": underlying,
        "strategy_tag": rng.choice(_STRATEGIES),
        "status": rng.choice(("FILLED", "FILLED", "FILLED", "PARTIAL", "CANCELLED")),
        "legs_json": json.dumps(legs),
        "net_debit_credit": rng.randrange(-5000, 5000) / 4,
        "vix_at_fill": rng.uniform(11, 40),
        "spx_price_at_fill": rng.uniform(2000, 7200),
        "regime": rng.choice([regime.value for regime in Regime]),
        "pre_greeks_json": json.dumps(greeks),
        "post_greeks_json": json.dumps(greeks),
        "user_rationale": " ".join(rng.choices(_WORDS, k=10)),
        "ai_rationale": " ".join(rng.choices(_WORDS, k=12)) if rng.random() < 0.2 else None,
        "ai_suggestion_id": None,
    }


def _snapshot_row(rng: random.Random, at_utc: datetime, account: str, net: float) -> dict[str, object]:
    delta = rng.gauss(0, 100)
    return {
        "id": _random_uuid(rng),
        "captured_at": at_utc,
        "account_id": account,
        "broker": "PAPER",
        "net_liquidation": net,
        "cash_balance": 1000.0,
        "spx_delta": delta,
        "gamma": -8.2,
        "theta": 340.0,
        "vega": rng.gauss(-1200, 100),
        "delta_theta_ratio": 340.0 / delta,
        "vix": rng.uniform(11, 40),
        "spx_price": 7200.0,
        "regime": rng.choice([regime.value for regime in Regime]),
    }
