"""Market data as it reaches the desk: cleaned at the adapter's edge, unknown is None."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from models.enums import MarketDataKind
from models.ids import ContractKey


@dataclass(frozen=True, slots=True)
class Quote:
    """One contract's two-sided market. A zero bid is a real price; a missing one is None."""

    key: ContractKey
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    at_utc: datetime
    kind: MarketDataKind
    bid_size: int | None = None
    ask_size: int | None = None
    #: Level of the previous close, for day changes.
    previous_close: Decimal | None = None

    @property
    def is_two_sided(self) -> bool:
        """Whether both sides are quoted and not crossed."""
        return self.bid is not None and self.ask is not None and 0 <= self.bid <= self.ask and self.ask > 0

    @property
    def mid(self) -> Decimal | None:
        """The midpoint of a sound two-sided quote, otherwise None."""
        if self.bid is None or self.ask is None or not self.is_two_sided:
            return None
        return (self.bid + self.ask) / 2

    @property
    def mark(self) -> Decimal | None:
        """What a position is valued at: the mid, or the last price where no two-sided quote exists."""
        return self.last if self.mid is None else self.mid


@dataclass(frozen=True, slots=True)
class ModelGreeks:
    """The broker's own Greeks of one contract, per unit; shown beside ours, never mixed with them."""

    key: ContractKey
    at_utc: datetime
    vol: float | None
    delta: float | None
    gamma: float | None
    theta_per_day: float | None
    vega_per_point: float | None
