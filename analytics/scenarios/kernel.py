"""Prices of European options on blocks of rows x spots that stay in the processor's cache; price only, no Greeks.

The same formula as `analytics.black_scholes.bsm_price`, arranged for grids: log(spot / strike) is taken once per
[row, spot] and used for every date and vol, what a date fixes is taken once per date, and with a vol that does not
depend on the spot d1 is one multiplication and one addition. Arrays are [row, spot]; along a row the normal
probabilities are evaluated at rising arguments, which a processor's branch prediction likes (7 ns instead of 14).
Every element is computed by itself: the same numbers give the same bits in every block and cell.

Source: Haug, The Complete Guide to Option Pricing Formulas, 2nd ed., chapter 1.
"""

import numpy as np
from scipy.special import ndtr

from analytics.black_scholes import Bools, Floats
from analytics.scenarios.columns import Options
from analytics.scenarios.shocks import SpotVolBeta, VolShift, shifted_vols

_DAYS_PER_YEAR = 365.0
#: Stands in for a price of 0 where only its logarithm is needed: the probabilities are 0 or 1 long before.
_TINY = 1e-250


def block_array(rows: int, spots: int) -> Floats:
    """An uninitialised [rows, spots] array, contiguous along the longer run: numpy loops fastest over that axis."""
    return np.empty((rows, spots)) if spots >= 16 else np.empty((spots, rows)).T


def prices_of(options: Options, spots: Floats) -> Floats:
    """Underlying prices [row, spot] after relative shifts of the axis; they stop at 0."""
    moved = block_array(len(options), spots.size)
    np.multiply(options.slope[:, None], spots, out=moved)
    moved += options.extra[:, None]
    moved += 1.0
    np.maximum(moved, 0.0, out=moved)
    moved *= options.spot[:, None]
    return moved


class VolField:
    """The vols of a block before the vol axis: one per row while they do not depend on the spot, else [row, spot]."""

    def __init__(self, options: Options, spots: Floats, prices: Floats, response: SpotVolBeta | None) -> None:
        self.capped: Bools | None = None
        vol = options.vol[:, None]
        self.base: Floats = vol
        if options.smile is not None:
            self.base = vol + _slide(options.smile, prices / options.spot[:, None])
        if response is not None:
            self.base, self.capped = response.answer(
                options.extra[:, None] + spots, share=options.response[:, None], vol=vol, base=self.base
            )

    def at(self, shift: float, mode: VolShift) -> tuple[Floats, Bools]:
        """Vols after the shift of the vol axis and a mask of those held at a floor; [row, 1] or [row, spot]."""
        vols, held = shifted_vols(self.base, shift, mode)
        if self.capped is not None:
            held |= self.capped
        return vols, held


def _slide(smile: tuple[Floats, ...], spot_ratio: Floats) -> Floats:
    """Change of each vol when its smile travels with the spot; exactly 0 where the spot has not moved."""
    slope, curvature, low, high, own_k = (part[:, None] for part in smile)
    then = own_k - np.log(np.maximum(spot_ratio, _TINY))
    then = np.minimum(np.maximum(then, low), high)
    now = np.minimum(np.maximum(own_k, low), high)
    return np.asarray((then - now) * (slope + curvature * (then + now)))


def intrinsic(options: Options, prices: Floats) -> Floats:
    """What each option is worth if exercised at these prices [row, spot]."""
    strike = options.strike[:, None]
    return np.maximum(np.where(options.is_call[:, None], prices - strike, strike - prices), 0.0)


class EuropeanBlock:
    """Prices of one block of rows over one run of spots, date after date and vol after vol, in the same buffers."""

    def __init__(self, options: Options, prices: Floats, *, vol_per_cell: bool) -> None:
        """vol_per_cell: vols will come as [row, spot]. Today's value must be asked the same way: same arithmetic."""
        self._options, self._prices, self._vol_per_cell = options, prices, vol_per_cell
        shape = prices.shape
        self._moneyness = block_array(*shape)
        np.divide(prices, options.strike[:, None], out=self._moneyness)
        np.maximum(self._moneyness, _TINY, out=self._moneyness)
        np.log(self._moneyness, out=self._moneyness)
        self._spot_leg, self._d1, self._d2 = (block_array(*shape) for _ in range(3))
        self._sign = np.where(options.is_call, 1.0, -1.0)[:, None]

    def set_date(self, days_forward: float) -> None:
        """Let so many calendar days pass."""
        options = self._options
        years = np.maximum(options.days_left - days_forward, 0.0) / _DAYS_PER_YEAR
        self._dead = np.flatnonzero(years == 0.0)
        self.live: Bools = years > 0.0
        # Rows past their expiry are overwritten with intrinsic values; a year stands in for the time they lack.
        years = np.where(self.live, years, 1.0)
        self._drift = ((options.rate - options.carry_yield) * years)[:, None]
        self._root = np.sqrt(years)[:, None]
        spot_factor = self._sign * np.exp(-options.carry_yield * years)[:, None]
        self._strike_leg = self._sign * (options.strike * np.exp(-options.rate * years))[:, None]
        np.multiply(self._prices, spot_factor, out=self._spot_leg)
        gone = options.take(self._dead)
        self._intrinsic = intrinsic(gone, self._prices[self._dead])

    def values(self, vol: Floats) -> Floats:
        """Unit values [row, spot] at vols > 0, [row, 1] or per cell; the array is overwritten by the next call."""
        first, second = self._d1, self._d2
        deviation = vol * self._root
        if not self._vol_per_cell:
            scale = self._sign / deviation
            np.multiply(self._moneyness, scale, out=first)
            first += scale * self._drift + 0.5 * self._sign * deviation
            deviation = self._sign * deviation
        else:
            np.add(self._moneyness, self._drift, out=first)
            first /= deviation
            first += np.multiply(deviation, 0.5, out=second)
            first *= self._sign
            deviation *= self._sign
        np.subtract(first, deviation, out=second)
        ndtr(first, out=first)
        ndtr(second, out=second)
        first *= self._spot_leg
        second *= self._strike_leg
        first -= second
        np.maximum(first, 0.0, out=first)
        if self._dead.size:
            first[self._dead] = self._intrinsic
        return first
