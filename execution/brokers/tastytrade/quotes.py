"""Quotes and the broker's Greeks from DXLink: symbols found by need, coalesced, labelled, kept fresh honestly."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from execution.brokers.port import BrokerEvent, ModelGreeksEvent, NoticeEvent, QuotesEvent
from execution.brokers.tastytrade.facts import TastyGreeks, TastyQuote
from execution.brokers.tastytrade.settings import TastyHost, TastySettings
from execution.brokers.tastytrade.wire_port import TastyWire
from models.clock import Clock
from models.contract import Contract
from models.enums import MarketDataKind
from models.errors import BrokerFailure, InvalidInput
from models.ids import ContractKey
from models.quote import ModelGreeks, Quote

_LOG = logging.getLogger(__name__)
_SOURCE: Final = "Tastytrade market data"
#: So often at most the engine is told quotes: what is held reaches it at once, and still in one piece.
_BEAT_S: Final = 0.01
_GREEKS_EVERY_S: Final = 0.5
_FRESH_EVERY_S: Final = 1.0
#: Quotes that did not change are still the market while others of their kind came so lately.
_FLOWING: Final = timedelta(seconds=2)
_ASKED_AT_ONCE: Final = 8
_ASK_AGAIN_S: Final = 5.0


class Streamers(Protocol):
    """What is needed of the catalogue."""

    async def streamer_of(self, contract: Contract) -> str:
        """Returns DXLink's symbol; raises InvalidInput, BrokerFailure."""
        ...


