"""The option chain: underlying, expirations, strikes around the money; clicks stage legs for the ticket."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from PySide6.QtCore import QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QLabel,
    QMenu,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from execution.brokers.port import Capability, ChainExpiry
from execution.chain_views import ChainNumbers, ChainStatic
from execution.commands import ListExpiries, ListUnderlyings, WatchChain
from execution.views import DeskState, MarketState, Phase
from models.enums import Action, BrokerName, Right
from models.errors import InvalidInput
from models.order import OrderLeg
from ui.bridge import Bridge
from ui.chain.columns import COLUMNS
from ui.chain.controls import ChainControls
from ui.chain.facts import ChainFacts
from ui.chain.menu import MenuEntry, build_menu, entries
from ui.chain.model import ChainModel
from ui.chain.strip import ExpiryStrip
from ui.chain.templates import DeltaPick, is_bracketed, is_near, legs_by_delta, unit_greeks
from ui.chain.view import ChainView
from ui.engine_client import EngineClient
from ui.greeks_words import OURS_COUNT
from ui.panels.base import Panel
from ui.theme import PAD, Theme

HINT = "Click a bid to sell, an ask to buy, again to add one. Right-click a strike for spreads. B / S stage by key."
_DEFAULT_DAYS = 40
_PICK_WAIT_MS = 5000


class OptionChainPanel(Panel):
    """Streams one expiration and turns clicks into legs.

    `leg_staged(Contract, Action, int, UnitGreeks | None)` tells of one click, `legs_picked(tuple[OrderLeg, ...])` of a
    template, `chain_loaded(ChainStatic)` of an expiration; `set_staged` tints what the ticket holds.
    """

    KEY: ClassVar[str] = "option_chain"
    TITLE: ClassVar[str] = "Option chain"

    leg_staged = Signal(object, object, int, object)
    legs_picked = Signal(object)
    chain_loaded = Signal(object)

    def __init__(
        self,
        bridge: Bridge,
        client: EngineClient,
        theme: Theme,
        now_utc: Callable[[], datetime],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(bridge, client, theme, parent)
        self._underlying = ""
        self._expiry: ChainExpiry | None = None
        self._wanted_expiry: ChainExpiry | None = None
        self._knows_the_day = False
        self._numbers: ChainNumbers | None = None
        self._watched: tuple[Decimal, Decimal] | None = None
        self._is_centred = False
        self._pick: DeltaPick | None = None
        self._broker: BrokerName | None = None
        self.model = ChainModel(self)
        self.view = ChainView(self.model, theme, self)
        self.strip = ExpiryStrip(theme, now_utc, self)
        self.controls = ChainControls(self)
        self.picker = self.controls.picker
        self._pick_timer = QTimer(self)
        self._pick_timer.setSingleShot(True)
        self._pick_timer.setInterval(_PICK_WAIT_MS)
        self._pick_timer.timeout.connect(self._on_pick_late)
        self.toolbar.addWidget(self.controls, 1)
        self._build_body()
        self._connect()
        self.setFocusProxy(self.view)
        self.retheme()
        self.set_empty("Waiting for the broker's list of underlyings.")
        self.listen(MarketState, self._on_market)
        self.listen(DeskState, self._on_desk)
        self.listen(ChainStatic, self._on_static)
        self.listen(ChainNumbers, self._on_numbers)

    # --- construction -------------------------------------------------------------------------------------------------

    def _build_body(self) -> None:
        body = QWidget(self)
        self.facts = ChainFacts(self.theme, body)
        self.hover = QLabel(HINT, body)
        self.hover.setProperty("role", "caption")
        self.hover.setContentsMargins(PAD, 2, PAD, 3)
        self.hover.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.strip)
        layout.addWidget(self.facts)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.hover)
        self.set_body(body)

    def _connect(self) -> None:
        self.controls.symbol_wanted.connect(self.show_underlying)
        self.controls.center_wanted.connect(self._recenter)
        self.controls.columns_wanted.connect(self.view.show_optional)
        self.strip.chosen.connect(self._on_expiry)
        self.picker.picked.connect(self._on_pick)
        self.view.leg_clicked.connect(self._on_leg_clicked)
        self.view.side_wanted.connect(self._on_side_wanted)
        self.view.menu_wanted.connect(self._on_menu)
        self.view.hovered.connect(self._on_hover)
        self.view.rows_settled.connect(self._on_rows_settled)
        find = QShortcut(QKeySequence.StandardKey.Find, self, self.controls.focus_symbol)
        find.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        home = QShortcut(QKeySequence(Qt.Key.Key_Home), self.view, self._recenter)
        home.setContext(Qt.ShortcutContext.WidgetShortcut)

    # --- what the window and the ticket call --------------------------------------------------------------------------

    @Slot(object)
    def set_staged(self, legs: tuple[OrderLeg, ...]) -> None:
        """Tints the legs that are in the ticket."""
        self.model.set_staged(legs)

    @Slot(str)
    def show_underlying(self, symbol: str) -> None:
        """Loads the expirations of a symbol."""
        self._wanted_expiry = None
        self._ask_expiries(symbol)

    @Slot(object)
    def show_expiry(self, expiry: ChainExpiry) -> None:
        """Shows one expiration, loading its underlying first when another is on screen."""
        if expiry in self.strip.expiries:
            self.strip.choose(expiry)
        else:
            self._wanted_expiry = expiry
            self._ask_expiries(expiry.underlying)

    def retheme(self) -> None:
        """Takes over the colours after a switch."""
        super().retheme()
        self.facts.retheme()
        self.view.viewport().update()
        self.strip.viewport().update()

    def showEvent(self, event: QShowEvent) -> None:
        """Takes the stream up again."""
        super().showEvent(event)
        if not self._underlying:
            self._ask_underlyings()
        elif self._expiry is not None:
            self._watch(self._watched)

    def hideEvent(self, event: QHideEvent) -> None:
        """Stops quoting strikes nobody sees."""
        super().hideEvent(event)
        if self._expiry is not None:
            self.client.ask(WatchChain(None), self._on_watch, self._on_failed)

    # --- underlyings and expirations ----------------------------------------------------------------------------------

    def _on_desk(self, desk: DeskState) -> None:
        self._set_broker(desk.broker if Capability.MODEL_GREEKS in desk.capabilities else None)
        if desk.phase in (Phase.READY, Phase.READ_ONLY) and not self._underlying:
            self._ask_underlyings()

    def _set_broker(self, broker: BrokerName | None) -> None:
        """Whose model stands beside the desk's figures."""
        if broker is self._broker:
            return
        self._broker = broker
        self.model.set_broker(broker)
        self.controls.set_broker(broker)
        self._on_hover("")

    def _on_market(self, _market: MarketState) -> None:
        """The first one sets the desk's clock: before it nobody knows which expiration is the nearest."""
        if not self._knows_the_day:
            self._knows_the_day = True
            if not self._underlying:
                self._ask_underlyings()

    def _ask_underlyings(self) -> None:
        if not self._knows_the_day:
            return
        self.client.ask(ListUnderlyings(), self._on_underlyings, self._on_not_ready)

    def _on_not_ready(self, error: Exception) -> None:
        self.set_empty(f"No option chain yet. {error}")

    def _on_underlyings(self, symbols: tuple[str, ...]) -> None:
        self.controls.set_symbols(symbols)
        if symbols and not self._underlying:
            self._ask_expiries("SPX" if "SPX" in symbols else symbols[0])

    def _ask_expiries(self, symbol: str) -> None:
        self.controls.show_symbol(symbol)
        self.client.ask(ListExpiries(symbol), self._on_expiries, self._on_symbol_refused)

    def _on_symbol_refused(self, error: Exception) -> None:
        self.controls.refuse_symbol(str(error))

    def _on_expiries(self, expiries: tuple[ChainExpiry, ...]) -> None:
        if not expiries:
            self.controls.refuse_symbol("This underlying has no listed options.")
            return
        self.controls.say("")
        self._underlying = expiries[0].underlying
        self.set_empty(None)
        self.strip.set_expiries(expiries)
        wanted = self._wanted_expiry if self._wanted_expiry in expiries else self.strip.nearest(_DEFAULT_DAYS)
        self._wanted_expiry = None
        if wanted is not None:
            self.strip.choose(wanted)

    # --- the chain ----------------------------------------------------------------------------------------------------

    @Slot(object)
    def _on_expiry(self, expiry: ChainExpiry) -> None:
        if expiry == self._expiry:
            return
        self._expiry = expiry
        self._end_pick()
        self._watch(None)

    def _watch(self, bounds: tuple[Decimal, Decimal] | None) -> None:
        self._watched = bounds
        low, high = bounds or (None, None)
        self.client.ask(WatchChain(self._expiry, low, high), self._on_watch, self._on_failed)

    def _on_watch(self, static: ChainStatic | None) -> None:
        if static is not None:
            self._on_static(static)

    def _on_failed(self, error: Exception) -> None:
        self.controls.say(str(error))

    def _on_static(self, static: ChainStatic) -> None:
        if static.expiry != self._expiry:
            return
        if self.model.set_static(static):
            self._numbers = None
            self._is_centred = False
            self.chain_loaded.emit(static)
            self._show_facts()

    def _on_numbers(self, numbers: ChainNumbers) -> None:
        if not self.model.set_numbers(numbers):
            return
        self._numbers = numbers
        if not self._is_centred and numbers.spot is not None:
            self._recenter()
        self.view.update_money_line()
        self.set_as_of(numbers.at_utc)
        self._show_facts()
        static = self.model.static
        if self._pick is not None and static is not None and is_bracketed(self._pick, static, numbers):
            self._stage_pick()

    @Slot()
    def _recenter(self) -> None:
        static, spot = self.model.static, self.model.spot
        if static is None or spot is None:
            return
        self._is_centred = True
        middle = self.model.index_of_strike(spot)
        count = self.controls.strikes_each_side
        self.model.set_window(*((0, len(static.strikes)) if count is None else (middle - count, middle + count + 1)))
        self.view.center_row(self.model.row_of_strike(spot))

    @Slot(int, int)
    def _on_rows_settled(self, first: int, last: int) -> None:
        low, high = self.model.strike_at(first), self.model.strike_at(last)
        is_known = low is not None and high is not None and self._is_centred and self.isVisible()
        if low is None or high is None or not is_known or self._pick is not None:
            return
        if (low, high) != self._watched:
            self._watch((low, high))

    def _show_facts(self) -> None:
        self.facts.show_chain(self.model.static, self._numbers)

    # --- staging ------------------------------------------------------------------------------------------------------

    @Slot(int, int)
    def _on_leg_clicked(self, row: int, column: int) -> None:
        spec = COLUMNS[column]
        if spec.right is not None and spec.action is not None:
            self._stage(row, spec.right, spec.action)

    @Slot(int, int, object)
    def _on_side_wanted(self, row: int, column: int, action: Action) -> None:
        right = COLUMNS[column].right
        if right is None:
            self.controls.say("Move to the call or the put side with the arrow keys, then press B or S.")
        else:
            self._stage(row, right, action)

    def _stage(self, row: int, right: Right, action: Action) -> None:
        contract = self.model.contract_at(row, right)
        if contract is None:
            return
        self.controls.say("")
        greeks = None
        strike, numbers = self.model.strike_at(row), self._numbers
        if numbers is not None and strike is not None:
            index = self.model.index_of_strike(float(strike))
            greeks = unit_greeks(numbers.calls if right is Right.CALL else numbers.puts, index)
        self.leg_staged.emit(contract, action, 1, greeks)

    @Slot(int, int, QPoint)
    def _on_menu(self, row: int, column: int, at: QPoint) -> None:
        menu = self.strike_menu(row, column)
        if menu is not None:
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(at)

    def strike_menu(self, row: int, column: int) -> QMenu | None:
        """Returns the menu of spreads at a cell; None without a chain."""
        static, strike = self.model.static, self.model.strike_at(row)
        if static is None or strike is None:
            return None
        index = self.model.index_of_strike(float(strike))
        spot = self.model.spot
        money = index if spot is None else self.model.index_of_strike(spot)
        return build_menu(entries(static, index, COLUMNS[column].right, money), self._on_menu_entry, self)

    def _on_menu_entry(self, entry: MenuEntry) -> None:
        self.legs_picked.emit(entry.legs)

    @Slot(object)
    def _on_pick(self, pick: DeltaPick) -> None:
        if self.model.static is None or self._expiry is None:
            return
        self.controls.say("")
        self._pick = pick
        if self._numbers is not None and is_bracketed(pick, self.model.static, self._numbers):
            self._stage_pick()
            return
        self.picker.set_busy("Quoting…")
        self._pick_timer.start()
        strikes = self.model.static.strikes
        self._watch((strikes[0], strikes[-1]))

    @Slot()
    def _on_pick_late(self) -> None:
        """The far strikes did not all come: takes the nearest known, or says that there is none."""
        self._stage_pick()

    def _stage_pick(self) -> None:
        pick, static, numbers = self._pick, self.model.static, self._numbers
        self._end_pick()
        if pick is None or static is None:
            return
        if numbers is None:
            self.controls.say("No quotes have come for this expiration yet: try again in a moment.")
            return
        if not is_near(pick, static, numbers):
            self.controls.say("The strikes near these deltas have no quotes yet: try again in a moment.")
            return
        try:
            self.legs_picked.emit(legs_by_delta(pick, static, numbers))
        except InvalidInput as error:
            self.controls.say(str(error))

    def _end_pick(self) -> None:
        self._pick = None
        self._pick_timer.stop()
        self.picker.set_busy(None)
        self.view.settle()  # only the strikes on screen are quoted again

    # --- small things -------------------------------------------------------------------------------------------------

    @Slot(str)
    def _on_hover(self, text: str) -> None:
        rest = HINT if self._broker is None else f"{HINT} {OURS_COUNT}"
        self.hover.setText(text or rest)
