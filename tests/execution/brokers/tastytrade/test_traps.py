"""Traps of Tastytrade that only the whole adapter shows: the real SDK before the simulated Tastytrade."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from execution.brokers.port import ConnectionEvent, QuotesEvent
from execution.brokers.tastytrade.broker import TastytradeBroker
from execution.brokers.tastytrade.catalog import TastyCatalog
from execution.brokers.tastytrade.facts import TastyAccount, TastyExpiration, TastyStrike, TastyTick
from execution.brokers.tastytrade.settings import TastyHost, TastySecrets, TastySettings
from execution.brokers.tastytrade.wire_port import Login
from models.account import AccountInfo
from models.clock import ManualClock
from models.enums import FeedState, MarginMethod, Mode, OrderStatus
from models.errors import BrokerFailure, FailureKind
from models.ids import AccountId
from tests.execution.brokers.contract_kit import AT_ONCE, bought, buy, fills, held, known_order, order_of
from tests.execution.brokers.paper.desk import START
from tests.execution.brokers.paper.fake_market import spxw
from tests.execution.brokers.tastytrade.desk import TastyDesk
from tests.execution.brokers.tastytrade.fake_wire import FakeWire
from tests.simulators.tastytrade.wire import HttpRequest, SocketMessage

Scenario = Callable[[TastyDesk], Awaitable[None]]


def play(folder: Path, scenario: Scenario) -> None:
    """Runs a scenario on a connected desk."""

    async def run() -> None:
        desk = TastyDesk(folder)
        await desk.start()
        try:
            await scenario(desk)
        finally:
            await desk.stop()

    asyncio.run(run())


def links(desk: TastyDesk) -> list[tuple[FeedState, bool]]:
    """Returns what was told of the link: its state, and whether the desk must reconcile."""
    return [(one.state, one.reconcile_needed) for one in desk.events if isinstance(one, ConnectionEvent)]


def test_alerts_that_are_lost_on_their_way_are_noticed_and_read_again(tmp_path: Path) -> None:
    async def scenario(desk: TastyDesk) -> None:
        legs = desk.condor(1)
        first, order = (order_of(desk, legs, desk.natural(legs)) for _ in range(2))
        desk.script(order.id, AT_ONCE)
        await desk.broker.submit(first)
        await desk.pass_time(3)
        desk.events.clear()
        desk.simulator.lose_alerts(6)
        await desk.broker.submit(order)
        await desk.pass_time(3)
        assert links(desk) == [(FeedState.LIVE, True)]
        snapshot = await desk.broker.snapshot()
        assert known_order(snapshot, order).status is OrderStatus.FILLED
        await desk.settle()
        once = {leg.contract.key: leg.signed_quantity for leg in legs}
        assert bought(fills(desk, order)) == once
        assert held(snapshot) == {key: 2 * quantity for key, quantity in once.items()}
        assert desk.simulator.placed() == 2

    play(tmp_path, scenario)


def test_the_accounts_are_listened_to_before_anything_is_read(tmp_path: Path) -> None:
    """What happens between a reading and its subscription would never be heard."""

    async def scenario(desk: TastyDesk) -> None:
        seen = list(desk.simulator.requests)
        connects = [
            at
            for at, one in enumerate(seen)
            if isinstance(one, SocketMessage) and one.message.get("action") == "connect"
        ]
        reads = [
            at
            for at, one in enumerate(seen)
            if isinstance(one, HttpRequest) and one.path.startswith(f"/accounts/{desk.account_id}/")
            if not one.path.endswith("/trading-status")
        ]
        assert len(connects) == 1
        assert connects[0] < min(reads)

    play(tmp_path, scenario)


def test_what_is_known_to_do_harm_is_never_asked(tmp_path: Path) -> None:
    """Tokens of Tastytrade's own apps, lists without a first day, what only the SDK's paper service reads."""

    async def scenario(desk: TastyDesk) -> None:
        legs = desk.condor(1)
        order = order_of(desk, legs, desk.natural(legs))
        await desk.broker.simulate(order)
        await desk.broker.submit(order)
        await desk.pass_time(2)
        asked = [one for one in desk.simulator.requests if isinstance(one, HttpRequest)]
        assert not any("quote-streamer-tokens" in one.path for one in asked)
        lists = [one for one in asked if one.path.endswith(("/orders", "/transactions")) and one.method == "GET"]
        assert lists
        assert all(one.first("start-date") for one in lists)
        bodies = [one.json() for one in asked if one.method == "POST" and "/orders" in one.path]
        assert len(bodies) == 2
        assert all("behavior" not in body and body["source"].startswith("Optiondesk/") for body in bodies)
        assert all(body["external-identifier"] == order.id for body in bodies)

    play(tmp_path, scenario)


def test_quotes_that_break_alone_make_the_desk_stale_and_come_back_subscribed(tmp_path: Path) -> None:
    async def scenario(desk: TastyDesk) -> None:
        put = spxw(6500, "P")
        desk.broker.set_subscriptions([put])
        await desk.pass_time(1)
        desk.events.clear()
        desk.simulator.drop_sockets("quotes")
        await desk.pass_time(2)
        assert links(desk) == [(FeedState.STALE, False), (FeedState.LIVE, False)]
        desk.events.clear()
        desk.market.set_quote(put, "12.00", "12.20")
        await desk.pass_time(2)
        told = [one for event in desk.events if isinstance(event, QuotesEvent) for one in event.quotes]
        assert [(one.key, one.bid, one.ask) for one in told[-1:]] == [(put.key, Decimal(12), Decimal("12.2"))]

    play(tmp_path, scenario)


def test_a_worthless_option_keeps_its_ask_beside_a_bid_of_zero(tmp_path: Path) -> None:
    async def scenario(desk: TastyDesk) -> None:
        put = spxw(6000, "P")
        desk.market.set_quote(put, "0", "0.05", bid_size=0)
        desk.broker.set_subscriptions([put])
        await desk.pass_time(2)
        told = [one for event in desk.events if isinstance(event, QuotesEvent) for one in event.quotes]
        assert {(one.key, one.bid, one.ask) for one in told} == {(put.key, Decimal(0), Decimal("0.05"))}

    play(tmp_path, scenario)


# --- accounts ---------------------------------------------------------------------------------------------------------


def admitted(settings: TastySettings, *accounts: TastyAccount) -> tuple[FakeWire, tuple[AccountInfo, ...]]:
    """Connects to a login with these accounts; returns the wire and what the desk is told of them."""
    clock = ManualClock(START)
    wire = FakeWire(clock, login=Login(accounts, ("read", "trade")))

    async def run() -> tuple[AccountInfo, ...]:
        broker = TastytradeBroker(
            settings=settings,
            secrets=lambda: TastySecrets("", ""),
            clock=clock,
            make_wire=lambda alerts, market: wire,
        )
        found = await broker.connect()
        await broker.close()
        return found

    return wire, asyncio.run(run())


def account(number: str, *, margin: str = "Reg T", is_closed: bool = False, may_trade: bool = True) -> TastyAccount:
    """Returns an account as the login tells it."""
    return TastyAccount(number, "", "Individual", "Margin", is_closed, margin, may_trade)


@pytest.mark.parametrize(
    ("host", "mode", "traded"),
    [
        (TastyHost.PRODUCTION, Mode.LIVE, {"5WX00002"}),
        (TastyHost.CERTIFICATION, Mode.PAPER, {"5WX00001", "5WX00002"}),
    ],
)
def test_real_accounts_are_read_only_until_they_are_marked(host: TastyHost, mode: Mode, traded: set[str]) -> None:
    """The third one Tastytrade itself gives for looking only; marking it changes nothing."""
    marked = frozenset({AccountId("5WX00002"), AccountId("5WX00003")})
    settings = TastySettings(host=host, trading_accounts=marked)
    _, infos = admitted(settings, account("5WX00001"), account("5WX00002"), account("5WX00003", may_trade=False))
    assert {info.mode for info in infos} == {mode}
    assert {info.account_id for info in infos if info.may_trade} == traded


def test_closed_accounts_and_those_not_asked_for_are_left_alone() -> None:
    wanted = frozenset({AccountId("5WX00002"), AccountId("5WX00003")})
    accounts = (
        account("5WX00001"),
        account("5WX00002", margin="Portfolio Margin"),
        account("5WX00003", is_closed=True),
    )
    wire, (info,) = admitted(TastySettings(accounts=wanted), *accounts)
    assert (info.account_id, info.margin_method) == ("5WX00002", MarginMethod.PORTFOLIO)
    assert wire.alerts_of == ("5WX00002",)
    with pytest.raises(BrokerFailure) as caught:
        admitted(TastySettings(accounts=frozenset({AccountId("5WX00009")})), *accounts)
    assert caught.value.kind is FailureKind.REJECTED
    assert "settings" in caught.value.cure


# --- contracts --------------------------------------------------------------------------------------------------------


def listed(root: str, underlying: str, multiplier: str, *ticks: TastyTick, streamer: str = "") -> TastyExpiration:
    """Returns an expiration with one strike, of which the chain tells the streamer symbol of the call at most."""
    call, put = (f"{root:<6}261218{right}00280000" for right in "CP")
    strike = TastyStrike(Decimal(280), call, put, streamer, "")
    return TastyExpiration(root, underlying, date(2026, 12, 18), "PM", ticks, Decimal(multiplier), (strike,))


def test_an_adjusted_option_counts_and_steps_as_its_chain_says() -> None:
    async def run() -> None:
        wire = FakeWire(clock := ManualClock(START))
        dime = TastyTick(Decimal("0.1"), None)
        wire.chains["AAPL"] = (listed("AAPL", "AAPL", "100"), listed("AAPL1", "AAPL", "103", dime))
        catalog = TastyCatalog(lambda: wire, clock)
        assert catalog.by_symbol("AAPL1 261218C00280000", "Equity Option") is None, "its multiplier must be asked for"
        adjusted = await catalog.contract("AAPL1 261218C00280000", "Equity Option")
        assert (adjusted.multiplier, catalog.by_symbol(adjusted.key, "Equity Option")) == (Decimal(103), adjusted)
        rule = await catalog.net_tick_rule((buy(adjusted),))
        assert (rule.tick_at(Decimal(1)), rule.is_on_tick(Decimal("1.05"))) == (Decimal("0.1"), False)
        assert (await catalog.contract("AAPL  261218C00280000", "Equity Option")).multiplier == 100

    asyncio.run(run())


def test_a_chain_that_lacks_a_streamer_symbol_makes_none_up() -> None:
    async def run() -> None:
        wire = FakeWire(clock := ManualClock(START))
        wire.chains["AAPL"] = (listed("AAPL", "AAPL", "100", streamer=".AAPL261218C280"),)
        wire.streamer_symbols["AAPL  261218P00280000"] = ".AAPL261218P280"
        catalog = TastyCatalog(lambda: wire, clock)
        call, put = await catalog.chain((await catalog.expiries("AAPL"))[0])
        assert [await catalog.streamer_of(one) for one in (call, put)] == [".AAPL261218C280", ".AAPL261218P280"]
        assert wire.count("streamer_symbol") == 1

    asyncio.run(run())
