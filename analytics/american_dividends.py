"""American options on a stock that pays known cash dividends.

Model
    SPOT (the desk's): the stock itself is lognormal with the given vol and falls by the cash amount at each ex-date.
    One process prices every option on a stock: it does not depend on which expiry looks at it, so an option just
    before an ex-date equals the same option just after at the lower spot, and calendars across an ex-date cannot be
    arbitraged against the model. The vol means what the screen means by it, the vol of the quoted price.
    ESCROWED (Hull's): only the spot less the present value of the dividends due before expiry is lognormal. The
    reduced stock differs from expiry to expiry, so two options on one stock imply two processes; kept for comparing
    with systems that quote that way. At one vol the two models differ by up to 0.5 % of spot on long-dated options.
    A dividend larger than the stock leaves it at 0. Ex-dates at or before now, or at or after expiry, do not count.
    A call is exercised just before an ex-date if ever (without a yield), a put just after it.

Method
    Explicit finite differences in log-spot on a grid that moves with the forward and scales with vol x sqrt(t). Where
    variance per step is a third of the squared spacing, the error of the plain three-point step is of fourth order; a
    node lies on the strike, so the payoff's kink costs nothing. Exercise is checked at every step; what that misses is
    linear in the step and extrapolated away from two grids. Options are the last axis; rows whose step counts differ
    wait with weight 0.
"""

from enum import Enum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.american_yield import arrays, price_only
from analytics.black_scholes import Bools, Floats


class CashDividends(NamedTuple):
    """Schedules. t_years: years from now to each ex-date, act/365; amount: currency per share, > 0.

    The last axis is the schedule, the axes before it broadcast with the options; NaN in either means none.
    """

    t_years: npt.ArrayLike
    amount: npt.ArrayLike


Dividends = CashDividends | npt.ArrayLike | None
Rows = npt.NDArray[np.intp]


class DividendModel(Enum):
    """Which price is lognormal; see the module text."""

    SPOT = "spot"
    ESCROWED = "escrowed"


class CashRows(NamedTuple):
    """Options to roll back, one flat row each.

    dates, cash: rows x schedule, dates ascending and before expiry; a cash of 0 is none.
    """

    spot: Floats
    strike: Floats
    t_years: Floats
    rate: Floats
    dividend_yield: Floats
    vol: Floats
    call: Bools
    dates: Floats
    cash: Floats

    def take(self, part: Rows) -> "CashRows":
        """Some rows, in that order."""
        s, k, t, r, q, v, call, dates, cash = self
        return CashRows(s[part], k[part], t[part], r[part], q[part], v[part], call[part], dates[part], cash[part])


class Curve(NamedTuple):
    """Value today and its first three derivatives by ln(spot), one per row."""

    value: Floats
    first: Floats
    second: Floats
    third: Floats


# Spacings of the two grids in total deviations; steps = 3 / spacing^2.
COARSE, FINE = (0.2, 0.14), (0.07, 0.05)
# In the escrowed model exercise waits for the days before ex-dates in a put, which takes more steps to see.
COARSE_ESCROWED = (0.2, 0.12)
_REACH = 5.5
_CHUNK = 64
_MOST_NODES = 1500


def schedule(dividends: Dividends) -> tuple[Floats, Floats]:
    """Ex-dates and amounts with the schedule on the last axis, whichever way they were given.

    Raises ValueError for a sequence that does not hold (t_years, amount) pairs.
    """
    if dividends is None:
        return np.empty(0), np.empty(0)
    if isinstance(dividends, CashDividends):
        times, amounts = (np.asarray(part, dtype=np.float64) for part in dividends)
        times, amounts = np.broadcast_arrays(times, amounts)
        if times.ndim == 0:
            raise ValueError("Cash dividends need a schedule axis: give t_years and amount as arrays, not as numbers.")
        return times, amounts
    pairs = np.asarray(dividends, dtype=np.float64)
    if pairs.size == 0:
        return np.empty(0), np.empty(0)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError("Dividends must be None, CashDividends or a sequence of (t_years, amount) pairs.")
    return pairs[:, 0], pairs[:, 1]


