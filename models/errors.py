"""Errors by whose fault they are: the world's (KnownError, shown to the user) or ours (BugError)."""

from __future__ import annotations

from enum import StrEnum


class DeskError(Exception):
    """Base of everything the desk raises on purpose."""


class KnownError(DeskError):
    """The world's fault: says what happened, to what, and what to do. Shown to the user as it is."""

    def __init__(self, what: str, *, cure: str = "") -> None:
        super().__init__(f"{what} {cure}".strip())
        self.what = what
        self.cure = cure


class BugError(DeskError):
    """Ours: an invariant does not hold. Never shown as the user's mistake."""


class InvalidInput(KnownError):
    """The user (or a file) gave something that cannot be used; nothing was changed."""

    def __init__(self, field: str, what: str, *, cure: str = "") -> None:
        super().__init__(what, cure=cure)
        self.field = field


class FailureKind(StrEnum):
    """What kind of broker failure it was; retry rules read this, never the text."""

    AUTH = "AUTH"
    OFFLINE = "OFFLINE"
    RATE_LIMIT = "RATE_LIMIT"
    REJECTED = "REJECTED"
    TIMEOUT = "TIMEOUT"
    PROTOCOL = "PROTOCOL"
    UNSUPPORTED = "UNSUPPORTED"


class BrokerFailure(KnownError):
    """A broker could not do what was asked.

    `outcome_unknown` is True when a request left and no decoded refusal came back: an order may then be live at the
    broker, must be looked for, and must never be sent again by itself. `is_users_turn`: nothing changes before the user
    has done something, so it is not tried again by itself.
    """

    def __init__(
        self,
        kind: FailureKind,
        what: str,
        *,
        broker: str,
        code: str = "",
        cure: str = "",
        outcome_unknown: bool = False,
        is_users_turn: bool = False,
    ) -> None:
        super().__init__(what, cure=cure)
        self.kind = kind
        self.broker = broker
        self.code = code
        self.outcome_unknown = outcome_unknown
        self.is_users_turn = is_users_turn
