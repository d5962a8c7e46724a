"""Puts the desks of one run together, and makes orders as Tastytrade's own apps give them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from models.enums import Action, InstrumentKind
from models.ids import AccountId
from models.order import OrderLeg
from tests.simulators.tastytrade.accounts import AccountDesk
from tests.simulators.tastytrade.alerts import AlertHub
from tests.simulators.tastytrade.auth import Logins
from tests.simulators.tastytrade.complex_orders import ComplexDesk
from tests.simulators.tastytrade.drafts import Draft, DraftLeg, Terms
from tests.simulators.tastytrade.dxlink import DxLink
from tests.simulators.tastytrade.events import Tape
from tests.simulators.tastytrade.instruments import InstrumentDesk
from tests.simulators.tastytrade.listing import symbol_of
from tests.simulators.tastytrade.market_data import BETAS, MarketDataDesk
from tests.simulators.tastytrade.orders import OrderDesk
from tests.simulators.tastytrade.parts import Parts, SessionDesk
from tests.simulators.tastytrade.preflight import Preflight
from tests.simulators.tastytrade.records import Records
from tests.simulators.tastytrade.state import TastyState
from tests.simulators.tastytrade.telling import OrderTeller
from tests.simulators.tastytrade.transactions import Ledger
from tests.simulators.tastytrade.wire import Socket


def assemble(tasty: TastyState, logins: Logins, note: Callable[[Socket, dict[str, Any]], None]) -> Parts:
    """Returns every desk, with what an earlier run left taken up."""
    hub = AlertHub(tasty, logins, note)
    records = Records(tasty.fact, tasty.keep)
    teller = OrderTeller(tasty, hub, records)
    teller.begin()
    orders = OrderDesk(tasty, teller, records, Preflight(tasty))
    complex_orders = ComplexDesk(tasty, orders)
    complex_orders.begin()
    ledger = Ledger(tasty, teller.order_id_of)
    return Parts(
        tasty=tasty,
        logins=logins,
        ledger=ledger,
        accounts=AccountDesk(tasty, ledger),
        instruments=InstrumentDesk(tasty),
        market=MarketDataDesk(tasty),
        hub=hub,
        teller=teller,
        orders=orders,
        complex_orders=complex_orders,
        dxlink=DxLink(tasty, logins, Tape(tasty.core.market, BETAS), note),
        sessions=SessionDesk(tasty),
    )


def foreign_draft(
    legs: Sequence[OrderLeg],
    net_price: Decimal | None,
    tasty: TastyState,
    account: AccountId,
    source: str,
    time_in_force: str,
) -> Draft:
    """Returns an order as a user gives it in Tastytrade's own app: closing what is held, opening the rest."""
    held = {one.contract.key: one.quantity for one in tasty.core.book.holdings(account)}
    order_type = "Market" if net_price is None else "Limit"
    terms = Terms(order_type, time_in_force, net_price, None, "", source)
    drafted = tuple(
        DraftLeg(
            leg.contract, symbol_of(leg.contract), _words(leg, held.get(leg.contract.key, Decimal(0))), leg.quantity
        )
        for leg in legs
    )
    return Draft(terms, drafted, is_strict=False)


def _words(leg: OrderLeg, held: Decimal) -> str:
    verb = "Buy" if leg.action is Action.BUY else "Sell"
    if leg.contract.kind is InstrumentKind.FUTURE:
        return verb
    return f"{verb} to {'Close' if held * leg.action.sign < 0 else 'Open'}"
