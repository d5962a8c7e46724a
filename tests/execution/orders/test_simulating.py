"""The what-if: margin and Greeks before and after, and what keeps a ticket from getting that far."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

from execution.brokers.port import WhatIf
from execution.storage import AuditKind
from models.enums import OrderStatus
from models.errors import BrokerFailure, FailureKind
from models.gate import DenialCode
from models.order import Order
from tests.execution.orders.builders import draft, option
from tests.execution.orders.harness import Desk, run

S = OrderStatus


def refusal(kind: FailureKind = FailureKind.REJECTED, *, unknown: bool = False) -> BrokerFailure:
    return BrokerFailure(kind, "No.", broker="PAPER", outcome_unknown=unknown)


def test_a_simulation_shows_margin_and_greeks_before_and_after() -> None:
    async def story() -> None:
        desk = Desk()
        outcome = await desk.manager.simulate(draft())
        assert outcome.order is not None
        assert outcome.order.status is S.SIMULATED
        result = outcome.order.simulation_result
        assert result is not None
        assert result.initial_margin_after == Decimal(70_000)
        assert (result.current_greeks.spx_equiv_delta, result.projected_greeks.spx_equiv_delta) == (10.0, 14.0)
        assert result.fingerprint == outcome.order.fingerprint
        assert [(change.before.value, change.after.value) for change in outcome.limits] == [
            (10.0, 14.0),
            (-100.0, -100.0),
        ]
        assert outcome.warnings == ()
        assert desk.storage.orders[outcome.order.id] == outcome.order
        assert desk.storage.kinds() == [AuditKind.SIMULATED]
        assert desk.broker.submitted == []

    run(story())


def test_unknown_margin_is_a_state_and_is_warned_of() -> None:
    async def story() -> None:
        desk = Desk()
        desk.broker.what_if = WhatIf(None, None, None, None, None, None, None, None, None, warning="no answer")
        outcome = await desk.manager.simulate(draft())
        assert outcome.order is not None
        assert outcome.order.simulation_result is not None
        assert not outcome.order.simulation_result.margin_known
        assert DenialCode.MARGIN_UNKNOWN in {warning.code for warning in outcome.warnings}

    run(story())


def test_a_simulation_that_hangs_ends_with_margin_unknown() -> None:
    async def story() -> None:
        desk = Desk(timings=replace(Desk().timings, simulate_timeout_s=0.01))

        async def hang(_order: Order) -> None:
            await asyncio.Event().wait()

        desk.broker.during_simulate = hang
        outcome = await desk.manager.simulate(draft())
        assert outcome.order is not None
        assert outcome.order.simulation_result is not None
        assert "margin unknown" in (outcome.order.simulation_result.broker_warn or "")

    run(story())


def test_a_ticket_with_problems_never_reaches_the_broker() -> None:
    async def story() -> None:
        desk = Desk()
        outcome = await desk.manager.simulate(draft(price="-1.87"))
        assert outcome.order is None
        assert [problem.field for problem in outcome.problems] == ["limit_price"]
        desk.broker.unlisted.add(option(6900).key)
        unlisted = await desk.manager.simulate(draft())
        assert [problem.field for problem in unlisted.problems] == ["leg:0"]
        assert "not listed" in unlisted.problems[0].text

    run(story())


def test_the_brokers_contract_data_wins_over_the_tickets() -> None:
    async def story() -> None:
        desk = Desk()
        listed = replace(option(6900), conid=265598)
        desk.broker.resolved[listed.key] = listed
        ticket = draft()
        await desk.manager.simulate(ticket)
        assert desk.order(ticket).legs[0].contract.conid == 265598
        await desk.manager.send(ticket)
        assert desk.broker.submitted[0].legs[0].contract.conid == 265598

    run(story())


def test_a_broker_that_cannot_simulate_says_why() -> None:
    async def story() -> None:
        desk = Desk()
        desk.broker.what_if = refusal(FailureKind.OFFLINE)
        outcome = await desk.manager.simulate(draft())
        assert outcome.order is None
        assert outcome.failure is not None
        assert "could not simulate" in outcome.failure

    run(story())


def test_a_simulation_that_cannot_be_recorded_is_none() -> None:
    async def story() -> None:
        desk = Desk()
        desk.storage.fail_writes = {1}
        ticket = draft()
        outcome = await desk.manager.simulate(ticket)
        assert outcome.order is None
        assert "disk is full" in (outcome.failure or "")
        assert DenialCode.NOT_SIMULATED in {denial.code for denial in (await desk.manager.send(ticket)).denials}

    run(story())
