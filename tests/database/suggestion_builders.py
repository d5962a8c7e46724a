"""Sets of suggestions for tests."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from models.contract import Contract, option_contract, underlying_contract
from models.enums import Action, Metric, Regime, Right
from models.hedge import HedgeCandidate, HedgeKind, LimitEffect, Situation, Verdict, Verified
from models.ids import new_uuid
from models.order import OrderLeg
from models.risk import Limit
from models.suggestion_records import (
    Horizon,
    LegQuote,
    MarkedHolding,
    SuggestionMark,
    SuggestionRecord,
    SuggestionSetRecord,
)
from tests.database.builders import ACCOUNT, CALL, NOW, PUT

BOOK_HASH = "b" * 64
PAYLOAD_HASH = "a" * 64
NEAR = option_contract("SPXW", date(2026, 5, 15), Right.PUT, Decimal(6700))
DELTA = Limit(Metric.SPX_DELTA, -300.0, 300.0)


def legs_of(*contracts: Contract, action: Action = Action.BUY, quantity: int = 2) -> tuple[OrderLeg, ...]:
    return tuple(OrderLeg(contract, action, quantity) for contract in contracts)


def a_candidate(
    legs: tuple[OrderLeg, ...] = (),
    *,
    candidate_id: str = "c01",
    limit_price: str | None = "12.50",
    kind: HedgeKind = HedgeKind.WING,
) -> HedgeCandidate:
    return HedgeCandidate(
        id=candidate_id,
        kind=kind,
        legs=legs,
        limit_price=None if limit_price is None else Decimal(limit_price),
        effects=(LimitEffect(DELTA, -410.5, -250.25),),
        cure=1.0,
        theta_change_per_day=-31.5,
        cost_usd=2500.0,
        slippage_usd=20.0,
        margin_change_usd=None,
        worst_stress_before_usd=-52_000.0,
        worst_stress_after_usd=-41_000.0,
        worst_stress_shift=-0.12,
        summary="Buy 2 puts: SPX delta -410 to -250 for 2,500.",
        account_id=ACCOUNT if legs else None,
    )


def a_verified(
    candidate: HedgeCandidate,
    verdict: Verdict = Verdict.OFFERED,
    *,
    fees: str | None = "2.60",
    at_utc: datetime = NOW,
) -> Verified:
    return Verified(
        candidate=candidate,
        verdict=verdict,
        reason="" if verdict is Verdict.OFFERED else "Gamma would be beyond its limit.",
        initial_margin_change=Decimal("-1200.50"),
        maintenance_margin_change=None,
        buying_power_after=Decimal("301220.00"),
        fees=None if fees is None else Decimal(fees),
        broker_warning=None,
        verified_at_utc=at_utc,
    )


def a_situation(at_utc: datetime = NOW, *, is_premortem: bool = False) -> Situation:
    return Situation(
        at_utc=at_utc,
        regime=Regime.MEDIUM_VOL,
        effects=(LimitEffect(DELTA, -410.5, None),),
        trigger_metrics=(Metric.SPX_DELTA,),
        spx_price=7200.75,
        vix=17.4,
        is_premortem=is_premortem,
    )


def a_suggestion_set(
    *verified: Verified,
    breach_id: str | None = None,
    made_at_utc: datetime = NOW,
    book: tuple[MarkedHolding, ...] | None = None,
    solver_positions: tuple[int, ...] | None = None,
) -> SuggestionSetRecord:
    """Two that are offered and one that is struck out, unless told otherwise; shown in the search's order."""
    shown = verified or (
        a_verified(a_candidate(legs_of(PUT)), at_utc=made_at_utc),
        a_verified(a_candidate(legs_of(NEAR), candidate_id="c02"), at_utc=made_at_utc),
        a_verified(a_candidate(legs_of(CALL), candidate_id="c03"), Verdict.BREAKS_LIMIT, at_utc=made_at_utc),
    )
    places = solver_positions or tuple(range(len(shown)))
    held = (
        MarkedHolding(PUT, Decimal(-5), Decimal("12.50")),
        MarkedHolding(underlying_contract("SPY"), Decimal(-100), None),
    )
    return SuggestionSetRecord(
        id=new_uuid(),
        breach_id=breach_id,
        made_at_utc=made_at_utc,
        situation=a_situation(made_at_utc, is_premortem=breach_id is None),
        book_hash=BOOK_HASH,
        book=held if book is None else book,
        scored_count=24_310,
        payload_sha256=None,
        model=None,
        suggestions=tuple(
            SuggestionRecord(new_uuid(), position, places[position], one, f"The desk's words {position}.", False)
            for position, one in enumerate(shown)
        ),
        quotes=(LegQuote(PUT.key, Decimal("12.40"), Decimal("12.60"), made_at_utc),),
    )


def a_mark(suggestion_id: str, horizon: Horizon = Horizon.HOUR, *, hedge_usd: float | None = 120.0) -> SuggestionMark:
    due = NOW + timedelta(hours=1)
    return SuggestionMark(suggestion_id, horizon, due, due, hedge_usd, -300.0, 80.0, "fees are not known")
