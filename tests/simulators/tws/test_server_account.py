"""Positions, account values, portfolio, summaries and profit and loss as the simulated TWS tells them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from execution.brokers.paper.sample_book import load_sample_book
from execution.brokers.paper.settings import PaperAccount, PaperSettings
from execution.brokers.paper.synthetic import SyntheticMarket
from models.ids import AccountId
from tests.execution.brokers.contract_kit import AT_ONCE
from tests.execution.brokers.paper.desk import START
from tests.simulators.tws.framing import UNSET_DOUBLE
from tests.simulators.tws.server import TwsSimulator
from tests.simulators.tws.stage import ACCOUNT, CONDOR, SECOND, Message, Stage, errors, of, play

_SAMPLE = Path(__file__).resolve().parents[3] / "assets" / "sample_book.json"


async def _fill(stage: Stage, ib: Any, action: str = "BUY") -> None:
    stage.faults.next_order(AT_ONCE)
    ib.placeOrder(stage.bag(CONDOR), stage.limit(action, 1, -30.0))
    await ib.reqCurrentTimeAsync()
    stage.pass_time(0.5)


def _moves(messages: Sequence[Message]) -> list[tuple[str, str]]:
    return [(message[3], message[14]) for message in of(messages, 61)]


def test_positions_have_no_exchange_and_a_cost_with_the_multiplier(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        await _fill(stage, ib)
        await ib.reqCurrentTimeAsync()
        positions = {position.contract.conId: position for position in ib.positions()}
        held = stage.sim.core.book.holdings(ACCOUNT)
        assert positions.keys() == {stage.con_id(one.contract) for one in held}
        for one in held:
            told = positions[stage.con_id(one.contract)]
            assert told.position == one.quantity
            assert told.avgCost == float(one.average_price * 100)
        client = await stage.raw()
        client.send(61, 1)
        assert {message[10] for message in of(await client.sync(), 61)} == {""}

    play(tmp_path, scenario)


def test_position_changes_come_to_subscribers_and_a_closed_one_with_zero(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib, client, other = await stage.ib(), await stage.raw(31), await stage.raw(32)
        client.send(61, 1)
        assert await client.sync() == [("62", "1")]
        await _fill(stage, ib)
        assert [quantity for _, quantity in _moves(await client.sync())] == ["1", "-1", "-1", "1"]
        await _fill(stage, ib, "SELL")
        assert [quantity for _, quantity in _moves(await client.sync())] == ["0"] * 4
        client.send(64, 1)
        await client.sync()
        await _fill(stage, ib)
        assert _moves(await client.sync()) == _moves(await other.sync()) == []

    play(tmp_path, scenario)


def test_what_has_expired_is_told_as_gone(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib, client = await stage.ib(), await stage.raw()
        client.send(61, 1)
        client.send(6, 2, 1, ACCOUNT)
        await client.sync()
        await _fill(stage, ib)
        await client.sync()
        stage.clock.set(datetime(2026, 12, 18, 21, 30, tzinfo=UTC))
        stage.sim.step()
        told = await client.sync()
        assert [quantity for _, quantity in _moves(told)] == ["0"] * 4
        assert [message[13] for message in of(told, 7)] == ["0"] * 4
        assert of(told, 11) == []

    play(tmp_path, scenario)


def test_the_positions_of_one_combo_may_come_one_by_one(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.position_gap_s = 1.0
        ib, client = await stage.ib(), await stage.raw()
        client.send(61, 1)
        await client.sync()
        await _fill(stage, ib)
        assert len(_moves(await client.sync())) == 1
        stage.pass_time(3)
        assert len(_moves(await client.sync())) == 3

    play(tmp_path, scenario)


def test_account_values_portfolio_and_end_come_for_one_account(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        await _fill(stage, ib)
        client = await stage.raw()
        client.send(6, 2, 1, SECOND)
        told = await client.sync()
        assert told[-1] == ("54", "1", SECOND)
        assert {message[5] for message in of(told, 6)} == {SECOND}
        assert of(told, 7) == []
        client.send(6, 2, 1, ACCOUNT)
        told = await client.sync()
        values = {(message[2], message[4]): message[3] for message in of(told, 6)}
        assert values["CashBalance", "USD"] == f"{stage.sim.core.book.cash(ACCOUNT)}"
        assert len(of(told, 7)) == 4
        client.send(6, 2, 1, "DU0000000")
        assert errors(await client.sync()) == [(-1, 321)]

    play(tmp_path, scenario)


def test_values_follow_changes_and_only_changes_are_told(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib, client = await stage.ib(), await stage.raw()
        client.send(6, 2, 1, ACCOUNT)
        await client.sync()
        stage.pass_time(3)
        assert of(await client.sync(), 6) == []
        await _fill(stage, ib)
        stage.pass_time(1)
        told = await client.sync()
        assert {"CashBalance", "InitMarginReq"} <= {message[2] for message in of(told, 6)}
        assert "AccountType" not in {message[2] for message in of(told, 6)}
        assert len(of(told, 7)) == 4
        client.send(6, 2, 0, ACCOUNT)
        await client.sync()
        await _fill(stage, ib, "SELL")
        stage.pass_time(1)
        assert of(await client.sync(), 6, 7) == []

    play(tmp_path, scenario)


def test_several_accounts_can_be_followed_by_request_id(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib, client = await stage.ib(), await stage.raw()
        for req_id, account in ((5, ACCOUNT), (6, SECOND)):
            client.send(76, 1, req_id, account, "", 0)
        told = await client.sync()
        assert [message[2] for message in of(told, 74)] == ["5", "6"]
        assert {(message[2], message[3]) for message in of(told, 73)} == {("5", ACCOUNT), ("6", SECOND)}
        await _fill(stage, ib)
        stage.pass_time(1)
        assert {message[3] for message in of(await client.sync(), 73)} == {ACCOUNT}
        client.send(77, 1, 5)
        client.send(76, 1, 7, "DU0000000", "", 0)
        assert errors(await client.sync()) == [(7, 321)]
        await _fill(stage, ib, "SELL")
        stage.pass_time(1)
        assert of(await client.sync(), 73) == []

    play(tmp_path, scenario)


def test_a_summary_tells_the_tags_of_every_account(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw()
        client.send(62, 1, 8, "All", "NetLiquidation,BuyingPower")
        told = await client.sync()
        assert [(message[3], message[4], message[5]) for message in of(told, 63)] == [
            (account, tag, "500000.00") for account in (ACCOUNT, SECOND) for tag in ("NetLiquidation", "BuyingPower")
        ]
        assert told[-1] == ("64", "1", "8")
        client.send(63, 1, 8)
        assert await client.sync() == []

    play(tmp_path, scenario)


def test_profit_and_loss_of_account_and_position_are_told(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        await _fill(stage, ib)
        client = await stage.raw()
        client.send(92, 4, ACCOUNT, "")
        client.send(94, 5, ACCOUNT, "", stage.con_id(CONDOR[0].contract))
        told = await client.sync()
        (account,), (single,) = of(told, 94), of(told, 95)
        assert account[4] == UNSET_DOUBLE
        assert (single[1], single[2]) == ("5", "1")
        client.send(93, 4)
        client.send(95, 5)
        stage.hand.set_level("SPX", "7100")
        stage.pass_time(2)
        assert of(await client.sync(), 94, 95) == []

    play(tmp_path, scenario)


def test_a_sample_book_shows_its_positions_with_every_kind_of_contract(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.sim.stop()
        stage.sim = TwsSimulator(
            market=SyntheticMarket(seed=7, start_utc=START),
            clock=stage.clock,
            store_path=tmp_path / "sample.sqlite",
            settings=PaperSettings(manual=True, accounts=(PaperAccount(AccountId(ACCOUNT)),)),
            sample_book=load_sample_book(_SAMPLE),
        )
        await stage.sim.start()
        ib = await stage.ib()
        held = stage.sim.core.book.holdings()
        assert {p.contract.conId: Decimal(str(p.position)) for p in ib.positions()} == {
            stage.con_id(one.contract): one.quantity for one in held
        }
        assert {"OPT", "STK", "FUT"} == {p.contract.secType for p in ib.positions()}
        assert len(ib.portfolio()) == len(held)
        assert ib.fills() == []

    play(tmp_path, scenario)
