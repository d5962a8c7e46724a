"""Before > after: each limit with its bar, the one that binds named; and the margin, where unknown is a word."""

from __future__ import annotations

from decimal import Decimal

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from execution.ticket_views import LimitChange
from models.enums import Metric
from models.order import SimulationResult
from ui import format as fmt
from ui.theme import PAD, Ink, LimitState, Theme, limit_ink, limit_state
from ui.widgets.labels import ValueLabel
from ui.widgets.limit_bar import LimitBar

MARGIN_UNKNOWN = "margin unknown"
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


def binding_of(limits: tuple[LimitChange, ...]) -> Metric | None:
    """Returns the metric whose limit is used most after the trade; None when no limit has a figure."""
    used = [
        (change.after.utilisation, change.after.metric) for change in limits if change.after.utilisation is not None
    ]
    return max(used, key=lambda pair: pair[0])[1] if used else None


class _LimitLine:
    """Widgets of one limit's row in the grid."""

    def __init__(self, theme: Theme, grid: QGridLayout, row: int, parent: QWidget) -> None:
        self.name = QLabel(parent)
        self.before = ValueLabel(theme, parent)
        self.after = ValueLabel(theme, parent, bold=True)
        self.bar = LimitBar(theme, parent)
        self.used = ValueLabel(theme, parent)
        self.widgets = (self.name, self.before, self.after, self.bar, self.used)
        for column, widget in enumerate(self.widgets):
            grid.addWidget(widget, row, column)

    def show(self, change: LimitChange, *, is_binding: bool) -> None:
        metric, after = change.after.metric, change.after
        state = limit_state(after.utilisation, is_breached=after.is_breached)
        self.name.setText(fmt.metric_name(metric) + ("  ◂ binds" if is_binding else ""))
        self.name.setToolTip(f"{fmt.metric_name(metric)}: {fmt.metric_unit(metric)}")
        font = self.name.font()
        font.setBold(is_binding)
        self.name.setFont(font)
        self.before.set(fmt.metric_value(metric, change.before.value), Ink.TEXT_MUTED)
        is_bad = state in (LimitState.NEAR, LimitState.BREACHED)
        self.after.set(fmt.metric_value(metric, after.value), limit_ink(state) if is_bad else Ink.TEXT)
        self.bar.show_limit(after)
        self.used.set(_used(change, state), limit_ink(state) if is_bad else Ink.TEXT_MUTED)


def _used(change: LimitChange, state: LimitState) -> str:
    if state is LimitState.UNKNOWN:
        return "no limit" if change.after.value is not None else fmt.EM_DASH
    share = fmt.utilisation(change.after.utilisation)
    return f"{share} ▲" if state is LimitState.BREACHED else share


