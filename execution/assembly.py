"""Puts a desk together from a broker, a storage and settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from analytics.legs import PayoffLeg
from analytics.strategy import Recognised
from execution.analysis.marks import mark_of
from execution.analysis.service import AnalysisService
from execution.brokers.joined import brokers_of
from execution.brokers.port import Broker, Capability
from execution.connections import Connections
from execution.core import DeskCore
from execution.desk import Desk, DeskFacilities
from execution.hedging.analyst_desk import AnalystDesk, AnalystMaker, KeyBox
from execution.hedging.consulting import Consultant, notes_of
from execution.hedging.finder import BookFinder
from execution.hedging.handling import SuggestionHandler
from execution.hedging.keeping import SuggestionKeeper
from execution.hedging.listing import ListingDesk
from execution.hedging.scoring import SuggestionScorer
from execution.hedging.service import SuggestionService
from execution.hedging.sets import SetBook
from execution.hedging.verifying import Verifier
from execution.market.chains import ChainService
from execution.market.metrics import MetricsService
from execution.memory import DeskMemory
from execution.orders.manager import OrderManager
from execution.publishing import DeskPublisher
from execution.risk.breaches import BreachMonitor
from execution.risk.risk_view import account_greeks
from execution.risk.watch import RiskWatch
from execution.sessions import ExchangeSessions
from execution.snapshots import SnapshotJob
from execution.statements.service import StatementImport
from execution.storage import DeskStorage
from execution.views import LogLine, Publisher, Severity
from models.clock import Clock
from models.config import AiSection, DeskConfig
from models.enums import FeedState, Mode, TradingState
from models.errors import KnownError
from models.ids import new_uuid
from models.statement import Statement
from models.trade import AccountSnapshot


@dataclass(frozen=True, slots=True)
class AnalystSurroundings:
    """What the analyst is put together from: who makes it, where its settings are saved and its key is kept."""

    maker: AnalystMaker
    save: Callable[[Mapping[str, Mapping[str, Any]]], AiSection]
    keys: KeyBox


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a desk is put together from."""

    broker: Broker
    storage: DeskStorage
    config: DeskConfig
    clock: Clock
    publisher: Publisher
    sessions: ExchangeSessions
    recognise: Callable[[Sequence[PayoffLeg]], Recognised]
    tend_storage: Callable[[], Awaitable[Sequence[str]]]
    market_label: str
    database_path: str
    connections: Connections
    analysts: AnalystSurroundings
    mode: Mode = Mode.PAPER


def assemble(on: Surroundings) -> Desk:
    """Returns a desk that is ready to `start`."""
    core = DeskCore(
        config=on.config,
        clock=on.clock,
        capabilities=on.broker.capabilities,
        is_read_only=on.storage.is_read_only,
        recognise=on.recognise,
        tell_broker=on.broker.set_subscriptions,
    )
    published = DeskPublisher(core, on.publisher)
    breaches = BreachMonitor(
        clear_margin=on.config.risk.clear_margin_pct / 100.0,
        raise_after=timedelta(seconds=on.config.risk.raise_after_s),
    )
    analysis = AnalysisService(core=core, store=on.storage, publisher=on.publisher)
    memory = DeskMemory(core=core, storage=on.storage, publisher=on.publisher)
    manager = _manager(on, core)
    chains = ChainService(broker=on.broker, market=core.market, carry=core.carry, clock=on.clock)
    watch = RiskWatch(
        core=core,
        published=published,
        analysis=analysis,
        breaches=breaches,
        store=on.storage,
        memory=memory,
        publisher=on.publisher,
    )
    return Desk(
        DeskFacilities(
            broker=on.broker,
            storage=on.storage,
            core=core,
            manager=manager,
            chains=chains,
            metrics=MetricsService(broker=on.broker, clock=on.clock),
            breaches=breaches,
            snapshots=_snapshots(on, core),
            published=published,
            watch=watch,
            analysis=analysis,
            suggestions=_suggestions(on, core, manager, chains, breaches, watch),
            statements=_statements(on, core),
            memory=memory,
            publisher=on.publisher,
            clock=on.clock,
            session_text=lambda: on.sessions.describe(on.clock.now_utc()),
            tend_storage=on.tend_storage,
            market_label=on.market_label,
            database_path=on.database_path,
            connections=on.connections,
            mode=on.mode,
        )
    )


