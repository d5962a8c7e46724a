from __future__ import annotations

import asyncio
import dataclasses
import json
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Connection

from database.codec import to_text
from database.errors import DuplicateIntent, NoSuchRow, StorageBug
from database.orders import load_orders
from database.reader import JournalReader
from database.store import SqliteStorage
from models.enums import BreachState, BrokerName, JournalStatus, Metric, OrderStatus, Regime, TradingState
from models.ids import AccountId, ExecutionId, OrderId, new_uuid
from models.order import Order
from models.position import UnifiedPosition
from models.records import AuditKind, LoadedState
from models.risk import AITradeSuggestion, RiskBreach
from models.trade import JournalEntry
from tests.database.builders import (
    ACCOUNT,
    CALL,
    NOW,
    PUT,
    a_snapshot,
    an_audit,
    an_entry,
    an_execution,
    an_order,
    open_paper,
    sql,
)

PAPER = BrokerName.PAPER


def load(storage: SqliteStorage) -> LoadedState:
    return asyncio.run(storage.load([ACCOUNT]))


def rows(storage: SqliteStorage, table: str) -> int:
    with closing(sqlite3.connect(storage.path)) as raw:
        return int(raw.execute(sql("SELECT count(*) FROM $table", table=table)).fetchone()[0])


def write(storage: SqliteStorage, entry: JournalEntry, order: Order | None, **state: object) -> bool:
    audit = an_audit(AuditKind.JOURNALED, None if order is None else order.id, **state)
    return asyncio.run(storage.write_journal(entry, order, PAPER, audit))


def a_filled(storage: SqliteStorage, *execution_ids: str) -> Order:
    order = an_order()
    asyncio.run(storage.commit_intent(order, PAPER, an_audit(AuditKind.INTENT, order.id)))
    fills = [an_execution(execution_id, order_id=order.id) for execution_id in execution_ids]
    asyncio.run(storage.record_executions(fills, [an_audit(AuditKind.EXECUTION, order.id)]))
    filled = order.to(OrderStatus.FILLED)
    asyncio.run(storage.save_order(filled, PAPER, []))
    return filled


def a_breach(state: BreachState = BreachState.DETECTED, **changed: object) -> RiskBreach:
    breach = RiskBreach(
        id=new_uuid(),
        breach_type="VEGA_TOO_LOW",
        metric=Metric.VEGA,
        threshold=-1000.0,
        actual_value=-1200.25,
        regime=Regime.HIGH_VOL,
        detected_at=NOW,
        state=state,
    )
    return dataclasses.replace(breach, **changed)  # type: ignore[arg-type]


def test_a_new_database_is_empty_and_active(storage: SqliteStorage) -> None:
    state = load(storage)
    assert (state.orders, state.executions, state.open_breaches, state.positions) == ((), (), (), ())
    assert (state.trading_state, state.trading_state_reason) == (TradingState.ACTIVE, "")
    assert not storage.is_read_only


def test_an_order_survives_a_restart_whole(storage: SqliteStorage) -> None:
    order = an_order(OrderStatus.PARTIAL)
    asyncio.run(storage.save_order(order, PAPER, [an_audit(order_id=order.id)]))
    storage.close()
    again = open_paper(storage.path)
    (stored,) = load(again).orders
    again.close()
    assert to_text(stored.order) == to_text(order)
    assert (stored.broker, stored.intent_at_utc, stored.journal_id) == (PAPER, None, None)


def test_only_the_newest_state_of_an_order_is_kept_but_its_whole_trail(storage: SqliteStorage) -> None:
    order = an_order(OrderStatus.PENDING)
    for status in (OrderStatus.PENDING, OrderStatus.CANCEL_PENDING, OrderStatus.CANCELLED):
        order = order.to(status)
        asyncio.run(storage.save_order(order, PAPER, [an_audit(order_id=order.id, status=status.value)]))
    assert rows(storage, "orders") == 1
    assert rows(storage, "order_audit_log") == 3
    assert load(storage).orders == ()


