"""Applies the broker's events, one by one and in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from execution.brokers.port import (
    AccountEvent,
    AccountsEvent,
    BrokerEvent,
    ConnectionEvent,
    ExecutionEvent,
    FeeEvent,
    ModelGreeksEvent,
    NoticeEvent,
    OddObjectEvent,
    OrderEvent,
    PositionsEvent,
    QuotesEvent,
)
from execution.core import DeskCore
from execution.orders.manager import OrderManager
from execution.publishing import DeskPublisher
from execution.risk.watch import RiskWatch
from execution.views import Severity
from models.enums import FeedState

#: A live feed without any quote for this long is called stale.
_STALE_AFTER_S = 15.0
_REGIME_KEYS = frozenset({"VIX", "VIX3M"})


class Say(Protocol):
    """Writes a line into the log panel."""

    def __call__(self, severity: Severity, source: str, text: str, *, toast: bool = False) -> None:
        """Tells the user."""
        ...


class EventDispatch:
    """Routes each event to the part of the desk it concerns. Engine thread only."""

    def __init__(
        self,
        *,
        core: DeskCore,
        manager: OrderManager,
        watch: RiskWatch,
        published: DeskPublisher,
        reconcile: Callable[[], None],
        say: Say,
    ) -> None:
        self._core = core
        self._manager = manager
        self._watch = watch
        self._published = published
        self._reconcile = reconcile
        self._say = say
        self._link = FeedState.LIVE
        self._link_text = "connected"
        #: Of several brokers some are sound: the others lock their own accounts.
        self._is_partly_live = False

    @property
    def is_link_live(self) -> bool:
        """Whether the broker's last word on the link was that it is sound; of several brokers, of one at least."""
        return self._link is FeedState.LIVE or self._is_partly_live

    @property
    def trouble(self) -> str:
        """What is wrong with some of several brokers, in words; empty when nothing is."""
        return self._link_text if self._is_partly_live else ""

    async def run(self, events: AsyncIterator[BrokerEvent]) -> None:
        """Reads the stream to its end."""
        async for event in events:
            await self.apply(event)

    async def apply(self, event: BrokerEvent) -> None:
        """Applies one event."""
        match event:
            case QuotesEvent():
                self._quotes(event)
            case ModelGreeksEvent():
                self._model_greeks(event)
            case ExecutionEvent(execution):
                # The book first: the journal row's Greeks after the fill must hold the fill.
                if self._core.take_execution(execution):
                    self._watch.mark_dirty()
                await self._manager.apply(event)
            case OrderEvent() | FeeEvent():
                await self._manager.apply(event)
            case PositionsEvent(account_id, positions, at_utc):
                if self._core.set_positions(account_id, positions, at_utc):
                    self._watch.mark_dirty()
            case AccountEvent(values):
                self._core.values[values.account_id] = values
                self._published.accounts()
                self._watch.mark_dirty()
            case ConnectionEvent() | AccountsEvent():
                self._connection(event)
            case NoticeEvent(source, text):
                self._say(Severity.WARNING, source, text)
            case OddObjectEvent(source, what):
                self._core.odd_objects += 1
                self._say(Severity.WARNING, source, f"Something unreadable from the broker was set aside: {what}")

    def feed_now(self) -> tuple[FeedState, str]:
        """Returns the feed's state as of now: the link's own, or stale when no quote came for a while."""
        age = self._core.market.newest_age_s()
        if self._link is FeedState.LIVE and age is not None and age > _STALE_AFTER_S:
            return FeedState.STALE, f"no quote for {age:.0f} s"
        return self._link, self._link_text

    def _quotes(self, event: QuotesEvent) -> None:
        core = self._core
        core.market.apply(event.quotes)
        if core.book.take_quotes(event.quotes) or not core.book.positions:
            # An empty book has figures too: its zeros, at the market's present level.
            self._watch.mark_dirty()
        if any(quote.key in _REGIME_KEYS for quote in event.quotes):
            self._watch.observe_vix()

    def _model_greeks(self, event: ModelGreeksEvent) -> None:
        """Nothing is computed from them; they are shown beside ours."""
        self._core.market.apply_model_greeks(event.greeks)
        if self._core.book.take_model_greeks(event.greeks):
            self._watch.mark_dirty()

    def _connection(self, event: ConnectionEvent | AccountsEvent) -> None:
        if isinstance(event, AccountsEvent):
            self._core.accounts = {info.account_id: info for info in event.accounts}
            self._published.accounts()
            return
        is_back = self._link is not FeedState.LIVE and event.state is FeedState.LIVE
        self._link, self._link_text = event.state, event.text
        self._is_partly_live = event.down is not None
        self._core.set_down(event.down or frozenset())
        self._watch.mark_dirty()
        severity = Severity.GOOD if event.state is FeedState.LIVE else Severity.WARNING
        if not self.is_link_live:
            self._core.trading_unlocked = False
        self._say(severity, "broker", event.text, toast=True)
        if event.reconcile_needed or is_back:
            self._reconcile()
