"""The order manager's memory: orders, what was executed for them, and which broker id belongs to whom.

Engine thread only. Nothing here talks to anybody; it answers "whose is this?" and keeps the newest revisions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from execution.brokers.port import BrokerOrder
from models.enums import OrderStatus
from models.ids import AccountId, BrokerOrderId, ContractKey, ExecutionId, OrderId
from models.order import Order
from models.trade import Execution, ExecutionKind

_TICKETS = (OrderStatus.DRAFT, OrderStatus.SIMULATED)
FillKey = tuple[AccountId, ExecutionId]
#: Whose order ids are unique where: a word for an account's broker, empty where one broker is open.
IdSpace = Callable[[AccountId], str]


@dataclass(slots=True)
class Fills:
    """Executions of one order or one outside event, newest revision each, and which revision the journal has."""

    executions: dict[FillKey, Execution] = field(default_factory=dict)
    journaled: dict[FillKey, Execution] = field(default_factory=dict)
    #: Journaled in an earlier run and corrected since: what the row says is in the database only.
    without_before: set[FillKey] = field(default_factory=set)

    def take(self, execution: Execution) -> Execution | None:
        """Keeps an execution if it is new or a higher revision; returns what it replaced (itself when new)."""
        key = (execution.account_id, execution.execution_id)
        known = self.executions.get(key)
        self.executions[key] = execution
        return execution if known is None else known

    def is_known(self, execution: Execution) -> bool:
        """Returns whether this or a higher revision is here already."""
        known = self.executions.get((execution.account_id, execution.execution_id))
        return known is not None and known.revision >= execution.revision

    def unjournaled(self) -> tuple[Execution, ...]:
        """Returns executions that no journal row has, oldest first."""
        fresh = [execution for key, execution in self.executions.items() if key not in self.journaled]
        return tuple(sorted(fresh, key=_by_time))

    def corrected(self) -> tuple[tuple[Execution, Execution], ...]:
        """Returns (journaled, newest) of executions revised after they were journaled."""
        return tuple(
            (old, self.executions[key])
            for key, old in self.journaled.items()
            if self.executions[key].revision > old.revision
        )

    def mark_journaled(self, executions: Iterable[Execution]) -> None:
        """Remembers that a journal row has these."""
        for execution in executions:
            key = (execution.account_id, execution.execution_id)
            self.journaled[key] = execution
            self.without_before.discard(key)

    def change_usd(self, old: Execution, new: Execution) -> Decimal | None:
        """Returns how many dollars more a corrected execution paid; None when the journaled figures are not here."""
        is_lost = (old.account_id, old.execution_id) in self.without_before
        return None if is_lost else old.cash_effect - new.cash_effect

    def absorb(self, other: Fills) -> None:
        """Takes over what turned out to belong here."""
        self.executions.update(other.executions)
        self.journaled.update(other.journaled)


@dataclass(slots=True)
class Tracked:
    """One of our orders and what only the desk knows of it."""

    order: Order
    fills: Fills = field(default_factory=Fills)
    intent_at_utc: datetime | None = None
    #: Claimed by a send that is under way or done: no second one, and no new simulation.
    is_claimed: bool = False
    is_submitting: bool = False
    is_replacing: bool = False
    #: A new price the broker has been asked for and has not answered.
    asked_price: Decimal | None = None
    #: The user asked to cancel before the broker's id was known.
    is_cancel_wanted: bool = False
    is_overfill_told: bool = False
    #: Packages the broker says are filled: the journal waits until the executions agree.
    told_packages: int = 0


@dataclass(slots=True)
class Outside:
    """An order, or a settlement, that did not come from this desk. `order` None until the broker tells of one."""

    key: str
    account_id: AccountId
    fills: Fills = field(default_factory=Fills)
    order: Order | None = None


class Ledger:
    """Orders of the session by our id and by the broker's."""

    def __init__(self, id_space: IdSpace) -> None:
        self._id_space = id_space
        self.tracked: dict[OrderId, Tracked] = {}
        self.outside: dict[str, Outside] = {}
        self._by_broker_id: dict[str, OrderId] = {}

    def get(self, order_id: OrderId) -> Tracked | None:
        """Returns our order of that id."""
        return self.tracked.get(order_id)

    def track(self, tracked: Tracked) -> Tracked:
        """Starts to keep an order."""
        self.tracked[tracked.order.id] = tracked
        if tracked.order.broker_order_id is not None:
            self.link(tracked, tracked.order.broker_order_id)
        return tracked

    def link(self, tracked: Tracked, broker_order_id: BrokerOrderId) -> bool:
        """Notes that a broker's id is our order's, with what was booked as outside meanwhile; True if that was any."""
        unique = self.unique_id(broker_order_id, tracked.order.account_id)
        self._by_broker_id[unique] = tracked.order.id
        stray = self.outside.pop(order_key(unique), None)
        if stray is None:
            return False
        tracked.fills.absorb(stray.fills)
        return bool(stray.fills.executions)

    def unique_id(self, broker_order_id: BrokerOrderId, account_id: AccountId) -> str:
        """Returns a broker's id as no other broker's is: two may count the same numbers."""
        return unique_id(self._id_space, broker_order_id, account_id)

    def owner(
        self, order_id: OrderId | None, broker_order_id: BrokerOrderId | None, account_id: AccountId
    ) -> Tracked | None:
        """Returns our order that these ids name at the account's broker."""
        if order_id is not None and order_id in self.tracked:
            return self.tracked[order_id]
        if broker_order_id is None:
            return None
        found = self._by_broker_id.get(self.unique_id(broker_order_id, account_id))
        return None if found is None else self.tracked[found]

    def owner_of(self, told: BrokerOrder) -> Tracked | None:
        """Returns our order that the broker tells of, also under the id it was replaced from."""
        found = self.owner(told.order_id, told.broker_order_id, told.account_id)
        return found if found is not None else self.owner(None, told.replaces, told.account_id)

    def key_of(self, execution: Execution) -> str:
        """Returns the outside event an execution belongs to."""
        return outside_key(execution, self._id_space)

    def outside_of(self, key: str, account_id: AccountId) -> Outside:
        """Returns the outside event of that key, made on first sight."""
        return self.outside.setdefault(key, Outside(key, account_id))

    @property
    def is_awaiting_id(self) -> bool:
        """Whether a submit is under way whose broker id is not known: an unknown id may be ours."""
        return any(each.is_submitting and each.order.broker_order_id is None for each in self.tracked.values())

    def orders(self) -> tuple[Order, ...]:
        """Returns orders that were sent or need a word (`reason`), ours and outside ones, newest first."""
        ours = [each.order for each in self.tracked.values() if each.order.status not in _TICKETS or each.order.reason]
        theirs = [each.order for each in self.outside.values() if each.order is not None]
        return tuple(sorted((*ours, *theirs), key=lambda order: (order.created_at, order.id), reverse=True))

    def foreign_ids(self) -> frozenset[OrderId]:
        """Returns the ids under which outside orders are shown."""
        return frozenset(each.order.id for each in self.outside.values() if each.order is not None)


