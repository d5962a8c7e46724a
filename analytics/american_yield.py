"""American option values and Greeks with a continuous yield: the engine behind `analytics.american`.

A value is the European one plus the early-exercise premium (`american_premium`) of a boundary (`american_boundary`)
that depends on time, rate, yield, vol and side only. So in a grid of spots, `spot` shaped [shifts, 1] against rows
[n], the boundary is solved once per row and not once per shift.

Limits
    Where exercise now is best (spot at or beyond the boundary) the price is the intrinsic value, delta +-1 and every
    other Greek 0. At expiry the European limits hold; without vol the best certain date of exercise is taken. A call
    without yield at a rate >= 0, a put at rate 0 without negative yield and in general a side whose holder never
    gains by exercising is European to the last bit.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.american_boundary import Boundary, joined, solve
from analytics.american_equation import Exercise
from analytics.american_premium import (
    BY_RATE,
    BY_SPOT,
    BY_SPOT2,
    BY_SPOT3,
    BY_VOL,
    BY_YIELD,
    VALUE,
    premium_terms,
)
from analytics.black_scholes import (
    DAYS_PER_YEAR,
    Bools,
    Floats,
    black76,
    bsm,
    bsm_first_order,
    bsm_price,
)

Rows = npt.NDArray[np.intp]

_POINT = 0.01
# Rows solved together: their columns stay in the processor's cache.
_CHUNK = 240
# Vol step of vanna and volga, relative: delta and vega are smooth in vol, so a central quotient is good to 1e-6.
_VOL_STEP = 1e-3
# An early-exercise premium that cannot reach this share of the strike is left out.
_NEGLIGIBLE = 1e-12
# Below this total deviation, vol x sqrt(t), nothing moves.
_CERTAIN = 1e-6
_MOST_RATE = 5.0
_MOST_YEARS = 1000.0
_MOST_CARRY = 100.0
_MOST_DEVIATION = 20.0
_SMALLEST = 1e-100


class Inputs(NamedTuple):
    """The arguments as arrays of their own shapes."""

    spot: Floats
    strike: Floats
    t_years: Floats
    rate: Floats
    dividend_yield: Floats
    vol: Floats
    is_call: Bools

    def take(self, rows: Rows) -> "Inputs":
        """Some rows of flat columns, in that order."""
        return Inputs(
            self.spot[rows],
            self.strike[rows],
            self.t_years[rows],
            self.rate[rows],
            self.dividend_yield[rows],
            self.vol[rows],
            self.is_call[rows],
        )


class _Book(NamedTuple):
    """Flat rows: `problems` depend on no spot, one per boundary to solve; the rest is one per option with a premium.

    option: index in the flat result. of_problem: index of its problem. money: spot of the put of strike 1 that it
    is; scale: currency per unit of that put. intrinsic: currency.
    """

    problems: Exercise
    option: Rows
    of_problem: Rows
    money: Floats
    scale: Floats
    call: Bools
    intrinsic: Floats


def arrays(
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    vol: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> Inputs:
    """The public entries' arguments as arrays."""
    s, k, t, r, q, v = (np.asarray(x, dtype=np.float64) for x in (spot, strike, t_years, rate, dividend_yield, vol))
    return Inputs(s, k, t, r, q, v, np.asarray(is_call, dtype=np.bool_))


def all_greeks(inputs: Inputs, *, hold_forward: bool) -> list[Floats]:
    """The nine numbers of `OptionValues`, flat; with `hold_forward` the yield is the rate and rho moves both."""
    if hold_forward:
        named = inputs._asdict()
        named["forward"] = named.pop("spot")
        del named["dividend_yield"]
        european = black76(**named)
    else:
        european = bsm(**inputs._asdict())
    flat, book = _flat(inputs, european), _book(inputs, european.price.shape)
    if book.option.size:
        terms, exercised = _premiums(book, book.problems, with_vol=True, with_carry=True)
        up, down = (
            _premiums(book, book.problems._replace(vol=book.problems.vol * (1.0 + step)), with_vol=True)[0]
            for step in (_VOL_STEP, -_VOL_STEP)
        )
        width = 2.0 * _VOL_STEP * book.problems.vol[book.of_problem]
        higher = _higher_parts(book, terms, (up - down) / width, hold_forward=hold_forward)
        _add(flat, book, _first_parts(book, terms) + higher, exercised)
    return flat


