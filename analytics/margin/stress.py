"""The margin horizon: requirement and equity left with the index, vols and the calendar moved, and the margin call.

Rules
    moves       underlyings move by beta x the index's shift (unknown beta 1.0), securities and futures alike, not below
                zero. Vols: sticky strike plus the parallel shift; with a `SpotVolBeta` vols also answer to the index.
                Calendar days pass, act/365. Rates, yields, dividends, cash and its interest stay.
    equity      net liquidation now + P&L of a full revaluation: exactly net liquidation at no shock.
    requirement of the book as it then is, against net liquidation (which holds option values): portfolio margin, or
                the maintenance of strategy margin with every option at its then model value. Scan ranges of SPAN-like
                futures stay what they are in points.
    excess      equity - requirement; the margin call is the nearest index shift at which it reaches zero.
    expiry      an option whose instant passes within the horizon has become cash at its intrinsic value and needs no
                margin any more; shares it would deliver are not modelled.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import DAYS_PER_YEAR, Bools, Floats
from analytics.margin.account import AccountMargin, margin_lines
from analytics.margin.risk_book import RiskBook, Valuer, unit_values
from analytics.margin.terms import MarginError
from analytics.scenarios.shocks import SpotVolBeta, VolShift, shifted_vols
from models.enums import MarginMethod

_SECONDS_PER_DAY = 86_400.0
_DEFAULT_BETA = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class StressBook:
    """What is stressed: the positions, net liquidation now (dollars) and each underlying's beta to the index.

    An underlying that is not in `beta` moves one for one.
    """

    book: RiskBook
    net_liquidation: float
    beta: Mapping[str, float]

    def __post_init__(self) -> None:
        if not math.isfinite(self.net_liquidation):
            raise MarginError(f"net liquidation {self.net_liquidation} is not a number: equity left cannot be known")
        for symbol, beta in self.beta.items():
            if not math.isfinite(beta):
                raise MarginError(f"{symbol}: beta {beta} is not a number; leave it out to use {_DEFAULT_BETA}")


class Rung(NamedTuple):
    """One rung of a house ladder: at an index shift the net loss may reach so many times net liquidation."""

    index_shift: float
    loss_limit_times_nlv: float


#: A ladder as reported by customers of Schwab; a template to edit, not that broker's published rule.
SCHWAB_LIKE_LADDER: tuple[Rung, ...] = (
    Rung(-0.12, 1.0),
    Rung(-0.20, 2.0),
    Rung(-0.25, 3.0),
    Rung(-0.30, 4.0),
    Rung(-0.40, 8.0),
)


class LadderResult(NamedTuple):
    """pnl, limit: dollars. used: loss over limit, 1.0 = at the limit; inf when equity leaves no room to lose."""

    index_shift: float
    pnl: float
    limit: float
    used: float

    @property
    def passes(self) -> bool:
        """True while the loss stays within the limit."""
        return self.used <= 1.0


class MarginCall(NamedTuple):
    """Relative index shifts at which excess liquidity reaches zero; NaN = not within the grid.

    in_call_now: excess is below zero without any shock; both levels are then NaN.
    """

    down_shift: float
    up_shift: float
    excess_now: float
    in_call_now: bool


@dataclass(frozen=True, slots=True, eq=False)
class MarginHorizon:
    """[day, vol, spot] dollars: P&L against now, requirement, equity. method_text: for display."""

    method: MarginMethod
    days_forward: Floats
    vol_shifts: Floats
    spot_shifts: Floats
    pnl: Floats
    requirement: Floats
    equity: Floats
    vol_mode: VolShift
    response: SpotVolBeta | None
    method_text: str

    @property
    def excess(self) -> Floats:
        """Equity less requirement, dollars [day, vol, spot]."""
        return self.equity - self.requirement


class MarginStress:
    """Requirements under shocks, by one account's method and parameters."""

    def __init__(self, margin: AccountMargin) -> None:
        """margin: what is asked for the requirement of every cell."""
        self._margin = margin

    def horizon(
        self,
        stressed: StressBook,
        *,
        spot_shifts: npt.ArrayLike,
        vol_shifts: npt.ArrayLike = 0.0,
        days_forward: npt.ArrayLike = 0.0,
        vol_mode: VolShift = VolShift.ABSOLUTE,
        response: SpotVolBeta | None = None,
    ) -> MarginHorizon:
        """Requirement and equity on the product of index shifts, vol shifts and calendar days from now.

        spot_shifts: -0.05 = the index 5 % down. vol_shifts: 0.05 = 5 points up, or 5 % of each vol when RELATIVE.
        """
        days, vols, spots = (
            _axis(name, values)
            for name, values in (("days", days_forward), ("vol shifts", vol_shifts), ("spot shifts", spot_shifts))
        )
        cells = _Cells(self._margin, stressed, vol_mode, response)
        pnl, requirement = (np.empty((days.size, vols.size, spots.size)) for _ in range(2))
        for i, day in enumerate(days.tolist()):
            for j, vol in enumerate(vols.tolist()):
                pnl[i, j], requirement[i, j] = cells.at(spots, vol, day)
        return MarginHorizon(
            method=self._margin.method,
            days_forward=days,
            vol_shifts=vols,
            spot_shifts=spots,
            pnl=pnl,
            requirement=requirement,
            equity=stressed.net_liquidation + pnl,
            vol_mode=vol_mode,
            response=response,
            method_text=self._margin.text(stressed.book),
        )

    def margin_call(
        self, stressed: StressBook, horizon: MarginHorizon, *, day: int = 0, vol: int = 0, tolerance: float = 1e-4
    ) -> MarginCall:
        """Where excess reaches zero on one row of a horizon of the same book: bracketed by its grid, then refined.

        day, vol: indices into the horizon's axes. tolerance: of the shift (1e-4 = 0.01 %). A dip below zero and back
        between two neighbouring shifts of the grid is not seen.
        """
        cells = _Cells(self._margin, stressed, horizon.vol_mode, horizon.response)
        days, vols = float(horizon.days_forward[day]), float(horizon.vol_shifts[vol])

        def excess(shift: float) -> float:
            pnl, requirement = cells.at(np.array([shift]), vols, days)
            return stressed.net_liquidation + float(pnl[0]) - float(requirement[0])

        known = dict(zip(horizon.spot_shifts.tolist(), horizon.excess[day, vol].tolist(), strict=True))
        now = known[0.0] if 0.0 in known else excess(0.0)
        if now < 0.0:
            return MarginCall(math.nan, math.nan, now, True)
        below = [(0.0, now), *((s, known[s]) for s in sorted((s for s in known if s < 0.0), reverse=True))]
        above = [(0.0, now), *((s, known[s]) for s in sorted(s for s in known if s > 0.0))]
        return MarginCall(_crossing(below, excess, tolerance), _crossing(above, excess, tolerance), now, False)


