"""Margin of paper accounts: positions as margin legs, requirement against net liquidation, and the what-if.

Requirements are stated against net liquidation, which already holds option values: initial = strategy requirement
(short option values in it) + long options at cost + stock - short option values, so that buying power is net
liquidation less initial margin, in the manner of a broker's "buying power effect".
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from analytics.legs import PayoffLeg, linear_leg, option_leg
from analytics.margin.futures import FuturesRule
from analytics.margin.reg_t import RegTMargin
from analytics.margin.terms import MarginClass, MarginError, MarginRequirement, RegTParameters, UnderlyingTerms
from execution.brokers.paper.accounts import Holding
from models.clock import epoch_s
from models.contract import Contract
from models.enums import InstrumentKind
from models.ids import AccountId, ContractKey
from models.order import OrderLeg
from models.product import ETF_SYMBOLS, INDEX_SYMBOLS, future_root

CENT: Final = Decimal("0.01")
_BROAD_FUNDS: Final = frozenset({"SPY", "QQQ", "IWM", "DIA", "RSP"})
_NARROW_INDICES: Final = frozenset({"VIX", "VIX3M"})
_FUTURES: Final = frozenset({InstrumentKind.FUTURE, InstrumentKind.FUTURE_OPTION})
#: Maintenance and least charge of futures as fractions of notional, near the exchanges' outright margins of 2025.
_FUTURES_PERCENT: Final[Mapping[str, tuple[float, float]]] = {
    "/ES": (0.070, 0.02),
    "/MES": (0.070, 0.02),
    "/NQ": (0.080, 0.025),
    "/MNQ": (0.080, 0.025),
    "/RTY": (0.080, 0.025),
    "/CL": (0.090, 0.03),
    "/GC": (0.060, 0.02),
}
_OTHER_FUTURES: Final = (0.10, 0.03)
#: Margin is worked out again on a change, else no sooner than this, nor sooner than this many times what it took.
_LEAST_REST_S: Final = 1.0
_REST_PER_WORK: Final = 20.0
#: What takes less than this is worked out at once.
_AT_ONCE_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Margin:
    """Requirement against net liquidation, dollars."""

    initial: Decimal
    maintenance: Decimal


@dataclass(frozen=True, slots=True)
class _Worked:
    version: int
    at_utc: datetime
    took_s: float
    margin: Margin | None


class Margining:
    """Works out margins with the Reg-T engine; remembers each account's for a while.

    A book of hundreds of positions takes tenths of a second. With an `executor` such a book is worked out beside the
    engine's thread, and until that is done its last margin stands; small books, and all without one, are done at once.
    """

    def __init__(self, rates: RegTParameters | None = None, *, executor: Executor | None = None) -> None:
        self._rates = rates
        self._executor = executor
        self._worked: dict[AccountId, _Worked] = {}
        self._pending: dict[AccountId, Future[_Worked]] = {}

    def current(
        self,
        account_id: AccountId,
        version: int,
        holdings: Iterable[Holding],
        marks: Mapping[ContractKey, Decimal],
        now_utc: datetime,
    ) -> Margin | None:
        """Returns an account's margin, worked out anew when `version` (its positions) changed or it is old."""
        self._collect(account_id)
        known = self._worked.get(account_id)
        if known is not None and known.version == version:
            rest_s = max(_LEAST_REST_S, _REST_PER_WORK * known.took_s)
            if (now_utc - known.at_utc).total_seconds() < rest_s:
                return known.margin
        if self._executor is None or known is None or known.took_s < _AT_ONCE_S:
            worked = self._work(version, tuple(holdings), marks, now_utc)
            self._worked[account_id] = worked
            return worked.margin
        if account_id not in self._pending:
            self._pending[account_id] = self._executor.submit(
                self._work, version, tuple(holdings), dict(marks), now_utc
            )
        return known.margin

    def _collect(self, account_id: AccountId) -> None:
        """Takes over a margin that was worked out beside."""
        pending = self._pending.get(account_id)
        if pending is not None and pending.done():
            del self._pending[account_id]
            self._worked[account_id] = pending.result()

    def _work(
        self, version: int, holdings: tuple[Holding, ...], marks: Mapping[ContractKey, Decimal], now_utc: datetime
    ) -> _Worked:
        began = time.perf_counter()
        margin = self.of(holdings, (), marks, now_utc)
        return _Worked(version, now_utc, time.perf_counter() - began, margin)

    def of(
        self,
        holdings: Iterable[Holding],
        order_legs: Sequence[OrderLeg],
        marks: Mapping[ContractKey, Decimal],
        now_utc: datetime,
    ) -> Margin | None:
        """Returns the margin of holdings plus an order's legs once filled; None when a price it needs is unknown.

        A holding without a mark counts at its average price, as it does in net liquidation.
        """
        kept = tuple(holdings)
        known = {**{held.contract.key: held.average_price for held in kept}, **marks}
        legs = [_leg(held.contract, float(held.quantity), known[held.contract.key]) for held in kept]
        legs += [_leg(leg.contract, float(leg.signed_quantity), known.get(leg.contract.key)) for leg in order_legs]
        names = {leg.underlying: leg.is_future for leg in legs}
        levels = {name: known.get(ContractKey(name)) for name in names}
        if any(level is None or level <= 0 for level in levels.values()):
            return None
        prices = {name: float(level) for name, level in levels.items() if level is not None}
        terms = {name: _terms(name, prices[name]) for name, is_future in names.items() if not is_future}
        rules = {name: _futures_rule(name, prices[name]) for name, is_future in names.items() if is_future}
        try:
            need = RegTMargin(self._rates, rules).requirement(legs, terms, epoch_s(now_utc))
        except MarginError:
            return None
        return _against_net_liquidation(need, legs, prices)


