from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from database.errors import DiskFailure
from database.export import COLUMNS, export_journal_csv, guarded
from database.journal_query import JournalFilter
from database.reader import JournalReader
from database.store import SqliteStorage
from models.enums import BrokerName
from tests.database.builders import an_audit, an_entry, seed_journal

ATTACKS = [
    "=1+1",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =HYPERLINK(0)",
    "＝1+1",
    '=cmd|" /C calc"!A0',
    "\xa0=1",
]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def reader(storage: SqliteStorage, reader: JournalReader) -> JournalReader:
    for number, words in enumerate((*ATTACKS, 'plain, with "quotes"\nand lines')):
        entry = an_entry(rationale=words, tags=("weekly", "=tag"), underlying="SPX" if number % 2 else "AAPL")
        asyncio.run(storage.write_journal(entry, None, BrokerName.PAPER, an_audit()))
    return reader


def test_the_file_holds_every_row_with_numbers_as_numbers(reader: JournalReader, tmp_path: Path) -> None:
    target = tmp_path / "journal.csv"
    assert export_journal_csv(reader, JournalFilter(), target) == len(ATTACKS) + 1
    rows = read(target)
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(ATTACKS) + 1
    for row in rows:
        assert float(row["net_debit_credit"]) == -2500.0
        assert float(row["pre_spx_delta"]) == -120.5
        assert row["post_vega"] == ""
        assert json.loads(row["legs"])[0]["qty"] == 2
    assert target.read_bytes().startswith(b"\xef\xbb\xbf")


def test_no_text_cell_can_start_a_formula(reader: JournalReader, tmp_path: Path) -> None:
    target = tmp_path / "journal.csv"
    export_journal_csv(reader, JournalFilter(), target)
    found = {row["user_rationale"] for row in read(target)}
    assert found == {"'" + attack for attack in ATTACKS} | {'plain, with "quotes"\nand lines'}
    assert {row["tags"] for row in read(target)} == {"'=tag; weekly"}


@given(st.text(max_size=20))
def test_a_guarded_text_never_starts_like_a_formula_and_loses_nothing(text: str) -> None:
    safe = guarded(text)
    assert isinstance(safe, str)
    assert not safe.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    assert safe in (text, "'" + text)


@pytest.mark.parametrize("number", [-1.5, 0, None, -3])
def test_numbers_are_not_touched(number: float | None) -> None:
    assert guarded(number) is number


def test_only_what_the_filter_passes_is_exported(reader: JournalReader, tmp_path: Path) -> None:
    target = tmp_path / "journal.csv"
    written = export_journal_csv(reader, JournalFilter(underlyings=("AAPL",)), target)
    assert written == reader.count(JournalFilter(underlyings=("AAPL",))) == len(read(target))
    assert {row["underlying"] for row in read(target)} == {"AAPL"}


def test_a_cancelled_export_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    seed_journal(tmp_path / "db" / "desk.db", 2500)
    reader = JournalReader(tmp_path / "db" / "desk.db")
    target = tmp_path / "out" / "journal.csv"
    target.parent.mkdir()
    target.write_text("old")
    told: list[int] = []

    def progress(written: int) -> bool:
        told.append(written)
        return written < 2000

    assert export_journal_csv(reader, JournalFilter(), target, progress=progress) == 0
    assert told == [1000, 2000]
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]
    assert export_journal_csv(reader, JournalFilter(), target, progress=lambda written: True) == 2500
    reader.close()


def test_a_folder_that_is_not_there_is_told(reader: JournalReader, tmp_path: Path) -> None:
    with pytest.raises(DiskFailure, match="nothing was changed there"):
        export_journal_csv(reader, JournalFilter(), tmp_path / "nowhere" / "journal.csv")
