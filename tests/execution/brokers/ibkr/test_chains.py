from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from execution.brokers.ibkr.catalog import ContractCatalog
from execution.brokers.ibkr.chains import expiry_of_last_trade
from execution.brokers.ibkr.facts import IbContract
from execution.brokers.port import ChainExpiry
from models.clock import ManualClock
from models.enums import Right, Settlement
from models.errors import BrokerFailure, FailureKind, InvalidInput
from models.ids import ContractKey
from tests.execution.brokers.ibkr.fake_wire import FakeWire
from tests.execution.brokers.ibkr.listings import future, future_option, index, option, params, stock

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
EXPIRY = date(2026, 12, 18)
SPX = (416904, "SPX", "IND")
VIX = (13455763, "VIX", "IND")
DJX = (900, "DJX", "IND")
AAPL = (265598, "AAPL", "STK")
AM = ChainExpiry("SPX", "SPX", EXPIRY, Settlement.AM)
PM = ChainExpiry("SPX", "SPXW", EXPIRY, Settlement.PM)


@dataclass(slots=True)
class Desk:
    clock: ManualClock
    wire: FakeWire
    catalog: ContractCatalog

    def asked(self, what: str) -> list[object]:
        return [about for name, about in self.wire.asked if name == what]

    @property
    def option_questions(self) -> list[IbContract]:
        found = [one for one in self.asked("contract_details") if isinstance(one, IbContract)]
        return [one for one in found if one.sec_type in ("OPT", "FOP")]


def run(scenario: Callable[[Desk], Awaitable[None]]) -> None:
    async def whole() -> None:
        clock = ManualClock(NOON)
        wire = FakeWire(clock)
        es = future(500, "ES", 2026, 12, date(2026, 12, 18))
        later = future(502, "ES", 2027, 3, date(2027, 3, 19))
        wire.details += [index(416904, "SPX"), index(13455763, "VIX"), index(900, "DJX"), stock(265598, "AAPL")]
        wire.details += [stock(77, "PLAIN"), es, later]
        wire.details += [
            option(1, "SPX", EXPIRY, "P", "6000", under=SPX, last_trade=date(2026, 12, 17)),
            option(2, "SPX", EXPIRY, "C", "6000", under=SPX, last_trade=date(2026, 12, 17)),
            option(11, "SPXW", EXPIRY, "P", "6000", under=SPX),
            option(12, "SPXW", EXPIRY, "C", "6000", under=SPX),
            option(13, "SPXW", EXPIRY, "P", "5900", under=SPX),
            option(14, "SPXW", EXPIRY, "C", "5900", under=SPX),
            option(15, "SPXW", EXPIRY, "C", "12000", under=SPX),
            option(16, "SPXW", date(2026, 12, 21), "C", "6100", under=SPX),
            option(21, "VIX", date(2026, 12, 16), "C", "20", under=VIX, last_trade=date(2026, 12, 15)),
            option(31, "DJX", EXPIRY, "C", "450", under=DJX, last_trade=date(2026, 12, 17)),
            option(41, "AAPL", EXPIRY, "C", "300", under=AAPL),
            option(42, "AAPL7", EXPIRY, "C", "300", under=AAPL, multiplier="150"),
            future_option(601, es, "E1A", "E1AZ6", date(2026, 12, 4), "P", "6700"),
            future_option(602, es, "E1A", "E1AZ6", date(2026, 12, 4), "C", "6700"),
            future_option(603, later, "E1A", "E1AZ6", date(2026, 12, 4), "C", "6800"),
            future_option(604, es, "ES", "ESZ6", date(2026, 12, 18), "C", "6700"),
        ]
        dates = ("20261218", "20261221", "20261119")
        wire.params["SPX"] = (
            params("SPXW", dates, under_con_id=416904, strikes=("5900", "5950", "6000", "6100", "12000")),
            params("SPX", ("20261217", "20261210"), under_con_id=416904, strikes=("6000",)),
            params("SPXW", ("20991231",), under_con_id=416904, exchange="CBOE"),
        )
        wire.params["VIX"] = (params("VIX", ("20261215",), under_con_id=13455763),)
        wire.params["DJX"] = (params("DJX", ("20261217",), under_con_id=900),)
        wire.params["AAPL"] = (
            params("AAPL", ("20261218",), under_con_id=265598),
            params("AAPL7", ("20261218",), under_con_id=265598),
            params("2AAPL", ("20261218",), under_con_id=265598),
        )
        wire.params["ES"] = (
            params("E1A", ("20261204",), under_con_id=500, exchange="CME"),
            params("ES", ("20261218",), under_con_id=500, exchange="CME"),
            params("EW1", ("20270305",), under_con_id=502, exchange="CME"),
        )
        await scenario(Desk(clock, wire, ContractCatalog(lambda: wire, clock)))

    asyncio.run(whole())


def timeout() -> BrokerFailure:
    return BrokerFailure(FailureKind.TIMEOUT, "TWS did not answer.", broker="IBKR")


