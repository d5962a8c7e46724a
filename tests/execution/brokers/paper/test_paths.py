"""Price paths: deterministic, correlated, and passing time as the market does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from execution.brokers.paper.paths import PathEngine, PathSpec, VarianceClock
from execution.sessions import ExchangeSessions
from models.clock import NEW_YORK

START = datetime(2026, 5, 4, 14, 0, tzinfo=UTC)
SPECS = (
    PathSpec("SPX", 7200.0, 0.13, 1.0, 0.02),
    PathSpec("AAPL", 280.0, 0.25, 1.1, 0.03),
    PathSpec("WILD", 50.0, 0.20, 9.0, 0.0),
)


def _engine(seed: int = 3) -> PathEngine:
    return PathEngine(SPECS, seed=seed, start_utc=START)


def _walk(engine: PathEngine, steps: int, step: timedelta) -> tuple[np.ndarray, np.ndarray]:
    at, spots, variances = engine.frame.at_utc, [engine.frame.spots], [engine.frame.log_variances]
    for number in range(1, steps + 1):
        frame = engine.advance(at + step * number)
        spots.append(frame.spots)
        variances.append(frame.log_variances)
    return np.array(spots), np.array(variances)


def test_the_same_seed_and_steps_give_the_same_paths_and_another_seed_gives_others() -> None:
    first, again, other = (_walk(_engine(seed), 50, timedelta(seconds=5))[0] for seed in (3, 3, 4))
    assert first.tolist() == again.tolist()
    assert (first[-1] != other[-1]).all()


def test_a_saved_state_continues_the_very_same_paths() -> None:
    engine = _engine()
    _walk(engine, 20, timedelta(minutes=1))
    saved = json.loads(json.dumps(engine.state()))
    continued, _ = _walk(engine, 20, timedelta(minutes=1))
    resumed = _engine()
    resumed.restore(saved)
    assert _walk(resumed, 20, timedelta(minutes=1))[0].tolist() == continued.tolist()


def test_a_state_of_other_paths_is_refused() -> None:
    with pytest.raises(ValueError, match="another market"):
        _engine(4).restore(_engine(3).state())


def test_time_never_runs_back() -> None:
    engine = _engine()
    later = engine.advance(START + timedelta(hours=1))
    assert engine.advance(START) is later


def test_prices_move_with_their_vol_and_fall_when_vol_rises() -> None:
    spots, variances = _walk(_engine(), 6000, timedelta(hours=2))
    returns = np.diff(np.log(spots), axis=0)
    realised = returns[:, 0].std() * np.sqrt(365.0 * 12.0)
    assert 0.08 < realised < 0.25
    assert np.corrcoef(returns[:, 0], np.diff(variances[:, 0]))[0, 1] < -0.5
    assert np.corrcoef(returns[:, 0], returns[:, 1])[0, 1] > 0.35
    assert np.corrcoef(returns[:, 0], returns[:, 2])[0, 1] < 0.99
    assert np.abs(variances).max() <= 2.5


def test_a_weekend_in_one_call_stays_finite_and_plausible() -> None:
    frame = _engine().advance(START + timedelta(days=400))
    assert np.isfinite(frame.spots).all()
    assert (frame.spots > 0).all()


def test_around_the_clock_time_is_calendar_time() -> None:
    assert VarianceClock(None).years(START, START + timedelta(days=73)) == pytest.approx(0.2)


def test_with_session_hours_nothing_moves_at_night_and_a_whole_day_is_one_day() -> None:
    clock = VarianceClock(ExchangeSessions())
    noon = datetime(2026, 5, 4, 12, tzinfo=NEW_YORK).astimezone(UTC)
    evening, night = noon + timedelta(hours=6), noon + timedelta(hours=14)
    assert clock.years(evening, night) == 0.0
    assert clock.years(noon, noon + timedelta(days=1)) == pytest.approx(1.0 / 252.0)
    assert clock.years(noon, noon + timedelta(days=7)) == pytest.approx(5.0 / 252.0)
    friday_evening = datetime(2026, 5, 8, 18, tzinfo=NEW_YORK).astimezone(UTC)
    assert clock.years(friday_evening, friday_evening + timedelta(days=2)) == 0.0


def test_a_closed_market_stands_still() -> None:
    engine = PathEngine(SPECS, seed=1, start_utc=datetime(2026, 5, 9, 14, tzinfo=UTC), sessions=ExchangeSessions())
    before = engine.frame.spots
    assert engine.advance(datetime(2026, 5, 10, 20, tzinfo=UTC)).spots.tolist() == before.tolist()
    assert engine.advance(datetime(2026, 5, 11, 15, tzinfo=UTC)).spots.tolist() != before.tolist()
