"""One ticket is sent at most once, and only after its intent is committed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from execution.storage import AuditKind
from models.account import AccountInfo
from models.enums import Action, BrokerName, Mode, OrderStatus, TradingState
from models.errors import BrokerFailure, FailureKind, KnownError
from models.gate import DenialCode
from models.order import Order
from models.position import UnifiedPosition
from tests.execution.orders.builders import ACCOUNT, NOW, condor, draft, leg, option, word
from tests.execution.orders.harness import Desk, run, settle

S = OrderStatus


def refusal(kind: FailureKind = FailureKind.REJECTED, *, unknown: bool = False) -> BrokerFailure:
    return BrokerFailure(kind, "No.", broker="PAPER", outcome_unknown=unknown)


def test_a_simulated_order_is_committed_then_sent_then_pending() -> None:
    async def story() -> None:
        desk = Desk()

        async def intent_is_there(order: Order) -> None:
            assert order.id in desk.storage.intents
            assert desk.storage.orders[order.id].status is S.PENDING

        desk.broker.during_submit = intent_is_there
        ticket = await desk.sent()
        order = desk.order(ticket)
        assert (order.status, order.broker_order_id) == (S.PENDING, "B1")
        assert len(desk.broker.submitted) == 1
        assert desk.storage.kinds() == [AuditKind.SIMULATED, AuditKind.INTENT, AuditKind.SUBMITTED]
        assert desk.storage.audits[-1].latency_us is not None
        assert desk.window.shown().orders == (order,)

    run(story())


def test_an_unsimulated_order_is_denied_with_the_reason() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = draft()
        outcome = await desk.manager.send(ticket)
        assert not outcome.accepted
        assert {denial.code for denial in outcome.denials} == {DenialCode.NOT_SIMULATED}
        assert desk.broker.submitted == []
        assert desk.storage.intents == {}
        assert desk.storage.audits[-1].kind is AuditKind.DENIED
        assert desk.window.says("Not sent", "Simulate it first")
        await desk.sent(ticket)

    run(story())


@pytest.mark.parametrize("count", [2, 100])
def test_a_double_click_sends_once(count: int) -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()
        outcomes = await asyncio.gather(*(desk.manager.send(ticket) for _ in range(count)))
        assert [outcome.accepted for outcome in outcomes].count(True) == 1
        assert len(desk.broker.submitted) == 1
        again = await desk.manager.send(ticket)
        assert not again.accepted
        assert "already" in (again.failure or "")
        assert len(desk.broker.submitted) == 1

    run(story())


def test_two_windows_with_the_same_order_in_two_tickets_are_a_duplicate() -> None:
    async def story() -> None:
        desk = Desk()
        first, second = await desk.simulated(), await desk.simulated()
        outcomes = await asyncio.gather(desk.manager.send(first), desk.manager.send(second))
        assert [outcome.accepted for outcome in outcomes].count(True) == 1
        denied = next(outcome for outcome in outcomes if not outcome.accepted)
        assert {denial.code for denial in denied.denials} == {DenialCode.DUPLICATE}
        desk.clock.advance(timedelta(seconds=6))
        assert (await desk.manager.send(second)).accepted

    run(story())


@pytest.mark.parametrize("failing", range(1, 6))
def test_whichever_write_fails_nothing_is_sent_without_its_intent(failing: int) -> None:
    async def story() -> None:
        desk = Desk()
        desk.storage.fail_writes = {failing}
        ticket = draft()
        await desk.manager.simulate(ticket)
        outcome = await desk.manager.send(ticket)
        assert len(desk.broker.submitted) == len(desk.storage.intents)
        assert outcome.accepted == bool(desk.broker.submitted)
        if failing == 2:
            assert desk.broker.submitted == []
            assert "Nothing was sent" in (outcome.failure or "")
            assert desk.order(ticket).status is S.SIMULATED
            assert (await desk.manager.send(ticket)).accepted

    run(story())


def test_an_intent_that_breaks_in_any_way_sends_nothing() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()

        async def broken() -> None:
            raise RuntimeError("writer thread died")

        desk.storage.on_intent = broken
        outcome = await desk.manager.send(ticket)
        assert not outcome.accepted
        assert desk.broker.submitted == []

    run(story())


def test_a_decoded_refusal_is_rejected() -> None:
    async def story() -> None:
        desk = Desk()
        desk.broker.submit_error = refusal()
        ticket = await desk.simulated()
        outcome = await desk.manager.send(ticket)
        assert not outcome.accepted
        assert desk.order(ticket).status is S.REJECTED
        assert desk.order(ticket).reason == "No."
        assert desk.storage.orders[ticket.order_id].status is S.REJECTED

    run(story())


FAILURES: list[BaseException] = [
    refusal(FailureKind.TIMEOUT),
    refusal(FailureKind.PROTOCOL),
    refusal(FailureKind.OFFLINE, unknown=True),
    refusal(FailureKind.AUTH, unknown=True),
    refusal(FailureKind.RATE_LIMIT, unknown=True),
    refusal(FailureKind.REJECTED, unknown=True),
    refusal(FailureKind.UNSUPPORTED, unknown=True),
    TimeoutError(),
    ConnectionResetError("peer reset"),
    ValueError("unreadable answer"),
    KeyError("order-id"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad byte"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=[repr(failure)[:40] for failure in FAILURES])
def test_an_unknown_outcome_is_never_resent(failure: BaseException) -> None:
    async def story() -> None:
        desk = Desk()
        desk.broker.submit_error = failure
        ticket = await desk.simulated()
        outcome = await desk.manager.send(ticket)
        assert outcome.accepted
        assert desk.order(ticket).status is S.UNKNOWN
        assert desk.storage.orders[ticket.order_id].status is S.UNKNOWN
        await desk.manager.send(ticket)
        await desk.sleep.pass_time(3600)
        await desk.manager.idle()
        assert desk.order(ticket).status is S.UNKNOWN
        assert len(desk.broker.submitted) == 1
        assert len(desk.broker.found_for) == 7
        assert desk.window.says("still unresolved", "stay locked")

    run(story())


def test_a_submit_that_hangs_becomes_unknown() -> None:
    async def story() -> None:
        desk = Desk(timings=replace(Desk().timings, submit_timeout_s=0.01))

        async def hang(_order: Order) -> None:
            await asyncio.Event().wait()

        desk.broker.during_submit = hang
        ticket = await desk.simulated()
        await desk.manager.send(ticket)
        assert desk.order(ticket).status is S.UNKNOWN
        assert desk.window.says("did not answer within")
        await desk.manager.close()

    run(story())


def test_an_unknown_order_locks_its_underlying_until_the_broker_answers() -> None:
    async def story() -> None:
        desk = Desk()
        desk.broker.submit_error = TimeoutError()
        lost = await desk.simulated()
        await desk.manager.send(lost)
        desk.broker.submit_error = None
        other = await desk.simulated(draft((leg(option(7000), Action.SELL),), "-4.90"))
        denied = await desk.manager.send(other)
        assert {denial.code for denial in denied.denials} == {DenialCode.SYMBOL_LOCKED}
        desk.broker.finds = [(word(lost, S.PENDING),)]
        await desk.sleep.pass_time(2)
        assert desk.order(lost).status is S.PENDING
        assert (await desk.manager.send(other)).accepted

    run(story())


def test_more_submits_than_intents_halts_before_anything_leaves() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()
        desk.manager._sender.submits += 1
        outcome = await desk.manager.send(ticket)
        assert not outcome.accepted
        assert desk.broker.submitted == []
        assert desk.storage.intents == {}
        assert desk.facts.trading_state is TradingState.HALTED
        assert len(desk.halts) == 1

    run(story())


def test_a_runaway_loop_is_stopped_by_the_order_rate() -> None:
    async def story() -> None:
        desk = Desk()
        desk.facts.caps = replace(desk.facts.caps, max_open_orders_per_underlying=1000, max_notional_usd=Decimal(10**9))
        for number in range(100):
            ticket = draft((leg(option(7000), Action.SELL, 1 + number % 40),), "-4.90")
            await desk.manager.simulate(ticket)
            await desk.manager.send(ticket)
        assert len(desk.broker.submitted) == 10
        desk.clock.advance(timedelta(seconds=61))
        await desk.sent(draft((leg(option(7000), Action.SELL, 41),), "-4.90"))

    run(story())


def test_concurrent_tickets_cannot_slip_past_the_caps_together() -> None:
    async def story() -> None:
        desk = Desk()
        desk.facts.caps = replace(desk.facts.caps, max_open_orders_per_underlying=2)
        tickets = [await desk.simulated(draft(condor(number), "-1.85")) for number in range(1, 9)]
        outcomes = await asyncio.gather(*(desk.manager.send(ticket) for ticket in tickets))
        assert [outcome.accepted for outcome in outcomes].count(True) == 2
        assert len(desk.broker.submitted) == 2

    run(story())


def test_orders_that_cannot_be_counted_are_not_sent() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()
        desk.storage.count_error = KnownError("The database is locked.")
        outcome = await desk.manager.send(ticket)
        assert {denial.code for denial in outcome.denials} == {DenialCode.ORDER_RATE}

    run(story())


def test_a_change_after_the_simulation_is_denied_and_the_order_is_a_draft_again() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()
        outcome = await desk.manager.send(replace(ticket, limit_price=Decimal("-1.80")))
        assert {denial.code for denial in outcome.denials} == {DenialCode.SIMULATION_DIFFERS}
        assert desk.order(ticket).status is S.DRAFT
        desk.facts.position_version += 1
        changed = await desk.manager.send(ticket)
        assert {denial.code for denial in changed.denials} == {DenialCode.POSITIONS_CHANGED}

    run(story())


def test_positions_that_change_during_the_what_if_outdate_it() -> None:
    async def story() -> None:
        desk = Desk()

        async def fill_elsewhere(_order: Order) -> None:
            desk.facts.position_version += 1

        desk.broker.during_simulate = fill_elsewhere
        outcome = await desk.manager.simulate(draft())
        assert {warning.code for warning in outcome.warnings} == {DenialCode.POSITIONS_CHANGED}

    run(story())


def test_a_ticket_cannot_be_simulated_again_once_sent() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        outcome = await desk.manager.simulate(ticket)
        assert outcome.order is None
        assert "sent already" in (outcome.failure or "")
        assert desk.order(ticket).status is S.PENDING

    run(story())


@pytest.mark.parametrize("account_mode", Mode)
@pytest.mark.parametrize("session_mode", Mode)
@pytest.mark.parametrize("account_broker", [BrokerName.PAPER, BrokerName.IBKR])
@pytest.mark.parametrize("armed", [False, True])
def test_only_the_right_account_in_the_right_mode_sends(
    account_mode: Mode, session_mode: Mode, account_broker: BrokerName, armed: bool
) -> None:
    async def story() -> None:
        desk = Desk(mode=session_mode)
        desk.facts.accounts = {ACCOUNT: AccountInfo(account_broker, ACCOUNT, account_mode, "A", may_trade=True)}
        desk.facts.armed = {ACCOUNT} if armed else set()
        ticket = await desk.simulated()
        outcome = await desk.manager.send(ticket)
        is_right = account_mode is session_mode and account_broker is BrokerName.PAPER
        assert outcome.accepted == (is_right and (armed or account_mode is Mode.PAPER))
        assert len(desk.broker.submitted) == int(outcome.accepted)

    run(story())


def test_halted_and_locked_desks_send_nothing() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()
        desk.facts.trading_state = TradingState.HALTED
        assert not (await desk.manager.send(ticket)).accepted
        desk.facts.trading_state = TradingState.ACTIVE
        desk.facts.trading_unlocked = False
        assert not (await desk.manager.send(ticket)).accepted
        assert desk.broker.submitted == []
        desk.facts.trading_unlocked = True
        assert (await desk.manager.send(ticket)).accepted
        await settle()
        assert desk.clock.now_utc() == NOW

    run(story())


def test_a_ticket_that_became_invalid_is_refused_with_its_problems() -> None:
    async def story() -> None:
        desk = Desk()
        outcome = await desk.manager.send(draft(price="-1.87"))
        assert not outcome.accepted
        assert [problem.field for problem in outcome.problems] == ["limit_price"]
        assert desk.broker.submitted == []

    run(story())


def test_a_denial_that_cannot_be_recorded_is_still_a_denial() -> None:
    async def story() -> None:
        desk = Desk()
        desk.storage.fail_writes = {1}
        outcome = await desk.manager.send(draft())
        assert {denial.code for denial in outcome.denials} == {DenialCode.NOT_SIMULATED}
        assert desk.window.says("denial could not be recorded")

    run(story())


def test_a_what_if_that_comes_back_after_the_order_left_changes_nothing() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()
        gate = asyncio.Event()

        async def slow(_order: Order) -> None:
            await gate.wait()

        desk.broker.during_simulate = slow
        again = asyncio.create_task(desk.manager.simulate(ticket))
        await settle()
        assert (await desk.manager.send(ticket)).accepted
        gate.set()
        outcome = await again
        assert outcome.order is None
        assert "sent already" in (outcome.failure or "")
        assert desk.order(ticket).status is S.PENDING

    run(story())


def test_a_broker_that_does_not_confirm_the_contracts_simulates_nothing() -> None:
    async def story() -> None:
        desk = Desk()
        desk.broker.resolve_error = refusal(FailureKind.OFFLINE)
        outcome = await desk.manager.simulate(draft())
        assert "did not confirm the contracts" in (outcome.failure or "")
        desk.broker.resolve_error = TimeoutError()
        assert "too long" in ((await desk.manager.simulate(draft())).failure or "")

    run(story())


def test_what_working_orders_already_close_is_not_closed_again() -> None:
    async def story() -> None:
        desk = Desk()
        put = option(7000)
        desk.facts.held = [UnifiedPosition(BrokerName.PAPER, ACCOUNT, put, Decimal(-1), Decimal(5)) for _ in range(2)]
        first = await desk.sent(draft((leg(put, Action.BUY, 1),), "5.00"))
        second = await desk.simulated(draft((leg(put, Action.BUY, 2),), "5.00"))
        denied = await desk.manager.send(second)
        assert {denial.code for denial in denied.denials} == {DenialCode.CLOSE_FLIPS_POSITION}
        await desk.told(first, S.CANCELLED)
        assert (await desk.manager.send(second)).accepted

    run(story())


def test_old_sends_are_forgotten_by_the_minute_count_but_not_by_the_day() -> None:
    async def story() -> None:
        desk = Desk()
        desk.facts.caps = replace(desk.facts.caps, max_orders_per_day=2)
        await desk.sent(draft(condor(1), "-1.85"))
        desk.clock.advance(timedelta(minutes=10))
        await desk.sent(draft(condor(2), "-1.85"))
        third = await desk.simulated(draft(condor(3), "-1.85"))
        denied = await desk.manager.send(third)
        assert {denial.code for denial in denied.denials} == {DenialCode.ORDER_RATE}
        desk.clock.advance(timedelta(days=1))
        await desk.manager.simulate(third)
        assert (await desk.manager.send(third)).accepted

    run(story())
