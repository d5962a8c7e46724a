"""The key and the payload stay out of logs, errors and whatever shows an object."""

from __future__ import annotations

import logging
import traceback
from datetime import timedelta

import pytest

from ai.client import ModelClient
from ai.exchange import Ask
from ai.failures import AnalystFailure
from models.secret_text import SecretText
from tests.ai.conftest import KEY, Rig
from tests.simulators.openai.server import Behaviour

pytestmark = pytest.mark.anyio
TROUBLES = (
    Behaviour(),
    Behaviour(status=401, error_message=f"Incorrect API key provided: {KEY}", headers={"x-request-id": KEY}),
    Behaviour(status=500, error_message=KEY),
    Behaviour(status=307, headers={"location": f"http://{KEY}/v1"}),
    Behaviour(cut_after=3),
    Behaviour(is_mute=True),
    Behaviour(raw=f"data: {KEY}\n\n".encode()),
    Behaviour(refusal=KEY),
    Behaviour(failure_code=KEY),
)


@pytest.mark.parametrize("behaviour", TROUBLES)
async def test_nothing_secret_is_logged_or_told_with_every_logger_turned_up(
    spoken: Rig, behaviour: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    spoken.set(max_attempts=1)
    await spoken.rank()
    spoken.clock.advance(timedelta(hours=1))
    caplog.set_level(logging.DEBUG)
    spoken.server.plan(behaviour)
    told = ""
    try:
        await spoken.rank()
    except AnalystFailure as failure:
        told = "".join(traceback.format_exception(failure))
    for text in (caplog.text, told):
        assert KEY not in text
        assert "6800" not in text


async def test_the_sdk_s_own_switch_for_logging_opens_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_LOG", "debug")
    await rig.rank()
    for name in ("openai", "httpx2", "httpcore2"):
        assert logging.getLogger(name).getEffectiveLevel() >= logging.WARNING


async def test_nothing_shows_the_key(rig: Rig) -> None:
    client = ModelClient(rig.config, SecretText(KEY), rig.clock)
    ask = Ask("m", "s", "u", 100)
    for value in (client, rig.analyst, ask, vars(client), vars(rig.analyst)):
        assert KEY not in repr(value)
