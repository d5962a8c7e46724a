"""Keeps the volatility regime from VIX quotes, across restarts."""

from __future__ import annotations

import json
import math
from datetime import datetime

from analytics.regime import RegimeDetector, RegimeParameters, RegimeReading, RegimeState
from execution.views import RegimeInfo
from models.clock import epoch_s
from models.config import RegimeSettings
from models.enums import Regime

_SECONDS_PER_DAY = 86_400.0


def regime_parameters(settings: RegimeSettings) -> RegimeParameters:
    """Returns the detector's parameters of the settings."""
    return RegimeParameters(
        up_levels=settings.up_levels,
        down_levels=settings.down_levels,
        calm_days=settings.calm_days,
        crisis_ratio=settings.crisis_ratio,
        calm_ratio=settings.calm_ratio,
    )


class RegimeService:
    """Feeds VIX into the detector and remembers its state. An unknown VIX changes nothing."""

    def __init__(self, settings: RegimeSettings) -> None:
        self._detector = RegimeDetector(regime_parameters(settings))
        self._state: RegimeState | None = None
        self._reading: RegimeReading | None = None
        self._vix = math.nan
        self._vix3m = math.nan

    @property
    def regime(self) -> Regime | None:
        """The regime now; None until a first VIX was seen (a remembered one holds meanwhile)."""
        return None if self._state is None else self._state.regime

    def observe(self, vix: float, vix3m: float, at_utc: datetime) -> bool:
        """Takes a reading (NaN = unknown) and returns whether the regime changed."""
        if math.isnan(vix) or vix <= 0:
            return False
        day = epoch_s(at_utc) / _SECONDS_PER_DAY
        ratio = None if math.isnan(vix3m) or vix3m <= 0 else vix / vix3m
        before = self.regime
        if self._state is None or day < self._state.since_day:
            self._reading = self._detector.start(vix, day, ratio)
        else:
            self._reading = self._detector.observe(self._state, vix, day, ratio)
        self._state, self._vix, self._vix3m = self._reading.state, vix, vix3m
        return before is not self._state.regime

    def info(self) -> RegimeInfo | None:
        """Returns the regime and its next switches; None before the first VIX of this session."""
        if self._reading is None:
            return None
        return RegimeInfo(
            regime=self._reading.regime,
            vix=self._vix,
            vix3m=None if math.isnan(self._vix3m) else self._vix3m,
            next_up_at=self._reading.next_up_at_vix,
            next_down_at=self._reading.next_down_below_vix,
        )

    def dump(self) -> str:
        """Returns the memory as JSON text."""
        state = self._state
        return json.dumps(None if state is None else [state.regime.value, state.since_day, state.calm_since_day])

    def restore(self, text: str) -> None:
        """Continues from an earlier `dump`."""
        facts = json.loads(text)
        if facts is not None:
            self._state = RegimeState(Regime(facts[0]), float(facts[1]), None if facts[2] is None else float(facts[2]))
