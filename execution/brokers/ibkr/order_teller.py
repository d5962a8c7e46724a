"""Tells the desk what is new about orders, executions and fees: each state and each revision once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol

from execution.brokers.ibkr.executions import Fill, FillBook, action_of, execution_of, our_id
from execution.brokers.ibkr.facts import IbContract
from execution.brokers.ibkr.order_record import OrderRecord
from execution.brokers.ibkr.wire_orders import LegShape, is_own_type, leg_shapes, net_of, order_type_of, tif_of
from execution.brokers.port import (
    BrokerEvent,
    BrokerOrder,
    ExecutionEvent,
    FeeEvent,
    NoticeEvent,
    OddObjectEvent,
    OrderEvent,
)
from models.clock import Clock
from models.contract import Contract
from models.enums import OrderStatus, OrderType, TimeInForce
from models.errors import BrokerFailure, InvalidInput
from models.ids import AccountId, BrokerOrderId
from models.order import OrderLeg
from models.trade import Execution

_SOURCE: Final = "ibkr"
_NOTICES: Final = "IBKR orders"
_ENDED: Final = (OrderStatus.REJECTED, OrderStatus.CANCELLED)
_WORKING: Final = (OrderStatus.PENDING, OrderStatus.PARTIAL, OrderStatus.CANCEL_PENDING)


class Contracts(Protocol):
    """What is needed of the catalogue of contracts."""

    def by_con_id(self, con_id: int) -> Contract | None:
        """Returns a contract that is known already."""
        ...

    async def contract(self, ib: IbContract) -> Contract:
        """Returns the contract TWS names, asking when it is not known; raises InvalidInput, BrokerFailure."""
        ...

    async def con_id_of(self, contract: Contract) -> IbContract:
        """Returns TWS's qualified contract; raises InvalidInput, BrokerFailure."""
        ...


