"""Risk analysis: which limit breaks first, the stress ladder, expiries, the margin horizon, what made the P&L."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Slot
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from execution.analysis_views import (
    AnalysisPage,
    AnalysisState,
    BreachMapState,
    ExpiryLadderState,
    ExplainState,
    MarginHorizonState,
    StressState,
    VolResponse,
)
from execution.commands import WatchAnalysis
from ui import format as fmt
from ui.analysis import breach_page, expiry_page, explain_page, margin_page, stress_page, words
from ui.bridge import Bridge
from ui.engine_client import EngineClient
from ui.panels.base import Panel
from ui.theme import GAP, PAD, Theme
from ui.widgets.segments import Segments

_BESIDE_FROM_PX = 1200
_AGE_MS = 1000
_WAITING = "Computing… the first figures come within seconds of the desk having its positions and their quotes."
_RESPONSES = (
    ("Sticky strike", VolResponse.STICKY_STRIKE, "When SPX moves, every option keeps its own vol"),
    ("Sticky delta", VolResponse.STICKY_DELTA, "When SPX moves, the smile slides along with it"),
    ("Spot-vol", VolResponse.SPOT_VOL, "Vols rise as SPX falls, by the regime's points per per cent"),
)


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of the panel: its title, units, widget, and the box that shows words in place of figures."""

    key: AnalysisPage
    title: str
    units: str
    widget: QWidget
    show: Callable[[Any], None]
    retheme: Callable[[], None]
    box: QStackedWidget
    words: QLabel


@dataclass(frozen=True, slots=True)
class _Seen:
    """A state and when it came, to count its age."""

    state: AnalysisState
    came_at: float