def value_curves(rows: CashRows, model: DividendModel, spacings: tuple[float, float]) -> tuple[Curve, Curve]:
    """Value and derivatives of every row, a cacheful of similar rows at a time: extrapolated, and of the finer grid."""
    found, fine = np.empty((4, rows.spot.size)), np.empty((4, rows.spot.size))
    wide, narrow = spacings
    share = narrow * narrow / (wide * wide - narrow * narrow)
    for part in _alike(rows):
        chunk = rows.take(part)
        fine[:, part] = _roll_back(chunk, model, narrow)
        found[:, part] = fine[:, part] + share * (fine[:, part] - _roll_back(chunk, model, wide))
    return Curve(*found), Curve(*fine)


def fine_curves(rows: CashRows, model: DividendModel, spacings: tuple[float, float]) -> Curve:
    """Value and derivatives of the finer grid alone: enough for differences between neighbouring problems."""
    found = np.empty((4, rows.spot.size))
    for part in _alike(rows):
        found[:, part] = _roll_back(rows.take(part), model, spacings[1])
    return Curve(*found)


def _alike(rows: CashRows) -> list[Rows]:
    """Groups of rows that need about the same steps, small enough for the cache."""
    last_date = rows.dates[:, -1] / rows.t_years if rows.dates.shape[1] else rows.t_years
    order = np.lexsort((last_date, np.count_nonzero(rows.cash, axis=1), _closed(rows)))
    return [order[start : start + _CHUNK] for start in range(0, order.size, _CHUNK)]


def too_certain(rows: CashRows) -> Bools:
    """Rows whose dividends span so many deviations that no grid of a fair size holds them."""
    span = np.log(rows.spot / np.maximum(rows.spot - rows.cash.sum(axis=1), 1e-3 * rows.spot))
    return np.asarray(span > _MOST_NODES * COARSE[1] * rows.vol * np.sqrt(rows.t_years))


class _Grid(NamedTuple):
    """Log-spot nodes in the frame of the forward: node x row. bottom: log of the lowest at time 0, spacing: per row."""

    bottom: Floats
    spacing: Floats
    stock: Floats


def _grid(rows: CashRows, spot: Floats, drop: Floats, spaced: float) -> _Grid:
    """Nodes from far below the spot less all dividends to far above it, one of them on the strike at expiry."""
    deviation = rows.vol * np.sqrt(rows.t_years)
    spacing = spaced * deviation
    at_expiry = np.log(rows.strike) - _drift(rows) * rows.t_years
    below = np.log(spot / np.maximum(spot - drop, 1e-3 * spot))
    under = np.ceil((_REACH * deviation + below) / spacing)
    # The strike's node may lie off the grid: then the kink is out of reach as well.
    first = np.floor((np.log(spot) - at_expiry) / spacing) - under
    count = int(under.max() + np.ceil(_REACH / spaced)) + 2
    bottom = at_expiry + first * spacing
    return _Grid(bottom, spacing, np.exp(bottom + np.arange(count)[:, None] * spacing))


def _drift(rows: CashRows) -> Floats:
    return np.asarray(rows.rate - rows.dividend_yield - 0.5 * rows.vol * rows.vol)


def _roll_back(rows: CashRows, model: DividendModel, spaced: float) -> Floats:
    """Backward induction from expiry to now; values are discounted to now throughout. Returns 4 x rows."""
    discounted = rows.cash * np.exp(-rows.rate[:, None] * rows.dates)
    escrowed = model is DividendModel.ESCROWED
    owed = discounted.sum(axis=1)
    spot = rows.spot - owed if escrowed else rows.spot
    grid = _grid(rows, spot, np.zeros_like(owed) if escrowed else rows.cash.sum(axis=1), spaced)
    sign = np.where(rows.call, 1.0, -1.0)
    later, end = np.zeros_like(owed), rows.t_years
    values = _payoff(grid, rows, sign)
    closed = _closed(rows)
    for event in range(rows.dates.shape[1] - 1, -1, -1):
        begin = rows.dates[:, event]
        last = event == rows.dates.shape[1] - 1
        # Rows whose last stretch has a formula need no steps there.
        _diffuse(values, grid, rows, sign, begin, np.where(closed, begin, end) if last else end, later, spaced)
        paid = np.zeros_like(begin) if escrowed else rows.cash[:, event]
        before = _drop(values, grid, rows, begin, paid) if paid.any() else values
        values = _formula(before, grid, rows, begin, paid, closed) if last and closed.any() else before
        later = later + discounted[:, event] if escrowed else later
        _exercise(values, grid, rows, sign, begin, later)
        end = begin
    _diffuse(values, grid, rows, sign, np.zeros_like(end), end, later, spaced)
    return _read(values, grid, spot)


