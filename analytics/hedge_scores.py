"""Sizes, figures and score of every candidate at once: gathers and sums over the unit columns, no loop per candidate.

Score, dollars; the least is best
    friction     slippage (mid to natural price) and about what brokers charge: `FEE_PER_CONTRACT`, `FEE_PER_SHARE`
  + carry        theta given up per day x `HORIZON_DAYS`; theta gained earns nothing here
  + outlay       `OUTLAY_SHARE` of the option premium paid (mid): an exchange at its worth, not a loss, but it wears
                 away; premium received earns nothing here. Shares do not wear away and a future is not paid for: what
                 they bind is in the margin
  + margin       `MARGIN_SHARE` of the requirement added; what is freed earns nothing here
  + stress       `STRESS_SHARE` of what the worst rung of the stress ladder gets worse by. Where it gets better the same
                 share is taken off, up to `RELIEF_SHARE` of carry and outlay: premium that protects is not all lost
Carry and outlay grow in step with size, the worst rung is concave in it, and no more than part of carry and outlay is
taken off: the score but for margin is convex in size, 0 at 0 and never below, so it does not fall with size, and the
smallest size that cures is the best of its shape. A candidate that another one beats in every one of these respects
never has the better score.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from analytics.black_scholes import Bools, Floats
from analytics.book_columns import Model, Rows
from analytics.hedge_limits import MARGIN_COLUMN, METRICS, Standing
from analytics.hedge_market import SearchInput, worst_rungs
from analytics.hedge_shapes import CODE, NO_SECOND, Ints, Shapes
from analytics.hedge_units import Units
from models.enums import InstrumentKind, Metric
from models.hedge import HedgeCandidate, HedgeKind, SearchLimits

HORIZON_DAYS = 5.0
OUTLAY_SHARE = 0.10
MARGIN_SHARE = 0.01
STRESS_SHARE = 0.01
RELIEF_SHARE = 0.50
#: A new vertical, broken wing or calendar does at least this part of what its legs do together.
LEAST_NET = 0.20
FEE_PER_CONTRACT, FEE_PER_SHARE = 1.0, 0.005
#: The worst rung may get worse by the larger of these shares of what it is, and of net liquidation.
STRESS_ROOM, STRESS_ROOM_OF_NET_LIQ = 0.25, 0.05
#: Closing trades are also tried in these parts of what is held.
_FRACTIONS = np.array([0.25, 0.5, 0.75, 1.0])
_STRUCTURES = [CODE[kind] for kind in (HedgeKind.VERTICAL, HedgeKind.BROKEN_WING, HedgeKind.CALENDAR)]
_THETA = METRICS.index(Metric.THETA)
_SHARES = frozenset({InstrumentKind.STOCK, InstrumentKind.ETF})


@dataclass(frozen=True, slots=True, eq=False)
class UnitFigures:
    """What one unit of each shape does: effects [N, metric], stress [N, rung], dollars [N].

    cost: paid at mid, for options and shares. premium: for options alone. gross: what its legs do [N, Greek]
    without their signs.
    """

    effects: Floats
    stress: Floats
    cost: Floats
    premium: Floats
    slippage: Floats
    fees: Floats
    margin: Floats
    gross: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Candidates [N]: shape and number of units, and every figure; effect [N, metric], after [N, limit]."""

    shape: Rows
    size: Ints
    effect: Floats
    after: Floats
    cure: Floats
    theta: Floats
    cost: Floats
    premium: Floats
    slippage: Floats
    fees: Floats
    margin: Floats
    worst: Floats
    worst_rung: Rows
    score: Floats

    def __len__(self) -> int:
        return int(self.shape.size)

    def take(self, at: Rows | Bools) -> Scored:
        """Some of the candidates."""
        return Scored(*(getattr(self, one.name)[at] for one in fields(self)))


def joined_scores(one: Scored, other: Scored) -> Scored:
    """The candidates of both."""
    return Scored(*(np.concatenate([getattr(one, part.name), getattr(other, part.name)]) for part in fields(Scored)))


