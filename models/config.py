"""The desk's settings: read from TOML, checked whole, frozen.

Imported only where settings are read: pydantic must not be in the way of the window's first paint.
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.enums import MarginMethod, Metric, Regime
from models.errors import InvalidInput
from models.risk import Limit, RegimeLimits


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Bounds(_Section):
    """Both sides of a limit; None = not bounded."""

    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low ({self.low}) is above high ({self.high})")
        return self


class RegimeSettings(_Section):
    """VIX levels between the regimes; what they mean is in `analytics.regime.RegimeParameters`."""

    up_levels: tuple[float, float, float]
    down_levels: tuple[float, float, float]
    calm_days: float = Field(ge=0)
    crisis_ratio: float = Field(gt=0)
    calm_ratio: float = Field(gt=0)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        for name, levels in (("up_levels", self.up_levels), ("down_levels", self.down_levels)):
            if not 0 < levels[0] < levels[1] < levels[2]:
                raise ValueError(f"{name} must rise from MEDIUM_VOL to CRISIS")
        if any(down > up for down, up in zip(self.down_levels, self.up_levels, strict=True)):
            raise ValueError("down_levels must not lie above up_levels")
        if self.calm_ratio > self.crisis_ratio:
            raise ValueError("calm_ratio must not lie above crisis_ratio")
        return self


class RiskSettings(_Section):
    """Limits by regime and how breaches are raised and cleared."""

    regime: RegimeSettings
    clear_margin_pct: float = Field(ge=0, le=50)
    raise_after_s: float = Field(ge=0, le=60)
    limits: dict[Regime, dict[Metric, Bounds]]

    @model_validator(mode="after")
    def _every_regime(self) -> Self:
        missing = [regime.value for regime in Regime if regime not in self.limits]
        if missing:
            raise ValueError(f"no limits given for {', '.join(missing)}")
        return self

    def regime_limits(self) -> tuple[RegimeLimits, ...]:
        """Returns the limits of every regime as domain values."""
        return tuple(
            RegimeLimits(
                regime,
                tuple(Limit(metric, bounds.low, bounds.high) for metric, bounds in self.limits[regime].items()),
            )
            for regime in Regime
        )


class OrderSettings(_Section):
    """Caps of the risk gate."""

    max_contracts_per_leg: int = Field(gt=0)
    max_notional_usd: Decimal = Field(gt=0)
    max_loss_usd: Decimal = Field(gt=0)
    collar_pct_of_mid: Decimal = Field(ge=0)
    collar_min_usd: Decimal = Field(ge=0)
    max_orders_per_minute: int = Field(gt=0)
    max_orders_per_day: int = Field(gt=0)
    max_open_orders_per_underlying: int = Field(gt=0)
    quote_max_age_s: float = Field(gt=0)
    simulation_max_age_s: float = Field(gt=0, le=120)
    duplicate_window_s: float = Field(ge=0)
    block_on_limit_breach: bool


class CarrySettings(_Section):
    """Rate and dividend yields where no chain tells them."""

    rate: float = Field(ge=-0.05, le=0.5)
    dividend_yields: dict[str, float] = Field(default_factory=dict)


class PaperBrokerSettings(_Section):
    """The embedded paper broker."""

    starting_cash_usd: Decimal = Field(gt=0)
    quote_interval_s: float = Field(gt=0, le=60)
    sample_book: bool
    margin_method: MarginMethod


class BrokerChoice(_Section):
    """Which brokers the desk opens: one, and those whose accounts it shows in the same book."""

    name: Literal["paper", "ibkr", "tastytrade"]
    also: tuple[Literal["ibkr", "tastytrade"], ...] = ()

    @model_validator(mode="after")
    def _one_book(self) -> Self:
        if self.also and self.name == "paper":
            raise ValueError("the paper broker trades a market of its own and cannot be joined: also must be empty")
        if len({self.name, *self.also}) != 1 + len(self.also):
            raise ValueError("also must name other brokers than name, each once")
        return self


class IbkrSection(_Section):
    """Trader Workstation or IB Gateway."""

    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    client_id: int = Field(ge=0, le=999_999)
    library: Literal["ib_insync", "ib_async"]
    #: What the accounts behind the port are; the desk refuses to open others.
    mode: Literal["paper", "live"]
    read_only: bool
    #: Accounts to show; empty = all of the login.
    accounts: tuple[str, ...] = ()
    #: Live accounts the user marked for trading.
    trading_accounts: tuple[str, ...] = ()
    allow_delayed: bool


class TastytradeSection(_Section):
    """A login at Tastytrade. Its secrets are in the keyring or the vault, under this name, and never in here."""

    #: The user's own name for the login.
    login: str = Field(pattern=r"^[A-Za-z0-9_.@+-]{1,64}$")
    host: Literal["production", "certification"]
    #: Accounts to show; empty = all of the login.
    accounts: tuple[str, ...] = ()
    #: Live accounts the user marked for trading.
    trading_accounts: tuple[str, ...] = ()


class AiSection(_Section):
    """The language model that ranks suggestions. Its key is in the keyring or the vault, never in here."""

    is_on: bool
    #: https, or http on this computer; checked where it is used.
    base_url: str
    model: str
    protocol: Literal["auto", "chat", "responses"]
    may_send_notes: bool
    #: Dollars per million tokens; 0 = the cost is not told.
    usd_per_million_in: float = Field(ge=0)
    usd_per_million_out: float = Field(ge=0)


class DeskConfig(_Section):
    """All settings."""

    risk: RiskSettings
    orders: OrderSettings
    carry: CarrySettings
    betas: dict[str, float]
    broker: BrokerChoice
    paper: PaperBrokerSettings
    ibkr: IbkrSection
    tastytrade: TastytradeSection
    ai: AiSection


def load_config(defaults: Path, user_file: Path | None) -> DeskConfig:
    """Returns the defaults with the user's file laid over them, key by key.

    Raises InvalidInput naming the file, the key and what is wrong with it; a missing user file is no error.
    """
    merged = _read_toml(defaults)
    source = defaults
    if user_file is not None and user_file.exists():
        source = user_file
        merged = _overlay(merged, _read_toml(user_file))
    try:
        return DeskConfig.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(
            key,
            f"{source}: {key or 'the file'}: {_in_words(first['type'], first['msg'])}.",
            cure="Correct or remove that key; assets/defaults.toml lists all keys with their defaults.",
        ) from error


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput("file", f"{path} is not valid TOML: {error}.", cure="Correct that line.") from error
    except UnicodeDecodeError as error:
        raise InvalidInput("file", f"{path} is not UTF-8 text.", cure="Save it as UTF-8.") from error
    except OSError as error:
        raise InvalidInput(
            "file", f"{path} cannot be read: {error.strerror}.", cure="Check its permissions."
        ) from error


def _overlay(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        merged[key] = _overlay(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _in_words(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "there is no such key"
    said = message.removeprefix("Value error, ")
    return said[:1].lower() + said[1:]
