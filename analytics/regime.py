"""Volatility regime from VIX, and from VIX/VIX3M when known, with hysteresis.

Going up is immediate: limits must tighten at once. Coming down needs VIX below a lower re-entry level
on every observation of several days, so that limits do not flap around a threshold. A term structure in
deep backwardation (VIX far above VIX3M) calls a crisis early and keeps it until it has normalised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.enums import Regime

REGIME_ORDER: tuple[Regime, ...] = (
    Regime.LOW_VOL,
    Regime.MEDIUM_VOL,
    Regime.HIGH_VOL,
    Regime.CRISIS,
)
_CRISIS_LEVEL = 3


class RegimeInputError(ValueError):
    """Thresholds or readings that cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class RegimeParameters:
    """Levels between the four regimes, in VIX points.

    `up_levels`: VIX at or above which MEDIUM_VOL, HIGH_VOL and CRISIS begin. `down_levels`: VIX below
    which each of them may end, once VIX has stayed below for `calm_days`. `crisis_ratio`: VIX/VIX3M
    that makes a crisis of a HIGH_VOL reading; `calm_ratio`: ratio at or above which a crisis holds.
    The defaults switch 7.7 times a year on the daily closes of 2006-2026; the upward levels alone 32 times.
    """

    up_levels: tuple[float, float, float] = (16.0, 23.0, 32.0)
    down_levels: tuple[float, float, float] = (13.5, 19.5, 27.0)
    calm_days: float = 5.0
    crisis_ratio: float = 1.15
    calm_ratio: float = 1.0

    def __post_init__(self) -> None:
        values = (
            *self.up_levels,
            *self.down_levels,
            self.calm_days,
            self.crisis_ratio,
            self.calm_ratio,
        )
        if not all(math.isfinite(value) and value >= 0 for value in values):
            raise RegimeInputError(f"regime parameters must be finite and not negative: {self}")
        for levels, name in (
            (self.up_levels, "up_levels"),
            (self.down_levels, "down_levels"),
        ):
            if not levels[0] < levels[1] < levels[2]:
                raise RegimeInputError(f"{name} {levels} must rise from MEDIUM_VOL to CRISIS")
        if any(down > up for down, up in zip(self.down_levels, self.up_levels, strict=True)):
            raise RegimeInputError(f"down_levels {self.down_levels} must not lie above up_levels {self.up_levels}")
        if self.calm_ratio > self.crisis_ratio:
            raise RegimeInputError(f"calm_ratio {self.calm_ratio} must not lie above crisis_ratio {self.crisis_ratio}")


@dataclass(frozen=True, slots=True)
class RegimeState:
    """What the detector must remember: the regime and since when VIX has been calm enough to leave it.

    `calm_since_day` is None while VIX is not below the level that would end the regime.
    """

    regime: Regime
    since_day: float
    calm_since_day: float | None = None


@dataclass(frozen=True, slots=True)
class RegimeReading:
    """Result of one observation, with the levels at which the next switch happens.

    `next_up_at_vix`: VIX at or above which the next regime begins at once (None in CRISIS).
    `next_down_below_vix`: VIX below which the calm count towards a milder regime runs (None in LOW_VOL).
    `next_down_not_before_day`: earliest day of that switch while the count runs, else None.
    `held_by_term_structure`: only VIX/VIX3M keeps the crisis.
    """

    state: RegimeState
    previous: Regime
    next_up_at_vix: float | None
    next_down_below_vix: float | None
    next_down_not_before_day: float | None
    held_by_term_structure: bool

    @property
    def regime(self) -> Regime:
        """The regime now."""
        return self.state.regime

    @property
    def switched(self) -> bool:
        """True when this observation changed the regime."""
        return self.state.regime is not self.previous


