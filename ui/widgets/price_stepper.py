"""A package's net price, moved by ticks: buttons, arrow keys, and the wheel while it has the focus."""

from __future__ import annotations

from decimal import Decimal

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QWheelEvent
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from models.product import TickRule
from ui import format as fmt
from ui.icons import Icon, Icons
from ui.theme import Ink, Theme
from ui.widgets.labels import ValueLabel

_BIG_STEP = 5


class PriceStepper(QWidget):
    """Shows `CR 1.85` / `DB 0.40`. Up asks for the higher figure; a credit stays a credit, a debit a debit."""

    changed = Signal()

    def __init__(self, theme: Theme, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icons = icons
        self._price: Decimal | None = None
        self._tick: TickRule | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(2)
        self.down_button = self._button("One tick lower (↓, Shift+↓ five)")
        self.label = ValueLabel(theme, self, bold=True)
        self.label.setMinimumWidth(64)
        self.label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.up_button = self._button("One tick higher (↑, Shift+↑ five)")
        self.down_button.clicked.connect(self._step_down)
        self.up_button.clicked.connect(self._step_up)
        for widget in (self.down_button, self.label, self.up_button):
            line.addWidget(widget)
        self.retheme()

    def _button(self, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setToolTip(tip)
        button.setAutoRepeat(True)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        return button

    def retheme(self) -> None:
        """Takes over the colours."""
        self.down_button.setIcon(self._icons.get(Icon.MINUS, Ink.TEXT))
        self.up_button.setIcon(self._icons.get(Icon.PLUS, Ink.TEXT))

    @property
    def price(self) -> Decimal | None:
        """The net price: positive debit, negative credit."""
        return self._price

    def set(self, price: Decimal | None, tick: TickRule | None) -> None:
        """Shows a price and its increments; None disables the stepper."""
        self._price, self._tick = price, tick
        self.setEnabled(price is not None and tick is not None)
        self._show()

    def step(self, ticks: int) -> None:
        """Moves the shown figure by ticks; it never reaches zero."""
        if self._price is None or self._tick is None:
            return
        moved = self._tick.step(abs(self._price), ticks)
        if moved > 0:
            self._price = moved.copy_sign(self._price)
            self._show()
            self.changed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys step, with Shift by five ticks."""
        ticks = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(Qt.Key(event.key()))
        if ticks is None:
            super().keyPressEvent(event)
            return
        self.step(ticks * (_BIG_STEP if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel steps only while the stepper has the focus."""
        if not self.hasFocus():
            event.ignore()
            return
        self.step(1 if event.angleDelta().y() > 0 else -1)

    @Slot()
    def _step_up(self) -> None:
        self.step(1)

    @Slot()
    def _step_down(self) -> None:
        self.step(-1)

    def _show(self) -> None:
        ink = Ink.TEXT_MUTED if self._price is None else Ink.SELL if self._price < 0 else Ink.BUY
        self.label.set(fmt.net_price(self._price), ink)