def _payoff(grid: _Grid, rows: CashRows, sign: Floats) -> Floats:
    """Discounted payoff at the nodes."""
    strike = rows.strike * np.exp(-rows.rate * rows.t_years)
    forward = sign * (grid.stock * np.exp((_drift(rows) - rows.rate) * rows.t_years) - strike)
    # A sum over nodes misses a twelfth of spacing x slope change at a kink that lies on a node (Euler and Maclaurin).
    kink = np.abs(forward) < 0.25 * grid.spacing * strike
    return np.where(kink, strike * grid.spacing / 12.0, np.maximum(forward, 0.0))


def _closed(rows: CashRows) -> Bools:
    """Rows worth the European formula after their last ex-date, or so near expiry there that a grid would be coarse."""
    if rows.dates.shape[1] == 0:
        return np.zeros(rows.spot.size, dtype=np.bool_)
    own, other = (
        np.where(rows.call, rows.dividend_yield, rows.rate),
        np.where(rows.call, rows.rate, rows.dividend_yield),
    )
    return np.asarray((own <= 0.0) & (other >= own) | (rows.t_years - rows.dates[:, -1] < 0.1 * rows.t_years))


def _formula(values: Floats, grid: _Grid, rows: CashRows, when: Floats, cash: Floats, closed: Bools) -> Floats:
    """Values with those of the closed rows replaced by the continuous-yield price after the last ex-date."""
    part = np.flatnonzero(closed)
    few, date = rows.take(part), when[part]
    stock = grid.stock[:, part] * np.exp(_drift(few) * date)
    left = np.maximum(stock - cash[part], 1e-12 * stock)
    years = few.t_years - date
    price = price_only(arrays(left, few.strike, years, few.rate, few.dividend_yield, few.vol, few.call))[0]
    values[:, part] = price.reshape(stock.shape) * np.exp(-few.rate * date)
    return values


def _exercise(values: Floats, grid: _Grid, rows: CashRows, sign: Floats, when: Floats, later: Floats) -> None:
    """Raise the values, in place, to what exercise just before an ex-date gives.

    Here, unlike at other instants, the slope jumps, at a share x of the way between two nodes. What a sum over nodes
    misses there, -(B2(x) / 2 slope jump + B3(1 - x) / 6 curvature jump) in units of the spacing (Euler and Maclaurin),
    is given back to the two.
    """
    fade = sign * np.exp((_drift(rows) - rows.rate) * when)
    strike = sign * (rows.strike * np.exp(-rows.rate * when) - later)
    worth = grid.stock * fade - strike
    above = values - worth
    node, row = np.nonzero(above[1:-2] * above[2:-1] < 0.0)
    known = np.maximum(values[node + 1, row], values[node + 2, row]) > 0.0
    node, row = node[known], row[known]
    np.maximum(values, worth, out=values)
    # The cubic through the four nodes around: a + b x + c x^2 + d x^3 from the second of them.
    before, a, after, far = (above[node + k, row] for k in range(4))
    c = 0.5 * (before + after) - a
    d = (far - before) / 6.0 - 0.5 * (after - a)
    b = after - a - c - d
    x = a / (a - after)
    for _ in range(3):
        x = np.clip(x - (a + x * (b + x * (c + x * d))) / (b + x * (2.0 * c + 3.0 * x * d)), 0.0, 1.0)
    slope, curvature, y = b + x * (2.0 * c + 3.0 * x * d), 2.0 * c + 6.0 * x * d, 1.0 - x
    missed = 0.5 * np.abs(slope) * (x * x - x + 1.0 / 6.0)
    missed += np.sign(slope) * curvature * (y * y * y - 1.5 * y * y + 0.5 * y) / 6.0
    values[node + 1, row] += missed * y
    values[node + 2, row] += missed * x


