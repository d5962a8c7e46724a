"""The analyst as the desk uses it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ai.analyst import Analyst
from ai.config import AnalystConfig, ModelProtocol
from ai.failures import AnalystFailure, FailureCause
from ai.payload_build import build_payload
from execution.hedging.analyst_port import RankingAnalyst
from models.hedge import SearchLimits
from models.secret_text import SecretText
from tests.ai.builders import CLOSE, SITUATION, STRUCK, VERIFIED, task, verified
from tests.ai.conftest import KEY, Rig
from tests.simulators.openai.server import Behaviour

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).resolve().parents[2]
HEADERS = {
    "host",
    "connection",
    "authorization",
    "content-type",
    "content-length",
    "accept",
    "accept-encoding",
    "user-agent",
}


async def test_it_is_what_the_desk_asks_for(rig: Rig) -> None:
    port: RankingAnalyst = rig.analyst
    assert port.unavailable() == ""
    assert port.template(SITUATION, verified(CLOSE)).startswith("Buys back 2 SPXW")


async def test_everything_that_is_sent_can_be_read_before(spoken: Rig) -> None:
    text = spoken.analyst.payload_text(task())
    answer = await spoken.rank()
    body = (await spoken.server.request()).body
    if spoken.config.spoken is ModelProtocol.CHAT:
        system, user = (message["content"] for message in body["messages"])
        form = body["response_format"]["json_schema"]["schema"]
        own = {"messages", "stream_options", "max_completion_tokens", "response_format"}
    else:
        system, user, form = body["instructions"], body["input"], body["text"]["format"]["schema"]
        own = {"instructions", "input", "store", "max_output_tokens", "text"}
        assert body["store"] is False
    assert set(body) == {"model", "stream", *own}
    assert system in text
    assert user in text
    assert json.dumps(form, sort_keys=True, indent=1) in text
    assert body["model"] in text
    assert answer.payload_sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert user == f"Data:\n{build_payload(task(), may_send_notes=False).text()}"


async def test_only_the_headers_a_request_needs_leave_whatever_the_environment_holds(
    spoken: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-canary")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-canary")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Canary: canary\nAuthorization: Bearer canary")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/canary")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    await spoken.rank()
    request = await spoken.server.request()
    assert set(request.headers) == HEADERS
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["user-agent"] == "optiondesk"
    values = " ".join(value for name, value in request.headers.items() if name != "authorization")
    assert "canary" not in values
    assert "canary" not in request.raw.decode()


async def test_a_model_on_this_computer_needs_no_key_and_gets_none(spoken: Rig) -> None:
    for nothing in (None, SecretText("")):
        spoken.key = nothing
        assert spoken.analyst.unavailable() == ""
        await spoken.rank()
        assert "authorization" not in spoken.server.requests[-1].headers
        spoken.clock.advance(timedelta(hours=1))


@pytest.mark.parametrize(
    ("config", "key", "cause"),
    [
        (AnalystConfig(model="m"), "sk-1", FailureCause.OFF),
        (AnalystConfig(is_on=True), "sk-1", FailureCause.NO_MODEL),
        (AnalystConfig(is_on=True, model="m"), None, FailureCause.NO_KEY),
        (AnalystConfig(is_on=True, model="m"), "", FailureCause.NO_KEY),
        (AnalystConfig(is_on=True, model="m"), "sk-one two", FailureCause.NO_KEY),
        (AnalystConfig(is_on=True, model="m"), "sk-one\r\nX: y", FailureCause.NO_KEY),
        (AnalystConfig(is_on=True, model="m"), "sk-ключ", FailureCause.NO_KEY),
    ],
)
async def test_what_is_missing_is_said_and_nothing_is_sent(
    rig: Rig, config: AnalystConfig, key: str | None, cause: FailureCause
) -> None:
    rig.config, rig.key = config, None if key is None else SecretText(key)
    failure = await rig.fails()
    assert failure.cause is cause
    assert rig.analyst.unavailable() == str(failure)
    assert not key or key not in str(failure)
    assert rig.server.requests == []


async def test_a_breach_is_asked_about_once_in_its_cool_down_and_others_meanwhile(rig: Rig) -> None:
    await rig.rank(task(breach="b-1"))
    rig.clock.advance(timedelta(seconds=119))
    failure = await rig.fails(task(breach="b-1"))
    assert (failure.cause, failure.retry_after_s) == (FailureCause.COOLING_DOWN, 1.0)
    assert "14:47:00 New York" in str(failure)
    assert rig.analyst.refusal(task(breach="b-1")) == str(failure)
    assert rig.analyst.refusal(task(breach="b-2")) == ""
    await rig.rank(task(breach="b-2"))
    await rig.rank(task(breach=None))
    assert (await rig.fails(task(breach=None))).cause is FailureCause.COOLING_DOWN
    rig.clock.advance(timedelta(seconds=1))
    await rig.rank(task(breach="b-1"))
    assert len(rig.server.requests) == 4


async def test_a_request_that_got_no_answer_may_be_repeated_one_that_got_half_may_not(rig: Rig) -> None:
    rig.server.plan(Behaviour(status=401), Behaviour(cut_after=5))
    assert (await rig.fails()).cause is FailureCause.KEY_REFUSED
    assert (await rig.fails()).cause is FailureCause.CUT
    assert (await rig.fails()).cause is FailureCause.COOLING_DOWN


async def test_a_wish_may_be_followed_by_one_request_more_and_no_third(rig: Rig) -> None:
    wishing = Behaviour(text=json.dumps({"ranking": [], "wish": {"max_legs": 2}}))
    rig.server.usual = wishing
    assert (await rig.rank()).wish is not None
    assert (await rig.rank()).wish is not None
    assert (await rig.fails()).cause is FailureCause.COOLING_DOWN
    rig.clock.advance(timedelta(seconds=120))
    await rig.rank()
    await rig.rank()
    assert (await rig.fails()).cause is FailureCause.COOLING_DOWN


async def test_one_request_at_a_time(rig: Rig) -> None:
    rig.server.plan(Behaviour(hold_after=5))
    async with aclosing(rig.analyst.rank(task(breach="b-1"))) as events:
        await anext(events)
        assert (await rig.fails(task(breach="b-2"))).cause is FailureCause.BUSY
        with pytest.raises(AnalystFailure) as busy:
            await rig.analyst.test()
        assert busy.value.cause is FailureCause.BUSY
    await rig.rank(task(breach="b-2"))


async def test_a_request_may_follow_at_once_on_one_that_is_being_cancelled(spoken: Rig) -> None:
    spoken.server.plan(Behaviour(hold_after=5))
    first = asyncio.create_task(spoken.rank(task(breach="b-1")))
    await (await spoken.server.request()).answering.wait()
    first.cancel()
    second = asyncio.create_task(spoken.rank(task(breach="b-2")))
    assert (await second).opinions
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_with_nothing_that_passed_nothing_is_asked(rig: Rig) -> None:
    assert (await rig.fails(task(of=(STRUCK,)))).cause is FailureCause.NOTHING_TO_RANK
    assert rig.server.requests == []


async def test_notes_leave_only_when_they_may(rig: Rig) -> None:
    noted = task(notes=("The put is a thorn.",))
    assert "thorn" not in rig.analyst.payload_text(noted)
    await rig.rank(noted)
    assert b"thorn" not in rig.server.requests[-1].raw
    rig.set(may_send_notes=True)
    assert "thorn" in rig.analyst.payload_text(noted)


async def test_the_test_says_who_answered_and_sends_nothing_of_the_book(spoken: Rig) -> None:
    spoken.set(is_on=False)
    said = await spoken.analyst.test()
    assert said.startswith(f"test-1 at 127.0.0.1:{spoken.server.port} answered in ")
    raw = spoken.server.requests[-1].raw.decode()
    assert all(word not in raw for word in ("SPXW", "vega", "limit", "schema"))
    spoken.server.plan(Behaviour(end="length", text=""))
    assert await spoken.analyst.test()


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [
        (Behaviour(status=401), FailureCause.KEY_REFUSED),
        (Behaviour(status=404), FailureCause.MODEL_UNKNOWN),
        (Behaviour(raw=b""), FailureCause.CUT),
        (Behaviour(refusal="no"), FailureCause.REFUSED),
    ],
)
async def test_the_test_says_what_is_wrong(spoken: Rig, behaviour: Behaviour, cause: FailureCause) -> None:
    spoken.server.plan(behaviour)
    with pytest.raises(AnalystFailure) as failed:
        await spoken.analyst.test()
    assert failed.value.cause is cause


async def test_the_test_needs_a_model_and_a_key(rig: Rig) -> None:
    rig.config = AnalystConfig(model="m")
    rig.key = None
    with pytest.raises(AnalystFailure) as failed:
        await rig.analyst.test()
    assert failed.value.cause is FailureCause.NO_KEY


async def test_a_false_answer_is_cleaned_and_the_desk_speaks_where_nothing_is_left(rig: Rig) -> None:
    answer = {
        "ranking": [
            {"candidate_id": "c03", "rationale": "Sell the SPXW 18 Dec 26 6750 P.", "watch": ["VIX 99"]},
            {"candidate_id": "c21", "rationale": "Cheap.", "watch": []},
        ],
        "comment": "",
        "wish": {"reason": "Cheaper.", "max_cost_usd": 500},
    }
    rig.server.plan(Behaviour(text=json.dumps(answer)))
    given = await rig.rank()
    (opinion,) = given.opinions
    assert opinion.rationale == rig.analyst.template(SITUATION, VERIFIED[1])
    assert given.removed_claims == 3
    assert given.wish == SearchLimits(max_cost_usd=500.0)
    assert given.wish_text == "Another search: at most $500. Cheaper."


async def test_the_settings_of_the_moment_count(rig: Rig) -> None:
    configs = iter([rig.config, replace(rig.config, model="test-2")])
    analyst = Analyst(lambda: next(configs), lambda: rig.key, rig.clock)
    for breach in ("b-1", "b-2"):
        async for _ in analyst.rank(task(breach=breach)):
            continue
    assert [request.body["model"] for request in rig.server.requests] == ["test-1", "test-2"]


def test_the_sdk_is_not_imported_before_the_first_request() -> None:
    code = "import sys, ai.analyst; print(sorted({'openai', 'httpx2', 'ai.wire'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_the_engine_s_loop_goes_on_while_the_sdk_is_imported_and_an_answer_checked(rig: Rig) -> None:
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0)
            beats += 1

    beating = asyncio.create_task(beat())
    await rig.rank()
    beating.cancel()
    assert beats > 10
