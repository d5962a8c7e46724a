"""Account snapshots as arrays for charts, thinned so that every peak stays visible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from database.schema import snapshot_packs
from database.snapshots import PACKED_COLUMNS
from models.clock import epoch_s

Floats = NDArray[np.float64]

_WIDTH: Final = 1 + len(PACKED_COLUMNS)


@dataclass(frozen=True, slots=True)
class SnapshotSeries:
    """One account's snapshots in time order.

    `at_s` POSIX seconds, shape (n,). `columns` by name (see `database.snapshots.PACKED_COLUMNS`), each shape (n,),
    NaN = unknown; `regime` holds indices into `models.enums.Regime`. `total` is how many snapshots there are in the
    range; when `is_thinned`, each bucket of neighbours is shown by its lowest and highest value in the order they came
    (regime: by the highest).
    """

    account_id: str
    at_s: Floats
    columns: Mapping[str, Floats]
    total: int
    is_thinned: bool


def read_series(
    connection: Connection, account_id: str, from_utc: datetime | None, to_utc: datetime | None, max_points: int | None
) -> SnapshotSeries:
    """Returns the snapshots of `from_utc` <= time < `to_utc`, at most about `max_points` (None = all of them)."""
    query = select(snapshot_packs.c.rows).where(snapshot_packs.c.account_id == account_id)
    if from_utc is not None:
        query = query.where(snapshot_packs.c.day >= f"{from_utc:%Y-%m-%d}")
    if to_utc is not None:
        query = query.where(snapshot_packs.c.day <= f"{to_utc:%Y-%m-%d}")
    packed = b"".join(connection.execute(query.order_by(snapshot_packs.c.day)).scalars())
    table = np.frombuffer(packed, dtype="<f8").reshape(-1, _WIDTH)
    at_s = table[:, 0]
    if at_s.size > 1 and np.any(np.diff(at_s) < 0):
        table = table[np.argsort(at_s, kind="stable")]
        at_s = table[:, 0]
    first = 0 if from_utc is None else int(np.searchsorted(at_s, epoch_s(from_utc), side="left"))
    last = at_s.size if to_utc is None else int(np.searchsorted(at_s, epoch_s(to_utc), side="left"))
    table = table[first:last]
    total = table.shape[0]
    if max_points is not None and total > max_points:
        thin_at, thin = thin_out(table[:, 0], table[:, 1:], max_points)
        return SnapshotSeries(account_id, thin_at, _named(thin), total, is_thinned=True)
    return SnapshotSeries(account_id, np.ascontiguousarray(table[:, 0]), _named(table[:, 1:]), total, is_thinned=False)


def thin_out(at_s: Floats, values: Floats, max_points: int) -> tuple[Floats, Floats]:
    """Returns at most `max_points` (an even number, >= 2) rows that keep each bucket's lowest and highest value.

    `at_s` shape (n,), `values` shape (n, k). A bucket is a run of equally many neighbours; its two rows carry the time
    of its first and of its middle sample, its low and high stand in the order in which they came. NaN counts only
    where a bucket has nothing else.
    """
    buckets = max(max_points // 2, 1)
    size = -(-at_s.size // buckets)
    starts = np.arange(0, at_s.size, size)
    thin = np.empty((starts.size, 2, values.shape[1]))
    # The last bucket is filled up with its last value, which changes neither its lowest nor its highest.
    filled_up = np.minimum(np.arange(starts.size * size), at_s.size - 1)
    for index in range(values.shape[1]):
        thin[:, :, index] = _lows_and_highs(values[filled_up, index].reshape(starts.size, size))
    if values.shape[1] == len(PACKED_COLUMNS):
        regime = thin[:, :, PACKED_COLUMNS.index("regime")]
        regime[:] = regime.max(axis=1, keepdims=True)
    middles = np.minimum(starts + size // 2, at_s.size - 1)
    thin_at = np.stack((at_s[starts], at_s[middles]), axis=1).reshape(-1)
    return thin_at, thin.reshape(-1, values.shape[1])


def _lows_and_highs(buckets: Floats) -> Floats:
    """Returns each row's lowest and highest in the order they came: shape (n, size) -> (n, 2)."""
    unknown = np.isnan(buckets)
    some_unknown = bool(unknown.any())
    if some_unknown and unknown.all():
        return np.full((buckets.shape[0], 2), np.nan)
    for_low = np.where(unknown, np.inf, buckets) if some_unknown else buckets
    for_high = np.where(unknown, -np.inf, buckets) if some_unknown else buckets
    low_at, high_at = for_low.argmin(axis=1), for_high.argmax(axis=1)
    rows = np.arange(buckets.shape[0])
    # A row of nothing but NaN finds NaN again, because the places come from its own values.
    low, high = buckets[rows, low_at], buckets[rows, high_at]
    low_first = low_at <= high_at
    return np.stack((np.where(low_first, low, high), np.where(low_first, high, low)), axis=1)


def _named(values: Floats) -> dict[str, Floats]:
    return {name: np.ascontiguousarray(values[:, index]) for index, name in enumerate(PACKED_COLUMNS)}
