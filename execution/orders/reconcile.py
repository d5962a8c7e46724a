"""Compares what the desk knows with what the broker has: pure, and the same at start-up, reconnect and after a crash.

The result is applied like live events. Doing it twice changes nothing more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from execution.brokers.port import BrokerOrder, BrokerSnapshot, ExecutionEvent, OrderEvent
from execution.orders.fills import advance, progress_of
from execution.orders.ledger import IdSpace, one_space, unique_id
from execution.orders.resolving import newest_of
from execution.orders.wording import signed_text, terms_of
from models.clock import new_york_time
from models.contract import Contract
from models.coverage import StatementDays, uncovered_days
from models.enums import OrderStatus
from models.ids import AccountId, BrokerOrderId, ContractKey, ExecutionId, OrderId
from models.order import Order
from models.order_status import TERMINAL
from models.position import UnifiedPosition
from models.trade import Execution

_S = OrderStatus
_CANCEL_NOT_TAKEN = "The broker still works it after the reconnect: the cancel did not arrive."


@dataclass(frozen=True, slots=True)
class Known:
    """What the desk knows: orders with an intent, outside orders, executions, and positions as last reconciled.

    `in_flight` are orders whose submit is under way: their absence says nothing.
    """

    orders: tuple[Order, ...]
    outside_orders: tuple[Order, ...] = ()
    executions: tuple[Execution, ...] = ()
    positions: tuple[UnifiedPosition, ...] = ()
    in_flight: frozenset[OrderId] = frozenset()
    #: Days whose trades came from imported statements.
    covered: tuple[StatementDays, ...] = ()
    id_space: IdSpace = one_space

    def unique(self, broker_order_id: BrokerOrderId, account_id: AccountId) -> str:
        """Returns a broker's order id as no other broker's is."""
        return unique_id(self.id_space, broker_order_id, account_id)

    def id_of(self, order: Order) -> str | None:
        """Returns the broker's id of an order, unique."""
        return None if order.broker_order_id is None else self.unique(order.broker_order_id, order.account_id)

    def told_id(self, told: BrokerOrder) -> str:
        """Returns the id the broker tells, unique."""
        return self.unique(told.broker_order_id, told.account_id)

    def replaced_id(self, told: BrokerOrder) -> str | None:
        """Returns the id it replaced, unique."""
        return None if told.replaces is None else self.unique(told.replaces, told.account_id)


@dataclass(frozen=True, slots=True)
class Difference:
    """Something desk and broker do not agree on, in words; the broker's word counts."""

    account_id: AccountId
    text: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Events to apply in this order, differences to show, and orders the broker did not mention."""

    events: tuple[ExecutionEvent | OrderEvent, ...]
    differences: tuple[Difference, ...]
    missing: tuple[OrderId, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing had to be changed or asked."""
        return not (self.events or self.differences or self.missing)


class _ByOrder:
    """Executions by the order they belong to; a day's thousands are gone through once, not once per order."""

    def __init__(self, executions: Iterable[Execution], known: Known) -> None:
        self._known = known
        self._of_ours: defaultdict[OrderId, list[Execution]] = defaultdict(list)
        self._of_broker: defaultdict[str, list[Execution]] = defaultdict(list)
        for execution in executions:
            if execution.order_id is not None:
                self._of_ours[execution.order_id].append(execution)
            if execution.broker_order_id is not None:
                unique = known.unique(execution.broker_order_id, execution.account_id)
                self._of_broker[unique].append(execution)

    def of(self, order: Order) -> list[Execution]:
        """Returns what was executed under the order's id or the broker's."""
        found = {_key(execution): execution for execution in self._of_ours.get(order.id, ())}
        unique = self._known.id_of(order)
        if unique is not None:
            found |= {_key(execution): execution for execution in self._of_broker.get(unique, ())}
        return list(found.values())


def reconcile(known: Known, snapshot: BrokerSnapshot) -> Reconciliation:
    """Returns what brings the desk in line with the broker's snapshot. Executions come before order states."""
    told = _told_by_order(known, snapshot)
    executions = _new_executions(known, snapshot, told)
    everything = _ByOrder(_merged(known.executions, executions), known)
    order_events = [*_our_orders(known, told, everything), *_outside_orders(known, snapshot, told, everything)]
    return Reconciliation(
        events=(*(ExecutionEvent(execution) for execution in executions), *order_events),
        differences=(
            *_order_differences(known, told, everything),
            *_position_differences(known, snapshot, executions),
            *_gaps(known, snapshot),
        ),
        missing=tuple(_missing(known, snapshot, told, everything)),
    )


