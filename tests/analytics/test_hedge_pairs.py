"""Two trades in one order: found when neither cures alone, and told as two."""

from __future__ import annotations

from analytics.hedge_reprice import reprice
from analytics.hedge_search import search
from analytics.hedge_words import legs_text
from models.enums import Metric
from models.hedge import HedgeKind, SearchLimits
from tests.analytics import hedge_worlds as world
from tests.analytics.hedge_checks import MARKET, STRANGLE, same, tradeable, trades
from tests.analytics.hedge_worlds import Line, call, limit, put


def test_two_trades_go_into_one_order_when_neither_cures_alone() -> None:
    limits = [limit(Metric.VEGA, -1500, 2500), limit(Metric.SPX_DELTA, -6, 6)]
    setting = world.given(STRANGLE, MARKET, limits)
    kinds = frozenset({HedgeKind.INDEX_HEDGE})
    assert search(setting, SearchLimits(kinds=kinds, max_legs=1)).is_partial
    both = search(setting, SearchLimits(kinds=kinds, max_legs=2))
    assert not both.is_partial
    assert all(len(one.legs) == 2 for one in trades(both))
    for one in trades(both):
        same(one, reprice(setting, one))
        tradeable(setting, one)


def test_two_trades_in_one_order_are_told_as_two() -> None:
    limits = [limit(Metric.VEGA, -700, 2500), limit(Metric.SPX_DELTA, -3, 3), limit(Metric.THETA, -250, 250)]
    found = trades(search(world.given([*STRANGLE, Line(put(6500, 46), -2)], MARKET, limits), keep=20))
    both = [one for one in found if one.second_kind is not None]
    assert both
    for one in both:
        (_, first), (_, second) = one.trades
        assert first
        assert second
        assert first + second == one.legs
        assert ", and " in one.summary
        for _, legs in one.trades:
            assert legs_text(legs) in one.summary
        held = {put(6600).key, call(7300).key, put(6500, 46).key}
        for kind, legs in one.trades:
            is_closing = all(leg.contract.key in held for leg in legs)
            assert (kind in (HedgeKind.CLOSE, HedgeKind.REDUCE)) == is_closing
