"""The two streams against the loopback server, on a loop where waiting takes no time: hours pass in a moment."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, Final

from execution.brokers.tastytrade.alerts import AlertParser, AlertStream
from execution.brokers.tastytrade.dxlink import QuoteStream
from execution.brokers.tastytrade.facts import AlertFact, MarketFact, OddObject, StreamFact, TastyGreeks, TastyQuote
from execution.brokers.tastytrade.parsing import Odd
from execution.brokers.tastytrade.seam import TastySdk, load_sdk
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings, TastyTimeouts
from tests.execution.brokers.ibkr.virtual_time import LoopClock
from tests.execution.brokers.tastytrade.stream_server import FeedSocket, StreamServer

ACCOUNTS: Final = ("5WX00001", "5WX00002")
#: Pauses are whole: nothing of a test hangs on chance.
NO_JITTER: Final = 1.0


class _PatientSelector(selectors.DefaultSelector):
    """Moves the time on only when the kernel has nothing on its way either."""

    now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and (timeout is None or timeout > 0):
            ready = super().select(0.001)
        if not ready:
            assert timeout is not None, "nothing will ever happen again"
            self.now_s += max(timeout, 0.0)
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._patient = _PatientSelector()
        super().__init__(self._patient)

    def time(self) -> float:
        return self._patient.now_s


def run(work: Coroutine[object, object, None]) -> None:
    """Runs a test to its end; raises what a callback of the loop raised, too."""
    failures: list[BaseException] = []

    def note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        failures.append(context.get("exception") or AssertionError(context["message"]))

    with asyncio.Runner(loop_factory=_Loop) as runner:
        runner.get_loop().set_exception_handler(note)
        runner.run(work)
    if failures:
        raise failures[0]


def now_s() -> float:
    """The time of the loop."""
    return asyncio.get_running_loop().time()


async def until(condition: Callable[[], object], limit_s: float = 300.0) -> None:
    """Waits, in the loop's time, until something is so."""
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.1)


