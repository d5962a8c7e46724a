"""The fit of a recorded chain: exact where prices are, robust where they are stale, honest about what it left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from execution.brokers.paper.chain_file import ChainFile, read_chain_file
from execution.brokers.paper.smile_fit import FittedChain, Reason, fit_chain
from execution.brokers.paper.surface import FloatArray, is_arbitrage_free, slice_price, years_between
from models.errors import InvalidInput
from tests.execution.brokers.paper.chain_maker import RATE, SMILE, SPOT, made_chain


def _read(tmp_path: Path, frame: pl.DataFrame) -> ChainFile:
    path = tmp_path / "chain.parquet"
    frame.write_parquet(path)
    return read_chain_file(path)


def _model(chain: ChainFile, fit: FittedChain) -> tuple[FloatArray, FloatArray]:
    """Fitted price and standard deviations from the money of every row (NaN for rows without a series)."""
    price, z = np.full(len(chain.key), np.nan), np.full(len(chain.key), np.nan)
    t_years = years_between(fit.at_s, fit.expires_s)
    for number, series in enumerate(fit.series):
        rows = np.array(series.rows)
        theta, rho, psi = (float(column[number]) for column in fit.slices)
        forward = chain.underlying_price * np.exp(fit.carry[number])
        worth = slice_price(
            theta,
            rho,
            psi,
            forward=np.full(rows.size, forward),
            strike=chain.strike[rows],
            is_call=chain.is_call[rows],
            tail=fit.tail,
        )
        price[rows] = worth * np.exp(-RATE * t_years[number])
        z[rows] = np.log(chain.strike[rows] / forward) / np.sqrt(theta)
    return price, z


def test_a_clean_chain_gives_its_own_surface_and_forwards_back(tmp_path: Path) -> None:
    chain = _read(tmp_path, made_chain())
    fit = fit_chain(chain, rate=RATE)
    true = SMILE.slices(fit.expires_s, fit.at_s, 0.0)
    t_years = years_between(fit.at_s, fit.expires_s)
    assert np.sqrt(fit.slices.theta / t_years) == pytest.approx(np.sqrt(true.theta / t_years), abs=0.001)
    assert fit.carry == pytest.approx(SMILE.carry(fit.expires_s, fit.at_s), abs=2e-4)
    price, z = _model(chain, fit)
    near = np.abs(z) < 1.5
    assert np.median(np.abs(price - chain.close)[near] / chain.close[near]) < 0.005


def test_stale_and_absurd_prints_do_not_bend_the_surface(tmp_path: Path) -> None:
    frame = made_chain().with_row_index()
    one_in_five = pl.col("index") % 5 == 2
    spoilt = frame.with_columns(
        close=pl.when(one_in_five).then(pl.col("close") * 1.4).otherwise(pl.col("close")),
        last=pl.when(one_in_five).then(pl.col("close") * 1.4).otherwise(pl.col("close")),
        last_time=pl.when(one_in_five).then(pl.col("last_time").dt.offset_by("-5h")).otherwise(pl.col("last_time")),
    ).drop("index")
    clean, dirty = fit_chain(_read(tmp_path, made_chain()), rate=RATE), fit_chain(_read(tmp_path, spoilt), rate=RATE)
    t_years = years_between(clean.at_s, clean.expires_s)
    moved = np.sqrt(dirty.slices.theta / t_years) - np.sqrt(clean.slices.theta / t_years)
    assert np.abs(moved).max() < 0.004


def test_prints_of_an_earlier_day_are_left_out_and_counted(tmp_path: Path) -> None:
    frame = made_chain().with_row_index()
    old = frame.with_columns(
        last_time=pl.when(pl.col("index") < 30).then(pl.col("last_time").dt.offset_by("-3d")).otherwise("last_time")
    ).drop("index")
    report = fit_chain(_read(tmp_path, old), rate=RATE).report
    assert report.left_out[Reason.EARLIER_DAY] == 30
    assert report.used + sum(report.left_out.values()) == report.rows == old.height


def test_a_bid_and_ask_beat_an_old_trade(tmp_path: Path) -> None:
    quoted = made_chain().with_columns(bid=pl.col("close") * 0.998, ask=pl.col("close") * 1.002, close=pl.lit(1.0))
    fit = fit_chain(_read(tmp_path, quoted), rate=RATE)
    assert fit.slices.theta == pytest.approx(SMILE.slices(fit.expires_s, fit.at_s, 0.0).theta, rel=0.02)


def test_an_expiry_with_a_single_print_takes_its_shape_from_its_neighbours(tmp_path: Path) -> None:
    frame = made_chain()
    thin_day = frame["expiry"].unique().sort()[3]
    lonely = (pl.col("expiry") == thin_day) & ~((pl.col("strike") == SPOT) & (pl.col("right") == "C"))
    thin = frame.with_columns(
        close=pl.when(lonely).then(None).otherwise("close"), last=pl.when(lonely).then(None).otherwise("last")
    )
    fit = fit_chain(_read(tmp_path, thin), rate=RATE)
    true = SMILE.slices(fit.expires_s, fit.at_s, 0.0)
    assert np.sqrt(fit.slices.theta[3]) == pytest.approx(np.sqrt(true.theta[3]), rel=0.02)
    assert fit.slices.rho[3] == pytest.approx(true.rho[3], abs=0.1)


def test_adjusted_contracts_are_left_out_and_counted(tmp_path: Path) -> None:
    both = pl.concat([made_chain("QQQX"), made_chain("QQQX7").head(20)])
    fit = fit_chain(_read(tmp_path, both), rate=RATE)
    assert fit.report.left_out[Reason.ADJUSTED] == 20
    assert {series.root for series in fit.series} == {"QQQX"}


def test_a_chain_of_adjusted_contracts_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no contract that is standard"):
        fit_chain(_read(tmp_path, made_chain("QQQX7")), rate=RATE)


@pytest.mark.parametrize(("underlying", "limit"), [("SPX", 0.02), ("QQQ", 0.02), ("AAPL", 0.02), ("MSFT", 0.02)])
def test_near_the_money_the_fit_lies_close_to_the_recorded_close(
    shared_data: Path, underlying: str, limit: float
) -> None:
    chain = read_chain_file(shared_data / f"chain_{underlying}_2026-05-04.parquet")
    fit = fit_chain(chain, rate=RATE)
    price, z = _model(chain, fit)
    seen = np.where(chain.mid > 0, chain.mid, chain.close)
    fresh = (chain.mid > 0) | (np.abs(chain.last_time_s - fit.at_s) < 300.0)
    checked = fresh & (seen > 0) & (np.abs(z) < 1.0) & np.where(chain.is_call, z > -0.3, z < 0.3)
    assert checked.sum() > 300
    assert np.median(np.abs(price - seen)[checked] / seen[checked]) < limit
    assert is_arbitrage_free(fit.slices)
    assert fit.report.used + sum(fit.report.left_out.values()) == fit.report.rows
