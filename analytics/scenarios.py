"""What the book would make or lose if prices, vols and the calendar moved: full revaluation, never a Greek expansion.

Rules
    spot        every underlying moves by its relative shift, or (beta-weighted, the default) by beta x the index's
                shift; a price cannot fall below 0. Futures move like any other underlying.
    vol         sticky strike: each option keeps its own vol, plus the shift (ABSOLUTE: 0.05 = 5 vol points) or times
                1 + shift (RELATIVE), never below 0.001.
    time        calendar days pass, act/365; rates, yields and dividends stay; cash and carry on it are ignored.
    expiry      an option whose instant has passed is worth its intrinsic value at the scenario's price.
    exercise    European, as in the book.
    zero shock  both sides of every difference come from the same arithmetic on the same numbers, so no shock is
                exactly 0.0, not nearly.
    unknown     positions the book cannot value (no price, no vol) are left out, counted and masked.
"""

from enum import Enum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.beta_weighting import DEFAULT_BETA
from analytics.black_scholes import Bools, Floats, bsm_first_order, bsm_price
from analytics.book import BookArrays, Exclusion, Model, Rows

VOL_FLOOR = 0.001
_SECONDS_PER_DAY = 86_400.0
_DAYS_PER_YEAR = 365.0


class VolShift(Enum):
    """How a vol shift is meant."""

    ABSOLUTE = "absolute"
    RELATIVE = "relative"


class PnlCurve(NamedTuple):
    """pnl: dollars against now, one per spot shift. included: mask of positions. excluded_count: the rest."""

    spot_shifts: Floats
    pnl: Floats
    included: Bools
    excluded_count: int


class PnlGrid(NamedTuple):
    """pnl[date, vol, spot]: dollars against now. Axes as given: calendar days, vol shifts, relative spot shifts."""

    days_forward: Floats
    vol_shifts: Floats
    spot_shifts: Floats
    pnl: Floats
    included: Bools
    excluded_count: int


class SliceTable(NamedTuple):
    """P&L and beta-weighted Greeks with the index at each of several prices; one entry per spot shift.

    index_price: level. pnl: dollars against now. spx_equiv_delta, gamma: per index point at that level.
    theta_per_day, vega_per_point: dollars.
    """

    spot_shifts: Floats
    index_price: Floats
    pnl: Floats
    spx_equiv_delta: Floats
    gamma: Floats
    theta_per_day: Floats
    vega_per_point: Floats
    included: Bools
    excluded_count: int


class _Revaluer:
    """The book's columns, frozen and split into linear rows and options, ready to be valued again and again."""

    def __init__(self, book: BookArrays, now_epoch_s: float, *, vol_mode: VolShift, beta_weighted: bool) -> None:
        self.included: Bools = book.exclusions(now_epoch_s) == Exclusion.INCLUDED
        linear = book.model == Model.LINEAR
        self.linear: Rows = np.flatnonzero(self.included & linear)
        self.options: Rows = np.flatnonzero(self.included & ~linear)
        at = self.options
        self.units = book.quantity * book.multiplier
        self.spot = book.spot[book.underlying]
        beta = book.beta[book.underlying]
        self.beta = np.where(np.isnan(beta), DEFAULT_BETA, beta)
        self.slope = self.beta if beta_weighted else np.ones_like(self.beta)
        self.strike, self.is_call = book.strike[at], book.is_call[at]
        self.rate, self.carry_yield = book.rate[at], book.carry_yield(at)
        self.days_left = (book.expiry_epoch_s[at] - now_epoch_s) / _SECONDS_PER_DAY
        # An option past its expiry has no vol left to know; any number gives its intrinsic value.
        self.vol = np.where(np.isnan(book.vol[at]), 0.0, book.vol[at])
        self.vol_mode = vol_mode

    @property
    def excluded_count(self) -> int:
        return int(self.included.size - np.count_nonzero(self.included))

    def prices(self, rows: Rows, spot_shifts: Floats) -> Floats:
        """Underlying prices [shift, row]."""
        moved = 1.0 + spot_shifts[:, np.newaxis] * self.slope[rows]
        return np.asarray(self.spot[rows] * np.maximum(moved, 0.0))

    def years(self, days_forward: float) -> Floats:
        """Years left per option after `days_forward` calendar days."""
        return np.maximum(self.days_left - days_forward, 0.0) / _DAYS_PER_YEAR

    def vols(self, vol_shift: float) -> Floats:
        """Vol per option after the shift, floored."""
        shifted = self.vol + vol_shift if self.vol_mode is VolShift.ABSOLUTE else self.vol * (1.0 + vol_shift)
        return np.maximum(shifted, VOL_FLOOR)

    def option_values(self, prices: Floats, days_forward: float, vol_shift: float) -> Floats:
        """Unit values [shift, option]."""
        return bsm_price(
            spot=prices,
            strike=self.strike,
            t_years=self.years(days_forward),
            rate=self.rate,
            dividend_yield=self.carry_yield,
            vol=self.vols(vol_shift),
            is_call=self.is_call,
        )

    def linear_pnl(self, spot_shifts: Floats) -> Floats:
        """Dollars per shift of the rows that are their underlying."""
        moved = self.prices(self.linear, spot_shifts) - self.prices(self.linear, np.zeros(1))
        return np.asarray((moved * self.units[self.linear]).sum(axis=1))

    def value_now(self) -> Floats:
        """Unit values [1, option] with no shock, by the same arithmetic as every scenario."""
        return self.option_values(self.prices(self.options, np.zeros(1)), 0.0, 0.0)

    def option_pnl(self, values: Floats, now: Floats) -> Floats:
        """Dollars per shift from unit values [shift, option] and those of now [1, option]."""
        return np.asarray(((values - now) * self.units[self.options]).sum(axis=1))


