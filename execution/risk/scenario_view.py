"""P&L curve, price slices and heat map of the live book."""

from __future__ import annotations

import math

import numpy as np

from analytics.book import BookArrays, Model
from analytics.probability import expected_move_iv
from analytics.scenarios import VolShift, expiration_curve, greeks_at_slices, pnl_curve, pnl_grid
from execution.commands import SetScenario
from execution.risk.live_book import LiveBook
from execution.views import FloatArray, PriceSlice, ScenarioState
from models.clock import epoch_s

_CURVE_POINTS = 121
_SLICE_SHIFTS_PCT = (-10.0, -7.5, -5.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0)
_GRID_SPOT_STEPS = 6
_GRID_VOL_POINTS = np.array([-5.0, -2.5, 0.0, 2.5, 5.0, 10.0, 15.0])
_GRID_VOL_RELATIVE = np.array([-30.0, -15.0, 0.0, 15.0, 30.0, 60.0, 90.0])
_SECONDS_PER_DAY = 86_400.0


def scenario_state(book: LiveBook, wanted: SetScenario, mask: np.ndarray | None, spx_price: float) -> ScenarioState:
    """Returns the dashboard's scenario figures of the rows in `mask` (None = all), by full revaluation."""
    arrays = book.arrays if mask is None else _subset(book.arrays, mask)
    now = epoch_s(book.now_utc())
    mode = VolShift.RELATIVE if wanted.vol_shift_relative else VolShift.ABSOLUTE
    vol_shift = wanted.vol_shift_points / 100.0
    shifts = np.linspace(-wanted.spot_range_pct, wanted.spot_range_pct, _CURVE_POINTS) / 100.0
    shifts[_CURVE_POINTS // 2] = 0.0
    today = pnl_curve(arrays, now_epoch_s=now, spot_shifts=shifts)
    on_date = pnl_curve(
        arrays,
        now_epoch_s=now,
        spot_shifts=shifts,
        vol_shift=vol_shift,
        days_forward=wanted.days_forward,
        vol_mode=mode,
    )
    at_expiry = expiration_curve(arrays, now_epoch_s=now, spot_shifts=shifts)
    grid_spots = np.linspace(-wanted.spot_range_pct, wanted.spot_range_pct, 2 * _GRID_SPOT_STEPS + 1)
    grid_vols = _GRID_VOL_RELATIVE if wanted.vol_shift_relative else _GRID_VOL_POINTS
    grid = pnl_grid(
        arrays,
        now_epoch_s=now,
        spot_shifts=grid_spots / 100.0,
        vol_shifts=grid_vols / 100.0,
        days_forward=wanted.days_forward,
        vol_mode=mode,
    )
    return ScenarioState(
        as_of_utc=book.now_utc(),
        spot_now=spx_price,
        spots=spx_price * (1.0 + shifts),
        curve_today=today.pnl,
        curve_date=on_date.pnl,
        curve_expiry=at_expiry.pnl,
        days_forward=wanted.days_forward,
        last_expiry_days=_last_expiry_days(arrays, now),
        slices=_slices(arrays, now, spx_price, vol_shift, wanted.days_forward, mode),
        grid_spot_shifts_pct=grid_spots,
        grid_vol_shifts=grid_vols,
        vol_shift_relative=wanted.vol_shift_relative,
        grid=grid.pnl[0] if grid.pnl.ndim == 3 else grid.pnl,
        expected_move_1d=_expected_move_1d(arrays, spx_price),
        positions=len(arrays),
        left_out=today.excluded_count,
    )


def _slices(
    arrays: BookArrays, now: float, spx_price: float, vol_shift: float, days_forward: float, mode: VolShift
) -> tuple[PriceSlice, ...]:
    table = greeks_at_slices(
        arrays,
        now_epoch_s=now,
        index_price=spx_price,
        spot_shifts=np.array(_SLICE_SHIFTS_PCT) / 100.0,
        vol_shift=vol_shift,
        days_forward=days_forward,
        vol_mode=mode,
    )
    return tuple(
        PriceSlice(*row)
        for row in zip(
            _SLICE_SHIFTS_PCT,
            table.index_price.tolist(),
            table.pnl.tolist(),
            table.spx_equiv_delta.tolist(),
            table.gamma.tolist(),
            table.theta_per_day.tolist(),
            table.vega_per_point.tolist(),
            strict=True,
        )
    )


def _subset(arrays: BookArrays, mask: np.ndarray) -> BookArrays:
    """A copy of the book in which the rows outside `mask` weigh nothing."""
    copy = arrays.copy()
    copy.quantity[~mask] = 0.0
    return copy


def _last_expiry_days(arrays: BookArrays, now: float) -> float:
    live = arrays.expiry_epoch_s[np.isfinite(arrays.expiry_epoch_s) & (arrays.quantity != 0)]
    return max(float((live.max() - now) / _SECONDS_PER_DAY), 0.0) if live.size else 0.0


def _expected_move_1d(arrays: BookArrays, spx_price: float) -> float | None:
    """One standard deviation of SPX over one calendar day, from the median vol of the book's own options."""
    vols: FloatArray = arrays.vol[(arrays.model != Model.LINEAR) & ~np.isnan(arrays.vol)]
    if vols.size == 0 or math.isnan(spx_price):
        return None
    return float(expected_move_iv(spot=spx_price, vol=float(np.median(vols)), days=1.0))
