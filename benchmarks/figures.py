"""One measured number: its runs, their noise, and the target it is held against."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """All runs of one number. `at_most` / `at_least` is the target, None where none was promised."""

    unit: str
    runs: tuple[float, ...]
    at_most: float | None = None
    at_least: float | None = None

    @property
    def median(self) -> float:
        """Middle of the runs."""
        return statistics.median(self.runs)

    @property
    def noise_pct(self) -> float:
        """Distance between the quartiles as per cent of the median: what the machine adds by itself."""
        if len(self.runs) < 2 or not self.median or not math.isfinite(self.median):
            return 0.0
        low, _, high = statistics.quantiles(self.runs, n=4, method="inclusive")
        return abs((high - low) / self.median) * 100.0

    @property
    def is_met(self) -> bool | None:
        """Whether the median is within the target; None without one."""
        if self.at_most is not None:
            return self.median <= self.at_most
        return None if self.at_least is None else self.median >= self.at_least

    def as_json(self) -> dict[str, Any]:
        """Returns the figure as it is written out."""
        return {
            "unit": self.unit,
            "median": rounded(self.median),
            "min": rounded(min(self.runs)),
            "max": rounded(max(self.runs)),
            "noise_pct": rounded(self.noise_pct),
            "runs": [rounded(run) for run in self.runs],
            "at_most": self.at_most,
            "at_least": self.at_least,
            "met": self.is_met,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one benchmark found: figures with targets and baselines, and facts that are no measurements."""

    figures: dict[str, Figure]
    facts: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Returns the outcome as it is written out."""
        return {"figures": {name: one.as_json() for name, one in self.figures.items()}, "facts": self.facts}


def figure(unit: str, runs: Sequence[float], *, at_most: float | None = None, at_least: float | None = None) -> Figure:
    """Returns the figure of some runs; raises ValueError when there is none."""
    if not runs:
        raise ValueError("a figure needs at least one run")
    return Figure(unit, tuple(float(run) for run in runs), at_most, at_least)


def column(found: Sequence[dict[str, Any]], key: str) -> list[float]:
    """Returns one number of every run."""
    return [float(one[key]) for one in found]


def percentile(values: Sequence[float], share: float) -> float:
    """Returns the value that `share` (0..1) of the values do not exceed (nearest rank); NaN of nothing."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[min(max(math.ceil(share * len(ordered)) - 1, 0), len(ordered) - 1)]


def rounded(value: float) -> float | None:
    """Returns a number with four significant digits, None for what is no number (JSON has no NaN)."""
    return float(f"{value:.4g}") if math.isfinite(value) else None
