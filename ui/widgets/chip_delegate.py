"""Paints a table cell as a framed chip in the ink that the model gives for it."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from ui.theme import Ink, Theme


class ChipDelegate(QStyledItemDelegate):
    """`ink_role` is the model's role that returns an Ink."""

    def __init__(self, theme: Theme, ink_role: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._ink_role = ink_role
        self._font = theme.font(11, bold=True)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paints the row's background as usual, then the chip."""
        rect = QRectF(option.rect)
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        # Qt hands a StrEnum on as plain text.
        name = index.data(self._ink_role)
        text = str(index.data(Qt.ItemDataRole.DisplayRole) or "")
        painter.save()
        if is_selected:
            painter.fillRect(rect, self._theme.color(Ink.SELECTION))
        if text and name:
            ink = Ink(name)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(self._font)
            width = min(rect.width() - 8, painter.fontMetrics().horizontalAdvance(text) + 14)
            chip = QRectF(rect.left() + 4, rect.top() + 2.5, width, rect.height() - 5)
            painter.setPen(self._theme.color(ink))
            painter.setBrush(self._theme.color(ink, alpha=34))
            painter.drawRoundedRect(chip, 3, 3)
            painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, text)
        painter.restore()
