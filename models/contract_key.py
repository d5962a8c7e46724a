"""Contracts out of keys alone: what a key says by the product table, without asking a broker."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Final

from models.contract import Contract, contract_of_occ, future_option_contract, underlying_contract
from models.enums import Right, Settlement
from models.errors import InvalidInput
from models.ids import ContractKey
from models.occ import OccSymbol, parse_occ
from models.product import FUTURES

#: Index futures whose options with the future's own name settle at the opening (CME rulebook, quarterly options).
_INDEX_FUTURES: Final = frozenset({"/ES", "/MES", "/NQ", "/MNQ", "/RTY"})
_TICKER: Final = re.compile(r"[A-Z0-9]+(?:[ .-][A-Z0-9]+)*")
_MONTH_CODED: Final = re.compile(r"([A-Z0-9]{1,4}?)[FGHJKMNQUVXZ]\d{1,2}")
_FUTURE_OPTION_KEY: Final = re.compile(r"\.(/\S+) (\S+) (\d{6})([CP])(\d+(?:\.\d+)?)")


def is_ticker(symbol: str) -> bool:
    """Returns whether a symbol can be the key of a stock, fund or index: `AAPL`, `BRK B`."""
    return _TICKER.fullmatch(symbol) is not None and _occ_or_none(symbol) is None


def product_of(local_symbol: str) -> str | None:
    """Returns the root before month letter and year: `ESZ6` -> `ES`, `E1AZ6` -> `E1A`; None for no such name."""
    match = _MONTH_CODED.fullmatch(local_symbol)
    return None if match is None else match[1]


def future_option_settlement(product: str, option_root: str) -> Settlement:
    """Returns when options on a future settle: the index quarterlies that carry its name at the opening, others PM."""
    is_quarterly = product in _INDEX_FUTURES and option_root == product.removeprefix("/")
    return Settlement.AM if is_quarterly else Settlement.PM


def contract_of_key(key: ContractKey) -> Contract:
    """Returns the contract a key names by the product table alone; raises InvalidInput for text that is no key."""
    if key.startswith("./"):
        return _future_option_of_key(key)
    if key.startswith("/"):
        if f"/{product_of(key[1:])}" not in FUTURES:
            raise InvalidInput("symbol", f"{key!r} is not a future the desk knows.", cure="Write it as /ESZ6.")
        return underlying_contract(key)
    occ = _occ_or_none(key)
    if occ is not None:
        return contract_of_occ(occ)
    if not is_ticker(key):
        raise InvalidInput("symbol", f"{key!r} is no symbol.", cure="Write it as SPX, AAPL, BRK B or /ESZ6.")
    return underlying_contract(key)


def _occ_or_none(text: str) -> OccSymbol | None:
    try:
        return parse_occ(text)
    except InvalidInput:
        return None


def _future_option_of_key(key: ContractKey) -> Contract:
    match = _FUTURE_OPTION_KEY.fullmatch(key)
    root = None if match is None else product_of(match[2])
    expiry = None if match is None else _date_of(match[3])
    if match is None or root is None or expiry is None:
        raise InvalidInput("symbol", f"{key!r} is not an option on a future, e.g. ./ESZ6 E1AZ6 261204C6700.")
    future = contract_of_key(ContractKey(match[1]))
    return future_option_contract(
        key,
        future=match[1],
        root=root,
        expiry=expiry,
        right=Right(match[4]),
        strike=Decimal(match[5]),
        settlement=future_option_settlement(future.root, root),
    )


def _date_of(text: str) -> date | None:
    """Returns the date of yymmdd."""
    try:
        return date(2000 + int(text[:2]), int(text[2:4]), int(text[4:6]))
    except ValueError:
        return None
