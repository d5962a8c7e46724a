"""The broker's own Greeks beside ours: how long one counts, and from which difference on the two are told apart.

Ours are what every risk figure is made of, whatever the broker says. The broker's are shown beside them, so that a
difference is seen: another vol of the same quote, another dividend or rate, a quote that one of the two has not heard.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.clock import epoch_s
from models.quote import ModelGreeks

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: A broker's figure older than this is not shown: it belongs to another market than ours. Ages as a quote's do.
GOOD_FOR_S: Final = 60.0
#: How far a figure's time may lie ahead of the desk's: clocks differ a little.
_AHEAD_S: Final = 2.0
#: Deltas further apart than this differ: one share in the hundred of a contract, and the last digit that is shown.
#: Below it they differ by rounding, and by the second that lies between the two computations.
DELTA_APART: Final = 0.01
#: Vols further apart than half a vol point differ. Day counts, rates and the side of the quote that is taken move the
#: vol of one and the same quote by a few tenths of a point; half a point is more than that, and on a contract with a
#: vega of $10 it is $5.
VOL_APART: Final = 0.005
#: What a difference of two floats adds of its own: exactly on the threshold is not apart.
_ROUNDING: Final = 1e-9


def age_s_if_good(one: ModelGreeks, now_utc: datetime) -> float | None:
    """Returns the age of the broker's figures, never negative; None when they do not count any more (or not yet)."""
    age_s = (now_utc - one.at_utc).total_seconds()
    return max(age_s, 0.0) if -_AHEAD_S <= age_s <= GOOD_FOR_S else None


class BrokerColumns(NamedTuple):
    """The broker's figures per row, NaN where it has none that counts: vol as a fraction, delta per unit, age in s."""

    iv: FloatArray
    delta: FloatArray
    age_s: FloatArray


class ModelColumns:
    """The broker's newest Greeks in arrays, one entry a row: written as they come, read all at once."""

    def __init__(self, count: int) -> None:
        self._vol = np.full(count, np.nan)
        self._delta = np.full(count, np.nan)
        self._at_epoch_s = np.full(count, np.nan)

    def put(self, rows: list[int], greeks: Iterable[ModelGreeks]) -> None:
        """Writes one set of Greeks into each of `rows`."""
        told = [
            (np.nan if one.vol is None else one.vol, np.nan if one.delta is None else one.delta, epoch_s(one.at_utc))
            for one in greeks
        ]
        if told:
            self._vol[rows], self._delta[rows], self._at_epoch_s[rows] = np.array(told).T

    def at(self, now_epoch_s: float) -> BrokerColumns:
        """Returns what counts now: nothing older than GOOD_FOR_S, nothing stamped ahead of the desk's clock."""
        age_s = now_epoch_s - self._at_epoch_s
        counts = (age_s >= -_AHEAD_S) & (age_s <= GOOD_FOR_S)
        return BrokerColumns(
            iv=np.where(counts, self._vol, np.nan),
            delta=np.where(counts, self._delta, np.nan),
            age_s=np.where(counts, np.maximum(age_s, 0.0), np.nan),
        )


def are_apart(ours: FloatArray, theirs: FloatArray, most: float) -> BoolArray:
    """Returns where two figures differ by more than `most`; an unknown one differs from nothing."""
    apart: BoolArray = np.abs(ours - theirs) > most + _ROUNDING
    return apart