def _against_net_liquidation(need: MarginRequirement, legs: Sequence[PayoffLeg], prices: Mapping[str, float]) -> Margin:
    """Takes off what net liquidation has already paid: short options' and short shares' market value."""
    short_shares = sum(
        -leg.quantity * leg.multiplier * prices[leg.underlying] for leg in _netted_shares(legs) if leg.quantity < 0
    )
    held_for_net = need.long_option_cost - need.short_option_proceeds - short_shares
    initial = need.option_requirement + need.stock_initial + held_for_net
    maintenance = need.option_requirement + need.stock_maintenance + held_for_net
    if need.futures is not None:
        options = need.futures.long_option_cost - need.futures.short_option_proceeds
        initial += need.futures.initial + options
        maintenance += need.futures.maintenance + options
    return Margin(_dollars(max(initial, maintenance)), _dollars(maintenance))


def _netted_shares(legs: Sequence[PayoffLeg]) -> list[PayoffLeg]:
    totals: dict[str, float] = {}
    for leg in legs:
        if not leg.is_option and not leg.is_future:
            totals[leg.underlying] = totals.get(leg.underlying, 0.0) + leg.quantity
    return [linear_leg(name, quantity) for name, quantity in totals.items() if quantity != 0]


def _leg(contract: Contract, quantity: float, price: Decimal | None) -> PayoffLeg:
    value = None if price is None else float(price)
    is_future = contract.kind in _FUTURES
    multiplier = float(contract.multiplier)
    expires = contract.expires_at_utc
    if not contract.is_option or contract.right is None or contract.strike is None or expires is None:
        return linear_leg(
            contract.underlying, quantity, multiplier=multiplier, price=value, is_future=is_future, key=contract.key
        )
    return option_leg(
        contract.underlying,
        contract.right.value,
        float(contract.strike),
        epoch_s(expires),
        quantity,
        multiplier=multiplier,
        price=value,
        is_future=is_future,
        key=contract.key,
    )


def _terms(symbol: str, price: float) -> UnderlyingTerms:
    if symbol in _NARROW_INDICES:
        return UnderlyingTerms(price, MarginClass.NARROW_INDEX)
    if symbol in INDEX_SYMBOLS:
        return UnderlyingTerms(price, MarginClass.BROAD_INDEX)
    if symbol in _BROAD_FUNDS:
        return UnderlyingTerms(price, MarginClass.BROAD_ETF)
    return UnderlyingTerms(price, MarginClass.ETF_NARROW if symbol in ETF_SYMBOLS else MarginClass.EQUITY)


def _futures_rule(symbol: str, price: float) -> FuturesRule:
    try:
        product = future_root(symbol)
    except KeyError:
        product = symbol
    maintenance, least = _FUTURES_PERCENT.get(product, _OTHER_FUTURES)
    return FuturesRule(product=product, price=price, maintenance_percent=maintenance, minimum_percent=least)


def _dollars(amount: float) -> Decimal:
    return Decimal(str(amount)).quantize(CENT, ROUND_HALF_UP)
