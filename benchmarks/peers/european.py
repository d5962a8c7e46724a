"""European values, Greeks and implied vols: ours, fast-vollib's backends, and one fused numba loop."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import fast_vollib
import numba
import numpy as np
import numpy.typing as npt
from fast_vollib.jackel.numpy_backend import implied_volatility as jackel_vol

from analytics.black_scholes import bsm_first_order, bsm_five_greeks, bsm_price
from analytics.implied_vol import implied_vol
from benchmarks.racing import per, race

Floats = npt.NDArray[np.float64]
_MODEL = "black_scholes_merton"
_INV_SQRT_2PI = 0.3989422804014327


class Sample:
    """Random options within 2.5 standard deviations of the money, 3 to 180 days, vols 10 to 50 %."""

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(11)
        self.count = count
        self.spot = np.full(count, 7200.0)
        self.t_years = rng.uniform(3, 180, count) / 365.0
        self.vol = rng.uniform(0.1, 0.5, count)
        self.strike = self.spot * np.exp(rng.uniform(-2.5, 2.5, count) * self.vol * np.sqrt(self.t_years))
        self.rate, self.dividend_yield = np.full(count, 0.0375), np.full(count, 0.0125)
        self.is_call = rng.random(count) < 0.5
        self.flag = np.where(self.is_call, "c", "p")
        self.columns: dict[str, Any] = {
            "spot": self.spot,
            "strike": self.strike,
            "t_years": self.t_years,
            "rate": self.rate,
            "dividend_yield": self.dividend_yield,
            "is_call": self.is_call,
        }
        self.price = bsm_price(vol=self.vol, **self.columns)


def _fused() -> Callable[..., None]:
    """One loop, compiled, one thread: price, delta, gamma, theta, vega and rho of each option in one go."""

    @numba.njit(fastmath=False)  # type: ignore[untyped-decorator]
    def loop(
        s: Floats, k: Floats, t: Floats, r: Floats, q: Floats, v: Floats, call: npt.NDArray[np.bool_], out: Floats
    ) -> None:
        for i in range(s.size):
            root = math.sqrt(t[i])
            dev = v[i] * root
            d1 = (math.log(s[i] / k[i]) + (r[i] - q[i]) * t[i]) / dev + 0.5 * dev
            d2 = d1 - dev
            sign = 1.0 if call[i] else -1.0
            grown, cut = math.exp(-q[i] * t[i]), math.exp(-r[i] * t[i])
            n1 = 0.5 * math.erfc(-sign * d1 * 0.7071067811865476)
            n2 = 0.5 * math.erfc(-sign * d2 * 0.7071067811865476)
            density = math.exp(-0.5 * d1 * d1) * _INV_SQRT_2PI
            spot_leg, strike_leg = s[i] * grown * n1, k[i] * cut * n2
            out[0, i] = sign * (spot_leg - strike_leg)
            out[1, i] = sign * grown * n1
            out[2, i] = grown * density / (s[i] * dev)
            decay = -0.5 * s[i] * grown * density * v[i] / root
            out[3, i] = (decay + sign * (q[i] * spot_leg - r[i] * strike_leg)) / 365.0
            out[4, i] = s[i] * grown * density * root * 0.01
            out[5, i] = sign * t[i] * strike_leg * 0.01

    typed: Callable[..., None] = loop
    return typed


def _vollib_greeks(sample: Sample, backend: str) -> Callable[[], list[Floats]]:
    """Price and Greeks are two calls there; both are timed, because there is no call for both."""
    values = (sample.flag, sample.spot, sample.strike, sample.t_years, sample.rate, sample.vol, sample.dividend_yield)

    def job() -> list[Floats]:
        price = fast_vollib.fast_black_scholes_merton(*values, return_as="numpy", backend=backend)
        found = fast_vollib.get_all_greeks(*values, model=_MODEL, return_as="dict", backend=backend)
        return [price, *(found[name] for name in ("delta", "gamma", "theta", "vega", "rho"))]

    return job


def _vollib_vol(sample: Sample, backend: str) -> Callable[[], Floats]:
    values = (sample.price, sample.spot, sample.strike, sample.t_years, sample.rate, sample.flag)

    def job() -> Floats:
        found: Floats = fast_vollib.fast_implied_volatility(
            *values, sample.dividend_yield, model=_MODEL, return_as="numpy", backend=backend, on_error="ignore"
        )
        return found

    return job


def _jackel_vol(sample: Sample) -> Callable[[], Floats]:
    """fast-vollib's port of "Let's Be Rational", which none of its public functions takes."""
    values = (sample.price, sample.spot, sample.strike, sample.t_years, sample.rate, sample.flag)

    def job() -> Floats:
        found: Floats = jackel_vol(_MODEL, *values, q=sample.dividend_yield, on_error="ignore")
        return found

    return job


