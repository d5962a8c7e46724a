"""Answers the window's commands; each arm is one command's meaning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from execution import commands
from execution.analysis.service import AnalysisService
from execution.brokers.joined import holder
from execution.brokers.port import Broker
from execution.chain_views import ChainStatic
from execution.connections import Connections
from execution.core import DeskCore, with_underlyings
from execution.dispatch import Say
from execution.market.chains import ChainService
from execution.memory import DeskMemory
from execution.orders.manager import OrderManager
from execution.orders.validation import validate
from execution.publishing import DeskPublisher
from execution.risk.watch import RiskWatch
from execution.snapshots import SnapshotJob
from execution.statement_views import StatementReport
from execution.statements.service import StatementImport
from execution.storage import Storage
from execution.ticket_views import SendOutcome, SimulationOutcome, TicketPreview
from execution.tickets.simulated import limits_after_simulation
from execution.views import Publisher, Severity
from models.clock import Clock
from models.enums import TradingState
from models.errors import InvalidInput, KnownError
from models.ids import AccountId
from models.order import OrderLeg

_NOT_MARKED = (
    "Name it among the accounts to trade in Desk > Broker connections…; the test there says what the login allows."
)


@dataclass(frozen=True, slots=True)
class HandlerParts:
    """What commands work on."""

    broker: Broker
    storage: Storage
    core: DeskCore
    manager: OrderManager
    chains: ChainService
    snapshots: SnapshotJob
    published: DeskPublisher
    watch: RiskWatch
    analysis: AnalysisService
    memory: DeskMemory
    publisher: Publisher
    clock: Clock
    say: Say
    has_failed: Callable[[], bool]
    tell_state: Callable[[], None]
    reconcile: Callable[[], None]
    #: The user gave what a login may have lacked.
    login_changed: Callable[[], None]
    connections: Connections
    statements: StatementImport


class CommandHandler:
    """Engine thread only."""

    def __init__(self, parts: HandlerParts) -> None:
        self._parts = parts
        self._core = parts.core

    async def handle(self, command: commands.DeskCommand) -> Any:  # noqa: C901, PLR0911, PLR0912 - one arm a command
        """Returns the answer named in the command's docstring; raises KnownError with what to do."""
        parts = self._parts
        if isinstance(command, commands.ConnectionCommand):
            return await self._connect(command)
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
            case commands.WatchAnalysis():
                return parts.analysis.watch(command)
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
            case commands.ImportStatement(path):
                return await self._import(path)
            case commands.StopStatementImport():
                return parts.statements.stop()
            case commands.Reconcile():
                parts.login_changed()
                return parts.reconcile()

    async def _preview(self, draft: commands.TicketDraft) -> TicketPreview:
        core = self._core
        await self._prepare(draft.legs)
        return core.tickets.preview(
            draft,
            problems=validate(draft, core, holder(self._parts.broker, draft.account_id).capabilities),
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

    async def _import(self, path: Path) -> StatementReport:
        """What concerns orders of the desk or its memory is taken up as after a crash: by a reconcile."""
        report = await self._parts.statements.run(path)
        if report.is_reconciled_after:
            self._parts.reconcile()
        return report

    async def _connect(self, command: commands.ConnectionCommand) -> Any:
        """What was opened or entered may be what a desk without a login waits for."""
        answer = await self._parts.connections.handle(command)
        if isinstance(command, commands.SaveConnections | commands.UnlockSecrets):
            self._parts.login_changed()
        return answer

    def _select(self, account_id: AccountId | None) -> None:
        if account_id is not None and account_id not in self._core.accounts:
            raise InvalidInput("account", f"Account {account_id} is not connected.")
        self._core.selected = account_id
        self._parts.published.accounts()
        self._parts.watch.mark_dirty()
        self._parts.analysis.refresh()

    async def _set_beta(self, symbol: str, beta: float | None) -> None:
        self._core.betas.set_override(symbol, beta)
        await self._parts.memory.save_betas()
        self._parts.watch.mark_dirty()

    async def _set_limit(self, command: commands.SetLimit) -> None:
        self._core.limit_book.change(command.regime, command.metric, command.low, command.high)
        await self._parts.memory.save_limits()
        self._parts.watch.mark_dirty()

    async def _set_trading_state(self, state: TradingState, reason: str) -> None:
        if state is not TradingState.HALTED and self._parts.has_failed():
            raise KnownError("Trading cannot be released while the engine has failed.", cure="Restart the desk.")
        # The switch works at once; that it is remembered comes second.
        self._core.trading_state, self._core.trading_state_reason = state, reason
        self._parts.tell_state()
        self._parts.say(Severity.WARNING, "desk", f"Trading is {state.value}: {reason}.", toast=True)
        await self._parts.storage.save_trading_state(state, reason, self._parts.clock.now_utc())

    def _arm(self, account_id: AccountId, typed: str) -> bool:
        info = self._core.accounts.get(account_id)
        if info is None or typed.strip() != account_id:
            raise InvalidInput(
                "typed", "That is not the account's id; the account stays locked.", cure="Type it exactly."
            )
        if not info.may_trade:
            raise InvalidInput("account", f"{account_id} is opened read-only and cannot be armed.", cure=_NOT_MARKED)
        self._core.armed.add(account_id)
        self._parts.tell_state()
        return True
