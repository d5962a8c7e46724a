"""Answers in Tastytrade's envelopes: data, pages, errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from models.contract import plain
from tests.simulators.tastytrade.wire import HttpRequest, Reply, json_reply

_MOST_PER_PAGE: Final = 2000
JsonObject = dict[str, Any]


@dataclass(slots=True)
class Refusal(Exception):
    """Tastytrade does not do what was asked. `data` goes with the error where it does in truth."""

    status: int
    code: str
    text: str
    errors: tuple[tuple[str, str], ...] = ()
    data: JsonObject | None = None

    def reply(self, path: str) -> Reply:
        """Returns it as an answer."""
        error: JsonObject = {"code": self.code, "message": self.text}
        if self.errors:
            error["errors"] = [{"code": code, "message": text} for code, text in self.errors]
        content: JsonObject = {"error": error}
        if self.data is not None:
            content = {"data": self.data, "context": path} | content
        return json_reply(self.status, content)


def not_found(what: str) -> Refusal:
    """Returns the refusal of something that is not there."""
    return Refusal(404, "record_not_found", f"Couldn't find {what}")


def preflight(*errors: tuple[str, str], data: JsonObject | None = None) -> Refusal:
    """Returns the refusal of an order before it is sent."""
    return Refusal(422, "preflight_check_failure", "One or more preflight checks failed", errors, data)


def invalid(text: str) -> Refusal:
    """Returns the refusal of a request that cannot be read."""
    return Refusal(400, "validation_error", text)


@dataclass(frozen=True, slots=True)
class Data:
    """What a route answers: an object, or a list that may be paged."""

    content: Any
    status: int = 200
    is_paged: bool = False
    per_page: int = 250
    extra: JsonObject = field(default_factory=dict)

    def reply(self, request: HttpRequest) -> Reply:
        """Returns it in its envelope."""
        if not self.is_paged:
            return json_reply(self.status, {"data": self.content, "context": request.path} | self.extra)
        items, pagination = page(self.content, request, self.per_page)
        data = {"items": items}
        return json_reply(self.status, {"data": data, "context": request.path, "pagination": pagination})


def items(found: Sequence[Any]) -> Data:
    """Returns a list that is not paged."""
    return Data({"items": list(found)})


def page(found: Sequence[Any], request: HttpRequest, default: int) -> tuple[list[Any], JsonObject]:
    """Returns one page of a list and the facts about its pages."""
    per_page = min(max(_whole(request, "per-page", default), 1), _MOST_PER_PAGE)
    offset = max(_whole(request, "page-offset", 0), 0)
    here = list(found[offset * per_page : (offset + 1) * per_page])
    return here, {
        "per-page": per_page,
        "page-offset": offset,
        "item-offset": offset * per_page,
        "total-items": len(found),
        "total-pages": max(-(-len(found) // per_page), 1),
        "current-item-count": len(here),
        "previous-link": None,
        "next-link": None,
        "paging-link-template": None,
    }


def _whole(request: HttpRequest, name: str, default: int) -> int:
    text = request.first(name)
    try:
        return default if text is None else int(text)
    except ValueError:
        raise invalid(f"{name} is invalid") from None


def signed(name: str, amount: Decimal) -> JsonObject:
    """Returns an amount with its effect: positive = credit."""
    effect = "None" if amount == 0 else "Credit" if amount > 0 else "Debit"
    return {name: number(abs(amount)), f"{name}-effect": effect}


def number(value: Decimal) -> str:
    """Returns a decimal as Tastytrade writes it: always with a point."""
    text = plain(value)
    return text if "." in text else f"{text}.0"


def count(value: Decimal) -> int | str:
    """Returns a quantity: a bare number when it is whole, text otherwise."""
    return int(value) if value == value.to_integral_value() else plain(value)


def iso(at_utc: datetime) -> str:
    """Returns an instant as Tastytrade writes it."""
    return f"{at_utc:%Y-%m-%dT%H:%M:%S}.{at_utc.microsecond // 1000:03d}+00:00"


def epoch_ms(at_utc: datetime) -> int:
    """Returns milliseconds since 1970."""
    return int(at_utc.timestamp() * 1000)
