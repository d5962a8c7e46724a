"""Brings a database file to the schema this program knows, or leaves it exactly as it was."""

from __future__ import annotations

import logging
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine

from database import backup
from database.connection import APPLICATION_ID, SCHEMA_VERSION, check_version, user_version
from database.errors import StorageBug, typed_errors
from database.schema import schema_history
from models.clock import Clock

log = logging.getLogger(__name__)

MIGRATIONS: Final = Path(__file__).resolve().parent / "migrations"


def migrate(engine: Engine, path: Path, clock: Clock, *, scripts: Path = MIGRATIONS) -> None:
    """Applies the steps of `scripts` that the file lacks, each in one BEGIN IMMEDIATE transaction with its version.

    A file that already holds a schema is backed up and the backup verified first. A step that fails or is killed
    leaves the version before it. Raises DatabaseTooNew and other typed errors.
    """
    doing = "bringing the database up to date"
    with typed_errors(path, doing), engine.connect() as connection:
        version = user_version(connection)
        connection.rollback()
    if scripts == MIGRATIONS:
        check_version(version, path)
        if version == SCHEMA_VERSION:
            return
    if version > 0:
        backup.make_backup(path, clock.now_utc(), reason="migration")
    with typed_errors(path, doing), engine.connect() as connection:
        _upgrade(connection, scripts, clock.now_utc())
        reached = user_version(connection)
        connection.rollback()
    log.info("database %s: schema version %d -> %d", path.name, version, reached)
    if scripts == MIGRATIONS and reached != SCHEMA_VERSION:
        raise StorageBug(f"the migrations end at version {reached}, the program expects {SCHEMA_VERSION}")


def _upgrade(connection: Connection, scripts: Path, at_utc: datetime) -> None:
    # Alembic takes a tenth of a second to load: only when there is something to migrate.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    def stamp(*, ctx: Any, step: Any, heads: Any, run_args: Any) -> None:  # noqa: ARG001 - Alembic's signature
        """Runs inside the step's own transaction."""
        version = int(step.up_revision_id)
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version = {version}")
        connection.execute(
            schema_history.insert().values(
                version=version,
                revision=step.up_revision_id,
                applied_at=at_utc,
                sqlite_version=sqlite3.sqlite_version,
            )
        )

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["on_version_apply"] = stamp
    command.upgrade(config, "head")
