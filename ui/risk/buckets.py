"""The book by underlying or by expiry: sortable by the raw figures, a total that stays below, changed cells only."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from execution.risk_views import RiskBucket
from ui import format as fmt
from ui.theme import Ink, Theme, sign_ink

_Index = QModelIndex | QPersistentModelIndex
_Role = Qt.ItemDataRole
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
TOTAL = "Total"


@dataclass(frozen=True, slots=True)
class BucketColumn:
    """A column: header, unit, raw figure, and how it is written. `is_pnl` figures carry the gain and loss inks."""

    title: str
    unit: str
    value: Callable[[RiskBucket], float | None]
    text: Callable[[float | None], str]
    is_pnl: bool = False


def _count(value: float | None) -> str:
    return fmt.fixed(value, 0)


_FIGURES = (
    BucketColumn("Positions", "count", lambda one: float(one.positions), _count),
    BucketColumn("Mkt value", "dollars", lambda one: one.market_value, fmt.money),
    BucketColumn("P&L open", "dollars since entry", lambda one: one.pnl_open, fmt.signed_money, is_pnl=True),
    BucketColumn("Raw delta", "$ per point of the underlying", lambda one: one.raw_delta, fmt.delta),
    BucketColumn("SPX delta", "$ per SPX point, beta-weighted", lambda one: one.spx_equiv_delta, fmt.delta),
    BucketColumn("Gamma", "deltas per SPX point", lambda one: one.gamma, fmt.gamma),
    BucketColumn("Theta", "$ per calendar day", lambda one: one.theta_per_day, fmt.signed_money),
    BucketColumn("Vega", "$ per vol point", lambda one: one.vega_per_point, fmt.signed_money),
)
_DTE = BucketColumn("DTE", "calendar days", lambda one: _as_float(one.days_to_expiry), _count)


def _as_float(value: int | None) -> float | None:
    return None if value is None else float(value)


def total_of(buckets: tuple[RiskBucket, ...]) -> RiskBucket:
    """Returns the sum of what is known; NaN where no bucket knows."""

    def known_sum(value: Callable[[RiskBucket], float]) -> float:
        known = [value(one) for one in buckets if not math.isnan(value(one))]
        return math.fsum(known) if known else math.nan

    return RiskBucket(
        name=TOTAL,
        positions=sum(one.positions for one in buckets),
        market_value=known_sum(lambda one: one.market_value),
        pnl_open=known_sum(lambda one: one.pnl_open),
        raw_delta=math.nan,  # points of different underlyings do not add up
        spx_equiv_delta=known_sum(lambda one: one.spx_equiv_delta),
        gamma=known_sum(lambda one: one.gamma),
        theta_per_day=known_sum(lambda one: one.theta_per_day),
        vega_per_point=known_sum(lambda one: one.vega_per_point),
    )


class BucketModel(QAbstractTableModel):
    """Rows keep their places while figures tick; the order is made anew on a click or when buckets come and go."""

    def __init__(self, theme: Theme, name_title: str, *, with_dte: bool, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._name_title = name_title
        self.columns = (_DTE, *_FIGURES) if with_dte else _FIGURES
        self._rows: list[RiskBucket] = []
        self._texts: list[list[str]] = []
        self._sort: tuple[int, bool] | None = None
        self._bold: QFont = theme.number_font(bold=True)

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the order shown, the total last."""
        return tuple(one.name for one in self._rows)

    def set_buckets(self, buckets: tuple[RiskBucket, ...]) -> None:
        """Takes new figures."""
        by_name = {one.name: one for one in buckets}
        if len(self._rows) - 1 == len(buckets) and all(name in by_name for name in self.names[:-1]):
            self._update([*(by_name[name] for name in self.names[:-1]), total_of(buckets)])
            return
        self.beginResetModel()
        self._rows = [*self._ordered(list(buckets)), total_of(buckets)] if buckets else []
        self._texts = [self._row_texts(one) for one in self._rows]
        self.endResetModel()

    def _update(self, rows: list[RiskBucket]) -> None:
        self._rows = rows
        for row, bucket in enumerate(rows):
            old, new = self._texts[row], self._row_texts(bucket)
            changed = [column for column, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
            if changed:
                self._texts[row] = new
                self.dataChanged.emit(self.index(row, changed[0]), self.index(row, changed[-1]))

    def _row_texts(self, bucket: RiskBucket) -> list[str]:
        is_total = bucket.name == TOTAL
        texts = [
            "" if is_total and column.title in {"Raw delta", "DTE"} else column.text(column.value(bucket))
            for column in self.columns
        ]
        return [bucket.name, *texts]

    def _ordered(self, buckets: list[RiskBucket]) -> list[RiskBucket]:
        if self._sort is None:
            return buckets
        column, is_descending = self._sort
        if column == 0:
            return sorted(buckets, key=lambda one: one.name, reverse=is_descending)
        value = self.columns[column - 1].value
        known = [one for one in buckets if fmt.is_known(value(one))]
        unknown = [one for one in buckets if not fmt.is_known(value(one))]
        return sorted(known, key=lambda one: value(one) or 0.0, reverse=is_descending) + unknown

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sorts by raw figures, unknown ones last, the total below all."""
        self._sort = None if column < 0 else (column, order is Qt.SortOrder.DescendingOrder)
        if len(self._rows) < 2:
            return
        self.layoutAboutToBeChanged.emit()
        self._rows = [*self._ordered(self._rows[:-1]), self._rows[-1]]
        self._texts = [self._row_texts(one) for one in self._rows]
        self.layoutChanged.emit()

    def retheme(self) -> None:
        """Repaints all."""
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(self.columns)))

    # --- QAbstractTableModel ------------------------------------------------------------------------------------------

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Returns the number of buckets and the total."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Returns name and figures."""
        return 0 if parent.isValid() else len(self.columns) + 1

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        """Returns titles; the unit as tooltip."""
        if orientation is Qt.Orientation.Vertical:
            return None
        if role == _Role.TextAlignmentRole:
            return int(_LEFT if section == 0 else _RIGHT)
        if section == 0:
            return self._name_title if role == _Role.DisplayRole else None
        column = self.columns[section - 1]
        return column.title if role == _Role.DisplayRole else column.unit if role == _Role.ToolTipRole else None

    def data(self, index: _Index, role: int = _Role.DisplayRole) -> Any:
        """Returns texts and colours."""
        row, column = index.row(), index.column()
        if role == _Role.DisplayRole:
            return self._texts[row][column]
        if role == _Role.TextAlignmentRole:
            return int(_LEFT if column == 0 else _RIGHT)
        if role == _Role.ForegroundRole:
            return self._theme.color(self._ink(row, column))
        if row == len(self._rows) - 1 and role in (_Role.FontRole, _Role.BackgroundRole):
            return self._bold if role == _Role.FontRole else self._theme.color(Ink.RAISED)
        return None

    def _ink(self, row: int, column: int) -> Ink:
        if column and self.columns[column - 1].is_pnl:
            return sign_ink(self.columns[column - 1].value(self._rows[row]))
        return Ink.TEXT_MUTED if self._texts[row][column] == fmt.EM_DASH else Ink.TEXT


class ShadedDelegate(QStyledItemDelegate):
    """Paints the model's background, which a styled view leaves out."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Fills the cell, then paints as usual."""
        shade = index.data(_Role.BackgroundRole)
        if shade is not None:
            painter.fillRect(option.rect, shade)
        super().paint(painter, option, index)


class BucketTable(QTableView):
    """The table; click a header to sort, again to turn the order round."""

    def __init__(self, theme: Theme, name_title: str, *, with_dte: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buckets = BucketModel(theme, name_title, with_dte=with_dte, parent=self)
        self.setModel(self.buckets)
        self.setItemDelegate(ShadedDelegate(self))
        self.setFont(theme.number_font())
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(24)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(64)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
