"""Forwards and dividend yields read out of option prices, so that no flat dividend has to be guessed.

Put-call parity of European options: call - put = e^(-rt) (F - K), hence F = K + e^(rt) (call - put) at every strike.
On American options (stocks, ETFs) the early exercise premium bends this by a little; near the money and for short
terms the bias is small, and the median over several strikes keeps a bad quote out.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Floats

DEFAULT_STRIKES = 8


class ParityForward(NamedTuple):
    """The forward of one expiry as its options price it.

    forward: currency, NaN when no strike has both mids. strikes_used: how many strikes agreed on it.
    spread: median absolute deviation of the strikes' forwards from it, currency; large = quotes do not agree.
    """

    forward: float
    strikes_used: int
    spread: float


def parity_forward(
    *,
    strike: npt.ArrayLike,
    call_mid: npt.ArrayLike,
    put_mid: npt.ArrayLike,
    t_years: float,
    rate: float,
    max_strikes: int = DEFAULT_STRIKES,
) -> ParityForward:
    """Forward of one expiry: the median over the strikes nearest the money, where call and put cost about the same.

    strike, call_mid, put_mid: one entry per strike, currency; a mid that is NaN or <= 0 drops its strike. t_years,
    rate: of the expiry, act/365 and continuous. Only the `max_strikes` strikes with the smallest |call - put| count:
    they have the tightest quotes and the least exercise premium.
    """
    if max_strikes < 1:
        raise ValueError(f"max_strikes is {max_strikes}: at least one strike is needed. Pass 1 or more.")
    k, call, put = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (strike, call_mid, put_mid))
    )
    usable = np.isfinite(k) & (k > 0.0) & np.isfinite(call) & np.isfinite(put) & (call > 0.0) & (put > 0.0)
    if not usable.any() or not np.isfinite(t_years) or not np.isfinite(rate):
        return ParityForward(float("nan"), 0, float("nan"))
    k, gap = k[usable], call[usable] - put[usable]
    nearest = np.argsort(np.abs(gap), kind="stable")[:max_strikes]
    forwards = k[nearest] + np.exp(rate * t_years) * gap[nearest]
    forward = float(np.median(forwards))
    return ParityForward(forward, int(forwards.size), float(np.median(np.abs(forwards - forward))))


def implied_dividend_yield(
    *, forward: npt.ArrayLike, spot: npt.ArrayLike, t_years: npt.ArrayLike, rate: npt.ArrayLike
) -> Floats:
    """Continuous yield per year that carries `spot` to `forward`: rate - ln(forward / spot) / t.

    Arguments broadcast; forward and spot in currency, > 0. NaN where a price is unknown or not positive, or
    t_years is not > 0 (at expiry there is nothing left to carry).
    """
    f, s, t, r = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (forward, spot, t_years, rate)))
    good = np.isfinite(f) & np.isfinite(s) & np.isfinite(t) & (f > 0.0) & (s > 0.0) & (t > 0.0)
    ratio = np.where(good, f, 1.0) / np.where(good, s, 1.0)
    return np.asarray(np.where(good, r - np.log(ratio) / np.where(good, t, 1.0), np.nan))


def forward_price(
    *, spot: npt.ArrayLike, t_years: npt.ArrayLike, rate: npt.ArrayLike, dividend_yield: npt.ArrayLike
) -> Floats:
    """Forward in currency: spot x e^((rate - yield) t). Arguments broadcast."""
    s, t, r, q = (np.asarray(v, dtype=np.float64) for v in (spot, t_years, rate, dividend_yield))
    return np.asarray(s * np.exp((r - q) * t))
