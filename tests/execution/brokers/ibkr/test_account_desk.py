"""Positions and money from TWS: never half of a combo, no other currency, nothing dropped silently."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from execution.brokers.ibkr.account_desk import AccountDesk
from execution.brokers.ibkr.facts import AccountValueFact, PortfolioFact, PositionFact
from execution.brokers.ibkr.settings import IbkrSettings
from execution.brokers.port import AccountEvent, BrokerEvent, OddObjectEvent, PositionsEvent
from execution.core import held_quantities
from models.account import AccountInfo
from models.contract import Contract, contract_of_occ, option_contract, underlying_contract
from models.enums import Action, BrokerName, Mode, Right
from models.ids import AccountId, BrokerOrderId, ContractKey, ExecutionId
from models.trade import Execution
from tests.execution.brokers.ibkr.fake_catalog import FakeCatalog, ib
from tests.execution.brokers.ibkr.virtual_time import START_UTC, LoopClock, run_virtually
from tests.execution.builders import core_at

ACCOUNT = AccountId("DU100")
EXPIRY = date(2026, 6, 5)
AAPL = underlying_contract("AAPL", conid=2)
LEGS = tuple(option_contract("SPXW", EXPIRY, Right.PUT, Decimal(strike), conid=strike) for strike in (6700, 6800, 6900))


def fill_of(contract: Contract, quantity: int, at_utc: datetime, number: int = 1, *, revision: int = 1) -> Execution:
    return Execution(
        broker=BrokerName.IBKR,
        account_id=ACCOUNT,
        execution_id=ExecutionId(f"0001.{number}"),
        broker_order_id=BrokerOrderId("77"),
        order_id=None,
        contract=contract,
        action=Action.BUY if quantity > 0 else Action.SELL,
        quantity=Decimal(abs(quantity)),
        price=Decimal("2.50"),
        executed_at_utc=at_utc,
        revision=revision,
    )


class Stage:
    """A desk of accounts and what it told."""

    def __init__(self, settings: IbkrSettings | None = None) -> None:
        self.clock = LoopClock()
        self.catalog = FakeCatalog(AAPL, *LEGS)
        self.catalog.know_all()
        self.events: list[BrokerEvent] = []
        self.desk = AccountDesk(
            catalog=self.catalog,
            clock=self.clock,
            settings=settings or IbkrSettings(),
            emit=self.events.append,
        )

    async def hold(
        self, contract: Contract, quantity: int, cost: str | None = "250", *, account: AccountId = ACCOUNT
    ) -> None:
        average = None if cost is None else Decimal(cost)
        await self.desk.take(PositionFact(account, ib(contract), Decimal(quantity), average))

    async def value(self, key: str, value: str, currency: str = "USD", *, account: AccountId = ACCOUNT) -> None:
        await self.desk.take(AccountValueFact(account, key, value, currency))

    def read(self, at_utc: datetime | None = None) -> dict[ContractKey, Decimal]:
        """What a snapshot would hold."""
        return held_quantities(self.desk.positions(ACCOUNT, at_utc or self.clock.now_utc().replace(microsecond=0)))

    def told(self) -> list[dict[ContractKey, Decimal]]:
        return [held_quantities(event.positions) for event in self.events if isinstance(event, PositionsEvent)]

    def words(self) -> list[str]:
        return [event.what for event in self.events if isinstance(event, OddObjectEvent)]

    def money(self) -> list[AccountEvent]:
        return [event for event in self.events if isinstance(event, AccountEvent)]


def play(scene: Callable[[Stage], Awaitable[None]], stage_of: Callable[[], Stage] = Stage) -> None:
    """Runs a scene while the desk's tasks run; what they raise ends the test."""

    async def run() -> None:
        stage = stage_of()
        running = asyncio.get_running_loop().create_task(stage.desk.run())
        try:
            await scene(stage)
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run_virtually(run())


def held(*pairs: tuple[Contract, int]) -> dict[ContractKey, Decimal]:
    return {contract.key: Decimal(quantity) for contract, quantity in pairs if quantity}


# --- positions as read -----------------------------------------------------------------------------------------------


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


# --- positions as told -----------------------------------------------------------------------------------------------


def test_nothing_is_told_by_event_before_a_snapshot_was_read() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        await asyncio.sleep(30)
        assert stage.events == []

    play(scene)


def test_the_same_word_again_is_no_news() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        stage.read()
        await stage.hold(AAPL, 100)
        await asyncio.sleep(30)
        assert stage.events == []

    play(scene)


