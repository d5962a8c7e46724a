"""Contracts, option classes and price rules as the simulated TWS tells them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.paper.synthetic import SyntheticMarket
from models.contract import Contract, option_contract
from models.enums import Right
from models.ids import ContractKey
from tests.execution.brokers.paper.desk import START
from tests.execution.brokers.paper.fake_market import EXPIRY, HandMarket, spxw
from tests.simulators.tws.con_ids import ConIds
from tests.simulators.tws.contracts import WireContract
from tests.simulators.tws.listing import Listing, Refusal
from tests.simulators.tws.naming import increments, last_trade_date, wire_contract
from tests.simulators.tws.stage import Stage, errors, of, play


def _listing(market: Any = None) -> Listing:
    return Listing(market or HandMarket(START), ConIds(lambda name: None))


def test_ids_are_the_same_in_every_simulator_and_lie_where_real_ones_do() -> None:
    keys = [spxw(strike, right).key for strike in range(6000, 8001, 50) for right in "CP"]
    one, two = ConIds(lambda name: None), ConIds(lambda name: None)
    ids = [one.of(key) for key in keys]
    assert ids == [two.of(key) for key in reversed(keys)][::-1]
    assert len(set(ids)) == len(keys)
    assert all(100_000_000 <= con_id < 2**31 for con_id in ids)


def test_two_keys_of_one_checksum_keep_ids_of_their_own_over_a_restart() -> None:
    kept: dict[str, str] = {}
    first = ConIds(kept.get)
    key = ContractKey("AAPL")
    con_id = first.of(key)
    kept.update(first.take_fresh())
    kept[f"tws-conid-{con_id}"] = "SOMETHING ELSE"
    again = ConIds(kept.get)
    other = again.of(key)
    assert other != con_id
    assert again.key(con_id) == "SOMETHING ELSE"
    kept.update(again.take_fresh())
    assert ConIds(kept.get).of(key) == other
    assert ConIds(kept.get).key(other) == key


def test_am_settled_options_trade_last_on_the_business_day_before() -> None:
    thursday = option_contract("SPX", EXPIRY, Right.PUT, Decimal(7000))
    # Juneteenth 2025 is a Thursday: the last day is Wednesday.
    wednesday = option_contract("SPX", date(2025, 6, 20), Right.PUT, Decimal(6000))
    assert last_trade_date(thursday) == date(2026, 12, 17)
    assert last_trade_date(wednesday) == date(2025, 6, 18)
    assert last_trade_date(spxw(7000, "P")) == EXPIRY


def test_the_am_class_is_found_by_its_thursday_and_tells_the_friday(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        asked = stage.lib.Option("SPX", "20261217", 7000.0, "C", "SMART", tradingClass="SPX")
        (details,) = await ib.reqContractDetailsAsync(asked)
        assert details.contract.lastTradeDateOrContractMonth == "20261217"
        assert details.realExpirationDate == "20261218"
        assert details.underConId == stage.con_id(_resolved(stage, "SPX"))
        assert (
            await ib.reqContractDetailsAsync(
                stage.lib.Option("SPX", "20261218", 7000.0, "C", "SMART", tradingClass="SPX")
            )
            == []
        )

    play(tmp_path, scenario)


def _resolved(stage: Stage, symbol: str) -> Contract:
    found = stage.market.resolve(ContractKey(symbol))
    assert found is not None
    return found


def test_a_month_alone_is_ambiguous_between_class_and_dates(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        found = await ib.reqContractDetailsAsync(stage.lib.Option("SPX", "202612", 7000.0, "C", "SMART"))
        assert {(one.contract.tradingClass, one.contract.lastTradeDateOrContractMonth) for one in found} == {
            ("SPX", "20261217"),
            ("SPXW", "20261218"),
        }

    play(tmp_path, scenario)


def test_a_date_and_a_class_without_strike_and_right_mean_the_whole_chain(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        asked = stage.lib.Contract(
            secType="OPT", symbol="SPX", exchange="SMART", tradingClass="SPXW", lastTradeDateOrContractMonth="20261218"
        )
        found = await ib.reqContractDetailsAsync(asked)
        assert len(found) == 82
        first = found[0]
        rules = dict(zip(first.validExchanges.split(","), first.marketRuleIds.split(","), strict=True))
        assert rules["SMART"] == "110"
        assert rules["IBUSOPT"] != rules["SMART"]
        assert first.minTick == 0.05
        assert first.contract.multiplier == "100"
        assert first.contract.localSymbol == "SPXW  261218C06000000"

    play(tmp_path, scenario)


def test_an_unknown_contract_is_error_200_and_an_end(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw()
        client.send(9, 8, 5, 0, "NOPE", "STK", *("",) * 4, "SMART", "", "USD", "", "", 0, "", "", "")
        told = await client.sync()
        assert errors(told) == [(5, 200)]
        assert of(told, 52) == [("52", "1", "5")]

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (WireContract(sec_type="BAG", symbol="SPX"), 321),
        (WireContract(symbol="SPX"), 321),
        (WireContract(con_id=5), 200),
        (WireContract(symbol="ES", sec_type="FUT", exchange="SMART"), 200),
        (WireContract(symbol="AAPL", sec_type="STK", currency="EUR"), 200),
    ],
)
def test_questions_that_cannot_be_answered_have_their_code(asked: WireContract, code: int) -> None:
    with pytest.raises(Refusal) as caught:
        _listing().find(asked, START)
    assert caught.value.code == code


def test_a_contract_id_with_another_date_conflicts() -> None:
    listing = _listing()
    con_id = listing.con_ids.of(spxw(7000, "P").key)
    assert listing.find(WireContract(con_id, last_trade="202612"), START) == [spxw(7000, "P")]
    with pytest.raises(Refusal) as caught:
        listing.find(WireContract(con_id, last_trade="20270115"), START)
    assert caught.value.code == 478


def test_an_order_needs_an_exchange_and_one_contract() -> None:
    listing = _listing()
    con_id = listing.con_ids.of(spxw(7000, "P").key)
    assert listing.one(WireContract(con_id, exchange="SMART"), START) == spxw(7000, "P")
    for asked, code in (
        (WireContract(con_id), 321),
        (WireContract(symbol="SPX", sec_type="OPT", last_trade="20261218", exchange="SMART"), 200),
    ):
        with pytest.raises(Refusal) as caught:
            listing.one(asked, START)
        assert caught.value.code == code


def test_strikes_of_a_class_are_the_union_over_its_dates() -> None:
    listing = _listing(SyntheticMarket(seed=7, start_utc=START))
    _, classes = listing.classes(listing.con_ids.of(ContractKey("AAPL")), START)
    (one,) = classes
    asked = WireContract(symbol="AAPL", sec_type="OPT", last_trade=one.expirations[-1], exchange="SMART", right="C")
    listed = {found.strike for found in listing.find(asked, START)}
    assert listed < set(one.strikes)
    assert list(one.expirations) == sorted(set(one.expirations))


def test_classes_are_told_once_an_exchange(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        con_id = stage.con_id(_resolved(stage, "SPX"))
        rows = await ib.reqSecDefOptParamsAsync("SPX", "", "IND", con_id)
        assert {(row.exchange, row.tradingClass) for row in rows} == {
            (exchange, name) for exchange in ("SMART", "CBOE") for name in ("SPX", "SPXW")
        }
        am = next(row for row in rows if row.tradingClass == "SPX")
        assert am.expirations == ["20261217"]

    play(tmp_path, scenario)


def test_futures_and_their_options_are_found_on_their_exchange(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        (front, *later) = await ib.reqContractDetailsAsync(stage.lib.Future("ES", exchange="CME"))
        assert (front.contract.localSymbol, front.contract.multiplier) == ("ESZ6", "50")
        assert len(later) > 4
        rows = await ib.reqSecDefOptParamsAsync("ES", "CME", "FUT", front.contract.conId)
        row = rows[0]
        asked = stage.lib.FuturesOption("ES", row.expirations[0], row.strikes[10], "P", "CME")
        asked.tradingClass = row.tradingClass
        (option,) = await ib.reqContractDetailsAsync(asked)
        assert option.underConId == front.contract.conId
        assert option.contract.secType == "FOP"
        assert option.contract.localSymbol.startswith(row.tradingClass)
        by_id = await ib.reqContractDetailsAsync(stage.lib.Contract(conId=option.contract.conId))
        assert by_id[0].contract.localSymbol == option.contract.localSymbol

    play(tmp_path, scenario, market=SyntheticMarket(seed=7, start_utc=START))


def test_price_rules_answer_by_number(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        steps = await ib.reqMarketRuleAsync(110)
        assert [(step.lowEdge, step.increment) for step in steps] == [(0.0, 0.05), (3.0, 0.1)]
        client = await stage.raw()
        client.send(91, 4711)
        assert errors(await client.sync()) == [(-1, 321)]

    play(tmp_path, scenario)


def test_a_rule_of_one_step_has_one_edge() -> None:
    assert increments(26) == ((Decimal(0), Decimal("0.01")),)
    assert increments(1) is None


def test_every_contract_of_the_synthetic_market_is_found_again_by_its_own_words() -> None:
    market = SyntheticMarket(seed=7, start_utc=START)
    listing = _listing(market)
    for symbol in market.underlyings():
        under = market.resolve(ContractKey(symbol))
        assert under is not None
        assert listing.find(wire_contract(under, 0), START) == [under]
        expiries = market.expiries(symbol, START)
        for expiry in expiries[:: max(len(expiries) // 3, 1)]:
            for contract in market.chain(expiry)[::40]:
                assert listing.find(wire_contract(contract, 0), START) == [contract]
                assert listing.by_id(listing.con_ids.of(contract.key)) == contract
