"""The ticket's keys as a table. None of them sends: that is Enter on the confirmation page only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent

from ui.ticket.fields import is_command_letter

_BIG = 5


class Edit(Enum):
    """What a key does to the ticket."""

    PRICE_STEP = auto()
    PACKAGES_STEP = auto()
    TO_MID = auto()
    TO_BID = auto()
    TO_ASK = auto()
    PADLOCK = auto()
    SHIFT = auto()
    ROLL = auto()
    FLIP = auto()


@dataclass(frozen=True, slots=True)
class KeyEdit:
    """An edit and how far it goes."""

    edit: Edit
    steps: int = 0


_LETTERS = {
    "m": KeyEdit(Edit.TO_MID),
    "b": KeyEdit(Edit.TO_BID),
    "a": KeyEdit(Edit.TO_ASK),
    "l": KeyEdit(Edit.PADLOCK),
    "[": KeyEdit(Edit.SHIFT, -1),
    "]": KeyEdit(Edit.SHIFT, 1),
    "{": KeyEdit(Edit.ROLL, -1),
    "}": KeyEdit(Edit.ROLL, 1),
}
_ARROWS = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}


def edit_of(event: QKeyEvent) -> KeyEdit | None:
    """Returns what a key means on the edit page; None = nothing."""
    modifiers = event.modifiers()
    if event.key() in _ARROWS:
        steps = _ARROWS[Qt.Key(event.key())] * (_BIG if modifiers & Qt.KeyboardModifier.ShiftModifier else 1)
        has_control = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        return KeyEdit(Edit.PACKAGES_STEP if has_control else Edit.PRICE_STEP, steps)
    if event.key() == Qt.Key.Key_F2:
        return KeyEdit(Edit.FLIP)
    return _LETTERS.get(event.text().lower()) if is_command_letter(event) else None