class QuoteFeed:
    """What is wanted, and what came. Engine thread only; the stream itself reconnects and subscribes anew."""

    def __init__(
        self,
        *,
        wire: Callable[[], TastyWire],
        catalog: Streamers,
        clock: Clock,
        settings: TastySettings,
        emit: Callable[[BrokerEvent], None],
    ) -> None:
        self._wire = wire
        self._catalog = catalog
        self._clock = clock
        self._settings = settings
        self._emit = emit
        self._kind = MarketDataKind.DELAYED if settings.host is TastyHost.CERTIFICATION else MarketDataKind.LIVE
        self._wanted: dict[ContractKey, Contract] = {}
        self._streamers: dict[ContractKey, str] = {}
        self._contracts: dict[str, Contract] = {}
        self._unknown: set[ContractKey] = set()
        self._last: dict[str, TastyQuote] = {}
        self._quotes: dict[str, TastyQuote] = {}
        self._greeks: dict[str, TastyGreeks] = {}
        self._newest_utc: dict[bool, datetime] = {}
        self._greeks_due_s = 0.0
        self._ticked = asyncio.Event()
        self._changed = asyncio.Event()
        self._said_left_out = 0

    def set_subscriptions(self, contracts: Collection[Contract]) -> None:
        """States the full set of contracts whose quotes are wanted, by need."""
        before = self._wanted.keys()
        self._wanted = {contract.key: contract for contract in contracts}
        again = [self._last.get(self._streamers.get(key, "")) for key in self._wanted.keys() - before]
        self._retell(quote for quote in again if quote is not None)
        self._changed.set()

    def resubscribe(self) -> None:
        """States everything to a new session."""
        self._unknown.clear()
        self._changed.set()

    def lost(self) -> None:
        """Takes the stream as down: no quote of before is told any more."""
        self._last.clear()
        self._quotes.clear()
        self._greeks.clear()
        self._newest_utc.clear()

    def take(self, facts: Iterable[TastyQuote | TastyGreeks]) -> None:
        """Takes quotes and Greeks in, newest per symbol."""
        for fact in facts:
            contract = self._contracts.get(fact.streamer_symbol)
            if contract is None:
                continue
            if isinstance(fact, TastyGreeks):
                self._greeks[fact.streamer_symbol] = fact
            else:
                self._last[fact.streamer_symbol] = self._quotes[fact.streamer_symbol] = fact
                self._newest_utc[contract.is_option] = fact.received_at_utc
        if self._quotes or self._greeks:
            self._ticked.set()

    async def run(self) -> None:
        """Finds symbols, tells quotes and keeps them fresh, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_telling(), name="tastytrade-quotes")
            tasks.create_task(self._keep_fresh(), name="tastytrade-fresh")
            tasks.create_task(self._keep_subscribed(), name="tastytrade-symbols")

    # --- telling ------------------------------------------------------------------------------------------------------

    async def _keep_telling(self) -> None:
        while True:
            await self._ticked.wait()
            self._tell_quotes()
            self._tell_greeks()
            if not self._quotes and not self._greeks:
                self._ticked.clear()
            await asyncio.sleep(_BEAT_S)

    def _tell_quotes(self) -> None:
        taken, self._quotes = self._quotes, {}
        quotes = [
            self._quote_of(fact, contract)
            for fact in taken.values()
            if (contract := self._contracts.get(fact.streamer_symbol)) is not None and contract.key in self._wanted
        ]
        if quotes:
            self._emit(QuotesEvent(tuple(quotes)))

    def _tell_greeks(self) -> None:
        now_s = _now_s()
        if not self._greeks or now_s < self._greeks_due_s:
            return
        taken, self._greeks = self._greeks, {}
        self._greeks_due_s = now_s + _GREEKS_EVERY_S
        told = [
            one
            for fact in taken.values()
            if (contract := self._contracts.get(fact.streamer_symbol)) is not None
            and (one := _model_greeks(fact, contract)) is not None
        ]
        if told:
            self._emit(ModelGreeksEvent(tuple(told)))

    def _quote_of(self, fact: TastyQuote, contract: Contract) -> Quote:
        return Quote(
            key=contract.key,
            bid=fact.bid,
            ask=fact.ask,
            last=fact.last,
            at_utc=fact.received_at_utc,
            kind=self._kind,
            bid_size=fact.bid_size,
            ask_size=fact.ask_size,
            previous_close=fact.previous_close,
        )

    async def _keep_fresh(self) -> None:
        """Tells unchanged quotes again as of the newest of their kind: DXLink, too, speaks on a change only."""
        while True:
            await asyncio.sleep(_FRESH_EVERY_S)
            self._retell([fresh for fact in self._last.values() if (fresh := self._freshened(fact)) is not None])

    def _freshened(self, fact: TastyQuote) -> TastyQuote | None:
        contract = self._contracts.get(fact.streamer_symbol)
        newest_utc = None if contract is None else self._newest_utc.get(contract.is_option)
        if newest_utc is None or self._clock.now_utc() - newest_utc > _FLOWING:
            return None
        return replace(fact, received_at_utc=newest_utc) if fact.received_at_utc + _FLOWING <= newest_utc else None

    def _retell(self, facts: Iterable[TastyQuote]) -> None:
        for fact in list(facts):
            self._last[fact.streamer_symbol] = fact
            self._quotes.setdefault(fact.streamer_symbol, fact)
        if self._quotes:
            self._ticked.set()

    # --- symbols ------------------------------------------------------------------------------------------------------

    async def _keep_subscribed(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if not await self._find_symbols():
                await asyncio.sleep(_ASK_AGAIN_S)
                self._changed.set()
                continue
            self._state()

    async def _find_symbols(self) -> bool:
        """Asks for every symbol that is not known; False when one has to be asked for again."""
        missing = [
            contract
            for key, contract in self._wanted.items()
            if key not in self._streamers and key not in self._unknown
        ]
        for start in range(0, len(missing), _ASKED_AT_ONCE):
            several = missing[start : start + _ASKED_AT_ONCE]
            if not all(await asyncio.gather(*(self._find(contract) for contract in several))):
                return False
        return True

    async def _find(self, contract: Contract) -> bool:
        try:
            streamer = await self._catalog.streamer_of(contract)
        except InvalidInput as error:
            self._unknown.add(contract.key)
            self._emit(NoticeEvent(_SOURCE, f"{contract.label} is not quoted: {error}"))
        except BrokerFailure as failure:
            _LOG.info("no symbol of %s yet: %s", contract.label, failure)
            return False
        else:
            self._streamers[contract.key] = streamer
            self._contracts[streamer] = contract
        return True

    def _state(self) -> None:
        """Tells the stream what is wanted, as far as its room goes."""
        found = [(self._streamers[key], one) for key, one in self._wanted.items() if key in self._streamers]
        kept = found[: self._settings.max_subscriptions]
        left_out = len(found) - len(kept)
        if left_out and left_out != self._said_left_out:
            text = f"{left_out} of the contracts shown are not quoted: {len(kept)} are at most. Show fewer strikes."
            self._emit(NoticeEvent(_SOURCE, text))
        self._said_left_out = left_out
        self._last = {streamer: fact for streamer, fact in self._last.items() if streamer in dict(kept)}
        try:
            self._wire().set_streamer_symbols(
                [streamer for streamer, _ in kept], [streamer for streamer, one in kept if one.is_option]
            )
        except BrokerFailure as failure:
            # `resubscribe` comes with the next session.
            _LOG.info("subscriptions not stated: %s", failure)


def _model_greeks(fact: TastyGreeks, contract: Contract) -> ModelGreeks | None:
    """Returns the Greeks of one unit; None when nothing in them is known."""
    figures = (fact.implied_vol, fact.delta, fact.gamma, fact.theta_per_day, fact.vega_per_point)
    vol, delta, gamma, theta, vega = (one if one is not None and math.isfinite(one) else None for one in figures)
    if all(one is None for one in (vol, delta, gamma, theta, vega)):
        return None
    return ModelGreeks(contract.key, fact.received_at_utc, vol, delta, gamma, theta, vega)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
