"""American option values, Greeks and implied vols on arrays: continuous yield, discrete cash dividends, futures.

All arguments are keyword-only and broadcast; units, results and bad rows are those of `analytics.black_scholes`. In a
grid of spots, `spot` shaped [shifts, 1] against rows [n], the exercise boundary (which depends on time, rate, yield,
vol and side, never on spot) is solved once per row and not once per shift.

Limits
    Where exercise now is best the price is the intrinsic value, delta +-1 and every other Greek 0. At expiry the
    European limits hold; without vol the best certain date of exercise is taken. A call without yield at a rate >= 0,
    a put at rate 0 without negative yield and in general a side whose holder never gains by exercising is European to
    the last bit. A rate or yield beyond +-5, more than 1000 years, rate x t beyond +-100 or vol x sqrt(t) above 20
    gives NaN; vol x sqrt(t) below 1e-6 counts as no vol. With dividends, vol x sqrt(t) below a two-hundredth of what
    they take from ln(spot) gives NaN.
Dividends
    `dividends` is None, `CashDividends`, or a sequence of (t_years, amount) pairs that every row shares; see
    `analytics.american_dividends` for the model. `dividend_yield` acts beside it.
Accuracy, as shares of max(spot, strike)
    Continuous yield: price 1e-6 and delta 5e-5 (vols 3 % to 300 %, minutes to ten years, drift x sqrt(t) up to 10
    vols; beyond, with a vol under 3 %, delta 5e-4). A boundary that does not settle is solved again on more nodes by
    shorter steps, then on a grid; a row that resists all three is NaN: known are puts at rate exactly 0 with a
    negative yield, and the mirrored calls, beyond 2.5 deviations.
    Vanna and volga are quotients of two boundaries and may be NaN where only one of them settles. Charm is rough
    within 0.03 deviations of the exercise boundary. Cash dividends: price 5e-5.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from analytics.american_cash import complete, shape_with
from analytics.american_dividends import CashDividends, DividendModel, Dividends
from analytics.american_vol import american_implied_vol
from analytics.american_yield import Inputs, all_greeks, arrays, first_order, price_only, prices_by_spot
from analytics.black_scholes import FirstOrderValues, Floats, OptionValues

__all__ = [
    "CashDividends",
    "DividendModel",
    "american",
    "american_first_order",
    "american_future",
    "american_future_first_order",
    "american_implied_vol",
    "american_price",
    "american_price_by_spot",
]


def american(
    *,
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
    dividends: Dividends = None,
    dividend_model: DividendModel = DividendModel.SPOT,
) -> OptionValues:
    """Price and all Greeks of options that may be exercised at any time up to expiry.

    Arguments broadcast to one shape, which every result array has. spot, strike: currency. t_years: act/365. rate,
    dividend_yield: continuous per year. vol: annual. dividends: cash per unit at t_years, see the module text; with a
    schedule per row the leading dimensions broadcast with the rows. Results in the units of `OptionValues`: theta and
    charm per calendar day with the dividends' calendar dates kept, vega and rho per 0.01; rho also moves the present
    value of dividends. NaN in rows whose inputs are bad or beyond the module's limits.
    Source: Andersen, Lake and Offengenden, "High performance American option pricing" (2016), with the changes that
    `analytics.american_boundary` names; McDonald and Schroder (1998) for calls; cash dividends by finite differences.
    """
    inputs = arrays(spot, strike, t_years, rate, dividend_yield, vol, is_call)
    inputs, shape = _together(inputs, dividends)
    flat = complete(inputs, all_greeks(inputs, hold_forward=False), shape, dividends, dividend_model)
    return OptionValues(*(value.reshape(shape) for value in flat))


def american_first_order(
    *,
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
    dividends: Dividends = None,
    dividend_model: DividendModel = DividendModel.SPOT,
) -> FirstOrderValues:
    """Price, delta, gamma, theta and vega only, equal to those of `american`, at about a third of its cost.

    Arguments, shapes, units, day count, bad rows and source as there.
    """
    inputs = arrays(spot, strike, t_years, rate, dividend_yield, vol, is_call)
    inputs, shape = _together(inputs, dividends)
    flat = complete(inputs, first_order(inputs), shape, dividends, dividend_model)
    return FirstOrderValues(*(value.reshape(shape) for value in flat))


def american_price(
    *,
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
    dividends: Dividends = None,
    dividend_model: DividendModel = DividendModel.SPOT,
    precise: bool = False,
) -> Floats:
    """Price only, in currency per unit and the broadcast shape, as `american` gives it; arguments as there.

    precise: more nodes on the boundary, for a third of the error at up to one and a half times the cost. Where a
    boundary serves many spots, as in scenarios, it costs little.
    """
    inputs = arrays(spot, strike, t_years, rate, dividend_yield, vol, is_call)
    inputs, shape = _together(inputs, dividends)
    return complete(inputs, price_only(inputs, precise=precise), shape, dividends, dividend_model)[0].reshape(shape)


def american_price_by_spot(
    *,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> Callable[[npt.ArrayLike], Floats]:
    """The price as a function of the spot, equal to `american_price`; exercise boundaries are solved by this call.

    For whoever asks again and again about the same contracts, as a search for breakevens does: few spots then cost a
    third, or less where a boundary is hard to solve. Spots broadcast against the other arguments, [spots, 1]
    against rows.
    """
    terms = arrays(1.0, strike, t_years, rate, dividend_yield, vol, is_call)
    prices = prices_by_spot(terms)

    def price(spot: npt.ArrayLike) -> Floats:
        inputs = terms._replace(spot=np.asarray(spot, dtype=np.float64))
        shape = np.broadcast_shapes(*(value.shape for value in inputs))
        return complete(inputs, prices(inputs.spot), shape, None, DividendModel.SPOT)[0].reshape(shape)

    return price


def american_future(
    *,
    forward: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> OptionValues:
    """Price and all Greeks of American options on a future, premium paid at once.

    The yield is the rate, and rho moves both (the future is held still). Delta is per 1.00 of the future. Arguments
    broadcast; units, day count, bad rows and source as `american`.
    """
    inputs = arrays(forward, strike, t_years, rate, rate, vol, is_call)
    shape = np.broadcast_shapes(*(value.shape for value in inputs))
    flat = all_greeks(inputs, hold_forward=True)
    flat = complete(inputs, flat, shape, None, DividendModel.SPOT, hold_forward=True)
    return OptionValues(*(value.reshape(shape) for value in flat))


def american_future_first_order(
    *,
    forward: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> FirstOrderValues:
    """Price, delta, gamma, theta and vega of options on a future, as `american_future` gives them."""
    return american_first_order(
        spot=forward, strike=strike, t_years=t_years, rate=rate, dividend_yield=rate, vol=vol, is_call=is_call
    )


def _together(inputs: Inputs, dividends: Dividends) -> tuple[Inputs, tuple[int, ...]]:
    """The result's shape; schedules of a wider shape than the options widen the spot to it."""
    shape = shape_with(inputs, dividends)
    if np.broadcast_shapes(*(value.shape for value in inputs)) != shape:
        inputs = inputs._replace(spot=np.broadcast_to(inputs.spot, shape))
    return inputs, shape
