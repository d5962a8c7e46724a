"""What becomes of expiring holdings: cash, shares or nothing, each as an execution."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from execution.brokers.paper.accounts import Holding
from models.contract import Contract
from models.enums import Action, BrokerName, Delivery, Right
from models.ids import ExecutionId
from models.trade import Execution, ExecutionKind

CENT: Final = Decimal("0.01")
#: Options in the money by at least this are exercised at expiry (OCC's exercise by exception).
EXERCISE_THRESHOLD: Final = Decimal("0.01")


def intrinsic(contract: Contract, level: Decimal) -> Decimal:
    """Returns what an option is worth at its settlement level, per share; the level itself for anything else."""
    if contract.strike is None or contract.right is None:
        return level
    gain = level - contract.strike if contract.right is Right.CALL else contract.strike - level
    return max(gain, Decimal(0))


def settle(
    holding: Holding, level: Decimal, deliverable: Contract | None, at_utc: datetime, serial: int
) -> tuple[Execution, ...]:
    """Returns the executions that close an expired holding at the settlement level.

    Cash-settled options and futures close at their value; what delivers closes at 0 beside shares (or a future) at the
    strike when in the money by a cent; the rest expires. `deliverable` is needed for options that deliver; `serial`
    numbers the executions from there on.
    """
    contract = holding.contract
    level = level.quantize(CENT, ROUND_HALF_UP)
    value = intrinsic(contract, level)
    if not contract.is_option or contract.delivery is Delivery.CASH:
        kind = ExecutionKind.CASH_SETTLEMENT if value > 0 else ExecutionKind.EXPIRED_WORTHLESS
        return (_close(holding, value, kind, at_utc, serial),)
    if value < EXERCISE_THRESHOLD or deliverable is None or contract.strike is None:
        return (_close(holding, Decimal(0), ExecutionKind.EXPIRED_WORTHLESS, at_utc, serial),)
    kind = ExecutionKind.EXERCISE if holding.quantity > 0 else ExecutionKind.ASSIGNMENT
    buys = (contract.right is Right.CALL) == (holding.quantity > 0)
    delivered = Execution(
        broker=BrokerName.PAPER,
        account_id=holding.account_id,
        execution_id=_execution_id(serial + 1),
        broker_order_id=None,
        order_id=None,
        contract=deliverable,
        action=Action.BUY if buys else Action.SELL,
        quantity=abs(holding.quantity) * contract.multiplier / deliverable.multiplier,
        price=contract.strike,
        executed_at_utc=at_utc,
        kind=kind,
    )
    return (_close(holding, Decimal(0), kind, at_utc, serial), delivered)


def expired(holdings: Sequence[Holding], until_utc: datetime) -> dict[datetime, list[Holding]]:
    """Returns the holdings whose settlement instant has come, by that instant, earliest first."""
    due: dict[datetime, list[Holding]] = {}
    for holding in holdings:
        at_utc = holding.contract.expires_at_utc
        if at_utc is not None and at_utc <= until_utc:
            due.setdefault(at_utc, []).append(holding)
    return dict(sorted(due.items()))


def _close(holding: Holding, price: Decimal, kind: ExecutionKind, at_utc: datetime, serial: int) -> Execution:
    return Execution(
        broker=BrokerName.PAPER,
        account_id=holding.account_id,
        execution_id=_execution_id(serial),
        broker_order_id=None,
        order_id=None,
        contract=holding.contract,
        action=Action.SELL if holding.quantity > 0 else Action.BUY,
        quantity=abs(holding.quantity),
        price=price,
        executed_at_utc=at_utc,
        kind=kind,
    )


def _execution_id(serial: int) -> ExecutionId:
    return ExecutionId(f"S{serial:08d}")
