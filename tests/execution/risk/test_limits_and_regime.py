from __future__ import annotations

import math
from datetime import timedelta

import pytest

from execution.risk.limits import LimitBook, binding_metric, limit_changes, limit_rows
from execution.risk.regime_service import RegimeService
from models.config import load_config
from models.enums import Metric, Regime
from models.errors import InvalidInput
from models.risk import Limit
from tests.execution.builders import DEFAULTS, NOW

SETTINGS = load_config(DEFAULTS, None).risk


def test_a_changed_limit_holds_at_once_in_its_regime_only() -> None:
    book = LimitBook(SETTINGS.regime_limits())
    book.change(Regime.LOW_VOL, Metric.VEGA, -10.0, None)
    changed = {limit.metric: limit for limit in book.of(Regime.LOW_VOL)}
    assert changed[Metric.VEGA] == Limit(Metric.VEGA, -10.0, None)
    assert {limit.metric: limit for limit in book.of(Regime.CRISIS)}[Metric.VEGA].low == -800.0


@pytest.mark.parametrize(("low", "high"), [(5.0, 1.0), (math.nan, None), (None, math.inf)])
def test_bounds_that_make_no_sense_are_refused_and_nothing_changes(low: float | None, high: float | None) -> None:
    book = LimitBook(SETTINGS.regime_limits())
    with pytest.raises(InvalidInput):
        book.change(Regime.LOW_VOL, Metric.VEGA, low, high)
    assert book.all() == SETTINGS.regime_limits()


def test_no_regime_means_no_limits_rather_than_some() -> None:
    assert LimitBook(SETTINGS.regime_limits()).of(None) == ()


def test_the_binding_limit_is_the_one_used_most_after_the_trade() -> None:
    limits = (Limit(Metric.SPX_DELTA, -60, 60), Limit(Metric.VEGA, -1000, None))
    before = limit_rows(limits, {Metric.SPX_DELTA: 10.0, Metric.VEGA: -500.0})
    after = limit_rows(limits, {Metric.SPX_DELTA: 20.0, Metric.VEGA: -900.0})
    assert binding_metric(limit_changes(before, after)) is Metric.VEGA


def test_an_unknown_value_has_no_utilisation_and_is_no_breach() -> None:
    (row,) = [
        one for one in limit_rows((Limit(Metric.VEGA, -1, 1),), {Metric.VEGA: math.nan}) if one.metric is Metric.VEGA
    ]
    assert (row.value, row.utilisation, row.is_breached) == (None, None, False)


def test_the_regime_is_unknown_until_a_first_vix_and_an_unknown_vix_keeps_it() -> None:
    service = RegimeService(SETTINGS.regime)
    seen = [service.regime]
    for vix in (math.nan, 25.0, math.nan):
        service.observe(vix, math.nan, NOW)
        seen.append(service.regime)
    assert seen == [None, None, Regime.HIGH_VOL, Regime.HIGH_VOL]


def test_the_regime_and_its_calm_count_survive_a_restart() -> None:
    first = RegimeService(SETTINGS.regime)
    first.observe(25.0, math.nan, NOW)
    first.observe(15.0, math.nan, NOW + timedelta(days=1))
    second = RegimeService(SETTINGS.regime)
    second.restore(first.dump())
    seen = [second.regime]
    for day in (5, 6):
        second.observe(15.0, math.nan, NOW + timedelta(days=day))
        seen.append(second.regime)
    assert seen == [Regime.HIGH_VOL, Regime.HIGH_VOL, Regime.MEDIUM_VOL]


def test_the_levels_of_the_next_switch_are_told() -> None:
    service = RegimeService(SETTINGS.regime)
    service.observe(18.0, 20.0, NOW)
    info = service.info()
    assert info is not None
    assert (info.regime, info.next_up_at, info.next_down_at) == (Regime.MEDIUM_VOL, 23.0, 13.5)
