"""Market metrics and quotes by REST; vol figures are made up of the symbol, betas are the market's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from models.contract import plain
from models.enums import InstrumentKind
from models.product import underlying_kind
from models.quote import Quote
from tests.simulators.tastytrade.coins import coin_quote
from tests.simulators.tastytrade.listing import instrument_type, symbol_of
from tests.simulators.tastytrade.replies import JsonObject, invalid, iso
from tests.simulators.tastytrade.state import TastyState

#: Betas to the S&P 500 of the symbols the synthetic market lists.
BETAS: Final = {
    "SPX": "1.0",
    "XSP": "1.0",
    "SPY": "1.009",
    "VIX": "-6.5",
    "QQQ": "1.2",
    "AAPL": "1.1",
    "MSFT": "1.0",
    "NVDA": "1.7",
    "TSLA": "1.8",
    "/ES": "1.0",
}
_MOST_SYMBOLS: Final = 100
_TYPES: Final = ("equity", "equity-option", "index", "future", "future-option", "cryptocurrency")
RISK_FREE_RATE: Final = "0.0375"


@dataclass(slots=True)
class MarketDataDesk:
    """Answers what the market says, in REST's manner."""

    tasty: TastyState

    def metrics(self, symbols: Iterable[str]) -> list[JsonObject]:
        """Returns the metrics of the symbols that are known; others are simply absent."""
        known = [one for one in symbols if self._is_known(one) and one not in self.tasty.habits.without_metrics]
        return [self._metrics(one) for one in known]

    def _is_known(self, symbol: str) -> bool:
        market = self.tasty.core.market
        return symbol in BETAS and any(one.startswith(symbol) for one in (*market.underlyings(), "VIX"))

    def _metrics(self, symbol: str) -> JsonObject:
        habits, now = self.tasty.habits, iso(self.tasty.now())
        made_up = crc32(symbol.encode()) % 900 / 1000 + 0.05
        rank = f"{made_up:.9f}"
        facts: JsonObject = {
            "symbol": symbol,
            "implied-volatility-index": f"{0.1 + made_up / 5:.9f}",
            "implied-volatility-index-5-day-change": "-0.014600000",
            "implied-volatility-index-rank": rank,
            "tos-implied-volatility-index-rank": rank,
            "tw-implied-volatility-index-rank": rank,
            "tos-implied-volatility-index-rank-updated-at": now,
            "implied-volatility-index-rank-source": "tos",
            "implied-volatility-percentile": f"{made_up * 0.9:.9f}",
            "implied-volatility-updated-at": now,
            "liquidity-rating": 4,
            "updated-at": now,
            "option-expiration-implied-volatilities": [],
            "beta": BETAS[symbol],
            "beta-updated-at": now,
            "corr-spy-3month": "0.79",
            "market-cap": "0.0" if underlying_kind(symbol) is InstrumentKind.INDEX else "2846108626900.0",
            "implied-volatility-30-day": "21.87",
            "historical-volatility-30-day": "20.02",
            "iv-hv-30-day-difference": "1.85",
        }
        if symbol in habits.without_market_cap:
            del facts["market-cap"]
        if symbol in habits.without_beta:
            del facts["beta"]
        return facts

    def by_type(self, query: Iterable[tuple[str, str]]) -> list[JsonObject]:
        """Returns the quotes of up to a hundred symbols, by type."""
        asked = [(name.removesuffix("[]"), one) for name, text in query for one in text.split(",")]
        asked = [(name, symbol) for name, symbol in asked if name in _TYPES and symbol]
        if len(asked) > _MOST_SYMBOLS:
            raise invalid(f"At most {_MOST_SYMBOLS} symbols can be asked for at once")
        found: list[JsonObject] = []
        for name, symbol in asked:
            row = self._coins(symbol) if name == "cryptocurrency" else self._row(name, symbol)
            if row is not None:
                found.append(row)
        return found

    def _row(self, name: str, symbol: str) -> JsonObject | None:
        contract = self.tasty.listing.find(symbol)
        if contract is None or instrument_type(contract).lower().replace(" ", "-") != name:
            return None
        quote = self.tasty.core.valuation.refresh([contract], self.tasty.now())[0]
        row = self._facts(symbol_of(contract), instrument_type(contract), quote)
        beta = BETAS.get(contract.key)
        return row if beta is None else row | {"beta": beta}

    def _coins(self, symbol: str) -> JsonObject | None:
        coins = self.tasty.habits.crypto
        if coins is None or coins.symbol != symbol:
            return None
        return self._facts(symbol, "Cryptocurrency", coin_quote(coins, self.tasty.now()))

    def _facts(self, symbol: str, kind: str, quote: Quote) -> JsonObject:
        today = self.tasty.today().isoformat()
        facts: JsonObject = {
            "symbol": symbol,
            "instrument-type": kind,
            "updated-at": iso(self.tasty.now()),
            "bid-size": f"{quote.bid_size or 0}.0",
            "ask-size": f"{quote.ask_size or 0}.0",
            "close-price-type": "Regular",
            "summary-date": today,
            "prev-close-date": today,
            "prev-close-price-type": "Final",
            "is-trading-halted": False,
            "halt-start-time": -1,
            "halt-end-time": -1,
        }
        prices = {
            "bid": quote.bid,
            "ask": quote.ask,
            "mid": quote.mid,
            "mark": quote.mark,
            "last": quote.last,
            "prev-close": quote.previous_close,
        }
        return facts | {name: plain(price) for name, price in prices.items() if price is not None}
