"""Forwards from options that may be exercised early: their exercise premium is taken off before parity is asked.

Put-call parity holds for European prices only. An American put in the money carries a premium that grows with rate and
time; left in, it pulls the parity forward down: by 0.4 % after a year and 1.3 % after 2.5 years at a rate of 4 %, a
yield of 1 % and a vol of 30 %. So each price is turned into the European price of its own American vol, which needs a
forward, which comes from these prices: a few rounds settle it. Only strikes within about one standard deviation of the
money take part; what is exercised at once has no vol and says nothing.

Cash dividends count as a yield to the expiry. Before its first ex-date an expiry then shows a yield it does not have
and after it a high one: right for its forward, which is all that is asked here.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.american import american_implied_vol
from analytics.black_scholes import Floats, bsm_price
from analytics.volatility.forwards import implied_dividend_yield, parity_forward
from analytics.volatility.parity import ParityLine, ParityStatus, no_line, parity_line

_ROUNDS: Final = 4
_SETTLED: Final = 1e-6
#: An at-the-money straddle costs about 0.8 standard deviations.
_STRADDLE: Final = 0.8
_DEVIATIONS: Final = 1.0
_FEWEST: Final = 3
#: How far ahead forwards are still taken for the spot of now.
_NEAR_YEARS: Final = 10.0 / 365.0


class EuropeanPrices(NamedTuple):
    """vol: American vol of each price, annual. price: of a European option of that vol. NaN where there is none."""

    vol: Floats
    price: Floats


def european_equivalent(
    *,
    price: npt.ArrayLike,
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> EuropeanPrices:
    """The European price with the vol an American price has. Arguments broadcast; units as in `analytics.american`."""
    vol = american_implied_vol(
        price=price,
        spot=spot,
        strike=strike,
        t_years=t_years,
        rate=rate,
        dividend_yield=dividend_yield,
        is_call=is_call,
    ).vol
    european = bsm_price(
        spot=spot,
        strike=strike,
        t_years=t_years,
        rate=rate,
        dividend_yield=dividend_yield,
        vol=vol,
        is_call=is_call,
    )
    return EuropeanPrices(vol, european)


def american_parity_line(
    *,
    strike: npt.ArrayLike,
    call_price: npt.ArrayLike,
    put_price: npt.ArrayLike,
    spot: float,
    t_years: float,
    rate: float,
    price_sd: npt.ArrayLike = 1.0,
) -> ParityLine:
    """Forward of one expiry of American options at a given rate; arguments and result as in `parity_line`.

    spot: the underlying's price when the options' prices were made, currency. residuals are those of the European
    equivalents; strikes_given counts those near the money. A status other than OK as in `parity_line`.
    """
    k, call, put, sd = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (strike, call_price, put_price, price_sd))
    )
    if not (np.isfinite([spot, t_years, rate]).all() and spot > 0.0 and t_years > 0.0):
        return no_line(0, ParityStatus.BAD_INPUT)
    first = parity_forward(strike=k, call_mid=call, put_mid=put, t_years=t_years, rate=rate)
    if not first.forward > 0.0:
        return no_line(first.strikes_used, ParityStatus.TOO_FEW_STRIKES)
    near = _near_the_money(k, call, put, first.forward)
    k, call, put, sd = k[near], call[near], put[near], sd[near]
    forward, line = first.forward, no_line(k.size, ParityStatus.TOO_FEW_STRIKES)
    for _ in range(_ROUNDS):
        q = float(implied_dividend_yield(forward=forward, spot=spot, t_years=t_years, rate=rate))
        twin = european_equivalent(
            price=np.stack([call, put]),
            spot=spot,
            strike=k,
            t_years=t_years,
            rate=rate,
            dividend_yield=q,
            is_call=np.array([[True], [False]]),
        )
        line = parity_line(
            strike=k, call_price=twin.price[0], put_price=twin.price[1], t_years=t_years, rate=rate, price_sd=sd
        )
        if not np.isfinite(line.forward) or abs(line.forward - forward) <= _SETTLED * forward:
            break
        forward = line.forward
    return line


def implied_spot(*, forward: npt.ArrayLike, t_years: npt.ArrayLike, rate: npt.ArrayLike) -> float:
    """The underlying's price the options were quoted at: the median of the discounted forwards of the next ten days.

    forward (currency), t_years, rate (continuous per year): one an expiry. A chain's recorded underlying is often that
    of another minute than its quotes; every near expiry then shows the same gap. A dividend inside the ten days shifts
    the expiries after it only. NaN without a forward inside them.
    """
    f, t, r = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (forward, t_years, rate)))
    near = np.isfinite(f) & np.isfinite(r) & (t > 0.0) & (t <= _NEAR_YEARS)
    return float(np.median(f[near] * np.exp(-r[near] * t[near]))) if near.any() else float("nan")


def _near_the_money(strike: Floats, call: Floats, put: Floats, forward: float) -> npt.NDArray[np.bool_]:
    """Strikes with both prices, within a standard deviation of the forward as its straddle prices it."""
    usable = np.isfinite(strike) & np.isfinite(call) & np.isfinite(put) & (strike > 0.0) & (call > 0.0) & (put > 0.0)
    distance = np.where(usable, np.abs(np.log(np.where(usable, strike, forward) / forward)), np.inf)
    nearest = int(np.argmin(distance))
    reach = _DEVIATIONS * (call[nearest] + put[nearest]) / (_STRADDLE * forward)
    fewest = np.sort(distance)[min(_FEWEST, distance.size) - 1]
    return np.asarray(usable & (distance <= max(reach, fewest)))