class TestExpiries:
    def test_am_and_pm_of_one_date_are_two_in_date_order_and_the_past_is_left_out(self) -> None:
        async def scenario(desk: Desk) -> None:
            listed = await desk.catalog.expiries("spx ")
            assert listed == (
                ChainExpiry("SPX", "SPX", date(2026, 12, 11), Settlement.AM),
                AM,
                PM,
                ChainExpiry("SPX", "SPXW", date(2026, 12, 21), Settlement.PM),
            )

        run(scenario)

    def test_vix_trades_last_the_day_before_its_wednesday(self) -> None:
        async def scenario(desk: Desk) -> None:
            (listed,) = await desk.catalog.expiries("VIX")
            assert (listed.expiry, listed.settlement) == (date(2026, 12, 16), Settlement.AM)
            (call,) = await desk.catalog.chain(listed)
            assert call.key == "VIX   261216C00020000"

        run(scenario)

    def test_the_settlement_of_an_unknown_index_class_is_asked_for(self) -> None:
        async def scenario(desk: Desk) -> None:
            (listed,) = await desk.catalog.expiries("DJX")
            assert (listed.expiry, listed.settlement) == (EXPIRY, Settlement.AM)
            (call,) = await desk.catalog.chain(listed)
            assert (call.conid, call.settlement) == (31, Settlement.AM)
            assert len(desk.option_questions) == 1

        run(scenario)

    def test_adjusted_classes_are_listed_and_flexible_ones_are_not(self) -> None:
        async def scenario(desk: Desk) -> None:
            listed = await desk.catalog.expiries("AAPL")
            assert [one.root for one in listed] == ["AAPL", "AAPL7"]
            (call,) = await desk.catalog.chain(listed[1])
            assert (call.conid, call.multiplier) == (42, Decimal(150))

        run(scenario)

    def test_options_on_a_future_are_those_on_that_very_future(self) -> None:
        async def scenario(desk: Desk) -> None:
            listed = await desk.catalog.expiries("/ESZ6")
            assert listed == (
                ChainExpiry("/ESZ6", "E1A", date(2026, 12, 4), Settlement.PM),
                ChainExpiry("/ESZ6", "ES", EXPIRY, Settlement.AM),
            )
            weekly = await desk.catalog.chain(listed[0])
            assert [one.conid for one in weekly] == [602, 601]
            assert {one.underlying for one in weekly} == {"/ESZ6"}
            assert desk.option_questions[-1] == IbContract(
                0, "ES", "FOP", last_trade="20261204", exchange="CME", trading_class="E1A"
            )
            (quarterly,) = await desk.catalog.chain(listed[1])
            assert quarterly.settlement is Settlement.AM

        run(scenario)

    @pytest.mark.parametrize("symbol", ["NOSUCH", "PLAIN", "/ES", "/ZNZ6", "AAPL  261218C00300000", "", "??"])
    def test_what_has_no_options_is_refused(self, symbol: str) -> None:
        async def scenario(desk: Desk) -> None:
            with pytest.raises(InvalidInput):
                await desk.catalog.expiries(symbol)

        run(scenario)

    def test_one_question_a_day_however_many_ask_and_a_silent_one_is_asked_again(self) -> None:
        async def scenario(desk: Desk) -> None:
            desk.wire.failures["option_params"].append(timeout())
            with pytest.raises(BrokerFailure):
                await desk.catalog.expiries("SPX")
            desk.wire.gate = asyncio.Event()
            waiting = [asyncio.create_task(desk.catalog.expiries("SPX")) for _ in range(5)]
            await asyncio.sleep(0)
            desk.wire.gate.set()
            assert len(set(await asyncio.gather(*waiting))) == 1
            assert len(desk.asked("option_params")) == 2
            desk.clock.advance(timedelta(days=1))
            await desk.catalog.expiries("SPX")
            assert len(desk.asked("option_params")) == 3

        run(scenario)

    def test_dates_that_cannot_be_read_are_left_out(self) -> None:
        async def scenario(desk: Desk) -> None:
            desk.wire.params["AAPL"] = (params("AAPL", ("202612", "20261218"), under_con_id=265598),)
            assert [one.expiry for one in await desk.catalog.expiries("AAPL")] == [EXPIRY]

        run(scenario)

    def test_without_a_smart_row_the_exchanges_own_are_taken(self) -> None:
        async def scenario(desk: Desk) -> None:
            desk.wire.params["AAPL"] = (params("AAPL", ("20261218",), under_con_id=265598, exchange="CBOE"),)
            assert len(await desk.catalog.expiries("AAPL")) == 1

        run(scenario)


