from __future__ import annotations

import asyncio
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from database.backup import backup_folder
from database.connection import open_writer, prepare_file
from database.errors import StorageBug
from database.migrate import MIGRATIONS, migrate
from models.clock import ManualClock
from models.enums import BrokerName
from tests.database.builders import ACCOUNT, NOW, an_audit, an_entry, open_paper, sql
from tests.database.processes import end, start
from tests.database.suggestion_builders import a_suggestion_set

NEXT = '''"""A step of tomorrow."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Adds two tables and moves data."""
    connection = op.get_bind()
    connection.exec_driver_sql("CREATE TABLE first_new (x TEXT)")
    connection.exec_driver_sql("INSERT INTO first_new SELECT id FROM trade_journal")
    connection.exec_driver_sql("ALTER TABLE orders ADD COLUMN note TEXT")
    connection.exec_driver_sql("LAST")
'''


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """The real steps and one more that fails at its end."""
    folder = tmp_path / "100% new" / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "v0005_next.py").write_text(NEXT)
    return folder


def cure(scripts: Path) -> None:
    (scripts / "versions" / "v0005_next.py").write_text(NEXT.replace('"LAST"', '"CREATE TABLE second_new (y TEXT)"'))


def a_database(path: Path) -> None:
    storage = open_paper(path)
    for _ in range(3):
        asyncio.run(storage.write_journal(an_entry(), None, BrokerName.PAPER, an_audit()))
    storage.close()


def facts(path: Path) -> tuple[int, list[tuple[int]], str, set[str], int]:
    """Version three times over (header, history, Alembic), the tables, and the rows."""
    with closing(sqlite3.connect(path)) as raw:
        return (
            raw.execute("PRAGMA user_version").fetchone()[0],
            raw.execute("SELECT version FROM schema_history ORDER BY 1").fetchall(),
            raw.execute("SELECT version_num FROM alembic_version").fetchone()[0],
            {row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE name LIKE '%_new'")},
            raw.execute("SELECT count(*) FROM trade_journal").fetchone()[0],
        )


OLD = (4, [(1,), (2,), (3,), (4,)], "0004", set[str](), 3)
NEW = (5, [(1,), (2,), (3,), (4,), (5,)], "0005", {"first_new", "second_new"}, 3)


def run(path: Path, scripts: Path) -> None:
    engine = open_writer(path)
    try:
        migrate(engine, path, ManualClock(NOW), scripts=scripts)
    finally:
        engine.dispose()


def test_a_step_that_fails_leaves_the_old_version_and_a_verified_backup(path: Path, scripts: Path) -> None:
    a_database(path)
    with pytest.raises(StorageBug, match="bringing the database up to date"):
        run(path, scripts)
    assert facts(path) == OLD
    (copy,) = backup_folder(path).glob("*-migration.db")
    assert facts(copy) == OLD
    opened = open_paper(path)
    assert asyncio.run(opened.verify()).is_sound
    opened.close()


def test_a_step_that_works_is_applied_once(path: Path, scripts: Path) -> None:
    a_database(path)
    cure(scripts)
    run(path, scripts)
    assert facts(path) == NEW


def test_killed_before_any_statement_of_a_step_the_schema_is_old_or_new(path: Path, scripts: Path) -> None:
    a_database(path)
    cure(scripts)
    prepared = path.read_bytes()
    total = _statements(path, scripts)
    seen = set()
    for at in range(max(total - 11, 1), total + 1, 2):
        path.write_bytes(prepared)
        for side in ("-wal", "-shm"):
            path.with_name(path.name + side).unlink(missing_ok=True)
        child = start("migrate", str(path), str(scripts), str(at))
        end(child)
        assert child.returncode == -signal.SIGKILL
        found = facts(path)
        assert found in (OLD, NEW), at
        seen.add(found[0])
    assert seen == {4, 5}


def test_killed_while_it_is_made_a_new_database_can_be_made_again(path: Path) -> None:
    total = _statements(path.with_name("other.db"), MIGRATIONS)
    found = []
    for at in (5, total // 2, total - 2):
        path.unlink(missing_ok=True)
        child = start("migrate", str(path), str(MIGRATIONS), str(at))
        end(child)
        assert child.returncode == -signal.SIGKILL
        with closing(sqlite3.connect(path)) as raw:
            objects = raw.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            found.append(raw.execute("PRAGMA user_version").fetchone()[0])
            assert (objects == 0) == (found[-1] == 0), "a step is there wholly or not at all"
    assert found == [0, 0, 3]
    a_database(path)
    assert facts(path) == OLD


def test_a_database_of_the_third_schema_keeps_all_it_holds(path: Path) -> None:
    """`data/schema3.sql` is a dump of a file that the desk of that schema wrote."""
    before = a_database_of_schema_3(path)
    storage = open_paper(path)
    (breach,) = asyncio.run(storage.load([ACCOUNT])).open_breaches
    assert [one.rationale for one in breach.suggestions] == ["buy a put 0", "buy a put 1"]
    assert asyncio.run(storage.verify()).is_sound
    storage.close()
    with closing(sqlite3.connect(path)) as raw:
        after = contents(raw, tuple(before))
    width = len(before["signals"][0])
    assert [row[:width] for row in after["signals"]] == before.pop("signals")
    assert {value for row in after.pop("signals") for value in row[width:]} == {None}
    assert after == before
    (copy,) = backup_folder(path).glob("*-migration.db")
    with closing(sqlite3.connect(copy)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (3,)
        assert contents(raw, tuple(before)) == before


def test_a_breach_of_the_third_schema_goes_on_with_a_set_of_suggestions(path: Path) -> None:
    a_database_of_schema_3(path)
    storage = open_paper(path)
    (breach,) = asyncio.run(storage.load([ACCOUNT])).open_breaches
    made = a_suggestion_set(breach_id=breach.id)
    asyncio.run(storage.save_suggestions(made))
    assert asyncio.run(storage.load_suggestion_set(made.id)) == made
    (breach,) = asyncio.run(storage.load([ACCOUNT])).open_breaches
    assert [one.id for one in breach.suggestions] == [one.id for one in made.suggestions[:2]]
    storage.close()


def a_database_of_schema_3(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Makes the file and returns what its tables hold, but for those that say which schema it is."""
    path.parent.mkdir(mode=0o700)
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript((Path(__file__).parent / "data" / "schema3.sql").read_text())
        found = raw.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        names = {name for (name,) in found} - {"alembic_version", "schema_history"}
        return contents(raw, tuple(names))


def contents(raw: sqlite3.Connection, tables: tuple[str, ...]) -> dict[str, list[tuple[Any, ...]]]:
    return {name: sorted(raw.execute(sql("SELECT * FROM $name", name=name)), key=repr) for name in tables}


def test_a_database_that_is_up_to_date_is_left_alone(path: Path) -> None:
    a_database(path)
    before = path.read_bytes()
    run(path, MIGRATIONS)
    assert path.read_bytes() == before
    assert not backup_folder(path).exists()


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    assert prepare_file(path)
    assert not path.stat().st_size
    a_database(path)
    assert facts(path) == OLD


def _statements(path: Path, scripts: Path) -> int:
    """How many statements a whole migration takes."""
    (done,) = end(start("migrate", str(path), str(scripts), "0"))
    return int(done.removeprefix("done "))
