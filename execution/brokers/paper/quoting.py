"""Turns model prices into two-sided markets on tick, as arrays, and arrays into quotes.

Spreads are modelled: about kappa x sqrt(spot x price), wider for long terms and deep in the money, never under one
tick; the bid is rounded down and the ask up. The constants are set to what SPX, SPY and large stocks show by day.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.product import TickRule

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: All prices are whole thousandths of a currency unit on their way to Decimal: finer than any tick of the desk.
SCALE: Final = 1000
_SPREAD: Final = 0.0009
_TERM: Final = 0.8
_DEPTH: Final = 6.0
_EPSILON: Final = 1e-7
_HASH: Final = np.uint64(0x9E3779B97F4A7C15)


class TickColumns(NamedTuple):
    """Tick rules as columns, in currency: `below` under `threshold`, `above` from there on."""

    below: FloatArray
    threshold: FloatArray
    above: FloatArray


class Markets(NamedTuple):
    """Two-sided markets in whole thousandths; bid 0 is a real bid of nothing."""

    bid: IntArray
    ask: IntArray


#: Spread factor by underlying against SPX; what is not listed trades wider.
_WIDTH: Final = {"SPX": 1.0, "XSP": 0.9, "SPY": 0.3, "QQQ": 0.35, "IWM": 0.5, "AAPL": 0.9, "NVDA": 0.8, "TSLA": 0.9}
_OTHER_WIDTH: Final = 1.4
_FUTURE_WIDTH: Final = 0.9


def spread_width(underlying: str) -> float:
    """Returns how wide an underlying's options trade against SPX options of the same price and spot."""
    return _FUTURE_WIDTH if underlying.startswith("/") else _WIDTH.get(underlying, _OTHER_WIDTH)


def markets(
    price: FloatArray,
    *,
    intrinsic: FloatArray,
    spot: FloatArray,
    t_years: FloatArray,
    width: FloatArray,
    tick: TickColumns,
) -> Markets:
    """Returns bid and ask around model prices, on tick and at least one tick apart; shapes (n,), currency, years."""
    depth = 1.0 + _DEPTH * intrinsic / spot
    half = 0.5 * _SPREAD * width * np.sqrt(spot * price) * depth * (1.0 + _TERM * np.minimum(t_years, 3.0))
    low, high = np.maximum(price - half, 0.0), price + half
    low_tick = np.where(low < tick.threshold, tick.below, tick.above)
    high_tick = np.where(high < tick.threshold, tick.below, tick.above)
    bid = np.floor(low / low_tick + _EPSILON) * low_tick
    ask = np.ceil(high / high_tick - _EPSILON) * high_tick
    ask = np.maximum(ask, bid + np.where(bid < tick.threshold, tick.below, tick.above))
    return Markets(np.rint(bid * SCALE).astype(np.int64), np.rint(ask * SCALE).astype(np.int64))


def snap(price: FloatArray, tick: TickColumns) -> IntArray:
    """Returns the nearest quotable prices in whole thousandths."""
    step = np.where(price < tick.threshold, tick.below, tick.above)
    return np.asarray(np.rint(np.rint(price / step) * step * SCALE), dtype=np.int64)


def sizes(fingerprints: IntArray, pulse: int, price: FloatArray) -> tuple[IntArray, IntArray]:
    """Returns bid and ask sizes: a fixed scatter per contract and pulse, larger for cheap contracts. Deterministic."""
    mixed = (fingerprints.astype(np.uint64) + np.uint64(pulse % 2**31) * np.uint64(977)) * _HASH
    base = 8.0 + 160.0 / (1.0 + np.sqrt(price))
    bid_share = ((mixed >> np.uint64(40)) & np.uint64(255)).astype(np.float64) / 255.0
    ask_share = ((mixed >> np.uint64(48)) & np.uint64(255)).astype(np.float64) / 255.0
    bid, ask = 1.0 + base * (0.3 + bid_share), 1.0 + base * (0.3 + ask_share)
    return bid.astype(np.int64), ask.astype(np.int64)


def decimal_maker() -> Callable[[int], Decimal]:
    """Returns a function from whole thousandths to a Decimal with two places (three when needed), with a cache."""

    def make(thousandths: int) -> Decimal:
        return Decimal(thousandths // 10).scaleb(-2) if thousandths % 10 == 0 else Decimal(thousandths).scaleb(-3)

    return lru_cache(maxsize=1 << 17)(make)


def tick_row(rule: TickRule) -> tuple[float, float, float]:
    """Returns a tick rule as floats: below, threshold, above."""
    return float(rule.below), float(rule.threshold), float(rule.above)
