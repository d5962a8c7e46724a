"""One line of the reference error table: errors of many rows in one unit, and the bar they are held against."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Bools, Floats
from benchmarks.figures import rounded


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Errors of one quantity of one file, one per row and >= 0; inf where there should be a number and is none.

    unit: what an error of 1 means. bar: the largest that is fair; None = told only.
    """

    file: str
    quantity: str
    unit: str
    errors: Floats
    bar: float | None

    @property
    def worst(self) -> float:
        """Largest error; 0 of nothing."""
        return float(self.errors.max()) if self.errors.size else 0.0

    @property
    def p99(self) -> float:
        """Error that 99 % of the rows do not exceed (one of the errors, never between two); 0 of nothing."""
        return float(np.sort(self.errors)[math.ceil(0.99 * self.errors.size) - 1]) if self.errors.size else 0.0

    @property
    def over(self) -> int | None:
        """Rows over the bar, None without one."""
        return None if self.bar is None else int(np.count_nonzero(self.errors > self.bar))

    def as_json(self) -> dict[str, Any]:
        """Returns the line as a row of the table."""
        return {
            "file": self.file,
            "quantity": self.quantity,
            "rows": int(self.errors.size),
            "max": rounded(self.worst),
            "p99": rounded(self.p99),
            "bar": self.bar,
            "over": self.over,
            "unit": self.unit,
        }


def line(
    file: str,
    quantity: str,
    unit: str,
    got: npt.ArrayLike,
    want: npt.ArrayLike,
    scale: npt.ArrayLike,
    bar: float | None,
) -> Line:
    """Returns the line of |got - want| / scale; a missing number where one is wanted is infinitely wrong."""
    ours, theirs = np.asarray(got, dtype=np.float64), np.asarray(want, dtype=np.float64)
    errors = np.abs(ours - theirs) / np.asarray(scale, dtype=np.float64)
    return Line(file, quantity, unit, np.where(np.isnan(errors), np.inf, errors).ravel(), bar)


def wrong(file: str, quantity: str, is_wrong: npt.ArrayLike) -> Line:
    """Returns the line of something that is right or wrong: errors of 0 or 1, none allowed."""
    return Line(file, quantity, "wrong", np.asarray(is_wrong, dtype=np.float64).ravel(), 0.0)


class Table:
    """A reference file in CSV, as columns."""

    def __init__(self, path: Path) -> None:
        with path.open(newline="", encoding="utf-8") as file:
            self.rows = list(csv.DictReader(file))

    def numbers(self, name: str) -> Floats:
        """A column as numbers; NaN where it is empty."""
        return np.array([float(row[name]) if row[name] else np.nan for row in self.rows])

    def are(self, name: str, *values: str) -> Bools:
        """Mask of the rows that have one of the values."""
        return np.array([row[name] in values for row in self.rows])


def document(path: Path) -> dict[str, Any]:
    """A reference file in JSON."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
