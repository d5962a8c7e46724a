"""Performance statistics against stats.json."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from analytics.performance import series_statistics, trade_statistics
from benchmarks.reference.lines import Line, document

_FILE, _BAR = "stats.json", 1e-13
#: Below this a figure is noise of the last digit of others: a population skew of 0, an excess return of nothing.
_NOTHING = 1e-5


def stats(folder: Path) -> list[Line]:
    """Returns every figure of every series and of every list of trades."""
    found = document(folder / _FILE)
    series = [
        error
        for one in found["series"]
        for error in _errors(
            series_statistics(
                returns=one["returns"], benchmark=one["benchmark"], periods_per_year=found["periods_per_year"]
            )._asdict(),
            one["by_hand"],
        )
    ]
    trades = [
        error
        for one in found["trade_lists"]
        for error in _errors(trade_statistics(pnl=one["pnl"])._asdict(), one["stats"])
    ]
    return [
        Line(_FILE, "series, every figure", "relative", np.array(series), _BAR),
        Line(_FILE, "closed trades, every figure", "relative", np.array(trades), _BAR),
    ]


def _errors(got: Mapping[str, Any], want: Mapping[str, Any]) -> list[float]:
    """Relative errors; infinite where only one of the two has a figure, 0 where neither has."""
    return [_error(got.get(name), stated) for name, stated in want.items()]


def _error(ours: float | None, stated: float | None) -> float:
    if ours is None or stated is None:
        return 0.0 if ours is stated else math.inf
    return abs(ours - stated) / max(abs(stated), _NOTHING)
