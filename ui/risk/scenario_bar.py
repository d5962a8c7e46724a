"""What the curve, the slices and the heat map assume: spot range, date, vol shift."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from PySide6.QtCore import QSignalBlocker, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QToolButton, QWidget

from execution.commands import SetScenario
from execution.views import ScenarioState
from models.clock import NEW_YORK
from ui import format as fmt
from ui.theme import PAD, Theme
from ui.widgets.segments import Segments

_ALL_FROM_PX = 640
_GAP_PX = 2

#: Moves of a slider within this time become one command.
SETTLE_MS = 60
#: A slider step is half a vol point, or one per cent of each vol.
_POINTS_PER_STEP = 0.5
_POINT_STEPS = (-20, 40)
_RELATIVE_STEPS = (-50, 100)


class ScenarioBar(QWidget):
    """Date and vol in one line; `range` is a widget of its own, placed by the panel.

    Emits `changed` soon after the user moved something; `scenario` is what is wanted now.
    """

    changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._as_of_utc: datetime | None = None
        self._last_expiry_days = 0.0
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self.changed)
        self.range = Segments(
            (
                ("±15%", 15.0, "SPX from −15% to +15%"),
                ("±10%", 10.0, "SPX from −10% to +10%"),
                ("±5%", 5.0, "SPX from −5% to +5%"),
            ),
            "Spot range",
            self,
        )
        self.date = self._slider("Date: drag from today to the last expiry", (0, 0))
        self.date.setAccessibleName("Date of the scenario")
        self.date_text = self._figure(theme, 98)
        self.earlier = self._button("◂", "One day earlier")
        self.later = self._button("▸", "One day later")
        self.today = self._button("Today", "Back to today")
        self.expiry = self._button("Expiry", "Go to the last expiry of the book")
        self.vol = self._slider("Vol shift: drag; the switch says whether points or per cent", _POINT_STEPS)
        self.vol.setAccessibleName("Vol shift")
        self.vol_text = self._figure(theme, 58)
        self.vol_mode = Segments(
            (
                ("abs pts", False, "Absolute: the same vol points added to every option's vol"),
                ("rel %", True, "Relative: every option's vol times 1 plus this per cent"),
            ),
            "Kind of vol shift",
            self,
        )
        self.no_shift = self._button("0", "No vol shift")
        self._lay_out()
        self._connect()
        self._show_texts()

    def _lay_out(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(PAD, 2, PAD, 2)
        layout.setSpacing(_GAP_PX)
        layout.addWidget(self._caption("Date"))
        layout.addWidget(self.today)
        layout.addWidget(self.earlier)
        layout.addWidget(self.date, 3)
        layout.addWidget(self.later)
        layout.addWidget(self.expiry)
        layout.addWidget(self.date_text)
        layout.addSpacing(PAD)
        layout.addWidget(self._caption("Vol"))
        layout.addWidget(self.vol, 2)
        layout.addWidget(self.vol_text)
        layout.addWidget(self.no_shift)
        layout.addWidget(self.vol_mode)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow bar leaves out the buttons that only save a drag."""
        super().resizeEvent(event)
        for button in (self.today, self.expiry):
            button.setVisible(event.size().width() >= _ALL_FROM_PX)

    def minimumSizeHint(self) -> QSize:
        """Less than what is shown now needs: the buttons that go must not keep the bar from becoming narrow."""
        needed = super().minimumSizeHint()
        spare = sum(
            button.sizeHint().width() + _GAP_PX for button in (self.today, self.expiry) if not button.isHidden()
        )
        return QSize(needed.width() - spare, needed.height())

    def _connect(self) -> None:
        self.range.chosen.connect(self._settle.start)
        self.date.valueChanged.connect(self._on_moved)
        self.vol.valueChanged.connect(self._on_moved)
        self.vol_mode.chosen.connect(self._on_mode)
        self.earlier.clicked.connect(lambda: self.date.setValue(self.date.value() - 1))
        self.later.clicked.connect(lambda: self.date.setValue(self.date.value() + 1))
        self.today.clicked.connect(lambda: self.date.setValue(0))
        self.expiry.clicked.connect(lambda: self.date.setValue(self.date.maximum()))
        self.no_shift.clicked.connect(lambda: self.vol.setValue(0))

    def _slider(self, tip: str, steps: tuple[int, int]) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal, self)
        slider.setRange(*steps)
        slider.setPageStep(5)
        slider.setToolTip(tip)
        slider.setMinimumWidth(48)
        return slider

    def _figure(self, theme: Theme, width: int) -> QLabel:
        label = QLabel(self)
        label.setFont(theme.number_font())
        label.setMinimumWidth(width)
        label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        return label

    def _button(self, text: str, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(text)
        button.setToolTip(tip)
        button.setProperty("kind", "flat")
        button.setStyleSheet("padding: 2px 4px;")
        return button

    def _caption(self, text: str) -> QLabel:
        label = QLabel(text, self)
        label.setProperty("role", "caption")
        return label

    # --- what is wanted -----------------------------------------------------------------------------------------------

    @property
    def days_forward(self) -> float:
        """Calendar days to the chosen date; the slider's end is the last expiry's very instant."""
        step = self.date.value()
        return self._last_expiry_days if step and step == self.date.maximum() else float(step)

    @property
    def vol_shift(self) -> float:
        """Vol points, or per cent when relative."""
        step = self.vol.value()
        return float(step) if self.vol_mode.value else step * _POINTS_PER_STEP

    def scenario(self, benchmark: str, underlyings: tuple[str, ...]) -> SetScenario:
        """Returns the command for what the controls show."""
        return SetScenario(
            days_forward=self.days_forward,
            vol_shift_points=self.vol_shift,
            vol_shift_relative=self.vol_mode.value,
            spot_range_pct=self.range.value,
            benchmark=benchmark,
            underlyings=underlyings,
        )

    def take(self, state: ScenarioState) -> None:
        """Takes over how far the date may go; a slider at its end stays at the end."""
        was_at_end = self.date.value() > 0 and self.date.value() == self.date.maximum()
        self._as_of_utc, self._last_expiry_days = state.as_of_utc, state.last_expiry_days
        steps = max(math.ceil(state.last_expiry_days), 0)
        if steps != self.date.maximum():
            was = self.date.value()
            with QSignalBlocker(self.date):
                self.date.setMaximum(steps)
                if was_at_end:
                    self.date.setValue(steps)
            if self.date.value() != was:
                self._settle.start()
        self._show_texts()

    @Slot()
    def _on_moved(self) -> None:
        self._show_texts()
        if not self._settle.isActive():
            self._settle.start()

    @Slot()
    def _on_mode(self) -> None:
        with QSignalBlocker(self.vol):
            self.vol.setRange(*(_RELATIVE_STEPS if self.vol_mode.value else _POINT_STEPS))
            self.vol.setValue(0)
        self._on_moved()

    def _show_texts(self) -> None:
        _set_text(self.date_text, date_text(self._as_of_utc, self.days_forward, self._last_expiry_days))
        unit = "%" if self.vol_mode.value else " pts"
        _set_text(self.vol_text, f"{fmt.signed(self.vol_shift, 0 if self.vol_mode.value else 1)}{unit}")
        step, last = self.date.value(), self.date.maximum()
        for button in (self.earlier, self.today):
            button.setEnabled(step > 0)
        for button in (self.later, self.expiry):
            button.setEnabled(step < last)
        self.no_shift.setEnabled(self.vol.value() != 0)


def date_text(as_of_utc: datetime | None, days_forward: float, last_expiry_days: float) -> str:
    """Returns a scenario's date in words: `today`, `12 Jun 26 (+8 d)`, `expiry 18 Dec 26`; New York dates."""
    if days_forward <= 0:
        return "today"
    if as_of_utc is None:
        return f"+{fmt.fixed(days_forward, 0)} d"
    day = (as_of_utc + timedelta(days=days_forward)).astimezone(NEW_YORK).date()
    if last_expiry_days > 0 and days_forward >= last_expiry_days:
        return f"expiry {fmt.expiry_date(day)}"
    return f"{fmt.expiry_date(day)} (+{fmt.fixed(days_forward, 0)} d)"


def _set_text(label: QLabel, text: str) -> None:
    if text != label.text():
        label.setText(text)
