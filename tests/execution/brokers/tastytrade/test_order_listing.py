"""What a snapshot of Tastytrade holds: orders, executions with fees, days missed, settlements."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from execution.brokers.port import ExecutionEvent, FeeEvent, NoticeEvent
from execution.brokers.tastytrade import order_watch
from execution.brokers.tastytrade.order_listing import told_since
from models.enums import OrderStatus
from models.errors import BrokerFailure, FailureKind
from models.trade import ExecutionKind
from tests.execution.brokers.tastytrade.fake_wire import ACCOUNT_NUMBER, offline
from tests.execution.brokers.tastytrade.order_kit import (
    FOREIGN_SOURCE,
    OPTIONS,
    START,
    Bench,
    condor,
    frame,
    play,
    transaction,
    transactions_of,
    without_fills,
)

_S = OrderStatus
_DAY = 86400.0
_LAST_SEEN = START - timedelta(days=3)


# --- snapshots --------------------------------------------------------------------------------------------------------


def test_a_snapshot_tells_working_and_ended_orders_and_executions_with_fees() -> None:
    async def scenario(desk: Bench) -> None:
        working, ended = condor(), condor(2)
        await desk.sent(working)
        done = frame(ended, "Filled", tasty_id="400", at_s=1, filled=2)
        desk.wire.put(done)
        desk.wire.moved[ACCOUNT_NUMBER] = transactions_of(done)
        snapshot = await desk.desk.snapshot()
        assert [each.order_id for each in snapshot.open_orders] == [working.id]
        assert [(each.order_id, each.status) for each in snapshot.completed_orders] == [(ended.id, _S.FILLED)]
        assert [each.fee for each in snapshot.executions] == [Decimal("1.25")] * 8
        assert snapshot.executions_since_utc == datetime(2026, 5, 4, 4, 0, tzinfo=UTC)
        again = await desk.desk.snapshot()
        assert again.executions == snapshot.executions

    play(scenario)


def test_a_snapshot_fails_when_a_part_is_not_answered() -> None:
    async def scenario(desk: Bench) -> None:
        for call in ("orders", "live_orders", "transactions"):
            desk.wire.failures[call].append(offline())
            with pytest.raises(BrokerFailure):
                await desk.desk.snapshot()

    play(scenario)


@pytest.mark.parametrize("kind", [FailureKind.PROTOCOL, FailureKind.REJECTED])
def test_an_order_nobody_can_read_costs_no_snapshot_and_its_fills_come_out_of_the_transactions(
    kind: FailureKind,
) -> None:
    async def scenario(desk: Bench) -> None:
        done = frame(condor(), "Filled", filled=1)
        desk.wire.put(done)
        desk.wire.hidden.add(done.order_id)  # set aside when it was listed
        desk.wire.moved[ACCOUNT_NUMBER] = transactions_of(done)
        desk.wire.failures["order"].append(BrokerFailure(kind, "The answer cannot be read.", broker="TASTYTRADE"))
        snapshot = await desk.desk.snapshot()
        assert len(snapshot.executions) == 4
        assert any("cannot be read" in text for text in desk.odd())
        desk.wire.failures["order"].append(offline())
        desk.wire.moved[ACCOUNT_NUMBER] = transactions_of(replace(done, order_id="777"))
        with pytest.raises(BrokerFailure):
            await desk.desk.snapshot()

    play(scenario)


def test_a_contract_that_cannot_be_asked_for_fails_the_snapshot_and_one_unknown_is_told() -> None:
    async def scenario(desk: Bench) -> None:
        desk.wire.put(frame(condor(), "Filled", filled=1))
        desk.contracts.failure = offline()
        with pytest.raises(BrokerFailure):
            await desk.desk.snapshot()
        desk.contracts.failure = None
        desk.contracts.unknown.add(str(OPTIONS[0].key))
        snapshot = await desk.desk.snapshot()
        assert len(snapshot.executions) == 3
        assert any(str(OPTIONS[0].key) in text for text in desk.odd())

    play(scenario)


def test_an_order_that_no_list_holds_any_more_is_not_among_the_working_ones() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        desk.wire.held_orders.clear()
        assert (await desk.desk.snapshot()).open_orders == ()

    play(scenario)


def test_filled_with_legs_to_come_is_working_until_every_leg_is_filled() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor(2)
        await desk.sent(order)
        desk.wire.put(frame(order, "Filled", at_s=2, legs_filled=(2, 2, 0, 0)))
        await desk.take(frame(order, "Filled", at_s=1, legs_filled=(2, 0, 0, 0)))
        last = desk.told(order)[-1]
        assert (last.status, last.filled_packages) == (_S.PARTIAL, 0)
        assert last.reason == "Tastytrade says filled; the fills of 3 legs are still to come."
        await desk.until(lambda: len(desk.executions()) == 4)
        desk.wire.put(frame(order, "Filled", at_s=3, filled=2))
        await desk.until(lambda: desk.states(order)[-1] is _S.FILLED)
        assert len(desk.executions()) == 8

    play(scenario)


def test_fills_that_the_order_never_tells_come_out_of_transactions() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        done = frame(order, "Filled", at_s=2, filled=1)
        desk.wire.moved[ACCOUNT_NUMBER] = transactions_of(done)
        await desk.tell(without_fills(done))
        await desk.until(lambda: desk.states(order)[-1] is _S.FILLED)
        assert {each.order_id for each in desk.executions().values()} == {order.id}
        await desk.tell(done)
        assert len(desk.executions()) == 4

    play(scenario)


# --- fees -------------------------------------------------------------------------------------------------------------


def test_fees_are_read_soon_after_a_fill_and_again_when_the_night_has_changed_them() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        done = frame(order, "Filled", at_s=2, filled=1)
        await desk.tell(done)
        assert desk.fees() == {}
        desk.wire.moved[ACCOUNT_NUMBER] = transactions_of(done)
        await desk.until(lambda: len(desk.fees()) == 4)
        desk.clock.advance(timedelta(days=1))
        desk.wire.moved[ACCOUNT_NUMBER] = transactions_of(done, fees="1.31", is_estimated=False)
        await desk.desk.look()
        assert set(desk.fees().values()) == {Decimal("1.31")}
        told = [event for event in desk.events if isinstance(event, FeeEvent)]
        assert len(told) == 8
        await desk.desk.look()
        assert len([event for event in desk.events if isinstance(event, FeeEvent)]) == 8

    play(scenario)


def test_a_desk_that_stays_on_over_midnight_reads_estimates_again_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_watch, "_REREAD_EVERY_S", 0.01)

    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        done = frame(order, "Filled", at_s=2, filled=1)
        desk.wire.moved[ACCOUNT_NUMBER] = transactions_of(done)
        await desk.tell(done)
        await desk.until(lambda: len(desk.fees()) == 4)
        asked = desk.wire.count("transactions")
        await asyncio.sleep(0.05)
        assert desk.wire.count("transactions") == asked  # estimates of today: nothing to read before the night
        desk.clock.advance(timedelta(days=1))
        desk.wire.moved[ACCOUNT_NUMBER] = transactions_of(done, fees="1.31", is_estimated=False)
        await desk.until(lambda: set(desk.fees().values()) == {Decimal("1.31")})
        await desk.until(lambda: all(not fill.is_fee_estimated for fill in desk.desk._fills.all()))
        asked = desk.wire.count("transactions")
        await asyncio.sleep(0.05)
        assert desk.wire.count("transactions") == asked  # the night's are final

    play(scenario)


def test_estimates_of_the_desk_s_last_days_are_read_again_after_a_restart() -> None:
    async def scenario(desk: Bench) -> None:
        done = frame(condor(), "Filled", at_s=-2 * _DAY, filled=1)
        rows = transactions_of(done, fees="1.31", is_estimated=False)
        desk.wire.moved[ACCOUNT_NUMBER] = tuple(replace(row, executed_at_utc=START - timedelta(days=2)) for row in rows)
        desk.wire.put(done)
        await desk.desk.snapshot()
        assert set(desk.fees().values()) == {Decimal("1.31")}

    play(scenario, last_known=_LAST_SEEN)


# --- days missed ------------------------------------------------------------------------------------------------------


def test_days_missed_are_filled_back_to_the_desk_s_last_day() -> None:
    async def scenario(desk: Bench) -> None:
        old = frame(condor(), "Filled", tasty_id="300", at_s=-_DAY, filled=1, source=FOREIGN_SOURCE, identifier="")
        rows = [replace(row, executed_at_utc=START - timedelta(days=1), order_id="300") for row in transactions_of(old)]
        expired = transaction(
            "9100", "Receive Deliver", "Expiration", str(OPTIONS[0].key), action="Sell to Close", fees="0",
            at_utc=START - timedelta(hours=18),
        )  # fmt: skip
        desk.wire.moved[ACCOUNT_NUMBER] = (*rows, expired)
        snapshot = await desk.desk.snapshot()
        assert snapshot.executions_since_utc <= _LAST_SEEN
        kinds = [each.kind for each in snapshot.executions]
        assert (kinds.count(ExecutionKind.TRADE), kinds.count(ExecutionKind.EXPIRED_WORTHLESS)) == (4, 1)
        assert {each.broker_order_id for each in snapshot.executions} == {"300", None}

    play(scenario, last_known=_LAST_SEEN)


def test_what_the_desk_had_already_is_not_told_as_new() -> None:
    async def scenario(desk: Bench) -> None:
        before = frame(condor(), "Filled", tasty_id="300", at_s=-4 * _DAY, filled=1)
        moved = replace(
            before,
            received_at_utc=before.updated_at_utc,
            legs=tuple(
                replace(leg, fills=tuple(replace(fill, at_utc=fill.at_utc - timedelta(days=4)) for fill in leg.fills))
                for leg in before.legs
            ),
        )
        desk.wire.put(moved)
        snapshot = await desk.desk.snapshot()
        assert (snapshot.completed_orders, snapshot.executions) == ((), ())
        assert [event for event in desk.events if isinstance(event, ExecutionEvent)] == []

    play(scenario, last_known=_LAST_SEEN)


def test_an_expiration_without_a_side_is_found_in_the_trades_of_long_ago() -> None:
    async def scenario(desk: Bench) -> None:
        symbol = str(OPTIONS[0].key)
        bought = transaction(
            "1", "Trade", "Buy to Open", symbol, action="Buy to Open", price="3", order_id="7",
            at_utc=START - timedelta(days=200),
        )  # fmt: skip
        expired = transaction("2", "Receive Deliver", "Expiration", symbol)
        desk.wire.moved[ACCOUNT_NUMBER] = (bought, expired)
        (execution,) = (await desk.desk.snapshot()).executions
        assert (execution.kind, execution.signed_quantity) == (ExecutionKind.EXPIRED_WORTHLESS, Decimal(-1))
        assert execution.execution_id == "transaction/2"
        await desk.desk.snapshot()
        assert desk.wire.count("transactions") == 3

    play(scenario)


def test_an_expiration_whose_side_nobody_knows_is_told_and_not_guessed() -> None:
    async def scenario(desk: Bench) -> None:
        desk.wire.moved[ACCOUNT_NUMBER] = (
            transaction("2", "Receive Deliver", "Expiration", str(OPTIONS[0].key)),
            transaction("3", "Receive Deliver", "Forward Split", "AAPL", underlying="AAPL"),
        )
        assert (await desk.desk.snapshot()).executions == ()
        assert any("which side ended" in text for text in desk.odd())
        assert [event.text for event in desk.events if isinstance(event, NoticeEvent)] == [
            "5WX00001: Forward Split of AAPL. It is not booked as a trade; the positions show it."
        ]

    play(scenario)


def test_a_cash_settlement_is_told_once_however_often_it_is_read() -> None:
    async def scenario(desk: Bench) -> None:
        symbol = str(OPTIONS[2].key)
        money = transaction(
            "1", "Receive Deliver", "Cash Settled Assignment", symbol, price="7500", cash="-369.0", fees="5.0"
        )
        removal = transaction("2", "Receive Deliver", "Cash Settled Assignment", symbol)
        desk.wire.moved[ACCOUNT_NUMBER] = (money, removal)
        for _ in range(3):
            await desk.desk.look()
        (execution,) = desk.executions().values()
        assert (execution.kind, execution.price) == (ExecutionKind.CASH_SETTLEMENT, Decimal("3.64"))
        assert list(desk.fees().values()) == [Decimal("5.0")]
        assert len([event for event in desk.events if isinstance(event, ExecutionEvent)]) == 1

    play(scenario)


def test_after_a_long_absence_history_begins_at_the_very_instant() -> None:
    now = START
    assert told_since(now, None) == datetime(2026, 5, 4, 4, 0, tzinfo=UTC)
    assert told_since(now, now - timedelta(days=2)) == datetime(2026, 5, 2, 4, 0, tzinfo=UTC)
    long_ago = now - timedelta(days=30)
    assert told_since(now, long_ago) == long_ago
    assert told_since(now, now + timedelta(days=1)) == datetime(2026, 5, 4, 4, 0, tzinfo=UTC)
