"""The server against the SDK's own types, strictly: what it streams is what api.openai.com streams."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import (
    ResponseCompletedEvent,
    ResponseCreatedEvent,
    ResponseIncompleteEvent,
    ResponseRefusalDeltaEvent,
    ResponseTextDeltaEvent,
)
from pydantic import BaseModel

from tests.simulators.openai.__main__ import main
from tests.simulators.openai.server import Behaviour, ModelServer

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).resolve().parents[3]
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "stream": True}
RESPONSES: dict[str, Any] = {"model": "m", "input": "hello", "stream": True}
EVENTS: dict[str, type[BaseModel]] = {
    "response.created": ResponseCreatedEvent,
    "response.output_text.delta": ResponseTextDeltaEvent,
    "response.refusal.delta": ResponseRefusalDeltaEvent,
    "response.completed": ResponseCompletedEvent,
    "response.incomplete": ResponseIncompleteEvent,
}
ENDS = [
    Behaviour(text="a few words"),
    Behaviour(text="a few words", end="length"),
    Behaviour(text="a few words", end="content_filter"),
    Behaviour(refusal="I cannot help with that."),
    Behaviour(text="a", usage=None),
]


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    serving = ModelServer(key="right", models=("m",))
    await serving.start()
    yield serving
    await serving.stop()


@pytest.fixture
async def http(server: ModelServer) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"authorization": "Bearer right"}
    async with httpx2.AsyncClient(base_url=server.url, headers=headers, trust_env=False) as client:
        yield client


def events(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@pytest.mark.parametrize("behaviour", ENDS)
async def test_every_chunk_of_a_chat_completion_is_one_to_the_sdk(
    server: ModelServer, http: httpx2.AsyncClient, behaviour: Behaviour
) -> None:
    server.plan(behaviour)
    answer = await http.post("chat/completions", json={**CHAT, "stream_options": {"include_usage": True}})
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.text.endswith("data: [DONE]\n\n")
    chunks = [ChatCompletionChunk.model_validate(each, strict=True) for each in events(answer.text)]
    said = "".join((c.choices[0].delta.refusal or c.choices[0].delta.content or "") for c in chunks if c.choices)
    assert said == (behaviour.refusal or behaviour.text)
    ends = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason]
    assert ends == [behaviour.end]
    assert (chunks[-1].usage is not None) == (behaviour.usage is not None)


@pytest.mark.parametrize("behaviour", ENDS)
async def test_every_event_of_a_response_is_one_to_the_sdk(
    server: ModelServer, http: httpx2.AsyncClient, behaviour: Behaviour
) -> None:
    server.plan(behaviour)
    answer = await http.post("responses", json=RESPONSES)
    sent = events(answer.text)
    parsed = [EVENTS[each["type"]].model_validate(each) for each in sent]
    assert [each["sequence_number"] for each in sent] == list(range(len(sent)))
    deltas = [each.delta for each in parsed if isinstance(each, ResponseTextDeltaEvent | ResponseRefusalDeltaEvent)]
    assert "".join(deltas) == (behaviour.refusal or behaviour.text)
    assert sent[-1]["type"] == ("response.completed" if behaviour.end == "stop" else "response.incomplete")


async def test_the_sdk_itself_reads_both(server: ModelServer) -> None:
    server.usual = Behaviour(text="a few words")
    async with openai.AsyncOpenAI(api_key="right", base_url=server.url, max_retries=0) as client:
        chat = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hello"}], stream=True
        )
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in chat]) == "a few words"
        response = await client.responses.create(model="m", input="hello", stream=True)
        kinds = [event.type async for event in response]
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"


async def test_keys_models_and_addresses_are_checked(server: ModelServer, http: httpx2.AsyncClient) -> None:
    wrong = await http.post("responses", json=RESPONSES, headers={"authorization": "Bearer wrong"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "invalid_api_key")
    unknown = await http.post("responses", json={**RESPONSES, "model": "n"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")
    assert (await http.post("elsewhere", json={})).status_code == 404
    assert [request.path for request in server.requests] == ["/v1/responses", "/v1/responses", "/v1/elsewhere"]


async def test_planned_behaviours_come_in_their_order_and_then_the_usual_one(
    server: ModelServer, http: httpx2.AsyncClient
) -> None:
    server.plan(Behaviour(status=429, headers={"retry-after": "3"}), Behaviour(status=503))
    answers = [await http.post("chat/completions", json=CHAT) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 503, 200]
    assert answers[0].headers["retry-after"] == "3"
    assert server.requests[0].body == CHAT
    assert not any(request.was_left for request in server.requests)


async def test_it_breaks_off_where_it_is_told(server: ModelServer, http: httpx2.AsyncClient) -> None:
    server.plan(Behaviour(text="x" * 500, cut_after=3))
    with pytest.raises(httpx2.HTTPError):
        await http.post("chat/completions", json=CHAT)
    server.plan(Behaviour(is_mute=True))
    with pytest.raises(httpx2.HTTPError):
        await http.post("chat/completions", json=CHAT)


async def test_it_sees_a_client_go(server: ModelServer, http: httpx2.AsyncClient) -> None:
    server.plan(Behaviour(hold_after=1))
    async with http.stream("POST", "chat/completions", json=CHAT) as answer:
        await anext(answer.aiter_bytes())
    request = await server.request()
    await request.ended.wait()
    assert request.was_left


@pytest.mark.parametrize("trouble", ["none", "rate-limit"])
async def test_as_a_program_it_says_where_it_listens_and_ends_with_its_input(trouble: str) -> None:
    command = [sys.executable, "-m", "tests.simulators.openai", "--port", "0", "--pause", "0", "--trouble", trouble]
    started = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert started.stdin is not None
    assert started.stdout is not None
    try:
        line = (await started.stdout.readline()).decode()
        assert line.startswith("listening on http://127.0.0.1:")
        async with httpx2.AsyncClient(base_url=line.removeprefix("listening on ").strip(), trust_env=False) as http:
            answer = await http.post("chat/completions", json=CHAT)
        assert answer.status_code == (200 if trouble == "none" else 429)
    finally:
        started.stdin.close()
        assert await started.wait() == 0


async def test_a_port_that_is_taken_is_told(server: ModelServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert await asyncio.to_thread(main, ["--port", str(server.port)]) == 2
    assert "Choose another with --port." in capsys.readouterr().err
