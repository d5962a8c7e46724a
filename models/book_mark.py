"""The book as it stood at one instant, row by row: what P&L between two moments is explained from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.ids import AccountId, ContractKey


@dataclass(frozen=True, slots=True)
class PositionMark:
    """One position of one account; None = not known then.

    quantity: signed. price, spot: per unit, currency. vol: annual (None for what is no option). delta, gamma: per unit
    and 1.00 of the underlying. theta_per_day: per unit and calendar day. vega_per_point: per unit and 0.01 of vol.
    """

    account_id: AccountId
    contract_key: ContractKey
    underlying: str
    quantity: float
    multiplier: float
    price: float | None
    spot: float | None
    vol: float | None
    delta: float | None
    gamma: float | None
    theta_per_day: float | None
    vega_per_point: float | None


@dataclass(frozen=True, slots=True)
class BookMark:
    """All positions at `at_utc`."""

    at_utc: datetime
    positions: tuple[PositionMark, ...]
