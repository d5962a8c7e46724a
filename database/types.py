"""Column types that keep what SQLite would lose: exact decimals and aware UTC times, both as text."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

from models.clock import from_iso, to_iso
from models.errors import BugError


class ExactDecimal(TypeDecorator[Decimal]):
    """A finite Decimal as TEXT, digit for digit (SQLAlchemy's own Numeric goes through float on SQLite)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, _dialect: Dialect) -> str | None:
        """Returns the decimal's text; raises BugError for a NaN, an infinity or a float."""
        if value is None:
            return None
        if not isinstance(value, Decimal) or not value.is_finite():
            raise BugError(f"not an exact finite decimal: {value!r}")
        return str(value)

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> Decimal | None:
        """Returns the decimal of a stored text."""
        return None if value is None else Decimal(value)


class UtcText(TypeDecorator[datetime]):
    """An aware UTC datetime as ISO-8601 text with microseconds and `Z`; sorts as time does."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> str | None:
        """Returns the ISO text; raises ValueError for a naive or non-UTC time."""
        return None if value is None else to_iso(value)

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> datetime | None:
        """Returns the aware UTC time of a stored text."""
        return None if value is None else from_iso(value)
