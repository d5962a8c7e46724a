"""The stress ladder of the book: fixed moves of the index, from the fall that ends careers up."""

from __future__ import annotations

import math
import time

from analytics.scenarios import stress_ladder
from execution.analysis.scene import Scene
from execution.analysis_views import StressRung, StressState


def stress_page(scene: Scene) -> StressState:
    """Returns P&L and Greeks at each rung, and the underlying that hurts most."""
    started = time.perf_counter()
    dynamics = scene.dynamics()
    found = stress_ladder(
        scene.book,
        now_epoch_s=scene.now_s,
        index_price=scene.spx_price,
        net_liq=scene.net_liq,
        dynamics=dynamics,
        rows=scene.mask,
    )
    rungs = tuple(
        StressRung(
            shift_pct=shift * 100.0,
            spot=spot,
            vol_change_points=vol * 100.0,
            pnl=pnl,
            pnl_pct_of_net_liq=None if math.isnan(share) else share * 100.0,
            spx_equiv_delta=delta,
            gamma=gamma,
            theta_per_day=theta,
            vega_per_point=vega,
            worst_underlying=scene.book.symbols[worst] if worst >= 0 else "",
            worst_pnl=loss,
        )
        for shift, spot, vol, pnl, share, delta, gamma, theta, vega, worst, loss in zip(
            found.spot_shifts.tolist(),
            found.index_price.tolist(),
            found.vol_response.tolist(),
            found.pnl.tolist(),
            found.share_of_net_liq.tolist(),
            found.spx_equiv_delta.tolist(),
            found.gamma.tolist(),
            found.theta_per_day.tolist(),
            found.vega_per_point.tolist(),
            found.worst_underlying.tolist(),
            found.worst_pnl.tolist(),
            strict=True,
        )
    )
    method = scene.method(dynamics) + _floored(found.floored)
    note = scene.note(method, time.perf_counter() - started, left_out=found.excluded_count)
    return StressState(note, scene.net_liq, rungs)


def _floored(count: int) -> str:
    return f"; {count} valuations stood on the lowest vol of 0.1 %" if count else ""
