"""Risk-based ("customer portfolio") margin in the manner of TIMS: ten price points, full revaluation, group offsets.

Rules
    points      five equal steps down to the low of the range and five up to its high; the unchanged price is none of
                them. -8 / +6 % high-capitalisation broad-based index, -10 / +10 % other broad-based index, -15 / +15 %
                equity, narrow-based and sector; times the leverage of a fund. A security cannot fall below zero.
    value       vols constant (sticky strike), no time decay; see `analytics.margin.risk_book` for models.
    netting     100 % inside a class group, futures and their options included. Between the class groups of one
                product group losses count in full and gains at the offset, point 1 with point 1 and so on.
                Nothing between products.
    minimum     $.375 x multiplier x contracts for every option and future, long or short; a long option's not above
                its market value. Lines of one contract count net.
    result      requirement = max(largest loss, minimum), per class group, and per product group with offset.
                Futures of kind SPAN_FUTURE stand apart and take SPAN-like arrays.

Against net liquidation: option values are in it, so equity left = net liquidation - requirement. The exchange's own
model (a binomial tree with its vol surface), house slides, concentration charges and minimum equity are not here.

Sources: SEC release 34-46576 (ranges), OCC risk-based haircuts (ten equidistant points, +-15 %), FINRA 4210(g) and
SEC 15c3-1a (minimum and offsets; both inputs here, their exact sentences were not at hand).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from analytics.black_scholes import Floats
from analytics.margin.risk_book import RiskBook, RiskKind, RiskTerms, Valuer, unit_values, valuation_name
from analytics.margin.span import SpanParameters, SpanRequirement, first_worst, span_by_product
from analytics.margin.terms import MarginError


@dataclass(frozen=True, slots=True)
class PortfolioRules:
    """Ranges as fractions (down, up), steps each way, offset of gains, and dollars per point of multiplier.

    product_offsets: for product groups whose offset is not the general one.
    """

    broad_high_cap: tuple[float, float] = (-0.08, 0.06)
    broad_non_high_cap: tuple[float, float] = (-0.10, 0.10)
    narrow_index: tuple[float, float] = (-0.15, 0.15)
    sector_etf: tuple[float, float] = (-0.15, 0.15)
    equity: tuple[float, float] = (-0.15, 0.15)
    steps: int = 5
    offset: float = 0.90
    product_offsets: Mapping[str, float] = field(default_factory=dict)
    minimum_per_unit: float = 0.375

    def __post_init__(self) -> None:
        for kind in RiskKind:
            if kind is not RiskKind.SPAN_FUTURE and not -1.0 <= self.range_of(kind)[0] < 0 < self.range_of(kind)[1]:
                raise MarginError(f"portfolio margin: range {self.range_of(kind)} of {kind} must be (-1 to 0, above 0)")
        if self.steps < 1:
            raise MarginError(f"portfolio margin: {self.steps} steps each way; at least 1 is needed")
        for name, share in (("general", self.offset), *self.product_offsets.items()):
            if not 0.0 <= share <= 1.0:
                raise MarginError(f"portfolio margin: {name} offset {share} must be between 0 and 1")
        if not (math.isfinite(self.minimum_per_unit) and self.minimum_per_unit >= 0.0):
            raise MarginError(f"portfolio margin: minimum {self.minimum_per_unit} per unit must be a number >= 0")

    def range_of(self, kind: RiskKind) -> tuple[float, float]:
        """(down, up) of a kind, as fractions."""
        return {
            RiskKind.BROAD_HIGH_CAP: self.broad_high_cap,
            RiskKind.BROAD_NON_HIGH_CAP: self.broad_non_high_cap,
            RiskKind.NARROW_INDEX: self.narrow_index,
            RiskKind.SECTOR_ETF: self.sector_etf,
            RiskKind.EQUITY: self.equity,
            RiskKind.SPAN_FUTURE: (0.0, 0.0),
        }[kind]

    def moves(self, terms: RiskTerms) -> Floats:
        """Fractions of the price at the valuation points, worst down first, leverage in them."""
        down, up = terms.slide if terms.slide is not None else self.range_of(terms.kind)
        part = np.arange(1, self.steps + 1) / self.steps
        return np.asarray(np.concatenate([down * part[::-1], up * part]) * terms.leverage)

    def offset_of(self, product: str) -> float:
        """Share of gains that counts between the class groups of a product group."""
        return self.product_offsets.get(product, self.offset)


@dataclass(frozen=True, slots=True, eq=False)
class ClassGroupMargin:
    """One class group on its own, dollars. worst_point: 1-based, the first of equals."""

    name: str
    product: str
    point_pnl: Floats
    worst_point: int
    max_loss: float
    minimum: float

    @property
    def requirement(self) -> float:
        """The larger of loss and minimum."""
        return max(self.max_loss, self.minimum)

    @property
    def minimum_binds(self) -> bool:
        """True when the minimum is more than the largest loss."""
        return self.minimum > self.max_loss


@dataclass(frozen=True, slots=True, eq=False)
class ProductGroupMargin:
    """One product group after offsets, dollars.

    offset: None when it holds one class group, which has nothing to offset. point_pnl: losses of its class groups in
    full, gains at the offset. requirement_without_offset: sum of its class groups' own requirements.
    """

    name: str
    classes: tuple[str, ...]
    offset: float | None
    point_pnl: Floats
    worst_point: int
    max_loss: float
    minimum: float
    requirement_without_offset: float

    @property
    def requirement(self) -> float:
        """The larger of loss and minimum."""
        return max(self.max_loss, self.minimum)

    @property
    def minimum_binds(self) -> bool:
        """True when the minimum is more than the largest loss."""
        return self.minimum > self.max_loss


@dataclass(frozen=True, slots=True, eq=False)
class PortfolioMargin:
    """Requirement of a book, dollars, and where it comes from.

    row_pnl: [position, point], NaN for rows of `spans`. row_minimum: [position]. moves: [underlying, point] fractions.
    spans: futures outside the class groups. method: for display.
    """

    product_groups: tuple[ProductGroupMargin, ...]
    class_groups: tuple[ClassGroupMargin, ...]
    spans: tuple[SpanRequirement, ...]
    row_pnl: Floats
    row_minimum: Floats
    moves: Floats
    method: str

    @property
    def securities_requirement(self) -> float:
        """Sum over product groups, futures inside class groups with them."""
        return math.fsum(group.requirement for group in self.product_groups)

    @property
    def span_requirement(self) -> float:
        """Sum of the SPAN-like requirements."""
        return math.fsum(span.risk_requirement for span in self.spans)

    @property
    def requirement(self) -> float:
        """The whole book, to be held against net liquidation."""
        return self.securities_requirement + self.span_requirement


def portfolio_margin(
    book: RiskBook,
    *,
    rules: PortfolioRules | None = None,
    span_parameters: Mapping[str, SpanParameters] | None = None,
    american: Valuer | None = None,
) -> PortfolioMargin:
    """Requirement of a book under the rules above.

    american: values rows that may be exercised early; without it they are valued as European and `method` says so.
    span_parameters: by `RiskTerms.span_key`, for futures of kind SPAN_FUTURE. Raises MarginError naming the leg that
    has no value or no parameters.
    """
    return portfolio_margins(
        book, prices=book.price[np.newaxis, :], rules=rules, span_parameters=span_parameters, american=american
    )[0]


def portfolio_margins(
    book: RiskBook,
    *,
    prices: Floats,
    vol: Floats | None = None,
    rules: PortfolioRules | None = None,
    span_parameters: Mapping[str, SpanParameters] | None = None,
    american: Valuer | None = None,
) -> tuple[PortfolioMargin, ...]:
    """`portfolio_margin` with the underlyings at each row of `prices` [scenario, underlying], in one revaluation.

    vol: [position] or [scenario, position], the book's own when None.
    """
    used = rules if rules is not None else PortfolioRules()
    vols = book.vol if vol is None else vol
    moves = np.array([used.moves(terms) for terms in book.terms]).reshape(len(book.terms), 2 * used.steps)
    span_rows = book.span_rows
    rows = np.setdiff1d(np.arange(len(book)), span_rows) if span_rows.size else np.arange(len(book))
    part = book.take(rows) if span_rows.size else book
    pnl, unit_value = _row_pnl(part, prices, vols[..., rows], moves, american)
    minimum = _row_minimum(part, unit_value, used.minimum_per_unit)
    names = sorted({book.terms[index].class_group for index in set(part.underlying.tolist())})
    products = {terms.class_group: terms.product for terms in book.terms}
    belongs = _members(part, names)
    group_pnl, group_minimum = belongs @ pnl, minimum @ belongs.T
    method = f"TIMS-like, {2 * used.steps} price points, vols constant; {valuation_name(book, american)}"
    found: list[PortfolioMargin] = []
    for index in range(prices.shape[0]):
        classes = tuple(
            ClassGroupMargin(name, products[name], line, *_worst(line), least)
            for name, line, least in zip(names, group_pnl[index], group_minimum[index].tolist(), strict=True)
        )
        spans: tuple[SpanRequirement, ...] = ()
        if span_rows.size:
            moved = book.moved(prices[index], book.t_years, vols if vols.ndim == 1 else vols[index])
            spans = span_by_product(moved, span_rows, span_parameters or {}, american=american)
        row_pnl, row_minimum = np.full((len(book), 2 * used.steps), np.nan), np.zeros(len(book))
        row_pnl[rows], row_minimum[rows] = pnl[index], minimum[index]
        found.append(
            PortfolioMargin(_product_groups(classes, used), classes, spans, row_pnl, row_minimum, moves, method)
        )
    return tuple(found)


def _members(book: RiskBook, names: list[str]) -> Floats:
    """1.0 where a position belongs to a class group, [group, position]."""
    codes = np.array([names.index(t.class_group) if t.class_group in names else -1 for t in book.terms], dtype=np.intp)
    return np.asarray(codes[book.underlying] == np.arange(len(names))[:, np.newaxis], dtype=np.float64)


def _row_pnl(
    book: RiskBook, prices: Floats, vol: Floats, moves: Floats, american: Valuer | None
) -> tuple[Floats, Floats]:
    """Dollars of P&L [scenario, position, point] and unit values [scenario, position], both from one revaluation."""
    factors = np.concatenate([np.maximum(1.0 + moves.T, 0.0), np.ones((1, len(book.terms)))])
    points = factors.shape[0]
    at = (prices[:, np.newaxis, :] * factors)[..., book.underlying].reshape(prices.shape[0] * points, len(book))
    vols = vol if vol.ndim == 1 else np.repeat(vol, points, axis=0)
    flat = unit_values(book, at, t_years=book.t_years, vol=vols, american=american)
    values = flat.reshape(prices.shape[0], points, len(book))
    pnl = (values[:, :-1] - values[:, -1:]) * (book.quantity * book.multiplier)
    return pnl.transpose(0, 2, 1), values[:, -1]


def _row_minimum(book: RiskBook, unit_value: Floats, minimum_per_unit: float) -> Floats:
    """Minimum charge, dollars [scenario, position]; lines of one contract net, the charge stands on the first."""
    charge = np.zeros(unit_value.shape)
    charged = np.flatnonzero(book.is_option | book.is_future)
    if charged.size == 0:
        return charge
    option = book.is_option[charged]
    keys = np.stack(
        [
            book.underlying[charged].astype(np.float64),
            book.multiplier[charged],
            option + 2.0 * (book.is_call[charged] & option),
            np.where(option, book.strike[charged], 0.0),
            np.where(option, book.t_years[charged], 0.0),
        ],
        axis=1,
    )
    _, first, contract = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    net = np.bincount(contract.reshape(-1), weights=book.quantity[charged])
    at = charged[first]
    market = np.where(np.isfinite(book.market_price[at]), np.maximum(book.market_price[at], 0.0), unit_value[:, at])
    capped = book.is_option[at] & (net > 0.0)
    per_unit = np.where(capped, np.minimum(minimum_per_unit, market), minimum_per_unit)
    charge[:, at] = per_unit * np.abs(net) * book.multiplier[at]
    return charge


def _product_groups(classes: tuple[ClassGroupMargin, ...], rules: PortfolioRules) -> tuple[ProductGroupMargin, ...]:
    """Class groups combined per product group, in alphabetical order."""
    members: dict[str, list[ClassGroupMargin]] = defaultdict(list)
    for group in classes:
        members[group.product].append(group)
    found: list[ProductGroupMargin] = []
    for name, groups in sorted(members.items()):
        offset = rules.offset_of(name) if len(groups) > 1 else None
        pnl = np.array([group.point_pnl for group in groups])
        combined = pnl[0] if offset is None else np.where(pnl > 0.0, offset * pnl, pnl).sum(axis=0)
        worst, loss = _worst(combined)
        found.append(
            ProductGroupMargin(
                name=name,
                classes=tuple(group.name for group in groups),
                offset=offset,
                point_pnl=combined,
                worst_point=worst,
                max_loss=loss,
                minimum=math.fsum(group.minimum for group in groups),
                requirement_without_offset=math.fsum(group.requirement for group in groups),
            )
        )
    return tuple(found)


def _worst(pnl: Floats) -> tuple[int, float]:
    """1-based point of the largest loss, and that loss, >= 0."""
    point = first_worst(pnl)
    return point + 1, max(0.0, -float(pnl.min()))
