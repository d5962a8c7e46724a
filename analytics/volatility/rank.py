"""Where today's implied vol stands in its own history: IV rank and IV percentile, which are two different numbers.

IV rank = (iv - low) / (high - low): the place between the year's extremes. One spike sets `high` for a whole year, so
that rank stays low long after it. IV percentile = the share of the year's days that were below today. Platforms mix
the names; the same day can be rank 81 and percentile 98.

The window is the last `window_days` daily values BEFORE today (252 trading days, about 52 weeks, unless told). Days
without a value (NaN) are left out and not replaced; fewer than half of the window's days give no figure, because a rank
in a short history is a rank in another thing.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Bools, Floats

TRADING_DAYS_PER_YEAR = 252

Statuses = npt.NDArray[np.int8]
Counts = npt.NDArray[np.int64]


class RankStatus(IntEnum):
    """Why a row has, or has not, a rank or percentile."""

    OK = 0
    NO_VALUE_TODAY = 1
    SHORT_HISTORY = 2
    FLAT_HISTORY = 3


class IvRank(NamedTuple):
    """Rank of today's vol between the window's extremes; arrays of one shape.

    rank: 0 (at or below every day of the window) to 1 (at or above every one), NaN where status is not OK. low, high:
    extremes of the window and today, in the unit of `iv`, NaN when today is unknown. days_used: values in the window.
    status: int8 codes of `RankStatus`; FLAT_HISTORY when low equals high.
    """

    rank: Floats
    low: Floats
    high: Floats
    days_used: Counts
    status: Statuses


class IvPercentile(NamedTuple):
    """Share of the window's days on which the vol was lower than today; arrays of one shape.

    percentile: 0 to 1, NaN where status is not OK (a flat history is OK: 0 when today equals it). days_used: values in
    the window. status: int8 codes of `RankStatus`.
    """

    percentile: Floats
    days_used: Counts
    status: Statuses


class _Window(NamedTuple):
    """`iv` (...), `days` (..., n) with NaN where nothing is known, and what can be said of them."""

    iv: Floats
    days: Floats
    known: Bools
    days_used: Counts
    status: Statuses


def iv_rank(*, iv: npt.ArrayLike, history: npt.ArrayLike, window_days: int = TRADING_DAYS_PER_YEAR) -> IvRank:
    """IV rank: (iv - low) / (high - low) over the last `window_days` days before today, and today.

    iv: today's vol, shape (...), any unit (0.20 or 20), > 0. history: daily values in the same unit, oldest first and
    without today, shape (..., n); the leading axes broadcast against `iv`. Because today counts among the extremes a
    new high is 1 and a new low 0. Raises ValueError for a window below 2 days or a history without a day axis.
    """
    window = _window(iv, history, window_days)
    today = window.iv[..., None]
    both = np.concatenate([np.where(window.known, window.days, today), today], axis=-1)
    low, high = both.min(axis=-1), both.max(axis=-1)
    flat = (window.status == RankStatus.OK) & (low == high)
    status = np.where(flat, np.int8(RankStatus.FLAT_HISTORY), window.status)
    good = status == RankStatus.OK
    rank = np.where(good, window.iv - low, np.nan) / np.where(good, high - low, 1.0)
    return IvRank(rank, low, high, window.days_used, status)


def iv_percentile(
    *, iv: npt.ArrayLike, history: npt.ArrayLike, window_days: int = TRADING_DAYS_PER_YEAR
) -> IvPercentile:
    """IV percentile: days of the window with a vol strictly below today's, over the window's days with a value.

    Arguments, window and errors as in `iv_rank`.
    """
    window = _window(iv, history, window_days)
    below = (window.known & (window.days < window.iv[..., None])).sum(axis=-1)
    good = window.status == RankStatus.OK
    share = np.where(good, below, np.nan) / np.where(good, window.days_used, 1)
    return IvPercentile(share, window.days_used, window.status)


def _window(iv: npt.ArrayLike, history: npt.ArrayLike, window_days: int) -> _Window:
    if window_days < 2:
        raise ValueError(f"window_days is {window_days}: a rank needs at least 2 days. Pass 252 for a year.")
    today, past = np.asarray(iv, dtype=np.float64), np.asarray(history, dtype=np.float64)
    if past.ndim == 0:
        raise ValueError("history is a single number: pass an array whose last axis is days, oldest first.")
    past = past[..., -window_days:]
    shape = np.broadcast_shapes(today.shape, past.shape[:-1])
    today = np.broadcast_to(today, shape)
    past = np.broadcast_to(past, (*shape, past.shape[-1]))
    known = np.isfinite(past) & (past > 0.0)
    used = np.asarray(known.sum(axis=-1))
    has_today = np.isfinite(today) & (today > 0.0)
    status = np.where(used * 2 < window_days, np.int8(RankStatus.SHORT_HISTORY), np.int8(RankStatus.OK))
    status = np.where(has_today, status, np.int8(RankStatus.NO_VALUE_TODAY))
    return _Window(np.where(has_today, today, np.nan), past, known, used, np.asarray(status, dtype=np.int8))
