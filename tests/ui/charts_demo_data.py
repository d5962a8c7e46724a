"""Years of snapshots of several accounts, made from a seed, and a source that hands them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from models.clock import NEW_YORK
from ui.charts.source import Floats

LAST = datetime(2026, 5, 4, 19, 30, tzinfo=UTC)
_SLOTS_A_DAY = 28


@dataclass(frozen=True, slots=True)
class DemoSeries:
    """What the database's reader would answer."""

    account_id: str
    at_s: Floats
    columns: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class DemoMissed:
    """A slot that was not taken."""

    slot_utc: datetime
    account_id: str
    reason: str


class DemoSource:
    """A SnapshotSource over given series; `error` is raised by every read while it is set."""

    def __init__(self, series: tuple[DemoSeries, ...] = (), missed: tuple[DemoMissed, ...] = ()) -> None:
        self.series = {one.account_id: one for one in series}
        self.missed = missed
        self.error: Exception | None = None
        self.reads = 0

    def accounts_with_snapshots(self) -> tuple[str, ...]:
        self.reads += 1
        if self.error is not None:
            raise self.error
        return tuple(self.series)

    def snapshot_series(
        self,
        account_id: str,
        *,
        from_utc: datetime | None = None,
        to_utc: datetime | None = None,
        max_points: int | None = 4000,
    ) -> DemoSeries:
        return self.series[account_id]

    def missed_slots(self, *, from_utc: datetime, to_utc: datetime) -> tuple[DemoMissed, ...]:
        return tuple(one for one in self.missed if from_utc <= one.slot_utc < to_utc)


def slot_times(days: int) -> Floats:
    """Returns the quarter hours 09:30 to 16:15 New York of the last `days` weekdays up to LAST."""
    day, times = LAST.astimezone(NEW_YORK).date(), list[float]()
    while days:
        if day.weekday() < 5:
            opening = datetime(day.year, day.month, day.day, 9, 30, tzinfo=NEW_YORK).timestamp()
            times += [opening + 900.0 * slot for slot in reversed(range(_SLOTS_A_DAY))]
            days -= 1
        day -= timedelta(days=1)
    at_s = np.array(times[::-1])
    return at_s[at_s <= LAST.timestamp()]


def demo_source(days: int = 120, accounts: tuple[str, ...] = ("PAPER-1", "PAPER-2", "U7712345")) -> DemoSource:
    """Returns random walks with an hour missed on the last day but two."""
    rng = np.random.default_rng(7)
    at_s = slot_times(days)
    size = at_s.size
    vix = 17.0 * np.exp(_mean_reverting(rng, size))
    regime = np.digitize(vix, (15.0, 21.0, 30.0)).astype(np.float64)
    newest = LAST.astimezone(NEW_YORK)
    hole = datetime(newest.year, newest.month, newest.day, 11, 0, tzinfo=NEW_YORK) - timedelta(days=4)
    holes = [hole + timedelta(minutes=15 * index) for index in range(4)]
    is_kept = ~np.isin(at_s, [one.timestamp() for one in holes])
    series = []
    for index, account_id in enumerate(accounts):
        theta = 900 + 400 * np.sin(np.arange(size) / 700 + index)
        delta = 20 * np.cumsum(rng.normal(0, 0.05, size))
        columns = {
            "net_liquidation": 500_000 / (index + 1) + np.cumsum(rng.normal(8, 420, size)),
            "spx_delta": delta,
            "gamma": -4 + np.sin(np.arange(size) / 300 + index) * 1.5,
            "theta": theta,
            "vega": -1800 - 5 * delta,
            "delta_theta_ratio": delta / theta,
            "vix": vix,
            "regime": regime,
        }
        kept = {name: np.ascontiguousarray(column[is_kept]) for name, column in columns.items()}
        series.append(DemoSeries(account_id, np.ascontiguousarray(at_s[is_kept]), kept))
    missed = tuple(
        DemoMissed(one.astimezone(UTC), account, "desk not running") for one in holes for account in accounts
    )
    return DemoSource(tuple(series), missed)


def _mean_reverting(rng: np.random.Generator, size: int) -> Floats:
    noise, out = rng.normal(0, 0.012, size), np.empty(size)
    level = 0.0
    for index in range(size):
        level = level * 0.998 + noise[index]
        out[index] = level
    return out
