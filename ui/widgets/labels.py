"""Labels for live figures: they repaint only when their text or colour changes and never shrink, so nothing jumps."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ui import format as fmt
from ui.theme import GAP, Ink, Theme


class ValueLabel(QLabel):
    """One figure, right-aligned in tabular digits."""

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, pixels: int = 12, bold: bool = False) -> None:
        super().__init__(fmt.EM_DASH, parent)
        self._theme = theme
        self._ink = Ink.TEXT
        self.setFont(theme.number_font(pixels, bold=bold))
        self._pixels = pixels
        self._bold = bold
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._paint_ink()
        theme.changed.connect(self._paint_ink)

    @property
    def ink(self) -> Ink:
        """What it is written in."""
        return self._ink

    def set(self, text: str, ink: Ink = Ink.TEXT) -> None:
        """Shows `text` in `ink`; does nothing when both are as they were."""
        if text != self.text():
            self.setText(text)
            width = self.sizeHint().width()
            if width > self.minimumWidth():
                self.setMinimumWidth(width)
        if ink is not self._ink:
            self._ink = ink
            self._paint_ink()

    def set_pixels(self, pixels: int) -> None:
        """Writes in another size; the width it kept for wider figures is given up."""
        if pixels != self._pixels:
            self._pixels = pixels
            self.setFont(self._theme.number_font(pixels, bold=self._bold))
            self._paint_ink()
            self.setMinimumWidth(0)
            self.setMinimumWidth(self.sizeHint().width())

    def _paint_ink(self) -> None:
        weight = "600" if self._bold else "400"
        color = self._theme.css(self._ink)
        self.setStyleSheet(f"color: {color}; font-size: {self._pixels}px; font-weight: {weight};")


class Chip(QLabel):
    """A small badge: a word on a colour (`solid`) or in a coloured frame."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._look: tuple[Ink, Ink | None] = (Ink.TEXT_MUTED, None)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._paint_look()
        theme.changed.connect(self._paint_look)

    def set(self, text: str, ink: Ink, *, on: Ink | None = None) -> None:
        """Shows `text` framed in `ink`, or written in `on` upon a solid `ink`."""
        if text != self.text():
            self.setText(text)
        if (ink, on) != self._look:
            self._look = (ink, on)
            self._paint_look()

    def _paint_look(self) -> None:
        ink, on = self._look
        color = self._theme.css(ink)
        text, fill = (color, "transparent") if on is None else (self._theme.css(on), color)
        self.setStyleSheet(
            f"color: {text}; background: {fill}; border: 1px solid {color}; border-radius: 3px;"
            " padding: 1px 6px; font-size: 11px; font-weight: 600;"
        )


class Figure(QWidget):
    """A captioned figure: the caption small above (or left of) the value."""

    def __init__(self, theme: Theme, caption: str, parent: QWidget | None = None, *, stacked: bool = True) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self) if stacked else QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0 if stacked else GAP)
        self.caption = QLabel(caption, self)
        self.caption.setProperty("role", "caption")
        self.value = ValueLabel(theme, self, pixels=13, bold=True)
        side = Qt.AlignmentFlag.AlignLeft if stacked else Qt.AlignmentFlag.AlignRight
        self.value.setAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(self.caption)
        layout.addWidget(self.value)

    def set(self, text: str, ink: Ink = Ink.TEXT) -> None:
        """Shows the figure."""
        self.value.set(text, ink)


class StaleBadge(Chip):
    """Says how old a figure is once it is older than `fresh_s`; hidden while it is fresh."""

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, fresh_s: float = 15.0) -> None:
        super().__init__(theme, parent)
        self._fresh_s = fresh_s
        self.hide()

    def set_age(self, age_s: float | None) -> None:
        """Shows the age, or hides; None (nothing known) counts as stale."""
        is_stale = age_s is None or age_s > self._fresh_s
        if is_stale:
            self.set("no data" if age_s is None else f"stale {fmt.age(age_s)}", Ink.STALE)
        self.setVisible(is_stale)
