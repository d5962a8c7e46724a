"""Money and contracts conserve: over random orders, corrections, expiries and restarts, and over kill -9."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from execution.brokers.paper.faults import CancelBehavior, FillBehavior, OrderScript
from execution.brokers.paper.settings import PaperSettings
from execution.brokers.paper.store import PaperStore
from models.contract import Contract, underlying_contract
from models.enums import OrderType, TimeInForce
from models.errors import BrokerFailure
from models.ids import AccountId, ContractKey
from models.order import OrderLeg
from tests.execution.brokers.contract_kit import buy, order_of, sell
from tests.execution.brokers.paper.desk import PaperDesk
from tests.execution.brokers.paper.fake_market import ES, LATER, aapl, spxw

_FREE = PaperSettings(manual=True, enforce_buying_power=False)
_STOCK, _FUTURE = underlying_contract("AAPL"), underlying_contract(ES)
_PACKAGES: tuple[tuple[OrderLeg, ...], ...] = (
    (buy(spxw(6700, "P")), sell(spxw(6800, "P")), sell(spxw(7200, "C")), buy(spxw(7300, "C"))),
    (sell(spxw(6800, "P")), buy(spxw(6800, "P", LATER))),
    (sell(spxw(6900, "P")),),
    (buy(spxw(6700, "P"), 3), sell(spxw(6800, "P"), 2)),
    (buy(_STOCK, 100), sell(aapl(280, "C"))),
    (sell(aapl(290, "P"), 2),),
    (sell(_FUTURE),),
    (buy(_STOCK, 37),),
)
_STEPS = st.lists(
    st.tuples(
        st.integers(0, len(_PACKAGES) - 1),
        st.integers(1, 4),
        st.sampled_from(FillBehavior),
        st.sampled_from(CancelBehavior),
        st.sampled_from(["keep", "cancel", "restart"]),
        st.integers(6500, 7500),
    ),
    min_size=1,
    max_size=6,
)


def check_books(path: Path) -> int:
    """Holds every account of a store against its executions; returns how many there are."""
    store = PaperStore(path, environment="hand")
    try:
        executions = store.executions()
        for account in store.accounts():
            mine = [stored for stored in executions if stored.execution.account_id == account.account_id]
            paid = sum((s.execution.cash_effect - s.fee for s in mine), start=Decimal(0))
            assert account.ledger_cash == account.deposits + paid
            total: dict[tuple[AccountId, ContractKey], Decimal] = {}
            for stored in mine:
                key = (account.account_id, stored.execution.contract.key)
                total[key] = total.get(key, Decimal(0)) + stored.execution.signed_quantity
            kept = {(h.account_id, h.contract.key): h.quantity for h in store.holdings()}
            assert kept == {key: quantity for key, quantity in total.items() if quantity != 0}
        for order in (*store.working_orders(), *store.done_orders(datetime(2000, 1, 1, tzinfo=UTC))):
            for leg in order.legs:
                done = sum(
                    s.execution.quantity
                    for s in executions
                    if s.execution.order_id == order.order_id and s.execution.contract.key == leg.contract.key
                )
                assert done * order.packages == leg.quantity * order.filled_packages
        return len(executions)
    finally:
        store.close()


def _leg(leg: OrderLeg, packages: int) -> OrderLeg:
    return replace(leg, quantity=leg.quantity * packages)


@settings(max_examples=10, deadline=None)
@given(_STEPS)
def test_books_equal_executions_to_the_cent_whatever_happens(
    steps: list[tuple[int, int, FillBehavior, CancelBehavior, str, int]],
) -> None:
    async def run(path: Path) -> None:
        desk = PaperDesk(path, settings=_FREE)
        await desk.start()
        for index, packages, fill, cancel, then, level in steps:
            legs = tuple(_leg(leg, packages) for leg in _PACKAGES[index])
            order = order_of(desk, legs, Decimal(0), tif=TimeInForce.DAY)
            order = replace(order, order_type=OrderType.MARKET, limit_price=None)
            desk.script(order.id, OrderScript(fills=fill, cancel=cancel, delay_s=2, correction=Decimal("0.05")))
            await desk.broker.submit(order)
            await desk.pass_time(1)
            if then == "cancel":
                with suppress(BrokerFailure):
                    await desk.broker.cancel(order)
            elif then == "restart":
                await desk.crash_and_restart()
            desk.market.set_level("SPX", str(level))
            await desk.pass_time(4)
        await desk.move_to(datetime(2026, 12, 21, 15, 0, tzinfo=UTC))
        await desk.stop()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "paper.db"
        asyncio.run(run(path))
        check_books(path)


_TRADER = """
import asyncio, sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from execution.brokers.paper.settings import PaperSettings
from tests.execution.brokers.contract_kit import order_of
from tests.execution.brokers.paper.desk import PaperDesk

async def main():
    settings = PaperSettings(manual=True, enforce_buying_power=False, market_state_interval_s=0.0)
    desk = PaperDesk(Path(sys.argv[1]), settings=settings)
    await desk.start()
    print("ready", flush=True)
    while True:
        legs = desk.condor(2)
        order = order_of(desk, legs, desk.natural(legs))
        await desk.broker.submit(order)
        print(order.id, flush=True)
        await desk.pass_time(0.5)

asyncio.run(main())
"""


def test_a_broker_killed_at_any_instant_keeps_whole_fills_and_every_accepted_order(tmp_path: Path) -> None:
    path, pick = tmp_path / "paper.db", random.Random(11)
    acknowledged: list[str] = []
    counts: list[int] = []
    for _ in range(4):
        command = [sys.executable, "-c", _TRADER, str(path)]
        root = Path(__file__).parents[4]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as trader:
            assert trader.stdout is not None
            assert trader.stdout.readline() == "ready\n"
            acknowledged += [trader.stdout.readline().strip() for _ in range(pick.randint(1, 12))]
            trader.send_signal(signal.SIGKILL)
        counts.append(check_books(path))
        store = PaperStore(path, environment="hand")
        found = {order.order_id for order in store.done_orders(datetime(2000, 1, 1, tzinfo=UTC))}
        found |= {order.order_id for order in store.working_orders()}
        store.close()
        assert set(acknowledged) <= found
    assert counts == sorted(counts)
    assert counts[-1] > 0


def test_a_contract_of_the_random_packages_is_listed(tmp_path: Path) -> None:
    market = PaperDesk(tmp_path / "paper.db").market
    contracts: list[Contract] = [leg.contract for legs in _PACKAGES for leg in legs]
    assert all(market.resolve(contract.key) is not None for contract in contracts)
