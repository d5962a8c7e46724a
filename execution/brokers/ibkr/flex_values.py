"""Figures and times as Flex statements write them, in every form that a Flex Query can be set to.

Times are New York's unless the text names another zone. Days with slashes can be meant either way round: the whole file
is looked at, and a file that does not tell is refused rather than guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Final

from models.clock import NEW_YORK

_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})", re.ASCII)
_COMPACT = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})", re.ASCII)
_NAMED = re.compile(r"(\d{1,2})-([A-Za-z]{3})-(\d{4}|\d{2})", re.ASCII)
_TIME = re.compile(
    r"(\d{1,2}):?(\d{2})(?::?(\d{2}))?(?:\.(\d{1,6}))?\s*(Z|[A-Za-z/_]{2,40}|[+-]\d{2}:?\d{2})?", re.ASCII
)
_DAY_AND_TIME = re.compile(r"([^;,\sT]+)(?:\s*[;,T]\s*|\s+)(.+)", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NEW_YORK_NAMES = frozenset({"EST", "EDT", "ET", "US/EASTERN", "AMERICA/NEW_YORK"})
_UTC_NAMES = frozenset({"Z", "UTC", "GMT"})
#: Nothing in a statement is larger or finer.
_MOST_DIGITS: Final = 15
_FINEST: Final = 12


class SlashOrder(Enum):
    """Which comes first in a day with slashes; UNTOLD = the file's days fit both."""

    MONTH_FIRST = "month"
    DAY_FIRST = "day"
    UNTOLD = "untold"


class BadValue(ValueError):
    """A text that is not what its column holds; the message is for the user."""


def number(text: str) -> Decimal | None:
    """Returns a figure, None for an empty text or dashes; raises BadValue for anything else or out of all bounds."""
    if text in ("", "--", "-"):
        return None
    if not _NUMBER.fullmatch(text) or not any(sign.isdigit() for sign in text):
        raise BadValue(f"{text[:40]!r} is not a number")
    try:
        value = Decimal(text.replace(",", ""))
    except InvalidOperation as error:  # pragma: no cover - the pattern admits only what Decimal reads
        raise BadValue(f"{text[:40]!r} is not a number") from error
    if value and (value.adjusted() >= _MOST_DIGITS or value != round(value, _FINEST)):
        raise BadValue(f"{text[:40]!r} is out of all bounds")
    return value


def slash_order(days: Iterable[str]) -> SlashOrder:
    """Returns how the days with slashes of a whole file are meant; raises BadValue when they contradict each other."""
    firsts, seconds = False, False
    for text in days:
        match = _SLASHED.match(text)
        if match is not None:
            firsts = firsts or int(match[1]) > 12
            seconds = seconds or int(match[2]) > 12
    if firsts and seconds:
        raise BadValue("its days are written with the day first in some rows and the month first in others")
    if not firsts and not seconds:
        return SlashOrder.UNTOLD
    return SlashOrder.DAY_FIRST if firsts else SlashOrder.MONTH_FIRST


def day_of(text: str, order: SlashOrder) -> date:
    """Returns a day; raises BadValue."""
    try:
        if match := _COMPACT.fullmatch(text):
            return date(int(match[1]), int(match[2]), int(match[3]))
        if match := _NAMED.fullmatch(text):
            return date(_year(match[3]), _month(match[2], text), int(match[1]))
        if match := _SLASHED.fullmatch(text):
            return _slashed(match, text, order)
    except BadValue:
        raise
    except ValueError as error:
        raise BadValue(f"{text[:40]!r} is not a day of the calendar") from error
    raise BadValue(f"{text[:40]!r} is not a day")


def instant_of(text: str, order: SlashOrder) -> datetime:
    """Returns the aware UTC time of a day and time; raises BadValue when either is missing."""
    match = _DAY_AND_TIME.fullmatch(text)
    if match is None:
        raise BadValue(f"{text[:40]!r} has no time of day")
    day = day_of(match[1], order)
    return joined(day, match[2])


def joined(day: date, text: str) -> datetime:
    """Returns the aware UTC time of a day and a time of day with or without its zone; raises BadValue."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise BadValue(f"{text[:40]!r} is not a time of day")
    try:
        clock = time(int(match[1]), int(match[2]), int(match[3] or 0), int((match[4] or "0").ljust(6, "0")))
    except ValueError as error:
        raise BadValue(f"{text[:40]!r} is not a time of day") from error
    zone = match[5] or "ET"
    # A clock hour that comes twice (end of summer time) is told apart by EST.
    fold = 1 if zone.upper() == "EST" else 0
    return datetime.combine(day, clock.replace(fold=fold), tzinfo=_zone(zone)).astimezone(UTC)


def _zone(text: str) -> tzinfo:
    if text.upper() in _NEW_YORK_NAMES:
        return NEW_YORK
    if text.upper() in _UTC_NAMES:
        return UTC
    if text[0] in "+-":
        offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
        if offset < timedelta(hours=24):
            return timezone(-offset if text[0] == "-" else offset)
    raise BadValue(f"the time zone {text!r} is not known; set the Flex Query to New York time or UTC")


def _slashed(match: re.Match[str], text: str, order: SlashOrder) -> date:
    first, second, year = int(match[1]), int(match[2]), _year(match[3])
    if order is SlashOrder.UNTOLD and first != second:
        raise BadValue(f"{text[:40]!r} can be read as two different days; set the Flex Query's dates to yyyy-MM-dd")
    month, day = (second, first) if order is SlashOrder.DAY_FIRST else (first, second)
    return date(year, month, day)


def _year(text: str) -> int:
    return int(text) if len(text) == 4 else 2000 + int(text)


def _month(name: str, text: str) -> int:
    if name.lower() not in _MONTHS:
        raise BadValue(f"{text[:40]!r} is not a day")
    return _MONTHS.index(name.lower()) + 1
