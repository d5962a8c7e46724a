from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai.exchange import End, Piece
from ai.pieces import chat_piece, responses_piece, whole_response

_FIELDS = """
choices delta message content refusal finish_reason usage prompt_tokens completion_tokens type response output text
status error code incomplete_details reason input_tokens output_tokens
"""
_NAMES = st.sampled_from(_FIELDS.split())
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(
        ["", "stop", "response.completed", "response.output_text.delta", "output_text", "refusal", "error"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5),
    max_leaves=20,
)


@given(_JSON)
def test_no_message_however_odd_is_more_than_a_piece(value: Any) -> None:
    for read in (chat_piece, responses_piece, whole_response):
        piece = read(value)
        assert isinstance(piece, Piece)
        assert isinstance(piece.text, str)
        assert isinstance(piece.code, str)
        assert piece.tokens_in is None or 0 <= piece.tokens_in < 10**9


@pytest.mark.parametrize(
    ("event", "end", "code"),
    [
        ({"type": "response.completed", "response": {}}, End.COMPLETE, ""),
        ({"type": "response.failed", "response": {"error": {"code": "server_error"}}}, End.FAILED, "server_error"),
        ({"type": "error", "code": "rate_limit_exceeded"}, End.FAILED, "rate_limit_exceeded"),
        ({"type": "response.incomplete", "response": {}}, End.TOKENS_USED_UP, ""),
        (
            {"type": "response.incomplete", "response": {"incomplete_details": {"reason": "content_filter"}}},
            End.FILTERED,
            "",
        ),
        ({"type": "response.output_item.added"}, None, ""),
    ],
)
def test_a_response_ends_as_its_event_says(event: dict[str, Any], end: End | None, code: str) -> None:
    piece = responses_piece(event)
    assert (piece.end, piece.code) == (end, code)


@pytest.mark.parametrize(
    ("response", "piece"),
    [
        (
            {"status": "completed", "output": [{"content": [{"type": "refusal", "refusal": "no"}]}]},
            Piece(is_refusal=True, end=End.COMPLETE),
        ),
        (
            {
                "status": "incomplete",
                "output": [{"type": "reasoning"}, {"content": [{"type": "output_text", "text": "a"}]}],
            },
            Piece(text="a", end=End.TOKENS_USED_UP),
        ),
        ({"status": "failed", "error": {"code": "x"}}, Piece(end=End.FAILED, code="x")),
    ],
)
def test_a_whole_response_is_read(response: dict[str, Any], piece: Piece) -> None:
    assert whole_response(response) == piece


def test_tokens_that_are_none_are_not_counted() -> None:
    for odd in (True, -1, 1.5, "7", None, 10**12):
        assert chat_piece({"usage": {"prompt_tokens": odd}}).tokens_in is None
