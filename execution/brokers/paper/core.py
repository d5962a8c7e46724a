"""The paper broker without the wire: market, books, exchange and outbox, put together and stepped."""

from __future__ import annotations

import json
import logging
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from execution.brokers.paper.accounts import Book, BookChange, LedgerAccount
from execution.brokers.paper.exchange import PaperExchange
from execution.brokers.paper.expiry import Appointments
from execution.brokers.paper.faults import CancelBehavior, FaultScript
from execution.brokers.paper.link import rejected
from execution.brokers.paper.margining import Margining
from execution.brokers.paper.market import MarketSource
from execution.brokers.paper.matching import package_quote
from execution.brokers.paper.orders import PaperOrder, net_tick_rule, refusal
from execution.brokers.paper.outbox import Outbox
from execution.brokers.paper.quote_feed import QuoteFeed
from execution.brokers.paper.reporter import Reporter
from execution.brokers.paper.sample_book import SampleBook, seed_sample_book
from execution.brokers.paper.sessions import is_open, next_close_utc
from execution.brokers.paper.settings import PaperSettings
from execution.brokers.paper.store import PaperStore, StoreChange
from execution.brokers.paper.valuation import Valuation
from execution.brokers.paper.whatif import Question, WhatIfEngine
from execution.brokers.port import AccountEvent, BrokerSnapshot, PositionsEvent, QuotesEvent
from execution.storage import SessionCalendar
from models.account import AccountValues
from models.enums import OrderStatus, OrderType, TimeInForce
from models.ids import AccountId
from models.order import Order

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class PaperCore:
    """One opened paper market. Engine thread only; every method works at the time it is given."""

    market: MarketSource
    store: PaperStore
    book: Book
    valuation: Valuation
    exchange: PaperExchange
    appointments: Appointments
    reporter: Reporter
    outbox: Outbox
    feed: QuoteFeed
    what_ifs: WhatIfEngine
    settings: PaperSettings
    faults: FaultScript
    calendar: SessionCalendar
    now_utc: datetime
    _accounts_due_utc: datetime
    _market_saved_utc: datetime
    _told_values: dict[AccountId, AccountValues] = field(default_factory=dict)
    _told_versions: dict[AccountId, int] = field(default_factory=dict)

    def step(self, now_utc: datetime) -> None:
        """Moves everything to `now_utc`: appointments on the way, quotes, fills, account figures."""
        elapsed_s = (now_utc - self.now_utc).total_seconds()
        self.appointments.keep_until(self.now_utc, now_utc)
        sent = self.feed.take()
        quotes = self.valuation.refresh((*sent, *self.exchange.contracts), now_utc)
        self.outbox.post(QuotesEvent(quotes[: len(sent)]), now_utc, lane="quotes")
        for odd in self.faults.take_odd():
            self.outbox.post(odd, now_utc, lane="odd")
        self.exchange.run(now_utc, elapsed_s)
        self.now_utc = now_utc
        self._tell_accounts(now_utc)
        if now_utc - self._market_saved_utc >= timedelta(seconds=self.settings.market_state_interval_s):
            self.save_market()

    def snapshot(self, now_utc: datetime) -> BrokerSnapshot:
        """Returns everything a reconcile needs, from what is committed."""
        self.valuation.refresh_holdings(now_utc)
        since = now_utc - timedelta(days=self.settings.history_days)
        ids = self.book.account_ids
        return BrokerSnapshot(
            at_utc=now_utc,
            accounts=tuple(self.valuation.account_values(account_id, now_utc) for account_id in ids),
            positions=tuple(p for account_id in ids for p in self.valuation.positions(account_id, now_utc)),
            open_orders=tuple(order.report() for order in self.exchange.working),
            completed_orders=tuple(order.report() for order in self.store.done_orders(since)),
            executions=tuple(stored.as_known_at(now_utc) for stored in self.store.executions(since)),
            executions_since_utc=since,
        )

    def question(self, order: Order, now_utc: datetime) -> Question:
        """Returns the what-if question of an order; raises BrokerFailure(REJECTED) where it is refused unasked."""
        why = self._unsound(order, now_utc)
        if why is not None:
            raise rejected(why)
        self.valuation.refresh((leg.contract for leg in order.legs), now_utc)
        warnings: list[str] = []
        if self.settings.session_hours and not is_open(self.calendar, now_utc):
            warnings.append("The exchange is closed: the order would begin with the next session.")
        return self.what_ifs.ask(self.draft(order, now_utc), now_utc, warnings)

    def require_market(self, order: Order) -> None:
        """Raises BrokerFailure(REJECTED) for a market order that would fill at any price; its quotes must be fresh."""
        if order.order_type is OrderType.MARKET and package_quote(order.legs, self.valuation.quotes) is None:
            raise rejected("No two-sided market: a market order would fill at any price.")

    def price_refusal(self, order: PaperOrder, limit_price: Decimal, now_utc: datetime) -> str | None:
        """Returns why a working order may not have another limit price."""
        return refusal(order.legs, order.order_type, limit_price, order.tif, now_utc, net_tick_rule(order.legs))

    def refuses_cancel(self, order: PaperOrder) -> bool:
        """Whether the fault script refuses to cancel an order."""
        return self.faults.of(order.order_id).cancel is CancelBehavior.REFUSED

    def draft(self, order: Order, now_utc: datetime) -> PaperOrder:
        """Returns an order as the exchange would accept it now."""
        dies = order.tif is TimeInForce.DAY or order.order_type is OrderType.MARKET_ON_CLOSE
        return PaperOrder(
            serial=0,
            order_id=order.id,
            account_id=order.account_id,
            legs=tuple(replace(leg, greeks=None) for leg in order.legs),
            order_type=order.order_type,
            limit_price=order.limit_price,
            tif=order.tif,
            status=OrderStatus.PENDING,
            filled_packages=0,
            fills=0,
            submitted_at_utc=now_utc,
            works_from_utc=now_utc + timedelta(seconds=self.settings.ack_delay_s),
            day_ends_utc=next_close_utc(self.calendar, now_utc) if dies else None,
            changed_at_utc=now_utc,
        )

    def save_market(self) -> None:
        """Saves the market's state, so that its paths go on after a restart."""
        state = json.dumps(self.market.state())
        self.store.commit(StoreChange(self.now_utc, facts=(("market_state", state),)))
        self._market_saved_utc = self.now_utc

    def _unsound(self, order: Order, now_utc: datetime) -> str | None:
        if self.book.account(order.account_id) is None:
            return f"There is no paper account {order.account_id}."
        for leg in order.legs:
            if self.market.resolve(leg.contract.key) is None:
                return f"{leg.contract.label} is not listed in the {self.market.label}."
        if not order.legs:
            return "An order needs at least one leg."
        return refusal(order.legs, order.order_type, order.limit_price, order.tif, now_utc, net_tick_rule(order.legs))

    def _tell_accounts(self, now_utc: datetime) -> None:
        """Sends positions at once when they changed, account figures about every second when they changed."""
        changed = [
            a for a in self.book.account_ids if self.valuation.versions.get(a, 0) != self._told_versions.get(a, 0)
        ]
        if now_utc < self._accounts_due_utc and not changed:
            return
        self.valuation.refresh_holdings(now_utc)
        for account_id in changed:
            self._told_versions[account_id] = self.valuation.versions[account_id]
            positions = self.valuation.positions(account_id, now_utc)
            self.outbox.post(PositionsEvent(account_id, positions), now_utc, lane="account")
        for account_id in self.book.account_ids:
            values = self.valuation.account_values(account_id, now_utc)
            told = self._told_values.get(account_id)
            if told is None or replace(told, at_utc=now_utc) != values:
                self._told_values[account_id] = values
                self.outbox.post(AccountEvent(values), now_utc, lane="account")
        self._accounts_due_utc = now_utc + timedelta(seconds=self.settings.account_interval_s)