def unit_figures(given: SearchInput, units: Units, shapes: Shapes) -> UnitFigures:
    """Sums over the legs of one unit of each shape."""
    share = np.array([one.kind in _SHARES for one in units.contracts], dtype=np.bool_)
    fee = np.where(share, FEE_PER_SHARE, FEE_PER_CONTRACT)
    option = units.model != Model.LINEAR
    future = np.array([symbol.startswith("/") for symbol in units.symbols], dtype=np.bool_)[units.underlying] & ~option
    paid, premium = np.where(future, 0.0, units.mid), np.where(option, units.mid, 0.0)
    columns = np.column_stack([units.greeks, paid, premium, units.half_spread, fee, units.stress])
    # One row of zeros at the end: the row of a leg that is none (-1).
    columns = np.vstack([columns, np.zeros(columns.shape[1])])
    signed = np.zeros((len(shapes), columns.shape[1]))
    gross = np.zeros((len(shapes), 8))
    for leg in range(shapes.rows.shape[1]):
        used = np.flatnonzero(shapes.ratio[:, leg])
        part = columns[shapes.rows[used, leg]]
        ratio = shapes.ratio[used, leg][:, None].astype(np.float64)
        signed[used] += part * ratio
        gross[used] += np.abs(part[:, :8] * ratio)
    return UnitFigures(
        effects=np.column_stack([signed[:, :4], given.margin_pct(shapes.margin)]),
        stress=signed[:, 8:],
        cost=signed[:, 4],
        premium=signed[:, 5],
        slippage=gross[:, 6],
        fees=gross[:, 7],
        margin=shapes.margin,
        gross=gross[:, :4],
    )


def sized(shapes: Shapes, figures: UnitFigures, where: Standing) -> tuple[Rows, Ints]:
    """Shape and units of every candidate: what cures by the margin, a notch less and more, what is just inside.

    A shape that cannot cure alone comes in the greatest size that helps and breaks nothing, and in half of it; closing
    trades also come in quarters.
    """
    bound = where.bounds(figures.effects)
    most = shapes.most.astype(np.float64)
    whole = np.ceil(bound.clears - 1e-9)
    partial = np.floor(np.minimum(np.minimum(bound.most, most), np.ceil(bound.helps)))
    fits = whole <= np.minimum(bound.most, most)
    partial = np.where(fits, 0.0, partial)
    closing = np.where(shapes.kind == CODE[HedgeKind.CLOSE], 1.0, 0.0)[:, None]
    fractions = np.ceil(most[:, None] * _FRACTIONS) * closing
    tried = np.column_stack(
        [whole - 1.0, whole, whole + 1.0, np.ceil(bound.inside - 1e-9), partial, np.ceil(0.5 * partial), fractions]
    )
    tried = np.where(
        np.isfinite(tried) & (tried >= 1.0) & (tried <= most[:, None]) & (bound.helps > 0.0)[:, None], tried, 0.0
    )
    tried.sort(axis=1)
    fresh = tried > 0.0
    fresh[:, 1:] &= tried[:, 1:] != tried[:, :-1]
    shape, column = np.nonzero(fresh)
    return shape.astype(np.intp), tried[shape, column].astype(np.int64)


def is_mere_difference(shapes: Shapes, figures: UnitFigures, where: Standing) -> Bools:
    """New structures [N] that do on no broken limit at least `LEAST_NET` of what their legs do without their signs.

    Such a cure is the small difference of large figures: it takes many contracts, and a slightly other smile undoes it.
    """
    metric = where.metric[where.broken]
    metric = metric[metric != MARGIN_COLUMN]
    if metric.size == 0:
        return np.zeros(len(shapes), dtype=np.bool_)
    new = np.isin(shapes.kind, _STRUCTURES) & (shapes.second == NO_SECOND)
    net = np.abs(figures.effects[:, metric])
    return np.asarray(new & (net < LEAST_NET * figures.gross[:, metric]).all(axis=1))


