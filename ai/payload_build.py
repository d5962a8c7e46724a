"""Makes the payload of a task: picks the allowed facts, rounds them, leaves out what cannot be named safely."""

from __future__ import annotations

import math
import re
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from ai.payload import (
    CandidateFacts,
    ContractFacts,
    LegFacts,
    LimitChange,
    LimitState,
    MayAskFor,
    NotOffered,
    Number,
    Payload,
    SituationFacts,
    StressFacts,
    UnitFigures,
    definitions,
)
from ai.plain import note_text
from ai.shares import Share, share_of
from ai.templates import is_paid
from models.clock import new_york_time
from models.contract import Contract
from models.enums import Metric, Right
from models.greeks import UnitGreeks
from models.hedge import HedgeCandidate, HedgeKind, LimitEffect, Situation, Verdict, Verified
from models.order import OrderLeg
from models.ranking import RankingTask

#: Where the desk hedges: a search may always be limited to these.
HEDGE_UNDERLYINGS: Final = ("SPX", "XSP", "SPY", "/ES")
_ID: Final = re.compile(r"[a-z]\d{1,4}")
#: Symbols as exchanges write them; anything else may be words.
_SYMBOL: Final = re.compile(r"\.?/?[A-Z][A-Z0-9.]{0,7}")
_MOST_CANDIDATES: Final = 24
_MOST_NOTES: Final = 5
_LONGEST_NOTE: Final = 400


def build_payload(task: RankingTask, *, may_send_notes: bool) -> Payload:
    """Returns what the model is told of a task. A candidate with a symbol that is no symbol is left out."""
    today = new_york_time(task.situation.at_utc).date()
    verified = task.verified[:_MOST_CANDIDATES]
    candidates = tuple(
        _candidate(each, rank, today)
        for rank, each in enumerate((each for each in verified if each.verdict is Verdict.OFFERED), start=1)
        if is_nameable(each.candidate)
    )
    traded = {leg.contract.underlying for each in candidates for leg in each.legs}
    return Payload(
        definitions=definitions(),
        situation=_situation(task.situation, today),
        candidates=candidates,
        candidate_count=len(candidates),
        not_offered=tuple(_not_offered(each) for each in verified if each.verdict is not Verdict.OFFERED),
        may_ask_for=MayAskFor(
            kinds=tuple(kind.value for kind in HedgeKind if kind is not HedgeKind.DO_NOTHING),
            underlyings=tuple(sorted({*HEDGE_UNDERLYINGS, *traded})),
        ),
        untrusted_notes=_notes(task.notes) if may_send_notes else (),
    )


def is_nameable(candidate: HedgeCandidate) -> bool:
    """Returns whether id and symbols of a candidate are what they should be, and not words of somebody's."""
    return _ID.fullmatch(candidate.id) is not None and all(
        _SYMBOL.fullmatch(symbol) is not None for leg in candidate.legs for symbol in _symbols(leg.contract)
    )


def _symbols(contract: Contract) -> tuple[str, ...]:
    """Every part of a contract's names that somebody else chose."""
    named = (contract.root, contract.underlying)
    return named if contract.is_option else (*named, contract.label)


