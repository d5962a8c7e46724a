from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from execution.brokers.ibkr.facts import (
    AccountValueFact,
    CommissionFact,
    ExecutionFact,
    IbContract,
    OddFact,
    OpenOrderFact,
    OrderStatusFact,
    PortfolioFact,
    PositionFact,
)
from models.errors import BrokerFailure, BugError, FailureKind
from tests.execution.brokers.ibkr.raw_tws import NOW, RawTws, desk_at, play
from tests.execution.brokers.ibkr.wire_values import CALL_WIRE, SPY, SPY_WIRE, UNSET, execution, view
from tests.simulators.tws import order_replies, replies
from tests.simulators.tws.contracts import WireContract


def test_positions_are_told_as_facts_and_returned_newest_first_hand() -> None:
    def answer(tws: RawTws, _: list[str]) -> None:
        tws.say(
            replies.position("DU1", SPY_WIRE, Decimal(100), Decimal("410.5")),
            replies.position("DU1", CALL_WIRE, Decimal(-2), Decimal(1235)),
            replies.position("DU1", SPY_WIRE, Decimal(90), Decimal("410.5")),
            replies.position_end(),
            replies.position("DU1", SPY_WIRE, Decimal(0), Decimal(0)),
        )

    async def scenario() -> None:
        async with desk_at(RawTws(answers={"61": answer})) as desk:
            held = await (await desk.opened()).positions()
            assert [(fact.contract.con_id, fact.quantity) for fact in held] == [
                (756733, Decimal(90)),
                (55, Decimal(-2)),
            ]
            option = held[1].contract
            assert (option.strike, option.right, option.last_trade) == (Decimal("7210.5"), "C", "20260619")
            assert [fact.quantity for fact in desk.told(PositionFact)] == [100, -2, 90, 0]

    play(scenario())


def test_the_one_account_is_subscribed_with_its_portfolio_and_blank_figures_are_unknown() -> None:
    def answer(tws: RawTws, fields: list[str]) -> None:
        assert fields == ["6", "2", "1", "DU1"]
        tws.say(
            replies.account_value("NetLiquidation", "100000.25", "USD", "DU1"),
            (7, 8, *SPY_WIRE.eleven(), 100, "", "nan", 410.5, UNSET, "", "DU1"),
            replies.account_download_end("DU1"),
        )

    async def scenario() -> None:
        async with desk_at(RawTws(answers={"6": answer})) as desk:
            await (await desk.opened()).account_updates("DU1")
            assert desk.told(AccountValueFact) == [AccountValueFact("DU1", "NetLiquidation", "100000.25", "USD")]
            (held,) = desk.told(PortfolioFact)
            assert (held.quantity, held.average_cost) == (Decimal(100), Decimal("410.5"))
            assert (held.market_price, held.market_value, held.unrealized_pnl, held.realized_pnl) == (None,) * 4

    play(scenario())


def test_several_accounts_are_each_subscribed_because_tws_streams_only_one_the_other_way() -> None:
    def answer(tws: RawTws, fields: list[str]) -> None:
        _, _, request, account, model, _ = fields
        assert model == ""
        tws.say(
            replies.account_update_multi(int(request), account, "", "BuyingPower", "5", "USD"),
            replies.account_update_multi(int(request), account, "Model", "BuyingPower", "1", "USD"),
            replies.account_update_multi_end(int(request)),
        )

    async def scenario() -> None:
        async with desk_at(RawTws(accounts="DU1,DU2", answers={"76": answer})) as desk:
            wire = await desk.opened()
            for account in ("DU1", "DU2", "DU1"):
                await wire.account_updates(account)
            assert [(fact.account, fact.value) for fact in desk.told(AccountValueFact)] == [
                ("DU1", "5"),
                ("DU2", "5"),
                ("DU1", "5"),
            ]
            first = desk.tws.asked(76)[0][2]
            assert desk.tws.asked(77) == [["77", "1", first]]

    play(scenario())


def test_open_orders_of_every_client_come_as_facts_in_tws_order_and_are_returned() -> None:
    def answer(tws: RawTws, _: list[str]) -> None:
        tws.say(
            order_replies.open_order(view(5), 176),
            order_replies.order_status(
                5,
                "Submitted",
                filled=Decimal(0),
                remaining=Decimal(2),
                average_fill_price=Decimal(0),
                perm_id=905,
                client_id=7,
            ),
            order_replies.open_order(replace(view(0), client_id=0, perm_id=77), 176),
            order_replies.open_order_end(),
        )

    async def scenario() -> None:
        async with desk_at(RawTws(answers={"16": answer})) as desk:
            first, second = await (await desk.opened()).open_orders()
            assert (first.order_ref, first.limit_price, first.status) == ("ref-1", Decimal("-1.85"), "Submitted")
            assert (first.quantity, first.tif, first.margins.initial_after) == (Decimal(2), "DAY", None)
            assert (second.order_id, second.perm_id) == (0, 77)
            assert [type(fact) for fact in desk.facts] == [OpenOrderFact, OrderStatusFact, OpenOrderFact]
            (status,) = desk.told(OrderStatusFact)
            assert (status.remaining, status.average_fill_price) == (Decimal(2), None)

    play(scenario())


