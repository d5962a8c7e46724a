"""Compares everything the desk wrote down with the book of the exchange behind the simulator: nothing may differ.

The exchange's side is its own store: orders, executions with their newest revision and fee, holdings, cash to the cent.
The desk's side is its database and its book. Execution ids are matched by the simulator's own list.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from benchmarks.whole_desk import WholeDesk
from execution.brokers.paper.rows import StoredExecution
from models.enums import OrderStatus


@dataclass(frozen=True, slots=True)
class Fill:
    """One leg's fill, newest revision, as one side has it."""

    order_id: str
    key: str
    action: str
    quantity: Decimal
    price: Decimal
    revision: int
    fee: Decimal | None

    @property
    def signed_quantity(self) -> Decimal:
        """Change of the position."""
        return self.quantity if self.action == "BUY" else -self.quantity


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was compared, and every difference in words."""

    fills: int
    corrected: int
    orders: int
    journal_rows: int
    missed: tuple[str, ...]
    doubled: tuple[str, ...]
    differing: tuple[str, ...]
    positions: tuple[str, ...]
    cash: tuple[str, ...]
    journal: tuple[str, ...]
    orders_differing: tuple[str, ...]
    resent: tuple[str, ...]
    sent_locked: tuple[str, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """Every difference."""
        return (
            *self.missed,
            *self.doubled,
            *self.differing,
            *self.positions,
            *self.cash,
            *self.journal,
            *self.orders_differing,
            *self.resent,
            *self.sent_locked,
        )


def compare(desk: WholeDesk[Any]) -> Comparison:
    """Returns what differs between desk and exchange. Both must be at rest: what is under way counts as missed."""
    there, here = _fills_there(desk), _fills_here(desk)
    corrected = sum(fill.revision > 1 for fill in there.values())
    if not desk.tells_revisions:
        there = _as_counted_here(there, here)
    times = Counter(str(row[0]) for row in desk.rows("SELECT execution_id || ' ' || revision FROM executions"))
    invented = [f"fill {name} is nowhere at the exchange: {here[name]}" for name in here.keys() - there.keys()]
    rows = desk.rows("SELECT count(*) FROM trade_journal")
    return Comparison(
        fills=len(there),
        corrected=corrected,
        orders=len(_orders_there(desk)),
        journal_rows=int(str(rows[0][0])),
        missed=tuple(f"fill {name} is missed: {there[name]}" for name in sorted(there.keys() - here.keys())),
        doubled=(*(f"fill {name} is there {n} times" for name, n in times.items() if n > 1), *invented),
        differing=tuple(
            f"fill {name}: exchange {there[name]}, desk {here[name]}"
            for name in sorted(there.keys() & here.keys())
            if there[name] != here[name]
        ),
        positions=tuple(_positions(desk, here)),
        cash=tuple(_cash(desk, here)),
        journal=tuple(_journal(desk, there)),
        orders_differing=tuple(_orders(desk)),
        resent=tuple(_resent(desk)),
        sent_locked=tuple(f"{one} left while the desk was locked" for one in desk.sent if not one.was_unlocked),
    )


async def at_rest(desk: WholeDesk[Any], within_s: float, *, times: int = 3) -> Comparison:
    """Compares every second until nothing differed so many `times` running, or the time is over; returns the last.

    Late fills, corrections, fees and balances are on their way for seconds: it must stay right, not just pass.
    """
    loop = asyncio.get_running_loop()
    until, same = loop.time() + within_s, 0
    while True:
        await asyncio.sleep(1.0)
        found = compare(desk)
        same = 0 if found.problems else same + 1
        if same == times or loop.time() >= until:
            return found


def _fills_there(desk: WholeDesk[Any]) -> dict[str, Fill]:
    """The exchange's executions under the ids that the desk was told."""
    names = desk.execution_names()
    return {
        names.get(one.execution.execution_id, f"(never told) {one.execution.execution_id}"): _fill_of(one)
        for one in desk.simulator.core.store.executions(None)
    }


