"""What can go wrong between the desk and a language model, in words with what to do."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from models.errors import KnownError


class FailureCause(StrEnum):
    """Which of them it was; who retries or shows reads this, never the text."""

    OFF = "OFF"
    NO_KEY = "NO_KEY"
    NO_MODEL = "NO_MODEL"
    BUSY = "BUSY"
    COOLING_DOWN = "COOLING_DOWN"
    NOTHING_TO_RANK = "NOTHING_TO_RANK"
    OFFLINE = "OFFLINE"
    KEY_REFUSED = "KEY_REFUSED"
    FORBIDDEN = "FORBIDDEN"
    MODEL_UNKNOWN = "MODEL_UNKNOWN"
    NOT_ACCEPTED = "NOT_ACCEPTED"
    REDIRECTED = "REDIRECTED"
    RATE_LIMIT = "RATE_LIMIT"
    NO_CREDIT = "NO_CREDIT"
    SERVER = "SERVER"
    TOO_SLOW = "TOO_SLOW"
    TOO_LARGE = "TOO_LARGE"
    CUT = "CUT"
    CUT_SHORT = "CUT_SHORT"
    REFUSED = "REFUSED"
    MALFORMED = "MALFORMED"
    NOTHING_USABLE = "NOTHING_USABLE"


class AnalystFailure(KnownError):
    """The model could not be asked, or its answer cannot be used. The desk's own ranking stands meanwhile.

    `retry_after_s`: how long the server asked to wait, None = it did not say. The text never holds the key, anything of
    the payload, or words of the server.
    """

    def __init__(self, cause: FailureCause, what: str, *, cure: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(what, cure=cure)
        self.cause = cause
        self.retry_after_s = retry_after_s


#: Worth another try by themselves.
RETRIED: Final = frozenset({FailureCause.OFFLINE, FailureCause.RATE_LIMIT, FailureCause.SERVER})
#: What servers call an account that has used up what it paid for.
QUOTA_CODES: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_LIMIT_CODES: Final = QUOTA_CODES | {"rate_limit_exceeded"}


def too_large(where: str) -> AnalystFailure:
    """Returns the failure of an answer that does not end."""
    return AnalystFailure(
        FailureCause.TOO_LARGE,
        f"The answer of {where} is larger than an answer may be; it was broken off.",
        cure="Ask again, or choose another model.",
    )


def cut(where: str) -> AnalystFailure:
    """Returns the failure of an answer that stopped in the middle."""
    return AnalystFailure(
        FailureCause.CUT,
        f"The connection to {where} broke in the middle of the answer.",
        cure="Ask again.",
    )


def server_failed(where: str, code: str) -> AnalystFailure:
    """Returns the failure of a server that gave up while it answered."""
    if code in _LIMIT_CODES:
        return AnalystFailure(
            FailureCause.RATE_LIMIT, f"{where} stopped: too many requests or no credit.", cure="Ask later."
        )
    return AnalystFailure(FailureCause.SERVER, f"{where} gave up while it answered.", cure="Ask again later.")
