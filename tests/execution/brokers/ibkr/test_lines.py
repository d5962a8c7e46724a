"""Who holds a market-data line: what matters most, never more than there are, and no thrash while scrolling."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.ibkr.lines import LINGER_S, LineBook, Open
from models.contract import Contract, option_contract, underlying_contract
from models.enums import Right

SPX = underlying_contract("SPX", conid=1)
AAPL = underlying_contract("AAPL", conid=2)
EXPIRY = date(2026, 6, 5)


def put(strike: int) -> Contract:
    return option_contract("SPXW", EXPIRY, Right.PUT, Decimal(strike), conid=strike)


def work_off(book: LineBook, now_s: float, contracts: list[Contract]) -> list[str]:
    """Does all there is to do, as the feed does; returns it as words."""
    ready = {contract.key for contract in contracts}
    done: list[str] = []
    while (step := book.next_step(now_s, ready)) is not None:
        assert len(done) < 1000, "it never comes to rest"
        if isinstance(step, Open):
            book.opened(step.contract, step.contract.conid, 1000 + step.contract.conid)
            done.append(f"+{step.contract.conid}")
        else:
            book.closed(step.line)
            done.append(f"-{step.line.con_id}")
    return done


def test_indices_come_first_then_underlyings_then_options_as_given() -> None:
    book = LineBook(4)
    wanted = [put(6900), put(6800), put(6700), AAPL, SPX]
    book.want(wanted)
    assert work_off(book, 0, wanted) == ["+1", "+2", "+6900", "+6800"]
    assert book.left_out(0) == 1


def test_a_contract_that_is_not_qualified_yet_holds_nobody_up() -> None:
    book = LineBook(4)
    book.want([SPX, put(6800), put(6900)])
    assert work_off(book, 0, [SPX, put(6900)]) == ["+1", "+6900"]
    assert work_off(book, 1, [SPX, put(6800), put(6900)]) == ["+6800"]


def test_a_line_nobody_wants_lingers_and_is_there_again_when_one_scrolls_back() -> None:
    book = LineBook(10)
    page = [put(strike) for strike in (6700, 6800, 6900)]
    book.want(page)
    work_off(book, 0, page)
    book.want(page[1:])
    assert work_off(book, 1, page) == []
    book.want(page)
    assert work_off(book, 3, page) == []
    book.want(page[1:])
    assert work_off(book, 4, page) == []
    assert book.next_due_s(4) == 4 + LINGER_S
    assert work_off(book, 4 + LINGER_S, page) == ["-6700"]


def test_where_room_is_needed_what_was_unwanted_longest_goes_first_and_no_more_than_needed() -> None:
    book = LineBook(3)
    all_of_them = [put(strike) for strike in (6700, 6800, 6900, 7000)]
    book.want(all_of_them[:3])
    work_off(book, 0, all_of_them)
    book.want(all_of_them[1:3])
    work_off(book, 1, all_of_them)
    book.want(all_of_them[2:3])
    work_off(book, 2, all_of_them)
    book.want(all_of_them[2:])
    assert work_off(book, 3, all_of_them) == ["-6700", "+7000"]


def test_a_new_underlying_takes_the_line_of_the_last_option() -> None:
    book = LineBook(2)
    wanted = [put(6800), put(6900)]
    book.want(wanted)
    work_off(book, 0, wanted)
    book.want([*wanted, SPX])
    assert work_off(book, 0, [*wanted, SPX]) == ["-6900", "+1"]


def test_after_tws_ran_out_of_lines_what_matters_takes_the_room_of_what_matters_less() -> None:
    book = LineBook(100)
    options = [put(strike) for strike in (6700, 6800)]
    book.want(options)
    work_off(book, 0, options)
    book.want([SPX, *options])
    assert work_off(book, 1, [SPX, *options]) == ["+1"]
    line = book.line_of(1)
    assert line is not None
    book.closed(line)
    book.met_limit(1)
    assert work_off(book, 1, [SPX, *options]) == ["-6800", "+1"]
    assert work_off(book, 60, [SPX, *options]) == []
    assert work_off(book, 61, [SPX, *options]) == ["+6800"]


def test_a_tws_without_any_line_is_not_asked_again_at_once() -> None:
    book = LineBook(100)
    book.want([SPX])
    work_off(book, 0, [SPX])
    line = book.line_of(1)
    assert line is not None
    book.closed(line)
    book.met_limit(0)
    assert work_off(book, 1, [SPX]) == []
    assert book.next_due_s(1) == 60


def test_a_refused_contract_leaves_its_room_to_the_next_until_its_time_comes() -> None:
    book = LineBook(1)
    wanted = [put(6700), put(6800)]
    book.want(wanted)
    book.refuse(wanted[0].key, 30.0)
    assert work_off(book, 0, wanted) == ["+6800"]
    book.want([])
    book.want(wanted)
    assert work_off(book, 29, wanted) == []
    assert work_off(book, 30, wanted) == ["-6800", "+6700"]


def test_a_contract_refused_for_good_is_asked_for_after_a_new_connection() -> None:
    book = LineBook(2)
    book.want([SPX])
    book.refuse(SPX.key, None)
    assert work_off(book, 1e6, [SPX]) == []
    book.reset()
    assert work_off(book, 1e6, [SPX]) == ["+1"]


def test_complaints_about_closed_lines_are_known_and_their_memory_is_bounded() -> None:
    book = LineBook(1)
    for strike in range(1, 2001):
        book.want([put(strike)])
        work_off(book, strike, [put(strike)])
    assert book.was_line(1000 + 1999)
    assert not book.was_line(1000 + 1000)
    assert len(book._closed_requests) <= 256


@given(
    budget=st.integers(1, 12),
    pages=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 15), st.booleans()), min_size=1, max_size=25),
)
def test_after_any_scrolling_the_plan_is_open_and_the_budget_holds(
    budget: int, pages: list[tuple[int, int, bool]]
) -> None:
    book, now_s = LineBook(budget), 0.0
    for first, count, with_index in pages:
        now_s += 0.7
        page = [put(strike) for strike in range(first + 10, first + 10 + count)] + [SPX] * with_index
        book.want(page)
        work_off(book, now_s, page)
        open_ids = {line.con_id for line in book.open_lines}
        assert len(open_ids) <= budget
        best = ([SPX] * with_index + page[:count])[:budget]
        assert {contract.conid for contract in best} <= open_ids
    work_off(book, now_s + LINGER_S + 0.1, page)
    assert {line.con_id for line in book.open_lines} == {contract.conid for contract in best}


@given(st.floats(0.1, 1e7))
def test_a_line_is_due_at_the_very_time_that_was_named(start_s: float) -> None:
    book = LineBook(2)
    book.want([SPX])
    work_off(book, start_s, [SPX])
    book.want([])
    work_off(book, start_s, [SPX])
    due_s = book.next_due_s(start_s)
    assert due_s is not None
    assert work_off(book, due_s, [SPX]) == ["-1"]


def test_an_equal_contract_from_elsewhere_keeps_its_line() -> None:
    book = LineBook(2)
    book.want([SPX])
    work_off(book, 0, [SPX])
    book.want([replace(SPX, conid=0)])
    assert work_off(book, 100, [SPX]) == []
