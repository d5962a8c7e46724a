"""A ticket's preview and its greatest loss, as the engine's thread works them out about once a second."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

from analytics.exercise import option_price
from benchmarks.figures import Figure, Outcome, figure
from benchmarks.plan import Plan
from benchmarks.racing import Job, race
from execution.commands import TicketDraft
from execution.core import DeskCore
from models.contract import option_contract
from models.enums import Action, ExerciseStyle, OrderType, Right, TimeInForce
from models.ids import new_order_id
from models.order import OrderLeg
from models.product import NICKEL
from tests.execution.builders import ACCOUNT, NOW, condor_positions, condor_quotes, core_at, feed, index_quotes, quote

_EUROPEAN_MS, _AMERICAN_MS = 15.0, 40.0
_NEAR, _FAR = date(2026, 5, 15), date(2026, 6, 30)
_RATE, _YIELD, _VOL = 0.0375, 0.012, 0.15
_YEAR_S = 365.0 * 86_400.0
_SPOTS = {"SPXW": 7200.75, "SPY": 718.3}
#: Points between strikes.
_WIDTHS = {"SPXW": 50, "SPY": 5}
_Spec = tuple[Action, int, date, Right, int]


def measure(plan: Plan, _folder: Path) -> Outcome:
    """Whole previews (quotes, vols, Greeks, limits, payoff and curve), and the gate's greatest loss of the package.

    The baseline is a condor that expires together, whose payoff needs no search.
    """
    limits = {"european": ("SPXW", _EUROPEAN_MS), "american": ("SPY", _AMERICAN_MS)}
    jobs: dict[str, Job] = {}
    targets: dict[str, float] = {}
    losses: dict[str, str] = {}
    for style, (root, most_ms) in limits.items():
        for name, legs in _packages(root).items():
            core = _core(root, legs)
            draft = _draft(legs)
            key = f"{style}_{name}"
            jobs[f"{key}_preview"] = _preview(core, draft)
            jobs[f"{key}_max_loss"] = _max_loss(core, draft)
            targets |= {f"{key}_preview": most_ms, f"{key}_max_loss": most_ms}
            losses[key] = str(core.tickets.max_loss_usd(draft.legs, draft.limit_price))
    spent = race(jobs, runs=plan.preview_runs)
    figures: dict[str, Figure] = {
        name: figure("ms", [run * 1e3 for run in runs], at_most=targets[name]) for name, runs in spent.items()
    }
    return Outcome(figures, {"max_loss_usd": losses})


def _packages(root: str) -> dict[str, tuple[OrderLeg, ...]]:
    """Packages about the money; a width between strikes is that of the product."""
    spot, width = round(_SPOTS[root] / _WIDTHS[root]) * _WIDTHS[root], _WIDTHS[root]
    put, call, out = Right.PUT, Right.CALL, 3 * width
    sell, buy = Action.SELL, Action.BUY
    specs: dict[str, tuple[_Spec, ...]] = {
        "condor": (
            (buy, 1, _NEAR, put, spot - out - width),
            (sell, 1, _NEAR, put, spot - out),
            (sell, 1, _NEAR, call, spot + out),
            (buy, 1, _NEAR, call, spot + out + width),
        ),
        "calendar": ((sell, 6, _NEAR, call, spot), (buy, 6, _FAR, call, spot)),
        "diagonal": ((sell, 1, _NEAR, put, spot - width), (buy, 1, _FAR, put, spot - out)),
        "double_diagonal": (
            (sell, 1, _NEAR, put, spot - out),
            (buy, 1, _FAR, put, spot - out - width),
            (sell, 1, _NEAR, call, spot + out),
            (buy, 1, _FAR, call, spot + out + width),
        ),
    }
    return {
        name: tuple(
            OrderLeg(option_contract(root, expiry, right, Decimal(strike)), action, count)
            for action, count, expiry, right, strike in legs
        )
        for name, legs in specs.items()
    }


def _core(root: str, legs: tuple[OrderLeg, ...]) -> DeskCore:
    """A desk that holds three condors and has quotes of all legs, a per cent wide."""
    core = core_at()
    core.set_positions(ACCOUNT, condor_positions(3))
    feed(core, condor_quotes())
    spot = _SPOTS[root]
    if root == "SPXW":
        core.market.apply(index_quotes(spx=str(spot)))
    else:
        core.market.apply((quote(root, str(spot), str(spot)),))
    prices = [_price(leg, spot) for leg in legs]
    quotes = (
        quote(leg.contract.key, f"{mid * 0.995:.2f}", f"{mid * 1.005:.2f}")
        for leg, mid in zip(legs, prices, strict=True)
    )
    feed(core, tuple(quotes))
    return core


def _price(leg: OrderLeg, spot: float) -> float:
    contract = leg.contract
    if contract.expires_at_utc is None or contract.strike is None:
        raise ValueError(f"{contract.key} is no option")
    return float(
        option_price(
            spot=spot,
            strike=float(contract.strike),
            t_years=(contract.expires_at_utc - NOW).total_seconds() / _YEAR_S,
            rate=_RATE,
            dividend_yield=_YIELD,
            vol=_VOL,
            is_call=contract.right is Right.CALL,
            is_american=contract.style is ExerciseStyle.AMERICAN,
        )
    )


def _draft(legs: tuple[OrderLeg, ...]) -> TicketDraft:
    return TicketDraft(
        order_id=new_order_id(),
        account_id=ACCOUNT,
        legs=legs,
        order_type=OrderType.LIMIT,
        limit_price=None,
        tif=TimeInForce.DAY,
    )


def _preview(core: DeskCore, draft: TicketDraft) -> Job:
    limits = core.limits()
    return lambda: core.tickets.preview(
        draft, problems=(), tick=NICKEL, limits=limits, margin_used_pct=20.0, max_packages=100
    )


def _max_loss(core: DeskCore, draft: TicketDraft) -> Job:
    return lambda: core.tickets.max_loss_usd(draft.legs, draft.limit_price)
