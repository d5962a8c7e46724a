"""The sample book on the synthetic market: a premium seller's account within plausible limits."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from execution.brokers.paper.broker import PaperBroker
from execution.brokers.paper.market import MarketSource
from execution.brokers.paper.sample_book import chain_deltas, load_sample_book
from execution.brokers.paper.settings import PaperSettings
from execution.brokers.paper.synthetic import SyntheticMarket
from execution.brokers.port import BrokerSnapshot
from models.clock import ManualClock
from models.enums import InstrumentKind
from models.errors import InvalidInput
from models.expiry import days_to_expiry
from models.position import UnifiedPosition
from tests.execution.brokers.paper.fake_market import HandMarket

ASSET = Path(__file__).parents[4] / "assets" / "sample_book.json"
START = datetime(2026, 11, 20, 19, 0, tzinfo=UTC)


def opened(path: Path, market: MarketSource) -> BrokerSnapshot:
    async def run() -> BrokerSnapshot:
        broker = PaperBroker(
            market=market,
            clock=ManualClock(START),
            store_path=path,
            settings=PaperSettings(manual=True),
            sample_book=load_sample_book(ASSET),
        )
        await broker.connect()
        snapshot = await broker.snapshot()
        await broker.close()
        return snapshot

    return asyncio.run(run())


def unit_delta(market: MarketSource, position: UnifiedPosition) -> float:
    contract = position.contract
    if not contract.is_option:
        return 1.0
    listed = next(
        x for x in market.expiries(contract.underlying, START) if (x.root, x.expiry) == (contract.root, contract.expiry)
    )
    chain, level = market.chain(listed), market.level(contract.underlying)
    assert level is not None
    assert contract.right is not None
    found = chain_deltas(chain, market.quotes(chain, START), float(level), START)[contract.key]
    return found if contract.right.value == "C" else -found


@pytest.mark.parametrize("seed", [1, 7])
def test_it_is_worth_half_a_million_with_moderate_margin_and_delta(tmp_path: Path, seed: int) -> None:
    market = SyntheticMarket(seed=seed, start_utc=START)
    snapshot = opened(tmp_path / "paper.db", market)
    values = snapshot.accounts[0]
    assert values.net_liquidation == 500_000
    assert values.day_pnl == 0
    assert values.margin_used_pct is not None
    assert 25 <= values.margin_used_pct <= 45
    assert values.buying_power is not None
    assert values.buying_power > 200_000
    spx = market.level("SPX")
    assert spx is not None
    delta = 0.0
    for position in snapshot.positions:
        level = market.level(position.contract.underlying)
        assert level is not None
        size = float(position.quantity * position.contract.multiplier * level / spx)
        delta += size * unit_delta(market, position)
    assert abs(delta) < 45


def test_it_holds_what_a_premium_seller_holds(tmp_path: Path) -> None:
    snapshot = opened(tmp_path / "paper.db", SyntheticMarket(seed=7, start_utc=START))
    kinds = Counter(position.contract.kind for position in snapshot.positions)
    assert kinds[InstrumentKind.OPTION] == 15
    assert kinds[InstrumentKind.ETF] == 1
    assert kinds[InstrumentKind.STOCK] == 1
    assert kinds[InstrumentKind.FUTURE] == 1
    condor = sorted(
        (p for p in snapshot.positions if p.contract.root == "SPXW" and p.contract.expiry is not None),
        key=lambda p: days_to_expiry(p.contract.expiry or START.date(), START),
    )
    days = {days_to_expiry(p.contract.expiry or START.date(), START) for p in condor}
    assert any(30 <= dte <= 45 for dte in days)
    assert all(p.contract.tick.is_on_tick(p.average_price) for p in snapshot.positions)


def test_openings_lie_before_the_history_a_snapshot_tells(tmp_path: Path) -> None:
    snapshot = opened(tmp_path / "paper.db", SyntheticMarket(seed=7, start_utc=START))
    assert snapshot.executions == ()
    assert snapshot.executions_since_utc == START - timedelta(days=7)


def test_it_is_opened_once(tmp_path: Path) -> None:
    first = opened(tmp_path / "paper.db", SyntheticMarket(seed=7, start_utc=START))
    second = opened(tmp_path / "paper.db", SyntheticMarket(seed=7, start_utc=START))
    assert [p.contract.key for p in second.positions] == [p.contract.key for p in first.positions]
    assert second.accounts[0].cash_balance == first.accounts[0].cash_balance


def test_strategies_that_a_market_lacks_are_left_out_whole(tmp_path: Path) -> None:
    snapshot = opened(tmp_path / "paper.db", HandMarket(START))
    assert snapshot.accounts[0].net_liquidation == 500_000
    assert {position.contract.underlying for position in snapshot.positions} <= {"SPX", "AAPL", "/ESZ6"}
    assert not {"SPY", "QQQ"} & {position.contract.underlying for position in snapshot.positions}


@pytest.mark.parametrize(
    "text", ["", "[]", '{"name": "x", "net_liquidation": "many", "strategies": []}', '{"name": "x", "strategies": []}']
)
def test_an_unreadable_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "book.json"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=r"book\.json"):
        load_sample_book(path)


def test_the_shipped_file_names_a_worth_and_strategies() -> None:
    book = load_sample_book(ASSET)
    assert book.net_liquidation == Decimal(json.loads(ASSET.read_text())["net_liquidation"])
    assert {strategy.tag for strategy in book.strategies} >= {"iron_condor", "short_strangle", "put_calendar"}
