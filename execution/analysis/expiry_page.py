"""What hangs on each expiration date."""

from __future__ import annotations

import time
from datetime import date, timedelta

from analytics.scenarios import expiry_ladder
from execution.analysis.scene import Scene
from execution.analysis_views import ExpiryLadderState, ExpiryRung
from models.expiry import days_to_expiry

_SHIFTS_PCT = (-10.0, -5.0, -2.0, 2.0, 5.0, 10.0)
_EPOCH = date(1970, 1, 1)


def expiry_page(scene: Scene) -> ExpiryLadderState:
    """Returns contracts, time value, Greeks and shocked P&L by date, the nearest first."""
    started = time.perf_counter()
    dynamics = scene.dynamics()
    found = expiry_ladder(
        scene.book,
        now_epoch_s=scene.now_s,
        index_price=scene.spx_price,
        spot_shifts=tuple(shift / 100.0 for shift in _SHIFTS_PCT),
        dynamics=dynamics,
        rows=scene.mask,
    )
    dates = [_EPOCH + timedelta(days=day) for day in found.epoch_day.tolist()]
    rungs = tuple(
        ExpiryRung(
            expiry=day,
            days_to_expiry=days_to_expiry(day, scene.as_of_utc),
            contracts_long=float(found.contracts_long[at]),
            contracts_short=float(found.contracts_short[at]),
            extrinsic=float(found.extrinsic[at]),
            spx_equiv_delta=float(found.spx_equiv_delta[at]),
            gamma=float(found.gamma[at]),
            theta_per_day=float(found.theta_per_day[at]),
            vega_per_point=float(found.vega_per_point[at]),
            pnl_at=tuple(found.pnl[at].tolist()),
        )
        for at, day in enumerate(dates)
    )
    left_out = int(found.excluded_count.sum())
    note = scene.note(
        f"{scene.method(dynamics)}; shares and futures are in no row",
        time.perf_counter() - started,
        "" if rungs else "No options are held.",
        left_out,
    )
    return ExpiryLadderState(note, _SHIFTS_PCT, rungs)
