"""Each contract is quoted by one broker: the primary, or the next where that one has nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.quote_split import FORGIVEN_AFTER, PATIENCE, QuoteSplit
from models.contract import Contract, underlying_contract

SPX, SPY, AAPL = (underlying_contract(symbol) for symbol in ("SPX", "SPY", "AAPL"))
EVERY = [SPX, SPY, AAPL]


def keys(*contracts: Contract) -> list[str]:
    return sorted(contract.key for contract in contracts)


def part(split: QuoteSplit, number: int) -> list[str]:
    return keys(*split.part(number))


@pytest.fixture
def split() -> QuoteSplit:
    made = QuoteSplit(2)
    made.set_up(0, is_up=True)
    made.set_up(1, is_up=True)
    made.want(EVERY)
    return made


def look(split: QuoteSplit, times: int) -> bool:
    moves = [split.look() for _ in range(times)]
    return any(moves)


def test_the_primary_quotes_everything_at_first(split: QuoteSplit) -> None:
    assert part(split, 0) == keys(*EVERY)
    assert part(split, 1) == []


def test_what_the_primary_never_quotes_moves_to_the_next_after_a_while(split: QuoteSplit) -> None:
    split.hear(0, [SPX.key, SPY.key])
    assert not look(split, PATIENCE - 1)
    assert split.look()
    assert part(split, 0) == keys(SPX, SPY)
    assert part(split, 1) == keys(AAPL)


def test_a_late_quote_of_a_broker_that_was_passed_over_does_not_count(split: QuoteSplit) -> None:
    look(split, PATIENCE)
    split.hear(0, [AAPL.key])
    assert split.is_at(AAPL.key, 1)
    assert not split.is_at(AAPL.key, 0)


def test_what_nobody_quotes_stays_with_the_primary_which_is_heard_when_its_market_opens(split: QuoteSplit) -> None:
    look(split, 2 * PATIENCE)
    assert part(split, 0) == keys(*EVERY)
    split.hear(0, [SPX.key])
    assert not look(split, FORGIVEN_AFTER)
    assert split.is_at(SPX.key, 0)


def test_when_the_primary_goes_the_next_quotes_and_it_takes_all_back_when_it_returns(split: QuoteSplit) -> None:
    split.hear(0, [SPX.key])
    split.set_up(0, is_up=False)
    assert part(split, 1) == keys(*EVERY)
    split.set_up(0, is_up=True)
    assert part(split, 0) == keys(*EVERY)


def test_with_nobody_there_nothing_is_asked_and_the_first_to_come_gets_all() -> None:
    split = QuoteSplit(2)
    split.want(EVERY)
    assert part(split, 0) == part(split, 1) == []
    split.set_up(1, is_up=True)
    assert part(split, 1) == keys(*EVERY)


def test_what_is_no_longer_wanted_is_asked_of_nobody(split: QuoteSplit) -> None:
    split.want([SPY])
    assert part(split, 0) == keys(SPY)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("up"), st.integers(0, 2), st.booleans()),
            st.tuples(st.just("hear"), st.integers(0, 2), st.sampled_from(EVERY)),
            st.tuples(st.just("want"), st.integers(0, 2), st.sets(st.sampled_from(EVERY))),
            st.tuples(st.just("look"), st.integers(1, 2 * PATIENCE), st.none()),
        ),
        max_size=30,
    )
)
def test_whatever_happens_each_contract_wanted_has_one_broker_that_is_up(steps: list[tuple[str, int, object]]) -> None:
    split, up, wanted = QuoteSplit(3), [False] * 3, frozenset[Contract]()
    for what, number, value in steps:
        if what == "up":
            up[number] = value is True
            split.set_up(number, is_up=value is True)
        elif what == "hear" and isinstance(value, Contract):
            split.hear(number, [value.key])
        elif what == "want" and isinstance(value, set):
            wanted = frozenset(value)
            split.want(wanted)
        elif what == "look":
            look(split, number)
        parts = [key for each in range(3) for key in part(split, each)]
        assert sorted(parts) == (keys(*wanted) if any(up) else [])
        assert all(up[each] or not split.part(each) for each in range(3))
