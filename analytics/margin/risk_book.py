"""The book as risk-based margin sees it: checked columns, one entry per position, and what each underlying belongs to.

Units
    quantity: signed contracts or shares. multiplier: dollars per point of one contract, 1 for stock. t_years: years to
    settlement, act/365, >= 0. rate, dividend_yield: continuously compounded per year. vol: annual, 0.20 = 20 %.
    price: of the underlying, points. Futures and what depends on them point at the future as their underlying.
Valuation
    Sticky strike: every option keeps its own vol. Black-Scholes-Merton on spots, Black-76 on futures. American rows
    are valued by the `Valuer` the caller hands in (`analytics.american.american_price` has its shape); without one
    they are valued as European, and results say so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import MAX_VOL, Bools, Floats, bsm_price
from analytics.book import SECONDS_PER_YEAR, BookArrays
from analytics.book_columns import BookError, Codes, Model, Rows, column
from analytics.margin.terms import MarginClass, MarginError

_T = TypeVar("_T", bound=np.generic)


class RiskKind(StrEnum):
    """What the range of valuation points depends on; SPAN_FUTURE is margined apart, by SPAN-like arrays."""

    BROAD_HIGH_CAP = "broad_high_cap"
    BROAD_NON_HIGH_CAP = "broad_non_high_cap"
    NARROW_INDEX = "narrow_index"
    SECTOR_ETF = "sector_etf"
    EQUITY = "equity"
    SPAN_FUTURE = "span_future"

    @property
    def margin_class(self) -> MarginClass:
        """The class whose strategy-based percentages such an underlying has."""
        return _MARGIN_CLASSES[self]


_MARGIN_CLASSES: Mapping[RiskKind, MarginClass] = {
    RiskKind.BROAD_HIGH_CAP: MarginClass.BROAD_INDEX,
    RiskKind.BROAD_NON_HIGH_CAP: MarginClass.BROAD_INDEX,
    RiskKind.NARROW_INDEX: MarginClass.NARROW_INDEX,
    RiskKind.SECTOR_ETF: MarginClass.ETF_NARROW,
    RiskKind.EQUITY: MarginClass.EQUITY,
    RiskKind.SPAN_FUTURE: MarginClass.EQUITY,
}


@dataclass(frozen=True, slots=True)
class RiskTerms:
    """What one underlying belongs to.

    class_group: those that net 100 % (SPX, SPY and /ES share one). product_group: those whose gains offset in part;
    "" = the class group stands alone. leverage: of a fund, multiplies the range; negative for an inverse fund, whose
    moves then run against the others point by point. slide: (down, up) as fractions in place of the kind's range, a
    house rule (-0.20, 0.15). span_product: which SPAN-like parameters a future takes; "" = its class group.
    """

    kind: RiskKind
    class_group: str
    product_group: str = ""
    leverage: float = 1.0
    slide: tuple[float, float] | None = None
    is_future: bool = False
    span_product: str = ""

    def __post_init__(self) -> None:
        if not self.class_group:
            raise MarginError(
                "an underlying without a class group: name the group, its own symbol when it stands alone"
            )
        if not math.isfinite(self.leverage) or self.leverage == 0.0:
            raise MarginError(f"class group {self.class_group}: leverage {self.leverage} must be a number other than 0")
        if self.slide is not None and not -1.0 <= self.slide[0] < 0.0 < self.slide[1] < math.inf:
            raise MarginError(f"class group {self.class_group}: slide {self.slide} must be (-1 to 0, above 0)")
        if self.kind is RiskKind.SPAN_FUTURE and not self.is_future:
            raise MarginError(f"class group {self.class_group}: only a future can be margined by SPAN-like arrays")

    @property
    def product(self) -> str:
        """Name of the product group."""
        return self.product_group or self.class_group

    @property
    def span_key(self) -> str:
        """Name of the SPAN-like parameters."""
        return self.span_product or self.class_group


class Valuer(Protocol):
    """Unit values of options on a spot with a continuous yield; arguments broadcast.

    For options on futures the future is the spot and the yield equals the rate.
    """

    def __call__(
        self,
        *,
        spot: npt.ArrayLike,
        strike: npt.ArrayLike,
        t_years: npt.ArrayLike,
        rate: npt.ArrayLike,
        dividend_yield: npt.ArrayLike,
        vol: npt.ArrayLike,
        is_call: npt.ArrayLike,
    ) -> Floats:
        """Unit values at the broadcast shape."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class RiskBook:
    """Checked columns; build one with `of` or `from_book`, both of which raise MarginError naming the wrong leg.

    symbols, terms, price: one entry per underlying. All others: one per position. carry_yield: dividend yield, the
    rate itself for options on futures. market_price: unit price that a long option's minimum is capped at, NaN = its
    model value.
    """

    symbols: tuple[str, ...]
    terms: tuple[RiskTerms, ...]
    price: Floats
    quantity: Floats
    multiplier: Floats
    model: Codes
    underlying: Rows
    strike: Floats
    t_years: Floats
    is_call: Bools
    rate: Floats
    carry_yield: Floats
    vol: Floats
    is_american: Bools
    market_price: Floats
    labels: tuple[str, ...]

    @classmethod
    def of(
        cls,
        *,
        underlyings: Mapping[str, RiskTerms],
        prices: Mapping[str, float],
        quantity: npt.ArrayLike,
        multiplier: npt.ArrayLike,
        model: npt.ArrayLike,
        underlying: Sequence[str],
        strike: npt.ArrayLike = np.nan,
        t_years: npt.ArrayLike = np.nan,
        is_call: npt.ArrayLike = False,
        rate: npt.ArrayLike = 0.0,
        dividend_yield: npt.ArrayLike = 0.0,
        vol: npt.ArrayLike = np.nan,
        is_american: npt.ArrayLike = False,
        market_price: npt.ArrayLike = np.nan,
        labels: Sequence[str] | None = None,
    ) -> Self:
        """Build and check. `underlying` holds one symbol per position and sets the count; the rest broadcasts to it.

        model: codes of `analytics.book.Model`. strike, t_years, vol and the like are ignored for linear rows.
        """
        count = len(underlying)
        codes = _column("model", model, count, np.int8)
        rates = _column("rate", rate, count, np.float64)
        rows = {
            "quantity": _column("quantity", quantity, count, np.float64),
            "multiplier": _column("multiplier", multiplier, count, np.float64),
            "strike": _column("strike", strike, count, np.float64),
            "t_years": _column("t_years", t_years, count, np.float64),
            "vol": _column("vol", vol, count, np.float64),
            "market_price": _column("market_price", market_price, count, np.float64),
        }
        symbols = tuple(dict.fromkeys(underlying))
        for symbol in symbols:
            if symbol not in underlyings or not prices.get(symbol, math.nan) > 0 or math.isinf(prices[symbol]):
                raise MarginError(
                    f"{symbol}: margin needs its groups and a positive price; supply both or leave it out"
                )
        position = {symbol: index for index, symbol in enumerate(symbols)}
        calls = _column("is_call", is_call, count, np.bool_)
        yields = _column("dividend_yield", dividend_yield, count, np.float64)
        book = cls(
            symbols=symbols,
            terms=tuple(underlyings[symbol] for symbol in symbols),
            price=np.array([prices[symbol] for symbol in symbols], dtype=np.float64),
            model=codes,
            underlying=np.array([position[symbol] for symbol in underlying], dtype=np.intp),
            is_call=calls,
            rate=rates,
            carry_yield=np.where(codes == Model.BLACK76, rates, yields),
            is_american=_column("is_american", is_american, count, np.bool_) & (codes != Model.LINEAR),
            labels=tuple(labels) if labels is not None else _labels(underlying, codes, rows["strike"], calls),
            **rows,
        )
        _check(book)
        return book

    @classmethod
    def from_book(
        cls,
        book: BookArrays,
        now_epoch_s: float,
        underlyings: Mapping[str, RiskTerms],
        *,
        rows: npt.ArrayLike | None = None,
    ) -> Self:
        """The live book now, or only its `rows`: a row without a vol or price is refused, never left out in silence."""
        at = np.arange(len(book)) if rows is None else np.asarray(rows, dtype=np.intp)
        model = book.model[at]
        expired = book.expiry_epoch_s[at] <= now_epoch_s
        return cls.of(
            underlyings=underlyings,
            prices=dict(zip(book.symbols, book.spot.tolist(), strict=True)),
            quantity=book.quantity[at],
            multiplier=book.multiplier[at],
            model=model,
            underlying=[book.symbols[index] for index in book.underlying[at].tolist()],
            strike=book.strike[at],
            t_years=np.maximum(book.expiry_epoch_s[at] - now_epoch_s, 0.0) / SECONDS_PER_YEAR,
            is_call=book.is_call[at],
            rate=np.where(model == Model.LINEAR, 0.0, book.rate[at]),
            dividend_yield=np.where(model == Model.LINEAR, 0.0, book.dividend_yield[at]),
            vol=np.where(expired & np.isnan(book.vol[at]), 0.0, book.vol[at]),
            is_american=book.is_american[at],
            market_price=book.mark[at],
        )

    def __len__(self) -> int:
        return int(self.quantity.shape[0])

    @property
    def is_option(self) -> Bools:
        """Mask of option rows."""
        return np.asarray(self.model != Model.LINEAR)

    @property
    def is_future(self) -> Bools:
        """Mask of rows that are, or depend on, futures."""
        flags = np.array([terms.is_future for terms in self.terms], dtype=np.bool_)
        return np.asarray(flags[self.underlying])

    @property
    def span_rows(self) -> Rows:
        """Rows of futures that belong to no class group of securities."""
        flags = np.array([terms.kind is RiskKind.SPAN_FUTURE for terms in self.terms], dtype=np.bool_)
        return np.flatnonzero(flags[self.underlying])

    def take(self, rows: Rows) -> Self:
        """The same underlyings with some of the positions."""
        return replace(
            self,
            quantity=self.quantity[rows],
            multiplier=self.multiplier[rows],
            model=self.model[rows],
            underlying=self.underlying[rows],
            strike=self.strike[rows],
            t_years=self.t_years[rows],
            is_call=self.is_call[rows],
            rate=self.rate[rows],
            carry_yield=self.carry_yield[rows],
            vol=self.vol[rows],
            is_american=self.is_american[rows],
            market_price=self.market_price[rows],
            labels=tuple(self.labels[row] for row in rows.tolist()),
        )

    def moved(self, price: Floats, t_years: Floats, vol: Floats) -> Self:
        """The same positions at other prices (per underlying), times and vols; market prices are then unknown."""
        unknown = np.full(len(self), np.nan)
        return replace(self, price=price, t_years=t_years, vol=vol, market_price=unknown)


