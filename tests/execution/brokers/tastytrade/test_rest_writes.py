from __future__ import annotations

import pytest

from models.errors import BrokerFailure, FailureKind
from tests.execution.brokers.tastytrade.canned_server import Canned, CannedServer, data, error
from tests.execution.brokers.tastytrade.login_rig import (
    CUT,
    HANG_UP,
    IMPATIENT,
    PAGE,
    SILENCE,
    WRITE,
    failed_write,
    rest_client,
    run,
)


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


@pytest.mark.parametrize("life_s", [900, 30])
def test_what_may_not_leave_any_more_when_the_login_stands_was_not_sent(life_s: int) -> None:
    async def work(server: CannedServer) -> None:
        # With less than a minute to live the library fetches a token once more, just before the request.
        server.token_answers = [Canned({"access_token": f"t{number}", "expires_in": life_s}) for number in range(5)]
        asked_after: list[int] = []

        def may_leave() -> bool:
            asked_after.append(len(server.logins))
            return False

        async with rest_client(server) as client:
            with pytest.raises(BrokerFailure) as caught:
                await client.write("the order", "POST", "/thing", {}, may_leave=may_leave)
        assert (caught.value.kind, caught.value.outcome_unknown) == (FailureKind.OFFLINE, False)
        assert "was not sent" in caught.value.what
        assert (asked_after, server.of("/thing")) == ([len(server.logins)], [])

    run(work)