def house_ladder(
    stressed: StressBook, *, rungs: Sequence[Rung] = SCHWAB_LIKE_LADDER, american: Valuer | None = None
) -> tuple[LadderResult, ...]:
    """P&L at each rung (beta-moved, vols constant, no time) against its multiple of net liquidation."""
    reader = _Revaluer(stressed, VolShift.ABSOLUTE, None, american)
    shifts = np.array([rung.index_shift for rung in rungs])
    gains = reader.pnl_of(reader.values(*reader.state(shifts, 0.0, 0.0)))
    found: list[LadderResult] = []
    for rung, pnl in zip(rungs, gains.tolist(), strict=True):
        limit = rung.loss_limit_times_nlv * stressed.net_liquidation
        loss = max(-pnl, 0.0)
        used = loss / limit if limit > 0.0 else (math.inf if loss > 0.0 else 0.0)
        found.append(LadderResult(rung.index_shift, pnl, limit, used))
    return tuple(found)


class _Revaluer:
    """A stressed book's prices, times, vols and P&L at a row of shocks; no shock is exactly no P&L."""

    def __init__(
        self, stressed: StressBook, vol_mode: VolShift, response: SpotVolBeta | None, american: Valuer | None
    ) -> None:
        book = stressed.book
        self.book = book
        self.american = american
        self._beta = np.array([stressed.beta.get(symbol, _DEFAULT_BETA) for symbol in book.symbols])
        self._mode, self._response = vol_mode, response
        self._units = book.quantity * book.multiplier

    def state(self, spot_shifts: Floats, vol_shift: float, days: float) -> tuple[Floats, Floats, Floats]:
        """Underlying prices [shift, underlying], years left [position] and vols ([shift,] position) after a shock."""
        price = self.book.price * np.maximum(1.0 + self._beta * spot_shifts[:, np.newaxis], 0.0)
        t_years = np.maximum(self.book.t_years - days / DAYS_PER_YEAR, 0.0)
        vol = self.book.vol
        if self._response is not None:
            share = self._response.term(self.book.t_years * DAYS_PER_YEAR)
            vol, _ = self._response.answer(spot_shifts[:, np.newaxis], share=share, vol=vol, base=vol)
        return price, t_years, shifted_vols(vol, vol_shift, self._mode)[0]

    def values(self, price: Floats, t_years: Floats, vol: Floats) -> Floats:
        """Unit values [shift, position]."""
        prices = price[:, self.book.underlying]
        return unit_values(self.book, prices, t_years=t_years, vol=vol, american=self.american)

    def pnl_of(self, values: Floats) -> Floats:
        """Dollars against now [shift]; both sides run through arrays of one shape, so equal inputs differ by 0.0."""
        now = self.values(*self.state(np.zeros(values.shape[0]), 0.0, 0.0))
        return np.asarray(((values - now) * self._units).sum(axis=1))


