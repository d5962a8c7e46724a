"""One connection to TWS whose answers the test gives: for the parts above the wire, without a socket.

Answers stand in plain attributes; what was asked and sent is recorded. A `failures` entry makes the next call of that
name fail. Facts are handed to the part under test by the test itself.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from execution.brokers.ibkr.facts import (
    CompletedOrderFact,
    ExecutionFact,
    IbContract,
    IbContractDetails,
    IbOptionParams,
    IbPriceIncrement,
    OpenOrderFact,
    PositionFact,
)
from execution.brokers.ibkr.wire_port import Greeting, IbOrder, WhatIfReply
from models.clock import NEW_YORK, Clock


@dataclass(slots=True)
class FakeWire:
    """Implements `IbWire`. `details` is searched like TWS does: empty fields of the question fit everything."""

    clock: Clock
    greeting: Greeting = field(default_factory=lambda: Greeting(176, ("DU100",)))
    details: list[IbContractDetails] = field(default_factory=list)
    params: dict[str, tuple[IbOptionParams, ...]] = field(default_factory=dict)
    rules: dict[int, tuple[IbPriceIncrement, ...]] = field(default_factory=dict)
    held: tuple[PositionFact, ...] = ()
    working: tuple[OpenOrderFact, ...] = ()
    done: tuple[CompletedOrderFact, ...] = ()
    executed: tuple[ExecutionFact, ...] = ()
    what_if_reply: WhatIfReply = field(default_factory=lambda: WhatIfReply(None, None))
    next_order_id: int = 1
    is_open: bool = True
    own_zone: tzinfo = NEW_YORK
    data_type: int = 1
    lines: dict[int, IbContract] = field(default_factory=dict)
    asked: list[tuple[str, object]] = field(default_factory=list)
    placed: list[tuple[int, IbContract, IbOrder]] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    failures: defaultdict[str, deque[BaseException]] = field(default_factory=lambda: defaultdict(deque))
    #: Awaited by every question when set: lets a test hold an answer back.
    gate: asyncio.Event | None = None

    async def open(self) -> Greeting:
        await self._asked("open", None)
        return self.greeting

    async def close(self) -> None:
        self.is_open = False

    async def current_time(self) -> datetime:
        await self._asked("current_time", None)
        return self.clock.now_utc().replace(microsecond=0)

    async def positions(self) -> tuple[PositionFact, ...]:
        await self._asked("positions", None)
        return self.held

    async def account_updates(self, account: str) -> None:
        await self._asked("account_updates", account)

    def subscribe_day_pnl(self, account: str) -> None:
        self.asked.append(("subscribe_day_pnl", account))

    async def open_orders(self) -> tuple[OpenOrderFact, ...]:
        await self._asked("open_orders", None)
        return self.working

    async def completed_orders(self) -> tuple[CompletedOrderFact, ...]:
        await self._asked("completed_orders", None)
        return self.done

    async def executions(self) -> tuple[ExecutionFact, ...]:
        await self._asked("executions", None)
        return self.executed

    async def contract_details(self, contract: IbContract) -> tuple[IbContractDetails, ...]:
        await self._asked("contract_details", contract)
        return tuple(known for known in self.details if _fits(contract, known.contract))

    async def option_params(self, underlying: IbContractDetails) -> tuple[IbOptionParams, ...]:
        await self._asked("option_params", underlying)
        return self.params.get(underlying.contract.symbol, ())

    async def market_rule(self, rule_id: int) -> tuple[IbPriceIncrement, ...]:
        await self._asked("market_rule", rule_id)
        return self.rules.get(rule_id, ())

    def set_market_data_type(self, data_type: int) -> None:
        self.data_type = data_type

    def subscribe(self, contract: IbContract) -> int:
        self._fail("subscribe")
        self.lines[contract.con_id] = contract
        self.asked.append(("subscribe", contract))
        return 1000 + contract.con_id

    def unsubscribe(self, con_id: int) -> None:
        self.lines.pop(con_id, None)
        self.asked.append(("unsubscribe", con_id))

    async def what_if(self, contract: IbContract, order: IbOrder) -> WhatIfReply:
        await self._asked("what_if", (contract, order))
        return self.what_if_reply

    def place(self, contract: IbContract, order: IbOrder, order_id: int | None = None) -> int:
        self._fail("place")
        used = self.next_order_id if order_id is None else order_id
        self.next_order_id = max(self.next_order_id, used + 1)
        self.placed.append((used, contract, order))
        return used

    def cancel(self, order_id: int) -> None:
        self._fail("cancel")
        self.cancelled.append(order_id)

    async def _asked(self, what: str, about: object) -> None:
        self.asked.append((what, about))
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(0)
        self._fail(what)

    def _fail(self, what: str) -> None:
        waiting = self.failures[what]
        if waiting:
            raise waiting.popleft()


def _fits(question: IbContract, known: IbContract) -> bool:
    if question.con_id:
        return question.con_id == known.con_id
    asked = (
        (question.symbol, known.symbol),
        (question.sec_type, known.sec_type),
        (question.right, known.right),
        (question.trading_class, known.trading_class),
        (question.local_symbol, known.local_symbol),
        (question.currency, known.currency),
    )
    return (
        all(wanted in ("", have) for wanted, have in asked)
        and known.last_trade.startswith(question.last_trade)
        and question.strike in (None, 0, known.strike)
    )
