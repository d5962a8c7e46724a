"""The book recorded row by row at one instant, for a later explanation of its P&L."""

from __future__ import annotations

import math

import numpy as np

from analytics.book import BookArrays, BookGreeks, Model
from execution.core import DeskCore
from models.book_mark import BookMark, PositionMark


def mark_of(core: DeskCore) -> BookMark:
    """Returns every position as it stands; unknown figures are None. Engine thread."""
    book = core.book.arrays
    greeks = core.book.greeks(core.spx_price())
    prices, spots = unit_prices(book, greeks), book.spot[book.underlying]
    vols = np.where(book.model == Model.LINEAR, np.nan, book.vol)
    columns = (prices, spots, vols, greeks.delta, greeks.gamma, greeks.theta_per_day, greeks.vega_per_point)
    positions = tuple(
        PositionMark(
            row.account_id,
            row.contract.key,
            row.contract.underlying,
            float(row.quantity),
            float(row.contract.multiplier),
            *(_known(column[at]) for column in columns),
        )
        for at, row in enumerate(core.book.structure.rows)
    )
    return BookMark(core.clock.now_utc(), positions)


def unit_prices(book: BookArrays, greeks: BookGreeks) -> np.ndarray:
    """Returns the mark of each row, or its model value where the quote gives none."""
    return np.where(np.isnan(book.mark), greeks.price, book.mark)


def is_whole(core: DeskCore) -> bool:
    """Whether every position has a price and its Greeks. Engine thread."""
    book = core.book.arrays
    greeks = core.book.greeks(core.spx_price())
    return len(book) > 0 and bool(np.isfinite(unit_prices(book, greeks)).all() and np.isfinite(greeks.delta).all())


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
