"""A real journal for the browser's tests: seeded rows, one fully documented condor, and a client that saves edits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from database.store import SqliteStorage
from execution.commands import Command, EditJournal
from execution.views import JournalWritten
from models.contract import option_contract
from models.enums import Action, BrokerName, OrderStatus, Right
from models.order import OrderLeg
from models.records import AuditKind
from models.trade import JournalLeg
from tests.database.builders import NOW, a_greeks, an_audit, an_entry, an_execution, an_order
from ui.bridge import Bridge

_LEGS = (
    (6800, Right.PUT, Action.SELL, "38.40"),
    (6700, Right.PUT, Action.BUY, "28.15"),
    (7450, Right.CALL, Action.SELL, "24.90"),
    (7550, Right.CALL, Action.BUY, "13.30"),
)
CONDOR_LEGS = tuple(
    JournalLeg(option_contract("SPXW", date(2026, 6, 15), right, Decimal(strike)), action, 2, Decimal(price))
    for strike, right, action, price in _LEGS
)
RATIONALE = "Condor at 16 and 8 delta after the VIX pop."
AI_RATIONALE = "Vega is at 30 % of its limit."


class StorageClient:
    """An EngineClient that saves edits into the real database and tells it, as the engine does."""

    def __init__(self, storage: SqliteStorage, bridge: Bridge) -> None:
        self._storage = storage
        self._bridge = bridge
        self.asked: list[Command] = []
        self.refusal: Exception | None = None

    def ask(self, command: Command, done: Callable[[Any], None], failed: Callable[[Exception], None]) -> None:
        self.asked.append(command)
        if self.refusal is not None:
            failed(self.refusal)
            return
        assert isinstance(command, EditJournal)
        asyncio.run(
            self._storage.edit_journal(
                command.journal_id, user_rationale=command.user_rationale, tags=command.tags, at_utc=NOW
            )
        )
        self._bridge.notice(JournalWritten(command.journal_id))
        done(None)


def write_condor(storage: SqliteStorage) -> str:
    """Writes a condor with its order, fills and trail; returns the journal id."""
    order = replace(
        an_order(),
        legs=tuple(OrderLeg(leg.contract, leg.action, int(leg.quantity)) for leg in CONDOR_LEGS),
        strategy_tag="iron_condor",
        limit_price=Decimal("-21.85"),
        fill_prices={},
    )
    entry = replace(
        an_entry(order_id=order.id, legs=CONDOR_LEGS, rationale=RATIONALE, tags=("roll", "weekly")),
        net_debit_credit=Decimal("-4370.00"),
        post_greeks=replace(a_greeks(-131.25), theta=412.5),
        ai_rationale=AI_RATIONALE,
    )

    async def write() -> None:
        steps = ((AuditKind.CREATED, "DRAFT", None), (AuditKind.SUBMITTED, "PENDING", 48_200))
        for kind, status, latency_us in steps:
            record = an_audit(kind, order.id, status=status, packages=2, filled_packages=0, limit_price="-21.85")
            await storage.save_order(
                replace(order, status=OrderStatus(status)), BrokerName.PAPER, (replace(record, latency_us=latency_us),)
            )
        for number, leg in enumerate(CONDOR_LEGS):
            fill = an_execution(
                f"x{number}", order_id=order.id, contract=leg.contract, fee="2.64", price=str(leg.fill_price)
            )
            facts = {"action": leg.action.value, "quantity": "2", "price": str(leg.fill_price)}
            await storage.record_executions(
                (replace(fill, action=leg.action),), (an_audit(AuditKind.EXECUTION, order.id, **facts),)
            )
        done = replace(order, status=OrderStatus.FILLED)
        await storage.write_journal(entry, done, BrokerName.PAPER, an_audit(AuditKind.JOURNALED, order.id))

    asyncio.run(write())
    return entry.id


def write_row(storage: SqliteStorage, at_utc: datetime = NOW, rationale: str = "one more") -> str:
    """Writes one more row and returns its id."""
    entry = an_entry(at_utc=at_utc, rationale=rationale)
    asyncio.run(storage.write_journal(entry, None, BrokerName.PAPER, an_audit(AuditKind.JOURNALED)))
    return entry.id
