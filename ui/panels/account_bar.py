"""The strip on top: mode, account and its money, index and volatility, feed, clocks, and the kill switch."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from execution.commands import SelectAccount
from execution.views import AccountsState, DeskState, MarketState, RegimeInfo
from models.account import AccountInfo, AccountValues
from models.clock import NEW_YORK, Clock
from models.enums import FeedState, Mode, TradingState
from models.ids import AccountId
from ui import format as fmt
from ui import quote_kind as kind_words
from ui.bridge import Bridge
from ui.desk_commands import DeskCommands
from ui.engine_client import EngineClient
from ui.greeks_words import short_name
from ui.messages import Messages
from ui.theme import GAP, PAD, Ink, Theme, regime_ink, sign_ink
from ui.widgets.labels import Chip, Figure
from ui.widgets.limit_bar import LimitBar

_FEED_INKS = {
    FeedState.CONNECTING: Ink.WARNING,
    FeedState.LIVE: Ink.GAIN,
    FeedState.STALE: Ink.WARNING,
    FeedState.DOWN: Ink.LOSS,
}
_FEED_WORDS = {
    FeedState.CONNECTING: "connecting",
    FeedState.LIVE: "live",
    FeedState.STALE: "stale",
    FeedState.DOWN: "down",
}
#: Below this width the bar leaves out the session, the local clock and the day's P&L, in this order.
_WIDTHS = (1500, 1400, 1260)


class AccountBar(QWidget):
    """Always visible, never a dock."""

    KEY: ClassVar[str] = "account_bar"

    def __init__(
        self,
        bridge: Bridge,
        client: EngineClient,
        theme: Theme,
        *,
        messages: Messages,
        clock: Clock,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._client = client
        self._theme = theme
        self._messages = messages
        self._commands = DeskCommands(bridge, client, messages, self)
        self._clock = clock
        self._trading = TradingState.ACTIVE
        self._strip_ink = Ink.BORDER
        self._money: AccountValues | None = None
        self._is_cut_off = False
        theme.changed.connect(self._paint_strip)
        self.setObjectName(self.KEY)
        self.setProperty("surface", "bar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._build()
        self._ticking = QTimer(self)
        self._ticking.setInterval(1000)
        self._ticking.timeout.connect(self._show_time)
        self._ticking.start()
        self._show_time()
        bridge.subscribe(DeskState, self._on_desk)
        bridge.subscribe(AccountsState, self._on_accounts)
        bridge.subscribe(MarketState, self._on_market)

    # --- building -----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.strip = QFrame(self)
        self.strip.setFixedHeight(3)
        column.addWidget(self.strip)
        line = QHBoxLayout()
        line.setContentsMargins(PAD, GAP, PAD, GAP)
        line.setSpacing(2 * PAD)
        column.addLayout(line)
        self._build_account(line)
        self._build_market(line)
        line.addStretch(1)
        self._build_state(line)

    def _build_account(self, line: QHBoxLayout) -> None:
        self.mode_chip = Chip(self._theme, self)
        self.mode_chip.set(fmt.EM_DASH, Ink.TEXT_MUTED)
        self.account_box = QComboBox(self)
        self.account_box.setMinimumWidth(200)
        self.account_box.setToolTip("Account shown; “All accounts” is one book")
        self.account_box.activated.connect(self._on_account_chosen)
        self.net_liq = Figure(self._theme, "Net liq", self)
        self.day_pnl = Figure(self._theme, "P&L day", self)
        self.buying_power = Figure(self._theme, "Buying power", self)
        self.margin = Figure(self._theme, "Margin", self)
        self.margin_bar = LimitBar(self._theme, self)
        self.margin_bar.setFixedWidth(72)
        for widget in (self.mode_chip, self.account_box, self.net_liq, self.day_pnl, self.buying_power):
            line.addWidget(widget)
        margin = QHBoxLayout()
        margin.setSpacing(PAD)
        margin.addWidget(self.margin)
        margin.addWidget(self.margin_bar)
        line.addLayout(margin)
        line.addWidget(self._divider())

    def _build_market(self, line: QHBoxLayout) -> None:
        self.spx = Figure(self._theme, "SPX", self)
        self.spx_change = Figure(self._theme, "today", self)
        self.vix = Figure(self._theme, "VIX", self)
        self.regime_chip = Chip(self._theme, self)
        self.regime_chip.set(fmt.EM_DASH, Ink.TEXT_MUTED)
        for widget in (self.spx, self.spx_change, self.vix, self.regime_chip):
            line.addWidget(widget)

    def _build_state(self, line: QHBoxLayout) -> None:
        self.session = QLabel(self)
        self.session.setProperty("role", "muted")
        self.feed = QLabel(self)
        self.new_york = Figure(self._theme, "New York", self)
        self.local = Figure(self._theme, "Local", self)
        self.halt_button = QPushButton("HALT", self)
        self.halt_button.setProperty("kind", "danger")
        self.halt_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.halt_button.clicked.connect(self._on_halt)
        for widget in (self.session, self.feed, self._divider(), self.new_york, self.local, self.halt_button):
            line.addWidget(widget)

    def _divider(self) -> QFrame:
        divider = QFrame(self)
        divider.setProperty("surface", "divider")
        divider.setFixedSize(1, 28)
        return divider

    # --- news ---------------------------------------------------------------------------------------------------------

    def _on_desk(self, desk: DeskState) -> None:
        is_live = desk.mode is Mode.LIVE
        fill, on = (Ink.LIVE, Ink.ON_LIVE) if is_live else (Ink.PAPER, Ink.ON_PAPER)
        self.mode_chip.set(desk.mode.value, fill, on=on)
        armed = "armed for this session" if desk.armed else "not armed: orders are denied"
        self.mode_chip.setToolTip(
            f"Real money at {_brokers(desk)}, {armed}" if is_live else "Paper: no order of this desk costs money"
        )
        self._strip_ink = fill
        self._paint_strip()
        self._trading = desk.trading_state
        is_active = desk.trading_state is TradingState.ACTIVE
        text = "HALT" if is_active else "RESUME"
        if self.halt_button.text() != text:
            self.halt_button.setText(text)
            self.halt_button.setProperty("kind", "danger" if is_active else "primary")
            self.halt_button.style().unpolish(self.halt_button)
            self.halt_button.style().polish(self.halt_button)
        self.halt_button.setToolTip(
            "Stop sending orders at once. Cancels still go out."
            if is_active
            else f"Trading is {desk.trading_state.value}: {desk.trading_state_reason}"
        )

    @Slot()
    def _paint_strip(self) -> None:
        self.strip.setStyleSheet(f"background: {self._theme.css(self._strip_ink)};")

    def _on_accounts(self, state: AccountsState) -> None:
        self._offer(state.accounts, state.selected)
        values = state.total
        if state.selected is not None:
            values = next((one for one in state.values if one.account_id == state.selected), None)
        self._show_money(values)

    def _offer(self, accounts: tuple[AccountInfo, ...], selected: AccountId | None) -> None:
        are_several = len({one.broker for one in accounts}) > 1
        wanted: list[tuple[str, AccountId | None]] = [
            (_account_title(one, is_badged=are_several), one.account_id) for one in accounts
        ]
        if len(accounts) != 1:
            wanted.insert(0, ("All accounts", None))
        shown = [
            (self.account_box.itemText(at), self.account_box.itemData(at)) for at in range(self.account_box.count())
        ]
        if wanted != shown:
            self.account_box.clear()
            for title, account_id in wanted:
                self.account_box.addItem(title, account_id)
        self.account_box.setCurrentIndex(max(0, self.account_box.findData(selected)))

    def _show_money(self, values: AccountValues | None) -> None:
        self._money = values
        ink = self._aged(Ink.TEXT)
        self.net_liq.set(fmt.money(None if values is None else values.net_liquidation), ink)
        self.buying_power.set(fmt.money(None if values is None else values.buying_power), ink)
        day = None if values is None else values.day_pnl
        self.day_pnl.set(fmt.signed_money(day), self._aged(sign_ink(None if day is None else float(day))))
        used = None if values is None else values.margin_used_pct
        self.margin.set(fmt.percent(used, 0), ink)
        self.margin_bar.set_share(None if used is None else used / 100, is_breached=used is not None and used >= 100)
        maintenance = None if values is None else values.maintenance_margin
        self.margin.setToolTip(f"Maintenance margin {fmt.money(maintenance)} of net liquidation")

    def _on_market(self, market: MarketState) -> None:
        if self._is_cut_off is not (market.feed is FeedState.DOWN):
            self._is_cut_off = not self._is_cut_off
            self._show_money(self._money)
        ink = self._aged(Ink.TEXT)
        self.spx.set(fmt.price(market.spx_price), ink)
        kind = market.spx_kind
        word = kind_words.word(() if kind is None else (kind,))
        self.spx.caption.setText(f"SPX {word}".rstrip())
        self.spx.setToolTip("" if not word else kind_words.EXPLAINED[word])
        self.spx_change.set(fmt.signed_percent(market.spx_change_pct, 2), self._aged(sign_ink(market.spx_change_pct)))
        self.vix.set(fmt.price(market.vix), ink)
        self.vix.setToolTip(f"VIX {fmt.signed(market.vix_change, 2)} today")
        if market.regime is None:
            self.regime_chip.set(fmt.EM_DASH, Ink.TEXT_MUTED)
            self.regime_chip.setToolTip("The volatility regime is not known yet")
        else:
            self.regime_chip.set(fmt.regime_name(market.regime.regime), regime_ink(market.regime.regime))
            self.regime_chip.setToolTip(_regime_tip(market.regime))
        dot = self._theme.css(_FEED_INKS[market.feed])
        word = _FEED_WORDS[market.feed]
        if market.feed is FeedState.STALE:
            down = " ".join(short_name(name) for name in market.brokers_down)
            word = f"{down} down" if down else f"stale {fmt.age(market.newest_quote_age_s)}"
        html = f'<span style="color:{dot}">●</span> {word}'
        if self.feed.text() != html:
            self.feed.setText(html)
        self.feed.setToolTip(market.feed_text)
        if self.session.text() != market.session:
            self.session.setText(market.session)

    def _aged(self, ink: Ink) -> Ink:
        """Figures are grey while there is no connection: they are the last ones known."""
        return Ink.STALE if self._is_cut_off else ink

    @Slot()
    def _show_time(self) -> None:
        now_utc = self._clock.now_utc()
        self.new_york.set(fmt.clock(now_utc, NEW_YORK))
        self.local.set(fmt.clock(now_utc, None))
        self.new_york.setToolTip(f"New York {fmt.date_time(now_utc, NEW_YORK)}")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leaves out the least important figures when it gets narrow."""
        super().resizeEvent(event)
        for widget, needed in zip((self.session, self.local, self.day_pnl), _WIDTHS, strict=True):
            widget.setVisible(self.width() >= needed)

    # --- the user -----------------------------------------------------------------------------------------------------

    @Slot(int)
    def _on_account_chosen(self, index: int) -> None:
        chosen = self.account_box.itemData(index)
        account_id = None if chosen is None else AccountId(chosen)
        self._client.ask(SelectAccount(account_id), _nothing, self._messages.failed)

    @Slot()
    def _on_halt(self) -> None:
        if self._trading is TradingState.ACTIVE:
            self._commands.halt()
        else:
            self._commands.resume()


def _nothing(_answer: object) -> None:
    """The new state itself is the answer."""


def _brokers(desk: DeskState) -> str:
    return " and ".join(fmt.broker(name) for name in desk.brokers or (desk.broker,))


def _account_title(account: AccountInfo, *, is_badged: bool) -> str:
    lock = "" if account.may_trade else " · read-only"
    badge = f"{short_name(account.broker)} · " if is_badged else ""
    return f"{badge}{account.account_id} · {account.title or fmt.broker(account.broker)}{lock}"


def _regime_tip(info: RegimeInfo) -> str:
    lines = [f"Regime {info.regime.value}, VIX {fmt.price(info.vix)}"]
    if info.vix3m is not None:
        lines.append(f"VIX3M {fmt.price(info.vix3m)}, ratio {fmt.price(info.vix / info.vix3m)}")
    if info.next_up_at is not None:
        lines.append(f"next regime up at VIX {fmt.price(info.next_up_at)}")
    if info.next_down_at is not None:
        lines.append(f"next regime down at VIX {fmt.price(info.next_down_at)}")
    return "\n".join(lines)
