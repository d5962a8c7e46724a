"""Reg-T margin against published and hand-worked examples, and properties of the best pairing."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.legs import PayoffLeg, linear_leg, option_leg
from analytics.margin import (
    FuturesRule,
    MarginClass,
    MarginError,
    MarginRequirement,
    PairingKind,
    RegTMargin,
    UnderlyingTerms,
)

DAY_S = 86_400.0
FIELDS = (
    "option_requirement",
    "long_option_cost",
    "short_option_proceeds",
    "stock_initial",
    "stock_maintenance",
    "initial_requirement_total",
    "initial_call_net_of_proceeds",
    "option_maintenance",
    "maintenance_total",
)
FIELDS_OF_SHORT_STOCK = ("short_stock_sale_proceeds", "initial_call_net_of_all_proceeds")


def legs_of(example: dict[str, Any]) -> list[PayoffLeg]:
    multiplier = float(example["underlying"]["multiplier"])
    return [
        linear_leg("U", position["qty"], price=position["price"])
        if position["type"] == "stock"
        else option_leg(
            "U",
            position["right"],
            position["strike"],
            position["days"] * DAY_S,
            position["qty"],
            multiplier=multiplier,
            price=position["price"],
        )
        for position in example["positions"]
    ]


def terms_of(underlying: dict[str, Any]) -> UnderlyingTerms:
    return UnderlyingTerms(underlying["price"], MarginClass(underlying["kind"]), underlying.get("leverage", 1.0))


def margin_of(
    legs: list[PayoffLeg], price: float = 100.0, margin_class: MarginClass = MarginClass.EQUITY
) -> MarginRequirement:
    return RegTMargin().requirement(legs, {"U": UnderlyingTerms(price, margin_class)}, 0.0)


def test_every_reference_example_is_met_to_the_cent(shared_reference: Path) -> None:
    examples = json.loads((shared_reference / "margin_regt.json").read_text("utf-8"))["examples"]
    wrong: list[str] = []
    for example in examples:
        result = RegTMargin().requirement(legs_of(example), {"U": terms_of(example["underlying"])}, 0.0)
        wrong += [
            f"{example['id']} {example['name']}: {field} {getattr(result, field)} not {example['expected'][field]}"
            for field in FIELDS
            if getattr(result, field) != pytest.approx(example["expected"][field], abs=0.005)
        ]
    assert len(examples) >= 52
    assert not wrong


def test_every_reference_example_of_short_stock_nets_the_proceeds_of_the_sale(shared_reference: Path) -> None:
    examples = json.loads((shared_reference / "margin_regt.json").read_text("utf-8"))["examples"]
    short = [example for example in examples if "short_stock_sale_proceeds" in example["expected"]]
    assert len(short) >= 4
    for example in short:
        result = RegTMargin().requirement(legs_of(example), {"U": terms_of(example["underlying"])}, 0.0)
        for field in FIELDS_OF_SHORT_STOCK:
            assert getattr(result, field) == pytest.approx(example["expected"][field], abs=0.005), example["id"]


def test_only_shares_sold_short_have_sale_proceeds_and_the_live_price_stands_in_for_an_unknown_one() -> None:
    assert margin_of([linear_leg("U", 100, price=90.0)]).short_stock_sale_proceeds == 0.0
    short = margin_of([linear_leg("U", -100)], price=98.0)
    assert short.short_stock_sale_proceeds == 9_800.0
    assert short.initial_call_net_of_all_proceeds == pytest.approx(4_900.0)


@pytest.mark.parametrize("as_of", [float("nan"), float("inf")])
def test_a_time_that_is_no_number_is_refused_as_loan_value_hangs_on_it(as_of: float) -> None:
    call = option_leg("U", "C", 100.0, DAY_S, 1, price=2.0)
    with pytest.raises(MarginError, match="days to expiry"):
        RegTMargin().requirement([call], {"U": UnderlyingTerms(100.0)}, as_of)


def test_broker_observations_of_naked_options_are_met_within_their_tolerance(shared_reference: Path) -> None:
    rows = json.loads((shared_reference / "margin_regt.json").read_text("utf-8"))["broker_observations"]["rows"]
    for row in rows:
        margin_class = MarginClass.BROAD_INDEX if row["product"].startswith("SPX") else MarginClass.EQUITY
        leg = option_leg("U", row["right"], row["strike"], DAY_S, -1, price=row["option_price"])
        requirement = margin_of([leg], row["underlying"], margin_class).option_requirement
        assert requirement == pytest.approx(row["rule_value"], abs=0.01)
        assert requirement == pytest.approx(row["ib_observed"], rel=0.05)


def uncovered_points(leg: PayoffLeg, price: float) -> float:
    out = max(leg.strike - price, 0) if leg.is_call else max(price - leg.strike, 0)
    assert leg.price is not None
    return leg.price + max(0.2 * price - out, 0.1 * (price if leg.is_call else leg.strike))


def straddles_by_hand(naked: list[PayoffLeg], price: float) -> float:
    if not naked:
        return 0.0
    first, rest = naked[0], naked[1:]
    need = uncovered_points(first, price)
    best = need + straddles_by_hand(rest, price)
    for index, other in enumerate(rest):
        if other.is_call != first.is_call:
            other_need = uncovered_points(other, price)
            together = need + (other.price or 0) if need >= other_need else other_need + (first.price or 0)
            best = min(best, together + straddles_by_hand(rest[:index] + rest[index + 1 :], price))
    return best


def block_by_hand(shorts: list[PayoffLeg], longs: list[PayoffLeg]) -> float:
    total = 0.0
    for expiry in {leg.expiry_epoch_s for leg in shorts}:
        mine = [leg for leg in shorts if leg.expiry_epoch_s == expiry]
        guard = [leg for leg in longs if leg.expiry_epoch_s == expiry]
        for is_call in (True, False):
            if sum(leg.is_call == is_call for leg in guard) < sum(leg.is_call == is_call for leg in mine):
                return float("inf")

        def value(leg: PayoffLeg, spot: float) -> float:
            return max(spot - leg.strike, 0.0) if leg.is_call else max(leg.strike - spot, 0.0)

        losses = [
            sum(value(leg, spot) for leg in mine) - sum(value(leg, spot) for leg in guard)
            for spot in {leg.strike for leg in mine + guard}
        ]
        total += max(0.0, *losses)
    return total


def least_by_hand(shorts: list[PayoffLeg], longs: list[PayoffLeg], price: float) -> float:
    """Every assignment of single contracts to nothing, the spread of the expiry, or one long."""
    best = float("inf")
    for choice in itertools.product(range(-2, len(longs)), repeat=len(shorts)):
        covers = [c for c in choice if c >= 0]
        if len(set(covers)) < len(covers):
            continue
        pairs = [(short, longs[c]) for short, c in zip(shorts, choice, strict=True) if c >= 0]
        if any(long.is_call != short.is_call or long.expiry_epoch_s < short.expiry_epoch_s for short, long in pairs):
            continue
        cost = sum(max((long.strike - short.strike) * (1 if short.is_call else -1), 0) for short, long in pairs)
        cost += block_by_hand(
            [short for short, c in zip(shorts, choice, strict=True) if c == -1],
            [long for index, long in enumerate(longs) if index not in covers],
        )
        naked = [short for short, c in zip(shorts, choice, strict=True) if c == -2]
        best = min(best, cost + straddles_by_hand(naked, price))
    return best


def single(quantity: int) -> st.SearchStrategy[PayoffLeg]:
    return st.builds(
        lambda right, strike, days, price: option_leg("U", right, strike, days * DAY_S, quantity, price=price),
        st.sampled_from(["C", "P"]),
        st.sampled_from([80.0, 90.0, 95.0, 100.0, 105.0, 110.0, 125.0]),
        st.sampled_from([30.0, 60.0]),
        st.sampled_from([0.25, 1.0, 3.5]),
    )


def distinct(legs: list[PayoffLeg]) -> bool:
    return len({leg.identity for leg in legs}) == len(legs)


@given(st.lists(single(-1), min_size=1, max_size=3), st.lists(single(1), max_size=3))
@settings(max_examples=120, deadline=None)
def test_the_pairing_needs_exactly_what_trying_every_pairing_finds(
    shorts: list[PayoffLeg], longs: list[PayoffLeg]
) -> None:
    if not distinct(shorts + longs):
        return
    found = margin_of([*shorts, *longs]).option_requirement
    assert found == pytest.approx(100 * least_by_hand(shorts, longs, 100.0), abs=0.01)


def random_book(count: int, seed: int) -> list[PayoffLeg]:
    random = np.random.default_rng(seed)
    legs: dict[tuple[object, ...], PayoffLeg] = {}
    while len(legs) < count:
        is_call = bool(random.integers(2))
        strike = float(round(100 + (1 if is_call else -1) * abs(random.normal(0, 10))))
        quantity = int(random.integers(1, 5)) * (1 if random.random() < 0.5 else -1)
        days = float(random.integers(1, 9)) * 7
        leg = option_leg(
            "U", "C" if is_call else "P", strike, days * DAY_S, quantity, price=float(random.integers(1, 40)) / 8
        )
        legs.setdefault(leg.identity, leg)
    return list(legs.values())


@pytest.mark.parametrize("seed", range(3))
def test_a_large_book_uses_every_contract_once_and_needs_no_more_than_simple_pairings(seed: int) -> None:
    book = random_book(120, seed)
    result = margin_of(book)
    used: dict[tuple[object, ...], float] = {}
    for group in result.groups:
        for member in group.members:
            used[member.identity] = used.get(member.identity, 0.0) + member.quantity
    assert used == pytest.approx({leg.identity: leg.quantity for leg in book})
    naked = sum(100 * -leg.quantity * uncovered_points(leg, 100.0) for leg in book if leg.quantity < 0)
    per_expiry = [
        margin_of([leg for leg in book if leg.expiry_epoch_s == expiry]).option_requirement
        for expiry in {leg.expiry_epoch_s for leg in book}
    ]
    assert result.option_requirement <= 1.02 * sum(per_expiry)
    assert result.option_requirement < 0.7 * naked


def test_adding_a_long_option_never_raises_the_requirement_of_the_shorts() -> None:
    book = random_book(14, 7)
    extra = option_leg("U", "C", 111, 400 * DAY_S, 3, price=2.0)
    assert margin_of([*book, extra]).option_requirement <= margin_of(book).option_requirement + 0.01


def test_the_groups_say_what_is_paired_with_what() -> None:
    legs = [
        linear_leg("U", 150, price=100),
        option_leg("U", "C", 105, 30 * DAY_S, -1, price=1.0),
        option_leg("U", "P", 95, 30 * DAY_S, -1, price=1.0),
        option_leg("U", "P", 90, 60 * DAY_S, 1, price=1.0),
        option_leg("U", "C", 130, 30 * DAY_S, 2, price=0.1),
    ]
    groups = {group.kind: group for group in margin_of(legs).groups}
    assert set(groups) == {
        PairingKind.COVERED_CALL,
        PairingKind.TIME_SPREAD,
        PairingKind.LONG_OPTION,
        PairingKind.LONG_STOCK,
    }
    assert [member.quantity for member in groups[PairingKind.COVERED_CALL].members] == [100, -1]
    assert groups[PairingKind.TIME_SPREAD].option_requirement == pytest.approx(500)
    assert groups[PairingKind.LONG_STOCK].members[0].quantity == pytest.approx(50)


def test_an_am_expiry_does_not_cover_a_short_that_lives_until_the_close_of_the_day() -> None:
    short = option_leg("U", "P", 100, 30 * DAY_S + 23_400, -1, price=2.0)
    long_am = option_leg("U", "P", 95, 30 * DAY_S, 1, price=1.0)
    assert margin_of([short, long_am]).option_requirement == pytest.approx(2200)


def test_the_what_if_gives_the_margin_before_and_after() -> None:
    before = [option_leg("U", "P", 95, 30 * DAY_S, -1, price=1.0)]
    order = [option_leg("U", "P", 90, 30 * DAY_S, 1, price=0.5)]
    change = RegTMargin().change(before, order, {"U": UnderlyingTerms(100.0)}, 0.0)
    assert change.before.account_maintenance == pytest.approx(1600)
    assert change.after.account_maintenance == pytest.approx(500)
    assert change.maintenance_change == pytest.approx(-1100)
    assert change.initial_change == pytest.approx(550 - 1600)


def test_closing_a_position_leaves_nothing() -> None:
    leg = option_leg("U", "P", 95, 30 * DAY_S, -2, price=1.0)
    change = RegTMargin().change([leg], [leg.with_quantity(2)], {"U": UnderlyingTerms(100.0)}, 0.0)
    assert change.after.account_initial == 0
    assert change.after.groups == ()


def test_underlyings_are_margined_apart() -> None:
    put = option_leg("U", "P", 95, 30 * DAY_S, -1, price=1.0)
    guard = option_leg("V", "P", 90, 30 * DAY_S, 1, price=0.5)
    terms = {"U": UnderlyingTerms(100.0), "V": UnderlyingTerms(100.0)}
    assert RegTMargin().requirement([put, guard], terms, 0.0).option_requirement == pytest.approx(1600)


def test_what_is_missing_is_named() -> None:
    leg = option_leg("U", "P", 95, 30 * DAY_S, -1, key="U P95")
    with pytest.raises(MarginError, match="U P95 has no price"):
        margin_of([leg])
    with pytest.raises(MarginError, match="margin class of U"):
        RegTMargin().requirement([leg], {}, 0.0)
    with pytest.raises(MarginError, match="whole contracts"):
        margin_of([option_leg("U", "P", 95, 30 * DAY_S, -1.5, price=1.0)])
    with pytest.raises(MarginError, match="no futures margin rule for ESM6"):
        RegTMargin().requirement([linear_leg("ESM6", 1, multiplier=50, is_future=True)], {}, 0.0)
    with pytest.raises(MarginError, match="price"):
        UnderlyingTerms(0.0)


def test_futures_stand_in_their_own_named_bucket_and_never_in_the_securities_figures() -> None:
    rule = FuturesRule("/ES", 7000.0, maintenance_percent=0.06, minimum_percent=0.03)
    future = linear_leg("ESM6", 2, multiplier=50, is_future=True)
    put = option_leg("ESM6", "P", 6800, 30 * DAY_S, -1, multiplier=50, price=40.0, is_future=True)
    result = RegTMargin(futures_rules={"ESM6": rule}).requirement([future, put], {}, 0.0)
    assert result.maintenance_total == result.initial_requirement_total == 0
    assert result.futures is not None
    assert "not SPAN" in result.futures.method
    outright, option = 0.06 * 700_000, 50 * (40 + max(420 - 100, 210))
    assert result.futures.maintenance == pytest.approx(outright + option)
    assert result.futures.initial == pytest.approx(1.1 * (outright + option))
    assert result.futures.short_option_proceeds == pytest.approx(2000)
    assert result.account_maintenance == pytest.approx(outright + option)


def test_a_futures_option_spread_needs_no_more_than_its_width() -> None:
    rule = FuturesRule("/ES", 7000.0, maintenance_percent=0.06, minimum_percent=0.03)
    legs = [
        option_leg("ESM6", "P", strike, 30 * DAY_S, quantity, multiplier=50, price=40.0, is_future=True)
        for strike, quantity in ((6800.0, -1), (6750.0, 1))
    ]
    result = RegTMargin(futures_rules={"ESM6": rule}).requirement(legs, {}, 0.0)
    assert result.futures is not None
    assert result.futures.maintenance == pytest.approx(2500)
