"""A book of options on indices, ETFs and stocks, and the shares beside them, on the synthetic market's listings."""

from __future__ import annotations

import random
from datetime import datetime
from decimal import Decimal

from execution.brokers.paper.market import MarketSource
from models.contract import Contract, underlying_contract
from models.enums import BrokerName, Right
from models.ids import AccountId
from models.position import UnifiedPosition

ACCOUNT = AccountId("BENCH-1")
#: Share of the options on each underlying; what is left over goes to SPX.
_SHARES = {"SPX": 0.40, "SPY": 0.16, "QQQ": 0.14, "AAPL": 0.08, "MSFT": 0.08, "NVDA": 0.08, "TSLA": 0.06}
_STOCKS = ("SPY", "QQQ", "AAPL", "MSFT", "NVDA", "TSLA")
_FIRST_DAY, _LAST_DAY = 3, 120
_NEAR = 0.10


def live_book(market: MarketSource, now_utc: datetime, count: int, *, seed: int = 1) -> tuple[UnifiedPosition, ...]:
    """Returns `count` positions of one account: shares of six symbols, the others options within 10 % of the spot."""
    rng = random.Random(seed)
    stocks = [underlying_contract(symbol) for symbol in _STOCKS]
    contracts = list(stocks)
    wanted = count - len(stocks)
    for symbol, share in list(_SHARES.items())[::-1]:
        room = wanted - (len(contracts) - len(stocks))
        contracts += _options(market, symbol, now_utc, room if symbol == "SPX" else int(share * wanted), rng)
    marks = market.quotes(contracts, now_utc)
    return tuple(
        UnifiedPosition(
            broker=BrokerName.PAPER,
            account_id=ACCOUNT,
            contract=contract,
            quantity=Decimal(rng.choice((-3, -2, -1, 1, 2)) if contract.is_option else rng.choice((100, 200))),
            average_price=quote.mark or Decimal(1),
            previous_close=quote.mark,
            at_utc=now_utc,
        )
        for contract, quote in zip(contracts, marks, strict=True)
    )


def _options(market: MarketSource, symbol: str, now_utc: datetime, count: int, rng: random.Random) -> list[Contract]:
    """Options out of the money or near it, over all expiries of the next months; raises ValueError if too few."""
    level = market.level(symbol)
    if level is None:
        raise ValueError(f"{symbol} is not in the market")
    low, high = float(level) * (1 - _NEAR), float(level) * (1 + _NEAR)
    today = now_utc.date()
    found: list[Contract] = []
    for listed in market.expiries(symbol, now_utc):
        if _FIRST_DAY <= (listed.expiry - today).days <= _LAST_DAY:
            found += [
                contract
                for contract in market.chain(listed)
                if contract.strike is not None
                and low <= contract.strike <= high
                and (contract.strike <= level) == (contract.right is Right.PUT)
            ]
    if len(found) < count:
        raise ValueError(f"{symbol} lists only {len(found)} options near the money, {count} are wanted")
    return rng.sample(found, count)
