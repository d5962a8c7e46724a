"""Compares a statement with what the desk knows: what is new, what is known, what was corrected. Pure functions.

Several lines may speak of one execution: booked, cancelled, booked again. The newest word counts, by the broker's own
numbering of its bookings; where that is not told, by the revision in the execution id. Importing anything twice, in any
order, and what was seen live before, adds nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum

from models.enums import BrokerName
from models.errors import BugError
from models.ids import AccountId, ExecutionId
from models.statement import (
    CashMovement,
    KnownToStatements,
    SkippedRow,
    Statement,
    StatementLine,
    StatementSection,
    TradeLine,
)
from models.trade import Execution

Key = tuple[AccountId, ExecutionId]

#: Fees that differ by less are the same, told with other roundings.
_FEE_TOLERANCE = Decimal("0.005")
#: Prices as parts of one another: an average told with fewer digits is the same.
_PRICE_TOLERANCE = Decimal("0.000001")
_LOST_CANCEL = (
    "it cancels trade {trade}, which neither this nor an earlier imported statement has; import that one first"
)
_CANCELLED = "the broker cancelled it in the same statement"


class Verdict(Enum):
    """What an execution of the statement is to the desk."""

    NEW = "new"
    KNOWN = "known"
    CORRECTED = "corrected"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Booking:
    """One execution of the statement.

    `execution` is what is to be written (with its fee), `before` what the desk had of it. `lines` are those that are
    not stored yet. `is_fee_new` = the statement tells a fee where none was known or another one.
    """

    section: StatementSection
    verdict: Verdict
    execution: Execution
    before: Execution | None
    lines: tuple[StatementLine, ...]
    is_fee_new: bool

    @property
    def is_written(self) -> bool:
        """Whether anything has to be stored."""
        return self.verdict is not Verdict.KNOWN or bool(self.lines) or self.is_fee_new


@dataclass(slots=True)
class Plan:
    """What an import will do."""

    bookings: list[Booking] = field(default_factory=list)
    cash: list[CashMovement] = field(default_factory=list)
    skipped: list[SkippedRow] = field(default_factory=list)

    def counts(self) -> Counter[tuple[StatementSection, Verdict]]:
        """Returns how many executions got which verdict."""
        return Counter((booking.section, booking.verdict) for booking in self.bookings)


def plan_of(statement: Statement, known: KnownToStatements) -> Plan:
    """Returns what importing `statement` does to a desk that knows `known`."""
    plan = Plan(skipped=list(statement.skipped))
    stored: dict[Key, list[StatementLine]] = {}
    for line in known.lines:
        stored.setdefault((line.account_id, line.execution_id), []).append(line)
    for key, group in _groups(statement, known, plan.skipped).items():
        booking = _booking(key, group, stored.get(key, ()), known.executions.get(key), statement.broker)
        plan.bookings.append(booking)
        if booking.verdict is Verdict.CANCELLED:
            plan.skipped.append(SkippedRow(booking.section, group[0].place, _CANCELLED))
    plan.cash = [one for one in statement.cash if (one.account_id, one.movement_id) not in known.cash]
    return plan


def _groups(statement: Statement, known: KnownToStatements, skipped: list[SkippedRow]) -> dict[Key, list[TradeLine]]:
    """Lines by the execution they speak of; a cancel finds its own by the trade's number."""
    by_trade = {(line.account_id, line.trade_id): line.execution_id for line in known.lines if line.trade_id}
    for line in statement.trades:
        if line.execution is not None and line.trade_id and not line.cancels:
            by_trade[line.account_id, line.trade_id] = line.execution.execution_id
    groups: dict[Key, list[TradeLine]] = {}
    for line in statement.trades:
        target = by_trade.get((line.account_id, line.cancels)) if line.cancels else None
        if line.execution is None and target is None:
            reason = _LOST_CANCEL.format(trade=line.cancels)
            skipped.append(SkippedRow(line.section, line.place, reason))
            continue
        if line.execution is not None and target is None:
            target = line.execution.execution_id
        if target is not None:
            groups.setdefault((line.account_id, target), []).append(line)
    return groups


