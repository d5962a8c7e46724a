from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.ibkr.facts import IbPriceIncrement
from execution.brokers.ibkr.market_rules import MarketRules, rule_id_of, tick_rule_of
from models.clock import ManualClock
from models.contract import Contract, contract_of_occ, option_contract, underlying_contract
from models.enums import Action, Right
from models.errors import BrokerFailure, FailureKind, InvalidInput
from models.order import OrderLeg
from models.package_tick import package_tick
from models.product import NICKEL, NICKEL_DIME, PENNY, TickRule, flat_tick
from tests.execution.brokers.ibkr.fake_wire import FakeWire
from tests.execution.brokers.ibkr.listings import stock

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
EXPIRY = date(2026, 12, 18)


def table(*rows: tuple[str, str]) -> tuple[IbPriceIncrement, ...]:
    return tuple(IbPriceIncrement(Decimal(edge), Decimal(size)) for edge, size in rows)


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        (table(("0", "0.05"), ("3", "0.1")), NICKEL_DIME),
        (table(("3", "0.1"), ("0", "0.05")), NICKEL_DIME),
        (table(("0", "0.01")), PENNY),
        (table(("0", "0.25")), flat_tick("0.25")),
        (table(("0", "0.0001"), ("1", "0.01")), TickRule(Decimal("0.0001"), Decimal(1), Decimal("0.01"))),
        (table(("0", "0.05"), ("5", "0.05")), NICKEL),
        (table(("-999", "0.05"), ("0", "0.01"), ("3", "0.05")), TickRule(Decimal("0.01"), Decimal(3), Decimal("0.05"))),
        (table(("2", "0.05"), ("4", "0.1")), TickRule(Decimal("0.05"), Decimal(4), Decimal("0.1"))),
        (table(("0", "0.01"), ("1", "0.02"), ("2", "0.05")), TickRule(Decimal("0.01"), Decimal(1), Decimal("0.1"))),
        (table(("0", "0")), None),
        ((), None),
    ],
)
def test_a_market_rule_becomes_the_desks_increments(rows: tuple[IbPriceIncrement, ...], rule: TickRule | None) -> None:
    assert tick_rule_of(rows) == rule


@given(
    sizes=st.lists(st.sampled_from(("0.01", "0.02", "0.05", "0.1", "0.25", "0.5", "1")), min_size=1, max_size=5),
    steps=st.integers(min_value=0, max_value=4000),
)
def test_no_price_is_ever_finer_than_the_rule_allows(sizes: list[str], steps: int) -> None:
    rows = table(*((str(3 * number), size) for number, size in enumerate(sizes)))
    rule = tick_rule_of(rows)
    assert rule is not None
    price = rule.snap(Decimal(steps) / 100)
    allowed = [row.increment for row in rows if row.low_edge <= price][-1]
    assert price % allowed == 0


def test_the_rule_is_that_of_the_exchange_the_order_goes_to() -> None:
    told = stock(1, "SPX", rules=(109, 110))
    assert rule_id_of(told, "SMART") == 109
    assert rule_id_of(told, "CBOE") == 110
    assert rule_id_of(told, "ISE") is None
    assert rule_id_of(stock(1, "SPX"), "SMART") is None


def test_a_rule_is_asked_for_once_a_day() -> None:
    async def scenario() -> None:
        clock = ManualClock(NOON)
        wire = FakeWire(clock, rules={109: table(("0", "0.05"), ("3", "0.1"))})
        rules = MarketRules(lambda: wire, clock)
        assert set(await asyncio.gather(rules.tick(109), rules.tick(109))) == {NICKEL_DIME}
        assert await rules.tick(None) is None
        assert await rules.tick(7) is None
        assert wire.asked == [("market_rule", 109), ("market_rule", 7)]
        clock.advance(timedelta(days=1))
        await rules.tick(109)
        assert len(wire.asked) == 3

    asyncio.run(scenario())


def test_silence_about_a_rule_is_a_broker_failure() -> None:
    async def scenario() -> None:
        clock = ManualClock(NOON)
        wire = FakeWire(clock)
        wire.failures["market_rule"].append(BrokerFailure(FailureKind.TIMEOUT, "no answer", broker="IBKR"))
        with pytest.raises(BrokerFailure):
            await MarketRules(lambda: wire, clock).tick(109)

    asyncio.run(scenario())


def leg(contract: Contract, action: Action, quantity: int = 1) -> OrderLeg:
    return OrderLeg(contract, action, quantity)


def spx(right: Right, strike: int, root: str = "SPXW", expiry: date = EXPIRY) -> Contract:
    return option_contract(root, expiry, right, Decimal(strike))


def box(root: str = "SPXW", first: Action = Action.BUY, quantity: int = 1) -> tuple[OrderLeg, ...]:
    last = first.opposite
    return (
        leg(spx(Right.CALL, 6000, root), first, quantity),
        leg(spx(Right.CALL, 6100, root), last, quantity),
        leg(spx(Right.PUT, 6000, root), last, quantity),
        leg(spx(Right.PUT, 6100, root), first, quantity),
    )


class TestPackages:
    def test_spx_packages_go_in_nickels_and_boxes_in_pennies(self) -> None:
        vertical = (leg(spx(Right.PUT, 6000), Action.BUY), leg(spx(Right.PUT, 6100), Action.SELL))
        assert package_tick(vertical) == NICKEL
        assert package_tick(box()) == PENNY
        assert package_tick(box("SPX", Action.SELL, 3)) == PENNY

    def test_an_iron_condor_or_a_lopsided_box_is_no_box(self) -> None:
        condor = (
            leg(spx(Right.PUT, 5800), Action.BUY),
            leg(spx(Right.PUT, 5900), Action.SELL),
            leg(spx(Right.CALL, 6100), Action.SELL),
            leg(spx(Right.CALL, 6200), Action.BUY),
        )
        butterfly = (*box()[:3], leg(spx(Right.PUT, 6100), Action.SELL))
        strangles = tuple(leg(one.contract, Action.BUY) for one in box())
        uneven = (*box()[:3], leg(spx(Right.PUT, 6100), Action.BUY, 2))
        two_dates = (*box()[:3], leg(spx(Right.PUT, 6100, expiry=date(2027, 1, 15)), Action.BUY))
        repeated = (*box()[:3], box()[0])
        synthetic = tuple(
            leg(one.contract, Action.BUY if one.contract.right is Right.CALL else Action.SELL) for one in box()
        )
        for legs in (condor, butterfly, strangles, uneven, two_dates, repeated, synthetic, box()[:3]):
            assert package_tick(legs) == NICKEL

    def test_boxes_of_other_indices_have_no_increments_of_their_own(self) -> None:
        assert package_tick(box("NDXP")) == NICKEL

    def test_packages_of_shares_and_xsp_go_in_pennies(self) -> None:
        covered = (
            leg(underlying_contract("AAPL"), Action.BUY, 100),
            leg(contract_of_occ("AAPL  261218C00300000"), Action.SELL),
        )
        assert package_tick(covered) == PENNY
        xsp = tuple(leg(spx(Right.PUT, strike, "XSP"), Action.BUY) for strike in (600, 610))
        assert package_tick(xsp) == PENNY

    def test_one_leg_is_no_package(self) -> None:
        with pytest.raises(InvalidInput, match="two or more legs"):
            package_tick((leg(spx(Right.PUT, 6000), Action.BUY),))
