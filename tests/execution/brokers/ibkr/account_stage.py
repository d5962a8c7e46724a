"""A desk of accounts in virtual time, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from decimal import Decimal

from execution.brokers.ibkr.account_desk import AccountDesk
from execution.brokers.ibkr.facts import AccountValueFact, PositionFact
from execution.brokers.ibkr.settings import IbkrSettings
from execution.brokers.port import AccountEvent, BrokerEvent, NoticeEvent, PositionsEvent
from execution.core import held_quantities
from models.contract import Contract, option_contract, underlying_contract
from models.enums import Action, BrokerName, Right
from models.ids import AccountId, BrokerOrderId, ContractKey, ExecutionId
from models.trade import Execution
from tests.execution.brokers.ibkr.fake_catalog import FakeCatalog, ib
from tests.execution.brokers.ibkr.virtual_time import LoopClock, run_virtually

ACCOUNT = AccountId("DU100")
EXPIRY = date(2026, 6, 5)
AAPL = underlying_contract("AAPL", conid=2)
LEGS = tuple(option_contract("SPXW", EXPIRY, Right.PUT, Decimal(strike), conid=strike) for strike in (6700, 6800, 6900))


def fill_of(contract: Contract, quantity: int, at_utc: datetime, number: int = 1, *, revision: int = 1) -> Execution:
    return Execution(
        broker=BrokerName.IBKR,
        account_id=ACCOUNT,
        execution_id=ExecutionId(f"0001.{number}"),
        broker_order_id=BrokerOrderId("77"),
        order_id=None,
        contract=contract,
        action=Action.BUY if quantity > 0 else Action.SELL,
        quantity=Decimal(abs(quantity)),
        price=Decimal("2.50"),
        executed_at_utc=at_utc,
        revision=revision,
    )


class Stage:
    """A desk of accounts and what it told."""

    def __init__(self, settings: IbkrSettings | None = None) -> None:
        self.clock = LoopClock()
        self.catalog = FakeCatalog(AAPL, *LEGS)
        self.catalog.know_all()
        self.events: list[BrokerEvent] = []
        self.desk = AccountDesk(
            catalog=self.catalog,
            clock=self.clock,
            settings=settings or IbkrSettings(),
            emit=self.events.append,
        )

    async def hold(
        self, contract: Contract, quantity: int, cost: str | None = "250", *, account: AccountId = ACCOUNT
    ) -> None:
        average = None if cost is None else Decimal(cost)
        await self.desk.take(PositionFact(account, ib(contract), Decimal(quantity), average))

    async def value(self, key: str, value: str, currency: str = "USD", *, account: AccountId = ACCOUNT) -> None:
        await self.desk.take(AccountValueFact(account, key, value, currency))

    def read(self, at_utc: datetime | None = None) -> dict[ContractKey, Decimal]:
        """What a snapshot would hold."""
        return held_quantities(self.desk.positions(ACCOUNT, at_utc or self.clock.now_utc().replace(microsecond=0)))

    def told(self) -> list[dict[ContractKey, Decimal]]:
        return [held_quantities(event.positions) for event in self.events if isinstance(event, PositionsEvent)]

    def words(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, NoticeEvent)]

    def money(self) -> list[AccountEvent]:
        return [event for event in self.events if isinstance(event, AccountEvent)]


def play(scene: Callable[[Stage], Awaitable[None]], stage_of: Callable[[], Stage] = Stage) -> None:
    """Runs a scene while the desk's tasks run; what they raise ends the test."""

    async def run() -> None:
        stage = stage_of()
        running = asyncio.get_running_loop().create_task(stage.desk.run())
        try:
            await scene(stage)
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run_virtually(run())


def held(*pairs: tuple[Contract, int]) -> dict[ContractKey, Decimal]:
    return {contract.key: Decimal(quantity) for contract, quantity in pairs if quantity}
