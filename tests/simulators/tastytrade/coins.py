"""The coins an account may hold beside what the exchange knows: a contract and a market of their own, never traded."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from models.contract import Contract, underlying_contract
from models.enums import MarketDataKind
from models.ids import ContractKey
from models.quote import Quote
from tests.simulators.tastytrade.habits import CryptoHolding

_VENUE: Final = "CXTALP"
_HALF_SPREAD: Final = Decimal("0.0005")
_YESTERDAY: Final = Decimal("0.98")
_CENT: Final = Decimal("0.01")


def coin_streamer(symbol: str) -> str:
    """Returns DXLink's symbol of a coin."""
    return f"{symbol}:{_VENUE}"


def coin_contract(coins: CryptoHolding | None, streamed: str) -> Contract | None:
    """Returns the contract that a DXLink symbol names; None for anything but the coins held."""
    if coins is None or streamed != coin_streamer(coins.symbol):
        return None
    return underlying_contract(coins.symbol)


def coin_quote(coins: CryptoHolding, at_utc: datetime) -> Quote:
    """Returns the coins' market: both sides of the mark, which stands still."""
    half = coins.mark * _HALF_SPREAD
    return Quote(
        key=ContractKey(coins.symbol),
        bid=(coins.mark - half).quantize(_CENT),
        ask=(coins.mark + half).quantize(_CENT),
        last=coins.mark,
        at_utc=at_utc,
        kind=MarketDataKind.LIVE,
        bid_size=1,
        ask_size=1,
        previous_close=(coins.mark * _YESTERDAY).quantize(_CENT),
    )
