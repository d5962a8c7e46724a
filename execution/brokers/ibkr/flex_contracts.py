"""Which contract a row of a Flex statement speaks of: the same keys as the live connection gives."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Final

from execution.brokers.ibkr.flex_values import BadValue, SlashOrder, day_of, number
from execution.brokers.ibkr.flex_xml import FlexRow
from models.contract import Contract, contract_of_occ, future_option_contract, option_contract, underlying_contract
from models.contract_key import future_option_settlement
from models.enums import InstrumentKind, Right
from models.errors import InvalidInput
from models.product import FUTURES, future_root

#: Attributes that a contract is read from.
CONTRACT_FIELDS: Final = (
    "assetCategory",
    "subCategory",
    "symbol",
    "conid",
    "underlyingSymbol",
    "multiplier",
    "strike",
    "expiry",
    "putCall",
)
_FUTURE = re.compile(r"([A-Z0-9]{1,5}?)([FGHJKMNQUVXZ])\d?(\d)")
_OTHERS = {
    "CASH": "a currency exchange",
    "BOND": "a bond",
    "BILL": "a bill",
    "CFD": "a contract for difference",
    "FUND": "a mutual fund",
    "WAR": "a warrant",
    "CRYPTO": "a crypto currency",
    "CMDTY": "a commodity",
    "FSFOP": "a future-style option",
}


def contract_of(row: FlexRow, order: SlashOrder) -> Contract:
    """Returns the contract of a row; raises BadValue, in the user's words, for what the desk does not book."""
    category = row.get("assetCategory").upper()
    try:
        match category:
            case "STK":
                return _share(row)
            case "OPT":
                return _option(row, order)
            case "FUT":
                return _future(row, order)
            case "FOP":
                return _future_option(row, order)
            case "":
                raise BadValue("its asset class is not told; add Asset Class to the Flex Query")
    except InvalidInput as error:
        raise BadValue(error.what.rstrip(".")) from error
    what = _OTHERS.get(category, f"of the asset class {category[:20]}")
    raise BadValue(f"it is {what}; the desk books stocks, funds, futures and options")


def _share(row: FlexRow) -> Contract:
    symbol = row.get("symbol")
    if not symbol:
        raise BadValue("its symbol is missing")
    contract = underlying_contract(symbol, conid=_conid(row))
    if row.get("subCategory").upper() == "ETF":
        return replace(contract, kind=InstrumentKind.ETF)
    return contract


def _option(row: FlexRow, order: SlashOrder) -> Contract:
    """By its OCC symbol, else by root, expiry, strike and right."""
    multiplier = number(row.get("multiplier"))
    symbol = row.get("symbol")
    try:
        contract = contract_of_occ(symbol, conid=_conid(row))
    except InvalidInput:
        root = symbol.split()[0] if symbol else row.get("underlyingSymbol")
        contract = option_contract(root, day_of(row.get("expiry"), order), _right(row), _strike(row), conid=_conid(row))
    return contract if multiplier is None else replace(contract, multiplier=multiplier)


def _future(row: FlexRow, order: SlashOrder) -> Contract:
    symbol = _listed_future(row.get("symbol"))
    expiry = row.get("expiry")
    contract = underlying_contract(symbol, expiry=day_of(expiry, order) if expiry else None, conid=_conid(row))
    return _with_multiplier(contract, row)


def _future_option(row: FlexRow, order: SlashOrder) -> Contract:
    """`E1AZ6 C6700` on `ESZ6` is `./ESZ6 E1AZ6 261204C6700`."""
    code = row.get("symbol").split()[0] if row.get("symbol") else ""
    match = _FUTURE.fullmatch(code)
    if match is None:
        raise BadValue(f"{row.get('symbol')[:40]!r} is not the symbol of an option on a future")
    future = _listed_future(row.get("underlyingSymbol"))
    expiry, right, strike = day_of(row.get("expiry"), order), _right(row), _strike(row)
    text = f"{strike.normalize():f}"
    contract = future_option_contract(
        f".{future} {match[1]}{match[2]}{match[3]} {expiry:%y%m%d}{right.value}{text}",
        future=future,
        root=match[1],
        expiry=expiry,
        right=right,
        strike=strike,
        settlement=future_option_settlement(future_root(future), match[1]),
    )
    return _with_multiplier(replace(contract, conid=_conid(row)), row)


def _listed_future(symbol: str) -> str:
    """Returns `/ESZ6` for `ESZ6` and for `ESZ26`."""
    match = _FUTURE.fullmatch(symbol)
    if match is None or f"/{match[1]}" not in FUTURES:
        raise BadValue(f"{symbol[:40]!r} is not a future the desk knows")
    return f"/{match[1]}{match[2]}{match[3]}"


def _with_multiplier(contract: Contract, row: FlexRow) -> Contract:
    multiplier = number(row.get("multiplier"))
    return contract if multiplier is None else replace(contract, multiplier=multiplier)


def _right(row: FlexRow) -> Right:
    text = row.get("putCall").upper()[:1]
    if text not in ("C", "P"):
        raise BadValue("whether it is a call or a put is not told; add Put/Call to the Flex Query")
    return Right(text)


def _strike(row: FlexRow) -> Decimal:
    strike = number(row.get("strike"))
    if strike is None:
        raise BadValue("its strike is not told; add Strike to the Flex Query")
    return strike


def _conid(row: FlexRow) -> int:
    text = row.get("conid")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else 0
