"""Holds a candidate against the live market, every limit and the broker's what-if before it may be offered."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from execution.brokers.port import Broker, WhatIf
from execution.core import DeskCore
from execution.hedging.finding import Look
from models.enums import MarketDataKind, Metric, OrderStatus, OrderType, TimeInForce
from models.errors import BrokerFailure, FailureKind, InvalidInput, KnownError
from models.hedge import HedgeCandidate, HedgeKind, LimitEffect, Verdict, Verified
from models.ids import AccountId, new_order_id
from models.order import Order, OrderLeg

_ANSWER_S: Final = 12.0
_PER_CENT: Final = 100
#: Good enough to be traded on: what the gate lets pass.
_NOT_LIVE: Final = (MarketDataKind.DELAYED, MarketDataKind.FROZEN)
#: A figure that moved by less than this share of its bound has not got worse.
_WORSE: Final = 1e-6


class Verifier:
    """Asks; sends nothing and keeps nothing. Engine thread only."""

    def __init__(self, *, core: DeskCore, broker: Broker) -> None:
        self._core = core
        self._broker = broker
        #: How many what-ifs in a row the broker has left without an answer.
        self.unanswered = 0

    async def verify(self, candidate: HedgeCandidate, look: Look, must_cure: Collection[Metric]) -> Verified:
        """Returns the candidate with the figures of `look` and the verdict on it."""
        if candidate.kind is HedgeKind.DO_NOTHING:
            return self._told(
                candidate, Verdict.DOES_NOT_CURE, "The limit stays broken." if must_cure else "No limit is broken."
            )
        unfit = await self._unfit_leg(candidate)
        if unfit is not None:
            return self._told(candidate, *unfit)
        try:
            fresh = await asyncio.to_thread(look.price, candidate)
        except KnownError as error:
            return self._told(candidate, Verdict.NO_QUOTE, str(error))
        answer = await self._what_if(fresh)
        if isinstance(answer, str):
            return self._told(fresh, Verdict.REFUSED, answer)
        judged = replace(fresh, effects=self._with_margin(fresh, answer))
        if answer.error:
            return self._told(judged, Verdict.REFUSED, answer.error, answer)
        return self._told(judged, *verdict_on(judged.effects, must_cure), answer)

    async def _unfit_leg(self, candidate: HedgeCandidate) -> tuple[Verdict, str] | None:
        """A leg the broker does not list, or that has no quote to trade on."""
        for leg in candidate.legs:
            try:
                async with asyncio.timeout(_ANSWER_S):
                    await self._broker.resolve(leg.contract.key)
            except InvalidInput:
                return Verdict.NOT_LISTED, f"{leg.contract.label} is not listed."
            except (BrokerFailure, TimeoutError) as error:
                return Verdict.REFUSED, f"The broker did not confirm {leg.contract.label}. {_words(error)}"
            problem = self._quote_problem(leg)
            if problem:
                return Verdict.NO_QUOTE, f"{leg.contract.label} {problem}"
        return None

    def _quote_problem(self, leg: OrderLeg) -> str:
        quote = self._core.quote(leg.contract.key)
        age_s = self._core.quote_age_s(leg.contract.key)
        if quote is None or quote.bid is None or quote.ask is None or quote.ask <= 0:
            return "has no two-sided quote now."
        if quote.kind in _NOT_LIVE:
            return f"is quoted {quote.kind.value.lower()} only."
        if age_s is None or age_s > self._core.caps.quote_max_age_s:
            return "has an old quote."
        return ""

    async def _what_if(self, candidate: HedgeCandidate) -> WhatIf | str:
        """Returns the broker's answer, or why there is none."""
        account_id = candidate.account_id
        info = None if account_id is None else self._core.account(account_id)
        if account_id is None or info is None or not info.may_trade:
            return "No account is connected that may trade."
        try:
            async with asyncio.timeout(_ANSWER_S):
                answer = await self._broker.simulate(order_of(candidate, account_id, self._core))
        except (BrokerFailure, InvalidInput, TimeoutError) as error:
            self.unanswered = self.unanswered + 1 if _is_silence(error) else 0
            return f"The broker could not simulate it. {_words(error)}"
        self.unanswered = 0
        return answer

    def _with_margin(self, candidate: HedgeCandidate, answer: WhatIf) -> tuple[LimitEffect, ...]:
        """The limits with margin as the broker's answer makes it; unknown when it did not say."""
        total = self._core.total_values()
        after: float | None = None
        if (
            total is not None
            and total.net_liquidation is not None
            and total.net_liquidation > 0
            and total.maintenance_margin is not None
            and answer.maintenance_margin_change is not None
        ):
            after = float((total.maintenance_margin + answer.maintenance_margin_change) / total.net_liquidation)
            after *= _PER_CENT
        return tuple(
            replace(effect, after=after) if effect.metric is Metric.MARGIN_USED_PCT else effect
            for effect in candidate.effects
        )

    def _told(self, candidate: HedgeCandidate, verdict: Verdict, reason: str, answer: WhatIf | None = None) -> Verified:
        return Verified(
            candidate=candidate,
            verdict=verdict,
            reason=reason,
            initial_margin_change=None if answer is None else answer.initial_margin_change,
            maintenance_margin_change=None if answer is None else answer.maintenance_margin_change,
            buying_power_after=None if answer is None else answer.buying_power_after,
            fees=None if answer is None else answer.fees,
            broker_warning=None if answer is None else answer.warning,
            verified_at_utc=self._core.clock.now_utc(),
        )