@pytest.mark.parametrize("is_fill_first", [True, False])
def test_a_fill_and_its_position_are_told_together_as_of_the_fill(is_fill_first: bool) -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        stage.read()
        await asyncio.sleep(5)
        at_utc = stage.clock.now_utc().replace(microsecond=1)
        if is_fill_first:
            stage.desk.take_execution(fill_of(AAPL, 20, at_utc))
        else:
            await stage.hold(AAPL, 120)
        await asyncio.sleep(2)
        assert stage.told() == []
        if is_fill_first:
            await stage.hold(AAPL, 120)
        else:
            stage.desk.take_execution(fill_of(AAPL, 20, at_utc))
        await asyncio.sleep(1)
        assert stage.told() == [held((AAPL, 120))]
        (event,) = [event for event in stage.events if isinstance(event, PositionsEvent)]
        assert event.positions[0].at_utc == at_utc

    play(scene)


def test_half_of_a_combo_is_never_told() -> None:
    async def scene(stage: Stage) -> None:
        for leg in LEGS:
            await stage.hold(leg, 5)
        stage.read()
        await asyncio.sleep(3)
        at_utc = stage.clock.now_utc().replace(microsecond=0)
        for number, leg in enumerate(LEGS):
            stage.desk.take_execution(fill_of(leg, 1, at_utc + timedelta(microseconds=number + 1), number))
        for leg in LEGS:
            await asyncio.sleep(0.9)
            await stage.hold(leg, 6)
        await asyncio.sleep(1)
        assert stage.told() == [held(*((leg, 6) for leg in LEGS))]

    play(scene)


def test_after_three_seconds_the_word_of_tws_counts_and_a_late_fill_is_in_it() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        stage.read()
        await asyncio.sleep(10)
        filled_utc = stage.clock.now_utc().replace(microsecond=0)
        await asyncio.sleep(1)
        await stage.hold(AAPL, 130)
        await asyncio.sleep(2.5)
        assert stage.told() == []
        await asyncio.sleep(1)
        assert stage.told() == [held((AAPL, 130))]
        stage.desk.take_execution(fill_of(AAPL, 30, filled_utc + timedelta(microseconds=1)))
        await asyncio.sleep(20)
        assert stage.told() == [held((AAPL, 130))]

    play(scene)


def test_a_word_against_the_fills_counts_after_its_time_and_repeating_it_is_enough() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        stage.read()
        await asyncio.sleep(5)
        stage.desk.take_execution(fill_of(AAPL, 20, stage.clock.now_utc()))
        await stage.hold(AAPL, 100)
        await asyncio.sleep(4)
        assert stage.told() == [held((AAPL, 100))]

    play(scene)


def test_as_long_as_tws_is_silent_on_a_fill_its_older_word_does_not_undo_it() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        stage.read()
        await asyncio.sleep(5)
        stage.desk.take_execution(fill_of(AAPL, 20, stage.clock.now_utc()))
        await asyncio.sleep(9)
        assert stage.told() == []
        await asyncio.sleep(2)
        assert stage.told() == [held((AAPL, 100))]

    play(scene)


def test_a_fill_that_is_told_again_and_a_corrected_one_count_once() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        stage.read()
        await asyncio.sleep(5)
        at_utc = stage.clock.now_utc()
        for revision, quantity in ((1, 20), (1, 20), (2, 25), (1, 20)):
            stage.desk.take_execution(fill_of(AAPL, quantity, at_utc, revision=revision))
        await stage.hold(AAPL, 125)
        await asyncio.sleep(1)
        assert stage.told() == [held((AAPL, 125))]

    play(scene)


def test_a_position_that_holds_a_fill_is_never_older_than_it() -> None:
    async def scene(stage: Stage) -> None:
        asked_utc = stage.clock.now_utc()
        fill_utc = asked_utc + timedelta(seconds=1, microseconds=3)
        stage.desk.take_execution(fill_of(AAPL, 100, fill_utc))
        await stage.hold(AAPL, 100)
        assert {one.at_utc for one in stage.desk.positions(ACCOUNT, asked_utc)} == {fill_utc}
        assert {one.at_utc for one in stage.desk.positions(ACCOUNT, asked_utc)} == {fill_utc}

    play(scene)


def test_while_the_link_is_down_no_position_is_told() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        stage.read()
        await asyncio.sleep(5)
        stage.desk.take_execution(fill_of(AAPL, 20, stage.clock.now_utc()))
        stage.desk.lost()
        await asyncio.sleep(60)
        assert stage.told() == []
        stage.desk.positions_asked()
        await stage.hold(AAPL, 120)
        stage.desk.positions_answered()
        await asyncio.sleep(1)
        assert stage.told() == [held((AAPL, 120))]

    play(scene)


