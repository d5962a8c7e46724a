"""The five kinds of instruments Tastytrade holds, from the sample book to the desk's figures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from execution.brokers.port import BrokerSnapshot, QuotesEvent
from execution.brokers.tastytrade.broker import TastytradeBroker
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings
from execution.core import DeskCore
from execution.risk.risk_view import defaulted_betas, excluded_positions
from execution.views import PositionRow
from models.contract import underlying_contract
from models.enums import BetaSource, InstrumentKind
from models.ids import ContractKey
from models.position import UnifiedPosition
from tests.execution.brokers.tastytrade.desk import FAST
from tests.execution.builders import core_at
from tests.simulators.tastytrade.__main__ import open_simulator

K = InstrumentKind
_COINS = ContractKey("BTC/USD")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the adapter told of the sample book, and the desk's book of it."""

    snapshot: BrokerSnapshot
    core: DeskCore

    def of(self, kind: InstrumentKind) -> UnifiedPosition:
        """Returns the first holding of a kind."""
        return next(one for one in self.snapshot.positions if one.contract.kind is kind)

    def row(self, key: ContractKey) -> int:
        return next(index for index, one in enumerate(self.core.book.structure.rows) if one.contract.key == key)

    def line(self, key: ContractKey) -> PositionRow:
        return self.core.book.structure.rows[self.row(key)]


async def _quoted(broker: TastytradeBroker, core: DeskCore, wanted: set[ContractKey]) -> None:
    """Feeds the desk's book until everything held has a quote."""
    missing = set(wanted)
    async with asyncio.timeout(20):
        async for event in broker.events():
            if isinstance(event, QuotesEvent):
                core.market.apply(event.quotes)
                core.book.take_quotes(event.quotes)
                missing -= {quote.key for quote in event.quotes}
                if not missing:
                    return


def on_the_sample_book(folder: Path, look: Callable[[Seen], Awaitable[None]]) -> None:
    async def run() -> None:
        simulator, clock, _ = open_simulator(folder, market_files=(), seed=7, sample_book=True)
        await simulator.start()
        secrets = TastySecrets(simulator.client_secret, simulator.refresh_token)
        settings = TastySettings(base_url=simulator.url, timeouts=FAST, refresh_interval_s=0.05)
        broker = TastytradeBroker(settings=settings, secrets=lambda: secrets, clock=clock)
        try:
            accounts = await broker.connect()
            snapshot = await broker.snapshot()
            core = core_at(clock)
            core.accounts = {info.account_id: info for info in accounts}
            core.take_snapshot(snapshot)
            core.betas.set_source(BetaSource.TASTYTRADE, await broker.betas(core.book.underlyings()))
            core.book.refresh()
            held = [one.contract for one in snapshot.positions]
            levels = [underlying_contract(symbol) for symbol in (*core.book.underlyings(), "SPX")]
            broker.set_subscriptions([*held, *levels])
            await _quoted(broker, core, {one.key for one in (*held, *levels)})
            await look(Seen(snapshot, core))
        finally:
            await broker.close()
            await simulator.stop()

    asyncio.run(run())


def test_all_five_kinds_are_held_with_their_multipliers_and_weighed_as_far_as_they_can_be(tmp_path: Path) -> None:
    async def look(seen: Seen) -> None:
        kinds = {one.contract.kind for one in seen.snapshot.positions}
        assert kinds >= {K.STOCK, K.OPTION, K.FUTURE, K.FUTURE_OPTION, K.CRYPTO}
        found = {kind: seen.of(kind).contract.multiplier for kind in kinds}
        assert found == {
            K.STOCK: 1,
            K.ETF: 1,
            K.OPTION: 100,
            K.FUTURE: 50,
            K.FUTURE_OPTION: 50,
            K.CRYPTO: 1,
        }
        coins = seen.of(K.CRYPTO)
        assert (coins.quantity, coins.average_price) == (Decimal("0.25"), Decimal(60000))
        core = seen.core
        core.book.refresh()
        greeks = core.book.greeks(core.spx_price())
        assert np.isfinite(greeks.spx_equiv_delta).all()
        numbers = core.book.numbers(greeks)
        assert excluded_positions(core.book, greeks, numbers.status, None) == ()

    on_the_sample_book(tmp_path, look)


def test_a_future_weighs_by_its_products_beta_and_coins_by_a_default_that_is_said(tmp_path: Path) -> None:
    async def look(seen: Seen) -> None:
        core = seen.core
        core.book.refresh()
        spx = core.spx_price()
        greeks = core.book.greeks(spx)
        future = seen.of(K.FUTURE)
        index, line = seen.row(future.contract.key), seen.line(future.contract.key)
        assert (line.beta, line.beta_source) == (1.0, BetaSource.TASTYTRADE)
        level = core.market.price(future.contract.key)
        assert greeks.spx_equiv_delta[index] == pytest.approx(float(future.quantity) * 50 * level / spx)
        coins, row = seen.row(_COINS), seen.line(_COINS)
        assert (row.beta, row.beta_source) == (1.0, BetaSource.DEFAULT)
        assert defaulted_betas(core.book, None) == (str(_COINS),)
        assert greeks.spx_equiv_delta[coins] == pytest.approx(0.25 * 98000 / spx, rel=1e-3)
        assert greeks.raw_delta[coins] == pytest.approx(0.25)
        assert [group.name for group in core.book.structure.groups if coins in group.rows] == ["Crypto"]
        numbers = core.book.numbers(greeks)
        for figure in (numbers.gamma, numbers.theta_per_day, numbers.vega_per_point):
            assert figure[coins] == 0.0
        assert np.isnan(numbers.iv[coins])
        assert numbers.pnl_open[coins] == pytest.approx(0.25 * 38000, rel=1e-3)

    on_the_sample_book(tmp_path, look)
