"""The reference error table: its arithmetic, and that it is made of every row of every file."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import benchmarks.__main__ as bench
from benchmarks import exactness
from benchmarks.plan import TINY
from benchmarks.processes import NotMeasured
from benchmarks.reference.lines import line, wrong

FILES = {
    "american.csv",
    "betaweight.json",
    "greeks_black76.csv",
    "greeks_bsm.csv",
    "iv.csv",
    "margin_pm.json",
    "margin_regt.json",
    "margin_span.json",
    "scenario.json",
    "stats.json",
    "textbook.json",
}


def test_a_line_tells_the_worst_error_and_the_rows_over_the_bar() -> None:
    found = line("f.csv", "price", "of scale", [1.0, 2.0, 3.5], [1.0, 2.5, 3.0], [1.0, 1.0, 0.5], 0.5)
    assert found.errors.tolist() == [0.0, 0.5, 1.0]
    assert (found.worst, found.over) == (1.0, 1)
    assert found.as_json()["rows"] == 3


def test_a_missing_number_is_infinitely_wrong() -> None:
    found = line("f.csv", "price", "of scale", [np.nan, 1.0], [1.0, 1.0], 1.0, 1e-6)
    assert found.over == 1
    assert found.as_json()["max"] is None


def test_the_99th_percentile_is_one_of_the_errors() -> None:
    found = line("f.csv", "price", "$", np.arange(1.0, 201.0), 0.0, 1.0, None)
    assert found.p99 == 198.0
    assert found.over is None


def test_of_what_is_right_or_wrong_nothing_may_be_wrong() -> None:
    found = wrong("f.csv", "status", [False, True, True])
    assert (found.over, found.worst) == (2, 1.0)
    assert wrong("f.csv", "status", [False]).over == 0


def test_without_rows_there_is_no_error() -> None:
    empty = line("f.csv", "price", "$", [], [], 1.0, 0.5)
    assert (empty.worst, empty.p99, empty.over) == (0.0, 0.0, 0)


def test_every_row_of_every_reference_file_is_in_the_table(shared_reference: Path, tmp_path: Path) -> None:
    found = exactness.measure(replace(TINY, shared=shared_reference.parent), tmp_path)
    table = found.facts["table"]
    assert {row["file"] for row in table} == FILES
    for name in ("greeks_bsm.csv", "greeks_black76.csv"):
        mine = [row["rows"] for row in table if row["file"] == name and row["unit"] == "of scale"]
        assert mine == [_rows(shared_reference / name)] * 9
    american = [row["rows"] for row in table if row["file"] == "american.csv" and row["quantity"].startswith("price")]
    assert sum(american) == _rows(shared_reference / "american.csv")
    vols = [row["rows"] for row in table if row["file"] == "iv.csv" and "conditioned" in row["quantity"]]
    states = [
        row["rows"] for row in table if row["file"] == "iv.csv" and row["quantity"].startswith(("at", "status of u"))
    ]
    assert vols[0] + vols[2] + sum(states) == _rows(shared_reference / "iv.csv")
    assert len({(row["file"], row["quantity"], row["unit"]) for row in table}) == len(table)


def test_each_bar_is_a_target_of_its_own(shared_reference: Path, tmp_path: Path) -> None:
    found = exactness.measure(replace(TINY, shared=shared_reference.parent), tmp_path)
    with_bar = [row for row in found.facts["table"] if row["bar"] is not None and row["rows"]]
    assert len(found.figures) == len(with_bar)
    for one, row in zip(found.figures.values(), with_bar, strict=True):
        assert one.at_most == row["bar"]
        assert one.is_met == (row["over"] == 0)


def _rows(path: Path) -> int:
    with path.open(newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.DictReader(file))


@pytest.mark.parametrize("name", ["exactness", "real_chains"])
def test_without_the_shared_folder_it_says_so_and_fails(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, absent = tmp_path / "bench.json", tmp_path / "nowhere"
    assert bench.main(["--only", name, "--out", str(out), "--shared", str(absent)]) == 1
    assert "--shared" in json.loads(out.read_text(encoding="utf-8"))["failed"][name]
    assert f"{name}: FAILED" in capsys.readouterr().err


def test_the_measure_itself_refuses_an_absent_folder(tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match="reference files"):
        exactness.measure(replace(TINY, shared=tmp_path / "nowhere"), tmp_path)