class TestChains:
    def test_a_chain_is_one_question_without_strike_in_the_order_of_the_port(self) -> None:
        async def scenario(desk: Desk) -> None:
            await desk.catalog.expiries("SPX")
            chain = await desk.catalog.chain(PM)
            assert [(one.strike, one.right) for one in chain] == [
                (Decimal(5900), Right.CALL),
                (Decimal(5900), Right.PUT),
                (Decimal(6000), Right.CALL),
                (Decimal(6000), Right.PUT),
                (Decimal(12000), Right.CALL),
            ]
            assert desk.option_questions == [
                IbContract(0, "SPX", "OPT", last_trade="20261218", exchange="SMART", trading_class="SPXW")
            ]

        run(scenario)

    def test_the_am_chain_is_asked_for_by_the_date_tws_listed(self) -> None:
        async def scenario(desk: Desk) -> None:
            await desk.catalog.expiries("SPX")
            assert [one.conid for one in await desk.catalog.chain(AM)] == [2, 1]
            assert [one.last_trade for one in desk.option_questions] == ["20261217"]

        run(scenario)

    def test_a_chain_can_be_wanted_without_its_listing(self) -> None:
        async def scenario(desk: Desk) -> None:
            assert [one.conid for one in await desk.catalog.chain(AM)] == [2, 1]
            assert [one.last_trade for one in desk.option_questions] == ["20261217"]

        run(scenario)

    def test_a_broker_that_lists_am_options_by_their_expiration_is_understood(self) -> None:
        async def scenario(desk: Desk) -> None:
            desk.wire.params["SPX"] = (params("SPX", ("20261218",), under_con_id=416904),)
            assert await desk.catalog.expiries("SPX") == (AM,)
            assert [one.conid for one in await desk.catalog.chain(AM)] == [2, 1]

        run(scenario)

    def test_a_chain_is_asked_for_once_a_day_and_its_contracts_need_no_question_of_their_own(self) -> None:
        async def scenario(desk: Desk) -> None:
            chains = await asyncio.gather(*(desk.catalog.chain(PM) for _ in range(4)))
            assert len(set(chains)) == 1
            asked = len(desk.wire.asked)
            for contract in chains[0]:
                assert await desk.catalog.resolve(contract.key) == contract
                assert (await desk.catalog.con_id_of(contract)).con_id == contract.conid
            assert await desk.catalog.chain(PM) == chains[0]
            assert len(desk.wire.asked) == asked
            desk.clock.advance(timedelta(days=1))
            await desk.catalog.chain(PM)
            assert len(desk.wire.asked) > asked

        run(scenario)

    def test_a_strike_of_the_union_that_the_date_does_not_have_is_remembered_as_dropped(self) -> None:
        async def scenario(desk: Desk) -> None:
            await desk.catalog.chain(PM)
            asked = len(desk.wire.asked)
            with pytest.raises(InvalidInput, match="not listed"):
                await desk.catalog.resolve(ContractKey("SPXW  261218C05950000"))
            assert len(desk.wire.asked) == asked
            desk.wire.details.append(option(19, "SPXW", EXPIRY, "C", "5950", under=SPX))
            desk.clock.advance(timedelta(days=1))
            assert (await desk.catalog.resolve(ContractKey("SPXW  261218C05950000"))).conid == 19

        run(scenario)

    def test_a_member_that_cannot_be_represented_is_left_out_and_the_rest_stands(self) -> None:
        async def scenario(desk: Desk) -> None:
            odd = option(17, "SPXW", EXPIRY, "C", "6200", under=SPX)
            desk.wire.details.append(replace(odd, contract=replace(odd.contract, multiplier="")))
            assert 17 not in {one.conid for one in await desk.catalog.chain(PM)}

        run(scenario)

    def test_a_date_without_contracts_is_refused_and_silence_is_a_failure(self) -> None:
        async def scenario(desk: Desk) -> None:
            with pytest.raises(InvalidInput, match="SPXW 22 Dec 2026 has no listed contracts"):
                await desk.catalog.chain(replace(PM, expiry=date(2026, 12, 22)))
            desk.wire.failures["contract_details"].append(timeout())
            with pytest.raises(BrokerFailure):
                await desk.catalog.chain(PM)
            assert len(await desk.catalog.chain(PM)) == 5

        run(scenario)


@pytest.mark.parametrize(
    ("day", "underlying", "expiry"),
    [
        (date(2026, 12, 17), "SPX", date(2026, 12, 18)),
        (date(2026, 12, 18), "SPX", date(2026, 12, 18)),
        (date(2026, 6, 17), "SPX", date(2026, 6, 18)),  # Juneteenth is the third Friday
        (date(2026, 6, 18), "SPX", date(2026, 6, 18)),
        (date(2025, 4, 16), "RUT", date(2025, 4, 17)),  # Good Friday is the third Friday
        (date(2026, 12, 15), "VIX", date(2026, 12, 16)),
        (date(2026, 12, 16), "VIX", date(2026, 12, 16)),
        (date(2024, 6, 17), "VIX", date(2024, 6, 18)),  # Wednesday is Juneteenth
        (date(2026, 11, 27), "SPX", date(2026, 11, 30)),  # a half day before a weekend
    ],
)
def test_the_expiration_follows_the_last_trade(day: date, underlying: str, expiry: date) -> None:
    assert expiry_of_last_trade(day, underlying) == expiry
