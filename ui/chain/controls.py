"""The chain's toolbar: underlying with its error beside it, span of strikes, centre, columns, strategy picker."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QMenu, QPushButton, QSizePolicy, QToolButton, QWidget

from models.enums import BrokerName
from ui.chain.columns import BROKER_FIELDS, BROKER_TITLES, OPTIONAL_FIELDS, Field
from ui.chain.picker import DeltaPicker
from ui.greeks_words import short_name
from ui.theme import GAP

#: Strikes shown on each side of the money; None = all.
_SPANS: tuple[tuple[str, int | None], ...] = (("± 10", 10), ("± 20", 20), ("± 40", 40), ("± 80", 80), ("All", None))
_DEFAULT_SPAN = 2


class ChainControls(QWidget):
    """Emits what the user wants to see; `picker` is there for its own signal."""

    symbol_wanted = Signal(str)
    center_wanted = Signal()
    columns_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.symbol = QComboBox(self)
        self.symbol.setEditable(True)
        self.symbol.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.symbol.setFixedWidth(92)
        self.symbol.setAccessibleName("Underlying")
        self.symbol.setToolTip("Underlying: choose or type one and press Enter (Ctrl+F)")
        self.span = QComboBox(self)
        for text, count in _SPANS:
            self.span.addItem(text, count)
        self.span.setCurrentIndex(_DEFAULT_SPAN)
        self.span.setMinimumWidth(64)
        self.span.setToolTip("Strikes on each side of the money")
        self.span.setAccessibleName("Strikes on each side of the money")
        self.center = QPushButton("Center", self)
        self.center.setToolTip("Back to the money (Home)")
        self.columns = self._columns_button()
        self.error = QLabel(self)
        self.error.setProperty("role", "error")
        self.error.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.picker = DeltaPicker(self)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, GAP, 0)
        line.setSpacing(GAP)
        for widget in (self.symbol, self.span, self.center, self.columns):
            line.addWidget(widget)
        line.addWidget(self.error, 1)
        line.addWidget(self.picker)
        self.symbol.activated.connect(self._on_chosen)
        editor = self.symbol.lineEdit()
        if editor is not None:
            editor.returnPressed.connect(self._on_typed)
        self.span.currentIndexChanged.connect(self.center_wanted)
        self.center.clicked.connect(self.center_wanted)

    def _columns_button(self) -> QToolButton:
        button = QToolButton(self)
        button.setText("Columns")
        button.setToolTip("Greeks to show")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        self.column_actions: dict[Field, QAction] = {}
        for field in OPTIONAL_FIELDS:
            action = menu.addAction(field.value)
            action.setCheckable(True)
            action.setVisible(field not in BROKER_FIELDS)
            action.toggled.connect(self._on_columns)
            self.column_actions[field] = action
        button.setMenu(menu)
        return button

    def set_broker(self, broker: BrokerName | None) -> None:
        """Shows the columns of the broker's model, and offers them; None takes them away."""
        for field in BROKER_FIELDS:
            action = self.column_actions[field]
            if broker is not None:
                action.setText(f"{short_name(broker)} {BROKER_TITLES[field]}")
            action.setVisible(broker is not None)
            action.setChecked(broker is not None)

    @property
    def strikes_each_side(self) -> int | None:
        """How many strikes to show on each side of the money; None = all."""
        count: int | None = self.span.currentData()
        return count

    def set_symbols(self, symbols: tuple[str, ...]) -> None:
        """Offers these; what is typed stays."""
        typed = self.symbol.currentText()
        self.symbol.clear()
        self.symbol.addItems(list(symbols))
        self.symbol.setEditText(typed)

    def show_symbol(self, symbol: str) -> None:
        """Shows the underlying that is asked for."""
        self.symbol.setEditText(symbol)
        self._mark(is_wrong=False)

    def refuse_symbol(self, text: str) -> None:
        """Says at the field why the symbol cannot be shown."""
        self.say(text)
        self._mark(is_wrong=True)

    def say(self, text: str) -> None:
        """Shows an error beside the field; empty takes it away."""
        self.error.setText(text)
        self.error.setToolTip(text)

    @Slot()
    def focus_symbol(self) -> None:
        """Puts the keyboard on the underlying, its text selected."""
        self.symbol.setFocus(Qt.FocusReason.ShortcutFocusReason)
        editor = self.symbol.lineEdit()
        if editor is not None:
            editor.selectAll()

    def _mark(self, *, is_wrong: bool) -> None:
        self.symbol.setProperty("invalid", is_wrong)
        self.symbol.style().polish(self.symbol)

    @Slot()
    def _on_typed(self) -> None:
        symbol = self.symbol.currentText().strip().upper()
        if symbol:
            self.symbol_wanted.emit(symbol)
        else:
            self.refuse_symbol("Type an underlying, for example SPX.")

    @Slot(int)
    def _on_chosen(self, index: int) -> None:
        self.symbol_wanted.emit(self.symbol.itemText(index))

    @Slot(bool)
    def _on_columns(self) -> None:
        shown = frozenset(field for field, action in self.column_actions.items() if action.isChecked())
        self.columns_wanted.emit(shown)
