"""Whether following the suggestions has paid: a line for each horizon."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from execution.suggestion_views import Scoreboard, ScoreLine
from ui import format as fmt
from ui.suggestions.labels import PlainLabel, plain_value
from ui.theme import PAD, Ink, Theme, sign_ink
from ui.widgets.labels import ValueLabel

_HEADERS = ("After", "Marked", "Followed", "Suggestion", "Doing nothing", "Desk's first", "Better than nothing")
_TIPS = (
    "How long after it was made",
    "How many suggestions have been marked to market by then",
    "How many of them you loaded and sent",
    "Average profit or loss of the book with the suggestion, dollars",
    "Average profit or loss of the book without any trade, dollars",
    "Average profit or loss with the first choice of the desk's own search, dollars",
    "How many were better than doing nothing",
)
NOTHING_YET = (
    "Nothing marked yet: suggestions are marked to market one hour, one day and at expiry after they were made."
)


class ScoreboardView(QWidget):
    """Shows a Scoreboard."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.lines: list[tuple[ValueLabel, ...]] = []
        self.counts = PlainLabel("", self, role="caption")
        self.empty = PlainLabel(NOTHING_YET, self, role="muted")
        self.problem = PlainLabel("", self, role="error")
        self.problem.hide()
        self._table = QWidget(self)
        self._grid = QGridLayout(self._table)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(PAD + 2)
        self._grid.setVerticalSpacing(2)
        for column, (text, tip) in enumerate(zip(_HEADERS, _TIPS, strict=True)):
            label = PlainLabel(text, self._table, role="caption")
            label.setToolTip(tip)
            side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
            label.setAlignment(side | Qt.AlignmentFlag.AlignBottom)
            self._grid.addWidget(label, 0, column)
        self._grid.setColumnStretch(len(_HEADERS), 1)
        self._table.hide()
        column_box = QVBoxLayout(self)
        column_box.setContentsMargins(0, PAD, 0, 0)
        column_box.setSpacing(2)
        heading = PlainLabel("HAS FOLLOWING THEM PAID?", self, role="caption")
        for widget in (heading, self.empty, self._table, self.counts, self.problem):
            column_box.addWidget(widget)

    def show_scoreboard(self, board: Scoreboard) -> None:
        """Shows the lines, or in words that there are none."""
        self.problem.say("")
        has_marks = any(line.count for line in board.lines)
        self.empty.setVisible(not has_marks)
        self._table.setVisible(has_marks)
        counts = (
            f"{board.offered_count:,} offered, {board.accepted_count:,} loaded, {board.dismissed_count:,} dismissed"
        )
        self.counts.say(counts if board.offered_count else "")
        while len(self.lines) < len(board.lines):
            self.lines.append(self._new_line(len(self.lines) + 1))
        for labels, line in zip(self.lines, board.lines, strict=False):
            _fill(labels, line)

    def say_failed(self, text: str) -> None:
        """It could not be read."""
        self.problem.say(text)

    def _new_line(self, row: int) -> tuple[ValueLabel, ...]:
        labels = tuple(plain_value(self._theme, self._table) for _ in _HEADERS)
        labels[0].setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column, label in enumerate(labels):
            self._grid.addWidget(label, row, column)
        return labels

    def texts(self) -> list[list[str]]:
        """Returns what the table says, line by line."""
        return [[label.text() for label in labels] for labels in self.lines]


def _fill(labels: tuple[ValueLabel, ...], line: ScoreLine) -> None:
    horizon, count, followed, suggestion, nothing, first, better = labels
    horizon.set(line.horizon)
    count.set(f"{line.count:,}")
    followed.set(f"{line.followed_count:,}")
    for label, value in (
        (suggestion, line.suggestion_usd),
        (nothing, line.nothing_usd),
        (first, line.solver_first_usd),
    ):
        label.set(fmt.signed(value, 0), sign_ink(value))
    is_marked = line.count > 0
    better.set(f"{line.better_than_nothing_count:,} of {line.count:,}" if is_marked else fmt.EM_DASH, Ink.TEXT)
