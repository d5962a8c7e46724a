"""Suggestions in a trader's words. Pure, no Qt."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from decimal import Decimal

from execution.suggestion_views import AnalystPhase, AnalystReport, SearchPhase, Suggestion, SuggestionSet
from models.hedge import HedgeCandidate, HedgeKind, LimitEffect, Situation, Verdict, Verified
from models.order import OrderLeg
from ui import format as fmt
from ui.breaches.text import lasted

#: From this age on a verification no longer says much about the market.
FRESH_S = 30
#: Longer texts than this are nobody's rationale.
MOST_CHARS = 4000
ARROW = "→"
ALL_HOLD = (
    "✓ All limits hold.\n\nWhen one breaks, the desk looks for trades that bring it back inside. Each is repriced, held"
    " against every limit and simulated by the broker before it is shown here."
)
ACKNOWLEDGED = (
    "A limit is broken, and you acknowledged it. The desk searches again once it has cleared and breaks anew."
)
PASSED = "A limit was passed a moment ago. If that lasts, it is a breach, and the desk searches for trades."
NOT_YET = "Limits are watched as soon as the desk is ready."
NOT_SEARCHED = "The desk has not searched for this breach yet. It does so by itself; Search does it now."
NONE_OFFERED = (
    "No trade was found that brings it back inside and breaks nothing else. What was looked at is listed below."
)
NOT_SEARCHED_AHEAD = "Nothing was searched for the step up yet. Find trades for it does it now."
AHEAD = "Held against the limits that a step up of the regime would bring; those of today may all hold."
OWN_RANKING = "Ranked and explained by the desk itself. No language model was asked."

_HYPHEN_MINUS = re.compile(r"(?<![\w-])-(?=\d)")
_KINDS = {
    HedgeKind.DO_NOTHING: "Do nothing",
    HedgeKind.CLOSE: "Close a position",
    HedgeKind.REDUCE: "Reduce a position",
    HedgeKind.ROLL: "Roll",
    HedgeKind.WING: "Buy a wing",
    HedgeKind.VERTICAL: "Add a vertical",
    HedgeKind.BROKEN_WING: "Add a broken wing",
    HedgeKind.CALENDAR: "Add a calendar",
    HedgeKind.INDEX_HEDGE: "Hedge with the index",
}
_SHORT = {
    HedgeKind.CLOSE: "Close",
    HedgeKind.REDUCE: "Reduce",
    HedgeKind.ROLL: "Roll",
    HedgeKind.WING: "Wing",
    HedgeKind.VERTICAL: "Vertical",
    HedgeKind.BROKEN_WING: "Broken wing",
    HedgeKind.CALENDAR: "Calendar",
    HedgeKind.INDEX_HEDGE: "Index hedge",
}
_VERDICTS = {
    Verdict.OFFERED: "offered",
    Verdict.DOES_NOT_CURE: "does not cure",
    Verdict.BREAKS_LIMIT: "breaks a limit",
    Verdict.REFUSED: "refused",
    Verdict.NOT_LISTED: "not listed",
    Verdict.NO_QUOTE: "no quote",
    Verdict.MARGIN_UNKNOWN: "margin unknown",
}
_PHASES = {
    AnalystPhase.OFF: "not asked",
    AnalystPhase.WAITING_CONSENT: "waits for your consent",
    AnalystPhase.WORKING: "working",
    AnalystPhase.DONE: "ranked by the model",
    AnalystPhase.FAILED: "failed",
    AnalystPhase.CANCELLED: "stopped",
}


def plain(text: str) -> str:
    """Returns text from outside without what is not seen or turns the writing round: control and format characters."""
    cut = text if len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]}…"
    kept = (char if char == "\n" or unicodedata.category(char)[0] != "C" else " " for char in cut)
    return "".join(kept).strip()


def minus(text: str) -> str:
    """Returns the desk's own words with the minus sign that the window writes everywhere else."""
    return _HYPHEN_MINUS.sub(fmt.MINUS, text)


def kind(value: HedgeKind) -> str:
    """Returns what a candidate does."""
    return _KINDS[value]


def deed(candidate: HedgeCandidate) -> str:
    """Returns what a candidate does; of two trades in one order both, shorter: `Close and wing`."""
    if candidate.second_kind is None:
        return kind(candidate.kind)
    return f"{_SHORT[candidate.kind]} and {_SHORT[candidate.second_kind].lower()}"


def verdict(value: Verdict) -> str:
    """Returns why a candidate is not offered, in two words."""
    return _VERDICTS[value]


def leg(value: OrderLeg) -> str:
    """Returns `SELL 2  SPXW 15 May 26 7000 P`."""
    return f"{value.action.value} {value.quantity:,}  {value.contract.label}"


def legs_line(candidate: HedgeCandidate) -> str:
    """Returns all legs in one line."""
    return ",  ".join(leg(one) for one in candidate.legs)


def spoken(suggestion: Suggestion) -> str:
    """Returns what a card is about, for those who hear it."""
    candidate = suggestion.verified.candidate
    if candidate.kind is HedgeKind.DO_NOTHING:
        return "Do nothing, for comparison"
    price = fmt.net_price(candidate.limit_price)
    return f"Suggestion {suggestion.rank}: {deed(candidate)}, {legs_line(candidate)}, {price}"


# --- figures ----------------------------------------------------------------------------------------------------------


