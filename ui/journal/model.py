"""Qt model of a journal list of any length: it knows how many rows there are and holds those near the window."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from ui.journal.columns import CHIPS, HEADER_TIPS, HEADERS, MUTED, RIGHT, JournalColumn, Line
from ui.journal.text import new_york
from ui.theme import Ink, Theme

_Index = QModelIndex | QPersistentModelIndex
_Role = Qt.ItemDataRole
#: Ink of a chip cell.
CHIP_ROLE = _Role.UserRole + 1
#: Rows kept; beyond that, those farther from the window than `_NEAR` go.
_MOST_KEPT = 1000
_NEAR = 300
_LOADING = "…"
#: Columns whose text may not fit: the tooltip has it in full.
_LONG = frozenset({JournalColumn.ACCOUNT, JournalColumn.STRATEGY, JournalColumn.LEGS, JournalColumn.TAGS})


class JournalModel(QAbstractTableModel):
    """Rows that are not held show an ellipsis until `put` brings them."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._figures = theme.number_font()
        self._total = 0
        self._lines: dict[int, Line] = {}

    # --- contents -----------------------------------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """How many rows there are."""
        return self._total

    @property
    def held(self) -> int:
        """How many rows are in memory."""
        return len(self._lines)

    def line(self, row: int) -> Line | None:
        """Returns a row's line, None while it is not loaded."""
        return self._lines.get(row)

    def row_of(self, journal_id: str) -> int | None:
        """Returns where a journal row is in the list, None when it is not among the loaded ones."""
        return next((at for at, line in self._lines.items() if line.row.id == journal_id), None)

    def missing(self, first: int, last: int) -> tuple[int, int] | None:
        """Returns (offset, count) of what is not loaded between two rows; None when all is there."""
        gaps = [row for row in range(max(first, 0), min(last, self._total - 1) + 1) if row not in self._lines]
        return (gaps[0], gaps[-1] - gaps[0] + 1) if gaps else None

    def reset(self, lines: Sequence[Line], total: int) -> None:
        """Takes another list: its first lines and its length."""
        self.beginResetModel()
        self._lines = dict(enumerate(lines))
        self._total = total
        self.endResetModel()

    def insert_top(self, lines: Sequence[Line], count: int) -> None:
        """Puts `count` new rows on top; `lines` are the first of the list as it is now. Other rows are forgotten."""
        if count:
            self.beginInsertRows(QModelIndex(), 0, count - 1)
            self._total += count
        self._lines = dict(enumerate(lines))
        if count:
            self.endInsertRows()
        self._tell(0, self._total - 1)

    def put(self, offset: int, lines: Sequence[Line]) -> None:
        """Takes loaded rows."""
        for at, line in enumerate(lines, start=offset):
            if at < self._total:
                self._lines[at] = line
        self._tell(offset, min(offset + len(lines), self._total) - 1)

    def forget_far(self, first: int, last: int) -> None:
        """Drops rows far from the window once too many are held."""
        if len(self._lines) > _MOST_KEPT:
            near = range(first - _NEAR, last + _NEAR + 1)
            self._lines = {at: line for at, line in self._lines.items() if at in near}

    def _tell(self, first: int, last: int) -> None:
        if last >= first:
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(JournalColumn) - 1))

    # --- Qt -----------------------------------------------------------------------------------------------------------

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Returns the length of the list."""
        return 0 if parent.isValid() else self._total

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Returns the number of columns."""
        return 0 if parent.isValid() else len(JournalColumn)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        """Returns headers, aligned as their columns, with what they count."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        column = JournalColumn(section)
        if role == _Role.DisplayRole:
            return HEADERS[column]
        if role == _Role.ToolTipRole:
            return HEADER_TIPS.get(column)
        return _alignment(column) if role == _Role.TextAlignmentRole else None

    def data(self, index: _Index, role: int = _Role.DisplayRole) -> Any:
        """Returns text, colour, font and the full text of a cell."""
        line, column = self._lines.get(index.row()), JournalColumn(index.column())
        if role == _Role.TextAlignmentRole:
            return _alignment(column)
        if line is None:
            return self._placeholder(column, role)
        match role:
            case _Role.DisplayRole:
                answer: Any = line.cells[column]
            case _Role.ForegroundRole:
                answer = self._theme.color(self._ink(line, column))
            case _Role.FontRole if column in RIGHT or column is JournalColumn.TIME:
                answer = self._figures
            case _Role.ToolTipRole:
                answer = self._tip(line, column)
            case _ if role == CHIP_ROLE and column in CHIPS:
                answer = line.chip_ink(column)
            case _:
                answer = None
        return answer

    def _placeholder(self, column: JournalColumn, role: int) -> Any:
        if role == _Role.DisplayRole and column not in CHIPS:
            return _LOADING
        return self._theme.color(Ink.TEXT_DISABLED) if role == _Role.ForegroundRole else None

    @staticmethod
    def _ink(line: Line, column: JournalColumn) -> Ink:
        if column is JournalColumn.NET:
            return line.net_ink
        return Ink.TEXT_MUTED if column in MUTED else Ink.TEXT

    @staticmethod
    def _tip(line: Line, column: JournalColumn) -> str | None:
        if column is JournalColumn.RATIONALE:
            return _literal(line.row.user_rationale or line.row.ai_rationale)
        if column is JournalColumn.TIME:
            return f"{new_york(line.row.created_at)} New York"
        return _literal(line.cells[column]) if column in _LONG else None


def _literal(text: str | None) -> str | None:
    """Returns a text as a tooltip that shows it as it is: Qt would take what looks like markup for markup."""
    return None if text is None else f"<qt>{escape(text).replace(chr(10), '<br>')}</qt>"


def _alignment(column: JournalColumn) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in RIGHT else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
