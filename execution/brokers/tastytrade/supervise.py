"""Keeps one stream standing: watches it, brings it back with growing pauses, replaces it before its token ends.

The SDK's streamers never reconnect, and each must be entered and left by the same task. So every connection is a `Life`
of its own, one task from entering to leaving. A planned replacement comes up beside the old one, which leaves only
afterwards: nobody misses anything, and nothing is told. What broke is told once as down, and as up when it stands again
with everything subscribed.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

from execution.brokers.tastytrade.facts import StreamFact
from execution.brokers.tastytrade.seam import TastySdk
from execution.brokers.tastytrade.settings import TastyTimeouts
from execution.brokers.tastytrade.tap import NAME
from models.errors import BrokerFailure, BugError, FailureKind

_log = logging.getLogger(__name__)

#: How long an old connection reads on beside the new one: what is still on its way arrives.
HANDOVER_S: Final = 2.0
#: A connection that stood so long makes the pauses start small again; one that breaks at once lets them grow.
STEADY_S: Final = 30.0
#: The longest pause while nobody answers at all: asking a closed door is cheap, and the desk shall be back soon.
OFFLINE_PAUSE_S: Final = 10.0
#: How long a farewell may take before the connection is broken off.
CLOSING_S: Final = 2.0
_NOBODY_THERE: Final = frozenset({FailureKind.OFFLINE, FailureKind.TIMEOUT})
#: Failures a fresh access token may cure, and which the user must know while it is tried again and again.
_REFUSALS: Final = frozenset({FailureKind.AUTH, FailureKind.REJECTED})


class Life:
    """One connection, from entering to leaving. `number` grows: of two that overlap the higher is the newer."""

    def __init__(self, number: int, told_up: Callable[[Life], None]) -> None:
        self.number = number
        self.settled = asyncio.Event()
        self.failure: BrokerFailure | None = None
        #: Breaks the connection off; set once there is one.
        self.abort: Callable[[], None] = _nothing
        self.up_since_s: float | None = None
        self.task: asyncio.Task[None] | None = None
        self._told_up = told_up

    def come_up(self) -> None:
        """States that the stream is entered and everything is subscribed."""
        self.up_since_s = asyncio.get_running_loop().time()
        self._told_up(self)
        self.settled.set()

    @property
    def is_up(self) -> bool:
        """Whether it came up and still stands."""
        return self.up_since_s is not None and self.task is not None and not self.task.done()


#: Enters a stream, calls `come_up`, stays inside until it breaks (raises) or is cancelled.
Connect = Callable[[Life], Awaitable[None]]


class Supervisor:
    """One stream's watch. Loop thread only; `start` once, `stop` ends it for good and nothing is told afterwards.

    `renew` gets a fresh access token; `explain` makes a BrokerFailure of whatever left a connection.
    """

    def __init__(
        self,
        *,
        name: str,
        connect: Connect,
        renew: Callable[[], Awaitable[None]],
        explain: Callable[[BaseException], BrokerFailure],
        timeouts: TastyTimeouts,
        tell: Callable[[StreamFact], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._connect = connect
        self._renew = renew
        self._explain = explain
        self._timeouts = timeouts
        self._tell = tell
        self._jitter = jitter
        self._pause_s = timeouts.retry_first_s
        self._lives: set[Life] = set()
        self._count = 0
        self._current: Life | None = None
        self._stands = False
        self._is_stopped = False
        self._told_reason = ""
        self._watcher: asyncio.Task[None] | None = None

    @property
    def stands(self) -> bool:
        """Whether the stream is up."""
        return self._stands

    async def start(self) -> None:
        """Connects for the first time; raises BrokerFailure, and nothing is tried again then."""
        if self._watcher is not None or self._is_stopped:
            raise BugError(f"the stream of {self._name} is started once")
        life = self._launch()
        try:
            await life.settled.wait()
        except asyncio.CancelledError:
            await self._end(life)
            raise
        if life.up_since_s is None:
            await self._end(life)
            raise life.failure or BugError(f"the stream of {self._name} ended without a reason")
        self._watcher = asyncio.get_running_loop().create_task(self._watch(life), name=f"tastytrade {self._name}")

    async def stop(self) -> None:
        """Ends the watch and every connection; returns when no task of it is left."""
        self._is_stopped = True
        self._stands = False
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait({self._watcher})
        for life in tuple(self._lives):
            await self._end(life)

    # --- the one task -------------------------------------------------------------------------------------------------

    async def _watch(self, life: Life) -> None:
        stay_s = self._timeouts.recycle_every_s
        while True:
            await asyncio.wait({_task(life)}, timeout=stay_s)
            if life.is_up:
                fresh = await self._replace(life)
                stay_s = self._timeouts.recycle_every_s if fresh is not None else self._timeouts.retry_most_s
                life = fresh or life
            else:
                life = await self._bring_back(life)
                stay_s = self._timeouts.recycle_every_s

    async def _replace(self, old: Life) -> Life | None:
        """Brings up a new connection beside the old one; None when that did not work and the old one stays."""
        fresh = self._launch()
        await fresh.settled.wait()
        if fresh.up_since_s is None:
            _log.warning("%s: the planned new connection failed: %s", self._name, fresh.failure)
            return None
        if old.is_up:
            await asyncio.sleep(HANDOVER_S)
        await self._end(old)
        return fresh

    async def _bring_back(self, broken: Life) -> Life:
        """Tries until a connection stands."""
        failure = broken.failure
        now_s = asyncio.get_running_loop().time()
        if broken.up_since_s is not None and now_s - broken.up_since_s >= STEADY_S:
            self._pause_s = self._timeouts.retry_first_s
        while True:
            await self._pause(failure)
            if failure is not None and failure.kind in _REFUSALS:
                self._tell_refusal(failure)
                await self._renew_or_log()
            fresh = self._launch()
            await fresh.settled.wait()
            if fresh.up_since_s is not None:
                return fresh
            failure = fresh.failure
            _log.info("%s: not back yet: %s", self._name, failure)

    async def _pause(self, failure: BrokerFailure | None) -> None:
        """Waits between half and the whole of the present pause, and doubles the next one."""
        is_offline = failure is not None and failure.kind in _NOBODY_THERE
        most_s = min(self._timeouts.retry_most_s, OFFLINE_PAUSE_S) if is_offline else self._timeouts.retry_most_s
        pause_s = min(self._pause_s, most_s)
        self._pause_s = min(self._pause_s * 2.0, self._timeouts.retry_most_s)
        await asyncio.sleep(pause_s * (0.5 + 0.5 * self._jitter()))

    async def _renew_or_log(self) -> None:
        try:
            await self._renew()
        except Exception as error:  # noqa: BLE001 - named boundary: the attempt that follows fails and says why
            _log.warning("%s: no fresh access token: %s", self._name, self._explain(error))

    # --- lives --------------------------------------------------------------------------------------------------------

    def _launch(self) -> Life:
        self._count += 1
        life = Life(self._count, self._came_up)
        self._lives.add(life)
        task = asyncio.get_running_loop().create_task(self._live(life), name=f"tastytrade {self._name} {life.number}")
        life.task = task
        task.add_done_callback(lambda _: self._ended(life))
        return life

    async def _live(self, life: Life) -> None:
        try:
            await self._connect(life)
        except asyncio.CancelledError:
            life.failure = BrokerFailure(FailureKind.OFFLINE, f"The stream of {self._name} was ended.", broker=NAME)
            raise
        except Exception as error:  # noqa: BLE001 - named boundary: explained, told as down, and tried again
            life.failure = self._explain(error)

    async def _end(self, life: Life) -> None:
        """Leaves a connection; one that cannot say farewell is broken off."""
        task = _task(life)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=CLOSING_S)
        if not done:
            _log.warning("%s: the farewell took too long, the connection is broken off", self._name)
            life.abort()
            await asyncio.wait({task})

    def _came_up(self, life: Life) -> None:
        self._current = life
        if not self._stands and not self._is_stopped:
            self._stands = True
            self._told_reason = ""
            self._tell(StreamFact(self._name, is_up=True))

    def _ended(self, life: Life) -> None:
        self._lives.discard(life)
        life.settled.set()
        if life is self._current and self._stands:
            self._stands = False
            self._told_reason = "" if life.failure is None else life.failure.what
            self._tell(StreamFact(self._name, is_up=False, reason=self._told_reason))

    def _tell_refusal(self, failure: BrokerFailure) -> None:
        if failure.what != self._told_reason:
            self._told_reason = failure.what
            self._tell(StreamFact(self._name, is_up=False, reason=failure.what))


def extend(limit: asyncio.Timeout, by_s: float | None) -> None:
    """Sets a limit anew, None = no limit any more; one that has just run out stays so."""
    if not limit.expired():
        limit.reschedule(None if by_s is None else asyncio.get_running_loop().time() + by_s)


def stream_failure(error: BaseException, *, stream: str, sdk: TastySdk) -> BrokerFailure:
    """Returns what broke a stream in the desk's words; out of a group the one that says most.

    A refusal of ours stands as it is; what belongs to no known kind is logged in full and called PROTOCOL.
    """
    leaves = _leaves(error)
    for explain in (_refused, _broken):
        for leaf in leaves:
            failure = explain(leaf, stream, sdk)
            if failure is not None:
                return failure
    _log.error("%s: broke for a reason that was not foreseen", stream, exc_info=error)
    return _failure(FailureKind.PROTOCOL, f"The {stream} broke: {type(leaves[0]).__name__}: {leaves[0]}")


def _refused(error: BaseException, stream: str, sdk: TastySdk) -> BrokerFailure | None:
    """What the other end said on purpose."""
    if isinstance(error, BrokerFailure):
        return error
    sockets = sdk.http.websockets
    if isinstance(error, sockets.WebSocketUpgradeError):
        return _not_upgraded(error.response.status_code, stream)
    if isinstance(error, sockets.WebSocketDisconnect):
        why = f", {error.reason}" if error.reason else ""
        return _failure(FailureKind.OFFLINE, f"Tastytrade closed the {stream} (code {error.code}{why}).", error.code)
    if isinstance(error, sdk.error):
        return _failure(FailureKind.REJECTED, f"Tastytrade refused the {stream}: {str(error).strip()}")
    return None


def _broken(error: BaseException, stream: str, sdk: TastySdk) -> BrokerFailure | None:
    """What befell the connection."""
    if isinstance(error, TimeoutError):
        return _failure(FailureKind.TIMEOUT, f"The {stream} did not answer in time.")
    if isinstance(error, (sdk.socket_error, sdk.transport_error, sdk.closing_error, OSError)):
        return _failure(FailureKind.OFFLINE, f"The connection of the {stream} broke ({type(error).__name__}).")
    return None


def _not_upgraded(status: int, stream: str) -> BrokerFailure:
    kind = {401: FailureKind.AUTH, 403: FailureKind.AUTH, 429: FailureKind.RATE_LIMIT}.get(status, FailureKind.OFFLINE)
    return _failure(kind, f"Tastytrade did not open the {stream} (HTTP {status}).", status)


def _failure(kind: FailureKind, what: str, code: int | str = "") -> BrokerFailure:
    return BrokerFailure(kind, what, broker=NAME, code=str(code), cure="It is brought back by itself.")


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in _leaves(each)]
    return [error]


def _task(life: Life) -> asyncio.Task[None]:
    if life.task is None:
        raise BugError("a life has a task from its first moment")
    return life.task


def _nothing() -> None:
    """There is no connection yet that could be broken off."""
