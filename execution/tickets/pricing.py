"""What a package can make or lose, and how likely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.book import SECONDS_PER_YEAR
from analytics.exercise import option_price
from analytics.legs import PayoffLeg
from analytics.payoff import FloatArray, PayoffProfile, analyse_payoff, is_single_expiry
from analytics.payoff_numeric import analyse_multi_expiry
from analytics.probability import probability_of_profit as chance_of_zones


@dataclass(frozen=True, slots=True)
class LegMarket:
    """What valuing a leg before its expiry takes; NaN vol = unknown."""

    vol: float
    rate: float
    dividend_yield: float


def payoff_profile(
    legs: Sequence[PayoffLeg], markets: Sequence[LegMarket], net_cost_dollars: float
) -> PayoffProfile | None:
    """Returns the profile at the (first) expiry; None when a later leg's vol is not known."""
    if is_single_expiry(legs):
        return analyse_payoff(legs, net_cost_dollars)
    by_leg = {leg.identity: market for leg, market in zip(legs, markets, strict=True)}
    if any(math.isnan(market.vol) for market in markets):
        return None

    def value_later(leg: PayoffLeg, spots: FloatArray, at_epoch_s: float) -> FloatArray:
        return leg_value(leg, by_leg[leg.identity], spots, at_epoch_s)

    return analyse_multi_expiry(legs, value_later, net_cost_dollars, grid_points=801)


def leg_value(leg: PayoffLeg, market: LegMarket, spots: FloatArray, at_epoch_s: float) -> FloatArray:
    """Returns the value per unit at each underlying price at an instant before expiry."""
    if not leg.is_option:
        return spots
    years = max(leg.expiry_epoch_s - at_epoch_s, 0.0) / SECONDS_PER_YEAR
    return option_price(
        spot=spots,
        strike=leg.strike,
        t_years=years,
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
