"""Options whose mid is at or below what exercise pays, as deep in the money: a vol from the sound part of the quote.

Such a mid implies no vol, yet the option is worth at least its floor (the value without any vol) and at most its ask.
The midpoint between the higher of bid and floor, and the ask, lies above the floor and has a vol. Without it a deep
option just bought would stand in no total, though its delta is nearly 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analytics.book import BookArrays
from analytics.early_premium import QuotedArguments
from analytics.exercise import option_implied_vol, option_price
from analytics.implied_vol import IvStatus

_Floats = npt.NDArray[np.float64]


def without_time_value(status: npt.NDArray[np.int8]) -> npt.NDArray[np.bool_]:
    """Which rows were found at or below their floor."""
    return np.isin(status, (IvStatus.BELOW_INTRINSIC, IvStatus.AT_INTRINSIC))


def vol_inside_quote(bid: _Floats, ask: _Floats, terms: QuotedArguments, is_american: npt.NDArray[np.bool_]) -> _Floats:
    """Annual vols, one a row, of the midpoint of what lies above the floor; NaN where the whole quote lies below."""
    floor = option_price(vol=np.zeros(bid.shape), is_american=is_american, **terms)
    price = np.where(ask > floor, 0.5 * (np.maximum(bid, floor) + ask), np.nan)
    found = option_implied_vol(price=price, is_american=is_american, **terms)
    return np.where(found.status == IvStatus.OK, found.vol, np.nan)


def give_first_vols(book: BookArrays, now_epoch_s: float) -> int:
    """Gives rows that never had a vol one from inside their quotes; returns how many.

    A row that had one keeps it, marked stale, as after any quote without a vol (`BookArrays.refresh_vols`).
    """
    wanted = np.isnan(book.vol) & without_time_value(book.vol_status) & ~np.isnan(book.mark)
    wanted &= (book.expiry_epoch_s > now_epoch_s) & ~np.isnan(book.spot[book.underlying])
    rows = np.flatnonzero(wanted)
    if rows.size == 0:
        return 0
    terms = QuotedArguments(
        spot=book.spot[book.underlying[rows]],
        strike=book.strike[rows],
        t_years=book.t_years(now_epoch_s, rows),
        rate=book.rate[rows],
        dividend_yield=book.carry_yield(rows),
        is_call=book.is_call[rows],
    )
    vols = vol_inside_quote(book.bid[rows], book.ask[rows], terms, book.is_american[rows])
    known = ~np.isnan(vols)
    book.set_vols(rows[known], vols[known])
    return int(np.count_nonzero(known))
