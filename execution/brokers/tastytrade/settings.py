"""What a connection to Tastytrade needs to know, and how long each answer may take. No secret is ever in here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from models.enums import Mode
from models.ids import AccountId


class TastyHost(StrEnum):
    """Where Tastytrade is: real accounts, or the certification sandbox (wiped every day, quotes delayed or absent)."""

    PRODUCTION = "production"
    CERTIFICATION = "certification"


@dataclass(frozen=True, slots=True)
class TastyTimeouts:
    """How long is waited, in seconds. Every await on the wire has one of these."""

    connect_s: float = 5.0
    #: A read. The library's own 5 s are too short for orders.
    read_s: float = 20.0
    submit_s: float = 12.0
    #: Entering a stream: handshake, authorisation, first channel.
    stream_s: float = 15.0
    #: Nothing at all from a stream for so long: the peer is dead. A busy desk too says so within 75 s.
    silence_s: float = 72.0
    #: Pauses before a doubt about an order is followed, and before its fees are read.
    look_after_s: float = 1.0
    fees_after_s: float = 1.0
    #: How long a stream that came back waits for the other before that is told.
    both_streams_s: float = 3.0
    heartbeat_every_s: float = 20.0
    #: No alert tells what expired or was assigned: transactions are read again so often.
    reread_every_s: float = 1800.0
    #: A stream is replaced before its token ends (24 h).
    recycle_every_s: float = 23 * 3600.0
    #: Pauses between attempts to connect again, doubled each time, with jitter.
    retry_first_s: float = 0.5
    retry_most_s: float = 60.0


@dataclass(frozen=True, slots=True)
class TastySettings:
    """One login. Accounts are read-only unless the user marked them for trading."""

    host: TastyHost = TastyHost.PRODUCTION
    #: Another server than Tastytrade's (the simulator): `http://127.0.0.1:PORT`; None = the host's own.
    base_url: str | None = None
    trading_accounts: frozenset[AccountId] = frozenset()
    #: Which accounts are shown; empty = all.
    accounts: frozenset[AccountId] = frozenset()
    #: Least time between two quotes of one contract: asked of Tastytrade, and kept by the desk should more come.
    refresh_interval_s: float = 0.25
    #: The first of the contracts by need (staged, held, then looked at) whose quotes the desk takes as they come.
    prompt_subscriptions: int = 100
    max_subscriptions: int = 500
    timeouts: TastyTimeouts = field(default_factory=TastyTimeouts)

    @property
    def mode(self) -> Mode:
        """Real money only on the production host itself."""
        is_real = self.host is TastyHost.PRODUCTION and self.base_url is None
        return Mode.LIVE if is_real else Mode.PAPER


@dataclass(frozen=True, slots=True)
class TastySecrets:
    """The two OAuth secrets; held in memory only while a session stands."""

    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
