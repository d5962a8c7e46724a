"""Which order a fact belongs to: by TWS's permanent id, else by our client's order number, else by our reference.

The permanent id may be 0 in the first words; order numbers are unique per client only and may be handed out again after
a restart of TWS, so a known permanent id always decides. Engine thread only; nothing is awaited here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from execution.brokers.ibkr.error_codes import CodeKind, info_of, reason_of
from execution.brokers.ibkr.executions import Fill
from execution.brokers.ibkr.facts import CompletedOrderFact, ErrorFact, IbContract, OpenOrderFact, OrderStatusFact
from execution.brokers.ibkr.order_record import INACTIVE_WORD, OrderRecord
from execution.brokers.ibkr.wire_port import IbOrder
from models.enums import OrderStatus
from models.order import Order


class OrderBook:
    """Every order of the session, ours and others'."""

    def __init__(self, client_id: int) -> None:
        self._client_id = client_id
        self._records: list[OrderRecord] = []
        self._by_perm: dict[int, OrderRecord] = {}
        self._by_number: dict[int, OrderRecord] = {}
        self._by_ref: defaultdict[str, list[OrderRecord]] = defaultdict(list)
        #: Counts what was taken and sent: tells whether a word is older than a question.
        self.count = 0

    def records(self) -> tuple[OrderRecord, ...]:
        """Returns every order."""
        return tuple(self._records)

    def of_ref(self, order_ref: str) -> tuple[OrderRecord, ...]:
        """Returns the orders that bear a reference (more than one only if it was copied in TWS)."""
        return tuple(self._by_ref.get(order_ref, ()))

    def of_perm(self, perm_id: int) -> OrderRecord | None:
        """Returns the order of a permanent id."""
        return self._by_perm.get(perm_id) if perm_id else None

    # --- ours ---------------------------------------------------------------------------------------------------------

    def claim(self, order: Order) -> OrderRecord:
        """Notes an order that is about to be sent."""
        record = OrderRecord(order_ref=order.id, account=order.account_id, client_id=self._client_id, order=order)
        self._records.append(record)
        self._by_ref[order.id].append(record)
        return record

    def forget(self, record: OrderRecord) -> None:
        """Drops an order that did not leave."""
        self._records.remove(record)
        self._by_ref[record.order_ref].remove(record)

    def mark_sending(self, record: OrderRecord, contract: IbContract, sent: IbOrder) -> None:
        """Notes what is handed to the wire."""
        self.count += 1
        record.sent_contract, record.sent = contract, sent
        record.changed_at = self.count

    def mark_sent(self, record: OrderRecord, order_id: int) -> None:
        """Notes the number under which it left: facts of that number are about it from now on."""
        record.order_id = order_id
        self._by_number[order_id] = record

    # --- what TWS says ------------------------------------------------------------------------------------------------

    def take_open(self, fact: OpenOrderFact) -> OrderRecord | None:
        """Takes an open order; None for a what-if, and for one that names no order."""
        if fact.is_what_if:
            return None
        record = self._locate(fact.perm_id, fact.client_id, fact.order_id, fact.order_ref)
        if record is not None:
            record.take_open(fact)
            self._touch(record)
        return record

    def take_status(self, fact: OrderStatusFact) -> OrderRecord | None:
        """Takes a status; None when it names no order."""
        record = self._locate(fact.perm_id, fact.client_id, fact.order_id, "")
        if record is not None:
            record.take_status(fact)
            self._touch(record)
        return record

    def take_completed(self, fact: CompletedOrderFact) -> OrderRecord | None:
        """Takes a completed order, which has no number any more."""
        record = self._locate(fact.perm_id, -1, 0, fact.order_ref)
        if record is not None:
            record.take_completed(fact)
            self._touch(record)
        return record

    def take_fill(self, fill: Fill) -> OrderRecord | None:
        """Counts an execution towards its order; None when it names none."""
        fact = fill.fact
        record = self._locate(fact.perm_id, fact.client_id, fact.order_id, fact.order_ref)
        if record is not None:
            record.account = record.account or fact.account
            record.progress.take(fill)
            self._touch(record)
        return record

    def of_error(self, error: ErrorFact) -> OrderRecord | None:
        """Returns our order that an error names; None when it is not about one."""
        is_ours = error.request_id > 0 and info_of(error.code).kind is not CodeKind.ELSEWHERE
        return self._by_number.get(error.request_id) if is_ours else None

    def take_error(self, record: OrderRecord, error: ErrorFact) -> None:
        """Keeps an error's words with its order: a reason and a doubt, never an end."""
        text = reason_of(error.text)
        kind = info_of(error.code).kind
        match kind:
            case CodeKind.REFUSED | CodeKind.REQUEST_REFUSED:
                record.refusal = text
            case CodeKind.CANCEL_REFUSED:
                record.cancel_word = text
            case CodeKind.CANCELLED:
                record.is_cancel_told = True
                record.cancel_reason = text or record.cancel_reason
            case _:
                record.note = text or record.note
        self.count += 1
        if kind is not CodeKind.ADVISORY:
            record.is_doubted, record.doubted_at = True, self.count

    def settle_listing(self, asked_at: int, working: Collection[int]) -> None:
        """Lets TWS's list of working orders take back ends and doubts from before it was asked."""
        for perm_id in working:
            record = self._by_perm.get(perm_id)
            if record is None:
                continue
            is_old = record.ended_at is not None and record.ended_at <= asked_at
            if is_old and record.status is not OrderStatus.FILLED:
                record.reopen()
            is_older_doubt = record.doubted_at is None or record.doubted_at <= asked_at
            if is_older_doubt and not record.has_ended and record.word != INACTIVE_WORD:
                record.trust()

    def mark_absent(self, asked_at: int, mentioned: Collection[int]) -> tuple[OrderRecord, ...]:
        """Notes which orders TWS did not mention although it was asked after their last word; returns them."""
        gone: list[OrderRecord] = []
        for record in self._records:
            is_older = record.perm_id != 0 and record.changed_at <= asked_at
            is_doubted = record.is_doubted and not record.has_ended and not record.is_absent
            if is_older and is_doubted and record.perm_id not in mentioned:
                record.is_absent = True
                gone.append(record)
        return tuple(gone)

    def _touch(self, record: OrderRecord) -> None:
        self.count += 1
        record.changed_at = self.count
        record.is_absent = False
        if record.is_doubted and record.doubted_at is None:
            record.doubted_at = self.count
        if record.ended_at is None and record.has_ended:
            record.ended_at = self.count

    def _locate(self, perm_id: int, client_id: int, order_id: int, order_ref: str) -> OrderRecord | None:
        number = order_id if client_id == self._client_id and order_id > 0 else 0
        record = self._known(perm_id, number, order_ref)
        if record is None:
            if not perm_id and not number:
                return None
            record = OrderRecord(client_id=client_id)
            self._records.append(record)
        self._identify(record, perm_id, client_id, order_id, order_ref)
        return record

    def _known(self, perm_id: int, number: int, order_ref: str) -> OrderRecord | None:
        by_perm = self._by_perm.get(perm_id) if perm_id else None
        if by_perm is not None:
            return by_perm
        by_number = self._by_number.get(number) if number else None
        if by_number is not None and (perm_id == 0 or by_number.perm_id == 0):
            return by_number
        for record in self._by_ref.get(order_ref, ()) if order_ref else ():
            if record.perm_id == 0 or perm_id == 0:
                return record
        return None

    def _identify(self, record: OrderRecord, perm_id: int, client_id: int, order_id: int, order_ref: str) -> None:
        """Adds what the fact knows of the order's names."""
        if perm_id and not record.perm_id:
            record.perm_id = perm_id
            self._by_perm[perm_id] = record
        if client_id >= 0 and order_id:
            record.client_id, record.order_id = client_id, order_id
            if client_id == self._client_id and order_id > 0:
                self._by_number.setdefault(order_id, record)
        if order_ref and not record.order_ref:
            record.order_ref = order_ref
            self._by_ref[order_ref].append(record)
