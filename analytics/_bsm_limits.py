"""The slow path of `analytics.black_scholes`: options at a limit (no time, no vol, no price) and rows no one can price.

The rules are in the text of that module. Every step is masked, so nothing overflows and no row disturbs another.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from analytics._bsm_kernel import DAYS_PER_YEAR, POINT, Bools, Floats, Inputs

MAX_VOL = 1e3
_MAX_PRICE = 1e100
_MAX_RATE = 1e3
_MAX_YEARS = 1e3
_MAX_CARRY = 500.0
_MIN_PRICE = 1e-100
_MIN_DEVIATION = 1e-20
_CERTAIN = 40.0
_INV_SQRT_2PI = 0.3989422804014327


class _Terms(NamedTuple):
    """What the formulas share. `live` marks rows with something left to happen.

    spot, safe_t, vol, root_t and deviation are safe to divide by: 1.0 stands in for them in rows without life.
    """

    live: Bools
    sign: Floats
    spot: Floats
    t_years: Floats
    safe_t: Floats
    rate: Floats
    dividend_yield: Floats
    vol: Floats
    root_t: Floats
    deviation: Floats
    d1: Floats
    d2: Floats
    spot_leg: Floats
    strike_leg: Floats
    discount_yield: Floats


def at_the_limits(inputs: Inputs, *, on_future: bool) -> tuple[Floats, ...]:
    """Return the nine fields of `OptionValues` for inputs of one common shape; NaN in rows outside the domain."""
    usable = _usable(inputs)
    terms = _terms(Inputs._make((*(np.where(usable, value, 1.0) for value in inputs[:-1]), inputs.is_call)))
    return tuple(np.where(usable, value, np.nan) for value in _values(terms, on_future=on_future))


def _usable(inputs: Inputs) -> Bools:
    """Rows whose inputs are inside the stated domain."""
    s, k, t, v = inputs.spot, inputs.strike, inputs.t_years, inputs.vol
    inside = (s >= 0.0) & (s <= _MAX_PRICE) & (k >= 0.0) & (k <= _MAX_PRICE) & (v >= 0.0) & (v <= MAX_VOL)
    in_time = (t >= 0.0) & (t <= _MAX_YEARS)
    years = np.where(in_time, t, 0.0)
    for carry in (inputs.rate, inputs.dividend_yield):
        in_range = np.abs(carry) <= _MAX_RATE
        in_time = in_time & in_range & (np.abs(np.where(in_range, carry, 0.0) * years) <= _MAX_CARRY)
    return np.asarray(inside & in_time)


def _terms(inputs: Inputs) -> _Terms:
    s, k, t, r, q, v, call = inputs
    discount_yield = np.exp(-q * t)
    spot_leg, strike_leg = s * discount_yield, k * np.exp(-r * t)
    root_t = np.sqrt(t)
    live = (s > _MIN_PRICE) & (k > _MIN_PRICE) & (v * root_t > _MIN_DEVIATION)
    safe_spot, safe_strike = np.where(live, s, 1.0), np.where(live, k, 1.0)
    deviation = np.where(live, v * root_t, 1.0)
    certain = _CERTAIN * np.sign(spot_leg - strike_leg)
    d1 = (np.log(safe_spot / safe_strike) + (r - q) * t) / deviation + 0.5 * deviation
    return _Terms(
        live=live,
        sign=np.where(call, 1.0, -1.0),
        spot=safe_spot,
        t_years=t,
        safe_t=np.where(live, t, 1.0),
        # A carry term belongs to a living option only: at expiry nothing accrues any more.
        rate=np.where(t > 0.0, r, 0.0),
        dividend_yield=np.where(t > 0.0, q, 0.0),
        vol=np.where(live, v, 1.0),
        root_t=np.where(live, root_t, 1.0),
        deviation=deviation,
        d1=np.where(live, d1, certain),
        d2=np.where(live, d1 - deviation, certain),
        spot_leg=spot_leg,
        strike_leg=strike_leg,
        discount_yield=discount_yield,
    )


def _values(terms: _Terms, *, on_future: bool) -> tuple[Floats, ...]:
    """The textbook formulas, in the order of `OptionValues`. A rounding error below a price of zero becomes zero."""
    n1, n2 = ndtr(terms.sign * terms.d1), ndtr(terms.sign * terms.d2)
    price = np.maximum(terms.sign * (terms.spot_leg * n1 - terms.strike_leg * n2), 0.0)
    density = np.where(terms.live, np.exp(-0.5 * terms.d1 * terms.d1) * _INV_SQRT_2PI, 0.0)
    weighted = density * terms.discount_yield
    spot_density = terms.spot * weighted
    decay = -0.5 * spot_density * terms.vol / terms.root_t
    carry = terms.sign * (terms.dividend_yield * terms.spot_leg * n1 - terms.rate * terms.strike_leg * n2)
    rho = -terms.t_years * price if on_future else terms.sign * terms.t_years * terms.strike_leg * n2
    drift = 2.0 * (terms.rate - terms.dividend_yield) * terms.t_years - terms.d2 * terms.deviation
    charm = terms.sign * terms.dividend_yield * terms.discount_yield * n1
    charm = charm - weighted * drift / (2.0 * terms.safe_t * terms.deviation)
    return (
        price,
        terms.sign * terms.discount_yield * n1,
        weighted / (terms.spot * terms.deviation),
        (decay + carry) / DAYS_PER_YEAR,
        spot_density * terms.root_t * POINT,
        rho * POINT,
        -weighted * terms.d2 / terms.vol,
        spot_density * terms.root_t * terms.d1 * terms.d2 / terms.vol,
        charm / DAYS_PER_YEAR,
    )
