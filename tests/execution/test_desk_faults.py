"""A desk in trouble: what is halted stays halted, what is locked stays locked, and nothing that happened is lost."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from database import connection as connections
from execution import commands
from execution.assembly import capture
from execution.brokers.paper.faults import FaultScript, FillBehavior, OrderScript
from execution.brokers.port import BrokerEvent, BrokerSnapshot, ConnectionEvent
from execution.ticket_views import SendOutcome
from execution.views import DeskState, Phase
from models.enums import FeedState, OrderStatus, TradingState
from models.errors import KnownError
from models.gate import DenialCode
from models.records import AuditKind, AuditRecord
from tests.execution.desk_runner import ACCOUNT, Running, running, sent, simulated, stock_draft

pytestmark = pytest.mark.anyio


def state(desk: Running) -> DeskState:
    found: DeskState = desk.publisher.states[DeskState]
    return found


async def denied(desk: Running) -> set[DenialCode]:
    draft = stock_draft()
    await simulated(desk, draft)
    outcome: SendOutcome = await desk.ask(commands.SendOrder(draft))
    assert not outcome.accepted
    return {denial.code for denial in outcome.denials}


async def test_a_halt_that_could_not_be_saved_outlives_a_reconcile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as desk:

        async def refuse(*_: object) -> None:
            raise KnownError("The disk is full.")

        monkeypatch.setattr(desk.composed.desk._parts.storage, "save_trading_state", refuse)
        with pytest.raises(KnownError):
            await desk.ask(commands.SetTradingState(TradingState.HALTED, "stop"))
        await desk.ask(commands.Reconcile())
        await desk.until(lambda: state(desk).phase is Phase.READY, "the reconcile")
        assert DenialCode.TRADING_HALTED in await denied(desk)


async def test_a_halt_pressed_while_the_desk_reconciles_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as desk:
        broker = desk.composed.desk._parts.broker
        ask, asked, go_on = broker.snapshot, asyncio.Event(), asyncio.Event()

        async def slow() -> BrokerSnapshot:
            asked.set()
            await go_on.wait()
            return await ask()

        monkeypatch.setattr(broker, "snapshot", slow)
        await desk.ask(commands.Reconcile())
        await asked.wait()
        await desk.ask(commands.SetTradingState(TradingState.HALTED, "stop"))
        go_on.set()
        await desk.until(lambda: state(desk).phase is Phase.READY, "the reconcile")
        assert DenialCode.TRADING_HALTED in await denied(desk)


@pytest.mark.parametrize("how", ["ends", "breaks"])
async def test_an_engine_that_went_deaf_is_halted_for_good_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    async with running(tmp_path) as desk:
        dispatch = desk.composed.desk._dispatch
        if how == "ends":
            desk.composed.desk._parts.broker._link.stream.close()  # type: ignore[attr-defined]
        else:

            async def burst(event: BrokerEvent) -> None:
                raise ZeroDivisionError("a bug")

            monkeypatch.setattr(dispatch, "apply", burst)
        await desk.until(lambda: state(desk).phase is Phase.FAILED, "the failure to be told")
        assert state(desk).trading_state is TradingState.HALTED
        assert "Restart the desk" in desk.lines()
        await desk.ask(commands.Reconcile())
        with pytest.raises(KnownError, match="engine has failed"):
            await desk.ask(commands.SetTradingState(TradingState.ACTIVE, "go"))
        await asyncio.sleep(0.1)
        assert state(desk).phase is Phase.FAILED
        assert not desk.composed.desk._core.trading_unlocked


async def test_a_bug_while_reconciling_halts_instead_of_waiting_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as desk:

        async def burst(*_: object) -> None:
            raise ZeroDivisionError("a bug")

        monkeypatch.setattr(desk.composed.desk._parts.manager, "recover", burst)
        await desk.ask(commands.Reconcile())
        await desk.until(lambda: state(desk).phase is Phase.FAILED, "the failure to be told")
        assert state(desk).trading_state is TradingState.HALTED


async def test_a_link_that_breaks_during_a_reconcile_is_reconciled_anew_before_trading_unlocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as desk:
        engine = desk.composed.desk
        broker = engine._parts.broker
        ask, asked, go_on = broker.snapshot, asyncio.Event(), asyncio.Event()
        snapshots = 0

        async def slow() -> BrokerSnapshot:
            nonlocal snapshots
            snapshots += 1
            found = await ask()
            asked.set()
            await go_on.wait()
            return found

        monkeypatch.setattr(broker, "snapshot", slow)
        await desk.ask(commands.Reconcile())
        await asked.wait()
        await engine._dispatch.apply(ConnectionEvent(FeedState.DOWN, "gone", reconcile_needed=True))
        go_on.set()
        await desk.until(lambda: snapshots >= 2, "a second snapshot")
        for _ in range(20):
            await asyncio.sleep(0.01)
            assert not engine._core.trading_unlocked
        await engine._dispatch.apply(ConnectionEvent(FeedState.LIVE, "back", reconcile_needed=True))
        await desk.until(lambda: state(desk).phase is Phase.READY, "the link again")
        assert snapshots >= 3


async def test_no_snapshot_is_made_of_figures_from_before_the_link_broke(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        engine = desk.composed.desk
        await desk.until(lambda: bool(capture(engine._core)), "the first figures")
        await engine._dispatch.apply(ConnectionEvent(FeedState.DOWN, "gone", reconcile_needed=False))
        await desk.until(lambda: engine._core.feed is FeedState.DOWN, "the link to be called down")
        with pytest.raises(KnownError, match="No snapshot was taken"):
            await desk.ask(commands.TakeSnapshot())
        assert desk.rows("SELECT count(*) FROM account_snapshots") == [(0,)]


async def test_a_database_that_cannot_be_read_at_the_start_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path):
        pass
    impatient(monkeypatch)
    with closing(sqlite3.connect(journal_of(tmp_path), isolation_level=None)) as rival:
        from database.store import SqliteStorage

        load = SqliteStorage.load

        async def load_beside_a_rival(self: SqliteStorage, accounts: list[str]) -> object:
            if not rival.in_transaction and not rival_was_here:
                rival_was_here.append(True)
                rival.execute("BEGIN IMMEDIATE")
            return await load(self, accounts)  # type: ignore[arg-type]

        rival_was_here: list[bool] = []
        monkeypatch.setattr(SqliteStorage, "load", load_beside_a_rival)
        async with running(tmp_path, wait=False) as desk:
            assert state(desk).phase is Phase.FAILED
            assert "held by another program" in desk.lines()
            rival.execute("ROLLBACK")
            await desk.ask(commands.Reconcile())
            assert desk.composed.desk._reconciling is None
            assert not desk.composed.desk._core.trading_unlocked
            await desk.until(lambda: state(desk).phase is Phase.READY, "a second try")


def journal_of(folder: Path) -> Path:
    return next(folder.glob("*/journal.sqlite"))


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits 50 ms instead of 5 s for a rival."""
    rest = tuple(one for one in connections._PRAGMAS if one[0] != "busy_timeout")
    monkeypatch.setattr(connections, "_PRAGMAS", (("busy_timeout", "50", 50), *rest))
    monkeypatch.setattr(connections, "BUSY_TIMEOUT_MS", 50)