def test_settled_waits_for_the_positions_of_a_fill_but_not_for_ever() -> None:
    async def scene(stage: Stage) -> None:
        now_s = asyncio.get_running_loop().time
        await stage.hold(AAPL, 100)
        stage.read()
        await asyncio.sleep(5)
        stage.desk.take_execution(fill_of(AAPL, 20, stage.clock.now_utc()))
        start_s = now_s()
        waiting = asyncio.get_running_loop().create_task(stage.desk.settled())
        await asyncio.sleep(1)
        assert not waiting.done()
        await stage.hold(AAPL, 120)
        await waiting
        assert now_s() - start_s == pytest.approx(1, abs=0.01)
        await asyncio.sleep(1)
        stage.desk.take_execution(fill_of(AAPL, 20, stage.clock.now_utc(), 2))
        start_s = now_s()
        await stage.desk.settled()
        assert now_s() - start_s == pytest.approx(3, abs=0.01)

    play(scene)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_road_is_slower_the_book_of_the_desk_never_loses_a_fill(seed: int) -> None:
    """Fills and positions come on two roads with their own delays; the desk's core takes what is told, in order."""
    dice = Random(seed)

    async def scene(stage: Stage) -> None:
        loop = asyncio.get_running_loop()
        core = core_at()
        core.accounts[ACCOUNT] = AccountInfo(BrokerName.IBKR, ACCOUNT, Mode.PAPER, "IBKR", may_trade=True)
        truth = dict.fromkeys((AAPL, *LEGS), 10)
        expected = dict(truth)
        for contract, quantity in truth.items():
            await stage.hold(contract, quantity)
        core.set_positions(ACCOUNT, stage.desk.positions(ACCOUNT, stage.clock.now_utc().replace(microsecond=0)))
        await asyncio.sleep(2)
        seen = len(stage.events)

        def book() -> dict[ContractKey, Decimal]:
            return held_quantities(core.positions(ACCOUNT))

        def apply_events() -> None:
            nonlocal seen
            for event in stage.events[seen:]:
                assert isinstance(event, PositionsEvent)
                core.set_positions(ACCOUNT, event.positions)
                assert book() == held(*expected.items()), "an event undid a fill that was told"
            seen = len(stage.events)

        def tell_fill(fill: Execution) -> None:
            apply_events()
            expected[fill.contract] += int(fill.signed_quantity)
            stage.desk.take_execution(fill)
            core.take_execution(fill)
            assert book() == held(*expected.items())

        jobs: list[asyncio.Task[None]] = []

        def tell_position(fact: PositionFact) -> None:
            jobs.append(loop.create_task(stage.desk.take(fact)))

        number, fill_road_s, position_road_s = 0, 0.0, 0.0
        stamps: dict[datetime, int] = {}
        for _ in range(30):
            contracts = dice.choice([(AAPL,), LEGS, LEGS[:2]])
            for contract in contracts:
                number += 1
                change = dice.choice([-2, -1, 1, 2])
                truth[contract] += change
                second = stage.clock.now_utc().replace(microsecond=0)
                stamps[second] = stamps.get(second, 0) + 1
                fill = fill_of(contract, change, second + timedelta(microseconds=stamps[second]), number)
                # Each road keeps its own sequence (timers of one instant would not).
                fill_road_s = max(fill_road_s + 0.001, loop.time() + dice.choice([0.0, 0.1, 0.8]))
                position_road_s = max(position_road_s + 0.001, loop.time() + dice.choice([0.0, 0.1, 0.8]))
                loop.call_at(fill_road_s, tell_fill, fill)
                position = PositionFact(ACCOUNT, ib(contract), Decimal(truth[contract]), Decimal(250))
                loop.call_at(position_road_s, tell_position, position)
            await asyncio.sleep(dice.choice([0.05, 0.5, 4.0]))
            apply_events()
        await asyncio.sleep(15)
        apply_events()
        await asyncio.gather(*jobs)
        assert book() == held(*truth.items())
        assert stage.told(), "nothing was ever told"

    play(scene)


# --- money -----------------------------------------------------------------------------------------------------------

_FIGURES = {
    "NetLiquidation": "500000.25",
    "TotalCashValue": "120000",
    "AvailableFunds": "400000",
    "BuyingPower": "1600000",
    "InitMarginReq": "100000",
    "FullInitMarginReq": "101000",
    "MaintMarginReq": "80000",
    "FullMaintMarginReq": "81000",
}


