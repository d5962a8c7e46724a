"""P&L grids, curves and price slices of a book."""

from typing import NamedTuple

import numpy.typing as npt

from analytics.black_scholes import Bools, Floats
from analytics.book import BookArrays
from analytics.scenarios.columns import Moves, freeze
from analytics.scenarios.greeks import grouped_greeks, index_levels
from analytics.scenarios.shocks import STICKY_STRIKE, VolDynamics, VolShift, axis, days_axis
from analytics.scenarios.values import expiry_pnl, grouped_pnl


class PnlCurve(NamedTuple):
    """pnl: dollars against now, one per spot shift. included: mask of positions. excluded_count: asked for, unknown.

    floored: valuations whose vol stood on a floor (contract x cell).
    """

    spot_shifts: Floats
    pnl: Floats
    included: Bools
    excluded_count: int
    floored: int


class PnlGrid(NamedTuple):
    """pnl[date, vol, spot]: dollars against now. Axes as given: calendar days, vol shifts, relative spot shifts.

    included, excluded_count, floored: as in `PnlCurve`.
    """

    days_forward: Floats
    vol_shifts: Floats
    spot_shifts: Floats
    pnl: Floats
    included: Bools
    excluded_count: int
    floored: int


class SliceTable(NamedTuple):
    """P&L and beta-weighted Greeks with the index at each of several prices; one entry per spot shift.

    index_price: level. pnl: dollars against now. spx_equiv_delta, gamma: per index point at that level.
    theta_per_day, vega_per_point: dollars. delta_dollars: dollars per 1.00 relative move of every underlying alike.
    """

    spot_shifts: Floats
    index_price: Floats
    pnl: Floats
    spx_equiv_delta: Floats
    gamma: Floats
    theta_per_day: Floats
    vega_per_point: Floats
    delta_dollars: Floats
    included: Bools
    excluded_count: int
    floored: int


def pnl_grid(
    book: BookArrays,
    *,
    now_epoch_s: float,
    spot_shifts: npt.ArrayLike,
    vol_shifts: npt.ArrayLike = 0.0,
    days_forward: npt.ArrayLike = 0.0,
    vol_mode: VolShift = VolShift.ABSOLUTE,
    beta_weighted: bool = True,
    dynamics: VolDynamics = STICKY_STRIKE,
    rows: npt.ArrayLike | None = None,
    underlying_shifts: npt.ArrayLike | None = None,
) -> PnlGrid:
    """P&L in dollars on the product of relative spot shifts, vol shifts and calendar days from now.

    spot_shifts: -0.05 = 5 % down, of the index when `beta_weighted`, else of every underlying alike. vol_mode,
    dynamics, rows, underlying_shifts: as in `Moves`. Raises `ScenarioError` for an axis that is not finite numbers.
    """
    days, vols, spots = days_axis(days_forward), axis("vol_shifts", vol_shifts), axis("spot", spot_shifts)
    frozen = freeze(book, now_epoch_s, Moves(vol_mode, beta_weighted, dynamics, rows, underlying_shifts))
    made = grouped_pnl(frozen, spots, vols, days)
    return PnlGrid(days, vols, spots, made.pnl[0], frozen.included, frozen.excluded_count, made.floored)


def pnl_curve(
    book: BookArrays,
    *,
    now_epoch_s: float,
    spot_shifts: npt.ArrayLike,
    vol_shift: float = 0.0,
    days_forward: float = 0.0,
    vol_mode: VolShift = VolShift.ABSOLUTE,
    beta_weighted: bool = True,
    dynamics: VolDynamics = STICKY_STRIKE,
    rows: npt.ArrayLike | None = None,
    underlying_shifts: npt.ArrayLike | None = None,
) -> PnlCurve:
    """P&L in dollars over relative spot shifts at one vol shift and date; the grid's row for them."""
    grid = pnl_grid(
        book,
        now_epoch_s=now_epoch_s,
        spot_shifts=spot_shifts,
        vol_shifts=vol_shift,
        days_forward=days_forward,
        vol_mode=vol_mode,
        beta_weighted=beta_weighted,
        dynamics=dynamics,
        rows=rows,
        underlying_shifts=underlying_shifts,
    )
    return PnlCurve(grid.spot_shifts, grid.pnl[0, 0], grid.included, grid.excluded_count, grid.floored)


def expiration_curve(
    book: BookArrays,
    *,
    now_epoch_s: float,
    spot_shifts: npt.ArrayLike,
    beta_weighted: bool = True,
    rows: npt.ArrayLike | None = None,
    underlying_shifts: npt.ArrayLike | None = None,
) -> PnlCurve:
    """P&L in dollars over relative spot shifts with every option at intrinsic value at its own expiry.

    Legs of different expiries are all taken at the same underlying price, each on its own day: time value that a
    later leg would still have at the first expiry is not in it (ask `pnl_curve` with days_forward for that).
    """
    spots = axis("spot_shifts", spot_shifts)
    moves = Moves(beta_weighted=beta_weighted, rows=rows, underlying_shifts=underlying_shifts)
    frozen = freeze(book, now_epoch_s, moves)
    return PnlCurve(spots, expiry_pnl(frozen, spots)[0], frozen.included, frozen.excluded_count, 0)


def greeks_at_slices(
    book: BookArrays,
    *,
    now_epoch_s: float,
    index_price: float,
    spot_shifts: npt.ArrayLike,
    vol_shift: float = 0.0,
    days_forward: float = 0.0,
    vol_mode: VolShift = VolShift.ABSOLUTE,
    beta_weighted: bool = True,
    dynamics: VolDynamics = STICKY_STRIKE,
    rows: npt.ArrayLike | None = None,
    underlying_shifts: npt.ArrayLike | None = None,
) -> SliceTable:
    """P&L and beta-weighted Greeks with the index at `index_price` x (1 + shift), for the price-slices table.

    The index moves by the shift, each underlying as in `pnl_grid`, and both new levels enter the beta weighting.
    Delta and gamma are NaN where the index level is unknown or not positive. Greeks hold each option's vol at its
    value after the shock: they are partial, the response of vols to a further move is not in the delta.
    """
    spots, vols = axis("spot_shifts", spot_shifts), axis("vol_shift", vol_shift)
    frozen = freeze(book, now_epoch_s, Moves(vol_mode, beta_weighted, dynamics, rows, underlying_shifts))
    greeks = grouped_greeks(frozen, spots, vols, days_forward, index_price)
    return SliceTable(
        spot_shifts=spots,
        index_price=index_levels(index_price, spots),
        pnl=greeks.pnl[0, 0],
        spx_equiv_delta=greeks.spx_equiv_delta[0, 0],
        gamma=greeks.gamma[0, 0],
        theta_per_day=greeks.theta_per_day[0, 0],
        vega_per_point=greeks.vega_per_point[0, 0],
        delta_dollars=greeks.delta_dollars[0, 0],
        included=frozen.included,
        excluded_count=frozen.excluded_count,
        floored=greeks.floored,
    )
