"""One open breach as a card: what broke, by how much, since when, and what the user can do."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from models.clock import NEW_YORK
from models.risk import RiskBreach
from ui import format as fmt
from ui.breaches import text as words
from ui.theme import GAP, PAD, Ink, Theme, regime_ink
from ui.widgets.labels import Chip, ValueLabel
from ui.widgets.limit_bar import LimitBar

#: Widths that line the cards up below each other.
_BAR, _FIGURE, _REGIME = 132, 96, 76


class BreachCard(QFrame):
    """Emits `acknowledged(breach id)` and `shown(metric)`."""

    acknowledged = Signal(str)
    shown = Signal(object)

    def __init__(self, theme: Theme, breach: RiskBreach, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.breach = breach
        self.setObjectName("breachCard")
        self.title = QLabel(self)
        self.title.setProperty("role", "title")
        self.since = QLabel(self)
        self.since.setProperty("role", "caption")
        self.value = ValueLabel(theme, self, pixels=15, bold=True)
        self.bound = QLabel(self)
        self.bound.setProperty("role", "caption")
        self.bound.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.bar = LimitBar(theme, self)
        self.bar.setFixedWidth(_BAR)
        self.share = QLabel(self)
        self.share.setProperty("role", "caption")
        self.regime = Chip(theme, self)
        self.regime.setFixedWidth(_REGIME)
        self.bound.setMinimumWidth(_FIGURE)
        self.show_button = QPushButton("Show in dashboard", self)
        self.show_button.setToolTip("Bring the risk dashboard to the front at this figure")
        self.acknowledge_button = QPushButton("Acknowledge", self)
        self.acknowledge_button.setToolTip(
            "I act on it: the breach goes to the history, and is raised again only after it has cleared"
        )
        self.acknowledge_button.clicked.connect(self._acknowledge)
        self.show_button.clicked.connect(self._show)
        self._arrange()
        theme.changed.connect(self._paint_frame)
        self._paint_frame()

    def _arrange(self) -> None:
        line = QHBoxLayout(self)
        line.setContentsMargins(PAD + GAP, GAP, PAD, GAP)
        line.setSpacing(2 * PAD)
        names = self._pair(self.title, self.since)
        line.addLayout(names, 1)
        line.addWidget(self.regime, 0, Qt.AlignmentFlag.AlignVCenter)
        line.addLayout(self._pair(self.value, self.bound))
        line.addLayout(self._pair(self.bar, self.share))
        for button in (self.show_button, self.acknowledge_button):
            line.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)

    @staticmethod
    def _pair(above: QWidget, below: QWidget) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(1)
        column.addWidget(above)
        column.addWidget(below)
        return column

    def show_breach(self, breach: RiskBreach, live_value: float | None, now_utc: datetime) -> None:
        """Shows the breach, with the figure as it is now when that is known."""
        self.breach = breach
        value = breach.actual_value if live_value is None else live_value
        share = words.used(breach, value)
        self.title.setText(words.title(breach))
        self.value.set(fmt.metric_value(breach.metric, value), Ink.LIMIT_BREACHED)
        self.value.setToolTip(fmt.metric_unit(breach.metric))
        self.bound.setText(words.bound_text(breach))
        self.bar.set_share(share, is_breached=True)
        self.share.setText(f"{fmt.utilisation(share)}, {words.beyond(breach, value)}")
        self.regime.set(fmt.regime_name(breach.regime), regime_ink(breach.regime))
        self.regime.setToolTip("The regime whose limit is broken")
        self.tick(now_utc)

    def tick(self, now_utc: datetime) -> None:
        """Counts how long the breach has been open."""
        at = self.breach.detected_at
        text = f"since {words.moment(at, now_utc)}, open for {words.lasted(at, now_utc)}"
        if text != self.since.text():
            self.since.setText(text)
            self.since.setToolTip(f"{fmt.date_time(at, NEW_YORK)} New York")

    def set_busy(self, *, is_busy: bool) -> None:
        """While the engine is asked, the button waits."""
        self.acknowledge_button.setEnabled(not is_busy)

    @Slot()
    def _acknowledge(self) -> None:
        self.acknowledged.emit(self.breach.id)

    @Slot()
    def _show(self) -> None:
        self.shown.emit(self.breach.metric)

    def _paint_frame(self) -> None:
        red, ground, border = (self._theme.css(ink) for ink in (Ink.LIMIT_BREACHED, Ink.RAISED, Ink.BORDER))
        self.setStyleSheet(
            f"#breachCard {{ background: {ground}; border: 1px solid {border}; border-left: 4px solid {red};"
            " border-radius: 3px; }"
        )
