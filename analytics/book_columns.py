"""The columns a live book is built from, the codes of its rows, and the checks on both."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Bools

Codes = npt.NDArray[np.int8]
Rows = npt.NDArray[np.intp]

_T = TypeVar("_T", bound=np.generic)

_ABSURD = 1e12
_YEAR_2100_EPOCH_S = 4_102_444_800.0


class Model(IntEnum):
    """How a row is valued."""

    LINEAR = 0
    BSM = 1
    BLACK76 = 2


class Mark(IntEnum):
    """What the last quote of a row was worth."""

    NO_QUOTE = 0
    TWO_SIDED = 1
    ONE_SIDED = 2
    CROSSED = 3
    BAD_QUOTE = 4


class Exclusion(IntEnum):
    """Why a row is in no total."""

    INCLUDED = 0
    NO_UNDERLYING_PRICE = 1
    NO_VOL = 2


class BookError(ValueError):
    """The arrays handed in do not make a book; the message names the column and the first bad row."""


@dataclass(frozen=True, slots=True)
class PositionColumns:
    """One entry per position.

    quantity: signed contracts or shares. multiplier: dollars per point, > 0. model: codes of `Model`. underlying:
    row of the underlying table. strike: currency, > 0 (NaN for linear). expiry_epoch_s: settlement instant, seconds
    UTC (NaN for linear). is_call. rate, dividend_yield: continuously compounded per year. vol: annual, NaN = unknown.
    is_american: may be exercised before expiry.
    """

    quantity: npt.ArrayLike
    multiplier: npt.ArrayLike
    model: npt.ArrayLike
    underlying: npt.ArrayLike
    strike: npt.ArrayLike
    expiry_epoch_s: npt.ArrayLike
    is_call: npt.ArrayLike
    rate: npt.ArrayLike
    dividend_yield: npt.ArrayLike
    vol: npt.ArrayLike = np.nan
    is_american: npt.ArrayLike = False


@dataclass(frozen=True, slots=True)
class UnderlyingColumns:
    """One entry per underlying.

    spot: live price, NaN = unknown. beta: against the benchmark, NaN = unknown (1.0 is used and flagged).
    beta_defaulted: the caller knows that this beta is only the default.
    """

    symbols: Sequence[str]
    spot: npt.ArrayLike
    beta: npt.ArrayLike
    beta_defaulted: npt.ArrayLike = False


def column(name: str, values: npt.ArrayLike, count: int, kind: type[_T]) -> npt.NDArray[_T]:
    """An own, contiguous copy of a column with `count` entries; a single value is repeated. Raises `BookError`."""
    array: npt.NDArray[_T] = np.asarray(values, dtype=kind)
    if array.ndim > 1 or (array.ndim == 1 and array.shape[0] != count):
        raise BookError(f"book column {name} has shape {array.shape}, expected ({count},). Give one entry per row.")
    return np.array(np.broadcast_to(array, (count,)))


def appended(first: PositionColumns, extra: PositionColumns) -> PositionColumns:
    """The rows of `extra` after those of `first`."""
    count = np.atleast_1d(np.asarray(extra.quantity)).shape[0]
    joined = {}
    for field in fields(PositionColumns):
        head = np.asarray(getattr(first, field.name))
        tail = column(field.name, getattr(extra, field.name), count, head.dtype.type)
        joined[field.name] = np.concatenate([head, tail])
    return PositionColumns(**joined)


def appended_underlyings(first: UnderlyingColumns, extra: UnderlyingColumns) -> UnderlyingColumns:
    """The entries of `extra` after those of `first`; raises `BookError` when a symbol is in both."""
    twice = set(first.symbols) & set(extra.symbols)
    if twice:
        raise BookError(f"underlying {min(twice)} is in the book already. Point the new rows at its entry.")
    old, new = len(first.symbols), len(extra.symbols)
    return UnderlyingColumns(
        symbols=(*first.symbols, *extra.symbols),
        spot=np.concatenate([column("spot", first.spot, old, np.float64), column("spot", extra.spot, new, np.float64)]),
        beta=np.concatenate([column("beta", first.beta, old, np.float64), column("beta", extra.beta, new, np.float64)]),
        beta_defaulted=np.concatenate(
            [
                column("beta_defaulted", first.beta_defaulted, old, np.bool_),
                column("beta_defaulted", extra.beta_defaulted, new, np.bool_),
            ]
        ),
    )


def check_positions(positions: PositionColumns, underlying_count: int) -> None:
    """Raise `BookError` for the first column with an impossible entry."""
    at = np.asarray(positions.underlying)
    option = np.asarray(positions.model) != Model.LINEAR
    checks: tuple[tuple[str, str, Bools], ...] = (
        ("quantity", "must be a number", ~is_quantity(positions.quantity)),
        ("multiplier", "must be > 0", ~is_price(positions.multiplier)),
        ("model", "must be 0 LINEAR, 1 BSM or 2 BLACK76", ~np.isin(positions.model, [int(m) for m in Model])),
        ("underlying", "must be a row of the underlying table", (at < 0) | (at >= underlying_count)),
        ("strike", "must be > 0 for an option", option & ~is_price(positions.strike)),
        (
            "expiry_epoch_s",
            "must be known and before 2100 for an option",
            option & ~_is_expiry(positions.expiry_epoch_s),
        ),
        ("rate", "must be a number within +-3 for an option", option & ~is_carry(positions.rate)),
        ("dividend_yield", "must be a number within +-3 for an option", option & ~is_carry(positions.dividend_yield)),
    )
    for name, rule, bad in checks:
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            value = np.asarray(getattr(positions, name))[row]
            raise BookError(f"book column {name} {rule}; row {row} has {value}. Correct that row.")


def is_price(values: npt.ArrayLike) -> Bools:
    """Positive and real: a broker's "unset" (1.8e308) is not a price."""
    array = np.asarray(values, dtype=np.float64)
    return (array > 0.0) & (array < _ABSURD)


def is_quantity(values: npt.ArrayLike) -> Bools:
    """A number that is not a broker's "unset"."""
    return np.abs(np.asarray(values, dtype=np.float64)) < _ABSURD


def is_vol(values: npt.ArrayLike) -> Bools:
    """Annual vol from 0 to 1000 (100,000 %)."""
    array = np.asarray(values, dtype=np.float64)
    return (array >= 0.0) & (array <= 1e3)


def is_carry(values: npt.ArrayLike) -> Bools:
    """A continuous rate or yield within +-300 %."""
    return np.abs(np.asarray(values, dtype=np.float64)) <= 3.0


def _is_expiry(values: npt.ArrayLike) -> Bools:
    array = np.asarray(values, dtype=np.float64)
    return np.isfinite(array) & (array < _YEAR_2100_EPOCH_S)