def _as_counted_here(there: dict[str, Fill], here: dict[str, Fill]) -> dict[str, Fill]:
    """The exchange's fills with the desk's count of revisions: one that it never heard of is none to it."""
    return {name: replace(fill, revision=here[name].revision) if name in here else fill for name, fill in there.items()}


def _fill_of(stored: StoredExecution) -> Fill:
    one = stored.execution
    return Fill(
        str(one.order_id), str(one.contract.key), one.action.value, one.quantity, one.price, one.revision, stored.fee
    )


def _fills_here(desk: WholeDesk[Any]) -> dict[str, Fill]:
    fees = {
        str(name): Decimal(str(fee))
        for name, fee in desk.rows("SELECT execution_id, fee FROM execution_fees ORDER BY seq")
    }
    found: dict[str, Fill] = {}
    for name, order_id, key, action, quantity, price, revision in desk.rows(
        "SELECT execution_id, order_id, contract_key, action, quantity, price, revision FROM executions"
        " ORDER BY execution_id, revision"
    ):
        found[str(name)] = Fill(
            str(order_id),
            str(key),
            str(action),
            Decimal(str(quantity)),
            Decimal(str(price)),
            int(str(revision)),
            fees.get(str(name)),
        )
    return found


def _positions(desk: WholeDesk[Any], here: dict[str, Fill]) -> list[str]:
    """The desk's book, and the sum of its fills, against the exchange's holdings."""
    there = {str(one.contract.key): one.quantity for one in desk.simulator.core.book.holdings(desk.account)}
    book = {str(one.contract.key): one.quantity for one in desk.core.positions(desk.account) if one.quantity}
    summed: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fill in here.values():
        summed[fill.key] += fill.signed_quantity
    problems: list[str] = []
    for name, side in (("book", book), ("sum of fills", summed)):
        problems += [
            f"{key}: the exchange holds {there.get(key, 0)}, the desk's {name} {side.get(key, 0)}"
            for key in sorted(there.keys() | side.keys())
            if there.get(key, Decimal(0)) != side.get(key, Decimal(0))
        ]
    return problems


def _cash(desk: WholeDesk[Any], here: dict[str, Fill]) -> list[str]:
    """Fills and fees of the desk against the change of the exchange's ledger; and the balance that was told."""
    core = desk.simulator.core
    account = core.book.account(desk.account)
    if account is None:
        return [f"{desk.account} is not at the exchange"]
    multipliers = {str(one.execution.contract.key): one.execution.contract for one in core.store.executions(None)}
    paid = Decimal(0)
    for fill in here.values():
        contract = multipliers.get(fill.key)
        if contract is None or fill.fee is None:
            return [f"{fill} has no fee, or its contract was never traded at the exchange"]
        paid += fill.signed_quantity * fill.price * contract.multiplier + fill.fee
    problems = []
    change = account.ledger_cash - account.deposits
    if -paid != change:
        problems.append(f"the desk's fills and fees make {-paid}, the exchange's ledger changed by {change}")
    values = desk.core.account_values(desk.account)
    told = None if values is None else values.cash_balance
    if told != core.book.cash(desk.account):
        problems.append(f"the exchange's cash is {core.book.cash(desk.account)}, the desk shows {told}")
    return problems


