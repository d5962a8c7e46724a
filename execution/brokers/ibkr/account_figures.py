"""An account's money out of TWS's account values: one base currency, dollars or nothing."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from execution.brokers.ibkr.facts import DAY_PNL, AccountValueFact
from models.account import AccountValues
from models.ids import AccountId

DOLLARS: Final = "USD"
_NET: Final = "NetLiquidation"
_CASH: Final = "TotalCashValue"
#: TWS's own `BuyingPower` is what shares could be bought for on margin, up to four times what is there. Options are not
#: bought on margin and a package must find its initial margin in the available funds (equity with loan value less
#: initial margin), which is also what paper accounts and what-if answers call buying power here. Without them it is
#: unknown: the larger figure would promise what TWS then refuses.
_ROOM: Final = "AvailableFunds"
#: What is enforced now, and what the available funds and what-ifs are worked out with; the `Full...` figures lack the
#: day's discounts and stand in where TWS tells nothing else.
_INITIAL: Final = ("InitMarginReq", "FullInitMarginReq")
_MAINTENANCE: Final = ("MaintMarginReq", "FullMaintMarginReq")
_READY: Final = "AccountReady"
_KEPT: Final = frozenset({_NET, _CASH, _ROOM, DAY_PNL, *_INITIAL, *_MAINTENANCE})
#: TWS's unset number is 1.797e308.
_ABSURD: Final = Decimal("1e15")
_CENT: Final = Decimal("0.01")
#: Written where a figure has no currency of its own.
_NO_CURRENCY: Final = frozenset({"", "BASE"})


class AccountFigures:
    """The newest value of each figure of one account."""

    def __init__(self, account_id: AccountId) -> None:
        self._account_id = account_id
        self._values: dict[str, Decimal | None] = {}
        self._base = ""
        self._is_ready = True
        self._told: AccountValues | None = None

    @property
    def base_currency(self) -> str:
        """The account's currency; empty while TWS has not told it."""
        return self._base

    def take(self, fact: AccountValueFact) -> bool:
        """Takes a figure; True when it may have changed what is told."""
        if fact.key == _READY:
            was_ready, self._is_ready = self._is_ready, fact.value.strip().lower() != "false"
            return self._is_ready and not was_ready
        if fact.key not in _KEPT:
            return False
        if fact.key == _NET and fact.currency not in _NO_CURRENCY:
            self._base = fact.currency
        value = _number(fact.value)
        if fact.key in self._values and self._values[fact.key] == value:
            return False
        self._values[fact.key] = value
        return True

    def values(self, at_utc: datetime) -> AccountValues:
        """Returns the money as of `at_utc`, dollars; all None where the account is not kept in dollars.

        While TWS says that its figures are not ready (after its server was reset) those of before stand, with their
        time.
        """
        if not self._is_ready:
            return self._told or self._unknown(at_utc)
        if self._base != DOLLARS:
            return self._unknown(at_utc)
        self._told = AccountValues(
            account_id=self._account_id,
            at_utc=at_utc,
            net_liquidation=self._values.get(_NET),
            cash_balance=self._values.get(_CASH),
            buying_power=self._values.get(_ROOM),
            initial_margin=self._first(_INITIAL),
            maintenance_margin=self._first(_MAINTENANCE),
            day_pnl=_cents(self._values.get(DAY_PNL)),
        )
        return self._told

    def _first(self, keys: tuple[str, ...]) -> Decimal | None:
        return next((value for key in keys if (value := self._values.get(key)) is not None), None)

    def _unknown(self, at_utc: datetime) -> AccountValues:
        return AccountValues(self._account_id, at_utc, None, None, None, None, None)


def _cents(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(_CENT)


def _number(text: str) -> Decimal | None:
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value) < _ABSURD else None
