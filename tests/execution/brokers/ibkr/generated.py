"""Contracts of every kind as TWS tells them, by the thousand, on the exchange's own trading days."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import cache

from execution.brokers.ibkr.facts import IbContractDetails
from execution.sessions import ExchangeSessions
from tests.execution.brokers.ibkr.listings import future, future_option, index, option, stock, third_friday

#: What TWS tells, and for an option on a future what it tells of that future.
Generated = tuple[IbContractDetails, IbContractDetails | None]


@cache
def trading_days() -> list[date]:
    """The exchange's own trading days of four past years."""
    exchange, first, last = ExchangeSessions(), date(2022, 1, 3), date(2025, 12, 31)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [day for day in days if exchange.session_bounds_utc(day) is not None]


def generated(count: int) -> Iterator[Generated]:
    """Contracts of every kind in turn, the same ones each time."""
    rng = random.Random(20261121)
    sessions = trading_days()
    makers: tuple[Callable[[int], Generated], ...] = (
        lambda con_id: _share(rng, con_id),
        lambda con_id: _am_option(rng, con_id, sessions),
        lambda con_id: _pm_option(rng, con_id, sessions),
        lambda con_id: _share_option(rng, con_id, sessions),
        lambda con_id: _vix_option(rng, con_id, sessions),
        lambda con_id: _listed_future(rng, con_id),
        lambda con_id: _future_option(rng, con_id),
        lambda con_id: _adjusted_option(rng, con_id, sessions),
    )
    for number in range(count):
        yield makers[number % len(makers)](number + 1)


def _share(rng: random.Random, con_id: int) -> Generated:
    letters = "ABCDEFGHIJKLMNOPQRTUVWYZ"
    symbol = "".join(rng.choice(letters) for _ in range(rng.randint(1, 4))) + rng.choice(("", "", " A", " B", " PRL"))
    if rng.random() < 0.1:
        name, exchange = rng.choice((("SPX", "CBOE"), ("NDX", "NASDAQ"), ("RUT", "RUSSELL"), ("VIX", "CBOE")))
        return index(con_id, name, exchange), None
    return stock(con_id, symbol, stock_type=rng.choice(("COMMON", "ADR", "ETF", "REIT"))), None


def _am_option(rng: random.Random, con_id: int, sessions: list[date]) -> Generated:
    root = rng.choice(("SPX", "NDX", "RUT"))
    third = third_friday(rng.randint(2022, 2025), rng.randint(2, 12))
    at = max(number for number, day in enumerate(sessions) if day <= third)
    told = option(
        con_id,
        root,
        sessions[at],
        rng.choice("CP"),
        str(5 * rng.randint(200, 4000)),
        under=(1, root, "IND"),
        last_trade=sessions[at - 1],
    )
    return told, None


def _pm_option(rng: random.Random, con_id: int, sessions: list[date]) -> Generated:
    root, symbol = rng.choice((("SPXW", "SPX"), ("XSP", "XSP"), ("NDXP", "NDX"), ("RUTW", "RUT")))
    strike = Decimal(rng.randint(100, 60000)) / rng.choice((1, 2, 4))
    expiry = rng.choice(sessions)
    return option(con_id, root, expiry, rng.choice("CP"), f"{strike.normalize():f}", under=(1, symbol, "IND")), None


def _vix_option(rng: random.Random, con_id: int, sessions: list[date]) -> Generated:
    at = rng.choice([number for number, day in enumerate(sessions) if number and day.weekday() == 2])
    strike = str(Decimal(rng.randint(20, 300)) / 2)
    told = option(
        con_id,
        rng.choice(("VIX", "VIXW")),
        sessions[at],
        rng.choice("CP"),
        strike,
        under=(1, "VIX", "IND"),
        last_trade=sessions[at - 1],
    )
    return told, None


def _share_option(rng: random.Random, con_id: int, sessions: list[date]) -> Generated:
    root, symbol = rng.choice((("AAPL", "AAPL"), ("SPY", "SPY"), ("GOOGL", "GOOGL"), ("BRKB", "BRK B"), ("F", "F")))
    strike = str(Decimal(rng.randint(1, 400000)) / 1000)
    return option(con_id, root, rng.choice(sessions), rng.choice("CP"), strike, under=(2, symbol, "STK")), None


def _adjusted_option(rng: random.Random, con_id: int, sessions: list[date]) -> Generated:
    symbol = rng.choice(("AAPL", "GE", "T"))
    told = option(
        con_id,
        f"{symbol}{rng.randint(1, 9)}",
        rng.choice(sessions),
        rng.choice("CP"),
        str(Decimal(rng.randint(1, 4000)) / 4),
        under=(2, symbol, "STK"),
        multiplier=rng.choice(("100", "150", "25", "133.5")),
    )
    return told, None


def _listed_future(rng: random.Random, con_id: int) -> Generated:
    symbol, multiplier, exchange = rng.choice(
        (
            ("ES", "50", "CME"),
            ("MES", "5", "CME"),
            ("NQ", "20", "CME"),
            ("RTY", "50", "CME"),
            ("CL", "1000", "NYMEX"),
            ("GC", "100", "COMEX"),
        )
    )
    year, month = rng.randint(2026, 2031), rng.randint(1, 12)
    told = future(con_id, symbol, year, month, third_friday(year, month), multiplier=multiplier, exchange=exchange)
    return told, None


def _future_option(rng: random.Random, con_id: int) -> Generated:
    quarter = rng.choice((3, 6, 9, 12))
    on = future(9_000_000, "ES", 2026, quarter, third_friday(2026, quarter))
    expiry = date(2026, quarter, rng.randint(1, 14))
    trading_class = rng.choice(("E1A", "EW", "EW2", "E3D", "ES"))
    code = f"{trading_class}{'FGHJKMNQUVXZ'[quarter - 1]}6"
    strike = str(5 * rng.randint(600, 1600)) if rng.random() < 0.9 else f"{rng.randint(600, 1600)}.5"
    return future_option(con_id, on, trading_class, code, expiry, rng.choice("CP"), strike), on
