"""Reads an option chain from a parquet or CSV file in the columns that `docs/chain-file-format.md` documents.

A file is taken whole or refused whole: the refusal names the file, the row, the column and the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.errors import InvalidInput
from models.product import option_product

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

FORMAT_PAGE: Final = "docs/chain-file-format.md"
REQUIRED: Final = ("symbol", "expiry", "strike", "right", "underlying_price")
PRICE_SOURCES: Final = ("bid and ask", "mid", "close", "last")
_PRICES: Final = ("bid", "ask", "mid", "close", "last", "previous_close")
_COUNTS: Final = ("volume", "open_interest", "multiplier")
_NEW_YORK: Final = "America/New_York"
_ROOT: Final = r"^[A-Z][A-Z0-9.]{0,5}$"
_MAX_STRIKE: Final = 99_999.999
_EMPTY: Final = -1


@dataclass(frozen=True, slots=True)
class ChainFile:
    """One recorded chain, columns of equal length n in the file's order; NaN = the file does not say.

    Prices in currency per share; `last_time_s` POSIX seconds; `key` is the padded OCC symbol.
    """

    path: Path
    underlying: str
    underlying_price: float
    recorded_on: date
    key: list[str]
    root: list[str]
    expiry: list[date]
    strike: FloatArray
    is_call: BoolArray
    multiplier: FloatArray
    bid: FloatArray
    ask: FloatArray
    mid: FloatArray
    close: FloatArray
    last: FloatArray
    previous_close: FloatArray
    last_time_s: FloatArray
    volume: FloatArray
    open_interest: FloatArray


def read_chain_file(path: Path) -> ChainFile:
    """Returns the chain in `path` (`.parquet`, or CSV with a header row); raises InvalidInput when it is unusable."""
    frame = _Frame(path, _load(path))
    frame.require_columns()
    frame.clean()
    frame.check_identity()
    frame.check_prices()
    return frame.result()


def _load(path: Path) -> pl.DataFrame:
    is_csv = path.suffix.lower() in {".csv", ".txt"}
    try:
        if path.stat().st_size == 0:
            _refuse(path, "The file is empty.")
        if not path.is_file():
            _refuse(path, "This is a folder, not a file.")
        return pl.read_csv(path, infer_schema=False, glob=False) if is_csv else pl.read_parquet(path, glob=False)
    except OSError as error:
        _refuse(path, f"The file cannot be read: {error.strerror or error}.")
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        _refuse(path, f"The file is not a readable {'CSV' if is_csv else 'parquet'} file: {reason}.")


def _refuse(path: Path, reason: str, *, column: str = "", row: int = _EMPTY) -> NoReturn:
    place = ", ".join(
        part for part in (f"row {row + 1}" if row != _EMPTY else "", f"column {column!r}" if column else "") if part
    )
    where = f"Chain file {path.name}{', ' + place if place else ''}: "
    raise InvalidInput(column or "file", where + reason, cure=f"See {FORMAT_PAGE}; nothing was loaded.")


class _Frame:
    """A file on its way from raw columns to a checked chain."""

    def __init__(self, path: Path, raw: pl.DataFrame) -> None:
        self._path = path
        self._data = raw.rename({name: name.strip().lower() for name in raw.columns})

    def require_columns(self) -> None:
        """Refuses a file without rows, without a required column, or without any price or any date."""
        if self._data.height == 0:
            _refuse(self._path, "There are no rows.")
        have = set(self._data.columns)
        for name in REQUIRED:
            if name not in have:
                _refuse(self._path, "The required column is missing.", column=name)
        if not ({"bid", "ask"} <= have or have & {"mid", "close", "last"}):
            _refuse(self._path, f"There is no price column; give one of {', '.join(PRICE_SOURCES)}.")
        if ("bid" in have) != ("ask" in have):
            missing = "ask" if "bid" in have else "bid"
            _refuse(self._path, "Bid and ask come together; this one is missing.", column=missing)
        if not have & {"date", "last_time"}:
            _refuse(self._path, "The day of the chain is not told; give the column.", column="date")

    def clean(self) -> None:
        """Casts every used column to its type; refuses the first value that does not fit."""
        for name in ("symbol", "right", "root"):
            if name in self._data.columns:
                self._cast(name, pl.col(name).cast(pl.String, strict=False).str.replace_all(" ", ""), "text")
        for name in ("strike", "underlying_price", *_PRICES, *_COUNTS):
            if name in self._data.columns:
                self._cast(name, self._number(name), "a finite number")
        for name in ("expiry", "date"):
            if name in self._data.columns:
                self._cast(name, self._date(name), "a date (YYYY-MM-DD)")
        if "last_time" in self._data.columns:
            self._cast("last_time", self._time(), "a time (YYYY-MM-DD HH:MM:SS, New York, or with an offset)")
        for name in REQUIRED:
            self._forbid(name, pl.col(name).is_null(), "The value is missing.")
        if "root" not in self._data.columns:
            self._data = self._data.with_columns(root=pl.col("symbol").str.head(-15))

    def check_identity(self) -> None:
        """Refuses a contract whose parts contradict its symbol, a symbol given twice, or more than one underlying."""
        self._forbid("right", ~pl.col("right").is_in(["C", "P"]), "{} is neither C nor P.")
        self._forbid("strike", pl.col("strike") <= 0, "{} is not above zero.")
        mills = pl.col("strike") * 1000
        unlisted = ((mills - mills.round()).abs() > 1e-6) | (pl.col("strike") > _MAX_STRIKE)
        self._forbid("strike", unlisted, "{} cannot be listed: strikes go to a tenth of a cent, up to 99,999.999.")
        self._forbid(
            "root", pl.col("root").is_null() | ~pl.col("root").str.contains(_ROOT), "{} is not an option root."
        )
        tail = pl.concat_str(
            pl.col("expiry").dt.strftime("%y%m%d"),
            pl.col("right"),
            mills.round().cast(pl.Int64).cast(pl.String).str.zfill(8),
        )
        self._data = self._data.with_columns(tail.alias("_tail"))
        written = pl.concat_str(pl.col("root"), pl.col("_tail"))
        reason = "{} does not say the same as root, expiry, strike and right."
        self._forbid("symbol", pl.col("symbol") != written, reason)
        self._forbid("symbol", ~pl.col("symbol").is_first_distinct(), "{} is there twice.")
        underlyings = {root: option_product(root).underlying for root in self._data["root"].unique().to_list()}
        first = underlyings[self._data["root"][0]]
        others = [root for root, underlying in underlyings.items() if underlying != first]
        self._forbid("root", pl.col("root").is_in(others), f"{{}} is not an option on {first}; one underlying a file.")
        self._forbid("underlying_price", pl.col("underlying_price") <= 0, "{} is not above zero.")
        one_price = pl.col("underlying_price").first()
        self._forbid("underlying_price", pl.col("underlying_price") != one_price, "{} differs from the rows above.")
        if "date" in self._data.columns:
            self._forbid("date", pl.col("date").is_null(), "The value is missing.")
            self._forbid("date", pl.col("date") != pl.col("date").first(), "{} is another day; one day a file.")
        elif self._data["last_time"].null_count() == self._data.height:
            _refuse(self._path, "No row has a time, so the day of the chain is not known.", column="last_time")
        if (self._data["expiry"] <= self._recorded_on()).all():
            _refuse(
                self._path,
                f"Every contract has expired by {self._recorded_on()}, the day of the chain.",
                column="expiry",
            )

    def check_prices(self) -> None:
        """Refuses negative and crossed prices and impossible counts, and a file in which nothing has a price."""
        for name in _PRICES:
            if name in self._data.columns:
                self._forbid(name, pl.col(name) < 0, "{} is negative.")
        if "bid" in self._data.columns:
            self._forbid("bid", pl.col("bid") > pl.col("ask"), "{} is above the ask: the quote is crossed.")
        for name in ("volume", "open_interest"):
            if name in self._data.columns:
                self._forbid(name, pl.col(name) < 0, "{} is negative.")
        if "multiplier" in self._data.columns:
            self._forbid("multiplier", pl.col("multiplier") <= 0, "{} is not above zero.")
        priced = [name for name in ("ask", "mid", "close", "last") if name in self._data.columns]
        if not self._data.select(pl.any_horizontal(pl.col(name) > 0 for name in priced).any()).item():
            _refuse(self._path, "No row has a price.", column=priced[0])

    def result(self) -> ChainFile:
        """Returns the checked columns."""
        data = self._data
        root = data["root"].to_list()
        product = option_product(root[0])
        seconds = np.full(data.height, np.nan)
        if "last_time" in data.columns:
            seconds = data["last_time"].dt.epoch("us").cast(pl.Float64).fill_null(np.nan).to_numpy() / 1e6
        return ChainFile(
            path=self._path,
            underlying=product.underlying,
            underlying_price=float(data["underlying_price"][0]),
            recorded_on=self._recorded_on(),
            key=data.select(pl.concat_str(pl.col("root").str.pad_end(6), pl.col("_tail")))["root"].to_list(),
            root=root,
            expiry=data["expiry"].to_list(),
            strike=data["strike"].to_numpy(),
            is_call=(data["right"] == "C").to_numpy(),
            multiplier=self._floats("multiplier"),
            last_time_s=seconds,
            volume=self._floats("volume"),
            open_interest=self._floats("open_interest"),
            **{name: self._floats(name) for name in _PRICES},
        )

    def _recorded_on(self) -> date:
        told = "date" in self._data.columns
        day = self._data["date"][0] if told else self._data["last_time"].dt.date().max()
        if not isinstance(day, date):  # checked before; the type of a polars cell is Any
            _refuse(self._path, "The day of the chain is not known.", column="date")
        return day

    def _floats(self, name: str) -> FloatArray:
        if name not in self._data.columns:
            return np.full(self._data.height, np.nan)
        return np.asarray(self._data[name].fill_null(np.nan).to_numpy(), dtype=np.float64)

    def _number(self, name: str) -> pl.Expr:
        text = self._data.schema[name] == pl.String
        source = pl.col(name).str.strip_chars().replace("", None) if text else pl.col(name)
        number = source.cast(pl.Float64, strict=False)
        return pl.when(number.is_infinite()).then(None).otherwise(number)

    def _date(self, name: str) -> pl.Expr:
        if self._data.schema[name] == pl.String:
            return pl.col(name).str.strip_chars().str.to_date("%Y-%m-%d", strict=False)
        return pl.col(name).cast(pl.Date, strict=False) if self._is_temporal(name) else pl.lit(None, pl.Date)

    def _time(self) -> pl.Expr:
        kind = self._data.schema["last_time"]
        column = pl.col("last_time")
        if isinstance(kind, pl.Datetime):
            return column.dt.convert_time_zone(_NEW_YORK) if kind.time_zone else _localised(column)
        if kind != pl.String:
            return pl.lit(None, pl.Datetime("us", _NEW_YORK))
        text = column.str.strip_chars().str.replace("T", " ").str.replace("Z$", "+00:00")
        plain = _localised(text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False))
        shifted = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%:z", time_unit="us", time_zone="UTC", strict=False)
        return pl.coalesce(plain, shifted.dt.convert_time_zone(_NEW_YORK))

    def _is_temporal(self, name: str) -> bool:
        return self._data.schema[name].is_temporal()

    def _cast(self, name: str, to: pl.Expr, wanted: str) -> None:
        before = self._data[name]
        after = self._data.select(to.alias(name))[name]
        present = before.is_not_null()
        if before.dtype == pl.String:
            present &= before.str.strip_chars() != ""
        lost = (present & after.is_null()).arg_max()
        if lost is not None and present[lost] and after[lost] is None:
            _refuse(self._path, f"{before[lost]!r} is not {wanted}.", column=name, row=lost)
        if after.dtype == pl.Float64:
            after = after.fill_nan(None)
        self._data = self._data.with_columns(after)

    def _forbid(self, name: str, bad: pl.Expr, reason: str) -> None:
        flags = self._data.select(bad.fill_null(value=False).alias("bad"))["bad"]
        if flags.any():
            row = int(flags.arg_max() or 0)
            _refuse(self._path, reason.format(repr(_shown(self._data[name][row]))), column=name, row=row)


def _localised(naive: pl.Expr) -> pl.Expr:
    return naive.cast(pl.Datetime("us")).dt.replace_time_zone(_NEW_YORK, ambiguous="earliest", non_existent="null")


def _shown(value: Any) -> object:
    return value.isoformat() if isinstance(value, date) else value
