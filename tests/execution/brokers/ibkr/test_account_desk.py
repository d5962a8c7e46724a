"""Positions from TWS as they are read: in shares, unreadable ones listed, gone ones gone."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from execution.brokers.ibkr.facts import PortfolioFact
from execution.brokers.ibkr.settings import IbkrSettings
from models.contract import contract_of_occ, underlying_contract
from models.enums import BrokerName
from models.ids import AccountId
from tests.execution.brokers.ibkr.account_stage import AAPL, ACCOUNT, LEGS, Stage, held, play
from tests.execution.brokers.ibkr.fake_catalog import ib
from tests.execution.brokers.ibkr.virtual_time import START_UTC


def test_the_average_price_is_the_cost_of_one_share_with_the_contracts_own_multiplier() -> None:
    adjusted = contract_of_occ("AAPL1 260605C00100000", conid=77, multiplier=Decimal(50))

    async def scene(stage: Stage) -> None:
        stage.catalog.known[77] = adjusted
        await stage.hold(LEGS[0], -3, "1412.3533")
        await stage.hold(AAPL, 100, "181.25")
        await stage.hold(adjusted, 2, "125")
        found = {one.contract.key: one for one in stage.desk.positions(ACCOUNT, START_UTC)}
        assert found[LEGS[0].key].average_price == Decimal("14.123533")
        assert found[LEGS[0].key].quantity == -3
        assert found[AAPL.key].average_price == Decimal("181.25")
        assert found[adjusted.key].average_price == Decimal("2.5")
        assert {one.at_utc for one in found.values()} == {START_UTC}
        assert {one.broker for one in found.values()} == {BrokerName.IBKR}

    play(scene)


def test_quantity_zero_is_gone() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        await stage.hold(AAPL, 0)
        assert stage.read() == {}

    play(scene)


def test_an_account_nobody_asked_for_is_passed_over() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100, account=AccountId("DU999"))
        await stage.hold(AAPL, 50)
        assert stage.desk.positions(AccountId("DU999"), START_UTC) == ()
        assert stage.read() == held((AAPL, 50))

    play(scene, lambda: Stage(IbkrSettings(accounts=frozenset({ACCOUNT}))))


def test_a_cost_tws_does_not_tell_is_lent_by_the_portfolio_and_else_said_to_be_unknown() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100, None)
        await stage.hold(LEGS[0], 1, None)
        portfolio = PortfolioFact(ACCOUNT, ib(LEGS[0]), Decimal(1), None, None, Decimal(300), None, None)
        await stage.desk.take(portfolio)
        prices = {one.contract.key: one.average_price for one in stage.desk.positions(ACCOUNT, START_UTC)}
        assert prices == {AAPL.key: 0, LEGS[0].key: 3}
        stage.read()
        assert len(stage.words()) == 1
        assert "does not say what AAPL cost" in stage.words()[0]

    play(scene)


def test_the_portfolio_stands_in_only_until_the_positions_speak() -> None:
    async def scene(stage: Stage) -> None:
        await stage.desk.take(PortfolioFact(ACCOUNT, ib(AAPL), Decimal(10), None, None, Decimal(180), None, None))
        assert stage.read() == held((AAPL, 10))
        await stage.hold(AAPL, 12)
        await stage.desk.take(PortfolioFact(ACCOUNT, ib(AAPL), Decimal(10), None, None, Decimal(180), None, None))
        assert stage.read() == held((AAPL, 12))

    play(scene)


def test_what_tws_does_not_name_when_it_names_all_is_gone_and_what_comes_meanwhile_stays() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        await stage.hold(LEGS[0], 1)
        stage.read()
        stage.desk.lost()
        stage.desk.positions_asked()
        await stage.hold(LEGS[0], 1)
        await stage.hold(LEGS[1], 5)
        stage.desk.positions_answered()
        assert stage.read() == held((LEGS[0], 1), (LEGS[1], 5))

    play(scene)


def test_two_questions_for_all_positions_at_a_time_lose_none() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        await stage.hold(LEGS[0], 1)
        stage.desk.positions_asked()
        await stage.hold(AAPL, 100)
        stage.desk.positions_asked()
        await stage.hold(LEGS[0], 1)
        stage.desk.positions_answered()
        assert stage.read() == held((AAPL, 100), (LEGS[0], 1))
        stage.desk.positions_answered()
        assert stage.read() == held((AAPL, 100), (LEGS[0], 1))

    play(scene)


def test_a_question_that_a_lost_link_cut_off_confirms_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        await stage.hold(LEGS[0], 1)
        stage.desk.positions_asked()
        await stage.hold(AAPL, 100)
        stage.desk.lost()
        stage.desk.positions_answered()
        assert stage.read() == held((AAPL, 100), (LEGS[0], 1))
        stage.desk.positions_asked()
        await stage.hold(LEGS[0], 1)
        stage.desk.positions_answered()
        assert stage.read() == held((LEGS[0], 1))

    play(scene)


# --- contracts nobody knows ------------------------------------------------------------------------------------------


def test_an_unreadable_contract_is_listed_once_and_the_rest_is_told() -> None:
    strange = underlying_contract("WEIRD", conid=666)

    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        for quantity in range(1, 6):
            await stage.hold(strange, quantity)
            await stage.desk.settled()
            await asyncio.sleep(10)
        assert stage.read() == held((AAPL, 100))
        assert len(stage.words()) == 1
        assert "DU100 holds 1 of WEIRD (contract 666), which the desk cannot read" in stage.words()[0]
        await stage.hold(strange, 1, account=AccountId("DU200"))
        await stage.desk.settled()
        assert len(stage.words()) == 2

    play(scene)


def test_a_contract_about_which_tws_is_silent_is_listed_and_comes_in_when_it_answers() -> None:
    async def scene(stage: Stage) -> None:
        stage.catalog.known.clear()
        stage.catalog.silent = {AAPL.conid}
        await stage.hold(AAPL, 100)
        await stage.hold(LEGS[0], 1)
        await stage.desk.settled()
        assert stage.read() == held((LEGS[0], 1))
        assert len(stage.words()) == 1
        await stage.hold(AAPL, 120)
        stage.catalog.silent = set()
        await asyncio.sleep(20)
        assert stage.told()[-1] == held((LEGS[0], 1), (AAPL, 120))
        assert len(stage.words()) == 1

    play(scene)


def test_taking_a_position_never_waits_for_tws() -> None:
    async def scene(stage: Stage) -> None:
        stage.catalog.known.clear()
        stage.catalog.answer_s = 10.0
        before = asyncio.get_running_loop().time()
        await stage.hold(AAPL, 100)
        assert asyncio.get_running_loop().time() == before
        await stage.desk.settled()
        assert stage.read() == held((AAPL, 100))

    play(scene)
