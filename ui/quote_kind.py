"""Quotes that are not live, in words: one place, so that chain, positions and ticket say the same. Pure, no Qt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from models.enums import MarketDataKind

DELAYED: Final = "DELAYED"
FROZEN: Final = "FROZEN"
_SUBSCRIBE: Final = "No order is sent on them. Subscribe to the market data at the broker for live ones."
#: What is behind each word.
EXPLAINED: Final = {
    DELAYED: "Quotes are delayed, by 15 minutes as a rule: this login has no subscription for live ones. Prices, vols "
    f"and Greeks are of that time. {_SUBSCRIBE}",
    FROZEN: "Quotes are frozen: the last ones of a market that is closed. No order is sent on them.",
}


def word(kinds: Iterable[MarketDataKind]) -> str:
    """Returns DELAYED or FROZEN as soon as one of the quotes is; delayed is the worse one. Empty when all are live."""
    found = frozenset(kinds)
    if MarketDataKind.DELAYED in found:
        return DELAYED
    return FROZEN if MarketDataKind.FROZEN in found else ""