def first_order(inputs: Inputs) -> list[Floats]:
    """The five numbers of `FirstOrderValues`, flat, equal to those of `all_greeks` at about a third of the cost."""
    european = bsm_first_order(**inputs._asdict())
    flat, book = _flat(inputs, european), _book(inputs, european.price.shape)
    if book.option.size:
        terms, exercised = _premiums(book, book.problems, with_vol=True)
        _add(flat, book, _first_parts(book, terms), exercised)
    return flat


def price_only(inputs: Inputs, *, precise: bool = False) -> list[Floats]:
    """The price alone, flat, equal to that of `all_greeks` unless `precise`."""
    european = bsm_price(**inputs._asdict())
    flat, book = _flat(inputs, (european,)), _book(inputs, european.shape)
    if book.option.size:
        terms, exercised = _premiums(book, book.problems, precise=precise)
        _add(flat, book, [terms[VALUE] * book.scale], exercised)
    return flat


def prices_by_spot(terms: Inputs) -> Callable[[Floats], list[Floats]]:
    """Prices at any spots with boundaries solved once, here: what it gives for them is `price_only` of the same terms.

    The spot of `terms` plays no part. Spots broadcast against the other columns, as in a grid.
    """
    problems = _book(terms, np.broadcast_shapes(*(value.shape for value in terms))).problems
    boundary = _boundaries(problems, with_vol=False, with_carry=False, precise=False) if problems.vol.size else None

    def at(spot: Floats) -> list[Floats]:
        inputs = terms._replace(spot=spot)
        european = bsm_price(**inputs._asdict())
        flat, book = _flat(inputs, (european,)), _book(inputs, european.shape)
        if boundary is not None and book.option.size:
            found, exercised = _premiums_of(book, book.problems, boundary)
            _add(flat, book, [found[VALUE] * book.scale], exercised)
        return flat

    return at


def _flat(inputs: Inputs, european: tuple[Floats, ...]) -> list[Floats]:
    """Flat copies of the European numbers, with the best certain date of exercise where nothing can move."""
    shape = european[0].shape
    flat = [np.array(value).ravel() for value in european]
    with np.errstate(invalid="ignore", over="ignore"):
        deviation = inputs.vol * np.sqrt(np.abs(inputs.t_years))
    moving = np.all(inputs.spot > _SMALLEST) and np.all(inputs.strike > _SMALLEST) and np.all(deviation > _CERTAIN)
    far = ~in_reach(inputs.t_years, inputs.rate, inputs.dividend_yield, deviation)
    if far.any():
        flat[0][np.broadcast_to(far, shape).ravel()] = np.nan
        for value in flat[1:]:
            value[np.isnan(flat[0])] = np.nan
    if not moving:
        s, k, t, r, q = (np.broadcast_to(value, shape).ravel() for value in inputs[:5])
        still = (t > 0.0) & (
            (s <= _SMALLEST) | (k <= _SMALLEST) | (np.broadcast_to(deviation, shape).ravel() <= _CERTAIN)
        )
        rows = np.flatnonzero(still & np.isfinite(flat[0]))
        sign = np.where(np.broadcast_to(inputs.is_call, shape).ravel()[rows], 1.0, -1.0)
        _exercise_certainly(flat, rows, sign, s[rows], k[rows], t[rows], r[rows], q[rows])
    return flat


def in_reach(t: Floats, r: Floats, q: Floats, deviation: Floats) -> Bools:
    """Rows the method is made for; NaN is out of reach. Expired and motionless options always are in reach."""
    with np.errstate(invalid="ignore", over="ignore"):
        carry = np.maximum(np.abs(r), np.abs(q)) * np.abs(t)
    tame = (
        (carry <= _MOST_CARRY)
        & (np.abs(r) <= _MOST_RATE)
        & (np.abs(q) <= _MOST_RATE)
        & (t <= _MOST_YEARS)
        & (deviation <= _MOST_DEVIATION)
    )
    return np.asarray(tame | (t == 0.0))


