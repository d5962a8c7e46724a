"""What a trade costs in the score: premium wears away, shares and futures bind margin, protection earns a little."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest

from analytics.hedge_market import SearchInput
from analytics.hedge_reprice import reprice
from analytics.hedge_search import search, total_score
from models.contract import Contract
from models.enums import Action, Metric
from models.hedge import HedgeKind, SearchLimits
from models.order import OrderLeg
from tests.analytics import hedge_worlds as world
from tests.analytics.hedge_checks import MARKET, STRANGLE, after, same, trades
from tests.analytics.hedge_worlds import SPX, Line, call, es, limit, mes, put, spy


def at_minus_95() -> SearchInput:
    """Calls sold and a put bought before a rise, evened out with the small future: a delta of -95, limit -60."""
    lines = [Line(call(7200, 46), -2), Line(put(6900, 46), 1)]
    limits = [limit(Metric.SPX_DELTA, -60, 60), limit(Metric.VEGA, -4000, 4000)]
    before = search(world.given(lines, MARKET, limits), keep=0).candidates[0].effects[0].before
    assert before is not None
    off = Line(mes(), round((-95.0 - before) / (5.0 * 7010.0 / SPX)))
    return world.given([*lines, off], MARKET, limits, net_liq=1_000_000.0)


def test_a_future_is_not_paid_for_and_shares_are_but_without_outlay() -> None:
    setting = world.given([Line(spy(), 2000)], [es(), mes(), spy()], [limit(Metric.SPX_DELTA, -60, 60)])
    found = trades(search(setting, SearchLimits(kinds=frozenset({HedgeKind.INDEX_HEDGE, HedgeKind.REDUCE})), keep=40))
    future = next(one for one in found if one.legs[0].contract == mes())
    share = next(one for one in found if one.legs[0].contract == spy())
    assert future.limit_price == Decimal("-7010.00")
    assert (future.cost_usd, future.shares_cost_usd) == (0.0, 0.0)
    assert "pays" not in future.summary
    assert "takes in" not in future.summary
    assert share.cost_usd == share.shares_cost_usd == pytest.approx(-share.legs[0].quantity * 698.005)
    for one in (future, share):
        same(one, reprice(setting, one))
    bought = reprice(setting, replace(share, legs=(replace(share.legs[0], action=Action.BUY, quantity=100),)))
    assert bought.cost_usd == bought.shares_cost_usd == pytest.approx(69_800.5)
    assert total_score(replace(bought, margin_change_usd=0.0, worst_stress_after_usd=None)) == pytest.approx(0.5 + 0.5)


def test_the_money_that_shares_bind_counts_against_the_most_to_be_paid() -> None:
    setting = at_minus_95()
    wish = SearchLimits(kinds=frozenset({HedgeKind.INDEX_HEDGE}), max_cost_usd=5_000.0)
    legs = {leg.contract for one in trades(search(setting, wish, keep=40)) for leg in one.legs}
    assert mes() in legs
    assert spy() not in legs


def test_a_delta_of_minus_95_is_bought_back_in_small_futures_or_shares() -> None:
    found = trades(search(at_minus_95()))
    assert found[0].effects[0].before == pytest.approx(-95.0, abs=2.6)
    lines = [one for one in found[:3] if one.legs[0].contract in (es(), mes(), spy())]
    assert lines, [one.summary for one in found[:3]]
    small = next(one for one in found if one.legs[0].contract == mes())
    assert small.legs[0].action is Action.BUY
    assert small.legs[0].quantity == math.ceil((-57.0 - (small.effects[0].before or 0.0)) / (5.0 * 7010.0 / SPX))
    assert -60.0 < after(small, Metric.SPX_DELTA) < 0.0


def test_of_two_cures_alike_in_price_the_one_that_protects_comes_first() -> None:
    one = trades(search(world.given(STRANGLE, MARKET, [limit(Metric.VEGA, -1500)])))[0]
    one = replace(one, theta_change_per_day=-100.0, cost_usd=1_000.0, slippage_usd=0.0, margin_change_usd=0.0, legs=())
    alike = replace(one, worst_stress_before_usd=-90_000.0, worst_stress_after_usd=-90_000.0)
    assert total_score(alike) == pytest.approx(5 * 100.0 + 0.1 * 1_000.0)
    assert total_score(replace(alike, worst_stress_after_usd=-100_000.0)) == pytest.approx(600.0 + 100.0)
    assert total_score(replace(alike, worst_stress_after_usd=-80_000.0)) == pytest.approx(600.0 - 100.0)
    # Half of carry and outlay at most.
    assert total_score(replace(alike, worst_stress_after_usd=-1_000.0)) == pytest.approx(300.0)


def test_the_small_difference_of_two_near_strikes_is_no_cure() -> None:
    strikes = (6980, 6990, 7000, 7010, 7020, 7200)
    setting = world.given([Line(call(7050, 11), -6)], world.chain(strikes, (11,)), [limit(Metric.GAMMA, -1.0)])
    found = trades(search(setting, SearchLimits(kinds=frozenset({HedgeKind.VERTICAL})), keep=40))
    assert found
    for one in found:
        each = [_gamma_of(setting, leg.contract) * leg.signed_quantity for leg in one.legs]
        assert abs(math.fsum(each)) >= 0.2 * math.fsum(map(abs, each))
        strikes_of = [float(leg.contract.strike or 0) for leg in one.legs]
        assert abs(strikes_of[0] - strikes_of[1]) > 40


def _gamma_of(setting: SearchInput, contract: Contract) -> float:
    """What one more of a contract adds to the book's gamma."""
    nothing = search(setting, keep=0).candidates[0]
    effect = reprice(setting, replace(nothing, legs=(OrderLeg(contract, Action.BUY, 1),))).effects[0]
    assert effect.before is not None
    assert effect.after is not None
    return effect.after - effect.before