def test_an_order_that_cannot_be_read_spoils_the_list_and_is_told() -> None:
    def answer(tws: RawTws, _: list[str]) -> None:
        broken = list(order_replies.open_order(view(5), 176))
        broken[14] = "two"  # the quantity
        tws.say(tuple(broken), order_replies.open_order_end())

    async def scenario() -> None:
        async with desk_at(RawTws(answers={"16": answer}), is_clean=False) as desk:
            with pytest.raises(BrokerFailure, match="could not be read whole") as caught:
                await (await desk.opened()).open_orders()
            assert caught.value.kind is FailureKind.PROTOCOL
            assert len(desk.told(OddFact)) == 1

    play(scenario())


def test_completed_orders_are_returned_with_their_time() -> None:
    done = replace(
        view(5, "Filled"),
        filled_quantity=Decimal(2),
        completed_time="20260105 16:00:01 America/New_York",
        completed_status="Filled Size: 2",
    )

    def answer(tws: RawTws, fields: list[str]) -> None:
        assert fields[1] == "0"  # not only those of the API
        tws.say(order_replies.completed_order(done, 176), order_replies.completed_orders_end())

    async def scenario() -> None:
        async with desk_at(RawTws(answers={"99": answer})) as desk:
            (fact,) = await (await desk.opened()).completed_orders()
            assert (fact.perm_id, fact.status, fact.filled_quantity) == (905, "Filled", Decimal(2))
            assert fact.completed_at_utc == datetime(2026, 1, 5, 21, 0, 1, tzinfo=UTC)

    play(scenario())


@pytest.mark.parametrize(
    "time", ["20260105 10:00:00 US/Eastern", "20260105  16:00:00", "20260105-15:00:00"], ids=["zoned", "own", "utc"]
)
def test_all_three_forms_of_an_execution_time_are_the_same_instant(time: str) -> None:
    async def scenario() -> None:
        greeting = "20260105 16:00:01 Romance Standard Time"
        async with desk_at(RawTws(greeting_time=greeting)) as desk:
            await desk.opened()
            desk.tws.say(order_replies.exec_details(-1, execution(time=time), 176))
            await desk.until(lambda: bool(desk.facts))
            (fact,) = desk.told(ExecutionFact)
            assert (fact.at_utc, fact.at_utc.tzinfo, fact.is_live) == (NOW, UTC, True)

    play(scenario())


def test_executions_asked_for_are_told_from_live_ones_and_commissions_come_before_or_after() -> None:
    def answer(tws: RawTws, fields: list[str]) -> None:
        assert fields == ["7", "3", fields[2], "0", "", "", "", "", "", ""]
        tws.say(
            order_replies.commission_report("0002.01", Decimal("1.3")),
            order_replies.exec_details(int(fields[2]), execution("0001.01"), 176),
            order_replies.exec_details(-1, execution("0002.01"), 176),
            order_replies.exec_details(int(fields[2]), replace(execution("0003.01"), order_id=2147483647), 176),
            order_replies.exec_details_end(int(fields[2])),
            (59, 1, "0001.01", "", "USD", "", "", ""),
        )

    async def scenario() -> None:
        async with desk_at(RawTws(answers={"7": answer})) as desk:
            told = await (await desk.opened()).executions()
            assert [fact.exec_id for fact in told] == ["0001.01", "0003.01"]
            assert [(fact.exec_id, fact.is_live) for fact in desk.told(ExecutionFact)] == [
                ("0001.01", False),
                ("0002.01", True),
                ("0003.01", False),
            ]
            assert told[1].order_id == 0
            await desk.until(lambda: len(desk.told(CommissionFact)) == 2)
            assert desk.told(CommissionFact) == [
                CommissionFact("0002.01", Decimal("1.3"), "USD", None),
                CommissionFact("0001.01", None, "USD", None),
            ]

    play(scenario())


def test_surplus_fields_of_a_newer_server_lose_no_execution() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws()) as desk:
            await desk.opened()
            fields = (*order_replies.exec_details(-1, execution(), 176), "1", "more")
            commission = (*order_replies.commission_report("0001.01", Decimal(1)), "more")
            held = (*replies.position("DU1", SPY_WIRE, Decimal(1), Decimal(2)), "more")
            desk.tws.say(fields, commission, held)
            await desk.until(lambda: len(desk.facts) == 3)
            assert [type(fact) for fact in desk.facts] == [ExecutionFact, CommissionFact, PositionFact]

    play(scenario())


