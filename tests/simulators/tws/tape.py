"""Executions as TWS tells them: one line a leg, and of a combo one more for the whole at its net price."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from execution.brokers.paper.orders import PaperOrder, package_weights
from models.enums import Action
from models.ids import ExecutionId
from models.trade import Execution
from tests.simulators.tws.contracts import WireContract
from tests.simulators.tws.listing import Listing
from tests.simulators.tws.records import TwsOrder

_PREFIX: Final = "0000e1a7"
_WHOLE: Final = 1
_MOST_REVISIONS: Final = 9
_STEP: Final = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class TapeLine:
    """One execution. `execution_id` is the exchange's own, None for the line of a whole combo."""

    record: TwsOrder
    exec_id: str
    execution_id: ExecutionId | None
    contract: WireContract
    side: str
    shares: Decimal
    price: Decimal
    cum_qty: Decimal
    avg_price: Decimal
    at_utc: datetime
    account: str
    revision: int = 1
    commission: Decimal | None = None


@dataclass(slots=True)
class _Progress:
    """How far one leg (or the whole, leg 0) of an order has come."""

    quantity: Decimal = Decimal(0)
    value: Decimal = Decimal(0)

    def add(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Takes a fill in; returns the average price since the first."""
        self.quantity += quantity
        self.value += quantity * price
        return (self.value / self.quantity).quantize(_STEP).normalize()


@dataclass(slots=True)
class OrderProgress:
    """An order's fills as its status tells them: average and last price of the package."""

    average: Decimal = Decimal(0)
    last: Decimal = Decimal(0)


@dataclass(slots=True)
class Tape:
    """All lines of the present store's reach, in the order they came. `order_of` finds the order of a fill."""

    listing: Listing
    order_of: Callable[[Execution], tuple[TwsOrder, PaperOrder] | None]
    lines: dict[str, TapeLine] = field(default_factory=dict)
    progress: dict[int, OrderProgress] = field(default_factory=dict)
    _by_execution: dict[tuple[ExecutionId, int], tuple[TapeLine, ...]] = field(default_factory=dict)
    _by_order: dict[int, list[str]] = field(default_factory=dict)
    _sums: dict[tuple[int, int], _Progress] = field(default_factory=dict)

    def take(self, executions: Iterable[Execution]) -> None:
        """Takes in what happened; what it has already changes nothing. A fill's legs come in one call."""
        fills: dict[tuple[int, int], dict[int, Execution]] = {}
        for execution in executions:
            if (execution.execution_id, execution.revision) in self._by_execution:
                continue
            place = _place(execution.execution_id)
            if place is None:
                continue
            before = self._earlier(execution)
            if before is None:
                serial, fill, leg = place
                fills.setdefault((serial, fill), {})[leg] = execution
            else:
                self._correct(execution, before)
        for (serial, fill), legs in fills.items():
            self._book(serial, fill, [legs[number] for number in sorted(legs)])

    def of(self, execution: Execution) -> tuple[TapeLine, ...]:
        """Returns the lines of an execution: its own, after that of the whole combo if it is of the first leg."""
        return self._by_execution.get((execution.execution_id, execution.revision), ())

    def charge(self, execution_id: ExecutionId, fee: Decimal) -> list[TapeLine]:
        """Notes a fee, and returns the lines it belongs to, one a revision."""
        charged = [replace(line, commission=fee) for line in self._revisions(execution_id)]
        for line in charged:
            self._put(execution_id, line.revision, line)
        return charged

    def of_order(self, record: TwsOrder) -> Iterator[TapeLine]:
        """Yields the lines of one order, all revisions."""
        for exec_id in self._by_order.get(record.perm_id, ()):
            yield self.lines[exec_id]

    def newest(self) -> Iterator[TapeLine]:
        """Yields the highest revision of every execution, in the order in which the first came."""
        last: dict[str, TapeLine] = {}
        for line in self.lines.values():
            last[line.exec_id.rpartition(".")[0]] = line
        yield from last.values()

    def _put(self, execution_id: ExecutionId, revision: int, line: TapeLine) -> None:
        if line.exec_id not in self.lines:
            self._by_order.setdefault(line.record.perm_id, []).append(line.exec_id)
        self.lines[line.exec_id] = line
        held = self._by_execution.get((execution_id, revision), ())
        others = tuple(one for one in held if one.exec_id != line.exec_id)
        self._by_execution[execution_id, revision] = (*others, line)

    def _book(self, serial: int, fill: int, legs: Sequence[Execution]) -> None:
        found = self.order_of(legs[0])
        if found is None:
            return
        record, paper = found
        packages = legs[0].quantity * paper.packages / paper.legs[0].quantity
        net = (
            sum((w * one.price for w, one in zip(package_weights(paper.legs), legs, strict=True)), start=Decimal(0))
            * record.sign
        )
        progress = self.progress.setdefault(record.perm_id, OrderProgress())
        progress.last = net
        progress.average = self._sum(serial, 0).add(packages, net)
        base = f"{_PREFIX}.{serial:08x}.{fill:02x}"
        first = legs[0]
        whole = self._sum(serial, 0)
        if record.contract.is_bag:
            line = TapeLine(
                record=record,
                exec_id=f"{base}.{_WHOLE:02d}.01",
                execution_id=None,
                contract=replace(record.contract, combo_legs=()),
                side="BOT" if record.sign > 0 else "SLD",
                shares=packages,
                price=net,
                cum_qty=whole.quantity,
                avg_price=progress.average,
                at_utc=first.executed_at_utc,
                account=first.account_id,
            )
            self._put(first.execution_id, first.revision, line)
        for number, execution in enumerate(legs, start=_WHOLE + 1 if record.contract.is_bag else _WHOLE):
            leg_line = self._leg_line(record, execution, f"{base}.{number:02d}", serial)
            self._put(execution.execution_id, execution.revision, leg_line)

    def _leg_line(self, record: TwsOrder, execution: Execution, base: str, serial: int) -> TapeLine:
        leg = int(execution.execution_id.rpartition(".")[2])
        average = self._sum(serial, leg).add(execution.quantity, execution.price)
        return TapeLine(
            record=record,
            exec_id=f"{base}.{execution.revision:02d}",
            execution_id=execution.execution_id,
            contract=self.listing.wire(execution.contract),
            side="BOT" if execution.action is Action.BUY else "SLD",
            shares=execution.quantity,
            price=execution.price,
            cum_qty=self._sum(serial, leg).quantity,
            avg_price=average,
            at_utc=execution.executed_at_utc,
            account=execution.account_id,
            revision=execution.revision,
            commission=execution.fee,
        )

    def _correct(self, execution: Execution, before: TapeLine) -> None:
        base = before.exec_id.rpartition(".")[0]
        corrected = replace(
            before, exec_id=f"{base}.{execution.revision:02d}", price=execution.price, revision=execution.revision
        )
        self._put(execution.execution_id, execution.revision, corrected)

    def _earlier(self, execution: Execution) -> TapeLine | None:
        """The newest revision known of an execution."""
        known = self._revisions(execution.execution_id)
        return known[-1] if known else None

    def _revisions(self, execution_id: ExecutionId) -> list[TapeLine]:
        """All revisions known of an execution, without the line of the whole combo."""
        found: list[TapeLine] = []
        for revision in range(1, _MOST_REVISIONS + 1):
            lines = self._by_execution.get((execution_id, revision), ())
            found += [line for line in lines if line.execution_id == execution_id]
        return found

    def _sum(self, serial: int, leg: int) -> _Progress:
        return self._sums.setdefault((serial, leg), _Progress())


def _place(execution_id: str) -> tuple[int, int, int] | None:
    """Returns order serial, fill and leg of an execution id of the exchange; None for settlements and openings."""
    serial, _, rest = execution_id.partition(".")
    fill, _, leg = rest.partition(".")
    return (int(serial[1:]), int(fill), int(leg)) if leg else None