def test_an_intent_is_committed_once_and_never_again(storage: SqliteStorage) -> None:
    order = an_order()
    asyncio.run(storage.commit_intent(order, PAPER, an_audit(AuditKind.INTENT, order.id)))
    with pytest.raises(DuplicateIntent, match="it is not sent again"):
        asyncio.run(storage.commit_intent(order, PAPER, an_audit(AuditKind.INTENT, order.id)))
    assert rows(storage, "order_intents") == 1
    assert rows(storage, "order_audit_log") == 1
    assert load(storage).orders[0].intent_at_utc == NOW


def test_intents_are_counted_since_the_start_of_the_day(storage: SqliteStorage) -> None:
    for _ in range(3):
        asyncio.run(storage.commit_intent(an_order(), PAPER, an_audit()))
    assert asyncio.run(storage.count_intents(NOW)) == 3
    assert asyncio.run(storage.count_intents(NOW + timedelta(microseconds=1))) == 0


def test_a_failed_job_leaves_nothing_behind(storage: SqliteStorage) -> None:
    order = an_order()
    broken = an_audit(AuditKind.INTENT, order.id, price=float("nan"))
    with pytest.raises(Exception, match="cannot be stored"):
        asyncio.run(storage.commit_intent(order, PAPER, broken))
    assert rows(storage, "orders") == rows(storage, "order_intents") == rows(storage, "order_audit_log") == 0


def test_a_repeated_execution_is_known_and_a_correction_supersedes(storage: SqliteStorage) -> None:
    first, other = an_execution("a"), an_execution("b")
    corrected = an_execution("a", revision=2, price="12.40")
    assert asyncio.run(storage.record_executions([first, other], [])) == (True, True)
    assert asyncio.run(storage.record_executions([first, corrected], [])) == (False, True)
    assert asyncio.run(storage.record_executions([corrected, first], [])) == (False, False)
    assert rows(storage, "executions") == 3
    newest = {(one.execution_id, one.revision, one.price) for one in load(storage).executions}
    assert newest == {("a", 2, Decimal("12.40")), ("b", 1, Decimal("12.50"))}


def test_a_late_lower_revision_is_kept_but_does_not_count(storage: SqliteStorage) -> None:
    asyncio.run(storage.record_executions([an_execution("a", revision=3, price="3")], []))
    assert asyncio.run(storage.record_executions([an_execution("a", revision=2, price="2")], [])) == (False,)
    assert rows(storage, "executions") == 2
    assert load(storage).executions[0].price == Decimal(3)


def test_a_fee_is_booked_once_and_its_newest_value_holds(storage: SqliteStorage) -> None:
    one = an_execution("a")
    asyncio.run(storage.record_executions([one], []))
    assert load(storage).executions[0].fee is None
    booked = [asyncio.run(storage.record_fee(PAPER, ACCOUNT, ExecutionId("a"), fee)) for fee in ("1.30", "1.3", "1.35")]
    assert booked == [True, False, True]
    assert load(storage).executions[0].fee == Decimal("1.35")
    assert rows(storage, "execution_fees") == 2


def test_a_fee_that_comes_with_a_known_execution_is_booked(storage: SqliteStorage) -> None:
    asyncio.run(storage.record_executions([an_execution("a")], []))
    assert asyncio.run(storage.record_executions([an_execution("a", fee="0.65")], [])) == (False,)
    assert load(storage).executions[0].fee == Decimal("0.65")


def test_old_executions_of_finished_orders_are_not_loaded(storage: SqliteStorage) -> None:
    old = dataclasses.replace(an_execution("old"), executed_at_utc=NOW - timedelta(days=8))
    asyncio.run(storage.record_executions([old, an_execution("new")], []))
    assert [one.execution_id for one in load(storage).executions] == ["new"]


