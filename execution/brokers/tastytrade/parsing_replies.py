"""Answers of Tastytrade's REST interface: their status, their envelope, and what their errors say.

An error is `{"error": {"code", "message", "errors": [...]}}` whose items bear code and message or domain and reason;
the login's is a bare word (`{"error": "invalid_grant"}`); a gateway's is a page of HTML. A 422 may carry data beside
its error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

from execution.brokers.tastytrade.parsing import RAW_LENGTH, Json, Odd, decimal_at, list_of, mapping_of, text_at

_ENVELOPE: Final = "the answer"
_UNCERTAIN: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came. `document` is None when it was no JSON object: empty, cut short, or a page of HTML."""

    status: int
    document: Json | None
    #: As much of what came as is kept when it was no JSON object.
    raw: str = ""

    @property
    def is_ok(self) -> bool:
        """Whether the request was done."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_refusal(self) -> bool:
        """Whether it says for certain that the request was not done: a 4xx with an error in it that can be read.

        What ran out of the far end's time (408) or over a limit that somebody counts on the way (429) may have been
        done all the same; to look for it costs a question, to take it for refused may cost a second order.
        """
        is_client_error = HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR
        return is_client_error and self.status not in _UNCERTAIN and bool(self.errors)

    @property
    def data(self) -> Any:
        """What is in the envelope, None when there is nothing."""
        return None if self.document is None else self.document.get("data")

    def mapping(self) -> Json:
        """Returns the object in the envelope; raises Odd when there is none."""
        return mapping_of(self.data, _ENVELOPE)

    def items(self) -> list[Any]:
        """Returns the list in the envelope; raises Odd when there is none."""
        found = self.mapping()
        if "items" not in found:
            raise Odd("no items")
        return list_of(found["items"], "items")

    def has_more(self, page: int, page_size: int) -> bool:
        """Returns whether pages follow this one; where the page count cannot be read, a full page says so."""
        document = {} if self.document is None else self.document
        pagination = document.get("pagination")
        total = decimal_at(pagination, "total-pages") if isinstance(pagination, dict) else None
        if total is not None:
            return page + 1 < total
        return isinstance(pagination, dict) and len(self.items()) >= page_size

    @property
    def errors(self) -> tuple[tuple[str, str], ...]:
        """(code, message) of each error, the particular ones where there are any; empty when none can be read."""
        document = {} if self.document is None else self.document
        error = document.get("error")
        if isinstance(error, str) and error:
            return ((error, text_at(document, "error_description")),)
        if not isinstance(error, dict):
            return ()
        inner = error.get("errors")
        found = [_error(item) for item in inner] if isinstance(inner, list) else []
        return tuple(item for item in found if item != ("", "")) or ((_error(error),) if any(_error(error)) else ())


def decode(status: int, content: bytes) -> Reply:
    """Returns an answer; numbers with a point become Decimal as they were written."""
    try:
        document = json.loads(content, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):  # ArithmeticError: an exponent beyond all bounds
        document = None
    if isinstance(document, dict):
        return Reply(status, document)
    return Reply(status, None, content[:RAW_LENGTH].decode("utf-8", "replace"))


def _error(raw: object) -> tuple[str, str]:
    if not isinstance(raw, dict):
        return "", ""
    return text_at(raw, "code") or text_at(raw, "domain"), text_at(raw, "message") or text_at(raw, "reason")
