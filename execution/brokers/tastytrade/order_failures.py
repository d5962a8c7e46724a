"""How the order desk says that something was refused, was not sent, or is not known."""

from __future__ import annotations

from typing import Final

from models.enums import BrokerName
from models.errors import BrokerFailure, FailureKind

_BROKER: Final = BrokerName.TASTYTRADE.value
_LOOK: Final = "Look at the order in Tastytrade's own app."
#: Failures that never prove a refusal, whatever comes with them.
_NO_PROOF: Final = (FailureKind.TIMEOUT, FailureKind.PROTOCOL)
_ADVICE: Final = {
    "margin_check_failed": "Make the order smaller, or free buying power.",
    "cant_buy_for_credit": "Turn the sign of the price: what is bought is paid for.",
    "closing_only": "The account may only close positions; ask Tastytrade.",
    "invalid_option_level": "Ask Tastytrade for the option level this strategy needs.",
    "cannot_update_order": "It has ended or is being changed; its state follows.",
}


def unsupported(what: str, cure: str) -> BrokerFailure:
    """What this broker is not asked to do; nothing was sent."""
    return BrokerFailure(FailureKind.UNSUPPORTED, what, broker=_BROKER, cure=cure)


def refused(what: str, *, cure: str = "", code: str = "") -> BrokerFailure:
    """A refusal that is certain: nothing works because of it."""
    return BrokerFailure(FailureKind.REJECTED, what, broker=_BROKER, code=code, cure=cure)


def refused_by(error: BrokerFailure, what: str) -> BrokerFailure:
    """A refusal in Tastytrade's own words, with what to do about it; other failures are said with what they stopped."""
    said = error.what.rstrip(".")
    code = f" ({error.code})" if error.code else ""
    cure = error.cure or next((advice for word, advice in _ADVICE.items() if word in (error.code, *said.split())), "")
    return BrokerFailure(error.kind, f"{what}: {said}.{code}", broker=_BROKER, code=error.code, cure=cure)


def not_sent(what: str, why: object) -> BrokerFailure:
    """It did not leave: OFFLINE, because a TIMEOUT would be read as a request that left."""
    text = f"{what} was not sent: {why}"
    return BrokerFailure(FailureKind.OFFLINE, text, broker=_BROKER, cure="Try again when Tastytrade answers.")


def not_known(error: BrokerFailure, what: str) -> BrokerFailure:
    """It left and nobody knows what became of it: never sent again."""
    text = f"It is not known what became of {what}: {error.what}"
    kind = error.kind if error.kind is not FailureKind.REJECTED else FailureKind.PROTOCOL
    return BrokerFailure(kind, text, broker=_BROKER, code=error.code, cure=_LOOK, outcome_unknown=True)


def is_unproven(error: BrokerFailure) -> bool:
    """Whether a failed write may have been done all the same."""
    return error.outcome_unknown or error.kind in _NO_PROOF
