"""Random options, books of positions and books of legs for the benchmarks; the same seed gives the same ones."""

from __future__ import annotations

import numpy as np

from analytics.black_scholes import bsm_first_order, bsm_price
from analytics.book import BookArrays, Model, PositionColumns, UnderlyingColumns
from analytics.implied_vol import implied_vol
from analytics.legs import PayoffLeg, option_leg
from analytics.margin import MarginClass, RiskKind, RiskTerms, UnderlyingTerms

SPOT, RATE, DIVIDEND_YIELD = 7200.0, 0.0375, 0.0125
NOW_S = 1_800_000_000.0
DAY_S = 86_400.0
#: Levels of the underlyings of a book; the first is the index.
LEVELS = np.array([7200.0, 720.0, 640.0, 285.0, 430.0, 195.0, 400.0, 7210.0])
#: The plain loop is timed over so many options, then given per option.
_LOOPED = 500
_DAYS = (3, 10, 31, 59, 122)


class Options:
    """Random options near the money, as columns and as rows."""

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(1)
        self.strike = SPOT * rng.uniform(0.9, 1.1, count)
        self.t_years = rng.uniform(3, 180, count) / 365.0
        self.vol = rng.uniform(0.1, 0.5, count)
        self.is_call = rng.random(count) < 0.5
        self.price = bsm_price(
            spot=SPOT,
            strike=self.strike,
            t_years=self.t_years,
            rate=RATE,
            dividend_yield=DIVIDEND_YIELD,
            vol=self.vol,
            is_call=self.is_call,
        )
        columns = (self.strike, self.t_years, self.vol, self.is_call, self.price)
        self.rows: list[tuple[float, float, float, bool, float]] = list(
            zip(*(column[:_LOOPED].tolist() for column in columns), strict=True)
        )

    def greeks(self) -> None:
        """Values and first-order Greeks of all, in one pass."""
        bsm_first_order(
            spot=SPOT,
            strike=self.strike,
            t_years=self.t_years,
            rate=RATE,
            dividend_yield=DIVIDEND_YIELD,
            vol=self.vol,
            is_call=self.is_call,
        )

    def vols(self) -> None:
        """Implied vols of all, in one pass."""
        implied_vol(
            price=self.price,
            spot=SPOT,
            strike=self.strike,
            t_years=self.t_years,
            rate=RATE,
            dividend_yield=DIVIDEND_YIELD,
            is_call=self.is_call,
        )


def a_book(count: int, *, option_share: float = 0.9, american_share: float = 0.0, seed: int = 2) -> BookArrays:
    """Returns a book of `count` quoted positions on eight underlyings, vols solved; strikes near the money.

    option_share: the others are shares. american_share: of all positions, options that may be exercised early.
    """
    rng = np.random.default_rng(seed)
    at = rng.integers(0, LEVELS.size, count)
    model = np.where(rng.random(count) < option_share, Model.BSM, Model.LINEAR).astype(np.int8)
    book = BookArrays(
        PositionColumns(
            quantity=rng.integers(1, 5, count) * rng.choice((-1.0, 1.0), count),
            multiplier=np.where(model == Model.LINEAR, 1.0, 100.0),
            model=model,
            underlying=at.astype(np.intp),
            strike=LEVELS[at] * rng.uniform(0.9, 1.1, count),
            expiry_epoch_s=NOW_S + rng.uniform(3, 180, count) * DAY_S,
            is_call=rng.random(count) < 0.5,
            rate=np.full(count, RATE),
            dividend_yield=np.full(count, DIVIDEND_YIELD),
            vol=rng.uniform(0.12, 0.5, count),
            is_american=rng.random(count) < american_share,
        ),
        UnderlyingColumns(
            tuple(f"U{number}" for number in range(LEVELS.size)),
            LEVELS,
            np.linspace(0.8, 1.8, LEVELS.size),
            np.zeros(LEVELS.size, dtype=np.bool_),
        ),
    )
    price = book.greeks(NOW_S, SPOT).price
    book.set_quotes(np.arange(count), price * 0.99, price * 1.01)
    book.refresh_vols(NOW_S)
    return book


def risk_terms(underlyings: int) -> dict[str, RiskTerms]:
    """Returns what portfolio margin must know of the first underlyings of a book: an index, then stocks."""
    return {
        f"U{number}": RiskTerms(RiskKind.EQUITY if number else RiskKind.BROAD_HIGH_CAP, f"U{number}")
        for number in range(underlyings)
    }


def leg_terms(underlyings: int) -> dict[str, UnderlyingTerms]:
    """Returns what Reg-T margin must know of the underlyings of `some_legs`: an index, then stocks."""
    return {
        f"U{number}": UnderlyingTerms(float(LEVELS[number]), MarginClass.EQUITY if number else MarginClass.BROAD_INDEX)
        for number in range(underlyings)
    }


def some_legs(count: int, underlyings: int, seed: int) -> list[PayoffLeg]:
    """Returns `count` different options on so many underlyings: five expiries, strikes within 10 %, up to 5 lots."""
    rng = np.random.default_rng(seed)
    each = -(-count // underlyings)
    legs: list[PayoffLeg] = []
    for number in range(underlyings):
        level = float(LEVELS[number])
        chosen = rng.choice(len(_DAYS) * 2 * 81, min(each, count - len(legs)), replace=False)
        for one in chosen.tolist():
            day, (is_call, step) = one % len(_DAYS), divmod(one // len(_DAYS), 81)
            quantity = int(rng.integers(1, 6)) * (1 if rng.random() < 0.5 else -1)
            legs.append(_leg(number, "CP"[is_call], level * (1.0 + 0.0025 * (step - 40)), _DAYS[day], quantity))
    return legs


def condors(count: int, seed: int) -> list[PayoffLeg]:
    """Returns the legs of short iron condors on the index, `count` legs in all; some share strikes."""
    rng = np.random.default_rng(seed)
    legs: list[PayoffLeg] = []
    for _ in range(count // 4):
        days, size = _DAYS[int(rng.integers(len(_DAYS)))], int(rng.integers(1, 4))
        low, high, wing = SPOT * (1 - 0.005 * rng.integers(4, 16)), SPOT * (1 + 0.005 * rng.integers(4, 16)), 36.0
        legs += [
            _leg(0, "P", low - wing, days, size),
            _leg(0, "P", low, days, -size),
            _leg(0, "C", high, days, -size),
            _leg(0, "C", high + wing, days, size),
        ]
    return legs


def _leg(number: int, right: str, strike: float, days: int, quantity: int) -> PayoffLeg:
    strike = round(strike, 2)
    price = bsm_price(
        spot=LEVELS[number],
        strike=strike,
        t_years=days / 365.0,
        rate=RATE,
        dividend_yield=DIVIDEND_YIELD,
        vol=0.25,
        is_call=right == "C",
    )
    return option_leg(f"U{number}", right, strike, NOW_S + days * DAY_S, quantity, price=round(float(price), 2))