def _journal(desk: WholeDesk[Any], there: dict[str, Fill]) -> list[str]:
    """Every fill in one row, and each order's rows add up to what the exchange booked for it, in dollars and legs."""
    covered = Counter(
        (str(name), int(str(revision)))
        for name, revision in desk.rows("SELECT execution_id, revision FROM journal_executions")
    )
    problems = [
        f"fill {name} revision {fill.revision} is in {covered[name, fill.revision]} journal rows"
        for name, fill in there.items()
        if covered[name, fill.revision] != 1
    ]
    multipliers = {
        str(one.execution.contract.key): one.execution.contract.multiplier
        for one in desk.simulator.core.store.executions(None)
    }
    booked: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fill in there.values():
        booked[fill.order_id] += fill.signed_quantity * fill.price * multipliers[fill.key]
    written: defaultdict[str, Decimal] = defaultdict(Decimal)
    legs: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for order_id, net, legs_json, tags in desk.rows(_JOURNAL):
        written[str(order_id)] += Decimal(str(net))
        if "correction" not in str(tags).split(","):
            for key, quantity in _legs(str(legs_json)):
                legs[str(order_id), key] += quantity
    problems += [
        f"order {order_id}: the exchange booked {booked[order_id]}, its rows say {written[order_id]}"
        for order_id in sorted(booked.keys() | written.keys())
        if booked[order_id] != written[order_id]
    ]
    held: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for fill in there.values():
        held[fill.order_id, fill.key] += fill.signed_quantity
    problems += [
        f"order {name[0]}: the exchange filled {held[name]} {name[1]}, its rows say {legs[name]}"
        for name in sorted(held.keys() | legs.keys())
        if held[name] != legs[name]
    ]
    return problems


_JOURNAL = (
    "SELECT o.order_id, j.net_debit_credit, j.legs_json,"
    " (SELECT group_concat(tag) FROM journal_tags AS t WHERE t.journal_id = j.id)"
    " FROM trade_journal AS j LEFT JOIN order_journal AS o ON o.journal_id = j.id"
)


def _legs(legs_json: str) -> list[tuple[str, Decimal]]:
    legs: list[dict[str, Any]] = json.loads(legs_json)
    return [(str(leg["symbol"]), Decimal(str(leg["qty"])) * (1 if leg["action"] == "BUY" else -1)) for leg in legs]


def _orders_there(desk: WholeDesk[Any]) -> dict[str, tuple[OrderStatus, int]]:
    return {
        str(row["order_id"]): (OrderStatus(row["status"]), int(row["filled_packages"]))
        for row in desk.simulator.core.store._read("SELECT order_id, status, filled_packages FROM orders")  # noqa: SLF001 - the exchange's own file, all orders of it
    }


def _orders(desk: WholeDesk[Any]) -> list[str]:
    """Every order that left: its end at the desk and at the exchange."""
    there = _orders_there(desk)
    here = {
        str(name): (one.status, one.filled_packages)
        for name, one in desk.watch.orders.items()
        if one.status not in (OrderStatus.DRAFT, OrderStatus.SIMULATED)
    }
    problems = [f"order {name} is at the exchange only" for name in there.keys() - here.keys()]
    for name, (status, filled) in here.items():
        if name not in there:
            if status is not OrderStatus.REJECTED:
                problems.append(f"order {name} never reached the exchange, the desk says {status.value}")
        elif there[name] != (status, filled):
            problems.append(f"order {name}: exchange {there[name]}, desk {(status, filled)}")
    return problems


def _resent(desk: WholeDesk[Any]) -> list[str]:
    """No order is put to work twice, by what left and by what arrived."""
    left = Counter(one.order_ref for one in desk.sent if not one.is_change)
    changes = Counter(one.order_ref for one in desk.sent if one.is_change)
    arrived: defaultdict[str, set[str]] = defaultdict(set)
    began, count = Counter[str](), Counter[str]()
    for order_ref, number, is_change in desk.arrivals():
        arrived[order_ref].add(number)
        count[order_ref] += 1
        began[order_ref] += not is_change
    return [
        *(f"order {name} left {times} times" for name, times in left.items() if times > 1),
        *(f"order {name} was begun {times} times" for name, times in began.items() if times > 1),
        *(f"order {name} came under the ids {ids}" for name, ids in arrived.items() if len(ids) > 1),
        *(
            f"order {name} came {times} times, but left {left[name]} times with {changes[name]} changes"
            for name, times in count.items()
            if times > left[name] + changes[name]
        ),
    ]
