"""The journal as a CSV file that a spreadsheet cannot be tricked with, written whole or not at all."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Protocol

from database.errors import DiskFailure
from database.journal_query import JournalFilter, JournalRow
from database.reader import JournalReader
from models.clock import to_iso

Cell = str | float | int | None


class CsvWriter(Protocol):
    """What `csv.writer` returns."""

    def writerow(self, row: Iterable[Cell], /) -> object:
        """Writes one line."""
        ...


_GREEKS: Final = ("spx_delta", "gamma", "theta", "vega")
COLUMNS: Final = (
    "id",
    "created_at",
    "broker",
    "account_id",
    "broker_order_id",
    "underlying",
    "strategy_tag",
    "status",
    "legs",
    "net_debit_credit",
    "vix_at_fill",
    "spx_price_at_fill",
    "regime",
    *(f"pre_{name}" for name in _GREEKS),
    *(f"post_{name}" for name in _GREEKS),
    "tags",
    "user_rationale",
    "ai_rationale",
    "ai_suggestion_id",
)
#: What a spreadsheet takes for the start of a formula, also behind blanks and in their full-width forms.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def guarded(cell: Cell) -> Cell:
    """Returns text that a spreadsheet shows as text (an apostrophe before what it would run); numbers as they are."""
    if isinstance(cell, str) and (cell.startswith(_FORMULA_STARTS) or cell.lstrip().startswith(_FORMULA_STARTS)):
        return "'" + cell
    return cell


def export_journal_csv(
    reader: JournalReader,
    wanted: JournalFilter,
    target: Path,
    *,
    progress: Callable[[int], bool] | None = None,
) -> int:
    """Writes the rows that pass the filter, newest first, and returns how many; reads a thousand at a time.

    `progress` is told the number written now and then and cancels by returning False: then, as on any error, what was
    at `target` is untouched and 0 is returned. UTF-8 with a byte order mark, which Excel needs. Raises DiskFailure.
    """
    partial: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
        partial = Path(name)
        with os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="") as file:
            written = _write_rows(reader, wanted, csv.writer(file), progress)
            file.flush()
            os.fsync(file.fileno())
        if written is None:
            return 0
        partial.replace(target)
        partial = None
    except OSError as error:
        raise DiskFailure(
            f"The journal could not be written to {target} ({error.strerror}); nothing was changed there.",
            cure="Choose a folder you may write to, with some free space, and close the file in other programs.",
        ) from error
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)
    return written


def _write_rows(
    reader: JournalReader,
    wanted: JournalFilter,
    writer: CsvWriter,
    progress: Callable[[int], bool] | None,
) -> int | None:
    """Returns how many rows were written, None when cancelled."""
    writer.writerow(COLUMNS)
    written = 0
    for row in reader.each_row(wanted):
        writer.writerow([guarded(cell) for cell in csv_cells(row)])
        written += 1
        if progress is not None and written % 1000 == 0 and not progress(written):
            return None
    return written


def csv_cells(row: JournalRow) -> tuple[Cell, ...]:
    """Returns a row's cells in the order of `COLUMNS`; legs as JSON, tags separated by a semicolon."""
    return (
        row.id,
        to_iso(row.created_at),
        row.broker,
        row.account_id,
        row.broker_order_id,
        row.underlying,
        row.strategy_tag,
        row.status,
        json.dumps(row.legs, ensure_ascii=False),
        row.net_debit_credit,
        row.vix_at_fill,
        row.spx_price_at_fill,
        row.regime,
        *(row.pre_greeks.get(name) for name in _GREEKS),
        *(row.post_greeks.get(name) for name in _GREEKS),
        "; ".join(row.tags),
        row.user_rationale,
        row.ai_rationale,
        row.ai_suggestion_id,
    )
