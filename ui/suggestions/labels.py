"""Labels that show text from outside as it is: never markup, never a link, selectable."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from ui.suggestions import words
from ui.theme import Theme
from ui.widgets.labels import Chip, ValueLabel


class PlainLabel(QLabel):
    """Shows a text literally; it wraps unless told otherwise."""

    def __init__(
        self,
        text: str = "",
        parent: QWidget | None = None,
        *,
        role: str = "",
        wraps: bool = True,
        selects: bool = False,
    ) -> None:
        super().__init__(parent)
        _make_plain(self)
        self.setWordWrap(wraps)
        if role:
            self.setProperty("role", role)
        if selects:
            flags = Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            self.setTextInteractionFlags(flags)
            self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setText(text)

    def say(self, text: str) -> None:
        """Shows a text without what is invisible in it; an empty one takes no room."""
        shown = words.plain(text)
        if shown != self.text():
            self.setText(shown)
        self.setVisible(bool(shown))

    def set_role(self, role: str) -> None:
        """Writes in another colour."""
        if self.property("role") != role:
            self.setProperty("role", role)
            self.style().polish(self)


def _make_plain(label: QLabel) -> None:
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)


def plain_chip(theme: Theme, parent: QWidget) -> Chip:
    """Returns a chip that shows its text literally."""
    chip = Chip(theme, parent)
    _make_plain(chip)
    return chip


def plain_value(theme: Theme, parent: QWidget, *, pixels: int = 12, bold: bool = False) -> ValueLabel:
    """Returns a figure that shows its text literally."""
    label = ValueLabel(theme, parent, pixels=pixels, bold=bold)
    _make_plain(label)
    return label


def button(text: str, tip: str, parent: QWidget, *, style: str = "", name: str = "") -> QPushButton:
    """Returns a button that the keyboard reaches; `name` is what is read out where the text alone says too little."""
    made = QPushButton(text, parent)
    made.setToolTip(tip)
    made.setAccessibleName(name or text)
    made.setAutoDefault(False)
    if style:
        made.setProperty("kind", style)
    return made
