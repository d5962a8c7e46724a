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

Asking for less
    The price alone (`bsm_price`), with delta, gamma, theta and vega (`bsm_first_order`), with rho too
    (`bsm_five_greeks`) or all nine (`bsm`): 32, 37, 38 and 44 ns an option at 10,000, 0.04 to 0.05 ms a call at 200.
    They run the same steps: what two of them give is equal to the last bit, as is an option's value alone, among
    others or in a grid.
Precision
    Five minutes to three years, vols of 3 % to 300 %: absolute errors below 2e-15 of the natural scale (delta / 1,
    price / the larger of spot and strike, gamma x spot x vol x sqrt t ...), relative errors below 2e-12 wherever the
    value is above 1e-6 of it; for a cheap option's price, a small difference of two large numbers, 1e-11 at worst.

Source: Haug, The Complete Guide to Option Pricing Formulas, 2nd ed., chapters 1 and 2.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics._blocks import BLOCK
from analytics._bsm_kernel import BOX, DAYS_PER_YEAR, Bools, Floats, Inputs, fill
from analytics._bsm_limits import MAX_VOL, at_the_limits

__all__ = [
    "DAYS_PER_YEAR",
    "MAX_VOL",
    "Bools",
    "FirstOrderValues",
    "FiveGreeks",
    "Floats",
    "OptionValues",
    "black76",
    "black76_first_order",
    "black76_five_greeks",
    "black76_price",
    "bsm",
    "bsm_first_order",
    "bsm_five_greeks",
    "bsm_price",
]


#: Up to so many options a call costs more than the arithmetic, and inputs are checked in one piece.
_FEW = 512
_LOWS, _HIGHS = np.array([BOX.price, BOX.price, BOX.t_years, BOX.carry, BOX.carry, BOX.vol]).T[..., None]


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


class FiveGreeks(NamedTuple):
    """Price and the five Greeks every broker shows; units as in `OptionValues`."""

    price: Floats
    delta: Floats
    gamma: Floats
    theta_per_day: Floats
    vega_per_point: Floats
    rho_per_point: Floats


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

    Arguments broadcast to one shape, which every result has. spot, strike: currency per unit. t_years: act/365. rate,
    dividend_yield: continuous, per year. vol: annual, 0.20 = 20 %. Units of the results: `OptionValues`. Theta and
    charm are calendar-time derivatives with spot and vol held. A bad row is NaN; limits as in the module text.
    Raises ValueError for shapes that do not broadcast. Source: Black and Scholes (1973), Merton (1973); Haug, ch. 1-2.
    """
    return OptionValues(*_evaluate(9, spot, strike, t_years, rate, dividend_yield, vol, is_call))


def bsm_five_greeks(
    *,
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> FiveGreeks:
    """Price, delta, gamma, theta, vega and rho only, for about four fifths of the cost of `bsm`; all else as there."""
    return FiveGreeks(*_evaluate(6, spot, strike, t_years, rate, dividend_yield, vol, is_call))


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
    """Price, delta, gamma, theta and vega only, for about three quarters of the cost of `bsm`; all else as there."""
    return FirstOrderValues(*_evaluate(5, spot, strike, t_years, rate, dividend_yield, vol, is_call))


def bsm_price(
    *,
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
    out: Floats | None = None,
) -> Floats:
    """Price only, in currency per unit, for about three fifths of the cost of `bsm`.

    `out`, when given, is filled and returned: a float64 array of the broadcast shape that shares no memory with the
    arguments (ValueError otherwise). A grid, such as spot [spots, 1] against rows [rows], is computed in blocks that
    stay in the cache, and what does not depend on the spot is computed once per row: 20 to 25 ns a value.
    """
    return _price(spot, strike, t_years, rate, dividend_yield, vol, is_call, out)


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

    Arguments broadcast to one shape, which every result has; units, day count (act/365), limits, bad rows and errors
    as in `bsm`. Delta is the discounted one, per 1.00 of the future; rho holds the future still (-t x price).
    Source: Black (1976); Haug, ch. 1.
    """
    return OptionValues(*_evaluate(9, forward, strike, t_years, rate, None, vol, is_call))


