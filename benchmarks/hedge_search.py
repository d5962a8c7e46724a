"""The hedge search: how long it takes on a recorded chain, and what its best is worth beside the obvious hedge."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from analytics.hedge_search import SearchInput, contract_columns, reprice, search, total_score
from benchmarks.figures import Figure, Outcome, figure
from benchmarks.hedge_books import ACCOUNT, Chain, Held, Sought, recorded, search_input, synthetic
from benchmarks.plan import Plan
from models.config import load_config
from models.contract import underlying_contract
from models.enums import Action, MarginMethod, Metric, Regime, Right
from models.hedge import HedgeCandidate, HedgeKind
from models.order import OrderLeg
from models.risk import Limit

_MOST_MS = 500.0
_LEAST_SCORED = 20_000
_TINY_RUNS = 2
_DEFAULTS = Path(__file__).resolve().parent.parent / "assets" / "defaults.toml"
_NET_LIQ = 2_000_000.0
_CALL, _PUT = Right.CALL, Right.PUT
#: The obvious hedge: puts about so many days out, at about this delta.
_PUT_DAYS, _PUT_DELTA, _MOST_PUTS = 40.0, 0.30, 100


def measure(plan: Plan, _folder: Path) -> Outcome:
    """Times of a search when each limit is broken in turn; the best found beside the obvious hedges on three books."""
    chain = recorded(plan.shared / "data")
    runs = _TINY_RUNS if plan.is_tiny else plan.book_runs
    figures: dict[str, Figure] = {}
    facts: dict[str, Any] = {"listed contracts": len(chain.columns), "positions": len(_fifty(chain))}
    for name, given in _situations(chain).items():
        walls, cpus, scored = _timed(given, runs)
        figures[f"{name}_ms"] = figure("ms", walls, at_most=_MOST_MS)
        figures[f"{name}_cpu_ms"] = figure("ms", cpus)
        is_counted = not name.startswith("margin")
        figures[f"{name}_candidates"] = figure("", [scored], at_least=_LEAST_SCORED if is_counted else None)
    contracts = chain.columns.contracts
    figures["contract_columns_once_a_day"] = figure("ms", _spent_ms(lambda: contract_columns(contracts), _TINY_RUNS))
    facts["beside the obvious hedge"] = comparison(chain)
    return Outcome(figures, facts)


def _timed(given: SearchInput, runs: int) -> tuple[list[float], list[float], float]:
    """Milliseconds of the clock and of the processor per run after one to warm up, and candidates scored."""
    scored = search(given).scored_count
    walls, cpus = [], []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        search(given)
        walls.append((time.perf_counter() - wall) * 1e3)
        cpus.append((time.process_time() - cpu) * 1e3)
    return walls, cpus, float(scored)


def _spent_ms(job: Callable[[], object], runs: int) -> list[float]:
    found = []
    for _ in range(runs):
        started = time.perf_counter()
        job()
        found.append((time.perf_counter() - started) * 1e3)
    return found


def _fifty(chain: Chain) -> list[Held]:
    """Condors, strangles and spreads over eight expiries, a calendar, shares and a future: fifty positions."""
    legs = [
        Sought(sign, days, right, delta)
        for days in (10, 17, 24, 31, 45, 60, 75, 90)
        for sign, right, delta in ((1, _PUT, 0.05), (-1, _PUT, 0.16), (-1, _CALL, 0.16), (1, _CALL, 0.05))
    ]
    legs += [Sought(-1, days, right, 0.10) for days in (20, 38, 52) for right in (_PUT, _CALL)]
    legs += [Sought(sign, days, _PUT, delta) for days in (14, 28, 42, 66) for sign, delta in ((-2, 0.20), (2, 0.10))]
    legs += [Sought(-1, 24, _PUT, 0.40), Sought(1, 52, _PUT, 0.40)]
    future = next(one for one in chain.columns.contracts if one.root == "/ES")
    return [*chain.find(legs), (underlying_contract("SPY"), 150), (future, -1)]


def _situations(chain: Chain) -> dict[str, SearchInput]:
    """The book of fifty with one limit broken by a tenth, the others with room; margin by both methods."""
    held = _fifty(chain)
    found = {}
    for method in MarginMethod:
        given = search_input(chain, held, [], net_liq=_NET_LIQ, method=method)
        totals = given.book.greeks(given.now_epoch_s, given.spx_price).totals
        values = {
            Metric.SPX_DELTA: totals.spx_equiv_delta,
            Metric.GAMMA: totals.gamma,
            Metric.THETA: totals.theta_per_day,
            Metric.VEGA: totals.vega_per_point,
            Metric.MARGIN_USED_PCT: given.margin_used_pct or 0.0,
        }
        metrics = (Metric.VEGA, Metric.SPX_DELTA, Metric.MARGIN_USED_PCT)
        for metric in metrics if method is MarginMethod.REG_T else metrics[2:]:
            name = f"{metric.value.removesuffix('_used_pct')}_broken"
            limits = [_bounds(one, value, 0.9 if one is metric else 1.5) for one, value in values.items()]
            key = name if method is MarginMethod.REG_T else f"{name}_portfolio"
            found[key] = search_input(chain, held, limits, net_liq=_NET_LIQ, method=method)
    return found


def _bounds(metric: Metric, value: float, share: float) -> Limit:
    """A limit on the side of the value at a share of it, as far away on the other."""
    far = abs(value) * share
    return Limit(metric, None if metric is Metric.MARGIN_USED_PCT else -far, far)


def comparison(chain: Chain) -> list[dict[str, Any]]:
    """One row per book and hedge: the search's best, its best two other kinds, puts until inside, the worst closed."""
    limits = {one.regime: one.limits for one in load_config(_DEFAULTS, None).risk.regime_limits()}
    live, sample, net_liq = synthetic()
    strangles = [
        Sought(-count, days, right, 0.14) for days, count in ((30, 1), (45, 2), (60, 1)) for right in (_PUT, _CALL)
    ]
    calls = [Sought(2, 60, _CALL, 0.40), Sought(1, 120, _CALL, 0.50)]
    shares = [(underlying_contract("AAPL"), 1_500), (underlying_contract("QQQ"), 500)]
    books = {
        "sample book, HIGH_VOL": (live, search_input(live, sample, limits[Regime.HIGH_VOL], net_liq=net_liq)),
        "short strangles, MEDIUM_VOL": (
            chain,
            search_input(chain, chain.find(strangles), limits[Regime.MEDIUM_VOL], net_liq=1_000_000.0),
        ),
        "shares and calls, MEDIUM_VOL": (
            chain,
            search_input(chain, [*chain.find(calls), *shares], limits[Regime.MEDIUM_VOL], net_liq=1_200_000.0),
        ),
    }
    return [row for name, (market, given) in books.items() for row in _compared(name, market, given)]