def _exercise_certainly(
    flat: list[Floats], rows: Rows, sign: Floats, s: Floats, k: Floats, t: Floats, r: Floats, q: Floats
) -> None:
    """Without vol the holder picks the date u that makes sign (s exp(-q u) - k exp(-r u)) largest, in place.

    It is now, expiry (the European value) or the root of its derivative, u = ln(r k / (q s)) / (r - q).
    """
    apart = (r * k > 0.0) & (q * s > 0.0) & (r != q)
    gap = np.where(apart, r - q, 1.0)
    u = np.where(apart, np.log(np.where(apart, r * k, 1.0) / np.where(apart, q * s, 1.0)) / gap, 0.0)
    u = np.where((u > 0.0) & (u < t), u, 0.0)
    for date in (u, np.zeros_like(u)):
        worth = sign * (s * np.exp(-q * date) - k * np.exp(-r * date))
        better = worth > flat[0][rows]
        delta = sign * np.exp(-q * date)
        held = date > 0.0
        gamma = np.where(held, q * delta / (gap * np.where(s > 0.0, s, 1.0)), 0.0)
        rho = np.where(held, sign * date * k * np.exp(-r * date) * _POINT, 0.0)
        zero = np.zeros_like(worth)
        for target, value in zip(flat, (worth, delta, gamma, zero, zero, rho, zero, zero, zero), strict=False):
            target[rows] = np.where(better, value, target[rows])


def _book(inputs: Inputs, shape: tuple[int, ...]) -> _Book:
    """Find the options with an early-exercise premium, and the distinct boundaries they need."""
    own_shape = np.broadcast_shapes(*(value.shape for value in inputs[2:]))
    t, rate, dividend_yield, vol = (np.broadcast_to(value, own_shape).ravel() for value in inputs[2:6])
    call = np.broadcast_to(inputs.is_call, own_shape).ravel()
    r, q = np.where(call, dividend_yield, rate), np.where(call, rate, dividend_yield)
    with np.errstate(invalid="ignore", over="ignore"):
        deviation = vol * np.sqrt(np.abs(t))
        solvable = (r >= 0.0) & (np.maximum(r, -q) * t > _NEGLIGIBLE) & (t > 0.0) & (deviation > _CERTAIN)
    solvable &= in_reach(t, r, q, deviation)
    chosen = np.flatnonzero(solvable)
    problems = Exercise(t[chosen], r[chosen], q[chosen], vol[chosen])
    spot, strike = (np.broadcast_to(value, shape).ravel() for value in inputs[:2])
    usable = (spot > 0.0) & (strike > 0.0) & np.isfinite(spot) & np.isfinite(strike)
    if own_shape == shape:
        option = np.flatnonzero(usable & solvable)
        row = option
    else:
        every = np.broadcast_to(np.arange(t.size).reshape(own_shape), shape).ravel()
        option = np.flatnonzero(usable & solvable[every])
        row = every[option]
    place = np.zeros(t.size, dtype=np.intp)
    place[chosen] = np.arange(chosen.size)
    s, k, is_call = spot[option], strike[option], call[row]
    return _Book(
        problems=problems,
        option=option,
        of_problem=place[row],
        money=np.where(is_call, k / s, s / k),
        scale=np.where(is_call, s, k),
        call=is_call,
        intrinsic=np.where(is_call, s - k, k - s),
    )


def _premiums(
    book: _Book, problems: Exercise, *, with_vol: bool = False, with_carry: bool = False, precise: bool = False
) -> tuple[Floats, Bools]:
    """Premium terms (rows as `premium_terms` orders them) of every option of a book, and which are exercised."""
    boundary = _boundaries(problems, with_vol=with_vol, with_carry=with_carry, precise=precise)
    return _premiums_of(book, problems, boundary)


