"""A whole desk on a real broker adapter and the simulator of its far end, in one process.

Engine, order manager, risk watch and the SQLite journal are those of `main.py`; library and wire are real. Beside them
stands what a figure needs: every order that leaves is written down with the desk's state at that instant, and whenever
the desk calls an order ended, it is looked up at the exchange behind the simulator whether that is so.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import main as program
from execution.brokers.paper.core import PaperCore
from execution.brokers.paper.faults import FaultScript
from execution.brokers.paper.orders import PaperOrder
from execution.brokers.paper.settings import FillModel, PaperAccount, PaperSettings
from execution.brokers.paper.synthetic import SyntheticMarket
from execution.brokers.port import Broker
from execution.core import DeskCore
from execution.views import DeskState, LogLine, Notice, OrdersState, Phase, State
from models.clock import OffsetClock, SystemClock
from models.enums import Mode, OrderStatus
from models.errors import KnownError
from models.ids import AccountId, OrderId
from models.order import Order
from models.order_status import TERMINAL

if TYPE_CHECKING:
    from database.store import SqliteStorage
    from execution.desk import Desk

#: A Monday, 09:35 in New York: hours of trading lie ahead.
START = datetime(2026, 11, 16, 14, 35, tzinfo=UTC)
#: The figures trade as fast as they can; the caps that stop a runaway would stop them too.
_SETTINGS = """
[orders]
max_orders_per_minute = 100000
max_orders_per_day = 100000
max_open_orders_per_underlying = 1000
duplicate_window_s = 0.0
max_notional_usd = "1000000000"
max_loss_usd = "1000000000"
quote_max_age_s = 15.0
collar_min_usd = "1000"
"""
_CASH = Decimal(100_000_000)
#: Longer than an order of unknown outcome must be looked for before a user may declare it not sent.
GRACE = timedelta(seconds=61)


@dataclass(frozen=True, slots=True)
class Sent:
    """One request that puts an order to work or changes one, with the desk's state when it left."""

    order_ref: str
    is_change: bool
    was_unlocked: bool
    phase: Phase | None


class Watch:
    """The desk's publisher: keeps newest states and notices, and checks each order that it is told has ended."""

    def __init__(self) -> None:
        self.phase: Phase | None = None
        self.orders: dict[OrderId, Order] = {}
        self.lines: list[LogLine] = []
        #: Asked for the exchange's word on an order; (False, None) = it cannot be asked now.
        self.truth: Callable[[OrderId], tuple[bool, PaperOrder | None]] = lambda _order_id: (False, None)
        #: Who stands at the far end, for words.
        self.far_name = ""
        self.wrong_ends: list[str] = []
        self._news = asyncio.Event()

    def state(self, state: State) -> None:
        """Takes a state."""
        if isinstance(state, DeskState):
            self.phase = state.phase
        elif isinstance(state, OrdersState):
            for order in state.orders:
                before = self.orders.get(order.id)
                if before is not order:
                    self.orders[order.id] = order
                    if before is None or before.status is not order.status:
                        self._check(order)
        else:
            return
        self._news.set()

    def notice(self, notice: Notice) -> None:
        """Takes a notice."""
        if isinstance(notice, LogLine):
            self.lines.append(notice)

    def status(self, order_id: OrderId) -> OrderStatus | None:
        """Returns the status last told of an order."""
        order = self.orders.get(order_id)
        return None if order is None else order.status

    async def until(self, is_so: Callable[[], bool], within_s: float) -> bool:
        """Waits until something is so; False when it is not in time."""
        deadline = asyncio.get_running_loop().time() + within_s
        while not is_so():
            left_s = deadline - asyncio.get_running_loop().time()
            if left_s <= 0:
                return False
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, 0.1)):
                    await self._news.wait()
        return True

    def _check(self, order: Order) -> None:
        if order.status not in TERMINAL:
            return
        can_ask, there = self.truth(order.id)
        if not can_ask:
            return
        is_right = order.status is OrderStatus.REJECTED if there is None else there.is_done
        if not is_right:
            far = self.far_name
            really = f"never reached {far}" if there is None else f"is {there.status.value} at {far}"
            self.wrong_ends.append(f"{order.id} was called {order.status.value}, but {really}: {order.reason}")


class Complaints(logging.Handler):
    """What nobody here could read or foresee: each is a message lost. `loggers` are the names that are listened to."""

    def __init__(self, is_meant: Callable[[str], bool]) -> None:
        super().__init__(logging.ERROR)
        self._is_meant = is_meant
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if self._is_meant(record.name):
            self.lines.append(record.getMessage())


class FarEnd(Protocol):
    """A simulator on the paper exchange."""

    @property
    def core(self) -> PaperCore: ...

    async def start(self) -> int: ...

    async def stop(self) -> None: ...

    def cut_link(self) -> None: ...

    def mend_link(self) -> None: ...


FarT = TypeVar("FarT", bound=FarEnd)


