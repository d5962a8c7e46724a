"""What the totals are worth: positions left out with the reason, and every beta with its source, to be overruled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from execution.commands import SetBetaOverride
from execution.views import BookStructure, ExcludedPosition, RowStatus
from models.enums import BetaSource
from ui import format as fmt
from ui.engine_client import EngineClient
from ui.risk.number_edit import NumberEdit
from ui.theme import GAP, PAD, Ink, Theme
from ui.widgets.labels import ValueLabel

REASONS = {
    RowStatus.OK: "no usable figure",
    RowStatus.STALE: "quote too old: check the feed",
    RowStatus.NO_QUOTE: "no quote: check the market data subscription",
    RowStatus.ONE_SIDED: "quote has one side only",
    RowStatus.NO_VOL: "no vol reproduces its price",
    RowStatus.NO_UNDERLYING: "no price of its underlying",
    RowStatus.EXPIRED: "expired, waiting for settlement",
}
_SOURCES = {
    BetaSource.EXACT: "exact",
    BetaSource.OVERRIDE: "your own",
    BetaSource.TASTYTRADE: "tastytrade",
    BetaSource.YFINANCE: "yfinance",
    BetaSource.CONFIG: "settings",
    BetaSource.DEFAULT: "▲ default, unknown",
}
HINT = "Type your own beta and press Enter. It holds at once and is remembered; “Take back” uses the source again."


@dataclass(frozen=True, slots=True)
class BetaRow:
    """An underlying's beta in force and the field for another."""

    name: QLabel
    beta: ValueLabel
    source: QLabel
    own: NumberEdit
    back: QPushButton

    @property
    def widgets(self) -> tuple[QWidget, ...]:
        """In the order of the grid's columns."""
        return self.name, self.beta, self.source, self.own, self.back


class DataQuality(QScrollArea):
    """Two lists; rows are made when an underlying appears and reused afterwards."""

    def __init__(self, client: EngineClient, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._theme = theme
        self._excluded: tuple[ExcludedPosition, ...] | None = None
        self.rows: dict[str, BetaRow] = {}
        body = QWidget(self)
        self.excluded_title = _title("Left out of the totals", body)
        self.excluded = QLabel(body)
        self.excluded.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.beta_title = _title("Betas to the S&P 500", body)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(GAP)
        for column, text in enumerate(("Underlying", "Beta", "Source", "Your own")):
            caption = QLabel(text, body)
            caption.setProperty("role", "caption")
            is_figure = column in {1, 3}
            caption.setAlignment(Qt.AlignmentFlag.AlignRight if is_figure else Qt.AlignmentFlag.AlignLeft)
            self._grid.addWidget(caption, 0, column)
        self._grid.setColumnStretch(5, 1)
        self.message = QLabel(HINT, body)
        self.message.setProperty("role", "caption")
        self.message.setWordWrap(True)
        layout = QVBoxLayout(body)
        layout.setContentsMargins(PAD, PAD, PAD, PAD)
        layout.setSpacing(PAD)
        for widget in (self.excluded_title, self.excluded, self.beta_title):
            layout.addWidget(widget)
        layout.addLayout(self._grid)
        layout.addWidget(self.message)
        layout.addStretch(1)
        self._body = body
        self.setWidget(body)
        self.setWidgetResizable(True)
        self.viewport().setAutoFillBackground(False)
        body.setAutoFillBackground(False)
        self.setFrameShape(QScrollArea.Shape.NoFrame)

    def show_excluded(self, excluded: tuple[ExcludedPosition, ...]) -> None:
        """Lists what is in no total, and why."""
        if excluded == self._excluded:
            return
        self._excluded = excluded
        self.excluded_title.setText(f"Left out of the totals: {len(excluded)}")
        lines = [f"▲ {one.label}: {REASONS[one.reason]}" for one in excluded]
        self.excluded.setText("\n".join(lines) if lines else "Nothing: every position has a price and a vol.")

    def show_structure(self, structure: BookStructure) -> None:
        """Shows the betas in force; underlyings without positions drop out."""
        betas = {row.contract.underlying: (row.beta, row.beta_source) for row in structure.rows}
        for symbol in sorted(set(betas) - set(self.rows)):
            self._add_row(symbol)
        for symbol, row in self.rows.items():
            for widget in row.widgets:
                widget.setVisible(symbol in betas)
        for symbol, (beta, source) in betas.items():
            self._show_beta(self.rows[symbol], beta, source)

    def _show_beta(self, row: BetaRow, beta: float, source: BetaSource) -> None:
        is_own, is_exact = source is BetaSource.OVERRIDE, source is BetaSource.EXACT
        row.beta.set(fmt.beta(beta), Ink.WARNING if source is BetaSource.DEFAULT else Ink.TEXT)
        row.source.setText(_SOURCES[source])
        row.own.show_value(beta if is_own else None)
        row.own.setVisible(not is_exact)
        row.back.setVisible(is_own)

    def _add_row(self, symbol: str) -> None:
        row = BetaRow(
            name=QLabel(symbol, self._body),
            beta=ValueLabel(self._theme, self._body),
            source=QLabel(self._body),
            own=NumberEdit(self._theme, f"Your own beta of {symbol}", self._body),
            back=QPushButton("Take back", self._body),
        )
        row.source.setProperty("role", "muted")
        row.own.setFixedWidth(80)
        row.own.setPlaceholderText("beta")
        row.own.entered.connect(partial(self._save, symbol))
        row.own.given_up.connect(partial(self._say, HINT))
        row.back.setToolTip(f"Use the source's beta of {symbol} again")
        row.back.clicked.connect(partial(self._ask, symbol, None))
        at = len(self.rows) + 1
        for column, widget in enumerate(row.widgets):
            self._grid.addWidget(widget, at, column)
        self.rows[symbol] = row

    # --- changing -----------------------------------------------------------------------------------------------------

    def _save(self, symbol: str) -> None:
        own = self.rows[symbol].own
        try:
            beta = own.number()
        except ValueError as error:
            self._refuse(symbol, str(error))
            return
        self._ask(symbol, beta)

    def _ask(self, symbol: str, beta: float | None, _checked: bool = False) -> None:
        self._client.ask(
            SetBetaOverride(symbol, beta), partial(self._on_saved, symbol, beta), partial(self._on_failed, symbol)
        )

    def _on_saved(self, symbol: str, beta: float | None, _answer: object) -> None:
        self.rows[symbol].own.accept_value(beta)
        if beta is None:
            self._say(f"{symbol}: your own beta is taken back.")
        else:
            self._say(f"{symbol}: beta {fmt.beta(beta)} holds from now on.")

    def _on_failed(self, symbol: str, error: Exception) -> None:
        self._refuse(symbol, str(error))

    def _refuse(self, symbol: str, problem: str) -> None:
        self.rows[symbol].own.refuse(problem)
        self._say(f"▲ {symbol}: {problem} Nothing was changed.", role="error")

    def _say(self, text: str, role: str = "caption") -> None:
        self.message.setText(text)
        if self.message.property("role") != role:
            self.message.setProperty("role", role)
            self.message.style().unpolish(self.message)
            self.message.style().polish(self.message)


def _title(text: str, parent: QWidget) -> QLabel:
    label = QLabel(text, parent)
    label.setProperty("role", "title")
    return label
