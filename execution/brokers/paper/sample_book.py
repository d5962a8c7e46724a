"""A sample portfolio, described by strategy, delta and days to expiry, opened on whatever market is there."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np

from analytics.black_scholes import black76
from analytics.implied_vol import IvStatus, implied_vol_forward
from execution.brokers.paper.accounts import Book, BookChange, Booking, LedgerAccount
from execution.brokers.paper.market import MarketSource
from execution.brokers.paper.rows import StoredExecution
from execution.brokers.paper.settings import PaperAccount, PaperSettings
from execution.brokers.paper.store import StoreChange
from models.contract import Contract
from models.enums import Action, BrokerName, Right
from models.errors import InvalidInput
from models.expiry import days_to_expiry
from models.ids import ContractKey, ExecutionId
from models.quote import Quote
from models.trade import Execution

_log = logging.getLogger(__name__)
_SECONDS_PER_YEAR: Final = 365 * 86_400
#: An expiry further than this share of the wanted days away is not taken.
_DTE_TOLERANCE: Final = 0.45
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class SampleLeg:
    """One leg: shares (or futures) of the underlying, or an option found by delta or by another leg's strike."""

    ratio: int
    right: Right | None = None
    delta: float | None = None
    dte: int = 0
    strike_of: int | None = None


@dataclass(frozen=True, slots=True)
class SampleStrategy:
    """A position to open. `entry_factor`: entry price as a multiple of today's mid."""

    tag: str
    underlying: str
    root: str
    quantity: int
    opened_days_ago: int
    entry_factor: Decimal
    legs: tuple[SampleLeg, ...]


@dataclass(frozen=True, slots=True)
class SampleBook:
    """A whole portfolio; the account's net liquidation is `net_liquidation` at the moment it is opened."""

    name: str
    net_liquidation: Decimal
    strategies: tuple[SampleStrategy, ...]


