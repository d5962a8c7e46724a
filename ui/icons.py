"""The desk's icons, drawn as strokes on a 16 x 16 grid: no files to load, sharp on any screen, coloured by ink.

icons = Icons(theme)
button.setIcon(icons.get(Icon.CLOSE))                    # text colour
button.setIcon(icons.get(Icon.WARNING, Ink.WARNING))
"""

from __future__ import annotations

from enum import Enum

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPainterPath, QPen, QPixmap

from ui.theme import Ink, Theme

_Points = tuple[tuple[float, float], ...]
_SIZE = 16
_SCALE = 2


class Icon(Enum):
    """Strokes: each a polyline of grid points; circles as (centre x, centre y, radius)."""

    CLOSE = ("close", (((4, 4), (12, 12)), ((12, 4), (4, 12))), ())
    FLOAT = ("float", (((6, 3), (13, 3), (13, 10)), ((3, 6), (10, 6), (10, 13), (3, 13), (3, 6))), ())
    SEARCH = ("search", (((10, 10), (13.5, 13.5)),), ((7, 7, 4),))
    CHECK = ("check", (((3, 8.5), (6.5, 12), (13, 4.5)),), ())
    PLUS = ("plus", (((8, 3), (8, 13)), ((3, 8), (13, 8))), ())
    MINUS = ("minus", (((3, 8), (13, 8)),), ())
    UP = ("up", (((4, 10), (8, 6), (12, 10)),), ())
    DOWN = ("down", (((4, 6), (8, 10), (12, 6)),), ())
    LEFT = ("left", (((10, 4), (6, 8), (10, 12)),), ())
    RIGHT = ("right", (((6, 4), (10, 8), (6, 12)),), ())
    WARNING = ("warning", (((8, 2.5), (14, 13), (2, 13), (8, 2.5)), ((8, 6.5), (8, 9.5)), ((8, 11), (8, 11.3))), ())
    INFO = ("info", (((8, 7.3), (8, 11.3)), ((8, 4.8), (8, 5.1))), ((8, 8, 6),))
    COLUMNS = (
        "columns",
        (((2.5, 3), (13.5, 3), (13.5, 13), (2.5, 13), (2.5, 3)), ((6, 3), (6, 13)), ((10, 3), (10, 13))),
        (),
    )
    FILTER = ("filter", (((2.5, 3.5), (13.5, 3.5), (9.5, 8.5), (9.5, 13), (6.5, 11.5), (6.5, 8.5), (2.5, 3.5)),), ())
    COPY = ("copy", (((6, 5), (13, 5), (13, 14), (6, 14), (6, 5)), ((10, 5), (10, 2), (3, 2), (3, 11), (6, 11))), ())
    REFRESH = (
        "refresh",
        (
            ((12.8, 5.5), (11, 3.8), (8, 3), (4.8, 4.2), (3, 8), (4.8, 11.8), (8, 13), (11.2, 11.8)),
            ((13, 2.5), (13, 5.7), (9.8, 5.7)),
        ),
        (),
    )
    EXPAND = ("expand", (((3, 3.5), (13, 3.5)), ((6, 8), (13, 8)), ((6, 12.5), (13, 12.5)), ((3, 7), (3, 12.5))), ())
    COLLAPSE = ("collapse", (((3, 4.5), (13, 4.5)), ((3, 8), (13, 8)), ((3, 11.5), (13, 11.5))), ())
    LOCK = (
        "lock",
        (
            ((3.5, 7.5), (12.5, 7.5), (12.5, 13.5), (3.5, 13.5), (3.5, 7.5)),
            ((5.5, 7.5), (5.5, 4.5), (8, 2.5), (10.5, 4.5), (10.5, 7.5)),
        ),
        (),
    )
    UNLOCK = (
        "unlock",
        (
            ((3.5, 7.5), (12.5, 7.5), (12.5, 13.5), (3.5, 13.5), (3.5, 7.5)),
            ((5.5, 7.5), (5.5, 4.5), (8, 2.5), (10.5, 4.2)),
        ),
        (),
    )
    SWAP = ("swap", (((3, 5.5), (13, 5.5), (10.5, 3)), ((13, 10.5), (3, 10.5), (5.5, 13))), ())
    STOP = (
        "stop",
        (
            ((5.5, 2), (10.5, 2), (14, 5.5), (14, 10.5), (10.5, 14), (5.5, 14), (2, 10.5), (2, 5.5), (5.5, 2)),
            ((5, 8), (11, 8)),
        ),
        (),
    )
    EXPORT = (
        "export",
        (((8, 2.5), (8, 10)), ((4.8, 6.8), (8, 10), (11.2, 6.8)), ((3, 11), (3, 13.5), (13, 13.5), (13, 11))),
        (),
    )

    def __init__(self, word: str, lines: tuple[_Points, ...], circles: tuple[tuple[float, float, float], ...]) -> None:
        self.word = word
        self.lines = lines
        self.circles = circles

    def path(self) -> QPainterPath:
        """Returns the strokes on the 16 x 16 grid."""
        path = QPainterPath()
        for line in self.lines:
            path.moveTo(QPointF(*line[0]))
            for point in line[1:]:
                path.lineTo(QPointF(*point))
        for x, y, radius in self.circles:
            path.addEllipse(QRectF(x - radius, y - radius, 2 * radius, 2 * radius))
        return path


class Icons:
    """Draws and keeps icons in the colours of the theme; after a theme switch, ask again."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self._kept: dict[tuple[Icon, str, str], QIcon] = {}

    def get(self, icon: Icon, ink: Ink = Ink.TEXT_MUTED) -> QIcon:
        """Returns an icon with its disabled state; raises nothing."""
        css, faint = self._theme.css(ink), self._theme.css(Ink.TEXT_DISABLED)
        key = (icon, css, faint)
        if key not in self._kept:
            drawn = QIcon(self.pixmap(icon, ink))
            drawn.addPixmap(self.pixmap(icon, Ink.TEXT_DISABLED), QIcon.Mode.Disabled)
            self._kept[key] = drawn
        return self._kept[key]

    def pixmap(self, icon: Icon, ink: Ink = Ink.TEXT_MUTED) -> QPixmap:
        """Returns the drawn strokes."""
        pixmap = QPixmap(_SIZE * _SCALE, _SIZE * _SCALE)
        pixmap.setDevicePixelRatio(_SCALE)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(self._theme.color(ink), 1.4)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.drawPath(icon.path())
        painter.end()
        return pixmap
