"""Puts a desk together from a broker, a storage and settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from analytics.legs import PayoffLeg
from analytics.strategy import Recognised
from execution.brokers.port import Broker
from execution.core import DeskCore
from execution.desk import Desk, DeskFacilities
from execution.market.chains import ChainService
from execution.memory import DeskMemory
from execution.orders.manager import OrderManager
from execution.publishing import DeskPublisher
from execution.risk.breaches import BreachMonitor
from execution.risk.risk_view import account_greeks
from execution.risk.watch import RiskWatch
from execution.sessions import ExchangeSessions
from execution.snapshots import SnapshotJob
from execution.storage import Storage
from execution.views import LogLine, Publisher, Severity
from models.clock import Clock
from models.config import DeskConfig
from models.enums import Mode, TradingState
from models.errors import KnownError
from models.ids import new_uuid
from models.trade import AccountSnapshot


def assemble(
    *,
    broker: Broker,
    storage: Storage,
    config: DeskConfig,
    clock: Clock,
    publisher: Publisher,
    sessions: ExchangeSessions,
    recognise: Callable[[Sequence[PayoffLeg]], Recognised],
    market_label: str,
    database_path: str,
    mode: Mode = Mode.PAPER,
) -> Desk:
    """Returns a desk that is ready to `start`."""
    core = DeskCore(
        config=config,
        clock=clock,
        capabilities=broker.capabilities,
        is_read_only=storage.is_read_only,
        recognise=recognise,
        tell_broker=broker.set_subscriptions,
    )
    published = DeskPublisher(core, publisher)
    breaches = BreachMonitor(
        clear_margin=config.risk.clear_margin_pct / 100.0, raise_after=timedelta(seconds=config.risk.raise_after_s)
    )
    memory = DeskMemory(core=core, storage=storage, publisher=publisher)
    watch = RiskWatch(
        core=core, published=published, breaches=breaches, store=storage, memory=memory, publisher=publisher
    )

    async def halt(reason: str) -> None:
        core.trading_state, core.trading_state_reason = TradingState.HALTED, reason
        publisher.notice(LogLine(clock.now_utc(), Severity.ERROR, "desk", f"Trading is halted: {reason}", toast=True))
        try:
            await storage.save_trading_state(TradingState.HALTED, reason, clock.now_utc())
        except KnownError as error:
            publisher.notice(LogLine(clock.now_utc(), Severity.ERROR, "desk", f"The halt is not saved: {error}"))

    manager = OrderManager(
        broker=broker, storage=storage, facts=core, publisher=publisher, clock=clock, mode=mode, halt=halt
    )
    chains = ChainService(broker=broker, market=core.market, carry=core.carry, clock=clock)
    snapshots = SnapshotJob(
        store=storage,
        calendar=sessions,
        clock=clock,
        publisher=publisher,
        capture=lambda: capture(core),
        accounts=lambda: tuple(core.accounts),
    )
    return Desk(
        DeskFacilities(
            broker=broker,
            storage=storage,
            core=core,
            manager=manager,
            chains=chains,
            breaches=breaches,
            snapshots=snapshots,
            published=published,
            watch=watch,
            memory=memory,
            publisher=publisher,
            clock=clock,
            session_text=lambda: sessions.describe(clock.now_utc()),
            market_label=market_label,
            database_path=database_path,
        )
    )


def capture(core: DeskCore) -> list[AccountSnapshot]:
    """Returns a snapshot of each account whose money is known, with the Greeks of what it holds."""
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
        if account_id in core.accounts
    ]
