"""The strategy picker of the chain's toolbar: 'Iron condor, 16 delta short, 8 delta long: stage it'."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QWidget

from ui.chain.templates import DeltaPick, Template
from ui.theme import GAP

_DELTAS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 18, 20, 25, 30, 35, 40, 45, 50)


class DeltaPicker(QWidget):
    """Emits `picked(DeltaPick)` when its button is pressed."""

    picked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.template = QComboBox(self)
        for template in Template:
            self.template.addItem(template.value, template)
        self.template.setAccessibleName("Strategy")
        self.short_delta = _delta_box(16, "Delta of the short legs", self)
        self.long_delta = _delta_box(8, "Delta of the long legs (wings)", self)
        self.button = QPushButton(self)
        self.button.setToolTip("Stages one package of the strategy at the strikes nearest to these deltas")
        self._slash = QLabel("/", self)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(GAP)
        for widget in (self.template, self.short_delta, self._slash, self.long_delta, self.button):
            line.addWidget(widget)
        self.template.currentIndexChanged.connect(self._refresh)
        self.short_delta.currentIndexChanged.connect(self._refresh)
        self.long_delta.currentIndexChanged.connect(self._refresh)
        self.button.clicked.connect(self._on_clicked)
        self._refresh()

    @property
    def pick(self) -> DeltaPick:
        """What the controls say."""
        template: Template = self.template.currentData()
        return DeltaPick(template, self.short_delta.currentData(), self.long_delta.currentData())

    def set_busy(self, text: str | None) -> None:
        """Shows that strikes are being looked for; None = ready again."""
        self.button.setEnabled(text is None)
        if text is None:
            self._refresh()
        else:
            self.button.setText(text)

    def _refresh(self) -> None:
        has_wings = self.template.currentData() is not Template.STRANGLE
        self.long_delta.setVisible(has_wings)
        self._slash.setVisible(has_wings)
        self.button.setText("Stage")
        self.button.setAccessibleName(f"Stage {self.pick.label}")

    def _on_clicked(self) -> None:
        self.picked.emit(self.pick)


def _delta_box(value: int, tip: str, parent: QWidget) -> QComboBox:
    box = QComboBox(parent)
    for delta in _DELTAS:
        box.addItem(f"{delta}Δ", float(delta))
    box.setCurrentIndex(_DELTAS.index(value))
    box.setToolTip(tip)
    box.setAccessibleName(tip)
    box.setFixedWidth(70)
    return box
