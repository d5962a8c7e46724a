"""Golden test 6: whatever happens to a position, journal and fees add up to the broker's cash, to the cent."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

import main as program
from database.reader import JournalReader
from execution import commands
from execution.views import AccountsState, BookStructure
from models.clock import OffsetClock, SystemClock
from models.contract import Contract, underlying_contract
from models.enums import Action, OrderStatus, OrderType, TimeInForce
from models.gate import DenialCode
from models.ids import new_order_id
from models.order import OrderLeg
from tests.execution.desk_runner import ACCOUNT, Running, quoted
from tests.execution.recorder import RecordingPublisher

pytestmark = pytest.mark.anyio


def draft(*legs: tuple[Contract, Action, int]) -> commands.TicketDraft:
    return commands.TicketDraft(
        order_id=new_order_id(),
        account_id=ACCOUNT,
        legs=tuple(OrderLeg(contract, action, quantity) for contract, action, quantity in legs),
        order_type=OrderType.MARKET,
        limit_price=None,
        tif=TimeInForce.DAY,
    )


async def trade(desk: Running, order: commands.TicketDraft) -> None:
    """Market orders are held to the collar at the mid, so a wide package goes as a limit at its natural price."""
    await quoted(desk, order)
    seen = await desk.ask(commands.PreviewTicket(order))
    if len(order.legs) > 1:
        order = replace(order, order_type=OrderType.LIMIT, limit_price=seen.tick.snap(seen.net_natural))
    for _ in range(5):
        simulated = await desk.ask(commands.SimulateOrder(order))
        assert simulated.order is not None, simulated
        sent = await desk.ask(commands.SendOrder(order))
        if DenialCode.POSITIONS_CHANGED not in {denial.code for denial in sent.denials}:
            break
    assert sent.accepted, sent.denials
    await desk.status(order.order_id, OrderStatus.FILLED)


async def fees_settled(desk: Running) -> None:
    query = (
        "SELECT count(*) FROM executions AS e WHERE NOT EXISTS "
        "(SELECT 1 FROM execution_fees AS f WHERE f.execution_id = e.execution_id)"
    )
    await desk.until(lambda: desk.rows(query) == [(0,)], "every fee")


async def test_open_add_partial_close_turn_roll_and_settlement_add_up_to_the_brokers_cash(tmp_path: Path) -> None:
    clock = OffsetClock(base=SystemClock(), offset=timedelta(0))
    options = program.Options(
        tmp_path, Path(__file__).with_name("kill_harness.toml"), (), 7, session_hours=False, sample_book=False
    )
    publisher = RecordingPublisher()
    composed = await program.compose(options, publisher, base_clock=clock)
    desk = Running(composed, publisher)
    await composed.desk.start()
    await asyncio.wait_for(composed.desk.wait_ready(), 20)
    try:
        start = publisher.states[AccountsState].values[0].cash_balance
        assert start is not None
        spy = underlying_contract("SPY")
        for action, quantity in (
            (Action.BUY, 10),
            (Action.BUY, 5),
            (Action.SELL, 6),
            (Action.SELL, 9),
            (Action.SELL, 11),
        ):
            await trade(desk, draft((spy, action, quantity)))
        near, later = [one for one in await desk.ask(commands.ListExpiries("SPX")) if one.root == "SPXW"][2:4]
        chain = await desk.ask(commands.WatchChain(near))
        spot = publisher.states[BookStructure] and chain.strikes[len(chain.strikes) // 2]
        puts = {strike: put for strike, put in zip(chain.strikes, chain.puts, strict=True) if put is not None}
        at = min(puts, key=lambda strike: abs(strike - spot))
        wing = max(strike for strike in puts if strike <= at - 50)
        await trade(desk, draft((puts[at], Action.SELL, 2), (puts[wing], Action.BUY, 2)))
        far = await desk.ask(commands.WatchChain(later))
        far_puts = {strike: put for strike, put in zip(far.strikes, far.puts, strict=True) if put is not None}
        if at in far_puts and wing in far_puts:
            await trade(
                desk,
                draft(
                    (puts[at], Action.BUY, 1),
                    (puts[wing], Action.SELL, 1),
                    (far_puts[at], Action.SELL, 1),
                    (far_puts[wing], Action.BUY, 1),
                ),
            )
        clock.offset += timedelta(days=12)

        def held() -> set[bool]:
            return {row.contract.is_option for row in publisher.states[BookStructure].rows}

        await desk.until(lambda: held() == {False}, "the options to settle", tries=1500)
        await fees_settled(desk)
        await asyncio.sleep(6.0)
        end = publisher.states[AccountsState].values[0].cash_balance
        assert end is not None
    finally:
        await composed.close()
    check(composed.database_path, end - start)


def check(database: Path, change: Decimal) -> None:
    reader = JournalReader(database)
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT id, net_debit_credit, strategy_tag FROM trade_journal").fetchall()
    details = [reader.detail(str(row[0])) for row in rows]
    reader.close()
    assert {"expiration"} <= {str(row[2]) for row in rows}
    assert all(detail.fees is not None for detail in details)
    traded = sum((Decimal(str(row[1])) for row in rows), Decimal(0))
    fees = sum((detail.fees or Decimal(0) for detail in details), Decimal(0))
    assert change == -traded - fees, (change, traded, fees, [(row[2], row[1]) for row in rows])
