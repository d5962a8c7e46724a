from __future__ import annotations

import logging
import traceback

import pytest

from execution.brokers.tastytrade.rest import Scrubber
from execution.brokers.tastytrade.settings import TastySecrets
from models.errors import BrokerFailure
from tests.execution.brokers.tastytrade.canned_server import Canned, CannedServer, Seen, error
from tests.execution.brokers.tastytrade.login_rig import (
    CLIENT_KEY,
    CUT,
    HANG_UP,
    READ,
    REFRESH_TOKEN,
    WRITE,
    failed_read,
    failed_write,
    rest_client,
    run,
)


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
