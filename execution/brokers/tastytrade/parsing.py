"""Values of Tastytrade's JSON, read one by one: tolerant where a value may be absent, odd where nothing works without.

Decimals come as text with a point, as numbers, or as "NaN"; times as ISO text with an offset or as epoch milliseconds;
ids as numbers or text. What is absent or unreadable is None (or empty text); what must be there raises `Odd`, and the
one object is set aside while its list stands. Objects are never checked against the SDK's models: those want fields
that Tastytrade leaves out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar

from execution.brokers.tastytrade.facts import OddObject

T = TypeVar("T")
Json = Mapping[str, Any]

#: As much of an odd object as is kept.
RAW_LENGTH: Final = 600
_LARGEST: Final = Decimal("1e18")
_SMALLEST_EXPONENT: Final = -30


class Odd(ValueError):
    """An object that cannot be used; the text says what is wrong with it."""


def mapping_of(raw: object, what: str) -> Json:
    """Returns a JSON object; raises Odd for anything else."""
    if not isinstance(raw, Mapping):
        raise Odd(f"{what} is not an object")
    return raw


def list_of(raw: object, what: str) -> list[Any]:
    """Returns a JSON list, empty when it is absent; raises Odd for anything else."""
    if raw is None:
        return []
    if not isinstance(raw, list):
        raise Odd(f"{what} is not a list")
    return raw


def text_at(raw: Json, key: str) -> str:
    """Returns text, or a number as text; empty when it is absent or neither."""
    value = raw.get(key)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else ""


def needed_text(raw: Json, key: str) -> str:
    """Returns text that must be there; raises Odd when it is not."""
    found = text_at(raw, key)
    if not found:
        raise Odd(f"no {key}")
    return found


def decimal_of(value: object) -> Decimal | None:
    """Returns a finite number of sensible size exactly as it was written, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number) > _LARGEST:
        return None
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < _SMALLEST_EXPONENT:
        return None
    return number


def decimal_at(raw: Json, key: str) -> Decimal | None:
    """Returns a number, None when it is absent or none."""
    return decimal_of(raw.get(key))


def needed_decimal(raw: Json, key: str) -> Decimal:
    """Returns a number that must be there; raises Odd when it is not."""
    found = decimal_at(raw, key)
    if found is None:
        raise Odd(f"no {key}" if raw.get(key) is None else f"{key} is no number")
    return found


def float_at(raw: Json, key: str) -> float | None:
    """Returns a number for the numeric core, None when it is absent or none."""
    found = decimal_at(raw, key)
    return None if found is None else float(found)


def flag_at(raw: Json, key: str) -> bool:
    """Returns whether a flag is set; an absent one is not."""
    return raw.get(key) is True


def time_of(value: object) -> datetime | None:
    """Returns the aware UTC time of ISO text with an offset or of epoch milliseconds; None for 0 and anything else."""
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
            return None if at.tzinfo is None else at.astimezone(UTC)
        except (ValueError, OverflowError):
            return None
    milliseconds = decimal_of(value)
    if not milliseconds:
        return None
    try:
        return datetime.fromtimestamp(float(milliseconds) / 1000.0, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def time_at(raw: Json, key: str) -> datetime | None:
    """Returns a time, None when it is absent or none."""
    return time_of(raw.get(key))


def needed_date(raw: Json, key: str) -> date:
    """Returns a day written as YYYY-MM-DD; raises Odd when there is none."""
    try:
        return date.fromisoformat(needed_text(raw, key)[:10])
    except ValueError:
        raise Odd(f"{key} is no date") from None


def each(
    items: Iterable[object], parse: Callable[[object], T], *, source: str, odd: Callable[[OddObject], None]
) -> tuple[T, ...]:
    """Returns what could be read; what could not goes to `odd` one by one, and costs the list nothing else."""
    found: list[T] = []
    for item in items:
        try:
            found.append(parse(item))
        except Odd as error:
            odd(odd_object(source, str(error), item))
    return tuple(found)


def odd_object(source: str, what: str, raw: object) -> OddObject:
    """Returns an odd object with as much of its raw form as is worth keeping."""
    try:
        written = json.dumps(raw, default=str, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        written = repr(type(raw))
    return OddObject(source, what, written if len(written) <= RAW_LENGTH else written[: RAW_LENGTH - 1] + "…")
