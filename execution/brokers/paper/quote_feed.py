"""Which quotes go to the desk in each tick."""

from __future__ import annotations

from collections.abc import Collection

from execution.brokers.paper.market import MarketSource
from models.contract import Contract
from models.ids import ContractKey

_ALWAYS = ("VIX", "VIX3M")


class QuoteFeed:
    """The subscribed contracts, and underlyings and volatility indices always; turns are taken beyond the budget."""

    def __init__(self, market: MarketSource, *, per_tick: int) -> None:
        self._market = market
        self._symbols: tuple[str, ...] = ()
        self._always: dict[ContractKey, Contract] = {}
        self._subscribed: tuple[Contract, ...] = ()
        self._per_tick = per_tick
        self._turn = 0

    def subscribe(self, contracts: Collection[Contract]) -> None:
        """States all contracts wanted."""
        self._subscribed = tuple({contract.key: contract for contract in contracts}.values())
        self._turn = 0

    def take(self) -> tuple[Contract, ...]:
        """Returns the contracts whose turn it is."""
        self._follow_listing()
        wanted = tuple(contract for contract in self._subscribed if contract.key not in self._always)
        room = max(self._per_tick - len(self._always), 1)
        if len(wanted) <= room:
            return (*self._always.values(), *wanted)
        first = self._turn % len(wanted)
        self._turn = first + room
        return (*self._always.values(), *(wanted + wanted)[first : first + room])

    def _follow_listing(self) -> None:
        """Looks the standing contracts up again when the market lists other underlyings: a future has rolled."""
        symbols = self._market.underlyings()
        if symbols != self._symbols:
            self._symbols = symbols
            found = (self._market.resolve(ContractKey(symbol)) for symbol in (*symbols, *_ALWAYS))
            self._always = {contract.key: contract for contract in found if contract is not None}