def load_sample_book(path: Path) -> SampleBook:
    """Returns the sample book of a JSON file; raises InvalidInput saying what is wrong with it."""
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return SampleBook(
            name=str(facts["name"]),
            net_liquidation=Decimal(facts["net_liquidation"]),
            strategies=tuple(_strategy(item) for item in facts["strategies"]),
        )
    except (OSError, ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise InvalidInput("sample_book", f"The sample book {path.name} cannot be read: {error!r}.") from error


def seed_sample_book(
    sample: SampleBook, market: MarketSource, settings: PaperSettings, now_utc: datetime, *, account: PaperAccount
) -> StoreChange:
    """Returns the first state of an account that holds the sample: money, holdings and their opening executions.

    Strategies whose underlying, expiry or strikes this market lacks are left out. The market must stand at `now_utc`.
    """
    opened = [
        (strategy, legs) for strategy in sample.strategies if (legs := _resolve(strategy, market, now_utc)) is not None
    ]
    executions = [
        _opening(account, strategy, quote, contract, quantity, now_utc, number)
        for number, (strategy, quote, contract, quantity) in enumerate(_flat(opened), start=1)
    ]
    stored = tuple(_stored(execution, settings) for execution in executions)
    empty = LedgerAccount(account.account_id, account.title, Decimal(0), Decimal(0))
    change = Book([empty]).after([Booking(item.execution, item.fee) for item in stored])
    spent = change.accounts[0] if change.accounts else empty
    value = sum(
        ((quote.mark or Decimal(0)) * quantity * contract.multiplier for _, quote, contract, quantity in _flat(opened)),
        start=Decimal(0),
    )
    deposits = (sample.net_liquidation - value - spent.ledger_cash).quantize(_CENT)
    money = LedgerAccount(
        account.account_id, account.title, deposits, deposits + spent.ledger_cash, sample.net_liquidation, now_utc
    )
    return StoreChange(now_utc, BookChange((money,), change.holdings), (), stored)


_Resolved = tuple[Quote, Contract, int]


def _flat(
    opened: Sequence[tuple[SampleStrategy, list[_Resolved]]],
) -> Iterator[tuple[SampleStrategy, Quote, Contract, int]]:
    for strategy, legs in opened:
        for quote, contract, quantity in legs:
            yield strategy, quote, contract, quantity


def _resolve(strategy: SampleStrategy, market: MarketSource, now_utc: datetime) -> list[_Resolved] | None:
    """Returns the legs of a strategy in this market, None when one of them is not there."""
    underlying = _underlying(strategy.underlying, market)
    if underlying is None:
        return None
    found: list[_Resolved] = []
    for leg in strategy.legs:
        if leg.right is None:
            contract: Contract | None = underlying
        elif leg.strike_of is not None:
            contract = _same_strike(strategy, leg, found[leg.strike_of][1], market, now_utc)
        else:
            taken = {contract.key for _, contract, _ in found}
            contract = _by_delta(strategy, leg, underlying, market, now_utc, taken)
        quote = None if contract is None else market.quotes([contract], now_utc)[0]
        if contract is None or quote is None or quote.mark is None or quote.mark <= 0:
            _log.info("sample book: %s on %s left out, a leg is not in this market", strategy.tag, strategy.underlying)
            return None
        found.append((quote, contract, leg.ratio * strategy.quantity))
    return found


def _underlying(symbol: str, market: MarketSource) -> Contract | None:
    """Returns the contract of an underlying; a futures product stands for its first listed month."""
    names = [symbol]
    if symbol.startswith("/"):
        names = [name for name in market.underlyings() if name.startswith(symbol) and name[len(symbol) :][1:].isdigit()]
    for name in names:
        contract = market.resolve(ContractKey(name))
        if contract is not None:
            return contract
    return None


def _chain(strategy: SampleStrategy, leg: SampleLeg, market: MarketSource, now_utc: datetime) -> tuple[Contract, ...]:
    """Returns the chain of the expiry nearest to the leg's days, empty when none is near."""
    near = [
        (abs(days_to_expiry(listed.expiry, now_utc) - leg.dte), listed)
        for listed in market.expiries(strategy.underlying, now_utc)
        if listed.root == strategy.root
    ]
    near = [item for item in near if item[0] <= max(leg.dte * _DTE_TOLERANCE, 4)]
    return market.chain(min(near, key=lambda item: item[0])[1]) if near else ()


def _same_strike(
    strategy: SampleStrategy, leg: SampleLeg, other: Contract, market: MarketSource, now_utc: datetime
) -> Contract | None:
    """Returns the contract nearest in strike to another leg's; a calendar needs another expiry than that leg's."""
    if other.strike is None:
        return None
    strike = other.strike
    chain = [c for c in _chain(strategy, leg, market, now_utc) if c.right is leg.right and c.expiry != other.expiry]
    exact = [contract for contract in chain if contract.strike == strike]
    return exact[0] if exact else None


def _by_delta(
    strategy: SampleStrategy,
    leg: SampleLeg,
    underlying: Contract,
    market: MarketSource,
    now_utc: datetime,
    taken: set[ContractKey],
) -> Contract | None:
    """Returns the out-of-the-money contract whose delta is nearest to the leg's."""
    chain = _chain(strategy, leg, market, now_utc)
    level = market.level(underlying.underlying)
    if not chain or level is None or leg.delta is None:
        return None
    deltas = chain_deltas(chain, market.quotes(chain, now_utc), float(level), now_utc)
    wanted = leg.delta
    near = [
        (abs(deltas[contract.key] - wanted), contract)
        for contract in chain
        if contract.right is leg.right and contract.key in deltas and contract.key not in taken
    ]
    return min(near, key=lambda item: item[0])[1] if near else None


def chain_deltas(
    chain: Sequence[Contract], quotes: Sequence[Quote], level: float, now_utc: datetime
) -> Mapping[ContractKey, float]:
    """Returns absolute Black-76 deltas of one expiry's contracts from their mids, rate 0, those without vol left out.

    The forward comes from put-call parity at the strike where call and put are closest; `level` serves without one.
    """
    rows = [
        (contract, float(contract.strike), float(quote.mid))
        for contract, quote in zip(chain, quotes, strict=True)
        if contract.strike is not None and quote.mid is not None
    ]
    expires = chain[0].expires_at_utc
    if not rows or expires is None or expires <= now_utc:
        return {}
    calls = {strike: mid for contract, strike, mid in rows if contract.right is Right.CALL}
    puts = {strike: mid for contract, strike, mid in rows if contract.right is Right.PUT}
    both = sorted(calls.keys() & puts.keys(), key=lambda strike: abs(calls[strike] - puts[strike]))
    forward = both[0] + calls[both[0]] - puts[both[0]] if both else level
    strikes = np.array([strike for _, strike, _ in rows])
    is_call = np.array([contract.right is Right.CALL for contract, _, _ in rows])
    t_years = (expires - now_utc).total_seconds() / _SECONDS_PER_YEAR
    mids = np.array([mid for _, _, mid in rows])
    solved = implied_vol_forward(
        price=mids, forward=forward, strike=strikes, t_years=t_years, rate=0.0, is_call=is_call
    )
    good = (solved.status == IvStatus.OK) & np.where(is_call, strikes >= forward, strikes <= forward)
    vols = np.where(good, solved.vol, 0.2)
    delta = black76(forward=forward, strike=strikes, t_years=t_years, rate=0.0, vol=vols, is_call=is_call).delta
    return {contract.key: abs(float(delta[i])) for i, (contract, _, _) in enumerate(rows) if good[i]}


def _opening(
    account: PaperAccount,
    strategy: SampleStrategy,
    quote: Quote,
    contract: Contract,
    quantity: int,
    now_utc: datetime,
    number: int,
) -> Execution:
    """Returns the execution that opened a sample leg: premium decayed since, what is linear moved by the factor."""
    factor = strategy.entry_factor
    if contract.is_option and factor < 1:
        factor = 2 - factor
    mark = quote.mark or _CENT
    return Execution(
        broker=BrokerName.PAPER,
        account_id=account.account_id,
        execution_id=ExecutionId(f"O{number:08d}"),
        broker_order_id=None,
        order_id=None,
        contract=contract,
        action=Action.BUY if quantity > 0 else Action.SELL,
        quantity=Decimal(abs(quantity)),
        price=max(contract.tick.snap(mark * factor), contract.tick.below),
        executed_at_utc=now_utc - timedelta(days=strategy.opened_days_ago),
    )


def _stored(execution: Execution, settings: PaperSettings) -> StoredExecution:
    fee = settings.commissions.leg_fee(execution.contract, execution.action, execution.quantity, execution.price)
    return StoredExecution(execution, fee, execution.executed_at_utc)


def _strategy(facts: Mapping[str, Any]) -> SampleStrategy:
    return SampleStrategy(
        tag=str(facts["tag"]),
        underlying=str(facts["underlying"]),
        root=str(facts["root"]),
        quantity=int(facts["quantity"]),
        opened_days_ago=int(facts["opened_days_ago"]),
        entry_factor=Decimal(facts["entry_factor"]),
        legs=tuple(_leg(leg) for leg in facts["legs"]),
    )


def _leg(facts: Mapping[str, Any]) -> SampleLeg:
    if "shares" in facts:
        return SampleLeg(ratio=int(facts["shares"]))
    return SampleLeg(
        ratio=int(facts["ratio"]),
        right=Right(facts["right"]),
        delta=None if "delta" not in facts else float(facts["delta"]),
        dte=int(facts["dte"]),
        strike_of=None if "strike_of" not in facts else int(facts["strike_of"]),
    )
