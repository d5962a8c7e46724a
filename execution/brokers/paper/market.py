"""What the paper broker needs of a market: listings, and quotes that move with the clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from execution.brokers.port import ChainExpiry
from models.contract import Contract
from models.ids import ContractKey
from models.quote import Quote


@dataclass(frozen=True, slots=True)
class OptionModel:
    """How a market prices an option now: annual vol; rate and dividend yield continuous per year.

    For an option on a future the yield is the rate.
    """

    vol: float
    rate: float
    dividend_yield: float


class MarketSource(Protocol):
    """A market, synthetic or recorded. Deterministic for a seed and a sequence of `advance` calls.

    Called from the engine's thread only. No method blocks on I/O after construction.
    """

    #: Shown to the user: "synthetic market, seed 7", "SPX chain of 2026-05-04".
    label: str
    #: Short file-name-safe name; paper accounts of different markets are kept apart by it.
    environment: str
    #: Instant at which desk time must start (a recorded market lives on its own day); None = the present.
    starts_at_utc: datetime | None

    def underlyings(self) -> tuple[str, ...]:
        """Returns the symbols with options, most traded first."""
        ...

    def expiries(self, underlying: str, now_utc: datetime) -> tuple[ChainExpiry, ...]:
        """Returns the expirations still listed at `now_utc`, in date order; empty for an unknown underlying."""
        ...

    def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        """Returns the contracts of an expiration by strike, call before put."""
        ...

    def resolve(self, key: ContractKey) -> Contract | None:
        """Returns the listed contract of a key (option, stock, index or future), None when it is not listed."""
        ...

    def advance(self, to_utc: datetime) -> None:
        """Moves every path to `to_utc` (never back)."""
        ...

    def quotes(self, contracts: Sequence[Contract], now_utc: datetime) -> list[Quote]:
        """Returns the quotes of `contracts` as of the last `advance`, in order; computed as arrays, not one by one."""
        ...

    def models(self, contracts: Sequence[Contract]) -> dict[ContractKey, OptionModel]:
        """Returns how the options among `contracts` are priced as of the last `advance`; without those it cannot."""
        ...

    def level(self, symbol: str) -> Decimal | None:
        """Returns the level of an underlying or of an index such as VIX, VIX3M; None when it is not in this market."""
        ...

    def state(self) -> dict[str, Any]:
        """Returns JSON-able state from which `restore` continues the same paths."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from an earlier `state`; raises ValueError when it belongs to another market."""
        ...
