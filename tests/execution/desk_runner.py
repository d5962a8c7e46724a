"""A whole desk on the real paper broker and a real database, for tests that ask it what the window asks."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import main as program
from execution import commands
from execution.brokers.paper.faults import FaultScript
from execution.ticket_views import SendOutcome, SimulationOutcome
from execution.views import LogLine, OrdersState
from models.contract import underlying_contract
from models.enums import Action, OrderStatus, OrderType, TimeInForce
from models.ids import AccountId, OrderId, new_order_id
from models.order import OrderLeg
from tests.execution.recorder import RecordingPublisher

ACCOUNT = AccountId("PAPER-1")


class Running:
    """A desk that runs, and what it published."""

    def __init__(self, composed: program.Composed, publisher: RecordingPublisher) -> None:
        self.composed = composed
        self.publisher = publisher
        self.ask = composed.desk.handle

    async def until(self, done: Callable[[], bool], what: str, tries: int = 600) -> None:
        for _ in range(tries):
            if done():
                return
            await asyncio.sleep(0.02)
        raise AssertionError(
            f"waited in vain for {what}: {[getattr(one, 'text', one) for one in self.publisher.notices]}"
        )

    def order(self, order_id: OrderId) -> OrderStatus | None:
        orders = self.publisher.states[OrdersState].orders
        return next((one.status for one in orders if one.id == order_id), None)

    async def status(self, order_id: OrderId, wanted: OrderStatus) -> None:
        await self.until(lambda: self.order(order_id) is wanted, wanted.value)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(f"file:{self.composed.database_path}?mode=ro", uri=True) as connection:
            return connection.execute(query).fetchall()

    def lines(self) -> str:
        return "\n".join(one.text for one in self.publisher.notices if isinstance(one, LogLine))


@asynccontextmanager
async def running(
    folder: Path, *, faults: FaultScript | None = None, sample_book: bool = False, wait: bool = True
) -> AsyncIterator[Running]:
    options = program.Options(folder, folder / "none.toml", (), 7, session_hours=False, sample_book=sample_book)
    publisher = RecordingPublisher()
    composed = await program.compose(options, publisher, faults=faults)
    await composed.desk.start()
    try:
        if wait:
            await asyncio.wait_for(composed.desk.wait_ready(), 20)
        yield Running(composed, publisher)
    finally:
        await composed.close()


def stock_draft(symbol: str = "AAPL", quantity: int = 10, action: Action = Action.BUY) -> commands.TicketDraft:
    return commands.TicketDraft(
        order_id=new_order_id(),
        account_id=ACCOUNT,
        legs=(OrderLeg(underlying_contract(symbol), action, quantity),),
        order_type=OrderType.MARKET,
        limit_price=None,
        tif=TimeInForce.DAY,
        rationale="a test",
    )


async def quoted(desk: Running, draft: commands.TicketDraft) -> None:
    for _ in range(200):
        if (await desk.ask(commands.PreviewTicket(draft))).net_mid is not None:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the legs were never quoted")


async def simulated(desk: Running, draft: commands.TicketDraft) -> SimulationOutcome:
    await quoted(desk, draft)
    outcome: SimulationOutcome = await desk.ask(commands.SimulateOrder(draft))
    return outcome


async def sent(desk: Running, draft: commands.TicketDraft) -> SendOutcome:
    outcome = await simulated(desk, draft)
    assert outcome.order is not None, outcome
    answer: SendOutcome = await desk.ask(commands.SendOrder(draft))
    return answer
