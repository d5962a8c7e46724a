"""Vols and Greeks of a chain on screen, one side at a time, and the yield its parity implies."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import FirstOrderValues, bsm_first_order
from analytics.early_premium import EarlyPremiums, LiveOptions
from analytics.implied_vol import IvStatus, implied_vol
from analytics.inside_quote import vol_inside_quote, without_time_value
from analytics.volatility import american_parity_line, implied_dividend_yield, parity_forward
from execution.views import FloatArray

#: Parity of fewer strikes than this is noise.
_PARITY_STRIKES = 3
#: The parity of American options is solved strike by strike, so it is looked at more seldom.
_AMERICAN_PARITY_EVERY_S = 5.0


class SideMarket(NamedTuple):
    """What the options of one side share; t_years act/365, rate and carry_yield continuous per year."""

    spot: float
    t_years: float
    rate: float
    carry_yield: float
    now_epoch_s: float


class SideQuotes(NamedTuple):
    """Per strike; mid is NaN without a sound two-sided quote."""

    bid: FloatArray
    ask: FloatArray
    mid: FloatArray


class SideValues(NamedTuple):
    """Per strike; NaN where the quote gives no vol."""

    vol: FloatArray
    greeks: FirstOrderValues


class SideValuer:
    """One side of a watched chain. Vols are kept between calls, and early-exercise premiums of American options.

    A mid at or below what exercise pays leaves the vol as it was; without one it is taken from inside the quote.
    """

    def __init__(self, strikes: FloatArray, *, is_call: bool, is_american: bool) -> None:
        self._strikes = strikes
        self._is_call = np.full(strikes.size, is_call)
        self._premiums = EarlyPremiums(strikes.size) if is_american else None
        self._vol = np.full(strikes.size, np.nan)

    def value(self, quotes: SideQuotes, market: SideMarket) -> SideValues:
        """Solves the vols of the quotes and values every strike at its own."""
        live = LiveOptions(
            spot=np.full(self._strikes.size, market.spot),
            strike=self._strikes,
            t_years=np.full(self._strikes.size, market.t_years),
            rate=np.full(self._strikes.size, market.rate),
            carry_yield=np.full(self._strikes.size, market.carry_yield),
            vol=self._vol,
            is_call=self._is_call,
        )
        rows = np.flatnonzero(~np.isnan(quotes.mid))
        self._vol = np.full(self._strikes.size, np.nan)
        if rows.size:
            self._solve(rows, quotes, live.take(rows), market.now_epoch_s)
        return SideValues(self._vol.copy(), self._greeks(live._replace(vol=self._vol), market.now_epoch_s))

    def _solve(self, rows: npt.NDArray[np.intp], quotes: SideQuotes, live: LiveOptions, now_epoch_s: float) -> None:
        if self._premiums is None:
            found = implied_vol(price=quotes.mid[rows], **live.quoted())
        else:
            found = self._premiums.implied_vol(rows, now_epoch_s, live, quotes.mid[rows])
        flat = without_time_value(found.status)
        self._vol[rows] = np.where(found.status == IvStatus.OK, found.vol, np.where(flat, live.vol, np.nan))
        new = np.flatnonzero(flat & np.isnan(live.vol))
        if new.size:
            at = rows[new]
            self._vol[at] = vol_inside_quote(
                bid=quotes.bid[at],
                ask=quotes.ask[at],
                terms=live.take(new).quoted(),
                is_american=self._premiums is not None,
            )

    def _greeks(self, live: LiveOptions, now_epoch_s: float) -> FirstOrderValues:
        if self._premiums is None:
            return bsm_first_order(**live.arguments())
        greeks = np.full((len(FirstOrderValues._fields), live.vol.size), np.nan)
        known = np.flatnonzero(~np.isnan(live.vol))
        if known.size:
            some = live.take(known)
            greeks[:, known] = self._premiums.add_to(bsm_first_order(**some.arguments()), known, now_epoch_s, some)
        return FirstOrderValues(*greeks)


class ParityYield:
    """The dividend yield of one expiry as its quotes imply it."""

    def __init__(self, *, is_american: bool) -> None:
        self._is_american = is_american
        self._next_at_s = -math.inf

    def read(self, strikes: FloatArray, calls: FloatArray, puts: FloatArray, market: SideMarket) -> float | None:
        """Returns the yield from mids of calls and puts; None when they do not tell, or it is too soon to ask."""
        if math.isnan(market.spot) or market.t_years <= 0:
            return None
        if not self._is_american:
            found = parity_forward(
                strike=strikes, call_mid=calls, put_mid=puts, t_years=market.t_years, rate=market.rate
            )
            return _yield_of(found.forward, market) if found.strikes_used >= _PARITY_STRIKES else None
        if market.now_epoch_s < self._next_at_s:
            return None
        if np.count_nonzero(~np.isnan(calls) & ~np.isnan(puts)) < _PARITY_STRIKES:
            # Quotes of a chain just chosen are still on their way: asked again as soon as they are there.
            return None
        self._next_at_s = market.now_epoch_s + _AMERICAN_PARITY_EVERY_S
        line = american_parity_line(
            strike=strikes,
            call_price=calls,
            put_price=puts,
            spot=market.spot,
            t_years=market.t_years,
            rate=market.rate,
        )
        return _yield_of(line.forward, market) if line.strikes_used >= _PARITY_STRIKES else None


def _yield_of(forward: float, market: SideMarket) -> float | None:
    found = float(implied_dividend_yield(forward=forward, spot=market.spot, t_years=market.t_years, rate=market.rate))
    return None if math.isnan(found) else found
