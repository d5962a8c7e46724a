"""What each underlying is in margin: its strategy class, its class and product group, and estimates for futures.

A retail account's futures are margined apart from its securities (SPAN), so /ES does not offset SPX here. The scan
ranges of the exchanges are not known to the desk: shares of notional near their outright margins of 2025 stand in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from analytics.margin.futures import FuturesRule
from analytics.margin.risk_book import RiskKind, RiskTerms
from analytics.margin.span import SpanParameters
from analytics.margin.terms import MarginClass, UnderlyingTerms
from models.product import ETF_SYMBOLS, INDEX_SYMBOLS, future_root

_BROAD_FUNDS: Final = frozenset({"SPY", "QQQ", "IWM", "DIA", "RSP"})
_NARROW_INDICES: Final = frozenset({"VIX", "VIX3M"})
#: Class group > its underlyings; those of one group net in full, the groups of a product in part.
_BROAD_GROUPS: Final[Mapping[str, tuple[RiskKind, frozenset[str]]]] = {
    "SP500": (RiskKind.BROAD_HIGH_CAP, frozenset({"SPX", "XSP", "SPY"})),
    "DJX": (RiskKind.BROAD_HIGH_CAP, frozenset({"DJX", "DIA"})),
    "NDX": (RiskKind.BROAD_NON_HIGH_CAP, frozenset({"NDX", "XND", "QQQ"})),
    "RUT": (RiskKind.BROAD_NON_HIGH_CAP, frozenset({"RUT", "MRUT", "IWM"})),
    "RSP": (RiskKind.BROAD_NON_HIGH_CAP, frozenset({"RSP"})),
}
_BROAD_PRODUCT: Final = "broad indices"
#: Maintenance and least charge of futures as fractions of notional, near the exchanges' outright margins of 2025.
_FUTURES_PERCENT: Final[Mapping[str, tuple[float, float]]] = {
    "/ES": (0.070, 0.02),
    "/MES": (0.070, 0.02),
    "/NQ": (0.080, 0.025),
    "/MNQ": (0.080, 0.025),
    "/RTY": (0.080, 0.025),
    "/CL": (0.090, 0.03),
    "/GC": (0.060, 0.02),
}
_OTHER_FUTURES: Final = (0.10, 0.03)
#: Points of vol that a SPAN-like scan moves by.
_VOL_SCAN: Final = 0.05


def strategy_terms(symbol: str, price: float) -> UnderlyingTerms:
    """Returns price and class of a stock, fund or index for strategy margin."""
    if symbol in _NARROW_INDICES:
        return UnderlyingTerms(price, MarginClass.NARROW_INDEX)
    if symbol in INDEX_SYMBOLS:
        return UnderlyingTerms(price, MarginClass.BROAD_INDEX)
    if symbol in _BROAD_FUNDS:
        return UnderlyingTerms(price, MarginClass.BROAD_ETF)
    return UnderlyingTerms(price, MarginClass.ETF_NARROW if symbol in ETF_SYMBOLS else MarginClass.EQUITY)


def risk_terms(symbol: str) -> RiskTerms:
    """Returns what an underlying belongs to in risk-based margin."""
    if symbol.startswith("/"):
        return RiskTerms(RiskKind.SPAN_FUTURE, _product(symbol), is_future=True)
    for group, (kind, members) in _BROAD_GROUPS.items():
        if symbol in members:
            return RiskTerms(kind, group, _BROAD_PRODUCT)
    if symbol in _NARROW_INDICES:
        return RiskTerms(RiskKind.NARROW_INDEX, symbol)
    return RiskTerms(RiskKind.SECTOR_ETF if symbol in ETF_SYMBOLS else RiskKind.EQUITY, symbol)


def futures_rule(symbol: str, price: float) -> FuturesRule:
    """Returns the percentage rule of a future."""
    maintenance, least = _FUTURES_PERCENT.get(_product(symbol), _OTHER_FUTURES)
    return FuturesRule(product=_product(symbol), price=price, maintenance_percent=maintenance, minimum_percent=least)


def span_parameters(prices: Iterable[tuple[str, float]]) -> dict[str, SpanParameters]:
    """Returns SPAN-like parameters by product for the futures among (symbol, price) pairs."""
    found: dict[str, SpanParameters] = {}
    for symbol, price in prices:
        if symbol.startswith("/") and price > 0.0:
            share, _ = _FUTURES_PERCENT.get(_product(symbol), _OTHER_FUTURES)
            found.setdefault(_product(symbol), SpanParameters(share * price, _VOL_SCAN))
    return found


def _product(symbol: str) -> str:
    """Returns `/ES` for `/ESZ6`, the symbol itself when the product is not known."""
    try:
        return future_root(symbol)
    except KeyError:
        return symbol
