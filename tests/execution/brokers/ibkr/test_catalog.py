from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from execution.brokers.ibkr.catalog import ContractCatalog
from execution.brokers.ibkr.facts import IbContract, IbContractDetails, IbPriceIncrement
from models.clock import ManualClock
from models.contract import contract_of_occ, option_contract, underlying_contract
from models.enums import Action, InstrumentKind, Right, Settlement
from models.errors import BrokerFailure, FailureKind, InvalidInput
from models.ids import ContractKey
from models.order import OrderLeg
from models.product import NICKEL, NICKEL_DIME, PENNY
from tests.execution.brokers.ibkr.fake_wire import FakeWire
from tests.execution.brokers.ibkr.listings import future, future_option, index, option, stock

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
EXPIRY = date(2026, 12, 18)
SPX = (416904, "SPX", "IND")
AAPL = (265598, "AAPL", "STK")
SPXW_KEY = ContractKey("SPXW  261218P06000000")


def told_by_tws() -> list[IbContractDetails]:
    es = future(500, "ES", 2026, 12, date(2026, 12, 18))
    return [
        index(416904, "SPX"),
        stock(265598, "AAPL", rules=(26, 26)),
        stock(72063691, "BRK B", primary="NYSE"),
        option(1, "SPX", EXPIRY, "P", "6000", under=SPX, last_trade=date(2026, 12, 17), rules=(109, 110)),
        option(2, "SPXW", EXPIRY, "P", "6000", under=SPX, rules=(109, 110)),
        option(3, "SPXW", EXPIRY, "C", "6000", under=SPX, rules=(109, 110)),
        option(4, "AAPL", EXPIRY, "C", "300", under=AAPL),
        option(5, "AAPL7", EXPIRY, "C", "300", under=AAPL, multiplier="150"),
        option(6, "BRKB", EXPIRY, "C", "500", under=(72063691, "BRK B", "STK")),
        es,
        future(501, "ES", 2036, 12, date(2036, 12, 19)),
        future_option(600, es, "E1A", "E1AZ6", date(2026, 12, 4), "C", "6700"),
    ]


@dataclass(slots=True)
class Desk:
    clock: ManualClock
    wire: FakeWire
    catalog: ContractCatalog

    @property
    def questions(self) -> list[IbContract]:
        return [
            about for what, about in self.wire.asked if what == "contract_details" and isinstance(about, IbContract)
        ]


def run(scenario: Callable[[Desk], Awaitable[None]]) -> None:
    async def whole() -> None:
        clock = ManualClock(NOON)
        wire = FakeWire(clock)
        wire.details.extend(told_by_tws())
        wire.rules[109] = (
            IbPriceIncrement(Decimal(0), Decimal("0.05")),
            IbPriceIncrement(Decimal(3), Decimal("0.1")),
        )
        await scenario(Desk(clock, wire, ContractCatalog(lambda: wire, clock)))

    asyncio.run(whole())


def timeout() -> BrokerFailure:
    return BrokerFailure(FailureKind.TIMEOUT, "TWS did not answer.", broker="IBKR")


