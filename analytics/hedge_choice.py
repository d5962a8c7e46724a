"""Which of the good candidates are shown: undominated ones, best first, no kind and no idea crowding out the others."""

from __future__ import annotations

from collections import Counter

import numpy as np

from analytics.book_columns import Rows
from analytics.hedge_limits import Standing
from analytics.hedge_scores import Scored, undominated
from analytics.hedge_shapes import Ints, Shapes

#: Contract numbers with signed ratios.
Trade = tuple[tuple[int, int], ...]

#: So many of each kind, best score first, are held against each other.
_COMPARED = 600
#: One kind fills at most this part of what is kept, while others have something to offer.
_KIND_SHARE = 3
#: Variations of one idea: first one each, then two, then three, then what there is.
_DEPTHS = (1, 2, 3)
#: What scores worse than so many times the best and so many dollars more is no alternative to it.
_DEAREST, _DEAREST_USD = 5.0, 1_000.0


def best_tier(found: Scored, where: Standing) -> tuple[Rows, bool]:
    """The candidates of the best tier there is, and whether that is only partial.

    Tiers: every broken limit back inside by the margin at which its alarm ends; all just inside; the rest.
    """
    for tier in (where.is_clear(found.after), found.cure >= 1.0):
        if tier.any():
            return np.flatnonzero(tier), False
    return np.arange(len(found)), True


def diverse(found: Scored, shapes: Shapes, contract: Rows, count: int, *, by_cure: bool) -> Rows:
    """At most `count` undominated candidates, best score first; of partial ones (`by_cure`) the greatest cures.

    contract: number of the contract of every row; of trades in the same contracts one is taken, in one size.
    """
    order = np.argsort(found.score, kind="stable")
    if by_cure:
        order = np.lexsort((found.score, -np.round(found.cure, 1)))
    kinds = shapes.kind[found.shape]
    rank = np.full(len(found), len(found), dtype=np.intp)
    rank[order] = np.arange(order.size)
    survivors: list[int] = []
    dearest = np.inf if by_cure or order.size == 0 else _DEAREST * found.score[order[0]] + _DEAREST_USD
    order = order[found.score[order] <= dearest]
    for kind in np.unique(kinds).tolist():
        mine = order[kinds[order] == kind][:_COMPARED]
        survivors += mine[undominated(found.take(mine))].tolist()
    survivors.sort(key=lambda at: int(rank[at]))
    trades = {at: _trade(shapes, contract, int(found.shape[at])) for at in survivors}
    chosen = _spread(survivors, kinds, shapes.family[found.shape], trades, count)
    return np.array(sorted(chosen, key=lambda at: int(rank[at])), dtype=np.intp)


def _trade(shapes: Shapes, contract: Rows, shape: int) -> Trade:
    """What a shape buys and sells, whatever its family calls it."""
    used = np.flatnonzero(shapes.ratio[shape])
    return tuple(
        sorted(zip(contract[shapes.rows[shape, used]].tolist(), shapes.ratio[shape, used].tolist(), strict=True))
    )


def _spread(ranked: list[int], kinds: Ints, families: Ints, trades: dict[int, Trade], count: int) -> list[int]:
    """The best of every kind, then of every idea, then second ones; caps fall away when something is left to fill."""
    of_kind: Counter[int] = Counter()
    of_idea: Counter[int] = Counter()
    chosen: list[int] = []
    taken: set[Trade] = set()
    share = max(-(-count // _KIND_SHARE), 1)
    rounds = [(1, 1), *((share, depth) for depth in _DEPTHS), *((count, depth) for depth in (*_DEPTHS, count))]
    for most_of_kind, most_of_idea in rounds:
        for at in ranked:
            kind, idea = int(kinds[at]), int(families[at])
            if len(chosen) >= count:
                return chosen
            if trades[at] not in taken and of_kind[kind] < most_of_kind and of_idea[idea] < most_of_idea:
                chosen.append(at)
                taken.add(trades[at])
                of_kind[kind] += 1
                of_idea[idea] += 1
    return chosen