def by_number(kind: str, data: object) -> AlertFact | None:
    """Reads alerts of the tests' own: `{"n": 3}` of the kind Order. Stands for the reading of real objects."""
    if kind == "Unheard":
        return None
    if not isinstance(data, dict) or "n" not in data:
        raise Odd("no n")
    return OddObject("read", kind, str(100 // data["n"]))


@dataclass(slots=True)
class Desk:
    """What listens, with the time of each fact."""

    server: StreamServer
    sdk: TastySdk
    session: Any
    settings: TastySettings
    clock: LoopClock
    told: list[tuple[float, AlertFact | MarketFact]] = field(default_factory=list)
    batches: list[tuple[MarketFact, ...]] = field(default_factory=list)
    #: (streamer, task that entered, task that left) of every stream, in the order they were left.
    visits: list[tuple[str, object, object]] = field(default_factory=list)
    streams: list[AlertStream | QuoteStream] = field(default_factory=list)

    def alerts(self, parse: AlertParser = by_number) -> AlertStream:
        """Returns an account stream, not yet started."""
        stream = AlertStream(
            sdk=self._watched(),
            session=self.session,
            settings=self.settings,
            sink=self.take,
            parse=parse,
            jitter=lambda: NO_JITTER,
        )
        self.streams.append(stream)
        return stream

    def quotes(self) -> QuoteStream:
        """Returns a quote stream, not yet started."""
        stream = QuoteStream(
            sdk=self._watched(),
            session=self.session,
            settings=self.settings,
            clock=self.clock,
            sink=self.take_batch,
            jitter=lambda: NO_JITTER,
        )
        self.streams.append(stream)
        return stream

    def take(self, fact: AlertFact | MarketFact) -> None:
        """Hears a fact."""
        self.told.append((now_s(), fact))

    def take_batch(self, facts: tuple[MarketFact, ...]) -> None:
        """Hears facts of the market."""
        self.batches.append(facts)
        for fact in facts:
            self.take(fact)

    @property
    def facts(self) -> list[AlertFact | MarketFact]:
        """Everything heard."""
        return [fact for _, fact in self.told]

    @property
    def stream_facts(self) -> list[StreamFact]:
        """What was heard of the streams themselves."""
        return [fact for fact in self.facts if isinstance(fact, StreamFact)]

    @property
    def read(self) -> list[str]:
        """What was read of the tests' own alerts."""
        return [fact.raw for fact in self.facts if isinstance(fact, OddObject) and fact.source == "read"]

    @property
    def odd(self) -> list[OddObject]:
        """What was set aside."""
        return [fact for fact in self.facts if isinstance(fact, OddObject) and fact.source != "read"]

    def quotes_of(self, symbol: str) -> list[TastyQuote]:
        """The quotes of a symbol."""
        return [fact for fact in self.facts if isinstance(fact, TastyQuote) and fact.streamer_symbol == symbol]

    def greeks_of(self, symbol: str) -> list[TastyGreeks]:
        """The Greeks of a symbol."""
        return [fact for fact in self.facts if isinstance(fact, TastyGreeks) and fact.streamer_symbol == symbol]

    def when(self, wanted: Callable[[StreamFact], bool], after_s: float = 0.0) -> float | None:
        """The time of the first such fact about a stream."""
        times = (at_s for at_s, fact in self.told if isinstance(fact, StreamFact) and at_s >= after_s and wanted(fact))
        return next(times, None)

    def _watched(self) -> TastySdk:
        """The real SDK, whose streamers note who enters and who leaves them."""
        real, visits = self.sdk.streamer, self.visits

        def watched(base: type[Any]) -> type[Any]:
            class Watched(base):  # type: ignore[misc] # the SDK's class is known at run time only
                @asynccontextmanager
                async def __asynccontextmanager__(self) -> AsyncIterator[Any]:
                    entered = asyncio.current_task()
                    try:
                        async with super().__asynccontextmanager__() as streamer:
                            yield streamer
                    finally:
                        visits.append((base.__name__, entered, asyncio.current_task()))

            return Watched

        names = {name: getattr(real, name) for name in dir(real) if not name.startswith("__")}
        names["AlertStreamer"] = watched(real.AlertStreamer)
        names["DXLinkStreamer"] = watched(real.DXLinkStreamer)
        return replace(self.sdk, streamer=SimpleNamespace(**names))  # type: ignore[arg-type]


@asynccontextmanager
async def desk(**changes: Any) -> AsyncIterator[Desk]:
    """A server, a login, and a desk that listens; afterwards no task of ours may be left."""
    timeouts = {key: changes.pop(key) for key in tuple(changes) if hasattr(TastyTimeouts(), key)}
    before = asyncio.all_tasks()
    server = StreamServer()
    await server.start()
    base_url = f"http://127.0.0.1:{server.port}"
    settings = TastySettings(base_url=base_url, timeouts=TastyTimeouts(**timeouts), **changes)
    sdk = load_sdk()
    session = sdk.new_session(settings, TastySecrets("secret", "refresh"), {})
    found = Desk(server, sdk, session, settings, LoopClock())
    try:
        yield found
    finally:
        for stream in found.streams:
            await stream.stop()
        left = asyncio.all_tasks() - before - server.tasks
        await session._client.aclose()
        await server.stop()
    assert left == set()
    assert all(entered is left_by for _, entered, left_by in found.visits)


KINDS: Final = ("Quote", "Trade", "Summary")


def quote(symbol: str, bid: Any, ask: Any, sizes: tuple[Any, Any] = (1, 2)) -> dict[str, Any]:
    """Returns a Quote as DXLink has it."""
    return {"eventSymbol": symbol, "bidPrice": bid, "askPrice": ask, "bidSize": sizes[0], "askSize": sizes[1]}


def greeks(symbol: str, delta: Any) -> dict[str, Any]:
    """Returns Greeks as DXLink has them."""
    figures = {"volatility": 0.2, "delta": delta, "gamma": 0.001, "theta": -1.5, "vega": 4.5, "price": 12.0, "rho": 1.0}
    return {"eventSymbol": symbol, **figures}


async def subscribed(far: Desk, *symbols: str) -> FeedSocket:
    """Waits until the newest connection has all kinds of the symbols."""
    await until(lambda: far.server.feeds and all(far.server.feed.subscribed[kind] == set(symbols) for kind in KINDS))
    return far.server.feed
