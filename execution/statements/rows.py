"""From a plan to what is written: journal rows, audit records, parts of one transaction each. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from execution.orders.journaling import SETTLEMENT_TAGS, journal_legs, net_usd, order_legs
from execution.orders.ledger import outside_key
from execution.orders.recorder import execution_record
from execution.statements.booking import Booking, Plan, Verdict
from execution.storage import AuditKind, AuditRecord
from models.clock import new_york_time
from models.enums import JournalStatus
from models.ids import AccountId, new_uuid
from models.order import OrderLeg
from models.statement import KnownToStatements, StatementPart
from models.trade import Execution, ExecutionKind, JournalEntry, JournalLeg, MarketContext

StrategyTag = Callable[[tuple[OrderLeg, ...]], str]

#: Executions, lines and movements of one transaction: a live fill or an order's intent never waits long for an import.
PART_SIZE = 50


def parts_of(
    plan: Plan, known: KnownToStatements, *, strategy_tag: StrategyTag, now_utc: datetime
) -> Iterator[StatementPart]:
    """Yields what is to be written, the executions of one trade event always in one part with their journal row."""
    waiting: list[StatementPart] = []
    size = 0
    for part in _events(plan, known, strategy_tag, now_utc):
        waiting.append(part)
        size += len(part.executions) + len(part.cash) + len(part.lines)
        if size >= PART_SIZE:
            yield _together(waiting)
            waiting, size = [], 0
    if waiting:
        yield _together(waiting)


def _events(
    plan: Plan, known: KnownToStatements, strategy_tag: StrategyTag, now_utc: datetime
) -> Iterator[StatementPart]:
    fresh: dict[tuple[str, AccountId, date], list[Booking]] = {}
    for booking in plan.bookings:
        if booking.verdict is Verdict.NEW and booking.execution.order_id not in known.own_orders:
            fresh.setdefault(_event_key(booking.execution), []).append(booking)
        elif booking.is_written:
            yield _single(booking, known, strategy_tag, now_utc)
    for group in fresh.values():
        executions = tuple(sorted((one.execution for one in group), key=_by_time))
        yield StatementPart(
            executions=executions,
            lines=tuple(line for one in group for line in one.lines),
            journal=(_with_record(_new_entry(executions, strategy_tag), executions, now_utc),),
            audit=tuple(execution_record(one, AuditKind.EXECUTION, now_utc) for one in executions),
        )
    for movement in plan.cash:
        yield StatementPart(cash=(movement,))


def _single(booking: Booking, known: KnownToStatements, strategy_tag: StrategyTag, now_utc: datetime) -> StatementPart:
    """What is known (its lines and its fee), a correction, a cancelled trade, or a fill of an order of ours.

    Orders of ours get their journal row from the reconcile, as after a crash; a correction of what the journal has
    gets its row here, because the figures before it are here.
    """
    execution, before = booking.execution, booking.before
    if booking.verdict is Verdict.KNOWN:
        executions = (execution,) if booking.is_fee_new else ()
        return StatementPart(executions=executions, lines=booking.lines)
    kind = AuditKind.CORRECTION if booking.verdict is Verdict.CORRECTED else AuditKind.EXECUTION
    journal: tuple[tuple[JournalEntry, AuditRecord], ...] = ()
    if before is not None:
        is_journaled = (before.account_id, before.execution_id, before.revision) in known.journaled
        if is_journaled:
            journal = (_with_record(_correction_entry(before, execution), (execution,), now_utc),)
        elif execution.order_id not in known.own_orders and execution.quantity:
            journal = (_with_record(_new_entry((execution,), strategy_tag), (execution,), now_utc),)
    return StatementPart(
        executions=(execution,),
        lines=booking.lines,
        journal=journal,
        audit=(execution_record(execution, kind, now_utc),),
    )


def _new_entry(executions: Sequence[Execution], strategy_tag: StrategyTag) -> JournalEntry:
    kind = executions[0].kind
    legs = journal_legs(executions)
    tag = SETTLEMENT_TAGS.get(kind) or strategy_tag(order_legs(executions))
    tags = ("external", "statement") if kind is ExecutionKind.TRADE else ("settlement", "statement")
    return _entry(executions[-1], legs, net_usd(executions), JournalStatus.FILLED, tag, tags)


def _correction_entry(before: Execution, after: Execution) -> JournalEntry:
    """A busted trade is shown as the leg that undoes it."""
    if after.quantity:
        legs = journal_legs((after,))
    else:
        undone = replace(before, action=before.action.opposite)
        legs = journal_legs((undone,))
    net = before.cash_effect - after.cash_effect
    entry = _entry(after, legs, net, JournalStatus.PARTIAL, None, ("correction", "external", "statement"))
    return replace(entry, order_id=before.order_id)


def _entry(
    last: Execution,
    legs: tuple[JournalLeg, ...],
    net: Decimal,
    status: JournalStatus,
    strategy_tag: str | None,
    tags: tuple[str, ...],
) -> JournalEntry:
    """Stamped with the time of the trade; market and Greeks around it are not known and stay empty."""
    at = last.executed_at_utc
    return JournalEntry(
        id=new_uuid(),
        created_at=at,
        broker=last.broker,
        account_id=last.account_id,
        broker_order_id=last.broker_order_id,
        order_id=None,
        underlying=last.contract.underlying,
        strategy_tag=strategy_tag,
        status=status,
        legs=legs,
        net_debit_credit=net,
        context=MarketContext(at_utc=at, spx_price=None, vix=None, vix3m=None, regime=None),
        pre_greeks=None,
        post_greeks=None,
        tags=tags,
    )


def _with_record(
    entry: JournalEntry, executions: Sequence[Execution], now_utc: datetime
) -> tuple[JournalEntry, AuditRecord]:
    record = AuditRecord(
        kind=AuditKind.JOURNALED,
        order_id=entry.order_id,
        broker_order_id=entry.broker_order_id,
        account_id=entry.account_id,
        at_utc=now_utc,
        state={
            "journal_id": entry.id,
            "execution_ids": [one.execution_id for one in executions],
            "revisions": [one.revision for one in executions],
        },
    )
    return entry, record


def _event_key(execution: Execution) -> tuple[str, AccountId, date]:
    """One row per outside event and New York day: an order that fills for weeks has one a day, however imported."""
    day = new_york_time(execution.executed_at_utc).date()
    return outside_key(execution), execution.account_id, day


def _by_time(execution: Execution) -> tuple[datetime, str]:
    return execution.executed_at_utc, execution.execution_id


def _together(parts: Iterable[StatementPart]) -> StatementPart:
    every = tuple(parts)
    return StatementPart(
        executions=tuple(one for part in every for one in part.executions),
        lines=tuple(one for part in every for one in part.lines),
        journal=tuple(one for part in every for one in part.journal),
        cash=tuple(one for part in every for one in part.cash),
        audit=tuple(one for part in every for one in part.audit),
    )
