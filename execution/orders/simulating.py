"""The what-if: the ticket is checked, the broker is asked, and the order becomes SIMULATED with the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from execution.brokers.joined import broker_of_account, holder
from execution.brokers.port import Broker, WhatIf
from execution.commands import TicketDraft
from execution.facts import DeskFacts
from execution.orders.ledger import Ledger, Tracked
from execution.orders.limit_values import limit_changes
from execution.orders.recorder import Recorder
from execution.orders.timings import OrderTimings
from execution.orders.validation import validate
from execution.orders.wording import terms_of
from execution.storage import AuditKind, AuditRecord, Storage
from execution.ticket_views import Problem, SimulationOutcome
from execution.views import Severity
from models.clock import Clock
from models.enums import OrderStatus
from models.errors import BrokerFailure, InvalidInput, KnownError
from models.gate import Denial
from models.order import Order, OrderLeg, SimulationResult

_EDITABLE = (OrderStatus.DRAFT, OrderStatus.SIMULATED)


def order_of(draft: TicketDraft, known: Order | None, facts: DeskFacts, clock: Clock) -> Order:
    """Returns the ticket as an order; one that was changed after its simulation is a DRAFT again."""
    order = Order(
        id=draft.order_id,
        account_id=draft.account_id,
        legs=draft.legs,
        order_type=draft.order_type,
        limit_price=draft.limit_price,
        tif=draft.tif,
        status=OrderStatus.DRAFT,
        created_at=clock.now_utc() if known is None else known.created_at,
        user_rationale=draft.rationale,
        ai_rationale=draft.ai_rationale,
        ai_suggestion_id=draft.ai_suggestion_id,
        strategy_tag=facts.strategy_tag(draft.legs) if draft.legs else None,
    )
    if known is None or known.simulation_result is None:
        return order
    is_same = known.simulation_result.fingerprint == order.fingerprint
    return replace(
        order,
        legs=_legs(draft.legs, known),
        status=known.status if is_same else OrderStatus.DRAFT,
        simulation_result=known.simulation_result,
    )


def _legs(legs: tuple[OrderLeg, ...], known: Order) -> tuple[OrderLeg, ...]:
    """The contracts as the broker resolved them at the simulation: its data wins over the ticket's."""
    resolved = {leg.contract.key: leg.contract for leg in known.legs}
    return tuple(replace(leg, contract=resolved.get(leg.contract.key, leg.contract)) for leg in legs)


