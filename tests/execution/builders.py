"""Small books and markets for tests of the engine."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from analytics.strategy import recognise
from execution.brokers.port import Capability
from execution.core import DeskCore
from models.account import AccountInfo, AccountValues
from models.clock import Clock, ManualClock
from models.config import load_config
from models.contract import Contract, option_contract, underlying_contract
from models.enums import Action, BrokerName, MarketDataKind, Mode, Right
from models.ids import AccountId, ContractKey
from models.order import OrderLeg
from models.position import UnifiedPosition
from models.quote import Quote

NOW = datetime(2026, 5, 4, 19, 45, tzinfo=UTC)
EXPIRY = date(2026, 6, 5)
ACCOUNT = AccountId("PAPER-1")
DEFAULTS = Path(__file__).resolve().parents[2] / "assets" / "defaults.toml"
#: A condor on SPX at 7200, priced with a flat-ish smile by hand.
CONDOR = (
    (Right.PUT, 6700, Action.BUY, "14.00", "14.40"),
    (Right.PUT, 6800, Action.SELL, "20.00", "20.50"),
    (Right.CALL, 7550, Action.SELL, "14.60", "15.00"),
    (Right.CALL, 7650, Action.BUY, "6.80", "7.10"),
)


def spxw(right: Right, strike: int, expiry: date = EXPIRY) -> Contract:
    return option_contract("SPXW", expiry, right, Decimal(strike))


def quote(key: str, bid: str | None, ask: str | None, at: datetime = NOW, *, previous: str | None = None) -> Quote:
    return Quote(
        key=ContractKey(key),
        bid=None if bid is None else Decimal(bid),
        ask=None if ask is None else Decimal(ask),
        last=None,
        at_utc=at,
        kind=MarketDataKind.SIMULATED,
        previous_close=None if previous is None else Decimal(previous),
    )


def condor_legs(quantity: int = 1) -> tuple[OrderLeg, ...]:
    return tuple(OrderLeg(spxw(right, strike), action, quantity) for right, strike, action, _, _ in CONDOR)


def condor_quotes(at: datetime = NOW) -> tuple[Quote, ...]:
    return tuple(quote(spxw(right, strike).key, bid, ask, at) for right, strike, _, bid, ask in CONDOR)


def index_quotes(at: datetime = NOW, spx: str = "7200.75", vix: str = "17.40") -> tuple[Quote, ...]:
    return (
        quote("SPX", spx, spx, at, previous="7230.00"),
        quote("VIX", vix, vix, at, previous="16.90"),
        quote("VIX3M", "19.80", "19.80", at),
    )


def position(contract: Contract, quantity: int, price: str, previous: str | None = None) -> UnifiedPosition:
    return UnifiedPosition(
        broker=BrokerName.PAPER,
        account_id=ACCOUNT,
        contract=contract,
        quantity=Decimal(quantity),
        average_price=Decimal(price),
        previous_close=None if previous is None else Decimal(previous),
    )


def condor_positions(quantity: int = 1) -> list[UnifiedPosition]:
    return [position(spxw(right, strike), action.sign * quantity, bid) for right, strike, action, bid, _ in CONDOR]


def core_at(clock: Clock | None = None) -> DeskCore:
    """A desk core with one paper account, indices quoted, no positions."""
    core = DeskCore(
        config=load_config(DEFAULTS, None),
        clock=clock or ManualClock(NOW),
        capabilities=frozenset({Capability.SIMULATED_MARKET}),
        is_read_only=False,
        recognise=recognise,
        tell_broker=lambda contracts: None,
    )
    core.accounts[ACCOUNT] = AccountInfo(BrokerName.PAPER, ACCOUNT, Mode.PAPER, "Paper", may_trade=True)
    core.values[ACCOUNT] = AccountValues(
        ACCOUNT, NOW, Decimal(500_000), Decimal(510_000), Decimal(300_000), Decimal(100_000), Decimal(100_000)
    )
    core.market.apply(index_quotes())
    core.regime.observe(17.4, 19.8, NOW)
    return core


def feed(core: DeskCore, quotes: tuple[Quote, ...]) -> None:
    """What the dispatcher does with quotes."""
    core.market.apply(quotes)
    core.book.take_quotes(quotes)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


__all__ = [
    "ACCOUNT", "CONDOR", "DEFAULTS", "EXPIRY", "NOW", "condor_legs", "condor_positions", "condor_quotes", "core_at",
    "feed", "index_quotes", "later", "position", "quote", "spxw", "underlying_contract",
]  # fmt: skip
