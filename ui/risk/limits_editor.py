"""The limits of every regime, changed in place; the regime in force is marked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from execution.commands import SetLimit
from models.enums import Metric, Regime
from models.risk import RegimeLimits
from ui import format as fmt
from ui.engine_client import EngineClient
from ui.risk.metric_tile import bounds_text
from ui.risk.number_edit import NumberEdit
from ui.theme import PAD, Ink, Theme, regime_ink
from ui.widgets.labels import Chip

HINT = "Enter saves a bound, Esc takes it back, empty means no limit. Figures are of the whole book, SPX beta-weighted."


@dataclass(frozen=True, slots=True)
class LimitFields:
    """Both bounds of one metric in one regime."""

    low: NumberEdit
    high: NumberEdit


class LimitsEditor(QScrollArea):
    """Sends SetLimit for each bound that was changed; what is refused stays in the field with the reason below."""

    def __init__(self, client: EngineClient, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._theme = theme
        self._regime: Regime | None = None
        self.fields: dict[tuple[Regime, Metric], LimitFields] = {}
        self.chips: dict[Regime, Chip] = {}
        self._columns: dict[Regime, QWidget] = {}
        self._shown: tuple[RegimeLimits, ...] = ()
        body = QWidget(self)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(5)
        self._grid.setVerticalSpacing(5)
        self._build(body)
        self.message = QLabel(HINT, body)
        self.message.setProperty("role", "caption")
        self.message.setWordWrap(True)
        layout = QVBoxLayout(body)
        layout.setContentsMargins(PAD, PAD, PAD, PAD)
        layout.setSpacing(PAD)
        layout.addLayout(self._grid)
        layout.addWidget(self.message)
        layout.addStretch(1)
        self.setWidget(body)
        self.setWidgetResizable(True)
        self.viewport().setAutoFillBackground(False)
        body.setAutoFillBackground(False)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self._mark()
        theme.changed.connect(self._mark)

    def _build(self, body: QWidget) -> None:
        for index, regime in enumerate(Regime):
            column = 1 + index * 3
            back = QWidget(body)
            back.setObjectName("regime")
            back.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
            self._grid.addWidget(back, 0, column, len(Metric) + 2, 2)
            self._columns[regime] = back
            chip = Chip(self._theme, body)
            self.chips[regime] = chip
            self._grid.addWidget(chip, 0, column, 1, 2, Qt.AlignmentFlag.AlignCenter)
            for offset, text in enumerate(("low", "high")):
                caption = QLabel(text, body)
                caption.setProperty("role", "caption")
                caption.setAlignment(Qt.AlignmentFlag.AlignRight)
                caption.setContentsMargins(0, 0, 8, 0)
                self._grid.addWidget(caption, 1, column + offset)
                self._grid.setColumnStretch(column + offset, 1)
            self._grid.setColumnMinimumWidth(column + 2, 4)
        self._grid.setRowMinimumHeight(0, 30)
        for row, metric in enumerate(Metric, start=2):
            self._add_metric(body, row, metric)

    def _add_metric(self, body: QWidget, row: int, metric: Metric) -> None:
        name = QLabel(fmt.metric_name(metric), body)
        name.setToolTip(fmt.metric_unit(metric))
        self._grid.addWidget(name, row, 0)
        for index, regime in enumerate(Regime):
            where = f"{fmt.regime_name(regime)} {fmt.metric_name(metric)}"
            pair = LimitFields(
                NumberEdit(self._theme, f"{where}, lower limit", body),
                NumberEdit(self._theme, f"{where}, upper limit", body),
            )
            for offset, edit in enumerate((pair.low, pair.high)):
                edit.setMinimumWidth(56)
                edit.setPlaceholderText("none")
                edit.entered.connect(partial(self._save, regime, metric))
                edit.given_up.connect(partial(self._say, HINT))
                self._grid.addWidget(edit, row, 1 + index * 3 + offset)
            self.fields[regime, metric] = pair

    # --- figures in force ---------------------------------------------------------------------------------------------

    def show_limits(self, limits: tuple[RegimeLimits, ...]) -> None:
        """Shows the limits in force; fields the user is busy with are left alone."""
        if limits == self._shown:
            return
        self._shown = limits
        for one in limits:
            for metric in Metric:
                limit = one.of(metric)
                pair = self.fields[one.regime, metric]
                pair.low.show_value(None if limit is None else limit.low)
                pair.high.show_value(None if limit is None else limit.high)

    def show_regime(self, regime: Regime | None) -> None:
        """Marks the regime in force."""
        if regime is not self._regime:
            self._regime = regime
            self._mark()

    def _mark(self) -> None:
        for regime, chip in self.chips.items():
            is_now = regime is self._regime
            name = fmt.regime_name(regime)
            chip.set(f"{name} · in force" if is_now else name, regime_ink(regime), on=Ink.WINDOW if is_now else None)
            fill = self._theme.css(Ink.RAISED) if is_now else "transparent"
            self._columns[regime].setStyleSheet(f"#regime {{ background: {fill}; border-radius: 4px; }}")

    # --- changing -----------------------------------------------------------------------------------------------------

    def _save(self, regime: Regime, metric: Metric) -> None:
        pair = self.fields[regime, metric]
        numbers: list[float | None] = []
        for edit in (pair.low, pair.high):
            try:
                numbers.append(edit.number())
            except ValueError as error:
                self._refuse((edit,), str(error))
                return
            edit.refuse("")
        low, high = numbers
        if low is not None and high is not None and low > high:
            what = f"the lower limit {number(low)} is above the upper one {number(high)}."
            self._refuse((pair.low, pair.high), f"{_where(regime, metric)}: {what}")
            return
        self._client.ask(
            SetLimit(regime, metric, low, high),
            partial(self._on_saved, regime, metric, low, high),
            partial(self._on_failed, regime, metric),
        )

    def _on_saved(self, regime: Regime, metric: Metric, low: float | None, high: float | None, _answer: object) -> None:
        pair = self.fields[regime, metric]
        pair.low.accept_value(low)
        pair.high.accept_value(high)
        self._say(f"Saved: {_where(regime, metric)} {bounds_text(low, high)}.")

    def _on_failed(self, regime: Regime, metric: Metric, error: Exception) -> None:
        pair = self.fields[regime, metric]
        self._refuse((pair.low, pair.high), f"{_where(regime, metric)} was not saved: {error}")

    def _refuse(self, edits: tuple[NumberEdit, ...], problem: str) -> None:
        for edit in edits:
            edit.refuse(problem)
        self._say(f"▲ {problem} Nothing was changed.", role="error")

    def _say(self, text: str, role: str = "caption") -> None:
        self.message.setText(text)
        if self.message.property("role") != role:
            self.message.setProperty("role", role)
            self.message.style().unpolish(self.message)
            self.message.style().polish(self.message)


def number(value: float) -> str:
    """Returns a bound as the messages write it."""
    return bounds_text(value, None).removeprefix("at least ")


def _where(regime: Regime, metric: Metric) -> str:
    return f"{fmt.regime_name(regime)} {fmt.metric_name(metric)}"
