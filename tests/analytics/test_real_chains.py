"""The numbers on four real closing chains: a vol or a reason for every row, forwards, deltas and smiles that hold."""

from pathlib import Path

import numpy as np
import pytest

from analytics.black_scholes import black76_price
from analytics.volatility import ParityStatus, SmileStatus, VolStatus
from benchmarks.chain_rows import NAMES
from benchmarks.real_chain_tables import outcome, parity_rows, text
from benchmarks.real_chains import MOST_DELTA_GAP, Findings, examine

VENDOR = ("QQQ", "AAPL", "MSFT")


@pytest.fixture(scope="module")
def found(shared_data: Path) -> Findings:
    return examine(shared_data)


@pytest.mark.parametrize("name", NAMES)
def test_every_row_has_a_vol_or_an_exact_reason(found: Findings, name: str) -> None:
    one = found.files[name]
    assert sum(one.reasons.values()) == one.rows.of.size
    assert set(one.reasons) <= {
        VolStatus.OK.name,
        VolStatus.BELOW_INTRINSIC.name,
        VolStatus.AT_INTRINSIC.name,
        VolStatus.EXPIRED.name,
        VolStatus.NO_PRICE.name,
        f"{VolStatus.OK.name} (price of an earlier day)",
        f"{VolStatus.BELOW_INTRINSIC.name} (price of an earlier day)",
    }
    expired = sum(series.t_years <= 0.0 for series in one.rows.series)
    assert expired == 1
    assert one.reasons[VolStatus.EXPIRED.name] == int((one.rows.t_years <= 0.0).sum())
    live = np.isfinite(one.rows.price) & (one.rows.t_years > 0.0) & ~one.rows.is_old
    assert one.reasons[VolStatus.OK.name] >= 0.8 * live.sum()


@pytest.mark.parametrize("name", VENDOR)
def test_deltas_agree_with_the_vendors_on_the_vendors_carry(found: Findings, name: str) -> None:
    deltas = found.files[name].deltas
    assert deltas is not None
    assert deltas.compared >= 0.9 * deltas.eligible
    assert deltas.vendor_carry <= MOST_DELTA_GAP
    assert deltas.vendor_inputs <= MOST_DELTA_GAP
    assert deltas.vendor_inputs < deltas.european


@pytest.mark.parametrize("name", VENDOR)
def test_the_rest_is_the_vendors_carry_which_the_market_does_not_bear_out(found: Findings, name: str) -> None:
    deltas, twins = found.files[name].deltas, found.files[name].twins
    assert deltas is not None
    assert twins is not None
    assert deltas.own <= 0.006
    assert abs(twins.ours_points) < 0.1
    assert twins.vendor_points > 0.8
    assert 0.004 < twins.our_carry - twins.vendor_carry < 0.012


def test_parity_gives_a_forward_for_every_live_spx_series_and_one_rate_curve(found: Findings) -> None:
    rows = parity_rows(found)
    assert len({row["expiry"] for row in rows}) == 56
    assert len(rows) == 61
    live = [row for row in rows if row["status"] != "EXPIRED"]
    assert len(live) == 60
    assert {row["status"] for row in live} == {ParityStatus.OK.name}
    assert all(row["forward_se"] < 0.0015 * row["forward"] for row in live)
    assert all(0.0 < row["strikes_used"] <= row["strikes_given"] for row in live)
    assert np.median([row["residual_median"] for row in live]) < 6.0
    assert found.curve.at(1.0) == pytest.approx(0.041, abs=0.003)
    assert found.curve.spread < 0.002
    known = [row for row in live if row["implied_rate_se"] is not None and row["implied_rate_se"] < 0.005]
    assert len(known) >= 12
    assert all(abs(row["implied_rate"] - row["rate_used"]) < 4.0 * row["implied_rate_se"] + 0.002 for row in known)
    yields = [row["implied_yield"] for row in live if row["days"] > 90.0]
    assert min(yields) > 0.004
    assert max(yields) < 0.014


@pytest.mark.parametrize("name", NAMES)
def test_every_live_expiry_has_a_smile_without_arbitrage_left(found: Findings, name: str) -> None:
    report = found.files[name].smiles.report
    live = np.array([series.t_years > 0.0 for series in found.files[name].rows.series])
    assert (report.status[live] == SmileStatus.OK).all()
    assert (report.status[~live] == SmileStatus.NO_SMILE).all()
    assert report.butterfly_least[live].min() >= 0.0
    assert np.fmax(report.left_slope, report.right_slope)[live].max() <= 2.0
    assert np.median(report.vol_error_median[live]) < 0.002


@pytest.mark.parametrize("name", NAMES)
def test_prices_of_the_smiles_hold_no_butterfly_and_no_calendar_on_a_dense_grid(found: Findings, name: str) -> None:
    surface = found.files[name].smiles
    order, forward = surface.fitted.order, surface.fitted.forward
    strikes = np.linspace(0.3, 2.0, 1701)
    vol = surface.vol(expiry=order[:, None], strike=forward[order, None] * strikes).vol
    t = surface.fitted.t_years[order, None]
    assert np.diff(vol**2 * t, axis=0).min() > -1e-12
    call = black76_price(forward=1.0, strike=strikes, t_years=t, rate=0.0, vol=vol, is_call=True)
    assert np.diff(call, 2, axis=1).min() > -1e-11


@pytest.mark.parametrize("name", NAMES)
def test_strikes_left_out_of_the_fit_are_marked_within_a_fifth_of_a_vol_point(found: Findings, name: str) -> None:
    median, _, count = found.files[name].held_out
    assert count > 200
    assert median <= 0.0025


def test_the_tables_can_be_printed_and_written(found: Findings) -> None:
    shown = text(found)
    assert shown.count("SPXW") == sum(row["root"] == "SPXW" for row in parity_rows(found))
    made = outcome(found)
    assert all(one.is_met for one in made.figures.values())
    assert set(made.figures) == {"qqq_delta_gap", "aapl_delta_gap", "msft_delta_gap"}
    assert made.as_json()["facts"]["SPX"]["rows"] == 29948
