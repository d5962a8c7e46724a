"""Vols and Greeks of a chain on screen, one side at a time, and the yield its parity implies."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from analytics.black_scholes import FirstOrderValues, bsm_first_order
from analytics.early_premium import EarlyPremiums, LiveOptions
from analytics.implied_vol import IvStatus, implied_vol
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


class SideValues(NamedTuple):
    """Per strike; NaN where the mid gives no vol."""

    vol: FloatArray
    greeks: FirstOrderValues


class SideValuer:
    """One side of a watched chain. American options keep their vols and early-exercise premiums between calls."""

    def __init__(self, strikes: FloatArray, *, is_call: bool, is_american: bool) -> None:
        self._strikes = strikes
        self._is_call = np.full(strikes.size, is_call)
        self._premiums = EarlyPremiums(strikes.size) if is_american else None
        self._vol = np.full(strikes.size, np.nan)

    def value(self, mids: FloatArray, market: SideMarket) -> SideValues:
        """Solves the vols of the mids and values every strike at its own."""
        live = LiveOptions(
            spot=np.full(self._strikes.size, market.spot),
            strike=self._strikes,
            t_years=np.full(self._strikes.size, market.t_years),
            rate=np.full(self._strikes.size, market.rate),
            carry_yield=np.full(self._strikes.size, market.carry_yield),
            vol=self._vol,
            is_call=self._is_call,
        )
        if self._premiums is None:
            found = implied_vol(price=mids, **live.quoted())
            vol = np.where(found.status == IvStatus.OK, found.vol, np.nan)
            return SideValues(vol, bsm_first_order(**live._replace(vol=vol).arguments()))
        return self._american(self._premiums, mids, live, market.now_epoch_s)

    def _american(self, premiums: EarlyPremiums, mids: FloatArray, live: LiveOptions, now_epoch_s: float) -> SideValues:
        rows = np.arange(self._strikes.size)
        vol = np.full(rows.size, np.nan)
        quoted = np.flatnonzero(~np.isnan(mids))
        if quoted.size:
            found = premiums.implied_vol(quoted, now_epoch_s, live.take(quoted), mids[quoted])
            vol[quoted] = np.where(found.status == IvStatus.OK, found.vol, np.nan)
        self._vol = vol
        greeks = np.full((len(FirstOrderValues._fields), rows.size), np.nan)
        known = np.flatnonzero(~np.isnan(vol))
        if known.size:
            some = live._replace(vol=vol).take(known)
            greeks[:, known] = premiums.add_to(bsm_first_order(**some.arguments()), known, now_epoch_s, some)
        return SideValues(vol, FirstOrderValues(*greeks))


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