class TestContractsOfTheWire:
    def test_a_conid_is_asked_about_once_and_known_afterwards(self) -> None:
        async def scenario(desk: Desk) -> None:
            assert desk.catalog.by_con_id(2) is None
            held = IbContract(2, "SPX", "OPT", last_trade="20261218", strike=Decimal(6000), right="P", multiplier="100")
            asked = await asyncio.gather(*(desk.catalog.contract(held) for _ in range(10)))
            assert {one.key for one in asked} == {SPXW_KEY}
            assert (asked[0].conid, asked[0].tick, asked[0].net_tick) == (2, NICKEL_DIME, NICKEL)
            assert desk.catalog.by_con_id(2) == asked[0]
            assert len(desk.questions) == 1
            assert desk.questions[0].con_id == 2
            assert [one for one in desk.wire.asked if one[0] == "market_rule"] == [("market_rule", 109)]

        run(scenario)

    def test_a_contract_without_conid_is_asked_for_by_tws_own_words(self) -> None:
        async def scenario(desk: Desk) -> None:
            told = IbContract(0, "AAPL", "OPT", last_trade="20261218", strike=Decimal(300), right="C")
            assert (await desk.catalog.contract(replace(told, trading_class="AAPL"))).conid == 4
            assert desk.questions[0].exchange == "SMART"
            with pytest.raises(InvalidInput, match="AAPL fits 2 contracts"):
                await desk.catalog.contract(told)

        run(scenario)

    def test_what_tws_does_not_know_is_refused(self) -> None:
        async def scenario(desk: Desk) -> None:
            gone = option(99, "SPXW", EXPIRY, "P", "1", under=SPX).contract
            with pytest.raises(InvalidInput, match="not listed"):
                await desk.catalog.contract(gone)
            with pytest.raises(InvalidInput, match="contract 98"):
                await desk.catalog.contract(IbContract(98, "", ""))

        run(scenario)

    def test_a_kind_the_desk_cannot_hold_is_refused_without_a_question(self) -> None:
        async def scenario(desk: Desk) -> None:
            for ib in (IbContract(70, "BTC", "CRYPTO"), IbContract(71, "SAP", "STK", currency="EUR")):
                with pytest.raises(InvalidInput, match=ib.symbol):
                    await desk.catalog.contract(ib)
            assert desk.questions == []
            desk.wire.details.append(future(72, "ZN", 2026, 12, date(2026, 12, 21), exchange="CBOT"))
            with pytest.raises(InvalidInput, match="ZNZ6"):
                await desk.catalog.contract(IbContract(72, "ZN", "FUT"))

        run(scenario)

    def test_an_expired_position_keeps_its_name_though_tws_lists_it_no_more(self) -> None:
        async def scenario(desk: Desk) -> None:
            gone = option(97, "SPXW", date(2026, 11, 19), "P", "6000", under=SPX).contract
            contract = await desk.catalog.contract(gone)
            assert (contract.key, contract.conid) == ("SPXW  261119P06000000", 97)
            assert desk.catalog.by_con_id(97) == contract

        run(scenario)

    def test_an_option_on_a_future_is_told_with_its_future(self) -> None:
        async def scenario(desk: Desk) -> None:
            contract = await desk.catalog.contract(IbContract(600, "ES", "FOP"))
            assert (contract.key, contract.underlying) == ("./ESZ6 E1AZ6 261204C6700", "/ESZ6")
            assert [one.con_id for one in desk.questions] == [600, 500]
            assert await desk.catalog.resolve(ContractKey("/ESZ6")) == underlying_contract("/ESZ6")

        run(scenario)

    def test_several_answers_for_one_conid_are_one_contract_routed_to_smart(self) -> None:
        async def scenario(desk: Desk) -> None:
            smart = option(8, "SPXW", EXPIRY, "P", "5000", under=SPX)
            cboe = replace(smart, contract=replace(smart.contract, exchange="CBOE"))
            desk.wire.details += [cboe, smart]
            contract = await desk.catalog.contract(IbContract(8, "SPX", "OPT"))
            assert (await desk.catalog.con_id_of(contract)).exchange == "SMART"

        run(scenario)


class TestDays:
    def test_a_new_new_york_day_asks_again_and_takes_the_new_facts(self) -> None:
        async def scenario(desk: Desk) -> None:
            held = IbContract(5, "AAPL", "OPT")
            assert (await desk.catalog.contract(held)).multiplier == 150
            desk.wire.details = [
                replace(one, contract=replace(one.contract, multiplier="75")) if one.contract.con_id == 5 else one
                for one in desk.wire.details
            ]
            assert (await desk.catalog.contract(held)).multiplier == 150
            desk.clock.advance(timedelta(days=1))
            assert (await desk.catalog.contract(held)).multiplier == 75
            assert len(desk.questions) == 2

        run(scenario)

    def test_yesterdays_contract_stands_when_tws_is_silent_or_has_dropped_it(self) -> None:
        async def scenario(desk: Desk) -> None:
            held = IbContract(2, "SPX", "OPT")
            known = await desk.catalog.contract(held)
            desk.clock.advance(timedelta(days=1))
            desk.wire.failures["contract_details"].append(timeout())
            assert await desk.catalog.contract(held) == known
            desk.wire.details.clear()
            assert await desk.catalog.contract(held) == known
            with pytest.raises(InvalidInput, match="not listed"):
                await desk.catalog.resolve(SPXW_KEY)

        run(scenario)

    def test_long_expired_contracts_are_forgotten(self) -> None:
        async def scenario(desk: Desk) -> None:
            await desk.catalog.contract(IbContract(2, "SPX", "OPT"))
            await desk.catalog.contract(IbContract(265598, "AAPL", "STK"))
            desk.clock.set(datetime(2026, 12, 25, 17, 0, tzinfo=UTC))
            await desk.catalog.contract(IbContract(72063691, "BRK B", "STK"))
            assert desk.catalog.by_con_id(2) is not None
            desk.clock.set(datetime(2026, 12, 26, 17, 0, tzinfo=UTC))
            await desk.catalog.contract(IbContract(72063691, "BRK B", "STK"))
            assert desk.catalog.by_con_id(2) is None
            assert desk.catalog.by_con_id(265598) is not None

        run(scenario)