def _notes(notes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(filter(None, (note_text(note, _LONGEST_NOTE) for note in notes[:_MOST_NOTES])))


def _not_offered(verified: Verified) -> NotOffered:
    candidate = verified.candidate
    known = _ID.fullmatch(candidate.id) is not None
    return NotOffered(id=candidate.id if known else "", kind=candidate.kind.value, verdict=verified.verdict.value)


def _situation(situation: Situation, today: date) -> SituationFacts:
    return SituationFacts(
        as_of_date=today.isoformat(),
        regime=situation.regime.value,
        is_premortem=situation.is_premortem,
        broken_limits=tuple(metric.value for metric in situation.trigger_metrics),
        spx_price=number(situation.spx_price, 2),
        vix=number(situation.vix, 2),
        limits=tuple(_limit_state(effect) for effect in situation.effects),
    )


def _limit_state(effect: LimitEffect) -> LimitState:
    share = share_of(effect.limit, effect.before)
    return LimitState(
        metric=effect.metric.value,
        bound=share.bound,
        pct_of_limit=_pct(share, effect.metric),
        is_broken=share.is_broken,
    )


def _limit_change(effect: LimitEffect) -> LimitChange:
    before, after = share_of(effect.limit, effect.before), share_of(effect.limit, effect.after)
    return LimitChange(
        metric=effect.metric.value,
        before_bound=before.bound,
        before_pct_of_limit=_pct(before, effect.metric),
        after_bound=after.bound,
        after_pct_of_limit=_pct(after, effect.metric),
        is_broken_before=before.is_broken,
        is_broken_after=after.is_broken,
    )


def _pct(share: Share, metric: Metric) -> Number | None:
    """Margin in whole per cent: with more figures, and a trade's margin by the rule book, net liq could be worked out.

    A share that rounding would bring to the other side of the limit keeps its side.
    """
    digits = 0 if metric is Metric.MARGIN_USED_PCT else 1
    rounded = number(share.pct, digits)
    if share.pct is None or rounded != 100 or share.pct == 100:
        return rounded
    return number(100 + math.copysign(10**-digits, share.pct - 100), digits)


def _candidate(verified: Verified, rank: int, today: date) -> CandidateFacts:
    candidate = verified.candidate
    packages = math.gcd(*(leg.quantity for leg in candidate.legs)) if candidate.legs else 0
    price = candidate.limit_price
    return CandidateFacts(
        id=candidate.id,
        kind=" and ".join(kind.value for kind, _ in candidate.trades),
        solver_rank=rank,
        legs=tuple(_leg(leg, packages, today) for leg in candidate.legs),
        leg_count=len(candidate.legs),
        packages=packages,
        strike_widths=_widths(candidate.legs),
        net_side=_net_side(price) if is_paid(candidate) else None,
        net_price=None if price is None else number(abs(price), 4),
        cost_usd=number(candidate.cost_usd, 2) if is_paid(candidate) else None,
        slippage_usd=number(candidate.slippage_usd, 2),
        fees_usd=number(verified.fees, 2),
        theta_change_usd_per_day=number(candidate.theta_change_per_day, 2),
        cure_pct=number(100 * candidate.cure, 1),
        limits=tuple(_limit_change(effect) for effect in candidate.effects),
        limits_broken_before=sum(effect.is_broken_before for effect in candidate.effects),
        limits_broken_after=sum(effect.is_broken_after for effect in candidate.effects),
        worst_stress=_stress(candidate),
    )


def _net_side(price: Decimal | None) -> Literal["debit", "credit", "even"] | None:
    if price is None:
        return None
    if price == 0:
        return "even"
    return "debit" if price > 0 else "credit"


def _stress(candidate: HedgeCandidate) -> StressFacts:
    before, after, move = (
        candidate.worst_stress_before_usd,
        candidate.worst_stress_after_usd,
        candidate.worst_stress_shift,
    )
    change = None if before is None or after is None or before >= 0 else 100 * (after - before) / before
    return StressFacts(
        index_move_pct=None if move is None else number(100 * move, 1), loss_change_pct=number(change, 1)
    )


def _leg(leg: OrderLeg, packages: int, today: date) -> LegFacts:
    return LegFacts(
        action=leg.action.value,
        quantity=leg.quantity,
        quantity_per_package=leg.quantity // packages,
        contract=_contract(leg.contract, today),
        per_unit=None if leg.greeks is None else _unit_figures(leg.greeks),
    )


def _contract(contract: Contract, today: date) -> ContractFacts:
    return ContractFacts(
        label=contract.label,
        root=contract.root,
        underlying=contract.underlying,
        expiry=None if contract.expiry is None else contract.expiry.isoformat(),
        days_to_expiry=None if contract.expiry is None else (contract.expiry - today).days,
        strike=number(contract.strike, 4),
        right=None if contract.right is None else "put" if contract.right is Right.PUT else "call",
        multiplier=number(contract.multiplier, 4) or 0,
    )


def _unit_figures(greeks: UnitGreeks) -> UnitFigures:
    return UnitFigures(
        price=number(greeks.price, 2),
        iv_pct=None if greeks.vol is None else number(100 * greeks.vol, 1),
        delta=number(greeks.delta, 3),
        gamma=number(greeks.gamma, 5),
        theta=number(greeks.theta_per_day, 3),
        vega=number(greeks.vega_per_point, 3),
    )


def _widths(legs: tuple[OrderLeg, ...]) -> tuple[Number, ...]:
    strikes: dict[tuple[date | None, Right | None], set[Decimal]] = {}
    for leg in legs:
        if leg.contract.strike is not None:
            strikes.setdefault((leg.contract.expiry, leg.contract.right), set()).add(leg.contract.strike)
    widths = {upper - lower for group in strikes.values() for lower in group for upper in group if upper > lower}
    return tuple(filter(None, (number(width, 4) for width in sorted(widths))))


def number(value: float | Decimal | None, digits: int) -> Number | None:
    """Returns a rounded finite figure, whole ones without a point; None when it is not known."""
    if value is None or not math.isfinite(value):
        return None
    rounded = round(float(value), digits)
    return int(rounded) if rounded.is_integer() else rounded