def race_greeks(count: int, runs: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Returns ns per option for price, delta, gamma, theta, vega and rho, per contestant; and how far they are apart.

    The distance is each contestant's worst difference from ours, over the natural scale of the quantity: all give the
    same six numbers in the same units, or the race would mean nothing.
    """
    sample, fused, out = Sample(count), _fused(), np.empty((6, count))
    numbers = (sample.spot, sample.strike, sample.t_years, sample.rate, sample.dividend_yield, sample.vol)

    def loop() -> Floats:
        fused(*numbers, sample.is_call, out)
        return out

    jobs: dict[str, Callable[[], Any]] = {
        "ours": lambda: bsm_five_greeks(vol=sample.vol, **sample.columns),
        "fast_vollib_numpy": _vollib_greeks(sample, "numpy"),
        "fast_vollib_numba": _vollib_greeks(sample, "numba"),
        "fused_numba_loop": loop,
    }
    ours, scales = jobs["ours"](), _scales(sample)
    apart = {
        f"{name}_from_ours": max(
            float(np.max(np.abs(np.asarray(theirs) - mine) / scale))
            for theirs, mine, scale in zip(job(), ours, scales, strict=True)
        )
        for name, job in jobs.items()
        if name != "ours"
    }
    return per(race(jobs, runs=runs), count, 1e9), apart


def _scales(sample: Sample) -> list[Floats]:
    """Natural sizes of price, delta, gamma, theta a day, vega and rho a point."""
    root, spot, vol = np.sqrt(sample.t_years), sample.spot, sample.vol
    return [
        spot,
        np.ones(sample.count),
        1.0 / (spot * vol * root),
        spot * vol / root / 365.0,
        spot * root / 100.0,
        sample.strike * sample.t_years / 100.0,
    ]


def race_vols(count: int, runs: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Returns ns per implied vol per contestant; and of each the worst relative error and the rows without an answer.

    The errors are over the rows whose price can tell the vol to 1e-12: one unit in its last place moves the vol by less
    than a tenth of that.
    """
    sample = Sample(count)
    vega = 100.0 * bsm_first_order(vol=sample.vol, **sample.columns).vega_per_point
    is_telling = np.spacing(sample.price) < 1e-13 * sample.vol * vega
    jobs: dict[str, Callable[[], Floats]] = {
        "ours": lambda: implied_vol(price=sample.price, **sample.columns).vol,
        "fast_vollib_numpy": _vollib_vol(sample, "numpy"),
        "fast_vollib_numba": _vollib_vol(sample, "numba"),
        "fast_vollib_jackel": _jackel_vol(sample),
    }
    errors: dict[str, float] = {"rows_compared": float(is_telling.sum())}
    for name, job in jobs.items():
        found = job()
        errors[name] = float(np.nanmax(np.abs(found - sample.vol)[is_telling] / sample.vol[is_telling]))
        errors[f"{name}_unanswered"] = float(np.isnan(found).sum())
    return per(race(jobs, runs=runs), count, 1e9), errors
