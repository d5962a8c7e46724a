"""Tells the desk what is new about orders, executions and fees: each state and each revision once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

from execution.brokers.port import (
    BrokerEvent,
    BrokerOrder,
    ExecutionEvent,
    FeeEvent,
    NoticeEvent,
    OddObjectEvent,
    OrderEvent,
)
from execution.brokers.tastytrade.executions import Fill, FillBook
from execution.brokers.tastytrade.order_book import Case, OrderBook
from execution.brokers.tastytrade.order_record import OrderRecord
from execution.brokers.tastytrade.order_state import reason_of, status_of
from execution.brokers.tastytrade.signs import action_of
from execution.brokers.tastytrade.tasty_orders import order_type_of, packages_of, tif_of
from models.clock import Clock
from models.contract import Contract
from models.enums import BrokerName, OrderStatus, OrderType
from models.errors import BrokerFailure, InvalidInput
from models.ids import AccountId, BrokerOrderId, OrderId
from models.order import OrderLeg
from models.trade import Execution

_SOURCE: Final = "tastytrade"
_S = OrderStatus


class Contracts(Protocol):
    """What is needed of the catalogue of contracts."""

    def by_symbol(self, symbol: str, instrument_type: str) -> Contract | None:
        """Returns a contract that is known already."""
        ...

    async def contract(self, symbol: str, instrument_type: str) -> Contract:
        """Returns the contract Tastytrade names, asking when it is not known; raises InvalidInput, BrokerFailure."""
        ...

    async def symbol_of(self, contract: Contract) -> tuple[str, str]:
        """Returns Tastytrade's symbol and instrument type; raises InvalidInput, BrokerFailure."""
        ...


