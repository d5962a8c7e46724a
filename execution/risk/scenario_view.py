"""P&L curve, price slices and heat map of the book."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from analytics.book import Model
from analytics.probability import expected_move_iv
from analytics.scenarios import STICKY_STRIKE, VolShift, expiration_curve, greeks_at_slices, pnl_curve, pnl_grid
from execution.analysis.scene import Scene
from execution.commands import SetScenario
from execution.views import FloatArray, PriceSlice, ScenarioState

_CURVE_POINTS = 121
_SLICE_SHIFTS_PCT = (-10.0, -7.5, -5.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0)
_GRID_SPOT_STEPS = 6
_GRID_VOL_POINTS = np.array([-5.0, -2.5, 0.0, 2.5, 5.0, 10.0, 15.0])
_GRID_VOL_RELATIVE = np.array([-30.0, -15.0, 0.0, 15.0, 30.0, 60.0, 90.0])
_SECONDS_PER_DAY = 86_400.0

_Mask = npt.NDArray[np.bool_]


def scenario_state(scene: Scene, wanted: SetScenario) -> ScenarioState:
    """Returns the dashboard's scenario figures of the rows looked at, by full revaluation, sticky strike."""
    book, now, mask = scene.book, scene.now_s, _rows(scene, wanted)
    mode = VolShift.RELATIVE if wanted.vol_shift_relative else VolShift.ABSOLUTE
    vol_shift = wanted.vol_shift_points / 100.0
    shifts = np.linspace(-wanted.spot_range_pct, wanted.spot_range_pct, _CURVE_POINTS) / 100.0
    shifts[_CURVE_POINTS // 2] = 0.0
    today = pnl_curve(book, now_epoch_s=now, spot_shifts=shifts, rows=mask)
    is_moved = wanted.days_forward != 0.0 or vol_shift != 0.0
    on_date = today
    if is_moved:
        on_date = pnl_curve(
            book,
            now_epoch_s=now,
            spot_shifts=shifts,
            vol_shift=vol_shift,
            days_forward=wanted.days_forward,
            vol_mode=mode,
            rows=mask,
        )
    at_expiry = expiration_curve(book, now_epoch_s=now, spot_shifts=shifts, rows=mask)
    grid_spots = np.linspace(-wanted.spot_range_pct, wanted.spot_range_pct, 2 * _GRID_SPOT_STEPS + 1)
    grid_vols = _GRID_VOL_RELATIVE if wanted.vol_shift_relative else _GRID_VOL_POINTS
    grid = pnl_grid(
        book,
        now_epoch_s=now,
        spot_shifts=grid_spots / 100.0,
        vol_shifts=grid_vols / 100.0,
        days_forward=wanted.days_forward,
        vol_mode=mode,
        rows=mask,
    )
    return ScenarioState(
        as_of_utc=scene.as_of_utc,
        spot_now=scene.spx_price,
        spots=scene.spx_price * (1.0 + shifts),
        curve_today=today.pnl,
        curve_date=on_date.pnl,
        curve_expiry=at_expiry.pnl,
        days_forward=wanted.days_forward,
        last_expiry_days=_last_expiry_days(scene, mask),
        slices=_slices(scene, mask, vol_shift, wanted.days_forward, mode),
        grid_spot_shifts_pct=grid_spots,
        grid_vol_shifts=grid_vols,
        vol_shift_relative=wanted.vol_shift_relative,
        grid=grid.pnl[0],
        expected_move_1d=_expected_move_1d(scene, mask),
        positions=int(np.count_nonzero(mask)),
        left_out=today.excluded_count,
        method=scene.method(STICKY_STRIKE),
    )


def _rows(scene: Scene, wanted: SetScenario) -> _Mask:
    """The rows of the selected account, and of the chosen underlyings when there are any."""
    if not wanted.underlyings:
        return scene.chosen
    names = set(wanted.underlyings)
    return scene.chosen & np.array([row.contract.underlying in names for row in scene.rows], dtype=np.bool_)


def _slices(scene: Scene, mask: _Mask, vol_shift: float, days_forward: float, mode: VolShift) -> tuple[PriceSlice, ...]:
    table = greeks_at_slices(
        scene.book,
        now_epoch_s=scene.now_s,
        index_price=scene.spx_price,
        spot_shifts=np.array(_SLICE_SHIFTS_PCT) / 100.0,
        vol_shift=vol_shift,
        days_forward=days_forward,
        vol_mode=mode,
        rows=mask,
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


def _last_expiry_days(scene: Scene, mask: _Mask) -> float:
    expiries = scene.book.expiry_epoch_s
    live = expiries[np.isfinite(expiries) & mask]
    return max(float((live.max() - scene.now_s) / _SECONDS_PER_DAY), 0.0) if live.size else 0.0


def _expected_move_1d(scene: Scene, mask: _Mask) -> float | None:
    """One standard deviation of SPX over one calendar day, from the median vol of the options looked at."""
    book = scene.book
    vols: FloatArray = book.vol[(book.model != Model.LINEAR) & ~np.isnan(book.vol) & mask]
    if vols.size == 0 or math.isnan(scene.spx_price):
        return None
    return float(expected_move_iv(spot=scene.spx_price, vol=float(np.median(vols)), days=1.0))
