"""A limit as a bar from 0 to 150 %, with the 100 % mark: how much of it is used, and how that stands."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from execution.views import LimitRow
from ui import format as fmt
from ui.theme import Ink, LimitState, Theme, limit_ink, limit_state

_FULL = 1.5


class LimitBar(QWidget):
    """The bar. Colour is never the only cue: the tooltip and the neighbouring label say the share in words."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._share: float | None = None
        self.state = LimitState.UNKNOWN
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """A thin line that takes the width it gets."""
        return QSize(90, 8)

    def minimumSizeHint(self) -> QSize:
        """Still readable."""
        return QSize(40, 8)

    def show_limit(self, row: LimitRow) -> None:
        """Shows a limit; does not repaint when nothing visible changed."""
        self.set_share(row.utilisation, is_breached=row.is_breached)
        low, high = fmt.metric_value(row.metric, row.low), fmt.metric_value(row.metric, row.high)
        self.setToolTip(
            f"{fmt.metric_name(row.metric)} {fmt.metric_value(row.metric, row.value)}"
            f" ({fmt.metric_unit(row.metric)})\nlimits {low} to {high}, used {fmt.utilisation(row.utilisation)}"
            f"\n{fmt.words(self.state.value)}"
        )

    def set_share(self, utilisation: float | None, *, is_breached: bool) -> None:
        """Shows a used share, 1.0 = at the limit."""
        state = limit_state(utilisation, is_breached=is_breached)
        if (state, utilisation) != (self.state, self._share):
            self.state, self._share = state, utilisation
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints track, share and the 100 % mark."""
        painter = QPainter(self)
        painter.setClipRegion(event.region())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        track = QRectF(0, self.height() / 2 - 3, self.width(), 6)
        painter.setBrush(self._theme.color(Ink.BAR_TRACK))
        painter.drawRoundedRect(track, 2, 2)
        if self._share is not None and not math.isnan(self._share):
            part = min(max(self._share, 0.0), _FULL) / _FULL
            painter.setBrush(self._theme.color(limit_ink(self.state)))
            painter.drawRoundedRect(QRectF(track.left(), track.top(), track.width() * part, track.height()), 2, 2)
        mark_x = track.width() / _FULL
        painter.setBrush(self._theme.color(Ink.TEXT_MUTED))
        painter.drawRect(QRectF(mark_x - 0.75, 0, 1.5, self.height()))
        painter.end()
