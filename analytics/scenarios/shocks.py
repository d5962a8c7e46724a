"""What is moved in a scenario: spots, vols, days; and how vols answer to a moving spot. Every rule is named here.

Vol of one option in one cell, in this order
    1. slide      (only with a smile) sticky delta in its moneyness form: the smile of the option's underlying and
                  expiry is a function of k = ln(strike / forward) and travels with the spot, so the option's vol
                  changes by f(k - ln(spot after / spot now)) - f(k). It keeps its own distance to the fitted smile.
    2. response   (only with a spot-vol beta) the at-the-money vol answers to the index, see `SpotVolBeta`.
    3. shift      the axis of the grid: ABSOLUTE adds (0.05 = 5 vol points), RELATIVE multiplies by 1 + shift.
    4. floor      never below `VOL_FLOOR`; how many valuations stood on a floor is in every result.
Without 1 and 2 it is sticky strike with parallel shifts. All of it is exactly nothing at zero shock.

Sources: Derman, Regimes of Volatility (1999), for sticky strike and sticky delta; the spot-vol betas are ordinary
least squares through the origin of the daily change of VIX on the daily return of SPX, see `REGIME_SPOT_VOL`.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Bools, Floats
from models.enums import Regime

VOL_FLOOR = 0.001


class ScenarioError(ValueError):
    """A shock, a smile or a limit that cannot be used; the message names it and says what is accepted."""


class VolShift(Enum):
    """How a vol shift is meant."""

    ABSOLUTE = "absolute"
    RELATIVE = "relative"


def shifted_vols(vol: Floats, shift: float, mode: VolShift) -> tuple[Floats, Bools]:
    """Vols after the shift of the vol axis, and where `VOL_FLOOR` held them."""
    moved = vol + shift if mode is VolShift.ABSOLUTE else vol * (1.0 + shift)
    held = moved < VOL_FLOOR
    return np.maximum(moved, VOL_FLOOR, out=moved), held


class SmileRows(NamedTuple):
    """One quadratic smile per position, f(k) = slope x k + curvature x k^2, k = ln(strike / forward), shape (n,).

    slope: vol per 1.00 of k (-0.8 = 0.8 vol points more per 1 % lower strike). curvature: vol per 1.00 of k^2.
    low, high: the k the fit has seen; beyond it the smile is flat. points: vols behind the fit; where it is 0 the
    slope and curvature are 0 and the option stays on its strike's vol.
    """

    slope: Floats
    curvature: Floats
    low: Floats
    high: Floats
    points: npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class SpotVolBeta:
    """How far at-the-money vols move when the index moves.

    change of vol = -per_pct x 100 x index_shift x (30 / days to expiry now)^term_power, `per_pct` being
    `down_per_pct` in a fall and `up_per_pct` in a rise. ABSOLUTE: per_pct is in vol points (1.5 = a fall of 1 % lifts a
    30-day vol from 0.180 to 0.195). RELATIVE: in per cent of the option's own vol (8 = from 0.180 to 0.1944).
    Terms under `min_days` answer as if they had `min_days`. A rise never takes more than `max_fall_share` of a vol
    (counted with the floors): no index rallies its vol to nothing.
    The vol meant is that of the strike that is at the money at the time (VIX-like). With a smile the slide is on top,
    which gives a fixed strike its true, smaller share; without one every strike takes the whole of it.
    """

    down_per_pct: float
    up_per_pct: float
    mode: VolShift = VolShift.ABSOLUTE
    term_power: float = 0.5
    reference_days: float = 30.0
    min_days: float = 7.0
    max_fall_share: float = 0.5

    def __post_init__(self) -> None:
        numbers = (self.down_per_pct, self.up_per_pct, self.term_power)
        if not (np.isfinite(numbers).all() and self.reference_days > 0.0 and self.min_days > 0.0):
            raise ScenarioError(f"spot-vol beta {self} must hold finite numbers and positive days. Correct it.")
        if not 0.0 <= self.max_fall_share <= 1.0:
            raise ScenarioError(f"max_fall_share {self.max_fall_share} must lie in 0..1. Correct it.")

    def at_reference(self, index_shifts: npt.ArrayLike) -> Floats:
        """Change of a 30-day at-the-money vol per relative index shift: 0.01 = a point, or 1 % of it if RELATIVE."""
        shifts = np.asarray(index_shifts, dtype=np.float64)
        return np.asarray(np.where(shifts < 0.0, -self.down_per_pct, -self.up_per_pct) * shifts)

    def term(self, days_left: npt.ArrayLike) -> Floats:
        """Share of the 30-day change that an expiry takes."""
        days = np.maximum(np.asarray(days_left, dtype=np.float64), self.min_days)
        return np.asarray((self.reference_days / days) ** self.term_power)

    def answer(self, index_shifts: npt.ArrayLike, *, share: Floats, vol: Floats, base: Floats) -> tuple[Floats, Bools]:
        """Vols after the index has moved, and where `max_fall_share` held them; arguments broadcast.

        share: of the 30-day change that each option takes (`term`, times the vol beta of its underlying). vol: each
        option's own, which RELATIVE is a share of. base: the vols that answer, slid with their smile if there is one.
        """
        moved = np.asarray(self.at_reference(index_shifts) * share)
        if self.mode is VolShift.RELATIVE:
            moved *= vol
        moved += base
        lowest = base * (1.0 - self.max_fall_share)
        held = moved < lowest
        return np.maximum(moved, lowest, out=moved), held


#: (down, up) per 1 % of SPX in VIX points, then in per cent of VIX, by the regime the day began in (VIX below 16, 23,
#: 32 and above). Daily closes 2006-01-03 to 2026-07-02, 5,155 days; standard errors 0.03 to 0.07 points and 0.14 to
#: 0.22 per cent, R2 0.42 to 0.76. VIX3M moves 0.66 as far as VIX; sqrt(30 / 93) says 0.57.
_MEASURED = {
    Regime.LOW_VOL: ((1.61, 0.74), (11.7, 5.3)),
    Regime.MEDIUM_VOL: ((1.54, 1.15), (8.1, 5.9)),
    Regime.HIGH_VOL: ((1.47, 1.10), (5.5, 4.1)),
    Regime.CRISIS: ((1.35, 1.23), (2.9, 2.4)),
}


def spot_vol_beta(regime: Regime, mode: VolShift = VolShift.ABSOLUTE) -> SpotVolBeta:
    """The measured response of a regime, in vol points (ABSOLUTE) or per cent of the vol (RELATIVE)."""
    down, up = _MEASURED[regime][0 if mode is VolShift.ABSOLUTE else 1]
    return SpotVolBeta(down, up, mode)


@dataclass(frozen=True, slots=True, eq=False)
class VolDynamics:
    """How vols answer to a moving spot; nothing given is sticky strike.

    smile: one per position of the book (`book_smiles`), for sticky delta. response: spot-vol beta. vol_beta: share of
    the index's response that the vol of each underlying takes, one per underlying of the book (default 1 for all).
    """

    smile: SmileRows | None = None
    response: SpotVolBeta | None = None
    vol_beta: npt.ArrayLike = field(default=1.0)

    @property
    def per_cell(self) -> bool:
        """Whether vols depend on the spot."""
        return self.smile is not None or self.response is not None

    @property
    def name(self) -> str:
        """In a trader's words."""
        slides = "sticky delta" if self.smile is not None else "sticky strike"
        if self.response is None:
            return slides
        unit = "points" if self.response.mode is VolShift.ABSOLUTE else "% of vol"
        beta = f"{self.response.down_per_pct:g}/{self.response.up_per_pct:g} {unit} per 1 % down/up"
        return f"{slides}, spot-vol beta {beta} at 30 days"


STICKY_STRIKE = VolDynamics()


def axis(name: str, values: npt.ArrayLike) -> Floats:
    """One axis of a grid as a vector; raises `ScenarioError` when an entry is not a finite number."""
    try:
        array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError):
        array = np.array([np.nan])
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ScenarioError(f"{name} {values!r} must be finite numbers in one row. Correct it.")
    return array


def days_axis(days_forward: npt.ArrayLike) -> Floats:
    """Calendar days from now as a vector; raises `ScenarioError` for days that are not numbers, or in the past."""
    days = axis("days_forward", days_forward)
    if days.size and days.min() < 0.0:
        raise ScenarioError(f"days_forward {days_forward!r} lies in the past: time runs forward. Give 0 or more.")
    return days
