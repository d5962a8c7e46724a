"""All that the risk gate looks at, frozen at one moment; `GateContext()` knows nothing and passes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from execution.facts import DeskFacts, OrderCaps
from models.account import AccountInfo, AccountValues
from models.contract import Contract
from models.enums import BrokerName, InstrumentKind, Mode, TradingState
from models.ids import AccountId, ContractKey, OrderId
from models.order import Order
from models.product import TickRule
from models.quote import Quote
from models.risk import Limit


@dataclass(frozen=True, slots=True)
class SentOrder:
    """An order that left lately: what, and when its intent was committed."""

    order_id: OrderId
    fingerprint: str
    at_utc: datetime


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the order manager knows of its own orders. `intents_today` None = could not be counted.

    `remaining` is the signed quantity that working orders of the account may still trade, per contract and side.
    """

    intents_today: int | None = None
    sent: tuple[SentOrder, ...] = ()
    open_in_underlying: int | None = None
    unknown_in_underlying: tuple[OrderId, ...] = ()
    remaining_buys: Mapping[ContractKey, Decimal] = field(default_factory=dict)
    remaining_sells: Mapping[ContractKey, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GateContext:
    """Desk, account, market and traffic as the checks see them. None = unknown, and unknown denies."""

    now_utc: datetime | None = None
    trading_unlocked: bool = False
    #: Why nothing goes to the account's broker now, where several are open; None = nothing against it.
    account_lock: str | None = None
    is_read_only: bool = True
    trading_state: TradingState | None = None
    session_broker: BrokerName | None = None
    session_mode: Mode | None = None
    caps: OrderCaps | None = None
    account: AccountInfo | None = None
    values: AccountValues | None = None
    is_armed: bool = False
    position_version: int | None = None
    quotes: Mapping[ContractKey, Quote] = field(default_factory=dict)
    quote_ages_s: Mapping[ContractKey, float] = field(default_factory=dict)
    simulated_quotes_count: bool = False
    held: Mapping[ContractKey, Decimal] | None = None
    tick: TickRule | None = None
    max_loss_usd: Decimal | None = None
    limits: tuple[Limit, ...] | None = None
    traffic: Traffic = field(default_factory=Traffic)


def build_context(
    order: Order,
    facts: DeskFacts,
    *,
    traffic: Traffic,
    session_broker: BrokerName,
    session_mode: Mode,
    now_utc: datetime,
    account_lock: str | None = None,
) -> GateContext:
    """Returns the context of `order`, taken from the desk in one go on the engine thread."""
    keys = [leg.contract.key for leg in order.legs]
    quotes = {key: quote for key in keys if (quote := facts.quote(key)) is not None}
    ages = {key: age for key in keys if (age := facts.quote_age_s(key)) is not None}
    return GateContext(
        now_utc=now_utc,
        trading_unlocked=facts.trading_unlocked,
        account_lock=account_lock,
        is_read_only=facts.is_read_only,
        trading_state=facts.trading_state,
        session_broker=session_broker,
        session_mode=session_mode,
        caps=facts.caps,
        account=facts.account(order.account_id),
        values=facts.account_values(order.account_id),
        is_armed=facts.is_armed(order.account_id),
        position_version=facts.position_version,
        quotes=quotes,
        quote_ages_s=ages,
        simulated_quotes_count=facts.quotes_are_simulated(),
        held=_held(facts, order.account_id),
        tick=facts.net_tick_rule(order.legs) if order.legs else None,
        max_loss_usd=facts.max_loss_usd(order.legs, order.limit_price) if order.legs else None,
        limits=facts.limits(),
        traffic=traffic,
    )


def reducible(context: GateContext, order: Order) -> Mapping[ContractKey, Decimal] | None:
    """Returns per leg contract how much this order's side can close: what is held against it, less working closes."""
    if context.held is None:
        return None
    room: dict[ContractKey, Decimal] = {}
    for leg in order.legs:
        key, sign = leg.contract.key, leg.action.sign
        against = max(-sign * context.held.get(key, Decimal(0)), Decimal(0))
        working = context.traffic.remaining_buys if sign > 0 else context.traffic.remaining_sells
        room[key] = max(against - working.get(key, Decimal(0)), Decimal(0))
    return room


def is_purely_reducing(context: GateContext, order: Order) -> bool:
    """Returns whether every leg only closes what is held; False when positions are unknown."""
    room = reducible(context, order)
    return bool(order.legs) and room is not None and all(leg.quantity <= room[leg.contract.key] for leg in order.legs)


def exercise_value_usd(contract: Contract, quantity: int, quote: Quote | None) -> Decimal | None:
    """Returns what one leg stands for in dollars: strike (options) or mark x multiplier x quantity; None = unknown."""
    level = contract.strike if contract.is_option else (quote.mark if quote is not None else None)
    return None if level is None else level * contract.multiplier * quantity


def is_in_shares(contract: Contract) -> bool:
    """Returns whether a contract is counted in shares, where a cap on contracts says nothing."""
    return contract.kind in (InstrumentKind.STOCK, InstrumentKind.ETF)


def _held(facts: DeskFacts, account_id: AccountId) -> Mapping[ContractKey, Decimal]:
    positions: Sequence[tuple[ContractKey, Decimal]] = [
        (position.contract.key, position.quantity) for position in facts.positions(account_id)
    ]
    held: dict[ContractKey, Decimal] = {}
    for key, quantity in positions:
        held[key] = held.get(key, Decimal(0)) + quantity
    return held
