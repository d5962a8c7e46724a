"""A realistic afternoon for looking at widgets and testing them: no engine behind it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from execution.brokers.port import Capability, ChainExpiry
from execution.commands import Command, ListExpiries, ListUnderlyings
from execution.views import (
    AccountsState,
    BookNumbers,
    BookStructure,
    DeskState,
    LogLine,
    MarketState,
    OrdersState,
    Phase,
    PositionRow,
    RegimeInfo,
    RowStatus,
    Severity,
    State,
    StrategyGroup,
)
from models.account import AccountInfo, AccountValues
from models.contract import Contract, future_option_contract, option_contract, underlying_contract
from models.enums import (
    Action,
    BetaSource,
    BrokerName,
    FeedState,
    Mode,
    OrderStatus,
    OrderType,
    Regime,
    Right,
    Settlement,
    TimeInForce,
    TradingState,
)
from models.ids import AccountId, OrderId
from models.order import Order, OrderLeg
from ui.bridge import Bridge

NOW = datetime(2026, 5, 4, 19, 42, 7, tzinfo=UTC)
PAPER_A, PAPER_B = AccountId("PAPER-1"), AccountId("PAPER-2")
SPXW_MAY, SPXW_JUN, TODAY = date(2026, 6, 5), date(2026, 6, 18), date(2026, 5, 4)


class RecordingClient:
    """An EngineClient that notes what was asked and answers from a table, at once."""

    def __init__(self, answers: dict[type[Any], Any] | None = None) -> None:
        self.asked: list[Command] = []
        self.answers: dict[type[Any], Any] = {
            ListUnderlyings: ("SPX", "SPY", "QQQ", "AAPL", "NVDA", "/ESM6"),
            ListExpiries: expiries(),
        } | (answers or {})

    def ask(self, command: Command, done: Callable[[Any], None], failed: Callable[[Exception], None]) -> None:
        self.asked.append(command)
        answer = self.answers.get(type(command))
        if isinstance(answer, Exception):
            failed(answer)
        else:
            done(answer)


def publish(qtbot: QtBot, bridge: Bridge, *states: State) -> None:
    """Publishes states and waits until the window has them."""
    for state in states:
        bridge.state(state)
    qtbot.waitUntil(lambda: all(bridge.newest(type(state)) is state for state in states))


_Widget = TypeVar("_Widget", bound=QWidget)


def found(parent: QWidget, kind: type[_Widget]) -> _Widget:
    """Returns the child of that kind, which must be there."""
    child = parent.findChild(kind)
    assert child is not None
    return child


def expiries() -> tuple[ChainExpiry, ...]:
    days = (TODAY, date(2026, 5, 8), SPXW_MAY, SPXW_JUN, date(2026, 6, 30), date(2026, 7, 17))
    weekly = tuple(ChainExpiry("SPX", "SPXW", day, Settlement.PM) for day in days)
    return (*weekly, ChainExpiry("SPX", "SPX", date(2026, 6, 18), Settlement.AM))


def desk(**changes: Any) -> DeskState:
    base = DeskState(
        phase=Phase.READY,
        mode=Mode.PAPER,
        broker=BrokerName.PAPER,
        capabilities=frozenset({Capability.REPLACE, Capability.SIMULATED_MARKET}),
        market_label="recorded SPX 2026-05-04",
        trading_state=TradingState.ACTIVE,
        trading_state_reason="",
        armed=False,
        problem="",
        database_path="optiondesk.db",
    )
    return replace(base, **changes)


def accounts(selected: AccountId | None = None) -> AccountsState:
    infos = (
        AccountInfo(BrokerName.PAPER, PAPER_A, Mode.PAPER, "Margin", may_trade=True),
        AccountInfo(BrokerName.PAPER, PAPER_B, Mode.PAPER, "IRA", may_trade=False),
    )
    values = (
        AccountValues(
            PAPER_A,
            NOW,
            Decimal("512340.25"),
            Decimal(410220),
            Decimal("301220.5"),
            Decimal(210000),
            Decimal(190500),
            Decimal("1834.20"),
        ),
        AccountValues(PAPER_B, NOW, Decimal(98400), Decimal(98400), None, None, None, Decimal("-212.4")),
    )
    total = AccountValues(
        AccountId("ALL"),
        NOW,
        Decimal("610740.25"),
        Decimal(508620),
        Decimal("301220.5"),
        Decimal(210000),
        Decimal(250403),
        Decimal("1621.80"),
    )
    return AccountsState(infos, values, selected, total)


def market(**changes: Any) -> MarketState:
    base = MarketState(
        at_utc=NOW,
        spx_price=7200.75,
        spx_change_pct=-0.41,
        vix=17.4,
        vix_change=0.85,
        regime=RegimeInfo(Regime.MEDIUM_VOL, 17.4, 19.2, 21.0, 14.5),
        feed=FeedState.LIVE,
        feed_text="Simulated market, 1,204 contracts, newest quote 0.3 s old",
        newest_quote_age_s=0.3,
        session="open, closes 16:15",
        odd_objects=0,
    )
    return replace(base, **changes)


def spxw(strike: int, right: Right, day: date = SPXW_MAY) -> Contract:
    return option_contract("SPXW", day, right, Decimal(strike))


def _row(contract: Contract, quantity: str, price: str, *, account: AccountId = PAPER_A, **kw: Any) -> PositionRow:
    beta, source = kw.get("beta", (1.0, BetaSource.EXACT))
    return PositionRow(BrokerName.PAPER, account, contract, Decimal(quantity), Decimal(price), beta, source)


def structure(version: int = 1) -> BookStructure:
    call, put = Right.CALL, Right.PUT
    aapl, nvda, tsla = (1.21, BetaSource.YFINANCE), (1.0, BetaSource.DEFAULT), (1.86, BetaSource.TASTYTRADE)
    spy = (1.0, BetaSource.CONFIG)
    rows = (
        _row(spxw(6750, put), "-2", "28.40"),
        _row(spxw(6650, put), "2", "21.15"),
        _row(spxw(7500, call), "-2", "19.80"),
        _row(spxw(7600, call), "2", "9.95"),
        _row(option_contract("SPX", SPXW_JUN, put, Decimal(6500)), "-1", "31.60"),
        _row(spxw(7150, put, TODAY), "-1", "3.10"),
        _row(option_contract("SPY", SPXW_JUN, put, Decimal(680)), "-5", "6.05", beta=spy),
        _row(option_contract("SPY", SPXW_JUN, call, Decimal(745)), "-5", "4.85", beta=spy),
        _row(underlying_contract("AAPL"), "200", "251.30", beta=aapl),
        _row(option_contract("AAPL", date(2026, 6, 18), call, Decimal(290)), "-2", "5.60", beta=aapl),
        _row(option_contract("NVDA", date(2026, 6, 18), put, Decimal(170)), "-3", "4.20", account=PAPER_B, beta=nvda),
        _row(underlying_contract("TSLA"), "-50", "398.10", beta=tsla),
        _row(
            future_option_contract(
                "./ESM6 E1AM6 260605C7350",
                future="/ESM6",
                root="E1A",
                expiry=SPXW_MAY,
                right=call,
                strike=Decimal(7350),
                settlement=Settlement.PM,
            ),
            "-1",
            "41.25",
        ),
    )
    shapes = (
        ("SPX", "Iron condor 5 Jun", "IRON_CONDOR", (0, 1, 2, 3)),
        ("SPX", "Short put", "SHORT_PUT", (4,)),
        ("SPX", "Short put 0DTE", "SHORT_PUT", (5,)),
        ("SPY", "Short strangle 18 Jun", "SHORT_STRANGLE", (6, 7)),
        ("AAPL", "Covered call", "COVERED_CALL", (8, 9)),
        ("NVDA", "Short put", "SHORT_PUT", (10,)),
        ("TSLA", "Short stock", "STOCK", (11,)),
        ("/ESM6", "Short call", "SHORT_CALL", (12,)),
    )
    groups = tuple(
        StrategyGroup(f"g{number}", underlying, name, tag, members, tuple(rows[index].quantity for index in members))
        for number, (underlying, name, tag, members) in enumerate(shapes)
    )
    return BookStructure(version, rows, groups)


_MARKS = (26.85, 19.9, 17.35, 8.6, 29.15, 1.85, 5.45, 4.4, 262.14, 4.85, math.nan, 402.75, 38.5)
_SPOTS = (7200.75,) * 6 + (718.32,) * 2 + (262.14,) * 2 + (math.nan, 402.75, 7214.5)
_DELTAS = (-0.16, -0.12, 0.15, 0.08, -0.11, -0.31, -0.22, 0.2, 1.0, 0.24, math.nan, 1.0, 0.29)


def numbers(version: int = 1, *, shift: float = 0.0, at_utc: datetime = NOW) -> BookNumbers:
    """Figures of `structure`; `shift` moves the marks, so that two calls differ."""
    book = structure(version)
    quantity = np.array([float(row.quantity) for row in book.rows])
    multiplier = np.array([float(row.contract.multiplier) for row in book.rows])
    entry = np.array([float(row.average_price) for row in book.rows])
    beta = np.array([row.beta for row in book.rows])
    mark = np.array(_MARKS) + shift
    spot = np.array(_SPOTS)
    delta = np.array(_DELTAS)
    is_option = np.array([row.contract.is_option for row in book.rows])
    size = quantity * multiplier
    raw_delta = size * delta
    status = [RowStatus.OK] * len(book.rows)
    status[10], status[11] = RowStatus.NO_QUOTE, RowStatus.STALE
    return BookNumbers(
        version=version,
        at_utc=at_utc,
        mark=mark,
        market_value=size * mark,
        pnl_open=size * (mark - entry),
        pnl_day=size * (shift - 0.35) * np.where(is_option, 1.0, 2.0) + 0 * mark,
        iv=np.where(is_option, 0.145 + 0.05 * np.abs(delta), np.nan) + shift / 1000,
        unit_delta=delta,
        underlying_price=spot,
        raw_delta=raw_delta,
        spx_equiv_delta=raw_delta * spot * beta / 7200.75,
        gamma=np.where(is_option, size * 0.0009, 0.0) + 0 * mark,
        theta_per_day=np.where(is_option, -size * 1.35, 0.0) + 0 * mark,
        vega_per_point=np.where(is_option, size * 6.1, 0.0) + 0 * mark,
        quote_age_s=np.full(len(book.rows), 0.4),
        extrinsic_value=np.where(is_option, size * mark, 0.0),
        status=tuple(status),
        broker_iv=np.full(len(book.rows), np.nan),
        broker_delta=np.full(len(book.rows), np.nan),
        broker_age_s=np.full(len(book.rows), np.nan),
        is_delayed=np.zeros(len(book.rows), dtype=np.bool_),
    )


def order(number: int, status: OrderStatus, **changes: Any) -> Order:
    put, call = Right.PUT, Right.CALL
    base = Order(
        id=OrderId(f"00000000-0000-4000-8000-{number:012d}"),
        account_id=PAPER_A,
        legs=(
            OrderLeg(spxw(6750, put), Action.SELL, 2),
            OrderLeg(spxw(6650, put), Action.BUY, 2),
            OrderLeg(spxw(7500, call), Action.SELL, 2),
            OrderLeg(spxw(7600, call), Action.BUY, 2),
        ),
        order_type=OrderType.LIMIT,
        limit_price=Decimal("-18.10"),
        tif=TimeInForce.DAY,
        status=status,
        created_at=NOW - timedelta(minutes=7),
        submitted_at=NOW - timedelta(minutes=6, seconds=12),
        strategy_tag="IRON_CONDOR",
    )
    return replace(base, **changes)


def orders() -> OrdersState:
    sell_put = (OrderLeg(spxw(6900, Right.PUT), Action.SELL, 1),)
    buy_spy = (OrderLeg(option_contract("SPY", SPXW_JUN, Right.PUT, Decimal(680)), Action.BUY, 5),)
    foreign = order(
        3, OrderStatus.PENDING, legs=buy_spy, limit_price=Decimal("4.10"), tif=TimeInForce.GTC, strategy_tag=None
    )
    return OrdersState(
        (
            order(1, OrderStatus.PENDING),
            order(2, OrderStatus.PARTIAL, filled_packages=1, limit_price=Decimal("-17.95")),
            foreign,
            order(
                4,
                OrderStatus.UNKNOWN,
                legs=sell_put,
                limit_price=Decimal("-38.20"),
                strategy_tag="SHORT_PUT",
                reason="The connection broke after sending; the broker is being asked.",
            ),
            order(5, OrderStatus.FILLED, filled_packages=2, filled_at=NOW - timedelta(minutes=4)),
            order(
                6,
                OrderStatus.REJECTED,
                legs=sell_put,
                limit_price=Decimal("-38.23"),
                strategy_tag="SHORT_PUT",
                reason="Limit price is off tick: the increment is 0.10.",
            ),
            order(7, OrderStatus.CANCELLED, legs=sell_put, strategy_tag="SHORT_PUT"),
        ),
        frozenset({foreign.id}),
    )


def log_lines() -> tuple[LogLine, ...]:
    texts = (
        (Severity.INFO, "engine", "Database opened, 3 accounts, 212 journal rows."),
        (Severity.INFO, "paper", "Connected: recorded SPX 2026-05-04."),
        (Severity.GOOD, "reconcile", "Orders, fills and positions agree. Trading is unlocked."),
        (Severity.INFO, "risk", "Regime is MEDIUM_VOL at VIX 17.40."),
        (Severity.WARNING, "quotes", "NVDA 18 Jun 26 170 P has no quote: left out of every total."),
        (Severity.GOOD, "orders", "Sold 1 of 2 iron condors SPX for CR 17.95."),
        (Severity.ERROR, "orders", "Outcome of order 4 is not known. It is not sent again; the broker is being asked."),
    )
    return tuple(
        LogLine(NOW - timedelta(seconds=90 - 11 * number), severity, source, text)
        for number, (severity, source, text) in enumerate(texts)
    )
