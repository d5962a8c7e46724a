"""DXLink's events: which fields each has, and what the market puts into them. What is unknown is the text "NaN"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zlib import crc32

import numpy as np

from analytics.exercise import option_first_order
from execution.brokers.paper.market import MarketSource, OptionModel
from models.contract import Contract
from models.enums import ExerciseStyle, InstrumentKind, Right
from models.ids import ContractKey
from models.quote import Quote
from tests.simulators.tastytrade.replies import epoch_ms

NAN: Final = "NaN"
_SECONDS_PER_YEAR: Final = 365 * 86_400
_DAY_ONE: Final = 719_163


def _fields(names: str) -> tuple[str, ...]:
    return ("eventType", "eventSymbol", "eventTime", *names.split())


#: Fields of each event, in the order in which they are announced to a client that names none.
DEFAULT_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "Quote": _fields(
        "sequence timeNanoPart bidTime bidExchangeCode askTime askExchangeCode bidPrice askPrice bidSize askSize"
    ),
    "Greeks": _fields("eventFlags index time sequence price volatility delta gamma theta rho vega"),
    "Trade": _fields(
        "time timeNanoPart sequence exchangeCode dayId tickDirection extendedTradingHours price change size dayVolume"
        " dayTurnover"
    ),
    "TradeETH": _fields(
        "time timeNanoPart sequence exchangeCode dayId tickDirection extendedTradingHours price change size dayVolume"
        " dayTurnover"
    ),
    "Summary": _fields(
        "dayId dayClosePriceType prevDayId prevDayClosePriceType openInterest dayOpenPrice dayHighPrice dayLowPrice"
        " dayClosePrice prevDayClosePrice prevDayVolume"
    ),
    "Profile": _fields(
        "description shortSaleRestriction tradingStatus haltStartTime haltEndTime exDividendDayId statusReason"
        " high52WeekPrice low52WeekPrice beta shares highLimitPrice lowLimitPrice earningsPerShare exDividendAmount"
        " dividendFrequency freeFloat"
    ),
    "Underlying": _fields(
        "eventFlags index time sequence volatility frontVolatility backVolatility callVolume putVolume optionVolume"
        " putCallRatio"
    ),
    "TheoPrice": _fields("eventFlags index time sequence price underlyingPrice delta gamma dividend interest"),
    "TimeAndSale": _fields(
        "eventFlags index time timeNanoPart sequence exchangeCode price size bidPrice askPrice exchangeSaleConditions"
        " tradeThroughExempt aggressorSide spreadLeg extendedTradingHours validTick type buyer seller"
    ),
    "Candle": _fields(
        "eventFlags index time sequence count volume vwap bidVolume askVolume impVolatility openInterest open high low"
        " close"
    ),
}

Event = dict[str, Any]


@dataclass(slots=True)
class Tape:
    """Makes events of one market's quotes. `betas` go into profiles."""

    market: MarketSource
    betas: dict[str, str]
    _greeks: dict[ContractKey, tuple[datetime, Event]] = field(default_factory=dict)

    def quote(self, symbol: str, contract: Contract, quote: Quote) -> Event | None:
        """Returns a Quote; a bid of nothing is NaN. SPX has one, at its level; VIX has none."""
        if contract.kind is InstrumentKind.INDEX:
            quote = replace(quote, bid=quote.mark, ask=quote.mark)
        if (quote.bid is None and quote.ask is None) or contract.key.startswith("VIX"):
            return None
        bid = quote.bid or None
        return {
            "eventSymbol": symbol,
            "eventTime": 0,
            "sequence": 0,
            "timeNanoPart": 0,
            "bidTime": 0,
            "bidExchangeCode": "C",
            "askTime": 0,
            "askExchangeCode": "C",
            "bidPrice": _number(bid),
            "askPrice": _number(quote.ask),
            "bidSize": NAN if bid is None or quote.bid_size is None else quote.bid_size,
            "askSize": NAN if quote.ask is None or quote.ask_size is None else quote.ask_size,
        }

    def trade(self, symbol: str, contract: Contract, quote: Quote) -> Event | None:
        """Returns the last Trade; an index has a price and no size."""
        is_level = contract.kind is InstrumentKind.INDEX
        price = quote.last if quote.last is not None else quote.mark if is_level else None
        if price is None:
            return None
        volume = crc32(contract.key.encode()) % 5000
        return {
            "eventSymbol": symbol,
            "eventTime": 0,
            "time": epoch_ms(quote.at_utc),
            "timeNanoPart": 0,
            "sequence": 0,
            "exchangeCode": "C",
            "dayId": quote.at_utc.date().toordinal() - _DAY_ONE,
            "tickDirection": "UNDEFINED",
            "extendedTradingHours": False,
            "price": float(price),
            "change": NAN if quote.previous_close is None else float(price - quote.previous_close),
            "size": NAN if is_level else 1,
            "dayVolume": NAN if is_level else volume,
            "dayTurnover": NAN if is_level else volume * float(price),
        }

    def summary(self, symbol: str, contract: Contract, quote: Quote) -> Event:
        """Returns the day's Summary."""
        day = quote.at_utc.date().toordinal() - _DAY_ONE
        return {
            "eventSymbol": symbol,
            "eventTime": 0,
            "dayId": day,
            "dayClosePriceType": "REGULAR",
            "prevDayId": day - 1,
            "prevDayClosePriceType": "FINAL",
            "openInterest": crc32(contract.key.encode()) % 20_000 if contract.is_option else 0,
            "dayOpenPrice": _number(quote.previous_close),
            "dayHighPrice": _number(quote.mark),
            "dayLowPrice": _number(quote.mark),
            "dayClosePrice": NAN,
            "prevDayClosePrice": _number(quote.previous_close),
            "prevDayVolume": NAN,
        }

    def profile(self, symbol: str, contract: Contract) -> Event:
        """Returns a Profile, with a beta where one is known."""
        beta = self.betas.get(contract.key)
        facts = dict.fromkeys(DEFAULT_FIELDS["Profile"], NAN)
        return facts | {
            "eventType": "Profile",
            "eventSymbol": symbol,
            "eventTime": 0,
            "description": contract.label,
            "shortSaleRestriction": "INACTIVE",
            "tradingStatus": "ACTIVE",
            "statusReason": None,
            "haltStartTime": 0,
            "haltEndTime": 0,
            "exDividendDayId": 0,
            "beta": NAN if beta is None else float(beta),
        }

    def candle(self, symbol: str, contract: Contract, quote: Quote) -> Event:
        """Returns one Candle, the present one, which is the whole snapshot."""
        price = _number(quote.mark)
        time_ms = epoch_ms(quote.at_utc)
        return dict.fromkeys(DEFAULT_FIELDS["Candle"], NAN) | {
            "eventType": "Candle",
            "eventSymbol": symbol,
            "eventTime": 0,
            "eventFlags": 12,
            "index": time_ms << 22,
            "time": time_ms,
            "sequence": 0,
            "count": 1,
            "volume": crc32(contract.key.encode()) % 5000,
            "open": price,
            "high": price,
            "low": price,
            "close": price,
        }

    # --- Greeks ---

    def greeks(self, symbols: Sequence[tuple[str, Contract]], now_utc: datetime, every_s: float) -> list[Event]:
        """Returns the Greeks of options, worked out anew no sooner than after `every_s`; unpriced ones are absent."""
        stale = [
            contract
            for _, contract in symbols
            if contract.is_option and now_utc - self._age(contract, now_utc) >= timedelta(seconds=every_s)
        ]
        for contract, values in self._computed(stale, now_utc):
            self._greeks[contract.key] = (now_utc, values)
        known = ((symbol, self._greeks.get(contract.key)) for symbol, contract in symbols)
        return [kept[1] | {"eventSymbol": symbol} for symbol, kept in known if kept is not None]

    def _age(self, contract: Contract, now_utc: datetime) -> datetime:
        kept = self._greeks.get(contract.key)
        return now_utc - timedelta(days=1) if kept is None else kept[0]

    def _computed(self, contracts: Sequence[Contract], now_utc: datetime) -> list[tuple[Contract, Event]]:
        models = self.market.models(contracts) if contracts else {}
        usable: list[tuple[Contract, float, OptionModel]] = []
        for contract in {one.key: one for one in contracts}.values():
            level, model = self.market.level(contract.underlying), models.get(contract.key)
            if level is not None and model is not None:
                usable.append((contract, float(level), model))
        if not usable:
            return []
        values = option_first_order(
            spot=np.array([level for _, level, _ in usable]),
            strike=np.array([float(one.strike or 1) for one, _, _ in usable]),
            t_years=np.array([_years(one, now_utc) for one, _, _ in usable]),
            rate=np.array([model.rate for _, _, model in usable]),
            dividend_yield=np.array([model.dividend_yield for _, _, model in usable]),
            vol=np.array([model.vol for _, _, model in usable]),
            is_call=np.array([one.right is Right.CALL for one, _, _ in usable]),
            is_american=np.array([one.style is ExerciseStyle.AMERICAN for one, _, _ in usable]),
        )
        rows = np.column_stack(values)
        return [
            (contract, _greeks(model.vol, row, now_utc))
            for (contract, _, model), row in zip(usable, rows.tolist(), strict=True)
            if np.isfinite(row).all()
        ]


def _greeks(vol: float, row: list[float], now_utc: datetime) -> Event:
    price, delta, gamma, theta, vega = row
    time_ms = epoch_ms(now_utc)
    return {
        "eventTime": 0,
        "eventFlags": 0,
        "index": time_ms << 22,
        "time": time_ms,
        "sequence": 0,
        "price": price,
        "volatility": vol,
        "delta": delta,
        "gamma": gamma,
        "theta": theta,
        "rho": 0.0,
        "vega": vega,
    }


def _years(contract: Contract, now_utc: datetime) -> float:
    expires = contract.expires_at_utc
    return 0.0 if expires is None else max((expires - now_utc).total_seconds(), 0.0) / _SECONDS_PER_YEAR


def _number(price: Decimal | None) -> float | str:
    return NAN if price is None else float(price)
