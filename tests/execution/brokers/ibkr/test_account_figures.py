"""Money from TWS: what an option package is checked against, in dollars or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from decimal import Decimal

import pytest

from execution.core import held_quantities
from models.ids import AccountId
from tests.execution.brokers.ibkr.account_stage import AAPL, ACCOUNT, Stage, held, play
from tests.execution.brokers.ibkr.virtual_time import START_UTC

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
        await stage.value("DailyPnL", "1.7976931348623157e+308", currency="")
        assert stage.desk.values(ACCOUNT).day_pnl is None
        await stage.value("DailyPnL", "-1234.5678", currency="")
        assert stage.desk.values(ACCOUNT).day_pnl == Decimal("-1234.57")

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
