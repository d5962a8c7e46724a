"""Tastytrade's symbols and the desk's contracts, both ways.

Tastytrade writes an option as its OCC symbol, a share class with a slash (`BRK/B`, here `BRK B`), a future as `/ESZ6`,
an option on one in columns of six (`./ESZ6 E1AZ6 261204C6700`, `./MESM6EX3H6 260320P6450`), crypto as a pair.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Final

from execution.brokers.tastytrade.facts import TastyExpiration, TastyTick
from models.contract import Contract, underlying_contract
from models.contract_key import contract_of_key, is_ticker
from models.enums import InstrumentKind, Settlement
from models.errors import InvalidInput
from models.ids import ContractKey
from models.product import TickRule, future_root

EQUITY: Final = "Equity"
EQUITY_OPTION: Final = "Equity Option"
FUTURE: Final = "Future"
FUTURE_OPTION: Final = "Future Option"
CRYPTO: Final = "Cryptocurrency"
INDEX: Final = "Index"
_COLUMN: Final = 6
_PAIR: Final = re.compile(r"[A-Z0-9]{2,10}/USD")
_TYPES: Final = {
    InstrumentKind.STOCK: EQUITY,
    InstrumentKind.ETF: EQUITY,
    InstrumentKind.INDEX: INDEX,
    InstrumentKind.OPTION: EQUITY_OPTION,
    InstrumentKind.FUTURE: FUTURE,
    InstrumentKind.FUTURE_OPTION: FUTURE_OPTION,
    InstrumentKind.CRYPTO: CRYPTO,
}


def contract_of(symbol: str, instrument_type: str) -> Contract:
    """Returns the contract of a symbol by the product table; raises InvalidInput for what the desk cannot represent."""
    match instrument_type:
        case "Equity" | "Index":
            key = symbol.replace("/", " ")
            if not is_ticker(key):
                raise InvalidInput("symbol", f"{symbol!r} is not a stock, fund or index the desk can show.")
            return underlying_contract(key)
        case "Equity Option":
            return _of_kind(contract_of_key(ContractKey(symbol)), InstrumentKind.OPTION, symbol)
        case "Future":
            return _of_kind(contract_of_key(ContractKey(symbol)), InstrumentKind.FUTURE, symbol)
        case "Future Option":
            return contract_of_key(_future_option_key(symbol))
        case "Cryptocurrency":
            if not _PAIR.fullmatch(symbol):
                raise InvalidInput("symbol", f"{symbol!r} is not a crypto currency against the dollar.")
            return underlying_contract(symbol)
        case _:
            raise InvalidInput("symbol", f"{symbol!r} is a {instrument_type or 'thing of unknown kind'}: not shown.")


def listed_contract(symbol: str, instrument_type: str, expiration: TastyExpiration) -> Contract:
    """Returns an option of a chain: multiplier, increments and settlement are what the chain says."""
    contract = contract_of(symbol, instrument_type)
    tick = tick_rule_of(expiration.ticks) or contract.tick
    return replace(contract, multiplier=expiration.multiplier, tick=tick, settlement=Settlement(expiration.settlement))


def symbol_of(contract: Contract) -> tuple[str, str]:
    """Returns Tastytrade's symbol and instrument type of a contract."""
    match contract.kind:
        case InstrumentKind.STOCK | InstrumentKind.ETF:
            return contract.key.replace(" ", "/"), EQUITY
        case InstrumentKind.FUTURE_OPTION:
            future, option, rest = contract.key[1:].split(" ")
            return f".{future:<{_COLUMN}}{option:<{_COLUMN}}{rest}", FUTURE_OPTION
        case kind:
            return str(contract.key), _TYPES[kind]


def measured_symbol(underlying: str) -> str:
    """Returns the symbol under which Tastytrade measures an underlying: of a future its product (`/ES`)."""
    if not underlying.startswith("/"):
        return underlying.replace(" ", "/")
    try:
        return future_root(underlying)
    except KeyError:
        return underlying


def tick_rule_of(ticks: tuple[TastyTick, ...]) -> TickRule | None:
    """Returns the increments of a tick table: below the first threshold, and from there on; None without a table.

    A table with more steps is taken with its coarsest upper step: never finer than Tastytrade allows.
    """
    if not ticks:
        return None
    steps = sorted((one for one in ticks if one.threshold is not None), key=lambda one: one.threshold or Decimal(0))
    rest = [one.value for one in ticks if one.threshold is None]
    above = max((*rest, *(one.value for one in steps[1:])), default=steps[-1].value if steps else Decimal(0))
    if not steps:
        return TickRule(above, Decimal(0), above)
    return TickRule(steps[0].value, steps[0].threshold or Decimal(0), above)


def _future_option_key(symbol: str) -> ContractKey:
    body = symbol[1:]
    future, option, rest = body[:_COLUMN].rstrip(), body[_COLUMN : 2 * _COLUMN].rstrip(), body[2 * _COLUMN :]
    if not symbol.startswith("./") or not option or not rest:
        raise InvalidInput("symbol", f"{symbol!r} is not an option on a future, e.g. './ESZ6 E1AZ6 261204C6700'.")
    return ContractKey(f".{future} {option} {rest}")


def _of_kind(contract: Contract, kind: InstrumentKind, symbol: str) -> Contract:
    if contract.kind is not kind:
        raise InvalidInput("symbol", f"{symbol!r} is not the symbol of a {kind.value.lower()}.")
    return contract
