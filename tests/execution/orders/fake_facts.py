"""A desk that is whatever a test says it is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal

from models.account import AccountInfo, AccountValues
from models.clock import ManualClock
from models.enums import BrokerName, Metric, Mode, Regime, TradingState
from models.greeks import PortfolioGreeks
from models.ids import AccountId, ContractKey
from models.order import OrderLeg
from models.position import UnifiedPosition
from models.product import TickRule
from models.quote import Quote
from models.risk import Limit
from models.trade import Execution, MarketContext
from tests.execution.orders.builders import ACCOUNT, CAPS, MIDS, NOW, condor, greeks, quote


class FakeFacts:
    """The desk: everything is an attribute a test may change."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.position_version = 7
        self.trading_unlocked = True
        self.is_read_only = False
        self.trading_state = TradingState.ACTIVE
        self.caps = CAPS
        self.accounts = {ACCOUNT: AccountInfo(BrokerName.PAPER, ACCOUNT, Mode.PAPER, "Paper", may_trade=True)}
        self.values = {
            ACCOUNT: AccountValues(
                ACCOUNT, NOW, Decimal(500_000), Decimal(400_000), Decimal(300_000), Decimal(50_000), Decimal(40_000)
            )
        }
        self.armed: set[AccountId] = set()
        self.quotes = {
            each.contract.key: quote(each.contract, MIDS[int(each.contract.strike or 0)]) for each in condor()
        }
        self.age_s = 1.0
        self.held: list[UnifiedPosition] = []
        self.loss: Decimal | None = Decimal(19_630)
        self.bounds: tuple[Limit, ...] = (Limit(Metric.SPX_DELTA, -60.0, 60.0), Limit(Metric.VEGA, -2500.0, None))
        self.tick = TickRule(Decimal("0.05"), Decimal(0), Decimal("0.05"))
        self.delta_per_leg = 1.0
        self.greeks_asked: list[tuple[Execution, ...]] = []

    def account(self, account_id: AccountId) -> AccountInfo | None:
        return self.accounts.get(account_id)

    def account_values(self, account_id: AccountId) -> AccountValues | None:
        return self.values.get(account_id)

    def is_armed(self, account_id: AccountId) -> bool:
        info = self.accounts.get(account_id)
        return info is not None and (info.mode is Mode.PAPER or account_id in self.armed)

    def quote(self, key: ContractKey) -> Quote | None:
        return self.quotes.get(key)

    def quote_age_s(self, key: ContractKey) -> float | None:
        return self.age_s if key in self.quotes else None

    def quotes_are_simulated(self) -> bool:
        return False

    def positions(self, account_id: AccountId) -> Sequence[UnifiedPosition]:
        return [position for position in self.held if position.account_id == account_id]

    def net_tick_rule(self, legs: tuple[OrderLeg, ...]) -> TickRule:
        return self.tick

    def greeks(self, *, without: Sequence[Execution] = (), extra_legs: Sequence[OrderLeg] = ()) -> PortfolioGreeks:
        self.greeks_asked.append(tuple(without))
        return greeks(10.0 - 3.0 * len(without) + self.delta_per_leg * len(extra_legs))

    def limits(self) -> tuple[Limit, ...]:
        return self.bounds

    def max_loss_usd(self, legs: tuple[OrderLeg, ...], limit_price: Decimal | None) -> Decimal | None:
        return self.loss

    def market_context(self) -> MarketContext:
        return MarketContext(self.clock.now_utc(), 7200.75, 17.4, 19.0, Regime.MEDIUM_VOL)

    def strategy_tag(self, legs: tuple[OrderLeg, ...]) -> str:
        return "iron_condor" if len(legs) == 4 else "custom"

    def now_utc(self) -> datetime:
        return self.clock.now_utc()

    def want_quotes(self, owner: str, keys: Collection[ContractKey]) -> None:
        return None
