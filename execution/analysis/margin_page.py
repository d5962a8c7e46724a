"""The margin horizon: requirement and equity as the index moves, by strategy and by portfolio margin."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.american import american_price
from analytics.book import Exclusion
from analytics.margin import AccountMargin, MarginError, MarginStress, StressBook
from analytics.margin.risk_book import RiskBook
from analytics.scenarios import SpotVolBeta, VolDynamics
from execution.analysis.scene import Scene
from execution.analysis_views import MarginHorizonState, MarginRung
from execution.margin_terms import futures_rule, risk_terms, span_parameters
from models.account import AccountInfo, AccountValues
from models.enums import MarginMethod

_SHIFTS_PCT = (-20.0, -15.0, -12.0, -10.0, -8.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 15.0)
_NAMES: Mapping[MarginMethod, str] = {MarginMethod.REG_T: "Reg-T", MarginMethod.PORTFOLIO: "Portfolio margin"}


@dataclass(frozen=True, slots=True, eq=False)
class _Account:
    """One account's horizon: dollars per rung; calls as relative shifts, NaN = not within the ladder."""

    own: MarginMethod
    equity: npt.NDArray[np.float64]
    needs: Mapping[MarginMethod, npt.NDArray[np.float64]]
    call_down: float
    call_up: float


def margin_page(scene: Scene) -> MarginHorizonState:
    """Returns the ladder of the selected account, or of all accounts added up (the nearest margin call counts)."""
    started = time.perf_counter()
    # A requirement is worked out without smiles: the words under the page must not promise any.
    dynamics = VolDynamics(response=scene.spot_vol())
    own = tuple(dict.fromkeys(info.margin_method or MarginMethod.REG_T for info, _ in scene.accounts))
    own_text = _NAMES[own[0]] if len(own) == 1 else "each account's own"
    found: list[_Account] = []
    problem = ""
    try:
        found = [_account(scene, info, values, dynamics.response) for info, values in scene.accounts]
    except MarginError as error:
        problem = f"{error}"
    if not found and not problem:
        problem = "The broker's figures of this account are not known yet."
    return MarginHorizonState(
        note=scene.note(
            f"Maintenance at model values, {own_text} counts, futures by estimated ranges; {scene.method(dynamics)}",
            time.perf_counter() - started,
            problem,
        ),
        account=", ".join(info.account_id for info, _ in scene.accounts),
        own_method=own_text,
        net_liq=scene.net_liq,
        broker_requirement=_broker_requirement(scene),
        rungs=_rungs(scene, found, dynamics.response),
        call_down_pct=_nearest([one.call_down for one in found]),
        call_up_pct=_nearest([one.call_up for one in found]),
    )


def _account(scene: Scene, info: AccountInfo, values: AccountValues, response: SpotVolBeta | None) -> _Account:
    if values.net_liquidation is None:
        raise MarginError(f"net liquidation of {info.account_id} is not known yet: the broker has not said")
    valued = scene.book.exclusions(scene.now_s) == Exclusion.INCLUDED
    mine = np.array([row.account_id == info.account_id for row in scene.rows], dtype=np.bool_)
    symbols = scene.book.symbols
    book = RiskBook.from_book(
        scene.book, scene.now_s, {symbol: risk_terms(symbol) for symbol in symbols}, rows=np.flatnonzero(valued & mine)
    )
    betas = dict(zip(symbols, scene.book.beta.tolist(), strict=True))
    held = StressBook(
        book, float(values.net_liquidation), {name: beta for name, beta in betas.items() if math.isfinite(beta)}
    )
    own = info.margin_method or MarginMethod.REG_T
    shifts = np.array(_SHIFTS_PCT) / 100.0
    horizons = {}
    stresses = {method: MarginStress(_margin_of(method, scene)) for method in MarginMethod}
    for method, stress in stresses.items():
        horizons[method] = stress.horizon(held, spot_shifts=shifts, response=response)
    call = stresses[own].margin_call(held, horizons[own], tolerance=1e-3)
    return _Account(
        own=own,
        equity=horizons[own].equity[0, 0],
        needs={method: horizon.requirement[0, 0] for method, horizon in horizons.items()},
        call_down=0.0 if call.in_call_now else call.down_shift,
        call_up=0.0 if call.in_call_now else call.up_shift,
    )


def _margin_of(method: MarginMethod, scene: Scene) -> AccountMargin:
    prices = list(zip(scene.book.symbols, scene.book.spot.tolist(), strict=True))
    return AccountMargin(
        method,
        futures_rules={name: futures_rule(name, price) for name, price in prices if name.startswith("/") and price > 0},
        span_parameters=span_parameters(prices),
        american=american_price,
    )


def _rungs(scene: Scene, found: list[_Account], response: SpotVolBeta | None) -> tuple[MarginRung, ...]:
    if not found:
        return ()
    shifts = np.array(_SHIFTS_PCT) / 100.0
    vols = np.zeros(shifts.size) if response is None else response.at_reference(shifts)
    equity = np.sum([one.equity for one in found], axis=0)
    needs = {method: np.sum([one.needs[method] for one in found], axis=0) for method in MarginMethod}
    own = np.sum([one.needs[one.own] for one in found], axis=0)
    return tuple(
        MarginRung(
            shift_pct=_SHIFTS_PCT[at],
            spot=float(scene.spx_price * (1.0 + shifts[at])),
            vol_change_points=float(vols[at]) * 100.0,
            equity=float(equity[at]),
            reg_t=float(needs[MarginMethod.REG_T][at]),
            portfolio=float(needs[MarginMethod.PORTFOLIO][at]),
            excess=float(equity[at] - own[at]),
        )
        for at in range(shifts.size)
    )


def _nearest(shifts: list[float]) -> float | None:
    known = [shift for shift in shifts if math.isfinite(shift)]
    return min(known, key=abs) * 100.0 if known else None


def _broker_requirement(scene: Scene) -> float | None:
    said = [values.maintenance_margin for _, values in scene.accounts]
    if not said or any(one is None for one in said):
        return None
    return math.fsum(float(one) for one in said if one is not None)