def test_a_ticket_that_was_only_simulated_is_loaded_for_a_day_and_an_intent_for_ever(storage: SqliteStorage) -> None:
    ticket, sent = an_order(OrderStatus.SIMULATED, order_id=OrderId(new_uuid())), an_order()
    asyncio.run(storage.save_order(ticket, BrokerName.PAPER, []))
    asyncio.run(storage.commit_intent(sent, BrokerName.PAPER, an_audit(AuditKind.INTENT, sent.id)))

    def loaded(after: timedelta) -> set[OrderId]:
        found = storage._writer.read_now("testing", lambda c: load_orders(c, [ACCOUNT], NOW + after))
        return {one.order.id for one in found}

    assert loaded(timedelta(hours=20)) == {ticket.id, sent.id}
    assert loaded(timedelta(days=300)) == {sent.id}


def test_a_filled_order_without_its_journal_row_is_loaded_until_it_has_one(storage: SqliteStorage) -> None:
    order = a_filled(storage, "a", "b")
    (stored,) = load(storage).orders
    assert (stored.order.id, stored.journal_id, stored.intent_at_utc) == (order.id, None, NOW)
    assert load(storage).journaled == frozenset()
    assert write(storage, an_entry(order_id=order.id), order, execution_ids=["a", "b"], revisions=[1, 1])
    assert load(storage).orders == ()
    assert load(storage).journaled == frozenset((ACCOUNT, ExecutionId(name), 1) for name in "ab")


def test_an_event_gets_one_row_however_often_it_is_written(storage: SqliteStorage) -> None:
    order = a_filled(storage, "a")
    entry = an_entry(order_id=order.id)
    assert write(storage, entry, order, execution_ids=["a"])
    assert not write(storage, entry, order, execution_ids=["a"])
    assert not write(storage, an_entry(order_id=order.id), order, execution_ids=["a"])
    assert not write(storage, an_entry(order_id=order.id), order)
    assert rows(storage, "trade_journal") == rows(storage, "order_journal") == 1


def test_a_late_fill_and_a_correction_get_rows_of_their_own(storage: SqliteStorage) -> None:
    order = a_filled(storage, "a")
    write(storage, an_entry(order_id=order.id), order, execution_ids=["a"], revisions=[1])
    late = an_execution("late", order_id=order.id)
    correction = an_execution("a", order_id=order.id, revision=2)
    asyncio.run(storage.record_executions([late, correction], []))
    (stored,) = load(storage).orders
    assert stored.journal_id is not None
    assert write(storage, an_entry(order_id=order.id), order, execution_ids=["late"], revisions=[1])
    assert write(storage, an_entry(order_id=order.id), order, execution_ids=["a"], revisions=[2])
    assert not write(storage, an_entry(order_id=order.id), order, execution_ids=["a"], revisions=[2])
    assert load(storage).orders == ()
    with closing(sqlite3.connect(storage.path)) as raw:
        assert raw.execute("SELECT event_no FROM order_journal ORDER BY 1").fetchall() == [(1,), (2,), (3,)]


def test_what_was_traded_elsewhere_is_journaled_once(storage: SqliteStorage) -> None:
    asyncio.run(storage.record_executions([an_execution("outside")], []))
    assert write(storage, an_entry(), None, execution_ids=["outside"])
    assert not write(storage, an_entry(), None, execution_ids=["outside"])
    assert rows(storage, "trade_journal") == 1


def test_a_journal_row_has_the_documented_shape(storage: SqliteStorage) -> None:
    entry = an_entry(rationale=None)
    write(storage, entry, None)
    with closing(sqlite3.connect(storage.path)) as raw:
        raw.row_factory = sqlite3.Row
        row = dict(raw.execute("SELECT * FROM trade_journal").fetchone())
    (leg,) = json.loads(row["legs_json"])
    assert leg == {
        "symbol": PUT.key,
        "expiry": "2026-06-15",
        "strike": 6800.0,
        "right": "P",
        "action": "SELL",
        "qty": 2,
        "fill_price": 12.5,
        "conid": "265598",
        "multiplier": 100.0,
    }
    greeks = json.loads(row["pre_greeks_json"])
    assert {name: greeks[name] for name in ("spx_delta", "gamma", "theta", "vega")} == {
        "spx_delta": -120.5,
        "gamma": -8.2,
        "theta": 340.0,
        "vega": -1200.0,
    }
    assert row["post_greeks_json"] == "{}"
    assert row["created_at"] == "2026-05-04T19:45:12.123456Z"
    assert (row["broker"], row["status"], row["regime"]) == ("PAPER", "FILLED", "MEDIUM_VOL")
    assert (row["net_debit_credit"], row["vix_at_fill"], row["spx_price_at_fill"]) == (-2500.0, 17.4, 7200.75)


