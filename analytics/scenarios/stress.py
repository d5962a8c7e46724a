"""The stress ladder: fixed moves of the index, vols answering, full revaluation, who hurts most on each rung."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Bools, Floats
from analytics.book import BookArrays
from analytics.scenarios.columns import Moves, freeze
from analytics.scenarios.greeks import grouped_greeks, index_levels
from analytics.scenarios.shocks import STICKY_STRIKE, VolDynamics, VolShift, axis

#: From the fall that ends careers to the rise that ends short calls.
STRESS_SHIFTS = (
    *(-0.40, -0.30, -0.25, -0.20, -0.15, -0.12, -0.10, -0.08, -0.05, -0.03),
    *(0.0, 0.03, 0.05, 0.08, 0.10, 0.15, 0.20),
)
#: A house rule that is quoted (Schwab, portfolio margin; r/tastyworks 1crfk2o): at this move of the index the loss may
#: be at most this multiple of net liquidation. A preset to offer, never the truth.
QUOTED_LOSS_LIMITS = ((-0.12, 1.0), (-0.20, 2.0), (-0.25, 3.0), (-0.30, 4.0), (-0.40, 8.0))


class StressLadder(NamedTuple):
    """One entry per rung, [rung] unless stated; dollars.

    vol_response: change of a 30-day at-the-money vol that comes with the move, by the dynamics' spot-vol beta (0.01 =
    one point, or 1 % of the vol if that beta is RELATIVE); 0 without one. share_of_net_liq: P&L / net liquidation
    (-0.25 = a quarter lost), NaN while that is unknown or not positive. spx_equiv_delta, gamma: per index point
    after the move. pnl_by_underlying[rung, underlying]: in the order of the book's symbols. worst_underlying: the one
    that loses most, -1 where none loses; worst_pnl: its P&L, 0 there. allowed_loss: dollars by the loss limits given,
    NaN where they have none for the rung or net liquidation is unknown; beyond: the rung loses more than that.
    """

    spot_shifts: Floats
    index_price: Floats
    vol_response: Floats
    pnl: Floats
    share_of_net_liq: Floats
    spx_equiv_delta: Floats
    gamma: Floats
    theta_per_day: Floats
    vega_per_point: Floats
    pnl_by_underlying: Floats
    worst_underlying: npt.NDArray[np.intp]
    worst_pnl: Floats
    allowed_loss: Floats
    beyond: Bools
    included: Bools
    excluded_count: int
    floored: int


def stress_ladder(
    book: BookArrays,
    *,
    now_epoch_s: float,
    index_price: float,
    net_liq: float | None = None,
    spot_shifts: npt.ArrayLike = STRESS_SHIFTS,
    vol_shift: float = 0.0,
    days_forward: float = 0.0,
    vol_mode: VolShift = VolShift.ABSOLUTE,
    beta_weighted: bool = True,
    dynamics: VolDynamics = STICKY_STRIKE,
    rows: npt.ArrayLike | None = None,
    underlying_shifts: npt.ArrayLike | None = None,
    loss_limits: Sequence[tuple[float, float]] = (),
) -> StressLadder:
    """Revalue the book at each move of the index, with vols answering by `dynamics` and then shifted by `vol_shift`.

    net_liq: dollars of the accounts the book lies in. loss_limits: (index shift, multiple of net liquidation) pairs,
    each for the rung of exactly that shift. Everything else as in `pnl_grid` and `greeks_at_slices`.
    Raises `ScenarioError` for an axis that is not finite numbers.
    """
    spots, vols = axis("spot_shifts", spot_shifts), axis("vol_shift", vol_shift)
    count = len(book.symbols)
    moves = Moves(vol_mode, beta_weighted, dynamics, rows, underlying_shifts)
    frozen = freeze(book, now_epoch_s, moves, book.underlying, count)
    greeks = grouped_greeks(frozen, spots, vols, days_forward, index_price)
    each = np.ascontiguousarray(greeks.pnl[:, 0].T)
    pnl = each.sum(axis=1)
    worst, loss = np.full(spots.size, -1, dtype=np.intp), np.zeros(spots.size)
    if count:
        lowest = each.argmin(axis=1)
        loss = np.minimum(each[np.arange(spots.size), lowest], 0.0)
        worst = np.where(loss < 0.0, lowest, -1)
    liquid = net_liq if net_liq is not None and 0.0 < net_liq < np.inf else np.nan
    allowed = np.full(spots.size, np.nan)
    for shift, multiple in loss_limits:
        allowed[np.abs(spots - shift) < 1e-9] = multiple * liquid
    response = dynamics.response
    return StressLadder(
        spot_shifts=spots,
        index_price=index_levels(index_price, spots),
        vol_response=np.zeros(spots.size) if response is None else response.at_reference(spots) + 0.0,
        pnl=pnl,
        share_of_net_liq=pnl / liquid,
        spx_equiv_delta=greeks.spx_equiv_delta.sum(axis=0)[0],
        gamma=greeks.gamma.sum(axis=0)[0],
        theta_per_day=greeks.theta_per_day.sum(axis=0)[0],
        vega_per_point=greeks.vega_per_point.sum(axis=0)[0],
        pnl_by_underlying=each,
        worst_underlying=worst,
        worst_pnl=loss,
        allowed_loss=allowed,
        beyond=-pnl > allowed,
        included=frozen.included,
        excluded_count=frozen.excluded_count,
        floored=greeks.floored,
    )
