"""Statements into a real database: what they add, what they never add twice, and what the live desk does beside it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from database.reader import JournalReader
from execution.brokers.port import BrokerSnapshot, ExecutionEvent, FeeEvent
from execution.statements import rows as row_module
from execution.statements.service import ImportStopped
from models.contract import underlying_contract
from models.enums import Action, BrokerName, OrderStatus, OrderType, TimeInForce
from models.errors import KnownError
from models.ids import AccountId, BrokerOrderId, OrderId, new_order_id
from models.order import Order, OrderLeg
from models.position import UnifiedPosition
from models.records import AuditKind, AuditRecord
from models.statement import CashKind, StatementSection
from models.trade import Execution
from tests.execution.orders.fake_broker import EMPTY_SNAPSHOT
from tests.execution.statements.conftest import Another
from tests.execution.statements.kit import ACCOUNT, ACTIVITY, CONFIRMS, NOW, ImportDesk, section

TRADES, SETTLEMENTS, CASH = StatementSection.TRADES, StatementSection.SETTLEMENTS, StatementSection.CASH
CORRECTED = "0001938c.6a59af42.01"


def live(execution: Execution, revision: int = 1) -> ExecutionEvent:
    """The same fill as TWS tells it: its own order id, no fee yet, another microsecond."""
    at_utc = execution.executed_at_utc + timedelta(microseconds=2)
    order_id = BrokerOrderId("987654321")
    return ExecutionEvent(
        replace(execution, broker_order_id=order_id, fee=None, executed_at_utc=at_utc, revision=revision)
    )


def journal(desk: ImportDesk) -> list[tuple[str, str, float, str, str]]:
    """Returns time, underlying, net, status and tags of every row, oldest first."""
    return desk.rows(
        "SELECT created_at, underlying, net_debit_credit, status, tags FROM trade_journal JOIN "
        "(SELECT journal_id, group_concat(tag, ' ') AS tags FROM (SELECT * FROM journal_tags ORDER BY tag) "
        "GROUP BY journal_id) ON journal_id = id ORDER BY created_at, underlying, net_debit_credit DESC"
    )


def test_a_statement_brings_executions_fees_cash_days_and_journal_rows(desk: ImportDesk) -> None:
    report = desk.take()
    assert section(report, TRADES) == (9, 7, 0, 0, 2)
    assert section(report, SETTLEMENTS) == (4, 4, 0, 0, 0)
    assert section(report, CASH) == (6, 6, 0, 0, 0)
    told = desk.executions()
    assert len(told) == 11
    assert told[CORRECTED].quantity == 1
    assert told[CORRECTED].fee == Decimal("1.0333")
    assert report.fees_usd == sum((one.fee for one in told.values() if one.fee is not None), Decimal(0))
    assert {(one.kind, one.currency): one.amount for one in report.cash} == {
        (CashKind.TRANSFER, "USD"): Decimal(25000),
        (CashKind.DIVIDEND, "USD"): Decimal(26),
        (CashKind.TAX, "USD"): Decimal("-3.9"),
        (CashKind.INTEREST, "USD"): Decimal("41.27"),
        (CashKind.INTEREST, "EUR"): Decimal("-0.84"),
        (CashKind.FEE, "USD"): Decimal("-1.5"),
    }
    assert desk.rows("SELECT account_id, first_day, last_day, source FROM statement_days") == [
        (ACCOUNT, "2026-11-02", "2026-11-13", "activity.xml")
    ]
    assert desk.run(desk.storage.verify()).problems == ()


def test_journal_rows_carry_the_trades_own_time_and_no_market_that_nobody_knows(desk: ImportDesk) -> None:
    report = desk.take()
    assert report.journal_rows == 8
    assert [(at[:19], *rest) for at, *rest in journal(desk)] == [
        ("2026-11-02T15:30:06", "AAPL", 26840.6, "FILLED", "external statement"),
        ("2026-11-03T15:15:02", "SPX", -620.0, "FILLED", "external statement"),
        ("2026-11-06T21:20:00", "AAPL", 26500.0, "FILLED", "settlement statement"),
        ("2026-11-06T21:20:00", "SPX", 2480.0, "FILLED", "settlement statement"),
        ("2026-11-06T21:20:00", "SPX", 0.0, "FILLED", "settlement statement"),
        ("2026-11-09T17:04:40", "CZR", 73.0, "FILLED", "external statement"),
        ("2026-11-10T14:31:12", "/ESZ6", -340612.5, "FILLED", "external statement"),
        ("2026-11-10T14:31:20", "/ESZ6", 8562.5, "FILLED", "external statement"),
    ]
    spread = desk.rows("SELECT legs_json FROM trade_journal WHERE net_debit_credit = -620")[0][0]
    assert [(leg["symbol"], leg["action"], leg["qty"]) for leg in json.loads(spread)] == [
        ("SPXW  261106P06700000", "SELL", 2),
        ("SPXW  261106P06650000", "BUY", 2),
    ]
    unknown = desk.rows(
        "SELECT DISTINCT pre_greeks_json, post_greeks_json, vix_at_fill, spx_price_at_fill, regime FROM trade_journal"
    )
    assert unknown == [("{}", "{}", None, None, None)]


def test_importing_the_same_file_three_times_adds_nothing(desk: ImportDesk) -> None:
    desk.take()
    before = desk.counts()
    for _ in range(2):
        report = desk.take()
        assert not report.has_added
        assert section(report, TRADES) == (9, 0, 7, 0, 2)
        assert section(report, SETTLEMENTS) == (4, 0, 4, 0, 0)
        assert section(report, CASH) == (6, 0, 6, 0, 0)
        assert desk.counts() == before


def test_what_was_journaled_live_is_known_and_only_its_fee_is_filled_in(another: Another, desk: ImportDesk) -> None:
    desk.take()
    told = desk.executions()
    copy = another("second")
    fills = [one for one in told.values() if one.kind.value == "TRADE"]
    copy.hear(*(live(one, one.revision) for one in fills))
    seen = copy.counts()
    assert seen["executions"] == 7
    report = copy.take()
    assert section(report, TRADES) == (9, 0, 7, 0, 2)
    assert report.fees_filled == 7
    assert copy.counts()["executions"] == 7 + 4
    assert copy.counts()["trade_journal"] == seen["trade_journal"] + 3, "settlements only"
    again = copy.executions()
    assert {key: one.fee for key, one in again.items()} == {key: one.fee for key, one in told.items()}
    assert copy.take().fees_filled == 0


def test_fees_that_were_told_live_stay_as_they_are(desk: ImportDesk, another: Another) -> None:
    desk.take()
    one = desk.executions()["00018d97.690a1c01.01"]
    copy = another("second")
    copy.hear(live(one), FeeEvent(ACCOUNT, one.execution_id, Decimal("0.62")))
    report = copy.take()
    assert (report.fees_filled, report.fees_changed) == (0, 0)
    assert copy.executions()[one.execution_id].fee == Decimal("0.62")


def test_a_live_desk_that_hears_what_was_imported_adds_nothing(desk: ImportDesk) -> None:
    desk.take()
    before = desk.counts()
    fills = [one for one in desk.executions().values() if one.kind.value == "TRADE"]
    snapshot = replace(EMPTY_SNAPSHOT, executions=tuple(live(one, one.revision).execution for one in fills))
    desk.restart(snapshot)
    desk.hear(*(live(one, one.revision) for one in fills))
    after = desk.counts()
    for table in ("executions", "execution_fees", "trade_journal", "journal_executions"):
        assert after[table] == before[table], table


def test_a_correction_that_came_live_is_not_journaled_again_and_one_that_did_not_is(
    desk: ImportDesk, another: Another
) -> None:
    desk.take()
    final = desk.executions()[CORRECTED]
    original = replace(final, quantity=Decimal(2), revision=1)
    both = another("second")
    both.hear(live(original))
    both.hear(live(final, 2))
    assert section(both.take(), TRADES)[3] == 0
    first = another("third")
    first.hear(live(original))
    report = first.take()
    assert section(report, TRADES) == (9, 6, 0, 1, 2)
    assert first.executions()[CORRECTED].revision == 2
    row = first.rows("SELECT net_debit_credit, status FROM trade_journal WHERE underlying = 'CZR' AND status='PARTIAL'")
    assert row == [(-73.0, "PARTIAL")], "one contract less was paid"
    assert not first.take().has_added


def test_a_trade_that_is_busted_later_is_undone_in_the_journal(desk: ImportDesk, tmp_path: Path) -> None:
    text = ACTIVITY.read_text()
    rebooked = next(line for line in text.splitlines() if 'transactionID="31810118321"' in line)
    cancelled = next(line for line in text.splitlines() if 'transactionID="31810118319"' in line)
    early, late = tmp_path / "early.xml", tmp_path / "late.xml"
    early.write_text(text.replace(rebooked, "").replace(cancelled, ""))
    late.write_text(text.replace(rebooked, ""))
    desk.take(early)
    report = desk.take(late)
    assert section(report, TRADES)[3] == 1
    assert desk.executions()[CORRECTED].quantity == 0
    net, legs = desk.rows("SELECT net_debit_credit, legs_json FROM trade_journal WHERE status = 'PARTIAL'")[0]
    assert net == -146.0
    assert [(leg["action"], leg["qty"]) for leg in json.loads(legs)] == [("SELL", 2)]
    assert section(desk.take(ACTIVITY), TRADES)[3] == 1, "the rebooking"
    assert desk.executions()[CORRECTED].quantity == 1
    for file in (early, late, ACTIVITY):
        assert not desk.take(file).has_added
    assert desk.run(desk.storage.verify()).problems == ()


def test_a_fill_of_our_own_order_completes_that_order_and_gets_its_journal_row(
    desk: ImportDesk, tmp_path: Path
) -> None:
    order_id = new_order_id()
    _commit(desk, order_id)
    text = CONFIRMS.read_text().replace('orderReference=""', f'orderReference="{order_id}"')
    file = tmp_path / "own.xml"
    file.write_text(text)
    report = desk.take(file)
    assert report.is_reconciled_after
    assert desk.rows("SELECT count(*) FROM trade_journal") == [(0,)], "the order's own row comes with the reconcile"
    desk.restart()
    order = desk.manager.order(order_id)
    assert order is not None
    assert order.status is OrderStatus.FILLED
    assert desk.rows("SELECT order_id FROM order_journal") == [(order_id,)]
    before = desk.counts()
    assert not desk.take(file).has_added
    desk.restart()
    assert desk.counts()["trade_journal"] == before["trade_journal"]


def test_old_history_does_not_disturb_the_running_desk(desk: ImportDesk) -> None:
    desk.clock.set(NOW + timedelta(days=30))
    assert not desk.take().is_reconciled_after
    desk.clock.set(NOW)
    assert desk.take(CONFIRMS).is_reconciled_after


def test_days_that_a_statement_covers_are_not_reported_as_missing(desk: ImportDesk) -> None:
    last = datetime(2026, 11, 4, 20, tzinfo=UTC)
    held = desk.run(_position(desk, last))
    snapshot = BrokerSnapshot(NOW, (), held, (), (), (), datetime(2026, 11, 14, 5, tzinfo=UTC))
    desk.restart(snapshot)
    lines = "\n".join(getattr(notice, "text", "") for notice in desk.publisher.notices)
    assert "import them from its statement of 2026-11-04 to 2026-11-13 (Journal, Import statement)" in lines
    desk.take()
    desk.publisher.notices.clear()
    desk.restart(snapshot)
    lines = "\n".join(getattr(notice, "text", "") for notice in desk.publisher.notices)
    assert "Fills in between" not in lines


def test_progress_is_told_and_an_import_can_be_stopped_and_taken_up_again(
    desk: ImportDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_module, "PART_SIZE", 1)

    async def stopped() -> None:
        run = asyncio.ensure_future(desk.imports.run(ACTIVITY))
        await asyncio.wait_for(desk.publisher.has_written.wait(), 20)
        with pytest.raises(KnownError, match="imported already"):
            await desk.imports.run(ACTIVITY)
        desk.imports.stop()
        await run

    with pytest.raises(ImportStopped, match="What was written stays; import the file again"):
        desk.run(stopped())
    assert desk.rows("SELECT count(*) FROM statement_days") == [(0,)], "it does not count as complete"
    report = desk.take()
    new, known = (sum(section(report, each)[at] for each in (TRADES, SETTLEMENTS, CASH)) for at in (1, 2))
    assert new
    assert known
    assert new + known == 7 + 4 + 6
    steps = [(step.done, step.total) for step in desk.publisher.steps]
    assert steps[-1][0] == steps[-1][1]
    assert desk.run(desk.storage.verify()).problems == ()
    assert desk.counts()["trade_journal"] == 8


def test_a_statement_of_another_account_or_broker_is_refused(desk: ImportDesk) -> None:
    desk.accounts = (AccountId("U999"),)
    with pytest.raises(KnownError, match=r"activity\.xml is about DU5550001, but this desk has U999\. Nothing was"):
        desk.take()
    desk.accounts = ()
    with pytest.raises(KnownError, match="does not know its accounts yet"):
        desk.take()
    paper = ImportDesk(desk.storage, broker_name=BrokerName.PAPER, is_shared=True)
    with pytest.raises(KnownError, match="is a statement of IBKR; this desk works with PAPER"):
        paper.take()
    paper.close()
    assert sum(desk.counts().values()) == 0


def test_rows_of_accounts_that_are_not_here_are_left_out(desk: ImportDesk, tmp_path: Path) -> None:
    text = CONFIRMS.read_text()
    foreign = text[text.index("<FlexStatement ") : text.index("</FlexStatements>")].replace("DU5550001", "U777")
    file = tmp_path / "two.xml"
    file.write_text(text.replace("</FlexStatements>", f"{foreign}</FlexStatements>"))
    report = desk.take(file)
    assert section(report, TRADES) == (2, 1, 0, 0, 1)
    assert report.skipped[0].reason == "it belongs to account U777, which this desk does not have"


def test_a_read_only_desk_says_so(desk: ImportDesk) -> None:
    desk.imports._is_read_only = True
    with pytest.raises(KnownError, match="opened read-only"):
        desk.take()


def test_the_browser_reads_imported_rows_with_their_fees(desk: ImportDesk) -> None:
    desk.take()
    reader = JournalReader(desk.storage.path)
    ((journal_id,),) = desk.rows("SELECT id FROM trade_journal WHERE net_debit_credit = -620")
    detail = reader.detail(journal_id)
    reader.close()
    assert detail.fees == Decimal("5.0384")
    assert detail.row.broker_order_id == "flex:002e.0000e0d5.690b0000.0001"


def test_a_year_of_trades_is_imported_in_parts(desk: ImportDesk, tmp_path: Path) -> None:
    line = next(line for line in ACTIVITY.read_text().splitlines() if 'transactionID="31820000001"' in line)
    many = "".join(
        line.replace("31820000001", str(10**9 + n)).replace("0000d3ca.69110001", f"0000d3ca.{n:08x}")
        .replace("1866101001", str(5 * 10**9 + n)).replace("4100000500", str(n))
        for n in range(1000)
    )  # fmt: skip
    file = tmp_path / "year.xml"
    file.write_text(
        '<FlexQueryResponse><FlexStatements><FlexStatement accountId="DU5550001" fromDate="20251101" toDate="20261101">'
        f"<Trades>{many}</Trades></FlexStatement></FlexStatements></FlexQueryResponse>"
    )
    assert section(desk.take(file), TRADES) == (1000, 1000, 0, 0, 0)
    assert len(desk.publisher.steps) > 5
    assert section(desk.take(file), TRADES) == (1000, 0, 1000, 0, 0)
    assert desk.rows("SELECT last_day FROM statement_days") == [(date(2026, 11, 1).isoformat(),)]


def _commit(desk: ImportDesk, order_id: OrderId) -> None:
    """An order of ours that left before the desk was closed."""
    order = Order(
        id=order_id,
        account_id=ACCOUNT,
        legs=(OrderLeg(underlying_contract("SPY"), Action.BUY, 10),),
        order_type=OrderType.LIMIT,
        limit_price=Decimal("671.50"),
        tif=TimeInForce.DAY,
        status=OrderStatus.PENDING,
        created_at=NOW - timedelta(hours=7),
        submitted_at=NOW - timedelta(hours=7),
        broker_order_id=BrokerOrderId("555"),
    )
    record = AuditRecord(AuditKind.INTENT, order_id, None, ACCOUNT, NOW, {})
    desk.run(desk.storage.commit_intent(order, BrokerName.IBKR, record))


async def _position(desk: ImportDesk, at_utc: datetime) -> tuple[UnifiedPosition, ...]:
    position = UnifiedPosition(
        broker=BrokerName.IBKR,
        account_id=ACCOUNT,
        contract=underlying_contract("AAPL"),
        quantity=Decimal(100),
        average_price=Decimal(200),
        at_utc=at_utc,
    )
    await desk.storage.save_positions(ACCOUNT, (position,), at_utc)
    return (position,)
