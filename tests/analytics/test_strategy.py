"""Names of strategies, and the partition of a book into them."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.legs import LegError, PayoffLeg, linear_leg, option_leg
from analytics.strategy import recognise
from analytics.strategy_groups import OrderHint, StrategyGroup, group_positions
from analytics.strategy_kinds import Bias, Family, StrategyKind


def legs_of(text: str, underlying: str = "U") -> list[PayoffLeg]:
    """Legs from words like "-2P5600@1" (quantity, right, strike, expiry) or "+100S"."""
    legs: list[PayoffLeg] = []
    for word in text.split():
        if word.endswith("S"):
            legs.append(linear_leg(underlying, float(word[:-1]), key=word))
            continue
        body, _, expiry = word.partition("@")
        right = "P" if "P" in body else "C"
        quantity, strike = body.split(right)
        legs.append(
            option_leg(
                underlying, right, float(strike), float(expiry or 1), float(quantity), key=f"{right}{strike}@{expiry}"
            )
        )
    return legs


CASES = [
    ("+1C100", "long_call", "Long call"),
    ("-3C100", "short_call", "Short call"),
    ("+1P100", "long_put", "Long put"),
    ("-1P100", "short_put", "Short put"),
    ("+150S", "long_stock", "Long stock"),
    ("-1S", "short_stock", "Short stock"),
    ("-5P100 +5P95", "bull_put_spread", "Bull put spread"),
    ("+1P100 -1P95", "bear_put_spread", "Bear put spread"),
    ("-1C100 +1C105", "bear_call_spread", "Bear call spread"),
    ("+1C100 -1C105", "bull_call_spread", "Bull call spread"),
    ("+2P90 -2P95 -2C105 +2C110", "iron_condor", "Short iron condor"),
    ("+2P90 -2P95 -2C105 +2C120", "iron_condor", "Short iron condor"),
    ("-1P90 +1P95 +1C105 -1C110", "reverse_iron_condor", "Reverse iron condor"),
    ("+1P90 -1P100 -1C100 +1C110", "iron_butterfly", "Short iron butterfly"),
    ("-1P90 +1P100 +1C100 -1C110", "reverse_iron_butterfly", "Reverse iron butterfly"),
    ("+1C95 -2C100 +1C105", "long_butterfly", "Long call butterfly"),
    ("-3P95 +6P100 -3P105", "short_butterfly", "Short put butterfly"),
    ("+1P90 -2P100 +1P105", "broken_wing_butterfly", "Broken-wing put butterfly"),
    ("-1P90 +2P100 -1P105", "short_broken_wing_butterfly", "Short broken-wing put butterfly"),
    ("+1C90 -1C95 -1C100 +1C105", "long_condor", "Long call condor"),
    ("-1P90 +1P95 +1P100 -1P105", "short_condor", "Short put condor"),
    ("-1P95 -1C105", "short_strangle", "Short strangle"),
    ("+1P95 +1C105", "long_strangle", "Long strangle"),
    ("-1C95 -1P105", "short_guts", "Short guts"),
    ("+1C95 +1P105", "long_guts", "Long guts"),
    ("-1P100 -1C100", "short_straddle", "Short straddle"),
    ("+1P100 +1C100", "long_straddle", "Long straddle"),
    ("-1P100@1 +1P100@2", "calendar", "Put calendar"),
    ("+1C100@1 -1C100@2", "short_calendar", "Short call calendar"),
    ("-1C105@1 +1C100@2", "diagonal", "Call diagonal"),
    ("+1P105@1 -1P100@2", "short_diagonal", "Short put diagonal"),
    ("-1P95@1 -1C105@1 +1P95@2 +1C105@2", "double_calendar", "Double calendar"),
    ("-1P95@1 -1C105@1 +1P90@2 +1C110@2", "double_diagonal", "Double diagonal"),
    ("+100S -1C105", "covered_call", "Covered call"),
    ("-100S -1P95", "covered_put", "Covered put"),
    ("+200S +2P95", "protective_put", "Protective put"),
    ("-100S +1C105", "protective_call", "Protective call"),
    ("+100S +1P95 -1C105", "collar", "Collar"),
    ("+100S +1P100 -1C100", "conversion", "Conversion"),
    ("-100S -1P100 +1C100", "reverse_conversion", "Reverse conversion"),
    ("+100S -1P95 -1C105", "covered_strangle", "Covered strangle"),
    ("+1C100 -2C105", "ratio_spread", "Call ratio spread 1x2"),
    ("+2P100 -6P95", "ratio_spread", "Put ratio spread 1x3"),
    ("-1C100 +2C105", "backspread", "Call backspread 1x2"),
    ("+1C95 -1C105 -1P95 +1P105", "long_box", "Long box"),
    ("-1C95 +1C105 +1P95 -1P105", "short_box", "Short box"),
    ("-1P95 -1C105 +1C110", "jade_lizard", "Jade lizard"),
    ("+1P90 -1P95 -1C105", "reverse_jade_lizard", "Reverse jade lizard"),
    ("-1P100 -1C100 +1C110", "big_lizard", "Big lizard"),
    ("+1C100 -1P100", "synthetic_long", "Synthetic long"),
    ("-1C100 +1P100", "synthetic_short", "Synthetic short"),
    ("-1P95 +1C105", "risk_reversal", "Bullish risk reversal"),
    ("+1P95 -1C105", "bearish_risk_reversal", "Bearish risk reversal"),
]


@pytest.mark.parametrize(("text", "tag", "name"), CASES)
def test_a_strategy_has_the_name_a_trader_reads_whatever_the_order_of_its_legs(text: str, tag: str, name: str) -> None:
    legs = legs_of(text)
    for ordered in (legs, legs[::-1]):
        found = recognise(ordered)
        assert (found.tag, found.name) == (tag, name)


@pytest.mark.parametrize(
    "text",
    [
        "+1C100 +1C105",
        "+2C100 -1C105",
        "-1P95 -2C105",
        "-1P110 -1C105 +1C115",
        "+1C95 -3C100 +1C105",
        "+1P90 -1P95 +1C105 -1C110",
        "+1P90 -1P110 -1C105 +1C115",
        "+150S -1C105",
        "+1C100@1 -2C100@2",
        "+1C90 -1C95 +1C100 -1C105 +1C110",
    ],
)
def test_what_fits_no_name_is_custom(text: str) -> None:
    assert recognise(legs_of(text)).kind is StrategyKind.CUSTOM


def test_every_kind_has_its_own_tag() -> None:
    assert len({kind.tag for kind in StrategyKind}) == len(StrategyKind)


def test_units_credit_bias_and_family_are_read_from_the_legs() -> None:
    legs = [option_leg("U", "P", 100, 1, -10, price=2.0), option_leg("U", "P", 95, 1, 10, price=1.2)]
    found = recognise(legs)
    assert (found.units, found.is_credit, found.bias, found.family) == (10, True, Bias.BULLISH, Family.VERTICAL)
    assert recognise(legs_of("-1P100")).is_credit is None


def test_a_short_put_backed_by_cash_is_named_so() -> None:
    assert recognise(legs_of("-1P100"), cash_secured=True).tag == "cash_secured_put"


def test_futures_are_named_as_futures_and_cover_their_options() -> None:
    future = linear_leg("ESM6", 1, multiplier=50, is_future=True)
    call = option_leg("ESM6", "C", 7300, 1, -1, multiplier=50, is_future=True)
    assert recognise([future]).tag == "long_future"
    assert recognise([future, call]).tag == "covered_call"


def test_legs_on_two_underlyings_or_that_cancel_are_refused_with_the_reason() -> None:
    with pytest.raises(LegError, match="SPX, SPY"):
        recognise([*legs_of("+1C100", "SPX"), *legs_of("-1C100", "SPY")])
    with pytest.raises(LegError, match="cancel"):
        recognise([*legs_of("+1C100"), *legs_of("-1C100")])


def tags(groups: tuple[StrategyGroup, ...]) -> list[str]:
    return sorted(group.strategy.tag for group in groups)


@pytest.mark.parametrize(
    ("book", "expected"),
    [
        ("+1P90 -1P95 -1C105 +1C110", ["iron_condor"]),
        (
            "+1P90@1 -1P95@1 -1C105@1 +1C110@1 +3P80@2 -3P85@2 -3C115@2 +3C120@2 -2P70@3",
            ["iron_condor", "iron_condor", "short_put"],
        ),
        ("+2P80 -2P85 -2C115 +2C120 +3P90 -3P95 -3C105 +3C110", ["iron_condor", "iron_condor"]),
        ("+2P90 -2P95 -1C105 +1C110 +1C150@9", ["bear_call_spread", "bull_put_spread", "long_call"]),
        ("+300S -2C105", ["covered_call", "long_stock"]),
        ("+200S -1C105@1 +1P95@1 -1C110@2", ["collar", "covered_call"]),
        ("-3P95 -2C105 +5P50@4", ["diagonal", "long_put", "short_strangle"]),
        ("-2P95@1 +1P95@2 +7C120@3", ["calendar", "long_call", "short_put"]),
        ("+1C95 -2C100 +1C105 -4P80 +4P75", ["bull_put_spread", "long_butterfly"]),
        ("-100S +1C105 -3P60@5", ["covered_put", "long_call", "short_put"]),
    ],
)
def test_a_book_falls_into_the_strategies_a_trader_sees(book: str, expected: list[str]) -> None:
    found = tags(group_positions(legs_of(book)))
    assert found == expected


def test_a_short_is_paired_with_the_long_that_protects_it_before_one_as_near_on_the_other_side() -> None:
    groups = group_positions(legs_of("+1P90@1 -1P95@1 +1P100@1 +9C150@2 +1C170@3"))
    assert tags(groups) == ["bull_put_spread", "long_call", "long_call", "long_put"]


def test_an_order_hint_keeps_together_what_was_opened_together() -> None:
    book = legs_of("-2P95 +2P90 -1P85 +1P80")
    plain = group_positions(book)
    hint = OrderHint("A", {"P95@": -1.0, "P80@": 1.0})
    hinted = group_positions(book, [hint])
    first = next(group for group in hinted if group.order_id == "A")
    assert [(member.position, member.quantity) for member in first.members] == [(0, -1.0), (3, 1.0)]
    assert all(group.order_id is None for group in plain)


def test_an_order_hint_shrinks_with_what_is_still_held_and_lapses_when_a_leg_is_gone() -> None:
    hint = OrderHint("A", {"P95@": -10.0, "P90@": 20.0})
    partly = group_positions(legs_of("-4P95 +9P90"), [hint])
    assert [(m.position, m.quantity) for m in partly[0].members] == [(0, -4.0), (1, 8.0)]
    assert all(group.order_id is None for group in group_positions(legs_of("-4P95"), [hint]))


def test_underlyings_are_never_mixed() -> None:
    groups = group_positions([*legs_of("-1P95", "B"), *legs_of("+1P90", "A")])
    assert [(group.underlying, group.strategy.tag) for group in groups] == [("A", "long_put"), ("B", "short_put")]


options = st.builds(
    option_leg,
    st.sampled_from(["A", "B"]),
    st.sampled_from(["C", "P"]),
    st.integers(18, 24).map(lambda n: 5.0 * n),
    st.integers(1, 3).map(float),
    st.integers(-4, 4).filter(bool).map(float),
)
stocks = st.builds(linear_leg, st.sampled_from(["A", "B"]), st.integers(-350, 350).filter(bool).map(float))


@given(st.lists(st.one_of(options, options, options, stocks), max_size=24))
@settings(max_examples=150, deadline=None)
def test_every_contract_of_a_book_is_used_exactly_once_and_the_same_way_every_time(book: list[PayoffLeg]) -> None:
    groups = group_positions(book)
    used: dict[int, float] = defaultdict(float)
    for group in groups:
        for member in group.members:
            assert member.quantity * book[member.position].quantity > 0
            assert book[member.position].underlying == group.underlying
            used[member.position] += member.quantity
    assert dict(used) == pytest.approx({index: leg.quantity for index, leg in enumerate(book)})
    assert groups == group_positions(book)
