"""The risk analysis on a whole desk: pages come when they are looked at, and say what is true."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import pytest

from analytics.scenarios import ScenarioError, greeks_at_slices
from execution import commands
from execution.analysis import service
from execution.analysis.baselines import Baselines
from execution.analysis.scene import Scene
from execution.analysis_views import (
    AnalysisPage,
    BreachMapState,
    ExpiryLadderState,
    ExplainState,
    MarginHorizonState,
    StressState,
    VolResponse,
)
from execution.views import BookStructure, LogLine, RiskState, ScenarioState
from models.enums import Metric
from models.ids import AccountId
from tests.execution.desk_runner import ACCOUNT, Running, running, sent, stock_draft

pytestmark = pytest.mark.anyio

_State = TypeVar("_State")


async def valued(desk: Running) -> None:
    await desk.until(
        lambda: RiskState in desk.publisher.states and not desk.publisher.states[RiskState].excluded,
        "every position to be valued",
    )
    await desk.until(lambda: bool(desk.publisher.states[RiskState].limits), "limits")


async def page(
    desk: Running,
    kind: type[_State],
    *pages: AnalysisPage,
    response: VolResponse = VolResponse.STICKY_STRIKE,
    until: Callable[[_State], bool] = lambda _: True,
) -> _State:
    """Looks at pages and returns the first state of a kind that will do."""
    desk.publisher.states.pop(kind, None)
    await desk.ask(commands.WatchAnalysis(frozenset(pages), response))
    await desk.until(
        lambda: kind in desk.publisher.states and until(cast("_State", desk.publisher.states[kind])), kind.__name__
    )
    return cast("_State", desk.publisher.states[kind])


async def test_nothing_is_worked_out_that_nobody_looks_at(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        await desk.until(lambda: ScenarioState in desk.publisher.states, "the dashboard's scenario")
        assert not desk.publisher.states.keys() & {BreachMapState, StressState, ExplainState}
        await page(desk, StressState, AnalysisPage.STRESS)
        await desk.ask(commands.WatchAnalysis(frozenset()))
        await asyncio.sleep(0.3)
        desk.publisher.states.pop(StressState)
        await asyncio.sleep(1.5)
        assert StressState not in desk.publisher.states


async def test_the_stress_ladder_is_nothing_without_a_move_and_names_the_rules(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        sticky = await page(desk, StressState, AnalysisPage.STRESS)
        zero = next(rung for rung in sticky.rungs if rung.shift_pct == 0.0)
        assert zero.pnl == 0.0
        assert zero.vol_change_points == 0.0
        assert sticky.rungs[0].shift_pct == -40.0
        assert sticky.net_liq is not None
        deepest = sticky.rungs[0]
        assert deepest.pnl_pct_of_net_liq == pytest.approx(deepest.pnl / sticky.net_liq * 100.0)
        assert "American and European options" in sticky.note.method
        assert "sticky strike" in sticky.note.method
        assert sticky.note.left_out == 0
        answering = await page(desk, StressState, AnalysisPage.STRESS, response=VolResponse.SPOT_VOL)
        assert "spot-vol beta" in answering.note.method
        assert answering.rungs[0].vol_change_points > 20.0
        assert next(rung for rung in answering.rungs if rung.shift_pct == 0.0).pnl == 0.0


async def test_the_first_limit_to_break_is_broken_where_the_map_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes: list[Scene] = []
    original = service._PAGES[AnalysisPage.BREACH_MAP]

    def remembering(scene: Scene) -> object:
        scenes.append(scene)
        return original(scene)

    monkeypatch.setitem(service._PAGES, AnalysisPage.BREACH_MAP, remembering)
    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        found = await page(
            desk, BreachMapState, AnalysisPage.BREACH_MAP, until=lambda state: state.first_down is not None
        )
        scene = next(one for one in scenes if one.as_of_utc == found.note.as_of_utc)
        assert {lane.metric for lane in found.lanes} == set(Metric) - {Metric.MARGIN_USED_PCT}
        first = found.first_down
        assert first is not None
        assert first.shift_pct <= 0.0
        assert first.spot == pytest.approx(found.spot_now * (1.0 + first.shift_pct / 100.0))
        cut = greeks_at_slices(
            scene.book, now_epoch_s=scene.now_s, index_price=scene.spx_price, spot_shifts=first.shift_pct / 100.0
        )
        value = {
            Metric.SPX_DELTA: cut.spx_equiv_delta,
            Metric.GAMMA: cut.gamma,
            Metric.THETA: cut.theta_per_day,
            Metric.VEGA: cut.vega_per_point,
        }[first.metric][0]
        assert value == pytest.approx(first.bound, rel=1e-3)
        assert found.worst.shape == (found.vol_shifts_points.size, found.spot_shifts_pct.size)
        assert found.binding.shape == found.worst.shape


async def test_the_expiry_ladder_counts_every_option_held_once(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        found = await page(desk, ExpiryLadderState, AnalysisPage.EXPIRIES)
        rows = desk.publisher.states[BookStructure].rows
        options = [row for row in rows if row.contract.is_option]
        assert sum(rung.contracts_long + rung.contracts_short for rung in found.rungs) == sum(
            abs(float(row.quantity)) for row in options
        )
        assert [rung.expiry for rung in found.rungs] == sorted({row.contract.expiry for row in options})
        vega = desk.publisher.states[RiskState].greeks.vega
        assert sum(rung.vega_per_point for rung in found.rungs) == pytest.approx(vega, rel=0.02)


async def test_the_margin_horizon_starts_from_the_brokers_money(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        found = await page(desk, MarginHorizonState, AnalysisPage.MARGIN, until=lambda state: bool(state.rungs))
        now = next(rung for rung in found.rungs if rung.shift_pct == 0.0)
        assert found.note.problem == ""
        assert found.account == ACCOUNT
        assert found.own_method == "Reg-T"
        assert now.equity == found.net_liq
        assert found.broker_requirement is not None
        assert now.reg_t == pytest.approx(found.broker_requirement, rel=0.05)
        assert now.portfolio is not None
        assert now.excess == pytest.approx(now.equity - (now.reg_t or 0.0))
        if found.call_down_pct is not None:
            beyond = [rung for rung in found.rungs if rung.shift_pct < found.call_down_pct]
            assert beyond
            assert all(rung.excess is not None and rung.excess < 0 for rung in beyond[-1:])


async def test_the_parts_of_the_pnl_add_up_to_it_after_a_trade_too(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        first = await page(desk, ExplainState, AnalysisPage.EXPLAIN, until=lambda state: state.total is not None)
        assert first.baseline is not None
        assert "desk opened" in first.baseline.label
        draft = stock_draft("SPY", 40)
        assert (await sent(desk, draft)).accepted
        await desk.until(lambda: bool(desk.rows("SELECT 1 FROM executions WHERE contract_key = 'SPY'")), "the fill")
        traded = await page(
            desk,
            ExplainState,
            AnalysisPage.EXPLAIN,
            until=lambda state: any(line.trades != 0.0 for line in state.by_position),
        )
        assert traded.total is not None
        for line in (traded.total, *traded.by_underlying, *traded.by_position):
            parts = (line.delta, line.gamma, line.theta, line.vega, line.trades, line.residual)
            assert np.nansum(parts) == pytest.approx(line.actual, abs=1e-6), line.name
        assert sum(line.actual for line in traded.by_underlying) == pytest.approx(traded.total.actual, abs=1e-6)
        assert traded.unexplained == ()


async def test_marks_of_snapshots_are_baselines_of_the_next_run_too(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        await desk.ask(commands.TakeSnapshot())
        assert desk.rows("SELECT count(DISTINCT at_utc) FROM book_marks") == [(1,)]
        held = len(desk.publisher.states[BookStructure].rows)
        assert desk.rows("SELECT count(*) FROM book_marks") == [(held,)]
    async with running(tmp_path) as again:
        await valued(again)
        found = await page(again, ExplainState, AnalysisPage.EXPLAIN, until=lambda state: len(state.baselines) == 2)
        stored = next(one for one in found.baselines if "desk opened" not in one.label)
        await again.ask(commands.WatchAnalysis(frozenset({AnalysisPage.EXPLAIN}), baseline_at_utc=stored.at_utc))
        await again.until(
            lambda: again.publisher.states[ExplainState].baseline == stored, "the P&L since the stored mark"
        )
        assert again.publisher.states[ExplainState].total is not None


async def test_a_page_that_fails_is_told_once_and_the_desk_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_scene: Scene) -> object:
        raise ZeroDivisionError("of our own making")

    monkeypatch.setitem(service._PAGES, AnalysisPage.STRESS, broken)
    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        await desk.ask(commands.WatchAnalysis(frozenset({AnalysisPage.STRESS, AnalysisPage.EXPIRIES})))
        await desk.until(lambda: ExpiryLadderState in desk.publisher.states, "the other page")
        await asyncio.sleep(2.5)
        told = [one for one in desk.publisher.notices if isinstance(one, LogLine) and "stress" in one.text]
        assert len(told) == 1
        assert "of our own making" in caplog.text
        assert StressState not in desk.publisher.states
        before = desk.publisher.states[RiskState].greeks.timestamp
        await desk.until(
            lambda: desk.publisher.states[RiskState].greeks.timestamp > before + timedelta(milliseconds=100), "risk"
        )


async def test_pages_follow_the_selected_account(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        whole = await page(desk, StressState, AnalysisPage.STRESS)
        await desk.ask(commands.SelectAccount(AccountId("PAPER-1")))
        one = await page(desk, StressState, AnalysisPage.STRESS, response=VolResponse.STICKY_DELTA)
        assert one.note.positions == whole.note.positions
        assert "sticky delta" in one.note.method


async def test_the_dashboard_knows_vega_weighted_by_time_and_in_points_of_vix(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        risk = desk.publisher.states[RiskState]
        assert risk.vega_30_day is not None
        assert risk.vega_vix_weighted is not None
        assert np.sign(risk.vega_30_day) == np.sign(risk.greeks.vega)
        assert 0.3 < risk.vega_30_day / risk.greeks.vega < 3.0
        assert 0.3 < risk.vega_vix_weighted / risk.greeks.vega < 3.0


async def test_a_slow_page_does_not_hold_up_the_dashboards_scenario(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave = threading.Event()

    def slow(_scene: Scene) -> object:
        leave.wait(30.0)
        raise ZeroDivisionError("never mind")

    monkeypatch.setitem(service._PAGES, AnalysisPage.BREACH_MAP, slow)
    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        await desk.ask(commands.WatchAnalysis(frozenset({AnalysisPage.BREACH_MAP})))
        await asyncio.sleep(0.2)
        await desk.ask(commands.SetScenario(days_forward=3.0))
        await desk.until(
            lambda: cast("ScenarioState", desk.publisher.states[ScenarioState]).days_forward == 3.0, "the new scenario"
        )
        assert not leave.is_set()
        leave.set()


async def test_figures_of_the_account_looked_at_before_are_never_shown_after_the_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work, leave = threading.Event(), threading.Event()
    original = service._PAGES[AnalysisPage.STRESS]

    def held_up(scene: Scene) -> object:
        at_work.set()
        leave.wait(30.0)
        return original(scene)

    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        monkeypatch.setitem(service._PAGES, AnalysisPage.STRESS, held_up)
        await desk.ask(commands.WatchAnalysis(frozenset({AnalysisPage.STRESS})))
        await desk.until(at_work.is_set, "the page to be under way")
        await desk.ask(commands.SelectAccount(AccountId("PAPER-1")))
        chosen_at = desk.publisher.states[RiskState].greeks.timestamp
        leave.set()
        await desk.until(lambda: StressState in desk.publisher.states, "the page of the chosen account")
        shown = cast("StressState", desk.publisher.states[StressState])
        assert shown.note.as_of_utc >= chosen_at


async def test_a_page_that_fails_again_after_it_worked_is_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, is_broken = service._PAGES[AnalysisPage.STRESS], True

    def now_and_then(scene: Scene) -> object:
        if is_broken:
            raise ScenarioError("of our own making")
        return original(scene)

    def told() -> int:
        return sum(isinstance(one, LogLine) and "of our own making" in one.text for one in desk.publisher.notices)

    monkeypatch.setitem(service._PAGES, AnalysisPage.STRESS, now_and_then)
    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        await desk.ask(commands.WatchAnalysis(frozenset({AnalysisPage.STRESS})))
        await desk.until(lambda: told() == 1, "the first failure")
        is_broken = False
        await desk.until(lambda: StressState in desk.publisher.states, "the page")
        is_broken = True
        await desk.until(lambda: told() == 2, "the second failure")


async def test_a_book_that_cannot_be_recorded_is_told_once_the_page_says_so_and_the_desk_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries, original, is_broken = 0, Baselines.observe, True

    def now_and_then(baselines: Baselines) -> None:
        nonlocal tries
        tries += 1
        if is_broken:
            raise ZeroDivisionError("of our own making")
        original(baselines)

    monkeypatch.setattr(Baselines, "observe", now_and_then)
    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        failed = await page(desk, ExplainState, AnalysisPage.EXPLAIN)
        assert "cannot be recorded" in failed.note.problem
        assert failed.total is None
        before = tries
        await desk.until(lambda: tries > before + 5, "further tries")
        told = [one for one in desk.publisher.notices if isinstance(one, LogLine) and "recorded" in one.text]
        assert len(told) == 1
        assert caplog.text.count("ZeroDivisionError: of our own making") == 1
        stamp = desk.publisher.states[RiskState].greeks.timestamp
        await desk.until(lambda: desk.publisher.states[RiskState].greeks.timestamp > stamp, "risk to go on")
        is_broken = False
        await desk.until(
            lambda: not cast("ExplainState", desk.publisher.states[ExplainState]).note.problem, "the page to recover"
        )


async def test_a_book_that_cannot_be_looked_at_leaves_the_desk_without_the_page_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_core: object, _response: VolResponse) -> Scene:
        raise ZeroDivisionError("of our own making")

    async with running(tmp_path, sample_book=True) as desk:
        await valued(desk)
        with monkeypatch.context() as patch:
            patch.setattr(service, "take_scene", broken)
            await desk.ask(commands.WatchAnalysis(frozenset({AnalysisPage.STRESS})))
            await desk.until(
                lambda: any(isinstance(one, LogLine) and "stress" in one.text for one in desk.publisher.notices), "word"
            )
        await desk.until(lambda: StressState in desk.publisher.states, "the page, once the book can be looked at")


async def test_it_ends_when_it_is_cancelled_in_the_moment_something_is_asked(tmp_path: Path) -> None:
    async with running(tmp_path) as desk:
        analysis = desk.composed.desk._parts.analysis
        for turns in range(8):
            task = asyncio.create_task(analysis.run())
            await asyncio.sleep(0.01)
            analysis.refresh()
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            _, pending = await asyncio.wait({task}, timeout=5)
            assert not pending, f"cancelled {turns} turns of the loop after a wish, it goes on"
