"""An afternoon on which vega and delta are broken and the desk has found trades: for pictures and for tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from execution.commands import Command, TicketDraft
from execution.suggestion_views import (
    AnalystPhase,
    AnalystReport,
    AnalystSettingsView,
    PayloadView,
    PreMortem,
    Scoreboard,
    ScoreLine,
    SearchPhase,
    Suggestion,
    SuggestionSet,
    SuggestionsState,
)
from execution.views import BreachesState, LimitRow, RiskState
from models.contract import option_contract
from models.enums import Action, Metric, OrderType, Regime, Right, TimeInForce
from models.greeks import PortfolioGreeks
from models.hedge import HedgeCandidate, HedgeKind, LimitEffect, Situation, Verdict, Verified
from models.ids import AccountId, OrderId
from models.order import OrderLeg
from models.risk import Limit, RiskBreach

NOW = datetime(2026, 5, 4, 19, 42, 7, tzinfo=UTC)
ACCOUNT = AccountId("PAPER1")
JUN, JUL = date(2026, 6, 12), date(2026, 7, 17)
BOUNDS: dict[Metric, tuple[float | None, float | None]] = {
    Metric.SPX_DELTA: (-100.0, 100.0),
    Metric.GAMMA: (-3.0, None),
    Metric.THETA: (0.0, 2000.0),
    Metric.VEGA: (-4000.0, 1500.0),
    Metric.MARGIN_USED_PCT: (None, 50.0),
}
BEFORE: dict[Metric, float | None] = {
    Metric.SPX_DELTA: 131.2,
    Metric.GAMMA: -2.6,
    Metric.THETA: 1180.0,
    Metric.VEGA: -5640.0,
    Metric.MARGIN_USED_PCT: 46.2,
}
MODEL = "gpt-5-mini"


def leg(action: Action, quantity: int, strike: int, right: Right = Right.PUT, expiry: date = JUN) -> OrderLeg:
    return OrderLeg(option_contract("SPXW", expiry, right, Decimal(strike)), action, quantity)


def effects(**after: float | None) -> tuple[LimitEffect, ...]:
    """Every limit, from BEFORE to `after` (by metric value); what is not named stays."""
    known = BEFORE | {Metric(name): value for name, value in after.items()}
    return tuple(LimitEffect(Limit(m, low, high), BEFORE[m], known[m]) for m, (low, high) in BOUNDS.items())


def candidate(
    id_: str, kind: HedgeKind, legs: tuple[OrderLeg, ...], price: str, **after: float | None
) -> HedgeCandidate:
    return HedgeCandidate(
        id=id_,
        kind=kind,
        legs=legs,
        limit_price=Decimal(price),
        effects=effects(**after),
        cure=1.0,
        theta_change_per_day=float(after.get("theta") or 1180.0) - 1180.0,
        cost_usd=float(price) * 400.0,
        slippage_usd=60.0,
        margin_change_usd=-3100.0,
        worst_stress_before_usd=-48_200.0,
        worst_stress_after_usd=-31_400.0,
        worst_stress_shift=-0.12,
        summary="Brings vega and delta back inside for the least theta of all.",
        account_id=ACCOUNT,
    )


def verified(what: HedgeCandidate, verdict: Verdict = Verdict.OFFERED, reason: str = "") -> Verified:
    is_told = verdict in (Verdict.OFFERED, Verdict.DOES_NOT_CURE, Verdict.BREAKS_LIMIT)
    return Verified(
        candidate=what,
        verdict=verdict,
        reason=reason,
        initial_margin_change=Decimal(-3120) if is_told else None,
        maintenance_margin_change=Decimal(-2480) if is_told else None,
        buying_power_after=Decimal(304_340) if is_told else None,
        fees=Decimal("10.56") if is_told else None,
        broker_warning=None,
        verified_at_utc=NOW,
    )


VERTICAL = candidate(
    "c01",
    HedgeKind.VERTICAL,
    (leg(Action.BUY, 4, 6900, expiry=JUL), leg(Action.SELL, 4, 6500, expiry=JUL)),
    "21.40",
    spx_delta=62.4,
    gamma=-2.1,
    theta=962.0,
    vega=-3120.0,
    margin_used_pct=43.8,
)
CLOSE = candidate(
    "c02",
    HedgeKind.CLOSE,
    (
        leg(Action.BUY, 6, 6800),
        leg(Action.SELL, 6, 6700),
        leg(Action.BUY, 6, 7450, Right.CALL),
        leg(Action.SELL, 6, 7550, Right.CALL),
    ),
    "6.85",
    spx_delta=88.0,
    gamma=-1.2,
    theta=540.0,
    vega=-2210.0,
    margin_used_pct=31.0,
)
WING = candidate(
    "c03",
    HedgeKind.WING,
    (leg(Action.BUY, 10, 6200, expiry=JUL),),
    "-0.35",
    spx_delta=97.5,
    gamma=-2.4,
    theta=1015.0,
    vega=-3960.0,
    margin_used_pct=None,
)
REFUSED = candidate("c05", HedgeKind.ROLL, (leg(Action.BUY, 6, 6800), leg(Action.SELL, 6, 6600, expiry=JUL)), "-4.20")
BREAKS = candidate(
    "c06", HedgeKind.CALENDAR, (leg(Action.BUY, 8, 7000, expiry=JUL), leg(Action.SELL, 8, 7000)), "31.00"
)
UNQUOTED = candidate("c07", HedgeKind.INDEX_HEDGE, (leg(Action.BUY, 2, 5000, expiry=JUL),), "1.10")
NOTHING = replace(
    candidate("c00", HedgeKind.DO_NOTHING, (), "0"),
    limit_price=None,
    worst_stress_after_usd=-48_200.0,
    slippage_usd=0.0,
    margin_change_usd=0.0,
    summary="",
    account_id=None,
)

RATIONALE = (
    "Buys back most of the short vega and half of the delta in July, where a vol point costs the least theta. It leaves"
    " the June condor alone, so what it still earns is kept."
)


def suggestion(what: Verified, rank: int, solver_rank: int, **changes: Any) -> Suggestion:
    base = Suggestion(
        id=f"s-{what.candidate.id}",
        verified=what,
        rank=rank,
        solver_rank=solver_rank,
        rationale="Takes vega from −5,640 to inside its limit of −4,000 and gives up 218 dollars of theta a day.",
        is_from_model=False,
    )
    return replace(base, **changes)


OFFERED = (
    suggestion(verified(VERTICAL), 1, 2),
    suggestion(verified(CLOSE), 2, 1),
    suggestion(replace(verified(WING), broker_warning="This leg trades thinly."), 3, 3),
)
STRUCK = (
    suggestion(
        verified(NOTHING, Verdict.DOES_NOT_CURE, "The limit stays broken."), 0, 4, rationale="The limit stays broken."
    ),
    suggestion(verified(REFUSED, Verdict.REFUSED, "The broker refuses: buying power."), 0, 5),
    suggestion(verified(BREAKS, Verdict.BREAKS_LIMIT, "Theta would be beyond its limit: −210.0 against 0.0."), 0, 6),
    suggestion(verified(UNQUOTED, Verdict.NO_QUOTE, "SPXW 17 Jul 26 5000 P has no two-sided quote now."), 0, 7),
)
DONE = AnalystReport(
    phase=AnalystPhase.DONE,
    text="",
    model=MODEL,
    comment="All three bring vega back; they differ in what they give up. The first keeps the June income.",
    removed_claims=2,
    tokens_in=2310,
    tokens_out=402,
    cost_usd=0.0123,
    seconds=4.2,
    asked_for="nothing that pays more than 5,000 dollars",
)
OFF = AnalystReport(AnalystPhase.OFF, "", "")


def situation(*metrics: Metric, premortem: bool = False) -> Situation:
    regime = Regime.HIGH_VOL if premortem else Regime.MEDIUM_VOL
    return Situation(NOW, regime, effects(), metrics or (Metric.VEGA,), 7200.75, 17.4, premortem)


def a_set(key: str = "vega", **changes: Any) -> SuggestionSet:
    """A set that is ready, ranked by the desk."""
    base = SuggestionSet(
        key=key,
        set_id=f"set-{key}",
        breach_id=None if key == "premortem" else key,
        title="Vega beyond its limit",
        situation=situation(premortem=key == "premortem"),
        search=SearchPhase.READY,
        search_text="",
        scored_count=23_816,
        found_count=13,
        suggestions=(*OFFERED, *STRUCK),
        analyst=OFF,
        made_at_utc=NOW,
    )
    return replace(base, **changes)


def ranked_by_model(held: SuggestionSet) -> SuggestionSet:
    first, *rest = held.suggestions
    watch = ("a close of SPX below 7,050", "VIX above 21")
    told = replace(first, rationale=RATIONALE, is_from_model=True, watch=watch)
    return replace(held, suggestions=(told, *rest), analyst=DONE)


PREMORTEM = PreMortem(
    NOW,
    Regime.HIGH_VOL,
    ("Vega -5,640.0 would be beyond -2,500.0", "Margin 46.2 % would be beyond 35.0 %"),
    breaks=True,
)


def breach(id_: str, metric: Metric = Metric.VEGA, *, low: bool = True) -> RiskBreach:
    bound = BOUNDS[metric][0 if low else 1]
    value = BEFORE[metric]
    assert bound is not None
    assert value is not None
    kind = f"{metric.value.upper()}_TOO_{'LOW' if low else 'HIGH'}"
    return RiskBreach(id_, kind, metric, bound, value, Regime.MEDIUM_VOL, NOW - timedelta(minutes=12))


VEGA = breach("vega")
DELTA = breach("delta", Metric.SPX_DELTA, low=False)


def breaches(*opened: RiskBreach) -> BreachesState:
    return BreachesState(opened, ())


def state(*sets: SuggestionSet, premortem: PreMortem | None = None) -> SuggestionsState:
    return SuggestionsState(sets, premortem)


def risk(**changes: float | None) -> RiskState:
    """Limits as the engine tells them, broken as in BEFORE unless changed."""
    values = BEFORE | {Metric(name): value for name, value in changes.items()}
    rows = []
    for metric, (low, high) in BOUNDS.items():
        value, limit = values[metric], Limit(metric, low, high)
        share = None if value is None else limit.utilisation(value)
        rows.append(LimitRow(metric, value, low, high, share, value is not None and limit.is_breached(value)))
    greeks = PortfolioGreeks(NOW, 131.2, -2.6, 1180.0, -5640.0, beta_unavailable_count=0)
    return RiskState(greeks, "SPX", 7200.75, 5832.6, tuple(rows), (), (), (), (), (), 1.0)


CALM: dict[str, float | None] = {"spx_delta": 20.0, "vega": -2000.0, "margin_used_pct": 20.0}
SCORE = Scoreboard(
    (
        ScoreLine("1 hour", 14, 5, -82.0, -240.5, -96.0, 9),
        ScoreLine("1 day", 11, 4, 412.0, -1310.0, 388.0, 8),
        ScoreLine("expiry", 0, 0, None, None, None, 0),
    ),
    offered_count=41,
    accepted_count=6,
    dismissed_count=9,
)
NO_SCORE = Scoreboard((ScoreLine("1 hour", 0, 0, None, None, None, 0),), 0, 0, 0)
SETTINGS = AnalystSettingsView(
    is_on=True,
    base_url="https://llm.example.com/v1",
    model=MODEL,
    key_place="the system's keyring",
    may_send_notes=False,
    has_consented=False,
    usd_per_million_in=0.25,
    usd_per_million_out=2.0,
)
PAYLOAD = PayloadView(
    text='{\n  "units": "share of limit",\n  "candidates": [{"id": "c01", "legs": "BUY SPXW 17 Jul 26 6900 P"}]\n}',
    sent_at_utc=None,
    destination="llm.example.com, gpt-5-mini",
    sha256="4fd1c6a0b9e2",
)
DRAFT = TicketDraft(
    OrderId("order-1"),
    ACCOUNT,
    VERTICAL.legs,
    OrderType.LIMIT,
    Decimal("21.40"),
    TimeInForce.DAY,
    ai_suggestion_id="s-c01",
    ai_rationale=RATIONALE,
)

Done = Callable[[Any], None]
Failed = Callable[[Exception], None]


class HeldClient:
    """An EngineClient whose answers the test gives, one by one."""

    def __init__(self) -> None:
        self.asked: list[tuple[Command, Done, Failed]] = []

    def ask(self, command: Command, done: Done, failed: Failed) -> None:
        self.asked.append((command, done, failed))

    def of(self, kind: type[Any]) -> list[Any]:
        """Returns the commands of a type, oldest first."""
        return [command for command, _, _ in self.asked if isinstance(command, kind)]

    def answer(self, kind: type[Any], answer: Any) -> None:
        """Answers the latest question of a type; an exception refuses it."""
        _, done, failed = next(held for held in reversed(self.asked) if isinstance(held[0], kind))
        if isinstance(answer, Exception):
            failed(answer)
        else:
            done(answer)
