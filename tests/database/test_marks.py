from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from database.connection import open_writer, prepare_file
from database.marks import KEPT_WHOLE
from database.migrate import MIGRATIONS, migrate
from database.store import SqliteStorage
from models.book_mark import BookMark, PositionMark
from models.clock import ManualClock
from models.ids import AccountId, ContractKey
from tests.database.builders import ACCOUNT, NOW


def a_mark(at_utc: datetime = NOW, quantity: float = -2.0) -> BookMark:
    option = PositionMark(
        account_id=ACCOUNT,
        contract_key=ContractKey("SPXW  260615P06800000"),
        underlying="SPX",
        quantity=quantity,
        multiplier=100.0,
        price=41.3,
        spot=7200.77,
        vol=0.1834,
        delta=-0.16,
        gamma=0.00071,
        theta_per_day=-1.25,
        vega_per_point=5.5,
    )
    stock = PositionMark(
        AccountId("OTHER"), ContractKey("SPY"), "SPY", 150.0, 1.0, None, None, None, None, None, None, None
    )
    return BookMark(at_utc, (option, stock))


def test_a_mark_comes_back_as_it_was_written_the_unknown_still_unknown(storage: SqliteStorage) -> None:
    mark = a_mark()
    assert asyncio.run(storage.write_book_mark(mark))
    back = asyncio.run(storage.load_book_mark(NOW))
    assert back is not None
    assert set(back.positions) == set(mark.positions)
    assert back.at_utc == NOW


def test_an_instant_has_one_mark_and_an_empty_book_has_none(storage: SqliteStorage) -> None:
    assert asyncio.run(storage.write_book_mark(a_mark()))
    assert not asyncio.run(storage.write_book_mark(a_mark(quantity=5.0)))
    assert not asyncio.run(storage.write_book_mark(BookMark(NOW + timedelta(minutes=15), ())))
    assert asyncio.run(storage.book_mark_times()) == (NOW,)
    back = asyncio.run(storage.load_book_mark(NOW))
    assert back is not None
    assert {one.quantity for one in back.positions} == {-2.0, 150.0}


def test_an_instant_without_a_mark_has_none(storage: SqliteStorage) -> None:
    assert asyncio.run(storage.load_book_mark(NOW)) is None


def test_marks_are_listed_oldest_first_and_from_any_moment(storage: SqliteStorage) -> None:
    times = [NOW + timedelta(minutes=15 * number) for number in (2, 0, 1)]
    for at_utc in times:
        asyncio.run(storage.write_book_mark(a_mark(at_utc)))
    assert asyncio.run(storage.book_mark_times()) == tuple(sorted(times))
    assert asyncio.run(storage.book_mark_times(sorted(times)[1])) == tuple(sorted(times)[1:])


def test_of_old_days_only_the_last_mark_is_kept(storage: SqliteStorage) -> None:
    first_day = NOW.replace(hour=14, minute=0, second=0, microsecond=0)
    old = [first_day + timedelta(minutes=15 * number) for number in range(4)]
    later = first_day + timedelta(days=5)
    newest = first_day + KEPT_WHOLE + timedelta(hours=2)
    for at_utc in (*old, later, newest):
        asyncio.run(storage.write_book_mark(a_mark(at_utc)))
    assert asyncio.run(storage.book_mark_times()) == (old[-1], later, newest)


def test_a_database_of_the_first_schema_gets_the_table_and_keeps_its_rows(path: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    _copy_first_step(first)
    prepare_file(path)
    engine = open_writer(path)
    migrate(engine, path, ManualClock(NOW), scripts=first)
    engine.dispose()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(
            "INSERT INTO desk_state (key, value, reason, at_utc) VALUES ('k', 'v', '', '2026-05-04T19:45:12.000000Z')"
        )
        raw.commit()
    engine = open_writer(path)
    migrate(engine, path, ManualClock(NOW))
    engine.dispose()
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (4,)
        assert raw.execute("SELECT value FROM desk_state WHERE key = 'k'").fetchone() == ("v",)
        assert raw.execute("SELECT count(*) FROM book_marks").fetchone() == (0,)


def _copy_first_step(folder: Path) -> None:
    (folder / "versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako", "versions/__init__.py", "versions/v0001_tables.py"):
        (folder / name).write_text((MIGRATIONS / name).read_text(encoding="utf-8"), encoding="utf-8")
