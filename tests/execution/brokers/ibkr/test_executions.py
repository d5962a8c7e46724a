from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.ibkr.executions import FillBook, Progress, action_of, our_id, split_exec_id
from execution.brokers.ibkr.facts import CommissionFact, ExecutionFact
from execution.brokers.ibkr.wire_orders import BAG
from models.enums import Action
from tests.execution.brokers.ibkr.order_kit import bag_of, condor, fills_of, single


@pytest.mark.parametrize(
    ("exec_id", "root", "revision"),
    [
        ("0000e0d5.5f4d.02.01", "0000e0d5.5f4d.02", 1),
        ("0000e0d5.5f4d.02.12", "0000e0d5.5f4d.02", 12),
        ("U+1.abc", "U+1.abc", 1),
        ("plain", "plain", 1),
        ("0000e0d5.5f4d.02.00", "0000e0d5.5f4d.02", 1),
    ],
)
def test_the_last_part_of_an_execution_id_is_its_revision(exec_id: str, root: str, revision: int) -> None:
    assert split_exec_id(exec_id) == (root, revision)


def test_a_correction_replaces_in_either_sequence_and_keeps_the_time() -> None:
    first, second = fills_of(single())[0], fills_of(single(), revision=2, price="2.05")[0]
    for sequence in ((first, second), (second, first), (first, second, first, second)):
        book = FillBook()
        times = [book.take(fact).at_utc for fact in sequence]
        (fill,) = book.legs()
        assert (fill.revision, fill.fact.price) == (2, Decimal("2.05"))
        assert len(set(times)) == 1


@given(st.permutations(range(6)))
def test_the_fee_of_the_highest_revision_that_has_one_counts_whatever_the_sequence(order: list[int]) -> None:
    facts = [fills_of(single(), revision=revision)[0] for revision in (1, 2, 3)]
    fees: list[CommissionFact] = [
        CommissionFact(facts[0].exec_id, Decimal("1.10"), "USD", None),
        CommissionFact(facts[1].exec_id, Decimal("1.30"), "USD", None),
        CommissionFact(facts[2].exec_id, None, "USD", None),
    ]
    everything: list[ExecutionFact | CommissionFact] = [*facts, *fees]
    book = FillBook()
    for index in order:
        fact = everything[index]
        if isinstance(fact, ExecutionFact):
            book.take(fact)
        else:
            book.take_commission(fact)
    (fill,) = book.legs()
    assert (fill.revision, book.fee(fill.root)) == (3, Decimal("1.30"))


def test_a_permanent_id_that_comes_later_is_kept() -> None:
    fact = fills_of(single())[0]
    book = FillBook()
    book.take(replace(fact, perm_id=0))
    book.take(fact)
    assert [fill.perm_id for fill in book.legs()] == [900]


def test_the_same_id_in_two_accounts_is_two_executions() -> None:
    fact = fills_of(single())[0]
    book = FillBook()
    book.take(fact)
    book.take(replace(fact, account="DU200"))
    assert len(book.legs()) == 2


def test_progress_counts_lines_once_and_legs_when_the_line_is_missing() -> None:
    order = condor(2)
    line, *legs = fills_of(order, 1)
    book, by_line, by_legs = FillBook(), Progress(), Progress()
    by_line.take(book.take(line))
    by_line.take(book.take(line))
    assert by_line.packages(bag_of(order)) == 1
    assert by_line.packages(None) == 1
    for fact in legs[:3]:
        by_legs.take(book.take(fact))
    assert by_legs.packages(bag_of(order)) == 0
    assert by_legs.is_any
    by_legs.take(book.take(legs[3]))
    assert by_legs.packages(bag_of(order)) == 1


def test_the_side_decides_and_only_our_own_references_are_ours() -> None:
    assert (action_of("BOT"), action_of("SLD"), action_of("?")) == (Action.BUY, Action.SELL, None)
    order = single()
    assert our_id(order.id) == order.id
    assert our_id("my note") is None
    assert our_id("") is None


@given(st.permutations(range(10)))
def test_what_waits_for_its_commission_is_known_whatever_the_sequence(order: list[int]) -> None:
    facts = fills_of(condor())
    fees = [CommissionFact(fact.exec_id, Decimal("0.65"), "USD", None) for fact in facts]
    everything: list[ExecutionFact | CommissionFact] = [*facts, *fees]
    book, told, paid = FillBook(), set[str](), set[str]()
    for index in order:
        one = everything[index]
        if isinstance(one, ExecutionFact):
            book.take(one)
            told.add(one.exec_id)
        else:
            assert {fill.fact.exec_id for fill in book.take_commission(one)} == {one.exec_id} & told
            paid.add(one.exec_id)
        legs = {fact.exec_id for fact in facts if fact.contract.sec_type != BAG}
        assert book.without_fee() == bool((told & legs) - paid)


def test_one_id_in_two_accounts_is_two_fills_with_the_same_fee() -> None:
    fact = fills_of(single())[0]
    book = FillBook()
    book.take(fact)
    book.take(replace(fact, account="DU7654321"))
    fills = book.take_commission(CommissionFact(fact.exec_id, Decimal("0.65"), "USD", None))
    assert {fill.fact.account for fill in fills} == {fact.account, "DU7654321"}
