"""Every request of a started client, given to the desk that answers it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from execution.brokers.paper.faults import Call
from models.clock import NEW_YORK
from tests.simulators.tws import replies
from tests.simulators.tws.account import AccountDesk
from tests.simulators.tws.client import Client
from tests.simulators.tws.exchange import OrderDesk
from tests.simulators.tws.listing import Refusal
from tests.simulators.tws.naming import future_symbol, increments
from tests.simulators.tws.order_replies import commission_report, exec_details, exec_details_end
from tests.simulators.tws.place_order import PlaceOrder
from tests.simulators.tws.requests import (
    CancelAccountSummary,
    CancelAccountUpdatesMulti,
    CancelHistoricalData,
    CancelMktData,
    CancelOrder,
    CancelPnl,
    CancelPnlSingle,
    CancelPositions,
    ReqAccountSummary,
    ReqAccountUpdates,
    ReqAccountUpdatesMulti,
    ReqAllOpenOrders,
    ReqAutoOpenOrders,
    ReqCompletedOrders,
    ReqContractDetails,
    ReqCurrentTime,
    ReqExecutions,
    ReqGlobalCancel,
    ReqHistoricalData,
    ReqIds,
    ReqManagedAccounts,
    ReqMarketDataType,
    ReqMarketRule,
    ReqMktData,
    ReqOpenOrders,
    ReqPnl,
    ReqPnlSingle,
    ReqPositions,
    ReqSecDefOptParams,
    Request,
)
from tests.simulators.tws.state import TwsState
from tests.simulators.tws.tape import TapeLine
from tests.simulators.tws.telling import Teller
from tests.simulators.tws.ticks import TickDesk
from tests.simulators.tws.what_if import WhatIfDesk

_log = logging.getLogger(__name__)
_READ_ONLY: Final = "Error validating request.-'bN' : cause - The API interface is currently in Read-Only mode."
_ORDERS: Final = (PlaceOrder, CancelOrder, ReqGlobalCancel, ReqOpenOrders, ReqAllOpenOrders, ReqAutoOpenOrders)
_SIDES: Final = {"BUY": "BOT", "SELL": "SLD", "BOT": "BOT", "SLD": "SLD"}


@dataclass(slots=True)
class Answers:
    """The desks of one run, and who of them answers what."""

    tws: TwsState
    teller: Teller = field(init=False)
    orders: OrderDesk = field(init=False)
    accounts: AccountDesk = field(init=False)
    ticks: TickDesk = field(init=False)
    _what_ifs: WhatIfDesk = field(init=False)

    def __post_init__(self) -> None:
        self.teller = Teller(self.tws)
        self.orders = OrderDesk(self.tws, self.teller)
        self.accounts = AccountDesk(self.tws)
        self.ticks = TickDesk(self.tws)
        self._what_ifs = WhatIfDesk(self.tws)

    def forget(self, client: Client) -> None:
        """Drops what a client subscribed to."""
        self.accounts.forget(client)
        self.ticks.forget(client)

    def answer(self, client: Client, request: Request) -> None:
        """Answers one request; a script's failures of questions come first, orders bring their own."""
        if self.tws.habits.read_only_api and isinstance(request, _ORDERS):
            order_id = request.order_id if isinstance(request, PlaceOrder | CancelOrder) else -1
            client.error(order_id, 321, _READ_ONLY)
            return
        calls = scripted_calls(request)
        if calls:
            self.orders.scripted(client, calls, _request_id(request), lambda: self._answer(client, request))
        else:
            self._answer(client, request)

    def _answer(self, client: Client, request: Request) -> None:
        groups = (self._order, self._order_question, self._account, self._account_end, self._data, self._session)
        if not any(group(client, request) for group in groups):
            _log.warning("TWS simulator: no answer to %r", request)

    def _order(self, client: Client, request: Request) -> bool:
        match request:
            case PlaceOrder() if request.order.what_if:
                self._what_ifs.ask(client, request)
            case PlaceOrder():
                self.orders.place(client, request)
            case CancelOrder():
                self.orders.cancel(client, request.order_id)
            case ReqGlobalCancel():
                self.orders.cancel_all()
            case ReqAutoOpenOrders():
                client.auto_bind = request.auto_bind
                self.orders.bind_manual()
            case _:
                return False
        return True

    def _order_question(self, client: Client, request: Request) -> bool:
        match request:
            case ReqOpenOrders():
                self.orders.tell_open(client, everyone=False)
            case ReqAllOpenOrders():
                self.orders.tell_open(client, everyone=True)
            case ReqCompletedOrders():
                self.orders.tell_completed(client, api_only=request.api_only)
            case ReqExecutions():
                self._executions(client, request)
            case _:
                return False
        return True

    def _account(self, client: Client, request: Request) -> bool:
        match request:
            case ReqPositions():
                self.accounts.subscribe_positions(client)
            case ReqAccountUpdates():
                self.accounts.subscribe_account(client, request.account, subscribe=request.subscribe)
            case ReqAccountUpdatesMulti():
                self.accounts.subscribe_multi(client, request.req_id, request.account)
            case ReqAccountSummary():
                self.accounts.subscribe_summary(client, request)
            case ReqPnl():
                self.accounts.subscribe_pnl(client, request)
            case ReqPnlSingle():
                self.accounts.subscribe_pnl_single(client, request)
            case _:
                return False
        return True

    def _account_end(self, client: Client, request: Request) -> bool:
        match request:
            case CancelPositions():
                self.accounts.cancel_positions(client)
            case CancelAccountUpdatesMulti():
                self.accounts.cancel_multi(client, request.req_id)
            case CancelAccountSummary():
                self.accounts.cancel_summary(client, request.req_id)
            case CancelPnl() | CancelPnlSingle():
                self.accounts.cancel_pnl(client, request.req_id)
            case _:
                return False
        return True

    def _data(self, client: Client, request: Request) -> bool:
        match request:
            case ReqMktData():
                self.ticks.subscribe(client, request)
            case CancelMktData():
                self.ticks.cancel(client, request.req_id)
            case ReqMarketDataType():
                self.ticks.wanted_kind[client] = request.market_data_type
            case ReqContractDetails():
                self._details(client, request)
            case ReqSecDefOptParams():
                self._option_params(client, request)
            case ReqMarketRule():
                self._market_rule(client, request.rule_id)
            case ReqHistoricalData():
                client.error(request.req_id, 162)
            case CancelHistoricalData():
                client.error(request.req_id, 366, f"No historical data query found for ticker id:{request.req_id}")
            case _:
                return False
        return True

    def _session(self, client: Client, request: Request) -> bool:
        match request:
            case ReqCurrentTime():
                client.send(replies.current_time(self.tws.now() + timedelta(seconds=self.tws.habits.clock_off_s)))
            case ReqIds():
                client.send(replies.next_valid_id(self.tws.records.next_id(client.client_id or 0)))
            case ReqManagedAccounts():
                client.send(replies.managed_accounts(self.tws.accounts))
            case _:
                return False
        return True

    # --- contracts ---

    def _details(self, client: Client, request: ReqContractDetails) -> None:
        try:
            found = self.tws.listing.find(request.contract, self.tws.now())
        except Refusal as refusal:
            client.error(request.req_id, refusal.code, refusal.text)
            found = []
        for contract in found:
            client.send(replies.contract_details(request.req_id, self.tws.listing.details(contract), client.version))
        client.send(replies.contract_details_end(request.req_id))

    def _option_params(self, client: Client, request: ReqSecDefOptParams) -> None:
        listing = self.tws.listing
        try:
            under, classes = listing.classes(request.under_con_id, self.tws.now())
        except Refusal as refusal:
            client.error(request.req_id, refusal.code, refusal.text)
            return
        if request.symbol == future_symbol(under.root):
            for exchange in listing.exchanges_of_options(under):
                if request.fut_fop_exchange not in ("", exchange):
                    continue
                for one in classes:
                    row = replies.sec_def_opt_params(
                        request.req_id,
                        exchange=exchange,
                        under_con_id=request.under_con_id,
                        trading_class=one.trading_class,
                        multiplier=one.multiplier,
                        expirations=one.expirations,
                        strikes=one.strikes,
                    )
                    client.send(row)
        client.send(replies.sec_def_opt_params_end(request.req_id))

    @staticmethod
    def _market_rule(client: Client, rule_id: int) -> None:
        steps = increments(rule_id)
        if steps is None:
            client.error(-1, 321, "Error validating request.-'cy' : cause - Invalid market rule id")
        else:
            client.send(replies.market_rule(rule_id, steps))

    # --- executions ---

    def _executions(self, client: Client, request: ReqExecutions) -> None:
        """Tells the executions since midnight that pass the filter; their commissions follow the end."""
        lines = list(self._filtered(request))
        for line in lines:
            view = self.teller.execution_view(client, line)
            client.send(exec_details(request.req_id, view, client.version))
        client.send(exec_details_end(request.req_id))
        for line in lines:
            if line.commission is not None and not self.tws.habits.commissions_absent:
                client.send(commission_report(line.exec_id, line.commission))

    def _filtered(self, request: ReqExecutions) -> Iterator[TapeLine]:
        since = max(self.tws.midnight(), _time_of(request.time) or self.tws.midnight())
        for line in self.tws.tape.newest():
            wanted = (
                line.at_utc >= since,
                request.client_id in (0, line.record.client_id),
                request.account in ("", line.account),
                request.symbol in ("", line.contract.symbol),
                request.sec_type in ("", line.contract.sec_type),
                not request.side or _SIDES.get(request.side) == line.side,
            )
            if all(wanted):
                yield line