class TestFailures:
    def test_silence_is_a_broker_failure_and_the_next_question_is_asked(self) -> None:
        async def scenario(desk: Desk) -> None:
            desk.wire.failures["contract_details"].append(timeout())
            with pytest.raises(BrokerFailure):
                await desk.catalog.contract(IbContract(2, "SPX", "OPT"))
            assert (await desk.catalog.contract(IbContract(2, "SPX", "OPT"))).key == SPXW_KEY
            desk.wire.failures["contract_details"].append(timeout())
            with pytest.raises(BrokerFailure):
                await desk.catalog.resolve(ContractKey("AAPL"))
            assert (await desk.catalog.resolve(ContractKey("AAPL"))).conid == 265598

        run(scenario)

    def test_without_price_increments_a_contract_is_known_but_its_tick_is_not_guessed(self) -> None:
        async def scenario(desk: Desk) -> None:
            desk.wire.failures["market_rule"].extend((timeout(), timeout()))
            contract = await desk.catalog.contract(IbContract(2, "SPX", "OPT"))
            assert contract.key == SPXW_KEY
            legs = (OrderLeg(contract, Action.BUY, 1),)
            with pytest.raises(BrokerFailure):
                await desk.catalog.net_tick_rule(legs)
            assert await desk.catalog.net_tick_rule(legs) == NICKEL_DIME

        run(scenario)