def _premiums_of(book: _Book, problems: Exercise, boundary: Boundary) -> tuple[Floats, Bools]:
    """The same from boundaries already solved, one per problem."""
    terms = 7 if boundary.by_rate is not None else 4 if boundary.by_vol is not None else 1
    found = np.empty((terms, book.option.size))
    exercised = np.empty(book.option.size, dtype=np.bool_)
    for start in range(0, book.option.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        rows = book.of_problem[part]
        here = boundary.take(rows)
        exercised[part] = book.money[part] <= here.today()
        found[:, part] = premium_terms(book.money[part], Exercise(*(column[rows] for column in problems)), here)
    return found, exercised


def _boundaries(problems: Exercise, *, with_vol: bool, with_carry: bool, precise: bool) -> Boundary:
    """Boundaries of all problems, solved a cacheful at a time."""
    count = problems.vol.size
    pieces = [
        solve(
            Exercise(*(column[start : start + _CHUNK] for column in problems)),
            with_vol=with_vol,
            with_carry=with_carry,
            precise=precise,
        )
        for start in range(0, count, _CHUNK)
    ]
    return pieces[0] if len(pieces) == 1 else joined(pieces)


def _add(flat: list[Floats], book: _Book, parts: list[Floats], exercised: Bools) -> None:
    """Add the premium's parts to the European numbers in place; exercised rows become the intrinsic value."""
    held = (book.intrinsic, np.where(book.call, 1.0, -1.0))
    for place, part in enumerate(parts):
        value = flat[place][book.option] + part
        if place == 0:
            value = np.maximum(value, book.intrinsic)
        flat[place][book.option] = np.where(exercised, held[place] if place < 2 else 0.0, value)


def _first_parts(book: _Book, terms: Floats) -> list[Floats]:
    """The premium's part of price, delta, gamma, theta per day and vega per point, per option of a book.

    A call on s is s puts of strike 1 at the money y = strike / s: its delta is e - y e', its gamma y^2 e'' / s.
    """
    y, by, by2 = book.money, terms[BY_SPOT], terms[BY_SPOT2]
    delta = np.where(book.call, terms[VALUE] - y * by, by)
    gamma = by2 / book.scale * np.where(book.call, y * y, 1.0)
    decay = -_by_time(book, terms) * book.scale
    return [terms[VALUE] * book.scale, delta, gamma, decay / DAYS_PER_YEAR, terms[BY_VOL] * book.scale * _POINT]


def _by_time(book: _Book, terms: Floats) -> Floats:
    """Derivative of the premium by time to expiry: in the continuation region it obeys the Black-Scholes equation."""
    _, r, q, v = (column[book.of_problem] for column in book.problems)
    y = book.money
    change: Floats = 0.5 * v * v * y * y * terms[BY_SPOT2] + (r - q) * y * terms[BY_SPOT] - r * terms[VALUE]
    return change


def _higher_parts(book: _Book, terms: Floats, per_vol: Floats, *, hold_forward: bool) -> list[Floats]:
    """The premium's part of rho per point, vanna, volga and charm per day. per_vol: derivatives of terms by vol."""
    _, r, q, v = (column[book.of_problem] for column in book.problems)
    y, by, by2 = book.money, terms[BY_SPOT], terms[BY_SPOT2]
    own = np.where(book.call, terms[BY_YIELD], terms[BY_RATE])
    rho = terms[BY_RATE] + terms[BY_YIELD] if hold_forward else own
    vanna = np.where(book.call, terms[BY_VOL] - y * per_vol[BY_SPOT], per_vol[BY_SPOT])
    by_time = _by_time(book, terms)
    delta_by_time = 0.5 * v * v * y * y * terms[BY_SPOT3] + (v * v + r - q) * y * by2 - q * by
    charm = -np.where(book.call, by_time - y * delta_by_time, delta_by_time)
    return [rho * book.scale * _POINT, vanna, per_vol[BY_VOL] * book.scale, charm / DAYS_PER_YEAR]