def scored(
    given: SearchInput,
    units: Units,
    figures: UnitFigures,
    where: Standing,
    shape: Rows,
    size: Ints,
    margin: Floats,
) -> Scored:
    """All figures of sized candidates. margin: dollars of change, one per candidate, NaN = unknown."""
    times = size.astype(np.float64)
    effects = figures.effects[shape] * times[:, None]
    effects[:, MARGIN_COLUMN] = given.margin_pct(margin)
    after = where.after(effects)
    stress = figures.stress[shape]
    stress *= times[:, None]
    stress += units.book_stress
    rung, worst = worst_rungs(stress), stress.min(axis=1)
    dollars = (figures.cost, figures.premium, figures.slippage, figures.fees)
    cost, premium, slippage, fees = (part[shape] * times for part in dollars)
    theta = effects[:, _THETA]
    before = float(units.book_stress.min())
    return Scored(
        shape=shape,
        size=size,
        effect=effects,
        after=after,
        cure=where.cure(after),
        theta=theta,
        cost=cost,
        premium=premium,
        slippage=slippage,
        fees=fees,
        margin=margin,
        worst=worst,
        worst_rung=rung,
        score=_score(theta, premium, slippage, fees, margin, worst - before),
    )


def _score(
    theta: Floats, premium: Floats, slippage: Floats, fees: Floats, margin: Floats, stress_change: Floats
) -> Floats:
    worn = HORIZON_DAYS * np.maximum(-theta, 0.0) + OUTLAY_SHARE * np.maximum(premium, 0.0)
    bound = MARGIN_SHARE * np.maximum(np.nan_to_num(margin), 0.0)
    relief = np.minimum(STRESS_SHARE * stress_change, RELIEF_SHARE * worn)
    return np.asarray(slippage + fees + worn + bound - relief)


def total_score(candidate: HedgeCandidate) -> float:
    """The score of a candidate from its own figures, dollars; the least is best, "do nothing" has 0."""
    fees = sum(
        leg.quantity * (FEE_PER_SHARE if leg.contract.kind in _SHARES else FEE_PER_CONTRACT) for leg in candidate.legs
    )
    before, after = candidate.worst_stress_before_usd, candidate.worst_stress_after_usd
    change = 0.0 if before is None or after is None else after - before
    margin = candidate.margin_change_usd or 0.0
    premium = candidate.cost_usd - candidate.shares_cost_usd
    parts = (candidate.theta_change_per_day, premium, candidate.slippage_usd, fees, margin, change)
    return float(_score(*(np.asarray(part, dtype=np.float64) for part in parts)))


def is_sound(given: SearchInput, units: Units, where: Standing, found: Scored, wish: SearchLimits) -> Bools:
    """Which candidates break no limit that held, worsen none that is broken, and keep to the wish and stress room."""
    before, broken = where.before, where.broken
    excess = where.excess(found.after)
    good = ~((excess > 1e-9 * np.maximum(np.abs(found.after), 1.0)) & ~broken).any(axis=1)
    good &= ~((excess > where.excess(before) * (1.0 + 1e-9)) & broken).any(axis=1)
    worst = float(units.book_stress.min())
    room = max(STRESS_ROOM * max(-worst, 0.0), STRESS_ROOM_OF_NET_LIQ * max(given.net_liq or 0.0, 0.0))
    good &= found.worst >= worst - room
    if wish.max_cost_usd is not None:
        good &= found.cost + found.slippage <= wish.max_cost_usd
    if wish.max_theta_given_up_per_day is not None:
        good &= -found.theta <= wish.max_theta_given_up_per_day
    return good & (found.cure > 0.0)


def respects(found: Scored) -> Floats:
    """What candidates of one kind are compared in [N, 6], less is better: see `undominated`."""
    return np.column_stack(
        [
            -found.cure,
            np.maximum(-found.theta, 0.0),
            found.premium,
            found.slippage + found.fees,
            -found.worst,
            np.nan_to_num(found.margin),
        ]
    )


def undominated(found: Scored) -> Bools:
    """Which candidates no other one is at least as good as in all of `respects` and better in one.

    Respects: cure, theta given up, premium paid, slippage and fees, the worst rung of the stress ladder, margin.
    """
    table = respects(found)
    no_worse = np.ones((len(found), len(found)), dtype=np.bool_)
    better = np.zeros_like(no_worse)
    for column in table.T:
        slack = 1e-9 * np.maximum(np.abs(column), 1.0)
        no_worse &= column[:, None] <= column[None, :] + slack[None, :]
        better |= column[:, None] < column[None, :] - slack[None, :]
    return np.asarray(~(no_worse & better).any(axis=0))