@contextmanager
def held_by_a_rival(desk: Running) -> Iterator[None]:
    """Another program holds the journal for writing."""
    with closing(sqlite3.connect(desk.composed.database_path, isolation_level=None)) as rival:
        rival.execute("BEGIN IMMEDIATE")
        yield
        rival.execute("ROLLBACK")


@contextmanager
def no_room(desk: Running) -> Iterator[None]:
    """The system refuses to let the journal's log grow, as on a full disk; the paper broker's files stay below it."""
    log = Path(f"{desk.composed.database_path}-wal")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(params=["full disk", "rival"])
def trouble(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    impatient(monkeypatch)
    return str(request.param)


async def test_a_journal_that_cannot_be_written_while_trading_sends_nothing_and_loses_no_fill(
    tmp_path: Path, trouble: str
) -> None:
    faults = FaultScript()
    async with running(tmp_path, faults=faults) as desk:
        faults.next_order(OrderScript(fills=FillBehavior.DELAYED, delay_s=0.6))
        await pad(desk)
        working = stock_draft("QQQ", 3)
        new = stock_draft("AAPL", 5)
        await simulated(desk, new)
        await sent(desk, working)
        with no_room(desk) if trouble == "full disk" else held_by_a_rival(desk):
            outcome: SendOutcome = await desk.ask(commands.SendOrder(new))
            assert not outcome.accepted
            await desk.until(lambda: "Could not record a fill" in desk.lines(), "the fill that finds no room")
            await desk.until(lambda: state(desk).trading_state is TradingState.HALTED, "the halt")
            unsent = desk.composed.desk._parts.manager.order(new.order_id)
            assert unsent is not None
            assert unsent.status is OrderStatus.SIMULATED
            snapshot = await desk.composed.desk._parts.broker.snapshot()
            assert [one.order_id for one in (*snapshot.open_orders, *snapshot.completed_orders)] == [working.order_id]
        await desk.status(working.order_id, OrderStatus.FILLED)
        await desk.until(lambda: desk.rows("SELECT count(*) FROM trade_journal") == [(1,)], "the journal row")
        assert desk.rows("SELECT status FROM orders WHERE broker_order_id IS NOT NULL") == [("FILLED",)]
        assert desk.rows("SELECT count(*) FROM executions") == [(1,)]
        unpaid = "SELECT count(*) FROM executions LEFT JOIN execution_fees USING (execution_id) WHERE fee IS NULL"
        await desk.until(lambda: desk.rows(unpaid) == [(0,)], "the fee", tries=2000)
        await desk.until(lambda: state(desk).phase is Phase.READY, "the desk again")
        assert DenialCode.TRADING_HALTED in await denied(desk)


async def pad(desk: Running) -> None:
    """Makes the journal's log larger than any file of the paper broker."""
    parts = desk.composed.desk._parts
    record = AuditRecord(AuditKind.STATUS, None, None, ACCOUNT, parts.clock.now_utc(), {"filler": "x" * 100_000})
    for _ in range(20):
        await parts.storage.audit((record,))
