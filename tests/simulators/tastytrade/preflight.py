"""Whether an order may be sent, and what it would need: margin, buying power, fees, as the exchange works them out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from execution.brokers.paper.orders import net_tick_rule
from execution.brokers.paper.sessions import is_open
from execution.brokers.paper.whatif import Question
from execution.brokers.port import WhatIf
from models.enums import InstrumentKind
from models.errors import BrokerFailure
from models.ids import AccountId, OrderId, new_order_id
from models.order import Order
from tests.simulators.tastytrade.drafts import Draft, DraftLeg
from tests.simulators.tastytrade.replies import JsonObject, number, preflight, signed
from tests.simulators.tastytrade.state import TastyState
from tests.simulators.tastytrade.transactions import Fees, split_fee

_ZERO: Final = Decimal(0)
_CENT: Final = Decimal("0.01")
_CLOSED: Final = "Your order will begin working during next valid session."


@dataclass(frozen=True, slots=True)
class Checked:
    """An order that may be sent. `order` is what the exchange takes, `effect` and `fees` what it needs."""

    draft: Draft
    order: Order
    effect: JsonObject
    fees: JsonObject
    warnings: list[JsonObject]
    #: The exchange will reject it: its price is not on the tick.
    is_off_tick: bool

    def told(self, order: JsonObject) -> JsonObject:
        """Returns the answer about it."""
        return {
            "order": order,
            "warnings": self.warnings,
            "buying-power-effect": self.effect,
            "fee-calculation": self.fees,
        }


@dataclass(slots=True)
class Preflight:
    """Checks orders against the account as it is."""

    tasty: TastyState

    def check(self, account: AccountId, draft: Draft, order_id: OrderId | None = None) -> Checked:
        """Returns an order that may be sent; raises Refusal for one that may not."""
        core, now_utc = self.tasty.core, self.tasty.now()
        draft = self.with_effects(account, draft)
        price = draft.terms.net_price
        if len(draft.legs) == 1 and price is not None and price * draft.order_legs[0].action.sign <= 0:
            bought = draft.order_legs[0].action.sign > 0
            code = "cant_buy_for_credit" if bought else "cant_sell_for_debit"
            raise preflight((code, f"You cannot {'buy for a credit' if bought else 'sell for a debit'}."))
        rule = net_tick_rule(draft.order_legs)
        off_tick = price is not None and not rule.is_on_tick(price)
        limit = price
        if off_tick and price is not None and self.tasty.habits.off_tick_passes:
            limit = rule.snap(price) or price
        order = draft.order(account, order_id or new_order_id(), now_utc, limit=limit)
        try:
            question = core.question(order, now_utc)
            core.require_market(order)
        except BrokerFailure as failure:
            raise preflight((_code(failure.what), failure.what)) from failure
        answer = question.answer()
        effect = self._effect(account, order, question, answer)
        fees = self._fees(draft, answer.fees or _ZERO)
        if answer.error is not None and core.settings.enforce_buying_power:
            data = {"buying-power-effect": effect, "fee-calculation": fees, "warnings": []}
            raise preflight(("margin_check_failed", answer.error), data=data)
        return Checked(draft, order, effect, fees, self._warnings(question), off_tick)

    def _warnings(self, question: Question) -> list[JsonObject]:
        core = self.tasty.core
        warnings = [{"code": "price_warning", "message": text} for text in question.warnings if "closed" not in text]
        if core.settings.session_hours and not is_open(core.calendar, self.tasty.now()):
            warnings.append({"code": "tif_next_valid_sesssion", "message": _CLOSED})
        return warnings

    def with_effects(self, account: AccountId, draft: Draft) -> Draft:
        """A close without a position becomes an opening order, or is refused where that was asked for."""
        held = {one.contract.key: one.quantity for one in self.tasty.core.book.holdings(account)}
        legs: list[DraftLeg] = []
        for leg in draft.legs:
            sign = leg.order_leg.action.sign
            if leg.closes and held.get(leg.contract.key, _ZERO) * -sign < leg.quantity:
                if draft.is_strict:
                    text = f"There is no position of {leg.quantity} {leg.symbol} to close"
                    raise preflight(("strict_position_effect_validation", text))
                legs.append(replace(leg, action=leg.action.replace("Close", "Open")))
            else:
                legs.append(leg)
        return replace(draft, legs=tuple(legs))

    # --- the figures ---

    def _effect(self, account: AccountId, order: Order, question: Question, answer: WhatIf) -> JsonObject:
        """Change of buying power = margin - credit + fees; margin is told before the premium is set off."""
        before = answer.initial_margin_before or _ZERO
        current = question.net_liquidation - before
        equity = -(answer.fees or _ZERO) if question.equity_change is None else question.equity_change
        after = question.net_liquidation + equity - (answer.initial_margin_after or before)
        fees, credit = answer.fees or _ZERO, self._credit(order)
        margin = current - after + credit - fees
        change = after - current
        return (
            signed("change-in-margin-requirement", -margin)
            | signed("change-in-buying-power", change)
            | signed("current-buying-power", current)
            | signed("new-buying-power", after)
            | signed("isolated-order-margin-requirement", -self._isolated(account, order))
            | {
                "is-spread": len(order.legs) > 1,
                "impact": number(abs(change)),
                "effect": "Debit" if change < 0 else "Credit" if change > 0 else "None",
            }
        )

    def _at_marks(self, order: Order) -> Decimal:
        """Dollars received when it fills at the marks."""
        marks = self.tasty.core.valuation.marks
        paid = (
            leg.signed_quantity * marks.get(leg.contract.key, _ZERO) * leg.contract.multiplier
            for leg in order.legs
            if leg.contract.kind is not InstrumentKind.FUTURE
        )
        return -sum(paid, start=_ZERO).quantize(_CENT)

    def _credit(self, order: Order) -> Decimal:
        """Dollars received when it fills at its price, at the marks without one."""
        if order.limit_price is None:
            return self._at_marks(order)
        if all(leg.contract.kind is InstrumentKind.FUTURE for leg in order.legs):
            return _ZERO
        unit = max(leg.contract.multiplier for leg in order.legs)
        return (-order.limit_price * unit * order.packages).quantize(_CENT)

    def _isolated(self, account: AccountId, order: Order) -> Decimal:
        core = self.tasty.core
        case = core.what_ifs.margining.case(account, (), core.valuation.marks, self.tasty.now(), order.legs)
        margin = case.margin(order.legs)
        return _ZERO if margin is None else max(margin.initial + self._at_marks(order), _ZERO).quantize(_CENT)

    def _fees(self, draft: Draft, total: Decimal) -> JsonObject:
        """Fees by kind; what they were split from adds up to what the exchange will charge."""
        schedule, marks = self.tasty.core.settings.commissions, self.tasty.core.valuation.marks
        parts = [_ZERO] * 4
        for leg in draft.legs:
            one, price = leg.order_leg, marks.get(leg.contract.key, Decimal(1))
            whole = schedule.leg_fee(one.contract, one.action, Decimal(one.quantity), price)
            split = split_fee(schedule, one.contract, Decimal(one.quantity), price, whole)
            legs = (split.commission, split.clearing, split.regulatory, split.index)
            parts = [mine + more for mine, more in zip(parts, legs, strict=True)]
        commission, clearing, _, index = parts
        fees = Fees(commission, clearing, total - commission - clearing - index, index)
        return (
            signed("regulatory-fees", -fees.regulatory)
            | signed("clearing-fees", -fees.clearing)
            | signed("commission", -fees.commission)
            | signed("proprietary-index-option-fees", -fees.index)
            | signed("total-fees", -fees.total)
        )


def _code(reason: str) -> str:
    if "on the tick" in reason:
        return "invalid_price_increment"
    if "two-sided" in reason:
        return "no_market"
    return "instrument_validation_failed"
