from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.market.model_greeks import DELTA_APART, GOOD_FOR_S, VOL_APART, ModelColumns, are_apart
from models.clock import epoch_s
from models.ids import ContractKey
from models.quote import ModelGreeks
from tests.execution.builders import NOW

figures = st.one_of(st.none(), st.floats(-1, 1))


def told(vol: float | None, delta: float | None, at_utc: datetime = NOW) -> ModelGreeks:
    return ModelGreeks(ContractKey("X"), at_utc, vol, delta, None, None, None)


@given(vol=figures, delta=figures, age_s=st.floats(-10, 200))
def test_a_figure_counts_for_a_minute_and_what_is_unknown_stays_unknown(
    vol: float | None, delta: float | None, age_s: float
) -> None:
    columns = ModelColumns(2)
    columns.put([1], [told(vol, delta)])
    seen = columns.at(epoch_s(NOW) + age_s)
    counts = -2.0 <= age_s <= GOOD_FOR_S
    assert np.isnan([seen.iv[0], seen.delta[0], seen.age_s[0]]).all()
    assert bool(np.isnan(seen.iv[1])) is (vol is None or not counts)
    assert bool(np.isnan(seen.delta[1])) is (delta is None or not counts)
    assert not seen.age_s[1] < 0
    if counts and delta is not None:
        assert seen.delta[1] == delta


def test_the_newest_figures_replace_the_older_ones_wholly() -> None:
    columns = ModelColumns(1)
    columns.put([0], [told(0.2, -0.3)])
    columns.put([0], [told(None, -0.31, NOW + timedelta(seconds=1))])
    seen = columns.at(epoch_s(NOW) + 1.0)
    assert np.isnan(seen.iv[0])
    assert seen.delta[0] == -0.31


@pytest.mark.parametrize(
    ("ours", "theirs", "most", "is_apart"),
    [
        (-0.24, -0.25, DELTA_APART, False),  # exactly on the threshold: floats add a little of their own
        (-0.24, -0.2502, DELTA_APART, True),
        (0.174, 0.179, VOL_APART, False),
        (0.174, 0.1791, VOL_APART, True),
        (float("nan"), 0.2, VOL_APART, False),
        (0.2, float("nan"), VOL_APART, False),
    ],
)
def test_two_figures_differ_only_beyond_the_threshold_and_the_unknown_from_nothing(
    ours: float, theirs: float, most: float, is_apart: bool
) -> None:
    assert bool(are_apart(np.array([ours]), np.array([theirs]), most)[0]) is is_apart
    assert bool(are_apart(np.array([theirs]), np.array([ours]), most)[0]) is is_apart
