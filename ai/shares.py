"""How much of a limit a figure uses, in the words the model and the desk's own sentences share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from models.risk import Limit


@dataclass(frozen=True, slots=True)
class Share:
    """A figure against the bound of its limit that matters. `pct`: 100 = at the bound; None = cannot be said.

    Beyond 100 is broken, but for a low bound above nothing ("at least"), which is broken below 100.
    """

    bound: Literal["low", "high"] | None
    pct: float | None
    is_broken: bool


def share_of(limit: Limit, value: float | None) -> Share:
    """Returns how much of `limit` the figure uses."""
    if value is None or not math.isfinite(value):
        return Share(None, None, is_broken=False)
    side: Literal["low", "high"] = "low" if _meets_low(limit, value) else "high"
    bound = limit.low if side == "low" else limit.high
    is_broken = limit.is_breached(value)
    if bound is None:
        return Share(None, None, is_broken=False)
    if bound == 0:
        return Share(side, None, is_broken=is_broken)
    pct = 100.0 * (value / bound)  # in this order: at the bound it is exactly 100
    if pct < 0:
        return Share(side, None if is_broken else 0.0, is_broken=is_broken)
    return Share(side, pct, is_broken=is_broken)


def _meets_low(limit: Limit, value: float) -> bool:
    """Whether the low bound is the one that the figure is near to."""
    if limit.low is None:
        return False
    if value < limit.low or limit.high is None:
        return True
    return value < 0 and value <= limit.high