def test_a_row_without_legs_is_our_mistake_and_is_refused(storage: SqliteStorage) -> None:
    order = a_filled(storage, "a")
    with pytest.raises(StorageBug, match="tj_legs_are_an_array"):
        write(storage, an_entry(order_id=order.id, legs=(), status=JournalStatus.PARTIAL), order)
    assert rows(storage, "journal_executions") == rows(storage, "order_journal") == 0


def test_a_row_that_is_not_there_cannot_be_edited(storage: SqliteStorage) -> None:
    with pytest.raises(NoSuchRow, match="Refresh the journal"):
        asyncio.run(storage.edit_journal(new_uuid(), user_rationale="x", tags=None, at_utc=NOW))


def test_a_slot_takes_one_snapshot_and_on_demand_ones_are_free(storage: SqliteStorage) -> None:
    slot = NOW.replace(minute=45, second=0, microsecond=0)
    assert asyncio.run(storage.last_slot(ACCOUNT)) is None
    assert asyncio.run(storage.write_snapshot(a_snapshot(), slot))
    assert not asyncio.run(storage.write_snapshot(a_snapshot(), slot))
    assert asyncio.run(storage.write_snapshot(a_snapshot(), None))
    assert not asyncio.run(storage.record_missed_slot(slot, ACCOUNT, "asleep"))
    later = slot + timedelta(minutes=15)
    assert asyncio.run(storage.record_missed_slot(later, ACCOUNT, "asleep"))
    assert not asyncio.run(storage.write_snapshot(a_snapshot(), later))
    assert asyncio.run(storage.last_slot(ACCOUNT)) == later
    assert rows(storage, "account_snapshots") == 2


def test_an_account_is_known_until_its_newest_snapshot_execution_or_reconciliation(storage: SqliteStorage) -> None:
    assert asyncio.run(storage.known_until()) == {}
    other = AccountId("OTHER1")
    asyncio.run(storage.write_snapshot(a_snapshot(NOW - timedelta(days=2), other), None))
    asyncio.run(storage.record_executions([an_execution()], []))
    executed = an_execution().executed_at_utc
    assert asyncio.run(storage.known_until()) == {ACCOUNT: executed, other: NOW - timedelta(days=2)}
    held = UnifiedPosition(PAPER, other, PUT, Decimal(1), Decimal("1.10"), None, NOW)
    asyncio.run(storage.save_positions(other, [held], NOW + timedelta(hours=1)))
    asyncio.run(storage.write_snapshot(a_snapshot(executed + timedelta(days=1)), None))
    # A slot that was missed tells nothing of the account.
    asyncio.run(storage.record_missed_slot(NOW + timedelta(days=9), other, "asleep"))
    assert asyncio.run(storage.known_until()) == {
        ACCOUNT: executed + timedelta(days=1),
        other: NOW + timedelta(hours=1),
    }


def test_positions_are_replaced_account_by_account(storage: SqliteStorage) -> None:
    def held(quantity: int) -> UnifiedPosition:
        return UnifiedPosition(PAPER, ACCOUNT, PUT, Decimal(quantity), Decimal("1.10"), Decimal("1.05"), NOW)

    short_call = UnifiedPosition(PAPER, ACCOUNT, CALL, Decimal("-0.5"), Decimal("3.333"))
    asyncio.run(storage.save_positions(ACCOUNT, [held(-1), short_call], NOW))
    assert {position.contract.key: position for position in load(storage).positions} == {
        PUT.key: held(-1),
        CALL.key: short_call,
    }
    asyncio.run(storage.save_positions(ACCOUNT, [held(-2)], NOW))
    assert load(storage).positions == (held(-2),)
    asyncio.run(storage.save_positions(ACCOUNT, [], NOW))
    assert load(storage).positions == ()


