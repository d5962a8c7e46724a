"""What happens between the committed intent and the wire."""

from __future__ import annotations

from datetime import timedelta

import pytest

from execution.storage import AuditKind
from models.enums import OrderStatus, TradingState
from tests.execution.orders.harness import Desk, run

S = OrderStatus


@pytest.mark.parametrize("what", ["halted", "locked", "read-only", "disarmed", "moved", "stale", "broken"])
def test_what_forbids_an_order_while_its_intent_is_being_committed_keeps_it_here(what: str) -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()

        async def meanwhile() -> None:
            match what:
                case "halted":
                    desk.facts.trading_state = TradingState.HALTED
                case "locked":
                    desk.facts.trading_unlocked = False
                case "read-only":
                    desk.facts.is_read_only = True
                case "disarmed":
                    desk.facts.accounts.clear()
                case "moved":
                    desk.facts.position_version += 1
                case "stale":
                    desk.clock.advance(timedelta(seconds=31))
                case "broken":
                    desk.facts.tick = None  # type: ignore[assignment]  # a context that cannot be made
                    desk.facts.quotes = None  # type: ignore[assignment]

        desk.storage.on_intent = meanwhile
        outcome = await desk.manager.send(ticket)
        assert not outcome.accepted
        assert outcome.denials
        assert desk.broker.submitted == []
        assert desk.order(ticket).status is S.REJECTED
        assert desk.storage.orders[ticket.order_id].status is S.REJECTED
        assert desk.storage.kinds()[-2:] == [AuditKind.INTENT, AuditKind.DENIED]
        assert not (await desk.manager.send(ticket)).accepted
        assert desk.broker.submitted == []

    run(story())