def _told_by_order(known: Known, snapshot: BrokerSnapshot) -> dict[OrderId, BrokerOrder]:
    """The broker's newest word on each of our orders."""
    by_broker_id = _owners(known)
    ours = {order.id for order in known.orders}
    groups: dict[OrderId, list[BrokerOrder]] = {}
    for told in (*snapshot.open_orders, *snapshot.completed_orders):
        before = known.replaced_id(told)
        replaced = None if before is None else by_broker_id.get(before)
        by_id = told.order_id if told.order_id in ours else None
        owner = by_id or by_broker_id.get(known.told_id(told)) or replaced
        if owner is not None:
            groups.setdefault(owner, []).append(told)
    newest = {order_id: newest_of(group) for order_id, group in groups.items()}
    return {order_id: told for order_id, told in newest.items() if told is not None}


def _new_executions(
    known: Known, snapshot: BrokerSnapshot, told: Mapping[OrderId, BrokerOrder]
) -> tuple[Execution, ...]:
    """Executions the desk lacks, has in a lower revision or without their fee; oldest first, marked as ours."""
    have = {_key(execution): execution for execution in known.executions}
    owners = {known.told_id(each): order_id for order_id, each in told.items()} | _owners(known)
    newest: dict[tuple[AccountId, ExecutionId], Execution] = {}
    for told_execution in snapshot.executions:
        key = _key(told_execution)
        restarts = snapshot.do_revisions_restart or told_execution.account_id in snapshot.revisions_restart_in
        execution = _renumbered(told_execution, have.get(key)) if restarts else told_execution
        if _says_more(execution, have.get(key)) and _says_more(execution, newest.get(key)):
            newest[key] = _marked(execution, known, owners)
    return tuple(sorted(newest.values(), key=lambda execution: (execution.executed_at_utc, execution.execution_id)))


def _renumbered(execution: Execution, known: Execution | None) -> Execution:
    """A correction made while the desk was off, told as if it were the first word, is the next revision here."""
    if known is None or (known.quantity, known.price) == (execution.quantity, execution.price):
        return execution
    return replace(execution, revision=max(execution.revision, known.revision + 1))


def _says_more(execution: Execution, than: Execution | None) -> bool:
    """Whether an execution is a higher revision, or brings the fee that was still to come."""
    if than is None or execution.revision != than.revision:
        return than is None or execution.revision > than.revision
    return than.fee is None and execution.fee is not None


def _owners(known: Known) -> dict[str, OrderId]:
    """Returns our orders by the broker's ids."""
    return {unique: order.id for order in known.orders if (unique := known.id_of(order)) is not None}


def _marked(execution: Execution, known: Known, owners: Mapping[str, OrderId]) -> Execution:
    if execution.order_id is not None or execution.broker_order_id is None:
        return execution
    return replace(execution, order_id=owners.get(known.unique(execution.broker_order_id, execution.account_id)))


def _our_orders(known: Known, told: Mapping[OrderId, BrokerOrder], executions: _ByOrder) -> list[OrderEvent]:
    """An event for each order that the broker's word would change."""
    events: list[OrderEvent] = []
    for order in known.orders:
        word = told.get(order.id)
        if word is None:
            continue
        if order.status is _S.CANCEL_PENDING and word.status in (_S.PENDING, _S.PARTIAL) and word.reason is None:
            word = replace(word, reason=_CANCEL_NOT_TAKEN)
        progress = progress_of(order, executions.of(order))
        after_fills = advance(order, progress)
        settled = after_fills[-1] if after_fills else order
        if advance(settled, progress, word):
            events.append(OrderEvent(word))
    return events


def _outside_orders(
    known: Known, snapshot: BrokerSnapshot, told: Mapping[OrderId, BrokerOrder], executions: _ByOrder
) -> list[OrderEvent]:
    ours = {known.told_id(each) for each in told.values()} | _owners(known).keys()
    ours_by_id = {order.id for order in known.orders}
    have = {known.id_of(order): order for order in known.outside_orders}
    events: list[OrderEvent] = []
    for word in (*snapshot.completed_orders, *snapshot.open_orders):
        if known.told_id(word) in ours or word.order_id in ours_by_id or known.replaced_id(word) in ours:
            continue
        if word.order_id is not None and word.status in TERMINAL:
            # Ours, done and settled long since: only what still needs watching was loaded. Not a stranger's.
            continue
        order = have.get(known.told_id(word))
        if order is None or advance(order, progress_of(order, executions.of(order)), word, trust_status=True):
            events.append(OrderEvent(word))
    return events


def _missing(
    known: Known, snapshot: BrokerSnapshot, told: Mapping[OrderId, BrokerOrder], executions: _ByOrder
) -> list[OrderId]:
    """Working orders the broker did not mention, although they left before it spoke."""
    missing: list[OrderId] = []
    for order in known.orders:
        left_later = order.submitted_at is not None and order.submitted_at > snapshot.at_utc
        if not order.is_working or order.id in told or order.id in known.in_flight or left_later:
            continue
        if not progress_of(order, executions.of(order)).is_complete:
            missing.append(order.id)
    return missing


