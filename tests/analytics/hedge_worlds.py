"""Small markets and books for the hedge search, quoted on tick around a skewed surface."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np

from analytics.american import american_price
from analytics.black_scholes import bsm_price
from analytics.book import BookArrays
from analytics.book_columns import Model, PositionColumns, UnderlyingColumns
from analytics.hedge_market import HedgeAccount, HedgeMarket, HeldRow, SearchInput, model_of
from analytics.margin import AccountMargin, FuturesRule, RiskBook, RiskKind, RiskTerms, SpanParameters
from models.clock import epoch_s
from models.contract import Contract, option_contract, underlying_contract
from models.enums import ExerciseStyle, MarginMethod, Metric, Right
from models.ids import AccountId
from models.risk import Limit

NOW = datetime(2026, 6, 1, 15, 0, tzinfo=UTC)
NOW_S = epoch_s(NOW)
SPX = 7000.0
RATE, YIELD = 0.0375, 0.013
ES, MES = "/ESM6", "/MESM6"
SPOTS = {"SPX": SPX, "XSP": 700.0, "SPY": 698.0, "AAPL": 280.0, ES: 7010.0, MES: 7010.0}
BETAS = {"SPX": 1.0, "XSP": 1.0, "SPY": 1.0, "AAPL": 1.2, ES: 1.0, MES: 1.0}
ONE, TWO = AccountId("ONE"), AccountId("TWO")
DAYS = {
    1: date(2026, 6, 2),
    11: date(2026, 6, 12),
    25: date(2026, 6, 26),
    46: date(2026, 7, 17),
    81: date(2026, 8, 21),
}
TERMS = {
    "SPX": RiskTerms(RiskKind.BROAD_HIGH_CAP, "SP500", "broad indices"),
    "XSP": RiskTerms(RiskKind.BROAD_HIGH_CAP, "SP500", "broad indices"),
    "SPY": RiskTerms(RiskKind.BROAD_HIGH_CAP, "SP500", "broad indices"),
    "AAPL": RiskTerms(RiskKind.EQUITY, "AAPL"),
    ES: RiskTerms(RiskKind.SPAN_FUTURE, "/ES", is_future=True),
    MES: RiskTerms(RiskKind.SPAN_FUTURE, "/MES", is_future=True),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A position: contract, signed quantity, account."""

    contract: Contract
    quantity: int
    account: AccountId = ONE


def option(strike: float, right: Right, days: int = 25, root: str = "SPXW") -> Contract:
    """An option of one of the expiries of `DAYS`."""
    return option_contract(root, DAYS[days], right, Decimal(str(strike)))


def call(strike: float, days: int = 25, root: str = "SPXW") -> Contract:
    """A call."""
    return option(strike, Right.CALL, days, root)


def put(strike: float, days: int = 25, root: str = "SPXW") -> Contract:
    """A put."""
    return option(strike, Right.PUT, days, root)


def chain(strikes: Sequence[float], days: Sequence[int] = (25, 46), root: str = "SPXW") -> list[Contract]:
    """Calls and puts of these strikes and expiries."""
    return [option(strike, right, day, root) for day in days for strike in strikes for right in Right]


def limit(metric: Metric, low: float | None = None, high: float | None = None) -> Limit:
    """A limit."""
    return Limit(metric, low, high)


def vol_of(contract: Contract) -> float:
    """The vol the market has: skewed, a little higher for later expiries."""
    assert contract.strike is not None
    k = math.log(float(contract.strike) / SPOTS[contract.underlying])
    return max(0.16 - 0.6 * k + 1.2 * k * k, 0.08) + 0.02 * math.sqrt(_years(contract))


def _years(contract: Contract) -> float:
    at = contract.expires_at_utc
    return max((epoch_s(at) - NOW_S) / (365.0 * 86_400.0), 0.0) if at is not None else 0.0


def sides(contract: Contract) -> tuple[float, float]:
    """Bid and ask on tick; 0 for the bid of what is next to worthless."""
    spot = SPOTS[contract.underlying]
    if not contract.is_option:
        tick = float(contract.tick.below if contract.tick.threshold else contract.tick.above)
        return round(spot / tick) * tick, round(spot / tick) * tick + tick
    pricer = american_price if contract.style is ExerciseStyle.AMERICAN else bsm_price
    worth = float(
        pricer(
            spot=spot,
            strike=float(contract.strike or 0),
            t_years=_years(contract),
            rate=RATE,
            dividend_yield=YIELD,
            vol=vol_of(contract),
            is_call=contract.right is Right.CALL,
        )
    )
    half = 0.01 * worth + 0.02
    low = contract.tick.snap(Decimal(str(max(worth - half, 0.0))), rounding=ROUND_FLOOR)
    high = contract.tick.snap(Decimal(str(worth + half)), rounding=ROUND_CEILING)
    return float(low), float(high)


