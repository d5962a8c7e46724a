"""Limits that are broken now, how the others stand, and the breaches that are over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QLabel,
    QScrollArea,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from execution.commands import AcknowledgeBreach
from execution.views import BreachesState, DeskState, LimitRow, Phase, RiskState
from models.clock import Clock
from models.enums import Metric
from models.risk import RiskBreach
from ui import format as fmt
from ui.breaches.card import BreachCard
from ui.breaches.limits import LimitsTable
from ui.breaches.model import CHIP_ROLE, HistoryColumn, HistoryModel
from ui.bridge import Bridge
from ui.engine_client import EngineClient
from ui.messages import Messages
from ui.op import ReaderPool
from ui.panels.base import Panel
from ui.theme import GAP, PAD, Ink, Theme
from ui.widgets.chip_delegate import ChipDelegate
from ui.widgets.labels import Chip

if TYPE_CHECKING:
    from database.reader import JournalReader

_NOT_YET = "Limits are watched as soon as the desk is ready."
_WIDTHS = {
    HistoryColumn.DETECTED: 146,
    HistoryColumn.BREACH: 172,
    HistoryColumn.VALUE: 84,
    HistoryColumn.LIMIT: 104,
    HistoryColumn.REGIME: 80,
    HistoryColumn.LASTED: 86,
}
#: Wider than this many times its height, the panel puts the history beside the open breaches.
_WIDE = 2.2


class _Acknowledgement(QObject):
    """One acknowledgement on its way to the engine."""

    def __init__(self, panel: BreachesPanel, breach_id: str) -> None:
        super().__init__(panel)
        self._panel = panel
        self._breach_id = breach_id

    def done(self, _answer: object) -> None:
        """The breach goes with the next state."""
        self.deleteLater()

    def failed(self, error: Exception) -> None:
        """It stays open and can be acknowledged again."""
        self._panel.acknowledge_failed(self._breach_id, error)
        self.deleteLater()


class BreachesPanel(Panel):
    """Shows BreachesState and RiskState; `show_in_dashboard(Metric)` goes to the window.

    `open_reader` is called in a worker once the desk is up, for the history; its maker closes the reader.
    """

    KEY: ClassVar[str] = "breaches"
    TITLE: ClassVar[str] = "Breaches"

    show_in_dashboard = Signal(object)

    def __init__(
        self,
        bridge: Bridge,
        client: EngineClient,
        theme: Theme,
        *,
        messages: Messages,
        clock: Clock,
        pool: ReaderPool,
        open_reader: Callable[[], JournalReader],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(bridge, client, theme, parent)
        self._messages = messages
        self._clock = clock
        self._pool = pool
        self._open_reader = open_reader
        self._has_asked = False
        self._state: BreachesState | None = None
        self._rows: dict[Metric, LimitRow] = {}
        self._orientation: Qt.Orientation | None = None
        self.cards: dict[str, BreachCard] = {}
        self._build()
        self._ticking = QTimer(self)
        self._ticking.setInterval(1000)
        self._ticking.timeout.connect(self._tick)
        self.set_empty(_NOT_YET)
        self.listen(DeskState, self._on_desk)
        self.listen(RiskState, self._on_risk)
        self.listen(BreachesState, self._on_breaches)

    # --- building -----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.summary = Chip(self.theme, self)
        self.toolbar.addWidget(self.summary)
        self.toolbar.addStretch(1)
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.splitter.addWidget(self._build_now())
        self.splitter.addWidget(self._build_history())
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setStretchFactor(0, 0)
        self.splitter.setStretchFactor(1, 1)
        self.set_body(self.splitter)

    def _build_now(self) -> QWidget:
        content = QWidget(self)
        column = QVBoxLayout(content)
        column.setContentsMargins(PAD, PAD, PAD, PAD)
        column.setSpacing(GAP)
        self._now = content
        self._cards_column = QVBoxLayout()
        self._cards_column.setSpacing(GAP)
        self._cards_column.setContentsMargins(0, 0, 0, GAP)
        column.addLayout(self._cards_column)
        self.limits = LimitsTable(self.theme, content)
        heading = QLabel("LIMITS OF THE REGIME", content)
        heading.setProperty("role", "caption")
        column.addWidget(heading)
        column.addWidget(self.limits)
        column.addStretch(1)
        area = QScrollArea(self)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setWidget(content)
        content.setAutoFillBackground(False)
        area.viewport().setAutoFillBackground(False)
        return area

    def _build_history(self) -> QWidget:
        box = QWidget(self)
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.history_title = QLabel("HISTORY", box)
        self.history_title.setProperty("role", "caption")
        self.history_title.setContentsMargins(PAD, PAD, PAD, 2)
        self.history = HistoryModel(self.theme, self)
        self.table = QTableView(box)
        self.table.setModel(self.history)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(24)
        self.table.setItemDelegateForColumn(HistoryColumn.REGIME, ChipDelegate(self.theme, CHIP_ROLE, self.table))
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        for section, width in _WIDTHS.items():
            header.resizeSection(section, width)
        column.addWidget(self.history_title)
        column.addWidget(self.table, 1)
        self._say_history()
        return box

    # --- news ---------------------------------------------------------------------------------------------------------

    def _on_desk(self, desk: DeskState) -> None:
        if desk.phase in (Phase.READY, Phase.READ_ONLY) and not self._has_asked:
            self._has_asked = True
            open_reader = self._open_reader
            self._pool.run(lambda: open_reader().breaches(), done=self._on_history, failed=self._on_history_failed)

    def _on_history(self, breaches: tuple[RiskBreach, ...]) -> None:
        self._merge(breaches)

    def _on_history_failed(self, error: Exception) -> None:
        self._has_asked = False  # the desk's next state asks again
        self._messages.failed(error)

    def _merge(self, breaches: tuple[RiskBreach, ...]) -> None:
        self.history.merge(breaches)
        self._say_history()

    def _say_history(self) -> None:
        count = self.history.rowCount()
        text = f"HISTORY   {fmt.plural(count, 'breach', 'breaches')}" if count else "HISTORY   no breach so far"
        self.history_title.setText(text)

    def _on_risk(self, risk: RiskState) -> None:
        self._rows = {row.metric: row for row in risk.limits}
        self.limits.show_limits(risk.limits)
        self.set_as_of(risk.greeks.timestamp)
        self._show_cards()

    def _on_breaches(self, state: BreachesState) -> None:
        self._state = state
        self._merge(state.archived)
        self._show_cards()

    def _show_cards(self) -> None:
        """Shows a card per open breach; the limits table is there all the time."""
        if self._state is None and not self._rows:
            return
        self.set_empty(None)
        now = self._clock.now_utc()
        opened = () if self._state is None else self._state.open
        for breach_id in set(self.cards) - {breach.id for breach in opened}:
            card = self.cards.pop(breach_id)
            card.hide()
            card.deleteLater()
        for at, breach in enumerate(opened):
            if breach.id not in self.cards:
                self.cards[breach.id] = self._new_card(breach)
                self._cards_column.insertWidget(at, self.cards[breach.id])
            row = self._rows.get(breach.metric)
            self.cards[breach.id].show_breach(breach, None if row is None else row.value, now)
        self._say_summary(len(opened))

    def _new_card(self, breach: RiskBreach) -> BreachCard:
        card = BreachCard(self.theme, breach, self)
        card.acknowledged.connect(self._acknowledge)
        card.shown.connect(self.show_in_dashboard)
        return card

    def _say_summary(self, count: int) -> None:
        if count:
            self.summary.set(f"{fmt.plural(count, 'limit')} broken", Ink.LIMIT_BREACHED)
            return
        unknown = [row for row in self._rows.values() if row.value is None]
        if self._state is None or unknown:
            names = ", ".join(fmt.metric_name(row.metric) for row in unknown)
            self.summary.set(f"No breach known; not measured: {names}" if unknown else "Measuring…", Ink.LIMIT_UNKNOWN)
        elif any(row.is_breached for row in self._rows.values()):
            self.summary.set("A limit is broken and acknowledged", Ink.LIMIT_NEAR)
        else:
            self.summary.set("✓ All limits hold", Ink.LIMIT_OK)

    # --- the user -----------------------------------------------------------------------------------------------------

    @Slot(str)
    def _acknowledge(self, breach_id: str) -> None:
        self.cards[breach_id].set_busy(is_busy=True)
        question = _Acknowledgement(self, breach_id)
        self.client.ask(AcknowledgeBreach(breach_id), question.done, question.failed)

    def acknowledge_failed(self, breach_id: str, error: Exception) -> None:
        """The engine refused: the breach stays open."""
        card = self.cards.get(breach_id)
        if card is not None:
            card.set_busy(is_busy=False)
        self._messages.failed(error)

    # --- look ---------------------------------------------------------------------------------------------------------

    @Slot()
    def _tick(self) -> None:
        now = self._clock.now_utc()
        for card in self.cards.values():
            card.tick(now)

    def showEvent(self, event: QShowEvent) -> None:
        """Counts durations while visible."""
        super().showEvent(event)
        self._ticking.start()
        self._tick()

    def hideEvent(self, event: QHideEvent) -> None:
        """Stops counting."""
        super().hideEvent(event)
        self._ticking.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A wide panel has the history beside, a high one below."""
        super().resizeEvent(event)
        is_wide = self.width() > _WIDE * self.height() and self.width() > 1100
        wanted = Qt.Orientation.Horizontal if is_wide else Qt.Orientation.Vertical
        if self._orientation is not wanted:
            self._orientation = wanted
            self.splitter.setOrientation(wanted)
            total = self.width() if is_wide else self.height()
            first = int(0.56 * total) if is_wide else self._now.sizeHint().height() + PAD
            self.splitter.setSizes([first, max(total - first, 1)])

    def retheme(self) -> None:
        """Repaints the history."""
        super().retheme()
        self.table.viewport().update()
