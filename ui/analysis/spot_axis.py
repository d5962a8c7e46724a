"""The spots of the breach map as columns: lanes and grid stand side by side or one above the other on the same axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetrics, QPainter

from execution.analysis_views import FloatArray
from ui import format as fmt
from ui.analysis.words import move_text
from ui.theme import Ink, Theme

_TICK_GAP_PX = 10
#: Ticks stand at multiples of one of these, as many as have room.
_STEPS_PCT = (1.0, 2.5, 5.0, 10.0, 20.0)


class SpotColumns:
    """Maps spots to pixels between `left` and `right`; a column is one spot of the state."""

    def __init__(self, shifts_pct: FloatArray, spot_now: float, left: float, right: float) -> None:
        self.shifts_pct = shifts_pct
        self.spot_now = spot_now
        self.left = left
        self.width = (right - left) / max(len(shifts_pct), 1)

    def edge(self, index: float) -> float:
        """Returns the left edge of a column."""
        return self.left + index * self.width

    def x_of(self, shift_pct: float) -> float:
        """Returns where a move stands, between the middles of its neighbours."""
        return self.edge(float(np.interp(shift_pct, self.shifts_pct, np.arange(len(self.shifts_pct)))) + 0.5)

    def index_at(self, x: float) -> int | None:
        """Returns the column at a pixel, None beside the map."""
        index = int((x - self.left) // self.width) if self.width > 0 else -1
        return index if 0 <= index < len(self.shifts_pct) else None

    def ticks(self, metrics: QFontMetrics) -> list[tuple[float, str, str]]:
        """Returns x, level and move of as many round moves as have room without touching."""
        if not len(self.shifts_pct):
            return []
        low, high = float(self.shifts_pct[0]), float(self.shifts_pct[-1])
        room = metrics.horizontalAdvance("12,345") + _TICK_GAP_PX
        pixels = self.width * len(self.shifts_pct)
        most = max(pixels / room, 1)
        step = next((one for one in _STEPS_PCT if (high - low) / one <= most), _STEPS_PCT[-1])
        moves = [index * step for index in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]
        return [(self.x_of(one), fmt.fixed(self.spot_now * (1 + one / 100), 0), move_text(one)) for one in moves]

    def paint(self, painter: QPainter, theme: Theme, top: float, *, with_levels: bool) -> None:
        """Writes the moves, and the levels above them where there is room."""
        font = theme.small_font()
        painter.setFont(font)
        metrics = QFontMetrics(font)
        for x, level, move in self.ticks(metrics):
            text = f"{level}\n{move}" if with_levels else move
            wide = max(metrics.horizontalAdvance(level), metrics.horizontalAdvance(move)) + 4
            if x + wide / 2 > painter.viewport().width():
                continue
            painter.setPen(theme.color(Ink.TEXT if move == "0%" else Ink.TEXT_MUTED))
            painter.drawText(
                QRectF(x - wide / 2, top, wide, 2 * metrics.height()), int(Qt.AlignmentFlag.AlignHCenter), text
            )  # fmt: skip


def zero_index(shifts: FloatArray | Sequence[float]) -> int:
    """Returns the column or row without a shift."""
    return int(np.abs(np.asarray(shifts)).argmin())
