from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import races
from benchmarks.plan import TINY
from benchmarks.processes import NotMeasured
from benchmarks.races import error_figures, race_figures


def test_every_rival_has_its_ratio_run_by_run_and_the_promised_ones_a_target() -> None:
    runs = {"ours": [10.0, 20.0], "fast_vollib_numpy": [100.0, 100.0], "fast_vollib_numba": [30.0, 40.0]}
    figures = race_figures("greeks_1000", "ns", runs)
    ratio = figures["greeks_1000_times_faster_than_fast_vollib_numpy"]
    assert ratio.runs == (10.0, 5.0)
    assert ratio.at_least == 2.5
    assert ratio.is_met
    beside = figures["greeks_1000_times_faster_than_fast_vollib_numba"]
    assert beside.runs == (3.0, 2.0)
    assert beside.at_least is None
    assert figures["greeks_1000_ours"].median == 15.0
    assert figures["greeks_1000_fast_vollib_numpy"].median == 100.0


def test_a_size_may_have_targets_of_its_own() -> None:
    runs = {"ours": [50.0], "fast_vollib_numpy": [200.0], "fused_numba_loop": [40.0]}
    figures = race_figures("greeks_10000", "ns", runs)
    slower = figures["greeks_10000_times_faster_than_fused_numba_loop"]
    assert slower.at_least == 1.0
    assert slower.is_met is False


def test_a_rival_without_a_target_is_told_all_the_same() -> None:
    figures = race_figures("book_1000", "us", {"ours": [0.5], "ours_vols_known": [0.2], "nautilus_trader": [16.0]})
    assert figures["book_1000_times_faster_than_nautilus_trader"].median == 32.0
    assert figures["book_1000_vols_known_in_all"].median == pytest.approx(0.2)
    assert figures["book_1000_vols_known_in_all"].is_met


def test_an_error_that_a_target_speaks_of_is_a_figure_beside_the_speed() -> None:
    errors = {"ours": 6e-13, "fast_vollib_numba": 6e-8, "rows_compared": 10_000.0}
    figures = error_figures("implied_vol_10000", errors)
    assert list(figures) == ["implied_vol_10000_worst_relative_error_of_ours"]
    assert figures["implied_vol_10000_worst_relative_error_of_ours"].at_most == 1e-12


def test_our_american_errors_are_a_share_of_the_rivals() -> None:
    worst = {"price": (1e-7, 1e-5), "delta": (1e-6, 1e-4), "gamma": (2e-3, 1e-3), "vega": (1e-6, 1e-6)}
    errors = {f"ours_{name}": mine for name, (mine, _) in worst.items()}
    errors |= {f"quantlib_{name}": theirs for name, (_, theirs) in worst.items()}
    figures = error_figures("american_2000", errors)
    assert figures["american_2000_price_error_over_quantlibs"].median == pytest.approx(0.01)
    assert [one.is_met for one in figures.values()] == [True, True, False, True]


def test_a_race_of_whole_answers_has_no_errors_to_tell() -> None:
    assert error_figures("book_1000", {"delta": 1e-14}) == {}


def test_without_the_other_libraries_it_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(races, "PEERS_PYTHON", tmp_path / "python")
    with pytest.raises(NotMeasured, match="make bench"):
        races.measure(TINY, tmp_path)
