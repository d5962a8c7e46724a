"""Paints a cell of the chain: shading by moneyness and expected move, tints of staged legs, holdings."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from models.enums import Action
from ui import format as fmt
from ui.chain.columns import COLUMNS, Field
from ui.chain.model import Band, CellLook, ChainModel
from ui.greeks_words import APART_SIGN
from ui.theme import Ink, Theme

_PAD_PX = 6
_BADGE_PX = 24


class ChainDelegate(QStyledItemDelegate):
    """One paint routine for all cells; reads colours from the theme at each paint, so a switch needs a repaint only."""

    def __init__(self, theme: Theme, model: ChainModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._model = model

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paints background, tint, figure, badge and focus of one cell."""
        look = self._model.look(index.row(), index.column())
        rect: QRect = option.rect
        painter.save()
        painter.fillRect(rect, self._background(look))
        self._paint_staged(painter, rect, look)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        if hovered and look.is_listed and COLUMNS[index.column()].action is not None:
            ink = Ink.SELL if COLUMNS[index.column()].action is Action.SELL else Ink.BUY
            painter.fillRect(rect, self._theme.color(ink, alpha=70))
        painter.setPen(self._theme.color(Ink.GRID))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        self._paint_text(painter, rect, look, str(index.data() or ""), index.column())
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(self._theme.color(Ink.ACCENT))
            painter.setBrush(Qt.BrushStyle.NoBrush)  # a badge leaves its own
            painter.drawRect(rect.adjusted(0, 0, -1, -1))
        painter.restore()

    def _background(self, look: CellLook) -> QColor:
        theme = self._theme
        if look.field is Field.STRIKE:
            if look.band is Band.INSIDE_ONE:
                return _mix(theme.color(Ink.RAISED), theme.color(Ink.ACCENT), 0.42)
            if look.band is Band.INSIDE_TWO:
                return _mix(theme.color(Ink.RAISED), theme.color(Ink.ACCENT), 0.16)
            return theme.color(Ink.RAISED)
        return theme.color(Ink.ITM_TINT) if look.is_itm else theme.color(Ink.PANEL)

    def _paint_staged(self, painter: QPainter, rect: QRect, look: CellLook) -> None:
        if look.staged == 0:
            return
        is_buy = look.staged > 0
        ink = Ink.BUY if is_buy else Ink.SELL
        is_origin = look.field is (Field.ASK if is_buy else Field.BID)
        painter.fillRect(rect, self._theme.color(ink, alpha=150 if is_origin else 52))

    def _paint_text(self, painter: QPainter, rect: QRect, look: CellLook, text: str, column: int) -> None:
        theme = self._theme
        is_price = look.field in {Field.BID, Field.ASK}
        is_bold = look.field in {Field.STRIKE, Field.HELD}
        painter.setFont(theme.number_font(bold=is_bold))
        painter.setPen(theme.color(self._ink(look, text)))
        if look.field is Field.STRIKE:
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
            return
        if look.field is Field.HELD and look.held:
            edge = rect.left() if column == 0 else rect.right() - 2
            painter.fillRect(edge, rect.top(), 3, rect.height() - 1, theme.color(Ink.WARNING))
        inner = rect.adjusted(_PAD_PX, 0, -_PAD_PX, 0)
        painter.drawText(inner, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        if look.is_apart:
            painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, APART_SIGN)
        if is_price and look.staged and look.field is (Field.ASK if look.staged > 0 else Field.BID):
            badge = QRect(rect.left() + 3, rect.top() + 3, _BADGE_PX, rect.height() - 7)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color(Ink.BUY if look.staged > 0 else Ink.SELL))
            painter.drawRoundedRect(badge, 3, 3)
            painter.setPen(theme.color(Ink.ON_ACCENT))
            painter.setFont(theme.number_font(11, bold=True))
            painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, fmt.signed(look.staged, 0))

    def _ink(self, look: CellLook, text: str) -> Ink:
        if not look.is_listed or text == fmt.EM_DASH:
            return Ink.TEXT_DISABLED
        if look.field is Field.STRIKE:
            return Ink.TEXT
        if look.field is Field.HELD or look.is_apart:
            return Ink.WARNING
        if look.is_stale:
            return Ink.STALE
        if look.staged and look.field in {Field.BID, Field.ASK}:
            return Ink.TEXT
        return {Field.BID: Ink.BID, Field.ASK: Ink.ASK}.get(look.field, Ink.TEXT_MUTED)


def _mix(base: QColor, over: QColor, share: float) -> QColor:
    """Returns `base` with `share` of `over` in it, opaque."""
    return QColor.fromRgbF(
        base.redF() + (over.redF() - base.redF()) * share,
        base.greenF() + (over.greenF() - base.greenF()) * share,
        base.blueF() + (over.blueF() - base.blueF()) * share,
    )
