"""Positions and legs as the columns the numeric book takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from analytics.book_columns import Model, PositionColumns, UnderlyingColumns
from execution.market.betas import BetaBook
from execution.market.carry import CarryBook
from execution.market.data import MarketData
from models.clock import epoch_s
from models.contract import Contract
from models.enums import ExerciseStyle, InstrumentKind, Right


@dataclass(frozen=True, slots=True)
class Holding:
    """A signed quantity of a contract."""

    contract: Contract
    quantity: Decimal


def model_of(contract: Contract) -> Model:
    """Returns how a contract is valued."""
    if contract.kind is InstrumentKind.OPTION:
        return Model.BSM
    return Model.BLACK76 if contract.kind is InstrumentKind.FUTURE_OPTION else Model.LINEAR


def underlying_columns(symbols: Sequence[str], market: MarketData, betas: BetaBook) -> UnderlyingColumns:
    """Returns spot and beta of each symbol."""
    found = [betas.beta(symbol) for symbol in symbols]
    return UnderlyingColumns(
        symbols=tuple(symbols),
        spot=np.array([market.price(symbol) for symbol in symbols], dtype=np.float64),
        beta=np.array([beta.value for beta in found], dtype=np.float64),
        beta_defaulted=np.array([beta.is_default for beta in found], dtype=np.bool_),
    )


def position_columns(holdings: Sequence[Holding], index_of: dict[str, int], carry: CarryBook) -> PositionColumns:
    """Returns one row a holding; `index_of` maps an underlying to its row in the underlying table."""
    contracts = [holding.contract for holding in holdings]
    carried = [carry.carry(contract.underlying, contract.expiry) for contract in contracts]
    return PositionColumns(
        quantity=np.array([float(holding.quantity) for holding in holdings], dtype=np.float64),
        multiplier=np.array([float(contract.multiplier) for contract in contracts], dtype=np.float64),
        model=np.array([model_of(contract) for contract in contracts], dtype=np.int8),
        underlying=np.array([index_of[contract.underlying] for contract in contracts], dtype=np.intp),
        strike=np.array([_strike(contract) for contract in contracts], dtype=np.float64),
        expiry_epoch_s=np.array([_expiry(contract) for contract in contracts], dtype=np.float64),
        is_call=np.array([contract.right is Right.CALL for contract in contracts], dtype=np.bool_),
        rate=np.array([one.rate for one in carried], dtype=np.float64),
        dividend_yield=np.array([one.dividend_yield for one in carried], dtype=np.float64),
        vol=np.full(len(contracts), np.nan),
        is_american=np.array([contract.style is ExerciseStyle.AMERICAN for contract in contracts], dtype=np.bool_),
    )


def quote_sides(market: MarketData, contract: Contract) -> tuple[float, float]:
    """Returns (bid, ask) of the newest quote, NaN for a missing side."""
    quote = market.quote(contract.key)
    if quote is None:
        return math.nan, math.nan
    return (
        math.nan if quote.bid is None else float(quote.bid),
        math.nan if quote.ask is None else float(quote.ask),
    )


def _strike(contract: Contract) -> float:
    return math.nan if not contract.is_option or contract.strike is None else float(contract.strike)


def _expiry(contract: Contract) -> float:
    expires = contract.expires_at_utc if contract.is_option else None
    return math.nan if expires is None else epoch_s(expires)
