"""The trades a search considers, as arrays: which contracts, in which ratio, and how many times at most.

A shape is one unit of a trade; how many units is decided later, from the excess it is to cure. Every family is bounded
by construction: what is sold to open is covered by what is bought with it, or replaces what was short before. Only
futures and shares of the index are sold on their own.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Bools, Floats
from analytics.book_columns import Rows
from models.hedge import HedgeKind

Ints = npt.NDArray[np.int64]

MAX_LEGS = 4
#: Codes of `Shapes.kind`.
KINDS = tuple(HedgeKind)
CODE = {kind: code for code, kind in enumerate(KINDS)}
#: `Shapes.account` of a trade that opens something: the account for new positions.
NEW = -1
#: `Shapes.second` of one trade.
NO_SECOND = -1


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """One unit of each trade.

    rows [N, 4]: rows of `Units`, -1 = no leg. ratio [N, 4]: signed contracts, 0 = no leg. kind: entries of `KINDS`;
    closing ones are CLOSE whatever their size. row: a held row it acts on, -1 = none. account: number of the account it
    must be done in, `NEW` = the one for new positions. most: units at most. family: number of the idea; shapes that
    share it are variations. margin [N]: dollars of requirement of one unit, estimated. second, second_at: of two trades
    in one order the kind of the second and the leg it begins at; -1 and 0 where it is one trade.
    """

    rows: Rows
    ratio: Ints
    kind: Ints
    row: Rows
    account: Ints
    most: Ints
    family: Ints
    margin: Floats
    second: Ints
    second_at: Ints

    def __len__(self) -> int:
        return int(self.kind.size)

    def take(self, at: npt.NDArray[np.intp] | Bools) -> Shapes:
        """Some of the shapes."""
        return Shapes(*(getattr(self, one.name)[at] for one in fields(self)))


def shapes_of(
    legs: list[tuple[Rows, int | Ints]],
    *,
    kind: HedgeKind,
    family: int | Ints,
    most: int | Ints,
    margin: Floats | float,
    row: int | Rows = -1,
    account: int | Ints = NEW,
) -> Shapes:
    """Shapes whose n-th legs are the rows and ratios of the n-th pair; all else is repeated where it is one number."""
    count = legs[0][0].size
    rows = np.full((count, MAX_LEGS), -1, dtype=np.intp)
    ratio = np.zeros((count, MAX_LEGS), dtype=np.int64)
    for at, (leg_rows, leg_ratio) in enumerate(legs):
        rows[:, at], ratio[:, at] = leg_rows, leg_ratio
    return Shapes(
        rows=rows,
        ratio=ratio,
        kind=np.full(count, CODE[kind], dtype=np.int64),
        row=_repeated(row, count).astype(np.intp),
        account=_repeated(account, count),
        most=_repeated(most, count),
        family=_repeated(family, count),
        margin=np.array(np.broadcast_to(np.asarray(margin, dtype=np.float64), (count,))),
        second=_repeated(NO_SECOND, count),
        second_at=_repeated(0, count),
    )


def _repeated(value: int | Ints | Rows, count: int) -> Ints:
    return np.array(np.broadcast_to(np.asarray(value, dtype=np.int64), (count,)))


def joined(parts: list[Shapes]) -> Shapes:
    """All shapes of the parts, in their order."""
    if not parts:
        none = np.empty(0, dtype=np.int64)
        legs = np.empty((0, MAX_LEGS), dtype=np.int64)
        rows, row, margin = legs.astype(np.intp), none.astype(np.intp), none.astype(np.float64)
        return Shapes(rows, legs, none, row, none, none, none, margin, none, none)
    return Shapes(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Shapes)))
