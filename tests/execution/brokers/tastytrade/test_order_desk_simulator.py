"""The money path over the real session and SDK against the simulated Tastytrade."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest

from execution.brokers.paper.faults import Call, CallFault, CancelBehavior, Failure, FillBehavior, OrderScript
from execution.brokers.port import BrokerEvent, ExecutionEvent, FeeEvent, OrderEvent
from execution.brokers.tastytrade.catalog import TastyCatalog
from execution.brokers.tastytrade.facts import AlertFact, TastyOrder
from execution.brokers.tastytrade.order_desk import OrderDesk
from execution.brokers.tastytrade.session import TastySession
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings, TastyTimeouts
from models.enums import OrderStatus, OrderType, TimeInForce
from models.errors import BrokerFailure
from models.ids import ContractKey, ExecutionId, new_order_id
from models.order import Order
from tests.execution.brokers.paper.desk import START
from tests.simulators.tastytrade.habits import Trouble
from tests.simulators.tastytrade.stage import ACCOUNT, CONDOR, Stage

_S = OrderStatus
FILLS, RESTS = Decimal("-1.00"), Decimal("-100.00")


@dataclass(slots=True)
class Rig:
    """A desk, its session, the far end, and what the desk told."""

    stage: Stage
    desk: OrderDesk
    facts: list[AlertFact]
    events: list[BrokerEvent]
    held: dict[ContractKey, Decimal] = field(default_factory=dict)

    async def pass_time(self, seconds: float) -> None:
        await self.stage.pass_time(seconds)
        await asyncio.sleep(0.06)
        while self.facts:
            fact = self.facts.pop(0)
            if isinstance(fact, TastyOrder):
                await self.desk.take(fact)
        await asyncio.sleep(0.06)

    def states(self, order: Order) -> list[OrderStatus]:
        found = [e.order.status for e in self.events if isinstance(e, OrderEvent) and e.order.order_id == order.id]
        return [state for index, state in enumerate(found) if index == 0 or found[index - 1] is not state]

    def executions(self) -> dict[ExecutionId, Decimal]:
        told = [event.execution for event in self.events if isinstance(event, ExecutionEvent)]
        return {one.execution_id: one.signed_quantity for one in told}

    def fees(self) -> dict[ExecutionId, Decimal]:
        return {event.execution_id: event.fee for event in self.events if isinstance(event, FeeEvent)}

    def posted(self) -> int:
        """Returns how many orders were sent to work."""
        return sum(one.path.endswith("/orders") for one in self.stage.sim.sent("POST", ""))


def condor(limit: Decimal = FILLS) -> Order:
    return Order(
        id=new_order_id(),
        account_id=ACCOUNT,
        legs=CONDOR,
        order_type=OrderType.LIMIT,
        limit_price=limit,
        tif=TimeInForce.DAY,
        status=OrderStatus.PENDING,
        created_at=START,
    )


def play(folder: Path, scenario: Callable[[Rig], Awaitable[None]]) -> None:
    """Runs a scenario with the alert stream subscribed and everything read once."""

    async def run() -> None:
        stage = Stage(folder)
        await stage.start()
        facts: list[AlertFact] = []
        events: list[BrokerEvent] = []
        settings = TastySettings(base_url=stage.sim.url, timeouts=TastyTimeouts(read_s=5.0, submit_s=1.0))
        secrets = TastySecrets(stage.sim.client_secret, stage.sim.refresh_token)
        session = TastySession(settings, secrets, stage.clock, alerts=facts.append, market=lambda _: None)
        rigs: list[Rig] = []
        desk = OrderDesk(
            wire=lambda: session,
            catalog=TastyCatalog(lambda: session, stage.clock),
            positions=lambda _: rigs[0].held,
            accounts=lambda: (ACCOUNT,),
            clock=stage.clock,
            settings=settings,
            emit=events.append,
            look_after_s=0.02,
            fees_after_s=0.02,
        )
        rigs.append(Rig(stage, desk, facts, events))
        try:
            await session.open()
            await session.start_alerts([ACCOUNT])
            await desk.snapshot()
            await scenario(rigs[0])
        finally:
            desk.link_lost()
            await session.close()
            await stage.stop()

    asyncio.run(run())


def test_a_condor_is_tried_sent_filled_and_charged(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        order = condor()
        answer = await rig.desk.simulate(order)
        assert (answer.error, answer.initial_margin_change) == (None, Decimal(20_000))
        assert answer.initial_margin_before is not None
        assert answer.fees is not None
        assert answer.fees > 0
        await rig.desk.submit(order)
        for _ in range(4):
            await rig.pass_time(1)
        # The first word "Filled" comes with the fills of one leg.
        assert rig.states(order) == [_S.PENDING, _S.PARTIAL, _S.FILLED]
        assert sorted(rig.executions().values()) == [-2, -2, 2, 2]
        assert rig.fees().keys() == rig.executions().keys()
        snapshot = await rig.desk.snapshot()
        assert {one.execution_id: one.signed_quantity for one in snapshot.executions} == rig.executions()
        assert {one.execution_id: one.fee for one in snapshot.executions} == rig.fees()

    play(tmp_path, scenario)


def test_an_order_beyond_the_margin_shows_its_figures_and_its_refusal(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        (put,) = (leg for leg in CONDOR if leg.contract.label.endswith("6800 P"))
        naked = replace(condor(Decimal("-10.00")), legs=(replace(put, quantity=40),))
        answer = await rig.desk.simulate(naked)
        assert answer.error is not None
        assert "margin_check_failed" in answer.error
        assert answer.initial_margin_change is not None
        assert answer.initial_margin_change > 0
        assert answer.buying_power_after is not None
        assert answer.buying_power_after < 0
        assert answer.fees is not None
        assert answer.fees > 0
        assert rig.posted() == 0

    play(tmp_path, scenario)


def test_the_fees_of_the_dry_run_are_those_that_are_charged(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        order = condor()
        answer = await rig.desk.simulate(order)
        await rig.desk.submit(order)
        for _ in range(4):
            await rig.pass_time(1)
        assert sum(rig.fees().values()) == answer.fees

    play(tmp_path, scenario)


def test_a_dry_run_that_tells_no_margin_is_followed_by_the_estimate(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        whole = await rig.desk.simulate(condor())
        rig.stage.sim.trouble(Trouble.MISSING_FIELD, method="POST", path="*/orders/dry-run")
        answer = await rig.desk.simulate(condor())
        assert answer.initial_margin_change == whole.initial_margin_change
        assert answer.buying_power_after == whole.buying_power_after
        assert answer.warning is not None
        assert "estimate" in answer.warning
        assert rig.posted() == 0

    play(tmp_path, scenario)


def test_an_order_that_rests_fills_at_its_new_price(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        order = condor(RESTS)
        await rig.desk.submit(order)
        await rig.pass_time(1)
        await rig.desk.replace(order, FILLS)
        for _ in range(4):
            await rig.pass_time(1)
        assert rig.states(order) == [_S.PENDING, _S.PARTIAL, _S.FILLED]
        last = [event.order for event in rig.events if isinstance(event, OrderEvent)][-1]
        assert (last.limit_price, last.filled_packages) == (FILLS, 2)
        assert sorted(rig.executions().values()) == [-2, -2, 2, 2]

    play(tmp_path, scenario)


@pytest.mark.parametrize("race", [CancelBehavior.NORMAL, CancelBehavior.FILL_WINS, CancelBehavior.LATE_FILL])
def test_a_cancel_and_what_it_meets(tmp_path: Path, race: CancelBehavior) -> None:
    async def scenario(rig: Rig) -> None:
        order = condor()
        rig.stage.faults.for_order(order.id, OrderScript(fills=FillBehavior.NEVER, cancel=race))
        await rig.desk.submit(order)
        await rig.pass_time(1)
        await rig.desk.cancel(order)
        for _ in range(5):
            await rig.pass_time(1)
        states = rig.states(order)
        assert states[-1] is (_S.CANCELLED if race is CancelBehavior.NORMAL else _S.FILLED)
        assert (_S.CANCELLED in states) == (race is not CancelBehavior.FILL_WINS)

    play(tmp_path, scenario)


@pytest.mark.parametrize(("failure", "has_arrived"), [(Failure.DONE_THEN_TIMEOUT, True), (Failure.DROP, False)])
def test_a_lost_answer_is_unknown_and_evidence_settles_it(
    tmp_path: Path, failure: Failure, *, has_arrived: bool
) -> None:
    async def scenario(rig: Rig) -> None:
        order = condor()
        rig.stage.faults.fail(Call.SUBMIT, CallFault(failure))
        with pytest.raises(BrokerFailure) as caught:
            await rig.desk.submit(order)
        assert caught.value.outcome_unknown
        await rig.pass_time(2)
        assert len(await rig.desk.find_orders([order.id])) == int(has_arrived)
        assert rig.posted() == 1

    play(tmp_path, scenario)


def test_a_decoded_refusal_leaves_nothing_behind(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        order = condor()
        rig.stage.faults.fail(Call.SUBMIT, CallFault(Failure.REJECT, text="No."))
        with pytest.raises(BrokerFailure) as caught:
            await rig.desk.submit(order)
        assert not caught.value.outcome_unknown
        await rig.pass_time(2)
        assert await rig.desk.find_orders([order.id]) == ()

    play(tmp_path, scenario)
