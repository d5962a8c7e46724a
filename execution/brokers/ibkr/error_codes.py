"""What a message code of TWS means for an order, and how it is said.

A code alone never ends an order: kinds only decide who is answered and whether TWS is asked what it has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from execution.brokers.ibkr import error_table


class CodeKind(StrEnum):
    """What a code is about."""

    #: A new order or a new price is not taken.
    REFUSED = "REFUSED"
    #: Whatever was asked under this number is not taken.
    REQUEST_REFUSED = "REQUEST_REFUSED"
    CANCEL_REFUSED = "CANCEL_REFUSED"
    CHANGE_REFUSED = "CHANGE_REFUSED"
    #: TWS says the order was cancelled.
    CANCELLED = "CANCELLED"
    #: The order lives on.
    ADVISORY = "ADVISORY"
    #: Not about orders at all.
    ELSEWHERE = "ELSEWHERE"
    #: Not known here: proves nothing, and TWS is asked.
    UNCLEAR = "UNCLEAR"


@dataclass(frozen=True, slots=True)
class CodeInfo:
    """A code, what it is about, and what a trader should know or do."""

    code: int
    kind: CodeKind
    advice: str


_TABLES: Final[Mapping[CodeKind, Mapping[int, str]]] = {
    CodeKind.REFUSED: error_table.REFUSED,
    CodeKind.REQUEST_REFUSED: error_table.REQUEST_REFUSED,
    CodeKind.CANCEL_REFUSED: error_table.CANCEL_REFUSED,
    CodeKind.CHANGE_REFUSED: error_table.CHANGE_REFUSED,
    CodeKind.CANCELLED: error_table.CANCELLED,
    CodeKind.ADVISORY: error_table.ADVISORY,
    CodeKind.ELSEWHERE: error_table.ELSEWHERE,
}
_KNOWN: Final[Mapping[int, CodeInfo]] = {
    code: CodeInfo(code, kind, advice) for kind, table in _TABLES.items() for code, advice in table.items()
}
#: TWS's own range for warnings and news; what is not listed of it leaves orders alone.
_WARNINGS = range(2100, 2200)
_UNKNOWN_ADVICE = "This message is not known here. Look at the order in TWS."
_LEAD_IN = re.compile(r"^order\s+(rejected|cancell?ed)\s*-\s*reason:\s*", re.IGNORECASE)


def info_of(code: int) -> CodeInfo:
    """Returns what is known of a code; UNCLEAR for one that is not listed, ADVISORY for an unlisted warning."""
    known = _KNOWN.get(code)
    if known is not None:
        return known
    return CodeInfo(code, CodeKind.ADVISORY if code in _WARNINGS else CodeKind.UNCLEAR, _UNKNOWN_ADVICE)


def known_codes() -> tuple[int, ...]:
    """Returns every listed code, ascending."""
    return tuple(sorted(_KNOWN))


def reason_of(text: str) -> str:
    """Returns TWS's own words without the lead-in `Order rejected - reason:` and without line breaks."""
    flat = " ".join(text.replace("<br>", " ").split())
    return _LEAD_IN.sub("", flat)


def says_pending_cancel(code: int, text: str) -> bool:
    """Returns whether a refused cancel was refused because one is on its way already (10148, state: PendingCancel)."""
    return code == 10148 and "pendingcancel" in text.replace(" ", "").lower()
