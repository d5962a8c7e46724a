"""Contracts under Tastytrade's names: OCC and futures symbols, streamer symbols, instrument types, ticks."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from execution.brokers.paper.market import MarketSource
from execution.brokers.port import ChainExpiry
from models.contract import Contract, plain
from models.enums import InstrumentKind
from models.ids import ContractKey
from models.occ import parse_occ
from models.product import TickRule, future_root
from tests.simulators.tastytrade.replies import JsonObject, number

_TYPES: Final = {
    InstrumentKind.STOCK: "Equity",
    InstrumentKind.ETF: "Equity",
    InstrumentKind.INDEX: "Index",
    InstrumentKind.OPTION: "Equity Option",
    InstrumentKind.FUTURE: "Future",
    InstrumentKind.FUTURE_OPTION: "Future Option",
    InstrumentKind.CRYPTO: "Cryptocurrency",
}
_EXCHANGES: Final = {"/CL": "XNYM", "/GC": "XCEC"}
_STREAMED_OPTION: Final = re.compile(r"\.([A-Z][A-Z0-9]*?)(\d{6})([CP])(\d+(?:\.\d+)?)")
_STREAMED_FUTURE: Final = re.compile(r"/([A-Z0-9]+?)([FGHJKMNQUVXZ])(\d\d):([A-Z]+)")
_FUTURE_OPTION: Final = re.compile(r"\./([A-Z0-9]{2,6}) *([A-Z0-9]+?) +(\d{6})([CP])([0-9.]+)")
_WIDTH: Final = 6


def instrument_type(contract: Contract) -> str:
    """Returns the type of an instrument in Tastytrade's words."""
    return _TYPES[contract.kind]


def symbol_of(contract: Contract) -> str:
    """Returns a contract's symbol: OCC for options, padded parts for options on futures."""
    if contract.kind is not InstrumentKind.FUTURE_OPTION or contract.expiry is None:
        return str(contract.key)
    code = contract_code(contract)
    right = "" if contract.right is None else contract.right.value
    tail = f"{contract.expiry:%y%m%d}{right}{plain(contract.strike or Decimal(0))}"
    return f".{contract.underlying:<{_WIDTH}}{code:<{_WIDTH}}{tail}"


def contract_code(contract: Contract) -> str:
    """Returns the exchange's name of an option series on a future: `EW3Z6`."""
    return contract.key.split()[1]


def streamer_symbol(contract: Contract) -> str:
    """Returns DXLink's symbol of a contract."""
    if contract.kind is InstrumentKind.FUTURE:
        year = 2026 if contract.expiry is None else contract.expiry.year
        return f"{contract.key[:-1]}{year % 100:02d}:{_exchange(contract.root)}"
    if not contract.is_option or contract.expiry is None or contract.right is None:
        return str(contract.key)
    strike = plain(contract.strike or Decimal(0))
    if contract.kind is InstrumentKind.FUTURE_OPTION:
        code = contract_code(contract)
        exchange = _exchange(future_root(contract.underlying))
        return f"./{code[:-1]}{contract.expiry.year % 100:02d}{contract.right.value}{strike}:{exchange}"
    return f".{contract.root}{contract.expiry:%y%m%d}{contract.right.value}{strike}"


def _exchange(root: str) -> str:
    return _EXCHANGES.get(root, "XCME")


def ticks(rule: TickRule) -> list[JsonObject]:
    """Returns increments as Tastytrade lists them: the one without a threshold holds from the last one on."""
    if rule.threshold == 0 or rule.below == rule.above:
        return [{"value": plain(rule.above)}]
    return [{"value": plain(rule.below), "threshold": number(rule.threshold)}, {"value": plain(rule.above)}]


class Listing:
    """Finds the market's contracts by Tastytrade's names."""

    def __init__(self, market: MarketSource) -> None:
        self._market = market
        self._streamed: dict[str, Contract] = {}
        self._searched: set[tuple[str, date]] = set()

    def find(self, symbol: str) -> Contract | None:
        """Returns the contract of a symbol, None when it is not listed."""
        match = _FUTURE_OPTION.fullmatch(symbol)
        if match is not None:
            return self._future_option(*match.groups())
        return self._market.resolve(ContractKey(symbol))

    def _future_option(self, future: str, code: str, day: str, right: str, strike: str) -> Contract | None:
        text = plain(Decimal(strike))
        for written in dict.fromkeys((strike, text, f"{text}.0")):
            found = self._market.resolve(ContractKey(f"./{future} {code} {day}{right}{written}"))
            if found is not None:
                return found
        return None

    def streamed(self, symbol: str, now_utc: datetime) -> Contract | None:
        """Returns the contract of a DXLink symbol, None when it is not listed."""
        known = self._streamed.get(symbol)
        if known is None:
            known = self._parse(symbol, now_utc)
            if known is not None:
                self._streamed[symbol] = known
        return known

    def _parse(self, symbol: str, now_utc: datetime) -> Contract | None:
        option = _STREAMED_OPTION.fullmatch(symbol)
        if option is not None:
            root, day, right, strike = option.groups()
            mills = int(Decimal(strike) * 1000)
            return self._market.resolve(ContractKey(parse_occ(f"{root}{day}{right}{mills:08d}").padded()))
        future = _STREAMED_FUTURE.fullmatch(symbol)
        if future is not None:
            root, month, year, _ = future.groups()
            return self._market.resolve(ContractKey(f"/{root}{month}{year[-1]}"))
        if symbol.startswith("./"):
            return self._search(symbol, now_utc)
        return self._market.resolve(ContractKey(symbol))

    def _search(self, symbol: str, now_utc: datetime) -> Contract | None:
        """Streamer symbols of options on futures do not say which future: all of them are looked through."""
        for expiry in self.future_expiries(now_utc):
            if symbol.startswith(f"./{expiry.root}") and (expiry.root, expiry.expiry) not in self._searched:
                self._searched.add((expiry.root, expiry.expiry))
                self._streamed |= {streamer_symbol(one): one for one in self._market.chain(expiry)}
        return self._streamed.get(symbol)

    def futures(self) -> list[Contract]:
        """Returns the futures listed, the front one first."""
        found: list[Contract] = []
        for symbol in self._market.underlyings():
            contract = self._market.resolve(ContractKey(symbol)) if symbol.startswith("/") else None
            if contract is not None:
                found.append(contract)
                found += self._later(contract)
        return found

    def _later(self, front: Contract) -> list[Contract]:
        """The next quarterly future of a product, where the market has it."""
        months = "HMUZ"
        month, year = front.key[-2], int(front.key[-1])
        after = months.find(month) + 1
        code = f"{front.root}{months[after % 4]}{(year + after // 4) % 10}"
        found = self._market.resolve(ContractKey(code))
        return [] if found is None else [found]

    def future_expiries(self, now_utc: datetime) -> list[ChainExpiry]:
        """Returns the expirations of options on every listed future."""
        return [one for future in self.futures() for one in self._market.expiries(future.key, now_utc)]