def unit_values(
    book: RiskBook, prices: Floats, *, t_years: Floats, vol: Floats, american: Valuer | None = None
) -> Floats:
    """Unit values [scenario, position] at underlying `prices` [scenario, position]; linear rows are their underlying.

    t_years: [position]. vol: [position] or [scenario, position]. A future may have fallen below zero: an option on it
    is then worth its (for European ones discounted) intrinsic value. Raises MarginError naming a leg that has no value.
    """
    values = np.array(prices, dtype=np.float64)
    option = book.is_option
    early = option & book.is_american if american is not None else np.zeros(len(book), dtype=np.bool_)
    for mask, valuer in ((option & ~early, bsm_price), (early, american)):
        rows = np.flatnonzero(mask)
        if rows.size and valuer is not None:
            values[:, rows] = _option_values(book, rows, prices[:, rows], t_years[rows], vol[..., rows], valuer)
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0, 1])
        raise MarginError(f"{book.labels[row]} has no value in a scenario: check its vol, price and time")
    return values


def _option_values(book: RiskBook, rows: Rows, prices: Floats, t_years: Floats, vol: Floats, valuer: Valuer) -> Floats:
    """Unit values of some option rows at `prices` [scenario, row]."""
    rate = book.rate[rows]
    calls = book.is_call[rows]
    values = valuer(
        spot=np.maximum(prices, 0.0),
        strike=book.strike[rows],
        t_years=t_years,
        rate=rate,
        dividend_yield=book.carry_yield[rows],
        vol=vol,
        is_call=calls,
    )
    if prices.size and prices.min() < 0.0:
        discount = np.exp(-rate * t_years) if valuer is bsm_price else 1.0
        values = values + np.where(calls, 0.0, np.maximum(-prices, 0.0) * discount)
    return np.asarray(values)


