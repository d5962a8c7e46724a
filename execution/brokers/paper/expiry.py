"""Carries the paper market over its appointments: session closes and expiries, each at its own instant."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from execution.brokers.paper.accounts import Book, BookChange, Booking, Holding
from execution.brokers.paper.exchange import PaperExchange, touched
from execution.brokers.paper.market import MarketSource
from execution.brokers.paper.reporter import Reporter
from execution.brokers.paper.rows import StoredExecution
from execution.brokers.paper.sessions import last_close_utc
from execution.brokers.paper.settlement import expired, settle
from execution.brokers.paper.store import PaperStore, StoreChange
from execution.brokers.paper.valuation import Valuation
from execution.storage import SessionCalendar
from models.contract import Contract, underlying_contract
from models.enums import Delivery
from models.ids import ContractKey

_log = logging.getLogger(__name__)


class Appointments:
    """Advances the market instant by instant, so that every settlement price is the level at that instant."""

    def __init__(
        self,
        *,
        market: MarketSource,
        store: PaperStore,
        book: Book,
        valuation: Valuation,
        exchange: PaperExchange,
        reporter: Reporter,
        calendar: SessionCalendar,
    ) -> None:
        self._market = market
        self._store = store
        self._book = book
        self._valuation = valuation
        self._exchange = exchange
        self._reporter = reporter
        self._calendar = calendar
        self._unsettled: set[ContractKey] = set()

    def keep_until(self, from_utc: datetime, to_utc: datetime) -> None:
        """Moves the market from one instant to another and does on the way all that falls due."""
        due = expired(self._book.holdings(), to_utc)
        ends = {
            o.day_ends_utc for o in self._exchange.working if o.day_ends_utc is not None and o.day_ends_utc <= to_utc
        }
        close = last_close_utc(self._calendar, to_utc)
        closes = {close} if close is not None and close > from_utc else set()
        for at_utc in sorted({*due, *ends, *closes}):
            self._market.advance(max(at_utc, from_utc))
            self._valuation.refresh(self._exchange.contracts, at_utc)
            self._exchange.close_session(at_utc)
            if at_utc in due or at_utc in ends:
                self._settle(at_utc)
            if at_utc in closes:
                self._start_day(at_utc)
        self._market.advance(to_utc)

    def _settle(self, at_utc: datetime) -> None:
        """Settles in one transaction what expires at one instant, fills of the close itself included."""
        stored: list[StoredExecution] = []
        serial = self._store.next_execution_serial()
        for holding in self._book.holdings():
            if holding.contract.expires_at_utc != at_utc:
                continue
            level = self._market.level(holding.contract.underlying)
            if level is None:
                self._postpone(holding, at_utc)
                continue
            executions = settle(holding, level, self._deliverable(holding.contract), at_utc, serial + len(stored))
            stored += [StoredExecution(execution, Decimal(0), at_utc) for execution in executions]
        if not stored:
            return
        change = self._book.after([Booking(item.execution, item.fee) for item in stored])
        self._store.commit(StoreChange(at_utc, change, (), tuple(stored)))
        self._book.adopt(change)
        self._valuation.bump(touched(stored))
        self._reporter.settlement(stored, at_utc)

    def _postpone(self, holding: Holding, at_utc: datetime) -> None:
        """Says once that a holding cannot settle: its underlying is not in this market."""
        key = holding.contract.key
        if key in self._unsettled:
            return
        self._unsettled.add(key)
        what = f"{holding.contract.label} expired, but this market has no level of {holding.contract.underlying}."
        _log.warning("%s It stays on the books.", what)
        self._reporter.odd("settlement", what, at_utc)

    def _deliverable(self, contract: Contract) -> Contract | None:
        if contract.delivery is not Delivery.UNDERLYING:
            return None
        return self._market.resolve(ContractKey(contract.underlying)) or underlying_contract(contract.underlying)

    def _start_day(self, at_utc: datetime) -> None:
        """Takes net liquidation at the close as the base of the next day's profit and loss."""
        self._valuation.refresh_holdings(at_utc)
        accounts = tuple(
            replace(
                account,
                day_base_net_liq=self._book.net_liquidation(account.account_id, self._valuation.marks),
                day_base_at_utc=at_utc,
            )
            for account in self._book.accounts
        )
        change = BookChange(accounts)
        self._store.commit(StoreChange(at_utc, change))
        self._book.adopt(change)
