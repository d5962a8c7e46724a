"""One figure of the book against its limit: name and unit, value, bar, bounds, and the share used in words."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from execution.views import LimitRow
from models.enums import Metric
from ui import format as fmt
from ui.theme import Ink, LimitState, Theme, limit_ink
from ui.widgets.elided_label import ElidedLabel
from ui.widgets.labels import ValueLabel
from ui.widgets.limit_bar import LimitBar

SHORT_UNITS = {
    Metric.SPX_DELTA: "$/pt",
    Metric.GAMMA: "delta/pt",
    Metric.THETA: "$/day",
    Metric.VEGA: "$/vol",
    Metric.MARGIN_USED_PCT: "net liq",
}

#: Bounds of this size are shown without decimals; the tooltip and the editor have them exactly.
_WHOLE_FROM = 100.0
_FIGURE_PX, _NARROW_FIGURE_PX = 17, 12
_NARROW_PX = 120
#: A narrower tile says how much of the limit is used without "near" and "over": "SPX delta" would be cut.
_WORDS_PX = 140
#: Units that are shorter yet where there is little room.
_NARROW_UNITS = {Metric.GAMMA: "Δ/pt", Metric.THETA: "$/d"}


def bounds_text(low: float | None, high: float | None) -> str:
    """Returns both bounds in few characters: `±60`, `−250 … +1,250`, `at least −8`, `at most +45`, `no limit`."""
    if low is None and high is None:
        return "no limit"
    if low is None:
        return f"at most {_bound(high)}"
    if high is None:
        return f"at least {_bound(low)}"
    return f"±{_bound(high).lstrip('+')}" if low == -high and high > 0 else f"{_bound(low)} … {_bound(high)}"


def _bound(value: float | None) -> str:
    is_whole = value is None or float(value).is_integer() or abs(value) >= _WHOLE_FROM
    return fmt.signed(value, 0 if is_whole else 2)


def used_text(row: LimitRow | None, state: LimitState, *, is_short: bool = False) -> str:
    """Returns the used share with the mark that goes with the bar's colour, and its word where there is room."""
    if row is None or row.value is None:
        return fmt.EM_DASH
    if state is LimitState.UNKNOWN:
        return "no limit"
    share = fmt.utilisation(row.utilisation)
    if state is LimitState.BREACHED:
        return f"▲ {share}" if is_short or share == "over" else f"▲ over {share}"
    if state is LimitState.NEAR:
        return f"● {share}" if is_short else f"● near {share}"
    return share


class MetricTile(QFrame):
    """A tile of the dashboard's top row; repaints only what changed."""

    def __init__(self, theme: Theme, metric: Metric, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.of = metric
        self.state = LimitState.UNKNOWN
        self._value: float | None = None
        self._is_cut_off = False
        self.setObjectName("tile")
        self.name = ElidedLabel(self)
        self.used = ValueLabel(theme, self, pixels=11, bold=True)
        self.value = ValueLabel(theme, self, pixels=_FIGURE_PX, bold=True)
        self.value.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.unit = ElidedLabel(self)
        self.unit.set_full(SHORT_UNITS[metric])
        self.unit.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)
        self.unit.setContentsMargins(0, 0, 0, 3)
        self.detail = QLabel(self)
        self.detail.setProperty("role", "caption")
        self.detail.setFont(theme.number_font(11))
        self.bar = LimitBar(theme, self)
        self.bounds = ElidedLabel(self)
        self.bounds.setFont(theme.number_font(11))
        self._lay_out()
        self._paint_frame()
        theme.changed.connect(self._paint_frame)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(4)
        top.addWidget(self.name, 1)
        top.addWidget(self.used)
        middle = QHBoxLayout()
        middle.setSpacing(3)
        middle.addWidget(self.value)
        middle.addWidget(self.unit, 1)
        bottom = QHBoxLayout()
        bottom.setSpacing(4)
        bottom.addWidget(self.bounds, 1)
        bottom.addWidget(self.detail)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 5, 4, 5)
        layout.setSpacing(2)
        layout.addLayout(top)
        layout.addLayout(middle)
        layout.addWidget(self.bar)
        layout.addLayout(bottom)

    def show_value(self, name: str, value: float | None, detail: str, *, excluded: int, more: str = "") -> None:
        """Shows the figure; with positions left out, its name is marked and says so. `more`: for the tooltip."""
        mark = "*" if excluded else ""
        self.name.set_full(f"{name}{mark}")
        left_out = f"\n* {fmt.plural(excluded, 'position')} left out: unknown price or vol" if excluded else ""
        self.name.setToolTip(f"{name}, {fmt.metric_unit(self.of)}{left_out}{more}")
        self.value.setToolTip(self.name.toolTip() + (f"\n{detail}" if detail else ""))
        self._value = value
        self._show_figure()
        if detail != self.detail.text():
            self.detail.setText(detail)

    def set_cut_off(self, *, is_cut_off: bool) -> None:
        """Has the figure grey while there is no connection: it is the last one known."""
        self._is_cut_off = is_cut_off
        self._show_figure()

    def _show_figure(self) -> None:
        is_odd = self._is_cut_off or self._value is None or not math.isfinite(self._value)
        self.value.set(fmt.metric_value(self.of, self._value), Ink.STALE if is_odd else Ink.TEXT)

    def show_limit(self, row: LimitRow | None, *, is_same_figure: bool) -> None:
        """Shows the limit; `is_same_figure` False: the bar is of the whole book in SPX points, not of the figure."""
        if row is None:
            self.bar.set_share(None, is_breached=False)
            self.bounds.set_full("regime unknown: no limits")
        else:
            self.bar.show_limit(row)
            text = bounds_text(row.low, row.high)
            self.bounds.set_full(text if is_same_figure else f"book {fmt.metric_value(self.of, row.value)}: {text}")
        self.bounds.setToolTip("Limits hold for the whole book, counted in SPX points.")
        # Not in resizeEvent: another text there has the row laid out again, which resizes the tile, without end.
        is_short = self.width() < _WORDS_PX
        self.used.set(used_text(row, self.bar.state, is_short=is_short), self._used_ink())
        self.used.setMinimumWidth(0)  # room kept for "near 84%" would cut the name short for good
        if self.bar.state is not self.state:
            self.state = self.bar.state
            self._paint_frame()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow tile has smaller figures, so that the unit stays beside them, and the bounds without the detail."""
        super().resizeEvent(event)
        is_narrow = event.size().width() < _NARROW_PX
        self.value.set_pixels(_NARROW_FIGURE_PX if is_narrow else _FIGURE_PX)
        unit = SHORT_UNITS[self.of]
        self.unit.set_full(_NARROW_UNITS.get(self.of, unit) if is_narrow else unit)
        self.detail.setVisible(not is_narrow)

    def _used_ink(self) -> Ink:
        is_calm = self.bar.state in (LimitState.OK, LimitState.UNKNOWN)
        return Ink.TEXT_MUTED if is_calm else limit_ink(self.bar.state)

    def _paint_frame(self) -> None:
        is_calm = self.state in (LimitState.OK, LimitState.UNKNOWN)
        edge = self._theme.css(Ink.BORDER if is_calm else limit_ink(self.state))
        self.setStyleSheet(
            f"#tile {{ background: {self._theme.css(Ink.RAISED)}; border: 1px solid {edge}; border-radius: 4px; }}"
        )
