"""The money path to Tastytrade: dry runs, sending, changing and cancelling orders, and what Tastytrade says of them.

Every request leaves at most once. Tastytrade does not deduplicate, so a request without an answer is looked for by our
id in its orders and never sent again. Alerts for an order routinely come before the answer to its request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from execution.brokers.port import BrokerEvent, BrokerOrder, WhatIf
from execution.brokers.tastytrade import order_failures as failures
from execution.brokers.tastytrade.closings import working_closings
from execution.brokers.tastytrade.executions import FillBook
from execution.brokers.tastytrade.facts import TastyOrder
from execution.brokers.tastytrade.order_book import Claim, OrderBook
from execution.brokers.tastytrade.order_listing import LOOK_BACK, History, LastKnown, Lister, is_waiting_for_fills
from execution.brokers.tastytrade.order_record import OrderRecord
from execution.brokers.tastytrade.order_teller import Contracts, Teller
from execution.brokers.tastytrade.order_watch import Watch
from execution.brokers.tastytrade.settings import TastySettings
from execution.brokers.tastytrade.tasty_orders import (
    CONTINGENT,
    Instrument,
    changed_draft,
    check_price,
    check_sendable,
    draft_of,
    underlying_of,
)
from execution.brokers.tastytrade.what_if import ask_what_if
from execution.brokers.tastytrade.wire_port import TastyOrderDraft, TastyWire
from execution.orders.wording import terms_of
from models.clock import Clock
from models.enums import InstrumentKind, Mode
from models.errors import BrokerFailure, FailureKind, InvalidInput
from models.ids import AccountId, BrokerOrderId, ContractKey, OrderId
from models.order import Order
from models.order_status import TERMINAL
from models.trade import Execution

#: With the submit's own limit (12 s) this stays below the order manager's patience (15 s).
_BEFORE_SENDING_S: Final = 2.5
#: An order that left a moment ago may not be listed yet.
_FIND_TRIES: Final = 3
#: Bought and sold without a word on opening or closing.
_FUTURE: Final = InstrumentKind.FUTURE

Positions = Callable[[AccountId], Mapping[ContractKey, Decimal] | None]
#: Contracts of an account whose positions do not hold the fills told yet.
Unsettled = Callable[[AccountId], Collection[ContractKey]]


@dataclass(frozen=True, slots=True)
class OrdersSnapshot:
    """Orders and executions as Tastytrade tells them now; executions newest revision, fee where known."""

    open_orders: tuple[BrokerOrder, ...]
    completed_orders: tuple[BrokerOrder, ...]
    executions: tuple[Execution, ...]
    executions_since_utc: datetime


class OrderDesk:
    """Orders of one login. Engine thread only; alerts come by `take`, in Tastytrade's order, from one task."""

    def __init__(
        self,
        *,
        wire: Callable[[], TastyWire],
        catalog: Contracts,
        positions: Positions,
        accounts: Callable[[], Collection[AccountId]],
        clock: Clock,
        settings: TastySettings,
        emit: Callable[[BrokerEvent], None],
        unsettled: Unsettled = lambda _: (),
        last_known: LastKnown | None = None,
        look_after_s: float = 1.0,
        fees_after_s: float = 1.0,
    ) -> None:
        """`positions`: signed quantity held per contract, None when not known; `accounts`: those shown.

        `last_known`: until when the desk knows an account already (None = never seen it), read at the first need.
        `look_after_s`, `fees_after_s`: pauses before a doubt is followed and before fees are read.
        """
        self._wire = wire
        self._catalog = catalog
        self._positions = positions
        self._unsettled = unsettled
        self._accounts = accounts
        self._clock = clock
        self._settings = settings
        self._look_after_s = look_after_s
        #: Counts what the desk reconciles for: what was prepared before does not leave afterwards.
        self._links = 0
        self._history = History(clock=clock, last_known=last_known)
        self._fills = FillBook()
        self._book = OrderBook(self._fills)
        self._teller = Teller(
            contracts=catalog,
            book=self._book,
            fills=self._fills,
            clock=clock,
            accounts=accounts,
            since_utc=self._history.since_utc,
            emit=emit,
        )
        self._lister = Lister(
            wire=wire,
            book=self._book,
            fills=self._fills,
            teller=self._teller,
            clock=clock,
            accounts=accounts,
            since_utc=self._history.since_utc,
        )
        self._watch = Watch(
            lister=self._lister,
            teller=self._teller,
            book=self._book,
            fills=self._fills,
            clock=clock,
            look_after_s=look_after_s,
            fees_after_s=fees_after_s,
        )

    # --- questions ----------------------------------------------------------------------------------------------------

    async def simulate(self, order: Order) -> WhatIf:
        """Returns Tastytrade's dry run; refusals and silence are answers. BrokerFailure when it could not be asked."""
        check_sendable(order)
        wire = self._wire()
        return await ask_what_if(wire, order.account_id, await self._draft(order), underlying_of(order.legs))

    async def snapshot(self) -> OrdersSnapshot:
        """Returns everything Tastytrade tells of orders and executions; BrokerFailure when a part is not answered."""
        self.hold_back()
        mentioned = await self._watch.look()
        working: list[BrokerOrder] = []
        ended: list[BrokerOrder] = []
        for case in self._book.cases():
            is_there = any(record.order_id in mentioned or record.has_ended for record in case.records)
            found = await self._teller.describe(case) if is_there and self._teller.is_news(case) else None
            if found is not None:
                (ended if found[1].status in TERMINAL else working).append(found[1])
        executions = [
            await self._teller.execution(fill, with_fee=True, must_answer=True)
            for fill in self._fills.all()
            if self._teller.is_told(fill) and AccountId(fill.account_number) in self._accounts()
        ]
        now = self._clock.now_utc()
        return OrdersSnapshot(
            open_orders=tuple(working),
            completed_orders=tuple(ended),
            executions=tuple(each for each in executions if each is not None),
            executions_since_utc=min((self._history.since_utc(each) for each in self._accounts()), default=now),
        )

    async def find_orders(self, order_ids: Collection[OrderId]) -> tuple[BrokerOrder, ...]:
        """Returns what Tastytrade knows of our orders, whoever it says they are from.

        Looks several times for what left in this session, and once far back for what no recent list holds.
        """
        wanted = tuple(dict.fromkeys(order_ids))
        self._book.ask_for(wanted)
        await self._watch.look()
        for attempt in range(1, _FIND_TRIES):
            if not any(self._is_missing(each) for each in wanted):
                break
            await asyncio.sleep(self._look_after_s * attempt)
            await self._lister.ask_orders()
        if any(not self._book.chain(each) for each in wanted):
            await self._lister.ask_orders(since=LOOK_BACK)
        await self._teller.tell_all()
        found: list[BrokerOrder] = []
        for order_id in wanted:
            chain = self._book.chain(order_id)
            told = await self._teller.describe(self._book.case_of(chain[0])) if chain else None
            if told is not None:
                found.append(told[1])
        return tuple(found)

    def _is_missing(self, order_id: OrderId) -> bool:
        claim = self._book.claim_of(order_id)
        return claim is not None and claim.has_left and not self._book.chain(order_id)

    # --- sending ------------------------------------------------------------------------------------------------------

    async def submit(self, order: Order) -> BrokerOrderId:
        """Sends the order once and returns Tastytrade's id.

        REJECTED: a decoded refusal. `outcome_unknown`: it left and nobody knows; it is never sent again. OFFLINE
        without that: it did not leave.
        """
        self._require_trading(order.account_id)
        check_sendable(order)
        if self._is_known(order.id):
            raise _sent_before(order)
        claim, may_leave = self._book.claim(order), self._on_this_link()
        try:
            wire, draft = await self._ready_to_send(order)
            if self._book.chain(order.id):
                raise _sent_before(order)
            claim.draft = draft
            claim.has_left = True
            accepted = await self._place(wire, claim, draft, may_leave)
        finally:
            if not claim.has_left:
                self._book.forget(order.id)
        self._book.bind(accepted.order_id, order.id)
        await self.take(accepted)
        return BrokerOrderId(accepted.order_id)

    async def _place(
        self, wire: TastyWire, claim: Claim, draft: TastyOrderDraft, may_leave: Callable[[], bool]
    ) -> TastyOrder:
        """Hands the draft to the wire; what is not clear is looked for in the background."""
        what = terms_of(claim.order)
        try:
            return await wire.place(claim.order.account_id, draft, may_leave=may_leave)
        except BrokerFailure as error:
            if failures.is_unproven(error):
                claim.is_doubted = True
                self._watch.look_soon()
                raise failures.not_known(error, what) from error
            if self._book.chain(claim.order.id):
                # An alert has shown it: it is there, whatever the answer says.
                self._watch.look_soon()
                raise failures.not_known(error, what) from error
            claim.has_left = False
            raise failures.refused_by(error, "Tastytrade refused the order") from error
        except BaseException:
            claim.is_doubted = True
            self._watch.look_soon()
            raise

    def _is_known(self, order_id: OrderId) -> bool:
        return self._book.claim_of(order_id) is not None or bool(self._book.chain(order_id))

    async def _ready_to_send(self, order: Order) -> tuple[TastyWire, TastyOrderDraft]:
        """Everything before the wire. Tastytrade is asked what it has once per link, so that nothing goes twice."""
        what = terms_of(order)
        try:
            async with asyncio.timeout(_BEFORE_SENDING_S):
                wire = self._wire()
                if not self._lister.has_listed:
                    await self._watch.look()
                draft = await self._draft(order)
        except InvalidInput as error:
            raise failures.refused(f"{what} was not sent: {error}") from error
        except BrokerFailure as error:
            if error.kind in (FailureKind.UNSUPPORTED, FailureKind.AUTH, FailureKind.REJECTED):
                raise
            raise failures.not_sent(what, error) from error
        except TimeoutError as error:
            why = f"Tastytrade did not answer within {_BEFORE_SENDING_S:g} s what had to be asked first."
            raise failures.not_sent(what, why) from error
        if self._wire() is not wire:
            raise failures.not_sent(what, "the connection to Tastytrade changed meanwhile.")
        return wire, draft

    async def _draft(self, order: Order) -> TastyOrderDraft:
        instruments = [Instrument(*await self._catalog.symbol_of(leg.contract)) for leg in order.legs]
        # Read last: what is held decides between opening and closing.
        held = self._positions(order.account_id)
        if held is None:
            why = "what the account holds is not known, so opening and closing cannot be told apart."
            raise failures.not_sent(terms_of(order), why)
        self._require_settled(order)
        closings = working_closings(
            self._book, self._fills, order.account_id, but=order.id, with_doubts=self._watch.is_looking
        )
        return draft_of(order, instruments, held, closings)

    def _require_settled(self, order: Order) -> None:
        """A fill that the positions do not hold yet may turn an opening leg into a closing one, and the other way."""
        moving = self._unsettled(order.account_id)
        legs = [leg for leg in order.legs if leg.contract.key in moving and leg.contract.kind is not _FUTURE]
        if legs:
            names = ", ".join(leg.contract.label for leg in legs)
            why = f"the position in {names} does not hold its last fills yet, so opening and closing"
            text = f"{terms_of(order)} was not sent: {why} cannot be told apart."
            raise failures.refused(text, cure="Try again in some seconds.")

    # --- changing -----------------------------------------------------------------------------------------------------

    async def cancel(self, order: Order) -> None:
        """Asks to cancel every incarnation that works, each once. REJECTED: it is not cancelled.

        Also in an account that is not marked for trading any more: an order of ours must never stay out of reach.
        """
        chain = await self._ours(order, "cancelled")
        what = terms_of(order)
        targets = [record for record in chain if not record.has_ended and not self._book.is_complete(record)]
        if not targets:
            raise failures.refused(f"{what} has ended: there is nothing to cancel.")
        wire = self._wire()
        refusals: list[BrokerFailure] = []
        unknown: BrokerFailure | None = None
        for record in targets:
            try:
                await wire.cancel(record.account_number, record.order_id)
            except BrokerFailure as error:
                if failures.is_unproven(error):
                    unknown = error
                else:
                    refusals.append(error)
            else:
                record.is_cancel_sent = True
        if unknown is not None:
            self._watch.look_soon()
            raise failures.not_known(unknown, f"the cancel of {what}") from unknown
        if refusals:
            self._watch.look_soon()
        if len(refusals) == len(targets):
            raise failures.refused_by(refusals[-1], "Tastytrade did not cancel the order") from refusals[-1]

    async def replace(self, order: Order, limit_price: Decimal) -> None:
        """Asks for another price, once: a new order takes over when Tastytrade says so, unless a fill was faster."""
        self._require_trading(order.account_id)
        check_price(order.legs, limit_price)
        may_leave = self._on_this_link()
        chain = await self._ours(order, "changed")
        what = terms_of(order)
        current = self._book.current(self._book.case_of(chain[0]))
        if current.has_ended or self._book.is_complete(current):
            text = f"{what} is not among Tastytrade's working orders: its price cannot be changed."
            raise failures.refused(text, cure="Check the order.")
        is_pending = any(not each.has_ended and each.word == CONTINGENT for each in chain if each is not current)
        if current.is_being_replaced or is_pending:
            raise failures.refused(f"A new price of {what} is on its way.", cure="Wait for Tastytrade's answer.")
        draft = changed_draft(current.newest, order.id, limit_price)
        wire = self._wire()
        current.is_replacing = True
        try:
            heir = await wire.replace(current.account_number, current.order_id, draft, may_leave=may_leave)
            self._book.bind(heir.order_id, order.id)
            self._take(heir)
        except BrokerFailure as error:
            self._watch.look_soon()
            if failures.is_unproven(error):
                current.is_replace_doubted = True
                raise failures.not_known(error, f"the new price of {what}") from error
            raise failures.refused_by(error, "Tastytrade did not change the price") from error
        except BaseException:
            current.is_replace_doubted = True
            self._watch.look_soon()
            raise
        finally:
            current.is_replacing = False
        await self._tell(current)

    async def _ours(self, order: Order, done: str) -> tuple[OrderRecord, ...]:
        """Returns the incarnations of our order, REJECTED when it is not ours to touch."""
        chain = self._book.chain(order.id)
        if not chain:
            await self._watch.look()
            chain = self._book.chain(order.id)
        if chain:
            return chain
        known = self._book.record(order.broker_order_id or "")
        if known is not None:
            text = f"{terms_of(order)} was placed by another program: it cannot be {done} here."
            raise failures.refused(text, cure="Use Tastytrade's own app.")
        raise failures.refused(f"Tastytrade does not know {terms_of(order)}: it cannot be {done}.", cure="Check it.")

    # --- what Tastytrade says -----------------------------------------------------------------------------------------

    async def take(self, order: TastyOrder) -> None:
        """Takes an order as an alert or an answer tells it, and tells what is new."""
        await self._tell(self._take(order))

    def _take(self, order: TastyOrder) -> OrderRecord:
        self._fills.take_order(order)
        return self._book.take(order)

    async def _tell(self, record: OrderRecord) -> None:
        for fill in self._fills.of_order(record.order_id):
            await self._teller.tell_fill(fill)
        await self._teller.tell_order(record)
        if is_waiting_for_fills(record, self._book) or self._book.lost_heir(record):
            self._watch.look_soon()
        if any(fill.fee is None for fill in self._fills.of_order(record.order_id)):
            self._watch.fees_soon()

    async def look(self) -> None:
        """Reads everything again and tells what is new: what expired, and fees, come out of transactions only."""
        await self._watch.look()

    def look_soon(self) -> None:
        """Does so in a while, and until it succeeds or is known not to."""
        self._watch.look_soon()

    def link_lost(self) -> None:
        """Ends what is followed up: what left on this link is answered by the next snapshot."""
        self.hold_back()
        self._lister.link_lost()
        self._watch.stop()

    def hold_back(self) -> None:
        """Lets nothing leave any more that is being prepared: the desk reconciles, and decides anew."""
        self._links += 1

    @property
    def is_looking(self) -> bool:
        """Whether a doubt about an order is being followed up."""
        return self._watch.is_looking

    # --- within -------------------------------------------------------------------------------------------------------

    def _on_this_link(self) -> Callable[[], bool]:
        """Returns whether the link is still the present one, to be asked later."""
        links = self._links
        return lambda: self._links == links

    def _require_trading(self, account_id: AccountId) -> None:
        if self._settings.mode is Mode.LIVE and account_id not in self._settings.trading_accounts:
            text = f"{account_id} is not marked for trading: nothing was sent."
            raise failures.refused(text, cure="Mark it for trading in the settings.")


def _sent_before(order: Order) -> BrokerFailure:
    return failures.refused(f"{terms_of(order)} was sent before and is not sent again.", cure="Check the order.")
