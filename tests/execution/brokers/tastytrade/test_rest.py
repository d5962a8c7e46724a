from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from models.errors import BrokerFailure, BugError, FailureKind
from tests.execution.brokers.tastytrade.canned_server import Canned, CannedServer, data, error
from tests.execution.brokers.tastytrade.login_rig import (
    CLIENT_KEY,
    CUT,
    HANG_UP,
    IMPATIENT,
    PAGE,
    READ,
    REFRESH_TOKEN,
    SILENCE,
    failed_read,
    failed_write,
    rest_client,
    run,
)


def test_the_login_is_the_sdk_s_own_and_bears_no_authorization() -> None:
    async def work(server: CannedServer) -> None:
        server.answers[READ] = [data({"x": 1.10})]
        async with rest_client(server) as client:
            reply = await client.read("the thing", "/thing", {"page": 2})
        assert reply.mapping() == {"x": Decimal("1.1")}
        login, read = server.seen
        assert login.body == {
            "grant_type": "refresh_token",
            "client_secret": CLIENT_KEY,
            "refresh_token": REFRESH_TOKEN,
        }
        assert "authorization" not in login.headers
        assert (read.headers["authorization"], read.query) == ("Bearer token-1", {"page": "2"})
        assert read.headers["user-agent"] == "Optiondesk/1.0"
        assert read.headers["accept-version"] == "20251101"

    run(work)


def test_many_requests_at_once_log_in_once() -> None:
    async def work(server: CannedServer) -> None:
        server.answers[READ] = [data({"x": 1})]
        async with rest_client(server) as client:
            await asyncio.gather(*(client.read("the thing", "/thing") for _ in range(5)))
        assert (len(server.logins), len(server.of("/thing"))) == (1, 5)

    run(work)


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": "invalid_grant", "error_description": "Grant revoked"}, "Grant revoked"),
        ({"error": "invalid_grant"}, "invalid_grant"),
        ({"error": {"code": "invalid_credentials", "message": "Client secret mismatch"}}, "Client secret mismatch"),
        (b"<html>no</html>", "HTTP"),
    ],
)
def test_a_refused_login_is_said_in_its_words_and_not_tried_again_until_the_user_asks(
    status: int, body: Any, said: str
) -> None:
    async def work(server: CannedServer) -> None:
        server.answers[READ] = [data({"x": 1})]
        server.token_answers = [Canned(body, status)]
        async with rest_client(server) as client:
            failure = await failed_read(client)
            assert (failure.kind, failure.outcome_unknown) == (FailureKind.AUTH, False)
            assert said in failure.what
            assert failure.cure
            await asyncio.gather(*(failed_read(client) for _ in range(3)))
            assert (await failed_write(client)).kind is FailureKind.AUTH
            with pytest.raises(BrokerFailure):  # a stream's own request does not ask again either
                await client.session._get("/api-quote-tokens")
            assert (len(server.logins), server.of("/thing")) == (1, [])
            await client.login()
            assert (await client.read("the thing", "/thing")).is_ok
        assert len(server.logins) == 2

    run(work)


@pytest.mark.parametrize(
    "answer",
    [PAGE, HANG_UP, CUT, error(429, "too_many"), Canned({"data": {}}), Canned({"access_token": "a\nb"}), Canned([1])]
    + [Canned({"access_token": "t", "expires_in": life}) for life in ("900", None, True)],
)
def test_a_login_that_only_stumbles_is_tried_again(answer: Canned) -> None:
    async def work(server: CannedServer) -> None:
        server.answers[READ] = [data({"x": 1})]
        server.token_answers = [answer]
        async with rest_client(server) as client:
            assert (await client.read("the thing", "/thing")).is_ok
        assert len(server.logins) == 2

    run(work)


def test_a_login_nobody_answers_is_offline_also_for_those_who_waited_behind() -> None:
    async def work(server: CannedServer) -> None:
        server.token_answers = [SILENCE] * 20
        async with rest_client(server, timeouts=IMPATIENT) as client:
            failures = await asyncio.gather(failed_read(client), failed_write(client), failed_read(client))
        assert {failure.kind for failure in failures} == {FailureKind.OFFLINE}
        assert not any(failure.outcome_unknown for failure in failures)
        assert server.of("/thing") == []

    run(work)


def test_a_read_answered_401_is_asked_again_once_with_a_new_token() -> None:
    async def work(server: CannedServer) -> None:
        server.accepted = "none yet"
        server.answers[READ] = [data({"x": 1})]
        async with rest_client(server) as client:
            await client.read("the thing", "/thing")
            server.accepted = "revoked"
            await asyncio.gather(*(client.read("the thing", "/thing") for _ in range(4)))
        assert len(server.logins) == 2

    run(work)


