"""The engine: takes commands and broker events, keeps the state, tells the window (design section 3).

Start-up, reconnect and crash recovery are one path: load what the database knows, ask the broker for everything,
reconcile, only then unlock trading. Everything here runs on the engine's loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from execution.analysis.service import AnalysisService
from execution.brokers.joined import JoinedBroker, brokers_of
from execution.brokers.port import Broker, Capability
from execution.clock_watch import ClockWatch
from execution.commands import Command
from execution.connections import Connections
from execution.core import DeskCore
from execution.dispatch import EventDispatch
from execution.handling import CommandHandler, HandlerParts
from execution.hedging.handling import SuggestionHandler
from execution.market.chains import ChainService
from execution.market.metrics import MetricsService
from execution.memory import DeskMemory
from execution.orders.manager import OrderManager
from execution.publishing import DeskPublisher
from execution.risk.breaches import BreachMonitor
from execution.risk.watch import RiskWatch
from execution.snapshots import SnapshotJob
from execution.statements.service import StatementImport
from execution.storage import LoadedState, Storage
from execution.suggestion_commands import SuggestionCommand
from execution.views import (
    DeskState,
    LogLine,
    Phase,
    Publisher,
    Severity,
)
from models.clock import Clock, new_york_time
from models.enums import FeedState, Mode, TradingState
from models.errors import BrokerFailure, KnownError

_LOG = logging.getLogger(__name__)
_RETRY_FIRST_S, _RETRY_MOST_S = 1.0, 15.0
_DAY_S = 86_400.0
#: How soon what the database refused is tried again, and how seldom while it goes on refusing.
_WRITE_AGAIN_FIRST_S, _WRITE_AGAIN_MOST_S = 5.0, 60.0
_BETAS_EVERY_S = 10.0
_CONNECT, _RECONCILE = "connect", "reconcile"


@dataclass(frozen=True, slots=True)
class DeskFacilities:
    """The parts a desk is composed of; `main.py` makes them."""

    broker: Broker
    storage: Storage
    core: DeskCore
    manager: OrderManager
    chains: ChainService
    metrics: MetricsService
    breaches: BreachMonitor
    snapshots: SnapshotJob
    published: DeskPublisher
    watch: RiskWatch
    analysis: AnalysisService
    suggestions: SuggestionHandler
    statements: StatementImport
    memory: DeskMemory
    publisher: Publisher
    clock: Clock
    session_text: Callable[[], str]
    #: Verifies and backs up; returns what is wrong, in words.
    tend_storage: Callable[[], Awaitable[Sequence[str]]]
    market_label: str
    database_path: str
    connections: Connections
    #: What the accounts will be, as long as none is known.
    mode: Mode = Mode.PAPER


class Desk:
    """Runs the engine's tasks and answers commands. A task that dies halts trading, and says so."""

    def __init__(self, parts: DeskFacilities) -> None:
        self._parts = parts
        self._core = parts.core
        self._phase = Phase.STARTING
        self._problem = ""
        self._today = new_york_time(parts.clock.now_utc()).date()
        self._told_trading = (TradingState.ACTIVE, "", "")
        self._tasks: list[asyncio.Task[None]] = []
        self._dispatch = EventDispatch(
            core=parts.core,
            manager=parts.manager,
            watch=parts.watch,
            published=parts.published,
            reconcile=self._start_reconcile,
            say=self._say,
        )
        self._reconciling: asyncio.Task[None] | None = None
        #: Set by every call for a reconcile: one that began before it does not count.
        self._wish = asyncio.Event()
        self._ready = asyncio.Event()
        self._is_restored = False
        #: Events are read. Before that only the way in (`_recover`) reconciles: unlocked, the desk would be deaf.
        self._hears = False
        self._is_stopping = False
        #: What kept it from connecting is the user's to change: it is not tried again by itself.
        self._is_users_turn = False
        #: The task that died. Nothing is unlocked any more in this run of the desk.
        self._dead = ""
        self._write_again_at = 0.0
        self._write_pause_s = _WRITE_AGAIN_FIRST_S
        self._handler = CommandHandler(
            HandlerParts(
                broker=parts.broker,
                storage=parts.storage,
                core=parts.core,
                manager=parts.manager,
                chains=parts.chains,
                snapshots=parts.snapshots,
                published=parts.published,
                watch=parts.watch,
                analysis=parts.analysis,
                statements=parts.statements,
                memory=parts.memory,
                publisher=parts.publisher,
                clock=parts.clock,
                say=self._say,
                has_failed=lambda: self._phase is Phase.FAILED,
                tell_state=self._publish_state,
                reconcile=self._start_reconcile,
                login_changed=self._login_changed,
                connections=parts.connections,
            )
        )

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Recovers and unlocks, or stays locked with the problem shown while it tries again."""
        self._publish_state()
        self._start("market header", self._header_loop())
        if not await self._recover():
            self._start(_CONNECT, self._retry_until_ready())
            return
        await self._go_on()

    async def stop(self) -> None:
        """Lets go of the broker and ends the tasks; working orders stay as they are."""
        self._is_stopping = True
        self._core.trading_unlocked = False
        self._parts.snapshots.stop()
        await self._parts.manager.close()
        await self._parts.broker.close()
        everything = [*self._tasks, *([self._reconciling] if self._reconciling else [])]
        for task in everything:
            task.cancel()
        await asyncio.gather(*everything, return_exceptions=True)

    async def handle(self, command: Command) -> Any:
        """Returns the answer named in the command's docstring; raises KnownError with what to do."""
        if isinstance(command, SuggestionCommand):
            return await self._parts.suggestions.handle(command)
        return await self._handler.handle(command)

    async def wait_ready(self) -> None:
        """Returns once the desk is reconciled."""
        await self._ready.wait()

    async def _recover(self) -> bool:
        """The one path: connect, load, snapshot, reconcile, unlock. False when broker or database refuse."""
        self._set_phase(Phase.CONNECTING)
        self._is_users_turn = False
        try:
            if not self._is_restored:
                await self._parts.memory.restore()
                await self._parts.suggestions.analyst.restore()
                self._is_restored = True
            accounts = await self._parts.broker.connect()
            self._core.accounts = {info.account_id: info for info in accounts}
            self._set_phase(Phase.RECONCILING)
            await self._reconcile_once()
        except KnownError as failure:
            self._set_phase(Phase.FAILED, str(failure))
            source = "desk"
            if isinstance(failure, BrokerFailure):
                self._core.feed, self._core.feed_text = FeedState.DOWN, str(failure)
                self._is_users_turn = failure.is_users_turn
                source = "broker"
            self._say(Severity.ERROR, source, f"{failure}", toast=True)
            return False
        self._core.feed, self._core.feed_text = FeedState.LIVE, "connected"
        self._unlock()
        return True

    async def _reconcile_once(self) -> None:
        loaded = await self._parts.storage.load(list(self._core.accounts))
        snapshot = await self._parts.broker.snapshot()
        if not self._ready.is_set():
            self._take_up_switch(loaded)
            self._parts.breaches.restore(loaded.open_breaches)
        self._core.take_snapshot(snapshot)
        await self._parts.manager.recover(loaded, snapshot)
        if isinstance(self._parts.broker, JoinedBroker):
            self._parts.broker.compared(snapshot)
        if not self._core.is_read_only:
            for account_id in filter(snapshot.tells_of, self._core.accounts):
                await self._parts.storage.save_positions(
                    account_id, self._core.positions(account_id), self._parts.clock.now_utc()
                )
        self._parts.published.accounts()
        self._parts.watch.mark_dirty()

    def _take_up_switch(self, loaded: LoadedState) -> None:
        """Takes the kill switch as the last run left it.

        Only at the start, and only over an ACTIVE one: the database does not know a halt of this run that it could not
        record, nor one pressed a moment ago.
        """
        if self._core.trading_state is TradingState.ACTIVE:
            self._core.trading_state = loaded.trading_state
            self._core.trading_state_reason = loaded.trading_state_reason

    def _unlock(self) -> None:
        """Trading may go on, unless a task died or the link is not sound."""
        if self._dead:
            return
        if not self._dispatch.is_link_live:
            self._set_phase(Phase.RECONCILING, "Waiting for a sound connection to the broker.")
            return
        self._core.trading_unlocked = not self._core.is_read_only
        self._set_phase(Phase.READ_ONLY if self._core.is_read_only else Phase.READY)
        self._ready.set()

    async def _go_on(self) -> None:
        self._hears = True
        self._start("broker events", self._dispatch.run(self._parts.broker.events()))
        self._start("risk", self._parts.watch.run())
        self._start("risk analysis", self._parts.analysis.run())
        self._start("chain", self._chain_loop())
        self._start("suggestions", self._parts.suggestions.service.run())
        if not self._core.is_read_only:
            self._start("suggestion scores", self._parts.suggestions.scorer.run())
            await self._record_missed()
            self._parts.snapshots.start()
            self._start("housekeeping", self._housekeeping())
            self._start("clock watch", ClockWatch(self._parts.clock, self._on_jump).run())
        if Capability.BETAS in self._parts.broker.capabilities:
            self._start("betas", self._beta_loop())
        if Capability.METRICS in self._parts.broker.capabilities:
            self._start("vol ranks", self._parts.metrics.run())

    async def _record_missed(self) -> None:
        try:
            await self._parts.snapshots.record_missed(self._parts.clock.now_utc())
        except KnownError as error:
            self._say(Severity.WARNING, "snapshots", f"Which snapshot slots were missed is not known: {error}")

    async def _retry_until_ready(self) -> None:
        pause_s = _RETRY_FIRST_S
        while True:
            await self._wait_for_wish(None if self._is_users_turn else pause_s)
            self._wish.clear()
            if await self._recover():
                break
            pause_s = min(pause_s * 2, _RETRY_MOST_S)
        await self._go_on()

    def _start_reconcile(self) -> None:
        """Locks trading and reconciles; one run at a time, and one more for whoever asks during it."""
        self._core.trading_unlocked = False
        if self._dead:
            self._say(Severity.WARNING, "desk", f"Not reconciled: {self._problem} Restart the desk.", toast=True)
            return
        if not self._hears:
            self._wish.set()
            self._say(Severity.INFO, "desk", "Not connected yet: connecting is tried again now.")
            return
        self._wish.set()
        self._set_phase(Phase.RECONCILING)
        if self._reconciling is None or self._reconciling.done():
            self._reconciling = asyncio.get_running_loop().create_task(self._reconcile_again(), name=_RECONCILE)
            self._reconciling.add_done_callback(self._on_task_end)

    def _login_changed(self) -> None:
        """Connects now where that waited for the user; a running desk is left alone."""
        if not self._hears and self._is_users_turn:
            self._wish.set()
        if isinstance(self._parts.broker, JoinedBroker):
            self._parts.broker.try_again()

    async def _reconcile_again(self) -> None:
        pause_s = _RETRY_FIRST_S
        while self._wish.is_set():
            self._wish.clear()
            try:
                await self._reconcile_once()
            except KnownError as failure:
                self._set_phase(Phase.RECONCILING, str(failure))
                if not isinstance(failure, BrokerFailure):
                    self._say(Severity.ERROR, "desk", f"Not reconciled, will be tried again: {failure}", toast=True)
                await self._wait_for_wish(pause_s)
                pause_s = min(pause_s * 2, _RETRY_MOST_S)
                self._wish.set()
        self._unlock()
        self._core.subscriptions.tell_again()
        if not self._parts.manager.has_unwritten:
            self._say(Severity.GOOD, "desk", "Reconciled with the broker.")

    async def _wait_for_wish(self, at_most_s: float | None) -> None:
        """Waits a while (None = without end), or until the link is back or the user wants it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._wish.wait()

    # --- tasks --------------------------------------------------------------------------------------------------------

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._on_task_end)
        self._tasks.append(task)

    def _on_task_end(self, task: asyncio.Task[None]) -> None:
        """A task of the engine never ends by itself: if one does, nothing may be sent any more."""
        if task.cancelled() or self._is_stopping:
            return
        error = task.exception()
        if error is None and task.get_name() in (_CONNECT, _RECONCILE):
            return
        name = task.get_name()
        _LOG.critical("engine task %s died", name, exc_info=error)
        self._dead = name
        self._core.trading_unlocked = False
        self._core.trading_state = TradingState.HALTED
        self._core.trading_state_reason = f"the engine's {name} task failed"
        what = "it ended by itself" if error is None else str(error)
        self._set_phase(Phase.FAILED, f"Trading is halted: the engine's {name} task failed ({what}).")
        self._say(Severity.ERROR, "engine", f"{self._problem} Restart the desk; orders stay at the broker.", toast=True)

    async def _header_loop(self) -> None:
        while True:
            if self._ready.is_set():  # before that nothing is known of the link but what connecting said
                self._core.feed, self._core.feed_text = self._dispatch.feed_now()
            if self._told_trading != self._trading_now():
                self._publish_state()
            self._parts.published.market(self._parts.session_text())
            self._turn_the_day()
            self._write_again()
            await asyncio.sleep(0.5)

    def _write_again(self) -> None:
        """What the database refused is made good by a reconcile, which finds whatever is missing."""
        now_s = time.monotonic()
        if not self._parts.manager.has_unwritten:
            self._write_pause_s = _WRITE_AGAIN_FIRST_S
        elif now_s >= self._write_again_at and not self._dead and not self._core.is_read_only:
            self._write_again_at = now_s + self._write_pause_s
            self._write_pause_s = min(self._write_pause_s * 2, _WRITE_AGAIN_MOST_S)
            self._start_reconcile()

    def _turn_the_day(self) -> None:
        """A new New York day has new listings."""
        today = new_york_time(self._parts.clock.now_utc()).date()
        if today != self._today:
            self._today = today
            self._parts.chains.forget()
            self._core.market.forget_older(self._parts.clock.now_utc() - timedelta(seconds=_DAY_S))

    async def _housekeeping(self) -> None:
        """Proves and backs up the journal once a day, beginning now; what is wrong is told, loudly."""
        while True:
            try:
                for problem in await self._parts.tend_storage():
                    self._say(Severity.ERROR, "journal", problem, toast=True)
            except KnownError as error:
                self._say(Severity.ERROR, "journal", f"The journal could not be checked or backed up: {error}")
            await asyncio.sleep(_DAY_S)

    def _on_jump(self, seconds: float) -> None:
        """The computer slept, or its clock was set: what was missed is asked for, what was due is looked at."""
        self._say(Severity.WARNING, "desk", f"The clock jumped by {seconds:+.0f} s; asking the broker for everything.")
        self._parts.snapshots.wake()
        self._start_reconcile()

    async def _beta_loop(self) -> None:
        """Asks for the beta of whatever comes into the book."""
        while True:
            if await self._parts.memory.learn_broker_betas(self._parts.broker):
                self._parts.watch.mark_dirty()
            await asyncio.sleep(_BETAS_EVERY_S)

    async def _chain_loop(self) -> None:
        while True:
            await asyncio.sleep(0.25)
            numbers = self._parts.chains.numbers(self._core.held())
            watched = self._parts.chains.watched
            underlying = None if watched is None else watched.expiry.underlying
            self._parts.metrics.want(underlying)
            if numbers is not None and underlying is not None:
                self._parts.publisher.state(numbers._replace(metrics=self._parts.metrics.of(underlying)))
            if self._parts.chains.carry_moved:
                self._parts.chains.carry_moved = False
                self._core.book.take_carry()
                self._parts.watch.mark_dirty()

    # --- telling ------------------------------------------------------------------------------------------------------

    def _set_phase(self, phase: Phase, problem: str = "") -> None:
        if self._dead and phase is not Phase.FAILED:
            return
        self._phase, self._problem = phase, problem
        self._publish_state()

    def _trading_now(self) -> tuple[TradingState, str, str]:
        return self._core.trading_state, self._core.trading_state_reason, self._dispatch.trouble

    def _publish_state(self) -> None:
        core = self._core
        self._told_trading = self._trading_now()
        modes = {info.mode for info in core.accounts.values()} or {self._parts.mode}
        self._parts.publisher.state(
            DeskState(
                phase=self._phase,
                mode=Mode.LIVE if Mode.LIVE in modes else Mode.PAPER,
                broker=self._parts.broker.name,
                brokers=brokers_of(self._parts.broker),
                capabilities=self._parts.broker.capabilities,
                market_label=self._parts.market_label,
                trading_state=core.trading_state,
                trading_state_reason=core.trading_state_reason,
                armed=bool(core.armed),
                problem=self._problem or self._dispatch.trouble,
                database_path=self._parts.database_path,
            )
        )

    def _say(self, severity: Severity, source: str, text: str, *, toast: bool = False) -> None:
        self._parts.publisher.notice(LogLine(self._parts.clock.now_utc(), severity, source, text, toast))
