"""Orders at the simulated Tastytrade: what is refused, and how the taken ones fare."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.paper.faults import Call, CallFault, CancelBehavior, Failure, FillBehavior, OrderScript
from models.enums import Action
from models.ids import OrderId, new_order_id
from models.order import OrderLeg
from tests.execution.brokers.contract_kit import buy, sell
from tests.execution.brokers.paper.fake_market import ES, aapl, spxw
from tests.simulators.tastytrade.replies import Refusal
from tests.simulators.tastytrade.stage import ACCOUNT, CONDOR, CROSSING, MANUAL, RESTING, Stage, play

PUT = (buy(spxw(6800, "P"), 1),)
NEVER = OrderScript(fills=FillBehavior.NEVER)


BASE_LEG: dict[str, Any] = {
    "instrument-type": "Equity Option",
    "symbol": PUT[0].contract.key,
    "action": "Buy to Open",
    "quantity": 1,
}
BASE: dict[str, Any] = {
    "time-in-force": "Day",
    "order-type": "Limit",
    "price": "5.00",
    "price-effect": "Debit",
    "legs": [BASE_LEG],
    "source": "test/1.0",
}
COIN = {"instrument-type": "Cryptocurrency", "symbol": "BTC/USD"}
MARKET = {"order-type": "Market", "price": None, "price-effect": None}


def wire_order(**terms: Any) -> dict[str, Any]:
    """Underscores stand for dashes; None leaves a field out."""
    return {name: one for name, one in (BASE | dashed(terms)).items() if one is not None}


def dashed(terms: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): one for name, one in terms.items()}


def leg(**facts: Any) -> dict[str, Any]:
    return BASE_LEG | dashed(facts)


@pytest.mark.parametrize(
    ("order", "status", "code"),
    [
        (wire_order(price_effect="Credit"), 422, "cant_buy_for_credit"),
        (wire_order(price_effect=None), 400, "validation_error"),
        (wire_order(order_type="Iceberg"), 400, "validation_error"),
        (wire_order(time_in_force="Soon"), 400, "validation_error"),
        (wire_order(price="much"), 400, "validation_error"),
        (wire_order(order_type="Market"), 422, "order_must_omit_price"),
        (wire_order(order_type="Marketable Limit"), 422, "order_must_omit_price"),
        (wire_order(**MARKET, time_in_force="GTC"), 422, "gtc_market_orders_not_supported"),
        (wire_order(**MARKET, legs=[leg(), leg(symbol=CONDOR[0].contract.key)]), 422, "market_order_multi_leg"),
        (wire_order(legs=[leg(), leg()]), 422, "duplicate_legs"),
        (wire_order(legs=[leg()] * 5), 422, "too_many_legs"),
        (wire_order(legs=[]), 400, "validation_error"),
        (wire_order(legs=[leg(symbol="SPXW  261218P06801000")]), 422, "instrument_validation_failed"),
        (wire_order(legs=[leg(instrument_type="Equity")]), 422, "instrument_validation_failed"),
        (wire_order(legs=[BASE_LEG | COIN]), 422, "cryptocurrency_trading_disabled"),
        (wire_order(legs=[leg(action="Allocate")]), 400, "validation_error"),
        (wire_order(legs=[leg(action="Buy")]), 422, "invalid_action"),
        (wire_order(legs=[leg(quantity="0.5")]), 400, "validation_error"),
        (wire_order(order_type="Stop", price=None, stop_trigger="3.0"), 422, "order_type_not_supported"),
        ([], 400, "validation_error"),
    ],
)
def test_an_order_that_cannot_be_is_refused(tmp_path: Path, order: Any, status: int, code: str) -> None:
    async def scenario(stage: Stage) -> None:
        got, answer = await stage.ask("POST", f"/accounts/{ACCOUNT}/orders", order)
        codes = [answer["error"]["code"], *(one["code"] for one in answer["error"].get("errors", ()))]
        assert (got, codes[-1]) == (status, code)
        assert list(stage.sim.parts.orders.records.all()) == []

    play(tmp_path, scenario)


def test_a_shortage_of_margin_is_told_with_its_figures_and_as_an_error(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        order = wire_order(legs=[leg(action="Sell to Open", quantity=40)], price="10.00", price_effect="Credit")
        status, answer = await stage.ask("POST", f"/accounts/{ACCOUNT}/orders/dry-run", order)
        assert status == 422
        assert answer["error"]["errors"][0]["code"] == "margin_check_failed"
        effect = answer["data"]["buying-power-effect"]
        assert effect["new-buying-power-effect"] == "Debit"
        session = stage.session()
        bpe = await (await stage.account(session)).get_order_buying_power_effect(session, stage.limit(CROSSING))
        assert bpe.change_in_buying_power < 0

    play(tmp_path, scenario)


def test_a_dry_run_adds_up_and_sends_nothing(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        account = await stage.account(session)
        told = await account.place_order(session, stage.limit(Decimal("20.00")), dry_run=True)
        effect, fees = told.buying_power_effect, told.fee_calculation
        parts = fees.regulatory_fees + fees.clearing_fees + fees.commission + fees.proprietary_index_option_fees
        assert parts == fees.total_fees
        credit = Decimal("20.00") * 100 * 2
        assert effect.change_in_buying_power == effect.change_in_margin_requirement + credit + fees.total_fees
        assert effect.new_buying_power == effect.current_buying_power + effect.change_in_buying_power
        assert effect.isolated_order_margin_requirement == effect.change_in_margin_requirement == -20_000
        assert (effect.impact, effect.effect.value) == (-effect.change_in_buying_power, "Debit")
        assert told.order.status.value == "Received"
        gtc = await account.place_order(session, stage.limit(Decimal("20.00"), time_in_force="GTC"), dry_run=True)
        assert gtc.order.status.value == "Contingent"
        assert await account.get_live_orders(session) == []
        status, margin = await stage.ask("POST", f"/margin/accounts/{ACCOUNT}/dry-run", wire_order())
        assert (status, margin["data"]["account-number"]) == (200, ACCOUNT)

    play(tmp_path, scenario)


def test_a_price_off_the_tick_passes_and_dies_at_the_exchange(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        account = await stage.account(session)
        order = stage.limit(Decimal("-5.03"), PUT)
        await account.place_order(session, order, dry_run=True)
        placed = (await account.place_order(session, order, dry_run=False)).order
        await stage.pass_time(0.5)
        found = await account.get_order(session, placed.id)
        assert found.status.value == "Rejected"
        assert "price variation" in found.reject_reason
        stage.habits.off_tick_passes = False
        with pytest.raises(Exception, match="invalid_price_increment"):
            await account.place_order(session, order, dry_run=True)

    play(tmp_path, scenario)


def test_a_close_without_a_position_opens_one_unless_that_is_forbidden(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        strict = stage.order.AdvancedInstructions(strict_position_effect_validation=True)
        forbidden = stage.limit(Decimal("-100.00"), PUT, effect="Close", advanced_instructions=strict)
        with pytest.raises(Exception, match="strict_position_effect_validation"):
            await stage.place(session, forbidden)
        placed = await stage.place(session, stage.limit(Decimal("-400.00"), PUT, effect="Close"))
        assert placed.order.legs[0].action.value == "Buy to Open"
        await stage.pass_time(1)
        close = (sell(PUT[0].contract, 1),)
        done = await stage.place(
            session, stage.limit(Decimal("1.00"), close, effect="Close", advanced_instructions=strict)
        )
        await stage.pass_time(1)
        assert done.order.legs[0].action.value == "Sell to Close"
        rows = await (await stage.account(session)).get_history(session, sort="Asc")
        assert [one.transaction_sub_type for one in rows] == ["Deposit", "Buy to Open", "Sell to Close"]

    play(tmp_path, scenario)


def test_market_orders_and_futures_and_shares_fill(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        market = stage.order.MarketOrder(legs=stage.legs(PUT))
        future = stage.order.Leg(instrument_type="Future", symbol=ES, action="Sell", quantity=1)
        share = stage.order.Leg(instrument_type="Equity", symbol="AAPL", action="Buy to Open", quantity=10)
        limits = [
            stage.order.LimitOrder(legs=[future], price=Decimal("7000.00")),
            stage.order.LimitOrder(legs=[share], price=Decimal("-300.00")),
        ]
        for order in (market, *limits):
            await stage.place(session, order)
        await stage.pass_time(1)
        account = await stage.account(session)
        assert {one.status.value for one in await account.get_live_orders(session)} == {"Filled"}
        held = {one.symbol: one for one in await account.get_positions(session)}
        assert held[ES].quantity_direction == "Short"
        assert held["AAPL"].quantity == 10
        rows = await account.get_history(session, page_offset=None)
        assert (await account.get_balances(session)).cash_balance == sum(one.net_value for one in rows)

    play(tmp_path, scenario)


# --- how it fares ---


def of(stage: Stage, order_id: OrderId) -> Any:
    (found,) = [one for one in stage.sim.parts.orders.records.all(ACCOUNT) if one.external_identifier == order_id]
    return found.json()


def test_fills_come_in_parts_and_the_rest_may_be_cancelled(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        own, session = new_order_id(), stage.session()
        stage.faults.for_order(own, OrderScript(fills=FillBehavior.PARTIAL, first_packages=1, delay_s=3600))
        placed = (await stage.place(session, stage.limit(RESTING, order_id=own))).order
        await stage.pass_time(0.5)
        order = of(stage, own)
        assert order["status"] == "Live"
        assert {leg["remaining-quantity"] for leg in order["legs"]} == {1}
        await (await stage.account(session)).delete_order(session, placed.id)
        assert of(stage, own)["status"] == "Cancel Requested"
        await stage.pass_time(0.5)
        assert of(stage, own)["status"] == "Cancelled"
        assert of(stage, own)["cancelled-size"] == "1.0"
        with pytest.raises(Exception, match="cannot_update_order"):
            await (await stage.account(session)).delete_order(session, placed.id)

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("behavior", "ends"),
    [
        (CancelBehavior.FILL_WINS, "Filled"),
        (CancelBehavior.LATE_FILL, "Filled"),
        (CancelBehavior.IGNORED, "Cancel Requested"),
        (CancelBehavior.REFUSED, "Live"),
    ],
)
def test_a_cancel_may_come_too_late_or_be_lost(tmp_path: Path, behavior: CancelBehavior, ends: str) -> None:
    async def scenario(stage: Stage) -> None:
        own = new_order_id()
        stage.faults.for_order(own, replace(NEVER, cancel=behavior, delay_s=0.5))
        placed = await stage.place(stage.session(), stage.limit(RESTING, order_id=own))
        await stage.pass_time(0.5)
        status, _ = await stage.ask("DELETE", f"/accounts/{ACCOUNT}/orders/{placed.order.id}")
        assert status == (422 if behavior is CancelBehavior.REFUSED else 200)
        await stage.pass_time(2)
        assert of(stage, own)["status"] == ends

    play(tmp_path, scenario)


def test_the_exchange_rejects_and_the_day_ends(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        rejected, expired = new_order_id(), new_order_id()
        stage.faults.for_order(rejected, OrderScript(fills=FillBehavior.REJECT, reason="Too far."))
        session = stage.session()
        for own in (rejected, expired):
            await stage.place(session, stage.limit(RESTING, order_id=own))
        await stage.pass_time(0.5)
        assert (of(stage, rejected)["status"], of(stage, rejected)["reject-reason"]) == ("Rejected", "Too far.")
        stage.clock.advance(timedelta(hours=8))
        stage.sim.step()
        assert of(stage, expired)["status"] == "Expired"

    play(tmp_path, scenario)


def test_what_comes_while_the_exchange_is_closed_waits_for_the_open(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.clock.set(datetime(2026, 11, 17, 4, 0, tzinfo=UTC))
        stage.sim.step()
        own, session = new_order_id(), stage.session()
        account = await stage.account(session)
        order = stage.limit(RESTING, order_id=own, time_in_force="GTC")
        dry = await account.place_order(session, order, dry_run=True)
        assert "tif_next_valid_sesssion" in [one.code for one in dry.warnings]
        await stage.place(session, order)
        await stage.pass_time(1)
        assert of(stage, own)["status"] == "Received"
        stage.clock.set(datetime(2026, 11, 17, 14, 31, tzinfo=UTC))
        stage.sim.step()
        assert of(stage, own)["status"] == "Live"

    play(tmp_path, scenario, settings=replace(MANUAL, session_hours=True))


def test_a_replacement_gives_up_when_the_order_fills_first(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        own, session = new_order_id(), stage.session()
        stage.faults.for_order(own, OrderScript(fills=FillBehavior.DELAYED, delay_s=1.0))
        account = await stage.account(session)
        placed = (await stage.place(session, stage.limit(RESTING, order_id=own))).order
        stage.habits.replace_delay_s = 2.0
        new = await account.replace_order(session, placed.id, stage.limit(Decimal("90.00")))
        await stage.pass_time(3)
        found = {one.id: one for one in await account.get_live_orders(session)}
        assert (found[placed.id].status.value, found[new.id].status.value) == ("Filled", "Rejected")
        assert not found[new.id].legs[0].fills
        with pytest.raises(Exception, match="cannot_update_order"):
            await account.replace_order(session, placed.id, stage.limit(Decimal("80.00")))

    play(tmp_path, scenario)


def test_a_replacement_takes_over_what_did_not_fill_before_it(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        own, session = new_order_id(), stage.session()
        stage.faults.for_order(own, OrderScript(fills=FillBehavior.PARTIAL, first_packages=1, delay_s=2.0))
        account = await stage.account(session)
        placed = (await stage.place(session, stage.limit(RESTING, order_id=own))).order
        await stage.pass_time(0.5)
        new = await account.replace_order(session, placed.id, stage.limit(Decimal("90.00"), order_id=own))
        await stage.pass_time(3)
        found = {one.id: one for one in await account.get_live_orders(session)}
        assert (found[placed.id].status.value, found[new.id].status.value) == ("Cancelled", "Filled")
        assert [sum(one.quantity for one in leg.fills) for leg in found[placed.id].legs] == [1] * 4
        assert [sum(one.quantity for one in leg.fills) for leg in found[new.id].legs] == [1] * 4
        assert found[new.id].size == 1
        rows = [one for one in await account.get_history(session) if one.transaction_type == "Trade"]
        assert sorted({one.order_id for one in rows}) == [placed.id, new.id]

    play(tmp_path, scenario)


def test_a_replacement_off_the_tick_is_rejected_and_the_order_lives(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        account = await stage.account(session)
        placed = (await stage.place(session, stage.limit(RESTING))).order
        await stage.pass_time(0.5)
        new = await account.replace_order(session, placed.id, stage.limit(Decimal("90.03")))
        await stage.pass_time(0.5)
        found = {one.id: one.status.value for one in await account.get_live_orders(session)}
        assert found == {placed.id: "Live", new.id: "Rejected"}

    play(tmp_path, scenario)


def test_orders_and_their_fills_outlive_a_restart(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        filled, resting, session = new_order_id(), new_order_id(), stage.session()
        await stage.place(session, stage.limit(CROSSING, order_id=filled))
        await stage.place(session, stage.limit(RESTING, order_id=resting, time_in_force="GTC"))
        await stage.pass_time(0.5)
        before = of(stage, filled), of(stage, resting)
        rows = stage.sim.parts.ledger.transactions(ACCOUNT)
        port = stage.sim.port
        await stage.sim.stop()
        assert await stage.sim.start() == port
        assert (of(stage, filled), of(stage, resting)) == before
        assert stage.sim.parts.ledger.transactions(ACCOUNT) == rows
        placed = await stage.place(stage.session(), stage.limit(RESTING))
        assert placed.order.id > before[1]["id"]

    play(tmp_path, scenario)


def test_orders_of_other_apps_appear_and_are_edited_there(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        record = stage.sim.place_foreign(CONDOR, -RESTING)
        await stage.pass_time(0.5)
        stage.sim.replace_foreign(record.id, Decimal(-90))
        await stage.pass_time(0.5)
        session = stage.session()
        new, old = await (await stage.account(session)).get_live_orders(session)
        assert (old.id, old.status.value, old.source) == (record.id, "Cancelled", "WB2;0.174.2")
        assert (new.replaces_order_id, new.status.value, new.external_identifier) == (record.id, "Live", None)
        with pytest.raises(Refusal):
            stage.sim.place_foreign((OrderLeg(spxw(6800, "P"), Action.BUY, 1),), Decimal(-5))

    play(tmp_path, scenario)


def test_one_identifier_twice_is_two_orders(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        own, session = new_order_id(), stage.session()
        first, second = [await stage.place(session, stage.limit(RESTING, order_id=own)) for _ in range(2)]
        assert first.order.id != second.order.id
        assert stage.sim.placed() == 2
        assert len(stage.sim.core.exchange.working) == 2

    play(tmp_path, scenario)


@pytest.mark.parametrize("call", [Call.SUBMIT, Call.SIMULATE])
def test_a_script_refuses_or_delays_a_call(tmp_path: Path, call: Call) -> None:
    async def scenario(stage: Stage) -> None:
        path = f"/accounts/{ACCOUNT}/orders" + ("/dry-run" if call is Call.SIMULATE else "")
        stage.faults.fail(call, CallFault(Failure.REJECT, text="No."))
        status, answer = await stage.ask("POST", path, wire_order())
        assert (status, answer["error"]["errors"][0]["message"]) == (422, "No.")
        assert (await stage.ask("POST", path, wire_order()))[0] == 201

    play(tmp_path, scenario)


def test_fills_of_one_contract_each_are_told_one_by_one(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.fills_one_by_one = True
        own, session = new_order_id(), stage.session()
        await stage.place(session, stage.limit(CROSSING, order_id=own))
        await stage.pass_time(0.5)
        assert [len(leg["fills"]) for leg in of(stage, own)["legs"]] == [2] * 4
        await stage.sim.stop()
        await stage.sim.start()
        assert [len(leg["fills"]) for leg in of(stage, own)["legs"]] == [2] * 4

    play(tmp_path, scenario)


def test_legs_of_an_equity_option_use_its_ticks(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        placed = await stage.place(session, stage.limit(Decimal("-20.05"), (buy(aapl(280, "C")),)))
        assert placed.order.underlying_symbol == "AAPL"
        assert placed.order.price == Decimal("-20.05")

    play(tmp_path, scenario)