def _order_differences(known: Known, told: Mapping[OrderId, BrokerOrder], executions: _ByOrder) -> list[Difference]:
    found: list[Difference] = []
    for order in known.orders:
        word = told.get(order.id)
        if word is None:
            continue
        packages = progress_of(order, executions.of(order)).packages
        if order.status in TERMINAL and word.status not in TERMINAL:
            text = f"{terms_of(order)} is {order.status.value} here, but works at the broker. Cancel it there."
            found.append(Difference(order.account_id, text))
        if packages < word.filled_packages:
            text = (
                f"{terms_of(order)}: the broker filled {word.filled_packages} packages, but gave executions for "
                f"{packages}. Import the missing ones from its statement (Journal, Import statement)."
            )
            found.append(Difference(order.account_id, text))
    return found


def _position_differences(
    known: Known, snapshot: BrokerSnapshot, new_executions: Sequence[Execution]
) -> list[Difference]:
    """Positions that the executions since the last reconcile do not explain. Without an earlier state: none."""
    as_of = _as_of(known.positions)
    if not as_of:
        return []
    contracts: dict[ContractKey, Contract] = {}
    expected: dict[tuple[AccountId, ContractKey], Decimal] = {}
    actual: dict[tuple[AccountId, ContractKey], Decimal] = {}
    for position in known.positions:
        _add(expected, contracts, position.account_id, position.contract, position.quantity)
    for execution in _merged(known.executions, new_executions):
        since = as_of.get(execution.account_id)
        if since is not None and execution.executed_at_utc > since:
            _add(expected, contracts, execution.account_id, execution.contract, execution.signed_quantity)
    for position in snapshot.positions:
        if position.account_id in as_of:
            _add(actual, contracts, position.account_id, position.contract, position.quantity)
    differences: list[Difference] = []
    for account_id, key in sorted(expected.keys() | actual.keys()):
        want, have = expected.get((account_id, key), Decimal(0)), actual.get((account_id, key), Decimal(0))
        if want != have:
            text = (
                f"{contracts[key].label}: the broker holds {signed_text(have)}, the executions known here make "
                f"{signed_text(want)}. Traded, assigned or transferred outside this desk; the broker's figure counts."
            )
            differences.append(Difference(account_id, text))
    return differences


def _gaps(known: Known, snapshot: BrokerSnapshot) -> list[Difference]:
    """Time between the last reconcile and the broker's oldest execution: what was filled in it nobody tells.

    Days that an imported statement holds are not missing.
    """
    found: list[Difference] = []
    for account_id, last in sorted(_as_of(known.positions).items()):
        since = snapshot.executions_since_of.get(account_id, snapshot.executions_since_utc)
        if last >= since:
            continue
        first_day, last_day = new_york_time(last).date(), new_york_time(since - timedelta(microseconds=1)).date()
        days = uncovered_days(known.covered, account_id, first_day, last_day)
        if days:
            text = (
                f"The broker tells executions since {since:%Y-%m-%d %H:%M} UTC; the desk saw it last at "
                f"{last:%Y-%m-%d %H:%M} UTC. Fills in between are missing here: import them from its statement of "
                f"{_period(days)} (Journal, Import statement)."
            )
            found.append(Difference(account_id, text))
    return found


def _period(days: Sequence[date]) -> str:
    first, last = days[0], days[-1]
    return f"{first:%Y-%m-%d}" if first == last else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _as_of(positions: Sequence[UnifiedPosition]) -> dict[AccountId, datetime]:
    """When each account's positions were reconciled last."""
    as_of: dict[AccountId, datetime] = {}
    for position in positions:
        if position.at_utc is not None:
            as_of[position.account_id] = max(position.at_utc, as_of.get(position.account_id, position.at_utc))
    return as_of


def _add(
    sums: dict[tuple[AccountId, ContractKey], Decimal],
    contracts: dict[ContractKey, Contract],
    account_id: AccountId,
    contract: Contract,
    quantity: Decimal,
) -> None:
    contracts[contract.key] = contract
    key = (account_id, contract.key)
    sums[key] = sums.get(key, Decimal(0)) + quantity


def _merged(known: Sequence[Execution], new: Sequence[Execution]) -> tuple[Execution, ...]:
    merged = {_key(execution): execution for execution in known}
    merged |= {_key(execution): execution for execution in new}
    return tuple(merged.values())


def _key(execution: Execution) -> tuple[AccountId, ExecutionId]:
    return execution.account_id, execution.execution_id
