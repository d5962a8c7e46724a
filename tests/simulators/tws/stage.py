"""A simulated TWS driven by hand, with clients of both kinds: the real library, and bare fields on a socket."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from execution.brokers.paper.faults import FaultScript
from execution.brokers.paper.market import MarketSource
from execution.brokers.paper.settings import PaperAccount, PaperSettings
from models.clock import ManualClock
from models.contract import Contract
from models.ids import AccountId
from models.order import OrderLeg
from tests.execution.brokers.contract_kit import buy, sell
from tests.execution.brokers.paper.desk import START
from tests.execution.brokers.paper.fake_market import HandMarket, spxw
from tests.simulators.tws.framing import Field, FrameReader, decode, encode, frame
from tests.simulators.tws.habits import Habits
from tests.simulators.tws.real_client import library_name
from tests.simulators.tws.server import TwsSimulator

ACCOUNT = AccountId("DU1234567")
SECOND = AccountId("DU7654321")
_TIME = 49
Message = tuple[str, ...]
MANUAL = PaperSettings(
    manual=True, reconnect_after_s=None, accounts=(PaperAccount(ACCOUNT, "First"), PaperAccount(SECOND, "Second"))
)


class Complaints(logging.Handler):
    """What a library says when it cannot read a message."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "ecoder" in record.name:
            self.lines.append(record.getMessage())


class RawClient:
    """Speaks fields. What comes is kept; `sync` returns what came since the last one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._frames = FrameReader()
        self._waiting: list[Message] = []
        self.version = 0

    async def greet(self, versions: str) -> Message:
        """Says hello; returns the answer."""
        self._writer.write(b"API\0" + frame(versions.encode()))
        answer = await self.next()
        self.version = int(answer[0])
        return answer

    def send(self, *fields: Field) -> None:
        """Sends a message."""
        self._writer.write(encode(fields))

    async def next(self) -> Message:
        """Returns the next message; raises EOFError when the socket has ended."""
        while not self._waiting:
            data = await self._reader.read(65536)
            if not data:
                raise EOFError
            self._waiting += [decode(body) for body in self._frames.feed(data)]
        return self._waiting.pop(0)

    async def sync(self) -> list[Message]:
        """Returns everything sent before the answer to a question about the time."""
        self.send(_TIME, 1)
        found: list[Message] = []
        while (message := await self.next())[0] != str(_TIME):
            found.append(message)
        return found

    async def end(self) -> list[Message]:
        """Returns what still comes until the far end closes."""
        found: list[Message] = []
        try:
            while True:
                found.append(await self.next())
        except (EOFError, ConnectionError):
            return found

    async def hang_up(self) -> None:
        """Says goodbye; returns when the far end has let go too."""
        self._writer.write_eof()
        await self.end()

    def close(self) -> None:
        """Drops the socket."""
        self._writer.close()


class Stage:
    """One simulator with its parts in reach."""

    def __init__(
        self,
        folder: Path,
        *,
        settings: PaperSettings = MANUAL,
        market: MarketSource | None = None,
        server_version: int = 178,
    ) -> None:
        self.clock = ManualClock(START)
        self.market = market or HandMarket(START)
        self.faults = FaultScript()
        self.habits = Habits()
        self.sim = TwsSimulator(
            market=self.market,
            clock=self.clock,
            store_path=folder / "tws.sqlite",
            settings=settings,
            faults=self.faults,
            habits=self.habits,
            server_version=server_version,
        )
        self.complaints = Complaints()
        self._ends: list[Callable[[], object]] = []
        self.lib: Any = None

    @property
    def hand(self) -> HandMarket:
        assert isinstance(self.market, HandMarket)
        return self.market

    async def start(self) -> None:
        # Only on a thread with a loop: one of the libraries looks for it when it is imported.
        self.lib = importlib.import_module(library_name())
        logging.getLogger(library_name()).addHandler(self.complaints)
        await self.sim.start()

    async def stop(self) -> None:
        for end in self._ends:
            end()
        await self.sim.stop()
        logging.getLogger(library_name()).removeHandler(self.complaints)

    async def ib(self, client_id: int = 17, **named: Any) -> Any:
        """Returns the library's client, connected."""
        ib = self.lib.IB()
        self._ends.append(ib.disconnect)
        await ib.connectAsync("127.0.0.1", self.sim.port, clientId=client_id, timeout=5, **named)
        return ib

    async def raw(self, client_id: int | None = 31, versions: str = "v157..176") -> RawClient:
        """Returns a bare client; with a client id its API has started and the first messages are read."""
        client = await self.dial()
        await client.greet(versions)
        if client_id is not None:
            client.send(71, 2, client_id, "")
            await client.sync()
        return client

    async def dial(self) -> RawClient:
        """Returns a socket on which nothing was said yet."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.sim.port)
        client = RawClient(reader, writer)
        self._ends.append(client.close)
        return client

    def pass_time(self, seconds: float) -> None:
        """Moves the clock and the simulator in quarter seconds."""
        for _ in range(max(1, round(seconds / 0.25))):
            self.clock.advance(timedelta(seconds=0.25))
            self.sim.step()

    # --- contracts and orders of the library ---

    def con_id(self, contract: Contract) -> int:
        """Returns a contract's id at this TWS."""
        return self.sim.state.listing.con_ids.of(contract.key)

    def bag(self, legs: Sequence[OrderLeg], ratio: int = 1) -> Any:
        """Returns the library's combo of some legs."""
        bag = self.lib.Contract(symbol="SPX", secType="BAG", exchange="SMART", currency="USD")
        bag.comboLegs = [
            self.lib.ComboLeg(conId=self.con_id(leg.contract), ratio=ratio, action=leg.action.value, exchange="SMART")
            for leg in legs
        ]
        return bag

    def option(self, contract: Contract) -> Any:
        """Returns the library's contract of an option, by its id."""
        return self.lib.Contract(conId=self.con_id(contract), exchange="SMART")

    def limit(self, action: str, quantity: int, price: float, **named: Any) -> Any:
        """Returns the library's limit order, with everything said explicitly."""
        return self.lib.LimitOrder(action, quantity, price, **({"tif": "DAY", "account": ACCOUNT} | named))


