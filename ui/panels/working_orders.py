"""Orders of the session: what works, what filled, what went wrong; cancel, reprice, and ask again about UNKNOWN."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from PySide6.QtCore import QSortFilterProxyModel, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QCheckBox, QHBoxLayout, QPushButton, QTableView, QWidget

from execution.brokers.port import Capability
from execution.commands import CancelOrder, CheckOrder, DeclareNotSent, ReplaceOrder
from execution.ticket_views import SendOutcome
from execution.views import AccountsState, DeskState, OrdersState, Severity
from models.clock import Clock
from models.ids import OrderId
from models.order import Order
from ui import format as fmt
from ui.bridge import Bridge
from ui.engine_client import EngineClient
from ui.icons import Icons
from ui.messages import Messages
from ui.orders import text as words
from ui.orders.model import CHIP_ROLE, SORT_ROLE, OrderColumn, OrdersModel
from ui.panels.base import Panel
from ui.theme import GAP, Theme
from ui.widgets.chip_delegate import ChipDelegate
from ui.widgets.confirm import Confirmation
from ui.widgets.ink_delegate import InkDelegate
from ui.widgets.price_stepper import PriceStepper

_WIDTHS = {
    OrderColumn.STATUS: 112,
    OrderColumn.UNDERLYING: 64,
    OrderColumn.STRATEGY: 150,
    OrderColumn.LEGS: 400,
    OrderColumn.FILLED: 54,
    OrderColumn.PRICE: 76,
    OrderColumn.TIF: 46,
    OrderColumn.AGE: 70,
    OrderColumn.ACCOUNT: 100,
}


class WorkingOrdersPanel(Panel):
    """Shows OrdersState. `cancel_all_requested` goes to the window, which asks first."""

    KEY: ClassVar[str] = "working_orders"
    TITLE: ClassVar[str] = "Working orders"

    cancel_all_requested = Signal()

    def __init__(
        self,
        bridge: Bridge,
        client: EngineClient,
        theme: Theme,
        *,
        icons: Icons,
        messages: Messages,
        clock: Clock,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(bridge, client, theme, parent)
        self._icons = icons
        self._messages = messages
        self._clock = clock
        self._can_replace = False
        self._edited: OrderId | None = None
        self.model = OrdersModel(theme, clock.now_utc, self)
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setSourceModel(self.model)
        self._proxy.setSortRole(SORT_ROLE)
        self._build_toolbar()
        self.table = self._build_table()
        self.set_body(self.table)
        self.set_empty("No orders in this session.")
        self._ticking = QTimer(self)
        self._ticking.setInterval(1000)
        self._ticking.timeout.connect(self.model.tick)
        delete = QShortcut(QKeySequence(Qt.Key.Key_Delete), self.table)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self._cancel)
        self._show_actions()
        self.listen(DeskState, self._on_desk)
        self.listen(AccountsState, self._on_accounts)
        self.listen(OrdersState, self._on_orders)

    # --- building -----------------------------------------------------------------------------------------------------

    def _build_toolbar(self) -> None:
        self.working_box = QCheckBox("Working only", self)
        self.working_box.toggled.connect(self._on_working_only)
        self.cancel_button = self._button("Cancel", "Cancel the selected orders (Del)", self._cancel)
        self.check_button = self._button("Ask the broker", "Ask the broker again what became of it", self._check)
        self.not_sent_button = self._button(
            "Not sent…", "Settle an order that never reached the broker", self._ask_not_sent
        )
        self.stepper = PriceStepper(self.theme, self._icons, self)
        self.replace_button = self._button("Change price", "Send the new limit price", self._replace)
        self.cancel_all_button = self._button(
            "Cancel all", "Cancel every working order (Ctrl+Shift+X)", self.cancel_all_requested.emit
        )
        self._price_line = QWidget(self)
        price = QHBoxLayout(self._price_line)
        price.setContentsMargins(2 * GAP, 0, 2 * GAP, 0)
        price.setSpacing(GAP)
        price.addWidget(self.stepper)
        price.addWidget(self.replace_button)
        self.stepper.changed.connect(self._show_replace)
        for widget in (self.working_box, self.cancel_button, self.check_button, self.not_sent_button, self._price_line):
            self.toolbar.addWidget(widget)
        self.toolbar.addStretch(1)
        self.toolbar.addWidget(self.cancel_all_button)

    def _button(self, text: str, tip: str, slot: object) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tip)
        button.clicked.connect(slot)
        return button

    def _build_table(self) -> QTableView:
        table = QTableView(self)
        table.setModel(self._proxy)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setSortingEnabled(True)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(24)
        table.setItemDelegate(InkDelegate(table))
        table.setItemDelegateForColumn(OrderColumn.STATUS, ChipDelegate(self.theme, CHIP_ROLE, table))
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorClearable(True)
        for column, width in _WIDTHS.items():
            header.resizeSection(column, width)
        table.selectionModel().selectionChanged.connect(self._on_selection)
        return table

    # --- news ---------------------------------------------------------------------------------------------------------

    def _on_desk(self, desk: DeskState) -> None:
        self._can_replace = Capability.REPLACE in desk.capabilities
        self._show_actions()

    def _on_accounts(self, state: AccountsState) -> None:
        self.model.set_accounts(state.accounts)

    def _on_orders(self, state: OrdersState) -> None:
        self.model.set_state(state)
        self.set_as_of(self._clock.now_utc())
        self._say_if_empty()
        self._show_actions()

    def _say_if_empty(self) -> None:
        if self.model.rowCount():
            self.set_empty(None)
        else:
            self.set_empty("No working orders." if self.working_box.isChecked() else "No orders in this session.")

    @Slot(bool)
    def _on_working_only(self, is_on: bool) -> None:
        self.model.set_working_only(is_working_only=is_on)
        self._say_if_empty()

    def showEvent(self, event: QShowEvent) -> None:
        """Counts ages while visible."""
        super().showEvent(event)
        self._ticking.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Stops counting."""
        super().hideEvent(event)
        self._ticking.stop()

    # --- the user -----------------------------------------------------------------------------------------------------

    def selected(self) -> tuple[Order, ...]:
        """Returns the selected orders."""
        rows = (self._proxy.mapToSource(index).row() for index in self.table.selectionModel().selectedRows())
        return tuple(self.model.orders[row] for row in rows)

    @Slot()
    def _on_selection(self) -> None:
        self._edited = None
        self._show_actions()

    def _show_actions(self) -> None:
        chosen = self.selected()
        self.cancel_button.setEnabled(any(words.can_cancel(order) for order in chosen))
        count = sum(words.can_cancel(order) for order in chosen)
        self.cancel_button.setText(f"Cancel {count}" if count > 1 else "Cancel")
        self.check_button.setVisible(any(words.is_unknown(order) for order in chosen))
        self.not_sent_button.setVisible(len(chosen) == 1 and words.is_unknown(chosen[0]))
        self.cancel_all_button.setEnabled(any(order.is_working for order in self.model.orders))
        only = chosen[0] if len(chosen) == 1 else None
        is_editable = only is not None and self._can_replace and words.can_replace(only)
        self._price_line.setVisible(is_editable)
        if only is not None and is_editable and self._edited != only.id:
            self._edited = only.id
            self.stepper.set(only.limit_price, words.net_tick(only))
        self._show_replace()

    @Slot()
    def _show_replace(self) -> None:
        chosen = self.selected()
        is_other = len(chosen) == 1 and self.stepper.price is not None and self.stepper.price != chosen[0].limit_price
        self.replace_button.setEnabled(is_other)
        self.replace_button.setText(f"Change to {fmt.net_price(self.stepper.price)}" if is_other else "Change price")

    @Slot()
    def _cancel(self) -> None:
        for order in self.selected():
            if words.can_cancel(order):
                self.client.ask(CancelOrder(order.id), self._on_asked, self._messages.failed)

    @Slot()
    def _check(self) -> None:
        for order in self.selected():
            if words.is_unknown(order):
                self.client.ask(CheckOrder(order.id), self._on_asked, self._messages.failed)

    @Slot()
    def _ask_not_sent(self) -> None:
        """One order at a time: each is looked up at the broker before somebody declares it."""
        chosen = self.selected()
        if len(chosen) != 1 or not words.is_unknown(chosen[0]):
            return
        order = chosen[0]
        self._messages.confirm(
            Confirmation(
                title="Order not sent",
                text="The broker does not answer for this order. Declare it not sent only after you looked for it in"
                " the broker's own platform: if it works there after all, it can still fill.",
                verb="Declare not sent",
                kind="danger",
                facts=(
                    ("Order", f"{order.underlying} {words.strategy(order)}"),
                    ("Legs", words.legs_text(order)),
                    ("Limit", words.price_text(order)),
                    ("Sent", fmt.date_time(order.submitted_at or order.created_at)),
                ),
                where=order.account_id,
            ),
            partial(self._declare_not_sent, order.id),
        )

    def _declare_not_sent(self, order_id: OrderId) -> None:
        self.client.ask(DeclareNotSent(order_id), self._on_asked, self._messages.failed)

    @Slot()
    def _replace(self) -> None:
        chosen, price = self.selected(), self.stepper.price
        if len(chosen) == 1 and price is not None:
            self.replace_button.setEnabled(False)
            self.client.ask(ReplaceOrder(chosen[0].id, price), self._on_replaced, self._on_replace_failed)

    def _on_asked(self, _answer: object) -> None:
        """The order's next state tells the rest."""

    def _on_replaced(self, outcome: SendOutcome) -> None:
        self._edited = None
        if not outcome.accepted:
            reasons = [problem.text for problem in outcome.problems] + [denial.text for denial in outcome.denials]
            text = "; ".join(reasons) or outcome.failure or "the broker did not say why"
            self._messages.notify(Severity.ERROR, f"The price was not changed: {text}")
        self._show_actions()

    def _on_replace_failed(self, error: Exception) -> None:
        self._edited = None
        self._messages.failed(error)
        self._show_actions()

    def retheme(self) -> None:
        """Repaints icons, chips and prices."""
        super().retheme()
        self.stepper.retheme()
        self.table.viewport().update()