def scripted_calls(request: Request) -> tuple[Call, ...]:
    """Returns the calls of a fault script that a question belongs to; none for orders and the rest."""
    match request:
        case PlaceOrder() if request.order.what_if:
            return (Call.SIMULATE,)
        case ReqContractDetails() | ReqSecDefOptParams():
            return (Call.CHAIN,)
        case ReqOpenOrders() | ReqAllOpenOrders() | ReqCompletedOrders():
            return (Call.SNAPSHOT, Call.FIND_ORDERS)
        case ReqPositions() | ReqExecutions():
            return (Call.SNAPSHOT,)
        case _:
            return ()


def _request_id(request: Request) -> int:
    match request:
        case PlaceOrder():
            return request.order_id
        case ReqContractDetails() | ReqSecDefOptParams() | ReqExecutions():
            return request.req_id
        case _:
            return -1


def _time_of(text: str) -> datetime | None:
    """Returns the instant of a filter: `20260105-15:00:00` is UTC, `20260105 10:00:00` New York; None for no text."""
    if not text:
        return None
    if "-" in text:
        return datetime.strptime(text, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    day, clock = text.split()[:2]
    return datetime.strptime(f"{day} {clock}", "%Y%m%d %H:%M:%S").replace(tzinfo=NEW_YORK)
