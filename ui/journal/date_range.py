"""Time range of the journal: Today, 7D, 30D, All, or two dates. Days are New York days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import Enum

from PySide6.QtCore import QDate, Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QDateEdit, QHBoxLayout, QLabel, QToolButton, QWidget

from models.clock import NEW_YORK, Clock, new_york_time


class Range(Enum):
    """The quick choices; the value is the number of days, today included."""

    TODAY = 1
    WEEK = 7
    MONTH = 30
    ALL = 0
    DATES = -1


_NAMES = {
    Range.TODAY: ("Today", "Trades of this New York day"),
    Range.WEEK: ("7D", "The last 7 days, today included"),
    Range.MONTH: ("30D", "The last 30 days, today included"),
    Range.ALL: ("All", "Every trade"),
    Range.DATES: ("Dates", "From one day to another, both included"),
}


def day_start_utc(day: date) -> datetime:
    """Returns the instant a New York day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).astimezone(UTC)


class DateRange(QWidget):
    """A row of buttons, of which one is down; two dates appear beside them when wanted."""

    changed = Signal()

    def __init__(self, clock: Clock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._clock = clock
        self._line = QHBoxLayout(self)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._line.setSpacing(2)
        self._group = QButtonGroup(self)
        self.buttons: dict[Range, QToolButton] = {}
        for choice, (name, tip) in _NAMES.items():
            button = QToolButton(self)
            button.setText(name)
            button.setToolTip(tip)
            button.setCheckable(True)
            self._group.addButton(button)
            self._line.addWidget(button)
            self.buttons[choice] = button
        self.buttons[Range.ALL].setChecked(True)
        self._group.buttonClicked.connect(self._on_clicked)
        self.from_edit, self._dash, self.to_edit = self._edit(), QLabel("–", self), self._edit()
        for widget in (self.from_edit, self._dash, self.to_edit):
            self._line.addWidget(widget)
            widget.hide()

    def _edit(self) -> QDateEdit:
        edit = QDateEdit(self)
        edit.setCalendarPopup(True)
        edit.setDisplayFormat("yyyy-MM-dd")
        edit.setFixedWidth(108)
        edit.setKeyboardTracking(False)
        edit.dateChanged.connect(self._on_date)
        return edit

    @property
    def choice(self) -> Range:
        """The button that is down."""
        return next(choice for choice, button in self.buttons.items() if button.isChecked())

    def choose(self, choice: Range) -> None:
        """Presses a button; `changed` is not emitted."""
        self.buttons[choice].setChecked(True)
        self._show_dates()

    def bounds(self) -> tuple[datetime | None, datetime | None]:
        """Returns the range in UTC: included start, excluded end; None = open."""
        choice = self.choice
        if choice is Range.ALL:
            return None, None
        if choice is Range.DATES:
            first, last = sorted((_python(self.from_edit), _python(self.to_edit)))
            return day_start_utc(first), day_start_utc(last + timedelta(days=1))
        today = new_york_time(self._clock.now_utc()).date()
        return day_start_utc(today - timedelta(days=choice.value - 1)), None

    @Slot()
    def _on_clicked(self) -> None:
        if self.choice is Range.DATES and not self.from_edit.isVisible():
            today = new_york_time(self._clock.now_utc()).date()
            for edit, day in ((self.from_edit, today - timedelta(days=29)), (self.to_edit, today)):
                edit.blockSignals(True)
                edit.setDate(QDate(day.year, day.month, day.day))
                edit.blockSignals(False)
        self._show_dates()
        self.changed.emit()

    @Slot()
    def _on_date(self) -> None:
        self.changed.emit()

    def _show_dates(self) -> None:
        for widget in (self.from_edit, self._dash, self.to_edit):
            widget.setVisible(self.choice is Range.DATES)
        self.updateGeometry()


def _python(edit: QDateEdit) -> date:
    chosen = edit.date()
    return date(chosen.year(), chosen.month(), chosen.day())
