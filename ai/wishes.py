"""A model's wish for another search: only constraints that a search knows, within bounds, in the desk's words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final

from ai.answer import Wish
from ai.payload import MayAskFor
from models.hedge import HedgeKind, SearchLimits
from models.order import MAX_LEGS

_MOST_DOLLARS: Final = 10_000_000.0
_MOST_DAYS: Final = 1500


def search_limits(wish: Wish, may_ask_for: MayAskFor) -> tuple[SearchLimits | None, int]:
    """Returns the constraints that can be kept, None when nothing is left, and how many were dropped."""
    dropped: list[object] = []

    def within(value: float | None, low: float, high: float) -> float | None:
        if value is None or (math.isfinite(value) and low <= value <= high):
            return value
        dropped.append(value)
        return None

    def listed(names: Iterable[str] | None, known: Iterable[str]) -> list[str]:
        asked = list(dict.fromkeys(names or ()))
        kept = [name for name in asked if name in known]
        dropped.extend(name for name in asked if name not in known)
        return kept

    legs, days = within(wish.max_legs, 1, MAX_LEGS), within(wish.max_days_to_expiry, 0, _MOST_DAYS)
    kinds, underlyings = listed(wish.kinds, may_ask_for.kinds), listed(wish.underlyings, may_ask_for.underlyings)
    limits = SearchLimits(
        max_cost_usd=within(wish.max_cost_usd, 0.0, _MOST_DOLLARS),
        max_theta_given_up_per_day=within(wish.max_theta_given_up_per_day, 0.0, _MOST_DOLLARS),
        max_legs=MAX_LEGS if legs is None else int(legs),
        kinds=frozenset(map(HedgeKind, kinds)) or None,
        underlyings=frozenset(underlyings) or None,
        max_days_to_expiry=None if days is None else int(days),
    )
    return (None if limits == SearchLimits() else limits), len(dropped)


def wish_words(limits: SearchLimits) -> str:
    """Returns one sentence, e.g. "Another search: at most $2,000, at most 2 legs, only roll or vertical"."""
    return f"Another search: {', '.join(_constraints(limits))}."


def _constraints(limits: SearchLimits) -> Iterator[str]:
    if limits.max_cost_usd is not None:
        yield f"at most ${limits.max_cost_usd:,.0f}"
    if limits.max_theta_given_up_per_day is not None:
        yield f"at most ${limits.max_theta_given_up_per_day:,.0f} of theta a day given up"
    if limits.max_legs != MAX_LEGS:
        yield f"at most {limits.max_legs} leg{'s' if limits.max_legs > 1 else ''}"
    if limits.kinds is not None:
        yield "only " + " or ".join(sorted(kind.value.replace("_", " ").lower() for kind in limits.kinds))
    if limits.underlyings is not None:
        yield "in " + " or ".join(sorted(limits.underlyings))
    if limits.max_days_to_expiry is not None:
        yield f"expiring within {limits.max_days_to_expiry} days"
