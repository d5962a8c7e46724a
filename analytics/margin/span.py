"""SPAN-like margin of futures and options on futures: sixteen price and vol scenarios one day ahead.

It follows the layout of the exchange's risk arrays, not its figures: ranges, multiples and minimums are inputs, and
the result is named SPAN-like everywhere. Not modelled: intra-commodity spread charges (months of one product net
fully), inter-commodity credits, delivery charges, composite deltas.

Rules
    scenarios   1-14: price moves 0, +1/3, -1/3, +2/3, -2/3, +3/3, -3/3 of the price scan range, each with vol up and
                then vol down by the (absolute) vol scan range; 15 and 16: up and down by a multiple of the range at
                unchanged vol, of which only the covered fraction of the result counts.
    look-ahead  options lose one calendar day, act/365; one that expires inside it is worth its intrinsic value.
    value       Black-76 at each option's own vol, shifted, never below 0.001. A future may go below zero.
    result      requirement = max(largest loss, short option minimum x short option contracts). Net option value
                stands apart: requirement against cash = risk requirement - net option value; against net
                liquidation, which already holds option values, it is the risk requirement itself.

Source: CME SPAN risk arrays as printed by McMillan, Options as a Strategic Investment, pp. 669-670 (extreme = twice
the range, 35 % covered); the exchange has since used three times the range and about one third, the defaults here.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import DAYS_PER_YEAR, Floats
from analytics.book_columns import Model, Rows
from analytics.margin.risk_book import RiskBook, Valuer, unit_values, valuation_name
from analytics.margin.terms import MarginError
from analytics.scenarios.shocks import VOL_FLOOR

#: Price moves of scenarios 1-14 in parts of the range, and the direction of vol.
_MOVES = np.repeat(np.array([0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0]) / 3.0, 2)
_VOLS = np.tile(np.array([1.0, -1.0]), 7)


@dataclass(frozen=True, slots=True)
class SpanParameters:
    """Scan ranges of one futures product. Points, absolute annual vol, dollars per short option contract."""

    price_scan_range_points: float
    volatility_scan_range: float
    short_option_minimum_per_contract: float = 0.0
    extreme_multiple: float = 3.0
    covered_fraction: float = 0.33
    look_ahead_days: float = 1.0

    def __post_init__(self) -> None:
        numbers = (
            self.price_scan_range_points,
            self.volatility_scan_range,
            self.short_option_minimum_per_contract,
            self.extreme_multiple,
            self.covered_fraction,
            self.look_ahead_days,
        )
        if not all(math.isfinite(number) and number >= 0.0 for number in numbers):
            raise MarginError(f"SPAN-like parameters must be numbers >= 0: {self}")
        if self.price_scan_range_points == 0.0 or self.covered_fraction > 1.0:
            raise MarginError(f"SPAN-like parameters: the price range must be > 0 and the fraction <= 1: {self}")


class ScanRisk(NamedTuple):
    """scenario_pnl: 16 dollars. scan_risk: largest loss, >= 0. worst_scenario: 1-16, the first of equals."""

    scenario_pnl: Floats
    scan_risk: float
    worst_scenario: int


@dataclass(frozen=True, slots=True, eq=False)
class SpanRequirement:
    """SPAN-like requirement of one product, dollars; `row_pnl` [position, 16] in the order of the rows given."""

    product: str
    scenario_pnl: Floats
    row_pnl: Floats
    scan_risk: float
    worst_scenario: int
    short_option_minimum: float
    risk_requirement: float
    net_option_value: float
    method: str

    @property
    def minimum_binds(self) -> bool:
        """True when the short option minimum is more than the largest loss."""
        return self.short_option_minimum > self.scan_risk

    @property
    def requirement_against_cash(self) -> float:
        """Risk requirement less net option value: what an account without option values in its equity needs."""
        return self.risk_requirement - self.net_option_value


def scan(*, arrays: npt.ArrayLike, quantity: npt.ArrayLike) -> ScanRisk:
    """Net risk arrays, dollars per contract [position, 16], by signed `quantity` [position], and find the worst."""
    per_contract = np.atleast_2d(np.asarray(arrays, dtype=np.float64))
    units = np.atleast_1d(np.asarray(quantity, dtype=np.float64))
    if per_contract.shape != (units.size, 16):
        raise MarginError(f"risk arrays have shape {per_contract.shape}, expected ({units.size}, 16)")
    pnl = np.asarray((per_contract * units[:, np.newaxis]).sum(axis=0))
    worst = first_worst(pnl)
    return ScanRisk(pnl, max(0.0, -float(pnl.min())), worst + 1)


def first_worst(pnl: Floats) -> int:
    """Index of the largest loss; of points equal but for rounding (1e-12 of the largest amount) the first."""
    tolerance = 1e-12 * float(np.abs(pnl).max())
    return int(np.flatnonzero(pnl <= pnl.min() + tolerance)[0])


def risk_arrays(book: RiskBook, parameters: SpanParameters, *, american: Valuer | None = None) -> Floats:
    """Dollars per contract [position, 16] of futures and options on futures, in the order of scenarios above."""
    return _arrays(book, parameters, american)[0]


def _arrays(book: RiskBook, parameters: SpanParameters, american: Valuer | None) -> tuple[Floats, Floats]:
    """Risk arrays, dollars per contract [position, 16], and unit values now [position]."""
    now = book.price[book.underlying][np.newaxis, :]
    moves = parameters.price_scan_range_points * np.append(_MOVES, np.array([1.0, -1.0]) * parameters.extreme_multiple)
    shifts = parameters.volatility_scan_range * np.append(_VOLS, [0.0, 0.0])
    vols = np.maximum(book.vol + shifts[:, np.newaxis], VOL_FLOOR)
    ahead = np.maximum(book.t_years - parameters.look_ahead_days / DAYS_PER_YEAR, 0.0)
    later = unit_values(book, now + moves[:, np.newaxis], t_years=ahead, vol=vols, american=american)
    today = unit_values(book, now, t_years=book.t_years, vol=book.vol, american=american)[0]
    pnl = (later - today) * book.multiplier
    pnl[14:] *= parameters.covered_fraction
    return pnl.T, today


def span_requirement(
    book: RiskBook, parameters: SpanParameters, *, product: str = "", american: Valuer | None = None
) -> SpanRequirement:
    """SPAN-like requirement of positions in one product; they net fully. Raises MarginError on what is no future."""
    stranger = np.flatnonzero((book.model == Model.BSM) | ~book.is_future)
    if stranger.size:
        raise MarginError(f"{book.labels[int(stranger[0])]} does not depend on a future: SPAN-like arrays need one")
    arrays, now = _arrays(book, parameters, american)
    risk = scan(arrays=arrays, quantity=book.quantity)
    option = book.is_option
    short_contracts = float(np.maximum(-book.quantity[option], 0.0).sum())
    minimum = parameters.short_option_minimum_per_contract * short_contracts
    return SpanRequirement(
        product=product,
        scenario_pnl=risk.scenario_pnl,
        row_pnl=arrays * book.quantity[:, np.newaxis],
        scan_risk=risk.scan_risk,
        worst_scenario=risk.worst_scenario,
        short_option_minimum=minimum,
        risk_requirement=max(risk.scan_risk, minimum),
        net_option_value=float((book.quantity * book.multiplier * now)[option].sum()),
        method=f"SPAN-like, 16 scenarios, not the exchange's figure; {valuation_name(book, american)}",
    )


def span_by_product(
    book: RiskBook, rows: Rows, parameters: Mapping[str, SpanParameters], *, american: Valuer | None = None
) -> tuple[SpanRequirement, ...]:
    """One requirement per product among `rows`, by each underlying's `span_key`. Raises MarginError without one."""
    products: dict[str, list[int]] = defaultdict(list)
    for row in rows.tolist():
        products[book.terms[int(book.underlying[row])].span_key].append(row)
    found: list[SpanRequirement] = []
    for product, members in sorted(products.items()):
        if product not in parameters:
            raise MarginError(f"{book.labels[members[0]]}: no SPAN-like scan ranges for {product}; supply them")
        part = book.take(np.array(members, dtype=np.intp))
        found.append(span_requirement(part, parameters[product], product=product, american=american))
    return tuple(found)
