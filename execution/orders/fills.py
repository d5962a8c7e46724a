"""What executions say about an order: packages filled, averages, and which status that makes. Pure functions.

Executions are the truth; a broker's status only adds what they cannot say (working, cancelled, refused).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from execution.brokers.port import BrokerOrder
from execution.orders.package import net_price, ratios
from models.enums import OrderStatus, OrderType
from models.ids import BrokerOrderId, ContractKey
from models.order import Order
from models.order_status import TERMINAL
from models.trade import Execution, ExecutionKind

_S = OrderStatus
_ZERO = Decimal(0)
AWAITING_FILLS = "The broker reports it filled; its executions have not arrived yet."


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an order is filled.

    `filled[i]` belongs to leg i; overfilled = more than ordered, or a contract the order does not have.
    """

    filled: tuple[Decimal, ...]
    prices: dict[ContractKey, Decimal]
    packages: int
    is_complete: bool
    is_balanced: bool
    is_overfilled: bool
    last_at_utc: datetime | None

    @property
    def is_any(self) -> bool:
        """Whether anything traded."""
        return any(quantity != 0 for quantity in self.filled)


def progress_of(order: Order, executions: Iterable[Execution]) -> Progress:
    """Returns how far the newest revisions of an order's trade executions fill it.

    A package is filled only when every leg has its share; one leg alone fills nothing.
    """
    trades = [execution for execution in executions if execution.kind is ExecutionKind.TRADE]
    filled: list[Decimal] = []
    prices: dict[ContractKey, Decimal] = {}
    for leg in order.legs:
        key = leg.contract.key
        mine = [trade for trade in trades if trade.contract.key == key]
        filled.append(sum((leg.action.sign * trade.signed_quantity for trade in mine), _ZERO))
        with_side = [trade for trade in mine if trade.action is leg.action]
        size = sum((trade.quantity for trade in with_side), _ZERO)
        if size:
            prices[key] = sum((trade.quantity * trade.price for trade in with_side), _ZERO) / size
    known = {leg.contract.key for leg in order.legs}
    has_stray = any(trade.contract.key not in known and trade.quantity for trade in trades)
    # Whatever a broker tells of an order from outside (legs of nothing) ends nobody's reading of events.
    shares = ratios(order.legs) or (1,) * len(order.legs)
    packages = min((int(have // ratio) for have, ratio in zip(filled, shares, strict=True)), default=0)
    packages = max(packages, 0)
    wanted = [leg.quantity for leg in order.legs]
    return Progress(
        filled=tuple(filled),
        prices=prices,
        packages=min(packages, order.packages),
        is_complete=any(wanted) and all(have >= want for have, want in zip(filled, wanted, strict=True)),
        is_balanced=all(have == packages * ratio for have, ratio in zip(filled, shares, strict=True)),
        is_overfilled=has_stray or any(have > want for have, want in zip(filled, wanted, strict=True)),
        last_at_utc=max((trade.executed_at_utc for trade in trades), default=None),
    )


def average_net(order: Order, progress: Progress) -> Decimal | None:
    """Returns the average net price per package; None until every leg has traded."""
    try:
        prices: Sequence[Decimal] = [progress.prices[leg.contract.key] for leg in order.legs]
    except KeyError:
        return None
    return net_price(order.legs, prices)


def advance(
    order: Order,
    progress: Progress,
    told: BrokerOrder | None = None,
    *,
    is_new_fill: bool = False,
    trust_status: bool = False,
) -> tuple[Order, ...]:
    """Returns the legal steps that bring `order` up to the executions and to what the broker told; empty = none.

    Status never goes back: fills outrank status, terminal states stay unless a fill is new (`is_new_fill`), and a
    broker's FILLED waits for the executions unless `trust_status` (orders that are not ours). What is told of an
    incarnation that was replaced changes nothing.
    """
    if told is not None and _newest_id(order, told) != told.broker_order_id:
        told = None
    current = _with_facts(order, progress, told, trust_status=trust_status)
    steps: list[Order] = []
    for status in _path(order.status, progress, told, is_new_fill=is_new_fill, trust_status=trust_status):
        current = current.to(status)
        if status is _S.FILLED:
            current = replace(current, filled_at=progress.last_at_utc or (told.at_utc if told else None))
        steps.append(current)
    last = replace(current, reason=_reason(order, current, told))
    if not steps:
        return () if last == order else (last,)
    return (*steps[:-1], last)


def _with_facts(order: Order, progress: Progress, told: BrokerOrder | None, *, trust_status: bool) -> Order:
    facts = replace(order, filled_packages=progress.packages, fill_prices=progress.prices or None)
    if told is None:
        return facts
    packages = max(progress.packages, told.filled_packages) if trust_status else progress.packages
    is_priced = order.order_type is OrderType.LIMIT and told.limit_price is not None and order.status not in TERMINAL
    return replace(
        facts,
        broker_order_id=told.broker_order_id,
        limit_price=told.limit_price if is_priced else order.limit_price,
        filled_packages=packages,
    )


def _newest_id(order: Order, told: BrokerOrder) -> BrokerOrderId:
    """The broker's id of the order's newest incarnation: a broker may replace an order by another one."""
    if order.broker_order_id is None or told.replaces == order.broker_order_id or told.status not in TERMINAL:
        return told.broker_order_id
    return order.broker_order_id


def _path(
    status: OrderStatus, progress: Progress, told: BrokerOrder | None, *, is_new_fill: bool, trust_status: bool
) -> list[OrderStatus]:
    """The statuses to step through from `status`."""
    before: list[OrderStatus] = []
    if status in (_S.DRAFT, _S.SIMULATED):
        if told is None and not progress.is_any:
            return []
        before = [_S.SIMULATED, _S.PENDING] if status is _S.DRAFT else [_S.PENDING]
        status = _S.PENDING
    if status is _S.FILLED:
        return before
    if progress.is_complete:
        return [*before, _S.FILLED]
    if status in (_S.CANCELLED, _S.REJECTED):
        # A fill after the end counts; nothing works any more, so what is left stays cancelled.
        return [_S.PARTIAL, _S.CANCELLED] if is_new_fill and progress.is_any else []
    if told is None and status is _S.UNKNOWN and not is_new_fill:
        # Fills known before say nothing about what became of the rest.
        return before
    end = _told_status(status, progress, told, trust_status=trust_status)
    return before if end is status else [*before, end]


def _told_status(
    status: OrderStatus, progress: Progress, told: BrokerOrder | None, *, trust_status: bool
) -> OrderStatus:
    working = _S.PARTIAL if progress.is_any or status is _S.PARTIAL else _S.PENDING
    if told is None:
        return _S.PARTIAL if progress.is_any and status is not _S.CANCEL_PENDING else status
    if told.status is _S.REJECTED:
        return _S.REJECTED if status in (_S.PENDING, _S.UNKNOWN) and not progress.is_any else _S.CANCELLED
    if told.status in (_S.CANCELLED, _S.CANCEL_PENDING, _S.UNKNOWN) or (told.status is _S.FILLED and trust_status):
        return told.status
    if told.status in (_S.DRAFT, _S.SIMULATED):
        return status
    is_cancel_refused = told.reason is not None and told.status is not _S.FILLED
    return status if status is _S.CANCEL_PENDING and not is_cancel_refused else working


def _reason(before: Order, after: Order, told: BrokerOrder | None) -> str | None:
    """The broker's words, else ours; a reason ends with the status it explained."""
    if told is not None and told.reason is not None:
        return told.reason
    if told is not None and told.status is _S.FILLED and after.status is not _S.FILLED:
        return AWAITING_FILLS
    return before.reason if after.status is before.status else None
