"""The messages of a streamed answer, in both protocols, as api.openai.com sends them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Protocol

_AT = 1_790_000_000


class Said(Protocol):
    """What of a behaviour matters here."""

    @property
    def refusal(self) -> str: ...
    @property
    def end(self) -> str | None: ...
    @property
    def failure_code(self) -> str: ...
    @property
    def usage(self) -> tuple[int, int] | None: ...
    @property
    def chunk_chars(self) -> int: ...


def chat_events(body: dict[str, Any], said: Said, text: str) -> Iterator[bytes]:
    """Yields the chunks of a chat completion."""

    def chunk(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> bytes:
        choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
        facts = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": _AT, "model": body.get("model")}
        return _event({**facts, "choices": choices, **more})

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    name = "refusal" if said.refusal else "content"
    for piece in _split(said.refusal or text, said.chunk_chars):
        yield chunk({name: piece})
    if said.failure_code:
        yield _event({"error": {"message": "the server gave up", "type": "server_error", "code": said.failure_code}})
        return
    if said.end is None:
        return
    yield chunk({}, said.end)
    if said.usage is not None and (body.get("stream_options") or {}).get("include_usage"):
        before, after = said.usage
        usage = {"prompt_tokens": before, "completion_tokens": after, "total_tokens": before + after}
        yield chunk(None, usage=usage)
    yield b"data: [DONE]\n\n"


def responses_events(body: dict[str, Any], said: Said, text: str) -> Iterator[bytes]:
    """Yields the events of a response."""
    sequence = iter(range(1_000_000))

    def event(kind: str, **more: Any) -> bytes:
        return _event({"type": kind, "sequence_number": next(sequence), **more}, kind)

    def response(status: str, **more: Any) -> dict[str, Any]:
        facts = {"id": "resp_1", "object": "response", "created_at": _AT, "model": body.get("model")}
        tools: dict[str, Any] = {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True}
        return {**facts, **tools, "status": status, "output": [], "error": None, "incomplete_details": None, **more}

    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    yield event("response.created", response=response("in_progress"))
    kind = "refusal" if said.refusal else "output_text"
    for piece in _split(said.refusal or text, said.chunk_chars):
        more: dict[str, Any] = {} if said.refusal else {"logprobs": []}
        yield event(f"response.{kind}.delta", delta=piece, **place, **more)
    if said.failure_code:
        error = {"code": said.failure_code, "message": "the server gave up"}
        yield event("response.failed", response=response("failed", error=error))
        return
    if said.end is None:
        return
    before, after = said.usage or (0, 0)
    usage = {
        "input_tokens": before,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": after,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": before + after,
    }
    counted = {"usage": None if said.usage is None else usage}
    if said.end == "stop":
        yield event("response.completed", response=response("completed", **counted))
    else:
        reason = "max_output_tokens" if said.end == "length" else "content_filter"
        details = {"reason": reason}
        yield event("response.incomplete", response=response("incomplete", incomplete_details=details, **counted))


def _split(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


def _event(data: dict[str, Any], kind: str = "") -> bytes:
    named = f"event: {kind}\n" if kind else ""
    return f"{named}data: {json.dumps(data)}\n\n".encode()