def _compared(name: str, chain: Chain, given: SearchInput) -> list[dict[str, Any]]:
    found = search(given).candidates
    chosen: list[tuple[str, HedgeCandidate]] = []
    for label, one in itertools.zip_longest(
        ("search, best", "search, second kind", "search, third kind"), _by_kind(found)
    ):
        if label is None or one is None:
            break
        chosen.append((label, one))
    chosen.append(("buy SPX puts until inside", _puts(chain, given)))
    chosen.append(("close the worst position", _worst_closed(given)))
    chosen.append(("do nothing", found[-1]))
    return [_row(name, label, one) for label, one in chosen]


def _by_kind(found: Sequence[HedgeCandidate]) -> list[HedgeCandidate]:
    """The first of each kind, in order."""
    first: dict[HedgeKind, HedgeCandidate] = {}
    for one in found:
        if one.legs:
            first.setdefault(one.kind, one)
    return list(first.values())


def _row(book: str, label: str, one: HedgeCandidate) -> dict[str, Any]:
    broken = [effect.metric.value for effect in one.effects if effect.is_broken_after]
    legs = ", ".join(
        f"{'+' if leg.action is Action.BUY else '-'}{leg.quantity} {leg.contract.label}" for leg in one.legs
    )
    return {
        "book": book,
        "hedge": label,
        "trade": legs or "none",
        "cure": f"{100.0 * one.cure:.0f} %",
        "still or newly broken": ", ".join(broken) or "none",
        "paid, spread included": round(one.cost_usd + one.slippage_usd),
        "of it slippage": round(one.slippage_usd),
        "theta a day": round(one.theta_change_per_day),
        "worst stress": round(one.worst_stress_after_usd or 0.0),
        "margin": None if one.margin_change_usd is None else round(one.margin_change_usd),
        "score": round(total_score(one)),
    }


def _candidate(kind: HedgeKind, legs: tuple[OrderLeg, ...], given: SearchInput) -> HedgeCandidate:
    """A trade made up here, with the figures that the search's own recomputation gives it."""
    empty = search(given, keep=0).candidates[-1]
    made = HedgeCandidate(
        id="x",
        kind=kind,
        legs=legs,
        limit_price=None,
        effects=empty.effects,
        cure=0.0,
        theta_change_per_day=0.0,
        cost_usd=0.0,
        slippage_usd=0.0,
        margin_change_usd=None,
        worst_stress_before_usd=None,
        worst_stress_after_usd=None,
        worst_stress_shift=None,
        summary="",
        account_id=ACCOUNT,
    )
    return reprice(given, made)


def _puts(chain: Chain, given: SearchInput) -> HedgeCandidate:
    """Puts bought until every broken limit is inside; the number that cures most when none does."""
    put = chain.find([Sought(1, _PUT_DAYS, _PUT, _PUT_DELTA)])[0][0]
    best = _candidate(HedgeKind.INDEX_HEDGE, (OrderLeg(put, Action.BUY, 1),), given)
    for count in range(2, _MOST_PUTS + 1):
        if best.cure >= 1.0:
            break
        one = _candidate(HedgeKind.INDEX_HEDGE, (OrderLeg(put, Action.BUY, count),), given)
        if one.cure < best.cure:
            break
        best = one
    return best


def _worst_closed(given: SearchInput) -> HedgeCandidate:
    """The whole line whose closing takes most of the excess away."""
    tried = []
    for row in np.flatnonzero(given.book.quantity).tolist():
        held = given.rows[row]
        side = Action.BUY if held.quantity < 0 else Action.SELL
        tried.append(_candidate(HedgeKind.CLOSE, (OrderLeg(held.contract, side, int(abs(held.quantity))),), given))
    return max(tried, key=lambda one: one.cure)