CONDOR = (
    buy(spxw(6700, "P")),
    sell(spxw(6800, "P")),
    sell(spxw(7200, "C")),
    buy(spxw(7300, "C")),
)


def play(
    folder: Path, scenario: Callable[[Stage], Awaitable[None]], *, may_complain: bool = False, **named: Any
) -> None:
    """Runs a scenario; fails when a client sent surplus fields, or a library could not read what it was sent."""

    async def run() -> None:
        stage = Stage(folder, **named)
        await stage.start()
        try:
            await scenario(stage)
        finally:
            await stage.stop()
        assert stage.sim.surplus == []
        assert may_complain or stage.complaints.lines == []

    asyncio.run(run())


def of(messages: Sequence[Message], *ids: int) -> list[Message]:
    """Returns the messages of some ids."""
    return [message for message in messages if int(message[0]) in ids]


def errors(messages: Sequence[Message]) -> list[tuple[int, int]]:
    """Returns request id and code of the errors."""
    return [(int(message[2]), int(message[3])) for message in of(messages, 4)]


#: A net price at which the condor rests, and one at which it fills.
RESTING, CROSSING = -100.0, 200.0


async def place(stage: Stage, ib: Any, price: float, quantity: int = 1, **named: Any) -> Any:
    """Places the condor; returns the library's trade once TWS has answered."""
    trade = ib.placeOrder(stage.bag(CONDOR), stage.limit("BUY", quantity, price, **named))
    await ib.reqCurrentTimeAsync()
    return trade


def listen(ib: Any) -> list[tuple[int, int]]:
    """Returns a list that fills with request id and code of every error to come."""
    heard: list[tuple[int, int]] = []
    ib.errorEvent += lambda req_id, code, *_: heard.append((req_id, code))
    return heard


async def spy_on(stage: Stage, versions: str = "v157..176") -> RawClient:
    """Returns a bare client that is told of every client's orders."""
    stage.habits.master_client_id = 99
    return await stage.raw(99, versions)


def story(messages: Sequence[Message]) -> list[str]:
    """Returns the messages about orders in short."""
    told = []
    for message in messages:
        kind = int(message[0])
        if kind == 3:
            told.append(f"status {message[2]} {message[3]}/{message[4]}")
        elif kind == 5:
            told.append("open")
        elif kind == 11:
            told.append(f"exec {message[5]} {message[14].split('.', 3)[3]}")
        elif kind == 59:
            told.append(f"commission {message[2].split('.', 3)[3]}")
        elif kind == 4:
            told.append(f"error {message[3]}")
    return told
