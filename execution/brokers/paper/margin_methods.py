"""What a set of positions must hold, by strategy margin (Reg-T) or by risk (portfolio margin), from copied facts.

Both are stated against net liquidation, which already holds option values, so that buying power is net liquidation
less initial margin, in the manner of a broker's "buying power effect". Minimum equity of a portfolio margin account
is not asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

import numpy as np

from analytics.american import american_price
from analytics.book import SECONDS_PER_YEAR
from analytics.book_columns import Model
from analytics.legs import PayoffLeg, linear_leg, option_leg
from analytics.margin import (
    AccountMargin,
    MarginError,
    RegTMargin,
    RegTParameters,
    RiskBook,
    against_net_liquidation,
)
from execution.brokers.paper.accounts import Holding
from execution.brokers.paper.market import OptionModel
from execution.margin_terms import futures_rule, risk_terms, span_parameters, strategy_terms
from models.clock import epoch_s
from models.contract import Contract
from models.enums import ExerciseStyle, InstrumentKind, MarginMethod, Right
from models.ids import ContractKey
from models.order import OrderLeg

CENT: Final = Decimal("0.01")
_FUTURES: Final = frozenset({InstrumentKind.FUTURE, InstrumentKind.FUTURE_OPTION})


@dataclass(frozen=True, slots=True)
class Margin:
    """Requirement against net liquidation, dollars."""

    initial: Decimal
    maintenance: Decimal


@dataclass(frozen=True, slots=True)
class _Line:
    """A position: signed contracts or shares, its price per share (None = unknown)."""

    contract: Contract
    quantity: float
    price: float | None

    @property
    def on_future(self) -> bool:
        """Whether it is, or depends on, a future."""
        return self.contract.kind in _FUTURES


@dataclass(frozen=True, slots=True)
class MarginCase:
    """One account's positions with all that a margin is worked out from; any thread may ask it.

    `marks` holds the level of each underlying under its symbol; `models` the options as the market prices them, which
    portfolio margin alone needs.
    """

    method: MarginMethod
    holdings: tuple[Holding, ...]
    marks: Mapping[ContractKey, Decimal]
    models: Mapping[ContractKey, OptionModel]
    now_utc: datetime
    rates: RegTParameters | None = None

    def margin(self, order_legs: Sequence[OrderLeg] = ()) -> Margin | None:
        """Returns the margin of the holdings plus an order's legs once filled; None when a price it needs is unknown.

        A holding without a mark counts at its average price, as it does in net liquidation.
        """
        known = {**{held.contract.key: held.average_price for held in self.holdings}, **self.marks}
        lines = [_line(held.contract, held.quantity, known) for held in self.holdings]
        lines += [_line(leg.contract, Decimal(leg.signed_quantity), known) for leg in order_legs]
        levels = {line.contract.underlying: known.get(ContractKey(line.contract.underlying)) for line in lines}
        if any(level is None or level <= 0 for level in levels.values()):
            return None
        prices = {symbol: float(level) for symbol, level in levels.items() if level is not None}
        if not lines:
            return Margin(_dollars(0.0), _dollars(0.0))
        try:
            if self.method is MarginMethod.PORTFOLIO:
                return _by_risk(lines, prices, self.models, epoch_s(self.now_utc))
            return _by_strategy(lines, prices, self.rates, epoch_s(self.now_utc))
        except MarginError:
            return None


def _by_strategy(
    lines: Sequence[_Line], prices: Mapping[str, float], rates: RegTParameters | None, now_s: float
) -> Margin:
    legs = [_leg(line) for line in lines]
    on_future = {leg.underlying: leg.is_future for leg in legs}
    terms = {name: strategy_terms(name, prices[name]) for name, future in on_future.items() if not future}
    rules = {name: futures_rule(name, prices[name]) for name, future in on_future.items() if future}
    need = RegTMargin(rates, rules).requirement(legs, terms, now_s)
    maintenance = against_net_liquidation(need, legs, prices)
    initial = maintenance + need.stock_initial - need.stock_maintenance
    if need.futures is not None:
        initial += need.futures.initial - need.futures.maintenance
    return Margin(_dollars(max(initial, maintenance)), _dollars(maintenance))


def _by_risk(
    lines: Sequence[_Line], prices: Mapping[str, float], models: Mapping[ContractKey, OptionModel], now_s: float
) -> Margin:
    """The ten-point revaluation; what it needs to open is what it needs to keep."""
    expires = [line.contract.expires_at_utc for line in lines]
    left = np.array([0.0 if at is None else max(epoch_s(at) - now_s, 0.0) / SECONDS_PER_YEAR for at in expires])
    vol, rate, dividend_yield = (
        np.array(column) for column in zip(*(_model(line, models) for line in lines), strict=True)
    )
    book = RiskBook.of(
        underlyings={symbol: risk_terms(symbol) for symbol in prices},
        prices=prices,
        quantity=[line.quantity for line in lines],
        multiplier=[float(line.contract.multiplier) for line in lines],
        model=[_code(line) for line in lines],
        underlying=[line.contract.underlying for line in lines],
        strike=[float(line.contract.strike or "nan") for line in lines],
        t_years=left,
        is_call=[line.contract.right is Right.CALL for line in lines],
        rate=rate,
        dividend_yield=dividend_yield,
        # An expired option is worth its intrinsic value at any vol.
        vol=np.where(left > 0.0, vol, 0.0),
        is_american=[line.contract.style is ExerciseStyle.AMERICAN for line in lines],
        market_price=[np.nan if line.price is None else line.price for line in lines],
        labels=[line.contract.label for line in lines],
    )
    method = AccountMargin(
        MarginMethod.PORTFOLIO, span_parameters=span_parameters(prices.items()), american=american_price
    )
    need = _dollars(method.requirement(book))
    return Margin(need, need)


def _model(line: _Line, models: Mapping[ContractKey, OptionModel]) -> tuple[float, float, float]:
    """Vol (NaN = unknown), rate and dividend yield of a line."""
    known = models.get(line.contract.key)
    return (np.nan, 0.0, 0.0) if known is None else (known.vol, known.rate, known.dividend_yield)


def _code(line: _Line) -> Model:
    if not line.contract.is_option:
        return Model.LINEAR
    return Model.BLACK76 if line.on_future else Model.BSM


def _line(contract: Contract, quantity: Decimal, known: Mapping[ContractKey, Decimal]) -> _Line:
    price = known.get(contract.key)
    return _Line(contract, float(quantity), None if price is None else float(price))


def _leg(line: _Line) -> PayoffLeg:
    contract, multiplier = line.contract, float(line.contract.multiplier)
    expires = contract.expires_at_utc
    if not contract.is_option or contract.right is None or contract.strike is None or expires is None:
        return linear_leg(
            contract.underlying,
            line.quantity,
            multiplier=multiplier,
            price=line.price,
            is_future=line.on_future,
            key=contract.key,
        )
    return option_leg(
        contract.underlying,
        contract.right.value,
        float(contract.strike),
        epoch_s(expires),
        line.quantity,
        multiplier=multiplier,
        price=line.price,
        is_future=line.on_future,
        key=contract.key,
    )


def _dollars(amount: float) -> Decimal:
    return Decimal(str(amount)).quantize(CENT, ROUND_HALF_UP)
