"""American options, price and Greeks: ours and QuantLib's QdFp (fast) engine with bumped Greeks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import QuantLib as ql  # noqa: N813 - the name its own documents use

from analytics.american import american, american_first_order, american_price
from benchmarks.racing import Job, per, race

_TODAY = ql.Date(4, 5, 2026)
#: Sizes of the bumps: share of spot, vol, rate. The exact engine's spot and vol bumps are a tenth of it.
_SPOT_BUMP, _VOL_BUMP, _RATE_BUMP = 1e-3, 1e-3, 1e-4
_EXACT_SHARE = 0.1
#: Rows that are held against the accurate scheme, which takes its time.
_COMPARED = 500


class Sample:
    """Random American options like those on large stocks: whole days to expiry, as QuantLib's dates want them."""

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(23)
        self.days = rng.integers(5, 700, count)
        self.t_years = self.days / 365.0
        self.vol = rng.uniform(0.15, 0.6, count)
        self.spot = np.full(count, 100.0)
        self.strike = np.round(self.spot * np.exp(rng.uniform(-1.5, 1.5, count) * self.vol * np.sqrt(self.t_years)), 1)
        self.rate, self.dividend_yield = rng.uniform(0.01, 0.06, count), rng.uniform(0.0, 0.04, count)
        self.is_call = rng.random(count) < 0.5

    def columns(self) -> dict[str, Any]:
        """Arguments by name."""
        return {
            "spot": self.spot,
            "strike": self.strike,
            "t_years": self.t_years,
            "rate": self.rate,
            "dividend_yield": self.dividend_yield,
            "vol": self.vol,
            "is_call": self.is_call,
        }


class _Theirs:
    """One option with its quotes; the objects are made before the clock runs."""

    def __init__(self, sample: Sample, row: int, scheme: object, bumps: float = 1.0) -> None:
        """bumps: multiple of the usual bumps."""
        self.bumps = bumps
        self.spot = ql.SimpleQuote(float(sample.spot[row]))
        self.vol = ql.SimpleQuote(float(sample.vol[row]))
        self.rate = ql.SimpleQuote(float(sample.rate[row]))
        self.base = (float(sample.spot[row]), float(sample.vol[row]), float(sample.rate[row]))
        count = ql.Actual365Fixed()
        carry = ql.FlatForward(_TODAY, float(sample.dividend_yield[row]), count)
        process = ql.BlackScholesMertonProcess(
            ql.QuoteHandle(self.spot),
            ql.YieldTermStructureHandle(carry),
            ql.YieldTermStructureHandle(ql.FlatForward(_TODAY, ql.QuoteHandle(self.rate), count)),
            ql.BlackVolTermStructureHandle(
                ql.BlackConstantVol(_TODAY, ql.NullCalendar(), ql.QuoteHandle(self.vol), count)
            ),
        )
        kind = ql.Option.Call if sample.is_call[row] else ql.Option.Put
        payoff = ql.PlainVanillaPayoff(kind, float(sample.strike[row]))
        engine = ql.QdFpAmericanEngine(process, scheme)
        self.option, self.shorter = (
            ql.VanillaOption(payoff, ql.AmericanExercise(_TODAY, _TODAY + days))
            for days in (int(sample.days[row]), int(sample.days[row]) - 1)
        )
        self.option.setPricingEngine(engine)
        self.shorter.setPricingEngine(engine)

    def price(self, spot: float = 0.0, vol: float = 0.0, rate: float = 0.0, *, is_later: bool = False) -> float:
        """Priced anew with the inputs moved by so much, today or a day later."""
        for quote, base, move in zip((self.spot, self.vol, self.rate), self.base, (spot, vol, rate), strict=True):
            if quote.value() != base + move:
                quote.setValue(base + move)
        option = self.shorter if is_later else self.option
        option.recalculate()
        return float(option.NPV())

    def fewest(self) -> tuple[float, ...]:
        """Price, delta, gamma, theta a day, vega a point, the vol bumped upwards only: five prices."""
        step, vol_step = self.base[0] * _SPOT_BUMP * self.bumps, _VOL_BUMP * self.bumps
        price, up, down = self.price(), self.price(spot=step), self.price(spot=-step)
        return (
            price,
            (up - down) / (2.0 * step),
            (up - 2.0 * price + down) / (step * step),
            self.price(is_later=True) - price,
            (self.price(vol=vol_step) - price) / vol_step * 0.01,
        )

    def values(self) -> tuple[float, ...]:
        """The same with central differences throughout: six prices."""
        vol_step, found = _VOL_BUMP * self.bumps, self.fewest()
        narrow = self.price(vol=-vol_step)
        wide = found[0] + found[4] * vol_step / 0.01
        return (*found[:4], (wide - narrow) / (2.0 * vol_step) * 0.01)

    def six(self) -> tuple[float, ...]:
        """The fewest bumps, and rho a point: six prices."""
        found = self.fewest()
        return (*found, (self.price(rate=_RATE_BUMP) - found[0]) / _RATE_BUMP * 0.01)

    def nine(self) -> tuple[float, ...]:
        """Those, and vanna, volga and charm a day: eleven prices."""
        step, vol_step = self.base[0] * _SPOT_BUMP, _VOL_BUMP
        price, up, down = self.price(), self.price(spot=step), self.price(spot=-step)
        delta, wide = (up - down) / (2.0 * step), self.price(vol=vol_step)
        narrow, later = self.price(vol=-vol_step), self.price(is_later=True)
        wide_delta = (self.price(spot=step, vol=vol_step) - self.price(spot=-step, vol=vol_step)) / (2.0 * step)
        later_delta = (self.price(spot=step, is_later=True) - self.price(spot=-step, is_later=True)) / (2.0 * step)
        return (
            price,
            delta,
            (up - 2.0 * price + down) / (step * step),
            later - price,
            (wide - narrow) / (2.0 * vol_step) * 0.01,
            (self.price(rate=_RATE_BUMP) - price) / _RATE_BUMP * 0.01,
            (wide_delta - delta) / vol_step,
            (wide - 2.0 * price + narrow) / (vol_step * vol_step),
            later_delta - delta,
        )