def _suggestions(
    on: Surroundings,
    core: DeskCore,
    manager: OrderManager,
    chains: ChainService,
    breaches: BreachMonitor,
    watch: RiskWatch,
) -> SuggestionHandler:
    sets = SetBook(on.publisher)
    keeper = SuggestionKeeper(core=core, store=on.storage, watch=watch, clock=on.clock)
    analyst = AnalystDesk(
        section=on.config.ai,
        maker=on.analysts.maker,
        save=on.analysts.save,
        keys=on.analysts.keys,
        store=on.storage,
        clock=on.clock,
    )
    consultant = Consultant(
        analyst=analyst.analyst,
        has_consent=analyst.has_consent,
        give_consent=analyst.give_consent,
        notes=lambda: notes_of(manager.orders()) if analyst.may_send_notes() else (),
        destination=analyst.destination,
        sets=sets,
        keeper=keeper,
        clock=on.clock,
    )
    service = SuggestionService(
        core=core,
        breaches=breaches,
        watch=watch,
        listing=ListingDesk(core=core, broker=on.broker, chains=chains),
        finder=BookFinder(core=core),
        verifier=Verifier(core=core, broker=on.broker),
        consultant=consultant,
        keeper=keeper,
        sets=sets,
        publisher=on.publisher,
        clock=on.clock,
    )
    scorer = SuggestionScorer(
        core=core,
        store=on.storage,
        sessions=on.sessions,
        publisher=on.publisher,
        keeps_hours=Capability.SIMULATED_MARKET not in on.broker.capabilities,
    )
    return SuggestionHandler(service=service, consultant=consultant, analyst=analyst, store=on.storage, scorer=scorer)


def _manager(on: Surroundings, core: DeskCore) -> OrderManager:
    async def halt(reason: str) -> None:
        now_utc = on.clock.now_utc()
        core.trading_state, core.trading_state_reason = TradingState.HALTED, reason
        try:
            await on.storage.save_trading_state(TradingState.HALTED, reason, now_utc)
        except KnownError as error:
            on.publisher.notice(LogLine(now_utc, Severity.ERROR, "desk", f"The halt is not saved: {error}"))

    return OrderManager(
        broker=on.broker,
        storage=on.storage,
        facts=core,
        publisher=on.publisher,
        clock=on.clock,
        mode=on.mode,
        halt=halt,
    )


def _statements(on: Surroundings, core: DeskCore) -> StatementImport:
    return StatementImport(
        read=read_statement_file,
        store=on.storage,
        brokers=brokers_of(on.broker),
        accounts=lambda: tuple(core.accounts),
        strategy_tag=core.strategy_tag,
        is_read_only=on.storage.is_read_only,
        publisher=on.publisher,
        clock=on.clock,
    )


def read_statement_file(path: Path) -> Statement:
    """Returns what a statement file tells; its reader is loaded with the first import."""
    from execution.brokers.ibkr.flex import read_statement  # noqa: PLC0415 - seldom needed, not at every start

    return read_statement(path)


def _snapshots(on: Surroundings, core: DeskCore) -> SnapshotJob:
    return SnapshotJob(
        store=on.storage,
        calendar=on.sessions,
        clock=on.clock,
        publisher=on.publisher,
        capture=lambda: capture(core),
        mark=lambda: mark_of(core),
        accounts=lambda: tuple(core.accounts),
    )


def capture(core: DeskCore) -> list[AccountSnapshot]:
    """Returns a snapshot of each account whose money is known, with the Greeks of what it holds.

    None while the link is down, and none of an account whose broker is, of several: what was last known would pass for
    the figures of this moment.
    """
    if core.feed not in (FeedState.LIVE, FeedState.STALE):
        return []
    core.book.refresh()
    greeks = core.book.greeks(core.spx_price())
    context = core.market_context()
    return [
        AccountSnapshot(
            id=new_uuid(),
            captured_at=context.at_utc,
            account_id=account_id,
            broker=core.accounts[account_id].broker,
            net_liquidation=values.net_liquidation,
            cash_balance=values.cash_balance,
            greeks=account_greeks(core.book, greeks, account_id),
            context=context,
        )
        for account_id, values in core.values.items()
        if account_id in core.accounts and account_id not in core.accounts_down
    ]
