"""What vols do when spots move: sticky strike, sliding smiles, spot-vol betas; each cell against a book that moved."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.book import BookArrays, PositionColumns, UnderlyingColumns
from analytics.scenarios import (
    STICKY_STRIKE,
    ScenarioError,
    SmilePoints,
    SmileRows,
    SpotVolBeta,
    VolDynamics,
    VolShift,
    book_smiles,
    fit_smile,
    greeks_at_slices,
    pnl_curve,
    pnl_grid,
    spot_vol_beta,
)
from models.enums import Regime
from tests.analytics.scenario_kit import DAY, NOW, options, part_of, random_book, revalued

pytestmark = pytest.mark.usefixtures("strict_floats")
STRIKES = [86.0, 90.0, 93.0, 96.0, 100.0, 104.0, 110.0]


def forward_k(book: BookArrays) -> np.ndarray:
    years = (book.expiry_epoch_s - NOW) / DAY / 365.0
    return np.log(book.strike / book.spot[book.underlying]) - (book.rate - book.dividend_yield) * years


def skewed(slope: float = -0.6, curvature: float = 1.2) -> BookArrays:
    """One expiry whose vols are a parabola in log-moneyness."""
    flat = options(STRIKES, quantity=[-1.0, 2.0, -3.0, 1.0, 1.0, -2.0, 1.0])
    k = forward_k(flat)
    flat.set_vols(np.arange(len(flat)), 0.2 + slope * k + curvature * k * k)
    return flat


@given(st.integers(0, 300), st.lists(st.floats(-0.6, 0.6), max_size=6), st.sampled_from(VolShift), st.booleans())
def test_no_shock_is_exactly_nothing_whatever_vols_would_do(
    seed: int, shifts: list[float], mode: VolShift, slides: bool
) -> None:
    book = random_book(50, seed)
    smile = book_smiles(book, now_epoch_s=NOW) if slides else None
    dynamics = VolDynamics(smile=smile, response=spot_vol_beta(Regime.HIGH_VOL, mode))
    grid = pnl_grid(
        book,
        now_epoch_s=NOW,
        spot_shifts=[*shifts, 0.0],
        vol_shifts=[0.1, 0.0],
        vol_mode=mode,
        dynamics=dynamics,
    )
    assert grid.pnl[0, 1, -1] == 0.0


def test_a_smile_is_found_again_in_the_vols_it_made() -> None:
    found = book_smiles(skewed(), now_epoch_s=NOW)
    assert found.slope == pytest.approx(np.full(7, -0.6), abs=1e-9)
    assert found.curvature == pytest.approx(np.full(7, 1.2), abs=1e-8)
    assert found.points.tolist() == [7] * 7
    assert found.low[0] == pytest.approx(forward_k(skewed()).min())


def test_one_absurd_vol_does_not_bend_a_smile() -> None:
    book = skewed()
    book.set_vols([2], [2.5])
    found = book_smiles(book, now_epoch_s=NOW)
    assert found.slope[0] == pytest.approx(-0.6, abs=0.01)
    assert found.curvature[0] == pytest.approx(1.2, abs=0.1)
    assert found.points[0] == 6


def test_too_few_or_too_close_strikes_have_no_shape() -> None:
    assert fit_smile(log_moneyness=[-0.05], vol=[0.3], t_years=0.1).points == 0
    assert fit_smile(log_moneyness=[-0.05, -0.05], vol=[0.3, 0.2], t_years=0.1).points == 0
    assert fit_smile(log_moneyness=[0.0, 0.001], vol=[0.3, 0.2], t_years=0.1).points == 0
    two = fit_smile(log_moneyness=[-0.1, 0.1], vol=[0.3, 0.2], t_years=0.1)
    assert two == pytest.approx((-0.5, 0.0, -0.1, 0.1, 2))


def test_vols_far_beyond_the_money_are_left_aside() -> None:
    k = np.array([-0.9, -0.8, -0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15])
    vol = np.where(k < -0.5, 1.5, 0.2 - 0.4 * k)
    fit = fit_smile(log_moneyness=k, vol=vol, t_years=0.1)
    assert fit.slope == pytest.approx(-0.4)
    assert (fit.low, fit.points) == (-0.15, 7)


def test_real_chains_show_the_slope_that_a_plain_fit_of_near_strikes_sees(shared_data: Path) -> None:
    """QQQ at the close of 2026-05-04, traded strikes; the plain fit: out of the money, within 1.5 deviations."""
    chain = pl.read_parquet(shared_data / "chain_QQQ_2026-05-04.parquet").filter(
        pl.col("iv").is_not_null() & (pl.col("volume") > 0)
    )
    seen = 0
    for (expiry,), rows in chain.group_by("expiry"):
        years = (expiry - date(2026, 5, 4)).days / 365.0
        forward = rows["underlying_price"][0] * np.exp(0.035 * years)
        k, vol = np.log(rows["strike"].to_numpy() / forward), rows["iv"].to_numpy()
        near = (np.abs(k) < 1.5 * 0.2 * np.sqrt(years)) & ((rows["right"] == "C").to_numpy() == (k >= 0.0))
        if years < 7 / 365 or np.count_nonzero(near) < 30:
            continue
        fit = fit_smile(log_moneyness=k, vol=vol, t_years=years)
        assert fit.slope == pytest.approx(np.polyfit(k[near], vol[near], 2)[1], rel=0.25, abs=0.04), expiry
        seen += 1
    assert seen >= 8


def test_rows_without_a_smile_stay_on_their_strike_s_vol() -> None:
    book = random_book()
    smile = book_smiles(book, now_epoch_s=NOW)
    assert not smile.points.any()
    slid = pnl_curve(book, now_epoch_s=NOW, spot_shifts=[-0.1, 0.1], dynamics=VolDynamics(smile=smile)).pnl
    assert slid == pytest.approx(pnl_curve(book, now_epoch_s=NOW, spot_shifts=[-0.1, 0.1]).pnl, rel=1e-9)


def test_stale_vols_do_not_shape_a_smile() -> None:
    book = skewed()
    # A quote without a bid: the old vol is kept and marked.
    book.set_quotes([0], [np.nan], [1.0])
    assert book_smiles(book, now_epoch_s=NOW).points[0] == 6


def test_visible_vols_of_the_chain_shape_the_smile_of_one_lonely_position() -> None:
    book = options([90.0])
    k, forward = np.linspace(-0.15, 0.15, 21), np.full(21, 100.0)
    expiry = np.full(21, book.expiry_epoch_s[0])
    points = SmilePoints(np.zeros(21, dtype=int), expiry, forward * np.exp(k), forward, 0.2 - 0.5 * k)
    found = book_smiles(book, now_epoch_s=NOW, points=points)
    assert (found.slope[0], found.points[0]) == (pytest.approx(-0.5), 21)
    with pytest.raises(ScenarioError, match="differ in length"):
        book_smiles(book, now_epoch_s=NOW, points=points._replace(vol=[0.2]))


def test_under_sticky_delta_the_same_moneyness_keeps_its_vol() -> None:
    """Down 5 %: the strike that lay 5 % below the spot is now at the money and takes the at-the-money vol."""
    book = skewed()
    dynamics = VolDynamics(smile=book_smiles(book, now_epoch_s=NOW))
    shift = -0.05
    k, x = forward_k(book), np.log1p(shift)
    then = np.clip(k - x, k.min(), k.max())
    vols = 0.2 - 0.6 * then + 1.2 * then * then
    curve = pnl_curve(book, now_epoch_s=NOW, spot_shifts=[shift], dynamics=dynamics)
    assert curve.pnl[0] == pytest.approx(revalued(book, spots=book.spot * (1 + shift), vols=vols), rel=1e-7)
    assert np.interp(0.0, k - x, vols) == pytest.approx(0.2, abs=2e-3)


def test_sticky_delta_scales_with_the_price_of_everything() -> None:
    """Spot and strikes 3 x as high, a third of the multiplier: the same dollars."""
    curves = []
    for factor in (1.0, 3.0):
        columns = skewed().positions()
        big = BookArrays(
            PositionColumns(
                **{
                    **{name: getattr(columns, name) for name in PositionColumns.__dataclass_fields__},
                    "strike": np.asarray(columns.strike) * factor,
                    "multiplier": np.asarray(columns.multiplier) / factor,
                }
            ),
            UnderlyingColumns(("X",), 100.0 * factor, 1.0),
        )
        dynamics = VolDynamics(smile=book_smiles(big, now_epoch_s=NOW))
        curves.append(pnl_curve(big, now_epoch_s=NOW, spot_shifts=[-0.1, 0.07], dynamics=dynamics).pnl)
    assert curves[0] == pytest.approx(curves[1], rel=1e-8)


@pytest.mark.parametrize("mode", VolShift)
@pytest.mark.parametrize("shift", [-0.08, 0.04])
def test_vols_answer_the_index_by_the_stated_formula(mode: VolShift, shift: float) -> None:
    book = random_book()
    response = SpotVolBeta(1.5, 1.0, mode) if mode is VolShift.ABSOLUTE else SpotVolBeta(8.0, 5.0, mode)
    curve = pnl_curve(book, now_epoch_s=NOW, spot_shifts=[shift], dynamics=VolDynamics(response=response))
    days = np.maximum((book.expiry_epoch_s - NOW) / DAY, 7.0)
    per_pct = response.down_per_pct if shift < 0 else response.up_per_pct
    change = -per_pct * shift * np.sqrt(30.0 / days)
    vols = book.vol + change * (1.0 if mode is VolShift.ABSOLUTE else book.vol)
    vols = np.maximum(vols, 0.5 * book.vol)
    spots = book.spot * (1.0 + shift * book.beta)
    assert curve.pnl[0] == pytest.approx(revalued(book, spots=spots, vols=vols), rel=1e-9)


def test_the_worked_short_put_loses_what_was_worked_out_flat_and_with_vol() -> None:
    """S 6000, short one 5700 put, 30 / 365.25 years, 17 %, no carry: 20.0k at -8 %, 40.5k, 58.0k; 26.8k with vol."""
    put = options([5700.0], quantity=-1.0, spot=6000.0, vol=0.17, days=30 * 365 / 365.25, rate=0.0, dividend_yield=0.0)
    flat = pnl_curve(put, now_epoch_s=NOW, spot_shifts=[-0.08, -0.12, -0.15]).pnl
    assert flat == pytest.approx([-20_000.0, -40_500.0, -58_000.0], abs=50.0)
    parallel = pnl_curve(put, now_epoch_s=NOW, spot_shifts=[-0.08], vol_shift=0.12).pnl
    assert parallel == pytest.approx([-26_800.0], abs=50.0)
    dynamics = VolDynamics(response=SpotVolBeta(1.5, 1.0, term_power=0.0))
    assert pnl_curve(put, now_epoch_s=NOW, spot_shifts=[-0.08], dynamics=dynamics).pnl == pytest.approx(parallel)


def test_an_underlying_s_vol_may_answer_by_its_own_share() -> None:
    book = random_book()
    share = np.array([1.0, 0.0, 1.0])
    response = SpotVolBeta(1.5, 1.0)
    mine = book.underlying == 1
    curve = pnl_curve(
        book,
        now_epoch_s=NOW,
        spot_shifts=[-0.1],
        dynamics=VolDynamics(response=response, vol_beta=share),
        rows=mine,
    )
    still = pnl_curve(book, now_epoch_s=NOW, spot_shifts=[-0.1], rows=mine)
    assert curve.pnl == pytest.approx(still.pnl, rel=1e-9)


def test_a_rally_never_takes_more_than_its_share_of_a_vol_and_says_how_often() -> None:
    book = options([90.0, 100.0], vol=0.2)
    response = SpotVolBeta(1.5, 1.5, max_fall_share=0.25)
    curve = pnl_curve(book, now_epoch_s=NOW, spot_shifts=[0.01, 0.2], dynamics=VolDynamics(response=response))
    assert curve.pnl[1] == pytest.approx(revalued(book, spots=[120.0], vols=0.15), rel=1e-9)
    assert curve.floored == 2


def test_dynamics_and_vol_axis_work_one_after_the_other() -> None:
    book = skewed()
    dynamics = VolDynamics(smile=book_smiles(book, now_epoch_s=NOW), response=SpotVolBeta(1.5, 1.0))
    k, shift = forward_k(book), -0.03
    then = np.clip(k - np.log1p(shift), k.min(), k.max())
    vols = (0.2 - 0.6 * then + 1.2 * then * then + 0.045) * 1.3
    curve = pnl_curve(
        book, now_epoch_s=NOW, spot_shifts=[shift], vol_shift=0.3, vol_mode=VolShift.RELATIVE, dynamics=dynamics
    )
    assert curve.pnl[0] == pytest.approx(revalued(book, spots=book.spot * 0.97, vols=vols), rel=1e-7)


def test_slices_hold_the_greeks_of_the_vols_after_the_move() -> None:
    book = random_book()
    dynamics = VolDynamics(response=SpotVolBeta(1.0, 1.0, term_power=0.0))
    table = greeks_at_slices(book, now_epoch_s=NOW, index_price=6000.0, spot_shifts=[-0.05], dynamics=dynamics)
    moved = book.copy()
    moved.set_spots([0, 1, 2], book.spot * (1.0 - 0.05 * book.beta))
    moved.set_vols(np.arange(len(book)), book.vol + 0.05)
    totals = moved.greeks(NOW, 5700.0).totals
    got = (table.spx_equiv_delta[0], table.gamma[0], table.theta_per_day[0], table.vega_per_point[0])
    assert got == pytest.approx(totals[:4], rel=1e-9)


def test_pnl_under_dynamics_adds_up_and_grows_with_quantity() -> None:
    book = skewed()
    smile = book_smiles(book, now_epoch_s=NOW)

    def pnl(rows: slice, factor: float = 1.0) -> np.ndarray:
        cut = SmileRows(smile.slope[rows], smile.curvature[rows], smile.low[rows], smile.high[rows], smile.points[rows])
        dynamics = VolDynamics(smile=cut, response=SpotVolBeta(1.5, 1.0))
        shifts = [-0.2, 0.1]
        return pnl_curve(part_of(book, rows, factor), now_epoch_s=NOW, spot_shifts=shifts, dynamics=dynamics).pnl

    whole = pnl(slice(None))
    assert pnl(slice(0, 3)) + pnl(slice(3, None)) == pytest.approx(whole, rel=1e-10)
    assert pnl(slice(None), 5.0) == pytest.approx(5.0 * whole, rel=1e-12)


def test_impossible_dynamics_are_refused_with_a_word() -> None:
    book = random_book()
    with pytest.raises(ScenarioError, match="max_fall_share"):
        SpotVolBeta(1.5, 1.0, max_fall_share=1.5)
    with pytest.raises(ScenarioError, match="finite numbers"):
        SpotVolBeta(float("nan"), 1.0)
    smile = book_smiles(options([90.0]), now_epoch_s=NOW)
    with pytest.raises(ScenarioError, match="60 positions"):
        pnl_curve(book, now_epoch_s=NOW, spot_shifts=[0.0], dynamics=VolDynamics(smile=smile))
    wrong = VolDynamics(response=SpotVolBeta(1.0, 1.0), vol_beta=[1.0, 2.0])
    with pytest.raises(ScenarioError, match="vol_beta"):
        pnl_curve(book, now_epoch_s=NOW, spot_shifts=[0.0], dynamics=wrong)


def test_dynamics_name_themselves() -> None:
    assert STICKY_STRIKE.name == "sticky strike"
    named = VolDynamics(smile=book_smiles(random_book(), now_epoch_s=NOW), response=spot_vol_beta(Regime.MEDIUM_VOL))
    assert named.name == "sticky delta, spot-vol beta 1.54/1.15 points per 1 % down/up at 30 days"


@pytest.mark.parametrize(("regime", "low", "high"), [
    (Regime.LOW_VOL, 0.0, 16.0),
    (Regime.MEDIUM_VOL, 16.0, 23.0),
    (Regime.HIGH_VOL, 23.0, 32.0),
    (Regime.CRISIS, 32.0, 1e9),
])  # fmt: skip
def test_the_measured_betas_are_those_of_the_daily_closes(
    shared_data: Path, regime: Regime, low: float, high: float
) -> None:
    closes = pl.read_parquet(shared_data / "daily_closes.parquet").pivot(on="symbol", index="date", values="close")
    table = closes.sort("date").drop_nulls(["SPX", "VIX"])
    spx, vix = table["SPX"].to_numpy(), table["VIX"].to_numpy()
    move, before = (spx[1:] / spx[:-1] - 1.0) * 100.0, vix[:-1]
    here = (before >= low) & (before < high)
    for mode, change in ((VolShift.ABSOLUTE, np.diff(vix)), (VolShift.RELATIVE, np.diff(vix) / before * 100.0)):
        beta = spot_vol_beta(regime, mode)
        for side, expected in ((here & (move < 0), beta.down_per_pct), (here & (move > 0), beta.up_per_pct)):
            measured = -(move[side] @ change[side]) / (move[side] @ move[side])
            assert measured == pytest.approx(expected, abs=0.006 if mode is VolShift.ABSOLUTE else 0.06)