def open_core(
    *,
    market: MarketSource,
    store_path: Path,
    settings: PaperSettings,
    faults: FaultScript,
    calendar: SessionCalendar,
    sample_book: SampleBook | None,
    executor: Executor | None,
    now_utc: datetime,
) -> PaperCore:
    """Opens a paper market: restores its state, settles what expired since, opens accounts in a new store.

    Raises PaperStoreError when the store cannot be used.
    """
    store = PaperStore(store_path, environment=market.environment)
    try:
        last_utc = _begin(market, store, settings, sample_book, now_utc)
        now_utc = max(now_utc, last_utc)
        core = _assemble(market, store, settings, faults, calendar, executor, now_utc)
        core.appointments.keep_until(last_utc, now_utc)
        core.valuation.refresh_holdings(now_utc)
        for stored in store.fees_due_after(now_utc):
            core.reporter.fee(stored)
        core.save_market()
    except BaseException:
        store.close()
        raise
    return core


def _begin(
    market: MarketSource, store: PaperStore, settings: PaperSettings, sample_book: SampleBook | None, now_utc: datetime
) -> datetime:
    """Brings market and store to where they stopped, a new store to its first state; returns that instant."""
    last_utc = store.last_seen_utc()
    if last_utc is not None and store.accounts():
        _restore(market, store)
        return last_utc
    market.advance(now_utc)
    store.commit(_first_state(market, settings, sample_book, now_utc))
    return now_utc


