"""How many units of a trade bring the book back inside: intervals against plain trial."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.hedge_limits import METRICS, Standing, standing
from models.enums import Metric
from models.risk import Limit
from tests.analytics import hedge_worlds as world
from tests.analytics.hedge_worlds import limit


def stand(limits: list[Limit], values: dict[Metric, float | None]) -> Standing:
    """A book with these figures."""
    return standing(world.given([], [], limits), values)


def effects(**by_metric: float) -> np.ndarray:
    """One shape's effects."""
    return np.array([[by_metric.get(metric.value, 0.0) for metric in METRICS]])


def test_a_broken_limit_needs_the_margin_at_which_its_alarm_ends() -> None:
    where = stand([limit(Metric.VEGA, -1000)], {Metric.VEGA: -1500.0})
    bound = where.bounds(effects(vega=100.0))
    assert bound.inside[0] == pytest.approx(5.0)
    assert bound.clears[0] == pytest.approx(5.5)
    assert where.is_clear(np.array([[-950.0], [-951.0]])).tolist() == [True, False]


def test_a_trade_the_wrong_way_never_clears_and_helps_nothing() -> None:
    where = stand([limit(Metric.VEGA, -1000)], {Metric.VEGA: -1500.0})
    bound = where.bounds(effects(vega=-100.0))
    assert np.isinf(bound.clears[0])
    assert bound.helps[0] == 0.0


def test_the_other_limits_bound_the_size() -> None:
    where = stand(
        [limit(Metric.VEGA, -1000), limit(Metric.SPX_DELTA, -20, 20)], {Metric.VEGA: -1500.0, Metric.SPX_DELTA: 5.0}
    )
    assert where.bounds(effects(vega=100.0, spx_delta=-5.0)).most[0] == pytest.approx(5.0)
    assert where.bounds(effects(vega=100.0, spx_delta=5.0)).most[0] == pytest.approx(3.0)


def test_a_figure_that_is_not_known_is_held_against_nothing() -> None:
    where = stand([limit(Metric.VEGA, -1000), limit(Metric.THETA, 0)], {Metric.VEGA: -1500.0, Metric.THETA: None})
    assert [one.metric for one in where.limits] == [Metric.VEGA]


def test_without_a_bound_nothing_is_broken() -> None:
    where = stand([limit(Metric.VEGA)], {Metric.VEGA: -1e9})
    assert not where.broken.any()
    assert where.cure(np.array([[0.0]])).tolist() == [0.0]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Metric.SPX_DELTA, Metric.VEGA, Metric.THETA]),
            st.floats(-100, 0),
            st.floats(0.5, 100),
            st.floats(-300, 300),
            st.floats(-20, 20),
        ),
        min_size=1,
        max_size=3,
        unique_by=lambda one: one[0],
    )
)
def test_the_interval_is_what_trying_every_size_finds(
    figures: list[tuple[Metric, float, float, float, float]],
) -> None:
    where = stand(
        [limit(metric, low, high) for metric, low, high, _, _ in figures],
        {metric: value for metric, _, _, value, _ in figures},
    )
    steps = effects(**{metric.value: step for metric, _, _, _, step in figures})
    bound = where.bounds(steps)
    for size in range(1, 40):
        after = where.after(steps * size)
        fits = not ((where.excess(after)[0] > 1e-6) & ~where.broken).any()
        clears = bool(where.is_clear(after)[0])
        # Within rounding of an end of the interval either answer will do.
        if min(abs(size - bound.clears[0]), abs(size - bound.most[0]), abs(size - bound.inside[0])) < 1e-6:
            continue
        if where.broken.any():
            assert (clears and fits) == (bound.clears[0] <= size <= bound.most[0])