def test_a_breach_lives_until_it_is_archived_and_keeps_its_suggestions(
    storage: SqliteStorage, reader: JournalReader
) -> None:
    breach = a_breach()
    asyncio.run(storage.save_breach(breach))
    assert load(storage).open_breaches == (breach,)
    offers = tuple(AITradeSuggestion(new_uuid(), an_order().legs, 10.5, -3.25, f"cure {n}") for n in range(3))
    shown = dataclasses.replace(breach, state=BreachState.SHOWN, suggestions=offers)
    asyncio.run(storage.save_breach(shown))
    asyncio.run(storage.save_breach(shown))
    assert load(storage).open_breaches == (shown,)
    gone = dataclasses.replace(shown, state=BreachState.ARCHIVED, archived_at=NOW)
    asyncio.run(storage.save_breach(gone))
    assert load(storage).open_breaches == ()
    assert reader.breaches() == (gone,)
    assert reader.breaches(since_utc=NOW + timedelta(seconds=1)) == ()
    assert rows(storage, "signals") == 3


def test_the_kill_switch_survives_a_restart_and_keeps_its_history(storage: SqliteStorage) -> None:
    for state, reason in ((TradingState.HALTED, "user"), (TradingState.REDUCING, "margin")):
        asyncio.run(storage.save_trading_state(state, reason, NOW))
    storage.close()
    again = open_paper(storage.path)
    loaded = load(again)
    again.close()
    assert (loaded.trading_state, loaded.trading_state_reason) == (TradingState.REDUCING, "margin")
    assert rows(again, "desk_state") == 2


def test_settings_are_remembered_with_what_they_were(storage: SqliteStorage) -> None:
    for value in ('{"a":1}', '{"a":1}', '{"a":2}'):
        asyncio.run(storage.save_setting("limits", value, NOW))
    asyncio.run(storage.save_setting("betas", "{}", NOW))
    asyncio.run(storage.save_trading_state(TradingState.HALTED, "user", NOW))
    assert asyncio.run(storage.load_settings()) == {"limits": '{"a":2}', "betas": "{}"}
    assert rows(storage, "desk_state") == 4


def test_writes_from_many_tasks_are_all_kept_in_order(storage: SqliteStorage) -> None:
    async def many() -> None:
        await asyncio.gather(*(storage.audit([an_audit(number=number)]) for number in range(200)))

    asyncio.run(many())
    with closing(sqlite3.connect(storage.path)) as raw:
        numbers = [json.loads(row[0])["number"] for row in raw.execute("SELECT state_json FROM order_audit_log")]
    assert numbers == list(range(200))
    assert asyncio.run(storage.verify()).is_sound


def test_a_caller_that_is_cancelled_while_its_write_waits_is_written_all_the_same(storage: SqliteStorage) -> None:
    gate = threading.Event()

    def wait(connection: Connection) -> None:
        gate.wait(timeout=30)

    async def cancelled() -> None:
        before = asyncio.create_task(storage._writer.read("waiting", wait))
        task = asyncio.create_task(storage.save_order(an_order(), PAPER, []))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.set()
        await before

    asyncio.run(cancelled())
    storage.close()
    assert rows(storage, "orders") == 1


def test_after_closing_a_write_is_our_mistake(storage: SqliteStorage) -> None:
    storage.close()
    storage.close()
    with pytest.raises(StorageBug, match="after the database was closed"):
        asyncio.run(storage.audit([an_audit()]))


def test_an_unknown_order_has_no_trail(reader: JournalReader) -> None:
    assert reader.order_audit(OrderId(new_uuid())) == ()
