"""The one table of legal steps in an order's life."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from models.enums import OrderStatus as S
from models.errors import BugError

#: DRAFT may be edited freely; a change to a SIMULATED order makes it a DRAFT again.
#: CANCELLED and REJECTED may still fill: the fill was already on its way, and real money outranks status.
#: UNKNOWN is left only by evidence from the broker, or back to SIMULATED's end as REJECTED when proven absent.
NEXT: Final[Mapping[S, frozenset[S]]] = {
    S.DRAFT: frozenset({S.DRAFT, S.SIMULATED}),
    S.SIMULATED: frozenset({S.DRAFT, S.SIMULATED, S.PENDING}),
    S.PENDING: frozenset({S.PENDING, S.PARTIAL, S.FILLED, S.CANCEL_PENDING, S.CANCELLED, S.REJECTED, S.UNKNOWN}),
    S.PARTIAL: frozenset({S.PARTIAL, S.FILLED, S.CANCEL_PENDING, S.CANCELLED, S.UNKNOWN}),
    S.CANCEL_PENDING: frozenset({S.CANCEL_PENDING, S.PENDING, S.PARTIAL, S.FILLED, S.CANCELLED, S.UNKNOWN}),
    S.UNKNOWN: frozenset({S.UNKNOWN, S.PENDING, S.PARTIAL, S.FILLED, S.CANCEL_PENDING, S.CANCELLED, S.REJECTED}),
    S.FILLED: frozenset({S.FILLED}),
    S.REJECTED: frozenset({S.PARTIAL, S.FILLED}),
    S.CANCELLED: frozenset({S.CANCELLED, S.PARTIAL, S.FILLED}),
}

#: Nothing more is expected of the broker.
TERMINAL: Final = frozenset({S.FILLED, S.REJECTED, S.CANCELLED})
#: The broker may still act on it.
WORKING: Final = frozenset({S.PENDING, S.PARTIAL, S.CANCEL_PENDING, S.UNKNOWN})


class IllegalTransition(BugError):
    """A step that the table does not allow."""

    def __init__(self, order_id: str, before: S, after: S) -> None:
        super().__init__(f"order {order_id}: {before.value} may not become {after.value}")
        self.before = before
        self.after = after


def check_transition(order_id: str, before: S, after: S) -> None:
    """Raises IllegalTransition unless `before` may become `after`."""
    if after not in NEXT[before]:
        raise IllegalTransition(order_id, before, after)
