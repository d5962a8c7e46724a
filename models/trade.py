"""What happened at the broker: executions, fees, settlements, and the trade event a journal row records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from models.contract import Contract
from models.enums import Action, BrokerName, JournalStatus, Regime
from models.greeks import PortfolioGreeks
from models.ids import AccountId, BrokerOrderId, ExecutionId, OrderId


class ExecutionKind(StrEnum):
    """Why a position changed."""

    TRADE = "TRADE"
    CASH_SETTLEMENT = "CASH_SETTLEMENT"
    EXPIRED_WORTHLESS = "EXPIRED_WORTHLESS"
    ASSIGNMENT = "ASSIGNMENT"
    EXERCISE = "EXERCISE"


@dataclass(frozen=True, slots=True)
class Execution:
    """One leg's fill. Natural key: broker + account + execution id; a higher `revision` replaces a lower one.

    `quantity` is positive, `action` carries the sign; `price` per share. `fee` None = not reported yet (never 0).
    `order_id` is ours, None for what was traded elsewhere.
    """

    broker: BrokerName
    account_id: AccountId
    execution_id: ExecutionId
    broker_order_id: BrokerOrderId | None
    order_id: OrderId | None
    contract: Contract
    action: Action
    quantity: Decimal
    price: Decimal
    executed_at_utc: datetime
    kind: ExecutionKind = ExecutionKind.TRADE
    revision: int = 1
    fee: Decimal | None = None

    @property
    def signed_quantity(self) -> Decimal:
        """Change of the position."""
        return self.action.sign * self.quantity

    @property
    def cash_effect(self) -> Decimal:
        """Dollars: negative when it was paid for (fees not included)."""
        return -self.signed_quantity * self.price * self.contract.multiplier


@dataclass(frozen=True, slots=True)
class MarketContext:
    """The market at one instant, as it is stamped on journal rows and snapshots."""

    at_utc: datetime
    spx_price: float | None
    vix: float | None
    vix3m: float | None
    regime: Regime | None


@dataclass(frozen=True, slots=True)
class JournalLeg:
    """One leg of a journal row: the average over its fills. Fractions of shares (from outside) are a Decimal."""

    contract: Contract
    action: Action
    quantity: int | Decimal
    fill_price: Decimal


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One complete trade event, a row of `trade_journal` (002 section 1.1).

    `net_debit_credit` in dollars, positive = debit paid, negative = credit received.
    """

    id: str
    created_at: datetime
    broker: BrokerName
    account_id: AccountId
    broker_order_id: BrokerOrderId | None
    order_id: OrderId | None
    underlying: str
    strategy_tag: str | None
    status: JournalStatus
    legs: tuple[JournalLeg, ...]
    net_debit_credit: Decimal | None
    context: MarketContext
    pre_greeks: PortfolioGreeks | None
    post_greeks: PortfolioGreeks | None
    user_rationale: str | None = None
    ai_rationale: str | None = None
    ai_suggestion_id: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """A row of `account_snapshots` (002 section 1.2), or with kind MISSED a slot that was not taken and why."""

    id: str
    captured_at: datetime
    account_id: AccountId
    broker: BrokerName
    net_liquidation: Decimal | None
    cash_balance: Decimal | None
    greeks: PortfolioGreeks | None
    context: MarketContext

    @property
    def delta_theta_ratio(self) -> float | None:
        """Theta / delta as the column is defined; None when delta is 0 or unknown."""
        if self.greeks is None or self.greeks.spx_equiv_delta == 0:
            return None
        return self.greeks.theta / self.greeks.spx_equiv_delta