class _Cells:
    """P&L and requirement of one book at one row of shocks after another."""

    def __init__(
        self, margin: AccountMargin, stressed: StressBook, vol_mode: VolShift, response: SpotVolBeta | None
    ) -> None:
        self._margin = margin
        self._reader = _Revaluer(stressed, vol_mode, response, margin.american)
        self._lines = margin_lines(stressed.book) if margin.method is MarginMethod.REG_T else ()

    def at(self, spot_shifts: Floats, vol_shift: float, days: float) -> tuple[Floats, Floats]:
        """P&L and requirement against net liquidation, dollars [shift]."""
        book = self._reader.book
        price, t_years, vol = self._reader.state(spot_shifts, vol_shift, days)
        values = self._reader.values(price, t_years, vol)
        rows = np.flatnonzero(~_settled(book, t_years))
        then = book.moved(book.price, t_years, book.vol).take(rows)
        vols = vol[..., rows]
        if self._margin.method is MarginMethod.PORTFOLIO:
            return self._reader.pnl_of(values), self._margin.portfolio_at(then, price, vols)
        lines = tuple(self._lines[row] for row in rows.tolist())
        needs: list[float] = []
        for k in range(spot_shifts.size):
            moved = then.moved(price[k], then.t_years, vols if vols.ndim == 1 else vols[k])
            needs.append(self._margin.strategy(moved, values[k, rows], lines, days * _SECONDS_PER_DAY))
        return self._reader.pnl_of(values), np.array(needs)


def _settled(book: RiskBook, t_years: Floats) -> Bools:
    """Options that were alive now and are not any more."""
    return np.asarray(book.is_option & (book.t_years > 0.0) & (t_years == 0.0))


def _axis(name: str, values: npt.ArrayLike) -> Floats:
    """One axis as a vector. Raises MarginError on what is not a finite number."""
    array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all() or (name == "days" and array.min() < 0.0):
        raise MarginError(f"margin horizon: {name} {values!r} must be finite numbers in one row, days not below 0")
    return array


def _crossing(points: Sequence[tuple[float, float]], excess: Callable[[float], float], tolerance: float) -> float:
    """First zero of `excess` along points that lead away from no shock, on its safe side; NaN when it stays above.

    Bisection: where pairing or an expiry makes the requirement jump, it still ends at the jump.
    """
    for (inner, _), (outer, at_outer) in itertools.pairwise(points):
        if at_outer < 0.0:
            return _bisected(inner, outer, excess, tolerance)
    return math.nan


def _bisected(safe: float, short: float, excess: Callable[[float], float], tolerance: float) -> float:
    """The shift nearest to where excess turns negative at which it is not, within the tolerance."""
    while abs(short - safe) > tolerance:
        middle = 0.5 * (safe + short)
        if excess(middle) >= 0.0:
            safe = middle
        else:
            short = middle
    return safe
