"""Every limit before and after a trade: name, both figures, a bar with both marks, how much is used after."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from models.hedge import LimitEffect
from ui import format as fmt
from ui.suggestions import words
from ui.theme import GAP, PAD, Ink, LimitState, Theme, limit_ink, limit_state

_LINE, _HEAD = 19, 17
_NAME, _FIGURE, _USED, _LEAST_BAR = 70, 64, 62, 60
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_MARGIN = 0.08
_USED_INKS = {
    LimitState.NEAR: Ink.LIMIT_NEAR,
    LimitState.BREACHED: Ink.LIMIT_BREACHED,
    LimitState.UNKNOWN: Ink.WARNING,
}


class EffectTable(QWidget):
    """Painted as one widget: a panel full of cards changes several times a second.

    The bar runs from bound to bound of the limit (from zero where it has one bound only) and as far beyond as a figure
    lies; the ring is the figure before, the dot the one after. The dot's colour is said again by the word at its right.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.effects: tuple[LimitEffect, ...] = ()
        self.heading = ""
        self.setFont(theme.number_font())
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_effects(self, effects: tuple[LimitEffect, ...], heading: str = "Limits") -> None:
        """Shows the limits in their order; does nothing when they are as they were."""
        if (effects, heading) == (self.effects, self.heading):
            return
        has_grown = len(effects) != len(self.effects)
        self.effects, self.heading = effects, heading
        self.setAccessibleName(f"{heading} before and after")
        self.setAccessibleDescription(". ".join(words.effect_line(effect) for effect in effects))
        self.setToolTip("Ring: before. Dot: after. Upright lines: the limit.")
        if has_grown:
            self.updateGeometry()
        self.update()

    def texts(self) -> list[tuple[str, str, str, str]]:
        """Returns name, before, after and used as painted."""
        return [_texts(effect) for effect in self.effects]

    def sizeHint(self) -> QSize:
        """A line for each limit."""
        return QSize(_NAME + 2 * _FIGURE + _USED + 2 * PAD + 130, _HEAD + _LINE * len(self.effects))

    def minimumSizeHint(self) -> QSize:
        """The figures and a short bar."""
        return QSize(_NAME + 2 * _FIGURE + _USED + 2 * PAD + _LEAST_BAR, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints header and lines."""
        painter = QPainter(self)
        painter.setClipRegion(event.region())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_head(painter)
        for place, effect in enumerate(self.effects):
            self._paint_line(painter, effect, _HEAD + place * _LINE)
        painter.end()

    def _columns(self, top: float, height: float) -> tuple[QRectF, QRectF, QRectF, QRectF, QRectF]:
        bar_left = _NAME + 2 * _FIGURE + PAD
        return (
            QRectF(0, top, _NAME, height),
            QRectF(_NAME, top, _FIGURE, height),
            QRectF(_NAME + _FIGURE, top, _FIGURE, height),
            QRectF(bar_left, top, max(self.width() - bar_left - _USED - PAD, 1), height),
            QRectF(self.width() - _USED, top, _USED, height),
        )

    def _paint_head(self, painter: QPainter) -> None:
        painter.setFont(self._theme.small_font())
        painter.setPen(self._theme.color(Ink.TEXT_MUTED))
        cells = zip(
            self._columns(0, _HEAD),
            (self.heading, "before", "after", "", "used"),
            (_LEFT, _RIGHT, _RIGHT, _LEFT, _RIGHT),
            strict=True,
        )
        for rect, text, side in cells:
            painter.drawText(rect, int(side), text)

    def _paint_line(self, painter: QPainter, effect: LimitEffect, top: float) -> None:
        name, before, after, bar, used = self._columns(top, _LINE)
        texts, state = _texts(effect), _state(effect)
        ink = limit_ink(state) if state in (LimitState.NEAR, LimitState.BREACHED) else Ink.TEXT
        was_broken = Ink.LIMIT_BREACHED if effect.is_broken_before else Ink.TEXT_MUTED
        font = self._theme.number_font()
        painter.setFont(font)
        metrics = QFontMetrics(font)
        cells = (
            (name, texts[0], _LEFT, Ink.TEXT),
            (before, texts[1], _RIGHT, was_broken),
            (after, texts[2], _RIGHT, ink),
            (used, texts[3], _RIGHT, _USED_INKS.get(state, Ink.TEXT_MUTED)),
        )
        for rect, text, side, colour in cells:
            painter.setPen(self._theme.color(colour))
            fitting = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(rect.width()))
            painter.drawText(rect, int(side), fitting)
        self._paint_bar(painter, effect, bar.adjusted(GAP, 0, -GAP, 0), state)

    def _paint_bar(self, painter: QPainter, effect: LimitEffect, rect: QRectF, state: LimitState) -> None:
        scale = bar_range(effect)
        if scale is None:
            return
        low, high = scale

        def at(value: float) -> float:
            return rect.left() + (value - low) / (high - low) * rect.width()

        middle = rect.center().y()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color(Ink.LIMIT_BREACHED, alpha=70))
        painter.drawRect(QRectF(rect.left(), middle - 2.5, rect.width(), 5))
        left = rect.left() if effect.limit.low is None else at(effect.limit.low)
        right = rect.right() if effect.limit.high is None else at(effect.limit.high)
        painter.setBrush(self._theme.color(Ink.BAR_TRACK))
        painter.drawRect(QRectF(left, middle - 2.5, right - left, 5))
        painter.setBrush(self._theme.color(Ink.TEXT_MUTED))
        for bound in (effect.limit.low, effect.limit.high):
            if bound is not None:
                painter.drawRect(QRectF(at(bound) - 0.75, middle - 6, 1.5, 12))
        before, after = _finite(effect.before), _finite(effect.after)
        if before is not None and after is not None:
            painter.setPen(QPen(self._theme.color(Ink.TEXT_MUTED), 1.5))
            painter.drawLine(QPointF(at(before), middle), QPointF(at(after), middle))
        if before is not None:
            ink = Ink.LIMIT_BREACHED if effect.is_broken_before else Ink.TEXT_MUTED
            self._paint_mark(painter, at(before), middle, self._theme.color(Ink.PANEL), ink)
        if after is not None:
            self._paint_mark(painter, at(after), middle, self._theme.color(limit_ink(state)), limit_ink(state))

    def _paint_mark(self, painter: QPainter, x: float, y: float, fill: QColor, ink: Ink) -> None:
        painter.setPen(QPen(self._theme.color(ink), 1.5))
        painter.setBrush(fill)
        painter.drawEllipse(QPointF(x, y), 3.6, 3.6)


def bar_range(effect: LimitEffect) -> tuple[float, float] | None:
    """Returns the ends of a limit's bar: both bounds (or zero), both figures and a little room; None without a bound.

    Every point that is drawn lies within, and the ends are apart.
    """
    bounds = [bound for bound in (effect.limit.low, effect.limit.high) if bound is not None]
    if not bounds:
        return None
    points = [*bounds, *(value for value in (_finite(effect.before), _finite(effect.after)) if value is not None)]
    if len(bounds) == 1:
        points.append(0.0)
    low, high = min(points), max(points)
    room = (high - low) * _MARGIN or 1.0
    return low - room, high + room


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _state(effect: LimitEffect) -> LimitState:
    after = _finite(effect.after)
    if after is None:
        return LimitState.UNKNOWN
    share = effect.limit.utilisation(after)
    if share is None:  # a side without a bound
        return LimitState.OK
    return limit_state(share, is_breached=effect.is_broken_after)


def _texts(effect: LimitEffect) -> tuple[str, str, str, str]:
    metric = effect.metric
    return (
        fmt.metric_name(metric),
        fmt.metric_value(metric, effect.before),
        fmt.metric_value(metric, effect.after),
        words.used(effect),
    )
