"""What a step up of the regime would break."""

from __future__ import annotations

from execution.hedging.premortem import broken_metrics, next_regime, premortem
from models.enums import Metric, Regime
from models.risk import Limit
from tests.execution.builders import NOW

LIMITS = (Limit(Metric.SPX_DELTA, -40.0, 40.0), Limit(Metric.VEGA, -1500.0, None), Limit(Metric.THETA, None, 1000.0))


def test_the_regime_above_is_looked_at_and_there_is_none_above_a_crisis() -> None:
    assert [next_regime(one) for one in (Regime.LOW_VOL, Regime.HIGH_VOL, Regime.CRISIS, None)] == [
        Regime.MEDIUM_VOL,
        Regime.CRISIS,
        None,
        None,
    ]


def test_what_would_break_is_told_in_figures_the_worst_first() -> None:
    values: dict[Metric, float | None] = {Metric.SPX_DELTA: 44.0, Metric.VEGA: -3000.0, Metric.THETA: 900.0}
    found = premortem(Regime.HIGH_VOL, LIMITS, values, NOW)
    assert found.breaks
    assert found.lines == (
        "Vega -3,000.0 would be beyond -1,500.0",
        "SPX delta 44.0 would be beyond 40.0",
    )
    assert broken_metrics(LIMITS, values) == (Metric.VEGA, Metric.SPX_DELTA)


def test_nothing_breaks_and_nothing_unknown_is_claimed() -> None:
    found = premortem(Regime.HIGH_VOL, LIMITS, {Metric.SPX_DELTA: None, Metric.VEGA: 0.0}, NOW)
    assert (found.breaks, found.lines) == (False, ())
