"""Runs the desk over and over, kills it with SIGKILL at random points, and counts what was lost or doubled.

Run as `python -m tests.execution.kill_harness FOLDER KILLS SEED`; prints one JSON object. A process of its own, without
threads, so that it may fork children that need not import everything again.

Each child recovers, then trades without end: simulate, send, wait for the fills and the journal row. At each of these
steps it writes a byte into a pipe; the parent waits for a random number of bytes and a few milliseconds more, then
kills, so that the kills fall all over the way whatever the machine is busy with. What it asked
for, and each request that really reached the broker, is appended to a file before the call, by an `os.write` that a
kill cannot tear. Desk time runs two minutes ahead with every child, so that an order that never arrived is older than
the grace and the child may declare it not sent, as a user would.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import random
import select
import signal
import sqlite3
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import main as program
from execution import commands
from execution.brokers.paper.broker import PaperBroker
from execution.brokers.port import Broker
from execution.desk import Desk
from execution.views import JournalWritten, OrdersState
from models.clock import OffsetClock, SystemClock
from models.contract import underlying_contract
from models.enums import Action, OrderStatus, OrderType, TimeInForce
from models.ids import AccountId, BrokerOrderId, new_order_id
from models.order import Order, OrderLeg
from models.order_status import TERMINAL
from tests.execution.recorder import RecordingPublisher

ACCOUNT = AccountId("PAPER-1")
SYMBOLS = ("SPY", "SPX", "QQQ", "SPX", "AAPL")
#: A submit takes this long on its way out and back, so that kills fall into both gaps.
WIRE_S = 0.02
AHEAD = timedelta(minutes=2)
#: A child that is stuck this long is killed as it is.
STEP_LIMIT_S = 30.0


class CountingBroker(PaperBroker):
    """The paper broker at the end of a slow wire that writes down what passes."""

    wire: Path
    steps: int

    async def submit(self, order: Order) -> BrokerOrderId:
        append(self.wire, f"send {order.id}")
        os.write(self.steps, b".")
        await asyncio.sleep(WIRE_S)
        accepted = await super().submit(order)
        os.write(self.steps, b".")
        await asyncio.sleep(WIRE_S)
        return accepted


def append(path: Path, line: str) -> None:
    """One line, in one write."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)


async def child(folder: Path, generation: int, steps: int, trades: int | None) -> None:
    """Recovers, then trades until it is killed (or `trades` orders are done)."""
    options = program.Options(
        data_dir=folder,
        config_file=Path(__file__).with_name("kill_harness.toml"),
        market_files=(),
        seed=3,
        session_hours=False,
        sample_book=False,
    )
    publisher = RecordingPublisher()
    clock = OffsetClock(base=SystemClock(), offset=AHEAD * generation)
    composed = await program.compose(options, publisher, base_clock=clock)
    os.write(steps, b"c")
    await composed.desk.start()
    await composed.desk.wait_ready()
    os.write(steps, b"r")
    await settle_unknown(composed.desk, publisher)
    done = 0
    while trades is None or done < trades:
        await trade(composed.desk, publisher, SYMBOLS[(generation + done) % len(SYMBOLS)], steps)
        done += 1
    await settle_all(publisher)
    await composed.close()


async def settle_unknown(desk: Desk, publisher: RecordingPublisher) -> None:
    """What a user does about an order that nobody knows: asks, then says that it was not sent."""
    state = publisher.states.get(OrdersState)
    for order in () if state is None else state.orders:
        if order.status is OrderStatus.UNKNOWN:
            await desk.handle(commands.DeclareNotSent(order.id))


async def settle_all(publisher: RecordingPublisher) -> None:
    """Waits until nothing works any more."""
    for _ in range(400):
        if all(order.status in TERMINAL for order in publisher.states[OrdersState].orders):
            return
        await asyncio.sleep(0.05)


async def legs_on(desk: Desk, symbol: str) -> tuple[OrderLeg, ...]:
    """Shares, or for SPX a put vertical, whose legs fill one after the other."""
    if symbol != "SPX":
        return (OrderLeg(underlying_contract(symbol), Action.BUY, 2),)
    expiry = (await desk.handle(commands.ListExpiries("SPX")))[5]
    static = await desk.handle(commands.WatchChain(expiry))
    middle = len(static.strikes) // 2
    return (OrderLeg(static.puts[middle], Action.SELL, 1), OrderLeg(static.puts[middle - 2], Action.BUY, 1))


