"""A field for one number that may be left empty: what is wrong is said beside it, and what was typed is kept."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from ui import format as fmt
from ui.theme import Theme

_SIGNS = str.maketrans({fmt.MINUS: "-", ",": None, " ": None, "\u00a0": None})


def parse_number(text: str) -> float | None:
    """Returns the number typed, None for an empty field; thousands separators and the real minus sign are taken.

    Raises ValueError, in words, for anything else.
    """
    plain = text.strip().translate(_SIGNS)
    if not plain:
        return None
    try:
        value = float(plain)
    except ValueError:
        raise ValueError(f"“{text.strip()}” is not a number.") from None
    if not math.isfinite(value):
        raise ValueError(f"“{text.strip()}” is not a number that can be used.")
    return value


def number_text(value: float | None) -> str:
    """Returns a number as the field shows it: no needless decimals, nothing for None."""
    if value is None:
        return ""
    text = fmt.fixed(value, 4)
    return text.rstrip("0").rstrip(".")


class NumberEdit(QLineEdit):
    """`entered` on Enter or on leaving a changed field; `refuse` marks it and keeps the text; Esc takes it back."""

    entered = Signal()
    given_up = Signal()

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value: float | None = None
        self._told: str | None = None
        self.problem = ""
        self.setAccessibleName(name)
        self.setFont(theme.number_font())
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.returnPressed.connect(self._on_return)
        self.textEdited.connect(self._on_edited)

    @property
    def is_dirty(self) -> bool:
        """Whether it shows something else than the value in force."""
        return self.text() != number_text(self._value)

    def show_value(self, value: float | None) -> None:
        """Shows the value in force, unless the user is busy with another."""
        is_untouched = not self.is_dirty
        self._value = value
        if is_untouched and self.text() != number_text(value):
            self.setText(number_text(value))

    def accept_value(self, value: float | None) -> None:
        """Takes over a value that was accepted."""
        self._value = value
        self.setText(number_text(value))
        self.refuse("")

    def number(self) -> float | None:
        """Returns the number typed; raises ValueError in words."""
        return parse_number(self.text())

    def refuse(self, problem: str) -> None:
        """Marks the field and keeps what was typed; an empty problem takes the mark away."""
        self.problem = problem
        self.setToolTip(problem)
        if bool(self.property("invalid")) != bool(problem):
            self.setProperty("invalid", bool(problem))
            self.style().unpolish(self)
            self.style().polish(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc goes back to the value in force."""
        if event.key() == Qt.Key.Key_Escape and self.is_dirty:
            self.accept_value(self._value)
            self._told = None
            self.given_up.emit()
            return
        super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Leaving a changed field enters it, once."""
        super().focusOutEvent(event)
        if self.is_dirty and self._told != self.text():
            self._tell()

    @Slot()
    def _on_return(self) -> None:
        if self.is_dirty:
            self._tell()

    @Slot()
    def _on_edited(self) -> None:
        self._told = None

    def _tell(self) -> None:
        self._told = self.text()
        self.entered.emit()
