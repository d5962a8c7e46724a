"""Reads what servers send, in both protocols, streamed and whole; any part may be missing or of another kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ai.exchange import End, Piece

_NOTHING: Final[Mapping[str, Any]] = {}
_CHAT_ENDS: Final = {"length": End.TOKENS_USED_UP, "content_filter": End.FILTERED}
_RESPONSES_ENDS: Final = {
    "response.completed": End.COMPLETE,
    "response.failed": End.FAILED,
    "error": End.FAILED,
    "completed": End.COMPLETE,
    "failed": End.FAILED,
}
_INCOMPLETE: Final = frozenset({"response.incomplete", "incomplete"})
_MOST_TOKENS: Final = 1_000_000_000


def chat_piece(chunk: object) -> Piece:
    """Returns what a chunk of a chat completion brings, or a whole completion."""
    usage = _part(chunk, "usage")
    choice = _first(_of(chunk, "choices"))
    said = _part(choice, "delta") or _part(choice, "message")
    reason = _of(choice, "finish_reason")
    return Piece(
        text=_text(said.get("content")),
        is_refusal=bool(_text(said.get("refusal"))),
        end=_CHAT_ENDS.get(reason, End.COMPLETE) if isinstance(reason, str) else None,
        tokens_in=_count(usage, "prompt_tokens"),
        tokens_out=_count(usage, "completion_tokens"),
    )


def responses_piece(event: object) -> Piece:
    """Returns what an event of a response brings; of the many kinds these matter."""
    kind = _text(_of(event, "type"))
    response = _part(event, "response")
    return Piece(
        text=_text(_of(event, "delta")) if kind == "response.output_text.delta" else "",
        is_refusal=kind in {"response.refusal.delta", "response.refusal.done"},
        **_ending(kind, response, failed=event if kind == "error" else response.get("error")),
    )


def whole_response(response: object) -> Piece:
    """Returns what a response brings that came whole."""
    parts = [
        part
        for item in _list(_of(response, "output"))
        for part in _list(_of(item, "content"))
        if _of(part, "type") in {"output_text", "refusal"}
    ]
    return Piece(
        text="".join(_text(_of(part, "text")) for part in parts),
        is_refusal=any(_of(part, "type") == "refusal" for part in parts),
        **_ending(_text(_of(response, "status")), response, failed=_of(response, "error")),
    )


def _ending(kind: str, response: object, *, failed: object) -> dict[str, Any]:
    end = _RESPONSES_ENDS.get(kind)
    if kind in _INCOMPLETE:
        is_filtered = _part(response, "incomplete_details").get("reason") == "content_filter"
        end = End.FILTERED if is_filtered else End.TOKENS_USED_UP
    usage = _part(response, "usage")
    return {
        "end": end,
        "code": _text(_of(failed, "code")),
        "tokens_in": _count(usage, "input_tokens"),
        "tokens_out": _count(usage, "output_tokens"),
    }


def _of(value: object, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _part(value: object, name: str) -> Mapping[str, Any]:
    part = _of(value, name)
    return part if isinstance(part, Mapping) else _NOTHING


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS else None
