"""What went wrong between the desk and TWS, in sentences: what happened, to what, and what to do about it.

One sentence per cause a new user meets: the API switched off, an address that is not trusted, the wrong port, a
read-only API, a client id in use, an application too old, a library that is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from execution.brokers.ibkr.settings import IbkrSettings, IbLibraryName
from models.enums import BrokerName
from models.errors import BrokerFailure, FailureKind

NAME: Final = BrokerName.IBKR.value


class Trouble(StrEnum):
    """Why there is no working connection, or one that cannot do all."""

    REFUSED = "REFUSED"
    HOST_UNKNOWN = "HOST_UNKNOWN"
    UNREACHABLE = "UNREACHABLE"
    NO_ANSWER = "NO_ANSWER"
    NOT_LOGGED_IN = "NOT_LOGGED_IN"
    CLOSED_AT_ONCE = "CLOSED_AT_ONCE"
    CLIENT_ID_IN_USE = "CLIENT_ID_IN_USE"
    TOO_OLD = "TOO_OLD"
    READ_ONLY_API = "READ_ONLY_API"
    LIBRARY_MISSING = "LIBRARY_MISSING"
    LIBRARIES_BOTH = "LIBRARIES_BOTH"
    ACCOUNT_OF_OTHER_MODE = "ACCOUNT_OF_OTHER_MODE"
    PORT_OF_OTHER_MODE = "PORT_OF_OTHER_MODE"
    CLOCK_OFF = "CLOCK_OFF"


@dataclass(frozen=True, slots=True)
class Advice:
    """`what` happened and the `cure`, each whole sentences."""

    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.what} {self.cure}"


_KINDS: Final = {
    Trouble.CLIENT_ID_IN_USE: FailureKind.AUTH,
    Trouble.CLOSED_AT_ONCE: FailureKind.AUTH,
    Trouble.NOT_LOGGED_IN: FailureKind.AUTH,
    Trouble.NO_ANSWER: FailureKind.TIMEOUT,
    Trouble.READ_ONLY_API: FailureKind.UNSUPPORTED,
    Trouble.TOO_OLD: FailureKind.UNSUPPORTED,
    Trouble.LIBRARY_MISSING: FailureKind.UNSUPPORTED,
    Trouble.LIBRARIES_BOTH: FailureKind.UNSUPPORTED,
}
_PORT_NAMES: Final = {7497: "TWS paper", 7496: "TWS live", 4002: "Gateway paper", 4001: "Gateway live"}
_PORTS_TEXT: Final = "TWS paper 7497, TWS live 7496, IB Gateway paper 4002, IB Gateway live 4001"
_STARTS: Final = {IbLibraryName.IB_INSYNC: "run", IbLibraryName.IB_ASYNC: "run-ib-async"}
_LOCKS: Final = {
    IbLibraryName.IB_INSYNC: "requirements.lock",
    IbLibraryName.IB_ASYNC: "requirements-ib-async.lock",
}
_API_PAGE: Final = "In TWS open Global Configuration > API > Settings (in IB Gateway: Configure > Settings > API)"


def failure_of(trouble: Trouble, settings: IbkrSettings, *, detail: str = "", code: str = "") -> BrokerFailure:
    """Returns the failure to raise for a trouble; nothing was sent to work."""
    advice = advice_of(trouble, settings, detail=detail)
    kind = _KINDS.get(trouble, FailureKind.OFFLINE)
    return BrokerFailure(kind, advice.what, broker=NAME, cure=advice.cure, code=code)


def advice_of(trouble: Trouble, settings: IbkrSettings, *, detail: str = "") -> Advice:
    """Returns the sentences of a trouble; `detail` is what TWS or the system said, put in where it helps."""
    said = f" ({detail})" if detail else ""
    for source in (_of_the_socket, _of_the_session):
        if (advice := source(trouble, settings, said)) is not None:
            return advice
    return _of_this_computer(trouble, settings, said)


def port_name(port: int) -> str:
    """Returns what usually listens on a port, e.g. ``7497 (TWS paper)``."""
    name = _PORT_NAMES.get(port)
    return f"{port} ({name})" if name else str(port)


def _of_the_socket(trouble: Trouble, settings: IbkrSettings, said: str) -> Advice | None:
    host, port = settings.host, port_name(settings.port)
    match trouble:
        case Trouble.REFUSED:
            return Advice(
                f"Nothing listens on port {port} of {host}.",
                "Start TWS or IB Gateway and log in. "
                f'{_API_PAGE}, tick "Enable ActiveX and Socket Clients" and compare "Socket port" ({_PORTS_TEXT}).',
            )
        case Trouble.HOST_UNKNOWN:
            return Advice(
                f'There is no computer named "{host}"{said}.' if host.strip() else "No host is given.",
                "Write 127.0.0.1 when TWS runs on this computer, else the address of the one it runs on.",
            )
        case Trouble.UNREACHABLE:
            return Advice(
                f"The computer {host} does not take a connection to port {port}{said}.",
                "Check that it is on, that both are in one network and that no firewall stands between.",
            )
        case Trouble.NO_ANSWER:
            return Advice(
                f"Port {port} of {host} is open, but TWS does not answer there.",
                'Look for a question of TWS, "Accept incoming connection?", and accept it; to accept for good: '
                f"{_API_PAGE} and add this computer's address to the trusted IPs. "
                "If there is no such question, another program uses this port: compare the port number.",
            )
        case Trouble.CLOSED_AT_ONCE:
            return Advice(
                f"TWS on port {port} of {host} took the connection and closed it at once{said}.",
                f"This computer's address is not trusted, or the question about it was answered with No: {_API_PAGE}, "
                'add the address to the trusted IPs, and untick "Allow connections from localhost only" when TWS '
                "runs on another computer. If all that is right, another program uses this port: compare the number.",
            )
        case _:
            return None


def _of_the_session(trouble: Trouble, settings: IbkrSettings, said: str) -> Advice | None:
    match trouble:
        case Trouble.NOT_LOGGED_IN:
            return Advice(
                "TWS answered, but it did not start the session: it named no account.",
                "Finish the login in TWS or IB Gateway (the second factor included) and try again.",
            )
        case Trouble.CLIENT_ID_IN_USE:
            return Advice(
                f"Client id {settings.client_id} is already connected to this TWS{said}.",
                "Close the other program (or the other window of this one) or give this one another client id. "
                "After a broken link TWS may hold the old id for a moment.",
            )
        case Trouble.TOO_OLD:
            return Advice(
                f"This TWS or IB Gateway is too old{said}.",
                "Install version 10.30 or newer; IBKR has refused older ones since March 2025.",
            )
        case Trouble.READ_ONLY_API:
            return Advice(
                f"TWS takes no orders and no what-ifs from the API: it is set to read-only{said}.",
                f'{_API_PAGE} and untick "Read-Only API". Without that the desk can only watch this account.',
            )
        case _:
            return None


def _missing(library: IbLibraryName, said: str) -> Advice:
    """Each library has an environment of its own, so that one of the two is always missing."""
    (other,) = (name for name in IbLibraryName if name is not library)
    return Advice(
        f"The client library {library.value} is not installed{said}.",
        f'Start the desk in the environment of {_LOCKS[library]} ("make {_STARTS[library]}"), or take {other.value}: '
        f'choose it under Desk > Broker connections, or write library = "{other.value}" under [ibkr] in the settings.',
    )


def _of_this_computer(trouble: Trouble, settings: IbkrSettings, said: str) -> Advice:
    match trouble:
        case Trouble.LIBRARY_MISSING:
            return _missing(settings.library, said)
        case Trouble.LIBRARIES_BOTH:
            return Advice(
                "ib_insync and ib_async are installed in one environment; they overwrite each other's files.",
                "Set the environment up anew with only one of them.",
            )
        case Trouble.ACCOUNT_OF_OTHER_MODE:
            return Advice(
                f"The settings expect {settings.mode.value.lower()} trading; TWS is logged in to something else{said}.",
                "Log TWS in to the other account, or change the mode (and the port) in the settings.",
            )
        case Trouble.PORT_OF_OTHER_MODE:
            return Advice(
                f"Port {port_name(settings.port)} usually leads to another kind of account than this TWS's{said}.",
                "Make sure that this is the account you mean: the account decides, not the port.",
            )
        case _:
            return Advice(
                f"TWS's clock and this computer's differ{said}.",
                "Set this computer's clock by the internet: quotes and fills are judged by their age.",
            )