class Teller:
    """Turns records and fills into the port's values. Engine thread only."""

    def __init__(
        self,
        *,
        contracts: Contracts,
        fills: FillBook,
        clock: Clock,
        accounts: frozenset[AccountId],
        emit: Callable[[BrokerEvent], None],
    ) -> None:
        self._contracts = contracts
        self._fills = fills
        self._clock = clock
        self._accounts = accounts
        self._emit = emit
        self._odd_told: set[str] = set()

    # --- orders -------------------------------------------------------------------------------------------------------

    async def tell_order(self, record: OrderRecord) -> None:
        """Emits the order's state if it is another than the one told last."""
        told = await self.describe(record)
        if told is None:
            return
        before = record.told
        if before is not None and replace(before, at_utc=told.at_utc) == told:
            return
        record.told = told
        self._emit(OrderEvent(told))
        if before is not None and before.status in _ENDED and told.status in _WORKING:
            # The desk keeps to the end it was told: only a person can decide about an order that came back.
            text = f"TWS works order {told.broker_order_id} although it was {before.status.value.lower()} before. "
            self._emit(NoticeEvent(_NOTICES, f"{text}Cancel it in TWS if it is not wanted; fills of it are booked."))

    def can_tell_order(self, record: OrderRecord) -> bool:
        """Returns whether `tell_order` would ask TWS nothing."""
        if record.order is not None or not self._is_shown(record.account):
            return True
        return all(self._contracts.by_con_id(shape.con_id) is not None for shape in _shapes_of(record))

    async def describe(self, record: OrderRecord) -> BrokerOrder | None:
        """Returns the order as the port tells it; None while TWS has not named it, or for an account not shown."""
        if not record.perm_id or record.contract is None or not self._is_shown(record.account):
            return None
        legs = record.order.legs if record.order is not None else await self._legs(record)
        # Nothing is awaited from here on: what is told is the state of this moment.
        terms = _terms_of(record)
        if record.perm_id == 0 or terms is None:
            return None
        order_type, limit_price, tif, foreign = terms
        reason = record.reason
        if reason is None and foreign is not None and not record.has_ended:
            reason = foreign
        return BrokerOrder(
            broker_order_id=BrokerOrderId(str(record.perm_id)),
            order_id=our_id(record.order_ref),
            account_id=AccountId(record.account),
            legs=legs,
            order_type=order_type,
            limit_price=limit_price,
            tif=tif,
            status=record.status,
            filled_packages=int(record.filled),
            at_utc=self._at(record),
            reason=reason,
        )

    def _at(self, record: OrderRecord) -> datetime:
        done = record.completed.completed_at_utc if record.completed is not None else None
        return done or self._clock.now_utc()

    async def _legs(self, record: OrderRecord) -> tuple[OrderLeg, ...]:
        legs: list[OrderLeg] = []
        for shape in _shapes_of(record):
            contract = await self._known(IbContract(shape.con_id, "", "", currency=""), f"order {record.perm_id}")
            if contract is None:
                return ()
            legs.append(OrderLeg(contract, shape.action, shape.quantity))
        return tuple(legs)

    # --- executions ---------------------------------------------------------------------------------------------------

    async def tell_fill(self, fill: Fill) -> None:
        """Emits an execution's newest revision and its fee, each if it is new. The line of a combo is not booked."""
        if fill.is_combo_line:
            self._watch_combo_fee(fill)
            return
        execution = await self.execution(fill, with_fee=False)
        if execution is None:
            return
        if fill.told_revision < execution.revision:
            fill.told_revision = execution.revision
            self._emit(ExecutionEvent(execution))
        self._tell_fee(fill)

    def can_tell_fill(self, fill: Fill) -> bool:
        """Returns whether `tell_fill` would ask TWS nothing."""
        if fill.is_combo_line or not self._is_shown(fill.fact.account):
            return True
        return self._contracts.by_con_id(fill.fact.contract.con_id) is not None

    async def execution(self, fill: Fill, *, with_fee: bool, must_answer: bool = False) -> Execution | None:
        """Returns an execution in the desk's form; None, and an odd object, for one that cannot be represented.

        With `must_answer` a TWS that does not answer about the contract raises BrokerFailure: nothing may be missing.
        """
        if not self._is_shown(fill.fact.account):
            return None
        contract = await self._known(fill.fact.contract, f"execution {fill.root}", must_answer=must_answer)
        action = action_of(fill.fact.side)
        if action is None:
            self._odd(f"Execution {fill.root} has the side {fill.fact.side!r}: it is not booked.")
        if contract is None or action is None:
            return None
        return execution_of(fill, contract, action, self._fills.fee(fill.root) if with_fee else None)

    def _tell_fee(self, fill: Fill) -> None:
        fee = self._fills.fee(fill.root)
        foreign = self._fills.foreign_fee(fill.root)
        if fee is None and foreign is not None:
            self._odd(f"The fee of execution {fill.root} is {foreign.commission} {foreign.currency}: not in dollars.")
        if fee is None or fee == fill.told_fee:
            return
        fill.told_fee = fee
        self._emit(FeeEvent(AccountId(fill.fact.account), fill.root, fee))

    def _watch_combo_fee(self, fill: Fill) -> None:
        """TWS charges the legs; a fee on the combination's line would be money that nobody books."""
        fee = self._fills.fee(fill.root)
        if fee:
            self._odd(f"TWS charged {fee} dollars on the combination line {fill.root}: compare with the statement.")

    # --- within -------------------------------------------------------------------------------------------------------

    async def _known(self, ib: IbContract, what: str, *, must_answer: bool = False) -> Contract | None:
        """Returns the contract; None and an odd object when TWS does not know it or does not answer now."""
        known = self._contracts.by_con_id(ib.con_id)
        if known is not None:
            return known
        try:
            return await self._contracts.contract(ib)
        except (InvalidInput, BrokerFailure) as error:
            if must_answer and isinstance(error, BrokerFailure):
                raise
            self._odd(f"The contract of {what} is not known: {error}")
            return None

    def _odd(self, what: str) -> None:
        if what not in self._odd_told:
            self._odd_told.add(what)
            self._emit(OddObjectEvent(_SOURCE, what))

    def _is_shown(self, account: str) -> bool:
        return bool(account) and (not self._accounts or AccountId(account) in self._accounts)


def _terms_of(record: OrderRecord) -> tuple[OrderType, Decimal | None, TimeInForce, str | None] | None:
    """Type, net price, time in force, and a word for a type the desk does not make. The price is TWS's own echo."""
    source = record.opened or record.completed
    if source is None:
        if record.order is None:
            return None
        return record.order.order_type, record.order.limit_price, record.order.tif, None
    order_type = order_type_of(source.order_type, source.limit_price)
    limit = net_of(source.action, source.limit_price) if order_type is OrderType.LIMIT else None
    foreign = None if is_own_type(source.order_type) else f"{source.order_type} order."
    return order_type, limit, tif_of(source.tif), foreign


def _shapes_of(record: OrderRecord) -> tuple[LegShape, ...]:
    source = record.opened or record.completed
    if source is None:
        return ()
    quantity = source.quantity if source.quantity > 0 else record.filled
    return leg_shapes(source.contract, source.action, quantity)
