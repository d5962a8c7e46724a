"""Works out what is in sight beside the engine's thread, and publishes it; nobody looks, nothing is worked out.

The dashboard's figures and the pages have a thread each: a page that takes seconds (a large American book) does not
hold up the curve while somebody drags a slider.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from analytics.book import BookError
from analytics.margin import MarginError
from analytics.scenarios import ScenarioError
from execution.analysis.baselines import Baselines
from execution.analysis.breach_page import breach_page
from execution.analysis.expiry_page import expiry_page
from execution.analysis.explain_page import explain_page, no_explanation
from execution.analysis.margin_page import margin_page
from execution.analysis.scene import Scene, take_scene
from execution.analysis.stress_page import stress_page
from execution.analysis_views import AnalysisPage, AnalysisState
from execution.commands import SetScenario, WatchAnalysis
from execution.core import DeskCore
from execution.risk.scenario_view import scenario_state
from execution.storage import BookMarkStore
from execution.views import LogLine, Publisher, ScenarioState, Severity
from models.errors import KnownError

_LOG = logging.getLogger(__name__)
_EVERY_S: Final = {
    AnalysisPage.BREACH_MAP: 1.0,
    AnalysisPage.STRESS: 1.0,
    AnalysisPage.EXPIRIES: 1.0,
    AnalysisPage.MARGIN: 3.0,
    AnalysisPage.EXPLAIN: 1.0,
}
_SCENARIO_EVERY_S: Final = 1.0
#: A page rests at least this many times as long as it took, so that a large book does not keep a core busy.
_REST_PER_WORK: Final = 4.0
_LOOK_S: Final = 0.1
_PAGES: Final[dict[AnalysisPage, Callable[[Scene], AnalysisState]]] = {
    AnalysisPage.BREACH_MAP: breach_page,
    AnalysisPage.STRESS: stress_page,
    AnalysisPage.EXPIRIES: expiry_page,
    AnalysisPage.MARGIN: margin_page,
}
_KNOWN = (KnownError, MarginError, ScenarioError, BookError)
_FAULT: Final = "a fault of the desk; the log file has the details"


class AnalysisService:
    """The dashboard's scenario figures and the pages of the risk analysis. Called on the engine thread."""

    def __init__(self, *, core: DeskCore, store: BookMarkStore, publisher: Publisher) -> None:
        self._core = core
        self._publisher = publisher
        self._baselines = Baselines(core, store)
        self._wish = WatchAnalysis(frozenset())
        self._scenario = SetScenario()
        #: Which account is looked at, counted up; figures of an earlier one are dropped.
        self._round = 0
        self._pages_changed, self._scenario_changed = asyncio.Event(), asyncio.Event()
        self._due: dict[AnalysisPage | None, float] = {}
        self._told: dict[AnalysisPage | None, str] = {}
        #: Why the book cannot be recorded, empty while it can.
        self._unrecorded = ""

    def watch(self, wish: WatchAnalysis) -> None:
        """Takes which pages are in sight; they are worked out at once."""
        if wish != self._wish:
            self._wish = wish
            for page in wish.pages:
                self._due.pop(page, None)
            self._pages_changed.set()

    def set_scenario(self, scenario: SetScenario) -> None:
        """Takes what the dashboard's curve, slices and heat map show; they are worked out at once."""
        self._scenario = scenario
        self._due.pop(None, None)
        self._scenario_changed.set()

    def refresh(self) -> None:
        """Works everything in sight out anew, at once: another account is looked at."""
        self._round += 1
        self._due.clear()
        self._pages_changed.set()
        self._scenario_changed.set()

    async def run(self) -> None:
        """Works until it is cancelled."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._serve("scenario", self._scenario_changed, self._scenario_due))
            both.create_task(self._serve("risk-analysis", self._pages_changed, self._pages_due))

    async def _serve(self, name: str, changed: asyncio.Event, due: Callable[[], Sequence[AnalysisPage | None]]) -> None:
        executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        try:
            while True:
                changed.clear()
                for job in due():
                    await self._work(job, executor)
                # Not `wait_for`: in Python 3.11 it swallows a cancel that comes in the moment the wish does.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await changed.wait()
        finally:
            executor.shutdown(wait=False, cancel_futures=True)

    def _scenario_due(self) -> tuple[None, ...]:
        """The dashboard's scenario when its time has come."""
        return (None,) if self._is_due(None) else ()

    def _pages_due(self) -> list[AnalysisPage | None]:
        """The pages in sight whose time has come."""
        self._observe()
        return [page for page in sorted(self._wish.pages) if self._is_due(page)]

    def _is_due(self, job: AnalysisPage | None) -> bool:
        """Whether it is time; never while SPX is unknown."""
        return self._due.get(job, 0.0) <= time.monotonic() and not math.isnan(self._core.spx_price())

    def _observe(self) -> None:
        """Lets the book be recorded; what fails is logged and told once until it works again, the loop goes on."""
        why = ""
        try:
            self._baselines.observe()
        except _KNOWN as error:
            why = f"{error}"
        except Exception:  # noqa: BLE001 - named boundary: logged, told, and the desk goes on without the baseline
            why = _FAULT
            if not self._unrecorded:
                _LOG.exception("recording the book to explain P&L from failed")
        if why and not self._unrecorded:
            self._say(f"The book cannot be recorded to explain P&L from: {why}")
        self._unrecorded = why

    async def _work(self, job: AnalysisPage | None, executor: ThreadPoolExecutor) -> None:
        """Works one page out and publishes it, unless something else is wanted by then.

        A scenario is published though a slider moved on meanwhile, so that a drag is seen as it goes.
        """
        wish, scenario, round_, began = self._wish, self._scenario, self._round, time.monotonic()
        self._due[job] = math.inf
        state = await self._state(job, wish, scenario, executor)
        took_s = time.monotonic() - began
        is_same = round_ == self._round
        is_wanted = is_same and (scenario == self._scenario if job is None else wish == self._wish)
        if state is not None:
            self._told.pop(job, None)
            if is_wanted or (is_same and job is None and _is_a_drag(scenario, self._scenario)):
                self._publisher.state(state)
        every_s = _SCENARIO_EVERY_S if job is None else _EVERY_S[job]
        self._due[job] = time.monotonic() + max(every_s - took_s, _REST_PER_WORK * took_s) if is_wanted else 0.0

    async def _state(
        self, job: AnalysisPage | None, wish: WatchAnalysis, scenario: SetScenario, executor: ThreadPoolExecutor
    ) -> AnalysisState | ScenarioState | None:
        loop = asyncio.get_running_loop()
        try:
            scene = take_scene(self._core, wish.response)
            if job is None:
                return await loop.run_in_executor(executor, scenario_state, scene, scenario)
            if job is AnalysisPage.EXPLAIN and self._unrecorded:
                return no_explanation(scene, f"The book cannot be recorded: {self._unrecorded}")
            if job is AnalysisPage.EXPLAIN:
                task = await self._baselines.task(wish.baseline_at_utc)
                return await loop.run_in_executor(executor, explain_page, scene, task)
            return await loop.run_in_executor(executor, _PAGES[job], scene)
        except _KNOWN as error:
            self._tell(job, f"{error}")
        except Exception:  # noqa: BLE001 - named boundary: logged, told, and the desk goes on without the page
            _LOG.exception("the risk analysis %s failed", job)
            self._tell(job, _FAULT)
        return None

    def _tell(self, job: AnalysisPage | None, why: str) -> None:
        """Says what a page cannot show, once as long as the reason stays."""
        if self._told.get(job) == why:
            return
        self._told[job] = why
        name = "dashboard's scenario" if job is None else job.value.lower().replace("_", " ")
        self._say(f"The {name} has no figures: {why}")

    def _say(self, text: str) -> None:
        self._publisher.notice(LogLine(self._core.clock.now_utc(), Severity.ERROR, "risk", text))


def _is_a_drag(before: SetScenario, after: SetScenario) -> bool:
    """Whether nothing but the sliders of date and vol moved."""
    return before == replace(after, days_forward=before.days_forward, vol_shift_points=before.vol_shift_points)