async def tell_figures(stage: Stage, names: Iterable[str] = _FIGURES, currency: str = "USD") -> None:
    for name in names:
        await stage.value(name, _FIGURES[name], currency)


def test_the_figures_are_those_an_option_package_is_checked_against() -> None:
    async def scene(stage: Stage) -> None:
        await tell_figures(stage)
        values = stage.desk.values(ACCOUNT)
        assert values.net_liquidation == Decimal("500000.25")
        assert values.cash_balance == 120_000
        assert values.buying_power == 400_000
        assert values.initial_margin == 100_000
        assert values.maintenance_margin == 80_000
        assert values.day_pnl is None

    play(scene)


def test_the_full_margins_stand_in_where_the_present_ones_are_not_told() -> None:
    async def scene(stage: Stage) -> None:
        await tell_figures(stage, ["NetLiquidation", "FullInitMarginReq", "FullMaintMarginReq"])
        values = stage.desk.values(ACCOUNT)
        assert (values.initial_margin, values.maintenance_margin) == (Decimal(101_000), Decimal(81_000))
        assert values.buying_power is None

    play(scene)


def test_an_account_nobody_told_of_has_unknown_money() -> None:
    async def scene(stage: Stage) -> None:
        values = stage.desk.values(ACCOUNT)
        assert values.account_id == ACCOUNT
        assert values.net_liquidation is None

    play(scene)


def test_an_account_in_another_currency_has_no_figures_and_that_is_said_once() -> None:
    async def scene(stage: Stage) -> None:
        for cash in range(5):
            await tell_figures(stage, currency="EUR")
            await stage.value("TotalCashValue", str(cash), "EUR")
            await asyncio.sleep(1)
        assert stage.desk.values(ACCOUNT).net_liquidation is None
        assert {event.values.net_liquidation for event in stage.money()} == {None}
        assert len(stage.words()) == 1
        assert "kept in EUR" in stage.words()[0]

    play(scene)


def test_a_burst_of_figures_is_one_event_and_the_same_figures_again_are_none() -> None:
    async def scene(stage: Stage) -> None:
        await tell_figures(stage)
        await asyncio.sleep(1)
        assert len(stage.money()) == 1
        assert stage.money()[0].values.maintenance_margin == 80_000
        await tell_figures(stage)
        await asyncio.sleep(1)
        assert len(stage.money()) == 1

    play(scene)


def test_a_storm_of_figures_is_at_most_four_events_a_second() -> None:
    async def scene(stage: Stage) -> None:
        for number in range(2000):
            await stage.value("NetLiquidation", str(500_000 + number))
            await asyncio.sleep(0.005)
        await asyncio.sleep(1)
        assert 30 <= len(stage.money()) <= 42
        assert stage.money()[-1].values.net_liquidation == 501_999

    play(scene)


def test_figures_that_are_not_ready_do_not_replace_those_that_were() -> None:
    async def scene(stage: Stage) -> None:
        await tell_figures(stage)
        before = stage.desk.values(ACCOUNT)
        await stage.value("AccountReady", "false", "")
        await stage.value("NetLiquidation", "0.00")
        await asyncio.sleep(5)
        assert stage.desk.values(ACCOUNT) == before
        await stage.value("NetLiquidation", "500001")
        await stage.value("AccountReady", "true", "")
        await asyncio.sleep(1)
        assert stage.money()[-1].values.net_liquidation == 500_001

    play(scene)


@pytest.mark.parametrize("text", ["", "1.7976931348623157E308", "nan", "N/A", "inf"])
def test_an_unset_figure_is_unknown(text: str) -> None:
    async def scene(stage: Stage) -> None:
        await tell_figures(stage)
        await stage.value("AvailableFunds", text)
        assert stage.desk.values(ACCOUNT).buying_power is None

    play(scene)


def test_money_and_positions_of_two_accounts_stay_apart() -> None:
    other = AccountId("DU200")

    async def scene(stage: Stage) -> None:
        await tell_figures(stage)
        await stage.value("NetLiquidation", "7", account=other)
        await stage.hold(AAPL, 1)
        await stage.hold(AAPL, 9, account=other)
        assert stage.desk.values(other).net_liquidation == 7
        assert stage.desk.values(ACCOUNT).net_liquidation == Decimal("500000.25")
        assert stage.read() == held((AAPL, 1))
        assert held_quantities(stage.desk.positions(other, START_UTC)) == held((AAPL, 9))

    play(scene)
