"""What expires: the rows it leaves among the transactions, and the cash they add up to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from execution.brokers.paper.faults import FillBehavior, OrderScript
from models.ids import new_order_id
from models.order import OrderLeg
from tests.execution.brokers.contract_kit import buy, sell
from tests.execution.brokers.paper.fake_market import ES, aapl, spxw
from tests.simulators.tastytrade.stage import ACCOUNT, MANUAL, Stage, play

CLOSE = datetime(2026, 12, 18, 21, 0, tzinfo=UTC)


async def open_now(stage: Stage, legs: tuple[OrderLeg, ...], price: str) -> None:
    own = new_order_id()
    stage.faults.for_order(own, OrderScript(fills=FillBehavior.IMMEDIATE))
    await stage.place(stage.session(), stage.limit(Decimal(price), legs, order_id=own))
    await stage.pass_time(0.5)


def settled(stage: Stage) -> list[dict[str, Any]]:
    rows = stage.sim.parts.ledger.transactions(ACCOUNT)
    return [one for one in rows if one["transaction-type"] == "Receive Deliver"]


def cash_of(rows: list[dict[str, Any]]) -> Decimal:
    signs = {"Credit": 1, "Debit": -1, "None": 0}
    return sum((Decimal(one["net-value"]) * signs[one["net-value-effect"]] for one in rows), start=Decimal(0))


def expire(stage: Stage) -> None:
    stage.clock.set(CLOSE + timedelta(hours=1))
    stage.sim.step()


def test_an_index_option_in_the_money_settles_in_cash_beside_its_removal(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await open_now(stage, (sell(spxw(7000, "P")),), "100.00")
        await open_now(stage, (buy(spxw(6000, "P")),), "-5.00")
        stage.hand.set_level("SPX", "6990")
        expire(stage)
        by_kind = {one["transaction-sub-type"]: one for one in settled(stage) if one["value-effect"] != "None"}
        paid = by_kind["Cash Settled Assignment"]
        assert (paid["price"], paid["value"], paid["value-effect"]) == ("7000", "1000.0", "Debit")
        kinds = sorted(one["transaction-sub-type"] for one in settled(stage))
        assert kinds == ["Cash Settled Assignment", "Cash Settled Assignment", "Expiration"]
        gone = [one for one in settled(stage) if one["value-effect"] == "None"]
        assert all("action" not in one and "price" not in one and "commission" not in one for one in gone)
        rows = stage.sim.parts.ledger.transactions(ACCOUNT)
        assert cash_of(rows) == Decimal(stage.sim.parts.accounts.balance(ACCOUNT)["cash-balance"])
        session = stage.session()
        history = await (await stage.account(session)).get_history(session, page_offset=None, type="Receive Deliver")
        assert len(history) == 3

    play(tmp_path, scenario)


def test_a_short_stock_option_is_assigned_and_brings_shares(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await open_now(stage, (sell(aapl(290, "P")),), "5.00")
        expire(stage)
        removal, shares = settled(stage)
        assert (removal["transaction-sub-type"], removal["value"]) == ("Assignment", "0.0")
        assert (shares["transaction-sub-type"], shares["symbol"]) == ("Buy to Open", "AAPL")
        assert (shares["price"], shares["quantity"], shares["value"]) == ("290", "100.0", "29000.0")
        session = stage.session()
        held = {one.symbol: one for one in await (await stage.account(session)).get_positions(session)}
        assert held["AAPL"].quantity == 100
        rows = stage.sim.parts.ledger.transactions(ACCOUNT)
        assert cash_of(rows) == Decimal(stage.sim.parts.accounts.balance(ACCOUNT)["cash-balance"])

    play(tmp_path, scenario)


def test_a_future_settles_at_what_it_gained(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        leg = stage.order.Leg(instrument_type="Future", symbol=ES, action="Buy", quantity=1)
        await stage.place(stage.session(), stage.order.LimitOrder(legs=[leg], price=Decimal("-7020.00")))
        await stage.pass_time(0.5)
        bought = stage.sim.parts.ledger.transactions(ACCOUNT)[-1]
        assert (bought["transaction-sub-type"], bought["value"]) == ("Buy", "0.0")
        stage.hand.set_level(ES, "7030")
        expire(stage)
        (row,) = settled(stage)
        assert (row["transaction-sub-type"], row["value"], row["value-effect"]) == (
            "Futures Settlement",
            "1000.0",
            "Credit",
        )

    play(tmp_path, scenario)


def test_fees_are_estimates_until_the_next_day(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.fee_estimate_off = Decimal("0.11")
        await open_now(stage, (buy(spxw(6000, "P")),), "-5.00")
        first = stage.sim.parts.ledger.transactions(ACCOUNT)[-1]
        stage.clock.advance(timedelta(days=1))
        stage.sim.step()
        later = stage.sim.parts.ledger.transactions(ACCOUNT)[-1]
        assert (first["is-estimated-fee"], later["is-estimated-fee"]) == (True, False)
        assert Decimal(first["regulatory-fees"]) - Decimal(later["regulatory-fees"]) == Decimal("0.11")
        assert {name: one for name, one in first.items() if "fee" not in name and "net" not in name} == {
            name: one for name, one in later.items() if "fee" not in name and "net" not in name
        }

    play(tmp_path, scenario, settings=MANUAL)


def test_a_fill_and_its_transaction_tell_the_same_ids(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await open_now(stage, (buy(spxw(6000, "P")),), "-5.00")
        (order,) = [one.json() for one in stage.sim.parts.orders.records.all(ACCOUNT)]
        (fill,) = order["legs"][0]["fills"]
        row = stage.sim.parts.ledger.transactions(ACCOUNT)[-1]
        assert (row["exec-id"], row["ext-exec-id"]) == (fill["fill-id"], fill["ext-exec-id"])
        assert (row["order-id"], row["leg-count"]) == (order["id"], 1)
        status, answer = await stage.ask("GET", f"/accounts/{ACCOUNT}/transactions/{row['id']}")
        assert (status, answer["data"]) == (200, row)
        assert (await stage.ask("GET", f"/accounts/{ACCOUNT}/transactions/1"))[0] == 404
        day = row["transaction-date"]
        _, fees = await stage.ask("GET", f"/accounts/{ACCOUNT}/transactions/total-fees?date={day}")
        assert fees["data"]["total-fees-effect"] == "Debit"
        since = f"/accounts/{ACCOUNT}/transactions?start-date={day}&type=Trade&sub-type[]=Buy%20to%20Open"
        assert [one["id"] for one in (await stage.ask("GET", since))[1]["data"]["items"]] == [row["id"]]

    play(tmp_path, scenario)