def unique_id(id_space: IdSpace, broker_order_id: BrokerOrderId, account_id: AccountId) -> str:
    """Returns a broker's order id with the word of its broker before it."""
    return f"{id_space(account_id)}{broker_order_id}"


def one_space(_account_id: AccountId) -> str:
    """One broker: its ids are unique as they are."""
    return ""


def outside_key(execution: Execution, id_space: IdSpace = one_space) -> str:
    """Groups what belongs to one outside event: an order's fills, or what settled at one instant in one underlying."""
    if execution.kind is not ExecutionKind.TRADE:
        at = execution.executed_at_utc.isoformat()
        return f"{execution.kind.value}:{execution.account_id}:{execution.contract.underlying}:{at}"
    if execution.broker_order_id is not None:
        return order_key(unique_id(id_space, execution.broker_order_id, execution.account_id))
    if execution.order_id:
        return f"order of ours:{execution.order_id}"
    return f"execution:{id_space(execution.account_id)}{execution.execution_id}"


def order_key(unique: str) -> str:
    """Returns the key of an outside order."""
    return f"order:{unique}"


def remaining(working: Iterable[Tracked | Outside]) -> tuple[dict[ContractKey, Decimal], dict[ContractKey, Decimal]]:
    """Returns what these working orders may still buy and sell, per contract."""
    buys: dict[ContractKey, Decimal] = {}
    sells: dict[ContractKey, Decimal] = {}
    for each in working:
        for leg in () if each.order is None else each.order.legs:
            side = buys if leg.action.sign > 0 else sells
            done = sum(
                (
                    execution.quantity
                    for execution in each.fills.executions.values()
                    if execution.contract.key == leg.contract.key and execution.action is leg.action
                ),
                Decimal(0),
            )
            key = leg.contract.key
            side[key] = side.get(key, Decimal(0)) + max(leg.quantity - done, Decimal(0))
    return buys, sells


def _by_time(execution: Execution) -> tuple[datetime, str]:
    return execution.executed_at_utc, execution.execution_id
