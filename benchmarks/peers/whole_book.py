"""The whole book in one go: quotes in; vols, Greeks and beta-weighted totals out. Ours and nautilus_trader's."""

from __future__ import annotations

from typing import Any

import numpy as np
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.common.factories import OrderFactory
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import QuoteTick, TradeTick
from nautilus_trader.model.enums import AggressorSide, AssetClass, OmsType, OptionKind, OrderSide
from nautilus_trader.model.greeks import GreeksCalculator
from nautilus_trader.model.identifiers import (
    InstrumentId,
    PositionId,
    StrategyId,
    Symbol,
    TradeId,
    TraderId,
    Venue,
)
from nautilus_trader.model.instruments import Equity, OptionContract
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.position import Position
from nautilus_trader.test_kit.stubs.events import TestEventStubs

from analytics.black_scholes import bsm_price
from analytics.book import BookArrays, BookGreeks, Model, PositionColumns, UnderlyingColumns
from benchmarks.racing import Job, per, race

_NOW_S = 1_800_000_000
_NOW_NS = _NOW_S * 1_000_000_000
_DAY_S = 86_400
#: Their solver forgets the carry: its vols give their prices back only where yield and rate are equal. Elsewhere it
#: ends early, without a number, for many options, which would be no race.
_RATE = _YIELD = 0.0425
_SPOTS = {"SPX": 7200.0, "QQQ": 640.0, "AAPL": 285.0, "MSFT": 430.0}
_BETAS = {"SPX": 1.0, "QQQ": 1.18, "AAPL": 1.24, "MSFT": 1.02}
#: Their calculator takes every option for one that expires within a day (`min(days, 1)`), so its quotes are of that.
_THEIR_YEARS = 1.0 / 365.25


class Positions:
    """The same random options for both: strikes near the money, one contract short each."""

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(5)
        names = list(_SPOTS)
        self.names = [names[i] for i in rng.integers(0, len(names), count)]
        self.spot = np.array([_SPOTS[name] for name in self.names])
        self.strike = np.round(self.spot * rng.uniform(0.98, 1.02, count), 2)
        self.is_call = rng.random(count) < 0.5
        self.days = rng.integers(3, 180, count)
        self.vol = rng.uniform(0.15, 0.5, count)

    def mids(self, t_years: np.ndarray | float) -> np.ndarray:
        """Prices of the options when they have so long to live."""
        return bsm_price(
            spot=self.spot,
            strike=self.strike,
            t_years=t_years,
            rate=_RATE,
            dividend_yield=_YIELD,
            vol=self.vol,
            is_call=self.is_call,
        )


def _theirs(positions: Positions) -> GreeksCalculator:
    clock = TestClock()
    clock.set_time(_NOW_NS)
    cache, venue, trader = Cache(), Venue("X"), TraderId("T-001")
    for name, spot in _SPOTS.items():
        stock = Equity(
            instrument_id=InstrumentId(Symbol(name), venue),
            raw_symbol=Symbol(name),
            currency=USD,
            price_precision=2,
            price_increment=Price.from_str("0.01"),
            lot_size=Quantity.from_int(1),
            ts_event=0,
            ts_init=0,
        )
        cache.add_instrument(stock)
        tick = (Price(spot, 2), Quantity.from_int(1), AggressorSide.BUYER, TradeId("1"), _NOW_NS, _NOW_NS)
        cache.add_trade_tick(TradeTick(stock.id, *tick))
    orders = OrderFactory(trader, StrategyId("S-001"), clock)
    for number, mid in enumerate(positions.mids(_THEIR_YEARS).tolist()):
        option = OptionContract(
            instrument_id=InstrumentId(Symbol(f"O{number}"), venue),
            raw_symbol=Symbol(f"O{number}"),
            asset_class=AssetClass.EQUITY,
            currency=USD,
            price_precision=4,
            price_increment=Price.from_str("0.0001"),
            multiplier=Quantity.from_int(100),
            lot_size=Quantity.from_int(1),
            underlying=positions.names[number],
            option_kind=OptionKind.CALL if positions.is_call[number] else OptionKind.PUT,
            strike_price=Price(float(positions.strike[number]), 4),
            activation_ns=0,
            expiration_ns=_NOW_NS + int(positions.days[number]) * _DAY_S * 1_000_000_000,
            ts_event=0,
            ts_init=0,
        )
        cache.add_instrument(option)
        one, price = Quantity.from_int(1), Price(mid, 4)
        cache.add_quote_tick(QuoteTick(option.id, price, price, one, one, _NOW_NS, _NOW_NS))
        fill = TestEventStubs.order_filled(
            orders.market(option.id, OrderSide.SELL, one),
            instrument=option,
            position_id=PositionId(f"P-{number}"),
            strategy_id=StrategyId("S-001"),
            last_px=price,
        )
        cache.add_position(Position(instrument=option, fill=fill), oms_type=OmsType.HEDGING)
    return GreeksCalculator(MessageBus(trader_id=trader, clock=clock), cache, clock)


