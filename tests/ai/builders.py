"""A broken book and five verified ways out of it, as the desk hands them to the analyst."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from models.contract import option_contract
from models.enums import Action, Metric, Regime, Right
from models.greeks import UnitGreeks
from models.hedge import HedgeCandidate, HedgeKind, LimitEffect, Situation, Verdict, Verified
from models.order import OrderLeg
from models.ranking import RankingTask
from models.risk import Limit

NOW = datetime(2026, 11, 20, 19, 45, tzinfo=UTC)
DECEMBER = date(2026, 12, 18)
JANUARY = date(2027, 1, 15)
LIMITS = {
    Metric.SPX_DELTA: Limit(Metric.SPX_DELTA, -40.0, 40.0),
    Metric.GAMMA: Limit(Metric.GAMMA, -4.0, None),
    Metric.THETA: Limit(Metric.THETA, -250.0, 1000.0),
    Metric.VEGA: Limit(Metric.VEGA, -1500.0, 2500.0),
    Metric.MARGIN_USED_PCT: Limit(Metric.MARGIN_USED_PCT, None, 40.0),
}
BEFORE = {
    Metric.SPX_DELTA: 31.2,
    Metric.GAMMA: -2.9,
    Metric.THETA: 612.4,
    Metric.VEGA: -2055.0,
    Metric.MARGIN_USED_PCT: 37.6,
}
#: Net liq of this book; nothing of it may leave.
NET_LIQ = "512340.22"


def effects(**after: float) -> tuple[LimitEffect, ...]:
    """Every limit; what is not named stays as it is."""
    return tuple(
        LimitEffect(limit, BEFORE[metric], after.get(metric.value, BEFORE[metric])) for metric, limit in LIMITS.items()
    )


def leg(
    action: Action,
    quantity: int,
    strike: int,
    *,
    expiry: date = DECEMBER,
    right: Right = Right.PUT,
    root: str = "SPXW",
    greeks: UnitGreeks | None = None,
) -> OrderLeg:
    return OrderLeg(option_contract(root, expiry, right, Decimal(strike)), action, quantity, greeks)


UNIT = UnitGreeks(price=21.35, vol=0.183, delta=-0.214, gamma=0.00093, theta_per_day=-1.31, vega_per_point=4.87)


def candidate(
    name: str,
    kind: HedgeKind,
    legs: tuple[OrderLeg, ...],
    *,
    price: str | None,
    cure: float = 1.0,
    theta: float = -38.0,
    cost: float = 0.0,
    slippage: float = 0.0,
    stress_after: float = -48_000.0,
    **after: float,
) -> HedgeCandidate:
    return HedgeCandidate(
        id=name,
        kind=kind,
        legs=legs,
        limit_price=None if price is None else Decimal(price),
        effects=effects(**after),
        cure=cure,
        theta_change_per_day=theta,
        cost_usd=cost,
        slippage_usd=slippage,
        margin_change_usd=-3200.0,
        worst_stress_before_usd=-62_400.0,
        worst_stress_after_usd=stress_after,
        worst_stress_shift=-0.12,
        summary=f"frees 3,200 of margin of {NET_LIQ}",
    )


def verified(
    of: HedgeCandidate, verdict: Verdict = Verdict.OFFERED, reason: str = "", warning: str | None = None
) -> Verified:
    return Verified(
        candidate=of,
        verdict=verdict,
        reason=reason,
        initial_margin_change=Decimal("-3187.45"),
        maintenance_margin_change=Decimal("-3187.45"),
        buying_power_after=Decimal("198412.11"),
        fees=Decimal("2.60"),
        broker_warning=warning,
        verified_at_utc=NOW,
    )


NOTHING = candidate("c00", HedgeKind.DO_NOTHING, (), price=None, cure=0.0, theta=0.0, stress_after=-62_400.0)
CLOSE = candidate(
    "c07",
    HedgeKind.CLOSE,
    (leg(Action.BUY, 2, 6800, greeks=UNIT),),
    price="21.40",
    theta=-262.0,
    cost=4270.0,
    slippage=40.0,
    stress_after=-33_100.0,
    vega=-1081.0,
    spx_delta=-11.6,
    margin_used_pct=29.2,
)
VERTICAL = candidate(
    "c03",
    HedgeKind.VERTICAL,
    (leg(Action.BUY, 3, 6700), leg(Action.SELL, 3, 6600)),
    price="4.10",
    theta=-38.5,
    cost=1234.5,
    slippage=60.0,
    stress_after=-48_000.0,
    vega=-1395.0,
    spx_delta=22.4,
)
CALENDAR = candidate(
    "c12",
    HedgeKind.CALENDAR,
    (leg(Action.SELL, 2, 6500), leg(Action.BUY, 2, 6500, expiry=JANUARY)),
    price="18.25",
    theta=12.75,
    cost=3650.0,
    slippage=90.0,
    stress_after=-61_000.0,
    vega=-1178.0,
)
INDEX = candidate(
    "c15",
    HedgeKind.INDEX_HEDGE,
    (leg(Action.SELL, 10, 690, right=Right.CALL, root="XSP"),),
    price="-2.05",
    cure=0.42,
    theta=55.0,
    cost=-2050.0,
    slippage=20.0,
    stress_after=-60_350.0,
    vega=-1822.0,
    spx_delta=-4.0,
)
BREAKING = candidate("c21", HedgeKind.WING, (leg(Action.BUY, 5, 6100),), price="3.30", gamma=-4.4, vega=-1300.0)

SITUATION = Situation(
    at_utc=NOW,
    regime=Regime.HIGH_VOL,
    effects=effects(),
    trigger_metrics=(Metric.VEGA,),
    spx_price=6903.25,
    vix=24.6,
)
STRUCK = verified(BREAKING, Verdict.BREAKS_LIMIT, "Gamma would be at 110 % of its limit.")
VERIFIED = (*(verified(each) for each in (CLOSE, VERTICAL, CALENDAR, INDEX, NOTHING)), STRUCK)


def task(
    *, breach: str | None = "b-1", notes: tuple[str, ...] = (), of: tuple[Verified, ...] = VERIFIED
) -> RankingTask:
    return RankingTask(breach_id=breach, situation=SITUATION, verified=of, notes=notes)
