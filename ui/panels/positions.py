"""The book as a tree: underlying > strategy > leg, with live figures, filters, closing and rolling."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal, Slot
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QAbstractItemView, QComboBox, QHeaderView, QMenu, QToolButton, QTreeView, QWidget

from execution.brokers.port import Capability, ChainExpiry
from execution.commands import ListExpiries
from execution.views import BookNumbers, BookStructure, DeskState
from models.enums import MarketDataKind
from models.errors import InvalidInput
from models.ids import AccountId
from models.order import OrderLeg
from ui import format as fmt
from ui.bridge import Bridge
from ui.engine_client import EngineClient
from ui.greeks_words import short_name
from ui.icons import Icon, Icons
from ui.messages import Messages
from ui.panels.base import Panel
from ui.positions.closing import account_of, can_roll, close_legs, later_expiries, roll_legs
from ui.positions.columns import MODEL_COLUMNS, SPARE, SPECS, Column
from ui.positions.model import PositionsModel
from ui.positions.tree import Filter, Leg, Level, Node
from ui.settings import WindowSettings
from ui.theme import Theme
from ui.widgets.columns import ColumnChooser
from ui.widgets.ink_delegate import InkDelegate
from ui.widgets.quote_kind_chip import QuoteKindChip
from ui.widgets.search_box import SearchBox

_SOON = (("Any expiry", None), ("Today", 0), ("≤ 7 days", 7), ("≤ 21 days", 21), ("≤ 45 days", 45))
_MOST_ROLLS = 12
#: An account with its broker's short name before it.
_BADGED_WIDTH_PX = 124


class PositionsPanel(Panel):
    """Shows BookStructure and BookNumbers; offers legs to the ticket."""

    KEY: ClassVar[str] = "positions"
    TITLE: ClassVar[str] = "Positions"

    #: Order legs (tuple[OrderLeg, ...]) and the account id that holds them, for the ticket.
    legs_requested = Signal(object, str)
    #: The underlying of the line that was double-clicked, for the chain.
    underlying_chosen = Signal(str)

    def __init__(
        self,
        bridge: Bridge,
        client: EngineClient,
        theme: Theme,
        *,
        icons: Icons,
        messages: Messages,
        settings: WindowSettings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(bridge, client, theme, parent)
        self._icons = icons
        self._messages = messages
        self._open: set[str] = set()
        self._seen: set[str] = set()
        self._selected: list[str] = []
        self._scrolled = (0, 0)
        self.model = PositionsModel(theme, icons, self)
        self._build_toolbar()
        self.tree = self._build_tree()
        self._columns = ColumnChooser(
            self.tree.header(),
            settings,
            self.KEY,
            reset=self._reset_columns,
            spare={column: SPECS[column].width for column in SPARE},
        )
        self._columns.set_absent(MODEL_COLUMNS)
        self._columns_button.clicked.connect(self._on_columns)
        self.set_body(self.tree)
        self.set_empty("Waiting for positions…")
        self.model.modelAboutToBeReset.connect(self._remember)
        self.model.modelReset.connect(self._restore)
        self.listen(DeskState, self._on_desk)
        self.listen(BookStructure, self._on_structure)
        self.listen(BookNumbers, self._on_numbers)

    # --- building -----------------------------------------------------------------------------------------------------

    def _build_toolbar(self) -> None:
        self.search = SearchBox(self._icons, "Search…", self)
        self.search.setToolTip("Underlying, strategy, strike, expiry: every word must be found")
        self.search.searched.connect(self._apply_filter)
        self.account_box = QComboBox(self)
        self.account_box.addItem("All accounts", None)
        self.account_box.activated.connect(self._apply_filter)
        self.account_box.hide()
        self._shows_brokers = False
        self.expiry_box = QComboBox(self)
        for text, days in _SOON:
            self.expiry_box.addItem(text, days)
        self.expiry_box.setToolTip("Show strategies with a leg that expires soon")
        self.expiry_box.activated.connect(self._apply_filter)
        self._expand_button = self._tool(Icon.EXPAND, "Open all lines")
        self._collapse_button = self._tool(Icon.COLLAPSE, "Close all lines")
        self._columns_button = self._tool(Icon.COLUMNS, "Columns")
        self._expand_button.clicked.connect(self._expand_all)
        self._collapse_button.clicked.connect(self._collapse_all)
        self.kind = QuoteKindChip(self.theme, self)
        self.toolbar.addWidget(self.search, 1)
        self.toolbar.addWidget(self.kind)
        for widget in (self.account_box, self.expiry_box, self._expand_button, self._collapse_button):
            self.toolbar.addWidget(widget)
        self.toolbar.addWidget(self._columns_button)

    def _tool(self, icon: Icon, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setProperty("kind", "flat")
        button.setIcon(self._icons.get(icon))
        button.setToolTip(tip)
        return button

    def _build_tree(self) -> QTreeView:
        tree = QTreeView(self)
        tree.setModel(self.model)
        tree.setItemDelegate(InkDelegate(tree))
        tree.setUniformRowHeights(True)
        tree.setAllColumnsShowFocus(True)
        tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        tree.setSortingEnabled(True)
        tree.setIndentation(13)
        tree.setExpandsOnDoubleClick(False)
        tree.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        tree.customContextMenuRequested.connect(self._on_context_menu)
        tree.expanded.connect(self._on_expanded)
        tree.collapsed.connect(self._on_collapsed)
        tree.doubleClicked.connect(self._on_double_clicked)
        header = tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setMinimumSectionSize(36)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorClearable(True)
        return tree

    def _reset_columns(self) -> None:
        header = self.tree.header()
        for column, spec in SPECS.items():
            header.moveSection(header.visualIndex(column), column)
            header.setSectionHidden(column, not spec.is_default)
            header.resizeSection(column, spec.width)

    @Slot()
    def _on_columns(self) -> None:
        self._columns.popup(self._columns_button.mapToGlobal(self._columns_button.rect().bottomLeft()))

    # --- news ---------------------------------------------------------------------------------------------------------

    @Slot(object)
    def _on_desk(self, desk: DeskState) -> None:
        """A broker with a model of its own has columns for it."""
        has_model = Capability.MODEL_GREEKS in desk.capabilities
        self.model.set_broker(desk.broker if has_model else None)
        self._columns.set_absent(() if has_model else MODEL_COLUMNS)
        if len(desk.brokers) > 1 and not self._shows_brokers:
            self._shows_brokers = True
            self.tree.header().setSectionHidden(Column.ACCOUNT, False)
            self.tree.header().resizeSection(Column.ACCOUNT, _BADGED_WIDTH_PX)

    @Slot(object)
    def _on_structure(self, structure: BookStructure) -> None:
        self._offer_accounts(structure)
        self.model.set_structure(structure)
        self._say_if_empty()

    @Slot(object)
    def _on_numbers(self, numbers: BookNumbers) -> None:
        self.model.set_numbers(numbers)
        self.kind.set_kinds((MarketDataKind.DELAYED,) if self.model.is_delayed else ())
        self.set_as_of(numbers.at_utc)

    def _offer_accounts(self, structure: BookStructure) -> None:
        brokers = {row.account_id: row.broker for row in structure.rows}
        accounts, are_several = list(brokers), len(set(brokers.values())) > 1
        offered = [self.account_box.itemData(index) for index in range(1, self.account_box.count())]
        if accounts != offered:
            chosen = self.account_box.currentData()
            self.account_box.clear()
            self.account_box.addItem("All accounts", None)
            for account_id in accounts:
                badge = f"{short_name(brokers[account_id])} " if are_several else ""
                self.account_box.addItem(f"{badge}{account_id}", account_id)
            self.account_box.setCurrentIndex(max(0, self.account_box.findData(chosen)))
            self._apply_filter()
        self.account_box.setVisible(len(accounts) > 1)

    @Slot()
    def _apply_filter(self) -> None:
        account = self.account_box.currentData()
        wanted = Filter(
            text=self.search.text().strip(),
            account_id=None if account is None else AccountId(account),
            within_days=self.expiry_box.currentData(),
        )
        self.model.set_filter(wanted)
        self._say_if_empty()

    def _say_if_empty(self) -> None:
        structure = self.bridge.newest(BookStructure)
        if structure is None:
            self.set_empty("Waiting for positions…")
        elif not structure.rows:
            self.set_empty("No positions.\nBuild a trade from the option chain: click a bid to sell, an ask to buy.")
        elif not self.model.lines():
            self.set_empty("No position matches the filter.")
        else:
            self.set_empty(None)

    def retheme(self) -> None:
        """Repaints texts and icons."""
        super().retheme()
        self.model.retheme()
        self.search.retheme()
        self._expand_button.setIcon(self._icons.get(Icon.EXPAND))
        self._collapse_button.setIcon(self._icons.get(Icon.COLLAPSE))
        self._columns_button.setIcon(self._icons.get(Icon.COLUMNS))

    # --- what is open and selected survives ---------------------------------------------------------------------------

    @Slot()
    def _remember(self) -> None:
        self._selected = [node.key for node in self._selected_nodes()]
        self._scrolled = (self.tree.horizontalScrollBar().value(), self.tree.verticalScrollBar().value())
        self.tree.setUpdatesEnabled(False)

    @Slot()
    def _restore(self) -> None:
        for node in self.model.lines():
            if node.level is Level.UNDERLYING and node.key not in self._seen:
                self._seen.add(node.key)
                self._open.add(node.key)
        keys = set(self._open)
        for node in self.model.lines():
            if node.key in keys:
                self.tree.setExpanded(self.model.index_of(node.key), True)
        self.model.set_open(self._open)
        selection = self.tree.selectionModel()
        flags = selection.SelectionFlag.Select | selection.SelectionFlag.Rows
        for key in self._selected:
            selection.select(self.model.index_of(key), flags)
        self.tree.horizontalScrollBar().setValue(self._scrolled[0])
        self.tree.verticalScrollBar().setValue(self._scrolled[1])
        self.tree.setUpdatesEnabled(True)

    @Slot(object)
    def _on_expanded(self, index: QModelIndex) -> None:
        self._set_open(index, is_open=True)

    @Slot(object)
    def _on_collapsed(self, index: QModelIndex) -> None:
        self._set_open(index, is_open=False)

    def _set_open(self, index: QModelIndex, *, is_open: bool) -> None:
        node = self.model.node(index)
        if node is not None:
            (self._open.add if is_open else self._open.discard)(node.key)
            self.model.set_open(self._open)

    @Slot()
    def _expand_all(self) -> None:
        self.tree.expandAll()
        self._open.update(node.key for node in self.model.lines() if node.children)

    @Slot()
    def _collapse_all(self) -> None:
        self.tree.collapseAll()
        self._open.clear()

    # --- close and roll -----------------------------------------------------------------------------------------------

    def _selected_nodes(self) -> list[Node]:
        nodes = (self.model.node(index) for index in self.tree.selectionModel().selectedRows())
        return [node for node in nodes if node is not None]

    def _chosen_legs(self) -> tuple[Leg, ...]:
        """Legs below the selected lines, each once."""
        legs = {id(leg): leg for node in self._selected_nodes() for leg in node.legs}
        return tuple(legs.values())

    def context_menu(self) -> QMenu | None:
        """Returns the menu for the selected lines, None when nothing is selected."""
        nodes, legs = self._selected_nodes(), self._chosen_legs()
        if not nodes or not legs:
            return None
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        what = nodes[0].title if len(nodes) == 1 else fmt.plural(len(legs), "leg")
        close = menu.addAction(f"Close {what}")
        try:
            close_legs(legs)
        except InvalidInput as error:
            close.setEnabled(False)
            close.setToolTip(str(error))
        close.triggered.connect(partial(self._request_close, legs))
        roll = menu.addAction("Roll…")
        roll.setEnabled(can_roll(legs))
        if not roll.isEnabled():
            roll.setToolTip("One or two options of one expiry can be rolled in one order.")
        roll.triggered.connect(partial(self._request_roll, legs))
        menu.addSeparator()
        underlying = legs[0].group.underlying
        menu.addAction(f"Option chain of {underlying}").triggered.connect(
            partial(self.underlying_chosen.emit, underlying)
        )
        return menu

    @Slot(QPoint)
    def _on_context_menu(self, at: QPoint) -> None:
        menu = self.context_menu()
        if menu is not None:
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.tree.viewport().mapToGlobal(at))

    @Slot(object)
    def _on_double_clicked(self, index: QModelIndex) -> None:
        node = self.model.node(index)
        if node is not None and node.legs:
            self.underlying_chosen.emit(node.legs[0].group.underlying)

    def _request_close(self, legs: tuple[Leg, ...]) -> None:
        self._hand_over(close_legs(legs), legs)

    def _request_roll(self, legs: tuple[Leg, ...]) -> None:
        underlying = legs[0].group.underlying
        self.client.ask(ListExpiries(underlying), partial(self._offer_expiries, legs), self._messages.failed)

    def _offer_expiries(self, legs: tuple[Leg, ...], listed: tuple[ChainExpiry, ...]) -> None:
        menu = self.roll_menu(legs, listed)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(QCursor.pos())

    def roll_menu(self, legs: tuple[Leg, ...], listed: tuple[ChainExpiry, ...]) -> QMenu:
        """Returns the later expirations to roll to."""
        menu = QMenu("Roll to", self)
        later = later_expiries(legs, listed)
        if not later:
            menu.addAction("No later expiration is listed").setEnabled(False)
        for expiry in later[:_MOST_ROLLS]:
            action = menu.addAction(f"Roll to {fmt.expiry_date(expiry.expiry)} {expiry.settlement.value}")
            action.triggered.connect(partial(self._request_rolled, legs, expiry))
        return menu

    def _request_rolled(self, legs: tuple[Leg, ...], expiry: ChainExpiry) -> None:
        self._hand_over(roll_legs(legs, expiry), legs)

    def _hand_over(self, order_legs: tuple[OrderLeg, ...], legs: tuple[Leg, ...]) -> None:
        self.legs_requested.emit(order_legs, account_of(legs))
