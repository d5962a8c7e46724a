"""One desk on two brokers: a simulated TWS and a simulated Tastytrade behind the real client libraries, in one book."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

import main as program
from execution import commands
from execution.brokers.ibkr.trial import installed_libraries
from execution.views import (
    AccountsState,
    BookNumbers,
    BookStructure,
    DeskState,
    MarketState,
    Phase,
    RiskState,
    RowStatus,
)
from models.contract import underlying_contract
from models.enums import Action, BrokerName, FeedState, OrderStatus, OrderType, TimeInForce
from models.errors import KnownError
from models.gate import DenialCode
from models.ids import AccountId, new_order_id
from models.order import OrderLeg
from tests.execution.desk_runner import Running, quoted
from tests.execution.recorder import RecordingPublisher
from tests.test_main_tasty import children_of

pytestmark = pytest.mark.anyio
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="finds the simulators among the children in /proc")
IB, TT = AccountId("DU1234567"), AccountId("5WX00001")
_READY_S = 90
_TRIES = 3000


def options(folder: Path, broker: str = "ibkr", also: tuple[str, ...] = ("tastytrade",)) -> program.Options:
    file = folder / "optiondesk.toml"
    file.write_text(f'[ibkr]\nlibrary = "{installed_libraries()[0]}"\n')
    return program.Options(
        folder, file, (), 7, session_hours=False, sample_book=None, broker=broker, also=also, simulator=True
    )


@asynccontextmanager
async def both(folder: Path) -> AsyncIterator[Running]:
    publisher = RecordingPublisher()
    composed = await program.compose(options(folder), publisher)
    await composed.desk.start()
    try:
        await asyncio.wait_for(composed.desk.wait_ready(), _READY_S)
        yield Running(composed, publisher)
    finally:
        await composed.close()


def simulator(name: str) -> int:
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_text().split("\0") for pid in children_of(os.getpid())}
    (pid,) = [pid for pid, line in lines.items() if name in line]
    return pid


def stock(account_id: AccountId, quantity: int = 10) -> commands.TicketDraft:
    return commands.TicketDraft(
        order_id=new_order_id(),
        account_id=account_id,
        legs=(OrderLeg(underlying_contract("AAPL"), Action.BUY, quantity),),
        order_type=OrderType.LIMIT,
        limit_price=None,
        tif=TimeInForce.DAY,
    )


async def priced(desk: Running, draft: commands.TicketDraft) -> commands.TicketDraft:
    """A limit above the ask fills at the market of either simulator, within the collar."""
    await quoted(desk, draft)
    seen = await desk.ask(commands.PreviewTicket(draft))
    return replace(draft, limit_price=seen.tick.snap(seen.net_natural * Decimal("1.002")))


async def trade(desk: Running, draft: commands.TicketDraft) -> None:
    for _ in range(6):
        draft = await priced(desk, draft)
        simulated = await desk.ask(commands.SimulateOrder(draft))
        assert simulated.order is not None, simulated
        sent = await desk.ask(commands.SendOrder(draft))
        if DenialCode.POSITIONS_CHANGED not in {denial.code for denial in sent.denials}:
            break
    assert sent.accepted, sent
    await desk.status(draft.order_id, OrderStatus.FILLED)


def statuses(desk: Running, account_id: AccountId) -> set[RowStatus]:
    rows = desk.publisher.states[BookStructure].rows
    numbers = desk.publisher.states[BookNumbers].status
    return {status for row, status in zip(rows, numbers, strict=True) if row.account_id == account_id}


def delta(desk: Running, account_id: AccountId) -> float:
    rows = desk.publisher.states[BookStructure].rows
    deltas = desk.publisher.states[BookNumbers].spx_equiv_delta
    known = [
        float(each)
        for row, each in zip(rows, deltas, strict=True)
        if row.account_id == account_id and math.isfinite(each)
    ]
    return sum(known)


@linux_only
async def test_two_brokers_are_one_book_and_each_order_is_kept_under_its_own_broker(tmp_path: Path) -> None:
    async with both(tmp_path) as desk:
        states = desk.publisher.states
        accounts = {info.account_id: info.broker for info in states[AccountsState].accounts}
        assert accounts == {IB: BrokerName.IBKR, TT: BrokerName.TASTYTRADE}
        assert states[DeskState].brokers == (BrokerName.IBKR, BrokerName.TASTYTRADE)
        assert desk.composed.database_path.parent.name == "ibkr-simulator+tastytrade-simulator"
        await desk.until(
            lambda: (
                BookNumbers in states
                and len(states[BookNumbers].status) == len(states[BookStructure].rows)
                and statuses(desk, IB) == {RowStatus.OK}
            ),
            "figures of every position",
            _TRIES,
        )
        assert delta(desk, IB) != 0
        assert delta(desk, TT) != 0
        await desk.until(
            lambda: (
                delta(desk, IB) + delta(desk, TT) == pytest.approx(states[RiskState].greeks.spx_equiv_delta, rel=0.02)
            ),
            "the sum of both accounts in the risk of the book",
        )
        values = {one.account_id: one.net_liquidation for one in states[AccountsState].values}
        total = states[AccountsState].total
        assert total is not None
        assert total.net_liquidation == sum(value for value in values.values() if value is not None)
        await trade(desk, stock(IB))
        await trade(desk, stock(TT, 20))
        mine = "FROM trade_journal WHERE underlying = 'AAPL' ORDER BY created_at"
        await desk.until(lambda: len(desk.rows(f"SELECT id {mine}")) == 2, "both journal rows")
        assert desk.rows(f"SELECT broker, account_id {mine}") == [("IBKR", IB), ("TASTYTRADE", TT)]
        orders = desk.rows("SELECT broker, account_id FROM orders ORDER BY broker")
        assert set(orders) == {("IBKR", IB), ("TASTYTRADE", TT)}
        fills = desk.rows("SELECT DISTINCT broker, account_id FROM executions ORDER BY broker")
        assert fills == [("IBKR", IB), ("TASTYTRADE", TT)]


@linux_only
async def test_a_broker_that_is_gone_locks_its_own_account_only_and_comes_back_compared(tmp_path: Path) -> None:
    async with both(tmp_path) as desk:
        states = desk.publisher.states
        await desk.until(lambda: BookNumbers in states, "figures", _TRIES)
        await priced(desk, stock(TT))
        rows = len(states[BookStructure].rows)
        os.kill(simulator("tests.simulators.tastytrade"), signal.SIGKILL)
        await desk.until(lambda: states[MarketState].feed is FeedState.STALE, "the link's end", _TRIES)
        assert "Tastytrade" in states[MarketState].feed_text
        assert states[MarketState].brokers_down == (BrokerName.TASTYTRADE,)
        refused = await desk.ask(commands.SendOrder(replace(stock(TT), limit_price=Decimal("1.00"))))
        (denial,) = [one for one in refused.denials if one.code is DenialCode.TRADING_LOCKED]
        assert "Tastytrade" in denial.text
        assert "Nothing is sent in its accounts" in denial.text
        assert len(states[BookStructure].rows) == rows
        await desk.until(lambda: RowStatus.OK not in statuses(desk, TT), "stale figures")
        await desk.until(lambda: states[DeskState].phase is Phase.READY, "the other account's desk", _TRIES)
        assert "Nothing is sent in its accounts" in states[DeskState].problem
        if states[MarketState].feed is FeedState.STALE:
            await trade(desk, stock(IB, 3))
        await desk.until(lambda: states[MarketState].feed is FeedState.LIVE, "its return", _TRIES)
        await desk.until(lambda: states[DeskState].phase is Phase.READY and not states[DeskState].problem, "readiness")
        await trade(desk, stock(TT, 7))
        assert len({row.account_id for row in states[BookStructure].rows}) == 2


async def test_paper_and_live_do_not_go_into_one_desk(tmp_path: Path) -> None:
    file = tmp_path / "optiondesk.toml"
    file.write_text('[ibkr]\nmode = "paper"\n[tastytrade]\nhost = "production"\n')
    asked = replace(options(tmp_path), config_file=file, simulator=False)
    with pytest.raises(KnownError, match="paper and live do not go into one desk"):
        await program.compose(asked, RecordingPublisher())
