"""Which limit breaks first when the index moves, and where."""

from __future__ import annotations

import time

import numpy as np

from analytics.scenarios import BreachMap, breach_map
from analytics.scenarios import Crossing as FoundCrossing
from execution.analysis.scene import Scene
from execution.analysis_views import BreachMapState, Crossing, LimitLane
from models.enums import Metric

_SPOT_SHIFTS_PCT = np.linspace(-15.0, 15.0, 61)
_VOL_SHIFTS_POINTS = np.array([-5.0, -2.5, 0.0, 2.5, 5.0, 10.0, 15.0, 20.0])
_NO_SHIFT = 2


def breach_page(scene: Scene) -> BreachMapState:
    """Returns the map of the regime's limits over SPX from -15 % to +15 % and vols from -5 to +20 points."""
    started = time.perf_counter()
    dynamics = scene.dynamics()
    found = breach_map(
        scene.book,
        now_epoch_s=scene.now_s,
        index_price=scene.spx_price,
        limits=scene.limits,
        spot_shifts=_SPOT_SHIFTS_PCT / 100.0,
        vol_shifts=_VOL_SHIFTS_POINTS / 100.0,
        dynamics=dynamics,
        rows=scene.mask,
    )
    lanes = _lanes(found)
    return BreachMapState(
        note=scene.note(
            f"{scene.method(dynamics)}; vol shift in points added to every vol; margin is on the Margin page",
            time.perf_counter() - started,
            _problem(scene),
            found.excluded_count,
        ),
        regime=scene.regime,
        spot_now=scene.spx_price,
        spot_shifts_pct=_SPOT_SHIFTS_PCT,
        vol_shifts_points=_VOL_SHIFTS_POINTS,
        lanes=lanes,
        worst=found.worst,
        binding=found.binding.astype(np.int64),
        first_down=_crossing(found.first_down, lanes),
        first_up=_crossing(found.first_up, lanes),
    )


def _problem(scene: Scene) -> str:
    if scene.regime is None:
        return "The volatility regime is not known yet, so no limits are in force: waiting for a VIX quote."
    return "" if scene.limits else "No limit is set for this regime."


def _lanes(found: BreachMap) -> tuple[LimitLane, ...]:
    metrics = [lane.metric for lane in found.lanes]
    return tuple(
        LimitLane(
            metric=metric,
            low=lane.low,
            high=lane.high,
            values=lane.values[_NO_SHIFT],
            utilisation=lane.utilisation[_NO_SHIFT],
            down=_named(lane.down, metric),
            up=_named(lane.up, metric),
        )
        for lane, metric in zip(found.lanes, metrics, strict=True)
        if metric is not None
    )


def _named(crossing: FoundCrossing | None, metric: Metric) -> Crossing | None:
    if crossing is None:
        return None
    return Crossing(metric, crossing.bound, crossing.is_upper, crossing.index_shift * 100.0, crossing.index_price)


def _crossing(crossing: FoundCrossing | None, lanes: tuple[LimitLane, ...]) -> Crossing | None:
    return None if crossing is None else _named(crossing, lanes[crossing.lane].metric)