def cost(usd: float) -> str:
    """Returns `1,240 paid`, `310 received`, `nothing`."""
    if round(usd) == 0:
        return "nothing"
    return f"{fmt.money(abs(usd))} {'paid' if usd > 0 else 'received'}"


def fees(value: Decimal | None) -> str:
    """Returns fees in dollars and cents; unknown is a word."""
    return "unknown" if value is None else fmt.price(value)


def margin_change(value: Decimal | None) -> str:
    """Returns the change of a margin in dollars; unknown is a word."""
    return "unknown" if value is None else fmt.signed(value, 0)


def stress(candidate: HedgeCandidate) -> str:
    """Returns the worst loss of the stress ladder before and after."""
    before, after = candidate.worst_stress_before_usd, candidate.worst_stress_after_usd
    return f"{fmt.signed(before, 0)} {ARROW} {fmt.signed(after, 0)}"


def stress_caption(candidate: HedgeCandidate) -> str:
    """Returns where the worst loss is: `Worst stress, SPX −12%`."""
    shift = candidate.worst_stress_shift
    return "Worst stress" if shift is None else f"Worst stress, SPX {fmt.signed_percent(shift * 100, 0)}"


def used(effect: LimitEffect) -> str:
    """Returns the share of the limit used after the trade, with a word where it is beyond."""
    if effect.after is None:
        return "unknown"
    if effect.limit.low is None and effect.limit.high is None:
        return "no limit"
    share = effect.limit.utilisation(effect.after)
    if effect.is_broken_after:
        return f"{fmt.utilisation(share)} ▲"
    return "inside" if share is None else fmt.utilisation(share)


def effect_line(effect: LimitEffect) -> str:
    """Returns one limit for those who hear it: `Vega −5,200 to −3,100, 78% used`."""
    before, after = fmt.metric_value(effect.metric, effect.before), fmt.metric_value(effect.metric, effect.after)
    broken = ", beyond its limit" if effect.is_broken_after else ""
    return f"{fmt.metric_name(effect.metric)} {before} to {after}, {used(effect).rstrip(' ▲')} used{broken}"


def verified_age(verified: Verified, now_utc: datetime) -> tuple[str, bool]:
    """Returns how old the verification is in words, and whether that is too old."""
    seconds = (now_utc - verified.verified_at_utc).total_seconds()
    text = f"Verified {lasted(verified.verified_at_utc, now_utc)} ago"
    return (f"{text}: simulate again", True) if seconds > FRESH_S else (text, False)


def rationale(suggestion: Suggestion) -> str:
    """Returns why, the model's words as they are; "do nothing" and a candidate without words say what is known."""
    if suggestion.is_from_model:
        return suggestion.rationale
    return minus(suggestion.rationale or suggestion.verified.candidate.summary or suggestion.verified.reason)


def limits_heading(situation: Situation) -> str:
    """Returns whose limits a card shows: those of the regime a step up would bring are named."""
    return f"{fmt.regime_name(situation.regime)} limits" if situation.is_premortem else "Limits"


# --- search and analyst -----------------------------------------------------------------------------------------------


def search(held: SuggestionSet) -> str:
    """Returns where the desk's own search is, with what it says of itself."""
    checked = len(held.suggestions)
    match held.search:
        case SearchPhase.SEARCHING:
            head = "Searching…"
        case SearchPhase.VERIFYING:
            of = f" of {held.found_count}" if held.found_count else ""
            head = f"Verifying with the broker… {checked}{of} checked" if checked else "Verifying with the broker…"
        case SearchPhase.READY:
            offered = sum(one.rank > 0 for one in held.suggestions)
            head = f"{offered} offered of {checked} verified"
        case SearchPhase.FAILED:
            head = "The search failed."
    return "  ·  ".join(part for part in (head, plain(held.search_text)) if part)


def scored(held: SuggestionSet) -> str:
    """Returns `12,480 candidates scored`; nothing before there are any."""
    return fmt.plural(held.scored_count, "candidate") + " scored" if held.scored_count else ""


def phase(value: AnalystPhase) -> str:
    """Returns what the analyst is doing."""
    return _PHASES[value]


def analyst_facts(report: AnalystReport) -> str:
    """Returns model, tokens, cost, time and what was removed, as far as known."""
    parts = [] if report.phase is AnalystPhase.OFF else [plain(report.model)[:60]]
    if report.tokens_in is not None or report.tokens_out is not None:
        parts.append(f"{_count(report.tokens_in)} tokens in, {_count(report.tokens_out)} out")
    if report.cost_usd is not None:
        parts.append(f"${report.cost_usd:.4f}" if report.cost_usd < 1 else f"${report.cost_usd:,.2f}")
    if report.seconds is not None:
        parts.append(f"{report.seconds:.1f} s")
    if report.phase is AnalystPhase.DONE:
        parts.append(f"removed claims: {report.removed_claims}")
    return "  ·  ".join(part for part in parts if part)


def author(suggestion: Suggestion, model: str) -> str:
    """Returns the name by which the model speaks of it, and who wrote the rationale: `c05, by the desk`."""
    id_ = suggestion.verified.candidate.id
    if not suggestion.is_from_model:
        return f"{id_}, by the desk"
    return f"{id_}, by {plain(model)[:40] or 'the model'}; place {suggestion.solver_rank} in the desk's own ranking"


def _count(value: int | None) -> str:
    return fmt.EM_DASH if value is None else f"{value:,}"
