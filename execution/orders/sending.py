"""Sends an order at most once: validate, gate, commit the intent, submit, and believe only evidence about the rest."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from datetime import time as day_time

from execution.brokers.joined import broker_of_account, holder, lock_reason
from execution.brokers.port import Broker
from execution.commands import TicketDraft
from execution.facts import DeskFacts
from execution.orders.applying import Applier
from execution.orders.gate import CHECKS, LAST_CHECKS, Check, gate
from execution.orders.gate_context import GateContext, SentOrder, Traffic, build_context
from execution.orders.ledger import Ledger, Tracked, remaining
from execution.orders.recorder import Recorder
from execution.orders.simulating import order_of
from execution.orders.timings import OrderTimings
from execution.orders.validation import validate
from execution.orders.wording import terms_of
from execution.storage import AuditKind, Storage
from execution.ticket_views import SendOutcome
from execution.views import Severity
from models.clock import NEW_YORK, Clock, new_york_time
from models.enums import BrokerName, Mode, OrderStatus
from models.errors import BrokerFailure, FailureKind, KnownError
from models.gate import Denial, DenialCode
from models.ids import BrokerOrderId, OrderId
from models.order import Order

_S = OrderStatus
#: Failures that never prove a refusal, whatever the adapter makes of them.
_NO_PROOF = (FailureKind.TIMEOUT, FailureKind.PROTOCOL)
_REMEMBER_SENT = timedelta(minutes=5)
_log = logging.getLogger(__name__)


class Sender:
    """The only caller of `Broker.submit`."""

    def __init__(
        self,
        *,
        broker: Broker,
        ledger: Ledger,
        storage: Storage,
        facts: DeskFacts,
        recorder: Recorder,
        applier: Applier,
        clock: Clock,
        timings: OrderTimings,
        mode: Mode,
        lock: asyncio.Lock,
        resolve: Callable[[OrderId], None],
    ) -> None:
        self._broker = broker
        self._ledger = ledger
        self._storage = storage
        self._facts = facts
        self._recorder = recorder
        self._applier = applier
        self._clock = clock
        self._timings = timings
        self._mode = mode
        self._lock = lock
        self._resolve = resolve
        self._one_at_a_time = asyncio.Lock()
        self._sent: deque[SentOrder] = deque()
        #: Knight's lesson: what leaves is counted against what was committed, before every send.
        self.committed_intents = 0
        self.submits = 0

    async def send(self, draft: TicketDraft) -> SendOutcome:
        """Sends the ticket's order once; a second call for the same order id never sends again."""
        known = self._ledger.get(draft.order_id)
        if known is not None and (known.is_claimed or known.order.status not in (_S.DRAFT, _S.SIMULATED)):
            return _refused("This order was sent already. It is among the working orders.", known.order)
        tracked = known if known is not None else self._ledger.track(Tracked(self._order(draft, None)))
        tracked.is_claimed = True
        tracked.is_cancel_wanted = False
        is_committed = False
        try:
            async with self._one_at_a_time:
                outcome = await self._prepare(draft, tracked)
                is_committed = tracked.intent_at_utc is not None
            if outcome is not None:
                return outcome
            denials = self._last_look(tracked.order)
            if denials or tracked.is_cancel_wanted:
                return await self._hold_back(tracked, denials)
            await self._submit(tracked)
            return SendOutcome(
                accepted=tracked.order.status is not _S.REJECTED,
                order=tracked.order,
                problems=(),
                denials=(),
                failure=tracked.order.reason if tracked.order.status in (_S.REJECTED, _S.UNKNOWN) else None,
            )
        finally:
            tracked.is_claimed = is_committed

    def traffic(self, order: Order, intents_today: int | None) -> Traffic:
        """Returns what the gate must know of the desk's own orders."""
        now = self._clock.now_utc()
        while self._sent and now - self._sent[0].at_utc > _REMEMBER_SENT:
            self._sent.popleft()
        others = [
            each
            for each in self._ledger.tracked.values()
            if each.order.id != order.id and each.order.account_id == order.account_id and each.order.is_working
        ]
        theirs = [
            each
            for each in self._ledger.outside.values()
            if each.order is not None and each.order.account_id == order.account_id and each.order.is_working
        ]
        here = [each for each in others if each.order.underlying == order.underlying]
        buys, sells = remaining([*others, *theirs])
        return Traffic(
            intents_today=intents_today,
            sent=tuple(self._sent),
            open_in_underlying=len(here),
            unknown_in_underlying=tuple(each.order.id for each in here if each.order.status is _S.UNKNOWN),
            remaining_buys=buys,
            remaining_sells=sells,
        )

    def context(self, order: Order, intents_today: int | None) -> GateContext:
        """Returns all that the gate looks at for `order`, now."""
        return build_context(
            order,
            self._facts,
            traffic=self.traffic(order, intents_today),
            session_broker=self._broker_of(order),
            account_lock=lock_reason(self._broker, order.account_id),
            session_mode=self._mode,
            now_utc=self._clock.now_utc(),
        )

    async def denials(self, order: Order, checks: tuple[Check, ...] = CHECKS) -> tuple[Denial, ...]:
        """Returns the gate's reasons against `order` now."""
        return gate(order, self.context(order, await self._intents_today()), checks)

    def remember(self, order: Order, intent_at_utc: datetime) -> None:
        """Counts an order that an earlier run of the desk sent towards rate and duplicates."""
        if order.id not in {sent.order_id for sent in self._sent}:
            self._sent.append(SentOrder(order.id, order.fingerprint, intent_at_utc))

    async def _prepare(self, draft: TicketDraft, tracked: Tracked) -> SendOutcome | None:
        """Everything before the wire; None = the intent is committed and the order may go out."""
        problems = validate(draft, self._facts, holder(self._broker, draft.account_id).capabilities)
        if problems:
            return SendOutcome(False, tracked.order, problems, (), None)
        order = self._order(draft, tracked.order)
        denials = await self.denials(order)
        if denials:
            return await self._deny(tracked, order, denials)
        if self.submits > self.committed_intents:
            await self._recorder.halt(f"{self.submits} orders left but {self.committed_intents} were committed.")
            return _refused("Trading halted: more orders left than were committed. Nothing was sent.", order)
        return await self._commit(tracked, order)

    async def _commit(self, tracked: Tracked, order: Order) -> SendOutcome | None:
        now = self._clock.now_utc()
        pending = replace(order, submitted_at=now, reason=None).to(_S.PENDING)
        try:
            await self._storage.commit_intent(
                pending, self._broker_of(pending), self._recorder.record(pending, AuditKind.INTENT)
            )
        except Exception as error:  # noqa: BLE001 - named boundary: unrecorded means unsent, whatever broke
            _log.exception("intent of order %s could not be committed", pending.id)
            text = f"Nothing was sent: the order could not be recorded. {error}"
            self._recorder.say(text, Severity.ERROR, toast=True)
            return _refused(text, tracked.order)
        self.committed_intents += 1
        self._sent.append(SentOrder(pending.id, pending.fingerprint, now))
        tracked.order, tracked.intent_at_utc = pending, now
        tracked.is_submitting = True
        self._recorder.tell(pending, f"Sending: {terms_of(pending)}.")
        return None

    async def _deny(self, tracked: Tracked, order: Order, denials: tuple[Denial, ...]) -> SendOutcome:
        extra = {"denials": [{"code": denial.code.value, "text": denial.text} for denial in denials]}
        reasons = "; ".join(denial.text for denial in denials)
        tracked.order = order
        record = self._recorder.record(order, AuditKind.DENIED, extra=extra)
        try:
            await self._storage.save_order(order, self._broker_of(order), (record,))
        except KnownError as error:
            self._recorder.say(f"The denial could not be recorded: {error}", Severity.ERROR)
        self._recorder.tell(order, f"Not sent: {terms_of(order)}. {reasons}", severity=Severity.WARNING, toast=True)
        return SendOutcome(False, order, (), denials, None)

    def _last_look(self, order: Order) -> tuple[Denial, ...]:
        """Returns what forbids the order now that its intent is committed; nothing is awaited from here to the wire."""
        try:
            return gate(order, self.context(order, None), LAST_CHECKS)
        except Exception:  # noqa: BLE001 - named boundary: logged, and the order does not leave
            _log.exception("order %s could not be checked once more", order.id)
            return (
                Denial(DenialCode.CHECK_FAILED, "The last check before sending failed. See the log and report it."),
            )

    async def _hold_back(self, tracked: Tracked, denials: tuple[Denial, ...]) -> SendOutcome:
        """Ends an order whose intent is committed but that may not leave any more; it never left."""
        async with self._lock:
            tracked.is_submitting = tracked.is_cancel_wanted = False
            reasons = "; ".join(denial.text for denial in denials) or "It was cancelled before it left."
            extra = {"denials": [{"code": denial.code.value, "text": denial.text} for denial in denials]}
            order = replace(tracked.order.to(_S.REJECTED), reason=f"Not sent: {reasons}")
            text = f"Not sent: {terms_of(order)}. {reasons}"
            await self._recorder.keep(
                tracked, order, AuditKind.DENIED, text, severity=Severity.WARNING, toast=True, extra=extra
            )
        await self._applier.drain()
        return SendOutcome(False, order, (), denials, None if denials else order.reason)

    async def _submit(self, tracked: Tracked) -> None:
        """Hands the order to the broker, once; whatever happens, it is not handed over again."""
        started = time.perf_counter()
        order = tracked.order
        try:
            self.submits += 1
            async with asyncio.timeout(self._timings.submit_timeout_s):
                broker_order_id = await self._broker.submit(order)
        except BrokerFailure as error:
            tracked.is_submitting = False
            if error.outcome_unknown or error.kind in _NO_PROOF:
                await self._unknown(tracked, str(error))
            else:
                await self._rejected(tracked, error)
        except TimeoutError:
            tracked.is_submitting = False
            await self._unknown(tracked, f"The broker did not answer within {self._timings.submit_timeout_s:g} s.")
        except Exception as error:  # noqa: BLE001 - named boundary: whatever broke, the order may have left
            tracked.is_submitting = False
            _log.exception("submit of order %s broke", order.id)
            await self._unknown(tracked, f"The broker's answer could not be read ({type(error).__name__}).")
        else:
            await self._acknowledge(tracked, broker_order_id, round((time.perf_counter() - started) * 1e6))
        await self._applier.drain()

    async def _acknowledge(self, tracked: Tracked, broker_order_id: BrokerOrderId, latency_us: int) -> None:
        async with self._lock:
            tracked.is_submitting = False
            adopted = self._ledger.link(tracked, broker_order_id)
            order = tracked.order
            if order.broker_order_id is None:
                order = replace(order, broker_order_id=broker_order_id)
            text = f"At the broker ({order.broker_order_id}): {terms_of(order)}."
            await self._recorder.keep(tracked, order, AuditKind.SUBMITTED, text, latency_us=latency_us)
            await self._applier.settle(tracked, is_new_fill=adopted)

    async def _rejected(self, tracked: Tracked, error: BrokerFailure) -> None:
        """A decoded refusal: final, unless the broker's own events have said more already."""
        async with self._lock:
            if tracked.order.status is not _S.PENDING or tracked.fills.executions:
                return
            order = replace(tracked.order.to(_S.REJECTED), reason=str(error))
            text = f"Refused by the broker: {terms_of(order)}. {error}"
            await self._recorder.keep(tracked, order, AuditKind.STATUS, text, severity=Severity.ERROR, toast=True)

    async def _unknown(self, tracked: Tracked, why: str) -> None:
        """Nobody knows whether it left: the symbol is locked, the broker is asked, nothing is sent again."""
        async with self._lock:
            if tracked.order.status is not _S.PENDING or tracked.order.broker_order_id is not None:
                return
            reason = f"{why} It is looked for at the broker and will not be sent again by itself."
            order = replace(tracked.order.to(_S.UNKNOWN), reason=reason)
            text = f"Not known whether the broker has it: {terms_of(order)}. {reason}"
            await self._recorder.keep(tracked, order, AuditKind.UNKNOWN, text, severity=Severity.ERROR, toast=True)
        self._resolve(tracked.order.id)

    async def _intents_today(self) -> int | None:
        midnight = datetime.combine(new_york_time(self._clock.now_utc()).date(), day_time(), tzinfo=NEW_YORK)
        try:
            return await self._storage.count_intents(midnight.astimezone(self._clock.now_utc().tzinfo))
        except KnownError as error:
            _log.warning("intents of today could not be counted: %s", error)
            return None

    def _broker_of(self, order: Order) -> BrokerName:
        return broker_of_account(self._broker, order.account_id)

    def _order(self, draft: TicketDraft, known: Order | None) -> Order:
        return order_of(draft, known, self._facts, self._clock)


def _refused(text: str, order: Order | None) -> SendOutcome:
    return SendOutcome(False, order, (), (), text)
