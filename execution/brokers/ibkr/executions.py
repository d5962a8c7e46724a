"""Executions and commissions of TWS as two upserts that may come in any order, any number of times.

An execution is known by its id without the last part; the last part is the revision, and the highest one counts. The
line of a whole combination (BAG) is kept for progress only: positions and cash come from the legs.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from execution.brokers.ibkr.facts import CommissionFact, ExecutionFact, IbContract
from execution.brokers.ibkr.wire_orders import BAG
from models.contract import Contract
from models.enums import Action, BrokerName
from models.ids import AccountId, BrokerOrderId, ExecutionId, OrderId, is_uuid4
from models.trade import Execution

_REVISED: Final = re.compile(r"(?P<root>.+)\.(?P<revision>\d+)")
_DOLLARS: Final = ("", "USD")
_MICROSECOND: Final = timedelta(microseconds=1)
_SIDES: Final = {"BOT": Action.BUY, "SLD": Action.SELL, "BUY": Action.BUY, "SELL": Action.SELL}


def split_exec_id(exec_id: str) -> tuple[ExecutionId, int]:
    """Returns the id that stays the same through corrections, and the revision (1 where the id has none)."""
    found = _REVISED.fullmatch(exec_id)
    if found is None:
        return ExecutionId(exec_id), 1
    return ExecutionId(found["root"]), max(int(found["revision"]), 1)


def action_of(side: str) -> Action | None:
    """Returns the side of an execution; it decides, not the sign of the price."""
    return _SIDES.get(side)


@dataclass(slots=True)
class Fill:
    """One execution: its newest revision, and what the desk has been told of it."""

    root: ExecutionId
    fact: ExecutionFact
    revision: int
    #: TWS tells whole seconds: those of one second are told microseconds apart, as they came.
    at_utc: datetime
    told_revision: int = 0
    told_fee: Decimal | None = None

    @property
    def is_combo_line(self) -> bool:
        """Whether it is the line of a whole combination."""
        return self.fact.contract.sec_type == BAG

    @property
    def perm_id(self) -> int:
        """TWS's permanent id of its order."""
        return self.fact.perm_id


@dataclass(slots=True)
class FillBook:
    """Every execution of the session by account and id. Engine thread only."""

    _fills: dict[tuple[str, ExecutionId], Fill] = field(default_factory=dict)
    #: The same by id alone, as commissions name them: a day of thousands is told again at every reconnect.
    _by_root: defaultdict[ExecutionId, list[Fill]] = field(default_factory=lambda: defaultdict(list))
    _unpaid: set[ExecutionId] = field(default_factory=set)
    _commissions: dict[ExecutionId, dict[int, CommissionFact]] = field(default_factory=dict)
    _in_second: dict[datetime, int] = field(default_factory=dict)

    def take(self, fact: ExecutionFact) -> Fill:
        """Keeps an execution if it is new or a higher revision; returns what counts now."""
        root, revision = split_exec_id(fact.exec_id)
        key = (fact.account, root)
        known = self._fills.get(key)
        if known is None:
            known = Fill(root, fact, revision, self._instant(fact.at_utc))
            self._fills[key] = known
            self._by_root[root].append(known)
            if not known.is_combo_line and root not in self._commissions:
                self._unpaid.add(root)
        elif revision > known.revision:
            known.fact, known.revision = fact, revision
        elif revision == known.revision and known.perm_id == 0:
            known.fact = fact
        return known

    def take_commission(self, fact: CommissionFact) -> tuple[Fill, ...]:
        """Keeps a commission; returns the executions it belongs to (none while they have not come)."""
        root, revision = split_exec_id(fact.exec_id)
        self._commissions.setdefault(root, {})[revision] = fact
        self._unpaid.discard(root)
        return tuple(self._by_root.get(root, ()))

    def fee(self, root: ExecutionId) -> Decimal | None:
        """Returns the commission in dollars, of the highest revision that has one; None = not known yet."""
        told = self._commissions.get(root, {})
        for revision in sorted(told, reverse=True):
            if told[revision].commission is not None and told[revision].currency in _DOLLARS:
                return told[revision].commission
        return None

    def foreign_fee(self, root: ExecutionId) -> CommissionFact | None:
        """Returns a commission that is not in dollars and therefore not counted."""
        for fact in self._commissions.get(root, {}).values():
            if fact.commission is not None and fact.currency not in _DOLLARS:
                return fact
        return None

    def legs(self) -> tuple[Fill, ...]:
        """Returns what is booked, by TWS's second, then by id: the same sequence whenever it is asked."""
        booked = [fill for fill in self._fills.values() if not fill.is_combo_line]
        return tuple(sorted(booked, key=lambda fill: (fill.at_utc.replace(microsecond=0), fill.root)))

    def without_fee(self) -> bool:
        """Returns whether a booked execution still waits for its commission."""
        return bool(self._unpaid)

    def _instant(self, at_utc: datetime) -> datetime:
        second = at_utc.replace(microsecond=0)
        count = self._in_second.get(second, 0) + 1
        self._in_second[second] = count
        return max(at_utc, second + count * _MICROSECOND)


@dataclass(slots=True)
class Progress:
    """How many packages of one order its executions make."""

    _lines: dict[ExecutionId, tuple[int, Decimal]] = field(default_factory=dict)
    _legs: dict[ExecutionId, tuple[int, Decimal, int]] = field(default_factory=dict)

    def take(self, fill: Fill) -> None:
        """Counts an execution's newest revision."""
        quantity = fill.fact.quantity
        if fill.is_combo_line:
            self._lines[fill.root] = (fill.revision, quantity)
        else:
            self._legs[fill.root] = (fill.revision, quantity, fill.fact.contract.con_id)

    @property
    def is_any(self) -> bool:
        """Whether anything traded."""
        return any(quantity for _, quantity in self._lines.values()) or any(leg[1] for leg in self._legs.values())

    def packages(self, contract: IbContract | None) -> Decimal:
        """Returns whole packages: by the combination's own lines, or by its legs when those say more."""
        by_line = sum((quantity for _, quantity in self._lines.values()), Decimal(0))
        by_contract: dict[int, Decimal] = {}
        for _, quantity, con_id in self._legs.values():
            by_contract[con_id] = by_contract.get(con_id, Decimal(0)) + quantity
        if contract is None:
            return by_line
        if contract.sec_type != BAG:
            return sum(by_contract.values(), Decimal(0))
        by_legs = [by_contract.get(leg.con_id, Decimal(0)) // leg.ratio for leg in contract.combo_legs if leg.ratio]
        return max(by_line, min(by_legs, default=Decimal(0)))


def our_id(order_ref: str) -> OrderId | None:
    """Returns our order id when the reference is one of ours (a uuid4); everything else comes from elsewhere."""
    return OrderId(order_ref) if is_uuid4(order_ref) else None


def execution_of(fill: Fill, contract: Contract, action: Action, fee: Decimal | None) -> Execution:
    """Returns an execution in the desk's form."""
    fact = fill.fact
    return Execution(
        broker=BrokerName.IBKR,
        account_id=AccountId(fact.account),
        execution_id=fill.root,
        broker_order_id=BrokerOrderId(str(fact.perm_id)) if fact.perm_id else None,
        order_id=our_id(fact.order_ref),
        contract=contract,
        action=action,
        quantity=abs(fact.quantity),
        price=fact.price,
        executed_at_utc=fill.at_utc,
        revision=fill.revision,
        fee=fee,
    )
