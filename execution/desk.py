"""The engine: takes commands and broker events, keeps the state, tells the window (design section 3).

Start-up, reconnect and crash recovery are one path: load what the database knows, ask the broker for everything,
reconcile, only then unlock trading. Everything here runs on the engine's loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from execution import commands
from execution.brokers.port import Broker, Capability
from execution.chain_views import ChainStatic
from execution.clock_watch import ClockWatch
from execution.core import DeskCore, with_underlyings
from execution.dispatch import EventDispatch
from execution.market.chains import ChainService
from execution.memory import DeskMemory
from execution.orders.manager import OrderManager
from execution.orders.validation import validate
from execution.publishing import DeskPublisher
from execution.risk.breaches import BreachMonitor
from execution.risk.watch import RiskWatch
from execution.snapshots import SnapshotJob
from execution.storage import Storage
from execution.tickets.simulated import limits_after_simulation
from execution.views import (
    DeskState,
    LogLine,
    Phase,
    Publisher,
    SendOutcome,
    Severity,
    SimulationOutcome,
    TicketPreview,
)
from models.clock import Clock
from models.enums import FeedState, Mode, TradingState
from models.errors import BrokerFailure, InvalidInput, KnownError
from models.ids import AccountId
from models.order import OrderLeg

_LOG = logging.getLogger(__name__)
_RETRY_FIRST_S, _RETRY_MOST_S = 1.0, 60.0
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class DeskFacilities:
    """The parts a desk is composed of; `main.py` makes them."""

    broker: Broker
    storage: Storage
    core: DeskCore
    manager: OrderManager
    chains: ChainService
    breaches: BreachMonitor
    snapshots: SnapshotJob
    published: DeskPublisher
    watch: RiskWatch
    memory: DeskMemory
    publisher: Publisher
    clock: Clock
    session_text: Callable[[], str]
    #: Verifies and backs up; returns what is wrong, in words.
    tend_storage: Callable[[], Awaitable[Sequence[str]]]
    market_label: str
    database_path: str


class Desk:
    """Runs the engine's tasks and answers commands. A task that dies halts trading, and says so."""

    def __init__(self, parts: DeskFacilities) -> None:
        self._parts = parts
        self._core = parts.core
        self._phase = Phase.STARTING
        self._problem = ""
        self._told_trading = (TradingState.ACTIVE, "")
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
        self._ready = asyncio.Event()

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Recovers and unlocks, or stays locked with the problem shown while it tries again."""
        self._publish_state()
        await self._parts.memory.restore()
        self._start("market header", self._header_loop())
        if not await self._recover():
            self._start("connect", self._retry_until_ready())
            return
        await self._go_on()

    async def stop(self) -> None:
        """Lets go of the broker and ends the tasks; working orders stay as they are."""
        self._core.trading_unlocked = False
        self._parts.snapshots.stop()
        await self._parts.manager.close()
        await self._parts.broker.close()
        everything = [*self._tasks, *([self._reconciling] if self._reconciling else [])]
        for task in everything:
            task.cancel()
        await asyncio.gather(*everything, return_exceptions=True)

    async def wait_ready(self) -> None:
        """Returns once the desk is reconciled."""
        await self._ready.wait()

    async def _recover(self) -> bool:
        """The one path: connect, load, snapshot, reconcile, unlock. False when the broker cannot be reached."""
        self._set_phase(Phase.CONNECTING)
        try:
            accounts = await self._parts.broker.connect()
            self._core.accounts = {info.account_id: info for info in accounts}
            self._set_phase(Phase.RECONCILING)
            await self._reconcile_once()
        except BrokerFailure as failure:
            self._core.feed, self._core.feed_text = FeedState.DOWN, str(failure)
            self._set_phase(Phase.FAILED, str(failure))
            self._say(Severity.ERROR, "broker", f"{failure}", toast=True)
            return False
        self._core.feed, self._core.feed_text = FeedState.LIVE, "connected"
        return True

    async def _reconcile_once(self) -> None:
        loaded = await self._parts.storage.load(list(self._core.accounts))
        snapshot = await self._parts.broker.snapshot()
        self._core.trading_state = loaded.trading_state
        self._core.trading_state_reason = loaded.trading_state_reason
        if not self._ready.is_set():
            self._parts.breaches.restore(loaded.open_breaches)
        self._core.take_snapshot(snapshot)
        await self._parts.manager.recover(loaded, snapshot)
        if not self._core.is_read_only:
            for account_id in self._core.accounts:
                await self._parts.storage.save_positions(
                    account_id, self._core.positions(account_id), self._parts.clock.now_utc()
                )
        self._parts.published.accounts()
        self._parts.watch.mark_dirty()
        self._unlock()

    def _unlock(self) -> None:
        self._core.trading_unlocked = not self._core.is_read_only
        self._set_phase(Phase.READ_ONLY if self._core.is_read_only else Phase.READY)
        self._ready.set()

    async def _go_on(self) -> None:
        self._start("broker events", self._dispatch.run(self._parts.broker.events()))
        self._start("risk", self._parts.watch.run())
        self._start("chain", self._chain_loop())
        if not self._core.is_read_only:
            await self._parts.snapshots.record_missed(self._parts.clock.now_utc())
            self._parts.snapshots.start()
            self._start("housekeeping", self._housekeeping())
            self._start("clock watch", ClockWatch(self._parts.clock, self._on_jump).run())
        if Capability.BETAS in self._parts.broker.capabilities:
            await self._parts.memory.learn_broker_betas(self._parts.broker)

    async def _retry_until_ready(self) -> None:
        pause_s = _RETRY_FIRST_S
        while not await self._recover():
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _RETRY_MOST_S)
        await self._go_on()

    def _start_reconcile(self) -> None:
        """Locks trading and reconciles; one run at a time."""
        self._core.trading_unlocked = False
        self._set_phase(Phase.RECONCILING)
        if self._reconciling is None or self._reconciling.done():
            self._reconciling = asyncio.get_running_loop().create_task(self._reconcile_again())

    async def _reconcile_again(self) -> None:
        pause_s = _RETRY_FIRST_S
        while True:
            try:
                await self._reconcile_once()
            except BrokerFailure as failure:
                self._set_phase(Phase.RECONCILING, str(failure))
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _RETRY_MOST_S)
            except KnownError as error:
                self._set_phase(Phase.FAILED, str(error))
                return
            else:
                self._core.subscriptions.tell_again()
                self._say(Severity.GOOD, "desk", "Reconciled with the broker.")
                return

    # --- tasks --------------------------------------------------------------------------------------------------------

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._on_task_end)
        self._tasks.append(task)

    def _on_task_end(self, task: asyncio.Task[None]) -> None:
        """A task of the engine never ends by itself: if one does, nothing may be sent any more."""
        if task.cancelled() or task.exception() is None:
            return
        error = task.exception()
        _LOG.critical("engine task %s died", task.get_name(), exc_info=error)
        self._core.trading_state = TradingState.HALTED
        self._core.trading_state_reason = f"the engine's {task.get_name()} task failed"
        self._set_phase(Phase.FAILED, f"Trading is halted: the engine's {task.get_name()} task failed ({error}).")
        self._say(Severity.ERROR, "engine", f"{self._problem} Restart the desk; orders stay at the broker.", toast=True)

    async def _header_loop(self) -> None:
        while True:
            self._core.feed, self._core.feed_text = self._dispatch.feed_now()
            if self._told_trading != (self._core.trading_state, self._core.trading_state_reason):
                self._publish_state()
            self._parts.published.market(self._parts.session_text())
            await asyncio.sleep(0.5)

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

    async def _chain_loop(self) -> None:
        while True:
            await asyncio.sleep(0.25)
            numbers = self._parts.chains.numbers(self._core.held())
            if numbers is not None:
                self._parts.publisher.state(numbers)
            if self._parts.chains.carry_moved:
                self._parts.chains.carry_moved = False
                self._core.book.take_carry()
                self._parts.watch.mark_dirty()

    # --- commands -----------------------------------------------------------------------------------------------------

    async def handle(self, command: commands.Command) -> Any:  # noqa: C901, PLR0911, PLR0912 - one arm a command
        """Returns the answer named in the command's docstring; raises KnownError with what to do."""
        parts = self._parts
        match command:
            case commands.PreviewTicket(draft):
                return await self._preview(draft)
            case commands.SimulateOrder(draft):
                return await self._simulate(draft)
            case commands.SendOrder(draft):
                return await self._send(draft)
            case commands.CancelOrder(order_id):
                return await parts.manager.cancel(order_id)
            case commands.CancelAll(account_id):
                return await parts.manager.cancel_all(account_id)
            case commands.ReplaceOrder(order_id, limit_price):
                return await parts.manager.replace(order_id, limit_price)
            case commands.CheckOrder(order_id):
                return await parts.manager.check(order_id)
            case commands.DeclareNotSent(order_id):
                return await parts.manager.declare_not_sent(order_id)
            case commands.ListUnderlyings():
                return await parts.broker.underlyings()
            case commands.ListExpiries(underlying):
                return await parts.chains.expiries(underlying)
            case commands.WatchChain():
                return await self._watch(command)
            case commands.SelectAccount(account_id):
                return self._select(account_id)
            case commands.SetScenario():
                return parts.watch.set_scenario(command)
            case commands.SetBetaOverride(symbol, beta):
                return await self._set_beta(symbol, beta)
            case commands.SetLimit():
                return await self._set_limit(command)
            case commands.SetTradingState(state, reason):
                return await self._set_trading_state(state, reason)
            case commands.ArmLive(account_id, typed):
                return self._arm(account_id, typed)
            case commands.TakeSnapshot():
                return await parts.snapshots.take_now()
            case commands.EditJournal(journal_id, rationale, tags):
                return await parts.memory.edit_journal(journal_id, rationale, tags)
            case commands.AcknowledgeBreach(breach_id):
                return await parts.watch.acknowledge(breach_id)
            case commands.Reconcile():
                return self._start_reconcile()

    async def _preview(self, draft: commands.TicketDraft) -> TicketPreview:
        core = self._core
        await self._prepare(draft.legs)
        return core.tickets.preview(
            draft,
            problems=validate(draft, core, self._parts.broker.capabilities),
            tick=core.net_tick_rule(draft.legs) if draft.legs else None,
            limits=core.limits(),
            margin_used_pct=core.margin_used_pct(),
            max_packages=core.caps.max_contracts_per_leg,
        )

    async def _simulate(self, draft: commands.TicketDraft) -> SimulationOutcome:
        await self._prepare(draft.legs)
        outcome = await self._parts.manager.simulate(draft)
        if outcome.order is None:
            return outcome
        return replace(outcome, limits=limits_after_simulation(self._core, outcome.order))

    async def _send(self, draft: commands.TicketDraft) -> SendOutcome:
        await self._prepare(draft.legs)
        return await self._parts.manager.send(draft)

    async def _prepare(self, legs: tuple[OrderLeg, ...]) -> None:
        """Has the legs quoted, and learns the broker's price increments of the package."""
        core = self._core
        core.learn_contracts(leg.contract for leg in legs)
        core.subscriptions.want("ticket", with_underlyings([leg.contract for leg in legs]))
        if legs and not core.knows_tick_rule(legs):
            core.learn_tick_rule(legs, await self._parts.broker.net_tick_rule(legs))

    async def _watch(self, command: commands.WatchChain) -> ChainStatic | None:
        static = await self._parts.chains.watch(command.expiry)
        wanted = self._parts.chains.wanted(command.visible_low, command.visible_high)
        self._core.learn_contracts(wanted)
        self._core.subscriptions.want("chain", with_underlyings(wanted))
        if static is not None:
            self._parts.publisher.state(static)
        return static

    def _select(self, account_id: AccountId | None) -> None:
        if account_id is not None and account_id not in self._core.accounts:
            raise InvalidInput("account", f"Account {account_id} is not connected.")
        self._core.selected = account_id
        self._parts.published.accounts()
        self._parts.watch.mark_dirty()

    async def _set_beta(self, symbol: str, beta: float | None) -> None:
        self._core.betas.set_override(symbol, beta)
        await self._parts.memory.save_betas()
        self._parts.watch.mark_dirty()

    async def _set_limit(self, command: commands.SetLimit) -> None:
        self._core.limit_book.change(command.regime, command.metric, command.low, command.high)
        await self._parts.memory.save_limits()
        self._parts.watch.mark_dirty()

    async def _set_trading_state(self, state: TradingState, reason: str) -> None:
        if state is not TradingState.HALTED and self._phase is Phase.FAILED:
            raise KnownError("Trading cannot be released while the engine has failed.", cure="Restart the desk.")
        # The switch works at once; that it is remembered comes second.
        self._core.trading_state, self._core.trading_state_reason = state, reason
        self._publish_state()
        self._say(Severity.WARNING, "desk", f"Trading is {state.value}: {reason}.", toast=True)
        await self._parts.storage.save_trading_state(state, reason, self._parts.clock.now_utc())

    def _arm(self, account_id: AccountId, typed: str) -> bool:
        info = self._core.accounts.get(account_id)
        if info is None or typed.strip() != account_id:
            raise InvalidInput(
                "typed", "That is not the account's id; the account stays locked.", cure="Type it exactly."
            )
        if not info.may_trade:
            raise InvalidInput("account", f"{account_id} is opened read-only and cannot be armed.")
        self._core.armed.add(account_id)
        self._publish_state()
        return True

    # --- telling ------------------------------------------------------------------------------------------------------

    def _set_phase(self, phase: Phase, problem: str = "") -> None:
        self._phase, self._problem = phase, problem
        self._publish_state()

    def _publish_state(self) -> None:
        core = self._core
        self._told_trading = (core.trading_state, core.trading_state_reason)
        modes = {info.mode for info in core.accounts.values()}
        self._parts.publisher.state(
            DeskState(
                phase=self._phase,
                mode=Mode.LIVE if Mode.LIVE in modes else Mode.PAPER,
                broker=self._parts.broker.name,
                capabilities=self._parts.broker.capabilities,
                market_label=self._parts.market_label,
                trading_state=core.trading_state,
                trading_state_reason=core.trading_state_reason,
                armed=bool(core.armed),
                problem=self._problem,
                database_path=self._parts.database_path,
            )
        )

    def _say(self, severity: Severity, source: str, text: str, *, toast: bool = False) -> None:
        self._parts.publisher.notice(LogLine(self._parts.clock.now_utc(), severity, source, text, toast))
