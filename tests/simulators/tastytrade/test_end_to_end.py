"""The whole way with the real SDK: login, accounts, positions, quotes, an order from dry run to transactions."""

from __future__ import annotations

import importlib
from decimal import Decimal
from pathlib import Path

from models.ids import new_order_id
from tests.simulators.tastytrade.stage import CROSSING, RESTING, Stage, play, take


def test_a_client_logs_in_reads_its_accounts_and_what_they_hold(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        accounts = await stage.lib.Account.get(session)
        assert [one.account_number for one in accounts] == ["5WX00001", "5WX00002"]
        balances = await accounts[0].get_balances(session)
        assert balances.net_liquidating_value == Decimal(500_000) + Decimal(24_500)
        positions = await accounts[0].get_positions(session)
        assert [(one.symbol, one.quantity_direction) for one in positions] == [("BTC/USD", "Long")]
        asked = [one.path for one in stage.sim.sent("POST", "")]
        assert asked == ["/oauth/token"]
        assert "authorization" not in stage.sim.sent("POST", "/oauth/token")[0].headers

    play(tmp_path, scenario)


def test_an_order_goes_from_its_dry_run_to_its_transactions(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        account = await stage.account(session)
        own = new_order_id()
        order = stage.limit(CROSSING, order_id=own)
        dry = await account.place_order(session, order, dry_run=True)
        assert dry.buying_power_effect.change_in_margin_requirement == Decimal(-20_000)
        assert dry.fee_calculation.total_fees < 0
        async with stage.alerts(session) as alerts:
            placed = (await account.place_order(session, order, dry_run=False)).order
            assert placed.status == "Routed"
            await stage.pass_time(1)
            told = await take(alerts, stage.order.PlacedOrder, 3)
            assert [one.status for one in told[:2]] == ["Routed", "Live"]
            assert told[2].status == "Filled"
            await stage.pass_time(1)
            assert len(await take(alerts, importlib.import_module("tastytrade.account").CurrentPosition, 4)) == 4
        live = await account.get_live_orders(session)
        assert [(one.id, one.status, one.external_identifier) for one in live] == [(placed.id, "Filled", own)]
        assert all(sum(fill.quantity for fill in leg.fills) == 2 for leg in live[0].legs)
        rows = await account.get_history(session, page_offset=None)
        trades = [one for one in rows if one.transaction_type == "Trade"]
        assert {one.order_id for one in trades} == {placed.id}
        assert len(trades) == 4
        balances = await account.get_balances(session)
        assert balances.cash_balance == sum(one.net_value for one in rows)

    play(tmp_path, scenario)


def test_quotes_and_greeks_come_by_dxlink(tmp_path: Path) -> None:
    feed = importlib.import_module("tastytrade.dxfeed")

    async def scenario(stage: Stage) -> None:
        session = stage.session()
        async with stage.quotes(session) as dx:
            await dx.subscribe(feed.Quote, ["SPX", ".SPXW261218P6800"])
            quotes = {one.event_symbol: one for one in await take(dx, feed.Quote, 2)}
            assert quotes[".SPXW261218P6800"].bid_price < quotes[".SPXW261218P6800"].ask_price
            await dx.subscribe(feed.Greeks, [".SPXW261218P6800"])
            greeks = (await take(dx, feed.Greeks, 1))[0]
            assert -1 < greeks.delta < 0
            stage.hand.set_level("SPX", "6900")
            await stage.pass_time(0.25)
            assert {one.event_symbol for one in await take(dx, feed.Quote, 2)} == set(quotes)

    play(tmp_path, scenario)


def test_an_order_rests_is_replaced_and_cancelled(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        account = await stage.account(session)
        placed = (await stage.place(session, stage.limit(RESTING))).order
        await stage.pass_time(0.5)
        new = await account.replace_order(session, placed.id, stage.limit(Decimal("90.00")))
        assert (new.status, new.replaces_order_id) == ("Contingent", placed.id)
        await stage.pass_time(0.5)
        found = {one.id: one for one in await account.get_live_orders(session)}
        assert (found[placed.id].status, found[placed.id].replacing_order_id) == ("Cancelled", new.id)
        assert (found[new.id].status, found[new.id].price) == ("Live", Decimal("90.00"))
        await account.delete_order(session, new.id)
        await stage.pass_time(0.5)
        assert (await account.get_order(session, new.id)).status == "Cancelled"

    play(tmp_path, scenario)
