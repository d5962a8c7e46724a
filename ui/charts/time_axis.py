"""A time axis in New York time: ticks at round hours, days, months and years, daylight saving or not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyqtgraph as pg

from models.clock import NEW_YORK

_HOUR_S, _DAY_S = 3600.0, 86_400.0
#: Spacing in hours, days or months, the shortest first; (unit, count, seconds).
_STEPS = (
    *(("hours", count, count * _HOUR_S) for count in (1, 2, 4, 12)),
    *(("days", count, count * _DAY_S) for count in (1, 2, 7, 14)),
    *(("months", count, count * 30.4 * _DAY_S) for count in (1, 2, 3, 6, 12, 24)),
)
_ROOM_PX = 72
_MOST_TICKS = 200


def tick_instants(low_s: float, high_s: float, room: int) -> tuple[float, list[float]]:
    """Returns the spacing in seconds and the ticks within the range, at most about `room` of them."""
    unit, count, step_s = next((one for one in _STEPS if (high_s - low_s) / one[2] <= max(room, 2)), _STEPS[-1])
    start = datetime.fromtimestamp(low_s, UTC).astimezone(NEW_YORK)
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "months":
        at = midnight.replace(day=1, month=(midnight.month - 1) // count * count + 1 if count <= 12 else 1)
    elif unit == "days":
        at = midnight - timedelta(days=midnight.toordinal() % count)
    else:
        at = midnight
    ticks: list[float] = []
    while at.timestamp() <= high_s and len(ticks) < _MOST_TICKS:
        if at.timestamp() >= low_s:
            ticks.append(at.timestamp())
        at = _next(at, unit, count)
    return step_s, ticks


def _next(at: datetime, unit: str, count: int) -> datetime:
    """The next tick; wall-clock arithmetic keeps days at midnight through the change of clocks."""
    if unit == "months":
        months = at.year * 12 + at.month - 1 + count
        return at.replace(year=months // 12, month=months % 12 + 1)
    if unit == "days":
        return at + timedelta(days=count)
    return at + timedelta(hours=count)


def tick_text(at_s: float, step_s: float) -> str:
    """Returns a tick's label: `10:00`, `4 May`, `May 26`, `2026`."""
    at = datetime.fromtimestamp(at_s, UTC).astimezone(NEW_YORK)
    if step_s < _DAY_S:
        return f"{at:%H:%M}" if at.hour else f"{at.day} {at:%b}"
    if step_s < 28 * _DAY_S:
        return f"{at.day} {at:%b}"
    return f"{at:%Y}" if at.month == 1 else f"{at:%b %y}"


class NewYorkAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no type hints
    """Bottom axis over POSIX seconds."""

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        """Returns one level of ticks, as many as have room."""
        if high <= low:
            return []
        return [tick_instants(low, high, int(size / _ROOM_PX))]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:  # noqa: ARG002 - pyqtgraph's
        """Returns the labels."""
        return [tick_text(value, spacing) for value in values]
