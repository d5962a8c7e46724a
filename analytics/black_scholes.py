"""European option values and Greeks on arrays: Black-Scholes-Merton on a spot, Black-76 on a future.

All arguments are keyword-only and broadcast against each other; every result array has the broadcast shape.
One kernel serves both models: Black-76 is Black-Scholes-Merton with the future as spot and the dividend yield
equal to the rate; only rho differs, because there the future is held still.

Units
    spot, forward, strike: currency per unit, >= 0. t_years: years to the settlement instant, act/365, >= 0.
    rate, dividend_yield: continuously compounded per year (0.05 = 5 %). vol: annual (0.20 = 20 %), >= 0.
Limits
    At t_years == 0 an option is worth its intrinsic value, delta is 0, +-1/2 (exactly at the strike) or +-1 and
    every other Greek is 0. At vol == 0 (or spot == 0 or strike == 0) it is worth its discounted intrinsic value;
    gamma, vega, vanna and volga are 0 and delta, theta, rho and charm are those of that certain cash flow.
Bad rows
    A NaN or infinite input, a negative price, time or vol, a price above 1e100, |rate| above 1000, more than
    1000 years, |rate x t| above 500 or a vol above 1000 gives NaN in that row and disturbs no other row.

Source: Haug, The Complete Guide to Option Pricing Formulas, 2nd ed., chapters 1 and 2.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

DAYS_PER_YEAR = 365.0
_POINT = 0.01
_INV_SQRT_2PI = 0.3989422804014327
_MAX_PRICE = 1e100
_MAX_RATE = 1e3
_MAX_YEARS = 1e3
MAX_VOL = 1e3
_MAX_CARRY = 500.0
_MIN_PRICE = 1e-100
_MIN_DEVIATION = 1e-20
_CERTAIN = 40.0


class OptionValues(NamedTuple):
    """Price and Greeks per one unit of the underlying; every array has the broadcast shape.

    price: currency. delta: per 1.00 of the underlying. gamma: delta per 1.00. theta_per_day: currency per calendar
    day. vega_per_point: currency per 0.01 of vol. rho_per_point: currency per 0.01 of rate. vanna: delta per 1.00 of
    vol. volga: d2 price / d vol2, currency per 1.00 of vol squared. charm_per_day: delta per calendar day.
    """

    price: Floats
    delta: Floats
    gamma: Floats
    theta_per_day: Floats
    vega_per_point: Floats
    rho_per_point: Floats
    vanna: Floats
    volga: Floats
    charm_per_day: Floats


class FirstOrderValues(NamedTuple):
    """The five numbers the live book needs; units as in `OptionValues`."""

    price: Floats
    delta: Floats
    gamma: Floats
    theta_per_day: Floats
    vega_per_point: Floats


class _Terms(NamedTuple):
    """Everything the formulas share. `usable` and `live` are None when they hold for every row.

    spot, safe_t, vol, root_t and deviation are safe to divide by: 1.0 stands in for them in rows without life.
    """

    shape: tuple[int, ...]
    usable: Bools | None
    live: Bools | None
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


def bsm(
    *,
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> OptionValues:
    """Price and all Greeks of European options on a spot that pays a continuous yield.

    Arguments broadcast to one shape; units, limits and bad rows as in the module text. Theta and charm are
    calendar-time derivatives with spot and vol held.
    """
    terms = _terms(spot, strike, t_years, rate, dividend_yield, vol, is_call)
    return _all_greeks(terms, hold_forward=False)


def bsm_first_order(
    *,
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> FirstOrderValues:
    """Price, delta, gamma, theta and vega only, equal to `bsm` to the last bit and about half its cost."""
    terms = _terms(spot, strike, t_years, rate, dividend_yield, vol, is_call)
    values, _, _, _ = _first_order(terms)
    return FirstOrderValues(*(_shaped(terms, value) for value in values))


def bsm_price(
    *,
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> Floats:
    """Price only, in currency per unit, equal to `bsm(...).price` to the last bit."""
    terms = _terms(spot, strike, t_years, rate, dividend_yield, vol, is_call)
    price, _, _ = _price(terms)
    return _shaped(terms, price)


def black76(
    *,
    forward: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> OptionValues:
    """Price and all Greeks of European options on a future, premium paid at once (Black 1976).

    Delta is the discounted one, per 1.00 of the future; rho holds the future still (-t x price). Other units,
    limits and bad rows as in the module text.
    """
    terms = _terms(forward, strike, t_years, rate, rate, vol, is_call)
    return _all_greeks(terms, hold_forward=True)


def black76_first_order(
    *,
    forward: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> FirstOrderValues:
    """Price, delta, gamma, theta and vega of options on a future, as `black76` gives them."""
    return bsm_first_order(
        spot=forward, strike=strike, t_years=t_years, rate=rate, dividend_yield=rate, vol=vol, is_call=is_call
    )


def black76_price(
    *,
    forward: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> Floats:
    """Price only of options on a future, in currency per unit."""
    return bsm_price(
        spot=forward, strike=strike, t_years=t_years, rate=rate, dividend_yield=rate, vol=vol, is_call=is_call
    )


def _terms(
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> _Terms:
    """Build d1, d2 and the discounted legs; exp, log and sqrt run on the unbroadcast shapes, a gain for grids."""
    call = np.asarray(is_call, dtype=np.bool_)
    inputs = tuple(np.asarray(value, dtype=np.float64) for value in (spot, strike, t_years, rate, dividend_yield, vol))
    shape = np.broadcast_shapes(call.shape, *(value.shape for value in inputs))
    usable = _usable(*inputs)
    if usable is not None:
        inputs = tuple(np.where(usable, value, 1.0) for value in inputs)
    s, k, t, r, q, v = inputs
    discount_yield = np.exp(-q * t)
    spot_leg = s * discount_yield
    strike_leg = k * np.exp(-r * t)
    root_t = np.sqrt(t)
    deviation = v * root_t
    live = _live(s, k, deviation)
    if live is None:
        d1 = (np.log(s / k) + (r - q) * t) / deviation + 0.5 * deviation
        d2 = d1 - deviation
        safe_spot, safe_vol, safe_t, safe_root, safe_deviation = s, v, t, root_t, deviation
    else:
        safe_spot, safe_k = np.where(live, s, 1.0), np.where(live, k, 1.0)
        safe_deviation, safe_vol = np.where(live, deviation, 1.0), np.where(live, v, 1.0)
        safe_t, safe_root = np.where(live, t, 1.0), np.where(live, root_t, 1.0)
        certain = _CERTAIN * np.sign(spot_leg - strike_leg)
        d1 = (np.log(safe_spot / safe_k) + (r - q) * t) / safe_deviation + 0.5 * safe_deviation
        d2 = np.where(live, d1 - safe_deviation, certain)
        d1 = np.where(live, d1, certain)
    return _Terms(
        shape=shape,
        usable=usable,
        live=live,
        sign=np.where(call, 1.0, -1.0),
        spot=safe_spot,
        t_years=t,
        safe_t=safe_t,
        # A carry term belongs to a living option only: at expiry nothing accrues any more.
        rate=r if live is None else np.where(t > 0.0, r, 0.0),
        dividend_yield=q if live is None else np.where(t > 0.0, q, 0.0),
        vol=safe_vol,
        root_t=safe_root,
        deviation=safe_deviation,
        d1=d1,
        d2=d2,
        spot_leg=spot_leg,
        strike_leg=strike_leg,
        discount_yield=discount_yield,
    )


def _within(values: Floats, low: float, high: float) -> bool:
    """True when there is something and all of it lies in [low, high]; NaN makes it False."""
    return values.size > 0 and bool(values.min() >= low) and bool(values.max() <= high)


def _usable(s: Floats, k: Floats, t: Floats, r: Floats, q: Floats, v: Floats) -> Bools | None:
    """Rows whose inputs are inside the stated domain, or None when that is all of them (the usual case)."""
    ordinary = (
        _within(s, 0.0, _MAX_PRICE)
        and _within(k, 0.0, _MAX_PRICE)
        and _within(t, 0.0, 100.0)
        and _within(r, -5.0, 5.0)
        and (q is r or _within(q, -5.0, 5.0))
        and _within(v, 0.0, MAX_VOL)
    )
    if ordinary:
        return None
    inside = (s >= 0.0) & (s <= _MAX_PRICE) & (k >= 0.0) & (k <= _MAX_PRICE) & (v >= 0.0) & (v <= MAX_VOL)
    in_time = (t >= 0.0) & (t <= _MAX_YEARS)
    years = np.where(in_time, t, 0.0)
    for carry in (r, q):
        in_range = np.abs(carry) <= _MAX_RATE
        in_time = in_time & in_range & (np.abs(np.where(in_range, carry, 0.0) * years) <= _MAX_CARRY)
    return np.asarray(inside & in_time)


def _live(s: Floats, k: Floats, deviation: Floats) -> Bools | None:
    """Rows with something left to happen, or None when that is all of them."""
    if s.size and s.min() > _MIN_PRICE and k.min() > _MIN_PRICE and deviation.min() > _MIN_DEVIATION:
        return None
    return np.asarray((s > _MIN_PRICE) & (k > _MIN_PRICE) & (deviation > _MIN_DEVIATION))


def _price(terms: _Terms) -> tuple[Floats, Floats, Floats]:
    """Price and the two signed normal probabilities. A rounding error below zero is returned as zero."""
    n1 = ndtr(terms.sign * terms.d1)
    n2 = ndtr(terms.sign * terms.d2)
    price = terms.sign * (terms.spot_leg * n1 - terms.strike_leg * n2)
    return np.maximum(price, 0.0), n1, n2


def _first_order(terms: _Terms) -> tuple[tuple[Floats, Floats, Floats, Floats, Floats], Floats, Floats, Floats]:
    """The five first numbers, then what the higher ones reuse: density x yield discount, N1, N2."""
    price, n1, n2 = _price(terms)
    density = np.exp(-0.5 * terms.d1 * terms.d1) * _INV_SQRT_2PI
    if terms.live is not None:
        density = np.where(terms.live, density, 0.0)
    weighted = density * terms.discount_yield
    delta = terms.sign * terms.discount_yield * n1
    gamma = weighted / (terms.spot * terms.deviation)
    spot_density = terms.spot * weighted
    vega_per_point = spot_density * terms.root_t * _POINT
    decay = -0.5 * spot_density * terms.vol / terms.root_t
    carry = terms.sign * (terms.dividend_yield * terms.spot_leg * n1 - terms.rate * terms.strike_leg * n2)
    theta_per_day = (decay + carry) / DAYS_PER_YEAR
    return (price, delta, gamma, theta_per_day, vega_per_point), weighted, n1, n2


def _all_greeks(terms: _Terms, *, hold_forward: bool) -> OptionValues:
    values, weighted, n1, n2 = _first_order(terms)
    price = values[0]
    rho = -terms.t_years * price if hold_forward else terms.sign * terms.t_years * terms.strike_leg * n2
    vanna = -weighted * terms.d2 / terms.vol
    volga = terms.spot * weighted * terms.root_t * terms.d1 * terms.d2 / terms.vol
    drift = 2.0 * (terms.rate - terms.dividend_yield) * terms.t_years - terms.d2 * terms.deviation
    charm = terms.sign * terms.dividend_yield * terms.discount_yield * n1 - weighted * drift / (
        2.0 * terms.safe_t * terms.deviation
    )
    higher = (rho * _POINT, vanna, volga, charm / DAYS_PER_YEAR)
    return OptionValues(*(_shaped(terms, value) for value in (*values, *higher)))


def _shaped(terms: _Terms, value: Floats) -> Floats:
    """Give a result the broadcast shape, and NaN to rows whose inputs were bad."""
    if terms.usable is not None:
        value = np.where(terms.usable, value, np.nan)
    if value.shape != terms.shape:
        return np.array(np.broadcast_to(value, terms.shape))
    return np.asarray(value)
