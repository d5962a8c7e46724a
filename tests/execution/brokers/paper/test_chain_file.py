"""Chain files: good ones whole, bad ones refused whole with file, row, column and reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from execution.brokers.paper.chain_file import read_chain_file
from models.errors import InvalidInput
from tests.execution.brokers.paper.chain_maker import DAY, SPOT, made_chain

CHAIN = made_chain()


def _with(row: int, column: str, value: object) -> pl.DataFrame:
    values = CHAIN[column].to_list()
    values[row] = value
    return CHAIN.with_columns(pl.Series(column, values, dtype=CHAIN.schema[column]))


def _parquet(tmp_path: Path, frame: pl.DataFrame) -> Path:
    path = tmp_path / "chain.parquet"
    frame.write_parquet(path)
    return path


def _csv(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "chain.csv"
    path.write_text(text)
    return path


def test_a_good_parquet_file_is_read_column_by_column(tmp_path: Path) -> None:
    chain = read_chain_file(_parquet(tmp_path, CHAIN))
    assert (chain.underlying, chain.underlying_price, chain.recorded_on) == ("QQQX", SPOT, DAY)
    assert len(chain.key) == CHAIN.height
    assert chain.key[0] == "QQQX  260508C00800000"
    assert chain.strike[0] == 800.0
    assert chain.is_call.sum() == CHAIN.height // 2
    assert chain.close.tolist() == CHAIN["close"].to_list()
    assert np.isnan(chain.bid).all()
    assert np.isnan(chain.open_interest).all()


def test_the_same_chain_as_csv_gives_the_same_values(tmp_path: Path) -> None:
    path = tmp_path / "chain.csv"
    text = CHAIN.with_columns(pl.col("last_time").dt.strftime("%Y-%m-%d %H:%M:%S%.f"))
    text.write_csv(path)
    from_csv, from_parquet = read_chain_file(path), read_chain_file(_parquet(tmp_path, CHAIN))
    assert from_csv.key == from_parquet.key
    assert from_csv.expiry == from_parquet.expiry
    for name in ("strike", "close", "last", "last_time_s"):
        assert getattr(from_csv, name).tolist() == getattr(from_parquet, name).tolist(), name


@pytest.mark.parametrize(
    "written", ["2026-05-04T19:59:00Z", "2026-05-04 15:59:00-04:00", "2026-05-04 15:59:00", "2026-05-04T15:59:00.000"]
)
def test_times_with_an_offset_and_new_york_times_mean_the_same_instant(tmp_path: Path, written: str) -> None:
    path = _csv(
        tmp_path,
        "symbol,expiry,strike,right,last,last_time,underlying_price\n"
        f"AAPL260515C00280000,2026-05-15,280,C,3.3,{written},276.5\n",
    )
    assert read_chain_file(path).last_time_s.tolist() == [1777924740.0]


def test_root_may_be_left_out_and_bid_ask_with_a_date_are_enough(tmp_path: Path) -> None:
    path = _csv(
        tmp_path,
        "Symbol, expiry,strike,right,bid,ask,date,underlying_price\n"
        "SPXW  260515P07000000,2026-05-15,7000,P,21.4,21.8,2026-05-04,7200.75\n",
    )
    chain = read_chain_file(path)
    assert (chain.root, chain.underlying, chain.recorded_on) == (["SPXW"], "SPX", date(2026, 5, 4))
    assert (chain.bid.tolist(), chain.ask.tolist()) == ([21.4], [21.8])


SWAPPED = CHAIN["symbol"][1]
BAD_CHAINS: list[tuple[str, Callable[[], pl.DataFrame], str, str]] = [
    ("missing column", lambda: CHAIN.drop("strike"), "strike", "required column is missing"),
    ("no price column", lambda: CHAIN.drop("close", "last"), "file", "no price column"),
    ("bid without ask", lambda: CHAIN.with_columns(bid=1.0), "ask", "come together"),
    ("no day", lambda: CHAIN.drop("last_time"), "date", "day of the chain is not told"),
    ("no rows", lambda: CHAIN.head(0), "file", "no rows"),
    ("bad right", lambda: _with(4, "right", "X"), "right", "row 5.*'X' is neither C nor P"),
    ("negative strike", lambda: _with(2, "strike", -810.0), "strike", "row 3.*-810.0 is not above zero"),
    ("strike off the grid", lambda: _with(2, "strike", 810.00004), "strike", "row 3.*cannot be listed"),
    ("strike of another symbol", lambda: _with(2, "strike", 815.0), "symbol", "row 3.*does not say the same"),
    ("symbol of another row", lambda: _with(0, "symbol", SWAPPED), "symbol", "row 1.*does not say the same"),
    ("same row twice", lambda: pl.concat([CHAIN, CHAIN.head(1)]), "symbol", f"row {CHAIN.height + 1}.*there twice"),
    ("missing value", lambda: _with(7, "expiry", None), "expiry", "row 8.*value is missing"),
    ("negative price", lambda: _with(9, "close", -0.05), "close", "row 10.*-0.05 is negative"),
    ("infinite price", lambda: _with(9, "close", float("inf")), "close", "row 10.*inf is not a finite number"),
    ("two spots", lambda: _with(3, "underlying_price", 999.0), "underlying_price", "row 4.*999.0 differs"),
    ("zero spot", lambda: CHAIN.with_columns(underlying_price=0.0), "underlying_price", "row 1.*not above zero"),
    (
        "several days",
        lambda: CHAIN.with_columns(date=pl.Series([DAY] * 5 + [date(2026, 5, 5)] * (CHAIN.height - 5))),
        "date",
        "row 6.*2026-05-05.*one day a file",
    ),
    (
        "crossed",
        lambda: CHAIN.with_columns(bid=pl.Series([1.0] * 6 + [3.0] + [1.0] * (CHAIN.height - 7)), ask=2.0),
        "bid",
        "row 7.*3.0 is above the ask",
    ),
    ("all expired", lambda: CHAIN.with_columns(date=date(2030, 1, 2)), "expiry", "Every contract has expired"),
    ("nothing priced", lambda: CHAIN.with_columns(close=0.0, last=0.0), "close", "No row has a price"),
    ("text for a number", lambda: CHAIN.with_columns(strike=pl.lit("many")), "strike", "row 1.*'many' is not a finite"),
    ("number for a date", lambda: CHAIN.with_columns(expiry=20260508), "expiry", "row 1.*20260508 is not a date"),
    ("number for a time", lambda: CHAIN.with_columns(last_time=5), "last_time", "row 1.*5 is not a time"),
    ("bad root", lambda: CHAIN.with_columns(root=pl.lit("lower")), "root", "row 1.*'lower' is not an option root"),
    ("negative volume", lambda: CHAIN.with_columns(volume=-1), "volume", "row 1.*negative"),
    ("zero multiplier", lambda: CHAIN.with_columns(multiplier=0), "multiplier", "row 1.*not above zero"),
    (
        "two underlyings",
        lambda: pl.concat([CHAIN, made_chain("OTHER")]),
        "root",
        f"row {CHAIN.height + 1}.*'OTHER' is not an option on QQQX",
    ),
]


@pytest.mark.parametrize(
    ("make", "column", "reason"), [bad[1:] for bad in BAD_CHAINS], ids=[bad[0] for bad in BAD_CHAINS]
)
def test_a_bad_file_is_refused_with_file_row_column_and_reason(
    tmp_path: Path, make: Callable[[], pl.DataFrame], column: str, reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason) as caught:
        read_chain_file(_parquet(tmp_path, make()))
    assert caught.value.field == column
    assert "chain.parquet" in caught.value.what
    assert "nothing was loaded" in caught.value.cure


def test_a_file_that_is_not_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chain.parquet"
    path.write_bytes(b"not a parquet file at all" * 40)
    with pytest.raises(InvalidInput, match="not a readable parquet"):
        read_chain_file(path)


def test_an_empty_a_missing_and_a_ragged_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="file is empty"):
        read_chain_file(_csv(tmp_path, ""))
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_chain_file(tmp_path / "nowhere.parquet")
    with pytest.raises(InvalidInput, match="not a readable CSV"):
        read_chain_file(_csv(tmp_path, "symbol,strike\nA,1,2,3\n"))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="folder, not a file"):
        read_chain_file(tmp_path)


def test_the_real_chains_are_read_whole(shared_data: Path) -> None:
    expected = {"SPX": 29_948, "QQQ": 10_838, "AAPL": 3_184, "MSFT": 3_834}
    for underlying, rows in expected.items():
        chain = read_chain_file(shared_data / f"chain_{underlying}_2026-05-04.parquet")
        assert (chain.underlying, len(chain.key), chain.recorded_on) == (underlying, rows, date(2026, 5, 4))
