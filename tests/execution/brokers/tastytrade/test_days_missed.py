"""Days on which the desk was off, over the real session: trades by the hundred, none at all, what expired, fees."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from execution.brokers.paper.faults import FillBehavior, OrderScript
from execution.brokers.port import BrokerSnapshot, FeeEvent, OddObjectEvent
from execution.brokers.tastytrade.broker import TastytradeBroker
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings
from models.contract import underlying_contract
from models.enums import OrderStatus
from models.ids import ContractKey, ExecutionId
from models.order import OrderLeg
from models.trade import Execution, ExecutionKind
from tests.execution.brokers.contract_kit import buy, order_of, sell
from tests.execution.brokers.paper.fake_market import aapl, spxw
from tests.execution.brokers.tastytrade.desk import FAST, TastyDesk
from tests.simulators.tastytrade.habits import Habits

D = Decimal
#: What the fees of the day are told too high until the next day.
_OFF = D("0.11")
_PUT = spxw(6800, "P")
K = ExecutionKind


class DaysDesk(TastyDesk):
    """A desk that is switched off and on again; when it knew last is handed to the next broker."""

    last_known: datetime | None = None

    def new_broker(self) -> TastytradeBroker:
        secrets = TastySecrets(self.simulator.client_secret, self.simulator.refresh_token)
        return TastytradeBroker(
            settings=TastySettings(base_url=self.simulator.url, timeouts=FAST, refresh_interval_s=0.05),
            secrets=lambda: secrets,
            clock=self.clock,
            last_known=lambda _: self.last_known,
        )

    async def filled(self, *legs: OrderLeg, limit: str) -> None:
        """An order that fills at once, from the desk."""
        order = order_of(self, legs, D(limit))
        self.script(order.id, OrderScript(fills=FillBehavior.IMMEDIATE))
        await self.broker.submit(order)
        await self.pass_time(2)
        (found,) = await self.broker.find_orders([order.id])
        assert found.status is OrderStatus.FILLED

    async def leave(self) -> None:
        """Switches the desk off."""
        self.last_known = self.now_utc()
        await self.broker.close()
        await self._heard()
        self.events.clear()

    def live_on(self, at_utc: datetime) -> None:
        """Time passes at the broker."""
        self.clock.set(at_utc)
        for _ in range(8):
            self.clock.advance(timedelta(seconds=0.5))
            self.step()

    async def come_back(self) -> BrokerSnapshot:
        """Switches the desk on again."""
        await self._open()
        return await self.broker.snapshot()

    def fees(self) -> dict[ExecutionId, Decimal]:
        return {event.execution_id: event.fee for event in self.events if isinstance(event, FeeEvent)}

    def odd(self) -> list[str]:
        return [event.what for event in self.events if isinstance(event, OddObjectEvent)]


def play(folder: Path, scenario: Callable[[DaysDesk], Awaitable[None]]) -> None:
    async def run() -> None:
        desk = DaysDesk(folder, habits=Habits(crypto=None, fee_estimate_off=_OFF))
        await desk.start()
        try:
            await scenario(desk)
        finally:
            await desk.stop()

    asyncio.run(run())


def by_key(executions: tuple[Execution, ...]) -> dict[ContractKey, Decimal]:
    found: dict[ContractKey, Decimal] = {}
    for one in executions:
        found[one.contract.key] = found.get(one.contract.key, D(0)) + one.signed_quantity
    return found


def moved_cash(executions: tuple[Execution, ...]) -> Decimal:
    """Returns what executions did to the cash, fees paid; none of them is of a future."""
    fees = [one.fee for one in executions if one.fee is not None]
    return -sum((one.signed_quantity * one.price * one.contract.multiplier for one in executions), D(0)) - sum(fees)


def test_two_days_off_a_page_of_trades_a_day_without_any_and_the_fees_of_the_first_read_again(tmp_path: Path) -> None:
    async def scenario(desk: DaysDesk) -> None:
        await desk.filled(sell(_PUT), limit="-1.00")
        await desk.settle()
        (estimate,) = desk.fees().values()
        first = await desk.broker.snapshot()
        await desk.leave()
        # Tuesday: another program buys, more often than a page of transactions has lines.
        desk.live_on(datetime(2026, 11, 17, 15, 0, tzinfo=UTC))
        share = underlying_contract("AAPL")
        for _ in range(260):
            desk.simulator.place_foreign((buy(share),), D(500))
        desk.live_on(desk.now_utc())
        # Wednesday: nothing. Thursday: back.
        desk.live_on(datetime(2026, 11, 18, 20, 0, tzinfo=UTC))
        desk.live_on(datetime(2026, 11, 19, 15, 0, tzinfo=UTC))
        desk.simulator.requests.clear()
        snapshot = await desk.come_back()
        assert snapshot.executions_since_utc <= first.at_utc
        assert by_key(snapshot.executions) == {_PUT.key: D(-1), share.key: D(260)}
        assert len({one.execution_id for one in snapshot.executions}) == 261
        assert {one.contract.key: one.quantity for one in snapshot.positions} == by_key(snapshot.executions)
        (put,) = [one for one in snapshot.executions if one.contract.key == _PUT.key]
        assert {one.execution_id for one in first.executions} == {put.execution_id}
        assert put.fee == estimate - _OFF
        assert desk.fees()[put.execution_id] == estimate - _OFF
        assert all(one.fee is not None and one.executed_at_utc.day == 17 for one in snapshot.executions if one != put)
        asked = [one.first("page-offset") for one in desk.simulator.sent("GET", "/transactions")]
        assert {"0", "1"} <= set(asked)
        assert desk.odd() == []
        before, after = first.accounts[0].cash_balance, snapshot.accounts[0].cash_balance
        assert before is not None
        assert after is not None
        # The first day's estimate was never what was charged.
        assert after - before == moved_cash(tuple(one for one in snapshot.executions if one != put))

    play(tmp_path, scenario)


def test_what_ended_over_a_weekend_is_booked_once_with_its_cash_and_its_shares(tmp_path: Path) -> None:
    short, worthless, assigned = spxw(7000, "P"), spxw(6000, "P"), aapl(290, "P")

    async def scenario(desk: DaysDesk) -> None:
        await desk.filled(sell(short), limit="-1.00")
        await desk.filled(buy(worthless), limit="20.00")
        await desk.filled(sell(assigned), limit="-1.00")
        desk.live_on(datetime(2026, 12, 17, 15, 0, tzinfo=UTC))
        await desk.settle()
        before = await desk.broker.snapshot()
        await desk.leave()
        desk.market.set_level("SPX", "6990")
        desk.live_on(datetime(2026, 12, 18, 22, 0, tzinfo=UTC))
        desk.live_on(datetime(2026, 12, 21, 15, 0, tzinfo=UTC))
        snapshot = await desk.come_back()
        kinds = {(one.contract.key, one.kind): one.signed_quantity for one in snapshot.executions}
        assert kinds == {
            (short.key, K.CASH_SETTLEMENT): 1,
            (worthless.key, K.EXPIRED_WORTHLESS): -1,
            (assigned.key, K.ASSIGNMENT): 1,
            (ContractKey("AAPL"), K.ASSIGNMENT): 100,
        }
        assert {one.contract.key: one.quantity for one in snapshot.positions} == {ContractKey("AAPL"): D(100)}
        old, new = before.accounts[0].cash_balance, snapshot.accounts[0].cash_balance
        assert old is not None
        assert new is not None
        assert new - old == moved_cash(snapshot.executions) == D(-1000 - 29_000)
        assert desk.odd() == []
        # The deposit of long ago is among what is read, and is no execution; a second start tells the same ones.
        desk.last_known = before.at_utc
        ids = {one.execution_id for one in snapshot.executions}
        await desk.broker.close()
        await desk._heard()
        again = await desk.come_back()
        assert {one.execution_id for one in again.executions} == ids

    play(tmp_path, scenario)


def test_days_off_without_a_single_trade_tell_nothing(tmp_path: Path) -> None:
    async def scenario(desk: DaysDesk) -> None:
        await desk.leave()
        desk.live_on(datetime(2026, 11, 18, 15, 0, tzinfo=UTC))
        snapshot = await desk.come_back()
        assert (snapshot.executions, snapshot.positions, snapshot.completed_orders) == ((), (), ())
        assert desk.odd() == []

    play(tmp_path, scenario)
