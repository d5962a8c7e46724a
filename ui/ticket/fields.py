"""Entry fields of the ticket: steps by arrows and wheel, letters left to the ticket's own keys, errors inline."""

from __future__ import annotations

from typing import Generic, TypeVar

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QWheelEvent
from PySide6.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QLineEdit, QPushButton, QWidget

from ui.theme import Theme

T = TypeVar("T")
_BIG_STEP = 5
_NOTCH = 120
#: Letters that are commands of the ticket and never part of a price or a quantity.
_COMMANDS = frozenset("mbalMBAL[]{}")
_BRACKETS = frozenset("[]{}")
_EFFECT_LETTERS = frozenset("bB")


def is_command_letter(event: QKeyEvent) -> bool:
    """Returns whether a key is one of the ticket's letters; brackets may need AltGr, letters stand alone."""
    text = event.text()
    held = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
    return bool(text) and text in _COMMANDS and (text in _BRACKETS or not event.modifiers() & held)


class StepField(QLineEdit):
    """A right-aligned number entry. Arrows and wheel (with focus only) emit `stepped(steps)`; Shift makes it five."""

    stepped = Signal(int)
    committed = Signal(str)

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFont(theme.number_font(13, bold=True))
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._shown = ""
        self.editingFinished.connect(self._commit)

    def show_text(self, text: str) -> None:
        """Shows a value, unless the user is typing another."""
        self._shown = text
        if not (self.hasFocus() and self.isModified()) and text != self.text():
            at_end = self.cursorPosition() == len(self.text())
            self.setText(text)
            if not at_end:
                self.setCursorPosition(0)

    def set_invalid(self, problem: str) -> None:
        """Marks the field wrong with the reason, or right again with an empty text."""
        is_wrong = bool(problem)
        self.setToolTip(problem)
        if bool(self.property("invalid")) != is_wrong:
            self.setProperty("invalid", is_wrong)
            self.style().polish(self)

    def commit(self) -> None:
        """Hands over what was typed, if anything was."""
        self._commit()

    def _commit(self) -> None:
        if self.isModified() or self.text() != self._shown:
            self.setModified(False)
            self._shown = self.text()
            self.committed.emit(self.text())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down step; command letters and Ctrl+arrows go to the ticket."""
        key = event.key()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier and key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            event.ignore()
            return
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._commit()
            size = _BIG_STEP if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
            self.stepped.emit(size if key == Qt.Key.Key_Up else -size)
            return
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._commit()
            event.ignore()
            return
        if is_command_letter(event) and not self._is_word_begun(event.text()):
            event.ignore()
            return
        super().keyPressEvent(event)

    def _is_word_begun(self, letter: str) -> bool:
        """The b of a typed `DB` is text, not the bid key."""
        return letter in _EFFECT_LETTERS and self.text().upper().endswith("D")

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Steps with the wheel, only while the field has the focus."""
        if not self.hasFocus():
            event.ignore()
            return
        notches = round(event.angleDelta().y() / _NOTCH)
        if notches:
            self._commit()
            size = _BIG_STEP if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
            self.stepped.emit(notches * size)
        event.accept()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Selects the figure, so that typing replaces it; after a click once the click is over."""
        super().focusInEvent(event)
        if event.reason() is Qt.FocusReason.MouseFocusReason:
            QTimer.singleShot(0, self, self.selectAll)
        else:
            self.selectAll()


class ChoiceBar(QWidget, Generic[T]):
    """A row of buttons of which one is down; no letter chooses, so no key changes the order type by accident."""

    chosen = Signal(object)

    def __init__(self, choices: tuple[tuple[str, T, str], ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._buttons: dict[T, QPushButton] = {}
        group = QButtonGroup(self)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        for text, value, tip in choices:
            button = QPushButton(text, self)
            button.setCheckable(True)
            button.setToolTip(tip)
            button.setFixedWidth(button.fontMetrics().horizontalAdvance(text) + 18)
            button.setStyleSheet("padding: 3px 4px;")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _checked=False, chosen=value: self.chosen.emit(chosen))
            group.addButton(button)
            line.addWidget(button)
            self._buttons[value] = button

    def show_choice(self, value: T) -> None:
        """Presses the button of `value` without telling anyone."""
        self._buttons[value].setChecked(True)

    def button(self, value: T) -> QPushButton:
        """Returns the button of a value."""
        return self._buttons[value]


class QuietCombo(QComboBox):
    """A combo box that letters and an idle wheel do not change."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leaves letters and Enter to the ticket."""
        if (event.text().isprintable() and event.text() and event.text() != " ") or event.key() in (
            Qt.Key.Key_Return,
            Qt.Key.Key_Enter,
        ):
            event.ignore()
            return
        super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scrolls the ticket instead."""
        event.ignore()