def black76_five_greeks(
    *,
    forward: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> FiveGreeks:
    """Price, delta, gamma, theta, vega and rho of options on a future, as `black76` gives them."""
    return FiveGreeks(*_evaluate(6, forward, strike, t_years, rate, None, vol, is_call))


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
    return FirstOrderValues(*_evaluate(5, forward, strike, t_years, rate, None, vol, is_call))


def black76_price(
    *,
    forward: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
    out: Floats | None = None,
) -> Floats:
    """Price only of options on a future, in currency per unit; `out` as for `bsm_price`."""
    return _price(forward, strike, t_years, rate, None, vol, is_call, out)


def _evaluate(
    count: int,
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike | None,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> list[Floats]:
    """Return the first `count` fields of `OptionValues`; no dividend yield means an option on a future."""
    inputs = _arrays(spot, strike, t_years, rate, dividend_yield, vol, is_call)
    shape = np.broadcast(*inputs).shape
    out = np.empty((count, *shape))
    _fill(inputs, out.reshape(count, *shape, 1) if not shape else out, on_future=dividend_yield is None)
    return list(out) if shape else [out[number, ...] for number in range(count)]


def _price(
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike | None,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
    out: Floats | None,
) -> Floats:
    """Return prices, in `out` when there is one."""
    inputs = _arrays(spot, strike, t_years, rate, dividend_yield, vol, is_call)
    shape = np.broadcast(*inputs).shape
    if out is None:
        out = np.empty(shape)
    elif out.shape != shape or out.dtype != np.float64 or any(np.may_share_memory(out, value) for value in inputs):
        raise ValueError(
            f"out is {out.dtype} {out.shape}; give a float64 array of shape {shape} that shares no memory with the "
            "arguments"
        )
    _fill(inputs, out.reshape(1, *(shape or (1,))), on_future=dividend_yield is None)
    return out


def _arrays(
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike | None,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> Inputs:
    rates = np.asarray(rate, dtype=np.float64)
    return Inputs(
        spot=np.asarray(spot, dtype=np.float64),
        strike=np.asarray(strike, dtype=np.float64),
        t_years=np.asarray(t_years, dtype=np.float64),
        rate=rates,
        dividend_yield=rates if dividend_yield is None else np.asarray(dividend_yield, dtype=np.float64),
        vol=np.asarray(vol, dtype=np.float64),
        is_call=np.asarray(is_call, dtype=np.bool_),
    )


def _fill(inputs: Inputs, out: Floats, *, on_future: bool) -> None:
    """Fill out [values, *shape]: the fast kernel everywhere, then the rows that are not ordinary once more."""
    if out.size == 0:
        return
    if out[0].size <= _FEW and _all_ordinary(inputs, out.shape[1:]):
        fill(inputs, out, on_future=on_future)
        return
    masks: list[Bools] = []
    price, carry = BOX.price, BOX.carry
    rate = _inside(inputs.rate, carry, masks)
    ordinary = Inputs(
        spot=_inside(inputs.spot, price, masks),
        strike=_inside(inputs.strike, price, masks),
        t_years=_inside(inputs.t_years, BOX.t_years, masks),
        rate=rate,
        dividend_yield=rate if on_future else _inside(inputs.dividend_yield, carry, masks),
        vol=_inside(inputs.vol, BOX.vol, masks),
        is_call=inputs.is_call,
    )
    fill(ordinary, out, on_future=on_future)
    if masks:
        _fill_odd(inputs, out, masks, on_future=on_future)


def _all_ordinary(inputs: Inputs, shape: tuple[int, ...]) -> bool:
    """Whether every input of a few options is inside the kernel's domain; one look at all beats twelve reductions."""
    columns = np.empty((6, *shape))
    for number in range(6):
        columns[number] = inputs[number]
    columns = columns.reshape(6, -1)
    return bool(((columns >= _LOWS) & (columns <= _HIGHS)).all())


def _inside(value: Floats, bounds: tuple[float, float], masks: list[Bools]) -> Floats:
    """Return the values with 1.0 in place of any outside the bounds, and then append the mask of those inside."""
    low, high = bounds
    if value.min() >= low and value.max() <= high:
        return value
    mask = (value >= low) & (value <= high)
    masks.append(mask)
    return np.where(mask, value, 1.0)


def _fill_odd(inputs: Inputs, out: Floats, masks: list[Bools], *, on_future: bool) -> None:
    """Recompute the rows where some input lies outside the domain of the fast kernel."""
    shape = out.shape[1:]
    odd = np.zeros(shape, dtype=np.bool_)
    for mask in masks:
        odd |= ~mask
    places = np.nonzero(odd)
    whole = Inputs._make(np.broadcast_to(value, shape) for value in inputs)
    for start in range(0, places[0].size, BLOCK):
        rows = tuple(axis[start : start + BLOCK] for axis in places)
        values = at_the_limits(Inputs._make(value[rows] for value in whole), on_future=on_future)
        for target, value in zip(out, values, strict=False):
            target[rows] = value
