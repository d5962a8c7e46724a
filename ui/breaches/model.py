"""Qt model of breaches that are over, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from models.clock import NEW_YORK
from models.risk import RiskBreach
from ui import format as fmt
from ui.breaches import text as words
from ui.theme import Ink, Theme, regime_ink

_Index = QModelIndex | QPersistentModelIndex
_Role = Qt.ItemDataRole
#: Ink of the regime chip.
CHIP_ROLE = _Role.UserRole + 1


class HistoryColumn(IntEnum):
    """Columns, in order."""

    DETECTED = 0
    BREACH = 1
    VALUE = 2
    LIMIT = 3
    REGIME = 4
    LASTED = 5


HEADERS = ("Detected (New York)", "Breach", "Last value", "Limit", "Regime", "Lasted")
_RIGHT = frozenset({HistoryColumn.VALUE, HistoryColumn.LIMIT, HistoryColumn.LASTED})


class HistoryModel(QAbstractTableModel):
    """Archived breaches; the same breach is listed once, as it was last told."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._figures = theme.number_font()
        self._rows: tuple[RiskBreach, ...] = ()

    @property
    def rows(self) -> tuple[RiskBreach, ...]:
        """The breaches shown."""
        return self._rows

    def merge(self, breaches: Sequence[RiskBreach]) -> None:
        """Adds archived breaches, or takes their newer form."""
        known = {breach.id: breach for breach in self._rows}
        known.update({breach.id: breach for breach in breaches if breach.archived_at is not None})
        rows = tuple(sorted(known.values(), key=lambda breach: (breach.detected_at, breach.id), reverse=True))
        if rows == self._rows:
            return
        added = len(rows) - len(self._rows)
        if added > 0 and rows[added:] == self._rows:
            self.beginInsertRows(QModelIndex(), 0, added - 1)
            self._rows = rows
            self.endInsertRows()
            return
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Returns the number of breaches."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Returns the number of columns."""
        return 0 if parent.isValid() else len(HistoryColumn)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        """Returns headers, aligned as their columns."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == _Role.DisplayRole:
            return HEADERS[section]
        return _alignment(section) if role == _Role.TextAlignmentRole else None

    def data(self, index: _Index, role: int = _Role.DisplayRole) -> Any:
        """Returns text, chip and colour of a cell."""
        breach, column = self._rows[index.row()], HistoryColumn(index.column())
        match role:
            case _Role.DisplayRole:
                answer: Any = _cells(breach)[column]
            case _Role.TextAlignmentRole:
                answer = _alignment(column)
            case _Role.FontRole if column is not HistoryColumn.BREACH:
                answer = self._figures
            case _Role.ForegroundRole:
                answer = self._theme.color(Ink.TEXT_MUTED if column is HistoryColumn.LIMIT else Ink.TEXT)
            case _Role.ToolTipRole:
                answer = f"archived {fmt.date_time(breach.archived_at, NEW_YORK)} New York"
            case _ if role == CHIP_ROLE and column is HistoryColumn.REGIME:
                answer = regime_ink(breach.regime)
            case _:
                answer = None
        return answer


def _cells(breach: RiskBreach) -> tuple[str, ...]:
    """Returns the texts of a row, in the order of HistoryColumn."""
    end = breach.archived_at
    return (
        fmt.date_time(breach.detected_at, NEW_YORK),
        words.title(breach),
        fmt.metric_value(breach.metric, breach.actual_value),
        words.bound_text(breach),
        fmt.regime_name(breach.regime),
        fmt.EM_DASH if end is None else words.lasted(breach.detected_at, end),
    )


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in _RIGHT else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
