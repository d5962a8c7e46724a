"""Keeps a cell's own colour on a selected row: gains stay green and losses red where the eye is."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem


class InkDelegate(QStyledItemDelegate):
    """Paints selected text in the model's foreground colour instead of the selection's."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """Takes over the model's colour as the colour of selected text."""
        super().initStyleOption(option, index)
        if option.state & QStyle.StateFlag.State_Selected:
            ink = index.data(Qt.ItemDataRole.ForegroundRole)
            if isinstance(ink, QColor):
                option.palette.setColor(QPalette.ColorRole.HighlightedText, ink)
