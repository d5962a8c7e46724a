"""P&L explain as a waterfall: every part starts where the one before ended, and the last bar is what was made."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QLineF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from execution.analysis_views import ExplainLine
from ui import format as fmt
from ui.theme import Ink, Theme, sign_ink

_TOP_PX, _NAMES_PX, _SIDE_PX = 16, 20, 10
_CENTER = int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter)
_MEANINGS = {
    "Delta": "what the move of the prices made by the deltas held at the start",
    "Gamma": "what the change of the deltas with the move added",
    "Theta": "what the days that passed made",
    "Vega": "what the change of the vols made",
    "Trades": "positions opened, changed or closed since",
    "Residual": "what the expansion does not say: jumps, cross effects, higher orders",
    "Actual": "what was made in all: the sum of the parts",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its figure, and from where to where it goes, dollars."""

    name: str
    value: float
    start: float
    end: float

    @property
    def text(self) -> str:
        """The figure with its sign."""
        return fmt.signed(self.value, 0)

    @property
    def ink(self) -> Ink:
        """Gain or loss while the figure shows its sign."""
        return sign_ink(self.value if self.text[:1] in {"+", fmt.MINUS} else 0.0)


def bars(line: ExplainLine) -> tuple[Bar, ...]:
    """Returns the parts in order, then the whole; an unknown part has no length."""
    parts = (
        ("Delta", line.delta),
        ("Gamma", line.gamma),
        ("Theta", line.theta),
        ("Vega", line.vega),
        ("Trades", line.trades),
        ("Residual", line.residual),
    )
    found: list[Bar] = []
    at = 0.0
    for name, value in parts:
        end = at + (value if math.isfinite(value) else 0.0)
        found.append(Bar(name, value, at, end))
        at = end
    actual = line.actual if math.isfinite(line.actual) else 0.0
    return (*found, Bar("Actual", line.actual, 0.0, actual))


class Waterfall(QWidget):
    """Paints the bars; the figure stands above each, its name below."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._bars: tuple[Bar, ...] = ()
        self.setAccessibleName("P&L explained: what each part made")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def minimumSizeHint(self) -> QSize:
        """Names and figures side by side."""
        return QSize(430, 100)

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """Names and figures as painted."""
        return tuple((bar.name, bar.text) for bar in self._bars)

    def show_line(self, line: ExplainLine | None) -> None:
        """Takes new figures."""
        found = () if line is None else bars(line)
        if found != self._bars:
            self._bars = found
            self.update()

    def _slot(self, index: int) -> QRectF:
        wide = (self.width() - 2 * _SIDE_PX) / max(len(self._bars), 1)
        return QRectF(_SIDE_PX + index * wide, 0, wide, self.height())

    def _y(self, value: float) -> float:
        low = min([0.0, *(min(bar.start, bar.end) for bar in self._bars)])
        high = max([0.0, *(max(bar.start, bar.end) for bar in self._bars)])
        room = self.height() - 2 * _TOP_PX - _NAMES_PX
        part = 0.5 if high == low else (high - value) / (high - low)
        return _TOP_PX + part * room

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints zero, bars, the steps between them, figures and names."""
        painter = QPainter(self)
        painter.setClipRegion(event.region())
        if not self._bars:
            painter.end()
            return
        theme = self._theme
        zero = round(self._y(0.0)) + 0.5
        painter.setPen(QPen(theme.color(Ink.TEXT_DISABLED), 1))
        painter.drawLine(QLineF(_SIDE_PX, zero, self.width() - _SIDE_PX, zero))
        for index, bar in enumerate(self._bars):
            self._paint_bar(painter, index, bar)
        painter.end()

    def _paint_bar(self, painter: QPainter, index: int, bar: Bar) -> None:
        theme, slot = self._theme, self._slot(index)
        is_whole = index == len(self._bars) - 1
        wide = min(slot.width() * 0.62, 64.0)
        top, bottom = sorted((self._y(bar.start), self._y(bar.end)))
        rect = QRectF(slot.center().x() - wide / 2, top, wide, max(bottom - top, 1.0))
        ink = bar.ink
        painter.fillRect(rect, theme.color(ink, alpha=255 if is_whole else 165))
        if not is_whole:
            following = self._slot(index + 1).center().x()
            painter.setPen(QPen(theme.color(Ink.TEXT_DISABLED), 1, Qt.PenStyle.DotLine))
            level = self._y(bar.end)
            painter.drawLine(QLineF(rect.right(), level, following + wide / 2, level))
        font = theme.number_font(12, bold=True)
        painter.setFont(font)
        painter.setPen(theme.color(ink))
        high = QFontMetrics(font).height()
        y = rect.bottom() + 1 if bar.value < 0 else rect.top() - high - 1
        painter.drawText(QRectF(slot.left(), y, slot.width(), high), _CENTER, bar.text)
        painter.setFont(theme.font(bold=is_whole))
        painter.setPen(theme.color(Ink.TEXT if is_whole else Ink.TEXT_MUTED))
        names = QRectF(slot.left(), self.height() - _NAMES_PX, slot.width(), _NAMES_PX)
        painter.drawText(names, _CENTER, f"= {bar.name}" if is_whole else bar.name)

    def event(self, event: QEvent) -> bool:
        """Tells what a bar means."""
        if event.type() is QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            hit = next((index for index in range(len(self._bars)) if self._slot(index).contains(event.pos())), None)
            if hit is not None:
                bar = self._bars[hit]
                text = f"{bar.name} {fmt.signed(bar.value, 2)} $\n{_MEANINGS[bar.name]}"
                QToolTip.showText(event.globalPos(), text, self)
                return True
        return super().event(event)