def test_contract_details_are_returned_and_none_fits_is_empty() -> None:
    details = replies.WireDetails(
        replace(CALL_WIRE, trading_class="SPX", last_trade="20260618"),
        min_tick=Decimal("0.05"),
        valid_exchanges="SMART,CBOE",
        market_rule_ids="110,239",
        last_trade_time="08:30",
        last_trade_zone="US/Central",
        real_expiration="20260619",
        under_con_id=416904,
        under_symbol="SPX",
        under_sec_type="IND",
        contract_month="202606",
    )

    def answer(tws: RawTws, fields: list[str]) -> None:
        request = int(fields[2])
        if fields[4] == "NONE":
            tws.say(replies.error(request, 200, "No security definition has been found", 176))
        elif fields[4] == "BAD":
            tws.say(replies.error(request, 321, "Error validating request", 176))
        else:
            tws.say(replies.contract_details(request, details, 176), replies.contract_details_end(request))

    async def scenario() -> None:
        async with desk_at(RawTws(answers={"9": answer})) as desk:
            wire = await desk.opened()
            (found,) = await wire.contract_details(IbContract(0, "SPX", "OPT", "20260618", trading_class="SPX"))
            assert (found.real_expiration, found.contract.last_trade) == (date(2026, 6, 19), "20260618")
            assert (found.market_rule_ids, found.valid_exchanges) == ((110, 239), ("SMART", "CBOE"))
            assert (found.min_tick, found.under_con_id, found.last_trade_time) == (Decimal("0.05"), 416904, "08:30")
            assert await wire.contract_details(replace(SPY, symbol="NONE")) == ()
            with pytest.raises(BrokerFailure, match="BAD") as caught:
                await wire.contract_details(replace(SPY, symbol="BAD"))
            assert caught.value.code == "321"
            with pytest.raises(BugError, match="combo"):
                await wire.contract_details(replace(SPY, sec_type="BAG"))

    play(scenario())


def test_option_classes_and_market_rules_are_returned_exactly_and_in_order() -> None:
    def params(tws: RawTws, fields: list[str]) -> None:
        assert fields[2:] == ["ES", "CME", "FUT", "9"]
        request = int(fields[1])
        tws.say(
            replies.sec_def_opt_params(
                request,
                exchange="CME",
                under_con_id=9,
                trading_class="EW",
                multiplier="50",
                expirations=["20260619", "20260116"],
                strikes=[Decimal(7000), Decimal("6990.5")],
            ),
            replies.sec_def_opt_params_end(request),
        )

    def rule(tws: RawTws, fields: list[str]) -> None:
        tws.say(replies.market_rule(int(fields[1]), [(Decimal(3), Decimal("0.1")), (Decimal(0), Decimal("0.05"))]))

    future = replies.WireDetails(
        WireContract(con_id=9, symbol="ES", sec_type="FUT", exchange="CME"), min_tick=Decimal("0.25")
    )

    def details(tws: RawTws, fields: list[str]) -> None:
        tws.say(replies.contract_details(int(fields[2]), future, 176), replies.contract_details_end(int(fields[2])))

    async def scenario() -> None:
        async with desk_at(RawTws(answers={"78": params, "91": rule, "9": details})) as desk:
            wire = await desk.opened()
            (es,) = await wire.contract_details(IbContract(9, "ES", "FUT", exchange="CME"))
            (row,) = await wire.option_params(es)
            assert (row.expirations, row.strikes) == (("20260116", "20260619"), (Decimal("6990.5"), Decimal(7000)))
            assert [(step.low_edge, step.increment) for step in await wire.market_rule(239)] == [
                (Decimal(0), Decimal("0.05")),
                (Decimal(3), Decimal("0.1")),
            ]

    play(scenario())


def test_a_read_only_api_tells_no_orders_which_only_a_desk_that_watches_may_take_for_none() -> None:
    def refuse(tws: RawTws, _: list[str]) -> None:
        tws.say(replies.error(-1, 321, "Error validating request.-'b0' : cause - The API interface is Read-Only", 176))

    async def scenario(*, read_only: bool) -> None:
        async with desk_at(RawTws(answers={"16": refuse, "99": refuse}), read_only=read_only) as desk:
            wire = await desk.opened()
            if read_only:
                assert (await wire.open_orders(), await wire.completed_orders()) == ((), ())
                return
            for ask in (wire.open_orders, wire.completed_orders):
                with pytest.raises(BrokerFailure, match="Read-Only") as caught:
                    await ask()
                assert (caught.value.kind, caught.value.code) == (FailureKind.REJECTED, "321")

    play(scenario(read_only=True))
    play(scenario(read_only=False))
