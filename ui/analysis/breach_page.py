"""Breach map: lanes over SPX, the map spot x vol, and in words and figures what breaks first on each side."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QLabel, QVBoxLayout, QWidget

from execution.analysis_views import BreachMapState, Crossing
from models.enums import Metric
from ui import format as fmt
from ui.analysis.breach_grid import BreachGrid
from ui.analysis.lanes import BreachLanes
from ui.analysis.spot_axis import zero_index
from ui.analysis.table import FigureTable
from ui.analysis.table_model import FigureColumn
from ui.analysis.words import crossing_text, is_broken_now, sentences
from ui.theme import GAP, PAD, Ink, Theme

_STACKED_FROM_PX = 380
_MOST_SENTENCES = 3

UNITS = "share of each limit, 100% = at the limit"


@dataclass(frozen=True, slots=True)
class LimitLine:
    """A row of the table of limits."""

    metric: Metric
    now: float
    low: float | None
    high: float | None
    down: Crossing | None
    up: Crossing | None
    is_broken: bool


def limit_lines(state: BreachMapState) -> list[LimitLine]:
    """Returns the rows of the table of limits."""
    now = zero_index(state.spot_shifts_pct)
    return [
        LimitLine(lane.metric, float(lane.values[now]), lane.low, lane.high, lane.down, lane.up, is_broken_now(lane))
        for lane in state.lanes
    ]


def limit_columns() -> tuple[FigureColumn[LimitLine], ...]:
    """Returns the columns of the table of limits."""

    def bound(metric: Metric, value: float | None) -> str:
        return "none" if value is None else fmt.metric_value(metric, value)

    def ink(line: LimitLine) -> Ink:
        return Ink.LIMIT_BREACHED if line.is_broken else Ink.TEXT

    def muted(_line: LimitLine) -> Ink:
        return Ink.TEXT_MUTED

    where = "SPX level and move at which the limit breaks; 'holds' = not within the map"
    return (
        FigureColumn("Limit", "the figure that is limited", lambda line: fmt.metric_name(line.metric), ink=ink),
        FigureColumn("Now", "the book's figure, in the unit of its limit",
                     lambda line: fmt.metric_value(line.metric, line.now), value=lambda line: line.now, ink=ink),
        FigureColumn("Low", "lower bound of the present regime", lambda line: bound(line.metric, line.low),
                     value=lambda line: line.low, ink=muted),
        FigureColumn("High", "upper bound of the present regime", lambda line: bound(line.metric, line.high),
                     value=lambda line: line.high, ink=muted),
        FigureColumn("Breaks down at", where, lambda line: crossing_text(line.down),
                     value=lambda line: None if line.down is None else line.down.spot, ink=ink),
        FigureColumn("Breaks up at", where, lambda line: crossing_text(line.up),
                     value=lambda line: None if line.up is None else line.up.spot, ink=ink),
    )  # fmt: skip


class BreachPage(QWidget):
    """The page. Lanes and map share one read-out: pointing at one marks the same SPX level in the other."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.lanes = BreachLanes(theme, self)
        self.grid = BreachGrid(theme, self)
        self.lines = [QLabel(self) for _ in range(_MOST_SENTENCES)]
        self.limits: FigureTable[LimitLine] = FigureTable(
            theme,
            limit_columns(),
            name="Limits and where they break",
            key=lambda line: line.metric,
            is_marked=lambda line: line.is_broken,
            parent=self,
        )
        self._inks: list[Ink] = [Ink.TEXT] * _MOST_SENTENCES
        side = QVBoxLayout()
        side.setContentsMargins(GAP, 2, GAP, 0)
        side.setSpacing(0)
        for line in self.lines:
            line.setFont(theme.font(bold=True))
            line.setContentsMargins(PAD, 0, 0, 0)
            line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            side.addWidget(line)
        side.addSpacing(2)
        side.addWidget(self.limits, 1)
        self._maps = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._maps.setSpacing(GAP)
        self._maps.addWidget(self.lanes, 1)
        self._maps.addWidget(self.grid, 1)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        self._row.addLayout(self._maps, 1)
        self._row.addLayout(side)
        self.lanes.pointed.connect(self.grid.point_at)
        self.grid.pointed.connect(self.lanes.point_at)

    def minimumSizeHint(self) -> QSize:
        """May be made smaller than all of its parts together: it then leaves some out."""
        return QSize(330, 120)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Parts stand where there is room: side by side, one above the other, or the map alone with the sentences."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        wide, tall = self.width(), self.height() >= _STACKED_FROM_PX
        least_maps = self.grid.minimumSizeHint().width() + (0 if tall else self.lanes.minimumSizeHint().width())
        has_table = wide >= least_maps + max(self.limits.least_width, self.limits.minimumWidth()) + 5 * GAP
        self.limits.setVisible(has_table)
        self.lanes.setVisible(tall or has_table or wide >= least_maps)
        self._maps.setDirection(QBoxLayout.Direction.TopToBottom if tall else QBoxLayout.Direction.LeftToRight)
        self._row.setDirection(QBoxLayout.Direction.LeftToRight if has_table else QBoxLayout.Direction.BottomToTop)

    def show_state(self, state: BreachMapState) -> None:
        """Draws new figures in place."""
        self.lanes.show_state(state)
        self.grid.show_state(state)
        self.limits.set_rows(limit_lines(state))
        said = sentences(state)
        for index, label in enumerate(self.lines):
            text = said[index].text if index < len(said) else ""
            ink = said[index].ink if index < len(said) else Ink.TEXT
            if text != label.text():
                label.setText(text)
            label.setVisible(bool(text))
            if ink is not self._inks[index]:
                self._inks[index] = ink
                label.setStyleSheet(f"color: {self._theme.css(ink)};")
        # With room for the bar that a low panel needs: without it all columns would scroll sideways too.
        width = self.limits.least_width + self.limits.verticalScrollBar().sizeHint().width()
        if width != self.limits.minimumWidth():
            self.limits.setFixedWidth(width)
            self._arrange()

    @property
    def sentences(self) -> tuple[str, ...]:
        """The lines beside the map."""
        return tuple(line.text() for line in self.lines if line.text())

    def retheme(self) -> None:
        """Takes over the colours."""
        self.lanes.update()
        self.grid.retheme()
        self.limits.figures.retheme()
        for label, ink in zip(self.lines, self._inks, strict=True):
            label.setStyleSheet(f"color: {self._theme.css(ink)};")
