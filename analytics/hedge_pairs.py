"""Two trades in one order, for when none cures alone: each does its part, sized against what the other leaves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analytics.black_scholes import Bools
from analytics.book_columns import Rows
from analytics.hedge_limits import Standing
from analytics.hedge_scores import Scored, UnitFigures
from analytics.hedge_shapes import CODE, MAX_LEGS, Ints, Shapes, joined
from analytics.hedge_units import Units
from models.hedge import HedgeKind

#: For each broken limit so many trades, cheapest for what they take off it, are paired with each other.
_PARTNERS = 30
#: Parts of its own best size that the first trade of a pair is tried in.
_PARTS = np.array([0.34, 0.5, 0.67, 1.0])
_FAMILY = 200_000


class _Sized(NamedTuple):
    """Pairs [N]: shapes and units of both."""

    first: Rows
    second: Rows
    first_size: Ints
    second_size: Ints


def paired(
    units: Units, where: Standing, shapes: Shapes, figures: UnitFigures, found: Scored, *, most_legs: int
) -> Shapes:
    """Shapes of one unit that hold two of the candidates found each, on one underlying and in one account."""
    partners, best = _partners(where, shapes, found)
    one, other = np.nonzero(~np.eye(partners.size, dtype=np.bool_))
    kept = _fit_together(units, shapes, partners[one], partners[other], most_legs)
    one, other = one[kept], other[kept]
    if one.size == 0:
        return joined([])
    return _merged(shapes, _sizes(where, shapes, figures, partners, best, one, other))


def _partners(where: Standing, shapes: Shapes, found: Scored) -> tuple[Rows, Ints]:
    """Shapes that take most off a broken limit for their score, and the greatest size each was tried in."""
    legs = np.count_nonzero(shapes.ratio[found.shape], axis=1)
    small = found.take(legs < MAX_LEGS)
    taken: dict[int, int] = {}
    for at in np.flatnonzero(where.broken).tolist():
        relief = 1.0 - where.excess(small.after)[:, at] / where.excess(where.before)[at]
        useful = np.flatnonzero(relief > 0.0)
        price = (small.score[useful] + 1.0) / np.minimum(relief[useful], 1.0)
        chosen: dict[int, int] = {}
        for row in useful[np.argsort(price, kind="stable")].tolist():
            shape, size = int(small.shape[row]), int(small.size[row])
            chosen[shape] = max(chosen.get(shape, 0), size)
            if len(chosen) >= _PARTNERS:
                break
        for shape, size in chosen.items():
            taken[shape] = max(taken.get(shape, 0), size)
    return np.array(list(taken), dtype=np.intp), np.array(list(taken.values()), dtype=np.int64)


def _fit_together(units: Units, shapes: Shapes, one: Rows, other: Rows, most_legs: int) -> Bools:
    """Which pairs make an order: one account and underlying, two ideas, no contract twice, legs as wished for."""
    underlying = units.underlying[shapes.rows[:, 0]]
    fits = (shapes.account[one] == shapes.account[other]) & (underlying[one] == underlying[other])
    fits &= np.count_nonzero(shapes.ratio[one], axis=1) + np.count_nonzero(shapes.ratio[other], axis=1) <= most_legs
    # Two trades on one position would both be counted as freeing its margin.
    fits &= (shapes.row[one] != shapes.row[other]) | (shapes.row[one] < 0)
    contract = np.where(shapes.ratio != 0, units.contract[shapes.rows], -1)
    first, second = contract[one], contract[other]
    same = (first[:, :, None] == second[:, None, :]) & (first[:, :, None] >= 0)
    return np.asarray(fits & ~same.any(axis=(1, 2)))


def _sizes(
    where: Standing, shapes: Shapes, figures: UnitFigures, partners: Rows, best: Ints, one: Rows, other: Rows
) -> _Sized:
    """The first in parts of its size, the second as large as what is left over calls for."""
    first = np.repeat(partners[one], _PARTS.size)
    second = np.repeat(partners[other], _PARTS.size)
    first_size = np.ceil(best[one][:, None] * _PARTS).astype(np.int64).reshape(-1)
    left = where.after(figures.effects[first] * first_size[:, None])
    bound = where.bounds(figures.effects[second], before=left)
    most = np.minimum(bound.most, shapes.most[second])
    wanted = np.minimum(np.ceil(np.where(np.isfinite(bound.clears), bound.clears, bound.helps) - 1e-9), np.floor(most))
    kept = np.isfinite(wanted) & (wanted >= 1.0)
    return _Sized(first[kept], second[kept], first_size[kept], wanted[kept].astype(np.int64))


def _merged(shapes: Shapes, pairs: _Sized) -> Shapes:
    """One shape a pair, its sizes in the ratios, the legs of the first in front; it goes by the kind of the first."""
    one, other = shapes.take(pairs.first), shapes.take(pairs.second)
    ratio = np.concatenate([one.ratio * pairs.first_size[:, None], other.ratio * pairs.second_size[:, None]], axis=1)
    rows = np.concatenate([one.rows, other.rows], axis=1)
    # Legs to the front: what is none sorts behind.
    order = np.argsort(ratio == 0, axis=1, kind="stable")[:, :MAX_LEGS]
    return Shapes(
        rows=np.take_along_axis(rows, order, axis=1),
        ratio=np.take_along_axis(ratio, order, axis=1),
        kind=_kinds(one, pairs.first_size),
        row=one.row,
        account=one.account,
        most=np.ones(pairs.first.size, dtype=np.int64),
        family=_FAMILY + one.family,
        margin=one.margin * pairs.first_size + other.margin * pairs.second_size,
        second=_kinds(other, pairs.second_size),
        second_at=np.count_nonzero(one.ratio, axis=1).astype(np.int64),
    )


def _kinds(shapes: Shapes, size: Ints) -> Ints:
    """Kinds of sized shapes: what is closed in part is reduced."""
    reduced = (shapes.kind == CODE[HedgeKind.CLOSE]) & (size < shapes.most)
    return np.where(reduced, CODE[HedgeKind.REDUCE], shapes.kind)
