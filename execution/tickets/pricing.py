"""What a package can make or lose, and how likely."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.book import SECONDS_PER_YEAR
from analytics.exercise import option_price_by_spot
from analytics.legs import PayoffLeg
from analytics.payoff import FloatArray, PayoffProfile, analyse_payoff, common_expiry, is_single_expiry
from analytics.payoff_numeric import ValueUnknownError, analyse_multi_expiry, pnl_at
from analytics.probability import probability_of_profit as chance_of_zones

#: Prices spread evenly around the strikes, beside those that follow the legs' own deviations.
_EVEN_POINTS = 121


@dataclass(frozen=True, slots=True)
class LegMarket:
    """What valuing a leg before its expiry takes; NaN vol = unknown."""

    vol: float
    rate: float
    dividend_yield: float


class PackageValues:
    """What a package's legs are worth at any price of the underlying, at an instant before they expire.

    What depends on no price (an exercise boundary above all) is worked out once per leg and instant, at first need.
    Lives as long as one question about one ticket; `legs` and `markets` one to one.
    """

    def __init__(self, legs: Sequence[PayoffLeg], markets: Sequence[LegMarket]) -> None:
        self.legs = tuple(legs)
        self.markets = tuple(markets)
        self._market_of = {leg.identity: market for leg, market in zip(legs, markets, strict=True)}
        self._priced: dict[tuple[object, float], Callable[[FloatArray], FloatArray]] = {}

    def at(self, leg: PayoffLeg, spots: FloatArray, at_epoch_s: float) -> FloatArray:
        """Returns the value per unit, NaN where it is not known."""
        if not leg.is_option:
            return spots
        key = (leg.identity, at_epoch_s)
        if key not in self._priced:
            self._priced[key] = _by_spot(leg, self._market_of[leg.identity], at_epoch_s)
        return self._priced[key](spots)

    def pnl(self, spots: FloatArray, at_epoch_s: float, net_cost_dollars: float) -> FloatArray:
        """Returns the package's profit in dollars; legs that have expired by then are at their intrinsic value."""
        return pnl_at(self.legs, spots, at_epoch_s, self.at, net_cost_dollars)

    def profile(self, net_cost_dollars: float) -> PayoffProfile | None:
        """Returns the profile at the (first) expiry; None when a later leg's value is not known."""
        if is_single_expiry(self.legs):
            return analyse_payoff(self.legs, net_cost_dollars)
        if any(math.isnan(market.vol) for market in self.markets):
            return None
        first = common_expiry(self.legs) or 0.0
        deviations = [
            market.vol * math.sqrt(_years(leg, first)) if leg.is_option else 0.0
            for leg, market in zip(self.legs, self.markets, strict=True)
        ]
        try:
            return analyse_multi_expiry(self.legs, self.at, net_cost_dollars, _EVEN_POINTS, deviations)
        except ValueUnknownError:
            return None


def _years(leg: PayoffLeg, at_epoch_s: float) -> float:
    return max(leg.expiry_epoch_s - at_epoch_s, 0.0) / SECONDS_PER_YEAR


def _by_spot(leg: PayoffLeg, market: LegMarket, at_epoch_s: float) -> Callable[[FloatArray], FloatArray]:
    return option_price_by_spot(
        strike=leg.strike,
        t_years=_years(leg, at_epoch_s),
        rate=market.rate,
        dividend_yield=market.rate if leg.is_future else market.dividend_yield,
        vol=market.vol,
        is_call=bool(leg.is_call),
        is_american=leg.is_american,
    )


def probability_of_profit(
    profile: PayoffProfile, legs: Sequence[PayoffLeg], markets: Sequence[LegMarket], spot: float, now_epoch_s: float
) -> float | None:
    """Returns P(profit at the first expiry), lognormal, each breakeven at the vol of the legs around it.

    The vol at a price is read off the legs' own smile (linear in strike, flat beyond), so that the two sides of a
    condor are weighed with the skew the market pays for. None when spot or vols are unknown.
    """
    options = [(leg.strike, market) for leg, market in zip(legs, markets, strict=True) if leg.is_option]
    if not options or profile.at_epoch_s is None or math.isnan(spot):
        return None
    if any(math.isnan(market.vol) for _, market in options):
        return None
    years = max(profile.at_epoch_s - now_epoch_s, 0.0) / SECONDS_PER_YEAR
    market = options[0][1]
    carry = 0.0 if legs[0].is_future else market.rate - market.dividend_yield
    forward = spot * math.exp(carry * years)
    smile = sorted((strike, one.vol) for strike, one in options)
    strikes, vols = np.array([k for k, _ in smile]), np.array([v for _, v in smile])
    low = np.array([zone.low for zone in profile.profit_zones])
    high = np.array([math.inf if zone.high is None else zone.high for zone in profile.profit_zones])
    return chance_of_zones(
        low=low,
        high=high,
        forward=forward,
        t_years=years,
        vol=np.interp(low, strikes, vols),
        vol_at_high=np.interp(high, strikes, vols),
    )
