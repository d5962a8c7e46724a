"""Trades on a desk as a hasty user would: tickets on many shapes, sent, repriced and cancelled, all by commands."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

from benchmarks.whole_desk import WholeDesk
from execution import commands
from execution.brokers.paper.faults import OrderScript
from execution.orders.package import net_mid, net_natural
from execution.ticket_views import SendOutcome, SimulationOutcome
from models.clock import new_york_time
from models.contract import Contract, underlying_contract
from models.enums import Action, OrderStatus, OrderType, Right, TimeInForce
from models.errors import KnownError
from models.gate import DenialCode
from models.ids import OrderId, new_order_id
from models.order import Order, OrderLeg

#: What passes by itself: another try is in order.
_PASSING = {
    DenialCode.POSITIONS_CHANGED,
    DenialCode.SIMULATION_STALE,
    DenialCode.SIMULATION_DIFFERS,
    DenialCode.QUOTE_MISSING,
    DenialCode.QUOTE_STALE,
    DenialCode.MARGIN_UNKNOWN,
    DenialCode.PRICE_COLLAR,
}
_TRIES, _QUOTE_TRIES = 12, 40
_WORKING = (OrderStatus.PENDING, OrderStatus.PARTIAL)


@dataclass(slots=True)
class Strikes:
    """Options of one expiry: those that are bought and those that are sold, so that no order turns a position round."""

    bought_puts: list[Contract]
    sold_puts: list[Contract]
    sold_calls: list[Contract]
    bought_calls: list[Contract]

    @property
    def all(self) -> tuple[Contract, ...]:
        """Every contract."""
        return (*self.bought_puts, *self.sold_puts, *self.sold_calls, *self.bought_calls)


@dataclass(slots=True)
class Trader:
    """Makes and sends orders; `rng` decides everything that is left open."""

    on: WholeDesk[Any]
    rng: Random
    expiries: list[Strikes] = field(default_factory=list)
    shares: list[Contract] = field(default_factory=list)
    sent: list[OrderId] = field(default_factory=list)
    #: Why orders did not leave, and how often.
    refused: dict[str, int] = field(default_factory=dict)

    def look_around(self, *, expiries: int = 1) -> None:
        """Chooses the contracts that are traded."""
        market, now_utc = self.on.market, self.on.clock.now_utc()
        after = (new_york_time(now_utc) + timedelta(days=14)).date()
        listed = [one for one in market.expiries("SPX", now_utc) if one.root == "SPXW" and one.expiry > after]
        for expiry in listed[:expiries]:
            self.expiries.append(_strikes(list(market.chain(expiry)), market.level("SPX") or Decimal(7000)))
        self.shares = [underlying_contract(symbol) for symbol in ("AAPL", "QQQ", "MSFT")]
        every = [*self.shares, *(contract for one in self.expiries for contract in one.all)]
        self.on.core.learn_contracts(every)
        self.on.core.want_quotes("figures", [contract.key for contract in every])

    # --- shapes -------------------------------------------------------------------------------------------------------

    def combo(self, packages: int) -> tuple[OrderLeg, ...]:
        """Returns four legs: a condor, a butterfly-like one with ratios, or two verticals on two expiries."""
        near = self.rng.choice(self.expiries)
        far = near if self.rng.random() < 0.9 else self.rng.choice(self.expiries)
        pick, ratio = self.rng.choice, self.rng.choice((1, 1, 1, 2))
        return (
            OrderLeg(pick(near.bought_puts), Action.BUY, packages * ratio),
            OrderLeg(pick(near.sold_puts), Action.SELL, packages),
            OrderLeg(pick(far.sold_calls), Action.SELL, packages),
            OrderLeg(pick(far.bought_calls), Action.BUY, packages * ratio),
        )

    def shape(self) -> tuple[OrderLeg, ...]:
        """Returns the legs of one order."""
        packages, one = self.rng.randint(1, 4), self.rng.choice(self.expiries)
        match self.rng.randrange(5):
            case 0 | 1:
                return self.combo(packages)
            case 2:
                wing, body = self.rng.choice(one.bought_puts), self.rng.choice(one.sold_puts)
                return (OrderLeg(wing, Action.BUY, packages), OrderLeg(body, Action.SELL, packages))
            case 3:
                return (OrderLeg(self.rng.choice(one.bought_puts), Action.BUY, packages),)
            case _:
                return (OrderLeg(self.rng.choice(self.shares), Action.BUY, packages),)

    # --- commands -----------------------------------------------------------------------------------------------------

    async def send(
        self, legs: tuple[OrderLeg, ...], script: OrderScript | None = None, *, is_resting: bool = False
    ) -> OrderId | None:
        """Sends an order and returns its id; None when it did not leave. Resting = far from where it would fill."""
        order_id = new_order_id()
        for _ in range(_TRIES):
            draft = await self.ticket(legs, script, is_resting=is_resting, order_id=order_id)
            if draft is None:
                return None
            outcome: SendOutcome = await self.on.desk.handle(commands.SendOrder(draft))
            if outcome.order is not None and outcome.order.status not in (OrderStatus.DRAFT, OrderStatus.SIMULATED):
                self.sent.append(order_id)
                return order_id
            codes = {denial.code for denial in outcome.denials}
            why = ", ".join(sorted(code.value for code in codes)) or str(outcome.problems or outcome.failure)
            if not codes or not codes <= _PASSING:
                break
        self._refuse(why)
        return None

    async def ticket(
        self,
        legs: tuple[OrderLeg, ...],
        script: OrderScript | None = None,
        *,
        is_resting: bool = False,
        order_id: OrderId | None = None,
    ) -> commands.TicketDraft | None:
        """Returns a priced and simulated ticket; None where there are no quotes or no simulation."""
        draft = commands.TicketDraft(
            order_id or new_order_id(),
            self.on.account,
            legs,
            OrderType.LIMIT,
            None,
            TimeInForce.DAY,
            rationale="a figure",
        )
        if script is not None:
            self.on.faults.for_order(draft.order_id, script)
        why = "no quotes"
        for _ in range(_TRIES):
            priced = await self._priced(draft, is_resting=is_resting)
            if priced is not None:
                simulated: SimulationOutcome = await self.on.desk.handle(commands.SimulateOrder(priced))
                if simulated.order is not None:
                    return priced
                why = simulated.failure or str(simulated.problems)
            if not self.on.is_ready:
                break
        self._refuse(why)
        return None

    def _refuse(self, why: str) -> None:
        self.refused[why[:80]] = self.refused.get(why[:80], 0) + 1

    async def _priced(self, draft: commands.TicketDraft, *, is_resting: bool) -> commands.TicketDraft | None:
        """Returns the draft with a limit price off the present quotes; None while there are none."""
        core = self.on.core
        for _ in range(_QUOTE_TRIES):
            asked = {leg.contract.key: core.quote(leg.contract.key) for leg in draft.legs}
            quotes = {key: quote for key, quote in asked.items() if quote is not None}
            mid, natural = net_mid(draft.legs, quotes), net_natural(draft.legs, quotes)
            if mid is not None and natural is not None:
                tick = core.net_tick_rule(draft.legs)
                wanted = mid - max(abs(mid) / 5, Decimal(2) * tick.above) if is_resting else natural
                limit = tick.snap(wanted)
                if limit == 0 or (is_resting and mid > 0 > limit):
                    limit = tick.below
                return replace(draft, limit_price=limit)
            await self.on.watch.until(lambda: False, 0.05)
        return None

    async def reprice(self, order: Order) -> SendOutcome | None:
        """Asks for a price a few ticks away; None when the desk would not hear of it."""
        tick = self.on.core.net_tick_rule(order.legs)
        if order.limit_price is None:
            return None
        limit = tick.snap(order.limit_price - self.rng.randint(1, 3) * tick.above)
        if limit == 0 or (limit > 0) != (order.limit_price > 0):
            return None
        outcome: SendOutcome = await self.on.desk.handle(commands.ReplaceOrder(order.id, limit))
        return outcome

    async def cancel(self, order_id: OrderId) -> None:
        """Cancels an order; that it ended meanwhile is no error."""
        try:
            await self.on.desk.handle(commands.CancelOrder(order_id))
        except KnownError as error:
            self._refuse(f"cancel: {error}")

    def working(self) -> list[Order]:
        """Returns our orders that may be changed or cancelled."""
        known = (self.on.watch.orders.get(order_id) for order_id in self.sent)
        return [order for order in known if order is not None and order.status in _WORKING]


def _strikes(chain: list[Contract], level: Decimal) -> Strikes:
    puts = sorted((one for one in chain if one.right is Right.PUT), key=_strike)
    calls = sorted((one for one in chain if one.right is Right.CALL), key=_strike)
    below = [one for one in puts if _strike(one) < level * Decimal("0.985")]
    above = [one for one in calls if _strike(one) > level * Decimal("1.015")]
    return Strikes(below[-24:-21], below[-4:-1], above[1:4], above[21:24])


def _strike(contract: Contract) -> Decimal:
    return contract.strike or Decimal(0)
