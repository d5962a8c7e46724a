"""The one thread that owns the read-write connection: every job is one transaction, in the order it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine

from database.errors import DatabaseReadOnly, StorageBug, typed_errors

T = TypeVar("T")
Job = Callable[[Connection], T]


class Writer:
    """Runs jobs on its own thread. In a read-only instance the connection is `mode=ro` and `write` refuses."""

    def __init__(self, engine: Engine, path: Path, *, is_read_only: bool) -> None:
        self._engine = engine
        self._path = path
        self.is_read_only = is_read_only
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="database-writer")
        self._is_open = True

    async def write(self, doing: str, job: Job[T]) -> T:
        """Runs `job` in a BEGIN IMMEDIATE transaction; committed and durable on return.

        Raises a typed storage error, after which nothing of the job is in the database. The job of a caller that is
        cancelled while it waits is done all the same: it may be a fill.
        """
        return await self._run(doing, self._writable(doing, job))

    async def read(self, doing: str, job: Job[T]) -> T:
        """Runs `job` in a transaction that writes nothing; raises a typed storage error."""
        return await self._run(doing, job)

    def write_now(self, doing: str, job: Job[T]) -> T:
        """As `write`, for a caller outside the event loop; waits."""
        return self._submit(doing, self._writable(doing, job)).result()

    def read_now(self, doing: str, job: Job[T]) -> T:
        """As `read`, for a caller outside the event loop; waits."""
        return self._submit(doing, job).result()

    def close(self) -> None:
        """Finishes what was asked for and closes the connection. May be called twice."""
        if self._is_open:
            self._is_open = False
            self._thread.submit(self._engine.dispose).result()
            self._thread.shutdown()

    def _writable(self, doing: str, job: Job[T]) -> Job[T]:
        if self.is_read_only:
            raise DatabaseReadOnly(
                f"{self._path.name} is open read-only because another desk is using it: {doing} was refused.",
                cure="Close the other desk and start this one again.",
            )
        return job

    async def _run(self, doing: str, job: Job[T]) -> T:
        return await asyncio.shield(asyncio.wrap_future(self._submit(doing, job)))

    def _submit(self, doing: str, job: Job[T]) -> Future[T]:
        if not self._is_open:
            raise StorageBug(f"{doing} was asked for after the database was closed")
        return self._thread.submit(self._transact, doing, job)

    def _transact(self, doing: str, job: Job[T]) -> T:
        with typed_errors(self._path, doing), self._engine.connect() as connection, connection.begin():
            return job(connection)