class RegimeDetector:
    """Pure state machine: previous state + reading -> next state. Holds parameters only."""

    def __init__(self, parameters: RegimeParameters | None = None) -> None:
        self._parameters = parameters if parameters is not None else RegimeParameters()

    @property
    def parameters(self) -> RegimeParameters:
        """The levels in use."""
        return self._parameters

    def start(self, vix: float, at_day: float, vix_ratio: float | None = None) -> RegimeReading:
        """First reading ever: the regime of the upward levels, without memory."""
        _check_reading(vix, at_day, vix_ratio)
        regime = REGIME_ORDER[self._level_reached(vix, vix_ratio)]
        return self._reading(RegimeState(regime, at_day), regime, vix, vix_ratio)

    def observe(
        self,
        state: RegimeState,
        vix: float,
        at_day: float,
        vix_ratio: float | None = None,
    ) -> RegimeReading:
        """Next reading.

        `at_day` is in days on any clock that only goes forward (trading-session number, or epoch days);
        `vix_ratio` is VIX/VIX3M, None when unknown. Raises RegimeInputError on a reading that is not a
        positive number or on time running backwards: an unknown VIX is not a reading, keep the state.
        """
        _check_reading(vix, at_day, vix_ratio)
        if at_day < state.since_day:
            raise RegimeInputError(f"regime reading of day {at_day} is older than the state ({state.since_day})")
        return self._reading(self._next(state, vix, at_day, vix_ratio), state.regime, vix, vix_ratio)

    def classify_history(
        self,
        vix: ArrayLike,
        vix3m: ArrayLike | None = None,
        days: Sequence[float] | None = None,
    ) -> NDArray[np.int8]:
        """Regime of each observation as an index into REGIME_ORDER, shape (n,).

        `vix3m` may hold NaN where unknown; a NaN or non-positive VIX keeps the regime before it (-1 at
        the start). `days` are the observation days, default 0, 1, 2, ... (sessions).
        """
        values = np.asarray(vix, dtype=np.float64)
        later = np.full(values.shape, np.nan) if vix3m is None else np.asarray(vix3m, dtype=np.float64)
        when = np.arange(values.size, dtype=np.float64) if days is None else np.asarray(days, dtype=np.float64)
        if values.ndim != 1 or later.shape != values.shape or when.shape != values.shape:
            raise RegimeInputError(
                "vix, vix3m and days must be one-dimensional and alike, got shapes "
                f"{values.shape}, {later.shape}, {when.shape}"
            )
        known = np.isfinite(values) & (values > 0)
        ratio_known = known & np.isfinite(later) & (later > 0)
        codes = np.full(values.size, -1, dtype=np.int8)
        state: RegimeState | None = None
        for index in range(values.size):
            if known[index]:
                level, day = float(values[index]), float(when[index])
                ratio = level / float(later[index]) if ratio_known[index] else None
                reading = self.start(level, day, ratio) if state is None else self.observe(state, level, day, ratio)
                state = reading.state
            if state is not None:
                codes[index] = REGIME_ORDER.index(state.regime)
        return codes

    def _level_reached(self, vix: float, vix_ratio: float | None) -> int:
        """Highest regime whose upward level is reached."""
        up = self._parameters.up_levels
        if vix_ratio is not None and vix_ratio >= self._parameters.crisis_ratio and vix >= up[1]:
            return _CRISIS_LEVEL
        return sum(vix >= level for level in up)

    def _level_held(self, current: int, vix: float, vix_ratio: float | None) -> int:
        """Highest regime not above `current` whose downward level VIX has not undercut."""
        if current == _CRISIS_LEVEL and self._inverted(vix_ratio):
            return current
        return min(current, sum(vix >= level for level in self._parameters.down_levels))

    def _inverted(self, vix_ratio: float | None) -> bool:
        """True while the term structure forbids to call the crisis over."""
        return vix_ratio is not None and vix_ratio >= self._parameters.calm_ratio

    def _next(self, state: RegimeState, vix: float, at_day: float, vix_ratio: float | None) -> RegimeState:
        """The transition itself."""
        current = REGIME_ORDER.index(state.regime)
        reached = self._level_reached(vix, vix_ratio)
        if reached > current:
            return RegimeState(REGIME_ORDER[reached], at_day)
        held = self._level_held(current, vix, vix_ratio)
        if held == current:
            return RegimeState(state.regime, state.since_day)
        calm_since = at_day if state.calm_since_day is None else state.calm_since_day
        if at_day - calm_since < self._parameters.calm_days:
            return RegimeState(state.regime, state.since_day, calm_since)
        return RegimeState(REGIME_ORDER[held], at_day)

    def _reading(self, state: RegimeState, previous: Regime, vix: float, vix_ratio: float | None) -> RegimeReading:
        """Attach the levels of the next switches."""
        level = REGIME_ORDER.index(state.regime)
        parameters = self._parameters
        next_up = parameters.up_levels[level] if level < _CRISIS_LEVEL else None
        if level == _CRISIS_LEVEL - 1 and vix_ratio is not None and vix_ratio >= parameters.crisis_ratio:
            next_up = parameters.up_levels[1]
        below = parameters.down_levels[level - 1] if level > 0 else None
        earliest = None if state.calm_since_day is None else state.calm_since_day + parameters.calm_days
        held = level == _CRISIS_LEVEL and self._inverted(vix_ratio) and vix < parameters.down_levels[2]
        return RegimeReading(state, previous, next_up, below, earliest, held)


def _check_reading(vix: float, at_day: float, vix_ratio: float | None) -> None:
    """Raise RegimeInputError unless every given number is usable."""
    if not math.isfinite(vix) or vix <= 0:
        raise RegimeInputError(f"VIX {vix} is not a positive number; keep the last regime until it is known")
    if not math.isfinite(at_day):
        raise RegimeInputError(f"day {at_day} of a VIX reading is not finite")
    if vix_ratio is not None and (not math.isfinite(vix_ratio) or vix_ratio <= 0):
        raise RegimeInputError(f"VIX/VIX3M {vix_ratio} is not a positive number; pass None when unknown")
