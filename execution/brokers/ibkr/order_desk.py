"""The money path to TWS: what-if, sending, changing and cancelling orders, and what TWS says of them.

Every request leaves at most once. An order's state comes from TWS's own statuses, lists and executions; a refusing code
makes the desk look, and only absence proves the refusal of a new order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from execution.brokers.ibkr import failures
from execution.brokers.ibkr.error_codes import CodeKind, info_of
from execution.brokers.ibkr.executions import Fill, FillBook
from execution.brokers.ibkr.facts import (
    CommissionFact,
    ErrorFact,
    ExecutionFact,
    IbContract,
    OpenOrderFact,
    OrderStatusFact,
)
from execution.brokers.ibkr.order_answers import Answer, Answers, Verdict, judge_cancel, judge_replace, judge_submit
from execution.brokers.ibkr.order_book import OrderBook
from execution.brokers.ibkr.order_listing import Lister, Listing, executions_since_utc
from execution.brokers.ibkr.order_looking import Looker
from execution.brokers.ibkr.order_record import OrderRecord
from execution.brokers.ibkr.order_teller import Contracts, Teller
from execution.brokers.ibkr.settings import IbkrSettings
from execution.brokers.ibkr.what_if import what_if_of
from execution.brokers.ibkr.wire_orders import changed_order, check_sendable, wire_contract, wire_order
from execution.brokers.ibkr.wire_port import IbOrder, IbWire
from execution.brokers.port import BrokerEvent, BrokerOrder, WhatIf
from execution.orders.wording import terms_of
from models.clock import Clock
from models.enums import OrderStatus
from models.errors import BrokerFailure, InvalidInput
from models.ids import BrokerOrderId, OrderId
from models.order import Order
from models.trade import Execution

OrderFact = OpenOrderFact | OrderStatusFact | ExecutionFact | CommissionFact | ErrorFact
#: With the acknowledgement's own wait these stay below the order manager's patience with a submit (15 s).
_BEFORE_SENDING_S: Final = 3.0
_REFUSING: Final = (CodeKind.REFUSED, CodeKind.REQUEST_REFUSED, CodeKind.CHANGE_REFUSED)


@dataclass(frozen=True, slots=True)
class OrdersSnapshot:
    """Orders and executions as TWS tells them now; executions are of legs, newest revision, fee where known."""

    open_orders: tuple[BrokerOrder, ...]
    completed_orders: tuple[BrokerOrder, ...]
    executions: tuple[Execution, ...]
    executions_since_utc: datetime


class OrderDesk:
    """Orders of one TWS. Engine thread only; facts come by `take`, in TWS's order, from one task."""

    def __init__(
        self,
        *,
        wire: Callable[[], IbWire],
        catalog: Contracts,
        clock: Clock,
        settings: IbkrSettings,
        emit: Callable[[BrokerEvent], None],
        settle_s: float = 1.0,
        look_after_s: float = 1.0,
    ) -> None:
        """`settle_s`: how long statuses and fees may trail a list; `look_after_s`: pause before a doubt is followed."""
        self._wire = wire
        self._catalog = catalog
        self._clock = clock
        self._settings = settings
        self._book = OrderBook(settings.client_id)
        self._fills = FillBook()
        self._answers = Answers()
        #: How often the link was lost; 1100 loses it although the connection stands.
        self._losses = 0
        self._lister = Lister(wire=wire, book=self._book, fills=self._fills, settle_s=settle_s)
        self._teller = Teller(contracts=catalog, fills=self._fills, clock=clock, accounts=settings.accounts, emit=emit)
        self._looker = Looker(
            lister=self._lister, teller=self._teller, book=self._book, fills=self._fills, look_after_s=look_after_s
        )

    # --- questions ----------------------------------------------------------------------------------------------------

    async def simulate(self, order: Order) -> WhatIf:
        """Returns TWS's what-if; refusals and silence are answers. BrokerFailure when it could not be asked."""
        check_sendable(order)
        wire = self._wire()
        contract, sent = await self._prepare(order)
        return what_if_of(await wire.what_if(contract, sent))

    async def snapshot(self) -> OrdersSnapshot:
        """Returns everything TWS tells of orders and executions; BrokerFailure when a part of it stays unanswered."""
        listing = await self._lister.ask()
        if listing.missing is not None:
            raise listing.missing
        await self._lister.wait_for_fees()
        await self._looker.tell_all()
        working: list[BrokerOrder] = []
        ended: list[BrokerOrder] = []
        for record in self._book.records():
            is_listed = record.perm_id in listing.mentioned or record.has_ended
            told = await self._teller.describe(record) if is_listed and not record.is_refused else None
            if told is not None and record.has_ended:
                ended.append(told)
            elif told is not None and record.perm_id in listing.opened:
                working.append(told)
        executions = [
            await self._teller.execution(fill, with_fee=True, must_answer=True) for fill in self._fills.legs()
        ]
        return OrdersSnapshot(
            open_orders=tuple(working),
            completed_orders=tuple(ended),
            executions=tuple(each for each in executions if each is not None),
            executions_since_utc=executions_since_utc(self._clock.now_utc(), listing.executed, listing.zone),
        )

    async def find_orders(self, order_ids: Collection[OrderId]) -> tuple[BrokerOrder, ...]:
        """Returns what TWS knows of our orders; BrokerFailure when absence could not be proven for one of them."""
        listing = await self._looker.look()
        found: list[BrokerOrder] = []
        for order_id in dict.fromkeys(order_ids):
            mine: list[BrokerOrder] = []
            for record in self._book.of_ref(order_id):
                is_known = record.perm_id in listing.mentioned or record.has_ended
                told = await self._teller.describe(record) if is_known and not record.is_refused else None
                if told is not None:
                    mine.append(told)
            unproven = listing.why_unproven(order_id)
            if not mine and unproven is not None:
                raise unproven
            found += mine
        return tuple(found)

    # --- sending ------------------------------------------------------------------------------------------------------

    async def submit(self, order: Order) -> BrokerOrderId:
        """Sends the order once and returns TWS's permanent id.

        REJECTED: TWS refused it and, asked, has nothing of it. `outcome_unknown`: it left and nobody knows; it is never
        sent again. OFFLINE without that: it did not leave.
        """
        self._require_trading()
        check_sendable(order)
        if self._book.of_ref(order.id):
            raise _sent_before(order)
        record = self._book.claim(order)
        has_left = False
        try:
            wire, contract, sent = await self._ready_to_send(order)
            if record.is_seen:
                has_left = True
                raise _sent_before(order)
            self._book.mark_sending(record, contract, sent)

            def send() -> None:
                nonlocal has_left
                has_left = True
                try:
                    self._book.mark_sent(record, wire.place(contract, sent))
                except BrokerFailure as error:
                    has_left = error.outcome_unknown
                    raise

            return await self._acknowledged(record, send)
        finally:
            if not has_left:
                self._book.forget(record)

    async def _ready_to_send(self, order: Order) -> tuple[IbWire, IbContract, IbOrder]:
        """Everything before the wire. TWS is asked for what it has once per connection, so that nothing goes twice."""
        what, losses = terms_of(order), self._losses
        try:
            async with asyncio.timeout(_BEFORE_SENDING_S):
                wire = self._wire()
                if not self._lister.has_listed(wire):
                    await self._looker.look()
                contract, sent = await self._prepare(order)
        except InvalidInput as error:
            raise failures.refused(f"{what} was not sent: {error}") from error
        except BrokerFailure as error:
            raise failures.not_sent(what, error) from error
        except TimeoutError as error:
            why = f"TWS did not answer within {_BEFORE_SENDING_S:g} s what had to be asked first."
            raise failures.not_sent(what, why) from error
        if not self._lister.has_listed(wire):
            raise failures.not_sent(what, "TWS does not tell its completed orders.")
        if self._wire() is not wire or self._losses != losses:
            raise failures.not_sent(what, "the connection to TWS changed meanwhile.")
        return wire, contract, sent

    async def _acknowledged(self, record: OrderRecord, send: Callable[[], None]) -> BrokerOrderId:
        """Waits for TWS's word on a new order; what is not clear is looked up, never sent again."""
        limit_s = self._settings.timeouts.ack_s
        now = asyncio.get_running_loop().time
        until = now() + limit_s
        heard: ErrorFact | None = None
        answer = await self._answers.wait(record, judge_submit, limit_s, send=send)
        while True:
            if answer.verdict is Verdict.LINK_LOST:
                raise failures.link_lost("the order")
            is_late = answer.verdict is Verdict.SILENT
            if answer.verdict is Verdict.TAKEN or (is_late and record.is_acknowledged):
                return BrokerOrderId(str(record.perm_id))
            heard = answer.error or heard
            if self._is_at_tws(record, await self._looker.look_or_none(), heard):
                return BrokerOrderId(str(record.perm_id))
            if is_late or now() >= until:
                raise failures.silent("the order", limit_s, "" if heard is None else heard.text)
            answer = await self._answers.wait(record, judge_submit, until - now(), send=_nothing)

    def _is_at_tws(self, record: OrderRecord, listing: Listing | None, heard: ErrorFact | None) -> bool:
        """Returns whether TWS has the order after all; raises REJECTED when its refusal is proven; else False."""
        if record.is_any_filled and record.perm_id:
            return True
        if listing is not None and record.perm_id in listing.working:
            return True
        is_refusing = record.refusal is not None or (heard is not None and info_of(heard.code).kind in _REFUSING)
        is_proven = listing is not None and listing.why_unproven(record.order_ref) is None
        if is_refusing and (is_proven or record.status is OrderStatus.REJECTED):
            record.is_refused = True
            if heard is not None:
                raise failures.refused_by(heard, "TWS refused the order")
            raise failures.refused(f"TWS refused the order: {record.refusal}")
        is_told = record.has_cancelled or record.has_inactive or record.is_acknowledged
        return bool(record.perm_id) and is_told and listing is not None and not is_refusing

    # --- changing -----------------------------------------------------------------------------------------------------

    async def cancel(self, order: Order) -> None:
        """Asks to cancel, once. REJECTED: TWS does not cancel it; how the order stands comes as events."""
        self._require_trading()
        record = await self._ours(order, "cancelled")
        if record.status is OrderStatus.FILLED:
            raise failures.refused(f"{terms_of(order)} is filled: there is nothing to cancel.")
        wire, limit_s = self._wire(), self._settings.timeouts.cancel_s
        record.is_cancelling = True
        try:
            answer = await self._answers.wait(record, judge_cancel, limit_s, send=lambda: wire.cancel(record.order_id))
        finally:
            record.is_cancelling = False
        self._conclude(answer, "the cancel", "TWS did not cancel the order", limit_s)

    async def replace(self, order: Order, limit_price: Decimal) -> None:
        """Asks for another price, once, with the contract as TWS echoed it; the price counts when TWS echoes it."""
        self._require_trading()
        losses = self._losses
        record = await self._ours(order, "changed")
        if self._losses != losses:
            raise failures.not_sent("the new price", "the connection to TWS changed meanwhile.")
        opened = record.opened
        if opened is None or record.has_ended:
            text = f"{terms_of(order)} is not among TWS's working orders: its price cannot be changed."
            raise failures.refused(text, cure="Check the order.")
        contract, sent, wire_price = changed_order(order, opened, limit_price)
        wire, limit_s = self._wire(), self._settings.timeouts.cancel_s
        judge = judge_replace(wire_price)

        def send() -> None:
            wire.place(contract, sent, record.order_id)

        answer = await self._answers.wait(record, judge, limit_s, send=send, is_change=True)
        if answer.verdict is Verdict.SILENT and await self._looker.look_or_none() is not None:
            verdict = judge(record, None)
            answer = answer if verdict is None else Answer(verdict)
        self._conclude(answer, "the new price", "TWS did not change the price", limit_s)

    def _conclude(self, answer: Answer, what: str, refusal: str, limit_s: float) -> None:
        """Raises what the answer to a cancel or a new price calls for; TWS is looked at where it is not clear."""
        if answer.verdict is Verdict.TAKEN:
            return
        self._looker.look_soon()
        if answer.verdict is Verdict.LINK_LOST:
            raise failures.link_lost(what)
        if answer.verdict is Verdict.ENDED:
            raise failures.refused(f"{refusal}: it had ended.")
        if answer.error is not None:
            raise failures.refused_by(answer.error, refusal)
        raise failures.silent(what, limit_s)

    async def _ours(self, order: Order, done: str) -> OrderRecord:
        """Returns TWS's order that belongs to ours, REJECTED when it is not ours to touch."""
        record = self._record_of(order)
        if record is None or not record.is_seen:
            await self._looker.look()
            record = self._record_of(order)
        if record is None or not record.is_seen:
            text = f"TWS does not know {terms_of(order)}: it cannot be {done}."
            raise failures.refused(text, cure="Check the order.")
        if record.client_id != self._settings.client_id or record.order_id <= 0:
            who = f"API client {record.client_id}" if record.client_id > 0 else "TWS itself"
            raise failures.refused(f"{terms_of(order)} was placed by {who}: it cannot be {done} here.", cure="Use TWS.")
        return record

    def _record_of(self, order: Order) -> OrderRecord | None:
        if order.broker_order_id is not None and order.broker_order_id.isdigit():
            by_perm = self._book.of_perm(int(order.broker_order_id))
            if by_perm is not None:
                return by_perm
        return next(iter(self._book.of_ref(order.id)), None)

    # --- what TWS says ------------------------------------------------------------------------------------------------

    async def take(self, fact: OrderFact) -> None:
        """Takes one fact in, asking TWS nothing: requests that wait for it are answered first, then it is told."""
        match fact:
            case OpenOrderFact():
                await self._take_word(self._book.take_open(fact))
            case OrderStatusFact():
                await self._take_word(self._book.take_status(fact))
            case ExecutionFact():
                fill = self._fills.take(fact)
                record = self._book.take_fill(fill)
                self._pulse(record)
                await self._tell_fill(fill)
                await self._take_word(record)
            case CommissionFact():
                fills = self._fills.take_commission(fact)
                self._lister.pulse()
                for fill in fills:
                    await self._tell_fill(fill)
            case ErrorFact():
                await self._take_error(fact)

    async def _take_word(self, record: OrderRecord | None) -> None:
        self._pulse(record)
        if record is None:
            return
        if record.is_doubted and not record.is_look_asked:
            record.is_look_asked = True
            self._looker.look_soon()
        await self._tell_order(record)

    async def _tell_order(self, record: OrderRecord) -> None:
        if self._teller.can_tell_order(record):
            await self._teller.tell_order(record)
        else:
            self._looker.tell_soon()

    async def _tell_fill(self, fill: Fill) -> None:
        if self._teller.can_tell_fill(fill):
            await self._teller.tell_fill(fill)
        else:
            self._looker.tell_soon()

    async def _take_error(self, error: ErrorFact) -> None:
        record = self._book.of_error(error)
        if record is None:
            return
        kind = info_of(error.code).kind
        is_about_price = self._answers.is_changing(record) and kind in _REFUSING
        if not is_about_price:
            self._book.take_error(record, error)
        self._pulse(record, error)
        if kind is not CodeKind.ADVISORY and record.perm_id:
            self._looker.look_soon()
        await self._tell_order(record)

    def _pulse(self, record: OrderRecord | None, error: ErrorFact | None = None) -> None:
        if record is not None:
            self._answers.pulse(record, error)
        self._lister.pulse()

    def link_lost(self) -> None:
        """Ends every wait as not known: what left on this connection is answered by the next snapshot."""
        self._losses += 1
        self._answers.lose_link()
        self._looker.stop()

    @property
    def is_telling(self) -> bool:
        """Whether TWS is asked about contracts of orders or fills that are still to be told."""
        return self._looker.is_telling

    @property
    def is_looking(self) -> bool:
        """Whether a doubt about an order is being followed up with TWS."""
        return self._looker.is_looking

    # --- within -------------------------------------------------------------------------------------------------------

    async def _prepare(self, order: Order) -> tuple[IbContract, IbOrder]:
        qualified = [await self._catalog.con_id_of(leg.contract) for leg in order.legs]
        return wire_contract(order, qualified), wire_order(order)

    def _require_trading(self) -> None:
        if self._settings.read_only:
            text = "The connection to Interactive Brokers is read-only: nothing was sent."
            raise failures.refused(text, cure="Turn off read-only in the settings and restart the desk.")


def _sent_before(order: Order) -> BrokerFailure:
    return failures.refused(f"{terms_of(order)} was sent before and is not sent again.", cure="Check the order.")


def _nothing() -> None:
    """Sends nothing: only the wait goes on."""
