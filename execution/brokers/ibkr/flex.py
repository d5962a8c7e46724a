"""Reads an Interactive Brokers Flex statement (XML) into executions, cash movements and the days it covers.

Both kinds are read: activity statements and trade confirmations. Missing and unknown fields never stop the import: a
row that cannot be taken is listed with the reason, and a reason names what to add to the Flex Query.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from execution.brokers.ibkr import flex_events as events
from execution.brokers.ibkr import flex_trades as trades
from execution.brokers.ibkr.flex_trades import CloseKey, TradeRow, close_key
from execution.brokers.ibkr.flex_values import BadValue, SlashOrder, day_of, instant_of, slash_order
from execution.brokers.ibkr.flex_xml import MAX_BYTES, FlexFile, FlexRow, StatementUnreadable, read_flex_file
from models.clock import new_york_time
from models.coverage import StatementDays
from models.enums import BrokerName
from models.ids import AccountId
from models.statement import (
    CashMovement,
    SkippedRow,
    Statement,
    StatementSection,
    TradeLine,
)
from models.trade import Execution, ExecutionKind

_WANTED: Final = {
    "Trade": trades.TRADE_FIELDS,
    "TradeConfirm": trades.TRADE_FIELDS,
    "OptionEAE": events.EVENT_FIELDS,
    "CashTransaction": events.CASH_FIELDS,
}
_TRADE_SECTIONS: Final = frozenset({"Trades", "TradeConfirms"})
_DAY_FIELDS: Final = ("dateTime", "tradeDate", "date", "reportDate", "settleDate", "expiry")
_SECTION_OF: Final = {"OptionEAE": StatementSection.SETTLEMENTS, "CashTransaction": StatementSection.CASH}
_NO_CASH: Final = (
    "what it paid is not told; add the section Option Exercises, Assignments and Expirations with Proceeds to the "
    "Flex Query"
)


def read_statement(path: Path, *, max_bytes: int = MAX_BYTES) -> Statement:
    """Returns what the file tells; raises StatementUnreadable, and then nothing of it may be used."""
    file = read_flex_file(path, _WANTED, max_bytes=max_bytes)
    return _Reading(file, path.name).statement()


@dataclass(slots=True)
class _Taken:
    """What was read so far."""

    rows: list[TradeRow] = field(default_factory=list)
    cash: list[CashMovement] = field(default_factory=list)
    skipped: list[SkippedRow] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)
    #: What settled options paid in cash, per closing.
    paid: dict[CloseKey, Decimal] = field(default_factory=dict)


class _Reading:
    """One file on its way from rows to a statement."""

    def __init__(self, file: FlexFile, source: str) -> None:
        self._file = file
        self._source = source
        self._order = self._slash_order()
        self._taken = _Taken(passed=Counter(file.others))
        self._seen: Counter[str] = Counter()

    def statement(self) -> Statement:
        """Reads every row."""
        by_tag: dict[str, list[FlexRow]] = {tag: [] for tag in _WANTED}
        for row in self._file.rows:
            if trades.is_repeat(row):
                self._taken.passed[f"{row.tag} rows that repeat others ({row.get('levelOfDetail').lower()})"] += 1
            else:
                by_tag[row.tag].append(row)
        for row in (*by_tag["Trade"], *by_tag["TradeConfirm"]):
            self._try(row, self._trade)
        self._read_events(by_tag["OptionEAE"])
        for row in by_tag["CashTransaction"]:
            self._try(row, self._cash)
        lines = self._with_cash()
        taken = self._taken
        return Statement(
            broker=BrokerName.IBKR,
            source=self._source,
            trades=lines,
            cash=tuple(taken.cash),
            days=tuple(self._days(by_tag)),
            skipped=tuple(taken.skipped),
            passed_over=tuple(sorted(taken.passed.items())),
        )

    def _slash_order(self) -> SlashOrder:
        heads = (head.get(name, "") for head in self._file.statements for name in ("fromDate", "toDate"))
        rows = (row.values.get(name, "") for row in self._file.rows for name in _DAY_FIELDS)
        try:
            return slash_order((*heads, *rows))
        except BadValue as error:
            raise StatementUnreadable(
                f"{self._source} cannot be read: {error}.", cure="Set the Flex Query's dates to yyyy-MM-dd."
            ) from error

    def _account(self, row: FlexRow) -> AccountId:
        text = row.get("accountId") or self._file.statements[row.statement].get("accountId", "")
        if not text:
            raise BadValue("its account is not told; add Account ID to the Flex Query")
        return AccountId(text)

    def _try(self, row: FlexRow, take: Callable[[FlexRow, AccountId], None]) -> None:
        try:
            take(row, self._account(row))
        except BadValue as error:
            self._skip(row.place, row.tag, str(error))

    def _skip(self, place: str, tag: str, reason: str) -> None:
        section = _SECTION_OF.get(tag, StatementSection.TRADES)
        self._taken.skipped.append(SkippedRow(section, place, reason))

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _trade(self, row: FlexRow, account_id: AccountId) -> None:
        self._taken.rows.append(trades.trade_row(row, account_id, self._order))

    def _cash(self, row: FlexRow, account_id: AccountId) -> None:
        self._taken.cash.append(events.cash_movement(row, account_id, self._order, self._seen))

    def _read_events(self, rows: Iterable[FlexRow]) -> None:
        """Closings that `Trades` has already are passed over; what is left closes a position itself."""
        known = [(row, AccountId(self._safe_account(row))) for row in rows]
        words = events.event_words(known, self._order)
        closed = {close_key(one) for one in self._executions() if one.kind is not ExecutionKind.TRADE}
        trade_ids = {each.line.trade_id for each in self._taken.rows if each.line.trade_id}

        def take(row: FlexRow, account_id: AccountId) -> None:
            if events.is_cash_settlement(row):
                key, amount = events.cash_of_settlement(row, account_id, self._order)
                self._taken.paid[key] = self._taken.paid.get(key, Decimal(0)) + amount
                return
            key = events.event_key(row, account_id, self._order)
            if row.get("tradeID") in trade_ids or (not row.get("tradeID") and key in closed):
                self._taken.passed["OptionEAE rows that are in Trades too"] += 1
                return
            line = events.event_line(row, account_id, self._order, words)
            self._taken.rows.append(TradeRow(line, needs_cash=_is_unpriced_cash(line.execution)))

        for row, _ in known:
            self._try(row, take)

    def _safe_account(self, row: FlexRow) -> str:
        try:
            return self._account(row)
        except BadValue:
            return ""

    def _executions(self) -> list[Execution]:
        return [each.line.execution for each in self._taken.rows if each.line.execution is not None]

    # --- cash of settled options --------------------------------------------------------------------------------------

    def _with_cash(self) -> tuple[TradeLine, ...]:
        """Gives index options that were settled in cash the price that this cash makes."""
        sizes: dict[CloseKey, Decimal] = {}
        for each in self._taken.rows:
            execution = each.line.execution
            if each.needs_cash and execution is not None:
                key = close_key(execution)
                sizes[key] = sizes.get(key, Decimal(0)) + execution.signed_quantity * execution.contract.multiplier
        lines = []
        for each in self._taken.rows:
            line = self._priced(each, sizes)
            if line is not None:
                lines.append(line)
        return tuple(lines)

    def _priced(self, each: TradeRow, sizes: dict[CloseKey, Decimal]) -> TradeLine | None:
        execution = each.line.execution
        if not each.needs_cash or execution is None:
            return each.line
        key = close_key(execution)
        paid, size = self._taken.paid.get(key), sizes[key]
        if paid is None or size == 0:
            self._skip(each.line.place, "OptionEAE", _NO_CASH)
            return None
        price = -paid / size
        if price < 0:
            self._skip(each.line.place, "OptionEAE", "the cash it paid does not fit the side that was closed")
            return None
        return replace(each.line, execution=replace(execution, price=price))

    # --- days ---------------------------------------------------------------------------------------------------------

    def _days(self, by_tag: dict[str, list[FlexRow]]) -> Iterable[StatementDays]:
        """Days that are over and whose executions the statement was asked to list."""
        counts = Counter(row.statement for tag in ("Trade", "TradeConfirm") for row in by_tag[tag])
        repeats = Counter(row.statement for row in self._file.rows if trades.is_repeat(row))
        for number, head in enumerate(self._file.statements):
            has_trades = bool(self._file.sections[number] & _TRADE_SECTIONS)
            if not has_trades or (repeats[number] and not counts[number]):
                continue
            try:
                first = day_of(head.get("fromDate", ""), self._order)
                last = day_of(head.get("toDate", ""), self._order)
            except BadValue:
                continue
            made = self._generated(head.get("whenGenerated", ""))
            if made is not None:
                last = min(last, new_york_time(made).date() - timedelta(days=1))
            account_id = head.get("accountId", "")
            if account_id and first <= last:
                yield StatementDays(BrokerName.IBKR, AccountId(account_id), first, last, made, self._source)

    def _generated(self, text: str) -> datetime | None:
        try:
            return instant_of(text, self._order)
        except BadValue:
            return None


def _is_unpriced_cash(execution: Execution | None) -> bool:
    return execution is not None and execution.kind is ExecutionKind.CASH_SETTLEMENT and execution.price == 0
