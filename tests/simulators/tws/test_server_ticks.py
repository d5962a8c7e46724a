"""Market data lines of the simulated TWS: quotes, Greeks, limits, and data that is late or absent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.paper.synthetic import SyntheticMarket
from models.contract import underlying_contract
from tests.execution.brokers.paper.desk import START
from tests.execution.brokers.paper.fake_market import spxw
from tests.simulators.tws.habits import GreeksHabit
from tests.simulators.tws.stage import Message, RawClient, Stage, errors, of, play

_OPTION = spxw(7000, "C")
_SPX = underlying_contract("SPX")


def _subscribe(stage: Stage, client: RawClient, req_id: int, *, generic: str = "", snapshot: int = 0) -> None:
    con_id = stage.con_id(_OPTION)
    client.send(1, 11, req_id, con_id, *("",) * 6, "SMART", *("",) * 4, 0, generic, snapshot, 0, "")


def _prices(messages: Sequence[Message]) -> dict[int, str]:
    return {int(message[3]): message[4] for message in of(messages, 1)}


async def _ticker(stage: Stage, ib: Any, contract: Any, generic: str = "") -> Any:
    ticker = ib.reqMktData(contract, generic)
    await ib.reqCurrentTimeAsync()
    return ticker


def test_a_line_begins_with_its_parameters_then_quote_and_greeks(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw()
        _subscribe(stage, client, 5)
        told = await client.sync()
        assert [message[0] for message in told[:2]] == ["81", "58"]
        assert told[0][2] == "0.05"
        quote = stage.market.quotes([_OPTION], START)[0]
        assert _prices(told) == {1: str(quote.bid), 2: str(quote.ask)}
        (greeks,) = of(told, 21)
        assert greeks[2] == "13"
        assert 0 < float(greeks[5]) < 1

    play(tmp_path, scenario)


def test_only_what_changed_is_sent(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw()
        _subscribe(stage, client, 5)
        await client.sync()
        stage.pass_time(0.5)
        assert of(await client.sync(), 1, 2) == []
        stage.hand.set_quote(_OPTION, "100.00", "210.20", bid_size=7)
        stage.pass_time(0.25)
        told = await client.sync()
        assert _prices(told) == {1: "100.00"}
        assert of(told, 2) == [("2", "6", "5", "0", "7")]
        client.send(2, 2, 5)
        stage.hand.set_quote(_OPTION, "101.00", "210.20")
        await client.sync()
        stage.pass_time(0.5)
        assert await client.sync() == []

    play(tmp_path, scenario)


def test_a_side_that_is_gone_is_minus_one_and_a_zero_bid_is_zero(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw()
        stage.hand.set_quote(_OPTION, "0", None)
        _subscribe(stage, client, 5)
        assert _prices(await client.sync()) == {1: "0", 2: "-1"}

    play(tmp_path, scenario)


def test_an_index_has_a_level_and_no_market(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        ticker = await _ticker(stage, ib, stage.lib.Contract(conId=stage.con_id(_SPX), exchange="CBOE"))
        assert (ticker.bid, ticker.ask, ticker.last) == (-1, -1, 7000.0)

    play(tmp_path, scenario)


def test_generic_ticks_come_when_they_are_asked_for(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        plain = await _ticker(stage, ib, stage.option(spxw(7050, "P")))
        full = await _ticker(stage, ib, stage.option(_OPTION), "100,101,106,221")
        assert math.isnan(plain.putOpenInterest)
        assert full.callOpenInterest > 0
        assert full.callVolume >= 0
        assert full.impliedVolatility == pytest.approx(full.modelGreeks.impliedVol)
        assert full.markPrice == pytest.approx((full.bid + full.ask) / 2)

    play(tmp_path, scenario)


def test_model_greeks_are_those_of_the_market(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        call = await _ticker(stage, ib, stage.option(spxw(7000, "C")))
        put = await _ticker(stage, ib, stage.option(spxw(7000, "P")))
        assert call.modelGreeks.delta - put.modelGreeks.delta == pytest.approx(1.0, abs=0.01)
        assert call.modelGreeks.vega == pytest.approx(put.modelGreeks.vega)
        assert call.modelGreeks.theta < 0 < call.modelGreeks.gamma
        assert call.modelGreeks.undPrice == 7000.0

    play(tmp_path, scenario)


@pytest.mark.parametrize(("habit", "lines"), [(GreeksHabit.NOT_COMPUTED, 1), (GreeksHabit.ABSENT, 0)])
def test_greeks_may_be_uncomputed_or_absent(tmp_path: Path, habit: GreeksHabit, lines: int) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.greeks = habit
        client = await stage.raw()
        _subscribe(stage, client, 5)
        told = of(await client.sync(), 21)
        assert len(told) == lines
        assert all(message[4:] == ("-1", "-2", "-1", "-1", "-2", "-2", "-2", "-1") for message in told)

    play(tmp_path, scenario)


def test_greeks_come_no_more_often_than_a_second(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw()
        _subscribe(stage, client, 5)
        await client.sync()
        stage.pass_time(3)
        assert len(of(await client.sync(), 21)) == 3

    play(tmp_path, scenario)


def test_the_line_after_the_last_is_refused_until_one_is_closed(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.max_lines = 2
        client = await stage.raw(31)
        for req_id in (5, 6, 7):
            _subscribe(stage, client, req_id)
        assert errors(await client.sync()) == [(7, 101)]
        assert stage.sim.lines_of(31) == 2
        client.send(2, 2, 5)
        _subscribe(stage, client, 8)
        client.send(2, 2, 99)
        assert errors(await client.sync()) == [(99, 300)]
        other = await stage.raw(32)
        _subscribe(stage, other, 5)
        assert errors(await other.sync()) == [(5, 101)]
        client.send(2, 2, 6)
        _subscribe(stage, client, 8)
        assert errors(await client.sync()) == [(8, 322)]

    play(tmp_path, scenario)


def test_one_contract_asked_for_twice_takes_two_lines(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        for con_id in (stage.con_id(_OPTION),) * 2:
            ib.client.reqMktData(
                ib.client.getReqId(), stage.lib.Contract(conId=con_id, exchange="SMART"), "", False, False, []
            )
        await ib.reqCurrentTimeAsync()
        assert stage.sim.lines_of(17) == 2

    play(tmp_path, scenario)


def test_a_client_that_goes_takes_its_lines_along(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw(31)
        _subscribe(stage, client, 5)
        await client.sync()
        await client.hang_up()
        other = await stage.raw(31)
        assert stage.sim.lines_of(31) == 0
        await other.sync()

    play(tmp_path, scenario)


def test_a_snapshot_ends_and_leaves_no_line(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw(31)
        _subscribe(stage, client, 5, snapshot=1)
        told = await client.sync()
        assert told[-1] == ("57", "1", "5")
        assert 1 in _prices(told)
        assert stage.sim.lines_of(31) == 0

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("wanted", "enabled", "code", "kind"), [(1, True, 354, None), (3, True, 10167, 3), (3, False, 10168, None)]
)
def test_without_a_subscription_data_is_late_or_absent(
    tmp_path: Path, wanted: int, code: int, kind: int | None, *, enabled: bool
) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.not_subscribed.add("SPX")
        stage.habits.delayed_enabled = enabled
        client = await stage.raw()
        client.send(59, 1, wanted)
        _subscribe(stage, client, 5)
        told = await client.sync()
        assert errors(told) == [(5, code)]
        assert [message[3] for message in of(told, 58)] == ([] if kind is None else [str(kind)])
        assert set(_prices(told)) == (set() if kind is None else {66, 67})
        assert {message[2] for message in of(told, 21)} == (set() if kind is None else {"83"})

    play(tmp_path, scenario)


def test_live_data_stays_live_for_a_client_that_would_take_delayed(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        ib.reqMarketDataType(3)
        ticker = await _ticker(stage, ib, stage.option(_OPTION))
        assert ticker.marketDataType == 1
        assert ticker.bid > 0

    play(tmp_path, scenario)


def test_a_competing_session_takes_the_data(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.competing_session = True
        client = await stage.raw()
        _subscribe(stage, client, 5)
        told = await client.sync()
        assert errors(told) == [(5, 10197)]
        stage.pass_time(1)
        assert of(await client.sync(), 1, 2, 21) == []

    play(tmp_path, scenario)


@pytest.mark.parametrize(("code", "flows"), [(10090, True), (10089, False), (10091, False)])
def test_a_partial_subscription_is_told_and_10090_flows_on(tmp_path: Path, code: int, *, flows: bool) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.line_errors["SPX"] = code
        client = await stage.raw()
        _subscribe(stage, client, 5)
        told = await client.sync()
        assert errors(told) == [(5, code)]
        assert bool(_prices(told)) is flows

    play(tmp_path, scenario)


def test_a_line_needs_a_contract_and_an_exchange(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw()
        client.send(1, 11, 5, stage.con_id(_OPTION), *("",) * 11, 0, "", 0, 0, "")
        client.send(1, 11, 6, 77, *("",) * 6, "SMART", *("",) * 4, 0, "", 0, 0, "")
        assert errors(await client.sync()) == [(5, 321), (6, 200)]

    play(tmp_path, scenario)


def test_a_hundred_lines_of_the_synthetic_market_flow_to_the_library(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        expiry = next(one for one in stage.market.expiries("SPX", START) if one.root == "SPXW")
        near = [one for one in stage.market.chain(expiry) if one.strike is not None and 7200 < one.strike < 7700]
        tickers = [ib.reqMktData(stage.option(contract)) for contract in near[:100]]
        await ib.reqCurrentTimeAsync()
        assert stage.sim.lines_of(17) == 100
        before = [(ticker.bid, ticker.ask) for ticker in tickers]
        stage.pass_time(2)
        await ib.reqCurrentTimeAsync()
        assert sum(old != (now.bid, now.ask) for old, now in zip(before, tickers, strict=True)) > 20
        assert all(ticker.modelGreeks is not None for ticker in tickers)
        assert all(ticker.close > 0 for ticker in tickers)

    play(tmp_path, scenario, market=SyntheticMarket(seed=7, start_utc=START))
