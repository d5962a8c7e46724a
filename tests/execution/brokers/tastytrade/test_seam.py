from __future__ import annotations

import asyncio
import importlib
import logging
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from execution.brokers.tastytrade import seam
from execution.brokers.tastytrade.seam import MAX_MESSAGE_BYTES, SOCKET_WRAP, TastySdk, load_sdk
from execution.brokers.tastytrade.settings import TastyHost, TastySecrets, TastySettings
from models.errors import BrokerFailure, BugError, FailureKind

SECRETS = TastySecrets("client-7Hq2", "refresh-9Zk4")


async def loaded() -> TastySdk:
    return load_sdk()


def test_the_sdk_is_loaded_on_a_running_loop_only_and_its_absence_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BugError, match="engine's thread"):
        load_sdk()

    def missing(name: str) -> Any:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(BrokerFailure, match="cannot be loaded") as caught:
        asyncio.run(loaded())
    assert caught.value.kind is FailureKind.UNSUPPORTED


def test_nothing_of_the_sdk_is_imported_with_the_adapter() -> None:
    code = (
        "import sys, execution.brokers.tastytrade.session\n"
        "heavy = {'tastytrade', 'httpx2', 'pandas', 'anyio'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_below_info_leaves_the_libraries_whatever_level_is_set(caplog: pytest.LogCaptureFixture) -> None:
    sdk = asyncio.run(loaded())
    for name in ("tastytrade", "httpx2", "httpcore2.http11", "httpcore2.connection"):
        with caplog.at_level(logging.DEBUG, logger=name):
            logging.getLogger(name).debug("Bearer abc")
    sdk.streamer.logger.setLevel(logging.DEBUG)
    sdk.streamer.logger.debug("sending alert subscription: %s", {"auth-token": "Bearer abc"})
    sdk.streamer.logger.error("Unknown message type")
    assert "Bearer" not in caplog.text
    assert "Unknown message type" in caplog.text
    assert asyncio.run(loaded()).streamer.logger.level == logging.INFO


def test_a_session_is_pointed_and_named_as_it_must_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")

    async def work() -> None:
        sdk = load_sdk()
        for settings, url, version in (
            (TastySettings(), "https://api.tastyworks.com", "20251101"),
            (TastySettings(host=TastyHost.CERTIFICATION), "https://api.cert.tastyworks.com", None),
            (TastySettings(base_url="http://127.0.0.1:5555"), "http://127.0.0.1:5555", "20251101"),
        ):
            session = sdk.new_session(settings, SECRETS, {"request": [], "response": []})
            client = session._client
            assert str(client.base_url) == url
            assert client.headers.get("Accept-Version") == version
            assert (client.headers["User-Agent"], client.trust_env) == ("Optiondesk/1.0", False)
            assert (client.timeout.read, client.timeout.connect) == (20.0, 5.0)
            assert session.client_kwargs["headers"] == {"User-Agent": "Optiondesk/1.0"}
            assert "event_hooks" not in session.client_kwargs
            assert isinstance(session, sdk.module.Session)
            await client.aclose()

    asyncio.run(work())


def test_secrets_do_not_show_in_what_holds_them() -> None:
    assert "7Hq2" not in repr(SECRETS)
    assert "9Zk4" not in repr(SECRETS)


def test_sockets_take_large_messages_and_are_handed_to_whoever_opened_them() -> None:
    asked: list[dict[str, Any]] = []

    class Client:
        """Stands where the SDK's HTTP client does."""

        @asynccontextmanager
        async def websocket(self, url: str, **options: Any) -> AsyncGenerator[str]:
            asked.append({"url": url} | options)
            yield f"socket of {url}"

    async def entered(wrap: Any) -> Any:
        SOCKET_WRAP.set(wrap)
        async with seam._tapped(Client)().websocket("ws://x", keepalive_ping_interval_seconds=None) as socket:
            return socket

    async def work() -> None:
        tapped, plain = await asyncio.gather(
            asyncio.create_task(entered(lambda socket: [socket])), asyncio.create_task(entered(None))
        )
        assert (tapped, plain) == (["socket of ws://x"], "socket of ws://x")
        assert SOCKET_WRAP.get() is None

    asyncio.run(work())
    sent = {"url": "ws://x", "max_message_size_bytes": MAX_MESSAGE_BYTES, "keepalive_ping_interval_seconds": None}
    assert asked == [sent, sent]


def test_the_streamers_open_their_sockets_through_the_tap_however_often_it_is_loaded() -> None:
    sdk = asyncio.run(loaded())
    first = sdk.streamer.AsyncClient
    again = asyncio.run(loaded()).streamer.AsyncClient
    assert again is first
    assert first.is_tapped
    assert issubclass(first, sdk.http.AsyncClient)
    assert first.__mro__[1] is sdk.http.AsyncClient
