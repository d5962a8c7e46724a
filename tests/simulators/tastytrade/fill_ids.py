"""Ids of fills, made of the exchange's execution ids so that they are the same after a restart."""

from __future__ import annotations

from zlib import crc32

from models.clock import new_york_time
from models.trade import Execution


def exchange_id(execution: Execution) -> str:
    """Returns the exchange's number of a fill; the fill and its transaction both tell it."""
    return f"{crc32(execution.execution_id.encode()) % 100_000_000:08d}"


def fill_id(execution: Execution) -> str:
    """Returns a fill's id: the day, and a number that no other fill has."""
    digits = "".join(one for one in execution.execution_id if one.isdigit())
    return f"{new_york_time(execution.executed_at_utc):%y%m%d}{int(digits):013d}"
