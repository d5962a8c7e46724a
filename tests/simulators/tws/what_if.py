"""What-if orders: the exchange's margins in an openOrder that never works, answered well or badly by habit."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from execution.brokers.port import WhatIf
from models.errors import BrokerFailure
from models.ids import new_order_id
from models.order import Order
from tests.simulators.tws.client import Client
from tests.simulators.tws.framing import UNSET_DOUBLE
from tests.simulators.tws.habits import WhatIfHabit
from tests.simulators.tws.listing import Refusal
from tests.simulators.tws.order_replies import OrderStateView, OrderView, bag_echo, open_order
from tests.simulators.tws.orders import code_of, order_of, refused_text
from tests.simulators.tws.place_order import PlaceOrder
from tests.simulators.tws.state import TwsState


@dataclass(slots=True)
class WhatIfDesk:
    """Answers what-ifs; nothing of them stays."""

    tws: TwsState

    def ask(self, client: Client, request: PlaceOrder) -> None:
        """Answers one what-if as the habits say."""
        habits = self.tws.habits
        if habits.what_if is WhatIfHabit.SILENT:
            return
        if habits.what_if is WhatIfHabit.WARNING_ONLY:
            client.error(request.order_id, 399)
            return
        if habits.what_if is WhatIfHabit.REJECTED:
            client.error(request.order_id, 201, refused_text(201, habits.what_if_reason))
            return
        try:
            state = self._worked_out(request)
        except Refusal as refusal:
            client.error(request.order_id, refusal.code, refusal.text)
            return
        empty = OrderStateView("PreSubmitted", warning_text=habits.what_if_first_warning)
        if habits.what_if is WhatIfHabit.EMPTY:
            empty = OrderStateView("PreSubmitted", unset="", warning_text=habits.what_if_first_warning)
        if habits.what_if is not WhatIfHabit.NORMAL:
            self._send(client, request, empty)
        if habits.what_if in (WhatIfHabit.NORMAL, WhatIfHabit.TWO_STEP):
            self._send(client, request, state)

    def _send(self, client: Client, request: PlaceOrder, state: OrderStateView) -> None:
        client_id = 0 if client.client_id is None else client.client_id
        view = OrderView(request.order_id, client_id, 0, bag_echo(request.contract), request.order, state)
        client.send(open_order(view, client.version))

    def _worked_out(self, request: PlaceOrder) -> OrderStateView:
        tws, now_utc = self.tws, self.tws.now()
        order = order_of(
            request.contract,
            request.order,
            listing=tws.listing,
            accounts=tws.accounts,
            order_id=new_order_id(),
            now_utc=now_utc,
        )
        try:
            answer = tws.core.question(order, now_utc).answer()
        except BrokerFailure as failure:
            code = code_of(failure.what)
            raise Refusal(code, refused_text(code, failure.what)) from failure
        if answer.error is not None:
            raise Refusal(201, refused_text(201, answer.error))
        return self._state(order, answer, is_combo=request.contract.is_bag)

    def _state(self, order: Order, answer: WhatIf, *, is_combo: bool) -> OrderStateView:
        """A combo's commission is told as a range, anything else's as one figure."""
        equity = self.tws.core.book.net_liquidation(order.account_id, self.tws.core.valuation.marks)
        return OrderStateView(
            status="PreSubmitted",
            init_margin_before=answer.initial_margin_before,
            maint_margin_before=answer.maintenance_margin_before,
            equity_with_loan_before=equity,
            init_margin_change=answer.initial_margin_change,
            maint_margin_change=answer.maintenance_margin_change,
            equity_with_loan_change=answer.equity_change,
            init_margin_after=answer.initial_margin_after,
            maint_margin_after=answer.maintenance_margin_after,
            equity_with_loan_after=None if answer.equity_change is None else equity + answer.equity_change,
            commission=None if is_combo else answer.fees,
            min_commission=_share(answer.fees, Decimal("0.85")) if is_combo else None,
            max_commission=answer.fees if is_combo else None,
            commission_currency="USD",
            warning_text=answer.warning or "",
            unset_commission=UNSET_DOUBLE,
        )


def _share(fees: Decimal | None, share: Decimal) -> Decimal | None:
    return None if fees is None else (fees * share).quantize(Decimal("0.01"))
