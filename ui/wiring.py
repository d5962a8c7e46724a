"""Who hears whom: connects panels with each other as they are built, in whatever order."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from execution.brokers.port import ChainExpiry
from execution.commands import TicketDraft
from models.contract import Contract
from models.enums import Action
from models.greeks import UnitGreeks
from models.ids import AccountId
from models.order import OrderLeg
from ui.main_window import MainWindow

if TYPE_CHECKING:
    from ui.panels.breaches import BreachesPanel
    from ui.panels.option_chain import OptionChainPanel
    from ui.panels.order_ticket import OrderTicketPanel
    from ui.panels.positions import PositionsPanel
    from ui.panels.suggestions import SuggestionsPanel
    from ui.panels.working_orders import WorkingOrdersPanel

POSITIONS, TICKET, CHAIN, ORDERS = "positions", "order_ticket", "option_chain", "working_orders"
RISK, BREACHES, SUGGESTIONS = "risk_dashboard", "breaches", "suggestions"


class Wiring(QObject):
    """A panel that is asked for is built and brought to the front; one the window does not have is not asked."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        window.panel_built.connect(self._on_built)
        window.symbol_chosen.connect(self.show_chain)
        for key, dock in window.docks.items():
            if dock.is_built:
                self._on_built(key, dock.panel())

    @Slot(str, QWidget)
    def _on_built(self, key: str, panel: QWidget) -> None:
        if key == POSITIONS:
            positions = cast("PositionsPanel", panel)
            positions.legs_requested.connect(self._on_legs_requested)
            positions.underlying_chosen.connect(self.show_chain)
        elif key == CHAIN:
            chain = cast("OptionChainPanel", panel)
            chain.leg_staged.connect(self._on_leg_staged)
            chain.legs_picked.connect(self._on_legs_picked)
        elif key == TICKET:
            ticket = cast("OrderTicketPanel", panel)
            ticket.staged_changed.connect(self._on_staged_changed)
            ticket.expiry_wanted.connect(self._on_expiry_wanted)
        elif key == BREACHES:
            cast("BreachesPanel", panel).show_in_dashboard.connect(self._on_show_in_dashboard)
        elif key == SUGGESTIONS:
            cast("SuggestionsPanel", panel).ticket_wanted.connect(self._on_ticket_wanted)
        elif key == ORDERS:
            cast("WorkingOrdersPanel", panel).cancel_all_requested.connect(self._window.commands.cancel_all)

    def _reveal(self, key: str) -> QWidget | None:
        return self._window.reveal(key) if key in self._window.docks else None

    def _ticket(self) -> OrderTicketPanel | None:
        return cast("OrderTicketPanel | None", self._reveal(TICKET))

    @Slot(str)
    def show_chain(self, underlying: str) -> None:
        """Shows the option chain of an underlying."""
        chain = cast("OptionChainPanel | None", self._reveal(CHAIN))
        if chain is not None:
            chain.show_underlying(underlying)

    @Slot(object, str)
    def _on_legs_requested(self, legs: tuple[OrderLeg, ...], account_id: str) -> None:
        ticket = self._ticket()
        if ticket is not None:
            # What is closed must be closed where it is held, whichever account the ticket had before.
            ticket.choose_account(AccountId(account_id))
            ticket.load_legs(legs)

    @Slot(object, object, int, object)
    def _on_leg_staged(self, contract: Contract, action: Action, quantity: int, greeks: UnitGreeks | None) -> None:
        ticket = self._ticket()
        if ticket is not None:
            ticket.stage_leg(contract, action, quantity, greeks)

    @Slot(object)
    def _on_legs_picked(self, legs: tuple[OrderLeg, ...]) -> None:
        ticket = self._ticket()
        if ticket is not None:
            ticket.load_legs(legs)

    @Slot(object)
    def _on_ticket_wanted(self, draft: TicketDraft) -> None:
        ticket = self._ticket()
        if ticket is not None:
            ticket.load_draft(draft)

    @Slot(object)
    def _on_show_in_dashboard(self, _metric: object) -> None:
        self._reveal(RISK)

    @Slot(object)
    def _on_staged_changed(self, legs: tuple[OrderLeg, ...]) -> None:
        if CHAIN in self._window.docks:
            cast("OptionChainPanel", self._window.panel(CHAIN)).set_staged(legs)

    @Slot(object)
    def _on_expiry_wanted(self, expiry: ChainExpiry) -> None:
        chain = cast("OptionChainPanel | None", self._reveal(CHAIN))
        if chain is not None:
            chain.show_expiry(expiry)
