"""Regime switching on readings made by hand and on twenty years of VIX."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.regime import (
    REGIME_ORDER,
    RegimeDetector,
    RegimeInputError,
    RegimeParameters,
    RegimeState,
)
from models.enums import Regime


@pytest.fixture(scope="module")
def history(shared_data: Path) -> pl.DataFrame:
    closes = pl.read_parquet(shared_data / "daily_closes.parquet").filter(pl.col("symbol").is_in(["VIX", "VIX3M"]))
    return closes.pivot(on="symbol", index="date", values="close").filter(pl.col("VIX").is_not_null()).sort("date")


def codes_of(history: pl.DataFrame) -> tuple[np.ndarray, list[date]]:
    dates = history["date"].to_list()
    days = [float(day.toordinal()) for day in dates]
    vix3m = history["VIX3M"].fill_null(math.nan).to_numpy()
    return RegimeDetector().classify_history(history["VIX"].to_numpy(), vix3m, days), dates


def test_twenty_years_switch_six_to_eight_times_a_year_and_plain_thresholds_four_times_as_often(
    history: pl.DataFrame,
) -> None:
    codes, dates = codes_of(history)
    years = (dates[-1] - dates[0]).days / 365.25
    plain = np.searchsorted(RegimeParameters().up_levels, history["VIX"].to_numpy(), side="right")
    switches, plain_switches = np.count_nonzero(np.diff(codes)), np.count_nonzero(np.diff(plain))
    assert 6.0 <= switches / years <= 8.0
    assert plain_switches / years > 30.0
    assert set(np.unique(codes)) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    "panic",
    [date(2008, 9, 29), date(2008, 10, 6), date(2011, 8, 8), date(2018, 2, 5), date(2020, 2, 28), date(2020, 3, 9)],
)
def test_a_panic_is_a_crisis_on_the_day_it_is_seen(history: pl.DataFrame, panic: date) -> None:
    codes, dates = codes_of(history)
    assert REGIME_ORDER[codes[dates.index(panic)]] is Regime.CRISIS


def test_every_close_at_or_above_the_crisis_level_is_a_crisis_the_same_day(history: pl.DataFrame) -> None:
    codes, _ = codes_of(history)
    assert (codes[history["VIX"].to_numpy() >= RegimeParameters().up_levels[2]] == 3).all()


def test_rising_is_immediate_and_may_skip_levels() -> None:
    detector = RegimeDetector()
    state = detector.start(12.0, 0.0).state
    assert detector.observe(state, 16.0, 0.0).regime is Regime.MEDIUM_VOL
    reading = detector.observe(state, 40.0, 0.1)
    assert (reading.regime, reading.previous, reading.switched) == (Regime.CRISIS, Regime.LOW_VOL, True)


def test_falling_needs_calm_on_every_reading_of_the_whole_period() -> None:
    detector = RegimeDetector()
    state = detector.start(25.0, 0.0).state
    for day, vix in ((1.0, 18.0), (3.0, 18.0), (4.0, 20.0), (5.0, 18.0), (9.9, 18.0)):
        reading = detector.observe(state, vix, day)
        state = reading.state
        assert reading.regime is Regime.HIGH_VOL
    assert detector.observe(state, 18.0, 10.0).regime is Regime.MEDIUM_VOL


def test_a_reading_tells_the_levels_of_the_next_switches() -> None:
    detector = RegimeDetector()
    high = detector.start(25.0, 0.0)
    assert (high.next_up_at_vix, high.next_down_below_vix, high.next_down_not_before_day) == (32.0, 19.5, None)
    calm = detector.observe(high.state, 18.0, 2.0)
    assert calm.next_down_not_before_day == 7.0
    assert detector.start(12.0, 0.0).next_down_below_vix is None
    assert detector.start(50.0, 0.0).next_up_at_vix is None


def test_deep_backwardation_calls_a_crisis_early_and_holds_it_until_the_curve_has_normalised() -> None:
    detector = RegimeDetector()
    assert detector.start(26.0, 0.0, 1.05).regime is Regime.HIGH_VOL
    assert detector.start(20.0, 0.0, 1.30).regime is Regime.MEDIUM_VOL
    crisis = detector.start(26.0, 0.0, 1.20)
    assert crisis.regime is Regime.CRISIS
    held = detector.observe(crisis.state, 24.0, 30.0, 1.01)
    assert (held.regime, held.held_by_term_structure) == (Regime.CRISIS, True)
    waiting = detector.observe(held.state, 24.0, 31.0, 0.95)
    assert (waiting.regime, waiting.held_by_term_structure) == (Regime.CRISIS, False)
    assert detector.observe(waiting.state, 24.0, 36.0, 0.95).regime is Regime.HIGH_VOL


@pytest.mark.parametrize(
    ("vix", "day", "ratio"), [(math.nan, 1.0, None), (0.0, 1.0, None), (20.0, -1.0, None), (20.0, 1.0, 0.0)]
)
def test_an_unusable_reading_is_refused(vix: float, day: float, ratio: float | None) -> None:
    state = RegimeState(Regime.LOW_VOL, 0.0)
    with pytest.raises(RegimeInputError):
        RegimeDetector().observe(state, vix, day, ratio)


@pytest.mark.parametrize(
    "change",
    [
        {"up_levels": (23.0, 16.0, 32.0)},
        {"down_levels": (17.0, 19.0, 27.0)},
        {"calm_days": math.nan},
        {"calm_ratio": 1.2},
    ],
)
def test_parameters_that_contradict_each_other_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(RegimeInputError):
        RegimeParameters(**change)  # type: ignore[arg-type]  # the wrong values are the point


def test_unknown_vix_keeps_the_regime_before_it_and_is_unknown_at_the_start() -> None:
    codes = RegimeDetector().classify_history([math.nan, 12.0, math.nan, 33.0, -1.0], [math.nan] * 5)
    assert codes.tolist() == [-1, 0, 0, 3, 3]


def test_arrays_of_different_length_are_refused() -> None:
    with pytest.raises(RegimeInputError, match="alike"):
        RegimeDetector().classify_history([20.0, 21.0], [22.0])


@given(st.lists(st.floats(9.0, 90.0), min_size=1, max_size=80))
@settings(max_examples=100, deadline=None)
def test_the_regime_is_never_milder_than_the_upward_levels_say_and_falls_only_after_calm(path: list[float]) -> None:
    parameters = RegimeParameters()
    codes = RegimeDetector(parameters).classify_history(path)
    reached = np.searchsorted(parameters.up_levels, path, side="right")
    assert (codes >= reached).all()
    for day in np.flatnonzero(np.diff(codes) < 0) + 1:
        window = path[day - int(parameters.calm_days) : day + 1]
        assert max(window) < parameters.down_levels[codes[day - 1] - 1]
