from __future__ import annotations

from typing import Any

import pytest

from execution.brokers.tastytrade.parsing import Odd
from execution.brokers.tastytrade.parsing_replies import Reply, decode


@pytest.mark.parametrize(
    ("error", "found"),
    [
        ("invalid_grant", (("invalid_grant", ""),)),
        ({"code": "a", "message": "b"}, (("a", "b"),)),
        ({"code": 406, "message": "old"}, (("406", "old"),)),
        ({"code": "a", "message": "b", "errors": []}, (("a", "b"),)),
        ({"code": "a", "message": "b", "errors": [{"code": "c", "message": "d"}, 7, {}]}, (("c", "d"),)),
        ({"code": "a", "errors": [{"domain": "price", "reason": "off tick"}]}, (("price", "off tick"),)),
        ({"errors": "many"}, ()),
        ("", ()),
        (None, ()),
        ([], ()),
    ],
)
def test_errors_are_read_in_each_of_their_shapes(error: Any, found: tuple[tuple[str, str], ...]) -> None:
    assert Reply(422, {"error": error}).errors == found


@pytest.mark.parametrize(
    ("status", "is_refusal"),
    [(200, False), (302, False), (400, True), (408, False), (429, False), (422, True), (500, False)],
)
def test_only_a_4xx_that_can_be_read_is_a_certain_refusal(status: int, is_refusal: bool) -> None:
    assert Reply(status, {"error": "x"}).is_refusal is is_refusal
    assert not Reply(status, None).is_refusal


@pytest.mark.parametrize(
    ("pagination", "items", "more"),
    [
        ({"total-pages": 3}, 0, True),
        ({"total-pages": "3"}, 0, True),
        ({"total-pages": 2}, 2, False),
        ({"total-pages": "many"}, 2, True),
        ({}, 1, False),
        (None, 2, False),
        ("x", 2, False),
    ],
)
def test_pages_follow_as_the_count_says_or_as_long_as_they_are_full(pagination: Any, items: int, more: bool) -> None:
    reply = Reply(200, {"data": {"items": [{}] * items}, "pagination": pagination})
    assert reply.has_more(1, page_size=2) is more


@pytest.mark.parametrize("document", [None, {}, {"data": []}, {"data": {}}, {"data": {"items": 5}}])
def test_a_list_that_is_not_there_is_odd(document: Any) -> None:
    with pytest.raises(Odd):
        Reply(200, document).items()


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b'"x"', b"{", b"\x80", b"[" * 100_000, b"1" * 5000])
def test_what_is_no_object_is_no_document(content: bytes) -> None:
    reply = decode(200, content)
    assert (reply.document, reply.errors, reply.data) == (None, (), None)
