"""What may be offered and what is struck out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from execution.hedging.verifying import verdict_on
from models.enums import Metric
from models.hedge import LimitEffect, Verdict
from tests.execution.hedging.rig import DELTA, MARGIN, VEGA, effects

CURES = (Metric.VEGA,)


def test_a_trade_that_cures_and_breaks_nothing_is_offered() -> None:
    assert verdict_on(effects(), CURES) == (Verdict.OFFERED, "")


def test_a_trade_that_leaves_the_limit_broken_says_so_in_figures() -> None:
    verdict, reason = verdict_on(effects(vega=-1100.0), CURES)
    assert verdict is Verdict.DOES_NOT_CURE
    assert reason == "Vega would still be beyond its limit: -1,100.0 against -1,000.0."


def test_a_trade_that_breaks_another_limit_is_not_offered() -> None:
    verdict, reason = verdict_on(effects(delta=75.0), CURES)
    assert verdict is Verdict.BREAKS_LIMIT
    assert reason == "SPX delta would be beyond its limit: 75.0 against 60.0."


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [(-80.0, -90.0, Verdict.BREAKS_LIMIT), (-80.0, -80.0, Verdict.OFFERED), (-80.0, -70.0, Verdict.OFFERED)],
)
def test_another_limit_that_is_broken_already_may_stay_so_but_not_get_worse(
    before: float, after: float, wanted: Verdict
) -> None:
    made = (effects()[0], LimitEffect(DELTA, before, after))
    assert verdict_on(made, CURES)[0] is wanted


def test_swapping_one_side_of_a_limit_for_the_other_is_held_against_the_side_it_breaks() -> None:
    made = (effects()[0], LimitEffect(DELTA, -61.0, 200.0))
    assert verdict_on(made, CURES)[0] is Verdict.BREAKS_LIMIT


def test_what_is_not_known_is_not_offered() -> None:
    assert verdict_on(effects(vega=None), CURES)[0] is Verdict.MARGIN_UNKNOWN
    with_margin = (*effects(), LimitEffect(MARGIN, 30.0, None))
    assert verdict_on(with_margin, CURES) == (Verdict.MARGIN_UNKNOWN, "Margin after the trade is not known.")
    unbounded = (*effects(), LimitEffect(replace(MARGIN, high=None), 30.0, None))
    assert verdict_on(unbounded, CURES)[0] is Verdict.OFFERED


def test_every_broken_limit_that_is_to_be_cured_must_be_cured() -> None:
    both = (Metric.VEGA, Metric.SPX_DELTA)
    made = (LimitEffect(VEGA, -1500.0, -900.0), LimitEffect(DELTA, -80.0, -70.0))
    assert verdict_on(made, both)[0] is Verdict.DOES_NOT_CURE
