"""Accounts and their money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from models.enums import BrokerName, MarginMethod, Mode
from models.ids import AccountId


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """An account as the broker names it. `may_trade` is False for one opened read-only.

    `margin_method`: None = the broker did not say.
    """

    broker: BrokerName
    account_id: AccountId
    mode: Mode
    title: str
    may_trade: bool
    margin_method: MarginMethod | None = None


@dataclass(frozen=True, slots=True)
class AccountValues:
    """An account's money at one instant, US dollars; None = the broker did not say."""

    account_id: AccountId
    at_utc: datetime
    net_liquidation: Decimal | None
    cash_balance: Decimal | None
    buying_power: Decimal | None
    initial_margin: Decimal | None
    maintenance_margin: Decimal | None
    day_pnl: Decimal | None = None

    @property
    def margin_used_pct(self) -> float | None:
        """Maintenance margin as per cent of net liquidation; None when either is unknown or there is no equity."""
        if self.maintenance_margin is None or self.net_liquidation is None or self.net_liquidation <= 0:
            return None
        return float(self.maintenance_margin / self.net_liquidation * 100)
