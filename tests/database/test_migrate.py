from __future__ import annotations

import asyncio
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from database.backup import backup_folder
from database.connection import open_writer, prepare_file
from database.errors import StorageBug
from database.migrate import MIGRATIONS, migrate
from models.clock import ManualClock
from models.enums import BrokerName
from tests.database.builders import NOW, an_audit, an_entry, open_paper
from tests.database.processes import end, start

NEXT = '''"""A step of tomorrow."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


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
    (folder / "versions" / "v0004_next.py").write_text(NEXT)
    return folder


def cure(scripts: Path) -> None:
    (scripts / "versions" / "v0004_next.py").write_text(NEXT.replace('"LAST"', '"CREATE TABLE second_new (y TEXT)"'))


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


OLD = (3, [(1,), (2,), (3,)], "0003", set[str](), 3)
NEW = (4, [(1,), (2,), (3,), (4,)], "0004", {"first_new", "second_new"}, 3)


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
    assert seen == {3, 4}


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
    assert found == [0, 0, 2]
    a_database(path)
    assert facts(path) == OLD


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
