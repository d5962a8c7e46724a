"""A simulated Tastytrade driven by hand, with the real SDK as its client, and bare requests beside it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from execution.brokers.paper.faults import FaultScript
from execution.brokers.paper.market import MarketSource
from execution.brokers.paper.settings import PaperAccount, PaperSettings
from models.clock import ManualClock
from models.enums import Action
from models.ids import AccountId, OrderId, new_order_id
from models.order import OrderLeg
from tests.execution.brokers.contract_kit import buy, sell
from tests.execution.brokers.paper.desk import START
from tests.execution.brokers.paper.fake_market import HandMarket, spxw
from tests.simulators.tastytrade.habits import Habits
from tests.simulators.tastytrade.listing import instrument_type, symbol_of
from tests.simulators.tastytrade.server import TastySimulator
from tests.simulators.tastytrade.wire import SocketMessage

ACCOUNT = AccountId("5WX00001")
SECOND = AccountId("5WX00002")
MANUAL = PaperSettings(
    manual=True, reconnect_after_s=None, accounts=(PaperAccount(ACCOUNT, "First"), PaperAccount(SECOND, "Second"))
)
CONDOR = (
    buy(spxw(6700, "P"), 2),
    sell(spxw(6800, "P"), 2),
    sell(spxw(7200, "C"), 2),
    buy(spxw(7300, "C"), 2),
)
#: A credit (SDK's sign) at which the condor rests, and one at which it fills.
RESTING, CROSSING = Decimal("100.00"), Decimal("1.00")


class Stage:
    """One simulator with its parts in reach."""

    def __init__(
        self,
        folder: Path,
        *,
        settings: PaperSettings = MANUAL,
        market: MarketSource | None = None,
        **more: Any,
    ) -> None:
        self.clock = ManualClock(START)
        self.market = market or HandMarket(START)
        self.faults = FaultScript()
        self.habits = Habits()
        self.sim = TastySimulator(
            market=self.market,
            clock=self.clock,
            store_path=folder / "tasty.sqlite",
            settings=settings,
            faults=self.faults,
            habits=self.habits,
            **more,
        )
        self.lib: Any = None
        self.order: Any = None
        self.sessions: list[Any] = []

    @property
    def hand(self) -> HandMarket:
        assert isinstance(self.market, HandMarket)
        return self.market

    async def start(self) -> None:
        self.lib = importlib.import_module("tastytrade")
        self.order = importlib.import_module("tastytrade.order")
        logging.getLogger("tastytrade").setLevel(logging.INFO)
        await self.sim.start()

    async def stop(self) -> None:
        for session in self.sessions:
            await session._client.aclose()
        await self.sim.stop()

    # --- the SDK ---

    def session(self, *, secret: str | None = None, refresh: str | None = None, **named: Any) -> Any:
        """Returns the SDK's session, pointed at the simulator."""
        session = self.lib.Session(
            self.sim.client_secret if secret is None else secret,
            self.sim.refresh_token if refresh is None else refresh,
            **({"trust_env": False, "verify": False} | named),
        )
        session._client.base_url = self.sim.url
        self.sessions.append(session)
        return session

    async def account(self, session: Any | None = None, number: str = ACCOUNT) -> Any:
        """Returns the SDK's account."""
        return await self.lib.Account.get(session or self.session(), number)

    @contextlib.asynccontextmanager
    async def alerts(self, session: Any, numbers: Sequence[str] = (ACCOUNT,)) -> AsyncIterator[Any]:
        """Enters the SDK's account stream, subscribed."""
        streamer = self.lib.AlertStreamer(session)
        streamer.base_url = self.sim.alerts_url
        try:
            async with streamer:
                if numbers:
                    await streamer.subscribe_accounts([await self.account(session, number) for number in numbers])
                yield streamer
        finally:
            for queue in streamer._queues.values():  # the SDK leaves them open
                await queue.aclose()

    @contextlib.asynccontextmanager
    async def quotes(self, session: Any) -> AsyncIterator[Any]:
        """Enters the SDK's quote stream."""
        streamer = self.lib.DXLinkStreamer(session)
        try:
            async with asyncio.timeout(90), streamer:
                yield streamer
        finally:
            for queue in (*streamer._send.values(), *streamer._recv.values()):  # the SDK leaves them open
                queue.close()

    def legs(self, legs: Sequence[OrderLeg] = CONDOR, effect: str = "Open") -> list[Any]:
        """Returns the SDK's legs."""
        return [
            self.order.Leg(
                instrument_type=instrument_type(leg.contract),
                symbol=symbol_of(leg.contract),
                action=f"{'Buy' if leg.action is Action.BUY else 'Sell'} to {effect}",
                quantity=leg.quantity,
            )
            for leg in legs
        ]

    def limit(
        self,
        price: Decimal,
        legs: Sequence[OrderLeg] = CONDOR,
        *,
        order_id: OrderId | None = None,
        effect: str = "Open",
        **more: Any,
    ) -> Any:
        """Returns the SDK's limit order (credit positive), our order id with it."""
        more.setdefault("external_identifier", order_id or new_order_id())
        return self.order.LimitOrder(legs=self.legs(legs, effect), price=price, **more)

    async def place(self, session: Any, order: Any, number: str = ACCOUNT) -> Any:
        """Places an order with the SDK; returns its answer."""
        return await (await self.account(session, number)).place_order(session, order, dry_run=False)

    # --- time ---

    async def pass_time(self, seconds: float) -> None:
        """Moves the clock and the simulator in quarter seconds, and lets what was sent arrive."""
        for _ in range(max(1, round(seconds / 0.25))):
            self.clock.advance(timedelta(seconds=0.25))
            self.sim.step()
        await asyncio.sleep(0.02)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Waits until something is so at the simulator: what a client sent has arrived."""
        async with asyncio.timeout(10):
            while not is_so():  # noqa: ASYNC110 - the simulator has no event for everything
                await asyncio.sleep(0.005)

    # --- bare requests ---

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Returns status and JSON of a bare request, with a token of its own unless one is given."""
        sent = {"authorization": f"Bearer {await self.token()}"} if "authorization" not in headers else {}
        reader, writer = await asyncio.open_connection("127.0.0.1", self.sim.port)
        content = b"" if body is None else json.dumps(body).encode()
        lines = {"host": "127.0.0.1", "connection": "close", "content-length": str(len(content))} | sent | headers
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content)
        raw = await reader.read()
        writer.close()
        top, _, rest = raw.partition(b"\r\n\r\n")
        return int(top.split()[1]), json.loads(rest) if rest.startswith(b"{") else rest.decode()

    async def token(self) -> str:
        """Returns an access token of its own."""
        grant = {"grant_type": "refresh_token", "client_secret": self.sim.client_secret}
        _, answer = await self.ask(
            "POST", "/oauth/token", grant | {"refresh_token": self.sim.refresh_token}, authorization=""
        )
        return str(answer["access_token"])

    def messages(self, path: str = "/streamer") -> list[dict[str, Any]]:
        """Returns what clients sent on a WebSocket."""
        return [one.message for one in self.sim.requests if isinstance(one, SocketMessage) and one.path == path]


def play(folder: Path, scenario: Callable[[Stage], Awaitable[None]], **named: Any) -> None:
    """Runs a scenario."""

    async def run() -> None:
        stage = Stage(folder, **named)
        await stage.start()
        try:
            await scenario(stage)
        finally:
            await stage.stop()

    with warnings.catch_warnings():
        # The SDK posts its orders in a manner that its own HTTP library deprecates.
        warnings.filterwarnings("ignore", "Use 'content", DeprecationWarning)
        asyncio.run(run())


async def take(stream: Any, kind: Any, count: int, timeout_s: float = 5.0) -> list[Any]:
    """Returns the next objects of a kind from one of the SDK's streams."""
    found: list[Any] = []
    async with asyncio.timeout(timeout_s):
        async for one in stream.listen(kind):
            found.append(one)
            if len(found) == count:
                return found
    return found
