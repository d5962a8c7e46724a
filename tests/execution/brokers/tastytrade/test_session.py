from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from execution.brokers.tastytrade.session import TastySession
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings
from execution.brokers.tastytrade.wire_port import TastyWire
from models.clock import ManualClock
from models.errors import BrokerFailure, BugError, FailureKind, InvalidInput
from tests.execution.brokers.tastytrade import samples
from tests.execution.brokers.tastytrade.canned_server import Canned, CannedServer, Seen, data, error, items
from tests.execution.brokers.tastytrade.jwt import refresh_token
from tests.execution.brokers.tastytrade.login_rig import (
    CLIENT_KEY,
    LIMITS,
    NOW,
    SECRETS,
    Stage,
    lost,
    run,
    session_on,
    with_accounts,
)

A = samples.ACCOUNT
ORDERS = f"/accounts/{A}/orders"
LIVE = f"GET {ORDERS}/live"
DAY = date(2026, 11, 18)


def page(number: int, pages: int, *content: Any) -> Canned:
    return items(*content, pagination={"per-page": 250, "page-offset": number, "total-pages": pages})


# --- the login -------------------------------------------------------------------------------------------------------


def test_a_login_tells_accounts_margin_and_scopes() -> None:
    async def work(server: CannedServer) -> None:
        async with session_on(server) as stage:
            wire: TastyWire = stage.session
            assert wire is stage.session
            (account,) = stage.login.accounts
        assert stage.login.scopes == ("read", "trade", "openid")
        assert (account.account_number, account.margin_type, account.may_trade) == (A, "Reg T", True)

    run(work)


@pytest.mark.parametrize(("scope", "may_trade"), [("read", False), ("read trade", True), (None, True)])
def test_a_login_without_the_scope_to_trade_is_read_only(scope: str | None, may_trade: bool) -> None:
    async def work(server: CannedServer) -> None:
        token = "opaque" if scope is None else refresh_token({"scope": scope})
        async with session_on(server, secrets=TastySecrets("c", token)) as stage:
            assert stage.login.accounts[0].may_trade is may_trade

    run(work)


def test_a_frozen_account_may_not_trade_and_an_unreadable_status_is_told() -> None:
    async def work(server: CannedServer) -> None:
        with_accounts(server)
        server.answers[f"GET /accounts/{A}/trading-status"] = [data(samples.trading_status() | {"is-frozen": True})]
        async with session_on(server) as stage:
            assert not stage.login.accounts[0].may_trade
        server.answers[f"GET /accounts/{A}/trading-status"] = [error(403, "not_permitted")]
        async with session_on(server) as stage:
            assert (stage.login.accounts[0].may_trade, stage.login.accounts[0].margin_type) == (True, "")
            assert len(stage.odd) == 1

    run(work)


def test_a_login_that_failed_leaves_nothing_and_may_be_tried_again() -> None:
    async def work(server: CannedServer) -> None:
        with_accounts(server)
        server.token_answers = [error(401, "invalid_credentials", "Client secret mismatch")]
        settings = TastySettings(base_url=server.url, timeouts=LIMITS)
        session = TastySession(settings, SECRETS, ManualClock(NOW), alerts=_nothing, market=_nothing)
        with pytest.raises(BrokerFailure, match="Client secret mismatch"):
            await session.open()
        with pytest.raises(BugError, match="not open"):
            await session.balance(A)
        assert (await session.open()).accounts
        with pytest.raises(BugError, match="is open"):
            await session.open()
        await session.close()
        await session.close()

    run(work)


def _nothing(_: object) -> None:
    """Takes a fact."""


# --- reads -----------------------------------------------------------------------------------------------------------


def test_balances_and_positions_are_read_and_one_odd_position_costs_no_other() -> None:
    async def work(server: CannedServer) -> None:
        server.answers[f"GET /accounts/{A}/balances/USD"] = [data(samples.balance())]
        nan = samples.position() | {"close-price": "NaN"}
        lost = samples.position() | {"quantity-direction": "Sideways"}
        server.answers[f"GET /accounts/{A}/positions"] = [items(samples.position(), nan, lost, 7)]
        async with session_on(server) as stage:
            assert (await stage.session.balance(A)).net_liquidation == Decimal("41419.164")
            found = await stage.session.positions(A)
        assert [each.close_price for each in found] == [Decimal("11.2"), None]
        assert [each.source for each in stage.odd] == [f"the positions of account {A}"] * 2

    run(work)


