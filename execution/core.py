"""The desk's state in one place: accounts, market, book, regime, limits. Implements `execution.facts.DeskFacts`."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import numpy as np

from analytics.legs import PayoffLeg
from analytics.strategy import Recognised
from execution.brokers.port import BrokerSnapshot, Capability
from execution.facts import OrderCaps
from execution.market.betas import BetaBook
from execution.market.carry import CarryBook
from execution.market.data import MarketData, Subscriptions
from execution.payoff_legs import payoff_legs
from execution.risk.limits import LimitBook
from execution.risk.live_book import LiveBook
from execution.risk.regime_service import RegimeService
from execution.tickets.preview import TicketDesk
from models.account import AccountInfo, AccountValues
from models.clock import Clock, new_york_time
from models.config import DeskConfig
from models.contract import Contract, underlying_contract
from models.enums import FeedState, Mode, TradingState
from models.errors import InvalidInput
from models.greeks import PortfolioGreeks
from models.ids import AccountId, ContractKey, ExecutionId
from models.order import OrderLeg
from models.position import UnifiedPosition
from models.product import FUTURES, TickRule, front_future
from models.quote import Quote
from models.risk import Limit
from models.trade import Execution, MarketContext

_LOG = logging.getLogger(__name__)
#: Always quoted: what every figure is weighted into, and what the regime is read from.
_ALWAYS = ("SPX", "VIX", "VIX3M")


class DeskCore:
    """What the desk knows now. Engine thread only; changed by `execution.desk.Desk` and nobody else."""

    def __init__(
        self,
        *,
        config: DeskConfig,
        clock: Clock,
        capabilities: frozenset[Capability],
        is_read_only: bool,
        recognise: Callable[[Sequence[PayoffLeg]], Recognised],
        tell_broker: Callable[[Collection[Contract]], None],
    ) -> None:
        self.config = config
        self.clock = clock
        self.capabilities = capabilities
        self.is_read_only = is_read_only
        self.market = MarketData(clock)
        self.subscriptions = Subscriptions(tell_broker)
        self.betas = BetaBook(config.betas)
        self.carry = CarryBook(rate=config.carry.rate, dividend_yields=config.carry.dividend_yields)
        self.book = LiveBook(market=self.market, betas=self.betas, carry=self.carry, clock=clock)
        self.regime = RegimeService(config.risk.regime)
        self.limit_book = LimitBook(config.risk.regime_limits())
        self.tickets = TicketDesk(
            book=self.book, market=self.market, carry=self.carry, clock=clock, recognise=recognise
        )
        self._recognise = recognise
        self.accounts: dict[AccountId, AccountInfo] = {}
        self.values: dict[AccountId, AccountValues] = {}
        self.selected: AccountId | None = None
        self.armed: set[AccountId] = set()
        self.feed = FeedState.CONNECTING
        self.feed_text = "connecting"
        self.odd_objects = 0
        self.position_version = 0
        self.trading_unlocked = False
        #: Accounts whose broker, one of several, is down: what is known of them is what it told last.
        self.accounts_down: frozenset[AccountId] = frozenset()
        self.trading_state = TradingState.ACTIVE
        self.trading_state_reason = ""
        self.caps = order_caps(config)
        self._positions: dict[AccountId, tuple[UnifiedPosition, ...]] = {}
        self._told_at: dict[AccountId, datetime] = {}
        self._ahead: set[tuple[AccountId, ExecutionId]] = set()
        self._contracts: dict[ContractKey, Contract] = {}
        self._tick_rules: dict[tuple[ContractKey, ...], TickRule] = {}

    # --- DeskFacts ----------------------------------------------------------------------------------------------------

    def account(self, account_id: AccountId) -> AccountInfo | None:
        """Returns the connected account of that id."""
        return self.accounts.get(account_id)

    def account_values(self, account_id: AccountId) -> AccountValues | None:
        """Returns its newest money figures."""
        return self.values.get(account_id)

    def is_armed(self, account_id: AccountId) -> bool:
        """Returns whether its orders may go out: paper always, live after the typed arming."""
        info = self.accounts.get(account_id)
        return info is not None and (info.mode is Mode.PAPER or account_id in self.armed)

    def quote(self, key: ContractKey) -> Quote | None:
        """Returns the newest quote."""
        return self.market.quote(key)

    def quote_age_s(self, key: ContractKey) -> float | None:
        """Returns the age of the newest quote."""
        return self.market.age_s(key)

    def quotes_are_simulated(self) -> bool:
        """Returns whether simulated quotes count as live here."""
        return Capability.SIMULATED_MARKET in self.capabilities

    def positions(self, account_id: AccountId) -> Sequence[UnifiedPosition]:
        """Returns what the account holds."""
        return self._positions.get(account_id, ())

    def net_tick_rule(self, legs: tuple[OrderLeg, ...]) -> TickRule:
        """Returns the broker's increments of the package where asked for before, else the products' own."""
        known = self._tick_rules.get(_leg_keys(legs))
        if known is not None:
            return known
        if len(legs) == 1:
            return legs[0].contract.tick
        return max((leg.contract.net_tick for leg in legs), key=lambda rule: rule.above)

    def greeks(self, *, without: Sequence[Execution] = (), extra_legs: Sequence[OrderLeg] = ()) -> PortfolioGreeks:
        """Returns the whole book's Greeks now, less executions or plus legs."""
        self.book.refresh()
        return self.book.portfolio_greeks(self.spx_price(), without=without, extra_legs=extra_legs)

    def limits(self) -> tuple[Limit, ...]:
        """Returns the limits of the present regime; empty while it is unknown."""
        return self.limit_book.of(self.regime.regime)

    def max_loss_usd(self, legs: tuple[OrderLeg, ...], limit_price: Decimal | None) -> Decimal | None:
        """Returns the package's greatest loss; None when unlimited or unknown."""
        return self.tickets.max_loss_usd(legs, limit_price)

    def market_context(self) -> MarketContext:
        """Returns SPX, VIX and regime as of now."""
        return MarketContext(
            at_utc=self.clock.now_utc(),
            spx_price=_known(self.market.price("SPX")),
            vix=_known(self.market.price("VIX")),
            vix3m=_known(self.market.price("VIX3M")),
            regime=self.regime.regime,
        )

    def strategy_tag(self, legs: tuple[OrderLeg, ...]) -> str:
        """Returns the recognised strategy's tag."""
        return self._recognise(payoff_legs(legs)).tag

    def now_utc(self) -> datetime:
        """Returns desk time."""
        return self.clock.now_utc()

    def want_quotes(self, owner: str, keys: Collection[ContractKey]) -> None:
        """Has these contracts quoted for `owner`, with their underlyings; a key never seen is ignored."""
        known = [self._contracts[key] for key in keys if key in self._contracts]
        self.subscriptions.want(owner, with_underlyings(known))

    # --- changes ------------------------------------------------------------------------------------------------------

    def set_down(self, accounts: frozenset[AccountId]) -> None:
        """Takes which accounts' broker is down while others are sound."""
        self.accounts_down = accounts
        self.book.set_cut_off(accounts)

    def learn_contracts(self, contracts: Iterable[Contract]) -> None:
        """Remembers contracts by key, so that they can be asked for by it."""
        for contract in contracts:
            self._contracts[contract.key] = contract

    def learn_tick_rule(self, legs: tuple[OrderLeg, ...], rule: TickRule) -> None:
        """Remembers the broker's increments of a package."""
        self._tick_rules[_leg_keys(legs)] = rule

    def knows_tick_rule(self, legs: tuple[OrderLeg, ...]) -> bool:
        """Returns whether the broker was asked about this package already."""
        return _leg_keys(legs) in self._tick_rules

    def set_positions(
        self, account_id: AccountId, positions: Sequence[UnifiedPosition], at_utc: datetime | None = None
    ) -> bool:
        """Takes an account's positions as the broker tells them; True when the book changed.

        News older than what is known (an event overtaken by a snapshot) is passed over. `at_utc` is when they were
        true, on the executions' clock; None = as the positions themselves say, else now.
        """
        stamps = [one.at_utc for one in positions if one.at_utc is not None]
        told_at = at_utc or max(stamps, default=self.clock.now_utc())
        known_at = self._told_at.get(account_id)
        if known_at is not None and told_at < known_at:
            return False
        self._told_at[account_id] = told_at
        self._ahead = {mark for mark in self._ahead if mark[0] != account_id}
        return self._replace_positions(account_id, positions)

    def _replace_positions(self, account_id: AccountId, positions: Sequence[UnifiedPosition]) -> bool:
        before = held_quantities(self._positions.get(account_id, ()))
        self._positions[account_id] = tuple(positions)
        # A simulation holds for what is held, not for what it cost.
        if held_quantities(positions) != before:
            self.position_version += 1
        self.learn_contracts(position.contract for position in positions)
        everything = [position for held in self._positions.values() for position in held]
        if not self.book.set_positions(everything):
            return False
        wanted = underlyings_of((*_ALWAYS, *self.book.underlyings()))
        self.subscriptions.want("book", (*wanted, *self.book.contracts()))
        return True

    def take_execution(self, execution: Execution) -> bool:
        """Takes a fill into the positions until the broker tells them itself; True when the book changed.

        Brokers tell fills and positions on two roads. A fill older than the last positions is in them already.
        """
        account_id = execution.account_id
        told_at = self._told_at.get(account_id)
        mark = (account_id, execution.execution_id)
        if told_at is None or execution.executed_at_utc <= told_at or mark in self._ahead:
            return False
        self._ahead.add(mark)
        changed = with_execution(self._positions.get(account_id, ()), execution)
        return self._replace_positions(account_id, changed)

    def take_snapshot(self, snapshot: BrokerSnapshot) -> None:
        """Takes accounts and positions of a broker snapshot; an account without positions has none."""
        for values in snapshot.accounts:
            self.values[values.account_id] = values
        for account_id in filter(snapshot.tells_of, self.accounts):
            mine = [one for one in snapshot.positions if one.account_id == account_id]
            self.set_positions(account_id, mine, snapshot.positions_at_utc.get(account_id))
        self.subscriptions.want("always", underlyings_of(_ALWAYS))

    # --- figures ------------------------------------------------------------------------------------------------------

    def spx_price(self) -> float:
        """Returns the SPX level, NaN when unknown."""
        return self.market.price("SPX")

    def benchmark_symbol(self, benchmark: str) -> str:
        """Returns what a benchmark is priced by: itself, or the front future of a futures product."""
        if benchmark not in FUTURES:
            return benchmark
        return front_future(benchmark, new_york_time(self.clock.now_utc()).date())

    def want_benchmark(self, benchmark: str) -> None:
        """Has a benchmark quoted as long as the dashboard shows it."""
        self.subscriptions.want("benchmark", [underlying_contract(self.benchmark_symbol(benchmark))])

    def selection_mask(self) -> np.ndarray | None:
        """Returns which rows of the book belong to the selected account; None = all."""
        if self.selected is None:
            return None
        return np.array([row.account_id == self.selected for row in self.book.structure.rows], dtype=np.bool_)

    def held(self) -> dict[ContractKey, Decimal]:
        """Returns the quantity held of every contract, accounts netted."""
        held: dict[ContractKey, Decimal] = {}
        for row in self.book.structure.rows:
            held[row.contract.key] = held.get(row.contract.key, Decimal(0)) + row.quantity
        return held

    def total_values(self, account_id: AccountId | None = None) -> AccountValues | None:
        """Returns the money of one account or of all together; a part unknown in one account is unknown in the sum."""
        chosen = [value for key, value in self.values.items() if account_id in (None, key)]
        if not chosen:
            return None
        if len(chosen) == 1:
            return chosen[0]
        return AccountValues(
            account_id=AccountId("ALL"),
            at_utc=min(value.at_utc for value in chosen),
            net_liquidation=_sum(value.net_liquidation for value in chosen),
            cash_balance=_sum(value.cash_balance for value in chosen),
            buying_power=_sum(value.buying_power for value in chosen),
            initial_margin=_sum(value.initial_margin for value in chosen),
            maintenance_margin=_sum(value.maintenance_margin for value in chosen),
            day_pnl=_sum(value.day_pnl for value in chosen),
        )

    def margin_used_pct(self) -> float | None:
        """Returns maintenance margin of all accounts as per cent of their net liquidation."""
        total = self.total_values()
        return None if total is None else total.margin_used_pct


