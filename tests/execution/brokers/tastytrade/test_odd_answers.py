"""What comes instead of an answer is told once, as it came, whether or not the question was answered in the end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from execution.brokers.tastytrade.facts import OddObject
from execution.brokers.tastytrade.rest import RestClient
from execution.brokers.tastytrade.seam import load_sdk
from execution.brokers.tastytrade.settings import TastySettings
from models.errors import BrokerFailure
from tests.execution.brokers.tastytrade.canned_server import Canned, CannedServer, data, error
from tests.execution.brokers.tastytrade.login_rig import (
    HANG_UP,
    LIMITS,
    PAGE,
    READ,
    SECRETS,
    WRITE,
    failed_read,
    failed_write,
    run,
    session_on,
)

_METRICS = "GET /market-metrics"


def client_of(server: CannedServer, told: list[OddObject]) -> RestClient:
    return RestClient(load_sdk(), TastySettings(base_url=server.url, timeouts=LIMITS), SECRETS, odd=told.append)


@pytest.mark.parametrize(
    ("answer", "what", "raw"),
    [
        (PAGE, "HTTP 502, it cannot be read", "<html>"),
        (Canned(b'{"data": {"x": '), "HTTP 200, it cannot be read", '{"data": {"x": '),
        (Canned(b""), "HTTP 200, it cannot be read", ""),
        (error(429, "too_many_requests"), "HTTP 429, too many requests", ""),
    ],
)
def test_an_odd_answer_is_told_once_though_the_question_is_answered_in_the_end(
    answer: Canned, what: str, raw: str
) -> None:
    async def work(server: CannedServer) -> None:
        told: list[OddObject] = []
        server.answers[READ] = [answer, replace(answer), data({"x": 1})]
        client = client_of(server, told)
        assert (await client.read("the thing", "/thing")).mapping() == {"x": 1}
        await client.close()
        (odd,) = told
        assert (odd.source, odd.what) == ("the thing", what)
        assert odd.raw.startswith(raw)

    run(work)


def test_an_error_in_words_and_a_broken_connection_are_no_odd_objects() -> None:
    async def work(server: CannedServer) -> None:
        told: list[OddObject] = []
        client = client_of(server, told)
        server.answers[READ] = [error(500, "internal_error"), HANG_UP, data({"x": 1})]
        assert (await client.read("the thing", "/thing")).is_ok
        server.answers[READ] = [error(404, "record_not_found")]
        await failed_read(client)
        await client.close()
        assert told == []

    run(work)


def test_an_odd_answer_to_an_order_is_told_with_its_failure() -> None:
    async def work(server: CannedServer) -> None:
        told: list[OddObject] = []
        client = client_of(server, told)
        server.answers[WRITE] = [PAGE]
        assert (await failed_write(client)).outcome_unknown
        await client.close()
        assert [(odd.source, odd.what) for odd in told] == [("the order", "HTTP 502, it cannot be read")]

    run(work)


def test_what_the_session_cannot_read_is_told_once() -> None:
    async def work(server: CannedServer) -> None:
        async with session_on(server) as stage:
            server.answers[_METRICS] = [Canned(b"{")]
            assert await stage.session.metrics(["AAPL"]) == ()
            assert [odd.what for odd in stage.odd] == ["HTTP 200, it cannot be read"]
            server.answers["GET /accounts/1/positions"] = [data({"items": "many"})]
            with pytest.raises(BrokerFailure):
                await stage.session.positions("1")
            assert [odd.what for odd in stage.odd[1:]] == ["the answer cannot be read: items is not a list"]

    run(work)