def pnl_grid(
    book: BookArrays,
    *,
    now_epoch_s: float,
    spot_shifts: npt.ArrayLike,
    vol_shifts: npt.ArrayLike = 0.0,
    days_forward: npt.ArrayLike = 0.0,
    vol_mode: VolShift = VolShift.ABSOLUTE,
    beta_weighted: bool = True,
) -> PnlGrid:
    """P&L in dollars on the product of relative spot shifts, vol shifts and calendar days from now.

    spot_shifts: -0.05 = 5 % down, of the index when `beta_weighted`, else of every underlying alike. Work runs one
    vol x date cell at a time over all shifts x positions, which stays in the processor's cache.
    """
    days, vols, spots = (
        np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (days_forward, vol_shifts, spot_shifts)
    )
    revaluer = _Revaluer(book, now_epoch_s, vol_mode=vol_mode, beta_weighted=beta_weighted)
    prices, now = revaluer.prices(revaluer.options, spots), revaluer.value_now()
    pnl = np.empty((days.size, vols.size, spots.size))
    pnl[:] = revaluer.linear_pnl(spots)
    for i, days_passed in enumerate(days.tolist()):
        for j, vol_shift in enumerate(vols.tolist()):
            values = revaluer.option_values(prices, days_passed, vol_shift)
            pnl[i, j] += revaluer.option_pnl(values, now)
    return PnlGrid(days, vols, spots, pnl, revaluer.included, revaluer.excluded_count)


def pnl_curve(
    book: BookArrays,
    *,
    now_epoch_s: float,
    spot_shifts: npt.ArrayLike,
    vol_shift: float = 0.0,
    days_forward: float = 0.0,
    vol_mode: VolShift = VolShift.ABSOLUTE,
    beta_weighted: bool = True,
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
    )
    return PnlCurve(grid.spot_shifts, grid.pnl[0, 0], grid.included, grid.excluded_count)


def expiration_curve(
    book: BookArrays, *, now_epoch_s: float, spot_shifts: npt.ArrayLike, beta_weighted: bool = True
) -> PnlCurve:
    """P&L in dollars over relative spot shifts with every option at intrinsic value at its own expiry.

    Legs of different expiries are all taken at the same underlying price, each on its own day: time value that a
    later leg would still have at the first expiry is not in it (ask `pnl_curve` with days_forward for that).
    """
    spots = np.atleast_1d(np.asarray(spot_shifts, dtype=np.float64))
    revaluer = _Revaluer(book, now_epoch_s, vol_mode=VolShift.ABSOLUTE, beta_weighted=beta_weighted)
    prices = revaluer.prices(revaluer.options, spots)
    gap = np.where(revaluer.is_call, prices - revaluer.strike, revaluer.strike - prices)
    pnl = revaluer.linear_pnl(spots) + revaluer.option_pnl(np.maximum(gap, 0.0), revaluer.value_now())
    return PnlCurve(spots, pnl, revaluer.included, revaluer.excluded_count)


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
) -> SliceTable:
    """P&L and beta-weighted Greeks with the index at `index_price` x (1 + shift), for the price-slices table.

    The index moves by the shift, each underlying as in `pnl_grid`, and both new levels enter the beta weighting.
    Delta and gamma are NaN where the index level is unknown or not positive.
    """
    spots = np.atleast_1d(np.asarray(spot_shifts, dtype=np.float64))
    revaluer = _Revaluer(book, now_epoch_s, vol_mode=vol_mode, beta_weighted=beta_weighted)
    options, linear = revaluer.options, revaluer.linear
    prices, now = revaluer.prices(options, spots), revaluer.value_now()
    greeks = bsm_first_order(
        spot=prices,
        strike=revaluer.strike,
        t_years=revaluer.years(days_forward),
        rate=revaluer.rate,
        dividend_yield=revaluer.carry_yield,
        vol=revaluer.vols(vol_shift),
        is_call=revaluer.is_call,
    )
    index = index_price * (1.0 + spots)
    index = np.where(index > 0.0, index, np.nan)
    ratio = revaluer.beta[options] * prices / index[:, np.newaxis]
    linear_ratio = revaluer.beta[linear] * revaluer.prices(linear, spots) / index[:, np.newaxis]
    units = revaluer.units[options]
    return SliceTable(
        spot_shifts=spots,
        index_price=index,
        pnl=revaluer.linear_pnl(spots) + revaluer.option_pnl(greeks.price, now),
        spx_equiv_delta=(units * greeks.delta * ratio).sum(axis=1)
        + (revaluer.units[linear] * linear_ratio).sum(axis=1),
        gamma=(units * greeks.gamma * ratio * ratio).sum(axis=1),
        theta_per_day=(units * greeks.theta_per_day).sum(axis=1),
        vega_per_point=(units * greeks.vega_per_point).sum(axis=1),
        included=revaluer.included,
        excluded_count=revaluer.excluded_count,
    )
