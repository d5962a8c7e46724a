"""The random books of the benchmarks are what their names say, and the memory meter sees numpy's arrays."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.book import Model
from benchmarks.grids import peak_extra_mb
from benchmarks.racing import per, race
from benchmarks.samples import LEVELS, SPOT, a_book, condors, leg_terms, risk_terms, some_legs


def test_a_book_has_the_positions_options_and_styles_asked_for() -> None:
    book = a_book(200, option_share=1.0, american_share=0.3)
    assert len(book) == 200
    assert np.all(book.model == Model.BSM)
    assert 30 < book.is_american.sum() < 90
    assert not np.isnan(book.vol[~book.is_american]).any()
    assert not a_book(200, option_share=1.0).is_american.any()


@pytest.mark.parametrize("underlyings", [1, 8])
def test_legs_are_different_contracts_spread_over_the_underlyings(underlyings: int) -> None:
    legs = some_legs(200, underlyings, seed=1)
    assert len(legs) == len({leg.identity for leg in legs}) == 200
    assert {leg.underlying for leg in legs} == set(leg_terms(underlyings)) == set(risk_terms(underlyings))
    assert {leg.quantity > 0 for leg in legs} == {True, False}
    assert all(leg.price is not None and leg.price >= 0.0 for leg in legs)
    assert legs == some_legs(200, underlyings, seed=1)
    assert legs != some_legs(200, underlyings, seed=2)


def test_condors_are_four_legs_each_and_flat_in_contracts() -> None:
    legs = condors(200, seed=3)
    assert len(legs) == 200
    for start in range(0, 200, 4):
        one = legs[start : start + 4]
        assert sum(leg.quantity for leg in one) == 0.0
        assert [leg.is_call for leg in one] == [False, False, True, True]
        assert one[0].strike < one[1].strike < SPOT == LEVELS[0] < one[2].strike < one[3].strike


def test_the_memory_meter_counts_an_array_that_is_gone_at_the_end() -> None:
    assert peak_extra_mb(lambda: np.ones(2**20).sum()) == pytest.approx(8.0, abs=0.5)
    assert peak_extra_mb(lambda: None) < 0.5


def test_a_race_runs_every_job_in_every_run_and_counts_per_item() -> None:
    calls: dict[str, int] = {"a": 0, "b": 0}

    def job(name: str) -> None:
        calls[name] += 1

    found = race({"a": lambda: job("a"), "b": lambda: job("b")}, runs=3, least_s=0.0)
    assert {name: len(runs) for name, runs in found.items()} == {"a": 3, "b": 3}
    assert calls == {"a": 5, "b": 5}
    assert per({"a": [2.0, 4.0]}, 4, 1e3) == {"a": [500.0, 1000.0]}