def _assemble(
    market: MarketSource,
    store: PaperStore,
    settings: PaperSettings,
    faults: FaultScript,
    calendar: SessionCalendar,
    executor: Executor | None,
    now_utc: datetime,
) -> PaperCore:
    book, outbox = Book(store.accounts(), store.holdings()), Outbox()
    margining = Margining(market, {a.account_id: a.margin_method for a in settings.accounts}, executor=executor)
    reporter, valuation = Reporter(outbox, settings, faults), Valuation(market, book, margining)
    exchange = PaperExchange(
        store=store,
        book=book,
        valuation=valuation,
        settings=settings,
        faults=faults,
        reporter=reporter,
        calendar=calendar,
    )
    appointments = Appointments(
        market=market,
        store=store,
        book=book,
        valuation=valuation,
        exchange=exchange,
        reporter=reporter,
        calendar=calendar,
    )
    return PaperCore(
        market=market,
        store=store,
        book=book,
        valuation=valuation,
        exchange=exchange,
        appointments=appointments,
        reporter=reporter,
        outbox=outbox,
        feed=QuoteFeed(market, per_tick=int(settings.max_quotes_per_s * settings.quote_interval_s)),
        what_ifs=WhatIfEngine(book, valuation, margining, settings.commissions, settings.enforce_buying_power),
        settings=settings,
        faults=faults,
        calendar=calendar,
        now_utc=now_utc,
        _accounts_due_utc=now_utc,
        _market_saved_utc=now_utc,
    )


def _restore(market: MarketSource, store: PaperStore) -> None:
    """Continues the market's paths where they were saved; a state it cannot read starts them anew, and says so."""
    state = store.market_state()
    if state is None:
        return
    try:
        market.restore(state)
    except ValueError as error:
        _log.warning("the paper market starts anew, its saved state does not fit: %s", error)


def _first_state(
    market: MarketSource, settings: PaperSettings, sample_book: SampleBook | None, now_utc: datetime
) -> StoreChange:
    """Returns the accounts of a new store, the first one with the sample book if one is given."""
    accounts = tuple(
        LedgerAccount(a.account_id, a.title, a.starting_cash, a.starting_cash, a.starting_cash, now_utc)
        for a in settings.accounts
    )
    if sample_book is None:
        return StoreChange(now_utc, BookChange(accounts))
    seeded = seed_sample_book(sample_book, market, settings, now_utc, account=settings.accounts[0])
    book = BookChange((*seeded.book.accounts, *accounts[1:]), seeded.book.holdings)
    return replace(seeded, book=book)