class RiskAnalysisPanel(Panel):
    """Bottom of the window. Asks only for the page in sight, and for nothing while nobody can see it."""

    KEY: ClassVar[str] = "risk_analysis"
    TITLE: ClassVar[str] = "Risk analysis"

    def __init__(self, bridge: Bridge, client: EngineClient, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(bridge, client, theme, parent)
        self._is_shown = False
        self._is_front = True
        self._asked: WatchAnalysis | None = None
        self._baseline_at_utc: datetime | None = None
        self._baselines: tuple[tuple[datetime, str], ...] = ()
        self._seen: dict[AnalysisPage, _Seen] = {}
        self._failure = ""
        self.breach = breach_page.BreachPage(theme, self)
        self.stress = stress_page.StressPage(theme, self)
        self.expiries = expiry_page.ExpiryPage(theme, self)
        self.margin = margin_page.MarginPage(theme, self)
        self.explain = explain_page.ExplainPage(theme, self)
        self._pages = self._make_pages()
        self._build_toolbar()
        self._build_body()
        self._age = QTimer(self)
        self._age.setInterval(_AGE_MS)
        self._age.timeout.connect(self._show_note)
        self.tabs.currentChanged.connect(self._on_tab)
        self.response.chosen.connect(self._on_asked_anew)
        self.baseline.activated.connect(self._on_baseline)
        for kind in _PAGE_OF:  # not `listen`: what comes for a page out of sight must keep the age it has
            bridge.subscribe(kind, self._on_state)

    # --- construction -------------------------------------------------------------------------------------------------

    def _make_pages(self) -> tuple[_Page, ...]:
        def page(
            key: AnalysisPage, title: str, units: str, widget: QWidget, show: Callable[[Any], None],
            retheme: Callable[[], None],
        ) -> _Page:  # fmt: skip
            box = QStackedWidget(self)
            said = QLabel(_WAITING, box)
            said.setProperty("role", "empty")
            said.setWordWrap(True)
            box.addWidget(said)
            box.addWidget(widget)
            return _Page(key, title, units, widget, show, retheme, box, said)

        breach, stress, expiries = self.breach, self.stress, self.expiries
        margin, explain = self.margin, self.explain
        return (
            page(AnalysisPage.BREACH_MAP, "Breach map", breach_page.UNITS, breach, breach.show_state, breach.retheme),
            page(AnalysisPage.STRESS, "Stress", stress_page.UNITS, stress, stress.show_state, stress.retheme),
            page(AnalysisPage.EXPIRIES, "Expiries", expiry_page.UNITS, expiries, expiries.show_state,
                 expiries.retheme),
            page(AnalysisPage.MARGIN, "Margin", margin_page.UNITS, margin, margin.show_state, margin.retheme),
            page(AnalysisPage.EXPLAIN, "P&L explain", explain_page.UNITS, explain, explain.show_state,
                 explain.retheme),
        )  # fmt: skip

    def _build_toolbar(self) -> None:
        self.tabs = QTabBar(self)
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setUsesScrollButtons(True)
        self.tabs.setAccessibleName("Page of the risk analysis")
        for one in self._pages:
            self.tabs.addTab(one.title.replace("&", "&&"))
        self.response: Segments[VolResponse] = Segments(_RESPONSES, "What vols do when SPX moves", self)
        self.baseline = QComboBox(self)
        self.baseline.setAccessibleName("Explain the P&L since")
        self.baseline.setToolTip("The recorded moment that P&L is explained from")
        self.baseline.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.baseline.setEnabled(False)
        self.baseline.addItem("no record yet")
        self.since = QLabel("Since", self)
        self.since.setProperty("role", "caption")
        self.note = QLabel(self)
        self.note.setProperty("role", "caption")
        self.note.setWordWrap(True)
        self.note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.stamp = QLabel(self)
        self.stamp.setProperty("role", "caption")
        self.stamp.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for widget in (self.tabs, self.response, self.since, self.baseline):
            self.toolbar.addWidget(widget)
        self.toolbar.addSpacing(PAD)
        self.toolbar.addWidget(self.note, 1)
        self._filler = QWidget(self)
        self._filler.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self._filler.hide()
        self.toolbar.addWidget(self._filler)
        self.toolbar.addWidget(self.stamp)
        self._is_note_beside = True

    def _build_body(self) -> None:
        body = QWidget(self)
        self.pages = QStackedWidget(body)
        for one in self._pages:
            self.pages.addWidget(one.box)
        self._note_line = QHBoxLayout()
        self._note_line.setContentsMargins(PAD, 0, PAD, GAP)
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._note_line)
        layout.addWidget(self.pages, 1)
        self.set_body(body)
        self._show_choices()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The note stands beside the switches where it has room, else on a line of its own."""
        super().resizeEvent(event)
        is_beside = event.size().width() >= _BESIDE_FROM_PX
        if is_beside != self._is_note_beside:
            self._is_note_beside = is_beside
            self._filler.setVisible(not is_beside)
            if is_beside:
                self.toolbar.addWidget(self.note, 1)
                self.toolbar.addWidget(self.stamp)
            else:
                self._note_line.addWidget(self.note, 1)
                self._note_line.addWidget(self.stamp)

    # --- what is asked ------------------------------------------------------------------------------------------------

    @property
    def page(self) -> AnalysisPage:
        """The page whose tab is chosen."""
        return self._pages[self.tabs.currentIndex()].key

    def show_page(self, page: AnalysisPage) -> None:
        """Brings a page to the front."""
        self.tabs.setCurrentIndex(next(index for index, one in enumerate(self._pages) if one.key is page))

    @property
    def is_in_sight(self) -> bool:
        """Whether anybody can see the panel: not hidden, closed, minimised or behind another tab."""
        return self._is_shown and self._is_front

    def showEvent(self, event: QShowEvent) -> None:
        """Asks for the page in sight."""
        super().showEvent(event)
        self._is_shown = True
        self._on_sight()

    def hideEvent(self, event: QHideEvent) -> None:
        """Asks for nothing more."""
        super().hideEvent(event)
        self._is_shown = False
        self._on_sight()

    @Slot(bool)
    def set_in_front(self, is_in_front: bool) -> None:
        """Told by the dock: behind another tab nobody sees the panel, so nothing is computed for it."""
        super().set_in_front(is_in_front)
        self._is_front = is_in_front
        self._on_sight()

    def _on_sight(self) -> None:
        if self.is_in_sight:
            self._age.start()
            self._draw()
        else:
            self._age.stop()
        self._ask()

    def _ask(self) -> None:
        """Tells the engine what is wanted, once; a panel that was never seen asks for nothing at all."""
        pages = frozenset({self.page}) if self.is_in_sight else frozenset()
        wanted = WatchAnalysis(pages, self.response.value, self._baseline_at_utc)
        if wanted == self._asked or (self._asked is None and not pages):
            return
        self._asked = wanted
        self.client.ask(wanted, self._on_granted, self._on_failed)

    def _on_granted(self, _answer: object) -> None:
        if self._failure:
            self._failure = ""
            self._show_note()

    def _on_failed(self, error: Exception) -> None:
        self._asked = None
        self._failure = f"▲ {error}"
        self._show_note()

    @Slot()
    def _on_asked_anew(self) -> None:
        self._ask()

    @Slot(int)
    def _on_baseline(self, index: int) -> None:
        if index < len(self._baselines):
            self._baseline_at_utc = self._baselines[index][0]
            self._ask()

    @Slot(int)
    def _on_tab(self, index: int) -> None:
        self.pages.setCurrentIndex(index)
        self._show_choices()
        if self.is_in_sight:
            self._draw()
        self._ask()

    def _show_choices(self) -> None:
        """P&L that was made needs a start and no model of what vols would do."""
        is_explain = self.page is AnalysisPage.EXPLAIN
        self.response.setVisible(not is_explain)
        self.since.setVisible(is_explain)
        self.baseline.setVisible(is_explain)

    # --- what came ----------------------------------------------------------------------------------------------------

    def _on_state(self, state: AnalysisState) -> None:
        page = _PAGE_OF[type(state)]
        self._seen[page] = _Seen(state, time.monotonic())
        if isinstance(state, ExplainState):
            self._offer(state)
        if self.is_in_sight and page is self.page:
            self._draw()

    def _offer(self, state: ExplainState) -> None:
        """Offers the recorded moments, the one in force chosen."""
        offered = tuple((one.at_utc, one.label) for one in state.baselines)
        with QSignalBlocker(self.baseline):
            if offered != self._baselines:
                self._baselines = offered
                self.baseline.clear()
                self.baseline.addItems([label for _, label in offered] or ["no record yet"])
                self.baseline.setEnabled(bool(offered))
            if state.baseline is not None and not self.baseline.view().isVisible():
                times = [at_utc for at_utc, _ in offered]
                if state.baseline.at_utc in times:
                    self.baseline.setCurrentIndex(times.index(state.baseline.at_utc))

    def _draw(self) -> None:
        """Draws the newest figures of the page in sight, or says why there are none."""
        one = self._pages[self.tabs.currentIndex()]
        seen = self._seen.get(one.key)
        if seen is not None:
            problem = seen.state.note.problem
            if problem:
                if problem != one.words.text():
                    one.words.setText(problem)
                one.box.setCurrentWidget(one.words)
            else:
                one.box.setCurrentWidget(one.widget)
                one.show(seen.state)
        self._show_note()

    @property
    def problem_text(self) -> str | None:
        """What is said in place of figures on the page in front, None when there are figures."""
        one = self._pages[self.tabs.currentIndex()]
        return one.words.text() if one.box.currentWidget() is one.words else None

    @Slot()
    def _show_note(self) -> None:
        one = self._pages[self.tabs.currentIndex()]
        seen = self._seen.get(one.key)
        text, stamp, tip = "", "", ""
        if seen is not None:
            note = seen.state.note
            stamp = fmt.as_of(note.as_of_utc, None, time.monotonic() - seen.came_at)
            text = words.note_text(note, one.units)
            tip = f"{fmt.date_time(note.as_of_utc)}, computed in {fmt.fixed(note.took_ms, 0)} ms"
        text = " · ".join(part for part in (self._failure, text) if part)
        if text != self.note.text():
            self.note.setText(text)
        if stamp != self.stamp.text():
            self.stamp.setText(stamp)
            self.stamp.setToolTip(tip)
            # Not in the note: its lines must not break anew because a second went by.
            self.stamp.setMinimumWidth(max(self.stamp.minimumWidth(), self.stamp.sizeHint().width()))
        role = "error" if self._failure else "caption"
        if self.note.property("role") != role:
            self.note.setProperty("role", role)
            self.note.style().unpolish(self.note)
            self.note.style().polish(self.note)

    def retheme(self) -> None:
        """Takes over the colours."""
        super().retheme()
        for one in self._pages:
            one.retheme()


_PAGE_OF: dict[type[AnalysisState], AnalysisPage] = {
    BreachMapState: AnalysisPage.BREACH_MAP,
    StressState: AnalysisPage.STRESS,
    ExpiryLadderState: AnalysisPage.EXPIRIES,
    MarginHorizonState: AnalysisPage.MARGIN,
    ExplainState: AnalysisPage.EXPLAIN,
}
