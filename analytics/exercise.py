"""Options of both styles side by side: each row is valued as European or American, whichever its contract is.

Arguments, units and bad rows as in `analytics.black_scholes` and `analytics.implied_vol`, with `is_american` beside
them; arguments broadcast to one shape. Rows of one style cost what that style's own function costs: an American value
about a hundred times a European one. Cash dividends do not enter: the continuous yield that the chain's own forward
implies stands for them. For an option on a future pass the rate as its dividend yield.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from analytics.american import american_first_order, american_implied_vol, american_price, american_price_by_spot
from analytics.black_scholes import Bools, FirstOrderValues, Floats, bsm_first_order, bsm_price
from analytics.implied_vol import ImpliedVol, implied_vol


def option_price(
    *,
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
    is_american: npt.ArrayLike,
) -> Floats:
    """Price in currency per unit, in the broadcast shape."""
    columns = {"spot": spot, "strike": strike, "t_years": t_years, "rate": rate, "dividend_yield": dividend_yield}
    columns |= {"vol": vol, "is_call": is_call}
    (price,) = _split(columns, is_american, lambda **c: (bsm_price(**c),), lambda **c: (american_price(**c),))
    return price


def option_price_by_spot(
    *,
    strike: float,
    t_years: float,
    rate: float,
    dividend_yield: float,
    vol: float,
    is_call: bool,
    is_american: bool,
) -> Callable[[Floats], Floats]:
    """One contract's price as a function of spots, equal to `option_price`; what depends on no spot is done once."""
    if is_american:
        return american_price_by_spot(
            strike=strike, t_years=t_years, rate=rate, dividend_yield=dividend_yield, vol=vol, is_call=is_call
        )
    return lambda spots: bsm_price(
        spot=spots, strike=strike, t_years=t_years, rate=rate, dividend_yield=dividend_yield, vol=vol, is_call=is_call
    )


def option_first_order(
    *,
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
    is_american: npt.ArrayLike,
) -> FirstOrderValues:
    """Price, delta, gamma, theta and vega, in the broadcast shape."""
    columns = {"spot": spot, "strike": strike, "t_years": t_years, "rate": rate, "dividend_yield": dividend_yield}
    columns |= {"vol": vol, "is_call": is_call}
    return FirstOrderValues(*_split(columns, is_american, bsm_first_order, american_first_order))


def option_implied_vol(
    *,
    price: npt.ArrayLike,
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    is_call: npt.ArrayLike,
    is_american: npt.ArrayLike,
) -> ImpliedVol:
    """Annual vol at which an option of its style is worth `price`, and the status of each row."""
    columns = {"spot": spot, "strike": strike, "t_years": t_years, "rate": rate, "dividend_yield": dividend_yield}
    columns |= {"price": price, "is_call": is_call}
    vol, status = _split(columns, is_american, implied_vol, american_implied_vol)
    return ImpliedVol(vol, status.astype(np.int8))


def _split(
    columns: dict[str, npt.ArrayLike],
    is_american: npt.ArrayLike,
    european: Callable[..., tuple[npt.NDArray[np.generic], ...]],
    american: Callable[..., tuple[npt.NDArray[np.generic], ...]],
) -> tuple[Floats, ...]:
    """Results of `european` and `american`, each on its own rows, put together again."""
    early: Bools = np.asarray(is_american, dtype=np.bool_)
    if not early.any():
        return _shaped(european(**columns), columns, early)
    if early.all():
        return _shaped(american(**columns), columns, early)
    arrays = np.broadcast_arrays(early, *(np.asarray(value) for value in columns.values()))
    mask, whole = arrays[0], dict(zip(columns, arrays[1:], strict=True))
    first = european(**{name: value[~mask] for name, value in whole.items()})
    second = american(**{name: value[mask] for name, value in whole.items()})
    results = []
    for plain, premium in zip(first, second, strict=True):
        joined = np.empty(mask.shape)
        joined[~mask], joined[mask] = plain, premium
        results.append(joined)
    return tuple(results)


def _shaped(
    values: tuple[npt.NDArray[np.generic], ...], columns: dict[str, npt.ArrayLike], early: Bools
) -> tuple[Floats, ...]:
    """The results in the shape that all arguments, `is_american` among them, broadcast to."""
    shape = np.broadcast_shapes(early.shape, *(np.shape(value) for value in columns.values()))
    return tuple(
        np.asarray(value, dtype=np.float64)
        if value.shape == shape
        else np.array(np.broadcast_to(np.asarray(value, dtype=np.float64), shape))
        for value in values
    )
