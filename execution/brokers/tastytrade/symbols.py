"""Symbols: Tastytrade's own (OCC for equity options) and DXLink's, both ways.

| what | Tastytrade, and the SDK | DXLink |
|---|---|---|
| stock, ETF, index | `SPY`, `BRK/B` | the same |
| option on them | `SPXW  261218C06000000` | `.SPXW261218C6000` |
| future | `/ESZ6` | `/ESZ26:XCME` |
| option on a future | `./ESZ6 E1AZ6 261204C6700` | `./E1AZ26C6700:XCME` |
| crypto | `BTC/USD` | `BTC/USD:CXTALP` |

The SDK's own converters fail on quarter strikes, on roots with digits and on SPXW. DXLink's name of an option on a
future says neither its future nor its day: going back takes both from the chain. Where a symbol of the API is at hand
(`streamer-symbol`) that one is better; these are for what comes without (positions, legs).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from models.contract import plain
from models.enums import Right
from models.errors import InvalidInput
from models.occ import OccSymbol, occ_symbol, parse_occ

EQUITY: Final = "Equity"
EQUITY_OPTION: Final = "Equity Option"
FUTURE: Final = "Future"
FUTURE_OPTION: Final = "Future Option"
CRYPTO: Final = "Cryptocurrency"

#: Where DXLink finds a futures product: CME, CBOT, NYMEX, COMEX, CFE.
FUTURES_EXCHANGES: Final[Mapping[str, str]] = {
    root: exchange
    for exchange, roots in {
        "XCME": "ES MES NQ MNQ RTY M2K NKD 6A 6B 6C 6E 6J 6M 6N 6S M6A M6B M6E E7 SR1 SR3 GE HE LE GF BTC MBT ETH MET",
        "XCBT": "YM MYM ZT ZF ZN TN ZB UB ZQ ZC ZS ZW ZL ZM ZO KE XC XK XW 2YY 5YY 10Y 30Y",
        "XNYM": "CL MCL QM NG QG MNG RB HO BZ PL PA",
        "XCEC": "GC MGC QO SI SIL QI HG MHG QC",
        "XCBF": "VX VXM",
    }.items()
    for root in roots.split()
}

_CRYPTO_VENUE: Final = "CXTALP"
_MONTHS: Final = "FGHJKMNQUVXZ"
_TICKER: Final = re.compile(r"[A-Z][A-Z0-9]*(?:[/.][A-Z0-9]+)?")
_PAIR: Final = re.compile(r"[A-Z0-9]+/[A-Z0-9]+")
_FUTURE: Final = re.compile(rf"/(?P<root>[A-Z0-9]{{1,4}}?)(?P<month>[{_MONTHS}])(?P<year>\d{{1,2}})")
_CONTRACT: Final = re.compile(rf"(?P<root>[A-Z0-9]{{1,4}}?)(?P<month>[{_MONTHS}])(?P<year>\d{{1,2}})")
_OPTION_TAIL: Final = re.compile(r"(?P<day>\d{6})(?P<right>[CP])(?P<strike>\d+(?:\.\d+)?)")
_STREAMER_OPTION: Final = re.compile(r"\.(?P<root>[A-Z][A-Z0-9.]*?)(?P<day>\d{6})(?P<right>[CP])(?P<strike>\d*\.?\d+)")
_STREAMER_FUTURE_OPTION: Final = re.compile(
    rf"\./(?P<root>[A-Z0-9]{{1,4}}?)(?P<month>[{_MONTHS}])(?P<year>\d{{2}})(?P<right>[CP])(?P<strike>\d*\.?\d+)"
    r":(?P<exchange>[A-Z]+)"
)
_WIDTH: Final = 6
#: Futures are listed some years ahead (treasury and crude oil up to ten); a one-digit year is read as one of these.
_YEARS_BACK: Final = 1


@dataclass(frozen=True, slots=True)
class FutureOptionSymbol:
    """The facts in a future option's symbol. `contract` as Tastytrade writes it, with a one-digit year (`E1AZ6`)."""

    future: str
    contract: str
    expiration: date
    right: Right
    strike: Decimal

    def padded(self) -> str:
        """Returns Tastytrade's form: future and contract padded to six (`./ESZ6 E1AZ6 261204C6700`)."""
        tail = f"{self.expiration:%y%m%d}{self.right.value}{plain(self.strike)}"
        return f".{self.future:<{_WIDTH}}{self.contract:<{_WIDTH}}{tail}"


def streamer_symbol(symbol: str, instrument_type: str, *, today: date) -> str:
    """Returns DXLink's symbol of one of Tastytrade's; `today` tells which decade a one-digit year is in.

    Raises InvalidInput for a symbol or type that cannot be converted: ask Tastytrade for its `streamer-symbol` then.
    """
    convert = _TO_STREAMER.get(instrument_type)
    if convert is None:
        raise InvalidInput("instrument_type", f"{instrument_type!r} is no instrument type with quotes.")
    return convert(symbol, today)


def own_symbol(streamer: str) -> tuple[str, str]:
    """Returns Tastytrade's symbol and instrument type of one of DXLink's.

    Raises InvalidInput for what is none, and for an option on a future, which `own_future_option` takes.
    """
    if streamer.startswith("./"):
        raise InvalidInput("symbol", f"{streamer!r} says neither its future nor its day; the chain does.")
    if streamer.startswith("."):
        return occ_of_streamer(streamer).padded(), EQUITY_OPTION
    if streamer.startswith("/"):
        return _own_future(streamer), FUTURE
    pair, _, venue = streamer.partition(":")
    if venue == _CRYPTO_VENUE and _PAIR.fullmatch(pair):
        return pair, CRYPTO
    return _ticker(streamer), EQUITY


