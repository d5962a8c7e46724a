"""What the settings page shows of the connections, and what a test of one found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from models.enums import Mode


@dataclass(frozen=True, slots=True)
class IbkrForm:
    """The fields of the Interactive Brokers page; the same names as in the settings file."""

    host: str
    port: int
    client_id: int
    library: str
    mode: Mode
    read_only: bool
    accounts: tuple[str, ...]
    trading_accounts: tuple[str, ...]
    allow_delayed: bool


@dataclass(frozen=True, slots=True)
class ConnectionsView:
    """The settings as they are saved. `running` is the broker of this desk now ("paper", "ibkr"), `place` where."""

    broker: str
    running: str
    ibkr: IbkrForm
    file: str
    #: Client libraries that can be chosen in this installation.
    libraries: tuple[str, ...]
    #: What the broker's quotes come from, e.g. "TWS at 127.0.0.1:7497".
    place: str


class Finding(StrEnum):
    """How a line of a test's report is meant."""

    GOOD = "GOOD"
    NOTE = "NOTE"
    BAD = "BAD"


@dataclass(frozen=True, slots=True)
class ProbeLine:
    """One thing a test found, in words a newcomer can act on."""

    finding: Finding
    text: str


@dataclass(frozen=True, slots=True)
class ProbeView:
    """What a connection test found. `accounts` with what each is."""

    is_usable: bool
    lines: tuple[ProbeLine, ...]
    accounts: tuple[tuple[str, Mode], ...]
