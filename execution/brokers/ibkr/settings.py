"""What a connection to TWS or IB Gateway needs to know, and how long each answer may take."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from models.enums import Mode
from models.ids import AccountId


class IbLibraryName(StrEnum):
    """The client library behind the seam; both speak the same wire. Never both in one environment."""

    IB_INSYNC = "ib_insync"
    IB_ASYNC = "ib_async"


@dataclass(frozen=True, slots=True)
class IbTimeouts:
    """How long is waited, in seconds. Every await on the wire has one of these."""

    connect_s: float = 10.0
    #: A request of data (positions, executions, contract details).
    answer_s: float = 10.0
    #: A what-if's second answer.
    what_if_s: float = 8.0
    #: From sending an order to its first word from TWS; a combo can need 5 s.
    ack_s: float = 7.0
    cancel_s: float = 5.0
    #: A question about the time is asked this often, and the link is called dead when it stays unanswered this long.
    ping_every_s: float = 8.0
    ping_dead_s: float = 10.0
    #: Pauses between attempts to connect again.
    retry_first_s: float = 0.5
    retry_most_s: float = 8.0


@dataclass(frozen=True, slots=True)
class IbkrSettings:
    """One TWS or Gateway. `trading_accounts` are the live accounts the user marked for trading."""

    host: str = "127.0.0.1"
    port: int = 7497
    client_id: int = 0
    #: What the accounts must be; others are not opened.
    mode: Mode = Mode.PAPER
    library: IbLibraryName = IbLibraryName.IB_INSYNC
    #: Monitor mode: nothing is ever sent to work, and every account is told as read-only.
    read_only: bool = False
    trading_accounts: frozenset[AccountId] = frozenset()
    #: Which accounts are shown; empty = all.
    accounts: frozenset[AccountId] = frozenset()
    #: Delayed quotes where no live ones are subscribed; they are labelled and nothing may be sent on them.
    allow_delayed: bool = True
    max_lines: int = 100
    timeouts: IbTimeouts = field(default_factory=IbTimeouts)


_PAPER_PREFIXES = ("D",)
#: TWS paper, TWS live, Gateway paper, Gateway live.
PORTS = {7497: Mode.PAPER, 7496: Mode.LIVE, 4002: Mode.PAPER, 4001: Mode.LIVE}


def mode_of_account(account_id: str) -> Mode:
    """Returns PAPER for a paper account (DU..., DF...), LIVE for every other."""
    return Mode.PAPER if account_id.startswith(_PAPER_PREFIXES) else Mode.LIVE


def mode_of_port(port: int) -> Mode | None:
    """Returns what usually listens on a port, None for one that is not among TWS's and the Gateway's own."""
    return PORTS.get(port)
