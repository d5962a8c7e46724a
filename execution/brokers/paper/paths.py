"""Correlated price and variance paths of the simulated markets.

A hidden market factor drives everything: its log-variance x follows an Ornstein-Uhlenbeck process whose shocks are
negatively correlated with its returns (Heston's leverage effect in log form, so variance stays positive); a stock
moves with its beta to the factor plus a part of its own, and shares a part of the factor's variance shocks.
Steps are exact for the variance; prices hold variance still within a step, so long gaps are cut into shorter ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from execution.storage import SessionCalendar
from models.clock import NEW_YORK, from_iso, to_iso

FloatArray = NDArray[np.float64]

_LONGEST_STEP: Final = timedelta(minutes=30)
_MOST_STEPS: Final = 2000
_YEAR: Final = timedelta(days=365)
#: Share of a day's variance that falls between close and opening, when the market keeps session hours.
_OVERNIGHT_SHARE: Final = 0.25
_SESSIONS_A_YEAR: Final = 252.0
_LEVERAGE: Final = -0.75
_MEAN_REVERSION: Final = 12.0
_VOL_OF_LOG_VARIANCE: Final = 2.2
#: The furthest the log-variance goes from its base, both ways.
LOG_VARIANCE_BOUND: Final = 2.5
_SHARED_VARIANCE_SHOCK: Final = 0.7
_LEAST_OWN_SHARE: Final = 0.3


@dataclass(frozen=True, slots=True)
class PathSpec:
    """One moving price. `vol`: realised, annual; `beta` to the market factor; `drift` per year."""

    symbol: str
    start: float
    vol: float
    beta: float
    drift: float


@dataclass(frozen=True, slots=True)
class Frame:
    """All prices at an instant: (n,) spots and log-variances in the order of the specs."""

    at_utc: datetime
    spots: FloatArray
    log_variances: FloatArray


class VarianceClock:
    """How much market time passes between two instants, in years of variance.

    Around the clock: calendar time. With a session calendar: variance accrues evenly in sessions, the overnight share
    in one jump at the opening, nothing otherwise.
    """

    def __init__(self, sessions: SessionCalendar | None) -> None:
        self._sessions = sessions

    def years(self, start_utc: datetime, end_utc: datetime) -> float:
        """Returns the years of variance in (start, end]."""
        if self._sessions is None:
            return (end_utc - start_utc) / _YEAR
        day, last = start_utc.astimezone(NEW_YORK).date(), end_utc.astimezone(NEW_YORK).date()
        sessions = 0.0
        while day <= last:
            bounds = self._sessions.session_bounds_utc(day)
            if bounds is not None:
                opening, close = bounds
                inside = max(min(end_utc, close) - max(start_utc, opening), timedelta(0))
                sessions += (1.0 - _OVERNIGHT_SHARE) * (inside / (close - opening))
                sessions += _OVERNIGHT_SHARE if start_utc < opening <= end_utc else 0.0
            day += timedelta(days=1)
        return sessions / _SESSIONS_A_YEAR


class PathEngine:
    """Moves all prices forward together. The first spec is the market factor; deterministic for a seed and steps."""

    def __init__(
        self, specs: Sequence[PathSpec], *, seed: int, start_utc: datetime, sessions: SessionCalendar | None = None
    ) -> None:
        self._symbols = tuple(spec.symbol for spec in specs)
        self._vol = np.array([spec.vol for spec in specs])
        market = self._vol[0]
        beta = np.array([spec.beta for spec in specs])
        # A beta so large that it alone exceeds the stock's own vol is cut, so that every stock keeps a life of its own.
        self._beta = np.minimum(beta, np.sqrt(1.0 - _LEAST_OWN_SHARE**2) * self._vol / market)
        self._beta[0] = 1.0
        self._own_vol = np.sqrt(np.maximum(self._vol**2 - (self._beta * market) ** 2, 0.0))
        self._drift = np.array([spec.drift for spec in specs])
        self._clock = VarianceClock(sessions)
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._seed = seed
        self._frame = Frame(start_utc, np.array([spec.start for spec in specs]), np.zeros(len(specs)))

    @property
    def frame(self) -> Frame:
        """Where everything stands now."""
        return self._frame

    def advance(self, to_utc: datetime) -> Frame:
        """Moves to `to_utc` and returns the new frame; a time not after the present one changes nothing."""
        gap = to_utc - self._frame.at_utc
        if gap <= timedelta(0):
            return self._frame
        steps = min(-(-gap // _LONGEST_STEP), _MOST_STEPS)
        start = self._frame.at_utc
        for number in range(1, steps + 1):
            until = to_utc if number == steps else start + gap * number / steps
            self._step(until)
        return self._frame

    def _step(self, until: datetime) -> None:
        here = self._frame
        years = self._clock.years(here.at_utc, until)
        if years <= 0.0:
            self._frame = Frame(until, here.spots, here.log_variances)
            return
        count = here.spots.size
        noise = self._random.standard_normal(2 * count)
        own, variance_noise = noise[:count], noise[count:]
        market = own[0]
        shock = _LEVERAGE * market + np.sqrt(1.0 - _LEVERAGE**2) * variance_noise[0]
        shocks = _SHARED_VARIANCE_SHOCK * shock + np.sqrt(1.0 - _SHARED_VARIANCE_SHOCK**2) * variance_noise
        shocks[0] = shock
        level = np.exp(0.5 * here.log_variances)
        root = np.sqrt(years)
        market_part = self._beta * self._vol[0] * level[0] * market
        own_part = self._own_vol * level * np.where(np.arange(count) > 0, own, 0.0)
        variance = (self._beta * self._vol[0] * level[0]) ** 2 + (self._own_vol * level) ** 2
        spots = here.spots * np.exp((self._drift - 0.5 * variance) * years + root * (market_part + own_part))
        decay = np.exp(-_MEAN_REVERSION * years)
        spread = _VOL_OF_LOG_VARIANCE * np.sqrt((1.0 - decay * decay) / (2.0 * _MEAN_REVERSION))
        variances = np.clip(here.log_variances * decay + spread * shocks, -LOG_VARIANCE_BOUND, LOG_VARIANCE_BOUND)
        self._frame = Frame(until, spots, variances)

    def state(self) -> dict[str, Any]:
        """Returns JSON-able state from which `restore` continues the same paths."""
        return {
            "symbols": list(self._symbols),
            "seed": self._seed,
            "frame": frame_to_json(self._frame),
            "random": self._random.bit_generator.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from an earlier `state`; raises ValueError when it belongs to other paths."""
        if state.get("symbols") != list(self._symbols) or state.get("seed") != self._seed:
            raise ValueError("the saved state belongs to another market: symbols or seed differ")
        frame = frame_from_json(state["frame"])
        if frame.spots.size != len(self._symbols):
            raise ValueError("the saved state belongs to another market: its size differs")
        self._random.bit_generator.state = state["random"]
        self._frame = frame


def frame_to_json(frame: Frame) -> dict[str, Any]:
    """Returns a frame as JSON-able values; floats survive exactly."""
    return {
        "at_utc": to_iso(frame.at_utc),
        "spots": frame.spots.tolist(),
        "log_variances": frame.log_variances.tolist(),
    }


def frame_from_json(value: dict[str, Any]) -> Frame:
    """Returns the frame that `frame_to_json` wrote."""
    return Frame(
        from_iso(value["at_utc"]),
        np.array(value["spots"], dtype=np.float64),
        np.array(value["log_variances"], dtype=np.float64),
    )


def new_york_date(at_utc: datetime) -> date:
    """Returns the New York date of an instant."""
    return at_utc.astimezone(NEW_YORK).date()
