from __future__ import annotations

import math

import pytest

from benchmarks.figures import figure, percentile, rounded


def test_a_figure_is_the_median_of_its_runs_with_their_noise() -> None:
    found = figure("ms", [10.0, 12.0, 11.0, 30.0, 9.0], at_most=12.0).as_json()
    assert (found["median"], found["min"], found["max"]) == (11.0, 9.0, 30.0)
    assert found["noise_pct"] == rounded((12.0 - 10.0) / 11.0 * 100)
    assert found["met"] is True


@pytest.mark.parametrize(
    ("at_most", "at_least", "met"), [(5.0, None, True), (4.9, None, False), (None, 5.0, True), (None, 5.1, False)]
)
def test_a_target_holds_at_its_edge_and_not_beyond(at_most: float | None, at_least: float | None, met: bool) -> None:
    assert figure("ms", [5.0], at_most=at_most, at_least=at_least).is_met is met


def test_without_a_target_there_is_no_verdict() -> None:
    assert figure("ms", [5.0]).is_met is None


def test_a_figure_without_runs_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        figure("ms", [])


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 50.0, 99.0, 100.0]
    assert math.isnan(percentile([], 0.5))


def test_what_is_no_number_becomes_null_in_json() -> None:
    assert rounded(math.nan) is None
    assert rounded(math.inf) is None
    assert rounded(123.456) == 123.5
