"""The line on a card is made of the card's own figures."""

from __future__ import annotations

from dataclasses import replace

from analytics.hedge_words import legs_text, summary
from models.enums import Action, Metric
from models.hedge import HedgeCandidate, HedgeKind, LimitEffect
from models.order import OrderLeg
from tests.analytics.hedge_worlds import call, es, limit, put

DELTA = LimitEffect(limit(Metric.SPX_DELTA, -60, 60), -95.0, -71.0)
VEGA = LimitEffect(limit(Metric.VEGA, -2500, 2500), -2900.0, -2310.0)
CALM = LimitEffect(limit(Metric.THETA, -250, 1250), 300.0, 210.0)
ONE = HedgeCandidate(
    id="c01",
    kind=HedgeKind.REDUCE,
    legs=(OrderLeg(put(6600), Action.BUY, 2),),
    limit_price=None,
    effects=(VEGA, CALM),
    cure=1.0,
    theta_change_per_day=-85.4,
    cost_usd=4120.0,
    slippage_usd=35.0,
    margin_change_usd=None,
    worst_stress_before_usd=-1.0,
    worst_stress_after_usd=-1.0,
    worst_stress_shift=-0.4,
    summary="",
)


def test_a_cure_says_what_is_done_what_it_takes_where_and_what_it_costs() -> None:
    assert summary(ONE) == (
        "Reduce: buy 2 SPXW 26 Jun 26 6600 P; takes the vega from -2,900 to -2,310, limit -2,500; "
        "pays $4,120 at mid, $35 to cross the spread, gives up $85 of theta a day."
    )


def test_a_partial_cure_says_that_it_is_not_enough() -> None:
    text = summary(replace(ONE, kind=HedgeKind.INDEX_HEDGE, legs=(OrderLeg(es(), Action.BUY, 1),), effects=(DELTA,)))
    assert "takes the delta from -95 to -71, limit -60 (not enough alone)" in text
    assert text.startswith("Hedge the index: buy 1 /ESM6;")


def test_credits_and_gains_of_theta_are_named_as_such() -> None:
    text = summary(replace(ONE, kind=HedgeKind.VERTICAL, cost_usd=-850.0, theta_change_per_day=12.0))
    assert "takes in $850 at mid" in text
    assert "gains $12 of theta a day" in text
    assert text.startswith("Add a put spread")


def test_a_future_at_no_cost_tells_only_the_spread() -> None:
    text = summary(replace(ONE, cost_usd=0.0, theta_change_per_day=0.0, slippage_usd=6.25))
    assert text.endswith("; $6 to cross the spread.")


def test_two_trades_in_one_order_are_both_told() -> None:
    legs = (OrderLeg(put(6600), Action.BUY, 2), OrderLeg(put(6200), Action.BUY, 1))
    both = replace(ONE, kind=HedgeKind.CLOSE, legs=legs, second_kind=HedgeKind.WING, second_at=1)
    assert summary(both).startswith(
        "Close: buy 2 SPXW 26 Jun 26 6600 P, and buy a wing: buy 1 SPXW 26 Jun 26 6200 P; takes the vega"
    )
    alike = replace(both, second_kind=HedgeKind.CLOSE)
    assert summary(alike).startswith("Close: buy 2 SPXW 26 Jun 26 6600 P, and buy 1 SPXW 26 Jun 26 6200 P; takes")


def test_each_kind_has_its_words() -> None:
    legs = (OrderLeg(call(7300), Action.BUY, 1), OrderLeg(call(7100), Action.SELL, 1))
    for kind in HedgeKind:
        text = summary(replace(ONE, kind=kind, legs=() if kind is HedgeKind.DO_NOTHING else legs))
        assert "{" not in text
        assert text.endswith(".")
    assert "call calendar" in summary(replace(ONE, kind=HedgeKind.CALENDAR, legs=legs))


def test_doing_nothing_says_what_stays_broken() -> None:
    nothing = replace(ONE, kind=HedgeKind.DO_NOTHING, legs=())
    assert summary(nothing) == "Do nothing: vega stays at -2,900, limit -2,500."
    assert summary(replace(nothing, effects=(CALM,))) == "Do nothing: every limit holds."


def test_margin_and_gamma_have_their_digits() -> None:
    margin = LimitEffect(limit(Metric.MARGIN_USED_PCT, None, 40.0), 53.84, 37.31)
    gamma = LimitEffect(limit(Metric.GAMMA, -6.0), -6.42, -5.5)
    text = summary(replace(ONE, effects=(margin, gamma)))
    assert "margin from 53.8 % to 37.3 %, limit 40.0 %" in text
    assert "gamma from -6.42 to -5.50, limit -6.00" in text


def test_a_residue_below_zero_is_zero() -> None:
    assert "to 0.00, limit" in summary(replace(ONE, effects=(replace(VEGA, after=-1e-12),)))


def test_legs_are_told_in_order() -> None:
    legs = (OrderLeg(put(6600), Action.BUY, 2), OrderLeg(put(6500), Action.SELL, 2))
    assert legs_text(legs) == "buy 2 SPXW 26 Jun 26 6600 P, sell 2 SPXW 26 Jun 26 6500 P"
