from __future__ import annotations

import asyncio
import logging
import traceback
from decimal import Decimal
from typing import Any

import pytest

from execution.brokers.tastytrade.parsing_replies import decode
from execution.brokers.tastytrade.rest import RestClient, Scrubber
from execution.brokers.tastytrade.settings import TastySecrets
from models.errors import BrokerFailure, BugError, FailureKind
from tests.execution.brokers.tastytrade.canned_server import HTML_502, Canned, CannedServer, Seen, data, error
from tests.execution.brokers.tastytrade.login_rig import (
    CLIENT_KEY,
    IMPATIENT,
    REFRESH_TOKEN,
    rest_client,
    run,
)

READ = "GET /thing"
WRITE = "POST /thing"
PAGE = Canned(HTML_502, 502)
HANG_UP = Canned(fault="hang up")
SILENCE = Canned(fault="silence")
CUT = Canned({"data": {"order": "x" * 200}}, fault="cut")


async def failed_read(client: RestClient) -> BrokerFailure:
    with pytest.raises(BrokerFailure) as caught:
        await client.read("the thing", "/thing")
    return caught.value


async def failed_write(client: RestClient) -> BrokerFailure:
    with pytest.raises(BrokerFailure) as caught:
        await client.write("the order", "POST", "/thing", {"price": "1"})
    return caught.value


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


# --- writes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (PAGE, FailureKind.OFFLINE),
        (error(500, "oops"), FailureKind.OFFLINE),
        (HANG_UP, FailureKind.OFFLINE),
        (CUT, FailureKind.OFFLINE),
        (Canned(b"<html>blocked</html>", 403), FailureKind.PROTOCOL),
        (Canned(b"", 429), FailureKind.RATE_LIMIT),
        (error(429, "slow_down"), FailureKind.RATE_LIMIT),
        (error(408, "timeout"), FailureKind.PROTOCOL),
        (Canned({"message": "no error in it"}, 422), FailureKind.PROTOCOL),
        (Canned(b"", 302, (("location", "/thing"),)), FailureKind.PROTOCOL),
    ],
)
def test_a_write_without_a_decoded_refusal_left_once_and_nobody_knows(answer: Canned, kind: FailureKind) -> None:
    async def work(server: CannedServer) -> None:
        server.answers[WRITE] = [answer]
        async with rest_client(server) as client:
            failure = await failed_write(client)
        assert (failure.kind, failure.outcome_unknown) == (kind, True)
        assert "order" in failure.what
        assert failure.cure
        assert len(server.of("/thing")) == 1

    run(work)


def test_a_write_whose_answer_is_late_is_unknown() -> None:
    async def work(server: CannedServer) -> None:
        server.answers[WRITE] = [SILENCE]
        async with rest_client(server, timeouts=IMPATIENT) as client:
            failure = await failed_write(client)
        assert (failure.kind, failure.outcome_unknown) == (FailureKind.TIMEOUT, True)
        assert len(server.of("/thing")) == 1

    run(work)


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (
            error(
                422,
                "preflight_check_failure",
                errors=[{"code": "margin_check_failed", "message": "Too little.", "preflight-id": 5}],
            ),
            FailureKind.REJECTED,
            "margin_check_failed",
        ),
        (error(422, "cannot_update_order", "Order is terminal"), FailureKind.REJECTED, "cannot_update_order"),
        (error(401, "unauthorized"), FailureKind.AUTH, "unauthorized"),
        (Canned({"error": "inaccepted"}, 401), FailureKind.AUTH, "inaccepted"),
    ],
)
def test_a_write_that_was_refused_is_refused_for_certain_and_never_repeated(
    answer: Canned, kind: FailureKind, code: str
) -> None:
    async def work(server: CannedServer) -> None:
        server.answers[WRITE] = [answer]
        async with rest_client(server) as client:
            failure = await failed_write(client)
        assert (failure.kind, failure.code, failure.outcome_unknown) == (kind, code, False)
        assert len(server.of("/thing")) == 1

    run(work)


def test_after_a_write_was_refused_for_its_token_the_next_one_goes_with_a_new_one() -> None:
    async def work(server: CannedServer) -> None:
        server.accepted = "none yet"
        server.answers[WRITE] = [data({"x": 1}, 201)]
        async with rest_client(server) as client:
            await client.write("the order", "POST", "/thing", {})
            server.accepted = "revoked"
            assert (await failed_write(client)).cure.startswith("Send it again")
            await client.write("the order", "POST", "/thing", {})
        assert [each.headers["authorization"] for each in server.of("/thing")] == [
            "Bearer token-1",
            "Bearer token-1",
            "Bearer token-2",
        ]

    run(work)