def test_a_read_answered_401_for_ever_is_a_refused_login() -> None:
    async def work(server: CannedServer) -> None:
        server.answers[READ] = [error(401, "unauthorized", "User agent missing")]
        async with rest_client(server) as client:
            failure = await failed_read(client)
        assert (failure.kind, failure.code) == (FailureKind.AUTH, "unauthorized")
        assert (len(server.logins), len(server.of("/thing"))) == (2, 2)

    run(work)


@pytest.mark.parametrize("answer", [PAGE, HANG_UP, CUT, error(429, "slow_down"), Canned(b"", 429), error(500, "oops")])
def test_a_read_is_repeated_until_there_is_an_answer(answer: Canned) -> None:
    async def work(server: CannedServer) -> None:
        server.answers[READ] = [answer, answer, answer, data({"x": 1})]
        async with rest_client(server) as client:
            assert (await client.read("the thing", "/thing")).mapping() == {"x": 1}

    run(work)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (PAGE, FailureKind.OFFLINE),
        (HANG_UP, FailureKind.OFFLINE),
        (CUT, FailureKind.OFFLINE),
        (error(429, "slow_down"), FailureKind.RATE_LIMIT),
        (error(500, "oops"), FailureKind.OFFLINE),
        (Canned(b'{"data": {"x": ', 200), FailureKind.PROTOCOL),
        (Canned(b"\xff\xfe\x00", 200), FailureKind.PROTOCOL),
        (Canned(b'{"data": 1e99999999999999999999}', 200), FailureKind.PROTOCOL),
    ],
)
def test_a_read_that_never_gets_an_answer_says_why(answer: Canned, kind: FailureKind) -> None:
    async def work(server: CannedServer) -> None:
        server.answers[READ] = [answer]
        async with rest_client(server) as client:
            failure = await failed_read(client)
        assert (failure.kind, failure.outcome_unknown) == (kind, False)
        assert "the thing" in failure.what
        assert len(server.of("/thing")) == 4

    run(work)


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (error(400, "validation_error"), FailureKind.REJECTED, "validation_error"),
        (error(403, "not_permitted"), FailureKind.REJECTED, "not_permitted"),
        (error(404, "record_not_found"), FailureKind.REJECTED, "record_not_found"),
        (
            Canned({"error": {"code": 406, "message": "The requested version is not supported."}}, 406),
            FailureKind.REJECTED,
            "406",
        ),
        (error(422, "invalid", errors=[{"domain": "qty", "reason": "too big"}]), FailureKind.REJECTED, "qty"),
        (Canned(b"<html>blocked</html>", 403), FailureKind.PROTOCOL, "403"),
        (Canned(b"", 302, (("location", "/elsewhere"),)), FailureKind.PROTOCOL, "302"),
    ],
)
def test_a_refused_read_is_not_repeated(answer: Canned, kind: FailureKind, code: str) -> None:
    async def work(server: CannedServer) -> None:
        server.answers[READ] = [answer]
        async with rest_client(server) as client:
            failure = await failed_read(client)
        assert (failure.kind, failure.code) == (kind, code)
        assert len(server.of("/thing")) == 1

    run(work)


def test_a_slow_read_ends_within_its_patience() -> None:
    async def work(server: CannedServer) -> None:
        server.answers[READ] = [SILENCE]
        async with rest_client(server, timeouts=IMPATIENT) as client:
            failure = await failed_read(client)
        assert (failure.kind, failure.outcome_unknown) == (FailureKind.TIMEOUT, False)

    run(work)


def test_a_look_for_something_that_is_not_there_finds_none() -> None:
    async def work(server: CannedServer) -> None:
        async with rest_client(server) as client:
            assert await client.find("the thing", "/thing") is None

    run(work)


def test_a_closed_client_asks_nothing() -> None:
    async def work(server: CannedServer) -> None:
        async with rest_client(server) as client:
            pass
        with pytest.raises(BugError, match="closed"):
            await client.read("the thing", "/thing")

    run(work)


def test_a_request_of_a_stream_refused_401_renews_the_token_for_the_next() -> None:
    async def work(server: CannedServer) -> None:
        server.accepted = "none yet"
        server.answers["GET /api-quote-tokens"] = [data({"token": "q", "dxlink-url": "ws://x"})]
        async with rest_client(server) as client:
            assert await client.session._get("/api-quote-tokens") == {"token": "q", "dxlink-url": "ws://x"}
            server.accepted = "revoked"
            with pytest.raises(BrokerFailure, match="stream's token"):
                await client.session._get("/api-quote-tokens")
            assert await client.session._get("/api-quote-tokens")
        assert len(server.logins) == 2

    run(work)
