"""What a statement is to a desk that knows nothing, something, or all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.statements.booking import Booking, Verdict, plan_of
from models.contract import underlying_contract
from models.enums import Action, BrokerName
from models.ids import AccountId, ExecutionId
from models.statement import (
    KnownToStatements,
    SkippedRow,
    Statement,
    StatementLine,
    StatementSection,
    TradeLine,
)
from models.trade import Execution

ACCOUNT = AccountId("DU5550001")
AT = datetime(2026, 11, 9, 17, 4, 40, tzinfo=UTC)
KEY = ExecutionId("0001938c.6a59af42.01")
NOTHING = KnownToStatements({}, (), frozenset(), frozenset(), frozenset())


def fill(quantity: int = 2, price: str = "0.73", revision: int = 1, key: str = KEY) -> Execution:
    return Execution(
        broker=BrokerName.IBKR,
        account_id=ACCOUNT,
        execution_id=ExecutionId(key),
        broker_order_id=None,
        order_id=None,
        contract=underlying_contract("CZR"),
        action=Action.BUY,
        quantity=Decimal(quantity),
        price=Decimal(price),
        executed_at_utc=AT,
        revision=revision,
    )


def booked(no: int, execution: Execution, fee: str | None = "1.00", trade: str = "1786") -> TradeLine:
    return TradeLine(
        section=StatementSection.TRADES,
        account_id=ACCOUNT,
        line_id=f"booked:{no}" if no else f"TradeConfirm:{execution.execution_id}.{execution.revision}",
        line_no=no,
        trade_id=trade,
        cancels="",
        execution=execution,
        fee=None if fee is None else Decimal(fee),
        is_preliminary=no == 0,
        place=f"Trade {no}",
    )


def cancel(no: int, fee: str = "0", trade: str = "1786") -> TradeLine:
    line = booked(no, fill(), fee, "")
    return replace(line, line_id=f"cancel:{no}", cancels=trade, execution=None)


def statement(*lines: TradeLine) -> Statement:
    return Statement(BrokerName.IBKR, "x.xml", lines, (), (), (), ())


def after(known: KnownToStatements, *lines: TradeLine) -> KnownToStatements:
    """What the desk knows once these lines are imported."""
    plan = plan_of(statement(*lines), known)
    executions = dict(known.executions)
    stored = list(known.lines)
    for booking in plan.bookings:
        if booking.is_written:
            executions[booking.execution.account_id, booking.execution.execution_id] = booking.execution
        stored += booking.lines
    return replace(known, executions=executions, lines=tuple(stored))


def live(*executions: Execution) -> KnownToStatements:
    return replace(NOTHING, executions={(one.account_id, one.execution_id): one for one in executions})


def only(known: KnownToStatements, *lines: TradeLine) -> Booking:
    (booking,) = plan_of(statement(*lines), known).bookings
    return booking


ORIGINAL, CANCEL, AGAIN = booked(81, fill(2), "1.3666"), cancel(83), booked(84, fill(1, revision=2), "-0.3333")


def test_a_fill_nobody_saw_is_new_with_its_fee() -> None:
    booking = only(NOTHING, ORIGINAL)
    assert (booking.verdict, booking.execution.fee, booking.execution.revision) == (Verdict.NEW, Decimal("1.3666"), 1)


def test_booked_cancelled_and_booked_again_is_one_execution_in_its_last_revision() -> None:
    booking = only(NOTHING, ORIGINAL, CANCEL, AGAIN)
    assert booking.verdict is Verdict.NEW
    assert (int(booking.execution.quantity), booking.execution.revision) == (1, 2)
    assert booking.execution.fee == Decimal("1.0333")
    assert len(booking.lines) == 3


def test_what_was_seen_live_is_known_and_a_missing_fee_is_filled_in() -> None:
    seen = only(live(fill()), ORIGINAL)
    assert (seen.verdict, seen.is_fee_new, seen.execution.fee) == (Verdict.KNOWN, True, Decimal("1.3666"))
    known = only(live(replace(fill(), fee=Decimal("1.37"))), ORIGINAL)
    assert (known.verdict, known.is_fee_new) == (Verdict.KNOWN, False)
    other = only(live(replace(fill(), fee=Decimal("2.37"))), ORIGINAL)
    assert (other.is_fee_new, other.execution.fee) == (True, Decimal("1.3666"))


def test_the_same_fill_with_a_rounded_price_another_time_or_contract_is_the_same() -> None:
    seen = replace(fill(price="0.7300000001"), executed_at_utc=AT + timedelta(microseconds=3))
    assert only(live(replace(seen, contract=underlying_contract("CZR1"))), ORIGINAL).verdict is Verdict.KNOWN


def test_a_correction_the_desk_saw_live_is_known_and_an_older_statement_does_not_undo_it() -> None:
    corrected = live(fill(1, revision=2))
    assert only(corrected, ORIGINAL, CANCEL, AGAIN).verdict is Verdict.KNOWN
    assert only(corrected, ORIGINAL).verdict is Verdict.KNOWN


def test_a_later_statement_corrects_what_an_earlier_one_or_the_live_desk_had() -> None:
    for known in (after(NOTHING, ORIGINAL), after(live(fill()), ORIGINAL)):
        booking = only(known, CANCEL, AGAIN)
        assert (booking.verdict, int(booking.execution.quantity), booking.execution.revision) == (
            Verdict.CORRECTED,
            1,
            2,
        )
        assert booking.execution.fee == Decimal("1.0333")
        assert booking.before is not None
        assert booking.before.quantity == 2


def test_the_same_id_booked_again_with_other_figures_is_a_correction() -> None:
    booking = only(live(fill()), ORIGINAL, CANCEL, booked(84, fill(1)))
    assert (booking.verdict, int(booking.execution.quantity), booking.execution.revision) == (Verdict.CORRECTED, 1, 2)
    same = only(live(fill()), ORIGINAL, CANCEL, booked(84, fill(2)))
    assert same.verdict is Verdict.KNOWN


def test_a_cancel_alone_busts_the_trade_and_a_cancel_of_nothing_known_is_left_out() -> None:
    booking = only(after(NOTHING, ORIGINAL), CANCEL)
    assert (booking.verdict, int(booking.execution.quantity), booking.execution.revision) == (Verdict.CORRECTED, 0, 2)
    plan = plan_of(statement(CANCEL), NOTHING)
    assert not plan.bookings
    assert "cancels trade 1786, which neither this nor an earlier imported statement has" in plan.skipped[0].reason


def test_what_was_booked_and_cancelled_in_one_statement_never_counts_and_stays_known() -> None:
    plan = plan_of(statement(ORIGINAL, CANCEL), NOTHING)
    assert [one.verdict for one in plan.bookings] == [Verdict.CANCELLED]
    assert [row.reason for row in plan.skipped] == ["the broker cancelled it in the same statement"]
    known = after(NOTHING, ORIGINAL, CANCEL)
    assert only(known, ORIGINAL).verdict is Verdict.KNOWN
    assert only(known, AGAIN).verdict is Verdict.CORRECTED


def test_a_confirmation_gives_way_to_the_booked_line_and_never_comes_back() -> None:
    confirm = booked(0, fill(), "1.40")
    known = after(NOTHING, confirm)
    booking = only(known, ORIGINAL)
    assert (booking.verdict, booking.execution.fee) == (Verdict.KNOWN, Decimal("1.3666"))
    final = after(known, ORIGINAL, CANCEL, AGAIN)
    again = only(final, confirm)
    assert (again.verdict, again.is_written) == (Verdict.KNOWN, False)


def test_a_correction_that_names_only_the_trade_supersedes_that_trades_execution() -> None:
    line = replace(booked(90, fill(2, "0.75", key="trade-99"), trade="99"), cancels="1786")
    booking = only(after(NOTHING, ORIGINAL), line)
    assert (booking.execution.execution_id, booking.execution.price) == (KEY, Decimal("0.75"))
    assert booking.verdict is Verdict.CORRECTED
    assert only(NOTHING, line).execution.execution_id == "trade-99"


@given(st.permutations([(ORIGINAL,), (CANCEL, AGAIN), (ORIGINAL, CANCEL, AGAIN), (booked(0, fill(), "1.40"),)]))
def test_statements_imported_in_any_order_again_and_again_end_alike(files: list[tuple[TradeLine, ...]]) -> None:
    known = NOTHING
    for lines in (*files, *files):
        known = after(known, *lines)
    (execution,) = known.executions.values()
    assert execution.quantity == 1
    assert execution.fee == Decimal("1.0333")
    for lines in files:
        plan = plan_of(statement(*lines), known)
        assert not any(booking.is_written for booking in plan.bookings)


amounts = st.decimals(min_value="0.0001", max_value="99999", places=4)


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=6), st.sets(st.integers(0, 5)))
def test_money_is_kept_to_the_last_digit_whatever_was_known_before(
    rows: list[tuple[Decimal, Decimal]], seen: set[int]
) -> None:
    fills = [
        replace(fill(price=str(price), key=f"e{at}"), execution_id=ExecutionId(f"e{at}"))
        for at, (price, _) in enumerate(rows)
    ]
    lines = [booked(at + 1, one, str(rows[at][1]), f"t{at}") for at, one in enumerate(fills)]
    known = after(live(*(one for at, one in enumerate(fills) if at in seen)), *lines)
    booked_now = list(known.executions.values())
    assert sum(one.price for one in booked_now) == sum(price for price, _ in rows)
    assert sum(one.fee or Decimal(0) for one in booked_now) == sum(fee for _, fee in rows)


def test_a_line_given_twice_in_a_file_counts_once() -> None:
    booking = only(NOTHING, ORIGINAL, ORIGINAL)
    assert booking.execution.fee == Decimal("1.3666")
    assert len(booking.lines) == 1


@pytest.mark.parametrize("known", [NOTHING, live(fill())])
def test_rows_the_reader_left_out_stay_left_out(known: KnownToStatements) -> None:
    row = SkippedRow(StatementSection.TRADES, "Trade 9", "it is a bond")
    assert plan_of(replace(statement(ORIGINAL), skipped=(row,)), known).skipped == [row]


def test_lines_of_other_executions_say_nothing() -> None:
    other = StatementLine(
        BrokerName.IBKR, ACCOUNT, "booked:999", 999, "5", ExecutionId("other"), Decimal(9), is_preliminary=False
    )
    booking = only(replace(NOTHING, lines=(other,)), ORIGINAL)
    assert (booking.verdict, booking.execution.fee) == (Verdict.NEW, Decimal("1.3666"))