def test_one_odd_order_leaves_the_list_standing() -> None:
    async def work(server: CannedServer) -> None:
        odd = samples.live_order() | {"legs": [{"symbol": "X"}]}
        server.answers[LIVE] = [items(samples.live_order(), odd, samples.spread_order(status="Dead"))]
        async with session_on(server) as stage:
            assert [each.status for each in await stage.session.live_orders(A)] == ["Live", "Dead"]
            assert len(stage.odd) == 1

    run(work)


def test_orders_come_from_all_pages_with_a_start_date_newest_first_and_old_ones_that_work() -> None:
    async def work(server: CannedServer) -> None:
        def order(number: int, day: int) -> dict[str, Any]:
            return samples.spread_order(number, "Filled") | {"received-at": f"2026-11-{day:02}T15:00:00.000+00:00"}

        server.answers[f"GET {ORDERS}"] = [
            page(0, 3, order(5, 20), order(4, 19)),
            page(1, 3, order(4, 19), order(3, 19)),  # one came meanwhile and pushed the rest on
            page(2, 3, order(2, 18)),
        ]
        server.answers[LIVE] = [items(order(1, 2) | {"status": "Live"}, order(5, 20) | {"status": "Cancelled"})]
        async with session_on(server) as stage:
            found = await stage.session.orders(A, DAY)
        assert [(each.order_id, each.status) for each in found] == [
            ("5", "Cancelled"),
            ("4", "Filled"),
            ("3", "Filled"),
            ("2", "Filled"),
            ("1", "Live"),
        ]
        asked = [(each.query["start-date"], each.query["page-offset"]) for each in server.of(ORDERS)]
        assert asked == [("2026-11-18", "0"), ("2026-11-18", "1"), ("2026-11-18", "2")]

    run(work)


def test_transactions_come_from_all_pages_oldest_first() -> None:
    async def work(server: CannedServer) -> None:
        late = samples.transaction() | {"id": 9, "executed-at": "2026-11-19T15:00:00.000+00:00"}
        path = f"/accounts/{A}/transactions"
        server.answers[f"GET {path}"] = [page(0, 2, late), page(1, 2, samples.transaction(), {"id": 1})]
        async with session_on(server) as stage:
            found = await stage.session.transactions(A, DAY)
            assert len(stage.odd) == 1
        assert [each.transaction_id for each in found] == ["280070508", "9"]
        assert [each.query["sort"] for each in server.of(path)] == ["Asc", "Asc"]

    run(work)


def test_pages_without_end_are_not_followed_for_ever() -> None:
    async def work(server: CannedServer) -> None:
        server.answers[f"GET /accounts/{A}/transactions"] = [page(0, 10**9)]
        async with session_on(server) as stage:
            with pytest.raises(BrokerFailure, match="more than 400 pages"):
                await stage.session.transactions(A, DAY)

    run(work)


def test_an_order_is_found_or_is_not_there() -> None:
    async def work(server: CannedServer) -> None:
        server.answers[f"GET {ORDERS}/270561"] = [data(samples.spread_order())]
        server.answers[f"GET {ORDERS}/7"] = [data({"id": 7})]
        async with session_on(server) as stage:
            found = await stage.session.order(A, "270561")
            assert found is not None
            assert found.external_identifier == "ours-1"
            assert await stage.session.order(A, "../5") is None
            with pytest.raises(BrokerFailure, match="no legs") as caught:
                await stage.session.order(A, "7")
        assert lost(caught.value) == (FailureKind.PROTOCOL, False)
        assert server.seen[1].path == f"{ORDERS}/..%2F5"

    run(work)


def test_what_is_set_aside_tells_nothing_secret() -> None:
    async def work(server: CannedServer) -> None:
        server.answers[LIVE] = [items({"note": f"{CLIENT_KEY} {SECRETS.refresh_token} Bearer token-1 token-1"})]
        async with session_on(server) as stage:
            assert await stage.session.live_orders(A) == ()
        (odd,) = stage.odd
        assert (odd.source, odd.what) == (f"the working orders of account {A}", "no legs")
        assert odd.raw == '{"note": "••• ••• ••• •••"}'

    run(work)


def test_a_list_that_is_none_is_a_failure_not_an_empty_list() -> None:
    async def work(server: CannedServer) -> None:
        server.answers[LIVE] = [data({})]
        async with session_on(server) as stage:
            with pytest.raises(BrokerFailure) as caught:
                await stage.session.live_orders(A)
        assert lost(caught.value) == (FailureKind.PROTOCOL, False)

    run(work)


# --- the market ------------------------------------------------------------------------------------------------------


