"""Quotes and model Greeks from TWS: lines opened by priority at a pace that leaves room for orders, ticks coalesced."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from execution.brokers.ibkr.data_errors import (
    GENERAL,
    NO_LINE_LEFT,
    OF_ONE_CONTRACT,
    TROUBLES,
    trouble_of,
)
from execution.brokers.ibkr.facts import ErrorFact, IbContract, TickFact
from execution.brokers.ibkr.greeks import model_greeks
from execution.brokers.ibkr.lines import Close, Line, LineBook, Open
from execution.brokers.ibkr.quote_values import quote_of
from execution.brokers.ibkr.settings import IbkrSettings
from execution.brokers.ibkr.wire_port import IbWire
from execution.brokers.port import BrokerEvent, ModelGreeksEvent, NoticeEvent, QuotesEvent
from models.clock import Clock, new_york_time
from models.contract import Contract
from models.errors import BrokerFailure, InvalidInput
from models.ids import ContractKey
from models.quote import ModelGreeks

_LOG = logging.getLogger(__name__)
_SOURCE: Final = "IBKR market data"
#: Ticks are gathered this long. The desk gathers for 20 ms and its window for 50: with a longer pause here, a quote
#: would be more than 100 ms old before it is in the Greeks on screen.
_BEAT_S: Final = 0.01
#: Greeks are for reading beside ours; twice a second is enough.
_GREEKS_EVERY_S: Final = 0.5
#: Pause between two line messages. The library lets 45 messages a second through, first come first served: at 30 an
#: order never waits behind a chain that was opened.
_LINE_EVERY_S: Final = 1 / 30
#: How often quotes that did not change are looked at, and how lately ticks must have come for them to be the market.
_FRESH_EVERY_S: Final = 1.0
_FLOWING: Final = timedelta(seconds=2)
#: Contracts that are asked about at the same time.
_ASKED_AT_ONCE: Final = 8
#: Pause after a question that got no answer.
_ASK_AGAIN_S: Final = 5.0
#: 4: the best there is of live, frozen (after hours), delayed, delayed and frozen. 2: live, or frozen after hours.
_LIVE: Final = 1
_BEST_OF_ALL: Final = 4
_LIVE_OR_FROZEN: Final = 2


class QualifiedContracts(Protocol):
    """The part of the catalog that names contracts for TWS."""

    async def con_id_of(self, contract: Contract) -> IbContract:
        """Returns the contract as TWS wants it; raises InvalidInput when TWS does not list it, BrokerFailure."""
        ...


class QuoteFeed:
    """Keeps TWS's market-data lines at what the desk wants. Engine loop thread only.

    `run` must run all the while; no line is opened before the first `resubscribe`. Words for the user leave as
    NoticeEvent, each once a day.
    """

    def __init__(
        self,
        *,
        wire: Callable[[], IbWire],
        catalog: QualifiedContracts,
        clock: Clock,
        settings: IbkrSettings,
        emit: Callable[[BrokerEvent], None],
    ) -> None:
        """`wire` raises BrokerFailure while the link is down."""
        self._wire = wire
        self._catalog = catalog
        self._clock = clock
        self._settings = settings
        self._emit = emit
        self._lines = LineBook(settings.max_lines)
        self._qualified: dict[ContractKey, IbContract] = {}
        self._asking: set[ContractKey] = set()
        self._opened_on: IbWire | None = None
        self._is_up = False
        self._ticks: dict[int, TickFact] = {}
        self._greeks: dict[ContractKey, ModelGreeks] = {}
        self._greeks_due_s = 0.0
        #: The newest tick of every open line.
        self._last: dict[int, TickFact] = {}
        #: When the last live tick came, of options and of everything else: they come from different farms.
        self._newest_utc: dict[bool, datetime] = {}
        self._ticked = asyncio.Event()
        self._changed = asyncio.Event()
        self._told: set[tuple[int, str]] = set()
        self._today = new_york_time(clock.now_utc()).date()

    def set_subscriptions(self, contracts: Collection[Contract]) -> None:
        """States the full set of contracts whose quotes are wanted."""
        self._follow_day()
        before = self._lines.wanted_keys()
        self._lines.want(contracts)
        # A line that lingered has its last quote told to whoever wants it again.
        new = self._lines.wanted_keys() - before
        self._retell(tick for tick in self._last.values() if self._key_of(tick) in new)
        self._qualified = {key: one for key, one in self._qualified.items() if self._lines.concerns(key)}
        self._changed.set()

    def resubscribe(self) -> None:
        """Opens all lines anew: on a new connection (the first too), or on the same one when TWS lost its data (1101).

        Raises BrokerFailure when the link is down.
        """
        wire = self._wire()
        self._follow_day()
        if wire is self._opened_on:
            for line in self._lines.open_lines:
                wire.unsubscribe(line.con_id)
        self._lines.reset()
        self._drop_ticks()
        wire.set_market_data_type(_BEST_OF_ALL if self._settings.allow_delayed else _LIVE_OR_FROZEN)
        self._opened_on = wire
        self._is_up = True
        self._changed.set()

    def lost(self) -> None:
        """Takes the link as down: nothing is asked for until `resubscribe`, and no tick of before is told any more."""
        self._is_up = False
        self._drop_ticks()

    def take_ticks(self, ticks: tuple[TickFact, ...]) -> None:
        """Takes ticks in, newest per line; one of a line that was closed is passed over."""
        for tick in ticks:
            line = self._lines.line_of(tick.con_id)
            if line is not None:
                self._ticks[tick.con_id] = self._last[tick.con_id] = tick
                if tick.data_type == _LIVE:
                    self._newest_utc[line.contract.is_option] = tick.at_utc
        if self._ticks:
            self._ticked.set()

    def take_error(self, error: ErrorFact) -> bool:
        """Takes an error that concerns a line or market data at large; False: it is somebody else's."""
        line = self._lines.line_of_request(error.request_id)
        if line is None:
            if self._lines.was_line(error.request_id):
                return True
            if error.request_id >= 0 or error.code not in TROUBLES or error.code in OF_ONE_CONTRACT:
                return False
            self._tell_once(error.code, "", "Market data", TROUBLES[error.code].sentence)
            return True
        trouble = trouble_of(error.code, error.text)
        # Whether it still ticks is not known now: only its own next tick makes it fresh again.
        self._last.pop(line.con_id, None)
        if trouble.is_dead:
            self._line_died(line, error.code, trouble.retry_s)
        self._tell_trouble(line.contract, error.code, trouble.sentence)
        return True

    async def run(self) -> None:
        """Opens and closes lines and tells quotes, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_telling(), name="ibkr-quotes")
            tasks.create_task(self._keep_lines(tasks), name="ibkr-lines")
            tasks.create_task(self._keep_fresh(), name="ibkr-fresh")

    # --- telling ------------------------------------------------------------------------------------------------------

    async def _keep_telling(self) -> None:
        while True:
            await self._ticked.wait()
            self._tell_quotes()
            self._tell_greeks(_now_s())
            if not self._ticks and not self._greeks:
                self._ticked.clear()
            await asyncio.sleep(_BEAT_S)

    def _tell_greeks(self, now_s: float) -> None:
        if self._greeks and now_s >= self._greeks_due_s:
            greeks, self._greeks = tuple(self._greeks.values()), {}
            self._greeks_due_s = now_s + _GREEKS_EVERY_S
            self._emit(ModelGreeksEvent(greeks))

    def _tell_quotes(self) -> None:
        ticks, self._ticks = self._ticks, {}
        quotes = []
        for tick in ticks.values():
            line = self._lines.line_of(tick.con_id)
            if line is None or not self._lines.wants(line.contract.key):
                continue
            quotes.append(quote_of(tick, line.contract))
            greeks_of_line = model_greeks(tick, line.contract)
            if greeks_of_line is not None:
                self._greeks[greeks_of_line.key] = greeks_of_line
        if quotes:
            self._emit(QuotesEvent(tuple(quotes)))

    async def _keep_fresh(self) -> None:
        """Tells unchanged live quotes again, as of the newest tick of their kind.

        TWS ticks on a change only: while ticks of the same farm come, what did not change is still the market. When
        none come, nothing is told again, and every quote grows old.
        """
        while True:
            await asyncio.sleep(_FRESH_EVERY_S)
            self._retell([fresh for line in self._lines.open_lines if (fresh := self._freshened(line)) is not None])

    def _freshened(self, line: Line) -> TickFact | None:
        tick, newest_utc = self._last.get(line.con_id), self._newest_utc.get(line.contract.is_option)
        if tick is None or newest_utc is None or tick.data_type != _LIVE:
            return None
        flows = self._clock.now_utc() - newest_utc <= _FLOWING
        return replace(tick, at_utc=newest_utc) if flows and tick.at_utc + _FLOWING <= newest_utc else None

    def _retell(self, ticks: Iterable[TickFact]) -> None:
        for tick in ticks:
            self._last[tick.con_id] = tick
            self._ticks.setdefault(tick.con_id, tick)
        if self._ticks:
            self._ticked.set()

    def _key_of(self, tick: TickFact) -> ContractKey | None:
        line = self._lines.line_of(tick.con_id)
        return None if line is None else line.contract.key

    def _drop_ticks(self) -> None:
        self._ticks.clear()
        self._last.clear()
        self._newest_utc.clear()
        self._greeks.clear()

    # --- lines --------------------------------------------------------------------------------------------------------

    async def _keep_lines(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            self._changed.clear()
            await self._work_off(tasks)
            now_s = _now_s()
            due_s = self._lines.next_due_s(now_s) if self._is_up else None
            try:
                async with asyncio.timeout(None if due_s is None else due_s - now_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _work_off(self, tasks: asyncio.TaskGroup) -> None:
        """Sends line by line until nothing is left to do. What is wanted may change in between."""
        while self._is_up:
            now_s = _now_s()
            self._ask(tasks, now_s)
            step = self._lines.next_step(now_s, self._qualified.keys())
            if step is None:
                self._tell_left_out(now_s)
                return
            self._take_step(step, now_s)
            await asyncio.sleep(_LINE_EVERY_S)

    def _take_step(self, step: Open | Close, now_s: float) -> None:
        try:
            wire = self._wire()
            match step:
                case Close(line):
                    self._lines.closed(line)
                    self._ticks.pop(line.con_id, None)
                    self._last.pop(line.con_id, None)
                    wire.unsubscribe(line.con_id)
                case Open(contract):
                    ib_contract = self._qualified[contract.key]
                    request_id = wire.subscribe(ib_contract)
                    self._lines.opened(contract, ib_contract.con_id, request_id)
        except BrokerFailure as failure:
            # The link went down just now; `resubscribe` comes with the next one.
            _LOG.info("market-data line not changed: %s", failure)
            if isinstance(step, Open):
                self._lines.refuse(step.contract.key, now_s + _ASK_AGAIN_S)

    def _ask(self, tasks: asyncio.TaskGroup, now_s: float) -> None:
        for contract in self._lines.planned(now_s):
            if len(self._asking) >= _ASKED_AT_ONCE:
                return
            if contract.key not in self._qualified and contract.key not in self._asking:
                self._asking.add(contract.key)
                tasks.create_task(self._qualify(contract), name=f"ibkr-qualify {contract.key}")

    async def _qualify(self, contract: Contract) -> None:
        try:
            self._qualified[contract.key] = await self._catalog.con_id_of(contract)
        except InvalidInput as error:
            self._lines.refuse(contract.key, None)
            self._tell_once(200, contract.key, contract.label, f"not quoted. {error}")
        except BrokerFailure as failure:
            _LOG.info("%s could not be asked about: %s", contract.key, failure)
            self._lines.refuse(contract.key, _now_s() + _ASK_AGAIN_S)
        finally:
            self._asking.discard(contract.key)
            self._changed.set()

    def _line_died(self, line: Line, code: int, retry_s: float | None) -> None:
        """Lets a line go that TWS ended; the client's side is closed too, or it would hold it for ever."""
        now_s = _now_s()
        self._lines.closed(line)
        self._ticks.pop(line.con_id, None)
        if code == NO_LINE_LEFT:
            # The contract itself is not refused: it takes the room of one that matters less.
            self._lines.met_limit(now_s)
        else:
            self._lines.refuse(line.contract.key, None if retry_s is None else now_s + retry_s)
        try:
            self._wire().unsubscribe(line.con_id)
        except BrokerFailure as failure:
            _LOG.info("market-data line of %s not closed: %s", line.contract.key, failure)
        self._changed.set()

    # --- words --------------------------------------------------------------------------------------------------------

    def _tell_trouble(self, contract: Contract, code: int, sentence: str) -> None:
        if code in GENERAL:
            self._tell_once(code, "", "Market data", sentence)
        elif code in OF_ONE_CONTRACT:
            self._tell_once(code, contract.key, contract.label, sentence)
        else:
            # Subscriptions are by market: one word for all options of an underlying.
            market = f"{contract.underlying} options" if contract.is_option else contract.label
            self._tell_once(code, market, market, sentence)

    def _tell_left_out(self, now_s: float) -> None:
        left_out = self._lines.left_out(now_s)
        if left_out:
            self._tell_once(
                0,
                "",
                "Market data",
                f"{left_out} of the contracts shown are not quoted: the {self._settings.max_lines} market-data lines "
                "go to underlyings first, then to what was asked for first. Show fewer strikes at once.",
            )

    def _tell_once(self, code: int, about: str, subject: str, sentence: str) -> None:
        if (code, about) not in self._told:
            self._told.add((code, about))
            self._emit(NoticeEvent(_SOURCE, f"{subject}: {sentence}"))

    def _follow_day(self) -> None:
        """On a new New York day refusals are forgiven and words may be said again: listings and rights change."""
        today = new_york_time(self._clock.now_utc()).date()
        if today != self._today:
            self._today = today
            self._told.clear()
            self._lines.forgive()


def _now_s() -> float:
    """Monotonic seconds of the loop: a clock that is set must not hold up a line."""
    return asyncio.get_running_loop().time()
