"""Which limit breaks first when the index falls or rises, and where: limits held against full revaluations."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Bools, Floats
from analytics.book import BookArrays
from analytics.scenarios.columns import Frozen, Moves, freeze
from analytics.scenarios.greeks import grouped_greeks, index_levels
from analytics.scenarios.shocks import STICKY_STRIKE, ScenarioError, VolDynamics, VolShift, axis
from models.enums import Metric
from models.risk import Limit

_GREEKS = (Metric.SPX_DELTA, Metric.GAMMA, Metric.THETA, Metric.VEGA)


class Crossing(NamedTuple):
    """Where a limit breaks. lane: its place in `BreachMap.lanes`. bound: the one that breaks, is_upper: which side.

    index_shift: relative, 0.0 = broken now. index_price: level there. value: of the metric just beyond.
    """

    lane: int
    bound: float
    is_upper: bool
    index_shift: float
    index_price: float
    value: float


class Lane(NamedTuple):
    """One limit over the map. metric is None for the loss limit; low, high: bounds, None = open.

    values[vol, spot]: the metric (P&L: dollars against now). utilisation[vol, spot]: value over the bound on its
    side, 1.0 = at the limit, inf where the bound has the other sign, NaN where it is open. broken[vol, spot].
    down, up: first crossing along the spot axis without a vol shift, None = holds as far as the axis reaches.
    """

    metric: Metric | None
    low: float | None
    high: float | None
    values: Floats
    utilisation: Floats
    broken: Bools
    down: Crossing | None
    up: Crossing | None


class BreachMap(NamedTuple):
    """Limits over spot x vol. first_down, first_up: the lane that breaks nearest to now on each side.

    worst[vol, spot]: highest utilisation (NaN = no limit applies). binding[vol, spot]: its lane, -1 = none.
    not_mapped: metrics with a limit that no revaluation shows (margin).
    """

    spot_shifts: Floats
    vol_shifts: Floats
    index_price: Floats
    lanes: tuple[Lane, ...]
    worst: Floats
    binding: npt.NDArray[np.intp]
    first_down: Crossing | None
    first_up: Crossing | None
    not_mapped: tuple[Metric, ...]
    included: Bools
    excluded_count: int
    floored: int


class _Bounds(NamedTuple):
    """One limit as arithmetic wants it."""

    metric: Metric | None
    low: float | None
    high: float | None

    def broken(self, values: Floats) -> Bools:
        """True outside the bounds; an unknown value breaks nothing."""
        below = values < (-np.inf if self.low is None else self.low)
        return np.asarray(below | (values > (np.inf if self.high is None else self.high)))

    def utilisation(self, values: Floats) -> Floats:
        """Share of the limit used, as `models.risk.Limit.utilisation` but NaN for an open side."""
        used = np.full(values.shape, np.nan)
        if self.high is not None:
            above = values > 0.0
            used[above] = values[above] / self.high if self.high > 0.0 else np.inf
        if self.low is not None:
            below = values < 0.0
            used[below] = values[below] / self.low if self.low < 0.0 else np.inf
        used[values == 0.0] = 0.0
        return used


class _Edge(NamedTuple):
    """A lane that holds at `inside` and is broken at `outside`, both relative index shifts."""

    lane: int
    inside: float
    outside: float


class _Scene(NamedTuple):
    """What is revalued."""

    frozen: Frozen
    bounds: tuple[_Bounds, ...]
    days_forward: float
    index_price: float

    def values(self, spots: Floats, vols: Floats) -> tuple[Floats, int]:
        """Every metric [lane, vol, spot], and how many vols stood on a floor."""
        found = grouped_greeks(self.frozen, spots, vols, self.days_forward, self.index_price)
        parts = {
            None: found.pnl,
            Metric.SPX_DELTA: found.spx_equiv_delta,
            Metric.GAMMA: found.gamma,
            Metric.THETA: found.theta_per_day,
            Metric.VEGA: found.vega_per_point,
        }
        lanes = [parts[bound.metric][0] for bound in self.bounds]
        return np.array(lanes).reshape(len(lanes), vols.size, spots.size), found.floored


def breach_map(
    book: BookArrays,
    *,
    now_epoch_s: float,
    index_price: float,
    limits: Sequence[Limit],
    spot_shifts: npt.ArrayLike,
    vol_shifts: npt.ArrayLike = 0.0,
    max_loss_dollars: float | None = None,
    days_forward: float = 0.0,
    vol_mode: VolShift = VolShift.ABSOLUTE,
    beta_weighted: bool = True,
    dynamics: VolDynamics = STICKY_STRIKE,
    rows: npt.ArrayLike | None = None,
    underlying_shifts: npt.ArrayLike | None = None,
    tolerance: float = 1e-6,
) -> BreachMap:
    """Hold limits against the book on spot x vol and find where each breaks first on the way down and up.

    limits: of spx_delta, gamma, theta and vega (others are named in `not_mapped`), as `execution` keeps them.
    max_loss_dollars: > 0, breaks when the P&L against now falls below its negative. Axes, dynamics, rows and
    underlying_shifts as in `pnl_grid`. Crossings are searched from no shift outwards along the given spot shifts at
    no vol shift (vols still respond by `dynamics`), then bisected until the index shift is known to `tolerance`
    (relative; 1e-6 of SPX 7,200 is 0.007 points). A limit that breaks and heals between two given shifts is not
    seen: give a finer axis. Raises `ScenarioError` for a loss limit, tolerance or axis that cannot be used.
    """
    spots, vols = axis("spot_shifts", spot_shifts), axis("vol_shifts", vol_shifts)
    if not tolerance >= 1e-12:
        raise ScenarioError(f"tolerance {tolerance} must be at least 1e-12. Raise it.")
    moves = Moves(vol_mode, beta_weighted, dynamics, rows, underlying_shifts)
    frozen = freeze(book, now_epoch_s, moves)
    scene = _Scene(frozen, _bounds(limits, max_loss_dollars), days_forward, index_price)
    values, floored = scene.values(spots, vols)
    crossings = _crossings(scene, spots, tolerance)
    lanes = tuple(
        Lane(*bound, values[i], bound.utilisation(values[i]), bound.broken(values[i]), *crossings[i])
        for i, bound in enumerate(scene.bounds)
    )
    worst, binding = _binding(lanes, (vols.size, spots.size))
    return BreachMap(
        spot_shifts=spots,
        vol_shifts=vols,
        index_price=index_levels(index_price, spots),
        lanes=lanes,
        worst=worst,
        binding=binding,
        first_down=_nearest([lane.down for lane in lanes]),
        first_up=_nearest([lane.up for lane in lanes]),
        not_mapped=tuple(limit.metric for limit in limits if limit.metric not in _GREEKS),
        included=frozen.included,
        excluded_count=frozen.excluded_count,
        floored=floored,
    )


def _bounds(limits: Sequence[Limit], max_loss_dollars: float | None) -> tuple[_Bounds, ...]:
    found = [_Bounds(limit.metric, limit.low, limit.high) for limit in limits if limit.metric in _GREEKS]
    if max_loss_dollars is not None:
        if not 0.0 < max_loss_dollars < np.inf:
            raise ScenarioError(f"max_loss_dollars {max_loss_dollars} must be a positive number. Correct it.")
        found.append(_Bounds(None, -max_loss_dollars, None))
    return tuple(found)


def _crossings(scene: _Scene, spots: Floats, tolerance: float) -> list[tuple[Crossing | None, Crossing | None]]:
    """(down, up) of every lane, without a vol shift."""
    path = np.unique(np.append(spots, 0.0))
    values, _ = scene.values(path, np.zeros(1))
    here = int(np.searchsorted(path, 0.0))
    edges: list[_Edge] = []
    sides: list[tuple[int | None, int | None]] = []
    for lane, bound in enumerate(scene.bounds):
        broken = bound.broken(values[lane, 0])
        pair = []
        for steps in (range(here, -1, -1), range(here, path.size)):
            hit = next((step for step in steps if broken[step]), None)
            pair.append(None if hit is None else len(edges))
            if hit is not None:
                before = hit if hit == here else hit - steps.step
                edges.append(_Edge(lane, float(path[before]), float(path[hit])))
        sides.append((pair[0], pair[1]))
    found = _bisected(scene, edges, tolerance)
    return [(None if d is None else found[d], None if u is None else found[u]) for d, u in sides]


def _bisected(scene: _Scene, edges: list[_Edge], tolerance: float) -> list[Crossing]:
    """All crossings at once: every round halves every bracket with one revaluation."""
    if not edges:
        return []
    lanes = np.array([edge.lane for edge in edges])
    each = np.arange(lanes.size)
    inside, outside = np.array([edge.inside for edge in edges]), np.array([edge.outside for edge in edges])
    while np.abs(outside - inside).max() > tolerance:
        middle = 0.5 * (inside + outside)
        values = scene.values(middle, np.zeros(1))[0][lanes, 0, each]
        broken = np.array([scene.bounds[lane].broken(value) for lane, value in zip(lanes, values, strict=True)])
        inside, outside = np.where(broken, inside, middle), np.where(broken, middle, outside)
    final = scene.values(outside, np.zeros(1))[0][lanes, 0, each]
    levels = index_levels(scene.index_price, outside)
    return [
        _crossing(lane, scene.bounds[lane], float(outside[i]), float(levels[i]), float(final[i]))
        for i, lane in enumerate(lanes.tolist())
    ]


def _crossing(lane: int, bounds: _Bounds, shift: float, level: float, value: float) -> Crossing:
    is_upper = bounds.high is not None and value > bounds.high
    bound = bounds.high if is_upper else bounds.low
    return Crossing(lane, float("nan") if bound is None else bound, is_upper, shift, level, value)


def _nearest(crossings: list[Crossing | None]) -> Crossing | None:
    return min((one for one in crossings if one is not None), key=lambda one: abs(one.index_shift), default=None)


def _binding(lanes: tuple[Lane, ...], shape: tuple[int, int]) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Highest utilisation per cell and the lane it belongs to; a broken lane ranks as at least fully used."""
    worst, binding = np.full(shape, np.nan), np.full(shape, -1, dtype=np.intp)
    for index, lane in enumerate(lanes):
        used = np.where(lane.broken & ~(lane.utilisation > 1.0), np.inf, lane.utilisation)
        higher = (used > worst) | (np.isnan(worst) & ~np.isnan(used))
        worst[higher], binding[higher] = used[higher], index
    return worst, binding
