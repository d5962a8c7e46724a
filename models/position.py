"""What is held, from every broker in one shape."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from models.contract import Contract
from models.enums import BetaSource, BrokerName
from models.ids import AccountId


@dataclass(frozen=True, slots=True)
class UnifiedPosition:
    """One contract held in one account. `quantity` is signed (short < 0); prices are per share, not per contract."""

    broker: BrokerName
    account_id: AccountId
    contract: Contract
    quantity: Decimal
    average_price: Decimal
    #: Closing mark of the previous session, for P&L of the day; None when the broker does not say.
    previous_close: Decimal | None = None
    #: When the broker reported it.
    at_utc: datetime | None = None


@dataclass(frozen=True, slots=True)
class BetaWeightedPosition:
    """A position's delta in SPX terms (002 section 2.1)."""

    symbol: str
    underlying: str
    quantity: Decimal
    raw_delta: float
    #: Live price of the underlying, never the strike.
    underlying_price: float
    beta: float
    beta_source: BetaSource
    beta_unavailable: bool
    multiplier: Decimal
    #: raw_delta * underlying_price * beta / spx_price
    spx_equiv_delta: float


@dataclass(frozen=True, slots=True)
class Beta:
    """A beta to SPX and where it came from."""

    symbol: str
    value: float
    source: BetaSource

    @property
    def is_default(self) -> bool:
        """Whether no source knew the symbol and 1.0 was taken."""
        return self.source is BetaSource.DEFAULT
