"""Cancels and new prices for working orders. Cancels bypass the gate: they must work when nothing else may."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from execution.brokers.joined import holder
from execution.brokers.port import Broker, Capability
from execution.facts import DeskFacts
from execution.orders.gate import REPLACE_CHECKS, Check
from execution.orders.ledger import Ledger, Outside, Tracked
from execution.orders.recorder import Recorder
from execution.orders.timers import Timers
from execution.orders.timings import OrderTimings
from execution.orders.validation import price_problems
from execution.orders.wording import net_text, terms_of
from execution.storage import AuditKind
from execution.ticket_views import Problem, SendOutcome
from execution.views import Severity
from models.enums import OrderStatus, OrderType
from models.errors import BrokerFailure, FailureKind, InvalidInput, KnownError
from models.gate import Denial
from models.ids import AccountId, OrderId
from models.order import Order

_S = OrderStatus
_TICKETS = (_S.DRAFT, _S.SIMULATED)
_log = logging.getLogger(__name__)

Denials = Callable[[Order, tuple[Check, ...]], Awaitable[tuple[Denial, ...]]]


@dataclass(frozen=True, slots=True)
class _Failed:
    """Why a cancel was refused, or why nobody knows whether it arrived."""

    why: str
    is_unknown: bool


class Changer:
    """The only caller of `Broker.cancel` and `Broker.replace`; each request goes out once."""

    def __init__(
        self,
        *,
        broker: Broker,
        ledger: Ledger,
        facts: DeskFacts,
        recorder: Recorder,
        timers: Timers,
        timings: OrderTimings,
        lock: asyncio.Lock,
        denials: Denials,
        resolve: Callable[[OrderId], None],
    ) -> None:
        self._broker = broker
        self._ledger = ledger
        self._facts = facts
        self._recorder = recorder
        self._timers = timers
        self._timings = timings
        self._lock = lock
        self._denials = denials
        self._resolve = resolve

    def cancel_in_background(self, order_id: OrderId) -> None:
        """Sends the cancel the user asked for before the broker's id was known."""

        async def send() -> None:
            await self.cancel(order_id)

        self._timers.start(f"cancel {order_id}", send)

    async def cancel_all(self, account_id: AccountId | None) -> int:
        """Cancels our working orders (of one account); returns how many cancels went out.

        An order that is just being recorded for sending does not leave. One that ends by itself meanwhile is no error.
        """
        ours = [each for each in self._ledger.tracked.values() if account_id in (None, each.order.account_id)]
        for each in ours:
            each.is_cancel_wanted = each.is_cancel_wanted or each.order.status in _TICKETS
        wanted = [each.order.id for each in ours if each.order.is_working]
        answers = await asyncio.gather(*(self.cancel(order_id) for order_id in wanted), return_exceptions=True)
        for order_id, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, BaseException) and not isinstance(answer, InvalidInput):
                _log.error("cancel of order %s failed", order_id, exc_info=answer)
                self._recorder.say(f"Order {order_id} was not cancelled: {answer}", Severity.ERROR, toast=True)
        sent = sum(answer is True for answer in answers)
        self._recorder.say(f"Cancel all: {sent} of {len(wanted)} working orders are being cancelled.", toast=True)
        return sent

    async def cancel(self, order_id: OrderId) -> bool:
        """Asks the broker to cancel; True when the request went out. InvalidInput when there is nothing to cancel."""
        tracked = self._ledger.get(order_id)
        if tracked is None:
            return await self._cancel_outside(order_id)
        order = tracked.order
        if not order.is_working:
            text = f"{terms_of(order)} is {order.status.value.lower()}: there is nothing to cancel."
            raise InvalidInput("order", text)
        if order.broker_order_id is None:
            tracked.is_cancel_wanted = True
            text = f"{terms_of(order)} is cancelled as soon as the broker confirms that it has it."
            self._recorder.say(text, Severity.WARNING, toast=True)
            return False
        # It leaves before it is written down: a database that is full or held up keeps no cancel here.
        request = asyncio.create_task(self._request_cancel(order))
        try:
            async with self._lock:
                order = tracked.order
                if order.is_working:
                    cancelling = order if order.status is _S.UNKNOWN else order.to(_S.CANCEL_PENDING)
                    text = f"Cancelling: {terms_of(order)}."
                    await self._recorder.keep(tracked, cancelling, AuditKind.CANCEL_REQUESTED, text)
        finally:
            failed = await request
        if failed is not None:
            await (self._cancel_unknown if failed.is_unknown else self._cancel_refused)(tracked, failed.why)
        return True

    async def _request_cancel(self, order: Order) -> _Failed | None:
        """Hands the cancel to the broker once; None when it took it."""
        try:
            async with asyncio.timeout(self._timings.cancel_timeout_s):
                await self._broker.cancel(order)
        except BrokerFailure as error:
            unknown = error.outcome_unknown or error.kind in (FailureKind.TIMEOUT, FailureKind.PROTOCOL)
            return _Failed(str(error), is_unknown=unknown)
        except TimeoutError:
            return _Failed(f"No answer within {self._timings.cancel_timeout_s:g} s.", is_unknown=True)
        except Exception as error:  # noqa: BLE001 - named boundary: whatever broke, the cancel may have left
            _log.exception("cancel of order %s broke", order.id)
            return _Failed(f"The broker's answer could not be read ({type(error).__name__}).", is_unknown=True)
        return None

    async def _cancel_refused(self, tracked: Tracked, why: str) -> None:
        """The order works on, or has filled: a status that events have moved on stays."""
        async with self._lock:
            order = tracked.order
            if order.status is not _S.CANCEL_PENDING:
                return
            back = order.to(_S.PARTIAL if order.fill_prices else _S.PENDING)
            text = f"Not cancelled, still working: {terms_of(order)}. {why}"
            await self._recorder.keep(
                tracked, replace(back, reason=why), AuditKind.STATUS, text, severity=Severity.WARNING, toast=True
            )

    async def _cancel_unknown(self, tracked: Tracked, why: str) -> None:
        """Whether the cancel arrived is not known: the order's state is, once the broker is asked."""
        async with self._lock:
            order = tracked.order
            if order.status is not _S.CANCEL_PENDING:
                return
            text = f"Not known whether the cancel arrived: {terms_of(order)}. {why} The broker is asked."
            unknown = replace(order.to(_S.UNKNOWN), reason=text)
            await self._recorder.keep(tracked, unknown, AuditKind.UNKNOWN, text, severity=Severity.ERROR, toast=True)
        self._resolve(order.id)

    async def _cancel_outside(self, order_id: OrderId) -> bool:
        order = self._outside_order(order_id)
        if not order.is_working:
            raise InvalidInput("order", f"{terms_of(order)} is {order.status.value.lower()}: nothing to cancel.")
        self._recorder.say(f"Cancelling an order from outside this desk: {terms_of(order)}.")
        failed = await self._request_cancel(order)
        if failed is not None:
            told = "It is not known whether the cancel arrived" if failed.is_unknown else "Not cancelled"
            raise KnownError(f"{told}: {terms_of(order)}. {failed.why}", cure="Look at the broker's own screen.")
        return True

    def _outside_order(self, order_id: OrderId) -> Order:
        found: list[Outside] = [
            each for each in self._ledger.outside.values() if each.order is not None and each.order.id == order_id
        ]
        if not found or found[0].order is None:
            raise InvalidInput("order", f"There is no order {order_id} here.", cure="Refresh the list of orders.")
        return found[0].order

    async def replace_price(self, order_id: OrderId, limit_price: Decimal) -> SendOutcome:
        """Asks the broker for another limit price; the order shows it when the broker confirms."""
        tracked = self._ledger.get(order_id)
        if tracked is None:
            return _refused(f"There is no order {order_id} here. Refresh the list of orders.", None)
        why_not = self._why_not_replace(tracked, limit_price)
        if why_not is not None:
            return _refused(why_not, tracked.order)
        tracked.is_replacing = True
        try:
            return await self._replace(tracked, limit_price)
        finally:
            tracked.is_replacing = False

    def _why_not_replace(self, tracked: Tracked, limit_price: Decimal) -> str | None:
        order = tracked.order
        if Capability.REPLACE not in holder(self._broker, order.account_id).capabilities:
            return "This broker does not change orders. Cancel it, wait until it is cancelled, then send a new one."
        if order.order_type is not OrderType.LIMIT:
            return "Only a limit order has a price to change."
        if tracked.is_replacing or tracked.asked_price == limit_price:
            return "A new price is already on its way. Wait for the broker's answer."
        if order.status not in (_S.PENDING, _S.PARTIAL) or order.broker_order_id is None:
            return f"{terms_of(order)} is {order.status.value.lower()}: its price cannot be changed now."
        return None

    async def _replace(self, tracked: Tracked, limit_price: Decimal) -> SendOutcome:
        order = tracked.order
        problems = self._price_problems(order, limit_price)
        if problems:
            return SendOutcome(False, order, problems, (), None)
        denied = await self._denied_price(order, limit_price)
        if denied is not None:
            return denied
        async with self._lock:
            order = tracked.order
            if order.status not in (_S.PENDING, _S.PARTIAL):
                return _refused(f"{terms_of(order)} is {order.status.value.lower()}; its price stays.", order)
            text = f"Asking for {net_text(limit_price)}: {terms_of(order)}."
            is_recorded = await self._recorder.keep(
                tracked, order, AuditKind.REPLACE_REQUESTED, text, extra={"new_limit_price": str(limit_price)}
            )
        if not is_recorded:
            return _refused("The price was not changed: the request could not be recorded.", order)
        # Asked again: what was halted or locked while the request was recorded keeps it here.
        denied = await self._denied_price(tracked.order, limit_price)
        return await self._send_replace(tracked, limit_price) if denied is None else denied

    async def _denied_price(self, order: Order, limit_price: Decimal) -> SendOutcome | None:
        denials = await self._denials(replace(order, limit_price=limit_price), REPLACE_CHECKS)
        if not denials:
            return None
        reasons = "; ".join(denial.text for denial in denials)
        self._recorder.say(f"Price not changed: {terms_of(order)}. {reasons}", Severity.WARNING, toast=True)
        return SendOutcome(False, order, (), denials, None)

    def _price_problems(self, order: Order, limit_price: Decimal) -> tuple[Problem, ...]:
        if limit_price == order.limit_price:
            return (Problem("limit_price", f"{net_text(limit_price)} is the order's price already."),)
        return price_problems(order.legs, limit_price, self._facts.net_tick_rule(order.legs))

    async def _send_replace(self, tracked: Tracked, limit_price: Decimal) -> SendOutcome:
        tracked.asked_price = limit_price
        try:
            async with asyncio.timeout(self._timings.submit_timeout_s):
                await self._broker.replace(tracked.order, limit_price)
        except BrokerFailure as error:
            if error.outcome_unknown or error.kind in (FailureKind.TIMEOUT, FailureKind.PROTOCOL):
                return await self._replace_unknown(tracked, str(error))
            text = f"Price not changed: {terms_of(tracked.order)}. {error}"
            self._recorder.say(text, Severity.WARNING, toast=True)
            tracked.asked_price = None
            return _refused(text, tracked.order)
        except TimeoutError:
            return await self._replace_unknown(tracked, f"No answer within {self._timings.submit_timeout_s:g} s.")
        except Exception as error:  # noqa: BLE001 - named boundary: whatever broke, the request may have left
            _log.exception("replace of order %s broke", tracked.order.id)
            return await self._replace_unknown(tracked, f"The answer could not be read ({type(error).__name__}).")
        return SendOutcome(True, tracked.order, (), (), None)

    async def _replace_unknown(self, tracked: Tracked, why: str) -> SendOutcome:
        """Old or new price, and perhaps both orders live: locked until the broker has been asked."""
        async with self._lock:
            order = tracked.order
            text = f"Not known at which price it works: {terms_of(order)}. {why} The broker is asked."
            if order.status in (_S.PENDING, _S.PARTIAL):
                unknown = replace(order.to(_S.UNKNOWN), reason=text)
                await self._recorder.keep(
                    tracked, unknown, AuditKind.UNKNOWN, text, severity=Severity.ERROR, toast=True
                )
                self._resolve(order.id)
        return SendOutcome(True, tracked.order, (), (), text)


def _refused(text: str, order: Order | None) -> SendOutcome:
    return SendOutcome(False, order, (), (), text)
