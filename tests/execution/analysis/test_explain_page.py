"""What made the P&L, on a desk whose market stands still but for what the test moves."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from execution.analysis.explain_page import ExplainTask, explain_page
from execution.analysis.marks import mark_of
from execution.analysis.scene import take_scene
from execution.analysis_views import Baseline, VolResponse
from execution.core import DeskCore
from execution.views import RiskState
from tests.execution.desk_runner import Running, running

pytestmark = pytest.mark.anyio


def core_of(desk: Running) -> DeskCore:
    return desk.composed.desk._core


async def valued(desk: Running) -> None:
    await desk.until(
        lambda: RiskState in desk.publisher.states and not desk.publisher.states[RiskState].excluded, "a valued book"
    )


async def test_a_carry_that_was_learned_since_makes_no_pnl_of_its_own(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        core = core_of(desk)
        start = mark_of(core)
        rows = core.book.arrays.option_rows
        core.book.arrays.set_carry(rows, core.book.arrays.rate[rows], core.book.arrays.dividend_yield[rows] + 0.004)
        core.book.refresh()
        scene, end = take_scene(core, VolResponse.STICKY_STRIKE), mark_of(core)
        baseline = Baseline(start.at_utc, "then")
        state = explain_page(scene, ExplainTask((baseline,), baseline, start, end, ()))
        assert state.total is not None
        assert abs(state.total.vega) < 1.0, "no vol has moved"
        assert abs(state.total.residual) < 1.0
        assert np.isclose(state.total.actual, 0.0, atol=1e-6)


async def test_theta_alone_is_made_by_time_alone(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        core = core_of(desk)
        end = mark_of(core)
        start = type(end)(end.at_utc - timedelta(hours=6), end.positions)
        scene = take_scene(core, VolResponse.STICKY_STRIKE)
        baseline = Baseline(start.at_utc, "six hours ago")
        state = explain_page(scene, ExplainTask((baseline,), baseline, start, end, ()))
        assert state.total is not None
        theta = desk.publisher.states[RiskState].greeks.theta
        assert state.total.theta == pytest.approx(theta * 0.25, rel=0.1)
        assert state.total.delta == 0.0
        assert state.total.actual == pytest.approx(0.0, abs=1e-6)


async def test_without_a_baseline_the_page_says_what_it_waits_for(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        core = core_of(desk)
        state = explain_page(
            take_scene(core, VolResponse.STICKY_STRIKE), ExplainTask((), None, None, mark_of(core), ())
        )
        assert state.total is None
        assert "recorded" in state.note.problem


async def test_a_position_that_went_without_a_known_trade_is_listed_and_not_made_up(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        core = core_of(desk)
        start = mark_of(core)
        gone = next(one for one in start.positions if one.underlying == "SPY")
        end = type(start)(start.at_utc, tuple(one for one in start.positions if one is not gone))
        baseline = Baseline(start.at_utc, "then")
        state = explain_page(
            take_scene(core, VolResponse.STICKY_STRIKE), ExplainTask((baseline,), baseline, start, end, ())
        )
        assert len(state.unexplained) == 1
        assert "SPY" in state.unexplained[0]
        assert all(line.name != "SPY" for line in state.by_position)
