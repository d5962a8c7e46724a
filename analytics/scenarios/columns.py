"""The book frozen for a scenario: equal contracts merged into one row, linear rows apart, everything hoisted."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from analytics.beta_weighting import DEFAULT_BETA
from analytics.black_scholes import Bools, Floats
from analytics.book import BookArrays, Exclusion, Model, Rows
from analytics.scenarios.shocks import STICKY_STRIKE, ScenarioError, VolDynamics, VolShift

_SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """How the axes of a scenario are meant; one set for every function of the package.

    vol_mode: of the vol axis. beta_weighted: the spot axis is the index's and an underlying moves by its beta times
    it; else every underlying moves alike. dynamics: what vols do when spots move. rows: mask or indices of the
    positions looked at, None = all. underlying_shifts: a further relative shift per underlying of the book, added to
    its share of the axis (0.02 = 2 % above), None = none; today's value is always that of the unshifted price.
    """

    vol_mode: VolShift = VolShift.ABSOLUTE
    beta_weighted: bool = True
    dynamics: VolDynamics = STICKY_STRIKE
    rows: npt.ArrayLike | None = None
    underlying_shifts: npt.ArrayLike | None = None

    def mask(self, count: int) -> Bools:
        """The positions looked at, as a mask over `count`; raises `ScenarioError` when `rows` points past the book."""
        if self.rows is None:
            return np.ones(count, dtype=np.bool_)
        chosen = np.asarray(self.rows)
        if chosen.dtype != np.bool_:
            indices = chosen.astype(np.intp)
            if (indices != chosen).any() or (indices < 0).any() or (indices >= count).any():
                raise ScenarioError(f"rows {self.rows!r} must be positions 0..{count - 1} of the book. Correct them.")
            mask = np.zeros(count, dtype=np.bool_)
            mask[indices] = True
            return mask
        if chosen.shape != (count,):
            raise ScenarioError(f"rows is a mask of shape {chosen.shape}, the book has {count} positions. Match them.")
        return chosen

    def only(self, rows: Bools) -> "Moves":
        """The same moves on other positions."""
        return replace(self, rows=rows)


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Shares and futures, merged; one entry per group x underlying."""

    group: Rows
    spot: Floats
    slope: Floats
    extra: Floats
    beta: Floats
    units: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """Option contracts, merged; sorted by group, then expiry, then strike. `units`: quantity x multiplier.

    slope x axis + extra is the relative move of the underlying; extra + axis drives the spot-vol response. vol is 0
    where the book has none (an option past its expiry). smile: slope, curvature, low, high and own k, each [row].
    """

    group: Rows
    american: Bools
    spot: Floats
    slope: Floats
    extra: Floats
    beta: Floats
    units: Floats
    strike: Floats
    is_call: Bools
    rate: Floats
    carry_yield: Floats
    days_left: Floats
    vol: Floats
    response: Floats
    smile: tuple[Floats, Floats, Floats, Floats, Floats] | None

    def __len__(self) -> int:
        return int(self.units.size)

    def take(self, rows: Rows | slice) -> "Options":
        """The rows asked for, in that order."""
        return Options(
            self.group[rows],
            self.american[rows],
            self.spot[rows],
            self.slope[rows],
            self.extra[rows],
            self.beta[rows],
            self.units[rows],
            self.strike[rows],
            self.is_call[rows],
            self.rate[rows],
            self.carry_yield[rows],
            self.days_left[rows],
            self.vol[rows],
            self.response[rows],
            None if self.smile is None else _five(self.smile, rows),
        )


def _five(smile: tuple[Floats, ...], rows: Rows | slice) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    a, b, c, d, e = (part[rows] for part in smile)
    return a, b, c, d, e


@dataclass(frozen=True, slots=True, eq=False)
class Frozen:
    """The book ready to be valued again and again. included: mask over the book's positions."""

    european: Options
    american: Options
    linear: Linear
    groups: int
    included: Bools
    excluded_count: int
    moves: Moves


def freeze(book: BookArrays, now_epoch_s: float, moves: Moves, group: npt.ArrayLike = 0, groups: int = 1) -> Frozen:
    """Merge equal contracts and split the rows by how they are valued.

    group: per position of the book (or one for all), 0..groups-1: what sums are kept apart. Raises `ScenarioError`
    when a vector has not one entry per position or per underlying.
    """
    count = len(book)
    wanted = moves.mask(count)
    included = wanted & (book.exclusions(now_epoch_s) == Exclusion.INCLUDED) & ~_two_boundaries(book)
    groups_of = np.broadcast_to(np.asarray(group, dtype=np.intp), (count,))
    option = book.model != Model.LINEAR
    options = _options(book, now_epoch_s, moves, np.flatnonzero(included & option), groups_of)
    early = options.american & (options.days_left > 0.0)
    return Frozen(
        european=options.take(np.flatnonzero(~early)),
        american=options.take(np.flatnonzero(early)),
        linear=_linear(book, moves, np.flatnonzero(included & ~option), groups_of),
        groups=groups,
        included=included,
        excluded_count=int(np.count_nonzero(wanted) - np.count_nonzero(included)),
        moves=moves,
    )