def market(contracts: Sequence[Contract]) -> HedgeMarket:
    """These contracts at their quotes."""
    quotes = np.array([sides(one) for one in contracts]).reshape(-1, 2)
    return HedgeMarket.of(
        contracts,
        bid=quotes[:, 0],
        ask=quotes[:, 1],
        rate=RATE,
        dividend_yield=YIELD,
        underlyings=UnderlyingColumns(tuple(SPOTS), list(SPOTS.values()), list(BETAS.values())),
    )


def book(lines: Sequence[Line]) -> BookArrays:
    """The positions, quoted, vols solved."""
    contracts = [line.contract for line in lines]
    symbols = tuple(dict.fromkeys(one.underlying for one in contracts))
    made = BookArrays(
        PositionColumns(
            quantity=np.array([float(line.quantity) for line in lines]),
            multiplier=np.array([float(one.multiplier) for one in contracts]),
            model=np.array([model_of(one) for one in contracts], dtype=np.int8),
            underlying=np.array([symbols.index(one.underlying) for one in contracts], dtype=np.intp),
            strike=np.array([float(one.strike or 0) or math.nan for one in contracts]),
            expiry_epoch_s=np.array([_expiry(one) for one in contracts]),
            is_call=np.array([one.right is Right.CALL for one in contracts], dtype=np.bool_),
            rate=np.full(len(lines), RATE),
            dividend_yield=np.full(len(lines), YIELD),
            is_american=np.array([one.style is ExerciseStyle.AMERICAN for one in contracts], dtype=np.bool_),
        ),
        UnderlyingColumns(symbols, [SPOTS[one] for one in symbols], [BETAS[one] for one in symbols]),
    )
    if lines:
        quotes = np.array([sides(one) for one in contracts])
        made.set_quotes(np.arange(len(lines)), quotes[:, 0], quotes[:, 1])
    made.refresh_vols(NOW_S)
    return made


def _expiry(contract: Contract) -> float:
    at = contract.expires_at_utc
    return epoch_s(at) if contract.is_option and at is not None else math.nan


def margin_of(method: MarginMethod = MarginMethod.REG_T) -> AccountMargin:
    """Margin rules that know every underlying here."""
    return AccountMargin(
        method,
        futures_rules={
            name: FuturesRule(product=name[:-2], price=SPOTS[name], maintenance_percent=0.07, minimum_percent=0.02)
            for name in (ES, MES)
        },
        span_parameters={name[:-2]: SpanParameters(0.07 * SPOTS[name], 0.05) for name in (ES, MES)},
        american=american_price,
    )


def given(
    lines: Sequence[Line],
    contracts: Sequence[Contract],
    limits: Sequence[Limit],
    *,
    net_liq: float | None = 500_000.0,
    method: MarginMethod = MarginMethod.REG_T,
) -> SearchInput:
    """The search of a book on a market, margins by our own rules."""
    held = book(lines)
    accounts = tuple(HedgeAccount(name, margin_of(method), TERMS) for name in (ONE, TWO))
    used = 0.0
    for account in accounts:
        rows = np.flatnonzero([line.account == account.account_id for line in lines])
        if rows.size:
            used += account.margin.requirement(RiskBook.from_book(held, NOW_S, TERMS, rows=rows))
    return SearchInput(
        book=held,
        rows=tuple(HeldRow(line.contract, Decimal(line.quantity), line.account) for line in lines),
        market=market(contracts),
        limits=tuple(limits),
        margin_used_pct=None if net_liq is None else 100.0 * used / net_liq,
        net_liq=net_liq,
        accounts=accounts,
        now_epoch_s=NOW_S,
        spx_price=SPX,
    )


def with_limits(one: SearchInput, *limits: Limit) -> SearchInput:
    """The same input under other limits."""
    return replace(one, limits=limits)


def spy() -> Contract:
    """Shares of SPY."""
    return underlying_contract("SPY")


def es() -> Contract:
    """The big future."""
    return underlying_contract(ES)


def mes() -> Contract:
    """The small future."""
    return underlying_contract(MES)


def is_line(contract: Contract) -> bool:
    """Whether it is shares or a future."""
    return model_of(contract) is Model.LINEAR
