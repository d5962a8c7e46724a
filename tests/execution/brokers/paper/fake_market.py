"""A hand-driven market: a real `MarketSource` whose levels and quotes the test sets, now or by time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from execution.brokers.paper.market import OptionModel
from execution.brokers.port import ChainExpiry
from models.clock import from_iso, to_iso
from models.contract import Contract, option_contract, underlying_contract
from models.enums import MarketDataKind, Right
from models.ids import ContractKey
from models.quote import Quote

EXPIRY = date(2026, 12, 18)
LATER = date(2027, 1, 15)
ES = "/ESZ6"


def spxw(strike: int, right: str, expiry: date = EXPIRY) -> Contract:
    """Returns a PM-settled SPX option."""
    return option_contract("SPXW", expiry, Right(right), Decimal(strike))


def aapl(strike: int, right: str, expiry: date = EXPIRY) -> Contract:
    """Returns an AAPL option."""
    return option_contract("AAPL", expiry, Right(right), Decimal(strike))


class HandMarket:
    """Lists a small chain per root; every contract is quoted at `price` +- half of `width` until told otherwise."""

    label = "hand-driven market"
    environment = "hand"
    starts_at_utc: datetime | None = None

    def __init__(self, now_utc: datetime) -> None:
        self.now_utc = now_utc
        self.advances: list[datetime] = []
        self._levels = {
            "SPX": Decimal(7000),
            "AAPL": Decimal(280),
            "VIX": Decimal(17),
            ES: Decimal(7010),
        }
        self._plans: list[tuple[datetime, str, Decimal]] = []
        self._sides: dict[ContractKey, tuple[Decimal | None, Decimal | None, int | None, int | None]] = {}
        stocks = [underlying_contract("SPX"), underlying_contract("AAPL"), underlying_contract("VIX")]
        stocks.append(underlying_contract(ES, expiry=EXPIRY))
        self._contracts = {contract.key: contract for contract in stocks}
        self._chains: dict[ChainExpiry, tuple[Contract, ...]] = {}
        for expiry in (EXPIRY, LATER):
            self._list("SPXW", expiry, range(6000, 8001, 50))
            self._list("AAPL", expiry, range(200, 361, 10))
        self._list("SPX", EXPIRY, range(6000, 8001, 50))

    def set_level(self, symbol: str, level: str) -> None:
        """Sets a level from now on."""
        self._levels[symbol] = Decimal(level)

    def plan_level(self, at_utc: datetime, symbol: str, level: str) -> None:
        """Sets a level at the first advance to `at_utc` or beyond."""
        self._plans.append((at_utc, symbol, Decimal(level)))

    def drop_level(self, symbol: str) -> None:
        """Makes a level unknown."""
        del self._levels[symbol]

    def set_quote(
        self,
        contract: Contract,
        bid: str | None,
        ask: str | None,
        *,
        bid_size: int | None = 50,
        ask_size: int | None = 50,
    ) -> None:
        """Sets one contract's market."""
        sides = (None if bid is None else Decimal(bid), None if ask is None else Decimal(ask))
        self._sides[contract.key] = (*sides, bid_size, ask_size)

    def underlyings(self) -> tuple[str, ...]:
        return ("SPX", "AAPL", ES)

    def expiries(self, underlying: str, now_utc: datetime) -> tuple[ChainExpiry, ...]:
        found = [listed for listed in self._chains if listed.underlying == underlying]
        return tuple(sorted(found, key=lambda listed: (listed.expiry, listed.root)))

    def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        return self._chains[expiry]

    def resolve(self, key: ContractKey) -> Contract | None:
        return self._contracts.get(key)

    def advance(self, to_utc: datetime) -> None:
        assert to_utc >= self.now_utc, "a market never goes back"
        self.now_utc = to_utc
        self.advances.append(to_utc)
        for at_utc, symbol, level in sorted(self._plans):
            if at_utc <= to_utc:
                self._levels[symbol] = level
        self._plans = [plan for plan in self._plans if plan[0] > to_utc]

    def quotes(self, contracts: Sequence[Contract], now_utc: datetime) -> list[Quote]:
        return [self._quote(contract) for contract in contracts]

    def models(self, contracts: Sequence[Contract]) -> dict[ContractKey, OptionModel]:
        return {
            one.key: OptionModel(0.2, 0.04, 0.01) for one in contracts if one.is_option and one.key in self._contracts
        }

    def level(self, symbol: str) -> Decimal | None:
        return self._levels.get(symbol)

    def state(self) -> dict[str, Any]:
        levels = {symbol: str(level) for symbol, level in self._levels.items()}
        return {"market": self.environment, "now": to_iso(self.now_utc), "levels": levels}

    def restore(self, state: dict[str, Any]) -> None:
        if state.get("market") != self.environment:
            raise ValueError("a state of another market")
        self.now_utc = from_iso(state["now"])
        self._levels |= {symbol: Decimal(level) for symbol, level in state["levels"].items()}

    def _list(self, root: str, expiry: date, strikes: range) -> None:
        chain = tuple(
            option_contract(root, expiry, right, Decimal(strike))
            for strike in strikes
            for right in (Right.CALL, Right.PUT)
        )
        first = chain[0]
        assert first.settlement is not None
        self._chains[ChainExpiry(first.underlying, root, expiry, first.settlement)] = chain
        self._contracts |= {contract.key: contract for contract in chain}

    def _quote(self, contract: Contract) -> Quote:
        sides = self._sides.get(contract.key)
        if sides is None:
            sides = self._fair(contract)
        bid, ask, bid_size, ask_size = sides
        return Quote(
            key=contract.key,
            bid=bid,
            ask=ask,
            last=None,
            at_utc=self.now_utc,
            kind=MarketDataKind.SIMULATED,
            bid_size=bid_size,
            ask_size=ask_size,
        )

    def _fair(self, contract: Contract) -> tuple[Decimal | None, Decimal | None, int | None, int | None]:
        """Intrinsic value plus a time value that falls with the distance; a nickel to a dime wide."""
        level = self._levels.get(contract.underlying)
        if level is None:
            return None, None, None, None
        if contract.strike is None or contract.right is None:
            return level, level, 500, 500
        gain = level - contract.strike if contract.right is Right.CALL else contract.strike - level
        share = max(Decimal("0.03") - abs(gain) / level / 5, Decimal(0))
        middle = max(gain, Decimal(0)) + (level * share).quantize(Decimal("0.1"))
        tick = contract.tick.tick_at(middle)
        bid = contract.tick.snap(max(middle - tick, Decimal(0)))
        return bid, contract.tick.snap(middle + tick) + tick, 50, 50
