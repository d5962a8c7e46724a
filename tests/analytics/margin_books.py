"""Books for the tests of risk-based margin: from the reference files, by hand, and drawn by chance."""

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from analytics.book import Model
from analytics.margin.risk_book import RiskBook, RiskKind, RiskTerms

PRICES = {"SPX": 6000.0, "SPY": 600.0, "/ES": 6020.0, "NDX": 21000.0, "AAPL": 220.0, "MSFT": 430.0, "/CL": 74.0}
TERMS = {
    "SPX": RiskTerms(RiskKind.BROAD_HIGH_CAP, "SP500", "broad"),
    "SPY": RiskTerms(RiskKind.BROAD_HIGH_CAP, "SP500", "broad"),
    "/ES": RiskTerms(RiskKind.BROAD_HIGH_CAP, "SP500", "broad", is_future=True, span_product="/ES"),
    "NDX": RiskTerms(RiskKind.BROAD_NON_HIGH_CAP, "NDX", "broad"),
    "AAPL": RiskTerms(RiskKind.EQUITY, "AAPL"),
    "MSFT": RiskTerms(RiskKind.EQUITY, "MSFT"),
    "/CL": RiskTerms(RiskKind.SPAN_FUTURE, "/CL", is_future=True),
}
MULTIPLIERS = {"/ES": 50.0, "/CL": 1000.0}

#: One position: symbol, quantity, right ("C", "P" or "" for a linear one), strike, days, vol.
Line = tuple[str, float, str, float, float, float]


def book_of(*lines: Line, rate: float = 0.04, **columns: Any) -> RiskBook:
    """A book of lines on the underlyings above; stock has multiplier 1."""
    symbols = [line[0] for line in lines]
    given: dict[str, Any] = {
        "underlyings": TERMS,
        "prices": PRICES,
        "quantity": [line[1] for line in lines],
        "multiplier": [MULTIPLIERS.get(line[0], 100.0 if line[2] else 1.0) for line in lines],
        "model": [_model(TERMS[line[0]].is_future, bool(line[2])) for line in lines],
        "underlying": symbols,
        "strike": [line[3] for line in lines],
        "t_years": [line[4] / 365.0 for line in lines],
        "is_call": [line[2] == "C" for line in lines],
        "rate": rate,
        "vol": [line[5] for line in lines],
    }
    return RiskBook.of(**{**given, **columns})


def stock(symbol: str, quantity: float) -> Line:
    """Shares or futures."""
    return (symbol, quantity, "", math.nan, math.nan, math.nan)


def reference_book(example: dict[str, Any]) -> RiskBook:
    """A book of an example of margin_pm.json; product groups come from its results, where the file states them."""
    products = {name: group for group, found in example["product_groups"].items() for name in found["classes"]}
    under, legs = example["underlyings"], example["legs"]
    terms = {
        symbol: RiskTerms(
            RiskKind(own["kind"]),
            own["class_group"],
            products[own["class_group"]],
            own["leverage"],
            tuple(own["slide"]) if own["slide"] else None,
            own["is_future"],
        )
        for symbol, own in under.items()
    }
    return RiskBook.of(
        underlyings=terms,
        prices={symbol: own["price"] for symbol, own in under.items()},
        quantity=[leg["qty"] for leg in legs],
        multiplier=[leg.get("multiplier", 1.0) for leg in legs],
        model=[_model(under[leg["underlying"]]["is_future"], "strike" in leg) for leg in legs],
        underlying=[leg["underlying"] for leg in legs],
        strike=[leg.get("strike", np.nan) for leg in legs],
        t_years=[leg.get("t", np.nan) for leg in legs],
        is_call=[leg.get("right") == "C" for leg in legs],
        rate=[under[leg["underlying"]]["r"] for leg in legs],
        dividend_yield=[under[leg["underlying"]]["q"] for leg in legs],
        vol=[leg.get("sigma", np.nan) for leg in legs],
    )


def european_value(
    spot: float, strike: float, t_years: float, rate: float, carry_yield: float, vol: float, is_call: bool
) -> float:
    """Black-Scholes-Merton by the error function, one number at a time: the second method of these tests."""
    if t_years == 0.0 or spot <= 0.0:
        gap = (spot - strike) if is_call else (strike - spot)
        return max(gap, 0.0) * math.exp(-rate * t_years)
    deviation = vol * math.sqrt(t_years)
    d1 = (math.log(spot / strike) + (rate - carry_yield) * t_years) / deviation + 0.5 * deviation
    sign = 1.0 if is_call else -1.0
    n1, n2 = (0.5 * math.erfc(-sign * d / math.sqrt(2.0)) for d in (d1, d1 - deviation))
    return sign * (spot * math.exp(-carry_yield * t_years) * n1 - strike * math.exp(-rate * t_years) * n2)


@st.composite
def lines(draw: st.DrawFn, symbols: tuple[str, ...] = ("SPX", "SPY", "/ES", "NDX", "AAPL", "MSFT")) -> Line:
    """One position by chance, round enough that results are not at the limits of a float."""
    symbol = draw(st.sampled_from(symbols))
    quantity = float(draw(st.integers(-9, 9).filter(bool)))
    if draw(st.integers(0, 3)) == 0:
        return stock(symbol, quantity * (1.0 if symbol in MULTIPLIERS else 100.0))
    moneyness = draw(st.integers(80, 120)) / 100.0
    return (
        symbol,
        quantity,
        draw(st.sampled_from("CP")),
        PRICES[symbol] * moneyness,
        float(draw(st.integers(1, 400))),
        draw(st.integers(8, 90)) / 100.0,
    )


def _model(is_future: bool, is_option: bool) -> Model:
    if not is_option:
        return Model.LINEAR
    return Model.BLACK76 if is_future else Model.BSM
