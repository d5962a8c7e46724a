"""The hedge search on books whose cure a trader knows, and the properties that hold for every trade it keeps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.hedge_market import HedgeError
from analytics.hedge_reprice import reprice
from analytics.hedge_search import search, total_score
from analytics.scenarios import spot_vol_beta
from models.contract import underlying_contract
from models.enums import Action, MarginMethod, Metric, Regime
from models.hedge import HedgeCandidate, HedgeKind, SearchLimits
from tests.analytics import hedge_worlds as world
from tests.analytics.hedge_checks import MARKET, STRANGLE, STRIKES, WIDE, after, same, tradeable, trades
from tests.analytics.hedge_worlds import ONE, SPX, TWO, Line, call, es, limit, mes, put, spy


def test_a_strangle_short_of_vega_is_bought_back_or_given_wings() -> None:
    setting = world.given(STRANGLE, WIDE, [limit(Metric.VEGA, -1500, 2500), limit(Metric.SPX_DELTA, -60, 60)])
    result = search(setting, keep=12)
    assert not result.is_partial
    kinds = {one.kind for one in trades(result)}
    assert kinds & {HedgeKind.CLOSE, HedgeKind.REDUCE}
    assert HedgeKind.WING in kinds
    # Back inside by the margin at which the alarm ends, not just to the limit.
    assert all(after(one, Metric.VEGA) >= -1500 * 0.95 - 1e-6 for one in trades(result))
    assert all(abs(after(one, Metric.SPX_DELTA)) <= 60 for one in trades(result))


def test_too_much_delta_of_shares_is_sold_off_in_futures_or_hedged_with_puts() -> None:
    lines = [Line(underlying_contract("AAPL"), 2000), Line(spy(), 300)]
    setting = world.given(lines, MARKET, [limit(Metric.SPX_DELTA, -60, 60)], net_liq=900_000.0)
    result = search(setting, keep=20)
    sold = [one for one in trades(result) if any(leg.contract.key in (es().key, mes().key) for leg in one.legs)]
    assert sold
    assert all(leg.action is Action.SELL for one in sold for leg in one.legs)
    assert any(one.kind is HedgeKind.VERTICAL for one in trades(result))
    only_puts = search(setting, SearchLimits(kinds=frozenset({HedgeKind.INDEX_HEDGE}), underlyings=frozenset({"SPX"})))
    assert trades(only_puts)
    assert all(leg.action is Action.BUY for one in trades(only_puts) for leg in one.legs)
    assert {leg.contract.underlying for one in trades(only_puts) for leg in one.legs} == {"SPX"}


def test_the_size_of_a_future_comes_from_the_excess() -> None:
    setting = world.given([Line(spy(), 2000)], [mes()], [limit(Metric.SPX_DELTA, -60, 60)], net_liq=2_000_000.0)
    best = search(setting, SearchLimits(underlyings=frozenset({"/MES"}))).candidates[0]
    delta = 2000 * 698.0 / SPX
    per_future = 5.0 * 7010.0 / SPX
    assert best.legs[0].quantity == math.ceil((delta - 57.0) / per_future)


def test_gamma_too_low_near_expiry_is_cured_at_the_near_expiry() -> None:
    lines = [Line(call(7050, 1), -4), Line(put(6950, 1), -4)]
    market = [*world.chain((6900, 6950, 7000, 7050, 7100), (1, 25))]
    setting = world.given(lines, market, [limit(Metric.GAMMA, -1.5)])
    result = search(setting)
    assert not result.is_partial
    assert all(after(one, Metric.GAMMA) >= -1.5 for one in trades(result))
    assert any(one.kind in (HedgeKind.CLOSE, HedgeKind.REDUCE, HedgeKind.ROLL) for one in trades(result))


def test_theta_too_low_is_cured_by_giving_up_long_options_or_selling_spreads() -> None:
    lines = [Line(call(7000, 11), 4), Line(put(7000, 11), 4)]
    setting = world.given(lines, MARKET, [limit(Metric.THETA, -250, 1250)], net_liq=900_000.0)
    result = search(setting)
    assert not result.is_partial
    assert all(one.theta_change_per_day > 0.0 for one in trades(result))


@pytest.mark.parametrize("method", list(MarginMethod))
def test_margin_too_high_is_cured_on_the_exact_requirement(method: MarginMethod) -> None:
    lines = [*STRANGLE, Line(put(6700, 46), -2), Line(put(6300, 46), 2)]
    setting = world.given(lines, MARKET, [], method=method)
    assert setting.margin_used_pct is not None
    bound = 0.8 * setting.margin_used_pct
    result = search(world.with_limits(setting, limit(Metric.MARGIN_USED_PCT, None, bound)))
    assert not result.is_partial
    for one in trades(result):
        again = reprice(world.with_limits(setting, limit(Metric.MARGIN_USED_PCT, None, bound)), one)
        assert again.margin_change_usd == pytest.approx(one.margin_change_usd, abs=0.01)
        assert after(again, Metric.MARGIN_USED_PCT) <= bound


def test_the_margin_hungriest_is_closed_when_only_closing_is_wished_for() -> None:
    lines = [Line(put(6600), -2), Line(put(6500, 11), -1), Line(put(6300, 11), 1)]
    setting = world.given(lines, MARKET, [])
    assert setting.margin_used_pct is not None
    bound = 0.75 * setting.margin_used_pct
    wish = SearchLimits(kinds=frozenset({HedgeKind.CLOSE, HedgeKind.REDUCE}))
    best = search(world.with_limits(setting, limit(Metric.MARGIN_USED_PCT, None, bound)), wish).candidates[0]
    assert [leg.contract for leg in best.legs] == [put(6600)]
    assert best.legs[0].action is Action.BUY


def test_do_nothing_is_always_there_and_the_last() -> None:
    calm = world.given(STRANGLE, MARKET, [limit(Metric.VEGA, -9000, 9000)])
    result = search(calm)
    assert [one.kind for one in result.candidates] == [HedgeKind.DO_NOTHING]
    assert not result.is_partial
    broken = search(world.with_limits(calm, limit(Metric.VEGA, -1500)))
    assert broken.candidates[-1].kind is HedgeKind.DO_NOTHING
    assert broken.candidates[-1].legs == ()
    assert "stays at" in broken.candidates[-1].summary
    assert total_score(broken.candidates[-1]) == 0.0


def test_what_cures_only_in_part_is_given_when_nothing_cures_alone_and_says_so() -> None:
    setting = world.given(STRANGLE, world.chain((7200, 7300, 7400)), [limit(Metric.VEGA, -100, 2500)])
    setting = replace(setting, max_contracts_per_leg=1)
    result = search(setting, SearchLimits(kinds=frozenset({HedgeKind.INDEX_HEDGE})))
    assert result.is_partial
    assert trades(result)
    assert all(0.0 < one.cure < 1.0 for one in trades(result))
    assert all("not enough alone" in one.summary for one in trades(result))


def test_closing_the_whole_book_leaves_no_rung_worse_than_another() -> None:
    lines = [Line(call(6500, 11), -3, TWO), Line(put(6500, 11), -3, TWO)]
    setting = world.given(lines, MARKET, [limit(Metric.SPX_DELTA, -5, 5), limit(Metric.VEGA, -200, 200)])
    wish = SearchLimits(kinds=frozenset({HedgeKind.CLOSE}))
    whole = next(one for one in trades(search(setting, wish)) if len(one.legs) == 2)
    assert whole.worst_stress_after_usd == pytest.approx(0.0, abs=1e-6)
    assert whole.worst_stress_shift == setting.stress_shifts[0]
    same(whole, reprice(setting, whole))


def test_nothing_is_opened_far_beyond_what_is_held_unless_wished_for() -> None:
    setting = world.given([Line(put(6600, 11), -3), Line(call(7300, 11), -3)], MARKET, [limit(Metric.VEGA, -500)])
    near = {leg.contract.expiry for one in trades(search(setting, keep=40)) for leg in one.legs}
    assert world.DAYS[81] not in near
    wide = search(setting, SearchLimits(max_days_to_expiry=90), keep=40)
    assert world.DAYS[81] in {leg.contract.expiry for one in trades(wide) for leg in one.legs}


def test_a_position_is_closed_in_its_own_account() -> None:
    lines = [Line(put(6600), -3, ONE), Line(call(7300), -3, TWO)]
    setting = world.given(lines, MARKET, [limit(Metric.VEGA, -1500)])
    wish = SearchLimits(kinds=frozenset({HedgeKind.CLOSE, HedgeKind.REDUCE, HedgeKind.WING, HedgeKind.ROLL}))
    owner = {put(6600).key: ONE, call(7300).key: TWO}
    found = trades(search(setting, wish))
    assert {one.account_id for one in found} == {ONE, TWO}
    for one in found:
        closed = {leg.contract.key for leg in one.legs} & set(owner)
        assert all(owner[key] == one.account_id for key in closed)


def test_what_lies_in_an_account_that_may_not_trade_is_left_alone() -> None:
    lines = [Line(put(6600), -3, ONE), Line(call(7300), -3, TWO)]
    setting = world.given(lines, MARKET, [limit(Metric.VEGA, -1500)])
    setting = replace(setting, accounts=setting.accounts[:1])
    found = trades(search(setting, keep=40))
    assert {one.account_id for one in found} == {ONE}
    acting = [one for one in found if one.kind in (HedgeKind.CLOSE, HedgeKind.REDUCE, HedgeKind.ROLL)]
    assert acting
    assert all(leg.contract != call(7300) for one in acting for leg in one.legs)


@pytest.mark.parametrize("regime", [Regime.LOW_VOL, Regime.CRISIS])
def test_the_stress_ladder_takes_the_vol_response_it_is_given(regime: Regime) -> None:
    lines = [*STRANGLE, Line(put(680, 25, "SPY"), -5)]
    setting = world.given(lines, WIDE, [limit(Metric.VEGA, -1500), limit(Metric.SPX_DELTA, -60, 60)])
    plain = search(setting).candidates[-1]
    setting = replace(setting, response=spot_vol_beta(regime))
    result = search(setting)
    assert result.candidates[-1].worst_stress_after_usd != plain.worst_stress_after_usd
    for one in result.candidates:
        same(one, reprice(setting, one))


def test_am_and_pm_classes_are_kept_apart() -> None:
    setting = world.given([Line(put(6600, 46, "SPX"), -3)], WIDE, [limit(Metric.VEGA, -1500)])
    for one in trades(search(setting, keep=40)):
        if one.kind in (HedgeKind.ROLL, HedgeKind.VERTICAL, HedgeKind.CALENDAR, HedgeKind.BROKEN_WING):
            assert len({leg.contract.root for leg in one.legs}) == 1
        if one.kind is HedgeKind.WING:
            assert {leg.contract.root for leg in one.legs} == {"SPX"}


def test_positions_without_a_price_are_left_out_and_named() -> None:
    lines = [*STRANGLE, Line(underlying_contract("AAPL"), 100)]
    setting = world.given(lines, MARKET, [limit(Metric.VEGA, -1500)])
    setting.book.set_spots([setting.book.symbols.index("AAPL")], [math.nan])
    result = search(setting)
    assert any("AAPL" in note and "1 position " in note for note in result.notes)
    known = search(world.given(STRANGLE, MARKET, [limit(Metric.VEGA, -1500)]))
    assert result.candidates[-1].effects[0].before == pytest.approx(known.candidates[-1].effects[0].before)


def test_a_position_without_a_quote_is_not_closed_and_named() -> None:
    setting = world.given(STRANGLE, MARKET, [limit(Metric.VEGA, -1500)])
    setting.book.set_quotes([0], [math.nan], [math.nan])
    result = search(setting, SearchLimits(kinds=frozenset({HedgeKind.CLOSE, HedgeKind.REDUCE})))
    assert any(put(6600).label in note for note in result.notes)
    assert all(leg.contract != put(6600) for one in trades(result) for leg in one.legs)


def test_an_empty_market_still_closes_and_an_empty_book_does_nothing() -> None:
    setting = world.given(STRANGLE, [], [limit(Metric.VEGA, -1500)])
    result = search(setting)
    assert {one.kind for one in trades(result)} <= {HedgeKind.CLOSE, HedgeKind.REDUCE}
    assert trades(result)
    empty = search(world.given([], [], [limit(Metric.VEGA, -1500)]))
    assert [one.kind for one in empty.candidates] == [HedgeKind.DO_NOTHING]


def test_without_a_price_of_the_index_the_search_refuses() -> None:
    setting = world.given(STRANGLE, MARKET, [limit(Metric.VEGA, -1500)])
    with pytest.raises(HedgeError, match="SPX has no price"):
        replace(setting, spx_price=math.nan)


def test_without_accounts_margins_are_unknown_not_zero() -> None:
    setting = world.given(STRANGLE, MARKET, [limit(Metric.VEGA, -1500), limit(Metric.MARGIN_USED_PCT, None, 90)])
    setting = replace(setting, accounts=(), margin_used_pct=40.0)
    for one in trades(search(setting)):
        assert one.margin_change_usd is None
        assert next(e.after for e in one.effects if e.metric is Metric.MARGIN_USED_PCT) is None


def test_what_expires_within_the_minute_is_neither_opened_nor_closed() -> None:
    near = call(7000, 1).expires_at_utc
    assert near is not None
    lines = [Line(call(7000, 1), -5), Line(put(6600), -3)]
    setting = world.given(lines, MARKET + world.chain((6950, 7000, 7050), (1,)), [limit(Metric.VEGA, -800)])
    late = replace(setting, now_epoch_s=near.timestamp() - 30.0)
    dead = [one for one in trades(search(late, keep=40)) for leg in one.legs if leg.contract.expires_at_utc == near]
    assert dead == []


def test_american_options_are_priced_as_the_book_prices_them() -> None:
    lines = [Line(put(720, 25, "SPY"), -10), Line(put(680, 25, "SPY"), -10)]
    setting = world.given(lines, WIDE, [limit(Metric.VEGA, -300), limit(Metric.SPX_DELTA, -200, 200)])
    found = search(setting, SearchLimits(underlyings=frozenset({"SPY"})))
    assert trades(found)
    for one in trades(found):
        same(one, reprice(setting, one))


def test_wishes_are_kept() -> None:
    setting = world.given(STRANGLE, WIDE, [limit(Metric.VEGA, -1500)])
    wish = SearchLimits(max_cost_usd=6_000.0, max_theta_given_up_per_day=200.0, max_legs=2, max_days_to_expiry=50)
    found = trades(search(setting, wish))
    assert found
    for one in found:
        assert one.cost_usd + one.slippage_usd <= 6_000.0
        assert one.theta_change_per_day >= -200.0
        assert len(one.legs) <= 2
        for leg in one.legs:
            assert leg.contract.expires_at_utc is None or (leg.contract.expires_at_utc - world.NOW).days <= 50


def test_no_limit_that_held_is_broken_and_the_stress_ladder_stays_within_its_room() -> None:
    limits = [limit(Metric.VEGA, -1500, 2500), limit(Metric.SPX_DELTA, -20, 20), limit(Metric.THETA, -250, 1250)]
    setting = world.given(STRANGLE, WIDE, limits)
    for one in trades(search(setting, keep=40)):
        assert not any(effect.is_broken_after for effect in one.effects)
        assert one.worst_stress_before_usd is not None
        assert one.worst_stress_after_usd is not None
        room = max(0.25 * -one.worst_stress_before_usd, 0.05 * 500_000.0)
        assert one.worst_stress_after_usd >= one.worst_stress_before_usd - room


def test_a_cure_that_ruins_the_stress_ladder_is_not_one() -> None:
    lines = [Line(call(7000), -10), Line(call(7100), 10)]
    setting = world.given(lines, [es(), mes()], [limit(Metric.SPX_DELTA, -60, 60)])
    wish = SearchLimits(kinds=frozenset({HedgeKind.INDEX_HEDGE}))
    # Futures bought would cure the delta, and lose on a fall far more than the spread ever can.
    assert all(one.cure < 1.0 for one in trades(search(setting, wish)))
    rich = search(replace(setting, net_liq=50_000_000.0), wish)
    assert not rich.is_partial
    assert {one.legs[0].action for one in trades(rich)} == {Action.BUY}


def test_markets_with_a_key_twice_or_an_index_are_refused() -> None:
    with pytest.raises(HedgeError, match="twice"):
        world.market([put(6600), put(6600)])
    with pytest.raises(HedgeError, match="index"):
        world.market([underlying_contract("XSP")])


_LIMITS = {
    Metric.SPX_DELTA: st.floats(5.0, 60.0),
    Metric.GAMMA: st.floats(0.2, 3.0),
    Metric.VEGA: st.floats(200.0, 2_000.0),
}
_HELD = st.lists(
    st.tuples(
        st.sampled_from([(strike, right, days) for strike in STRIKES[1:-1] for right in "CP" for days in (11, 25, 46)]),
        st.sampled_from([-4, -3, -2, -1, 1, 2, 3]),
        st.sampled_from([ONE, TWO]),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda held: held[0],
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    _HELD,
    st.tuples(*_LIMITS.values()),
    st.sampled_from(list(MarginMethod)),
    st.sampled_from([[], [Line(es(), -1)], [Line(spy(), 200), Line(put(680, 25, "SPY"), -3)]]),
    st.sampled_from([None, 0.7, 1.5]),
)
def test_every_trade_kept_is_what_it_claims_when_worked_out_from_scratch(
    held: list[tuple[tuple[float, str, int], int, str]],
    bounds: tuple[float, float, float],
    method: MarginMethod,
    lines_too: list[Line],
    margin_share: float | None,
) -> None:
    lines = [
        Line(call(strike, days) if right == "C" else put(strike, days), quantity, ONE if owner == ONE else TWO)
        for (strike, right, days), quantity, owner in held
    ]
    limits = [limit(metric, -bound, bound) for metric, bound in zip(_LIMITS, bounds, strict=True)]
    setting = world.given([*lines, *lines_too], MARKET, limits, method=method)
    if margin_share is not None and setting.margin_used_pct:
        bound = limit(Metric.MARGIN_USED_PCT, None, margin_share * setting.margin_used_pct)
        setting = world.with_limits(setting, *limits, bound)
    result = search(setting, keep=10)
    kept = trades(result)
    assert len(kept) <= 10
    assert len({one.id for one in result.candidates}) == len(result.candidates)
    for one in kept:
        same(one, reprice(setting, one))
        tradeable(setting, one)
    _undominated(kept)
    _in_order(kept, is_partial=result.is_partial)
    if not result.is_partial:
        assert all(one.cure == 1.0 for one in kept)


def _undominated(kept: Sequence[HedgeCandidate]) -> None:
    """No trade is beaten by another of its kind in every respect that docs/hedge-search.md names."""
    for kind in {one.kind for one in kept}:
        mine = [one for one in kept if one.kind is kind]
        table = np.array([_respects(one) for one in mine])
        for at, row in enumerate(table):
            others = np.delete(table, at, axis=0)
            no_worse = (others <= row + 1e-6).all(axis=1)
            better = (others < row - 1e-3 * np.maximum(np.abs(row), 1.0)).any(axis=1)
            assert not (no_worse & better).any(), mine[at].summary


def _respects(one: HedgeCandidate) -> list[float]:
    fees = float(sum(leg.quantity for leg in one.legs if leg.contract.is_option or leg.contract.underlying[0] == "/"))
    return [
        -one.cure,
        max(-one.theta_change_per_day, 0.0),
        one.cost_usd - one.shares_cost_usd,
        one.slippage_usd + fees,
        -(one.worst_stress_after_usd or 0.0),
        one.margin_change_usd or 0.0,
    ]


def _in_order(kept: Sequence[HedgeCandidate], *, is_partial: bool) -> None:
    scores = [total_score(one) for one in kept]
    if is_partial:
        keys = [(-round(one.cure, 1), score) for one, score in zip(kept, scores, strict=True)]
        assert all(one[0] <= other[0] + 0.1001 for one, other in itertools.pairwise(keys))
    else:
        assert scores == sorted(scores)