def _booking(
    key: Key,
    group: Sequence[TradeLine],
    stored: Sequence[StatementLine],
    have: Execution | None,
    broker: BrokerName,
) -> Booking:
    ordered = sorted(group, key=lambda line: line.line_no)
    final = _folded(ordered, have, key)
    stored_ids = {line.line_id for line in stored}
    fresh = tuple(_stored_form(line, key, broker) for line in _unique(ordered) if line.line_id not in stored_ids)
    fee = _fee((*stored, *fresh))
    section = next((line.section for line in ordered if line.execution is not None), ordered[0].section)
    if have is None:
        verdict = Verdict.NEW if final.quantity else Verdict.CANCELLED
        return Booking(section, verdict, replace(final, fee=fee), None, fresh, is_fee_new=False)
    is_fee_new = bool(fresh) and fee is not None and (have.fee is None or abs(fee - have.fee) >= _FEE_TOLERANCE)
    execution = replace(have, fee=fee) if is_fee_new else have
    if not fresh or _is_old_news(ordered, stored, final, have) or _same_figures(final, have):
        return Booking(section, Verdict.KNOWN, execution, have, fresh, is_fee_new)
    corrected = replace(
        execution,
        action=final.action,
        quantity=final.quantity,
        price=final.price,
        executed_at_utc=final.executed_at_utc,
        revision=max(final.revision, have.revision + 1),
    )
    return Booking(section, Verdict.CORRECTED, corrected, have, fresh, is_fee_new)


def _folded(ordered: Sequence[TradeLine], have: Execution | None, key: Key) -> Execution:
    """The execution after all of its lines, in its id's revision, or one more where figures changed under one id."""
    told = [replace(line.execution, execution_id=key[1]) for line in ordered if line.execution is not None]
    base = max(told, key=lambda one: one.revision, default=have)
    if base is None:
        raise BugError(f"a cancel of {key[1]} was grouped without what it cancels")
    if ordered[-1].execution is None:
        return replace(base, quantity=Decimal(0), revision=base.revision + 1)
    is_rewritten = any(one.revision == base.revision and not _same_figures(one, told[-1]) for one in told)
    return replace(told[-1], revision=base.revision + 1 if is_rewritten else base.revision)


def _is_old_news(
    ordered: Sequence[TradeLine], stored: Sequence[StatementLine], final: Execution, have: Execution
) -> bool:
    """Whether the desk has a newer word than this statement."""
    newest, stored_newest = ordered[-1].line_no, max((line.line_no for line in stored), default=0)
    if stored_newest:
        return newest <= stored_newest
    return final.revision < have.revision


def _same_figures(one: Execution, other: Execution) -> bool:
    if one.quantity != other.quantity or (one.quantity and one.action is not other.action):
        return False
    size = max(abs(one.price), abs(other.price))
    return one.quantity == 0 or abs(one.price - other.price) <= size * _PRICE_TOLERANCE


def _fee(lines: Iterable[StatementLine]) -> Decimal | None:
    """The sum over booked lines; confirmations and lists of events only where nothing is booked yet."""
    told = [line for line in lines if line.fee is not None]
    booked = [line for line in told if not line.is_preliminary]
    fees = [line.fee for line in booked or told if line.fee is not None]
    return sum(fees, Decimal(0)) if fees else None


def _unique(lines: Iterable[TradeLine]) -> tuple[TradeLine, ...]:
    """A file that holds a row twice tells it once."""
    return tuple({line.line_id: line for line in lines}.values())


def _stored_form(line: TradeLine, key: Key, broker: BrokerName) -> StatementLine:
    return StatementLine(
        broker=broker,
        account_id=line.account_id,
        line_id=line.line_id,
        line_no=line.line_no,
        trade_id=line.trade_id,
        execution_id=key[1],
        fee=line.fee,
        is_preliminary=line.is_preliminary,
    )