def held_quantities(positions: Sequence[UnifiedPosition]) -> dict[ContractKey, Decimal]:
    """Returns what is held of each contract, nothing else."""
    return {one.contract.key: one.quantity for one in positions if one.quantity}


def with_execution(held: Sequence[UnifiedPosition], execution: Execution) -> tuple[UnifiedPosition, ...]:
    """Returns the positions after a fill; the average price is kept when a position shrinks and mixed when it grows."""
    key = execution.contract.key
    others = tuple(one for one in held if one.contract.key != key)
    before = next((one for one in held if one.contract.key == key), None)
    change = execution.signed_quantity
    if not change:  # a fill that was taken back
        return tuple(held)
    if before is None:
        return (*others, _opened(execution, change, execution.price))
    quantity = before.quantity + change
    if quantity == 0:
        return others
    if (quantity > 0) != (before.quantity > 0):
        return (*others, _opened(execution, quantity, execution.price))
    price = before.average_price
    if (change > 0) == (before.quantity > 0):
        price = (before.quantity * price + change * execution.price) / quantity
    return (*others, replace(before, quantity=quantity, average_price=price))


def _opened(execution: Execution, quantity: Decimal, price: Decimal) -> UnifiedPosition:
    return UnifiedPosition(
        broker=execution.broker,
        account_id=execution.account_id,
        contract=execution.contract,
        quantity=quantity,
        average_price=price,
        at_utc=execution.executed_at_utc,
    )


