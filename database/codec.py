"""Our frozen dataclasses as JSON text and back, exactly: decimals and times as text, enums by value.

The types say how to read a value back, so nothing but field names and plain values is stored. A field that a stored
row lacks takes its default; a field the type does not know raises, because only a newer desk could have written it.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, NewType, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from models.clock import from_iso, to_iso
from models.errors import BugError

T = TypeVar("T")


class CodecError(BugError):
    """A value cannot be stored exactly, or stored text does not fit its type."""


def to_text(value: object) -> str:
    """Returns compact JSON with sorted keys: equal values give equal text. Raises CodecError."""
    return json.dumps(plain_value(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def from_text(kind: type[T], text: str) -> T:
    """Returns the value of type `kind` that `to_text` wrote; raises CodecError."""
    try:
        return cast("T", _read(kind, json.loads(text)))
    except (ValueError, ArithmeticError, TypeError, KeyError) as error:
        raise CodecError(f"stored {kind.__name__} cannot be read: {error}") from error


def plain_value(value: object) -> Any:
    """Returns `value` built of what JSON knows; raises CodecError for a NaN, an infinity or an unknown type."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, (float, Decimal)):
        if not math.isfinite(value):
            raise CodecError(f"{value} cannot be stored")
        return value if isinstance(value, float) else str(value)
    if isinstance(value, datetime):
        return to_iso(value)
    if isinstance(value, date):
        return value.isoformat()
    return _plain_container(value)


def _plain_container(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain_value(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain_value(item) for item in value]
    raise CodecError(f"a {type(value).__name__} cannot be stored")


@lru_cache(maxsize=256)
def _fields(kind: Callable[..., Any]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(cast("type[Any]", kind))}


def _read(kind: Any, data: Any) -> Any:
    """Returns `data` as the annotation `kind` says."""
    if isinstance(kind, NewType):
        return _read(kind.__supertype__, data)
    origin = get_origin(kind)
    if origin in (types.UnionType, Union):
        return _read_optional(kind, data)
    if origin is tuple:
        return tuple(_read(get_args(kind)[0], item) for item in data)
    if origin is dict:
        key, item = get_args(kind)
        return {_read(key, name): _read(item, value) for name, value in data.items()}
    if dataclasses.is_dataclass(kind):
        make = cast("Callable[..., Any]", kind)
        known = _fields(make)
        return make(**{name: _read(known[name], item) for name, item in data.items()})
    return _read_scalar(kind, data)


def _read_optional(kind: Any, data: Any) -> Any:
    options = [option for option in get_args(kind) if option is not types.NoneType]
    if data is None:
        return None
    if len(options) != 1:
        raise CodecError(f"{kind} is not one type or None")
    return _read(options[0], data)


def _read_scalar(kind: Any, data: Any) -> Any:
    if kind is datetime:
        return from_iso(data)
    if kind is date:
        return date.fromisoformat(data)
    if kind is Decimal and isinstance(data, str):
        return Decimal(data)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(data)
    if kind is float and type(data) is int:
        return float(data)
    if kind in (str, int, float, bool) and type(data) is kind:
        return data
    raise CodecError(f"{data!r} is not a {kind}")
