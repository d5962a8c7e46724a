from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from database.errors import DatabaseReadOnly
from database.journal_query import JournalFilter
from database.reader import JournalReader
from models.enums import BrokerName, TradingState
from tests.database.builders import ACCOUNT, NOW, a_snapshot, an_audit, an_entry, an_order, open_paper
from tests.database.processes import end, hear, start, tell


def test_a_second_desk_reads_and_refuses_to_write_until_the_first_is_gone(path: Path) -> None:
    first = start("hold", str(path))
    assert hear(first) == "ready"
    tell(first, "go")
    assert hear(first) == "writer"

    second = open_paper(path)
    assert second.is_read_only
    assert asyncio.run(second.load([ACCOUNT])).orders == ()
    for write in (
        second.save_order(an_order(), BrokerName.PAPER, []),
        second.commit_intent(an_order(), BrokerName.PAPER, an_audit()),
        second.write_journal(an_entry(), None, BrokerName.PAPER, an_audit()),
        second.write_snapshot(a_snapshot(), NOW),
        second.save_trading_state(TradingState.HALTED, "x", NOW),
        second.audit([an_audit()]),
    ):
        with pytest.raises(DatabaseReadOnly, match="another desk is using it"):
            asyncio.run(write)
    second.close()

    end(first, kill=True)
    third = open_paper(path)
    assert not third.is_read_only
    third.close()


def test_of_desks_started_at_once_exactly_one_writes(path: Path) -> None:
    children = [start("hold", str(path)) for _ in range(4)]
    assert [hear(child) for child in children] == ["ready"] * 4
    for child in children:
        tell(child, "go")
    said = [hear(child) for child in children]
    for child in children:
        end(child)
    assert said.count("writer") == 1
    assert set(said) <= {"writer", "reader", ""}, "one that came before the file was made may be told to come again"


def test_killed_at_any_moment_it_loses_nothing_that_was_acknowledged(path: Path) -> None:
    rng = random.Random(11)
    acknowledged: dict[str, set[str]] = {"intent": set(), "fill": set(), "journal": set()}
    for _ in range(10):
        child = start("trade", str(path))
        said = [hear(child) for _ in range(rng.randrange(1, 40))]
        time.sleep(rng.random() * 0.01)
        said += end(child, kill=True)
        for line in said:
            kind, _, order_id = line.partition(" ")
            acknowledged[kind].add(order_id)

        storage = open_paper(path)
        report = asyncio.run(storage.verify())
        storage.close()
        assert report.is_sound, report.problems
        with closing(sqlite3.connect(path)) as raw:
            intents = {row[0] for row in raw.execute("SELECT order_id FROM order_intents")}
            fills = dict(raw.execute("SELECT order_id, count(*) FROM executions GROUP BY order_id").fetchall())
            journaled = {row[0] for row in raw.execute("SELECT order_id FROM order_journal")}
            covered = raw.execute("SELECT count(*) FROM journal_executions").fetchone()[0]
        assert acknowledged["intent"] <= intents
        assert acknowledged["fill"] <= set(fills)
        assert acknowledged["journal"] <= journaled <= set(fills) <= intents
        assert set(fills.values()) <= {2}, "the fills of one call are one transaction"
        assert covered == 2 * len(journaled)
        # A kill can fall between a commit and its word to us, once per life and kind.
        assert len(intents) - len(acknowledged["intent"]) <= 10
    assert len(acknowledged["journal"]) > 10


@pytest.mark.skipif(os.name != "posix", reason="file size limits are POSIX")
def test_when_the_operating_system_refuses_a_write_it_is_told_and_nothing_is_lost(path: Path) -> None:
    open_paper(path).close()
    child = start("small_disk", str(path))
    name, written = hear(child).split()
    end(child)
    assert name in ("DiskFailure", "DiskFull")
    reader = JournalReader(path)
    assert reader.count(JournalFilter()) == int(written) > 0
    reader.close()
    storage = open_paper(path)
    assert asyncio.run(storage.verify()).is_sound
    storage.close()