class Teller:
    """Turns records and fills into the port's values. Engine thread only."""

    def __init__(
        self,
        *,
        contracts: Contracts,
        book: OrderBook,
        fills: FillBook,
        clock: Clock,
        accounts: Callable[[], Collection[AccountId]],
        since_utc: Callable[[AccountId], datetime],
        emit: Callable[[BrokerEvent], None],
    ) -> None:
        """`since_utc`: from when on history is told; what ended or traded before is the desk's already."""
        self._contracts = contracts
        self._book = book
        self._fills = fills
        self._clock = clock
        self._accounts = accounts
        self._since_utc = since_utc
        self._emit = emit
        self._odd_told: set[str] = set()
        #: What was told last, by our order id or by Tastytrade's for foreign orders.
        self._told: dict[str, BrokerOrder] = {}

    # --- orders -------------------------------------------------------------------------------------------------------

    async def tell_all(self) -> None:
        """Tells what the desk has not been told yet."""
        for fill in self._fills.all():
            await self.tell_fill(fill)
        for case in self._book.cases():
            if self.is_news(case):
                await self.tell_order(case.records[0])

    async def tell_order(self, record: OrderRecord) -> None:
        """Emits the state of a record's order if it is another than the one told last."""
        self._tell_odd_words(record)
        found = await self.describe(self._book.case_of(record))
        if found is None:
            return
        key, told = found
        before = self._told.get(key)
        if before is not None and replace(before, at_utc=told.at_utc, replaces=told.replaces) == told:
            return
        self._told[key] = told
        is_known_id = before is not None and before.broker_order_id == told.broker_order_id
        if told.status in (_S.CANCELLED, _S.REJECTED) and told.replaces is not None and not is_known_id:
            # The desk takes an end from an incarnation it knows only: a new one is told as working first.
            self._emit(OrderEvent(replace(told, status=_S.PENDING, reason=None)))
        self._emit(OrderEvent(told))

    def is_news(self, case: Case) -> bool:
        """Returns whether an order belongs to what the desk is told: not when it ended before the desk's last look."""
        current = self._book.current(case)
        if not current.has_ended or self._key(case) in self._told:
            return True
        return self._book.is_desks(case.order_id) or self._at(current) >= self._since_utc(
            AccountId(current.account_number)
        )

    async def describe(self, case: Case) -> tuple[str, BrokerOrder] | None:
        """Returns the order as the port tells it, and its key; None for an account not shown."""
        if not self._is_shown(case.records[0].account_number):
            return None
        claim = None if case.order_id is None else self._book.claim_of(case.order_id)
        legs = claim.order.legs if claim is not None else await self._legs(case.records[0])
        # Nothing is awaited from here on: what is told is the state of this moment.
        case = self._book.case_of(case.records[0])
        current = self._book.current(case)
        order_type = order_type_of(current.newest)
        key = self._key(case)
        return key, BrokerOrder(
            broker_order_id=BrokerOrderId(current.order_id),
            order_id=case.order_id,
            account_id=AccountId(current.account_number),
            legs=legs,
            order_type=order_type,
            limit_price=current.newest.net_price if order_type is OrderType.LIMIT else None,
            tif=tif_of(current.newest),
            status=status_of(self._book, case, current),
            filled_packages=self._book.filled_packages(case),
            at_utc=self._at(current),
            reason=reason_of(self._book, case, current),
            replaces=self._replaces(key, current),
        )

    def _replaces(self, key: str, current: OrderRecord) -> BrokerOrderId | None:
        """The incarnation the desk knew before: the one told last, else the one Tastytrade names."""
        before = self._told.get(key)
        if before is not None and before.broker_order_id != current.order_id:
            return before.broker_order_id
        named = self._book.predecessor_id(current)
        return BrokerOrderId(named) if named else None

    def _key(self, case: Case) -> str:
        return case.order_id or case.records[0].order_id

    def _at(self, record: OrderRecord) -> datetime:
        frame = record.end or record.newest
        return frame.terminal_at_utc or frame.updated_at_utc or frame.received_at_utc or self._clock.now_utc()

    async def _legs(self, record: OrderRecord) -> tuple[OrderLeg, ...]:
        """The legs in the desk's form; none where one of them cannot be represented."""
        if not packages_of(record.newest.legs):
            self._odd(f"The legs of order {record.order_id} are no whole contracts: it is shown without them.")
            return ()
        legs: list[OrderLeg] = []
        for leg in record.newest.legs:
            action = action_of(leg.action)
            contract = await self.contract_of(leg.symbol, leg.instrument_type, f"order {record.order_id}")
            if action is None:
                self._odd(f"A leg of order {record.order_id} has the action {leg.action!r}: it is shown without legs.")
            if contract is None or action is None:
                return ()
            legs.append(OrderLeg(contract, action, int(leg.quantity)))
        return tuple(legs)

    def _tell_odd_words(self, record: OrderRecord) -> None:
        for word in sorted(record.odd_words):
            self._odd(f"Order {record.order_id} has the status {word!r}, which the desk does not know.")

    # --- executions ---------------------------------------------------------------------------------------------------

    async def tell_fill(self, fill: Fill) -> None:
        """Emits an execution's newest revision and its fee, each if it is new."""
        if not self._is_shown(fill.account_number):
            return
        if self.is_told(fill):
            execution = await self.execution(fill, with_fee=False)
            if execution is None:
                return
            if fill.told_revision < execution.revision:
                fill.told_revision = execution.revision
                self._emit(ExecutionEvent(execution))
        fee = fill.fee
        if fee is not None and fee != fill.told_fee:
            fill.told_fee = fee
            self._emit(FeeEvent(AccountId(fill.account_number), fill.execution_id, fee))

    def is_told(self, fill: Fill) -> bool:
        """Returns whether an execution belongs to what the desk is told: since its last look, or of an order sent."""
        if fill.at_utc >= self._since_utc(AccountId(fill.account_number)):
            return True
        return self._book.is_desks(self._owner(fill))

    async def execution(self, fill: Fill, *, with_fee: bool, must_answer: bool = False) -> Execution | None:
        """Returns an execution in the desk's form; None, and an odd object, for one that cannot be represented.

        With `must_answer` a failure to ask about the contract raises BrokerFailure: nothing may be missing.
        """
        what = f"execution {fill.execution_id}"
        contract = await self.contract_of(fill.symbol, fill.instrument_type, what, must_answer=must_answer)
        action = action_of(fill.action)
        if action is None:
            self._odd(f"Execution {fill.execution_id} has the action {fill.action!r}: it is not booked.")
        if contract is None or action is None:
            return None
        return Execution(
            broker=BrokerName.TASTYTRADE,
            account_id=AccountId(fill.account_number),
            execution_id=fill.execution_id,
            broker_order_id=BrokerOrderId(fill.order_id) if fill.order_id else None,
            order_id=self._owner(fill),
            contract=contract,
            action=action,
            quantity=fill.quantity,
            price=fill.price,
            executed_at_utc=fill.at_utc,
            kind=fill.kind,
            revision=fill.revision,
            fee=fill.fee if with_fee else None,
        )

    def _owner(self, fill: Fill) -> OrderId | None:
        record = self._book.record(fill.order_id) if fill.order_id else None
        return None if record is None else self._book.owner(record)

    # --- within -------------------------------------------------------------------------------------------------------

    async def contract_of(
        self, symbol: str, instrument_type: str, what: str, *, must_answer: bool = False
    ) -> Contract | None:
        """Returns the contract; None and an odd object when it is not known or cannot be asked for now."""
        known = self._contracts.by_symbol(symbol, instrument_type)
        if known is not None:
            return known
        try:
            return await self._contracts.contract(symbol, instrument_type)
        except (InvalidInput, BrokerFailure) as error:
            if must_answer and isinstance(error, BrokerFailure):
                raise
            self._odd(f"The contract of {what} ({symbol}) is not known: {error}")
            return None

    def notice(self, text: str) -> None:
        """Tells something the user should know, once."""
        if text not in self._odd_told:
            self._odd_told.add(text)
            self._emit(NoticeEvent(_SOURCE, text))

    def odd(self, what: str) -> None:
        """Counts and shows something that could not be taken, once."""
        self._odd(what)

    def _odd(self, what: str) -> None:
        if what not in self._odd_told:
            self._odd_told.add(what)
            self._emit(OddObjectEvent(_SOURCE, what))

    def _is_shown(self, account_number: str) -> bool:
        return AccountId(account_number) in self._accounts()
