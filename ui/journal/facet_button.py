"""A filter button: opens the values that occur, with their counts, and takes any number of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ui.theme import GAP, PAD, Ink, Theme

_ROW = 22
_MOST_ROWS = 12
_VALUE_ROLE = Qt.ItemDataRole.UserRole


class _Values(QTreeWidget):
    """Ticked values; a click anywhere on a line, Space or Enter ticks it."""

    toggled = Signal(QTreeWidgetItem)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setColumnCount(2)
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.header().setStretchLastSection(False)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.itemClicked.connect(self._on_clicked)

    @Slot(QTreeWidgetItem, int)
    def _on_clicked(self, item: QTreeWidgetItem, _column: int) -> None:
        self.toggled.emit(item)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space and Enter tick."""
        item = self.currentItem()
        if item is not None and event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.toggled.emit(item)
            return
        super().keyPressEvent(event)


class FacetPopup(QFrame):
    """The list of values below the button."""

    changed = Signal()

    def __init__(self, theme: Theme, name: str, label: Callable[[str], str], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self._theme = theme
        self._label = label
        self.setProperty("surface", "panel")
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(f"Find {name.lower()}")
        self.search.textChanged.connect(self._find)
        self.values = _Values(self)
        self.values.toggled.connect(self._toggle)
        self.clear_button = QPushButton("Any", self)
        self.clear_button.setToolTip("Take every choice of this list away")
        self.clear_button.clicked.connect(self._clear)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PAD, PAD, PAD, PAD)
        layout.setSpacing(GAP)
        layout.addWidget(self.search)
        layout.addWidget(self.values)
        line = QHBoxLayout()
        line.addStretch(1)
        line.addWidget(self.clear_button)
        layout.addLayout(line)

    def items(self) -> list[QTreeWidgetItem]:
        """Returns all lines."""
        found = (self.values.topLevelItem(at) for at in range(self.values.topLevelItemCount()))
        return [item for item in found if item is not None]

    def set_values(self, values: Sequence[tuple[str, int]], chosen: frozenset[str]) -> None:
        """Shows values with their counts; a chosen one that no longer occurs stays, with 0."""
        known = {value for value, _ in values}
        self.values.clear()
        for value, count in [*values, *((value, 0) for value in sorted(chosen - known))]:
            item = QTreeWidgetItem([self._label(value), f"{count:,}"])
            item.setData(0, _VALUE_ROLE, value)
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            item.setForeground(1, self._theme.color(Ink.TEXT_MUTED))
            item.setCheckState(0, Qt.CheckState.Checked if value in chosen else Qt.CheckState.Unchecked)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            self.values.addTopLevelItem(item)
        count = self.values.topLevelItemCount()
        self.search.setVisible(count > _MOST_ROWS)
        self.values.setFixedHeight(_ROW * max(2, min(count, _MOST_ROWS)) + 4)
        self.setFixedWidth(250)

    def chosen(self) -> frozenset[str]:
        """Returns the ticked values."""
        return frozenset(
            str(item.data(0, _VALUE_ROLE)) for item in self.items() if item.checkState(0) is Qt.CheckState.Checked
        )

    @Slot(str)
    def _find(self, text: str) -> None:
        for item in self.items():
            item.setHidden(text.casefold() not in item.text(0).casefold())

    @Slot(QTreeWidgetItem)
    def _toggle(self, item: QTreeWidgetItem) -> None:
        is_on = item.checkState(0) is Qt.CheckState.Checked
        item.setCheckState(0, Qt.CheckState.Unchecked if is_on else Qt.CheckState.Checked)
        self.changed.emit()

    @Slot()
    def _clear(self) -> None:
        for item in self.items():
            item.setCheckState(0, Qt.CheckState.Unchecked)
        self.changed.emit()
        self.hide()


class FacetButton(QToolButton):
    """Says what is chosen: `Symbol`, `Symbol: SPX`, `Symbol: 3`."""

    changed = Signal()

    def __init__(self, theme: Theme, name: str, label: Callable[[str], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._label = label
        self._values: tuple[tuple[str, int], ...] = ()
        self._chosen: frozenset[str] = frozenset()
        self.setCheckable(True)
        self.setToolTip(f"Show only some {name.lower()} values")
        self.popup = FacetPopup(theme, name, label, self)
        self.popup.changed.connect(self._on_changed)
        self.clicked.connect(self._open)
        self._show_choice()

    @property
    def chosen(self) -> tuple[str, ...]:
        """The chosen values, sorted; empty = any."""
        return tuple(sorted(self._chosen))

    def choose(self, values: Sequence[str]) -> None:
        """Sets the choice; `changed` is not emitted."""
        self._chosen = frozenset(values)
        self.popup.set_values(self._values, self._chosen)
        self._show_choice()

    def set_values(self, values: tuple[tuple[str, int], ...]) -> None:
        """Takes the values that occur; an open list is left as it is until it is opened again."""
        self._values = values
        if not self.popup.isVisible():
            self.popup.set_values(values, self._chosen)

    @Slot()
    def _open(self) -> None:
        self._show_choice()
        self.popup.search.clear()
        self.popup.set_values(self._values, self._chosen)
        self.popup.move(self.mapToGlobal(QPoint(0, self.height() + 2)))
        self.popup.show()
        (self.popup.search if self.popup.search.isVisible() else self.popup.values).setFocus()

    @Slot()
    def _on_changed(self) -> None:
        self._chosen = self.popup.chosen()
        self._show_choice()
        self.changed.emit()

    def _show_choice(self) -> None:
        chosen = self.chosen
        what = "" if not chosen else f": {self._label(chosen[0]) if len(chosen) == 1 else len(chosen)}"
        self.setText(f"{self._name}{what} ▾")
        self.setChecked(bool(chosen))