def streamer_of_occ(occ: OccSymbol) -> str:
    """Returns DXLink's symbol of an option on a stock or index: `.SPXW261218C6000`."""
    return f".{occ.root}{occ.expiry:%y%m%d}{occ.right.value}{plain(occ.strike)}"


def occ_of_streamer(streamer: str) -> OccSymbol:
    """Returns the option on a stock or index that DXLink's symbol names; raises InvalidInput for anything else."""
    match = _STREAMER_OPTION.fullmatch(streamer)
    if match is None:
        raise InvalidInput("symbol", f"{streamer!r} is not DXLink's symbol of an option.")
    return occ_symbol(match["root"], _day(match["day"], streamer), Right(match["right"]), Decimal(match["strike"]))


def parse_future_option(symbol: str) -> FutureOptionSymbol:
    """Returns the facts of `./ESZ6 E1AZ6 261204C6700` or `./MESM6EX3H6 260320P6450`; raises InvalidInput otherwise.

    Future and contract are padded to six characters each, so that between two of six there is no space.
    """
    body = symbol[1:]
    future, contract, tail = body[:_WIDTH].rstrip(), body[_WIDTH : 2 * _WIDTH].rstrip(), body[2 * _WIDTH :]
    match = _OPTION_TAIL.fullmatch(tail)
    if not symbol.startswith(".") or match is None or not (_FUTURE.fullmatch(future) and _CONTRACT.fullmatch(contract)):
        raise InvalidInput("symbol", f"{symbol!r} is not the symbol of an option on a future.")
    right, strike = Right(match["right"]), Decimal(match["strike"])
    return FutureOptionSymbol(future, contract, _day(match["day"], symbol), right, strike)


def streamer_of_future_option(option: FutureOptionSymbol) -> str:
    """Returns DXLink's symbol: `./E1AZ26C6700:XCME`.

    The contract's year is the first with its digit from the expiry on; raises InvalidInput for an unknown exchange.
    """
    match = _CONTRACT.fullmatch(option.contract)
    future = _FUTURE.fullmatch(option.future)
    if match is None or future is None:
        raise InvalidInput("symbol", f"{option.padded()!r} is not the symbol of an option on a future.")
    year = _year_from(option.expiration.year, match["year"])
    code = f"{match['root']}{match['month']}{year % 100:02d}"
    return f"./{code}{option.right.value}{plain(option.strike)}:{_exchange(future['root'])}"


def own_future_option(streamer: str, *, future: str, expiration: date) -> str:
    """Returns Tastytrade's symbol of DXLink's `./E1AZ26C6700:XCME`, given its future (`/ESZ6`) and its day."""
    match = _STREAMER_FUTURE_OPTION.fullmatch(streamer)
    if match is None:
        raise InvalidInput("symbol", f"{streamer!r} is not DXLink's symbol of an option on a future.")
    contract = f"{match['root']}{match['month']}{int(match['year']) % 10}"
    strike = Decimal(match["strike"])
    return FutureOptionSymbol(future, contract, expiration, Right(match["right"]), strike).padded()


def _streamer_of_equity(symbol: str, _: date) -> str:
    return _ticker(symbol)


def _streamer_of_option(symbol: str, _: date) -> str:
    return streamer_of_occ(parse_occ(symbol))


def _streamer_of_future(symbol: str, today: date) -> str:
    match = _FUTURE.fullmatch(symbol)
    if match is None:
        raise InvalidInput("symbol", f"{symbol!r} is not the symbol of a future.")
    year = _year_from(today.year - _YEARS_BACK, match["year"])
    return f"/{match['root']}{match['month']}{year % 100:02d}:{_exchange(match['root'])}"


def _streamer_of_future_option(symbol: str, _: date) -> str:
    return streamer_of_future_option(parse_future_option(symbol))


def _streamer_of_crypto(symbol: str, _: date) -> str:
    if not _PAIR.fullmatch(symbol):
        raise InvalidInput("symbol", f"{symbol!r} is not a pair of currencies.")
    return f"{symbol}:{_CRYPTO_VENUE}"


_TO_STREAMER: Final[Mapping[str, Callable[[str, date], str]]] = {
    EQUITY: _streamer_of_equity,
    "Index": _streamer_of_equity,
    EQUITY_OPTION: _streamer_of_option,
    FUTURE: _streamer_of_future,
    FUTURE_OPTION: _streamer_of_future_option,
    CRYPTO: _streamer_of_crypto,
}


def _own_future(streamer: str) -> str:
    name, _, exchange = streamer.partition(":")
    match = _FUTURE.fullmatch(name)
    if match is None or not exchange or len(match["year"]) != 2:
        raise InvalidInput("symbol", f"{streamer!r} is not DXLink's symbol of a future.")
    return f"/{match['root']}{match['month']}{match['year'][-1]}"


def _ticker(symbol: str) -> str:
    if not _TICKER.fullmatch(symbol):
        raise InvalidInput("symbol", f"{symbol!r} is not the symbol of a stock, fund or index.")
    return symbol


def _exchange(root: str) -> str:
    try:
        return FUTURES_EXCHANGES[root]
    except KeyError:
        raise InvalidInput("symbol", f"The exchange of the futures product /{root} is not known to the desk.") from None


def _year_from(first: int, digits: str) -> int:
    """Returns the first year from `first` on that ends in the digits, one or two."""
    span = 100 if len(digits) == 2 else 10
    return first + (int(digits) - first) % span


def _day(digits: str, symbol: str) -> date:
    try:
        return date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:]))
    except ValueError as error:
        raise InvalidInput("symbol", f"{symbol!r} has no valid day: {error}.") from error
