"""The short-premium book of the dashboard's demo, analysed: breach map, ladders, margin horizon and P&L explain."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from execution.analysis_views import (
    AnalysisNote,
    Baseline,
    BreachMapState,
    Crossing,
    ExpiryLadderState,
    ExpiryRung,
    ExplainLine,
    ExplainState,
    LimitLane,
    MarginHorizonState,
    MarginRung,
    StressRung,
    StressState,
)
from models.enums import Metric, Regime
from models.risk import Limit
from tests.ui.risk_demo_data import BOUNDS, NOW, SPOT, greeks_at

Floats = NDArray[np.float64]
METHOD = "Full revaluation, European + American, sticky strike, underlyings move by beta"
NET_LIQ = 512_340.0
STRESS_SHIFTS = (-40.0, -30, -25, -20, -15, -12, -10, -8, -5, -3, 0, 3, 5, 8, 10, 15, 20)
MARGIN_SHIFTS = (-20.0, -15, -12, -10, -8, -5, -3, 0, 3, 5, 8, 10, 15, 20)
METRICS = (Metric.SPX_DELTA, Metric.GAMMA, Metric.THETA, Metric.VEGA)


def note(method: str = METHOD, *, problem: str = "", left_out: int = 2, at_utc: datetime = NOW) -> AnalysisNote:
    return AnalysisNote(at_utc, method, 42, left_out, 63.0, problem)


def _used(limit: Limit, values: Floats) -> Floats:
    shares = [limit.utilisation(float(value)) for value in values.ravel()]
    return np.array([math.nan if one is None else one for one in shares]).reshape(values.shape)


def _crossing(limit: Limit, shifts: Floats, values: Floats, spot: float, side: int) -> Crossing | None:
    """Returns where a limit breaks first, walking from now to one side."""
    zero = int(np.abs(shifts).argmin())
    for index in range(zero, len(shifts) if side > 0 else -1, side):
        value = float(values[index])
        if not limit.is_breached(value):
            continue
        is_upper = limit.high is not None and value > limit.high
        bound = limit.high if is_upper else limit.low
        assert bound is not None
        if index == zero:
            return Crossing(limit.metric, bound, is_upper, 0.0, spot)
        before = float(values[index - side])
        share = (bound - before) / (value - before)
        shift = float(shifts[index - side] + share * (shifts[index] - shifts[index - side]))
        return Crossing(limit.metric, bound, is_upper, shift, spot * (1 + shift / 100))
    return None


def breach_map(
    *,
    spot: float = SPOT,
    size: float = 0.5,
    spots: int = 61,
    vols: tuple[float, ...] = (-5.0, -2.5, 0.0, 2.5, 5.0, 10.0, 15.0),
    problem: str = "",
) -> BreachMapState:
    """Returns the map of the demo book times `size` against the shipped limits of the MEDIUM regime."""
    shifts = np.linspace(-15.0, 15.0, spots)
    grids = {metric: np.empty((len(vols), spots)) for metric in METRICS}
    for row, shift in enumerate(vols):
        found = greeks_at(spot * (1 + shifts / 100), shift)
        for metric, values in zip(METRICS, found[1:], strict=True):
            grids[metric][row] = values * size
    limits = [Limit(metric, *BOUNDS[Regime.MEDIUM_VOL][metric]) for metric in METRICS]
    zero = vols.index(0.0)
    lanes = []
    for limit in limits:
        values = grids[limit.metric][zero]
        down, up = (_crossing(limit, shifts, values, spot, side) for side in (-1, 1))
        lanes.append(LimitLane(limit.metric, limit.low, limit.high, values, _used(limit, values), down, up))
    used = np.array([_used(limit, grids[limit.metric]) for limit in limits])
    filled = np.where(np.isnan(used), -1.0, used)
    worst, binding = filled.max(axis=0), filled.argmax(axis=0).astype(np.int64)
    first = [
        min((one for one in side if one is not None), key=lambda one: abs(one.shift_pct), default=None)
        for side in ([lane.down for lane in lanes], [lane.up for lane in lanes])
    ]
    return BreachMapState(
        note=note(problem=problem),
        regime=Regime.MEDIUM_VOL,
        spot_now=spot,
        spot_shifts_pct=shifts,
        vol_shifts_points=np.array(vols),
        lanes=tuple(lanes),
        worst=np.where(worst < 0, math.nan, worst),
        binding=np.where(worst < 0, -1, binding),
        first_down=first[0],
        first_up=first[1],
    )


def _moved(shifts: tuple[float, ...], spot: float) -> list[tuple[float, float, float, tuple[float, ...]]]:
    """Returns shift, level, vol change, and P&L with the Greeks there."""
    now = float(greeks_at(np.array([spot]), 0.0)[0][0])
    rows = []
    for shift in shifts:
        vol = -0.9 * shift if shift < 0 else -0.45 * shift
        found = greeks_at(np.array([spot * (1 + shift / 100)]), vol)
        pnl, *greeks = (float(values[0]) for values in found)
        rows.append((shift, spot * (1 + shift / 100), vol, (0.0 if shift == 0 else pnl - now, *greeks)))
    return rows


def stress(*, spot: float = SPOT, net_liq: float | None = NET_LIQ, problem: str = "") -> StressState:
    rungs = tuple(
        StressRung(
            shift_pct=shift,
            spot=level,
            vol_change_points=0.0 if shift == 0 else vol,
            pnl=figures[0],
            pnl_pct_of_net_liq=None if net_liq is None else figures[0] / net_liq * 100,
            spx_equiv_delta=figures[1],
            gamma=figures[2],
            theta_per_day=figures[3],
            vega_per_point=figures[4],
            worst_underlying="" if shift == 0 else ("SPX" if figures[0] < 0 else "/ESM6"),
            worst_pnl=0.0 if shift == 0 else min(figures[0] * 0.8, -312.5),
        )
        for shift, level, vol, figures in _moved(STRESS_SHIFTS, spot)
    )
    return StressState(note("Full revaluation, spot-vol −0.9 points per %", problem=problem), net_liq, rungs)


def expiries(*, size: float = 1.0, count: int = 9, problem: str = "") -> ExpiryLadderState:
    days = (0, 4, 11, 18, 25, 39, 74, 136, 228)[:count]
    rungs = tuple(
        ExpiryRung(
            expiry=date(2026, 5, 4) + timedelta(days=day),
            days_to_expiry=day,
            contracts_long=6.0 * (index % 3),
            contracts_short=2.0 + 4 * (index % 2),
            extrinsic=(-1850.0 - 640 * index) * size,
            spx_equiv_delta=(4.2 - 1.9 * index) * size,
            gamma=(-1.21 + 0.12 * index) * size,
            theta_per_day=(410.0 - 38 * index) * size,
            vega_per_point=(-120.0 - 95 * index) * size,
            pnl_at=tuple((-920.0 * abs(shift) ** 1.3 + 310 * shift) * (1 - 0.08 * index) * size for shift in MOVES),
        )
        for index, day in enumerate(days)
    )
    return ExpiryLadderState(note(problem=problem), MOVES, rungs)


MOVES = (-10.0, -5.0, -3.0, 3.0, 5.0)


def _zero(moves: list[float], excess: list[float]) -> float | None:
    """Returns where the excess first reaches zero on the way from now."""
    steps = zip(moves, moves[1:], excess, excess[1:], strict=False)
    return next((a + (b - a) * x / (x - y) for a, b, x, y in steps if x > 0 >= y), None)


def margin(
    *,
    spot: float = SPOT,
    own_method: str = "Reg-T",
    broker: float | None = 234_162.0,
    problem: str = "",
) -> MarginHorizonState:
    rungs = []
    for shift, level, vol, figures in _moved(MARGIN_SHIFTS, spot):
        equity = NET_LIQ + figures[0] * 2.2
        reg_t = 231_900.0 + 4_350.0 * abs(min(shift, 0.0)) + 900.0 * max(shift, 0.0)
        portfolio = 148_200.0 + 9_100.0 * abs(min(shift, 0.0)) + 2_400.0 * max(shift, 0.0)
        own = portfolio if own_method.startswith("Portfolio") else reg_t
        rungs.append(
            MarginRung(shift, level, 0.0 if shift == 0 else vol, equity, reg_t, portfolio, equity - own)
        )  # fmt: skip
    moves, excess = [rung.shift_pct for rung in rungs], [rung.excess or 0.0 for rung in rungs]
    return MarginHorizonState(
        note=note("Reg-T by best pairing; portfolio margin −8/+6% broad index, ±15% equity", problem=problem),
        account="PAPER-1",
        own_method=own_method,
        net_liq=NET_LIQ,
        broker_requirement=broker,
        rungs=tuple(rungs),
        call_down_pct=_zero([*reversed(moves[: moves.index(0) + 1])], [*reversed(excess[: moves.index(0) + 1])]),
        call_up_pct=_zero(moves[moves.index(0) :], excess[moves.index(0) :]),
    )


def line(name: str, *parts: float) -> ExplainLine:
    """Returns a line whose parts (delta, gamma, theta, vega, trades, residual) add up to what was made."""
    delta, gamma, theta, vega, trades, residual = parts
    return ExplainLine(name, math.fsum(parts), delta, gamma, theta, vega, trades, residual)


BASELINES = (
    Baseline(datetime(2026, 5, 1, 20, 15, tzinfo=UTC), "Fri close"),
    Baseline(datetime(2026, 5, 4, 13, 31, tzinfo=UTC), "desk opened 09:31"),
    Baseline(datetime(2026, 5, 4, 16, 30, tzinfo=UTC), "Mon 12:30"),
)
BY_UNDERLYING = (
    line("SPX", -2140.0, -1310.5, 3612.0, -845.0, 122.5, -41.0),
    line("SPY", 605.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    line("AAPL", 88.0, -12.0, 31.5, 14.0, 0.0, 2.5),
    line("/ESM6", -312.5, 0.0, 0.0, 0.0, -96.0, 0.0),
    line("QQQ", 141.0, -22.0, 47.0, -18.0, 0.0, -3.0),
)


def total_of(lines: tuple[ExplainLine, ...]) -> ExplainLine:
    names = ("delta", "gamma", "theta", "vega", "trades", "residual")
    return line("Total", *(math.fsum(getattr(one, name) for one in lines) for name in names))


def positions(count: int = 9, size: float = 1.0) -> tuple[ExplainLine, ...]:
    return tuple(
        line(
            f"SPXW {6300 + 25 * index} {'P' if index % 2 else 'C'} {1 + index % 28} Jun 26",
            *(
                size * one * (1 + 0.13 * index) * (-1 if index % 3 else 1)
                for one in (-212.0, -81.5, 190.0, -64.0, 0.0, 7)
            ),
        )
        for index in range(count)
    )


def explain(
    *,
    baseline: Baseline | None = BASELINES[0],
    baselines: tuple[Baseline, ...] = BASELINES,
    count: int = 9,
    size: float = 1.0,
    unexplained: tuple[str, ...] = ("SPXW 6300 P 17 Sep 26: no vol at the baseline", "ZVRA: no price now"),
    problem: str = "",
) -> ExplainState:
    by_underlying = tuple(
        replace(line(one.name, *(size * part for part in _parts(one)))) for one in BY_UNDERLYING
    )  # fmt: skip
    return ExplainState(
        note=note("Taylor expansion from the baseline, Greeks of the baseline", problem=problem),
        baselines=baselines,
        baseline=baseline,
        total=total_of(by_underlying) if baseline is not None else None,
        by_underlying=by_underlying,
        by_position=positions(count, size),
        unexplained=unexplained,
    )


def _parts(one: ExplainLine) -> tuple[float, ...]:
    return one.delta, one.gamma, one.theta, one.vega, one.trades, one.residual
