"""Price slices: one column a spot move, left to right as on the curve above; rows level, P&L and Greeks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from execution.views import PriceSlice
from ui import format as fmt
from ui.theme import Ink, Theme, sign_ink

_Index = QModelIndex | QPersistentModelIndex
_Role = Qt.ItemDataRole
_ROW_PX, _LEAST_ROW_PX = 20, 15
_COLUMN_PX, _CAPTIONS_PX = 46, 58
#: Moves, per cent both ways, that a narrow table leaves out, one pair after the other until the rest fits.
_SPARED_PCT = (7.5, 2.0, 3.0)
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True, slots=True)
class _Line:
    """A row: caption, unit, how to get, show and colour the figure."""

    caption: str
    unit: str
    value: Callable[[PriceSlice], float]
    text: Callable[[float], str]
    is_signed: bool = False


def _whole(value: float) -> str:
    return fmt.fixed(value, 0)


LINES = (
    _Line("SPX", "level", lambda cut: cut.spot, _whole),
    _Line("P&L $", "dollars against now", lambda cut: cut.pnl, fmt.compact_money, is_signed=True),
    _Line("Delta", "$ per SPX point", lambda cut: cut.spx_equiv_delta, fmt.delta),
    _Line("Gamma", "deltas per SPX point", lambda cut: cut.gamma, fmt.gamma),
    _Line("Theta $", "$ per calendar day", lambda cut: cut.theta_per_day, fmt.compact_money),
    _Line("Vega $", "$ per vol point", lambda cut: cut.vega_per_point, fmt.compact_money),
)


class CellLook(NamedTuple):
    """What a cell shows; `is_now` marks the column without a move."""

    text: str
    ink: Ink
    is_now: bool


class SlicesModel(QAbstractTableModel):
    """Ticks change cells in place; only cells whose text changed are announced."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._slices: tuple[PriceSlice, ...] = ()
        self._texts: list[list[str]] = []

    def set_slices(self, slices: tuple[PriceSlice, ...]) -> None:
        """Takes new slices; a different set of moves resets the columns."""
        texts = [[line.text(line.value(cut)) for cut in slices] for line in LINES]
        moves = [cut.spot_shift_pct for cut in slices]
        if moves != [cut.spot_shift_pct for cut in self._slices]:
            self.beginResetModel()
            self._slices, self._texts = slices, texts
            self.endResetModel()
            return
        before, self._slices, self._texts = self._texts, slices, texts
        for row, (old, new) in enumerate(zip(before, texts, strict=True)):
            changed = [column for column, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
            if changed:
                self.dataChanged.emit(self.index(row, changed[0]), self.index(row, changed[-1]))

    def retheme(self) -> None:
        """Repaints all."""
        if self._slices:
            self.dataChanged.emit(self.index(0, 0), self.index(len(LINES) - 1, len(self._slices) - 1))

    @property
    def moves(self) -> tuple[float, ...]:
        """Spot moves in per cent, one a column."""
        return tuple(cut.spot_shift_pct for cut in self._slices)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Returns the number of lines."""
        return 0 if parent.isValid() else len(LINES)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Returns the number of spot moves."""
        return 0 if parent.isValid() else len(self._slices)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        """Returns the move above, the figure's name at the left."""
        if orientation is Qt.Orientation.Vertical:
            line = LINES[section]
            return line.caption if role == _Role.DisplayRole else line.unit if role == _Role.ToolTipRole else None
        if role == _Role.DisplayRole:
            return move_text(self._slices[section].spot_shift_pct)
        return int(_RIGHT) if role == _Role.TextAlignmentRole else None

    def look(self, row: int, column: int) -> CellLook:
        """Returns what a cell shows."""
        line, cut = LINES[row], self._slices[column]
        ink = sign_ink(line.value(cut)) if line.is_signed else Ink.TEXT
        return CellLook(self._texts[row][column], ink, is_now=cut.spot_shift_pct == 0)

    def data(self, index: _Index, role: int = _Role.DisplayRole) -> Any:
        """Returns the text, and the exact figure as tooltip; the delegate paints by `look`."""
        line, cut = LINES[index.row()], self._slices[index.column()]
        if role == _Role.DisplayRole:
            return self._texts[index.row()][index.column()]
        if role == _Role.ToolTipRole:
            move = move_text(cut.spot_shift_pct)
            return f"{line.caption} at SPX {fmt.price(cut.spot)} ({move}): {fmt.fixed(line.value(cut), 2)} {line.unit}"
        return None


def move_text(shift_pct: float) -> str:
    """Returns a spot move without needless decimals: `−7.5%`, `+10%`, `0%`."""
    return fmt.signed_percent(shift_pct, 0 if float(shift_pct).is_integer() else 1)


class SliceDelegate(QStyledItemDelegate):
    """Paints a slice's cell with two calls: all 78 change with every tick of the index."""

    def __init__(self, theme: Theme, model: SlicesModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._model = model
        self._font = theme.number_font(11)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Fills the column of no move, then writes the figure."""
        look = self._model.look(index.row(), index.column())
        if look.is_now:
            painter.fillRect(option.rect, self._theme.color(Ink.RAISED))
        painter.setFont(self._font)
        painter.setPen(self._theme.color(look.ink))
        painter.drawText(option.rect.adjusted(0, 0, -4, 0), int(_RIGHT), look.text)


class SlicesTable(QTableView):
    """Slices side by side, evenly wide. Where room is short rows are lower and slices between others are left out."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model_ = SlicesModel(self)
        self.setModel(self.model_)
        self.setItemDelegate(SliceDelegate(theme, self.model_, self))
        self.setFont(theme.number_font(11))
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setShowGrid(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        across = self.horizontalHeader()
        across.setFont(theme.number_font(11, bold=True))
        across.setMinimumSectionSize(_COLUMN_PX)
        across.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        across.setSectionsClickable(False)
        down = self.verticalHeader()
        down.setFont(theme.small_font())
        down.setFixedWidth(_CAPTIONS_PX)
        down.setMinimumSectionSize(_LEAST_ROW_PX)
        down.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        down.setDefaultSectionSize(_ROW_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setStyleSheet(
            "QTableView::item { padding: 0 2px; } QHeaderView::section { padding: 2px 3px; }"
            " QHeaderView::section:vertical { border: none; padding-left: 8px; }"
        )

        self.model_.modelReset.connect(self._fit)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fits rows and slices into the new room."""
        super().resizeEvent(event)
        self._fit()

    @Slot()
    def _fit(self) -> None:
        """Lowers rows and leaves slices out until nothing needs to scroll, as far as that goes."""
        edge = 2 * self.frameWidth()
        room = self.height() - edge - self.horizontalHeader().sizeHint().height()
        self.verticalHeader().setDefaultSectionSize(min(max(room // len(LINES), _LEAST_ROW_PX), _ROW_PX))
        moves = [abs(move) for move in self.model_.moves]
        fitting = max((self.width() - edge - _CAPTIONS_PX) // _COLUMN_PX, 1)
        left_out: set[float] = set()
        for spared in _SPARED_PCT:
            if sum(move not in left_out for move in moves) <= fitting:
                break
            left_out.add(spared)
        for column, move in enumerate(moves):
            self.setColumnHidden(column, move in left_out)

    def sizeHint(self) -> QSize:
        """All rows, no more."""
        return QSize(600, self.horizontalHeader().sizeHint().height() + len(LINES) * _ROW_PX + 4)

    def minimumSizeHint(self) -> QSize:
        """May be dragged smaller: it then scrolls."""
        return QSize(120, 60)
