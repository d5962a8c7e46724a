"""The hedge search on the recorded chain: what is kept is what it claims, and the benchmark tells what it promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from analytics.hedge_search import reprice, search
from benchmarks import hedge_search as bench
from benchmarks.hedge_books import Chain, Sought, recorded, search_input
from benchmarks.plan import TINY
from benchmarks.processes import NotMeasured
from models.enums import Metric, Right
from models.risk import Limit


@pytest.fixture(scope="module")
def chain(shared_data: Path) -> Chain:
    """Every listed SPX option of the recorded day."""
    return recorded(shared_data)


def test_every_trade_kept_on_the_recorded_chain_is_what_it_claims(chain: Chain) -> None:
    legs = [Sought(-3, 30, Right.PUT, 0.16), Sought(-3, 30, Right.CALL, 0.16), Sought(-2, 45, Right.PUT, 0.10)]
    limits = [Limit(Metric.VEGA, -2000.0, 2500.0), Limit(Metric.SPX_DELTA, -60.0, 60.0)]
    given = search_input(chain, chain.find(legs), limits, net_liq=600_000.0)
    result = search(given)
    assert result.scored_count >= 20_000
    assert not result.is_partial
    assert len(result.candidates) == 13
    for one in result.candidates:
        again = reprice(given, one)
        assert again.limit_price == one.limit_price
        assert again.cost_usd == pytest.approx(one.cost_usd, abs=0.01)
        assert again.margin_change_usd == pytest.approx(one.margin_change_usd, abs=0.01)
        assert again.worst_stress_after_usd == pytest.approx(one.worst_stress_after_usd, rel=1e-7)
        for before, now in zip(one.effects, again.effects, strict=True):
            assert now.after == pytest.approx(before.after, rel=1e-7, abs=1e-6)


def test_the_benchmark_tells_times_counts_and_the_comparison(chain: Chain, shared_data: Path, tmp_path: Path) -> None:
    outcome = bench.measure(TINY, tmp_path)
    for name in ("vega_broken", "spx_delta_broken", "margin_broken", "margin_broken_portfolio"):
        assert outcome.figures[f"{name}_ms"].at_most == 500.0
    assert outcome.figures["vega_broken_candidates"].is_met
    assert outcome.figures["spx_delta_broken_candidates"].is_met
    assert outcome.facts["positions"] == 50
    rows = outcome.facts["beside the obvious hedge"]
    assert len({row["book"] for row in rows}) == 3
    assert {"search, best", "buy SPX puts until inside", "close the worst position"} <= {row["hedge"] for row in rows}
    best = [row for row in rows if row["hedge"] == "search, best"]
    assert all(row["cure"] == "100 %" for row in best)
    assert all(row["still or newly broken"] == "none" for row in best)


def test_without_the_recorded_chain_it_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match="chain_SPX"):
        recorded(tmp_path)
