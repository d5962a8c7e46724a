"""The requirement of a whole account by one method, always stated against net liquidation, securities and futures.

PORTFOLIO: `analytics.margin.portfolio`. REG_T: maintenance of `analytics.margin.reg_t` with option values taken from
the model; futures by SPAN-like arrays where their parameters are known, else by their percentage rule.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from analytics.black_scholes import DAYS_PER_YEAR, Floats
from analytics.legs import LegKind, PayoffLeg
from analytics.margin.futures import FuturesRule
from analytics.margin.portfolio import PortfolioMargin, PortfolioRules, portfolio_margin, portfolio_margins
from analytics.margin.reg_t import RegTMargin
from analytics.margin.risk_book import RiskBook, Valuer, unit_values, valuation_name
from analytics.margin.span import SpanParameters, span_by_product
from analytics.margin.terms import MarginRequirement, RegTParameters, UnderlyingTerms
from models.enums import MarginMethod

_SECONDS_PER_DAY = 86_400.0
#: Strategy margin has no percentages of a worthless share: its price counts as at least a cent.
_LEAST_PRICE = 0.01


_METHOD_TEXTS: Mapping[MarginMethod, str] = {
    MarginMethod.REG_T: "strategy (Reg-T) maintenance at model values",
    MarginMethod.PORTFOLIO: "TIMS-like portfolio margin at model values",
}


class AccountMargin:
    """One account's method and parameters. method, american: as given."""

    def __init__(
        self,
        method: MarginMethod,
        *,
        reg_t: RegTParameters | None = None,
        futures_rules: Mapping[str, FuturesRule] | None = None,
        rules: PortfolioRules | None = None,
        span_parameters: Mapping[str, SpanParameters] | None = None,
        american: Valuer | None = None,
    ) -> None:
        """Parameters of both methods.

        span_parameters: by `RiskTerms.span_key`. futures_rules: by symbol, for futures under REG_T without
        SPAN-like parameters; the price in a rule gives way to the book's. american: values American rows.
        """
        self.method = method
        self.american = american
        self._reg_t = reg_t
        self._futures_rules = dict(futures_rules or {})
        self._rules = rules
        self._spans = dict(span_parameters or {})

    def text(self, book: RiskBook) -> str:
        """What the requirement is, for display."""
        return f"{_METHOD_TEXTS[self.method]}; {valuation_name(book, self.american)}"

    def requirement(self, book: RiskBook) -> float:
        """Dollars a book needs against net liquidation now. Raises MarginError naming what is missing."""
        if self.method is MarginMethod.PORTFOLIO:
            return self.portfolio(book).requirement
        prices = book.price[book.underlying][np.newaxis, :]
        values = unit_values(book, prices, t_years=book.t_years, vol=book.vol, american=self.american)[0]
        return self.strategy(book, values, margin_lines(book))

    def portfolio(self, book: RiskBook) -> PortfolioMargin:
        """Portfolio margin with this account's rules, in detail."""
        return portfolio_margin(book, rules=self._rules, span_parameters=self._spans, american=self.american)

    def portfolio_at(self, book: RiskBook, prices: Floats, vol: Floats) -> Floats:
        """Portfolio requirement, dollars [scenario], with underlyings at `prices` [scenario, underlying]."""
        found = portfolio_margins(
            book, prices=prices, vol=vol, rules=self._rules, span_parameters=self._spans, american=self.american
        )
        return np.array([margin.requirement for margin in found])

    def strategy(self, book: RiskBook, values: Floats, lines: Sequence[PayoffLeg], as_of_epoch_s: float = 0.0) -> float:
        """Strategy maintenance against net liquidation, dollars, of positions worth `values` per unit.

        lines: `margin_lines` of the book. as_of_epoch_s: seconds on their clock (0 = when they were made).
        """
        prices = dict(zip(book.symbols, book.price.tolist(), strict=True))
        by_arrays = [t.is_future and t.span_key in self._spans for t in book.terms]
        priced: list[PayoffLeg] = []
        span_rows: list[int] = []
        for row, (leg, value) in enumerate(zip(lines, values.tolist(), strict=True)):
            if by_arrays[int(book.underlying[row])]:
                span_rows.append(row)
            elif book.quantity[row] != 0.0:
                priced.append(replace(leg, price=max(value, 0.0)) if leg.is_option else leg)
        terms = {
            symbol: UnderlyingTerms(max(prices[symbol], _LEAST_PRICE), own.kind.margin_class, abs(own.leverage))
            for symbol, own in zip(book.symbols, book.terms, strict=True)
            if not own.is_future
        }
        rules = {
            symbol: replace(rule, price=max(prices[symbol], _LEAST_PRICE))
            for symbol, rule in self._futures_rules.items()
            if symbol in prices
        }
        need = RegTMargin(self._reg_t, rules).requirement(priced, terms, as_of_epoch_s)
        rows = np.array(span_rows, dtype=np.intp)
        spans = span_by_product(book, rows, self._spans, american=self.american) if span_rows else ()
        return against_net_liquidation(need, priced, prices) + math.fsum(s.risk_requirement for s in spans)


def against_net_liquidation(need: MarginRequirement, legs: Sequence[PayoffLeg], prices: Mapping[str, float]) -> float:
    """Maintenance to hold against net liquidation, dollars: futures included, what it has already paid taken off.

    Net liquidation holds long options at their value, which Reg-T wants paid, so that is added; it is already less by
    the value of short options and short shares, which the gross requirement contains, so that is taken off.
    """
    shares: dict[str, float] = {}
    for leg in legs:
        if not leg.is_option and not leg.is_future:
            shares[leg.underlying] = shares.get(leg.underlying, 0.0) + leg.quantity * leg.multiplier
    short_value = math.fsum(-held * prices[symbol] for symbol, held in shares.items() if held < 0.0)
    total = need.option_requirement + need.stock_maintenance - short_value
    total += need.long_option_cost - need.short_option_proceeds
    if need.futures is not None:
        total += need.futures.maintenance + need.futures.long_option_cost - need.futures.short_option_proceeds
    return total


def margin_lines(book: RiskBook) -> tuple[PayoffLeg, ...]:
    """The positions as strategy margin reads them, unpriced, with expiries as seconds from now.

    Quantity 1 stands in for a flat line, which `AccountMargin.strategy` skips.
    """
    future = book.is_future
    return tuple(
        PayoffLeg(
            kind=LegKind.OPTION if option else LegKind.LINEAR,
            underlying=book.symbols[int(book.underlying[row])],
            quantity=float(book.quantity[row]) or 1.0,
            multiplier=float(book.multiplier[row]),
            is_call=bool(book.is_call[row]) if option else None,
            strike=float(book.strike[row]) if option else 0.0,
            expiry_epoch_s=float(book.t_years[row]) * DAYS_PER_YEAR * _SECONDS_PER_DAY if option else 0.0,
            is_future=bool(future[row]),
            key=book.labels[row],
        )
        for row, option in enumerate(book.is_option.tolist())
    )
