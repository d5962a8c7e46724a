"""A short-premium SPX book in figures for the dashboard: limits, buckets, and scenarios revalued by Black-Scholes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from analytics.black_scholes import bsm
from execution.commands import SetScenario
from execution.risk_views import RiskBucket
from execution.views import (
    BookStructure,
    ExcludedPosition,
    LimitRow,
    MarketState,
    PositionRow,
    PriceSlice,
    RegimeInfo,
    RiskState,
    RowStatus,
    ScenarioState,
)
from models.contract import option_contract, underlying_contract
from models.enums import BetaSource, BrokerName, FeedState, Metric, Regime, Right
from models.greeks import PortfolioGreeks
from models.ids import AccountId
from models.risk import Limit, RegimeLimits

NOW = datetime(2026, 5, 4, 18, 30, tzinfo=UTC)
SPOT = 7200.75
Floats = NDArray[np.float64]

#: Strike, call or put, quantity, days left, vol: an iron condor, a strangle and a far put as a hedge.
_LEGS = np.array(
    [
        (6800, 0, -6, 39, 0.205),
        (6700, 0, 6, 39, 0.218),
        (7450, 1, -6, 39, 0.128),
        (7550, 1, 6, 39, 0.121),
        (6950, 0, -2, 11, 0.178),
        (7400, 1, -2, 11, 0.124),
        (6300, 0, 3, 136, 0.245),
    ]
)
_LAST_DAYS = 136.0


@dataclass(frozen=True, slots=True)
class _Sums:
    value: Floats
    delta: Floats
    gamma: Floats
    theta: Floats
    vega: Floats


def _sums(spots: Floats, days: float, shift: float, *, is_relative: bool) -> _Sums:
    strike, is_call, quantity, left, vol = (_LEGS[:, index][:, None] for index in range(5))
    vols = np.maximum(vol * (1 + shift / 100) if is_relative else vol + shift / 100, 0.001)
    values = bsm(
        spot=spots[None, :],
        strike=strike,
        t_years=np.maximum(left - days, 1e-9) / 365,
        rate=0.04,
        dividend_yield=0.013,
        vol=vols,
        is_call=is_call > 0,
    )
    weigh = quantity * 100
    parts = (values.price, values.delta, values.gamma, values.theta_per_day, values.vega_per_point)
    return _Sums(*(np.asarray((weigh * part).sum(axis=0)) for part in parts))


def greeks_at(spots: Floats, vol_points: float) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Returns value, delta, gamma, theta and vega of the book today, all vols moved by so many points; dollars."""
    sums = _sums(spots, 0.0, vol_points, is_relative=False)
    return sums.value, sums.delta, sums.gamma, sums.theta, sums.vega


def scenario(wanted: SetScenario | None = None, *, spot: float = SPOT, at_utc: datetime = NOW) -> ScenarioState:
    """Returns the book revalued as the engine would; the zero shock is exactly zero."""
    wanted = wanted or SetScenario()
    shifts = np.linspace(-wanted.spot_range_pct, wanted.spot_range_pct, 121)
    spots = spot * (1 + shifts / 100)
    now = _sums(np.array([spot]), 0.0, 0.0, is_relative=False).value
    shift, is_relative = wanted.vol_shift_points, wanted.vol_shift_relative

    def pnl(days: float, vol: float, at: Floats) -> Floats:
        return np.asarray(_sums(at, days, vol, is_relative=is_relative).value - now)

    vols = np.array([-30.0, -15, 0, 15, 30, 60, 90] if is_relative else [-5.0, -2.5, 0, 2.5, 5, 10, 15])
    grid_shifts = np.linspace(-wanted.spot_range_pct, wanted.spot_range_pct, 13)
    grid = np.array([pnl(wanted.days_forward, vol, spot * (1 + grid_shifts / 100)) for vol in vols])
    return ScenarioState(
        as_of_utc=at_utc,
        spot_now=spot,
        spots=spots,
        curve_today=pnl(0.0, 0.0, spots),
        curve_date=pnl(wanted.days_forward, shift, spots),
        curve_expiry=pnl(_LAST_DAYS, 0.0, spots),
        days_forward=wanted.days_forward,
        last_expiry_days=_LAST_DAYS,
        slices=_slices(spot, wanted),
        grid_spot_shifts_pct=grid_shifts,
        grid_vol_shifts=vols,
        vol_shift_relative=is_relative,
        grid=grid,
        expected_move_1d=spot * 0.165 * math.sqrt(1 / 365),
        positions=len(_LEGS) + 3,
        left_out=2,
    )


def _slices(spot: float, wanted: SetScenario) -> tuple[PriceSlice, ...]:
    moves = np.array([-10, -7.5, -5, -3, -2, -1, 0, 1, 2, 3, 5, 7.5, 10])
    at = spot * (1 + moves / 100)
    sums = _sums(at, wanted.days_forward, wanted.vol_shift_points, is_relative=wanted.vol_shift_relative)
    now = _sums(np.array([spot]), 0.0, 0.0, is_relative=False).value
    columns = (moves, at, sums.value - now, sums.delta, sums.gamma, sums.theta, sums.vega)
    return tuple(PriceSlice(*(float(value) for value in row)) for row in zip(*columns, strict=True))


