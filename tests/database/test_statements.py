"""What imported statements leave in the database: once, for ever, and found again however much there is."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal

import pytest

from database.store import SqliteStorage
from models.enums import BrokerName
from models.ids import AccountId, ExecutionId
from models.records import AuditKind, AuditRecord
from models.statement import Statement, StatementPart, StatementSection, TradeLine
from tests.database.builders import ACCOUNT, NOW, a_statement_part, an_entry, an_execution, an_order


def write(storage: SqliteStorage, part: StatementPart) -> tuple[str, ...]:
    return asyncio.run(storage.write_statement(part, BrokerName.IBKR))


def line(execution_id: str, trade_id: str = "", cancels: str = "") -> TradeLine:
    execution = replace(an_execution(execution_id), broker=BrokerName.IBKR)
    return TradeLine(
        section=StatementSection.TRADES,
        account_id=ACCOUNT,
        line_id=f"booked:{execution_id}",
        line_no=1,
        trade_id=trade_id,
        cancels=cancels,
        execution=None if cancels else execution,
        fee=None,
        is_preliminary=False,
        place="Trade 1",
    )


def statement(*lines: TradeLine) -> Statement:
    return Statement(BrokerName.IBKR, "x.xml", lines, a_statement_part().cash, (), (), ())


def counts(storage: SqliteStorage) -> list[int]:
    with closing(sqlite3.connect(storage.path)) as raw:
        tables = ("executions", "execution_fees", "statement_lines", "cash_movements", "statement_days")
        return [raw.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables]  # noqa: S608 - ours


def test_the_same_part_twice_is_there_once(storage: SqliteStorage) -> None:
    for _ in range(3):
        write(storage, a_statement_part())
        assert counts(storage) == [1, 1, 1, 1, 1]


def test_what_was_written_is_found_by_execution_by_trade_and_by_movement(storage: SqliteStorage) -> None:
    part = a_statement_part()
    write(storage, part)
    by_id = asyncio.run(storage.known_to_statement(statement(line("0001f4e8.77"))))
    by_trade = asyncio.run(storage.known_to_statement(statement(line("other", cancels="7700"))))
    for known in (by_id, by_trade):
        assert known.lines == part.lines
        assert known.executions[ACCOUNT, ExecutionId("0001f4e8.77")].fee == Decimal("1.05")
        assert known.cash == {(ACCOUNT, "9001")}
        assert known.journaled == frozenset()


def test_other_accounts_and_brokers_know_nothing_of_it(storage: SqliteStorage) -> None:
    write(storage, a_statement_part())
    foreign = replace(line("0001f4e8.77"), account_id=AccountId("U2"))
    assert not asyncio.run(storage.known_to_statement(replace(statement(foreign), cash=()))).executions
    other = replace(statement(line("0001f4e8.77")), broker=BrokerName.PAPER)
    known = asyncio.run(storage.known_to_statement(other))
    assert not known.executions
    assert not known.lines
    assert not known.cash


def test_a_journal_row_is_written_with_its_executions_or_not_at_all(storage: SqliteStorage) -> None:
    entry = replace(an_entry(), broker=BrokerName.IBKR)
    state = {"journal_id": entry.id, "execution_ids": ["0001f4e8.77"], "revisions": [1]}
    record = AuditRecord(AuditKind.JOURNALED, None, None, ACCOUNT, NOW, state)
    part = replace(a_statement_part(), journal=((entry, record),))
    assert write(storage, part) == (entry.id,)
    assert write(storage, replace(part, journal=((replace(entry, id=an_entry().id), record),))) == ()
    known = asyncio.run(storage.known_to_statement(statement(line("0001f4e8.77"))))
    assert known.journaled == {(ACCOUNT, "0001f4e8.77", 1)}
    assert asyncio.run(storage.verify()).is_sound


def test_orders_of_ours_are_told_apart_from_ids_that_only_look_like_them(storage: SqliteStorage) -> None:
    order, stranger = an_order(), an_order()
    record = AuditRecord(AuditKind.INTENT, order.id, None, ACCOUNT, NOW, {})
    asyncio.run(storage.commit_intent(order, BrokerName.IBKR, record))
    lines = []
    for each in (order, stranger):
        made = line(f"x{each.id}")
        assert made.execution is not None
        lines.append(replace(made, execution=replace(made.execution, order_id=each.id)))
    assert asyncio.run(storage.known_to_statement(statement(*lines))).own_orders == {order.id}


def test_thousands_of_executions_are_looked_up(storage: SqliteStorage) -> None:
    ids = [f"e{number:05d}" for number in range(2500)]
    fills = tuple(replace(an_execution(one), broker=BrokerName.IBKR) for one in ids)
    write(storage, StatementPart(executions=fills))
    known = asyncio.run(storage.known_to_statement(statement(*(line(one, f"t{one}") for one in ids))))
    assert len(known.executions) == 2500


def test_covered_days_come_back_with_the_last_session(storage: SqliteStorage) -> None:
    part = a_statement_part()
    write(storage, part)
    assert asyncio.run(storage.load([ACCOUNT])).statement_days == part.days
    assert asyncio.run(storage.load([AccountId("U2")])).statement_days == ()


@pytest.mark.parametrize(
    "wrong",
    [
        "INSERT INTO cash_movements VALUES ('IBKR','U1','1','GIFT',$at,'1','USD','','',$at)",
        "INSERT INTO cash_movements VALUES ('IBKR','U1','','FEE',$at,'1','USD','','',$at)",
        "INSERT INTO statement_days VALUES ('IBKR','U1','2026-01-09','2026-01-02',NULL,'x',$at)",
        "INSERT INTO statement_days VALUES ('IBKR','U1','2026-02-30','2026-03-02',NULL,'x',$at)",
        "INSERT INTO statement_lines VALUES (NULL,'IBKR','U1','a',-1,'','e',NULL,0,$at)",
        "INSERT INTO statement_lines VALUES (NULL,'BANK','U1','a',1,'','e',NULL,0,$at)",
    ],
)
def test_rows_that_make_no_sense_are_refused_by_the_file_itself(storage: SqliteStorage, wrong: str) -> None:
    with closing(sqlite3.connect(storage.path)) as raw, pytest.raises(sqlite3.IntegrityError):
        raw.execute(wrong.replace("$at", "'2026-01-01T00:00:00Z'"))