def _diffuse(
    values: Floats, grid: _Grid, rows: CashRows, sign: Floats, begin: Floats, end: Floats, later: Floats, spaced: float
) -> None:
    """Carry the values, in place, back from `end` to `begin` (rows), exercising after every step.

    Between rows the number of steps differs. Values are kept divided by the product of the middle weights, which
    saves a multiplication per node.
    """
    span = end - begin
    wanted = 3.0 * span / (rows.t_years * spaced**2)
    steps = np.where(span > 0.0, np.maximum(np.rint(wanted), 1.0), 0.0)
    count = int(steps.max())
    if count == 0:
        return
    safe = np.maximum(steps, 1.0)
    weight = rows.vol * rows.vol * span / (2.0 * safe * grid.spacing * grid.spacing)
    index = np.arange(count)[:, None]
    active = index < steps
    middle = np.where(active, 1.0 - 2.0 * weight, 1.0)
    side = np.where(active, weight, 0.0) / middle
    growth = np.cumprod(1.0 / middle, axis=0)
    when = end - np.minimum(index + 1.0, steps) * (span / safe)
    fade = growth * sign * np.exp((_drift(rows) - rows.rate) * when)
    strike = growth * sign * (rows.strike * np.exp(-rows.rate * when) - later)
    inner, both, worth = values[1:-1], np.empty_like(values[1:-1]), np.empty_like(values[1:-1])
    stock = grid.stock[1:-1]
    edges, edge_stock = values[:: values.shape[0] - 1], grid.stock[:: values.shape[0] - 1]
    for step in range(count):
        np.add(values[2:], values[:-2], out=both)
        both *= side[step]
        inner += both
        np.multiply(stock, fade[step], out=worth)
        worth -= strike[step]
        np.maximum(inner, worth, out=inner)
        edges /= middle[step]
        np.maximum(edges, edge_stock * fade[step] - strike[step], out=edges)
    values /= growth[-1]


def _drop(values: Floats, grid: _Grid, rows: CashRows, when: Floats, cash: Floats) -> Floats:
    """Values just before an ex-date from those just after: the same at a spot lower by the cash amount."""
    log_forward = _drift(rows) * when
    stock = grid.stock * np.exp(log_forward)
    after = np.maximum(stock - cash, 1e-12 * stock)
    place = (np.log(after) - log_forward - grid.bottom) / grid.spacing
    found = _interpolate(values, np.maximum(place, 0.0), 4)[0]
    # Under the grid the put is exercised or a sure thing, and the call is worthless.
    return np.where(cash > 0.0, found, values)


def _interpolate(values: Floats, place: Floats, points: int) -> Floats:
    """Polynomial through the nearest nodes: value and the derivatives by place, up to the third; 4 x shape of place."""
    low = np.clip(np.floor(place).astype(np.intp) - points // 2 + 1, 0, values.shape[0] - points)
    local = place - low
    nodes = np.arange(points)
    samples = np.stack([np.take_along_axis(values, low + node, axis=0) for node in nodes])
    inverse = np.linalg.inv(np.vander(nodes, increasing=True).astype(np.float64))
    coefficients = np.tensordot(inverse, samples, axes=1)
    result = np.zeros((4, *place.shape))
    for order in range(4):
        for power in range(points - 1, order - 1, -1):
            factor = float(np.prod(np.arange(power - order + 1, power + 1)))
            result[order] = result[order] * local + factor * coefficients[power]
    return result


def _read(values: Floats, grid: _Grid, spot: Floats) -> Floats:
    """Value and derivatives by log-spot at the spot of today."""
    place = (np.log(spot) - grid.bottom) / grid.spacing
    found = _interpolate(values, place[None], 6)[:, 0]
    return np.asarray(found / grid.spacing ** np.arange(4)[:, None])