class WholeDesk(ABC, Generic[FarT]):
    """Simulator and desk on one clock that runs at the computer's pace and can be put on (`clock.offset`)."""

    account: AccountId
    #: Who stands at the far end, for words.
    far_name: str
    #: What the journal's file is bound to.
    environment: str
    simulator: FarT
    #: The adapter: the figures may ask it as the desk does.
    broker: Broker
    #: Whether the wire tells which revision of an execution it tells.
    tells_revisions = True

    def __init__(self, folder: Path, *, seed: int, complaints: Complaints) -> None:
        self.folder = folder
        self.seed = seed
        self.clock = OffsetClock(base=SystemClock(), offset=START - SystemClock().now_utc())
        self.faults = FaultScript()
        self.watch = Watch()
        self.sent: list[Sent] = []
        self.complaints = complaints
        self.market = SyntheticMarket(seed=seed, start_utc=START)
        self._is_up = False
        self._desk: Desk | None = None
        self._storage: SqliteStorage | None = None

    # --- what a broker brings -----------------------------------------------------------------------------------------

    @abstractmethod
    def make_broker(self) -> Broker:
        """Returns the adapter on the simulator that has just been started, tapped so that `sent` is kept."""
        ...

    @abstractmethod
    def execution_names(self) -> dict[str, str]:
        """Returns the ids by which the desk knows the exchange's executions, by the exchange's own ids."""
        ...

    @abstractmethod
    def arrivals(self) -> Iterable[tuple[str, str, bool]]:
        """Returns what came to put orders to work: our order id, the broker's number, and whether it is a change."""
        ...

    def paper_settings(
        self, title: str, *, cancel_delay_s: float = 0.05, max_packages_per_fill: int | None = 1
    ) -> PaperSettings:
        """Returns how the exchange behind the simulator is set."""
        return PaperSettings(
            accounts=(PaperAccount(self.account, title, _CASH),),
            fill_model=FillModel(max_packages_per_fill=max_packages_per_fill),
            cancel_delay_s=cancel_delay_s,
            reconnect_after_s=None,
            seed=self.seed,
        )

    def note_sent(self, order_ref: str, *, is_change: bool) -> None:
        """Writes down that an order leaves now."""
        self.sent.append(Sent(order_ref, is_change, self.core.trading_unlocked, self.watch.phase))

    # --- life ---------------------------------------------------------------------------------------------------------

    @property
    def desk(self) -> Desk:
        """The running desk."""
        if self._desk is None:
            raise KnownError("The desk is not started.", cure="Start it first.")
        return self._desk

    @property
    def core(self) -> DeskCore:
        """The desk's state: the figures look at its lock and its book as they are, not as they are told."""
        return self.desk._core  # noqa: SLF001 - see above

    @property
    def database(self) -> Path:
        """The journal."""
        return self.folder / "journal.sqlite"

    async def start(self) -> None:
        """Starts the simulator, then the desk; returns when trading is unlocked."""
        self.folder.mkdir(parents=True, exist_ok=True)
        logging.getLogger().addHandler(self.complaints)
        self.watch.truth, self.watch.far_name = self.truth, self.far_name
        await self.start_far()
        self._desk = self._compose()
        await self._desk.start()
        await self.ready(30.0)

    async def stop(self) -> None:
        """Ends both."""
        await self.desk.stop()
        if self._storage is not None:
            await asyncio.to_thread(self._storage.close)
        await self.stop_far()
        logging.getLogger().removeHandler(self.complaints)

    async def start_far(self) -> int:
        """Starts the simulator on its store; returns its port, which stays the same."""
        port = await self.simulator.start()
        self._is_up = True
        return port

    async def stop_far(self) -> None:
        """Stops the simulator; its store stays."""
        if self._is_up:
            self._is_up = False
            await self.simulator.stop()

    def _compose(self) -> Desk:
        from analytics.strategy import recognise
        from database.store import open_storage
        from execution.assembly import Surroundings, assemble
        from execution.sessions import ExchangeSessions
        from models.config import load_config

        file = self.folder / "optiondesk.toml"
        file.write_text(_SETTINGS, encoding="utf-8")
        config = load_config(program.ASSETS / "defaults.toml", file)
        storage = open_storage(self.database, environment=self.environment, mode=Mode.PAPER, clock=self.clock)
        self._storage = storage

        async def tend() -> tuple[str, ...]:
            return tuple((await storage.verify()).problems)

        options = program.Options(self.folder, file, (), 7, session_hours=False, sample_book=False)
        broker = self.broker = self.make_broker()
        return assemble(
            Surroundings(
                broker=broker,
                storage=storage,
                config=config,
                clock=self.clock,
                publisher=self.watch,
                sessions=ExchangeSessions(),
                recognise=recognise,
                tend_storage=tend,
                market_label=f"simulated {self.far_name}",
                database_path=str(self.database),
                connections=program.connections(options, config, broker.name.value, f"simulated {self.far_name}"),
                analysts=program.analysts(options, self.clock),
            )
        )

    # --- what is asked ------------------------------------------------------------------------------------------------

    def truth(self, order_id: OrderId) -> tuple[bool, PaperOrder | None]:
        """Returns whether the exchange can be asked, and its order of that id."""
        return (True, self.simulator.core.exchange.find(order_id)) if self._is_up else (False, None)

    @property
    def is_ready(self) -> bool:
        """Whether orders may leave."""
        return self.watch.phase is Phase.READY and self.core.trading_unlocked

    async def ready(self, within_s: float) -> float:
        """Waits until orders may leave; returns the seconds it took. Raises KnownError when they may not in time."""
        started_s = asyncio.get_running_loop().time()
        if not await self.watch.until(lambda: self.is_ready, within_s):
            last = [f"{line.source}: {line.text}" for line in self.watch.lines[-5:]]
            raise KnownError(f"The desk is {self.watch.phase} after {within_s:g} s: {last}", cure="See the log.")
        return asyncio.get_running_loop().time() - started_s

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Returns rows of the journal's file, as any SQLite tool sees them."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            return connection.execute(query).fetchall()

    def put_on(self, by: timedelta) -> None:
        """Puts the clock on, at both ends."""
        self.clock.offset += by
