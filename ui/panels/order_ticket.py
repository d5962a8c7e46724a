"""The order ticket: build, simulate, confirm. Nothing leaves it but from the confirmation page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QAbstractButton, QStackedWidget, QWidget

from execution.chain_views import ChainStatic
from execution.commands import TicketDraft
from execution.ticket_views import SendOutcome, SimulationOutcome
from execution.views import AccountsState, OrderNotice
from models.contract import Contract
from models.enums import Action
from models.errors import InvalidInput
from models.greeks import UnitGreeks
from models.ids import AccountId
from models.order import OrderLeg
from ui.bridge import Bridge
from ui.engine_client import EngineClient
from ui.icons import Icons
from ui.panels.base import Panel
from ui.theme import Theme
from ui.ticket import legs as edit
from ui.ticket.account_box import AccountBox
from ui.ticket.done_page import DonePage
from ui.ticket.edit_page import EditPage
from ui.ticket.keys import Edit, edit_of
from ui.ticket.model import TicketModel
from ui.ticket.review_page import ReviewPage
from ui.ticket.roll import Roller

_REFRESH_MS = 1000
_COUNT_MS = 250


_LEAST_WIDTH_PX = 398


class OrderTicketPanel(Panel):
    """`stage_leg`, `load_legs` and `clear` fill it; `staged_changed(tuple[OrderLeg, ...])` tells the chain.

    `expiry_wanted(ChainExpiry)` asks the chain to load the expiration that a roll needs; `learn_chain` brings it.
    """

    KEY: ClassVar[str] = "order_ticket"
    TITLE: ClassVar[str] = "Order ticket"

    staged_changed = Signal(object)
    expiry_wanted = Signal(object)

    def __init__(
        self,
        bridge: Bridge,
        client: EngineClient,
        theme: Theme,
        now_utc: Callable[[], datetime],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(bridge, client, theme, parent)
        self._now_utc = now_utc
        self._has_choice = False
        self._told: tuple[OrderLeg, ...] = ()
        self.model = TicketModel(client, now_utc, self)
        self.roller = Roller(client, self.model, self)
        icons = Icons(theme)
        self.account = AccountBox(theme, self)
        self.toolbar.addWidget(self.account, 1)
        self.edit_page = EditPage(theme, icons, self.model, now_utc, self)
        self.review_page = ReviewPage(theme, self.model, self)
        self.done_page = DonePage(theme, self)
        self.pages = QStackedWidget(self)
        for page in (self.edit_page, self.review_page, self.done_page):
            self.pages.addWidget(page)
        self.set_body(self.pages)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._refresh_timer = QTimer(self)
        self._refresh_timer.setInterval(_REFRESH_MS)
        self._refresh_timer.timeout.connect(self._keep_fresh)
        self._count_timer = QTimer(self)
        self._count_timer.setInterval(_COUNT_MS)
        self._count_timer.timeout.connect(self.review_page.refresh)
        self._connect_pages()
        self._connect_model()
        self._on_changed()
        self._on_previewed()
        self.listen(AccountsState, self._on_accounts)
        self.listen(OrderNotice, self._on_order)
        self.bridge.subscribe(ChainStatic, self.learn_chain)

    def _connect_pages(self) -> None:
        page = self.edit_page
        page.legs.flip_wanted.connect(lambda row: self._edit(lambda legs: edit.flip_leg(legs, row), turns=True))
        page.legs.quantity_wanted.connect(lambda row, n: self._edit(lambda legs: edit.with_quantity(legs, row, n)))
        page.legs.remove_wanted.connect(lambda row: self._edit(lambda legs: edit.remove(legs, row), turns=True))
        page.legs.shift_wanted.connect(
            lambda row, steps: self._edit(lambda legs: edit.shift_leg(legs, row, steps, self.model.ladders))
        )
        page.packages_wanted.connect(lambda n: self._edit(lambda legs: edit.with_packages(legs, n)))
        page.types.chosen.connect(self.model.set_order_type)
        page.tifs.chosen.connect(self.model.set_tif)
        page.price.price_changed.connect(self.model.set_price)
        page.price.follow_wanted.connect(self._on_follow)
        page.simulate_wanted.connect(self.simulate)
        page.clear_wanted.connect(self.clear)
        page.flip_wanted.connect(self.flip_sides)
        self.review_page.back_wanted.connect(self.go_back)
        self.review_page.again_wanted.connect(self.model.simulate)
        self.review_page.send_wanted.connect(self.model.send)
        self.done_page.new_wanted.connect(self.new_ticket)
        self.account.chosen.connect(self.choose_account)

    def _connect_model(self) -> None:
        self.model.changed.connect(self._on_changed)
        self.model.previewed.connect(self._on_previewed)
        self.model.preview_failed.connect(self._on_preview_failed)
        self.model.simulated.connect(self._on_simulated)
        self.model.simulation_failed.connect(self._on_simulation_failed)
        self.model.sent.connect(self._on_sent)
        self.model.send_failed.connect(self._on_send_failed)
        self.roller.rolled.connect(lambda legs: self._edit(lambda _legs: legs))
        self.roller.waiting.connect(self.edit_page.show_status)
        self.roller.failed.connect(self._on_edit_failed)
        self.roller.expiry_wanted.connect(self.expiry_wanted)

    # --- what the window wires ----------------------------------------------------------------------------------------

    @property
    def legs(self) -> tuple[OrderLeg, ...]:
        """The legs in the ticket."""
        return self.model.draft.legs

    def stage_leg(
        self, contract: Contract, action: Action, quantity: int = 1, greeks: UnitGreeks | None = None
    ) -> None:
        """Adds a leg, or more of one that is there; what cannot be added is said in the ticket and changes nothing."""
        if self.model.is_sending:
            return
        self._open_for_edit()
        leg = OrderLeg(contract, action, quantity, greeks)
        self._edit(lambda legs: edit.stage(legs, leg), turns=True)

    def load_legs(self, legs: tuple[OrderLeg, ...], rationale: str = "", ai_suggestion_id: str | None = None) -> None:
        """Begins a new ticket with these legs in place of what was there."""
        if not self.model.is_sending:
            self._wipe()
            self.model.load(legs, rationale, ai_suggestion_id)

    def load_draft(self, draft: TicketDraft) -> None:
        """Begins a new ticket with a draft, e.g. of a suggestion: its account, price and words come along."""
        if not self.model.is_sending:
            self._wipe()
            self.model.load_draft(draft)
            self.choose_account(draft.account_id)

    def _wipe(self) -> None:
        """Nothing of what was edited before shows in what comes next."""
        self.pages.setCurrentWidget(self.edit_page)
        self.edit_page.price.forget_side()
        self.edit_page.show_status("")
        self.roller.forget()

    @Slot(object)
    def learn_chain(self, static: ChainStatic) -> None:
        """Takes note of the listed strikes of an expiration, and finishes a roll that waited for them."""
        self.model.learn_chain(static)
        self.roller.learn(static)

    @Slot()
    def clear(self) -> None:
        """Takes the legs away; a second time resets the whole ticket."""
        self._wipe()
        if self.legs:
            self._edit(lambda _legs: ())
        else:
            self.model.reset()

    @Slot()
    def new_ticket(self) -> None:
        """Opens an empty ticket with an order id of its own."""
        self._wipe()
        self.model.reset()
        self.setFocus()

    @Slot()
    def flip_sides(self) -> None:
        """Turns every side."""
        self._edit(edit.flip, turns=True)

    @Slot()
    def simulate(self) -> None:
        """Hands over what is being typed and asks for the what-if."""
        self.edit_page.commit_fields()
        if self.edit_page.has_input_error:
            self.edit_page.go_to_problem()
            return
        self.edit_page.show_status("")
        self.model.simulate()

    @Slot()
    def go_back(self) -> None:
        """Leaves the confirmation; nothing is lost, nothing was sent."""
        if self.model.is_sending:
            return
        self.model.is_reviewing = False
        if self.pages.currentWidget() is not self.edit_page:
            self.pages.setCurrentWidget(self.edit_page)
            self.setFocus()
        self._on_previewed()

    def minimumSizeHint(self) -> QSize:
        """As narrow as four legs and the impact table can be read."""
        return QSize(_LEAST_WIDTH_PX, super().minimumSizeHint().height())

    def retheme(self) -> None:
        """Takes over the colours."""
        super().retheme()
        self.edit_page.retheme()

    # --- keys ---------------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter previews, Enter in the preview sends, Esc goes back; the other keys edit. A held key acts once."""
        key, page = event.key(), self.pages.currentWidget()
        is_enter = key in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        focus = self.focusWidget()
        if is_enter and not event.isAutoRepeat():
            if isinstance(focus, QAbstractButton) and focus.hasFocus():
                focus.click()  # Enter on a button is that button: on Back it goes back
            elif page is self.edit_page:
                self.simulate()
            elif page is self.review_page:
                self.review_page.try_send()
        elif key == Qt.Key.Key_Escape and page is self.review_page:
            self.go_back()
        elif page is not self.edit_page or not self._edit_key(event):
            super().keyPressEvent(event)

    def _edit_key(self, event: QKeyEvent) -> bool:
        found = edit_of(event)
        if found is None or not self.legs:
            return False
        price = self.edit_page.price
        match found.edit:
            case Edit.PRICE_STEP:
                price.step(found.steps)
            case Edit.PACKAGES_STEP:
                count = max(1, edit.packages(self.legs) + found.steps)
                self._edit(lambda legs: edit.with_packages(legs, count))
            case Edit.TO_MID:
                price.jump("mid")
            case Edit.TO_BID:
                price.jump("bid")
            case Edit.TO_ASK:
                price.jump("ask")
            case Edit.PADLOCK:
                self._on_follow(not self.model.is_following)
            case Edit.SHIFT:
                self._edit(lambda legs: edit.shift(legs, found.steps, self.model.ladders))
            case Edit.ROLL:
                self.roller.roll(found.steps)
            case Edit.FLIP:
                self.flip_sides()
        return True

    @Slot(str)
    def _on_edit_failed(self, text: str) -> None:
        self.edit_page.show_status(text, "error")

    # --- edits --------------------------------------------------------------------------------------------------------

    def _edit(self, change: Callable[[tuple[OrderLeg, ...]], tuple[OrderLeg, ...]], *, turns: bool = False) -> None:
        """Applies a change to the legs; one that is not possible is said and changes nothing."""
        try:
            legs = change(self.legs)
        except InvalidInput as error:
            self.edit_page.show_status(str(error), "error")
            return
        self.edit_page.show_status("")
        if turns:
            self.edit_page.price.forget_side()
        self.model.set_legs(legs)

    def _open_for_edit(self) -> None:
        page = self.pages.currentWidget()
        if page is self.done_page:
            self.new_ticket()
        elif page is self.review_page:
            self.go_back()

    @Slot(bool)
    def _on_follow(self, is_following: bool) -> None:
        if is_following:
            self.edit_page.price.forget_side()
            self.edit_page.price.show_problem("")
            self.model.follow()
        else:
            self.model.freeze()

    # --- news of the model --------------------------------------------------------------------------------------------

    @Slot()
    def _on_changed(self) -> None:
        self.edit_page.refresh(edit.packages(self.legs), self.account.greeks_of(self.model.draft.account_id))
        if self.pages.currentWidget() is self.review_page:
            self.review_page.refresh()
        if self.legs != self._told:
            self._told = self.legs
            self.staged_changed.emit(self.legs)
            if not self.legs:
                self._on_previewed()

    @Slot()
    def _on_previewed(self) -> None:
        self.edit_page.refresh(edit.packages(self.legs), self.account.greeks_of(self.model.draft.account_id))
        self.edit_page.show_preview(self.model.preview)
        if self.model.preview is not None:
            self.set_as_of(self._now_utc())
        if self.pages.currentWidget() is self.review_page:
            self.review_page.refresh()

    @Slot(str)
    def _on_preview_failed(self, text: str) -> None:
        self.edit_page.show_status(text, "error")

    def _on_simulated(self, outcome: SimulationOutcome) -> None:
        simulation = self.model.simulation
        if simulation is None:
            self.go_back()
            self.edit_page.show_problems(outcome.problems)
            self.edit_page.show_status(outcome.failure or "The order cannot be simulated as it stands.", "error")
            self.edit_page.go_to_problem(outcome.problems)
            return
        if self.model.differs:
            self.edit_page.show_status("The ticket changed while it was simulated. Simulate again.", "warning")
            return
        self.model.is_reviewing = True
        self.review_page.open_with(simulation, self.account.info(simulation.draft.account_id))
        self.pages.setCurrentWidget(self.review_page)
        self.review_page.setFocus()
        self._count_timer.start()

    @Slot(str)
    def _on_simulation_failed(self, text: str) -> None:
        self.go_back()
        self.edit_page.show_status(text, "error")

    def _on_sent(self, outcome: SendOutcome) -> None:
        if self.model.is_spent and outcome.order is not None:
            self._count_timer.stop()
            self.done_page.open_with(outcome.order, self.review_page.sentence.text())
            self.pages.setCurrentWidget(self.done_page)
            self.done_page.setFocus()
            return
        self.review_page.show_denied(outcome)
        self.review_page.refresh()

    @Slot(str)
    def _on_send_failed(self, text: str) -> None:
        self.review_page.show_failed(text)
        self.review_page.refresh()

    # --- news of the desk ---------------------------------------------------------------------------------------------

    def _on_accounts(self, state: AccountsState) -> None:
        self.account.set_accounts(state.accounts)
        default = self.account.default()
        if state.selected is not None and not self._has_choice:
            self.model.set_account(state.selected)
        elif default is not None and self.account.info(self.model.draft.account_id) is None:
            self.model.set_account(default)
        self.account.show_account(self.model.draft.account_id)

    @Slot(object)
    def choose_account(self, account_id: AccountId) -> None:
        """Trades in this account from now on, whichever the account bar shows."""
        self._has_choice = True
        self.model.set_account(account_id)
        self.account.show_account(account_id)

    def _on_order(self, notice: OrderNotice) -> None:
        self.done_page.follow(notice.order)

    @Slot()
    def _keep_fresh(self) -> None:
        self.model.ask_preview()

    def showEvent(self, event: QShowEvent) -> None:
        """Follows the market while it is seen."""
        super().showEvent(event)
        self._refresh_timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Rests while it is not."""
        super().hideEvent(event)
        self._refresh_timer.stop()
