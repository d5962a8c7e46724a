"""The desk's own sentences on a trade, made of its figures: what stands on a card when no model speaks.

Buys back 2 SPXW 18 Dec 26 6800 P for DB 21.40. Vega goes from 137% to 72% of its limit. Costs $4,270 (slippage
$40), gives up $262 of theta a day and frees $3,187 of margin. No other limit comes nearer. The worst stress loss
falls from $62,400 to $33,100 (at −12%).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from ai.plain import shown_text
from ai.shares import Share, share_of
from models.enums import Action, InstrumentKind, Metric
from models.hedge import HedgeCandidate, HedgeKind, LimitEffect, Situation, Verdict, Verified
from models.order import OrderLeg

_LONGEST_REASON: Final = 300
_METRICS: Final = {
    Metric.SPX_DELTA: "SPX delta",
    Metric.GAMMA: "gamma",
    Metric.THETA: "theta",
    Metric.VEGA: "vega",
    Metric.MARGIN_USED_PCT: "margin",
}
_VERBS: Final = {
    HedgeKind.CLOSE: "Closes:",
    HedgeKind.REDUCE: "Reduces:",
    HedgeKind.ROLL: "Rolls:",
    HedgeKind.WING: "Buys a wing:",
    HedgeKind.VERTICAL: "Adds a vertical:",
    HedgeKind.BROKEN_WING: "Adds a broken wing:",
    HedgeKind.CALENDAR: "Adds a calendar:",
    HedgeKind.INDEX_HEDGE: "Hedges with the index:",
}
_STRUCK: Final = {
    Verdict.DOES_NOT_CURE: "Not offered: it does not bring the limit back inside.",
    Verdict.BREAKS_LIMIT: "Not offered: it breaks another limit.",
    Verdict.REFUSED: "Not offered: the broker refuses it.",
    Verdict.NOT_LISTED: "Not offered: a leg is not listed.",
    Verdict.NO_QUOTE: "Not offered: a leg has no two-sided quote.",
    Verdict.MARGIN_UNKNOWN: "Not offered: the broker did not tell its margin.",
}
#: Changes of a share smaller than this (per cent of the limit) are not worth a word.
_LEAST_SHIFT_PCT: Final = 1.0


def template(situation: Situation, verified: Verified) -> str:
    """Returns the sentences for one card."""
    candidate = verified.candidate
    if verified.verdict is not Verdict.OFFERED:
        reason = shown_text(verified.reason, _LONGEST_REASON) or _STRUCK[verified.verdict]
        return f"{_trade(candidate)} {reason}".strip()
    if candidate.kind is HedgeKind.DO_NOTHING or not candidate.legs:
        return _standing(situation, candidate)
    parts = (
        _trade(candidate),
        _cure(situation, candidate),
        _price(verified),
        _others(situation, candidate),
        _stress(candidate),
    )
    return " ".join(filter(None, parts))


def _standing(situation: Situation, candidate: HedgeCandidate) -> str:
    broken = [_stands(effect) for effect in candidate.effects or situation.effects if effect.is_broken_before]
    opening = "Leaves the book as it is and costs nothing."
    when = " in the next regime" if situation.is_premortem else ""
    standing = f"{_capital(_listed(broken))}{when}." if broken else f"No limit is broken{when}."
    return f"{opening} {standing} {_stress(candidate)}".strip()


def _stands(effect: LimitEffect) -> str:
    share = share_of(effect.limit, effect.before)
    name = _METRICS[effect.metric]
    return f"{name} stays beyond its limit" if share.pct is None else f"{name} stays at {pct(share)} of its limit"


def _trade(candidate: HedgeCandidate) -> str:
    if not candidate.legs:
        return ""
    first, *second = (_deed(kind, legs) for kind, legs in candidate.trades)
    text = ", and ".join((first, *(f"{each[0].lower()}{each[1:]}" for each in second)))
    price = candidate.limit_price
    if price is None:
        return f"{text}."
    is_option_trade = any(leg.contract.is_option for leg in candidate.legs)
    return f"{text} for {net_price(price)}." if is_option_trade else f"{text} at {abs(price):,.2f}."


def _deed(kind: HedgeKind, legs: Sequence[OrderLeg]) -> str:
    """What one trade does: `Buys back 2 A`, `Rolls: buy 1 A and sell 1 B`."""
    one_way = {leg.action for leg in legs}
    if kind in {HedgeKind.CLOSE, HedgeKind.REDUCE, HedgeKind.WING, HedgeKind.INDEX_HEDGE} and len(one_way) == 1:
        verb = "Buys" if legs[0].action is Action.BUY else "Sells"
        words = {
            HedgeKind.CLOSE: f"{verb} back" if verb == "Buys" else f"{verb} out",
            HedgeKind.REDUCE: f"Reduces: {verb.lower()}",
        }
        return f"{words.get(kind, verb)} {_listed([_quantity(leg) for leg in legs])}"
    return f"{_VERBS.get(kind, '')} {_listed([_side(leg) for leg in legs])}".strip()


def _quantity(leg: OrderLeg) -> str:
    return f"{leg.quantity:,} {leg.contract.label}"


def _side(leg: OrderLeg) -> str:
    return f"{'buy' if leg.action is Action.BUY else 'sell'} {_quantity(leg)}"


def _cure(situation: Situation, candidate: HedgeCandidate) -> str:
    """The limits that are to be cured, before and after."""
    aimed = [effect for effect in candidate.effects if effect.metric in situation.trigger_metrics]
    told = [_goes(effect) for effect in aimed]
    text = _capital(_listed([each for each in told if each]))
    return f"{text}." if text else ""


def _others(situation: Situation, candidate: HedgeCandidate) -> str:
    """The other limit that the trade moves most towards its bound."""
    moved = []
    for effect in candidate.effects:
        before, after = share_of(effect.limit, effect.before), share_of(effect.limit, effect.after)
        if effect.metric in situation.trigger_metrics or before.pct is None or after.pct is None:
            continue
        if after.pct - before.pct >= _LEAST_SHIFT_PCT:
            moved.append((after.pct - before.pct, effect))
    if not moved:
        return "No other limit comes nearer."
    worst = max(moved, key=lambda pair: pair[0])[1]
    return f"Another limit comes nearer: {_goes(worst)}."


def _goes(effect: LimitEffect) -> str:
    before, after = share_of(effect.limit, effect.before), share_of(effect.limit, effect.after)
    if after.pct is None:
        return ""
    name = _METRICS[effect.metric]
    if before.pct is None:
        return f"{name} goes to {pct(after)} of its limit"
    return f"{name} goes from {pct(before)} to {pct(after)} of its limit"


def is_paid(candidate: HedgeCandidate) -> bool:
    """Returns whether the trade's price is paid or received; a future's is not, it is margined."""
    return all(leg.contract.kind is not InstrumentKind.FUTURE for leg in candidate.legs)


def _price(verified: Verified) -> str:
    candidate = verified.candidate
    parts = []
    slippage = candidate.slippage_usd
    slips = math.isfinite(slippage) and slippage >= 0.5
    if is_paid(candidate) and math.isfinite(candidate.cost_usd):
        verb = "costs" if candidate.cost_usd >= 0 else "brings in"
        parts.append(f"{verb} {dollars(candidate.cost_usd)}{f' (slippage {dollars(slippage)})' if slips else ''}")
    elif slips and not is_paid(candidate):
        parts.append(f"costs {dollars(slippage)} of slippage")
    theta = candidate.theta_change_per_day
    if math.isfinite(theta) and abs(theta) >= 0.5:
        parts.append(f"{'gives up' if theta < 0 else 'adds'} {dollars(theta)} of theta a day")
    margin = verified.initial_margin_change
    if margin is not None and abs(margin) >= 1:
        parts.append(f"{'frees' if margin < 0 else 'takes'} {dollars(margin)} of margin")
    return f"{_capital(_listed(parts))}." if parts else ""


def _stress(candidate: HedgeCandidate) -> str:
    """The largest loss of the ladder before and after; it may move to another rung."""
    before, after = candidate.worst_stress_before_usd, candidate.worst_stress_after_usd
    if before is None or after is None or not math.isfinite(before) or not math.isfinite(after):
        return ""
    rung = _rung(candidate)
    if after >= 0:
        return f"At no rung of the stress ladder the book loses; before, it lost up to {dollars(min(before, 0.0))}."
    if round(after) == round(before):
        return f"The worst stress loss stays {dollars(after)}{rung}."
    verb = "rises" if after < before else "falls"
    return f"The worst stress loss {verb} from {dollars(min(before, 0.0))} to {dollars(after)}{rung}."


def _rung(candidate: HedgeCandidate) -> str:
    shift = candidate.worst_stress_shift
    return "" if shift is None else f" (at {signed_pct(shift)})"


def _listed(parts: list[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def dollars(value: float | Decimal) -> str:
    """Returns the size in dollars: `$4,270`, cents below ten dollars; the words beside it say which way."""
    size = abs(Decimal(str(value)))
    digits = 2 if size < 10 and size % 1 else 0
    return f"${size.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP):,f}"


def pct(share: Share) -> str:
    """Returns the share in per cent; rounding never brings it to the other side of the limit."""
    value = share.pct or 0.0
    rounded = round(value)
    if rounded == 100 and value != 100:
        return f"{value:.1f}%" if round(value, 1) != 100 else f"{'just over' if value > 100 else 'just under'} 100%"
    return f"{rounded:,}%"


def signed_pct(fraction: float) -> str:
    """Returns a move as a signed per cent: `−12%`, `+2.5%`."""
    text = f"{abs(100 * fraction):.1f}".removesuffix(".0")
    return f"{'−' if fraction < 0 else '+'}{text}%"


def net_price(price: Decimal) -> str:
    """Returns `DB 0.40`, `CR 1.85` or `EVEN`."""
    if price == 0:
        return "EVEN"
    return f"{'DB' if price > 0 else 'CR'} {abs(price):,.2f}"
