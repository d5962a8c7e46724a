"""Net prices, leg prices and when orders fill."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.paper.matching import Matcher, leg_prices, package_quote
from execution.brokers.paper.orders import PaperOrder, package_weights
from execution.brokers.paper.settings import FillModel
from models.contract import Contract, underlying_contract
from models.enums import MarketDataKind, OrderStatus, OrderType, TimeInForce
from models.ids import AccountId, ContractKey, OrderId
from models.order import OrderLeg
from models.quote import Quote
from tests.execution.brokers.contract_kit import buy, sell
from tests.execution.brokers.paper.fake_market import aapl, spxw

NOW = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)


def quote(contract: Contract, bid: str | None, ask: str | None, size: int | None = 50) -> Quote:
    sides = (None if bid is None else Decimal(bid), None if ask is None else Decimal(ask))
    return Quote(contract.key, *sides, None, NOW, MarketDataKind.SIMULATED, bid_size=size, ask_size=size)


def order(
    legs: tuple[OrderLeg, ...], limit: str | None, *, serial: int = 1, kind: OrderType = OrderType.LIMIT
) -> PaperOrder:
    return PaperOrder(
        serial=serial,
        order_id=OrderId(f"order-{serial}"),
        account_id=AccountId("PAPER-1"),
        legs=legs,
        order_type=kind,
        limit_price=None if limit is None else Decimal(limit),
        tif=TimeInForce.DAY,
        status=OrderStatus.PENDING,
        filled_packages=0,
        fills=0,
        submitted_at_utc=NOW,
        works_from_utc=NOW,
        day_ends_utc=None,
        changed_at_utc=NOW,
    )


PUT_SPREAD = (sell(spxw(6800, "P"), 2), buy(spxw(6700, "P"), 2))


def spread_quotes(*, size: int | None = 50) -> dict[ContractKey, Quote]:
    """Mid 10.00 credit, natural 9.60 credit."""
    quotes = [
        quote(PUT_SPREAD[0].contract, "29.80", "30.20", size),
        quote(PUT_SPREAD[1].contract, "19.80", "20.20", size),
    ]
    return {q.key: q for q in quotes}


def test_a_package_costs_asks_of_what_it_buys_less_bids_of_what_it_sells() -> None:
    market = package_quote(PUT_SPREAD, spread_quotes())
    assert market is not None
    assert market.natural == Decimal("-9.60")
    assert market.mid == Decimal(-10)


@pytest.mark.parametrize(("bid", "ask"), [(None, "20.20"), ("19.80", None), ("20.30", "20.20"), ("0", "0")])
def test_a_leg_without_a_sound_market_has_no_package_price(bid: str | None, ask: str | None) -> None:
    quotes = spread_quotes() | {PUT_SPREAD[1].contract.key: quote(PUT_SPREAD[1].contract, bid, ask)}
    assert package_quote(PUT_SPREAD, quotes) is None


def test_a_zero_bid_can_be_part_of_a_package_but_nobody_buys_it_alone() -> None:
    wing = spxw(6000, "P")
    quotes = {wing.key: quote(wing, "0", "0.05"), **spread_quotes()}
    assert package_quote((sell(wing),), quotes) is None
    assert package_quote((buy(wing),), quotes) is not None
    assert package_quote((sell(wing), buy(PUT_SPREAD[1].contract)), quotes) is not None


def test_a_buy_write_is_priced_per_share_of_stock_less_call() -> None:
    stock, call = underlying_contract("AAPL"), aapl(290, "C")
    legs = (buy(stock, 200), sell(call, 2))
    quotes = {stock.key: quote(stock, "279.99", "280.01"), call.key: quote(call, "4.00", "4.20")}
    market = package_quote(legs, quotes)
    assert package_weights(legs) == (Decimal(1), Decimal(-1))
    assert market is not None
    assert market.natural == Decimal("276.01")


def test_a_limit_through_the_natural_fills_at_the_natural() -> None:
    fill = Matcher(FillModel(), 1).match(order(PUT_SPREAD, "-9.00"), spread_quotes(), 0.25)
    assert fill is not None
    assert fill.net_price == Decimal("-9.60")
    assert fill.leg_prices == (Decimal("29.80"), Decimal("20.20"))


def test_a_limit_below_the_mid_never_fills() -> None:
    matcher = Matcher(FillModel(), 1)
    assert all(matcher.match(order(PUT_SPREAD, "-10.05"), spread_quotes(), 3600) is None for _ in range(50))


def waited_s(limit: str, serial: int, seed: int = 3) -> float:
    matcher, working = Matcher(FillModel(), seed), order(PUT_SPREAD, limit, serial=serial)
    for tick in range(1, 100_000):
        if matcher.match(working, spread_quotes(), 0.25) is not None:
            return tick * 0.25
    raise AssertionError("never filled")


def test_an_order_at_the_mid_waits_as_the_model_says() -> None:
    waits = [waited_s("-10.00", serial) for serial in range(1, 301)]
    assert 50 * 0.8 < sum(waits) / len(waits) < 50 * 1.25


def test_an_order_near_the_natural_fills_sooner_than_one_at_the_mid() -> None:
    near = [waited_s("-9.65", serial) for serial in range(1, 101)]
    middle = [waited_s("-10.00", serial) for serial in range(1, 101)]
    assert all(a <= b for a, b in zip(near, middle, strict=True))
    assert sum(near) * 5 < sum(middle)


def test_fills_are_the_same_for_the_same_seed_and_others_for_another() -> None:
    first = [waited_s("-9.80", serial) for serial in range(1, 21)]
    assert first == [waited_s("-9.80", serial) for serial in range(1, 21)]
    assert first != [waited_s("-9.80", serial, seed=4) for serial in range(1, 21)]


def test_the_pace_of_ticks_does_not_change_when_an_order_fills() -> None:
    def wait(step_s: float) -> float:
        matcher, working = Matcher(FillModel(), 5), order(PUT_SPREAD, "-9.80")
        ticks = next(n for n in range(1, 10_000) if matcher.match(working, spread_quotes(), step_s) is not None)
        return ticks * step_s

    assert abs(wait(0.25) - wait(1.0)) <= 1.0


def test_displayed_size_makes_partial_fills() -> None:
    legs = (sell(spxw(6800, "P"), 10), buy(spxw(6700, "P"), 20))
    fill = Matcher(FillModel(), 1).match(order(legs, "1000"), spread_quotes(size=7), 0.25)
    assert fill is not None
    assert fill.packages == 3
    unlimited = Matcher(FillModel(use_displayed_size=False), 1).match(order(legs, "1000"), spread_quotes(size=7), 0.25)
    assert unlimited is not None
    assert unlimited.packages == 10


def test_what_is_filled_already_is_not_filled_again() -> None:
    working = replace(order(PUT_SPREAD, "-9.00"), filled_packages=1, fills=1, status=OrderStatus.PARTIAL)
    fill = Matcher(FillModel(), 1).match(working, spread_quotes(), 0.25)
    assert fill is not None
    assert fill.packages == 1


@st.composite
def packages(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[Decimal, ...], tuple[Decimal, ...], Decimal]:
    count = draw(st.integers(1, 4))
    ratios = draw(st.lists(st.integers(1, 5), min_size=count, max_size=count).filter(lambda r: math.gcd(*r) == 1))
    signs = draw(st.lists(st.sampled_from([1, -1]), min_size=count, max_size=count))
    weights = tuple(r * s for r, s in zip(ratios, signs, strict=True))
    naturals, mids = [], []
    for weight in weights:
        bid, width = draw(st.integers(0, 5000)), draw(st.integers(1, 40))
        naturals.append(Decimal(bid + (2 * width if weight > 0 else 0)) / 100)
        mids.append(Decimal(bid + width) / 100)
    natural = sum((w * p for w, p in zip(weights, naturals, strict=True)), start=Decimal(0))
    mid = sum((w * p for w, p in zip(weights, mids, strict=True)), start=Decimal(0))
    cents = draw(st.integers(int(mid * 100), int(natural * 100)))
    return weights, tuple(naturals), tuple(mids), Decimal(cents) / 100


@given(packages())
def test_leg_prices_add_up_to_the_net_price_exactly_in_cents_and_are_never_negative(
    package: tuple[tuple[int, ...], tuple[Decimal, ...], tuple[Decimal, ...], Decimal],
) -> None:
    weights, naturals, mids, net = package
    prices = leg_prices(net, weights, naturals, mids)
    assert sum((w * p for w, p in zip(weights, prices, strict=True)), start=Decimal(0)) == net
    assert all(price >= 0 and price * 100 % 1 == 0 for price in prices)
