"""Options whose mid is at or below what exercise pays, as deep in the money: a price from the sound part of the quote.

Such a mid implies no vol, yet the option is worth at least its floor (the value without any vol) and at most its ask.
The midpoint between the higher of bid and floor, and the ask, lies above the floor and has a vol. Without it a deep
option would stand in no total though its delta is nearly 1, or go grey and fresh again as its mid crosses the floor.
"""

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Bools, Floats
from analytics.early_premium import QuotedArguments
from analytics.exercise import option_implied_vol, option_price
from analytics.implied_vol import IvStatus, Statuses


def without_time_value(status: Statuses) -> Bools:
    """Which rows were found at or below their floor."""
    return np.asarray((status == IvStatus.BELOW_INTRINSIC) | (status == IvStatus.AT_INTRINSIC))


def price_inside_quote(*, bid: Floats, ask: Floats, terms: QuotedArguments, is_american: npt.ArrayLike) -> Floats:
    """Midpoint of what lies above the floor, currency per unit, one a row; NaN where the whole quote lies below."""
    floor = option_price(vol=0.0, is_american=is_american, **terms)
    return np.where(ask > floor, 0.5 * (np.maximum(bid, floor) + ask), np.nan)


def vol_inside_quote(*, bid: Floats, ask: Floats, terms: QuotedArguments, is_american: npt.ArrayLike) -> Floats:
    """Annual vols of `price_inside_quote`; NaN where the whole quote lies below the floor."""
    price = price_inside_quote(bid=bid, ask=ask, terms=terms, is_american=is_american)
    found = option_implied_vol(price=price, is_american=is_american, **terms)
    return np.where(found.status == IvStatus.OK, found.vol, np.nan)