def order_of(candidate: HedgeCandidate, account_id: AccountId, core: DeskCore) -> Order:
    """Returns the candidate as an order that nobody has sent."""
    return Order(
        id=new_order_id(),
        account_id=account_id,
        legs=candidate.legs,
        order_type=OrderType.LIMIT,
        limit_price=candidate.limit_price,
        tif=TimeInForce.DAY,
        status=OrderStatus.DRAFT,
        created_at=core.clock.now_utc(),
    )


def verdict_on(effects: Sequence[LimitEffect], must_cure: Collection[Metric]) -> tuple[Verdict, str]:
    """Returns whether a trade with these effects cures what it is for and leaves every other limit whole.

    Another limit that is broken already may stay so, but not get worse.
    """
    by_metric = {effect.metric: effect for effect in effects}
    for metric in must_cure:
        effect = by_metric.get(metric)
        if effect is None or effect.after is None:
            return Verdict.MARGIN_UNKNOWN, f"{metric.label} after the trade is not known."
        if effect.is_broken_after:
            return Verdict.DOES_NOT_CURE, f"{metric.label} would still be beyond its limit: {_against(effect)}."
    for effect in effects:
        if effect.metric in must_cure:
            continue
        if effect.after is None and (effect.limit.low is not None or effect.limit.high is not None):
            return Verdict.MARGIN_UNKNOWN, f"{effect.metric.label} after the trade is not known."
        if effect.is_broken_after and (not effect.is_broken_before or _is_worse(effect)):
            return Verdict.BREAKS_LIMIT, f"{effect.metric.label} would be beyond its limit: {_against(effect)}."
    return Verdict.OFFERED, ""


def _is_worse(effect: LimitEffect) -> bool:
    before, after = effect.before or 0.0, effect.after or 0.0
    bound = effect.limit.low if effect.limit.low is not None and after < effect.limit.low else effect.limit.high
    if bound is None:
        return False
    return abs(after - bound) > abs(before - bound) + _WORSE * max(abs(bound), 1.0)


def _against(effect: LimitEffect) -> str:
    after, low, high = effect.after or 0.0, effect.limit.low, effect.limit.high
    bound = low if low is not None and after < low else high
    unit = " %" if effect.metric is Metric.MARGIN_USED_PCT else ""
    return f"{after:,.1f}{unit} against {Decimal(str(bound or 0.0)):,.1f}{unit}"


def _is_silence(error: Exception) -> bool:
    if isinstance(error, BrokerFailure):
        return error.kind in (FailureKind.OFFLINE, FailureKind.TIMEOUT)
    return isinstance(error, TimeoutError)


def _words(error: Exception) -> str:
    return "It took too long." if isinstance(error, TimeoutError) else str(error)