class LimitTable(QWidget):
    """The book's figures before and after the trade against their limits."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(PAD)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(3, 1)
        for column, (title, is_left) in enumerate(
            (("Book", True), ("before", False), ("after", False), ("of limit", True), ("used", False))
        ):
            label = QLabel(title, self)
            label.setProperty("role", "caption")
            label.setAlignment(Qt.AlignmentFlag.AlignLeft if is_left else _RIGHT)
            self._grid.addWidget(label, 0, column)
        self.lines: list[_LimitLine] = []
        self.binding: Metric | None = None

    def show_limits(self, limits: tuple[LimitChange, ...], binding: Metric | None = None) -> None:
        """Shows the limits; `binding` None takes the one used most."""
        self.binding = binding or binding_of(limits)
        while len(self.lines) < len(limits):
            self.lines.append(_LimitLine(self._theme, self._grid, len(self.lines) + 1, self))
        for index, line in enumerate(self.lines):
            is_shown = index < len(limits)
            for widget in line.widgets:
                widget.setVisible(is_shown)
            if is_shown:
                line.show(limits[index], is_binding=limits[index].after.metric is self.binding)


class MarginTable(QWidget):
    """Initial and maintenance margin before, change and after, buying power after and fees."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(PAD)
        grid.setVerticalSpacing(2)
        for column, title in enumerate(("Margin, $", "before", "change", "after")):
            label = QLabel(title, self)
            label.setProperty("role", "caption")
            label.setAlignment(Qt.AlignmentFlag.AlignLeft if column == 0 else _RIGHT)
            grid.addWidget(label, 0, column)
            grid.setColumnStretch(column, 1)
        self.initial = self._line(theme, grid, 1, "Initial")
        self.maintenance = self._line(theme, grid, 2, "Maintenance")
        self.buying_power = self._single(theme, grid, 3, "Buying power after")
        self.fees = self._single(theme, grid, 4, "Commission and fees")

    def _line(self, theme: Theme, grid: QGridLayout, row: int, name: str) -> tuple[ValueLabel, ValueLabel, ValueLabel]:
        grid.addWidget(QLabel(name, self), row, 0)
        labels = (ValueLabel(theme, self), ValueLabel(theme, self), ValueLabel(theme, self, bold=True))
        for column, label in enumerate(labels):
            grid.addWidget(label, row, column + 1)
        return labels

    def _single(self, theme: Theme, grid: QGridLayout, row: int, name: str) -> ValueLabel:
        grid.addWidget(QLabel(name, self), row, 0, 1, 2)
        label = ValueLabel(theme, self, bold=True)
        grid.addWidget(label, row, 2, 1, 2)
        return label

    def show_result(self, result: SimulationResult) -> None:
        """Shows a what-if answer."""
        _fill(
            self.initial,
            result.initial_margin_current,
            result.initial_margin_change,
            result.initial_margin_after,
        )
        _fill(
            self.maintenance,
            result.maintenance_margin_current,
            result.maintenance_margin_change,
            result.maintenance_margin_after,
        )
        power = result.buying_power_after
        is_negative = power is not None and power < 0
        self.buying_power.set(
            "unknown" if power is None else fmt.money(power),
            Ink.WARNING if power is None else Ink.LOSS if is_negative else Ink.TEXT,
        )
        fees = result.fees
        self.fees.set("unknown" if fees is None else fmt.price(fees), Ink.WARNING if fees is None else Ink.TEXT)

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything it says, row by row."""
        labels = (*self.initial, *self.maintenance, self.buying_power, self.fees)
        return tuple(label.text() for label in labels)


def _fill(
    labels: tuple[ValueLabel, ValueLabel, ValueLabel],
    before: Decimal | None,
    change: Decimal | None,
    after: Decimal | None,
) -> None:
    labels[0].set(fmt.money(before), Ink.TEXT_MUTED)
    labels[1].set(fmt.signed(change, 0), Ink.TEXT_MUTED)
    labels[2].set(MARGIN_UNKNOWN if after is None else fmt.money(after), Ink.WARNING if after is None else Ink.TEXT)


class Tiles(QWidget):
    """Max profit, max loss, POP, breakevens and how many packages still fit the limits."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(PAD)
        grid.setVerticalSpacing(1)
        self.max_profit = _tile(theme, grid, (0, 0), "Max profit", "Most it can make at expiry", self)
        self.max_loss = _tile(theme, grid, (0, 1), "Max loss", "Most it can lose at expiry", self)
        self.pop = _tile(theme, grid, (1, 0), "POP", "Probability of any profit at expiry (lognormal, own IV)", self)
        self.fits = _tile(theme, grid, (1, 1), "Fits limits", "Most packages that break no limit of the regime", self)
        self.breakevens = _tile(theme, grid, (2, 0), "Breakevens", "Levels where it makes nothing at expiry", self, 2)


def _tile(
    theme: Theme, grid: QGridLayout, at: tuple[int, int], caption: str, tip: str, parent: QWidget, span: int = 1
) -> ValueLabel:
    row, column = at
    title = QLabel(caption, parent)
    title.setProperty("role", "caption")
    title.setToolTip(tip)
    value = ValueLabel(theme, parent, bold=True)
    value.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    value.setToolTip(tip)
    grid.addWidget(title, row * 2, column, 1, span)
    grid.addWidget(value, row * 2 + 1, column, 1, span)
    return value
