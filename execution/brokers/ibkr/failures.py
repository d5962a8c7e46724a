"""How the order desk says that something was refused, was not sent, or is not known."""

from __future__ import annotations

from execution.brokers.ibkr.error_codes import info_of, reason_of
from execution.brokers.ibkr.facts import ErrorFact
from models.enums import BrokerName
from models.errors import BrokerFailure, FailureKind

_BROKER = BrokerName.IBKR.value
_LOOK = "Look at the order in TWS."


def unsupported(what: str, cure: str) -> BrokerFailure:
    """What this broker is not asked to do; nothing was sent."""
    return BrokerFailure(FailureKind.UNSUPPORTED, what, broker=_BROKER, cure=cure)


def refused(what: str, *, cure: str = "", code: str = "") -> BrokerFailure:
    """A refusal that is certain: nothing works because of it."""
    return BrokerFailure(FailureKind.REJECTED, what, broker=_BROKER, code=code, cure=cure)


def refused_by(error: ErrorFact, what: str) -> BrokerFailure:
    """A refusal in TWS's own words, with what to do about it."""
    text = f"{what}: {reason_of(error.text).rstrip('.')}. (TWS code {error.code})"
    return refused(text, cure=info_of(error.code).advice, code=str(error.code))


def not_sent(what: str, why: object) -> BrokerFailure:
    """It did not leave: OFFLINE, because a TIMEOUT would be read as a request that left."""
    text = f"{what} was not sent: {why}"
    return BrokerFailure(FailureKind.OFFLINE, text, broker=_BROKER, cure="Try again when TWS answers.")


def silent(what: str, waited_s: float, heard: str = "") -> BrokerFailure:
    """It left and TWS did not say what became of it."""
    said = f" It said: {heard}" if heard else ""
    text = f"TWS did not answer {what} within {waited_s:g} s.{said}"
    return BrokerFailure(FailureKind.TIMEOUT, text, broker=_BROKER, cure=_LOOK, outcome_unknown=True)


def link_lost(what: str) -> BrokerFailure:
    """It left and the link broke before an answer."""
    text = f"The connection to TWS was lost before it answered {what}."
    return BrokerFailure(FailureKind.OFFLINE, text, broker=_BROKER, cure=_LOOK, outcome_unknown=True)