def test_a_write_that_could_not_leave_was_not_sent() -> None:
    async def work(server: CannedServer) -> None:
        server.answers[WRITE] = [data({"x": 1})]
        async with rest_client(server) as client:
            await client.login()
            await client.session._client.aclose()
            client.session._client = client._sdk.http.AsyncClient(
                base_url="http://127.0.0.1:9", event_hooks=client.session._client.event_hooks, trust_env=False
            )
            failure = await failed_write(client)
            assert (failure.kind, failure.outcome_unknown) == (FailureKind.OFFLINE, False)
            assert "was not sent" in failure.what

    run(work)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (PAGE, FailureKind.OFFLINE),
        (Canned({"access_token": 5}), FailureKind.OFFLINE),
        (error(429, "slow_down"), FailureKind.RATE_LIMIT),
        (error(401, "invalid_credentials"), FailureKind.AUTH),
    ],
)
@pytest.mark.parametrize("is_late", [False, True])
def test_an_order_without_a_login_was_not_sent_and_says_so(answer: Canned, kind: FailureKind, is_late: bool) -> None:
    async def work(server: CannedServer) -> None:
        async with rest_client(server) as client:
            if is_late:
                await client.login()
                real = client._ready

                async def ready_then_expired(limit_s: float, *, refresh_of: str | None = None) -> None:
                    await real(limit_s, refresh_of=refresh_of)
                    client._expire()

                client._ready = ready_then_expired  # type: ignore[method-assign] # the token ends between two lines
            server.token_answers = [answer] * 3
            failure = await failed_write(client)
        assert (failure.kind, failure.outcome_unknown) == (kind, False)
        assert failure.what.startswith("The order was not sent: ")
        assert server.of("/thing") == []

    run(work)


def test_an_order_of_which_the_login_is_lost_at_the_last_moment_was_not_sent() -> None:
    async def work(server: CannedServer) -> None:
        server.answers[WRITE] = [data({"x": 1})]
        async with rest_client(server) as client:
            await client.login()
            real = client._ready

            async def ready_then_expired(limit_s: float, *, refresh_of: str | None = None) -> None:
                await real(limit_s, refresh_of=refresh_of)
                client._expire()
                server.token_answers = [HANG_UP]

            client._ready = ready_then_expired  # type: ignore[method-assign] # the token ends between two lines
            failure = await failed_write(client)
        assert (failure.outcome_unknown, server.of("/thing")) == (False, [])

    run(work)


def test_a_dry_run_is_repeated_like_a_read_and_its_refusal_is_its_answer() -> None:
    async def work(server: CannedServer) -> None:
        refusal = Canned({"data": {"x": 1}, "error": {"code": "preflight_check_failure", "message": "No"}}, 422)
        server.answers[WRITE] = [PAGE, refusal]
        async with rest_client(server) as client:
            reply = await client.trial("the simulation", "/thing", {})
        assert (reply.data, reply.errors) == ({"x": 1}, (("preflight_check_failure", "No"),))

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


# --- nothing secret -------------------------------------------------------------------------------------------------


def test_whatever_fails_no_secret_is_in_a_log_or_an_error(caplog: pytest.LogCaptureFixture) -> None:
    """The server throws every secret it was told back at us, in every answer, while everything logs at DEBUG."""
    planted: set[str] = {CLIENT_KEY, REFRESH_TOKEN}
    told: list[str] = []

    async def work(server: CannedServer) -> None:
        def echo(request: Seen) -> None:
            if request.headers.get("authorization"):
                planted.add(request.headers["authorization"].removeprefix("Bearer "))

        server.on_request = echo
        words = f"{CLIENT_KEY} {REFRESH_TOKEN} Bearer token-1 eyJhbGciOi.eyJzdWIiOi.c2ln"
        echoing = [
            error(422, "refused", words),
            error(500, words, words),
            Canned({"error": words, "error_description": words}, 400),
            Canned(words.encode(), 403),
            Canned(words.encode(), 502),
            Canned({"data": {}, "error": {"errors": [{"domain": words, "reason": words}]}}, 409),
        ]
        for answer in [*echoing, HANG_UP, CUT]:
            server.answers[READ] = server.answers[WRITE] = [answer]
            async with rest_client(server) as client:
                for fail in (failed_read, failed_write):
                    told.extend(_told(await fail(client)))
        for answer in [*echoing, Canned(words.encode()), Canned({"access_token": f"{CLIENT_KEY}\n"})]:
            server.token_answers = [answer] * 9
            async with rest_client(server) as client:
                for fail in (failed_read, failed_write):
                    told.extend(_told(await fail(client)))

    with caplog.at_level(logging.DEBUG):
        for name in ("tastytrade", "httpx2", "httpcore2", "httpcore2.http11", "httpcore2.connection"):
            caplog.set_level(logging.DEBUG, logger=name)
        run(work)
    assert len(told) == 4 * 2 * (8 + 8)
    for text in (*told, caplog.text):
        assert not [secret for secret in planted if secret in text], text
    assert "eyJ" not in "".join(told)


def _told(failure: BrokerFailure) -> list[str]:
    return [str(failure), repr(failure), failure.code, "".join(traceback.format_exception(failure))]


def test_a_scrubber_takes_out_what_it_knows_and_what_looks_like_a_token() -> None:
    scrubber = Scrubber(TastySecrets("short", ""))
    scrubber.learn_passing("abc.def")
    text = "short BEARER xyz abc.def eyJhbGciOiJ.eyJzdWIiOiI.sig-_n and Bearer"
    assert scrubber.clean(text) == "••• ••• ••• ••• and Bearer"


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b'"x"', b"{", b"\x80", b"[" * 100_000, b"1" * 5000])
def test_what_is_no_object_is_no_document(content: bytes) -> None:
    reply = decode(200, content)
    assert (reply.document, reply.errors, reply.data) == (None, (), None)
