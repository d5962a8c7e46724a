"""What tests run in a process of its own: `python -m tests.database.child ACTION PATH [ARGUMENT...]`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from sqlalchemy import event

from database.connection import open_writer, prepare_file
from database.migrate import migrate
from database.reader import JournalReader
from models.clock import ManualClock
from models.enums import BrokerName, OrderStatus
from models.errors import KnownError
from models.records import AuditKind
from tests.database.builders import NOW, an_audit, an_entry, an_execution, an_order, open_paper


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def hold(path: Path) -> None:
    """Opens when told to, says what it became, and keeps the file until its input ends."""
    say("ready")
    sys.stdin.readline()
    storage = open_paper(path)
    say("reader" if storage.is_read_only else "writer")
    sys.stdin.read()
    storage.close()


async def trade(path: Path) -> None:
    """Trades for ever; says an order's id only when all of it is acknowledged by the database."""
    storage = open_paper(path)
    while True:
        order = an_order()
        await storage.commit_intent(order, BrokerName.PAPER, an_audit(AuditKind.INTENT, order.id))
        say(f"intent {order.id}")
        fills = [an_execution(f"{order.id}.{leg}", order_id=order.id) for leg in range(2)]
        await storage.record_executions(fills, [an_audit(AuditKind.EXECUTION, order.id)])
        say(f"fill {order.id}")
        filled = order.to(OrderStatus.FILLED)
        await storage.save_order(filled, BrokerName.PAPER, [an_audit(AuditKind.STATUS, order.id)])
        entry = an_entry(order_id=order.id)
        await storage.write_journal(entry, filled, BrokerName.PAPER, an_audit(AuditKind.JOURNALED, order.id))
        say(f"journal {order.id}")


def migrate_and_die(path: Path, scripts: Path, at_statement: int) -> None:
    """Migrates, and kills itself before the statement of that number."""
    prepare_file(path)
    engine = open_writer(path)
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == at_statement:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", count)
    migrate(engine, path, ManualClock(NOW), scripts=scripts)
    say(f"done {seen}")


async def fill_small_disk(path: Path) -> None:
    """Writes under a limit on file sizes until the operating system refuses, then says how it failed."""
    import resource

    storage = open_paper(path)
    size = path.with_name(path.name + "-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100_000, size + 100_000))
    written = 0
    try:
        while True:
            await storage.write_journal(an_entry(), None, BrokerName.PAPER, an_audit())
            written += 1
    except KnownError as error:
        say(f"{type(error).__name__} {written}")
    os.kill(os.getpid(), signal.SIGKILL)


def open_as_nobody(path: Path) -> None:
    """Opens the file without root's powers and says what happens."""
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    try:
        storage = open_paper(path)
        storage.close()
        say("opened")
    except KnownError as error:
        say(f"{type(error).__name__}: {error}")
    try:
        JournalReader(path).close()
        say("read")
    except KnownError as error:
        say(f"{type(error).__name__}: {error}")


def main() -> None:
    action, path, *rest = sys.argv[1:]
    if action == "hold":
        hold(Path(path))
    elif action == "trade":
        asyncio.run(trade(Path(path)))
    elif action == "migrate":
        migrate_and_die(Path(path), Path(rest[0]), int(rest[1]))
    elif action == "small_disk":
        asyncio.run(fill_small_disk(Path(path)))
    elif action == "nobody":
        open_as_nobody(Path(path))


if __name__ == "__main__":
    main()
