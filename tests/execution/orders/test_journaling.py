"""One journal row per complete trade event, exactly once, with Greeks before and after at one moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.brokers.port import ExecutionEvent
from execution.storage import AuditKind
from models.enums import Action, JournalStatus, OrderStatus, Regime
from models.ids import is_uuid4
from models.trade import ExecutionKind
from tests.execution.orders.builders import NOW, draft, execution_of, fills_of, leg, option
from tests.execution.orders.harness import Desk, run

S = OrderStatus


def test_a_filled_order_is_one_row_with_the_book_before_and_after() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        await desk.fill(ticket, 1, "a")
        assert desk.storage.journal == []
        await desk.fill(ticket, 1, "b")
        (entry,) = desk.storage.journal
        assert is_uuid4(entry.id)
        assert (entry.status, entry.strategy_tag, entry.underlying) == (JournalStatus.FILLED, "iron_condor", "SPX")
        assert (entry.order_id, entry.broker_order_id) == (ticket.order_id, "B1")
        assert entry.net_debit_credit == Decimal("-370.00")
        assert [(each.action, each.quantity, each.fill_price) for each in entry.legs] == [
            (Action.BUY, 2, Decimal("4.05")),
            (Action.SELL, 2, Decimal("4.95")),
            (Action.SELL, 2, Decimal("3.95")),
            (Action.BUY, 2, Decimal("3.00")),
        ]
        assert entry.pre_greeks is not None
        assert entry.post_greeks is not None
        assert entry.post_greeks.spx_equiv_delta - entry.pre_greeks.spx_equiv_delta == 3.0 * 8
        assert {execution.execution_id for execution in desk.facts.greeks_asked[-2]} == {
            f"{batch}.{number}" for batch in "ab" for number in range(4)
        }
        assert (entry.context.vix, entry.context.spx_price, entry.context.regime) == (17.4, 7200.75, Regime.MEDIUM_VOL)
        assert entry.user_rationale == "premium is rich"
        assert desk.window.journal_ids() == [entry.id]
        assert desk.storage.kinds()[-1] is AuditKind.JOURNALED

    run(story())


@pytest.mark.parametrize("end", [S.CANCELLED, S.REJECTED])
def test_a_part_that_ends_is_one_partial_row(end: OrderStatus) -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        await desk.fill(ticket, 1)
        await desk.told(ticket, end, filled_packages=1)
        (entry,) = desk.storage.journal
        assert entry.status is JournalStatus.PARTIAL
        assert entry.net_debit_credit == Decimal("-185.00")
        await desk.told(ticket, end, filled_packages=1)
        assert len(desk.storage.journal) == 1

    run(story())


def test_an_order_that_never_filled_leaves_no_row() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        await desk.told(ticket, S.CANCELLED)
        await desk.sleep.pass_time(60)
        assert desk.storage.journal == []

    run(story())


def test_a_cancel_that_overtakes_its_last_fill_waits_for_it() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        fills = fills_of(ticket, 1)
        await desk.manager.apply(ExecutionEvent(fills[0]))
        await desk.told(ticket, S.CANCELLED, filled_packages=1)
        assert desk.storage.journal == []
        for execution in fills[1:]:
            await desk.manager.apply(ExecutionEvent(execution))
        (entry,) = desk.storage.journal
        assert len(entry.legs) == 4
        assert (desk.order(ticket).status, desk.order(ticket).filled_packages) == (S.CANCELLED, 1)
        assert desk.window.says("A fill arrived after the end")

    run(story())


def test_a_leg_that_stays_alone_is_journaled_after_a_while() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        await desk.manager.apply(ExecutionEvent(fills_of(ticket, 1)[0]))
        await desk.told(ticket, S.CANCELLED)
        assert desk.storage.journal == []
        await desk.sleep.pass_time(6)
        assert [len(entry.legs) for entry in desk.storage.journal] == [1]

    run(story())


def test_a_late_fill_of_a_cancelled_order_gets_a_row_of_its_own() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        await desk.fill(ticket, 1, "a")
        await desk.told(ticket, S.CANCELLED, filled_packages=1)
        first = desk.storage.journal[0]
        await desk.fill(ticket, 1, "b")
        assert desk.order(ticket).status is S.FILLED
        assert desk.storage.journal[0] is first
        assert [(entry.status, entry.tags) for entry in desk.storage.journal] == [
            (JournalStatus.PARTIAL, ()),
            (JournalStatus.PARTIAL, ("late_fill",)),
        ]
        assert sum(entry.net_debit_credit or 0 for entry in desk.storage.journal) == Decimal("-370.00")
        assert desk.window.statuses(ticket.order_id)[-3:] == [S.CANCELLED, S.PARTIAL, S.CANCELLED] or (
            desk.window.statuses(ticket.order_id)[-1] is S.FILLED
        )

    run(story())


def test_a_correction_after_the_row_is_a_row_of_its_own_with_the_difference() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        fills = await desk.fill(ticket, 2)
        revised = replace(fills[1], revision=2, price=fills[1].price - Decimal("0.10"))
        await desk.manager.apply(ExecutionEvent(revised))
        await desk.manager.apply(ExecutionEvent(revised))
        first, second = desk.storage.journal
        assert (first.net_debit_credit, second.net_debit_credit) == (Decimal("-370.00"), Decimal("20.00"))
        assert second.tags == ("correction",)
        assert desk.order(ticket).status is S.FILLED
        assert desk.window.says("Correction of a fill", "4.95", "4.85")

    run(story())


def test_a_row_that_cannot_be_written_is_written_at_the_next_recovery() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        fills = fills_of(ticket, 2)
        for execution in fills[:3]:
            await desk.manager.apply(ExecutionEvent(execution))
        desk.storage.fail_writes = {desk.storage.writes + 3}
        await desk.manager.apply(ExecutionEvent(fills[3]))
        assert desk.order(ticket).status is S.FILLED
        assert desk.storage.journal == []
        assert desk.halts
        desk.start()
        await desk.recover()
        assert [entry.status for entry in desk.storage.journal] == [JournalStatus.FILLED]
        await desk.recover()
        assert len(desk.storage.journal) == 1

    run(story())


def test_a_row_is_written_without_greeks_when_the_book_cannot_be_valued() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()

        def broken(**_kwargs: Any) -> Any:
            raise FloatingPointError("no surface")

        desk.facts.greeks = broken  # type: ignore[method-assign]  # the fault under test
        await desk.fill(ticket, 2)
        (entry,) = desk.storage.journal
        assert (entry.pre_greeks, entry.post_greeks) == (None, None)
        assert desk.window.says("no Greeks")

    run(story())


def test_a_row_written_long_after_its_trade_says_so() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        desk.clock.advance(timedelta(hours=2))
        await desk.fill(ticket, 2)
        assert desk.storage.journal[0].tags == ("stamped_late",)

    run(story())


@pytest.mark.parametrize(
    ("kind", "tag"),
    [
        (ExecutionKind.CASH_SETTLEMENT, "expiration"),
        (ExecutionKind.EXPIRED_WORTHLESS, "expiration"),
        (ExecutionKind.ASSIGNMENT, "assignment"),
        (ExecutionKind.EXERCISE, "exercise"),
    ],
)
def test_what_settles_together_is_one_row(kind: ExecutionKind, tag: str) -> None:
    async def story() -> None:
        desk = Desk()
        legs = [leg(option(7000), Action.BUY), leg(option(6900), Action.SELL)]
        for number, each in enumerate(legs):
            settled = execution_of(each, f"s{number}", kind=kind, broker_order_id=None, price=Decimal(number))
            await desk.manager.apply(ExecutionEvent(settled))
        await desk.sleep.pass_time(6)
        (entry,) = desk.storage.journal
        assert (entry.strategy_tag, entry.tags, entry.order_id) == (tag, ("settlement",), None)
        assert [each.fill_price for each in entry.legs] == [0, 1]
        assert entry.net_debit_credit == Decimal(-100)
        assert entry.created_at == NOW + timedelta(seconds=5)

    run(story())


def test_the_net_is_dollars_by_the_contracts_multiplier() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = draft((leg(option(7000), Action.SELL, 3),), "-4.90")
        await desk.sent(ticket)
        await desk.fill(ticket, 3)
        assert desk.storage.journal[0].net_debit_credit == Decimal("-4.95") * 3 * option(7000).multiplier

    run(story())
