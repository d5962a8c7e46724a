"""Thins a series to what the screen can show without losing a peak or bridging a gap. Pure numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def thin(at_s: Floats, values: Floats, low_s: float, high_s: float, columns: int) -> tuple[Floats, Floats]:
    """Returns the part between `low_s` and `high_s` (one neighbour more on each side) in at most 4 points a column.

    `at_s` ascending and `values`, shape (n,); `columns` > 0 screen columns. A column with more than four points keeps
    its first, lowest, highest and last value (M4 aggregation), so the drawn line covers the same pixels. NaN counts
    only where a column has nothing else.
    """
    first = max(int(np.searchsorted(at_s, low_s)) - 1, 0)
    last = min(int(np.searchsorted(at_s, high_s, side="right")) + 1, at_s.size)
    x, y = at_s[first:last], values[first:last]
    if x.size <= 4 * columns or high_s <= low_s:
        return x, y
    column = np.floor((x - low_s) * (columns / (high_s - low_s)))
    starts = np.concatenate(([0], np.flatnonzero(np.diff(column)) + 1))
    ends = np.concatenate((starts[1:], [x.size])) - 1
    lowest, highest = np.fmin.reduceat(y, starts), np.fmax.reduceat(y, starts)
    middle = (x[starts] + x[ends]) / 2.0
    out_x = np.stack((x[starts], middle, middle, x[ends]), axis=1).reshape(-1)
    head = np.where(np.isnan(y[starts]), lowest, y[starts])
    tail = np.where(np.isnan(y[ends]), highest, y[ends])
    return out_x, np.stack((head, lowest, highest, tail), axis=1).reshape(-1)


def broken(at_s: Floats, values: Floats, gap_starts_s: Floats) -> tuple[Floats, Floats]:
    """Returns the series with a NaN at each gap's start, so that no line is drawn across it."""
    if not gap_starts_s.size:
        return at_s, values
    where = np.searchsorted(at_s, gap_starts_s)
    return np.insert(at_s, where, gap_starts_s), np.insert(values, where, np.nan)


def nearest(at_s: Floats, wanted_s: float) -> int:
    """Returns the index of the instant nearest to `wanted_s`; raises ValueError for an empty series."""
    if not at_s.size:
        raise ValueError("an empty series has no nearest point")
    right = int(np.searchsorted(at_s, wanted_s))
    if right == 0:
        return 0
    if right == at_s.size:
        return right - 1
    return right if at_s[right] - wanted_s < wanted_s - at_s[right - 1] else right - 1
