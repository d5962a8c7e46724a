"""Which of a login's accounts the desk shows, and which of them it may trade."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from execution.brokers.tastytrade.facts import TastyAccount
from execution.brokers.tastytrade.settings import TastySettings
from models.account import AccountInfo
from models.enums import BrokerName, MarginMethod, Mode
from models.errors import BrokerFailure, FailureKind
from models.ids import AccountId

_PORTFOLIO_MARGIN: Final = "Portfolio Margin"


def admitted(accounts: Collection[TastyAccount], settings: TastySettings) -> tuple[AccountInfo, ...]:
    """Returns the open accounts among those the settings ask for; raises BrokerFailure when there is none."""
    wanted = settings.accounts
    shown = [one for one in accounts if not one.is_closed and (not wanted or one.account_number in wanted)]
    if not shown:
        raise BrokerFailure(
            FailureKind.REJECTED,
            "The login has no open account among those the settings ask for.",
            broker=BrokerName.TASTYTRADE.value,
            cure="Correct the accounts in the settings, or leave them empty to see all.",
        )
    return tuple(_info_of(one, settings) for one in shown)


def _info_of(account: TastyAccount, settings: TastySettings) -> AccountInfo:
    account_id, mode = AccountId(account.account_number), settings.mode
    may_trade = account.may_trade and (mode is Mode.PAPER or account_id in settings.trading_accounts)
    method = MarginMethod.PORTFOLIO if account.margin_type == _PORTFOLIO_MARGIN else MarginMethod.REG_T
    title = account.nickname or f"Tastytrade {account.account_type}".strip()
    return AccountInfo(
        BrokerName.TASTYTRADE, account_id, mode, title, may_trade, margin_method=method if account.margin_type else None
    )
