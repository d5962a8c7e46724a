"""Greeks of American options by finite differences: rows with cash dividends, and rates that no boundary describes."""

from typing import NamedTuple

import numpy as np

from analytics.american_dividends import (
    COARSE,
    COARSE_ESCROWED,
    FINE,
    CashRows,
    Curve,
    DividendModel,
    Dividends,
    Rows,
    fine_curves,
    schedule,
    too_certain,
    value_curves,
)
from analytics.american_yield import Inputs, in_reach
from analytics.black_scholes import DAYS_PER_YEAR, Bools, Floats

_POINT = 0.01
# Steps wide enough to drown what is left of the grid in differences of prices.
_VOL_STEP = 0.01
_RATE_STEP = 1e-3
_EXERCISED = 1e-7
# Total deviation up to which the grid prices a row that no boundary was found for.
_WIDEST = 1.0


class Special(NamedTuple):
    """Rows to be priced on a grid: their places in the flat result, columns and the spacings that suit them."""

    place: Rows
    rows: CashRows
    spacings: tuple[float, float]
    unpriced: Bools


def shape_with(inputs: Inputs, dividends: Dividends) -> tuple[int, ...]:
    """Broadcast shape of the arguments and of the schedules' leading axes."""
    times, _ = schedule(dividends)
    return np.broadcast_shapes(times.shape[:-1], *(value.shape for value in inputs))


def with_cash(inputs: Inputs, shape: tuple[int, ...], dividends: Dividends) -> Special:
    """Rows with a dividend between now and expiry; a negative or infinite one makes its row unpriced."""
    times, amounts = schedule(dividends)
    wide = (*shape, times.shape[-1])
    when, cash = (np.broadcast_to(part, wide).reshape(-1, wide[-1]) for part in (times, amounts))
    columns = _columns(inputs, shape)
    live = (when > 0.0) & (when < columns.t_years[:, None]) & ~np.isnan(cash) & (cash != 0.0)
    index = np.flatnonzero(live.any(axis=1))
    live, when, cash = live[index], when[index], cash[index]
    bad = (live & ((cash < 0.0) | np.isinf(cash))).any(axis=1)
    dates, paid = np.where(live, when, 0.0), np.where(live, cash, 0.0)
    order = np.argsort(dates, axis=1)
    dates, paid = np.take_along_axis(dates, order, axis=1), np.take_along_axis(paid, order, axis=1)
    most = int(live.sum(axis=1).max(initial=0))
    first = dates.shape[1] - most
    rows = _rows(columns, index, dates[:, first:], paid[:, first:])
    return Special(index, rows, COARSE, np.asarray(bad | too_certain(rows)))


def with_two_boundaries(inputs: Inputs, shape: tuple[int, ...]) -> Special:
    """Rows exercised only between two spots: for a put, yield < rate < 0; for a call, rate < yield < 0."""
    columns = _columns(inputs, shape)
    call, r, q = columns.is_call, columns.rate, columns.dividend_yield
    own, other = np.where(call, q, r), np.where(call, r, q)
    index = np.flatnonzero((own < 0.0) & (other < own))
    none = np.zeros((index.size, 0))
    rows = _rows(columns, index, none, none)
    return Special(index, rows, FINE, np.zeros(index.size, dtype=np.bool_))


def without_boundary(inputs: Inputs, shape: tuple[int, ...], price: Floats) -> Special:
    """Rows in reach whose price is NaN all the same, for no boundary settled, and that a grid holds well.

    Over wide deviations it does not: there they stay NaN.
    """
    columns = _columns(inputs, shape)
    s, k, t, r, q, v, _ = columns
    with np.errstate(invalid="ignore"):
        deviation = v * np.sqrt(np.abs(t))
        sound = in_reach(t, r, q, deviation) & (deviation <= _WIDEST) & (s > 0.0) & (k > 0.0) & (t > 0.0) & (v > 0.0)
    index = np.flatnonzero(np.isnan(price) & sound & np.isfinite(s) & np.isfinite(k))
    none = np.zeros((index.size, 0))
    rows = _rows(columns, index, none, none)
    return Special(index, rows, FINE, np.zeros(index.size, dtype=np.bool_))


def _rows(columns: Inputs, index: Rows, dates: Floats, cash: Floats) -> CashRows:
    s, k, t, r, q, v, call = columns
    return CashRows(s[index], k[index], t[index], r[index], q[index], v[index], call[index], dates, cash)


def _columns(inputs: Inputs, shape: tuple[int, ...]) -> Inputs:
    s, k, t, r, q, v = (np.broadcast_to(value, shape).ravel() for value in inputs[:6])
    return Inputs(s, k, t, r, q, v, np.broadcast_to(inputs.is_call, shape).ravel())


