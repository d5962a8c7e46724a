"""Contracts, tickets and what a broker tells of them, as the tests of order management use them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from execution.brokers.port import BrokerOrder
from execution.commands import TicketDraft
from execution.facts import OrderCaps
from models.contract import Contract, option_contract
from models.enums import Action, BrokerName, MarketDataKind, OrderStatus, OrderType, Right, TimeInForce
from models.greeks import PortfolioGreeks
from models.ids import AccountId, BrokerOrderId, ExecutionId, OrderId, new_order_id
from models.order import OrderLeg
from models.quote import Quote
from models.trade import Execution, ExecutionKind

NOW = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)
ACCOUNT = AccountId("PAPER-1")
EXPIRY = date(2026, 6, 12)
BROKER_ID = BrokerOrderId("B1")


def option(strike: int, right: Right = Right.PUT, root: str = "SPXW", expiry: date = EXPIRY) -> Contract:
    return option_contract(root, expiry, right, Decimal(strike))


def leg(contract: Contract, action: Action = Action.SELL, quantity: int = 1) -> OrderLeg:
    return OrderLeg(contract, action, quantity)


def condor(quantity: int = 2) -> tuple[OrderLeg, ...]:
    """A sold SPXW iron condor, quoted at a mid of CR 2.00 in `quotes`."""
    return (
        leg(option(6900), Action.BUY, quantity),
        leg(option(7000), Action.SELL, quantity),
        leg(option(7400, Right.CALL), Action.SELL, quantity),
        leg(option(7500, Right.CALL), Action.BUY, quantity),
    )


MIDS = {6900: "4.00", 7000: "5.00", 7400: "4.00", 7500: "3.00"}


def quote(contract: Contract, mid: str, *, half: str = "0.10", kind: MarketDataKind = MarketDataKind.LIVE) -> Quote:
    middle, width = Decimal(mid), Decimal(half)
    return Quote(contract.key, middle - width, middle + width, middle, NOW, kind)


def draft(
    legs: tuple[OrderLeg, ...] | None = None,
    price: str | None = "-1.85",
    *,
    order_type: OrderType = OrderType.LIMIT,
    tif: TimeInForce = TimeInForce.DAY,
    account: AccountId = ACCOUNT,
    order_id: OrderId | None = None,
) -> TicketDraft:
    return TicketDraft(
        order_id=order_id or new_order_id(),
        account_id=account,
        legs=condor() if legs is None else legs,
        order_type=order_type,
        limit_price=None if price is None else Decimal(price),
        tif=tif,
        rationale="premium is rich",
    )


CAPS = OrderCaps(
    max_contracts_per_leg=50,
    max_notional_usd=Decimal(5_000_000),
    max_loss_usd=Decimal(50_000),
    collar_pct_of_mid=Decimal(20),
    collar_min_usd=Decimal("0.50"),
    max_orders_per_minute=10,
    max_orders_per_day=50,
    max_open_orders_per_underlying=5,
    quote_max_age_s=5.0,
    simulation_max_age_s=30.0,
    duplicate_window_s=5.0,
    block_on_limit_breach=True,
)


def greeks(spx_delta: float = 10.0, vega: float = -100.0, excluded: int = 0) -> PortfolioGreeks:
    return PortfolioGreeks(NOW, spx_delta, -1.0, 50.0, vega, 0, excluded)


FILL_PRICES = {6900: "4.05", 7000: "4.95", 7400: "3.95", 7500: "3.00"}


def word(ticket: TicketDraft, status: OrderStatus, **changes: Any) -> BrokerOrder:
    """What the broker tells of a ticket's order."""
    told = BrokerOrder(
        broker_order_id=BROKER_ID,
        order_id=ticket.order_id,
        account_id=ticket.account_id,
        legs=ticket.legs,
        order_type=ticket.order_type,
        limit_price=ticket.limit_price,
        tif=ticket.tif,
        status=status,
        filled_packages=0,
        at_utc=NOW,
    )
    return replace(told, **changes)


def execution_of(each: OrderLeg, execution_id: str, **changes: Any) -> Execution:
    strike = int(each.contract.strike or 0)
    made = Execution(
        broker=BrokerName.PAPER,
        account_id=ACCOUNT,
        execution_id=ExecutionId(execution_id),
        broker_order_id=BROKER_ID,
        order_id=None,
        contract=each.contract,
        action=each.action,
        quantity=Decimal(each.quantity),
        price=Decimal(FILL_PRICES.get(strike, "1.00")),
        executed_at_utc=NOW,
        kind=ExecutionKind.TRADE,
    )
    return replace(made, **changes)


def fills_of(ticket: TicketDraft, packages: int = 1, batch: str = "1", **changes: Any) -> list[Execution]:
    from execution.orders.package import ratios

    shares = ratios(ticket.legs)
    return [
        execution_of(
            replace(each, quantity=share * packages),
            f"{batch}.{number}",
            **{"order_id": ticket.order_id, **changes},
        )
        for number, (each, share) in enumerate(zip(ticket.legs, shares, strict=True))
    ]
