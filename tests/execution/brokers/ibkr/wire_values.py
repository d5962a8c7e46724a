"""Contracts, orders and executions that the tests of the connection send and expect."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from execution.brokers.ibkr.facts import (
    IbContract,
)
from execution.brokers.ibkr.wire_port import IbOrder
from tests.simulators.tws.contracts import WireContract
from tests.simulators.tws.order_replies import ExecView, OrderStateView, OrderView
from tests.simulators.tws.place_order import WireOrder

UNSET = "1.7976931348623157E308"
SPY = IbContract(756733, "SPY", "STK", exchange="SMART", primary_exchange="ARCA")
SPY_WIRE = WireContract(
    con_id=756733, symbol="SPY", sec_type="STK", exchange="SMART", currency="USD", trading_class="SPY"
)
CALL_WIRE = WireContract(
    con_id=55,
    symbol="SPX",
    sec_type="OPT",
    last_trade="20260619",
    strike=Decimal("7210.5"),
    right="C",
    multiplier="100",
    exchange="SMART",
    currency="USD",
    local_symbol="SPXW  260619C07210500",
    trading_class="SPXW",
)
ORDER = IbOrder("BUY", Decimal(2), "LMT", Decimal("-1.85"), "DAY", "DU1", "ref-1")


def view(order_id: int = 5, status: str = "Submitted", *, what_if: bool = False, **state: object) -> OrderView:
    order = WireOrder("BUY", Decimal(2), "LMT", Decimal("-1.85"), account="DU1", order_ref="ref-1", what_if=what_if)
    return OrderView(order_id, 7, 900 + order_id, SPY_WIRE, order, replace(OrderStateView(status), **state))  # type: ignore[arg-type]  # fields by name


def execution(exec_id: str = "0001.01", time: str = "20260105 10:00:00 US/Eastern") -> ExecView:
    return ExecView(
        order_id=5,
        client_id=7,
        perm_id=905,
        contract=CALL_WIRE,
        exec_id=exec_id,
        time=time,
        account="DU1",
        exchange="CBOE",
        side="BOT",
        shares=Decimal(2),
        price=Decimal("12.35"),
        cum_qty=Decimal(2),
        avg_price=Decimal("12.35"),
        order_ref="ref-1",
    )
