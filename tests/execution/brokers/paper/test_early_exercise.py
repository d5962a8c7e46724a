"""Early exercise taken out of recorded chains: European twins obey parity, vols come back, forwards are not too low."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analytics.black_scholes import bsm_price
from execution.brokers.paper.chain_file import ChainFile, read_chain_file
from execution.brokers.paper.early_exercise import Terms, american_vols, european_prices
from execution.brokers.paper.recorded import RecordedMarket
from execution.brokers.paper.smile_fit import Reason, fit_chain
from execution.brokers.paper.surface import FloatArray, IntArray, total_variance, years_between
from models.clock import epoch_s
from models.enums import Settlement
from models.expiry import settlement_instant_utc
from models.ids import ContractKey
from tests.execution.brokers.paper.chain_maker import DAY, DIVIDEND_YIELD, EXPIRIES, RATE, SMILE, SPOT, made_chain

AT_S = epoch_s(settlement_instant_utc(DAY, Settlement.PM))
EXPIRES_S = np.array([epoch_s(settlement_instant_utc(day, Settlement.PM)) for day in EXPIRIES])
T_YEARS = years_between(AT_S, EXPIRES_S)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> ChainFile:
    path = tmp_path_factory.mktemp("chain") / "chain.parquet"
    made_chain().write_parquet(path)
    return read_chain_file(path)


def true_terms() -> Terms:
    at_money = np.sqrt(SMILE.slices(EXPIRES_S, AT_S, 0.0).theta / T_YEARS)
    return Terms(T_YEARS, (RATE - DIVIDEND_YIELD) * T_YEARS, at_money, 0.0, RATE)


def expiry_of(chain: ChainFile) -> IntArray:
    return np.array([EXPIRIES.index(one) for one in chain.expiry])


def true_vols(chain: ChainFile) -> FloatArray:
    of, slices = expiry_of(chain), SMILE.slices(EXPIRES_S, AT_S, 0.0)
    k = np.log(chain.strike / SPOT) - (RATE - DIVIDEND_YIELD) * T_YEARS[of]
    variance = total_variance(slices.theta[of], slices.rho[of], slices.psi[of], k)
    return np.asarray(np.sqrt(variance / T_YEARS[of]))


def test_the_european_twins_are_european_prices_near_the_money_and_nothing_elsewhere(chain: ChainFile) -> None:
    of, terms = expiry_of(chain), true_terms()
    found = european_prices(chain, chain.close, of, terms)
    expected = bsm_price(
        spot=SPOT,
        strike=chain.strike,
        t_years=T_YEARS[of],
        rate=RATE,
        dividend_yield=DIVIDEND_YIELD,
        vol=true_vols(chain),
        is_call=chain.is_call,
    )
    near = np.isfinite(found)
    assert found[near] == pytest.approx(expected[near], abs=2e-3)
    distance = np.abs(np.log(chain.strike / SPOT) - terms.carry[of])
    assert near.sum() > 60
    assert (distance[near] <= np.maximum(terms.vol * np.sqrt(T_YEARS), 0.012)[of][near]).all()
    assert not np.isfinite(european_prices(chain, chain.close, np.full(of.size, -1), terms)).any()


def test_the_vols_are_those_the_prices_were_made_of(chain: ChainFile) -> None:
    of = expiry_of(chain)
    row = np.flatnonzero(np.where(chain.is_call, chain.strike >= SPOT, chain.strike < SPOT) & (chain.close > 0.2))
    no_guess = np.full(row.size, np.nan)
    found = american_vols(chain, chain.close[row], row, of[row], true_terms(), guess=no_guess)
    assert found == pytest.approx(true_vols(chain)[row], abs=2e-4)


def test_what_all_expiries_share_is_no_dividend() -> None:
    leaning = true_terms()._replace(carry=true_terms().carry + 0.002, lean=0.002)
    assert leaning.dividend_yield == pytest.approx(np.full(T_YEARS.size, DIVIDEND_YIELD))


def test_forwards_are_found_in_spite_of_the_premium_in_the_puts(chain: ChainFile) -> None:
    fit = fit_chain(chain, rate=RATE)
    assert fit.carry == pytest.approx((RATE - DIVIDEND_YIELD) * T_YEARS, abs=1e-4)
    assert fit.lean == pytest.approx(0.0, abs=1e-4)
    assert Reason.NO_VOL not in fit.report.left_out


@pytest.mark.parametrize(
    ("underlying", "out", "within"), [("AAPL", 0.004, 0.006), ("MSFT", 0.006, 0.007), ("QQQ", 0.005, 0.005)]
)
def test_the_recorded_middles_of_american_chains_are_met_on_both_sides_of_the_money(
    shared_data: Path, underlying: str, out: float, within: float
) -> None:
    """In the money too, where no price took part in the fit; European prices there are up to twice as far off."""
    path = shared_data / f"chain_{underlying}_2026-05-04.parquet"
    market, chain = RecordedMarket([path]), read_chain_file(path)
    assert market.starts_at_utc is not None
    row = np.flatnonzero(
        (chain.mid >= 0.5)
        & (np.abs(np.log(chain.strike / chain.underlying_price)) < 0.15)
        & np.array([(one - DAY).days > 7 for one in chain.expiry])
    )
    found = [market.resolve(ContractKey(chain.key[at])) for at in row]
    listed = np.array([one is not None for one in found])
    quotes = market.quotes([one for one in found if one is not None], market.starts_at_utc)
    seen, mids = chain.mid[row[listed]], np.array([float(quote.mid or 0) for quote in quotes])
    above = chain.strike[row[listed]] >= chain.underlying_price
    outside = chain.is_call[row[listed]] == above
    off = np.abs(mids / seen - 1.0)
    assert min(outside.sum(), (~outside).sum()) > 200
    assert np.median(off[outside]) < out
    assert np.median(off[~outside]) < within