def race_american(count: int, runs: int) -> tuple[dict[str, dict[str, list[float]]], dict[str, float]]:
    """Returns microseconds per option of three races, and the worst errors of both.

    american: price, delta, gamma, theta and vega; central differences there, and the fewest bumps. american_all: the
    nine values of `american`; as many by bumps, and only six of them. american_price. Errors are of the first, against
    QuantLib's accurate scheme (QdFp, tanh-sinh quadrature at 1e-13) with finer bumps: price and delta over the greater
    of spot and strike and over 1, gamma times spot, vega a point per spot.
    """
    ql.Settings.instance().evaluationDate = _TODAY
    sample = Sample(count)
    columns = sample.columns()
    fast = [_Theirs(sample, row, ql.QdFpAmericanEngine.fastScheme()) for row in range(count)]
    races: dict[str, dict[str, Job]] = {
        "american": {
            "ours": lambda: american_first_order(**columns),
            "quantlib": lambda: [one.values() for one in fast],
            "quantlib_fewest_bumps": lambda: [one.fewest() for one in fast],
        },
        "american_all": {
            "ours": lambda: american(**columns),
            "quantlib": lambda: [one.nine() for one in fast],
            "quantlib_six_values": lambda: [one.six() for one in fast],
        },
        "american_price": {
            "ours": lambda: american_price(**columns),
            "quantlib": lambda: [one.price() for one in fast],
        },
    }
    found = {name: per(race(jobs, runs=runs), count, 1e6) for name, jobs in races.items()}
    return found, _errors(sample, fast)


def _errors(sample: Sample, fast: Sequence[_Theirs]) -> dict[str, float]:
    few = min(len(fast), _COMPARED)
    scheme = ql.QdFpAmericanEngine.highPrecisionScheme()
    exact = np.array([_Theirs(sample, row, scheme, _EXACT_SHARE).values() for row in range(few)]).T
    theirs = np.array([one.values() for one in fast[:few]]).T
    ours = np.array([column[:few] for column in american_first_order(**sample.columns())])
    spot = sample.spot[:few]
    scales = {
        "price": (0, np.maximum(spot, sample.strike[:few])),
        "delta": (1, np.ones(few)),
        "gamma": (2, 1.0 / spot),
        "vega": (4, spot),
    }
    errors = {"rows_compared": float(few)}
    for name, (row, scale) in scales.items():
        errors[f"ours_{name}"] = _worst(ours[row] - exact[row], scale)
        errors[f"quantlib_{name}"] = _worst(theirs[row] - exact[row], scale)
    return errors


def _worst(errors: np.ndarray, scale: np.ndarray) -> float:
    worst = float(np.max(np.abs(errors) / scale))
    return worst if math.isfinite(worst) else math.inf
