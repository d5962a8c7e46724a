"""Colours by meaning, fonts and spacing; one `Theme` object is handed to every widget that paints.

    theme.color(Ink.GAIN) -> QColor          theme.css(Ink.BORDER) -> "#29333f"
    theme.number_font() -> QFont             tabular figures; use it for every number
    theme.small_font(), theme.large_font()   captions and big tile figures
    theme.changed                            emitted after a switch dark <-> light: repaint with new colours
    sign_ink(value), limit_state(...), limit_ink(...), regime_ink(...), order_ink(...), severity_ink(...)

Colours live in assets/theme/<name>.json, one entry for each Ink. Widgets need no style of their own: the one
stylesheet (ui/stylesheet.py) covers Qt's widgets; variants are chosen by dynamic property, e.g.
`button.setProperty("kind", "primary")` (kinds: primary, danger, sell, buy, flat) and
`label.setProperty("role", "muted" | "caption" | "title" | "number" | "tile")`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

from execution.views import Severity
from models.enums import OrderStatus, Regime
from ui.stylesheet import stylesheet

#: Spacing grid in pixels.
GAP = 4
PAD = 8
#: From this share of a limit on the bar warns.
NEAR_LIMIT = 0.8

_THEME_FOLDER = Path(__file__).resolve().parent.parent / "assets" / "theme"
_FAMILIES = ["Inter", "Segoe UI", "SF Pro Text", "Noto Sans", "Ubuntu", "DejaVu Sans"]
_BASE_PX, _SMALL_PX, _LARGE_PX = 12, 11, 19


class ThemeName(StrEnum):
    """The two looks of the desk."""

    DARK = "dark"
    LIGHT = "light"


class Ink(StrEnum):
    """What a colour means. The value is its key in the palette files."""

    WINDOW = "window"
    PANEL = "panel"
    RAISED = "raised"
    FIELD = "field"
    BORDER = "border"
    GRID = "grid"
    HOVER = "hover"
    SELECTION = "selection"
    TEXT = "text"
    TEXT_MUTED = "text_muted"
    TEXT_DISABLED = "text_disabled"
    ACCENT = "accent"
    ON_ACCENT = "on_accent"
    GAIN = "gain"
    LOSS = "loss"
    WARNING = "warning"
    ERROR = "error"
    INFO = "info"
    STALE = "stale"
    CALL = "call"
    PUT = "put"
    BID = "bid"
    ASK = "ask"
    BUY = "buy"
    SELL = "sell"
    BUY_TINT = "buy_tint"
    SELL_TINT = "sell_tint"
    ITM_TINT = "itm_tint"
    ATM_TINT = "atm_tint"
    LIMIT_OK = "limit_ok"
    LIMIT_NEAR = "limit_near"
    LIMIT_BREACHED = "limit_breached"
    LIMIT_UNKNOWN = "limit_unknown"
    BAR_TRACK = "bar_track"
    PAPER = "paper"
    ON_PAPER = "on_paper"
    LIVE = "live"
    ON_LIVE = "on_live"
    REGIME_LOW = "regime_low"
    REGIME_MEDIUM = "regime_medium"
    REGIME_HIGH = "regime_high"
    REGIME_CRISIS = "regime_crisis"
    CURVE_TODAY = "curve_today"
    CURVE_DATE = "curve_date"
    CURVE_EXPIRY = "curve_expiry"
    SPOT_LINE = "spot_line"
    SERIES_1 = "series_1"
    SERIES_2 = "series_2"
    SERIES_3 = "series_3"
    SERIES_4 = "series_4"
    SERIES_5 = "series_5"


class LimitState(StrEnum):
    """How a figure stands to its limit."""

    OK = "OK"
    NEAR = "NEAR"
    BREACHED = "BREACHED"
    UNKNOWN = "UNKNOWN"


_LIMIT_INKS = {
    LimitState.OK: Ink.LIMIT_OK,
    LimitState.NEAR: Ink.LIMIT_NEAR,
    LimitState.BREACHED: Ink.LIMIT_BREACHED,
    LimitState.UNKNOWN: Ink.LIMIT_UNKNOWN,
}
_REGIME_INKS = {
    Regime.LOW_VOL: Ink.REGIME_LOW,
    Regime.MEDIUM_VOL: Ink.REGIME_MEDIUM,
    Regime.HIGH_VOL: Ink.REGIME_HIGH,
    Regime.CRISIS: Ink.REGIME_CRISIS,
}
_ORDER_INKS = {
    OrderStatus.DRAFT: Ink.TEXT_MUTED,
    OrderStatus.SIMULATED: Ink.INFO,
    OrderStatus.PENDING: Ink.INFO,
    OrderStatus.PARTIAL: Ink.WARNING,
    OrderStatus.CANCEL_PENDING: Ink.WARNING,
    OrderStatus.UNKNOWN: Ink.ERROR,
    OrderStatus.FILLED: Ink.GAIN,
    OrderStatus.REJECTED: Ink.LOSS,
    OrderStatus.CANCELLED: Ink.TEXT_MUTED,
}
_SEVERITY_INKS = {
    Severity.INFO: Ink.INFO,
    Severity.GOOD: Ink.GAIN,
    Severity.WARNING: Ink.WARNING,
    Severity.ERROR: Ink.ERROR,
}


def sign_ink(value: float | None) -> Ink:
    """Returns the ink of a gain or loss; zero and unknown are plain text. The sign itself is the second cue."""
    if value is None or not math.isfinite(value) or value == 0:
        return Ink.TEXT_MUTED if value is None or not math.isfinite(value) else Ink.TEXT
    return Ink.GAIN if value > 0 else Ink.LOSS


def limit_state(utilisation: float | None, *, is_breached: bool) -> LimitState:
    """Returns how a figure stands to its limit, `utilisation` 1.0 = at the limit."""
    if is_breached:
        return LimitState.BREACHED
    if utilisation is None or math.isnan(utilisation):
        return LimitState.UNKNOWN
    return LimitState.NEAR if utilisation >= NEAR_LIMIT else LimitState.OK


def limit_ink(state: LimitState) -> Ink:
    """Returns the ink of a limit bar."""
    return _LIMIT_INKS[state]


def regime_ink(regime: Regime) -> Ink:
    """Returns the ink of a regime chip or band."""
    return _REGIME_INKS[regime]


def order_ink(status: OrderStatus) -> Ink:
    """Returns the ink of an order status chip."""
    return _ORDER_INKS[status]


def severity_ink(severity: Severity) -> Ink:
    """Returns the ink of a log line or toast."""
    return _SEVERITY_INKS[severity]


def load_palette(folder: Path, name: ThemeName) -> Mapping[Ink, QColor]:
    """Returns the colours of a palette file; raises ValueError when an ink is missing, unknown or no colour."""
    raw: dict[str, str] = json.loads((folder / f"{name.value}.json").read_text(encoding="utf-8"))
    odd = set(raw) ^ {ink.value for ink in Ink}
    if odd:
        raise ValueError(f"palette {name.value}: missing or unknown colours: {', '.join(sorted(odd))}")
    colors = {ink: QColor(raw[ink.value]) for ink in Ink}
    bad = [ink.value for ink, color in colors.items() if not color.isValid()]
    if bad:
        raise ValueError(f"palette {name.value}: not a colour: {', '.join(bad)}")
    return colors


class Theme(QObject):
    """The look in force. One instance, made by the app; switching is live."""

    changed = Signal()

    def __init__(
        self, name: ThemeName = ThemeName.DARK, *, folder: Path = _THEME_FOLDER, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._folder = folder
        self.name = name
        self._colors = load_palette(folder, name)

    @property
    def is_dark(self) -> bool:
        """Whether the dark palette is in force."""
        return self.name is ThemeName.DARK

    def color(self, ink: Ink, *, alpha: int = 255) -> QColor:
        """Returns a colour; `alpha` 0..255."""
        if alpha == 255:
            return self._colors[ink]
        color = QColor(self._colors[ink])
        color.setAlpha(alpha)
        return color

    def css(self, ink: Ink) -> str:
        """Returns a colour as `#rrggbb`."""
        return self._colors[ink].name()

    def switch(self, name: ThemeName) -> None:
        """Takes the other palette, restyles the application and tells everyone."""
        if name is self.name:
            return
        self.name = name
        self._colors = load_palette(self._folder, name)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            self.apply(app)
        self.changed.emit()

    def apply(self, app: QApplication) -> None:
        """Styles the whole application: Fusion, palette, base font, stylesheet."""
        if app.style().objectName() != "fusion":
            app.setStyle("Fusion")
        app.setFont(self.font())
        app.setPalette(self._qt_palette())
        art = (self._folder / self.name.value).as_posix()
        app.setStyleSheet(stylesheet({ink.value: color.name() for ink, color in self._colors.items()}, art))

    def font(self, pixels: int = _BASE_PX, *, bold: bool = False) -> QFont:
        """Returns the interface font."""
        font = QFont()
        font.setFamilies(_FAMILIES)
        font.setFeature(QFont.Tag("tnum"), 1)
        font.setPixelSize(pixels)
        if bold:
            font.setWeight(QFont.Weight.DemiBold)
        return font

    def number_font(self, pixels: int = _BASE_PX, *, bold: bool = False) -> QFont:
        """Returns the font for figures: every digit as wide as the others (the interface font sees to that too)."""
        return self.font(pixels, bold=bold)

    def small_font(self) -> QFont:
        """Returns the font of captions."""
        return self.font(_SMALL_PX)

    def large_font(self) -> QFont:
        """Returns the font of a tile's main figure."""
        return self.number_font(_LARGE_PX, bold=True)

    def _qt_palette(self) -> QPalette:
        role = QPalette.ColorRole
        inks = {
            role.Window: Ink.WINDOW,
            role.WindowText: Ink.TEXT,
            role.Base: Ink.PANEL,
            role.AlternateBase: Ink.RAISED,
            role.Text: Ink.TEXT,
            role.Button: Ink.RAISED,
            role.ButtonText: Ink.TEXT,
            role.ToolTipBase: Ink.RAISED,
            role.ToolTipText: Ink.TEXT,
            role.PlaceholderText: Ink.TEXT_MUTED,
            role.Highlight: Ink.SELECTION,
            role.HighlightedText: Ink.TEXT,
            role.Link: Ink.ACCENT,
            role.BrightText: Ink.LOSS,
            role.Mid: Ink.BORDER,
            role.Dark: Ink.BORDER,
            role.Light: Ink.RAISED,
        }
        palette = QPalette()
        for qt_role, ink in inks.items():
            palette.setColor(qt_role, self._colors[ink])
        for qt_role in (role.WindowText, role.Text, role.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, qt_role, self._colors[Ink.TEXT_DISABLED])
        return palette
