"""The fit of a recorded chain: exact where prices are, robust where they are stale, honest about what it left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from analytics.american import american_price
from execution.brokers.paper.chain_file import ChainFile, read_chain_file
from execution.brokers.paper.fitted_smile import FittedSmile
from execution.brokers.paper.smile_fit import FittedChain, Reason, fit_chain
from execution.brokers.paper.surface import FloatArray, black, total_variance, years_between
from models.enums import ExerciseStyle
from models.errors import InvalidInput
from models.product import option_product
from tests.execution.brokers.paper.chain_maker import DAY, EXPIRIES, RATE, SMILE, SPOT, made_chain


def _read(tmp_path: Path, frame: pl.DataFrame) -> ChainFile:
    path = tmp_path / "chain.parquet"
    frame.write_parquet(path)
    return read_chain_file(path)


def _smile(fit: FittedChain) -> FittedSmile:
    return FittedSmile(
        expires_s=fit.expires_s,
        theta=fit.theta,
        shapes=fit.shapes,
        carry=fit.carry,
        fitted_at_s=fit.at_s,
        lean=fit.lean,
    )


def _vols(fit: FittedChain, z: float) -> FloatArray:
    """Fitted vol of every series `z` standard deviations (of the true surface) from the money."""
    surface, t_years = _smile(fit).surface(fit.expires_s, fit.at_s, 0.0), years_between(fit.at_s, fit.expires_s)
    k = z * np.sqrt(SMILE.slices(fit.expires_s, fit.at_s, 0.0).theta)
    return np.asarray(np.sqrt(surface.variance(np.arange(k.size), k) / t_years))


def _true_vols(fit: FittedChain, z: float) -> FloatArray:
    slices, t_years = SMILE.slices(fit.expires_s, fit.at_s, 0.0), years_between(fit.at_s, fit.expires_s)
    return np.asarray(np.sqrt(total_variance(*slices, z * np.sqrt(slices.theta)) / t_years))


def _model(chain: ChainFile, fit: FittedChain) -> tuple[FloatArray, FloatArray]:
    """Fitted price and standard deviations from the money of every row (NaN for rows without a series)."""
    price, z = np.full(len(chain.key), np.nan), np.full(len(chain.key), np.nan)
    t_years = years_between(fit.at_s, fit.expires_s)
    surface = _smile(fit).surface(fit.expires_s, fit.at_s, 0.0)
    for number, series in enumerate(fit.series):
        rows = np.array(series.rows)
        forward = np.full(rows.size, chain.underlying_price * np.exp(fit.carry[number]))
        k = np.log(chain.strike[rows] / forward)
        variance = surface.variance(np.full(rows.size, number), k)
        worth = black(forward, chain.strike[rows], variance, chain.is_call[rows])
        price[rows] = worth * np.exp(-RATE * t_years[number])
        if option_product(series.root).style is ExerciseStyle.AMERICAN:
            price[rows] = american_price(
                spot=chain.underlying_price * np.exp(fit.lean),
                strike=chain.strike[rows],
                t_years=t_years[number],
                rate=RATE,
                dividend_yield=RATE - (fit.carry[number] - fit.lean) / t_years[number],
                vol=np.sqrt(variance / t_years[number]),
                is_call=chain.is_call[rows],
            )
        z[rows] = k / np.sqrt(surface.variance(np.array([number]), np.zeros(1)))
    return price, z


@pytest.mark.parametrize("root", ["QQQX", "SPXW"])
def test_a_clean_chain_gives_its_own_surface_and_forwards_back_whatever_its_style(tmp_path: Path, root: str) -> None:
    chain = _read(tmp_path, made_chain(root))
    fit = fit_chain(chain, rate=RATE)
    for z in (-1.5, -0.5, 0.0, 0.5, 1.0):
        assert _vols(fit, z) == pytest.approx(_true_vols(fit, z), abs=0.001)
    assert fit.carry == pytest.approx(SMILE.carry(fit.expires_s, fit.at_s), abs=2e-4)
    price, z_of_row = _model(chain, fit)
    near = np.abs(z_of_row) < 1.5
    assert np.median(np.abs(price - chain.close)[near] / chain.close[near]) < 0.003


def test_prints_of_a_later_moment_than_the_index_shift_the_forwards_and_not_the_carry(tmp_path: Path) -> None:
    shifted = made_chain().with_columns(underlying_price=pl.lit(SPOT * 1.003))
    fit = fit_chain(_read(tmp_path, shifted), rate=RATE)
    expected = SMILE.carry(fit.expires_s, fit.at_s) - np.log(1.003)
    assert fit.carry == pytest.approx(expected, abs=2e-4)
    assert _vols(fit, 0.0) == pytest.approx(_true_vols(fit, 0.0), abs=0.002)


def test_stale_and_absurd_prints_do_not_bend_the_surface(tmp_path: Path) -> None:
    frame = made_chain().with_row_index()
    one_in_five = pl.col("index") % 5 == 2
    spoilt = frame.with_columns(
        close=pl.when(one_in_five).then(pl.col("close") * 1.4).otherwise(pl.col("close")),
        last=pl.when(one_in_five).then(pl.col("close") * 1.4).otherwise(pl.col("close")),
        last_time=pl.when(one_in_five).then(pl.col("last_time").dt.offset_by("-5h")).otherwise(pl.col("last_time")),
    ).drop("index")
    dirty = fit_chain(_read(tmp_path, spoilt), rate=RATE)
    for z in (-1.0, 0.0, 1.0):
        assert _vols(dirty, z) == pytest.approx(_true_vols(dirty, z), abs=0.004)


def test_the_middle_of_a_wide_market_dearer_than_one_nearer_the_money_is_left_out_and_counted(tmp_path: Path) -> None:
    frame = made_chain().with_columns(mid=pl.col("close"))
    wide = (pl.col("right") == "P") & (pl.col("strike") == 850.0)
    spoilt = frame.with_columns(mid=pl.when(wide).then(pl.col("mid") + 40.0).otherwise("mid"))
    fit = fit_chain(_read(tmp_path, spoilt), rate=RATE)
    assert fit.report.left_out[Reason.DEARER] == len(EXPIRIES)
    assert _vols(fit, -2.0)[3:] == pytest.approx(_true_vols(fit, -2.0)[3:], abs=0.002)


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
    assert _vols(fit, 0.0) == pytest.approx(_true_vols(fit, 0.0), rel=0.01)


def test_an_expiry_with_a_single_print_takes_its_shape_from_its_neighbours(tmp_path: Path) -> None:
    frame = made_chain()
    thin_day = frame["expiry"].unique().sort()[3]
    lonely = (pl.col("expiry") == thin_day) & ~((pl.col("strike") == SPOT) & (pl.col("right") == "C"))
    thin = frame.with_columns(
        close=pl.when(lonely).then(None).otherwise("close"), last=pl.when(lonely).then(None).otherwise("last")
    )
    fit = fit_chain(_read(tmp_path, thin), rate=RATE)
    for z in (-1.5, 0.0, 1.0):
        assert _vols(fit, z)[3] == pytest.approx(_true_vols(fit, z)[3], rel=0.03)


def test_adjusted_contracts_are_left_out_and_counted(tmp_path: Path) -> None:
    both = pl.concat([made_chain("QQQX"), made_chain("QQQX7").head(20)])
    fit = fit_chain(_read(tmp_path, both), rate=RATE)
    assert fit.report.left_out[Reason.ADJUSTED] == 20
    assert {series.root for series in fit.series} == {"QQQX"}


def test_a_chain_of_adjusted_contracts_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no contract that is standard"):
        fit_chain(_read(tmp_path, made_chain("QQQX7")), rate=RATE)


def _recorded(chain: ChainFile, fit: FittedChain) -> tuple[FloatArray, FloatArray]:
    """The recorded price of every row (NaN where it is not fresh): a middle, or a trade of the last half hour.

    A middle above one nearer the money contradicts it: the market was too wide to say anything (zero bid).
    """
    has_middle = chain.mid > 0
    seen = np.where(has_middle, chain.mid, chain.close)
    fresh = has_middle | (np.abs(chain.last_time_s - fit.at_s) <= 1800.0)
    for series in fit.series:
        for right in (True, False):
            rows = np.array([row for row in series.rows if chain.is_call[row] == right and has_middle[row]], dtype=int)
            rows = rows[np.argsort(chain.strike[rows] * (1.0 if right else -1.0))]
            fresh[rows] &= chain.mid[rows] <= 1.02 * np.minimum.accumulate(chain.mid[rows])
    return np.where(fresh & (seen > 0), seen, np.nan), np.where(has_middle, 0.01, 0.05)


@pytest.mark.parametrize("underlying", ["SPX", "QQQ", "AAPL"])
def test_in_every_half_deviation_from_six_below_to_four_above_the_fit_lies_at_the_recorded_prices(
    shared_data: Path, underlying: str
) -> None:
    chain = read_chain_file(shared_data / f"chain_{underlying}_2026-05-04.parquet")
    fit = fit_chain(chain, rate=RATE)
    price, z = _model(chain, fit)
    seen, tick = _recorded(chain, fit)
    usable = np.isfinite(seen) & np.where(chain.is_call, z >= 0.0, z < 0.0)
    checked = 0
    for low in np.arange(-6.0, 4.0, 0.5):
        within = usable & (z >= low) & (z < low + 0.5)
        dear, cheap = within & (seen >= 0.10), within & (seen < 0.10)
        off, ticks = np.abs(price - seen), np.abs(price - seen) / tick
        if dear.sum() >= 5:
            checked += 1
            assert np.median(off[dear] / seen[dear]) <= 0.05 or np.median(ticks[dear]) <= 1.0, f"from {low}"
            if -5.5 <= low < 1.5:  # beyond, a handful at 10 to 18 cents: a cent is what their middles can tell
                assert np.median(off[dear] / seen[dear]) <= 0.05, f"from {low}"
        if cheap.sum() >= 8:
            assert np.median(ticks[cheap]) <= 2.0, f"from {low}"
    assert checked >= 14


@pytest.mark.parametrize(("underlying", "limit"), [("SPX", 0.011), ("QQQ", 0.006), ("AAPL", 0.01), ("MSFT", 0.01)])
def test_near_the_money_the_fit_lies_close_to_the_recorded_close(
    shared_data: Path, underlying: str, limit: float
) -> None:
    chain = read_chain_file(shared_data / f"chain_{underlying}_2026-05-04.parquet")
    fit = fit_chain(chain, rate=RATE)
    price, z = _model(chain, fit)
    seen, _ = _recorded(chain, fit)
    checked = np.isfinite(seen) & (np.abs(z) < 1.0) & np.where(chain.is_call, z > -0.3, z < 0.3)
    assert checked.sum() > 300
    assert np.median(np.abs(price - seen)[checked] / seen[checked]) < limit
    assert fit.report.used + sum(fit.report.left_out.values()) == fit.report.rows


def test_the_next_days_of_spx_lie_close_to_their_trades_near_the_money(shared_data: Path) -> None:
    chain = read_chain_file(shared_data / "chain_SPX_2026-05-04.parquet")
    fit = fit_chain(chain, rate=RATE)
    price, z = _model(chain, fit)
    seen, _ = _recorded(chain, fit)
    of_day = np.array([one.toordinal() - DAY.toordinal() for one in chain.expiry])
    checked = np.isfinite(seen) & (np.abs(z) < 1.0) & (of_day >= 2) & (of_day <= 4)
    checked &= np.where(chain.is_call, z > 0.0, z < 0.0)
    ratio = price[checked] / seen[checked]
    assert checked.sum() > 50
    assert np.median(np.abs(ratio - 1.0)) < 0.025
    assert np.median(ratio) == pytest.approx(1.0, abs=0.01)
