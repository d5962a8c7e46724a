"""Logins: what is asked of a client, and how tokens begin and end."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest

from tests.simulators.tastytrade.auth import refresh_token
from tests.simulators.tastytrade.stage import ACCOUNT, Stage, play


@pytest.mark.parametrize(
    ("wrong", "text"),
    [({"secret": "other"}, "Client secret mismatch"), ({"refresh": "other"}, "Invalid JWT")],
)
def test_wrong_secrets_are_refused(tmp_path: Path, wrong: dict[str, str], text: str) -> None:
    async def scenario(stage: Stage) -> None:
        with pytest.raises(Exception, match=text):
            await stage.session(**wrong).refresh()
        stage.habits.any_login = True
        await stage.session(**wrong).refresh()

    play(tmp_path, scenario)


def test_a_revoked_grant_ends_everything_that_was_given(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        await stage.account(session)
        stage.habits.is_revoked = True
        with pytest.raises(Exception, match="token_invalid"):
            await stage.account(session)
        with pytest.raises(Exception, match="Grant revoked"):
            await session.refresh(force=True)
        stage.habits.oauth_error_is_text = True
        with pytest.raises(AttributeError):
            await session.refresh(force=True)

    play(tmp_path, scenario)


def test_five_callers_at_once_ask_for_one_token(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        await asyncio.gather(*(stage.account(session) for _ in range(5)))
        (asked,) = stage.sim.sent("POST", "/oauth/token")
        assert asked.json() == {
            "grant_type": "refresh_token",
            "client_secret": stage.sim.client_secret,
            "refresh_token": stage.sim.refresh_token,
        }

    play(tmp_path, scenario)


def test_an_access_token_ends_with_time_or_when_a_script_says_so(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        await stage.account(session)
        stage.sim.expire_tokens()
        with pytest.raises(Exception, match="token_invalid"):
            await stage.account(session)
        await session.refresh(force=True)
        await stage.account(session)
        stage.habits.token_life_s = 0
        assert (await stage.ask("GET", "/customers/me"))[0] == 401

    play(tmp_path, scenario)


def test_a_login_without_the_trade_scope_may_only_read(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.scopes = ("read",)
        status, answer = await stage.ask("POST", f"/accounts/{ACCOUNT}/orders", {})
        assert (status, answer["error"]["code"]) == (403, "not_permitted")
        _, accounts = await stage.ask("GET", "/customers/me/accounts")
        assert accounts["data"]["items"][0]["authority-level"] == "read-only"

    play(tmp_path, scenario)


def test_scopes_stand_in_the_refresh_token() -> None:
    claims = refresh_token(("read",)).split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["scope"] == "read"


def test_a_client_without_a_product_or_of_an_old_version_is_refused(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.user_agent_needed, stage.habits.least_version = True, 20260101
        status, _ = await stage.ask("GET", "/customers/me/accounts", user_agent="")
        assert status == 401

    play(tmp_path, scenario)
    play(tmp_path / "version", _versions)


async def _versions(stage: Stage) -> None:
    stage.habits.least_version = 20260101
    session = stage.session()
    with pytest.raises(Exception, match="406"):
        await stage.account(session)
    stage.habits.least_version = 0
    await stage.account(session)


def test_more_requests_than_allowed_are_answered_429(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.max_requests_per_s = 2
        token = await stage.token()
        answers = [await stage.ask("GET", "/customers/me", authorization=token) for _ in range(3)]
        assert [status for status, _ in answers] == [200, 429, 429]
        await stage.pass_time(1.25)
        assert (await stage.ask("GET", "/customers/me", authorization=token))[0] == 200

    play(tmp_path, scenario)


def test_nothing_is_told_without_a_token_but_the_risk_free_rate(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        assert (await stage.ask("GET", "/customers/me", authorization=""))[0] == 401
        status, answer = await stage.ask("GET", "/margin-requirements-public-configuration", authorization="")
        assert (status, answer["data"]) == (200, {"risk-free-rate": "0.0375"})
        status, answer = await stage.ask("GET", "/nowhere")
        assert (status, answer["error"]["code"]) == (404, "record_not_found")
        assert (await stage.ask("GET", "/accounts/5WX09999/positions"))[0] == 404

    play(tmp_path, scenario)