def valuation_name(book: RiskBook, american: Valuer | None) -> str:
    """How the options were valued, for display."""
    if not book.is_american.any():
        return "European options, Black-Scholes-Merton / Black-76"
    early = "American options with early exercise" if american is not None else "American options valued as European"
    return f"{early}, others Black-Scholes-Merton / Black-76"


def _column(name: str, values: npt.ArrayLike, count: int, kind: type[_T]) -> npt.NDArray[_T]:
    """An own column of `count` entries; a single value is repeated. Raises MarginError on another shape."""
    try:
        return column(name, values, count, kind)
    except BookError as error:
        raise MarginError(str(error)) from error


def _labels(underlying: Sequence[str], model: Codes, strike: Floats, is_call: Bools) -> tuple[str, ...]:
    """Short texts for messages: the symbol, and strike and right of an option."""
    return tuple(
        symbol if code == Model.LINEAR else f"{symbol} {level:g}{'C' if call else 'P'}"
        for symbol, code, level, call in zip(underlying, model.tolist(), strike.tolist(), is_call.tolist(), strict=True)
    )


def _check(book: RiskBook) -> None:
    """Raise MarginError for the first row with an impossible entry, and for a class group in two product groups."""
    option = book.is_option
    future = book.is_future
    checks: tuple[tuple[str, Floats | Codes, Bools], ...] = (
        ("model must be 0 LINEAR, 1 BSM or 2 BLACK76", book.model, ~np.isin(book.model, [int(m) for m in Model])),
        ("quantity must be a number", book.quantity, ~np.isfinite(book.quantity)),
        ("multiplier must be > 0", book.multiplier, ~(np.isfinite(book.multiplier) & (book.multiplier > 0.0))),
        ("strike must be > 0", book.strike, option & ~(np.isfinite(book.strike) & (book.strike > 0.0))),
        (
            "time to expiry must be >= 0 years",
            book.t_years,
            option & ~(np.isfinite(book.t_years) & (book.t_years >= 0)),
        ),
        ("vol must be known and >= 0", book.vol, option & ~((book.vol >= 0.0) & (book.vol <= MAX_VOL))),
        ("rate must be a number", book.rate, option & ~np.isfinite(book.rate)),
        ("dividend yield must be a number", book.carry_yield, option & ~np.isfinite(book.carry_yield)),
        ("an option on a future is valued by Black-76", book.model, (book.model == Model.BSM) & future),
    )
    for rule, values, bad in checks:
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise MarginError(f"{book.labels[row]} (position {row}): {rule}, it has {values[row]}; correct that leg")
    homes: dict[str, str] = {}
    for symbol, terms in zip(book.symbols, book.terms, strict=True):
        if (
            terms.kind is not RiskKind.SPAN_FUTURE
            and homes.setdefault(terms.class_group, terms.product) != terms.product
        ):
            raise MarginError(
                f"{symbol}: class group {terms.class_group} is in product groups {homes[terms.class_group]} and "
                f"{terms.product}; a class group has one"
            )
