"""The recorded chains as columns: what was quoted, how old it is, and which expiration each row belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from models.enums import Settlement
from models.expiry import settlement_instant_utc

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

DAY: Final = date(2026, 5, 4)
NAMES: Final = ("SPX", "QQQ", "AAPL", "MSFT")
_YEAR_S: Final = 365.0 * 86400.0
#: Roots that settle at the opening of their expiry; all others at its close.
_AM_ROOTS: Final = frozenset({"SPX"})
_SPOT_VOL: Final = 0.15
_MINUTES_PER_YEAR: Final = 252.0 * 390.0


@dataclass(frozen=True, slots=True)
class Series:
    """One expiration of one root; `t_years` from the close of `DAY` to its settlement, act/365."""

    root: str
    expiry: date
    t_years: float


@dataclass(frozen=True, slots=True)
class ChainRows:
    """One file, columns of equal length in its order.

    of: number of the row's series. price: midpoint, else closing trade, else last trade, currency, NaN without any.
    age_minutes: of that price at the close, 0 for a midpoint. is_old: its trade is of an earlier day. vendor_vol,
    vendor_delta: NaN where the file has none.
    """

    name: str
    spot: float
    is_american: bool
    series: tuple[Series, ...]
    of: Ints
    strike: Floats
    is_call: Bools
    price: Floats
    is_mid: Bools
    age_minutes: Floats
    is_old: Bools
    volume: Floats
    vendor_vol: Floats
    vendor_delta: Floats

    @property
    def t_years(self) -> Floats:
        """Time to settlement of every row's series."""
        return np.array([one.t_years for one in self.series])[self.of]

    @property
    def days(self) -> Ints:
        """Calendar days to every row's expiry."""
        return np.array([(one.expiry - DAY).days for one in self.series])[self.of]

    @property
    def quote_sd(self) -> Floats:
        """How far a price may lie from its worth, currency: half a tick, and 0.5 % where traded that day, else 5 %.

        A midpoint nobody traded at may be the middle of a market as wide as the option is dear.
        """
        tick = 0.05 if self.name == "SPX" else 0.01
        share = np.where(self.volume > 0.0, 0.005, 0.05)
        return np.asarray(0.5 * tick + share * np.nan_to_num(self.price))

    @property
    def price_sd(self) -> Floats:
        """`quote_sd` and what the spot moved since, currency."""
        moved = self.spot * _SPOT_VOL * np.sqrt(self.age_minutes / _MINUTES_PER_YEAR)
        return np.asarray(np.hypot(self.quote_sd, moved))


def read_rows(path: Path) -> ChainRows:
    """Returns the rows of one of the four files."""
    frame = pl.read_parquet(path)
    series = frame.select("expiry", "root").unique().sort("expiry", "root").with_row_index("of")
    frame = frame.join(series, on=["expiry", "root"], how="left", maintain_order="left")
    at = settlement_instant_utc(DAY, Settlement.PM)
    mid, close, last = (_floats(frame[name]) for name in ("mid", "close", "last"))
    is_mid = np.nan_to_num(mid) > 0.0
    traded = np.where(np.nan_to_num(close) > 0.0, close, last)
    price = np.where(is_mid, mid, traded)
    since = frame["last_time"].dt.convert_time_zone("UTC") - pl.Series([at])
    age = np.abs(_floats(since.dt.total_seconds()) / 60.0)
    is_today = (frame["last_time"].dt.date() == DAY).fill_null(value=False).to_numpy()
    return ChainRows(
        name=path.name.split("_")[1],
        spot=float(frame["underlying_price"][0]),
        is_american=frame["style"][0] == "american",
        series=tuple(
            Series(root, expiry, (settlement_instant_utc(expiry, _settlement(root)) - at).total_seconds() / _YEAR_S)
            for _, expiry, root in series.iter_rows()
        ),
        of=frame["of"].to_numpy().astype(np.int64),
        strike=_floats(frame["strike"]),
        is_call=(frame["right"] == "C").to_numpy(),
        price=np.where(np.nan_to_num(price) > 0.0, price, np.nan),
        is_mid=is_mid,
        age_minutes=np.where(is_mid, 0.0, np.nan_to_num(age, nan=390.0)),
        is_old=~is_mid & ~is_today,
        volume=np.nan_to_num(_floats(frame["volume"])),
        vendor_vol=_floats(frame["iv"]),
        vendor_delta=_floats(frame["delta"]),
    )


def _floats(column: pl.Series) -> Floats:
    """A column as floats with NaN for null."""
    return np.asarray(column.cast(pl.Float64).fill_null(float("nan")).to_numpy(), dtype=np.float64)


def _settlement(root: str) -> Settlement:
    return Settlement.AM if root in _AM_ROOTS else Settlement.PM
