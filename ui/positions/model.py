"""Qt model of the positions tree. Ticks repaint only the cells whose figure changed, below open lines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont, QIcon

from execution.views import BookNumbers, BookStructure
from models.enums import BrokerName
from ui.icons import Icon, Icons
from ui.positions import columns as cells
from ui.positions.columns import SPECS, Column, Line
from ui.positions.figures import COUNTED, FIELDS, Figures, changed_slots, figures_of
from ui.positions.tree import Filter, Level, Node, Tree, build_tree, number_nodes
from ui.theme import Ink, Theme

_Index = QModelIndex | QPersistentModelIndex
_Role = Qt.ItemDataRole
_COLUMN_FIELDS: NDArray[np.bool_] = np.array(
    [[name in (spec.field, spec.beside) for name in FIELDS] for spec in SPECS.values()]
)


class PositionsModel(QAbstractItemModel):
    """Lines of the tree; `internalId` is the line's number in `Tree.nodes`.

    Structure, filter and sort changes reset the model (the panel restores what was open and selected).
    """

    def __init__(self, theme: Theme, icons: Icons, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icons = icons
        self._structure: BookStructure | None = None
        self._numbers: BookNumbers | None = None
        self._filter = Filter()
        self._sort: tuple[Column, bool] | None = None
        self._tree: Tree | None = None
        self._nodes: tuple[Node, ...] = ()
        self._roots: tuple[Node, ...] = ()
        self._figures: Figures | None = None
        self._open: set[str] = set()
        self._broker: BrokerName | None = None
        self._are_several = False
        self._bold: QFont = theme.font(bold=True)

    # --- what it shows ------------------------------------------------------------------------------------------------

    @property
    def tree(self) -> Tree | None:
        """The tree shown now."""
        return self._tree

    @property
    def now_utc(self) -> datetime | None:
        """Instant of the newest figures."""
        return None if self._numbers is None else self._numbers.at_utc

    @property
    def is_delayed(self) -> bool:
        """Whether a line shown rests on a delayed quote."""
        return self._figures is not None and bool(self._figures.delayed[Level.LEG].any())

    def set_broker(self, broker: BrokerName | None) -> None:
        """Says whose model the broker's columns show; None when the broker has none."""
        if broker is not self._broker:
            self._broker = broker
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(Column) - 1)

    def set_structure(self, structure: BookStructure) -> None:
        """Takes another book."""
        self._structure = structure
        self._are_several = len({row.broker for row in structure.rows}) > 1
        self._rebuild()

    def set_filter(self, wanted: Filter) -> None:
        """Shows another part of the book."""
        if wanted != self._filter:
            self._filter = wanted
            self._rebuild()

    def set_open(self, keys: set[str]) -> None:
        """Says which lines are expanded: only below those do ticks repaint."""
        self._open = keys

    def set_numbers(self, numbers: BookNumbers) -> None:
        """Takes new figures; those of another structure version wait for their structure."""
        before_utc = self.now_utc
        is_first = before_utc is None
        self._numbers = numbers
        if self._tree is None or numbers.version != self._tree.version:
            return
        if is_first and self._filter.within_days is not None:
            self._rebuild()
            return
        old, self._figures = self._figures, figures_of(self._tree, numbers)
        is_new_minute = before_utc is not None and before_utc.minute != numbers.at_utc.minute
        if old is None or is_new_minute:
            self._emit_all()
        else:
            self._emit_changes(old, self._figures)

    def retheme(self) -> None:
        """Repaints everything in new colours."""
        self._emit_all()

    def _rebuild(self) -> None:
        self.beginResetModel()
        if self._structure is not None:
            self._tree = build_tree(self._structure, self._filter, self.now_utc)
            is_matching = self._numbers is not None and self._numbers.version == self._tree.version
            self._figures = figures_of(self._tree, self._numbers) if self._numbers and is_matching else None
            self._arrange()
        self.endResetModel()

    def _arrange(self) -> None:
        if self._tree is None:
            return
        roots = list(self._tree.roots)
        if self._sort is not None:
            column, is_descending = self._sort
            self._sort_below(roots, column, is_descending=is_descending)
        self._roots = tuple(roots)
        self._nodes = number_nodes(self._roots)

    def _sort_below(self, nodes: list[Node], column: Column, *, is_descending: bool) -> None:
        keys = {node.key: cells.sort_key(Line(self._figures, node), column) for node in nodes}
        known = [node for node in nodes if keys[node.key][0] < 2]
        unknown = [node for node in nodes if keys[node.key][0] == 2]
        known.sort(key=lambda node: keys[node.key], reverse=is_descending)
        nodes[:] = known + unknown
        for node in nodes:
            self._sort_below(node.children, column, is_descending=is_descending)

    def _emit_all(self) -> None:
        last = len(Column) - 1
        for parent in (None, *self._nodes):
            children = self._roots if parent is None else parent.children
            if children:
                self.dataChanged.emit(self._index(children[0], 0), self._index(children[-1], last))

    def _emit_changes(self, old: Figures, new: Figures) -> None:
        changed = {level: changed_slots(old, new, level) for level in Level}
        touched = np.zeros(len(FIELDS), dtype=np.bool_)
        for mask in changed.values():
            touched |= mask.any(axis=1)
        shown = np.flatnonzero(_COLUMN_FIELDS @ touched)
        turned = {
            level: (old.delayed[level] != new.delayed[level]) | (old.differs[level] != new.differs[level])
            for level in Level
        }
        is_restated = old.status != new.status or any(mask.any() for mask in turned.values())
        if not len(shown) and not is_restated:
            return
        first, last = (0, len(Column) - 1) if is_restated else (int(shown[0]), int(shown[-1]))
        by_slot: dict[Level, NDArray[np.bool_]] = {
            level: np.asarray(mask.any(axis=0)) | turned[level] for level, mask in changed.items()
        }
        if old.status != new.status:
            by_slot[Level.LEG] |= np.array([a is not b for a, b in zip(old.status, new.status, strict=True)])
        parents: list[Node | None] = [None, *(node for node in self._nodes if node.key in self._open)]
        for parent in parents:
            children = self._roots if parent is None else parent.children
            rows = [node.row_in_parent for node in children if by_slot[node.level][node.slot]]
            if rows:
                self.dataChanged.emit(self._index(children[rows[0]], first), self._index(children[rows[-1]], last))

    # --- lines --------------------------------------------------------------------------------------------------------

    def node(self, index: _Index) -> Node | None:
        """Returns the line at an index."""
        return self._nodes[index.internalId()] if index.isValid() else None

    def index_of(self, key: str) -> QModelIndex:
        """Returns the index of a line by its key, invalid when it is gone."""
        for node in self._nodes:
            if node.key == key:
                return self._index(node, 0)
        return QModelIndex()

    def lines(self) -> tuple[Node, ...]:
        """Returns all lines in the order shown."""
        return self._nodes

    def _index(self, node: Node, column: int) -> QModelIndex:
        return self.createIndex(node.row_in_parent, column, node.number)

    # --- QAbstractItemModel -------------------------------------------------------------------------------------------

    def index(self, row: int, column: int, parent: _Index = QModelIndex()) -> QModelIndex:  # noqa: B008 - Qt's own
        """Returns the index of a child line."""
        above = self.node(parent)
        children = self._roots if above is None else above.children
        if not (0 <= row < len(children) and 0 <= column < len(Column)):
            return QModelIndex()
        return self._index(children[row], column)

    def parent(self, index: _Index) -> QModelIndex:  # type: ignore[override]  # the stub knows only QObject.parent()
        """Returns the index of the line above."""
        node = self.node(index)
        return QModelIndex() if node is None or node.parent is None else self._index(node.parent, 0)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Returns how many lines are directly below."""
        if parent.column() > 0:
            return 0
        node = self.node(parent)
        return len(self._roots) if node is None else len(node.children)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: ARG002, B008 - Qt's own signature
        """Returns the number of columns, hidden ones included."""
        return len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        """Returns header texts and their explanations."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        spec = SPECS[Column(section)]
        if role == _Role.DisplayRole:
            return cells.header(Column(section), self._broker)
        if role == _Role.ToolTipRole:
            return spec.tip
        if role == _Role.TextAlignmentRole:
            return _alignment(Column(section))
        return None

    def data(self, index: _Index, role: int = _Role.DisplayRole) -> Any:
        """Returns text, colour, alignment and explanation of a cell."""
        node = self.node(index)
        if node is None:
            return None
        column = Column(index.column())
        line = Line(self._figures, node)
        match role:
            case _Role.DisplayRole:
                answer: Any = self._text(line, column)
            case _Role.TextAlignmentRole:
                answer = _alignment(column)
            case _Role.ForegroundRole:
                is_stale = self._are_several and cells.is_all_stale(line)
                ink = Ink.STALE if is_stale else cells.ink(line, column)
                answer = None if ink is None else self._theme.color(ink)
            case _Role.FontRole if node.level is Level.UNDERLYING:
                answer = self._bold
            case _Role.ToolTipRole:
                answer = cells.tooltip(line, column, self._broker)
            case _Role.DecorationRole if column is Column.NAME:
                answer = self._warning(line)
            case _:
                answer = None
        return answer

    def _text(self, line: Line, column: Column) -> str:
        if column is Column.ACCOUNT and self._are_several:
            return cells.badged_accounts(line)
        return cells.text(line, column, self.now_utc)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sorts by raw values; ticks do not move lines, another click sorts again."""
        self._sort = None if column < 0 else (Column(column), order is Qt.SortOrder.DescendingOrder)
        self.beginResetModel()
        self._arrange()
        self.endResetModel()

    def _warning(self, line: Line) -> QIcon | None:
        is_excluded = line.status is not None and line.status not in COUNTED
        return self._icons.get(Icon.WARNING, Ink.WARNING) if is_excluded else None


def _alignment(column: Column) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if column in (Column.NAME, Column.ACCOUNT) else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter
