"""A row of buttons of which exactly one is pressed: benchmark, range, metric."""

from __future__ import annotations

from typing import Generic, TypeVar

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

T = TypeVar("T")


class _Notifier(QObject):
    chosen = Signal(object)


class Segments(QWidget, Generic[T]):
    """Exclusive choice between few values, always all visible; `chosen` tells the user's choice, not `set`'s."""

    def __init__(self, choices: tuple[tuple[str, T, str], ...], name: str, parent: QWidget | None = None) -> None:
        """`choices` are text, value and tooltip; the first is pressed."""
        super().__init__(parent)
        self._notifier = _Notifier(self)
        self.chosen = self._notifier.chosen
        self._values = tuple(value for _, value, _ in choices)
        self._group = QButtonGroup(self)
        self.setAccessibleName(name)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        self.buttons: dict[T, QPushButton] = {}
        for index, (text, value, tip) in enumerate(choices):
            button = QPushButton(text, self)
            button.setCheckable(True)
            button.setProperty("kind", "flat")
            button.setStyleSheet("padding: 2px 7px;")
            button.setToolTip(tip)
            button.setAccessibleName(f"{name}: {text}")
            self._group.addButton(button, index)
            layout.addWidget(button)
            self.buttons[value] = button
        self._group.button(0).setChecked(True)
        self._group.idClicked.connect(self._on_clicked)

    @property
    def value(self) -> T:
        """The choice that is pressed."""
        return self._values[self._group.checkedId()]

    def set(self, value: T) -> None:
        """Presses a button without telling."""
        self.buttons[value].setChecked(True)

    def _on_clicked(self, index: int) -> None:
        self.chosen.emit(self._values[index])