class Simulator:
    """Runs the what-if of tickets."""

    def __init__(
        self,
        *,
        broker: Broker,
        ledger: Ledger,
        storage: Storage,
        facts: DeskFacts,
        recorder: Recorder,
        clock: Clock,
        timings: OrderTimings,
        warnings: Callable[[Order], Awaitable[tuple[Denial, ...]]],
    ) -> None:
        self._broker = broker
        self._ledger = ledger
        self._storage = storage
        self._facts = facts
        self._recorder = recorder
        self._clock = clock
        self._timings = timings
        self._warnings = warnings

    async def simulate(self, draft: TicketDraft) -> SimulationOutcome:
        """Returns the SIMULATED order with limits before and after, or what is wrong with it."""
        if (refused := self._refusal(draft)) is not None:
            return _failed(refused)
        problems = validate(draft, self._facts, holder(self._broker, draft.account_id).capabilities)
        if problems:
            return SimulationOutcome(None, problems, None, (), ())
        try:
            async with asyncio.timeout(self._timings.simulate_timeout_s):
                legs, unlisted = await self._resolve(draft)
        except (BrokerFailure, TimeoutError) as error:
            return _failed(f"The broker did not confirm the contracts. {_words(error)}")
        if unlisted:
            return SimulationOutcome(None, unlisted, None, (), ())
        known = self._ledger.get(draft.order_id)
        draft = replace(draft, legs=legs)
        order = replace(
            order_of(draft, None, self._facts, self._clock),
            created_at=self._clock.now_utc() if known is None else known.order.created_at,
        )
        return await self._ask(draft, order)

    async def _ask(self, draft: TicketDraft, order: Order) -> SimulationOutcome:
        version = self._facts.position_version
        try:
            async with asyncio.timeout(self._timings.simulate_timeout_s):
                answer = await self._broker.simulate(order)
        except TimeoutError:
            answer = _no_answer(self._timings.simulate_timeout_s)
        except BrokerFailure as error:
            return _failed(f"The broker could not simulate it. {error}")
        if (refused := self._refusal(draft)) is not None:
            return _failed(refused)
        result = self._result(order, answer, version)
        simulated = replace(order, simulation_result=result).to(OrderStatus.SIMULATED)
        try:
            await self._storage.save_order(
                simulated,
                broker_of_account(self._broker, simulated.account_id),
                (self._audit(simulated, result),),
            )
        except KnownError as error:
            self._recorder.say(f"The simulation could not be recorded: {error}", Severity.ERROR, toast=True)
            return _failed(f"The simulation could not be recorded. {error}")
        if (refused := self._refusal(draft)) is not None:
            return _failed(refused)
        known = self._ledger.get(order.id)
        if known is None:
            self._ledger.track(Tracked(simulated))
        else:
            known.order = simulated
        self._recorder.tell(simulated, f"Simulated: {terms_of(simulated)}.")
        values = self._facts.account_values(order.account_id)
        changes = limit_changes(self._facts.limits(), result, values)
        return SimulationOutcome(simulated, (), None, changes, await self._warnings(simulated))

    def _refusal(self, draft: TicketDraft) -> str | None:
        known = self._ledger.get(draft.order_id)
        if known is not None and (known.is_claimed or known.order.status not in _EDITABLE):
            return "This order was sent already. Open a new ticket to trade again."
        return None

    async def _resolve(self, draft: TicketDraft) -> tuple[tuple[OrderLeg, ...], tuple[Problem, ...]]:
        """Asks the broker that is to trade them."""
        broker = holder(self._broker, draft.account_id)
        resolved: list[OrderLeg] = []
        problems: list[Problem] = []
        for index, leg in enumerate(draft.legs):
            try:
                contract = await broker.resolve(leg.contract.key)
            except InvalidInput as error:
                problems.append(Problem(f"leg:{index}", f"{leg.contract.label} is not listed. {error}"))
            else:
                resolved.append(replace(leg, contract=contract))
        return tuple(resolved), tuple(problems)

    def _result(self, order: Order, answer: WhatIf, version: int) -> SimulationResult:
        return SimulationResult(
            initial_margin_current=answer.initial_margin_before,
            initial_margin_change=answer.initial_margin_change,
            initial_margin_after=answer.initial_margin_after,
            maintenance_margin_current=answer.maintenance_margin_before,
            maintenance_margin_change=answer.maintenance_margin_change,
            maintenance_margin_after=answer.maintenance_margin_after,
            equity_change=answer.equity_change,
            buying_power_after=answer.buying_power_after,
            fees=answer.fees,
            current_greeks=self._facts.greeks(),
            projected_greeks=self._facts.greeks(extra_legs=order.legs),
            simulated_at=self._clock.now_utc(),
            fingerprint=order.fingerprint,
            position_version=version,
            broker_warn=answer.warning,
            broker_error=answer.error,
        )

    def _audit(self, order: Order, result: SimulationResult) -> AuditRecord:
        after = result.initial_margin_after
        extra = {
            "initial_margin_after": None if after is None else str(after),
            "position_version": result.position_version,
            "broker_warn": result.broker_warn,
            "broker_error": result.broker_error,
        }
        return self._recorder.record(order, AuditKind.SIMULATED, extra=extra)


def _failed(text: str) -> SimulationOutcome:
    return SimulationOutcome(None, (), text, (), ())


def _no_answer(after_s: float) -> WhatIf:
    warning = f"The broker did not answer the simulation within {after_s:g} s: margin unknown."
    return WhatIf(None, None, None, None, None, None, None, None, None, warning=warning)


def _words(error: Exception) -> str:
    return "It took too long; try again." if isinstance(error, TimeoutError) else str(error)