class TestKeys:
    @pytest.mark.parametrize(
        ("key", "con_id"),
        [
            ("SPX   261218P06000000", 1),
            ("SPXW  261218P06000000", 2),
            ("AAPL7 261218C00300000", 5),
            ("BRKB  261218C00500000", 6),
            ("AAPL", 265598),
            ("BRK B", 72063691),
            ("SPX", 416904),
            ("/ESZ6", 500),
            ("./ESZ6 E1AZ6 261204C6700", 600),
        ],
    )
    def test_every_kind_of_key_finds_its_contract(self, key: str, con_id: int) -> None:
        async def scenario(desk: Desk) -> None:
            found = await desk.catalog.resolve(ContractKey(key))
            assert (found.key, found.conid) == (key, con_id)
            asked = len(desk.questions)
            assert await desk.catalog.resolve(ContractKey(key)) == found
            sent = await desk.catalog.con_id_of(found)
            assert (sent.con_id, len(desk.questions)) == (con_id, asked)
            assert sent.exchange in ("SMART", "CBOE", "CME")

        run(scenario)

    def test_the_am_option_is_asked_for_by_its_last_trade_date_and_class(self) -> None:
        async def scenario(desk: Desk) -> None:
            found = await desk.catalog.resolve(ContractKey("SPX   261218P06000000"))
            assert found.settlement is Settlement.AM
            (question,) = desk.questions
            assert (question.last_trade, question.trading_class, question.exchange) == ("20261217", "SPX", "SMART")

        run(scenario)

    def test_what_is_not_listed_is_refused_and_asked_about_once_a_day(self) -> None:
        async def scenario(desk: Desk) -> None:
            for key in ("NOSUCH", "SPXW  261218P01234000", "/ESH7", "./ESZ6 E1AZ6 261204C1"):
                with pytest.raises(InvalidInput, match="not listed"):
                    await desk.catalog.resolve(ContractKey(key))
                asked = len(desk.questions)
                with pytest.raises(InvalidInput, match="not listed"):
                    await desk.catalog.resolve(ContractKey(key))
                assert len(desk.questions) == asked
            desk.wire.details.append(stock(77, "NOSUCH"))
            desk.clock.advance(timedelta(days=1))
            assert (await desk.catalog.resolve(ContractKey("NOSUCH"))).conid == 77

        run(scenario)

    def test_text_that_is_no_key_is_refused_without_a_question(self) -> None:
        async def scenario(desk: Desk) -> None:
            with pytest.raises(InvalidInput, match="no symbol"):
                await desk.catalog.resolve(ContractKey("not/a symbol"))
            assert desk.questions == []

        run(scenario)

    def test_a_contract_made_by_hand_gets_its_conid(self) -> None:
        async def scenario(desk: Desk) -> None:
            by_hand = option_contract("SPXW", EXPIRY, Right.PUT, Decimal(6000))
            sent = await desk.catalog.con_id_of(by_hand)
            assert (sent.con_id, sent.exchange, sent.local_symbol) == (2, "SMART", SPXW_KEY)
            with pytest.raises(InvalidInput, match="not listed"):
                await desk.catalog.con_id_of(option_contract("SPXW", EXPIRY, Right.PUT, Decimal(1)))

        run(scenario)

    def test_an_index_the_desk_takes_for_a_share_is_found_as_an_index(self) -> None:
        async def scenario(desk: Desk) -> None:
            desk.wire.details.append(index(888, "OEX"))
            sent = await desk.catalog.con_id_of(underlying_contract("OEX"))
            assert (sent.con_id, sent.sec_type) == (888, "IND")
            assert (await desk.catalog.resolve(ContractKey("OEX"))).kind is InstrumentKind.INDEX

        run(scenario)

    def test_the_us_listing_of_a_share_is_taken_and_two_of_them_are_refused(self) -> None:
        async def scenario(desk: Desk) -> None:
            desk.wire.details += [stock(81, "DUAL", primary="LSEETF"), stock(82, "DUAL", primary="NYSE")]
            assert (await desk.catalog.resolve(ContractKey("DUAL"))).conid == 82
            desk.wire.details += [stock(83, "TWIN", primary="NYSE"), stock(84, "TWIN", primary="NASDAQ")]
            with pytest.raises(InvalidInput, match="more than once"):
                await desk.catalog.resolve(ContractKey("TWIN"))

        run(scenario)

    def test_of_two_decades_futures_with_one_name_the_nearer_has_the_key(self) -> None:
        async def scenario(desk: Desk) -> None:
            await desk.catalog.contract(IbContract(500, "ES", "FUT"))
            far = await desk.catalog.contract(IbContract(501, "ES", "FUT"))
            assert far.key == "/ESZ6"
            assert (await desk.catalog.con_id_of(far)).con_id == 500

        run(scenario)

    def test_a_listing_that_cannot_be_represented_says_so(self) -> None:
        async def scenario(desk: Desk) -> None:
            told = stock(85, "SAPX")
            desk.wire.details.append(replace(told, price_magnifier=100))
            with pytest.raises(InvalidInput, match="1/100"):
                await desk.catalog.resolve(ContractKey("SAPX"))

        run(scenario)


class TestTicks:
    def test_one_leg_has_the_market_rules_tick_and_a_package_the_complex_orders(self) -> None:
        async def scenario(desk: Desk) -> None:
            put = option_contract("SPXW", EXPIRY, Right.PUT, Decimal(6000))
            call = option_contract("SPXW", EXPIRY, Right.CALL, Decimal(6000))
            assert await desk.catalog.net_tick_rule((OrderLeg(put, Action.BUY, 1),)) == NICKEL_DIME
            straddle = (OrderLeg(put, Action.SELL, 1), OrderLeg(call, Action.SELL, 1))
            assert await desk.catalog.net_tick_rule(straddle) == NICKEL
            # TWS has no rule for AAPL here: the product's own stands.
            aapl = await desk.catalog.resolve(ContractKey("AAPL"))
            assert await desk.catalog.net_tick_rule((OrderLeg(aapl, Action.BUY, 100),)) == PENNY
            with pytest.raises(InvalidInput):
                await desk.catalog.net_tick_rule(())

        run(scenario)


def test_the_names_to_browse_are_the_known_ones_the_front_futures_and_the_books_own() -> None:
    async def scenario(desk: Desk) -> None:
        names = await desk.catalog.underlyings()
        assert names[:3] == ("SPX", "XSP", "SPY")
        assert {"/ESZ6", "/NQZ6", "TLT"} <= set(names)
        assert "BRK B" not in names
        await desk.catalog.resolve(contract_of_occ("BRKB  261218C00500000").key)
        names = await desk.catalog.underlyings()
        assert "BRK B" in names
        assert len(set(names)) == len(names)

    run(scenario)
