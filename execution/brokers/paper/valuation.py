"""Quotes as the paper broker last saw them, the marks it values holdings at, and account figures."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from execution.brokers.paper.accounts import Book, Holding
from execution.brokers.paper.margin_methods import Margin
from execution.brokers.paper.margining import Margining
from execution.brokers.paper.market import MarketSource
from models.account import AccountValues
from models.contract import Contract
from models.enums import BrokerName
from models.ids import AccountId, ContractKey
from models.position import UnifiedPosition
from models.quote import Quote


class Valuation:
    """Keeps the newest quote and mark per contract. A contract that lost its quote keeps its last mark."""

    def __init__(self, market: MarketSource, book: Book, margining: Margining) -> None:
        self._market = market
        self._book = book
        self._margining = margining
        self.quotes: dict[ContractKey, Quote] = {}
        self.marks: dict[ContractKey, Decimal] = {}
        #: Rises per account with every change of its holdings.
        self.versions: dict[AccountId, int] = {}

    def refresh(self, contracts: Iterable[Contract], now_utc: datetime) -> tuple[Quote, ...]:
        """Asks the market for the quotes of `contracts`; returns them, newest marks taken over."""
        wanted = list({contract.key: contract for contract in contracts}.values())
        quotes = self._market.quotes(wanted, now_utc) if wanted else []
        for quote in quotes:
            self.quotes[quote.key] = quote
            if quote.mark is not None:
                self.marks[quote.key] = quote.mark
        quoted = {quote.key for quote in quotes if quote.mark is not None}
        for symbol in {contract.underlying for contract in wanted}:
            level = self._market.level(symbol)
            if level is not None and symbol not in quoted:
                self.marks[ContractKey(symbol)] = level
        return tuple(quotes)

    def refresh_holdings(self, now_utc: datetime) -> None:
        """Renews the marks of everything held."""
        self.refresh((holding.contract for holding in self._book.holdings()), now_utc)

    def bump(self, account_ids: Iterable[AccountId]) -> None:
        """Notes that the holdings of these accounts changed."""
        for account_id in account_ids:
            self.versions[account_id] = self.versions.get(account_id, 0) + 1

    def margin(self, account_id: AccountId, now_utc: datetime) -> Margin | None:
        """Returns the account's margin, at most about a second old."""
        version = self.versions.get(account_id, 0)
        return self._margining.current(account_id, version, self._book.holdings(account_id), self.marks, now_utc)

    def account_values(self, account_id: AccountId, now_utc: datetime) -> AccountValues:
        """Returns the account's figures at the newest marks."""
        net = self._book.net_liquidation(account_id, self.marks)
        margin = self.margin(account_id, now_utc)
        account = self._book.account(account_id)
        base = None if account is None else account.day_base_net_liq
        return AccountValues(
            account_id=account_id,
            at_utc=now_utc,
            net_liquidation=net,
            cash_balance=self._book.cash(account_id),
            buying_power=None if margin is None else net - margin.initial,
            initial_margin=None if margin is None else margin.initial,
            maintenance_margin=None if margin is None else margin.maintenance,
            day_pnl=None if base is None else net - base,
        )

    def positions(self, account_id: AccountId, now_utc: datetime) -> tuple[UnifiedPosition, ...]:
        """Returns the account's holdings as the port tells them."""
        return tuple(self._position(holding, now_utc) for holding in self._book.holdings(account_id))

    def _position(self, holding: Holding, now_utc: datetime) -> UnifiedPosition:
        quote = self.quotes.get(holding.contract.key)
        return UnifiedPosition(
            broker=BrokerName.PAPER,
            account_id=holding.account_id,
            contract=holding.contract,
            quantity=holding.quantity,
            average_price=holding.average_price,
            previous_close=None if quote is None else quote.previous_close,
            at_utc=now_utc,
        )
