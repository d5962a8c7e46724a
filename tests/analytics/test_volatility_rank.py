"""IV rank and IV percentile: two numbers, both right, and none where there is nothing to rank in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.black_scholes import Floats
from analytics.volatility import RankStatus, iv_percentile, iv_rank

pytestmark = pytest.mark.usefixtures("strict_floats")

VOLS = st.lists(st.floats(0.01, 3.0), min_size=252, max_size=252)


def _year_with_a_spike() -> Floats:
    """252 days: quiet between 10 and 30, one low of 10, four days above 30.25 up to one of 35."""
    days = np.linspace(12.0, 30.0, 252)
    days[7], days[100:104] = 10.0, [31.0, 35.0, 33.0, 32.0]
    days[104] = 30.5
    return days


def test_the_same_day_can_be_rank_81_and_percentile_98() -> None:
    history = _year_with_a_spike()
    assert float(iv_rank(iv=30.25, history=history).rank) == pytest.approx(0.81)
    assert float(iv_percentile(iv=30.25, history=history).percentile) == pytest.approx(247.0 / 252.0)
    assert round(247.0 / 252.0, 2) == 0.98


def test_the_rank_is_the_place_between_the_extremes_and_names_them() -> None:
    found = iv_rank(iv=0.2, history=np.tile([0.1, 0.5], 126))
    assert float(found.rank) == pytest.approx(0.25)
    assert (float(found.low), float(found.high), int(found.days_used)) == (0.1, 0.5, 252)
    assert found.status == RankStatus.OK


def test_a_new_high_is_one_and_a_new_low_is_zero() -> None:
    history = np.linspace(0.1, 0.3, 252)
    found = iv_rank(iv=[0.4, 0.05], history=history)
    assert found.rank.tolist() == [1.0, 0.0]
    assert found.high.tolist() == [0.4, 0.3]
    assert iv_percentile(iv=[0.4, 0.05], history=history).percentile.tolist() == [1.0, 0.0]


def test_only_the_last_window_counts() -> None:
    history = np.concatenate([[9.0] * 300, np.linspace(0.1, 0.3, 252)])
    assert float(iv_rank(iv=0.2, history=history).high) == 0.3
    assert float(iv_rank(iv=0.2, history=history, window_days=300).high) == 9.0
    assert float(iv_rank(iv=0.2, history=[0.1, 0.3, 0.2, 0.15], window_days=2).low) == 0.15


def test_a_day_equal_to_today_is_not_below_it() -> None:
    history = np.tile([0.1, 0.2], 126)
    assert float(iv_percentile(iv=0.2, history=history).percentile) == 0.5


def test_unknown_days_are_left_out_and_not_replaced() -> None:
    history = np.linspace(0.1, 0.3, 252)
    history[::2] = np.nan
    history[1], history[3] = 0.0, -0.4
    found = iv_percentile(iv=0.3, history=history)
    assert int(found.days_used) == 124
    assert found.status == RankStatus.SHORT_HISTORY
    history[1], history[3] = 0.1, 0.1
    found = iv_percentile(iv=0.29, history=history)
    assert int(found.days_used) == 126
    assert found.status == RankStatus.OK
    assert float(found.percentile) == np.mean(history[1::2] < 0.29)
    assert float(iv_rank(iv=0.29, history=history).rank) == pytest.approx(0.95)


def test_a_flat_a_short_and_an_unknown_history_have_no_rank_and_say_why() -> None:
    flat = np.full(252, 0.2)
    assert iv_rank(iv=0.2, history=flat).status == RankStatus.FLAT_HISTORY
    assert np.isnan(iv_rank(iv=0.2, history=flat).rank)
    assert float(iv_percentile(iv=0.2, history=flat).percentile) == 0.0
    assert float(iv_percentile(iv=0.21, history=flat).percentile) == 1.0
    for history in (np.full(125, 0.2), np.full(252, np.nan), np.zeros(0)):
        assert iv_rank(iv=0.2, history=history).status == RankStatus.SHORT_HISTORY
        assert np.isnan(iv_percentile(iv=0.2, history=history).percentile)
    for today in (np.nan, np.inf, 0.0, -0.2):
        found = iv_rank(iv=today, history=np.linspace(0.1, 0.3, 252))
        assert found.status == RankStatus.NO_VALUE_TODAY
        assert np.isnan(found.rank)


def test_many_underlyings_at_once_equal_each_alone_and_a_bad_one_disturbs_none() -> None:
    random = np.random.default_rng(3)
    history = random.uniform(0.1, 0.6, (3, 4, 252))
    today = random.uniform(0.05, 0.7, (3, 4))
    history[1, 2] = np.nan
    rank, share = iv_rank(iv=today, history=history), iv_percentile(iv=today, history=history)
    assert rank.rank.shape == share.percentile.shape == rank.status.shape == (3, 4)
    for at in np.ndindex(3, 4):
        if at == (1, 2):
            assert rank.status[at] == RankStatus.SHORT_HISTORY
            assert rank.low[at] == rank.high[at] == today[at]
            continue
        days = [*history[at], today[at]]
        assert rank.rank[at] == pytest.approx((today[at] - min(days)) / (max(days) - min(days)))
        assert share.percentile[at] == sum(day < today[at] for day in history[at]) / 252
    assert iv_rank(iv=today[:, 0], history=history[0, 0]).rank.shape == (3,)


@given(VOLS, st.floats(0.01, 3.0), st.floats(0.01, 100.0))
def test_both_lie_between_0_and_1_and_do_not_depend_on_the_unit(days: list[float], today: float, unit: float) -> None:
    history = np.array(days)
    rank, share = iv_rank(iv=today, history=history), iv_percentile(iv=today, history=history)
    if rank.status == RankStatus.OK:
        assert 0.0 <= rank.rank <= 1.0
        scaled = iv_rank(iv=today * unit, history=history * unit)
        assert float(scaled.rank) == pytest.approx(float(rank.rank), abs=1e-9)
    assert 0.0 <= share.percentile <= 1.0


@given(VOLS, st.floats(0.01, 2.0), st.floats(0.0, 1.0))
def test_both_rise_with_todays_vol(days: list[float], today: float, more: float) -> None:
    history = np.array([*days[:-2], 0.005, 4.0])
    pair = np.array([today, today + more])
    assert np.diff(iv_rank(iv=pair, history=history).rank)[0] >= 0.0
    assert np.diff(iv_percentile(iv=pair, history=history).percentile)[0] >= 0.0


def test_a_window_or_a_history_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 days"):
        iv_rank(iv=0.2, history=[0.1, 0.2], window_days=1)
    with pytest.raises(ValueError, match="single number"):
        iv_percentile(iv=0.2, history=0.2)
