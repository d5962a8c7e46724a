"""Implied vols of American options on arrays: Newton on the price, inside a bracket, and a status for every row.

The value of an American option rises with vol from a floor, what the best certain date of exercise pays, to a
ceiling: the spot for calls, the strike for puts, or either carried at a negative yield or rate. Up to some vol it may
stay on the floor: there the option is exercised now and no vol is implied (AT_INTRINSIC). A European vol of the same
price, which is never too low, starts the search unless a guess is given; rows leave it as they converge.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.american_cash import complete, shape_with
from analytics.american_dividends import CashDividends, DividendModel, Dividends, Rows, schedule
from analytics.american_yield import Inputs, arrays, first_order, price_only
from analytics.black_scholes import MAX_VOL, Bools, Floats
from analytics.implied_vol import ImpliedVol, IvStatus, Statuses, implied_vol

_MAX_ITERATIONS = 60
# Newton squares the error: after a relative step of this size what is left is far below the price's own accuracy.
_CONVERGED = 1e-6
_MAX_DEVIATION = 15.0
_ROUNDING = 4.0 * np.finfo(np.float64).eps
_LOWEST = 1e-8
# A search that ends farther than this from the price, in shares of spot or strike, has found no vol.
_ACCEPTED = 1e-5
# Nearer than this, in the same shares, there is nothing to gain: the price itself is not better known.
_REACHED = 1e-11


def american_implied_vol(
    *,
    price: npt.ArrayLike,
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    is_call: npt.ArrayLike,
    dividends: Dividends = None,
    dividend_model: DividendModel = DividendModel.SPOT,
    guess: npt.ArrayLike | None = None,
) -> ImpliedVol:
    """Vol at which `american_price` gives `price`, in the broadcast shape, and an `IvStatus` per row.

    BELOW_INTRINSIC: under the floor of the module text. AT_INTRINSIC: on it, so that exercise is what it is worth and
    many vols or none would do. ABOVE_MAXIMUM: at or over the ceiling. BAD_INPUT: NaN, infinite or negative numbers or
    no time left. vol is NaN wherever the status is not OK. guess: annual vols to start from, the last ones of a live
    book; NaN where there is none. With cash dividends the floor is that of exercise now.
    """
    inputs = arrays(spot, strike, t_years, rate, dividend_yield, 0.0, is_call)
    quoted = np.asarray(price, dtype=np.float64)
    shape = np.broadcast_shapes(quoted.shape, shape_with(inputs, dividends))
    s, k, t, r, q, v = (np.broadcast_to(value, shape).ravel() for value in inputs[:6])
    flat = Inputs(s, k, t, r, q, v, np.broadcast_to(inputs.is_call, shape).ravel())
    target = np.broadcast_to(quoted, shape).ravel()
    search = _Search(flat, target, _rows_of(dividends, shape), dividend_model)
    status = search.statuses()
    rows = np.flatnonzero(status == IvStatus.OK)
    vol = np.full(target.size, np.nan)
    if rows.size:
        start = np.full(target.size, np.nan) if guess is None else np.broadcast_to(guess, shape).ravel()
        vol[rows], status[rows] = search.solve(rows, np.asarray(start, dtype=np.float64)[rows])
    return ImpliedVol(vol.reshape(shape), status.reshape(shape))


def _rows_of(dividends: Dividends, shape: tuple[int, ...]) -> CashDividends | None:
    """The same schedules, one per flat row."""
    times, amounts = schedule(dividends)
    if times.size == 0:
        return None
    wide = (*shape, times.shape[-1])
    return CashDividends(*(np.broadcast_to(part, wide).reshape(-1, wide[-1]) for part in (times, amounts)))


class _Search(NamedTuple):
    """Flat rows and what is asked of them."""

    inputs: Inputs
    target: Floats
    dividends: CashDividends | None
    model: DividendModel

    def statuses(self) -> Statuses:
        """What the bounds alone say about every row."""
        s, k, t, r, q, _, call = self.inputs
        floor = price_only(self.inputs)[0]
        ahead = np.where(t > 0.0, t, np.nan)
        good = np.isfinite(floor) & np.isfinite(self.target) & (self.target >= 0.0) & (t > 0.0) & (s > 0.0) & (k > 0.0)
        if self.dividends is not None:
            amount = np.asarray(self.dividends.amount)
            good &= ~((amount < 0.0) | np.isinf(amount)).any(axis=1)
            paying = self._paying()
            floor = np.where(paying, np.maximum(np.where(call, s - k, k - s), 0.0), floor)
        with np.errstate(over="ignore", invalid="ignore"):
            ceiling = np.where(call, s * np.exp(np.maximum(-q * ahead, 0.0)), k * np.exp(np.maximum(-r * ahead, 0.0)))
        status = np.full(self.target.size, IvStatus.OK, dtype=np.int8)
        margin = _ROUNDING * np.maximum(s, k)
        status[self.target < floor - margin] = IvStatus.BELOW_INTRINSIC
        status[np.abs(self.target - floor) <= margin] = IvStatus.AT_INTRINSIC
        status[self.target >= ceiling] = IvStatus.ABOVE_MAXIMUM
        status[~good] = IvStatus.BAD_INPUT
        return status

    def solve(self, rows: Rows, guess: Floats) -> tuple[Floats, Statuses]:
        """Vol and final status of rows whose price lies between the bounds."""
        t = self.inputs.t_years[rows]
        low, high = np.zeros(rows.size), np.minimum(_MAX_DEVIATION / np.sqrt(t), MAX_VOL)
        vol = np.clip(np.where(guess > 0.0, guess, self._european(rows, guess)), _LOWEST, high)
        scale = np.maximum(self.inputs.spot, self.inputs.strike)[rows]
        paying = self._paying()[rows]
        last_vol, last_miss = np.full(rows.size, np.nan), np.full(rows.size, np.nan)
        active = np.arange(rows.size)
        for _ in range(_MAX_ITERATIONS):
            here = vol[active]
            worth, slope = self._value(rows[active], here)
            # No number means a vol too small for the dividends' grid: it counts as too low.
            miss = np.where(np.isnan(worth), -np.inf, worth - self.target[rows[active]])
            low[active] = np.where(miss < 0.0, here, low[active])
            high[active] = np.where(miss > 0.0, here, high[active])
            with np.errstate(divide="ignore", invalid="ignore"):
                secant = (miss - last_miss[active]) / (here - last_vol[active])
                slope = np.where(paying[active] & (secant > 0.0) & np.isfinite(secant), secant, slope)
                moved = here - miss / slope
            last_vol[active], last_miss[active] = here, miss
            inside = (moved > low[active]) & (moved < high[active])
            middle = 0.5 * (low[active] + high[active])
            # From inside the exercise region the ceiling says little: go up by doubling.
            middle = np.where(low[active] > 0.0, np.minimum(middle, 2.0 * low[active]), middle)
            moved = np.where(inside, moved, middle)
            # Where the price is met, a step that rounding puts outside the bracket is none: never half or double of it.
            moved = np.where(inside | (np.abs(miss) > _REACHED * scale[active]), moved, here)
            vol[active] = moved
            open_still = (np.abs(moved - here) > _CONVERGED * moved) & (np.abs(miss) > _REACHED * scale[active])
            active = active[open_still]
            if active.size == 0:
                break
        off = np.abs(np.where(np.isfinite(last_miss), last_miss, np.inf)) > _ACCEPTED * scale
        status = np.where(off, np.where(last_miss < 0.0, IvStatus.ABOVE_MAXIMUM, IvStatus.BELOW_INTRINSIC), IvStatus.OK)
        status[off & np.isinf(last_miss)] = IvStatus.BELOW_INTRINSIC
        return np.where(off, np.nan, vol), status.astype(np.int8)

    def _paying(self) -> Bools:
        """Rows with a dividend between now and expiry."""
        if self.dividends is None:
            return np.zeros(self.target.size, dtype=np.bool_)
        when, amount = (np.asarray(part) for part in self.dividends)
        return np.asarray(((when > 0.0) & (when < self.inputs.t_years[:, None]) & (amount > 0.0)).any(axis=1))

    def _european(self, rows: Rows, guess: Floats) -> Floats:
        """The European vol of the same price, or one deviation where it has none; not looked for where guessed."""
        s, k, t, r, q, _, call = self.inputs.take(rows)
        wanted = np.where(guess > 0.0, np.nan, self.target[rows])
        found = implied_vol(price=wanted, spot=s, strike=k, t_years=t, rate=r, dividend_yield=q, is_call=call).vol
        return np.where(np.isnan(found), 1.0 / np.sqrt(t), found)

    def _value(self, rows: Rows, vol: Floats) -> tuple[Floats, Floats]:
        """Price and vega per 1.00 of vol; with dividends the vega is that without, a slope good enough to start on."""
        inputs = self.inputs.take(rows)._replace(vol=vol)
        found = first_order(inputs)
        vega = found[4] * 100.0
        own = None if self.dividends is None else CashDividends(*(np.asarray(part)[rows] for part in self.dividends))
        return complete(inputs, found[:1], vol.shape, own, self.model)[0], vega