def with_underlyings(contracts: Sequence[Contract]) -> tuple[Contract, ...]:
    """Returns the contracts and what they derive from."""
    return (*contracts, *underlyings_of(contract.underlying for contract in contracts if contract.is_option))


def underlyings_of(symbols: Iterable[str]) -> tuple[Contract, ...]:
    """Returns the contract of each symbol once; one of a product the desk does not know is left out, and unpriced."""
    found: list[Contract] = []
    for symbol in dict.fromkeys(symbols):
        try:
            found.append(underlying_contract(symbol))
        except InvalidInput as error:
            _LOG.warning("no quotes for %s: %s", symbol, error)
    return tuple(found)


def order_caps(config: DeskConfig) -> OrderCaps:
    """Returns the gate's caps of the settings."""
    orders = config.orders
    return OrderCaps(
        max_contracts_per_leg=orders.max_contracts_per_leg,
        max_notional_usd=orders.max_notional_usd,
        max_loss_usd=orders.max_loss_usd,
        collar_pct_of_mid=orders.collar_pct_of_mid,
        collar_min_usd=orders.collar_min_usd,
        max_orders_per_minute=orders.max_orders_per_minute,
        max_orders_per_day=orders.max_orders_per_day,
        max_open_orders_per_underlying=orders.max_open_orders_per_underlying,
        quote_max_age_s=orders.quote_max_age_s,
        simulation_max_age_s=orders.simulation_max_age_s,
        duplicate_window_s=orders.duplicate_window_s,
        block_on_limit_breach=orders.block_on_limit_breach,
    )


def _leg_keys(legs: tuple[OrderLeg, ...]) -> tuple[ContractKey, ...]:
    return tuple(sorted(leg.contract.key for leg in legs))


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _sum(values: Iterable[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for value in values:
        if value is None:
            return None
        total += value
    return total
