"""Columns and model of a table of figures that tick: cells change in place, text is made for what is in sight only."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from ui import format as fmt
from ui.theme import Ink, sign_ink

T = TypeVar("T")

_Index = QModelIndex | QPersistentModelIndex
_Role = Qt.ItemDataRole
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True, slots=True)
class FigureColumn(Generic[T]):
    """A column. `value` is what is sorted, coloured and barred by; a column without one holds words."""

    title: str
    #: Unit and meaning, for the tooltips.
    unit: str
    show: Callable[[T], str]
    value: Callable[[T], float | None] | None = None
    #: Gains and losses carry their inks; the sign is the second cue.
    is_signed: bool = False
    has_bar: bool = False
    ink: Callable[[T], Ink] | None = None

    @property
    def is_words(self) -> bool:
        """Whether the column holds words."""
        return self.value is None

    def ink_of(self, row: T) -> Ink:
        """Returns the colour of a cell."""
        if self.ink is not None:
            return self.ink(row)
        if self.value is None:
            return Ink.TEXT
        value = self.value(row)
        if not fmt.is_known(value):
            return Ink.TEXT_MUTED
        # What is rounded to nothing has lost its sign, so it must not keep the colour alone.
        is_coloured = self.is_signed and self.show(row)[:1] in ("+", fmt.MINUS)
        return sign_ink(value) if is_coloured else Ink.TEXT


def figure(
    title: str,
    unit: str,
    value: Callable[[T], float | None],
    text: Callable[[float | None], str],
    *,
    is_signed: bool = False,
    has_bar: bool = False,
) -> FigureColumn[T]:
    """Returns a column of figures."""
    return FigureColumn(
        title, unit, lambda row: text(value(row)), value=value, is_signed=is_signed, has_bar=has_bar
    )  # fmt: skip


def dollars(value: float | None) -> str:
    """Returns whole dollars with their sign: in a column, cents for some rows only would not line up."""
    return fmt.signed(value, 0)


class FigureModel(QAbstractTableModel, Generic[T]):
    """Rows keep their places while figures tick; the order is made anew on a click or when rows come and go.

    Rows that are given in an order of their own may ask for it at every `set_rows`, as long as nothing was clicked.
    """

    def __init__(
        self,
        columns: Sequence[FigureColumn[T]],
        key: Callable[[T], Hashable],
        is_marked: Callable[[T], bool],
        parent: QObject | None = None,
    ) -> None:
        """`is_marked`: the rows that stand out, such as the one of now."""
        super().__init__(parent)
        self.columns = tuple(columns)
        self._key = key
        self.is_marked = is_marked
        self._total: T | None = None
        self._given: list[T] = []
        self._rows: list[T] = []
        self._texts: dict[int, list[str]] = {}
        self._sort: tuple[int, bool] | None = None
        self._spans: dict[int, tuple[float, float]] = {}

    @property
    def rows(self) -> tuple[T, ...]:
        """Rows as shown, a total on top."""
        return tuple(self._rows)

    def row_at(self, index: int) -> T:
        """Returns a row as shown."""
        return self._rows[index]

    def set_columns(self, columns: Sequence[FigureColumn[T]]) -> None:
        """Takes other columns."""
        self.beginResetModel()
        self.columns = tuple(columns)
        self._texts.clear()
        self.endResetModel()

    def set_rows(self, rows: Sequence[T], total: T | None = None, *, keeps_places: bool = True) -> bool:
        """Takes new figures; returns whether rows came or went. Without `keeps_places` rows stand as they are given."""
        by_key = dict(zip(self._keys(rows), rows, strict=True))
        head = 0 if self._total is None else 1
        before = self._keys(self._rows[head:])
        is_same = (total is None) == (head == 0) and set(by_key) == set(before)
        self._total, self._given = total, list(rows)
        self._measure()
        shown = [*self._head, *([by_key[key] for key in before] if is_same else self._ordered())]
        if not is_same:
            self.beginResetModel()
            self._rows = shown
            self._texts.clear()
            self.endResetModel()
            return True
        changed = [index for index, (old, new) in enumerate(zip(self._rows, shown, strict=True)) if old != new]
        self._rows = shown
        for index in changed:
            self._texts.pop(index, None)
        if changed:
            self.dataChanged.emit(self.index(changed[0], 0), self.index(changed[-1], len(self.columns) - 1))
        if self._sort is None and not keeps_places and list(by_key) != before:
            self._arrange()
        return False

    def _arrange(self) -> None:
        """Puts rows into their order; what is selected stays selected."""
        self.layoutAboutToBeChanged.emit()
        before = self._keys(self._rows)
        self._rows = [*self._head, *self._ordered()]
        place = {key: row for row, key in enumerate(self._keys(self._rows))}
        held = self.persistentIndexList()
        moved = [self.index(place[before[one.row()]], one.column()) for one in held]
        self.changePersistentIndexList(held, moved)
        self._texts.clear()
        self.layoutChanged.emit()

    @property
    def _head(self) -> list[T]:
        return [] if self._total is None else [self._total]

    def _keys(self, rows: Sequence[T]) -> list[Hashable]:
        """Returns a key a row; rows of one name (the same contract in two accounts) are told apart by their order."""
        seen: Counter[Hashable] = Counter()
        keys: list[Hashable] = []
        for row in rows:
            key = self._key(row)
            keys.append((key, seen[key]))
            seen[key] += 1
        return keys

    def _ordered(self) -> list[T]:
        if self._sort is None:
            return self._given
        index, is_descending = self._sort
        column = self.columns[index]
        value = column.value
        if value is None:
            return sorted(self._given, key=column.show, reverse=is_descending)
        known = [row for row in self._given if fmt.is_known(value(row))]
        unknown = [row for row in self._given if not fmt.is_known(value(row))]
        return sorted(known, key=lambda row: value(row) or 0.0, reverse=is_descending) + unknown

    def _measure(self) -> None:
        """Notes between which figures the bars of a column lie; zero is always among them."""
        for index, column in enumerate(self.columns):
            if column.has_bar and column.value is not None:
                known = [
                    value for value in map(column.value, self._given) if value is not None and math.isfinite(value)
                ]
                self._spans[index] = (min([0.0, *known]), max([0.0, *known]))

    def bar_span(self, column: int) -> tuple[float, float]:
        """Returns the least and the largest figure of a column of bars."""
        return self._spans.get(column, (0.0, 0.0))

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sorts by raw figures, unknown ones last, the total above all."""
        self._sort = None if column < 0 else (column, order is Qt.SortOrder.DescendingOrder)
        self._arrange()

    def widest(self, column: int) -> list[str]:
        """Returns the texts of a column that can be its widest: its extremes, or its longest words."""
        spec = self.columns[column]
        value = spec.value
        if not self._rows:
            return []
        if value is None:
            return sorted((spec.show(row) for row in self._rows), key=len)[-2:]
        known = [row for row in self._rows if fmt.is_known(value(row))]
        if not known:
            return [fmt.EM_DASH]
        return [
            spec.show(min(known, key=lambda row: value(row) or 0.0)),
            spec.show(max(known, key=lambda row: value(row) or 0.0)),
        ]

    def text(self, row: int, column: int) -> str:
        """Returns what a cell says."""
        texts = self._texts.get(row)
        if texts is None:
            texts = self._texts[row] = [one.show(self._rows[row]) for one in self.columns]
        return texts[column]

    def retheme(self) -> None:
        """Repaints all."""
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(self.columns) - 1))

    # --- QAbstractTableModel ------------------------------------------------------------------------------------------

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Returns the number of rows."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Returns the number of columns."""
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        """Returns titles; the unit as tooltip."""
        if orientation is Qt.Orientation.Vertical:
            return None
        column = self.columns[section]
        if role == _Role.TextAlignmentRole:
            return int(LEFT if section == 0 and column.is_words else RIGHT)
        return column.title if role == _Role.DisplayRole else column.unit if role == _Role.ToolTipRole else None

    def data(self, index: _Index, role: int = _Role.DisplayRole) -> Any:
        """Returns the text, and figure with unit as tooltip; the delegate paints by itself."""
        row, column = index.row(), index.column()
        if role == _Role.DisplayRole:
            return self.text(row, column)
        spec = self.columns[column]
        if role == _Role.TextAlignmentRole:
            return int(LEFT if column == 0 and spec.is_words else RIGHT)
        if role == _Role.ToolTipRole:
            return f"{spec.title}: {self.text(row, column)}\n{spec.unit}"
        return None
