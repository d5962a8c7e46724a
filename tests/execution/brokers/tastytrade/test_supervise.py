"""The watch over a stream, without any socket: pauses, refusals, replacement, ends; and how failures are explained."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from execution.brokers.tastytrade.facts import StreamFact
from execution.brokers.tastytrade.seam import load_sdk
from execution.brokers.tastytrade.settings import TastyTimeouts
from execution.brokers.tastytrade.supervise import OFFLINE_PAUSE_S, STEADY_S, Life, Supervisor, stream_failure
from models.errors import BrokerFailure, BugError, FailureKind
from tests.execution.brokers.ibkr.virtual_time import run_virtually

NOBODY = BrokerFailure(FailureKind.OFFLINE, "Nobody there.", broker="TASTYTRADE")
REFUSED = BrokerFailure(FailureKind.AUTH, "Grant revoked.", broker="TASTYTRADE")
BUSY = BrokerFailure(FailureKind.RATE_LIMIT, "Too many.", broker="TASTYTRADE")


@dataclass(slots=True)
class Stage:
    """A stream whose tries a test scripts: each entry of `script` is raised, or None stands until `cut`."""

    script: list[BaseException | None] = field(default_factory=list)
    then: BaseException | None = None
    jitter: float = 1.0
    timeouts: TastyTimeouts = field(default_factory=TastyTimeouts)
    tries_s: list[float] = field(default_factory=list)
    facts: list[tuple[float, StreamFact]] = field(default_factory=list)
    renewals: int = 0
    renew_failure: Exception | None = None
    standing: list[asyncio.Future[None]] = field(default_factory=list)

    def supervisor(self) -> Supervisor:
        return Supervisor(
            name="quotes",
            connect=self.connect,
            renew=self.renew,
            explain=lambda error: error if isinstance(error, BrokerFailure) else NOBODY,
            timeouts=self.timeouts,
            tell=lambda fact: self.facts.append((now_s(), fact)),
            jitter=lambda: self.jitter,
        )

    async def connect(self, life: Life) -> None:
        self.tries_s.append(now_s())
        failure = self.script.pop(0) if self.script else self.then
        if failure is not None:
            raise failure
        life.come_up()
        cut: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.standing.append(cut)
        await cut

    async def renew(self) -> None:
        self.renewals += 1
        if self.renew_failure is not None:
            raise self.renew_failure

    def cut(self, failure: BaseException = NOBODY) -> None:
        self.standing[-1].set_exception(failure)

    @property
    def ups(self) -> list[bool]:
        return [fact.is_up for _, fact in self.facts]

    @property
    def pauses_s(self) -> list[float]:
        return [round(later - earlier, 6) for earlier, later in itertools.pairwise(self.tries_s)]


def now_s() -> float:
    return asyncio.get_running_loop().time()


def test_pauses_double_and_stay_short_while_nobody_answers() -> None:
    async def work() -> None:
        stage = Stage()
        watch = stage.supervisor()
        await watch.start()
        stage.then = NOBODY
        stage.cut()
        await asyncio.sleep(100)
        assert stage.pauses_s[:7] == [0.5, 1.0, 2.0, 4.0, 8.0, OFFLINE_PAUSE_S, OFFLINE_PAUSE_S]
        assert stage.ups == [True, False]
        stage.then = None
        await asyncio.sleep(OFFLINE_PAUSE_S)
        assert stage.ups == [True, False, True]
        await watch.stop()

    run_virtually(work())


def test_pauses_grow_to_a_minute_while_the_other_end_says_no() -> None:
    async def work() -> None:
        stage = Stage(then=None)
        watch = stage.supervisor()
        await watch.start()
        stage.then = BUSY
        stage.cut()
        await asyncio.sleep(400)
        assert stage.pauses_s[:9] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
        await watch.stop()

    run_virtually(work())


@pytest.mark.parametrize(("jitter", "pauses"), [(0.0, [0.25, 0.5, 1.0]), (0.5, [0.375, 0.75, 1.5])])
def test_pauses_are_shaken_between_half_and_whole(jitter: float, pauses: list[float]) -> None:
    async def work() -> None:
        stage = Stage(jitter=jitter)
        watch = stage.supervisor()
        await watch.start()
        stage.then = NOBODY
        stage.cut()
        await asyncio.sleep(10)
        assert stage.pauses_s[:3] == pauses
        await watch.stop()

    run_virtually(work())


def test_a_stream_that_breaks_at_once_each_time_is_not_hammered_and_a_steady_one_starts_small_again() -> None:
    async def work() -> None:
        stage = Stage()
        watch = stage.supervisor()
        await watch.start()
        for _ in range(4):
            stage.cut()
            await asyncio.sleep(9)
        assert stage.pauses_s[0] < stage.pauses_s[1] < stage.pauses_s[2] < stage.pauses_s[3]
        await asyncio.sleep(STEADY_S)
        cut_s = now_s()
        stage.cut()
        await asyncio.sleep(1)
        assert stage.tries_s[-1] - cut_s == pytest.approx(0.5)
        await watch.stop()

    run_virtually(work())


def test_a_refusal_gets_a_fresh_token_before_the_next_try_and_is_told_once() -> None:
    async def work() -> None:
        stage = Stage(script=[None, REFUSED, REFUSED, REFUSED])
        watch = stage.supervisor()
        await watch.start()
        stage.cut()
        await asyncio.sleep(60)
        assert [(fact.is_up, fact.reason) for _, fact in stage.facts] == [
            (True, ""),
            (False, "Nobody there."),
            (False, "Grant revoked."),
            (True, ""),
        ]
        assert stage.renewals == 3
        await watch.stop()

    run_virtually(work())


def test_a_token_that_cannot_be_had_does_not_end_the_watch() -> None:
    async def work() -> None:
        stage = Stage(script=[None, REFUSED], renew_failure=KeyError("access_token"))
        watch = stage.supervisor()
        await watch.start()
        stage.cut(REFUSED)
        await asyncio.sleep(60)
        assert stage.ups == [True, False, True]
        assert stage.renewals == 2
        await watch.stop()

    run_virtually(work())


def test_a_first_try_that_fails_is_raised_and_not_repeated() -> None:
    async def work() -> None:
        stage = Stage(then=REFUSED)
        watch = stage.supervisor()
        with pytest.raises(BrokerFailure, match="revoked"):
            await watch.start()
        await asyncio.sleep(500)
        assert (len(stage.tries_s), stage.facts, watch.stands) == (1, [], False)
        await watch.stop()

    run_virtually(work())


def test_replacements_follow_each_other_at_their_interval_and_only_one_stays() -> None:
    async def work() -> None:
        stage = Stage(timeouts=TastyTimeouts(recycle_every_s=100.0))
        watch = stage.supervisor()
        await watch.start()
        await asyncio.sleep(350)
        assert len(stage.tries_s) == 4
        assert [each.cancelled() for each in stage.standing] == [True, True, True, False]
        assert stage.ups == [True]
        assert len(watch._lives) == 1
        await watch.stop()
        assert all(each.cancelled() for each in stage.standing)

    run_virtually(work())


def test_stop_tells_nothing_and_leaves_no_task() -> None:
    async def work() -> None:
        before = asyncio.all_tasks()
        stage = Stage(timeouts=TastyTimeouts(recycle_every_s=10.0))
        watch = stage.supervisor()
        await watch.start()
        await asyncio.sleep(11)
        assert len(stage.standing) == 2, "in the middle of a replacement"
        await watch.stop()
        assert asyncio.all_tasks() == before
        assert stage.ups == [True]
        with pytest.raises(BugError):
            await watch.start()

    run_virtually(work())


def test_a_connection_that_does_not_let_go_is_broken_off() -> None:
    async def work() -> None:
        released = asyncio.Event()

        async def stubborn(life: Life) -> None:
            life.abort = released.set
            life.come_up()
            try:
                await asyncio.Event().wait()
            finally:
                await released.wait()

        stage = Stage()
        watch = Supervisor(
            name="quotes",
            connect=stubborn,
            renew=stage.renew,
            explain=lambda _: NOBODY,
            timeouts=stage.timeouts,
            tell=lambda _: None,
        )
        await watch.start()
        await watch.stop()
        assert released.is_set()

    run_virtually(work())


def _upgrade(status: int) -> Callable[[Any], BaseException]:
    return lambda sdk: sdk.http.websockets.WebSocketUpgradeError(SimpleNamespace(status_code=status))


EXPLAINED: dict[str, tuple[Callable[[Any], BaseException], FailureKind, str]] = {
    "closed": (
        lambda sdk: sdk.http.websockets.WebSocketDisconnect(1008, "policy"),
        FailureKind.OFFLINE,
        "1008, policy",
    ),
    "broken": (lambda sdk: sdk.http.websockets.WebSocketNetworkError(), FailureKind.OFFLINE, "broke"),
    "closing": (lambda sdk: sdk.closing_error("Event(data='Bearer x') cannot be sent"), FailureKind.OFFLINE, "broke"),
    "not connected": (lambda sdk: sdk.http.ConnectError("no"), FailureKind.OFFLINE, "ConnectError"),
    "unreachable": (lambda _: OSError("no route"), FailureKind.OFFLINE, "OSError"),
    "upgrade 502": (_upgrade(502), FailureKind.OFFLINE, "HTTP 502"),
    "upgrade 401": (_upgrade(401), FailureKind.AUTH, "HTTP 401"),
    "upgrade 403": (_upgrade(403), FailureKind.AUTH, "HTTP 403"),
    "upgrade 429": (_upgrade(429), FailureKind.RATE_LIMIT, "HTTP 429"),
    "late": (lambda _: TimeoutError(), FailureKind.TIMEOUT, "in time"),
    "refused by the library": (lambda sdk: sdk.error("bad"), FailureKind.REJECTED, "bad"),
    "refused by us": (lambda _: REFUSED, FailureKind.AUTH, "revoked"),
    "unforeseen": (lambda _: ZeroDivisionError("ours"), FailureKind.PROTOCOL, "ZeroDivisionError: ours"),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_whatever_breaks_a_stream_is_explained_alone_and_out_of_nested_groups(name: str) -> None:
    make, kind, text = EXPLAINED[name]

    async def work() -> None:
        sdk = load_sdk()
        group = BaseExceptionGroup("", [BaseExceptionGroup("", [make(sdk)])])
        for error in (make(sdk), group):
            failure = stream_failure(error, stream="quote stream", sdk=sdk)
            assert failure.kind is kind
            assert text in failure.what
            assert "Bearer" not in failure.what

    run_virtually(work())


def test_out_of_several_reasons_the_one_that_says_most_is_told() -> None:
    async def work() -> None:
        sdk = load_sdk()
        broken = sdk.http.websockets.WebSocketNetworkError()
        both = BaseExceptionGroup("", [TimeoutError(), broken, REFUSED])
        assert stream_failure(both, stream="quote stream", sdk=sdk) is REFUSED
        closed = BaseExceptionGroup("", [broken, sdk.http.websockets.WebSocketDisconnect(1011)])
        assert "1011" in stream_failure(closed, stream="quote stream", sdk=sdk).what

    run_virtually(work())