def test_chains_are_asked_nested_and_an_unknown_underlying_has_none() -> None:
    async def work(server: CannedServer) -> None:
        server.answers["GET /option-chains/SPX/nested"] = [items(*samples.chain())]
        server.answers["GET /option-chains/BRK%2FB/nested"] = [items()]
        server.answers["GET /futures-option-chains/ES/nested"] = [data(samples.futures_chain())]
        async with session_on(server) as stage:
            assert [each.root for each in await stage.session.chain("SPX")] == ["SPXW", "SPX"]
            assert await stage.session.chain("BRK/B") == ()
            assert await stage.session.chain("NOPE") == ()
            assert [each.root for each in await stage.session.futures_chain("ES")] == ["E1A"]
            assert [each.root for each in await stage.session.futures_chain("/ES")] == ["E1A"]
            assert await stage.session.futures_chain("NO") == ()

    run(work)


def test_one_odd_symbol_costs_no_other_its_metrics() -> None:
    async def work(server: CannedServer) -> None:
        def by_symbols(request: Seen) -> None:
            wanted = request.query.get("symbols", "").split(",")
            known = [samples.metrics() | {"symbol": each} for each in wanted if each != "GONE"]
            answer = error(422, "invalid_symbol") if "BAD" in wanted else items(*known)
            server.answers["GET /market-metrics"] = [answer]

        server.on_request = by_symbols
        async with session_on(server) as stage:
            found = await stage.session.metrics(["A", "B", "BAD", "C", "GONE", "A"])
            assert await stage.session.metrics([]) == ()
        assert sorted(each.symbol for each in found) == ["A", "B", "C"]
        assert len(stage.odd) == 1

    run(work)


def test_many_symbols_are_asked_in_parts() -> None:
    async def work(server: CannedServer) -> None:
        server.answers["GET /market-metrics"] = [items()]
        async with session_on(server) as stage:
            await stage.session.metrics([f"S{number}" for number in range(250)])
        assert [len(each.query["symbols"].split(",")) for each in server.seen] == [100, 100, 50]

    run(work)


@pytest.mark.parametrize(
    ("symbol", "kind", "path"),
    [
        ("BRK/B", "Equity", "equities/BRK%2FB"),
        ("SPX", "Index", "equities/SPX"),
        (samples.PUT_5900, "Equity Option", "equity-options/SPXW%20%20261218P05900000"),
        ("/ESZ6", "Future", "futures/ESZ6"),
        ("./ESZ6 E1AZ6 261204C6700", "Future Option", "future-options/.%2FESZ6%20E1AZ6%20261204C6700"),
        ("BTC/USD", "Cryptocurrency", "cryptocurrencies/BTC%2FUSD"),
    ],
)
def test_streamer_symbols_are_looked_up(symbol: str, kind: str, path: str) -> None:
    async def work(server: CannedServer) -> None:
        server.answers[f"GET /instruments/{path}"] = [data({"symbol": symbol, "streamer-symbol": "it"})]
        async with session_on(server) as stage:
            assert await stage.session.streamer_symbol(symbol, kind) == "it"

    run(work)


def test_an_instrument_nobody_knows_has_no_streamer_symbol() -> None:
    async def work(server: CannedServer) -> None:
        server.answers["GET /instruments/equities/X"] = [data({"symbol": "X"})]
        async with session_on(server) as stage:
            for symbol, kind in (("NOPE", "Equity"), ("X", "Moon Rock")):
                with pytest.raises(InvalidInput):
                    await stage.session.streamer_symbol(symbol, kind)
            with pytest.raises(BrokerFailure, match="no streamer-symbol"):
                await stage.session.streamer_symbol("X", "Equity")

    run(work)


# --- streams ---------------------------------------------------------------------------------------------------------


def test_a_stream_that_cannot_start_says_so_and_may_be_started_again() -> None:
    async def work(server: CannedServer) -> None:
        async with session_on(server) as stage:
            stage.session.set_streamer_symbols([".SPX"], [".SPX"])
            for _ in range(2):
                with pytest.raises(BrokerFailure):
                    await stage.session.start_alerts([A])
                with pytest.raises(BrokerFailure):
                    await stage.session.start_quotes()
            stage.session.set_streamer_symbols([], [])

    run(work)


def test_after_the_end_no_odd_object_is_told() -> None:
    async def work(server: CannedServer) -> None:
        asked = asyncio.Event()
        server.answers[LIVE] = [items(1, 2, 3)]
        server.on_request = lambda request: asked.set() if request.path.endswith("live") else None
        async with session_on(server) as stage:
            reading = asyncio.create_task(_settled(stage, lambda s: s.live_orders(A)))
            await asked.wait()
            await stage.session.close()
            await reading
        assert stage.odd == []

    run(work)


async def _settled(stage: Stage, ask: Callable[[TastySession], Any]) -> None:
    with pytest.raises((BrokerFailure, BugError)):
        await ask(stage.session)
