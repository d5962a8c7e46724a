"""P&L explain: what delta, gamma, theta, vega and trades made since a recorded moment, in all and line by line."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QStackedWidget, QVBoxLayout, QWidget

from execution.analysis_views import ExplainLine, ExplainState
from ui import format as fmt
from ui.analysis.table import FigureTable
from ui.analysis.table_model import FigureColumn, dollars, figure
from ui.analysis.waterfall import Waterfall
from ui.theme import GAP, PAD, Ink, Theme
from ui.widgets.segments import Segments

UNITS = "$ since the baseline"
_UNDERLYINGS, _POSITIONS, _UNEXPLAINED = "underlyings", "positions", "unexplained"


def columns(name: str) -> tuple[FigureColumn[ExplainLine], ...]:
    """Returns the columns of a table of lines."""
    since = "dollars since the baseline"
    return (
        FigureColumn(name, "", lambda line: line.name),
        figure("Actual $", f"what was made, {since}", lambda line: line.actual, dollars,
               is_signed=True, has_bar=True),
        figure("Delta", f"by the move of the price, {since}", lambda line: line.delta, dollars, is_signed=True),
        figure("Gamma", f"by the change of delta, {since}", lambda line: line.gamma, dollars, is_signed=True),
        figure("Theta", f"by the days that passed, {since}", lambda line: line.theta, dollars, is_signed=True),
        figure("Vega", f"by the change of the vol, {since}", lambda line: line.vega, dollars, is_signed=True),
        figure("Trades", f"by positions opened, changed or closed, {since}", lambda line: line.trades, dollars,
               is_signed=True),
        figure("Residual", f"what the parts do not say, {since}", lambda line: line.residual, dollars,
               is_signed=True),
    )  # fmt: skip


class ExplainPage(QWidget):
    """The page; the choice of the baseline stands in the panel's toolbar."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._state: ExplainState | None = None
        self.waterfall = Waterfall(theme, self)
        self.by_underlying = self._table(theme, "Underlying")
        self.by_position = self._table(theme, "Position")
        self.unexplained = QPlainTextEdit(self)
        self.unexplained.setReadOnly(True)
        self.unexplained.setAccessibleName("Contracts that lack a figure at either end")
        self.split = Segments(
            (
                ("By underlying", _UNDERLYINGS, "One line an underlying"),
                ("By position", _POSITIONS, "One line a position"),
                ("Unexplained 0", _UNEXPLAINED, "Contracts that lack a figure at either end"),
            ),
            "Lines of the P&L explain",
            self,
        )
        self.stack = QStackedWidget(self)
        self._pages: dict[str, QWidget] = {
            _UNDERLYINGS: self.by_underlying,
            _POSITIONS: self.by_position,
            _UNEXPLAINED: self.unexplained,
        }
        for page in self._pages.values():
            self.stack.addWidget(page)
        self._lay_out()
        self.split.chosen.connect(self._on_split)

    def _table(self, theme: Theme, name: str) -> FigureTable[ExplainLine]:
        return FigureTable(
            theme,
            columns(name),
            name=f"P&L explain by {name.lower()}",
            key=lambda line: line.name,
            is_marked=self._is_total,
            is_sortable=True,
            is_ranked=True,
            parent=self,
        )

    def _is_total(self, line: ExplainLine) -> bool:
        return self._state is not None and line is self._state.total

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(GAP, 2, PAD, 2)
        head.addWidget(self.split)
        head.addStretch(1)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addLayout(head)
        right.addWidget(self.stack, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP)
        layout.addWidget(self.waterfall, 2)
        layout.addLayout(right, 3)

    def show_state(self, state: ExplainState) -> None:
        """Shows new figures in place; a table out of sight takes them when it is chosen."""
        self._state = state
        self.waterfall.show_line(state.total)
        count = len(state.unexplained)
        text = f"▲ Unexplained {count}" if count else "Unexplained 0"
        if text != self.split.buttons[_UNEXPLAINED].text():
            self.split.buttons[_UNEXPLAINED].setText(text)
            self._ink_flag()
        self._show_lines()

    def _ink_flag(self) -> None:
        is_flag = self._state is not None and bool(self._state.unexplained)
        color = f" color: {self._theme.css(Ink.WARNING)};" if is_flag else ""
        self.split.buttons[_UNEXPLAINED].setStyleSheet(f"padding: 2px 7px;{color}")

    @Slot()
    def _on_split(self) -> None:
        self.stack.setCurrentWidget(self._pages[self.split.value])
        self._show_lines()

    def _show_lines(self) -> None:
        state = self._state
        if state is None:
            return
        if self.split.value == _UNDERLYINGS:
            self.by_underlying.set_rows(_by_size(state.by_underlying), state.total)
        elif self.split.value == _POSITIONS:
            self.by_position.set_rows(_by_size(state.by_position), state.total)
        else:
            text = "\n".join(state.unexplained) or "Every contract has its figures at both ends."
            if text != self.unexplained.toPlainText():
                self.unexplained.setPlainText(text)

    def retheme(self) -> None:
        """Takes over the colours."""
        self.waterfall.update()
        self._ink_flag()
        for table in (self.by_underlying, self.by_position):
            table.figures.retheme()


def _by_size(lines: tuple[ExplainLine, ...]) -> list[ExplainLine]:
    """Returns lines with the largest gains and losses first, unknown ones last."""
    return sorted(lines, key=lambda line: -abs(line.actual) if fmt.is_known(line.actual) else 1.0)
