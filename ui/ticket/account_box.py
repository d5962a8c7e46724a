"""Which account the order goes to, with its mode in colour beside it."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QWidget

from models.account import AccountInfo
from models.enums import BrokerName, Mode
from models.ids import AccountId
from ui.greeks_words import short_name
from ui.theme import GAP, Ink, Theme
from ui.ticket.fields import QuietCombo
from ui.widgets.labels import Chip


class AccountBox(QWidget):
    """Emits `chosen(AccountId)` when the user picks another account."""

    chosen = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.accounts: tuple[AccountInfo, ...] = ()
        self.mode = Chip(theme, self)
        self.mode.hide()
        self.combo = QuietCombo(self)
        self.combo.setAccessibleName("Account")
        self.combo.setToolTip("Account the order goes to")
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(GAP)
        line.addWidget(self.mode)
        line.addWidget(self.combo, 1)
        self.combo.activated.connect(self._on_chosen)

    def set_accounts(self, accounts: tuple[AccountInfo, ...]) -> None:
        """Offers these."""
        if accounts == self.accounts:
            return
        self.accounts = accounts
        self.combo.clear()
        are_several = len({info.broker for info in accounts}) > 1
        for info in accounts:
            badge = f"{short_name(info.broker)}  " if are_several else ""
            title = "" if info.title == info.account_id else info.title
            self.combo.addItem(f"{badge}{info.account_id}  {title}".strip(), info.account_id)

    def info(self, account_id: AccountId) -> AccountInfo | None:
        """Returns an account by its id."""
        return next((info for info in self.accounts if info.account_id == account_id), None)

    def greeks_of(self, account_id: AccountId) -> BrokerName | None:
        """Returns whose Greeks a ticket for an account shows beside the desk's: of several brokers the primary's."""
        return None if self.info(account_id) is None else self.accounts[0].broker

    def default(self) -> AccountId | None:
        """Returns the first account that may trade, or the first at all."""
        first = next((info for info in self.accounts if info.may_trade), None)
        first = first or (self.accounts[0] if self.accounts else None)
        return None if first is None else first.account_id

    def show_account(self, account_id: AccountId) -> None:
        """Shows which one is in force."""
        info = self.info(account_id)
        self.mode.setVisible(info is not None)
        if info is None:
            return
        self.combo.setCurrentIndex(self.combo.findData(account_id))
        is_live = info.mode is Mode.LIVE
        self.mode.set(info.mode.value, Ink.LIVE if is_live else Ink.PAPER, on=Ink.ON_LIVE if is_live else Ink.ON_PAPER)

    @Slot(int)
    def _on_chosen(self, index: int) -> None:
        self.chosen.emit(AccountId(self.combo.itemData(index)))