async def trade(desk: Desk, publisher: RecordingPublisher, symbol: str, steps: int) -> None:
    """One order from ticket to journal row."""
    draft = commands.TicketDraft(
        order_id=new_order_id(),
        account_id=ACCOUNT,
        legs=await legs_on(desk, symbol),
        order_type=OrderType.MARKET,
        limit_price=None,
        tif=TimeInForce.DAY,
    )
    for _ in range(100):
        preview = await desk.handle(commands.PreviewTicket(draft))
        if preview.net_mid is not None:
            break
        await asyncio.sleep(0.02)
    simulated = await desk.handle(commands.SimulateOrder(draft))
    if simulated.order is None:
        return
    os.write(steps, b".")
    await desk.handle(commands.SendOrder(draft))
    os.write(steps, b".")
    written = len([one for one in publisher.notices if isinstance(one, JournalWritten)])
    for _ in range(100):
        if len([one for one in publisher.notices if isinstance(one, JournalWritten)]) > written:
            os.write(steps, b".")
            return
        await asyncio.sleep(0.01)


def run_child(folder: Path, generation: int, *, steps: int | None, then_s: float = 0.0) -> None:
    """Forks a child; kills it `then_s` after its `steps`-th step, or lets it finish when `steps` is None."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        code = 1
        try:
            CountingBroker.steps = writing
            asyncio.run(child(folder, generation, writing, None if steps is not None else 1))
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    if steps is not None:
        for _ in range(steps):
            if not select.select([reading], [], [], STEP_LIMIT_S)[0] or not os.read(reading, 1):
                break
        time.sleep(then_s)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(reading)
    if steps is None and status != 0:
        raise SystemExit(f"the last child failed with status {status}")


def run(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kills `kills` children, lets one more recover, and returns the count of everything that may not happen."""
    chance = random.Random(seed)
    CountingBroker.wire = folder / "wire.log"
    program_broker(CountingBroker)
    warm_up()
    for generation in range(kills):
        # One in five dies in start-up, which is recovery; the others somewhere on the way of their first three orders.
        steps = 1 if chance.random() < 0.2 else chance.randint(2, 16)
        run_child(folder, generation, steps=steps, then_s=chance.uniform(0.0, 0.25 if steps == 1 else 0.05))
    run_child(folder, kills, steps=None)
    return verdict(folder, kills)


def warm_up() -> None:
    """Imports what every child needs, once, before the first fork."""
    for name in (
        "alembic.command",
        "analytics.strategy",
        "apscheduler.schedulers.asyncio",
        "apscheduler.triggers.cron",
        "database.store",
        "execution.assembly",
        "execution.brokers.paper.sample_book",
        "execution.brokers.paper.synthetic",
        "exchange_calendars",
        "models.config",
        "platformdirs",
    ):
        importlib.import_module(name)


def program_broker(broker: type[Broker]) -> None:
    """Has `compose` build this broker: it imports the class by name when it runs."""
    import execution.brokers.paper.broker as module

    module.PaperBroker = broker  # type: ignore[misc,assignment]  # the harness stands at the wire


def verdict(folder: Path, kills: int) -> dict[str, Any]:
    """Compares what left the desk, what the broker holds and what the journal says."""
    (desk_folder,) = [path for path in folder.iterdir() if path.is_dir() and path.name.startswith("paper-")]
    journal = sqlite3.connect(desk_folder / "journal.sqlite")
    broker = sqlite3.connect(desk_folder / "paper-broker.sqlite")
    sends = Counter(line.split()[1] for line in (folder / "wire.log").read_text("utf-8").splitlines())
    at_broker = Counter((row[0], row[1]) for row in broker.execute("SELECT execution_id, order_id FROM executions"))
    in_journal = Counter((row[0], row[1]) for row in journal.execute("SELECT execution_id, order_id FROM executions"))
    rows = Counter(row[0] for row in journal.execute("SELECT order_id FROM order_journal"))
    filled = {row[1] for row in at_broker}
    return {
        "kills": kills,
        "orders_asked_to_send": len(sends),
        "orders_sent_twice": sum(count > 1 for count in sends.values()),
        "orders_at_broker": broker.execute("SELECT count(*) FROM orders").fetchone()[0],
        "fills_at_broker": len(at_broker),
        "fills_lost": len(at_broker.keys() - in_journal.keys()),
        "fills_invented": len(in_journal.keys() - at_broker.keys()),
        "fills_doubled": sum(count > 1 for count in in_journal.values()),
        "journal_rows": sum(rows.values()),
        "filled_orders_without_row": len(filled - rows.keys()),
        "orders_with_two_rows": sum(count > 1 for count in rows.values()),
        "journal_integrity": journal.execute("PRAGMA integrity_check").fetchone()[0],
        "broker_integrity": broker.execute("PRAGMA integrity_check").fetchone()[0],
    }


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(json.dumps(run(target, int(sys.argv[2]), int(sys.argv[3]))) + "\n")
