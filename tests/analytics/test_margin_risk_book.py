"""The book as risk margin sees it: from the live book, and what is refused, leg by leg."""

import math
from typing import Any

import numpy as np
import pytest

from analytics.book import BookArrays, PositionColumns, UnderlyingColumns
from analytics.margin.portfolio import portfolio_margin
from analytics.margin.risk_book import RiskBook, RiskKind, RiskTerms
from analytics.margin.terms import MarginError
from tests.analytics.margin_books import TERMS, book_of, stock

SHORT_PUT = ("SPX", -1.0, "P", 5700.0, 30.0, 0.17)


def test_the_live_book_becomes_a_risk_book_with_marks_and_time_left() -> None:
    now = 1_780_000_000.0
    arrays = BookArrays(
        PositionColumns(
            [-2.0, 100.0],
            [100.0, 1.0],
            [1, 0],
            [0, 1],
            [5700.0, np.nan],
            [now + 864_000.0, np.nan],
            [False, False],
            0.04,
            0.013,
            [0.2, np.nan],
            [True, False],
        ),
        UnderlyingColumns(("SPX", "AAPL"), [6000.0, 220.0], [1.0, 1.2]),
    )
    arrays.set_quotes([0], [30.0], [31.0])
    book = RiskBook.from_book(arrays, now, TERMS)
    assert book.t_years[0] == 10.0 / 365.0
    assert book.market_price[0] == 30.5
    assert book.is_american[0]
    assert book.labels == ("SPX 5700P", "AAPL")
    direct = book_of(("SPX", -2.0, "P", 5700.0, 10.0, 0.2), stock("AAPL", 100.0), dividend_yield=0.013)
    assert portfolio_margin(book).requirement == pytest.approx(portfolio_margin(direct).requirement, rel=1e-12)
    only = RiskBook.from_book(arrays, now, TERMS, rows=[1])
    assert only.labels == ("AAPL",)


def test_a_live_row_without_a_vol_is_refused_by_name_unless_it_has_expired() -> None:
    now = 1_780_000_000.0

    def arrays(expiry: float) -> BookArrays:
        return BookArrays(
            PositionColumns([-2.0], [100.0], [1], [0], [5700.0], [expiry], [False], 0.04, 0.013),
            UnderlyingColumns(("SPX",), [6000.0], [1.0]),
        )

    with pytest.raises(MarginError, match=r"SPX 5700P .*vol must be known"):
        RiskBook.from_book(arrays(now + 86_400.0), now, TERMS)
    assert RiskBook.from_book(arrays(now - 1.0), now, TERMS).t_years[0] == 0.0


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"quantity": [math.nan]}, "SPX 5700P .*quantity"),
        ({"multiplier": [0.0]}, "SPX 5700P .*multiplier"),
        ({"strike": [-1.0]}, "SPX -1P .*strike"),
        ({"t_years": [-0.1]}, "SPX 5700P .*time to expiry"),
        ({"vol": [math.nan]}, "SPX 5700P .*vol"),
        ({"vol": [-0.2]}, "SPX 5700P .*vol"),
        ({"rate": [math.inf]}, "SPX 5700P .*rate"),
        ({"dividend_yield": [math.nan]}, "SPX 5700P .*dividend"),
        ({"model": [7]}, "SPX 5700P .*model"),
        ({"vol": [0.1, 0.2]}, "column vol"),
        ({"prices": {"SPX": 0.0}}, "SPX: .*positive price"),
        ({"prices": {}}, "SPX: .*positive price"),
        ({"underlyings": {}}, "SPX: .*groups"),
        ({"underlyings": {"SPX": TERMS["/ES"]}}, "on a future"),
    ],
)
def test_what_cannot_be_margined_is_refused_with_the_leg_named(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(MarginError, match=message):
        book_of(SHORT_PUT, **columns)


def test_a_class_group_in_two_product_groups_is_refused() -> None:
    terms = {**TERMS, "SPY": RiskTerms(RiskKind.BROAD_HIGH_CAP, "SP500", "elsewhere")}
    with pytest.raises(MarginError, match="SPY: class group SP500"):
        book_of(SHORT_PUT, stock("SPY", 100.0), underlyings=terms)


@pytest.mark.parametrize(
    "wrong",
    [
        {"class_group": ""},
        {"leverage": 0.0},
        {"leverage": math.nan},
        {"slide": (0.1, 0.2)},
        {"slide": (-0.1, math.inf)},
        {"kind": RiskKind.SPAN_FUTURE},
    ],
)
def test_terms_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(MarginError):
        RiskTerms(**{"kind": RiskKind.EQUITY, "class_group": "X", **wrong})
