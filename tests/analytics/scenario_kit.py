"""Books for the tests of the scenarios."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from analytics.book import BookArrays, Model, PositionColumns, UnderlyingColumns

NOW = 1_780_000_000.0
DAY = 86_400.0
INDEX = 6000.0
_MODEL = {"stock": Model.LINEAR, "future": Model.LINEAR, "option": Model.BSM, "future_option": Model.BLACK76}


def random_book(count: int = 60, seed: int = 5) -> BookArrays:
    """European options on spots and futures and linear rows over three underlyings."""
    dice = np.random.default_rng(seed)
    at = dice.integers(0, 3, count)
    spots = np.array([INDEX, 226.5, 6021.0])
    return BookArrays(
        PositionColumns(
            quantity=dice.integers(-5, 6, count),
            multiplier=dice.choice([1.0, 50.0, 100.0], count),
            model=dice.integers(0, 3, count),
            underlying=at,
            strike=spots[at] * dice.uniform(0.85, 1.15, count),
            expiry_epoch_s=NOW + DAY * dice.uniform(0.05, 200.0, count),
            is_call=dice.random(count) < 0.5,
            rate=0.04,
            dividend_yield=0.012,
            vol=dice.uniform(0.1, 0.6, count),
        ),
        UnderlyingColumns(("SPX", "AAPL", "/ESM6"), spots, [1.0, 1.24, 1.0]),
    )


def options(
    strikes: list[float],
    *,
    quantity: list[float] | float = 1.0,
    days: list[float] | float = 30.0,
    calls: list[bool] | bool = False,
    vol: list[float] | float = 0.2,
    spot: float = 100.0,
    beta: float = 1.0,
    american: bool = False,
    rate: float = 0.03,
    dividend_yield: float = 0.01,
) -> BookArrays:
    """Options on one underlying, multiplier 100."""
    columns = PositionColumns(
        quantity=quantity,
        multiplier=100.0,
        model=Model.BSM,
        underlying=0,
        strike=strikes,
        expiry_epoch_s=NOW + DAY * np.asarray(days),
        is_call=calls,
        rate=rate,
        dividend_yield=dividend_yield,
        vol=vol,
        is_american=american,
    )
    full = {
        field.name: np.broadcast_to(np.asarray(getattr(columns, field.name)), (len(strikes),))
        for field in fields(PositionColumns)
    }
    return BookArrays(PositionColumns(**full), UnderlyingColumns(("X",), spot, beta))


def reference_book(example: dict[str, Any]) -> BookArrays:
    """The book of one example of scenario.json; its clock stands at 0."""
    under, legs = example["underlyings"], example["legs"]
    symbols = list(under)
    return BookArrays(
        PositionColumns(
            quantity=[leg["qty"] for leg in legs],
            multiplier=[leg["multiplier"] for leg in legs],
            model=[_MODEL[leg["kind"]] for leg in legs],
            underlying=[symbols.index(leg["symbol"]) for leg in legs],
            strike=[leg.get("strike", np.nan) for leg in legs],
            expiry_epoch_s=[leg.get("days", np.nan) * DAY for leg in legs],
            is_call=[leg.get("right") == "C" for leg in legs],
            rate=[under[leg["symbol"]]["r"] for leg in legs],
            dividend_yield=[under[leg["symbol"]]["q"] for leg in legs],
            vol=[leg.get("sigma", np.nan) for leg in legs],
            is_american=[leg.get("style") == "american" for leg in legs],
        ),
        UnderlyingColumns(symbols, [under[s]["price"] for s in symbols], [under[s]["beta"] for s in symbols]),
    )


def part_of(book: BookArrays, rows: slice, factor: float = 1.0) -> BookArrays:
    """Some positions of a book, their quantities times `factor`."""
    columns = book.positions()
    chosen = {field.name: np.asarray(getattr(columns, field.name))[rows] for field in fields(PositionColumns)}
    chosen["quantity"] = factor * chosen["quantity"]
    return BookArrays(PositionColumns(**chosen), UnderlyingColumns(book.symbols, book.spot, book.beta))


def revalued(book: BookArrays, *, spots: Any, vols: Any, days: float = 0.0) -> float:
    """Dollars between a copy of the book that really moved and the book now: the second method of every grid."""
    moved = book.copy()
    moved.set_spots(np.arange(len(book.symbols)), spots)
    moved.set_vols(np.arange(len(book)), vols)
    then = moved.greeks(NOW + days * DAY, INDEX).market_value
    return float((then - book.greeks(NOW, INDEX).market_value).sum())


def with_quantity(book: BookArrays, quantity: Any) -> BookArrays:
    """The same book in other sizes."""
    columns = replace(book.positions(), quantity=quantity)
    return BookArrays(columns, UnderlyingColumns(book.symbols, book.spot, book.beta))
