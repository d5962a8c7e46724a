"""Orders at the simulated Tastytrade: what is refused, what a dry run tells, and what is taken."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.execution.brokers.contract_kit import sell
from tests.execution.brokers.paper.fake_market import ES
from tests.simulators.tastytrade.bodies import BASE_LEG, PUT, leg, wire_order
from tests.simulators.tastytrade.stage import ACCOUNT, CONDOR, CROSSING, RESTING, Stage, play

COIN = {"instrument-type": "Cryptocurrency", "symbol": "BTC/USD"}
MARKET = {"order-type": "Market", "price": None, "price-effect": None}


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
        assert status == 400  # neither account nor underlying is in it
        own = wire_order(account_number=ACCOUNT, underlying_symbol="SPX")
        status, margin = await stage.ask("POST", f"/margin/accounts/{ACCOUNT}/dry-run", own)
        assert (status, margin["data"]["account-number"]) == (200, ACCOUNT)
        placed = (await account.place_order(session, stage.limit(RESTING), dry_run=False)).order
        terms = {name: one for name, one in wire_order(price="90.00", price_effect="Credit").items() if name != "legs"}
        status, again = await stage.ask("POST", f"/accounts/{ACCOUNT}/orders/{placed.id}/dry-run", terms)
        assert (status, again["data"]["order"]["leg-count"]) == (201, 4)

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


def test_a_new_price_of_a_close_is_refused_when_the_position_is_gone_where_that_is_forbidden(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        strict = stage.order.AdvancedInstructions(strict_position_effect_validation=True)
        await stage.place(session, stage.limit(Decimal("-400.00"), PUT))
        await stage.pass_time(1)
        close = (sell(PUT[0].contract, 1),)
        resting = stage.limit(Decimal("900.00"), close, effect="Close", advanced_instructions=strict)
        first = (await stage.place(session, resting)).order
        await stage.place(session, stage.limit(Decimal("1.00"), close, effect="Close", advanced_instructions=strict))
        await stage.pass_time(1)
        account = await stage.account(session)
        careful = stage.limit(Decimal("800.00"), close, effect="Close", advanced_instructions=strict)
        with pytest.raises(Exception, match="strict_position_effect_validation"):
            await account.replace_order(session, first.id, careful)
        careless = await account.replace_order(session, first.id, stage.limit(Decimal("800.00"), close, effect="Close"))
        assert careless.legs[0].action.value == "Sell to Open"

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
