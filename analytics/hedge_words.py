"""A candidate in one line, as a trader would say it, made of its own figures."""

from __future__ import annotations

from collections.abc import Sequence

from models.enums import Action, Metric, Right
from models.hedge import HedgeCandidate, HedgeKind, LimitEffect
from models.order import OrderLeg

_NAMES = {
    Metric.SPX_DELTA: "delta",
    Metric.GAMMA: "gamma",
    Metric.THETA: "theta",
    Metric.VEGA: "vega",
    Metric.MARGIN_USED_PCT: "margin",
}
_LEADS = {
    HedgeKind.CLOSE: "Close",
    HedgeKind.REDUCE: "Reduce",
    HedgeKind.ROLL: "Roll",
    HedgeKind.WING: "Buy a wing",
    HedgeKind.VERTICAL: "Add a {right} spread",
    HedgeKind.BROKEN_WING: "Add a broken-wing {right} butterfly",
    HedgeKind.CALENDAR: "Add a {right} calendar",
    HedgeKind.INDEX_HEDGE: "Hedge the index",
}
_LEAST_TOLD_USD = 0.5


def summary(candidate: HedgeCandidate) -> str:
    """The line on the card: what is done, what it takes where, what it costs."""
    broken = [effect for effect in candidate.effects if effect.is_broken_before]
    if candidate.kind is HedgeKind.DO_NOTHING:
        stay = ", ".join(f"{_NAMES[e.metric]} stays at {_figure(e.metric, e.before)}{_limit(e)}" for e in broken)
        return f"Do nothing: {stay or 'every limit holds'}."
    takes = ", ".join(_taken(effect) for effect in broken)
    parts = [_done(candidate), takes, _money(candidate)]
    return "; ".join(part for part in parts if part) + "."


def legs_text(legs: Sequence[OrderLeg]) -> str:
    """`buy 2 SPXW 15 May 26 7000 P, sell 2 SPXW 15 May 26 6900 P`."""
    verbs = {Action.BUY: "buy", Action.SELL: "sell"}
    return ", ".join(f"{verbs[leg.action]} {leg.quantity} {leg.contract.label}" for leg in legs)


def _done(candidate: HedgeCandidate) -> str:
    """`Close: buy 2 A`; of two trades in one order both: `Close: buy 2 A, and buy a wing: buy 1 B`."""
    told, last = "", ""
    for kind, legs in candidate.trades:
        lead = _lead(kind, legs)
        words = legs_text(legs) if lead == last else f"{lead}: {legs_text(legs)}"
        told = f"{told}, and {words[0].lower()}{words[1:]}" if told else words
        last = lead
    return told


def _lead(kind: HedgeKind, legs: Sequence[OrderLeg]) -> str:
    return _LEADS[kind].format(right="call" if legs[0].contract.right is Right.CALL else "put")


def _taken(effect: LimitEffect) -> str:
    """`takes the delta from -95 to -71, limit -60`, and a word when that is not enough."""
    text = f"takes the {_NAMES[effect.metric]} from {_figure(effect.metric, effect.before)}"
    text += f" to {_figure(effect.metric, effect.after)}{_limit(effect)}"
    return f"{text} (not enough alone)" if effect.is_broken_after else text


def _limit(effect: LimitEffect) -> str:
    low, high, before = effect.limit.low, effect.limit.high, effect.before
    if before is None:
        return ""
    bound = low if low is not None and before < low else high
    return "" if bound is None else f", limit {_figure(effect.metric, bound)}"


def _money(candidate: HedgeCandidate) -> str:
    cost, theta = candidate.cost_usd, candidate.theta_change_per_day
    parts = []
    if abs(cost) >= _LEAST_TOLD_USD:
        parts.append(f"{'pays' if cost > 0 else 'takes in'} ${abs(cost):,.0f} at mid")
    parts.append(f"${candidate.slippage_usd:,.0f} to cross the spread")
    if abs(theta) >= _LEAST_TOLD_USD:
        parts.append(f"{'gives up' if theta < 0 else 'gains'} ${abs(theta):,.0f} of theta a day")
    return ", ".join(parts)


def _figure(metric: Metric, value: float | None) -> str:
    if value is None:
        return "unknown"
    is_small = metric is Metric.GAMMA or abs(value) < 10.0
    digits = 1 if metric is Metric.MARGIN_USED_PCT else (2 if is_small else 0)
    # Rounded first: a residue below 0 is no "-0.00".
    text = f"{round(value, digits) + 0.0:,.{digits}f}"
    return f"{text} %" if metric is Metric.MARGIN_USED_PCT else text
