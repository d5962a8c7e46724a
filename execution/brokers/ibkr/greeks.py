"""The broker's own Greeks out of a market-data line: what TWS could not work out is None, never a figure."""

from __future__ import annotations

import math

from execution.brokers.ibkr.facts import TickFact
from models.contract import Contract
from models.quote import ModelGreeks

#: "Not computed" on the wire for Greeks. Both client libraries let it through for vega and theta.
_NOT_COMPUTED = -2.0
#: TWS's unset double is 1.797e308; no Greek of one unit comes near this.
_ABSURD = 1e9


def model_greeks(tick: TickFact, contract: Contract) -> ModelGreeks | None:
    """Returns the model line of an option's tick; None when there is none, or nothing in it is known.

    Delta and gamma per unit and point, theta per day and vega per vol point in dollars per unit, vol as a fraction.
    A figure outside of what the Greek of one bought option can be is unknown.
    """
    told = tick.greeks
    if told is None or not contract.is_option:
        return None
    delta = _within(told.delta, -1.0, 1.0)
    vega = _within(told.vega_per_point, 0.0, _ABSURD)
    theta = _within(told.theta_per_day, -_ABSURD, _ABSURD)
    if theta == _NOT_COMPUTED and (delta is None or vega is None):
        # -2 a day is a theta like any other, but not beside Greeks that were not computed.
        theta = None
    found = ModelGreeks(
        key=contract.key,
        at_utc=tick.at_utc,
        vol=_positive(told.implied_vol),
        delta=delta,
        gamma=_within(told.gamma, 0.0, _ABSURD),
        theta_per_day=theta,
        vega_per_point=vega,
    )
    known = (found.vol, found.delta, found.gamma, found.theta_per_day, found.vega_per_point)
    return None if all(value is None for value in known) else found


def _positive(value: float | None) -> float | None:
    found = _within(value, 0.0, _ABSURD)
    return found or None


def _within(value: float | None, least: float, most: float) -> float | None:
    if value is None or not math.isfinite(value) or not least <= value <= most:
        return None
    return value