def complete(
    inputs: Inputs,
    flat: list[Floats],
    shape: tuple[int, ...],
    dividends: Dividends,
    model: DividendModel,
    *,
    hold_forward: bool = False,
) -> list[Floats]:
    """Put what a single boundary with a continuous yield does not describe into flat results, and return them."""
    if np.isnan(flat[0]).any():
        lost = without_boundary(inputs, shape, flat[0])
        flat[0][lost.place] = 0.0
        fill(flat, lost, model, hold_forward=hold_forward)
    if np.any(np.minimum(inputs.rate, inputs.dividend_yield) < 0.0):
        fill(flat, with_two_boundaries(inputs, shape), model, hold_forward=hold_forward)
    if schedule(dividends)[0].size:
        paying = with_cash(inputs, shape, dividends)
        if model is DividendModel.ESCROWED:
            paying = paying._replace(spacings=COARSE_ESCROWED)
        fill(flat, paying, model)
    return flat


def fill(flat: list[Floats], special: Special, model: DividendModel, *, hold_forward: bool = False) -> None:
    """Overwrite, in place, the special rows of flat results: price alone, the first five numbers or all nine.

    Rows whose price is NaN already (bad inputs) stay so; unpriced ones become so.
    """
    for target in flat:
        target[special.place[special.unpriced]] = np.nan
    usable = np.flatnonzero(np.isfinite(flat[0][special.place]) & (special.rows.spot > 0.0) & (special.rows.vol > 0.0))
    if usable.size == 0:
        return
    rows = special.rows.take(usable)
    found = _numbers(rows, model, special.spacings, len(flat), hold_forward=hold_forward)
    intrinsic = np.where(rows.call, rows.spot - rows.strike, rows.strike - rows.spot)
    exercised = found[0] - intrinsic <= _EXERCISED * np.maximum(rows.spot, rows.strike)
    held = [intrinsic, np.where(rows.call, 1.0, -1.0)]
    for place, target in enumerate(flat):
        target[special.place[usable]] = np.where(exercised, held[place] if place < 2 else 0.0, found[place])


def _numbers(
    rows: CashRows, model: DividendModel, spacings: tuple[float, float], count: int, *, hold_forward: bool
) -> list[Floats]:
    """The first `count` numbers of `OptionValues`; bumped problems are rolled back together with the plain one."""
    curve, fine = value_curves(rows, model, spacings)
    price, delta, gamma, theta, charm = _view(rows, curve, model)
    if count == 1:
        return [price]
    bumps = [_bumped(rows, vol=1.0 + step) for step in (_VOL_STEP, -_VOL_STEP)]
    if count > 5:
        bumps += [_bumped(rows, rate=step, both=hold_forward) for step in (_RATE_STEP, -_RATE_STEP)]
    joined = CashRows(*(np.concatenate(columns) for columns in zip(*bumps, strict=True)))
    parts = np.split(np.stack(fine_curves(joined, model, spacings)), len(bumps), axis=1)
    views = [_view(problem, Curve(*part), model) for problem, part in zip(bumps, parts, strict=True)]
    up, down = views[:2]
    width = _VOL_STEP * rows.vol
    first = [price, delta, gamma, theta / DAYS_PER_YEAR, (up[0] - down[0]) / (2.0 * width) * _POINT]
    if count == 5:
        return first
    dearer, cheaper = views[2:]
    rho, vanna = (dearer[0] - cheaper[0]) / (2.0 * _RATE_STEP), (up[1] - down[1]) / (2.0 * width)
    volga = (up[0] - 2.0 * np.maximum(fine.value, 0.0) + down[0]) / (width * width)
    return [*first, rho * _POINT, vanna, volga, charm / DAYS_PER_YEAR]


def _bumped(rows: CashRows, *, vol: float = 1.0, rate: float = 0.0, both: bool = False) -> CashRows:
    other = rows.dividend_yield + rate if both else rows.dividend_yield
    return rows._replace(vol=rows.vol * vol, rate=rows.rate + rate, dividend_yield=other)


def _view(rows: CashRows, curve: Curve, model: DividendModel) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Price, delta, gamma, theta and charm per year from a curve; time derivatives by the Black-Scholes equation.

    Between ex-dates the value obeys it in the price that diffuses; the escrowed part grows at the rate.
    """
    r, q, variance = rows.rate, rows.dividend_yield, rows.vol * rows.vol
    owed = np.zeros_like(rows.spot)
    if model is DividendModel.ESCROWED:
        owed = (rows.cash * np.exp(-r[:, None] * rows.dates)).sum(axis=1)
    s = rows.spot - owed
    delta = curve.first / s
    gamma = (curve.second - curve.first) / (s * s)
    speed = (curve.third - 3.0 * curve.second + 2.0 * curve.first) / (s * s * s)
    theta = r * curve.value - (r - q) * s * delta - 0.5 * variance * s * s * gamma - r * owed * delta
    charm = q * delta - (variance + r - q) * s * gamma - 0.5 * variance * s * s * speed - r * owed * gamma
    return np.maximum(curve.value, 0.0), delta, gamma, theta, charm
