"""Finds out what became of an order when nobody knows: asks the broker, with growing pauses, and never sends."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from execution.brokers.joined import holder
from execution.brokers.port import Broker, BrokerOrder, ExecutionEvent, OrderEvent
from execution.orders.applying import Applier
from execution.orders.ledger import Ledger, Tracked
from execution.orders.recorder import Recorder
from execution.orders.timers import Sleep, Timers
from execution.orders.timings import OrderTimings
from execution.orders.wording import terms_of
from execution.storage import AuditKind
from execution.views import Severity
from models.clock import Clock
from models.enums import OrderStatus
from models.errors import BrokerFailure, InvalidInput
from models.ids import OrderId
from models.order_status import TERMINAL
from models.trade import Execution

_log = logging.getLogger(__name__)


class Resolver:
    """Looks for orders of unknown outcome and for executions that were announced but did not come."""

    def __init__(
        self,
        *,
        broker: Broker,
        ledger: Ledger,
        recorder: Recorder,
        applier: Applier,
        timers: Timers,
        timings: OrderTimings,
        sleep: Sleep,
        clock: Clock,
        lock: asyncio.Lock,
    ) -> None:
        self._broker = broker
        self._ledger = ledger
        self._recorder = recorder
        self._applier = applier
        self._timers = timers
        self._timings = timings
        self._sleep = sleep
        self._clock = clock
        self._lock = lock

    def start(self, order_id: OrderId) -> None:
        """Starts to look for an order, unless that is under way."""
        self._timers.start(f"resolve {order_id}", lambda: self._look_until_found(order_id))

    def fetch_later(self, order_id: OrderId) -> None:
        """Fetches an order's executions from the broker if they have not come by themselves in a while."""
        name = f"fetch {order_id}"
        if not self._timers.is_running(name):
            self._timers.later(name, self._timings.settle_s, lambda: self._fetch_missing(order_id))

    async def check(self, order_id: OrderId) -> None:
        """Asks the broker about one order now and tells what it says; InvalidInput for an order the desk lacks."""
        tracked = self._ledger.get(order_id)
        if tracked is None:
            raise InvalidInput("order", f"There is no order {order_id} here.", cure="Refresh the list of orders.")
        try:
            told = await self._ask(tracked)
        except (BrokerFailure, TimeoutError) as error:
            text = f"The broker could not be asked about {terms_of(tracked.order)}. {error}"
            self._recorder.say(text, Severity.WARNING, toast=True)
            return
        if told is None:
            text = f"The broker does not know {terms_of(tracked.order)}. It may still be on its way; nothing is resent."
            self._recorder.say(text, Severity.WARNING, toast=True)
            return
        await self._take(tracked, told)
        text = f"The broker has {terms_of(tracked.order)}: {tracked.order.status.value}."
        self._recorder.say(text, toast=True)

    async def declare_not_sent(self, order_id: OrderId) -> None:
        """Settles an order of unknown outcome as the user says: it never reached the broker.

        Only after the grace, and only when the broker, asked once more, does not know it; InvalidInput otherwise. A
        fill that turns up all the same is booked: real money outranks what anybody declared.
        """
        tracked = self._ledger.get(order_id)
        if tracked is None or tracked.order.status is not OrderStatus.UNKNOWN:
            raise InvalidInput("order", "Only an order of unknown outcome can be declared not sent.")
        sent_at = tracked.order.submitted_at or tracked.order.created_at
        waited_s = (self._clock.now_utc() - sent_at).total_seconds()
        if waited_s < self._timings.grace_s:
            wait_s = self._timings.grace_s - waited_s
            raise InvalidInput("order", "The order may still be on its way.", cure=f"Try again in {wait_s:.0f} s.")
        told = await self._ask(tracked)
        if told is not None:
            await self._take(tracked, told)
            return
        async with self._lock:
            order = self._ledger.tracked[order_id].order
            if order.status is not OrderStatus.UNKNOWN:
                return
            # What the broker had, or filled a part of, was sent: then it has ended there.
            was_there = order.broker_order_id is not None or order.fill_prices is not None
            what = "ended" if was_there else "not sent"
            reason = f"declared {what} by the user; the broker does not know it"
            text = f"{terms_of(order)} is settled: {reason}. {order.underlying} is unlocked."
            settled = replace(order.to(OrderStatus.CANCELLED if was_there else OrderStatus.REJECTED), reason=reason)
            await self._recorder.keep(tracked, settled, AuditKind.RECONCILED, text)
            await self._applier.settle(tracked)

    async def _look_until_found(self, order_id: OrderId) -> None:
        tracked = self._ledger.tracked[order_id]
        could_ask = False
        for pause_s in (0.0, *self._timings.find_pauses_s):
            if pause_s:
                await self._sleep(pause_s)
            if tracked.order.status is not OrderStatus.UNKNOWN:
                return
            try:
                told = await self._ask(tracked)
            except (BrokerFailure, TimeoutError) as error:
                _log.warning("order %s could not be looked for: %s", order_id, error)
                could_ask = False
                continue
            could_ask = True
            if told is not None and told.status is not OrderStatus.UNKNOWN:
                await self._take(tracked, told)
                return
        self._give_up(tracked, could_ask=could_ask)

    def _give_up(self, tracked: Tracked, *, could_ask: bool) -> None:
        """After the grace the order stays UNKNOWN, its symbol stays locked, and the user decides."""
        order = tracked.order
        found = "The broker does not know it" if could_ask else "The broker could not be asked"
        text = (
            f"{terms_of(order)} is still unresolved after {self._timings.grace_s:g} s. {found}. New {order.underlying} "
            f"orders in {order.account_id} stay locked. Look at the broker's own screen, then check the order again."
        )
        self._recorder.tell(order, text, severity=Severity.ERROR, toast=True)

    async def _ask(self, tracked: Tracked) -> BrokerOrder | None:
        async with asyncio.timeout(self._timings.find_timeout_s):
            found = await holder(self._broker, tracked.order.account_id).find_orders([tracked.order.id])
        return newest_of([told for told in found if told.order_id == tracked.order.id])

    async def _take(self, tracked: Tracked, told: BrokerOrder) -> None:
        await self._applier.apply(OrderEvent(told))
        if tracked.order.filled_packages < told.filled_packages or told.status is OrderStatus.FILLED:
            await self._fetch(tracked)

    async def _fetch_missing(self, order_id: OrderId) -> None:
        tracked = self._ledger.tracked[order_id]
        if tracked.order.filled_packages < tracked.told_packages:
            await self._fetch(tracked)

    async def _fetch(self, tracked: Tracked) -> None:
        """Takes the order's executions out of a snapshot: fills made while the line was down come no other way."""
        try:
            async with asyncio.timeout(self._timings.find_timeout_s):
                snapshot = await holder(self._broker, tracked.order.account_id).snapshot()
        except (BrokerFailure, TimeoutError) as error:
            _log.warning("executions of order %s could not be fetched: %s", tracked.order.id, error)
            return
        for execution in snapshot.executions:
            if self._owner(execution) is tracked:
                await self._applier.apply(ExecutionEvent(execution))

    def _owner(self, execution: Execution) -> Tracked | None:
        return self._ledger.owner(execution.order_id, execution.broker_order_id, execution.account_id)


def newest_of(told: list[BrokerOrder]) -> BrokerOrder | None:
    """Returns what counts of an order's incarnations: one that nothing replaced, working before ended, newest first."""
    replaced = {each.replaces for each in told}
    current = [each for each in told if each.broker_order_id not in replaced]
    return max(current, key=lambda each: (each.status not in TERMINAL, each.at_utc), default=None)
