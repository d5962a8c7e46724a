from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from execution.risk.breaches import BreachMonitor
from execution.risk.limits import limit_rows
from models.enums import BreachState, Metric, Regime
from models.risk import AITradeSuggestion, Limit, RiskBreach
from tests.execution.builders import NOW

LIMITS = (Limit(Metric.VEGA, -1000.0, 500.0),)


def monitor(raise_after_s: float = 0.0) -> BreachMonitor:
    return BreachMonitor(clear_margin=0.05, raise_after=timedelta(seconds=raise_after_s))


def seen(subject: BreachMonitor, vega: float | None, second: float = 0.0) -> tuple[RiskBreach, ...]:
    rows = limit_rows(LIMITS, {Metric.VEGA: vega})
    return subject.evaluate(rows, Regime.MEDIUM_VOL, NOW + timedelta(seconds=second))


def test_a_breach_tells_metric_threshold_value_regime_and_time() -> None:
    (breach,) = seen(monitor(), -1200.0)
    assert (breach.breach_type, breach.metric, breach.threshold) == ("VEGA_TOO_LOW", Metric.VEGA, -1000.0)
    assert (breach.actual_value, breach.regime, breach.detected_at) == (-1200.0, Regime.MEDIUM_VOL, NOW)


def test_both_sides_have_their_own_breach() -> None:
    assert seen(monitor(), 600.0)[0].breach_type == "VEGA_TOO_HIGH"


def test_a_breach_must_last_before_it_is_raised() -> None:
    subject = monitor(raise_after_s=2)
    assert not seen(subject, -1200.0, 0)
    assert not seen(subject, -900.0, 1)
    assert not seen(subject, -1200.0, 1.5)
    assert not seen(subject, -1200.0, 3)
    assert seen(subject, -1200.0, 3.6)


def test_back_inside_but_not_clear_keeps_the_breach_open() -> None:
    subject = monitor()
    seen(subject, -1200.0)
    assert not seen(subject, -980.0, 1)
    assert subject.state().open
    (archived,) = seen(subject, -940.0, 2)
    assert archived.state is BreachState.ARCHIVED
    assert not subject.state().open
    assert subject.state().archived[0].archived_at == NOW + timedelta(seconds=2)


@given(st.lists(st.sampled_from([-1001.0, -999.0]), min_size=1, max_size=60))
def test_a_value_that_hovers_around_the_limit_raises_one_breach_only(values: list[float]) -> None:
    subject = monitor()
    raised = [one for second, value in enumerate(values) for one in seen(subject, value, float(second))]
    assert len({one.id for one in raised}) == (1 if -1001.0 in values else 0)


def test_an_unknown_value_changes_nothing() -> None:
    subject = monitor()
    seen(subject, -1200.0)
    assert not seen(subject, None, 5)
    assert subject.state().open


def test_an_acknowledged_breach_comes_back_only_after_it_has_cleared_once() -> None:
    subject = monitor()
    (breach,) = seen(subject, -1200.0)
    assert subject.acknowledge(breach.id, NOW) is not None
    assert not seen(subject, -1300.0, 1)
    assert subject.state().acknowledged == {breach.metric}
    seen(subject, -500.0, 2)
    assert not subject.state().acknowledged
    assert seen(subject, -1200.0, 3)


def test_open_breaches_survive_a_restart() -> None:
    first = monitor()
    seen(first, -1200.0)
    second = monitor()
    second.restore(first.state().open)
    assert not seen(second, -1201.0, 5)
    assert second.state().open[0].detected_at == NOW


def test_a_sum_that_lacks_positions_clears_a_breach_only_after_half_a_minute() -> None:
    subject = monitor()
    seen(subject, -1200.0)
    rows = limit_rows(LIMITS, {Metric.VEGA: -500.0})
    for second in (1, 15, 30):
        assert not subject.evaluate(rows, Regime.MEDIUM_VOL, NOW + timedelta(seconds=second), is_whole=False)
    (archived,) = subject.evaluate(rows, Regime.MEDIUM_VOL, NOW + timedelta(seconds=31), is_whole=False)
    assert archived.state is BreachState.ARCHIVED


def test_a_sum_that_is_whole_again_and_still_broken_keeps_the_breach() -> None:
    subject = monitor()
    (breach,) = seen(subject, -1200.0)
    rows = limit_rows(LIMITS, {Metric.VEGA: -500.0})
    subject.evaluate(rows, Regime.MEDIUM_VOL, NOW + timedelta(seconds=20), is_whole=False)
    assert not seen(subject, -1200.0, 21)
    assert not subject.evaluate(rows, Regime.MEDIUM_VOL, NOW + timedelta(seconds=40), is_whole=False)
    assert [one.id for one in subject.state().open] == [breach.id]


def test_a_value_that_moves_on_updates_the_same_breach() -> None:
    subject = monitor()
    (breach,) = seen(subject, -1200.0)
    (moved,) = seen(subject, -1500.0, 1)
    assert moved.id == breach.id
    assert moved.actual_value == -1500.0


def test_a_breach_goes_on_in_its_life_and_never_back() -> None:
    subject = monitor()
    (breach,) = seen(subject, -1200.0)
    made = (AITradeSuggestion("s", (), 1.0, -2.0, "why"),)
    assert subject.advance(breach.id, BreachState.REQUESTED)
    populated = subject.advance(breach.id, BreachState.POPULATED, made)
    assert populated is not None
    assert (populated.state, populated.suggestions) == (BreachState.POPULATED, made)
    assert subject.advance(breach.id, BreachState.SHOWN)
    assert subject.advance(breach.id, BreachState.REQUESTED) is None
    assert subject.state().open[0].state is BreachState.SHOWN
    (moved,) = seen(subject, -1500.0, 1)
    assert (moved.state, moved.suggestions) == (BreachState.SHOWN, made)
    (archived,) = seen(subject, 0.0, 2)
    assert (archived.state, archived.suggestions) == (BreachState.ARCHIVED, made)
    assert subject.advance(breach.id, BreachState.SHOWN) is None
