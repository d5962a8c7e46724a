"""TWS's codes about market data: whether the line is dead, when another try makes sense, and what the user reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class DataTrouble:
    """What a code means for a line.

    `is_dead`: no quotes come on it any more. `retry_s`: pause before another try; None = not on this connection, today.
    `sentence`: what happened and what to do, without the contract's name.
    """

    sentence: str
    is_dead: bool
    retry_s: float | None = None


_SUBSCRIBE: Final = "Subscribe to it in Client Portal (Settings, Market Data), then log TWS in again."

#: All market-data lines of the login are taken, other windows' included: the budget is smaller than thought.
NO_LINE_LEFT: Final = 101
#: By TWS code.
TROUBLES: Final = {
    NO_LINE_LEFT: DataTrouble(
        "TWS has no market-data line left; what matters most stays quoted. Close quotes in other TWS windows, or buy "
        "quote booster packs.",
        is_dead=True,
    ),
    200: DataTrouble("TWS knows no such contract, so it is not quoted.", is_dead=True),
    321: DataTrouble("TWS does not accept the question for its quotes.", is_dead=True),
    354: DataTrouble(f"no market-data subscription, and delayed quotes are not allowed. {_SUBSCRIBE}", is_dead=True),
    10089: DataTrouble(f"market data over the API needs a subscription of its own. {_SUBSCRIBE}", is_dead=True),
    10090: DataTrouble(
        f"only a part of its market data is subscribed; what is missing stays empty. {_SUBSCRIBE}", is_dead=False
    ),
    10091: DataTrouble(
        f"only a part of its market data is subscribed over the API; what is missing stays empty. {_SUBSCRIBE}",
        is_dead=False,
    ),
    10167: DataTrouble(
        f"no market-data subscription: quotes are delayed, and nothing is sent on them. {_SUBSCRIBE}", is_dead=False
    ),
    10168: DataTrouble(
        "no market-data subscription, and delayed quotes are switched off in TWS. Switch them on there, or subscribe "
        "in Client Portal.",
        is_dead=True,
        retry_s=300.0,
    ),
    10186: DataTrouble(
        "no market-data subscription, and delayed quotes are switched off in TWS. Switch them on there, or subscribe "
        "in Client Portal.",
        is_dead=True,
        retry_s=300.0,
    ),
    10197: DataTrouble(
        "the same user is logged in elsewhere and takes the live market data. Log out there (TWS, mobile, Client "
        "Portal); it is tried again every minute.",
        is_dead=True,
        retry_s=60.0,
    ),
}

#: Codes about the desk's data as a whole, not about one contract: told once however many lines they hit.
GENERAL: Final = frozenset({NO_LINE_LEFT, 10197})
#: Codes about the very contract, not about the subscription to a market.
OF_ONE_CONTRACT: Final = frozenset({200, 321})


def trouble_of(code: int, text: str) -> DataTrouble:
    """Returns what a code about a line means; an unknown one changes nothing and is told in TWS's words."""
    known = TROUBLES.get(code)
    return known or DataTrouble(f"TWS says about its quotes: {text} (code {code}).", is_dead=False)