def _ours(positions: Positions, life_s: np.ndarray | float) -> BookArrays:
    count, names = len(positions.names), list(_SPOTS)
    return BookArrays(
        PositionColumns(
            quantity=np.full(count, -1.0),
            multiplier=np.full(count, 100.0),
            model=np.full(count, Model.BSM, dtype=np.int8),
            underlying=np.array([names.index(name) for name in positions.names]),
            strike=positions.strike,
            expiry_epoch_s=np.broadcast_to(_NOW_S + np.asarray(life_s), (count,)),
            is_call=positions.is_call,
            rate=np.full(count, _RATE),
            dividend_yield=np.full(count, _YIELD),
        ),
        UnderlyingColumns(names, list(_SPOTS.values()), list(_BETAS.values())),
    )


def race_book(count: int, runs: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Returns microseconds per position, with vols solved from quotes and with vols known; and how far we are apart.

    The distance is that of the beta-weighted totals when our options too are taken to expire within a day.
    """
    positions = Positions(count)
    book, every = _ours(positions, positions.days * float(_DAY_S)), np.arange(count)
    mids = positions.mids(positions.days / 365.0)
    calculator, venue = _theirs(positions), Venue("X")
    betas = {InstrumentId(Symbol(name), venue): beta for name, beta in _BETAS.items()}
    index = InstrumentId(Symbol("SPX"), venue)

    def theirs(*, is_cached: bool) -> Any:
        return calculator.portfolio_greeks(
            flat_interest_rate=_RATE,
            flat_dividend_yield=_YIELD,
            index_instrument_id=index,
            beta_weights=betas,
            use_cached_greeks=is_cached,
            cache_greeks=not is_cached,
        )

    def ours(own: BookArrays = book, marks: np.ndarray = mids) -> BookGreeks:
        own.set_quotes(every, marks, marks)
        own.refresh_vols(_NOW_S)
        return own.greeks(_NOW_S, _SPOTS["SPX"])

    short = ours(_ours(positions, _THEIR_YEARS * 365.0 * _DAY_S), np.round(positions.mids(_THEIR_YEARS), 4)).totals
    total = theirs(is_cached=False)
    apart = {
        "delta": abs(short.spx_equiv_delta / total.delta - 1.0),
        "gamma": abs(short.gamma / total.gamma - 1.0),
        "vega": abs(short.vega_per_point / total.vega - 1.0),
        "theta": abs(short.theta_per_day * (365.0 / 365.25) / total.theta - 1.0),
    }
    jobs: dict[str, Job] = {
        "ours": ours,
        "ours_vols_known": lambda: book.greeks(_NOW_S, _SPOTS["SPX"]),
        "nautilus_trader": lambda: theirs(is_cached=False),
        "nautilus_trader_cached": lambda: theirs(is_cached=True),
    }
    return per(race(jobs, runs=runs), count, 1e6), apart
