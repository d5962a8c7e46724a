"""The account stream: orders, positions and balances as Tastytrade tells them, with heartbeat and watch.

Tastytrade sends full objects, no state at the beginning and nothing again after a break: who listens reads anew over
REST whenever the stream comes up or tells of a gap. Around a planned replacement an alert may come twice.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from execution.brokers.tastytrade.facts import AlertFact, StreamFact
from execution.brokers.tastytrade.parsing import Odd
from execution.brokers.tastytrade.seam import SOCKET_WRAP, TastySdk
from execution.brokers.tastytrade.settings import TastySettings
from execution.brokers.tastytrade.supervise import Life, Supervisor, extend, stream_failure
from execution.brokers.tastytrade.tap import NAME, SocketTap
from execution.brokers.tastytrade.wire_port import AlertSink
from models.errors import BrokerFailure, BugError, FailureKind

_log = logging.getLogger(__name__)

ALERTS: Final = "alerts"
ACCOUNT_STREAM: Final = "account stream"
#: Where the account stream is on a server other than Tastytrade's.
_STREAM_PATH: Final = "/streamer"

#: Reads the data of an alert by its type ("Order", "AccountBalance", "CurrentPosition", ...). None: of no interest.
#: Raises `parsing.Odd` for what cannot be used.
AlertParser = Callable[[str, object], AlertFact | None]


class AlertStream:
    """The account stream of one login. Loop thread only; `start` once, `stop` ends it and no fact comes afterwards."""

    def __init__(
        self,
        *,
        sdk: TastySdk,
        session: Any,
        settings: TastySettings,
        sink: AlertSink,
        parse: AlertParser,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._sdk = sdk
        self._session = session
        self._base_url = settings.base_url
        self._timeouts = settings.timeouts
        self._sink = sink
        self._parse = parse
        self._is_stopped = False
        self._accounts: tuple[_Account, ...] = ()
        self._supervisor = Supervisor(
            name=ALERTS,
            connect=self._connect,
            renew=lambda: session.refresh(force=True),
            explain=lambda error: stream_failure(error, stream=ACCOUNT_STREAM, sdk=sdk),
            timeouts=settings.timeouts,
            tell=self._tell,
            jitter=jitter,
        )

    async def start(self, account_numbers: Collection[str]) -> None:
        """Connects and subscribes the accounts; raises BrokerFailure when that fails, and nothing is tried again."""
        if not account_numbers:
            raise BugError("the account stream needs an account")
        self._accounts = tuple(_Account(number) for number in account_numbers)
        await self._supervisor.start()

    async def stop(self) -> None:
        """Ends the stream; returns when no task of it is left."""
        self._is_stopped = True
        await self._supervisor.stop()

    @property
    def is_up(self) -> bool:
        """Whether the accounts are subscribed."""
        return self._supervisor.stands

    async def _connect(self, life: Life) -> None:
        """Enters, subscribes, beats until it breaks; one task enters and leaves."""
        SOCKET_WRAP.set(lambda socket: self._tapped(socket, life))
        streamer = self._sdk.streamer.AlertStreamer(self._session)
        if self._base_url is not None:
            streamer.base_url = self._base_url.replace("http", "ws", 1).rstrip("/") + _STREAM_PATH
        async with asyncio.timeout(self._timeouts.stream_s) as limit, streamer:
            await streamer.subscribe_accounts(self._accounts)
            extend(limit, None)
            life.come_up()
            while True:
                await asyncio.sleep(self._timeouts.heartbeat_every_s)
                await self._beat(streamer)

    def _tapped(self, socket: Any, life: Life) -> AlertTap:
        tap = AlertTap(socket, sdk=self._sdk, silence_s=self._timeouts.silence_s, parse=self._parse, tell=self._tell)
        life.abort = tap.abort
        return tap

    async def _beat(self, streamer: Any) -> None:
        """Sends a heartbeat with a fresh token and waits for its answer; TimeoutError when none comes.

        Without a token there is no beat, but the stream may be sound: its silence decides.
        """
        try:
            await self._session.refresh()
        except Exception as error:  # noqa: BLE001 - named boundary: logged; the SDK trips over odd refusals in many ways
            _log.warning("no heartbeat: %s", stream_failure(error, stream="login", sdk=self._sdk))
            return
        await streamer._subscribe(self._sdk.streamer.SubscriptionType.HEARTBEAT)  # noqa: SLF001 - the SDK sends none

    def _tell(self, fact: AlertFact) -> None:
        if not self._is_stopped:
            self._sink(fact)


@dataclass(frozen=True, slots=True)
class _Account:
    """What the SDK wants to know of an account to subscribe it."""

    account_number: str


class AlertTap(SocketTap):
    """Takes the alerts out of one socket, alone or in batches, and counts what is missing between them."""

    def __init__(
        self, socket: Any, *, sdk: TastySdk, silence_s: float, parse: AlertParser, tell: Callable[[AlertFact], None]
    ) -> None:
        super().__init__(socket, stream=ACCOUNT_STREAM, sdk=sdk, silence_s=silence_s, odd=tell)
        self._parse = parse
        self._tell = tell
        self._sequence: int | None = None

    def note_sent(self, message: dict[str, Any]) -> None:
        """Nothing of what is sent is needed."""

    def take(self, message: object) -> tuple[dict[str, Any], ...]:
        """Takes a message; only answers to requests go on to the SDK. Raises BrokerFailure(REJECTED) for a refusal."""
        if not isinstance(message, dict):
            self.tell_odd("not an object", message)
            return ()
        self._count(message.get("ws-sequence"))
        if "results" in message:
            return self._take_batch(message)
        if message.get("type") is not None:
            self._take_alert(message)
            return ()
        if message.get("status") == "error":
            raise self._refusal(message)
        if _is_request_id(message.get("request-id")):
            return (message,)
        self.tell_odd("neither an alert nor an answer", message)
        return ()

    def _take_batch(self, message: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        results = message["results"]
        if not isinstance(results, list):
            self.tell_odd("results is not a list", message)
            return ()
        answers: list[dict[str, Any]] = []
        for item in results:
            if isinstance(item, dict) and "results" in item:
                self.tell_odd("a batch within a batch", item)
            else:
                answers.extend(self.take(item))
        return tuple(answers)

    def _take_alert(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        try:
            fact = self._parse(str(kind), message.get("data"))
        except Odd as error:
            self.tell_odd(f"{kind}: {error}", message)
            return
        except Exception as error:  # noqa: BLE001 - named boundary: a fault of ours in one object costs no other
            _log.exception("an alert of the type %s could not be read", kind)
            self.tell_odd(f"{kind}: {type(error).__name__}: {error}", message)
            return
        if fact is not None:
            self._tell(fact)

    def _count(self, sequence: object) -> None:
        """A number left out means that a message was lost; a lower one is late or a repetition and loses nothing."""
        if isinstance(sequence, bool) or not isinstance(sequence, int):
            return
        last = self._sequence
        if last is not None and sequence > last + 1:
            missed = sequence - last - 1
            reason = f"{missed} message{'s' if missed > 1 else ''} of the {ACCOUNT_STREAM} did not arrive."
            self._tell(StreamFact(ALERTS, is_up=True, reason=reason, is_gap=True))
        self._sequence = sequence if last is None else max(last, sequence)

    def _refusal(self, message: dict[str, Any]) -> BrokerFailure:
        why, action = str(message.get("message") or "no reason given"), str(message.get("action") or "request")
        return BrokerFailure(
            FailureKind.REJECTED,
            f"Tastytrade refused the {ACCOUNT_STREAM} ({action}: {why}).",
            broker=NAME,
            code=why,
            cure="Look at the login in the settings if it stays so.",
        )


def _is_request_id(value: object) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdigit()
    return isinstance(value, int) and not isinstance(value, bool)
