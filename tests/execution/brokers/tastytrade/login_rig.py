"""A session of the adapter against the canned server, with limits short enough for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from execution.brokers.tastytrade.facts import AlertFact, MarketFact, OddObject
from execution.brokers.tastytrade.rest import RestClient
from execution.brokers.tastytrade.seam import load_sdk
from execution.brokers.tastytrade.session import TastySession
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings, TastyTimeouts
from execution.brokers.tastytrade.wire_port import Login
from models.clock import ManualClock
from models.errors import BrokerFailure, FailureKind
from tests.execution.brokers.tastytrade import samples
from tests.execution.brokers.tastytrade.canned_server import HTML_502, Canned, CannedServer, data, items
from tests.execution.brokers.tastytrade.jwt import refresh_token

CLIENT_KEY = "client-secret-7Hq2"
REFRESH_TOKEN = refresh_token({"scope": "read trade openid"})
SECRETS = TastySecrets(CLIENT_KEY, REFRESH_TOKEN)
#: Long enough for a busy machine, short enough to be waited for.
LIMITS = TastyTimeouts(connect_s=5.0, read_s=10.0, submit_s=10.0, stream_s=5.0, retry_first_s=0.001, retry_most_s=0.002)
IMPATIENT = TastyTimeouts(
    connect_s=0.3, read_s=0.3, submit_s=0.3, stream_s=0.3, retry_first_s=0.001, retry_most_s=0.002
)
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
#: What a test asks, and the answers that are none.
READ = "GET /thing"
WRITE = "POST /thing"
PAGE = Canned(HTML_502, 502)
HANG_UP = Canned(fault="hang up")
SILENCE = Canned(fault="silence")
CUT = Canned({"data": {"order": "x" * 200}}, fault="cut")


def run(work: Callable[[CannedServer], Coroutine[object, object, None]]) -> None:
    """Runs a test against a fresh server."""

    async def go() -> None:
        async with CannedServer().running() as server:
            await work(server)

    asyncio.run(go())


@asynccontextmanager
async def rest_client(
    server: CannedServer, *, timeouts: TastyTimeouts = LIMITS, secrets: TastySecrets = SECRETS
) -> AsyncGenerator[RestClient]:
    """Yields the client of requests alone."""
    client = RestClient(load_sdk(), TastySettings(base_url=server.url, timeouts=timeouts), secrets)
    try:
        yield client
    finally:
        await client.close()


async def failed_read(client: RestClient) -> BrokerFailure:
    """Returns how a read failed."""
    with pytest.raises(BrokerFailure) as caught:
        await client.read("the thing", "/thing")
    return caught.value


async def failed_write(client: RestClient) -> BrokerFailure:
    """Returns how a write failed."""
    with pytest.raises(BrokerFailure) as caught:
        await client.write("the order", "POST", "/thing", {"price": "1"})
    return caught.value


def lost(failure: BrokerFailure) -> tuple[FailureKind, bool]:
    """Returns the kind of a failure, and whether its outcome is unknown."""
    return failure.kind, failure.outcome_unknown


@dataclass(slots=True)
class Stage:
    """An open session and what it told."""

    session: TastySession
    login: Login
    alerts: list[AlertFact] = field(default_factory=list)
    market: list[MarketFact] = field(default_factory=list)

    @property
    def odd(self) -> list[OddObject]:
        return [fact for fact in self.alerts if isinstance(fact, OddObject)]


def with_accounts(server: CannedServer) -> None:
    """Lets the server answer what a login asks."""
    server.answers["GET /customers/me/accounts"] = [items(samples.account())]
    server.answers[f"GET /accounts/{samples.ACCOUNT}/trading-status"] = [data(samples.trading_status())]


@asynccontextmanager
async def session_on(
    server: CannedServer, *, timeouts: TastyTimeouts = LIMITS, secrets: TastySecrets = SECRETS
) -> AsyncGenerator[Stage]:
    """Yields an open session; the server's records start anew after the login."""
    if "GET /customers/me/accounts" not in server.answers:
        with_accounts(server)
    alerts: list[AlertFact] = []
    market: list[MarketFact] = []
    settings = TastySettings(base_url=server.url, timeouts=timeouts)
    session = TastySession(settings, secrets, ManualClock(NOW), alerts=alerts.append, market=market.extend)
    login = await session.open()
    server.seen.clear()
    try:
        yield Stage(session, login, alerts, market)
    finally:
        await session.close()
