"""Numbers and times as TWS writes them, cleaned: the one place that knows what "unset" looks like on the wire.

Unset is empty, NaN, 1.797e308 (Java writes ``1.7976931348623157E308``, Python ``...e+308``), 2147483647 and
9223372036854775807; all of them become None. Times come in three forms, of which one has no zone.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.clock import NEW_YORK

_UNSET_ABOVE: Final = 1e300
_UNSET_WHOLE: Final = frozenset({Decimal(2**31 - 1), Decimal(2**63 - 1)})
#: What a blank number becomes before a decoder sees it that would stumble over an empty text.
UNSET_TEXT: Final = "1.7976931348623157E308"

_TIME: Final = re.compile(r"(\d{8})(-| +)(\d{1,2}:\d{2}:\d{2})(?: +(\S.*))?")
_QUARTER_S: Final = 900
_MOST_EAST: Final = timedelta(hours=14)
_MOST_WEST: Final = timedelta(hours=-12)


def decimal_of(value: object) -> Decimal | None:
    """Returns a number exactly as TWS wrote it, None where it wrote none; whole numbers have no fraction digits."""
    if isinstance(value, float):
        if not -_UNSET_ABOVE < value < _UNSET_ABOVE:  # NaN too
            return None
        if value.is_integer():
            whole = Decimal(int(value))
            return None if whole in _UNSET_WHOLE else whole
        return Decimal(repr(value))
    try:
        number = Decimal(str(value).strip() or "NaN")
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number) > _UNSET_ABOVE or number in _UNSET_WHOLE:
        return None
    return Decimal(int(number)) if number == number.to_integral_value() else number


def quantity_of(value: object) -> Decimal:
    """Returns a quantity; TWS's unset quantity is none at all, 0."""
    return decimal_of(value) or Decimal(0)


def float_of(value: float) -> float | None:
    """Returns a finite float of sensible size, None otherwise."""
    return value if math.isfinite(value) and abs(value) < _UNSET_ABOVE else None


def size_of(value: float) -> int | None:
    """Returns a quoted size in whole units, None where TWS does not say (negative or unset)."""
    return int(value) if 0 <= value < 2**31 - 1 else None


def whole_of(value: object) -> int:
    """Returns an id or a count; TWS's unset one (executions of manual orders) is 0."""
    number = decimal_of(value)
    return 0 if number is None else int(number)


def date_of(text: str) -> date | None:
    """Returns the date of a text that starts with YYYYMMDD, None for every other."""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if text[:8].isdigit() and len(text) >= 8 else None
    except ValueError:
        return None


def tws_time(text: str, own_zone: tzinfo) -> datetime:
    """Returns the aware UTC time of an execution or a completed order; raises ValueError for any other form.

    ``20260105 10:00:00 US/Eastern`` names its zone, ``20260105-15:00:00`` is UTC, ``20250415  19:38:31`` is in
    `own_zone`, TWS's own. A zone name that is not in the tz database (a Windows name) is TWS's own zone too.
    """
    if text.isdigit() and len(text) > 8:
        return datetime.fromtimestamp(int(text), UTC)
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a time TWS writes: {text!r}")
    day, gap, clock_time, name = match.groups()
    zone = (_named_zone(name) if name else UTC if gap == "-" else None) or own_zone
    return _local(day, clock_time, zone).astimezone(UTC)


def tws_zone(greeting_time: str, now_utc: datetime) -> tzinfo:
    """Returns TWS's own zone from the time in its greeting (``20250415 19:38:30 British Summer Time``).

    The name may be a Windows one, so the offset is measured against our clock, to the quarter hour; a name of the tz
    database that has this offset now is preferred, because it knows its summer time. New York where nothing fits.
    """
    match = _TIME.fullmatch(greeting_time.strip())
    if match is None:
        return NEW_YORK
    day, _, clock_time, name = match.groups()
    named = _named_zone(name or "")
    ahead_s = (_local(day, clock_time, UTC) - now_utc).total_seconds()
    ahead = timedelta(seconds=round(ahead_s / _QUARTER_S) * _QUARTER_S)
    if not _MOST_WEST <= ahead <= _MOST_EAST:  # the clocks do not run on the same day (a recorded market)
        return named or NEW_YORK
    if named is not None and now_utc.astimezone(named).utcoffset() == ahead:
        return named
    return timezone(ahead)


def _local(day: str, clock_time: str, zone: tzinfo) -> datetime:
    return datetime.strptime(day + clock_time, "%Y%m%d%H:%M:%S").replace(tzinfo=zone)


def _named_zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # unknown, empty or absolute, a folder of the database
        return None
