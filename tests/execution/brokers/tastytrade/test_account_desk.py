"""Accounts at Tastytrade: positions told when they agree with the fills, money when it changed, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

from execution.brokers.port import AccountEvent, BrokerEvent, NoticeEvent, PositionsEvent
from execution.brokers.tastytrade.account_desk import AccountDesk
from execution.brokers.tastytrade.contract_codec import contract_of, symbol_of
from execution.brokers.tastytrade.facts import TastyBalance, TastyPosition
from models.contract import Contract, option_contract, underlying_contract
from models.enums import Action, BrokerName, Right
from models.errors import BrokerFailure, FailureKind
from models.ids import AccountId, BrokerOrderId, ContractKey, ExecutionId
from models.trade import Execution
from tests.execution.brokers.ibkr.virtual_time import LoopClock, run_virtually

ACCOUNT = AccountId("5WX00001")
PUT = option_contract("SPXW", date(2026, 12, 18), Right.PUT, Decimal(5900))
CALL = option_contract("SPXW", date(2026, 12, 18), Right.CALL, Decimal(7900))


class Contracts:
    def __init__(self) -> None:
        self.silent = 0

    async def contract(self, symbol: str, instrument_type: str) -> Contract:
        if self.silent:
            self.silent -= 1
            raise BrokerFailure(FailureKind.TIMEOUT, "No answer.", broker="TASTYTRADE")
        return contract_of(symbol, instrument_type)


def holding(contract: Contract, quantity: int, average: str = "12.35") -> TastyPosition:
    symbol, kind = symbol_of(contract)
    return TastyPosition(
        ACCOUNT,
        symbol,
        kind,
        contract.underlying,
        Decimal(quantity),
        contract.multiplier,
        Decimal(average),
        None,
        None,
        None,
    )


class Stage:
    def __init__(self) -> None:
        self.clock = LoopClock()
        self.catalog = Contracts()
        self.events: list[BrokerEvent] = []
        self.unexplained = 0
        #: What REST tells when it is asked; None = it does not answer.
        self.held: list[TastyPosition] | None = None
        self.desk = AccountDesk(
            catalog=self.catalog,
            clock=self.clock,
            emit=self.events.append,
            unexplained=self._note_unexplained,
            read=self._read,
        )
        self.fills = 0

    async def _read(self, _: AccountId) -> list[TastyPosition]:
        if self.held is None:
            raise BrokerFailure(FailureKind.TIMEOUT, "No answer.", broker="TASTYTRADE")
        return self.held

    def _note_unexplained(self) -> None:
        self.unexplained += 1

    def fill(self, contract: Contract, quantity: int) -> None:
        self.fills += 1
        self.desk.take_execution(
            Execution(
                BrokerName.TASTYTRADE,
                ACCOUNT,
                ExecutionId(f"fill-{self.fills}"),
                BrokerOrderId("501"),
                None,
                contract,
                Action.BUY if quantity > 0 else Action.SELL,
                Decimal(abs(quantity)),
                Decimal(10),
                self.clock.now_utc(),
            )
        )

    async def begin(self, *positions: TastyPosition) -> None:
        await self.desk.take_all(ACCOUNT, positions)
        self.desk.positions(ACCOUNT, self.clock.now_utc())

    def told(self) -> list[dict[ContractKey, Decimal]]:
        return [
            {one.contract.key: one.quantity for one in event.positions}
            for event in self.events
            if isinstance(event, PositionsEvent)
        ]


def play(scene: Callable[[Stage], Awaitable[None]]) -> None:
    async def run() -> None:
        stage = Stage()
        running = asyncio.get_running_loop().create_task(stage.desk.run())
        try:
            await scene(stage)
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run_virtually(run())


def test_half_a_package_is_never_told() -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin()
        await asyncio.sleep(1)
        stage.fill(PUT, -2)
        stage.fill(CALL, -2)
        await stage.desk.take(holding(PUT, -2))
        await asyncio.sleep(1)
        assert stage.told() == []
        await stage.desk.take(holding(CALL, -2))
        await asyncio.sleep(1)
        assert stage.told() == [{PUT.key: -2, CALL.key: -2}]

    play(scene)


def test_a_change_that_a_fill_explains_asks_for_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin(holding(PUT, -2))
        await asyncio.sleep(1)
        stage.fill(PUT, -3)
        await stage.desk.take(holding(PUT, -5))
        await asyncio.sleep(20)
        assert stage.told() == [{PUT.key: -5}]
        assert stage.unexplained == 0

    play(scene)


def test_the_brokers_word_counts_in_the_end() -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin(holding(PUT, -2))
        await asyncio.sleep(1)
        await stage.desk.take(holding(PUT, -5))
        await asyncio.sleep(1)
        assert stage.told() == []
        await asyncio.sleep(4)
        assert stage.told() == [{PUT.key: -5}]
        assert stage.unexplained == 1

    play(scene)


def test_a_fill_whose_position_alert_was_lost_is_not_given_up_but_read_over_rest() -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin()
        await asyncio.sleep(1)
        stage.held = [holding(PUT, -2)]
        stage.fill(PUT, -2)
        assert stage.desk.unsettled(ACCOUNT) == (PUT.key,)
        await asyncio.sleep(15)
        assert stage.told() == [{PUT.key: -2}]
        assert stage.desk.unsettled(ACCOUNT) == ()

    play(scene)


def test_a_fill_that_rest_does_not_hold_either_yields_to_the_brokers_word_in_the_end() -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin()
        await asyncio.sleep(1)
        stage.fill(PUT, -2)
        await asyncio.sleep(30)
        assert stage.told() == [{}]
        assert stage.unexplained == 1

    play(scene)


def test_positions_read_while_the_stream_went_down_are_left_to_the_snapshot() -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin()
        await asyncio.sleep(1)
        stage.held = [holding(PUT, -2)]
        stage.fill(PUT, -2)
        await asyncio.sleep(9)
        stage.desk.lost()
        await asyncio.sleep(15)
        assert stage.told() == []

    play(scene)


def test_what_a_reading_changed_is_told_even_if_what_followed_it_failed() -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin(holding(PUT, -2))
        await asyncio.sleep(1)
        await stage.desk.take_all(ACCOUNT, [holding(PUT, -5)])
        assert stage.desk.unsettled(ACCOUNT) == (PUT.key,)
        await asyncio.sleep(5)
        assert stage.told() == [{PUT.key: -5}]
        assert stage.desk.unsettled(ACCOUNT) == ()

    play(scene)


def test_what_rest_does_not_name_is_gone() -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin(holding(PUT, -2), holding(CALL, 1))
        await stage.desk.take_all(ACCOUNT, [holding(CALL, 1)])
        held = stage.desk.positions(ACCOUNT, stage.clock.now_utc())
        assert [(one.contract.key, one.quantity) for one in held] == [(CALL.key, Decimal(1))]
        assert stage.desk.quantities(ACCOUNT) == {CALL.key: Decimal(1)}
        assert stage.desk.quantities(AccountId("nobody")) is None

    play(scene)


def test_what_cannot_be_shown_is_said_once_and_costs_no_other() -> None:
    async def scene(stage: Stage) -> None:
        bond = replace(holding(underlying_contract("AAPL"), 10), symbol="912810TW8", instrument_type="Bond")
        for _ in range(3):
            await stage.begin(bond, holding(PUT, -2))
        held = stage.desk.positions(ACCOUNT, stage.clock.now_utc())
        assert [one.contract.key for one in held] == [PUT.key]
        (said,) = [event.text for event in stage.events if isinstance(event, NoticeEvent)]
        assert "912810TW8" in said

    play(scene)


def test_a_contract_that_was_not_answered_is_asked_about_again() -> None:
    async def scene(stage: Stage) -> None:
        stage.catalog.silent = 2
        await stage.begin(holding(PUT, -2))
        await asyncio.sleep(12)
        assert stage.told()[-1] == {PUT.key: -2}

    play(scene)


def test_money_is_told_when_it_changed() -> None:
    async def scene(stage: Stage) -> None:
        assert stage.desk.values(ACCOUNT).net_liquidation is None
        balance = TastyBalance(ACCOUNT, Decimal(41419), Decimal(44178), Decimal(12488), None, Decimal(31900), None)
        for one in (balance, balance, replace(balance, cash=Decimal(1))):
            await stage.desk.take(one)
            await asyncio.sleep(0.5)
        told = [event.values for event in stage.events if isinstance(event, AccountEvent)]
        assert [values.cash_balance for values in told] == [44178, 1]
        assert told[0].buying_power == 12488

    play(scene)


def test_nothing_is_told_of_positions_while_the_stream_is_down() -> None:
    async def scene(stage: Stage) -> None:
        await stage.begin(holding(PUT, -2))
        stage.desk.lost()
        await stage.desk.take(holding(PUT, -3))
        await asyncio.sleep(10)
        assert stage.told() == []
        await stage.desk.take_all(ACCOUNT, [holding(PUT, -3)])
        await asyncio.sleep(5)
        assert stage.told() == [{PUT.key: -3}]

    play(scene)
