"""A trade worked out from scratch: what cannot be traded is refused by name, prices are rounded against us."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest

from analytics.hedge_market import HedgeError, NoQuote, NotListed, SearchInput
from analytics.hedge_reprice import cure_of, limit_price, reprice
from analytics.hedge_search import search
from models.contract import Contract
from models.enums import Action, Metric
from models.hedge import HedgeCandidate, LimitEffect
from models.order import OrderLeg
from tests.analytics import hedge_worlds as world
from tests.analytics.hedge_worlds import Line, call, limit, mes, put

MARKET = [*world.chain((6500, 6700, 6900, 7100, 7300)), mes()]
HELD = [Line(put(6700), -3), Line(call(7300), -3)]


def setting() -> SearchInput:
    """A short strangle."""
    return world.given(HELD, MARKET, [limit(Metric.VEGA, -1500)])


def trade(given: SearchInput, *legs: OrderLeg) -> HedgeCandidate:
    """A trade of these legs."""
    return replace(search(given).candidates[0], legs=legs)


def leg(contract: Contract, size: int) -> OrderLeg:
    """A leg by signed size."""
    return OrderLeg(contract, Action.BUY if size > 0 else Action.SELL, abs(size))


def test_a_contract_that_is_not_listed_is_refused_by_name() -> None:
    with pytest.raises(NotListed, match="6800 P"):
        reprice(setting(), trade(setting(), leg(put(6800), 1)))


def test_a_contract_without_a_quote_is_refused_by_name() -> None:
    given = setting()
    given.market.ask[given.market.columns.row_of[put(6500).key]] = math.nan
    with pytest.raises(NoQuote, match="6500 P has no two-sided quote"):
        reprice(given, trade(given, leg(put(6500), 1)))


def test_what_has_no_bid_is_not_sold() -> None:
    given = setting()
    given.market.bid[given.market.columns.row_of[put(6500).key]] = 0.0
    with pytest.raises(NoQuote, match="no bid"):
        reprice(given, trade(given, leg(put(6500), -1)))
    assert reprice(given, trade(given, leg(put(6500), 1))).cost_usd > 0.0


def test_what_has_expired_is_refused() -> None:
    given = setting()
    expires = put(6500).expires_at_utc
    assert expires is not None
    late = replace(given, now_epoch_s=expires.timestamp() - 30.0)
    with pytest.raises(NoQuote, match="settles within a minute"):
        reprice(late, trade(given, leg(put(6500), 1)))


def test_a_leg_without_quantity_is_refused() -> None:
    with pytest.raises(HedgeError, match="trades nothing"):
        reprice(setting(), trade(setting(), replace(leg(put(6500), 1), quantity=0)))


def test_a_newer_market_gives_newer_figures() -> None:
    given = setting()
    one = trade(given, leg(put(6500), 2))
    before = reprice(given, one)
    row = given.market.columns.row_of[put(6500).key]
    given.market.bid[row] += 1.0
    given.market.ask[row] += 2.0
    now = reprice(given, one)
    assert now.cost_usd - before.cost_usd == pytest.approx(2 * 100 * 1.5)
    assert now.slippage_usd - before.slippage_usd == pytest.approx(2 * 100 * 0.5)
    assert now.summary != before.summary


def test_doing_nothing_repriced_is_the_book_as_it_is() -> None:
    given = setting()
    nothing = search(given).candidates[-1]
    again = reprice(given, nothing)
    for before, now in zip(nothing.effects, again.effects, strict=True):
        assert now.before == pytest.approx(before.before)
        assert now.after == pytest.approx(before.before)
    assert again.margin_change_usd == 0.0
    assert again.worst_stress_after_usd == pytest.approx(nothing.worst_stress_after_usd)


def test_the_limit_price_is_rounded_so_that_we_pay_more_or_get_less() -> None:
    legs = (leg(put(6700), 2), leg(put(6500), -2))
    assert limit_price(legs, [Decimal("20.02"), Decimal("10.00")]) == Decimal("10.05")
    assert limit_price(
        tuple(leg(one.contract, -one.signed_quantity) for one in legs), [Decimal("20.02"), Decimal(10)]
    ) == (Decimal("-10.00"))


def test_a_package_for_nothing_costs_a_tick() -> None:
    legs = (leg(put(6700), 1), leg(put(6500), -1))
    assert limit_price(legs, [Decimal(5), Decimal(5)]) == Decimal("0.05")


def test_a_ratio_is_priced_per_smallest_package() -> None:
    legs = (leg(put(6900), 3), leg(put(6700), -6), leg(put(6500), 3))
    assert limit_price(legs, [Decimal(30), Decimal(20), Decimal(14)]) == Decimal("4.00")


def test_the_cure_counts_every_broken_limit_alike() -> None:
    bound = limit(Metric.VEGA, -1000)
    other = limit(Metric.SPX_DELTA, -50, 50)
    held = limit(Metric.THETA, -250)
    half = LimitEffect(bound, -2000.0, -1500.0)
    assert cure_of([half, LimitEffect(other, 60.0, 40.0), LimitEffect(held, 0.0, 10.0)]) == pytest.approx(0.75)
    assert cure_of([LimitEffect(held, 0.0, 10.0)]) == 0.0
    assert cure_of([LimitEffect(bound, -2000.0, -3000.0)]) == 0.0
    assert cure_of([LimitEffect(bound, -2000.0, None)]) == 0.0
