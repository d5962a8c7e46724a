"""What became of the order that was sent, and the way to the next ticket."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from models.enums import OrderStatus
from models.order import Order
from ui import format as fmt
from ui.theme import PAD, Theme, order_ink
from ui.widgets.labels import Chip


class DonePage(QWidget):
    """Follows one order by its id."""

    new_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._order: Order | None = None
        self.sentence = QLabel(self)
        self.sentence.setFont(theme.font(15, bold=True))
        self.sentence.setWordWrap(True)
        self.chip = Chip(theme, self)
        self.detail = QLabel(self)
        self.detail.setWordWrap(True)
        self.hint = QLabel("Working orders shows it live; the journal gets a row when it is done.", self)
        self.hint.setProperty("role", "muted")
        self.hint.setWordWrap(True)
        self.new = QPushButton("New ticket", self)
        self.new.setProperty("kind", "primary")
        self.new.setMinimumHeight(30)
        line = QHBoxLayout()
        line.addWidget(self.chip)
        line.addWidget(self.detail, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PAD, PAD, PAD, PAD)
        layout.setSpacing(PAD)
        layout.addWidget(self.sentence)
        layout.addLayout(line)
        layout.addWidget(self.hint)
        layout.addStretch(1)
        layout.addWidget(self.new)
        self.new.clicked.connect(self.new_wanted)

    def open_with(self, order: Order, sentence: str) -> None:
        """Shows an order that left the desk."""
        self.sentence.setText(sentence)
        self._show(order)

    def follow(self, order: Order) -> None:
        """Takes news of the order; others are ignored."""
        if self._order is not None and order.id == self._order.id:
            self._show(order)

    def _show(self, order: Order) -> None:
        self._order = order
        self.chip.set(fmt.words(order.status.value), order_ink(order.status))
        parts = []
        if order.filled_packages:
            parts.append(f"filled {fmt.filled(order.filled_packages, order.packages)}")
        if order.status is OrderStatus.UNKNOWN:
            parts.append("The broker has not said what became of it. It is not sent again; the desk keeps asking.")
        if order.reason:
            parts.append(order.reason)
        self.detail.setText("  ·  ".join(parts))
        self.detail.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
