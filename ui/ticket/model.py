"""The ticket's local draft, and its talk with the engine: debounced previews, simulation, one send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from shiboken6 import isValid

from execution.chain_views import ChainStatic
from execution.commands import PreviewTicket, SendOrder, SimulateOrder, TicketDraft
from execution.ticket_views import SendOutcome, SimulationOutcome, TicketPreview
from models.enums import OrderStatus, OrderType, TimeInForce
from models.ids import AccountId, new_order_id
from models.order import Order, OrderLeg
from models.product import PENNY, TickRule
from ui.engine_client import EngineClient
from ui.ticket.legs import Legs, packages

#: How long the gate takes a simulation for fresh (design section 6.3).
SIMULATION_GOOD_S = 30.0
PREVIEW_DEBOUNCE_MS = 150


@dataclass(frozen=True, slots=True)
class Simulation:
    """A finished what-if: for which draft, with which market in view."""

    draft: TicketDraft
    outcome: SimulationOutcome
    order: Order
    preview: TicketPreview | None


class TicketModel(QObject):
    """Holds the draft; every edit makes a new one. Signals tell what is new, the properties hold it."""

    changed = Signal()
    previewed = Signal()
    preview_failed = Signal(str)
    simulated = Signal(object)
    simulation_failed = Signal(str)
    sent = Signal(object)
    send_failed = Signal(str)

    def __init__(self, client: EngineClient, now_utc: Callable[[], datetime], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._now_utc = now_utc
        self.draft = _empty_draft(AccountId(""))
        self.preview: TicketPreview | None = None
        #: The draft that `preview` was computed for; its price may be an earlier one.
        self.previewed_draft: TicketDraft | None = None
        self.simulation: Simulation | None = None
        self.is_following = True
        self.is_simulating = False
        self.is_sending = False
        #: A simulation is on screen to be sent: the price must not move under the user's hand.
        self.is_reviewing = False
        #: The last draft handed to the gate was accepted: it is an order now and never handed over again.
        self.is_spent = False
        #: The draft as it was loaded: while the legs are its own, so is the suggestion it came from.
        self._origin: TicketDraft | None = None
        self.ladders: dict[tuple[str, date], ChainStatic] = {}
        self._is_asking = False
        self._is_dirty = False
        self._debounce = QTimer(self)
        self._debounce.setSingleShot(True)
        self._debounce.setInterval(PREVIEW_DEBOUNCE_MS)
        self._debounce.timeout.connect(self.ask_preview)

    # --- edits --------------------------------------------------------------------------------------------------------

    def set_legs(self, legs: Legs) -> None:
        """Takes other legs; the old preview no longer holds."""
        if legs == self.draft.legs:
            return
        is_same_package = _shape(legs) == _shape(self.draft.legs)
        keeps_price = is_same_package or not self.is_following
        self.preview = None
        draft = replace(self.draft, legs=legs, limit_price=self.draft.limit_price if keeps_price else None)
        self._take(self._with_origin(draft))

    def load(self, legs: Legs, rationale: str, ai_suggestion_id: str | None) -> None:
        """Begins a new ticket with these legs."""
        self.reset()
        self._origin = replace(self.draft, legs=legs, rationale=rationale, ai_suggestion_id=ai_suggestion_id)
        self._take(self._origin)

    def load_draft(self, draft: TicketDraft) -> None:
        """Begins a new ticket with a draft that was made elsewhere; a price it brings stands until the user follows."""
        self.reset()
        self.is_following = draft.limit_price is None
        self._origin = draft
        self._take(draft)

    def _with_origin(self, draft: TicketDraft) -> TicketDraft:
        """A suggestion is what it was made of: other legs are the user's own trade, the same ones again are its own."""
        if not draft.legs:
            self._origin = None
        origin = self._origin
        is_its_own = origin is not None and sorted(_shape(origin.legs)) == sorted(_shape(draft.legs))
        return replace(
            draft,
            ai_suggestion_id=origin.ai_suggestion_id if origin is not None and is_its_own else None,
            ai_rationale=origin.ai_rationale if origin is not None and is_its_own else None,
        )

    def set_account(self, account_id: AccountId) -> None:
        """Takes another account."""
        if account_id != self.draft.account_id:
            self._take(replace(self.draft, account_id=account_id))

    def set_order_type(self, order_type: OrderType) -> None:
        """Takes another order type; only a limit order keeps a price."""
        if order_type is not self.draft.order_type:
            price = self.draft.limit_price if order_type is OrderType.LIMIT else None
            self._take(replace(self.draft, order_type=order_type, limit_price=price))
            if order_type is OrderType.LIMIT and self.is_following:
                self.follow()

    def set_tif(self, tif: TimeInForce) -> None:
        """Takes another time in force."""
        if tif is not self.draft.tif:
            self._take(replace(self.draft, tif=tif))

    def set_price(self, price: Decimal | None) -> None:
        """Takes the user's price and stops following the mid."""
        self.is_following = False
        self._take(replace(self.draft, limit_price=price))

    def set_rationale(self, text: str) -> None:
        """Takes the note; it is no part of what a simulation holds for."""
        self.draft = replace(self.draft, rationale=text)

    def follow(self) -> None:
        """Follows the mid from now on."""
        self.is_following = True
        self._follow_mid()
        self.changed.emit()

    def freeze(self) -> None:
        """Keeps the price where it is."""
        self.is_following = False
        self.changed.emit()

    def reset(self) -> None:
        """Begins a new ticket: another order id, no legs, the same account."""
        self._debounce.stop()
        self.draft = _empty_draft(self.draft.account_id)
        self._origin = None
        self.preview = self.simulation = None
        self.is_following = True
        self.is_simulating = self.is_sending = self.is_spent = self.is_reviewing = False
        self.changed.emit()

    def _take(self, draft: TicketDraft) -> None:
        self.draft = draft
        self.changed.emit()
        self._is_dirty = True
        self._debounce.start()

    # --- previews -----------------------------------------------------------------------------------------------------

    @Slot()
    def ask_preview(self) -> None:
        """Asks for a fresh preview; while one is under way the next waits, so that the newest answer wins."""
        if not self.draft.legs or self.is_spent:
            self._is_dirty = False
            return
        if self._is_asking:
            self._is_dirty = True
            return
        self._is_asking, self._is_dirty = True, False
        asked = self.draft

        def done(preview: TicketPreview) -> None:
            if isValid(self):
                self._on_preview(asked, preview)

        def failed(error: Exception) -> None:
            if isValid(self):
                self._on_preview_failed(error)

        self._client.ask(PreviewTicket(asked), done, failed)

    def _on_preview(self, asked: TicketDraft, preview: TicketPreview) -> None:
        self._is_asking = False
        is_current = asked.order_id == self.draft.order_id and asked.legs == self.draft.legs
        if is_current:
            self.preview, self.previewed_draft = preview, asked
            if self.is_following and not self.is_held:
                self._follow_mid()
            self.previewed.emit()
        if self._is_dirty:
            self.ask_preview()

    def _on_preview_failed(self, error: Exception) -> None:
        self._is_asking = False
        self.preview_failed.emit(str(error))
        if self._is_dirty:
            self.ask_preview()

    @property
    def is_held(self) -> bool:
        """Whether the price stands still because a simulation of it is under way, shown, or on its way out."""
        return self.is_simulating or self.is_sending or self.is_spent or self.is_reviewing

    def _follow_mid(self) -> None:
        suggested = None if self.preview is None else self.preview.suggested_limit
        if suggested is None or self.draft.order_type is not OrderType.LIMIT or suggested == self.draft.limit_price:
            return
        self.draft = replace(self.draft, limit_price=suggested)
        self._debounce.start()
        self.changed.emit()

    @property
    def tick(self) -> TickRule:
        """Increments of the package's price: the broker's, until then those of the legs."""
        if self.preview is not None and self.preview.tick is not None:
            return self.preview.tick
        legs = self.draft.legs
        if not legs:
            return PENNY
        return legs[0].contract.tick if len(legs) == 1 else legs[0].contract.net_tick

    # --- simulation and sending ---------------------------------------------------------------------------------------

    def simulate(self) -> None:
        """Asks for the broker's what-if of the draft as it stands."""
        if self.is_simulating or self.is_sending or self.is_spent or not self.draft.legs:
            return
        self.is_simulating = True
        self.simulation = None
        asked = self.draft

        def done(outcome: SimulationOutcome) -> None:
            if isValid(self):
                self._on_simulated(asked, outcome)

        def failed(error: Exception) -> None:
            if isValid(self):
                self._on_simulation_failed(asked, error)

        self._client.ask(SimulateOrder(asked), done, failed)
        self.changed.emit()

    def _on_simulated(self, asked: TicketDraft, outcome: SimulationOutcome) -> None:
        if asked.order_id != self.draft.order_id:
            return
        self.is_simulating = False
        if outcome.order is not None and outcome.order.simulation_result is not None:
            self.simulation = Simulation(asked, outcome, outcome.order, self.preview)
        self.changed.emit()
        self.simulated.emit(outcome)

    def _on_simulation_failed(self, asked: TicketDraft, error: Exception) -> None:
        if asked.order_id != self.draft.order_id:
            return
        self.is_simulating = False
        self.changed.emit()
        self.simulation_failed.emit(str(error))

    @property
    def simulation_age_s(self) -> float | None:
        """How old the simulation is by the desk's clock; None without one."""
        if self.simulation is None or self.simulation.order.simulation_result is None:
            return None
        return (self._now_utc() - self.simulation.order.simulation_result.simulated_at).total_seconds()

    @property
    def differs(self) -> bool:
        """Whether the ticket changed since it was simulated."""
        return self.simulation is not None and _terms(self.simulation.draft) != _terms(self.draft)

    @property
    def can_send(self) -> bool:
        """Whether what stands in the ticket was simulated and is still fresh, and nothing is on its way."""
        age = self.simulation_age_s
        is_busy = self.is_sending or self.is_simulating or self.is_spent
        return not is_busy and age is not None and age <= SIMULATION_GOOD_S and not self.differs

    def send(self) -> bool:
        """Hands the simulated draft to the gate once; returns False when it may not be sent now."""
        if not self.can_send:
            return False
        self.is_sending = True
        asked = self.draft

        def done(outcome: SendOutcome) -> None:
            if isValid(self):
                self._on_sent(asked, outcome)

        def failed(error: Exception) -> None:
            if isValid(self):
                self._on_send_failed(asked, error)

        self._client.ask(SendOrder(asked), done, failed)
        self.changed.emit()
        return True

    def _on_sent(self, asked: TicketDraft, outcome: SendOutcome) -> None:
        if asked.order_id != self.draft.order_id:
            return
        self.is_sending = False
        left = outcome.order is not None and outcome.order.status not in (OrderStatus.DRAFT, OrderStatus.SIMULATED)
        self.is_spent = outcome.accepted or left
        self.changed.emit()
        self.sent.emit(outcome)

    def _on_send_failed(self, asked: TicketDraft, error: Exception) -> None:
        if asked.order_id != self.draft.order_id:
            return
        self.is_sending = False
        self.simulation = None
        self.changed.emit()
        self.send_failed.emit(str(error))

    # --- what is listed -----------------------------------------------------------------------------------------------

    def learn_chain(self, static: ChainStatic) -> None:
        """Keeps the listed strikes of an expiration, for shifting and rolling."""
        self.ladders[static.expiry.root, static.expiry.expiry] = static


def _empty_draft(account_id: AccountId) -> TicketDraft:
    return TicketDraft(new_order_id(), account_id, (), OrderType.LIMIT, None, TimeInForce.DAY)


def _shape(legs: Legs) -> tuple[tuple[str, int], ...]:
    """Returns one package of the legs: contract and signed ratio."""
    count = packages(legs)
    return tuple((leg.contract.key, leg.signed_quantity // count) for leg in legs) if count else ()


def _terms(draft: TicketDraft) -> tuple[AccountId, tuple[OrderLeg, ...], OrderType, Decimal | None, TimeInForce]:
    """Returns what a simulation holds for; the rationale is not part of it."""
    return draft.account_id, draft.legs, draft.order_type, draft.limit_price, draft.tif