BOUNDS: dict[Regime, dict[Metric, tuple[float | None, float | None]]] = {
    regime: {
        Metric.SPX_DELTA: (-side, side),
        Metric.GAMMA: (-gamma, None),
        Metric.THETA: (-250.0, theta),
        Metric.VEGA: (-vega, 2500.0),
        Metric.MARGIN_USED_PCT: (None, margin),
    }
    for regime, side, gamma, theta, vega, margin in (
        (Regime.LOW_VOL, 80.0, 8.0, 1500.0, 3000.0, 50.0),
        (Regime.MEDIUM_VOL, 60.0, 6.0, 1250.0, 2500.0, 45.0),
        (Regime.HIGH_VOL, 40.0, 4.0, 1000.0, 1500.0, 40.0),
        (Regime.CRISIS, 25.0, 2.5, 600.0, 800.0, 30.0),
    )
}


def regime_limits() -> tuple[RegimeLimits, ...]:
    """Returns the shipped limits of every regime."""
    return tuple(
        RegimeLimits(regime, tuple(Limit(metric, *bounds) for metric, bounds in by_metric.items()))
        for regime, by_metric in BOUNDS.items()
    )


def limit_row(metric: Metric, value: float | None, regime: Regime = Regime.MEDIUM_VOL) -> LimitRow:
    """Returns a figure against the shipped limit."""
    limit = Limit(metric, *BOUNDS[regime][metric])
    if value is None:
        return LimitRow(metric, None, limit.low, limit.high, None, is_breached=False)
    return LimitRow(metric, value, limit.low, limit.high, limit.utilisation(value), limit.is_breached(value))


def bucket(name: str, size: float, *, dte: int | None = None, positions: int = 3) -> RiskBucket:
    """Returns a bucket of figures in proportion to `size`."""
    return RiskBucket(name, positions, -8400 * size, 1210 * size, 31 * size, 14 * size, -1.2 * size, 290 * size,
                      -640 * size, dte)  # fmt: skip


BY_UNDERLYING = (
    bucket("/ESM6", 0.2),
    bucket("AAPL", 0.35, positions=2),
    bucket("QQQ", -0.4),
    bucket("SPX", 2.6, positions=7),
    bucket("SPY", 0.8),
    bucket("ZVRA", math.nan, positions=1),
)
BY_EXPIRY = (
    bucket("15 May 26", 1.4, dte=11),
    bucket("12 Jun 26", 2.1, dte=39, positions=8),
    bucket("17 Sep 26", -0.6, dte=136, positions=1),
)


def risk(
    *,
    delta: float = 32.14,
    gamma: float = -5.21,
    theta: float = 1204.5,
    vega: float = -2731.0,
    margin: float | None = 41.2,
    benchmark: str = "SPX",
    ratio: float = 1.0,
    at_utc: datetime = NOW,
    excluded: tuple[ExcludedPosition, ...] = (
        ExcludedPosition("SPXW 6300 P 17 Sep 26", RowStatus.NO_VOL),
        ExcludedPosition("ZVRA", RowStatus.NO_QUOTE),
    ),
    defaulted: tuple[str, ...] = ("ZVRA",),
) -> RiskState:
    """Returns portfolio Greeks; vega is over its limit and gamma near it unless told otherwise."""
    greeks = PortfolioGreeks(at_utc, delta * ratio, gamma * ratio**2, theta, vega, len(defaulted), len(excluded))
    values = (delta, gamma, theta, vega, margin)
    return RiskState(
        greeks=greeks,
        benchmark=benchmark,
        benchmark_price=SPOT / ratio,
        dollars_per_one_pct=delta * SPOT / 100,
        limits=tuple(limit_row(metric, value) for metric, value in zip(Metric, values, strict=True)),
        regime_limits=regime_limits(),
        by_underlying=BY_UNDERLYING,
        by_expiry=BY_EXPIRY,
        excluded=excluded,
        defaulted_betas=defaulted,
        compute_ms=2.1,
    )


def market(regime: Regime = Regime.MEDIUM_VOL) -> MarketState:
    """Returns header figures with a regime."""
    return MarketState(
        at_utc=NOW,
        spx_price=SPOT,
        spx_change_pct=-0.4,
        vix=17.4,
        vix_change=0.6,
        regime=RegimeInfo(regime, 17.4, 19.8, 23.0, 13.5),
        feed=FeedState.LIVE,
        feed_text="simulated",
        newest_quote_age_s=0.3,
        session="open, closes 16:15",
        odd_objects=0,
    )


def structure(betas: dict[str, tuple[float, BetaSource]] | None = None) -> BookStructure:
    """Returns a book with one line per underlying, with these betas and their sources."""
    betas = betas or {
        "SPX": (1.0, BetaSource.EXACT),
        "AAPL": (1.24, BetaSource.CONFIG),
        "QQQ": (1.18, BetaSource.OVERRIDE),
        "ZVRA": (1.0, BetaSource.DEFAULT),
    }
    return BookStructure(
        version=1,
        rows=tuple(
            PositionRow(
                broker=BrokerName.PAPER,
                account_id=AccountId("PAPER-1"),
                contract=option_contract("SPXW", date(2026, 6, 12), Right.PUT, Decimal(6800))
                if symbol == "SPX"
                else underlying_contract(symbol),
                quantity=Decimal(-2),
                average_price=Decimal("31.5"),
                beta=beta,
                beta_source=source,
            )
            for symbol, (beta, source) in betas.items()
        ),
        groups=(),
    )