def _two_boundaries(book: BookArrays) -> Bools:
    """American options whose own rate is negative and above the yield: two exercise boundaries, priced by nothing."""
    carry = book.carry_yield(np.arange(len(book)))
    own, other = np.where(book.is_call, carry, book.rate), np.where(book.is_call, book.rate, carry)
    return np.asarray(book.is_american & (own < 0.0) & (other < own))


def per_underlying(name: str, values: npt.ArrayLike, book: BookArrays) -> Floats:
    """One number per underlying of the book (a single one is repeated); raises `ScenarioError`."""
    array = np.asarray(values, dtype=np.float64)
    count = len(book.symbols)
    if array.shape not in ((), (count,)) or not np.isfinite(array).all():
        raise ScenarioError(f"{name} needs a finite number for each of {count} underlyings, got shape {array.shape}.")
    return np.broadcast_to(array, (count,))


def _moved_by(book: BookArrays, moves: Moves, at: Rows) -> tuple[Floats, Floats, Floats]:
    """Beta, slope along the spot axis and further shift of the underlyings of rows `at`."""
    under = book.underlying[at]
    beta = book.beta[under]
    beta = np.where(np.isnan(beta), DEFAULT_BETA, beta)
    shifts = 0.0 if moves.underlying_shifts is None else moves.underlying_shifts
    extra = per_underlying("underlying_shifts", shifts, book)[under]
    return beta, beta if moves.beta_weighted else np.ones_like(beta), extra


def _merged(keys: tuple[npt.NDArray[np.generic], ...], units: Floats) -> tuple[Rows, Floats]:
    """First row and summed units of every run of equal keys (the first key sorts first); empty positions are gone."""
    if units.size == 0:
        return np.empty(0, dtype=np.intp), units
    order = np.lexsort(keys[::-1])
    fresh = np.zeros(units.size, dtype=np.bool_)
    fresh[0] = True
    for key in keys:
        ordered = key[order]
        fresh[1:] |= ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(fresh)
    total = np.add.reduceat(units[order], starts)
    held = total != 0.0
    return order[starts[held]], total[held]


def _linear(book: BookArrays, moves: Moves, at: Rows, group: Rows) -> Linear:
    first, units = _merged((group[at], book.underlying[at]), book.quantity[at] * book.multiplier[at])
    at = at[first]
    beta, slope, extra = _moved_by(book, moves, at)
    return Linear(group[at], book.spot[book.underlying[at]], slope, extra, beta, units)


def _options(book: BookArrays, now_epoch_s: float, moves: Moves, at: Rows, group: Rows) -> Options:
    vol = np.where(np.isnan(book.vol[at]), 0.0, book.vol[at])
    smile = moves.dynamics.smile
    fitted: tuple[Floats, ...] = ()
    if smile is not None:
        if any(part.shape != (len(book),) for part in smile):
            raise ScenarioError(f"the smile needs one entry for each of {len(book)} positions. Fit it to this book.")
        fitted = (smile.slope[at], smile.curvature[at], smile.low[at], smile.high[at])
    under, strike, expiry = book.underlying[at], book.strike[at], book.expiry_epoch_s[at]
    terms = (book.is_call[at], book.rate[at], book.carry_yield(at), vol, book.is_american[at])
    keys = (group[at], under, expiry, strike, *terms, *fitted)
    first, units = _merged(keys, book.quantity[at] * book.multiplier[at])
    at, vol = at[first], vol[first]
    beta, slope, extra = _moved_by(book, moves, at)
    days_left = (book.expiry_epoch_s[at] - now_epoch_s) / _SECONDS_PER_DAY
    spot, rate, carry = book.spot[book.underlying[at]], book.rate[at], book.carry_yield(at)
    response = np.zeros(at.size)
    if moves.dynamics.response is not None:
        vol_beta = per_underlying("vol_beta", moves.dynamics.vol_beta, book)[book.underlying[at]]
        response = moves.dynamics.response.term(days_left) * vol_beta
    own_k = np.log(book.strike[at] / spot) - (rate - carry) * np.maximum(days_left, 0.0) / 365.0
    return Options(
        group=group[at],
        american=book.is_american[at],
        spot=spot,
        slope=slope,
        extra=extra,
        beta=beta,
        units=units,
        strike=book.strike[at],
        is_call=book.is_call[at],
        rate=rate,
        carry_yield=carry,
        days_left=days_left,
        vol=vol,
        response=response,
        smile=None if smile is None else _five((*(part[first] for part in fitted), own_k), slice(None)),
    )
