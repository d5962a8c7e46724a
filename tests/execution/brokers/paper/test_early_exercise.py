"""Early exercise taken out of recorded chains: European twins obey parity, vols come back, forwards are not too low."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from execution.brokers.paper.chain_file import ChainFile, read_chain_file
from execution.brokers.paper.early_exercise import Terms
from execution.brokers.paper.recorded import RecordedMarket
from execution.brokers.paper.smile_fit import Reason, fit_chain
from execution.brokers.paper.surface import years_between
from models.clock import epoch_s
from models.enums import Settlement
from models.expiry import settlement_instant_utc
from models.ids import ContractKey
from tests.execution.brokers.paper.chain_maker import DAY, DIVIDEND_YIELD, EXPIRIES, RATE, SMILE, made_chain

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
