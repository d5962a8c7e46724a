"""A desk for imports: the real database, the real order manager, a broker that a test speaks for."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Coroutine, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from database.store import SqliteStorage
from execution.assembly import read_statement_file
from execution.brokers.port import BrokerEvent, BrokerSnapshot
from execution.orders.manager import OrderManager
from execution.statement_views import StatementProgress, StatementReport
from execution.statements.service import StatementImport
from models.clock import ManualClock
from models.enums import BrokerName, Mode
from models.ids import AccountId
from models.statement import StatementSection
from models.trade import Execution
from tests.execution.orders.fake_broker import EMPTY_SNAPSHOT, FakeBroker
from tests.execution.orders.fake_facts import FakeFacts
from tests.execution.recorder import RecordingPublisher

T = TypeVar("T")

SAMPLES = Path(__file__).parents[1] / "brokers" / "ibkr" / "flex_samples"
ACTIVITY = SAMPLES / "activity.xml"
CONFIRMS = SAMPLES / "confirms.xml"
ACCOUNT = AccountId("DU5550001")
NOW = datetime(2026, 11, 16, 21, 30, tzinfo=UTC)


class Progress(RecordingPublisher):
    """Keeps every step of an import."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[StatementProgress] = []
        self.has_written = asyncio.Event()

    def state(self, state: Any) -> None:
        super().state(state)
        if isinstance(state, StatementProgress):
            self.steps.append(state)
            if state.done:
                self.has_written.set()


@dataclass
class ImportDesk:
    """One desk; `loop` is the engine's."""

    storage: SqliteStorage
    accounts: Sequence[AccountId] = (ACCOUNT,)
    broker_name: BrokerName = BrokerName.IBKR
    publisher: Progress = field(default_factory=Progress)
    is_shared: bool = False

    def __post_init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.clock = ManualClock(NOW)
        self.broker = FakeBroker()
        self.broker.name = self.broker_name
        self.facts = FakeFacts(self.clock)
        self.manager = self.new_manager()
        self.imports = StatementImport(
            read=read_statement_file,
            store=self.storage,
            brokers=(self.broker_name,),
            accounts=lambda: self.accounts,
            strategy_tag=self.facts.strategy_tag,
            is_read_only=self.storage.is_read_only,
            publisher=self.publisher,
            clock=self.clock,
        )

    def new_manager(self) -> OrderManager:
        """Returns the order manager of a desk that was just started."""

        async def halt(reason: str) -> None:
            raise AssertionError(f"trading was halted: {reason}")

        async def no_sleep(_seconds: float) -> None:
            await asyncio.sleep(0)

        return OrderManager(
            broker=self.broker,
            storage=self.storage,
            facts=self.facts,
            publisher=self.publisher,
            clock=self.clock,
            mode=Mode.PAPER,
            halt=halt,
            sleep=no_sleep,
        )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def take(self, path: Path = ACTIVITY) -> StatementReport:
        """Imports a file."""
        return self.run(self.imports.run(path))

    def hear(self, *events: BrokerEvent) -> None:
        """Lets the live desk take events, to the end of all that follows from them."""

        async def work() -> None:
            for event in events:
                await self.manager.apply(event)
            await self.manager.idle()

        self.run(work())

    def restart(self, snapshot: BrokerSnapshot = EMPTY_SNAPSHOT) -> None:
        """Starts the desk anew on the same database and recovers."""

        async def work() -> None:
            await self.manager.close()
            self.manager = self.new_manager()
            await self.manager.recover(await self.storage.load(self.accounts), snapshot)
            await self.manager.idle()

        self.run(work())

    def executions(self) -> dict[str, Execution]:
        """Returns the newest revision of everything in the database, with its fee."""
        everything = self.run(self.storage.load_executions_since(datetime(2000, 1, 1, tzinfo=UTC)))
        return {one.execution_id: one for one in everything}

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.storage.path}?mode=ro", uri=True)) as raw:
            return raw.execute(query).fetchall()

    def counts(self) -> dict[str, int]:
        """Returns how many rows each table has that an import may write to."""
        names = ("executions", "execution_fees", "trade_journal", "journal_executions", "order_audit_log",
                 "statement_lines", "cash_movements", "statement_days")  # fmt: skip
        return {name: self.rows(f"SELECT count(*) FROM {name}")[0][0] for name in names}  # noqa: S608 - our names

    def close(self) -> None:
        self.run(self.manager.close())
        self.run(self.loop.shutdown_default_executor())
        self.loop.close()
        if not self.is_shared:
            self.storage.close()


def section(report: StatementReport, kind: StatementSection) -> tuple[int, int, int, int, int]:
    """Returns read, new, known, corrected, left out."""
    one = next(each for each in report.sections if each.section is kind)
    return one.read, one.new, one.known, one.corrected, one.skipped
