"""The link to TWS as a whole: one connection after another, watched, mended, and told of.

One task pings, notices a dead or half-open connection (18 s at most), and connects again with growing pauses, each time
with a fresh connection. What TWS says about its own link to IBKR (1100, 1101, 1102) and about its data farms is taken
here too. The desk hears DOWN once, and LIVE only after everything was asked anew on the connection it will use.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import Enum, auto
from typing import Final

from execution.brokers.ibkr.advice import NAME, Trouble, advice_of
from execution.brokers.ibkr.facts import ClosedFact, ErrorFact
from execution.brokers.ibkr.settings import IbkrSettings
from execution.brokers.ibkr.wire_port import Greeting, IbWire
from execution.brokers.port import ConnectionEvent
from models.clock import Clock
from models.enums import FeedState
from models.errors import BrokerFailure, BugError, FailureKind

_log = logging.getLogger(__name__)

_LOST: Final = frozenset({1100, 2110})
_RESTORED: Final = frozenset({1101, 1102})
#: The farm of historical data (2105) is left out: the desk takes no history from TWS.
_FARM_BROKEN: Final = {2103: "market data", 2157: "contract data"}
_FARM_FINE: Final = {2104: 2103, 2108: 2103, 2158: 2157}
_PORT_RESET: Final = 1300
_CLIENT_ID_IN_USE: Final = "326"
#: TWS may hold the id of a program that just ended for a moment; longer means that another one has it.
_FIRST_TRIES: Final = 3
_CLOCK_LIMIT_S: Final = 30.0
#: Failures that do not pass by themselves: the user must know them while the link is tried again and again.
_USERS_TURN: Final = frozenset({FailureKind.AUTH, FailureKind.REJECTED, FailureKind.UNSUPPORTED})
_CLOCK: Final = "clock"


class _Signal(Enum):
    GONE = auto()
    RESTORED = auto()


class Link:
    """Makes, watches and replaces connections. Loop thread only; `start` once, `stop` ends it for good."""

    def __init__(
        self,
        *,
        make_wire: Callable[[], IbWire],
        settings: IbkrSettings,
        clock: Clock,
        tell: Callable[[ConnectionEvent], None],
        on_up: Callable[[IbWire, Greeting], Awaitable[None]],
        on_down: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make_wire = make_wire
        self._settings = settings
        self._timeouts = settings.timeouts
        self._clock = clock
        self._tell = tell
        self._on_up = on_up
        self._on_down = on_down
        self._sleep = sleep
        self._monotonic_s = monotonic_s
        self._wire: IbWire | None = None
        self._greeting: Greeting | None = None
        #: TWS stands, but its own link to IBKR does not: nothing can be sent.
        self._is_cut_off = False
        #: TWS has said that it is back, and has not lost IBKR again since.
        self._is_restored = False
        self._signals: asyncio.Queue[_Signal] = asyncio.Queue()
        self._ills: dict[str, str] = {}
        #: The first connect, then the watch.
        self._task: asyncio.Task[Greeting] | asyncio.Task[None] | None = None
        self._state = FeedState.CONNECTING
        self._told_cause = ""

    @property
    def wire(self) -> IbWire:
        """The connection to use now. Raises BrokerFailure(OFFLINE) while there is none: nothing is sent then."""
        if self._wire is None or self._is_cut_off or not self._wire.is_open:
            raise BrokerFailure(
                FailureKind.OFFLINE,
                "There is no connection to Interactive Brokers.",
                broker=NAME,
                cure="The desk reconnects by itself; try again then.",
            )
        return self._wire

    @property
    def state(self) -> FeedState:
        """How the link stands."""
        return self._state

    async def start(self) -> Greeting:
        """Connects for the first time; raises BrokerFailure with advice, and nothing is tried again then."""
        if self._task is not None:
            raise BugError("the link to TWS is started once")
        loop = asyncio.get_running_loop()
        begun = loop.create_task(self._begin(), name="ibkr first connect")
        self._task = begun
        try:
            greeting = await begun
        except asyncio.CancelledError:
            if self._task is begun:  # the caller gave up
                self._task = None
                raise
            what = "The connection to TWS was given up while it was being made."
            raise BrokerFailure(FailureKind.OFFLINE, what, broker=NAME) from None
        except BaseException:
            self._task = None
            raise
        self._task = loop.create_task(self._watch(), name="ibkr link")
        return greeting

    async def stop(self) -> None:
        """Lets go of TWS; nothing is told any more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._drop_wire()
        self._state = FeedState.DOWN

    def take_closed(self, fact: ClosedFact) -> None:
        """Takes the end of a connection; that of one already replaced changes nothing."""
        if self._wire is not None and not self._wire.is_open:
            self._go_down(f"The connection to TWS broke: {fact.reason}")
            self._signals.put_nowait(_Signal.GONE)

    def take_error(self, fact: ErrorFact) -> None:
        """Takes what TWS says about its own links; every other error is none of this part's business."""
        if fact.code in _LOST:
            self._is_cut_off, self._is_restored = True, False
            self._go_down(f"TWS has lost its connection to Interactive Brokers: {fact.text}")
        elif fact.code in _RESTORED:
            self._is_restored = True
            self._signals.put_nowait(_Signal.RESTORED)
        elif fact.code in _FARM_BROKEN:
            farm = _farm(fact.text)
            what = f"The connection of TWS to {_FARM_BROKEN[fact.code]} is broken ({farm or 'all'})."
            self._set_ill(f"{fact.code}:{farm}", what)
        elif fact.code in _FARM_FINE:
            self._set_well(f"{_FARM_FINE[fact.code]}:{_farm(fact.text)}")
        elif fact.code == _PORT_RESET:
            _log.warning("TWS will close its port: %s", fact.text)

    async def _begin(self) -> Greeting:
        pause_s = self._timeouts.retry_first_s
        for last in (False,) * (_FIRST_TRIES - 1) + (True,):
            try:
                greeting = await self._attempt()
                break
            except BrokerFailure as failure:
                if last or failure.code != _CLIENT_ID_IN_USE:
                    raise
                await self._sleep(pause_s)
                pause_s *= 2
        if self._is_cut_off:
            self._state = FeedState.DOWN
            text = "TWS answers, but it has no connection to Interactive Brokers at present."
            self._tell(ConnectionEvent(FeedState.DOWN, text, reconcile_needed=True))
        else:
            self._go_up(f"Connected to Interactive Brokers ({', '.join(greeting.accounts)}).", reconcile_needed=False)
        return greeting

    # --- the one task -------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            try:
                await self._look_after()
            except Exception:  # noqa: BLE001 - named boundary: unwatched, a dead link would look alive for ever
                _log.exception("the watch over the link to TWS broke")
                self._go_down("The watch over the connection to TWS broke; see the log. It is connected anew.")
                self._signals.put_nowait(_Signal.GONE)
                await self._sleep(self._timeouts.retry_most_s)

    async def _look_after(self) -> None:
        signal = await self._signal_within(self._timeouts.ping_every_s)
        is_sound = signal is not _Signal.GONE and await self._is_alive()
        if is_sound and signal is _Signal.RESTORED:
            is_sound = await self._resume()
        if not is_sound:
            await self._reconnect()

    async def _signal_within(self, limit_s: float) -> _Signal | None:
        try:
            async with asyncio.timeout(limit_s):
                return await self._signals.get()
        except TimeoutError:
            return None

    async def _is_alive(self) -> bool:
        """Asks for the time. A connection that stands half-open takes the question and never answers."""
        wire = self._wire
        if wire is None:
            return False
        try:
            async with asyncio.timeout(self._timeouts.ping_dead_s):
                tws_now_utc = await wire.current_time()
        except (TimeoutError, BrokerFailure) as error:
            self._go_down(f"TWS does not answer any more: {error or 'no sign of life'}")
            return False
        self._compare_clocks(tws_now_utc)
        return True

    async def _resume(self) -> bool:
        """TWS is back at IBKR: everything is asked anew on the same connection. Returns whether that worked."""
        wire, greeting = self._wire, self._greeting
        if wire is None or greeting is None:
            return False
        if not self._is_restored:  # lost again meanwhile: TWS will say when it is back
            return True
        self._go_down("TWS was without its connection to Interactive Brokers.")
        self._is_cut_off = False
        try:
            await self._ask_anew(wire, greeting)
        except BrokerFailure as failure:
            _log.warning("asking anew after a lost link failed: %s", failure)
            return False
        if not self._is_cut_off and wire.is_open:
            self._go_up("TWS is connected to Interactive Brokers again.", reconcile_needed=True)
        return True

    async def _reconnect(self) -> None:
        pause_s = self._timeouts.retry_first_s
        rest_s = pause_s
        while True:
            await self._drop_wire()
            await self._sleep(rest_s)
            begun_s = self._monotonic_s()
            try:
                await self._attempt()
            except BrokerFailure as failure:
                _log.info("connecting to TWS again failed: %s", failure)
                self._tell_cause(failure)
            else:
                if self._wire is not None and self._wire.is_open and not self._is_cut_off:
                    self._go_up("The connection to Interactive Brokers is back.", reconcile_needed=True)
                    return
                if self._is_cut_off:  # TWS is there, IBKR is not: TWS will say when it is
                    return
            pause_s = min(pause_s * 2, self._timeouts.retry_most_s)
            # A slow attempt was a pause in itself, and TWS may have come back during it.
            rest_s = max(pause_s - (self._monotonic_s() - begun_s), self._timeouts.retry_first_s)

    async def _attempt(self) -> Greeting:
        """Opens a fresh connection and asks everything on it; leaves none behind when it fails."""
        self._ills.clear()
        self._is_cut_off = False
        while not self._signals.empty():
            self._signals.get_nowait()
        wire = self._make_wire()
        try:
            greeting = await wire.open()
            self._wire, self._greeting = wire, greeting
            self._compare_clocks(await wire.current_time())
            await self._ask_anew(wire, greeting)
        except BaseException:
            self._wire = None
            await wire.close()
            raise
        return greeting

    async def _ask_anew(self, wire: IbWire, greeting: Greeting) -> None:
        try:
            await self._on_up(wire, greeting)
        except BrokerFailure:
            raise
        except Exception as error:  # boundary: a fault of ours in asking must not end the watch over the link
            _log.exception("asking TWS for the account's state failed")
            what = f"The account's state could not be taken from TWS: {type(error).__name__}: {error}"
            raise BrokerFailure(FailureKind.PROTOCOL, what, broker=NAME, cure="Report this with the log.") from error

    async def _drop_wire(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()

    # --- what is told -------------------------------------------------------------------------------------------------

    def _go_down(self, why: str) -> None:
        if self._state in {FeedState.LIVE, FeedState.STALE}:
            self._state = FeedState.DOWN
            self._told_cause = ""
            self._on_down(why)
            self._tell(ConnectionEvent(FeedState.DOWN, why, reconcile_needed=True))

    def _go_up(self, text: str, *, reconcile_needed: bool) -> None:
        self._state = FeedState.LIVE
        self._tell(ConnectionEvent(FeedState.LIVE, text, reconcile_needed=reconcile_needed))
        self._weigh_ills()

    def _tell_cause(self, failure: BrokerFailure) -> None:
        """Tells, once per cause, what keeps the link down when only the user can change it."""
        text = str(failure)
        if self._state is FeedState.DOWN and failure.kind in _USERS_TURN and text != self._told_cause:
            self._told_cause = text
            self._tell(ConnectionEvent(FeedState.DOWN, text, reconcile_needed=False))

    def _compare_clocks(self, tws_now_utc: datetime) -> None:
        ahead_s = (tws_now_utc - self._clock.now_utc()).total_seconds()
        if abs(ahead_s) > _CLOCK_LIMIT_S:
            way = "ahead of" if ahead_s > 0 else "behind"
            advice = advice_of(Trouble.CLOCK_OFF, self._settings, detail=f"TWS is {abs(ahead_s):.0f} s {way} it")
            self._set_ill(_CLOCK, str(advice))
        else:
            self._set_well(_CLOCK)

    def _set_ill(self, name: str, text: str) -> None:
        is_new = name not in self._ills
        self._ills[name] = text
        if is_new:
            self._weigh_ills()

    def _set_well(self, name: str) -> None:
        if self._ills.pop(name, None) is not None:
            self._weigh_ills()

    def _weigh_ills(self) -> None:
        """Tells STALE while anything ails an otherwise sound link, LIVE when nothing does any more."""
        if self._ills and self._state in {FeedState.LIVE, FeedState.STALE}:
            self._state = FeedState.STALE
            self._tell(ConnectionEvent(FeedState.STALE, " ".join(self._ills.values()), reconcile_needed=False))
        elif not self._ills and self._state is FeedState.STALE:
            self._state = FeedState.LIVE
            text = "TWS's data connections are whole again."
            self._tell(ConnectionEvent(FeedState.LIVE, text, reconcile_needed=False))


def _farm(text: str) -> str:
    """Returns the farm's name, the part of the text behind its last colon (``...is broken:usfarm``)."""
    _, colon, name = text.rpartition(":")
    return name.strip() if colon else ""
