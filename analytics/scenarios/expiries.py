"""The expiry ladder: what hangs on each expiration date of the book."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Bools, Floats
from analytics.book import BookArrays, Exclusion, Model
from analytics.scenarios.columns import Moves, freeze
from analytics.scenarios.greeks import grouped_greeks
from analytics.scenarios.shocks import STICKY_STRIKE, VolDynamics, VolShift, axis, days_axis
from analytics.scenarios.values import grouped_pnl, time_value

_SECONDS_PER_DAY = 86_400.0


class ExpiryLadder(NamedTuple):
    """One entry per expiration date, nearest first; dollars.

    epoch_day: date of settlement in UTC as days since 1970-01-01 (the New York date of every listed settlement).
    days_left: calendar days to the last settlement of that date, fractional, 0 once passed. contracts_long,
    contracts_short: both counted positive. extrinsic: time value in the contracts, quantity x multiplier x (model
    value - intrinsic); negative = the book is still to earn it. spx_equiv_delta, gamma, theta_per_day,
    vega_per_point: of these contracts now. pnl[date, shift]: dollars at the spot shifts, vols by the dynamics.
    excluded_count: option positions of the date that could not be valued; counted as contracts, in no other figure.
    """

    epoch_day: npt.NDArray[np.int64]
    days_left: Floats
    contracts_long: Floats
    contracts_short: Floats
    extrinsic: Floats
    spx_equiv_delta: Floats
    gamma: Floats
    theta_per_day: Floats
    vega_per_point: Floats
    spot_shifts: Floats
    pnl: Floats
    excluded_count: npt.NDArray[np.intp]
    included: Bools
    floored: int


def expiry_ladder(
    book: BookArrays,
    *,
    now_epoch_s: float,
    index_price: float,
    spot_shifts: npt.ArrayLike = (-0.10, -0.05, 0.05, 0.10),
    vol_shift: float = 0.0,
    days_forward: float = 0.0,
    vol_mode: VolShift = VolShift.ABSOLUTE,
    beta_weighted: bool = True,
    dynamics: VolDynamics = STICKY_STRIKE,
    rows: npt.ArrayLike | None = None,
    underlying_shifts: npt.ArrayLike | None = None,
) -> ExpiryLadder:
    """Sort the book's options by expiration date; shares and futures are in no rung.

    Greeks and time value are those of now; only `pnl` is shocked, by the shifts as in `pnl_grid`.
    """
    spots, vols = axis("spot_shifts", spot_shifts), axis("vol_shift", vol_shift)
    moves = Moves(vol_mode, beta_weighted, dynamics, rows, underlying_shifts)
    option = moves.mask(len(book)) & (book.model != Model.LINEAR) & (book.quantity != 0.0)
    at = np.flatnonzero(option)
    day = np.floor(book.expiry_epoch_s[at] / _SECONDS_PER_DAY).astype(np.int64)
    dates, code = np.unique(day, return_inverse=True)
    count, group = dates.size, np.zeros(len(book), dtype=np.intp)
    group[at] = code
    frozen = freeze(book, now_epoch_s, moves.only(option), group, count)
    made = grouped_pnl(frozen, spots, vols, days_axis(days_forward))
    now = freeze(book, now_epoch_s, Moves(rows=option), group, count)
    greeks = grouped_greeks(now, np.zeros(1), np.zeros(1), 0.0, index_price)
    quantity, unknown = book.quantity[at], book.exclusions(now_epoch_s)[at] != Exclusion.INCLUDED
    last = np.full(count, -np.inf)
    np.maximum.at(last, code, book.expiry_epoch_s[at])
    return ExpiryLadder(
        epoch_day=dates,
        days_left=np.maximum(last - now_epoch_s, 0.0) / _SECONDS_PER_DAY,
        contracts_long=np.asarray(np.bincount(code, np.maximum(quantity, 0.0), count), dtype=np.float64),
        contracts_short=np.asarray(np.bincount(code, np.maximum(-quantity, 0.0), count), dtype=np.float64),
        extrinsic=time_value(now),
        spx_equiv_delta=greeks.spx_equiv_delta[:, 0, 0],
        gamma=greeks.gamma[:, 0, 0],
        theta_per_day=greeks.theta_per_day[:, 0, 0],
        vega_per_point=greeks.vega_per_point[:, 0, 0],
        spot_shifts=spots,
        pnl=made.pnl[:, 0, 0],
        excluded_count=np.bincount(code[unknown], minlength=count),
        included=frozen.included,
        floored=made.floored,
    )
