"""Positions, account values, portfolio, summaries and profit and loss, each to those who subscribed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from execution.brokers.paper.accounts import Holding
from execution.brokers.port import AccountEvent, BrokerEvent, PositionsEvent
from models.account import AccountValues
from models.clock import new_york_time
from models.enums import InstrumentKind
from models.ids import AccountId, ContractKey
from tests.simulators.tws import replies
from tests.simulators.tws.client import Client
from tests.simulators.tws.framing import UNSET_DOUBLE, Fields
from tests.simulators.tws.requests import ReqAccountSummary, ReqPnl, ReqPnlSingle
from tests.simulators.tws.state import TwsState

Value = tuple[str, str, str]
_CENT: Final = Decimal("0.01")
_SHARES: Final = frozenset({InstrumentKind.STOCK, InstrumentKind.ETF})
_OPTIONS: Final = frozenset({InstrumentKind.OPTION, InstrumentKind.FUTURE_OPTION})


@dataclass(slots=True)
class _Wishes:
    """What one client subscribed to, and what it was told last."""

    positions: bool = False
    account: AccountId | None = None
    multi: dict[int, AccountId] = field(default_factory=dict)
    summaries: dict[int, frozenset[str]] = field(default_factory=dict)
    pnl: dict[int, AccountId] = field(default_factory=dict)
    pnl_single: dict[int, tuple[AccountId, int]] = field(default_factory=dict)
    told_positions: dict[tuple[AccountId, ContractKey], Holding] = field(default_factory=dict)
    told_portfolio: dict[ContractKey, Holding] = field(default_factory=dict)
    told_values: dict[tuple[int, AccountId, str, str], str] = field(default_factory=dict)


@dataclass(slots=True)
class AccountDesk:
    """Answers questions about accounts and follows the books for those who subscribed."""

    tws: TwsState
    _wishes: dict[Client, _Wishes] = field(default_factory=dict)

    def forget(self, client: Client) -> None:
        """Drops what a client subscribed to."""
        self._wishes.pop(client, None)

    def follow(self, events: Sequence[BrokerEvent]) -> None:
        """Tells subscribers what changed."""
        moved = dict.fromkeys(event.account_id for event in events if isinstance(event, PositionsEvent))
        valued = {event.values.account_id: event.values for event in events if isinstance(event, AccountEvent)}
        for client, wishes in self._wishes.items():
            for account_id in moved:
                self._tell_moves(client, wishes, account_id)
            for account_id, values in valued.items():
                self._tell_values(client, wishes, account_id, values)

    # --- positions ---

    def subscribe_positions(self, client: Client) -> None:
        """Tells every position of every account, and from now on every change."""
        wishes = self._of(client)
        wishes.positions = True
        wishes.told_positions.clear()
        for account_id in self.tws.accounts:
            for message in self._position_changes(wishes, account_id):
                client.send(message)
        client.send(replies.position_end())

    def cancel_positions(self, client: Client) -> None:
        """Ends that."""
        self._of(client).positions = False

    def _tell_moves(self, client: Client, wishes: _Wishes, account_id: AccountId) -> None:
        if wishes.positions:
            gap_s = self.tws.habits.position_gap_s
            for number, message in enumerate(self._position_changes(wishes, account_id)):
                client.send(message, after_s=gap_s * number)
        if wishes.account == account_id:
            self._tell_portfolio(client, wishes, account_id)

    def _position_changes(self, wishes: _Wishes, account_id: AccountId) -> Iterator[Fields]:
        held = {one.contract.key: one for one in self.tws.core.book.holdings(account_id)}
        for (account, key), told in list(wishes.told_positions.items()):
            if account == account_id and key not in held:
                del wishes.told_positions[account, key]
                yield replies.position(account_id, self.tws.listing.wire(told.contract), 0, 0)
        for key, holding in held.items():
            if wishes.told_positions.get((account_id, key)) != holding:
                wishes.told_positions[account_id, key] = holding
                wire = self.tws.listing.wire(holding.contract)
                yield replies.position(account_id, wire, holding.quantity, _cost(holding))

    # --- values and portfolio ---

    def subscribe_account(self, client: Client, account: str, *, subscribe: bool) -> None:
        """Tells an account's values and portfolio, and from now on their changes; one account at a time."""
        wishes = self._of(client)
        wishes.account = None
        if not subscribe:
            return
        account_id = AccountId(account) if account else self.tws.accounts[0]
        if account_id not in self.tws.accounts:
            client.error(-1, 321, "Error validating request.-'bJ' : cause - Invalid account code")
            return
        wishes.account = account_id
        wishes.told_portfolio.clear()
        self._forget_values(wishes, 0)
        self._send_values(client, wishes, 0, account_id, self.figures(account_id))
        self._tell_portfolio(client, wishes, account_id)
        client.send(replies.account_download_end(account_id))

    def subscribe_multi(self, client: Client, req_id: int, account: str) -> None:
        """The same values by request id, for any number of accounts; without the portfolio."""
        account_id = AccountId(account) if account else self.tws.accounts[0]
        if account_id not in self.tws.accounts:
            client.error(req_id, 321, "Error validating request.-'cd' : cause - Invalid account code")
            return
        wishes = self._of(client)
        wishes.multi[req_id] = account_id
        self._forget_values(wishes, req_id)
        self._send_values(client, wishes, req_id, account_id, self.figures(account_id))
        client.send(replies.account_update_multi_end(req_id))

    def cancel_multi(self, client: Client, req_id: int) -> None:
        """Ends that."""
        self._of(client).multi.pop(req_id, None)

    def subscribe_summary(self, client: Client, request: ReqAccountSummary) -> None:
        """Tells the values asked for of every account."""
        wishes = self._of(client)
        wishes.summaries[request.req_id] = frozenset(tag.strip() for tag in request.tags.split(","))
        self._forget_values(wishes, request.req_id)
        for account_id in self.tws.accounts:
            self._send_summary(client, wishes, request.req_id, account_id, self.figures(account_id))
        client.send(replies.account_summary_end(request.req_id))

    def cancel_summary(self, client: Client, req_id: int) -> None:
        """Ends that."""
        self._of(client).summaries.pop(req_id, None)

    def _tell_values(self, client: Client, wishes: _Wishes, account_id: AccountId, values: AccountValues) -> None:
        figures = tuple(self._figures(account_id, values))
        if wishes.account == account_id:
            self._send_values(client, wishes, 0, account_id, figures)
        for req_id, account in wishes.multi.items():
            if account == account_id:
                self._send_values(client, wishes, req_id, account_id, figures)
        for req_id in wishes.summaries:
            self._send_summary(client, wishes, req_id, account_id, figures)
        for req_id, account in wishes.pnl.items():
            if account == account_id:
                self._send_pnl(client, req_id, values)
        for req_id, (account, con_id) in wishes.pnl_single.items():
            if account == account_id:
                self._send_pnl_single(client, req_id, account, con_id)

    def _send_values(
        self, client: Client, wishes: _Wishes, req_id: int, account_id: AccountId, figures: Iterable[Value]
    ) -> None:
        """Sends what differs from what this subscription was told; request 0 is the one without an id."""
        changed = list(self._changed(wishes, req_id, account_id, figures))
        for key, value, currency in changed:
            if req_id:
                client.send(replies.account_update_multi(req_id, account_id, "", key, value, currency))
            else:
                client.send(replies.account_value(key, value, currency, account_id))
        if changed and not req_id:
            client.send(replies.account_update_time(f"{new_york_time(self.tws.now()):%H:%M}"))

    def _send_summary(
        self, client: Client, wishes: _Wishes, req_id: int, account_id: AccountId, figures: Iterable[Value]
    ) -> None:
        tags = wishes.summaries[req_id]
        wanted = [figure for figure in figures if figure[0] in tags and figure[2] != "BASE"]
        for key, value, currency in self._changed(wishes, req_id, account_id, wanted):
            client.send(replies.account_summary(req_id, account_id, key, value, currency))

    @staticmethod
    def _changed(wishes: _Wishes, req_id: int, account_id: AccountId, figures: Iterable[Value]) -> Iterator[Value]:
        for key, value, currency in figures:
            place = (req_id, account_id, key, currency)
            if wishes.told_values.get(place) != value:
                wishes.told_values[place] = value
                yield key, value, currency

    @staticmethod
    def _forget_values(wishes: _Wishes, req_id: int) -> None:
        for place in [place for place in wishes.told_values if place[0] == req_id]:
            del wishes.told_values[place]

    def _tell_portfolio(self, client: Client, wishes: _Wishes, account_id: AccountId) -> None:
        held = {one.contract.key: one for one in self.tws.core.book.holdings(account_id)}
        for key in [key for key in wishes.told_portfolio if key not in held]:
            gone = wishes.told_portfolio.pop(key)
            client.send(self._portfolio_line(replace(gone, quantity=Decimal(0), average_price=Decimal(0))))
        for key, holding in held.items():
            told = wishes.told_portfolio.get(key)
            if told is None or told.quantity != holding.quantity:
                wishes.told_portfolio[key] = holding
                client.send(self._portfolio_line(holding))

    def _portfolio_line(self, held: Holding) -> Fields:
        mark, size = self.tws.core.valuation.marks.get(held.contract.key), held.quantity * held.contract.multiplier
        return replies.portfolio_value(
            held.account_id,
            self.tws.listing.wire(held.contract),
            position=held.quantity,
            market_price=mark,
            market_value=None if mark is None else (mark * size).quantize(_CENT),
            average_cost=_cost(held),
            unrealized_pnl=None if mark is None else ((mark - held.average_price) * size).quantize(_CENT),
            realized_pnl=Decimal(0),
        )

    # --- profit and loss ---

    def subscribe_pnl(self, client: Client, request: ReqPnl) -> None:
        """Tells an account's profit and loss, and from now on its changes."""
        account_id = AccountId(request.account)
        self._of(client).pnl[request.req_id] = account_id
        self._send_pnl(client, request.req_id, self.tws.core.valuation.account_values(account_id, self.tws.now()))

    def subscribe_pnl_single(self, client: Client, request: ReqPnlSingle) -> None:
        """The same for one position."""
        account_id = AccountId(request.account)
        self._of(client).pnl_single[request.req_id] = (account_id, request.con_id)
        self._send_pnl_single(client, request.req_id, account_id, request.con_id)

    def cancel_pnl(self, client: Client, req_id: int) -> None:
        """Ends one or the other."""
        self._of(client).pnl.pop(req_id, None)
        self._of(client).pnl_single.pop(req_id, None)

    def _send_pnl(self, client: Client, req_id: int, values: AccountValues) -> None:
        client.send(replies.pnl(req_id, values.day_pnl, self._unrealized(values.account_id), None))

    def _send_pnl_single(self, client: Client, req_id: int, account_id: AccountId, con_id: int) -> None:
        key = self.tws.listing.con_ids.key(con_id)
        held = next((one for one in self.tws.core.book.holdings(account_id) if one.contract.key == key), None)
        quantity = Decimal(0) if held is None else held.quantity
        value = None if held is None else self._value([held])
        gain = None if held is None or value is None else value - held.notional_at_cost
        client.send(replies.pnl_single(req_id, quantity, daily=None, unrealized=gain, realized=None, value=value))

    # --- the figures ---

    def figures(self, account_id: AccountId) -> tuple[Value, ...]:
        """Returns an account's values now: key, text, currency."""
        self.tws.core.valuation.refresh_holdings(self.tws.now())
        values = self.tws.core.valuation.account_values(account_id, self.tws.now())
        return tuple(self._figures(account_id, values))

    def _figures(self, account_id: AccountId, values: AccountValues) -> Iterator[Value]:
        holdings = self.tws.core.book.holdings(account_id)
        net, initial, maintenance = values.net_liquidation, values.initial_margin, values.maintenance_margin
        excess = None if net is None or maintenance is None else net - maintenance
        yield ("AccountCode", account_id, "")
        yield ("AccountReady", "true", "")
        yield ("AccountType", "INDIVIDUAL", "")
        money = (
            ("NetLiquidation", net),
            ("TotalCashValue", values.cash_balance),
            ("EquityWithLoanValue", net),
            ("InitMarginReq", initial),
            ("FullInitMarginReq", initial),
            ("MaintMarginReq", maintenance),
            ("FullMaintMarginReq", maintenance),
            ("AvailableFunds", values.buying_power),
            ("FullAvailableFunds", values.buying_power),
            ("ExcessLiquidity", excess),
            ("FullExcessLiquidity", excess),
            ("BuyingPower", values.buying_power),
            ("GrossPositionValue", sum((abs(self._value([one])) for one in holdings), start=Decimal(0))),
        )
        for key, amount in money:
            yield (key, _money(amount), "USD")
        shares = [one for one in holdings if one.contract.kind in _SHARES]
        options = [one for one in holdings if one.contract.kind in _OPTIONS]
        ledger = (
            ("CashBalance", values.cash_balance),
            ("TotalCashBalance", values.cash_balance),
            ("NetLiquidationByCurrency", net),
            ("StockMarketValue", self._value(shares)),
            ("OptionMarketValue", self._value(options)),
            ("UnrealizedPnL", self._unrealized(account_id)),
        )
        for key, amount in ledger:
            yield (key, _money(amount), "USD")
            yield (key, _money(amount), "BASE")
        yield ("Cushion", "" if not net or excess is None else f"{excess / net:.6f}", "")
        yield ("DayTradesRemaining", "-1", "")

    def _value(self, holdings: Iterable[Holding]) -> Decimal:
        marks = self.tws.core.valuation.marks
        values = (h.quantity * h.contract.multiplier * marks.get(h.contract.key, h.average_price) for h in holdings)
        return sum(values, start=Decimal(0)).quantize(_CENT)

    def _unrealized(self, account_id: AccountId) -> Decimal:
        holdings = self.tws.core.book.holdings(account_id)
        cost = sum((one.notional_at_cost for one in holdings), start=Decimal(0))
        return (self._value(holdings) - cost).quantize(_CENT)

    def _of(self, client: Client) -> _Wishes:
        return self._wishes.setdefault(client, _Wishes())


def _cost(holding: Holding) -> Decimal:
    return holding.average_price * holding.contract.multiplier


def _money(amount: Decimal | None) -> str:
    return UNSET_DOUBLE if amount is None else f"{amount.quantize(_CENT):f}"
