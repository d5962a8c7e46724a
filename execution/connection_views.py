"""What the settings page shows of the connections, and what a test of one found. No secret is ever in a view."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from models.enums import Mode
from models.secret_text import SecretText

#: The host of a form that means the simulated Tastytrade the desk runs on: to be tried, never saved.
SIMULATOR_HOST = "simulator"


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
class TastyForm:
    """The fields of the Tastytrade page; the same names as in the settings file. `host` also `SIMULATOR_HOST`."""

    login: str
    host: str
    accounts: tuple[str, ...]
    trading_accounts: tuple[str, ...]


Form = IbkrForm | TastyForm


@dataclass(frozen=True, slots=True)
class TypedSecrets:
    """What was typed into the fields for secrets; None = nothing: what is kept stays as it is.

    `passphrase` opens the vault, or makes it where there is none.
    """

    client_secret: SecretText | None = None
    refresh_token: SecretText | None = None
    passphrase: SecretText | None = None

    @property
    def has_secrets(self) -> bool:
        """Whether there is a secret to keep."""
        return self.client_secret is not None or self.refresh_token is not None


NOTHING_TYPED = TypedSecrets()


@dataclass(frozen=True, slots=True)
class ConnectionsView:
    """The settings as they are saved. `running` is the broker of this desk now ("paper", "ibkr"), `place` where."""

    broker: str
    running: str
    ibkr: IbkrForm
    tasty: TastyForm
    file: str
    #: Client libraries that can be chosen in this installation.
    libraries: tuple[str, ...]
    #: What the broker's quotes come from, e.g. "TWS at 127.0.0.1:7497".
    place: str
    #: Whether the desk runs on a simulated Tastytrade, which can be tried from the page.
    has_tasty_simulator: bool = False
    #: Brokers that are opened beside `broker` into the same book, and those that are open beside `running` now.
    also: tuple[str, ...] = ()
    running_also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SecretsView:
    """Where a login's secrets are, and what has to be given before they can be read or kept."""

    login: str
    #: "the Secret Service keyring", "the vault /home/me/secrets.vault".
    place: str
    #: None = not known before the vault is unlocked.
    are_kept: bool | None
    is_locked: bool = False
    #: There is no vault yet: the passphrase given first is its passphrase from then on.
    is_new_vault: bool = False
    #: Why not in the system's keyring, empty where they are.
    why_no_keyring: str = ""


class LoginNeed(StrEnum):
    """What the desk needs of the user before it can log in."""

    NOTHING = "NOTHING"
    PASSPHRASE = "PASSPHRASE"  # noqa: S105 - the name of a need
    SECRETS = "SECRETS"


@dataclass(frozen=True, slots=True)
class LoginState:
    """What keeps the desk from logging in, in words."""

    need: LoginNeed
    login: str = ""
    text: str = ""


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
    """What a connection test found. `accounts` with what each is, where its kind alone tells that."""

    is_usable: bool
    lines: tuple[ProbeLine, ...]
    accounts: tuple[tuple[str, Mode], ...] = ()
