"""European values and Greeks against every row of the 60-digit references and every published European example."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from analytics.black_scholes import Floats, OptionValues, black76, bsm
from benchmarks.reference.textbook import EUROPEAN_MODELS, european_figure

pytestmark = pytest.mark.usefixtures("strict_floats")


def _reference(path: Path) -> tuple[dict[str, Floats], np.ndarray]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name not in {"id", "group", "flag"}]
    columns = {name: np.array([float(row[name]) for row in rows]) for name in names}
    return columns, np.array([row["flag"] == "c" for row in rows])


def _assert_exact(name: str, got: Floats, want: Floats, scale: Floats) -> None:
    """Assert the bar of the reference README: 1e-12 of the natural scale, 1e-11 relative where it is not tiny."""
    error = np.abs(got - want)
    large = np.abs(want) > 1e-6 * scale
    assert (error / scale).max() <= 1e-12, f"{name}: {(error / scale).max():.2e} of scale"
    assert (error[large] / np.abs(want[large])).max() <= 1e-11, name


def _compare(values: OptionValues, ref: dict[str, Floats], price_level: Floats) -> None:
    root_t = np.sqrt(ref["t"])
    vol = ref["sigma"]
    one = np.ones_like(vol)
    _assert_exact("price", values.price, ref["price"], price_level)
    _assert_exact("delta", values.delta, ref["delta"], one)
    _assert_exact("gamma", values.gamma, ref["gamma"], 1.0 / (price_level * vol * root_t))
    _assert_exact("vega", values.vega_per_point, ref["vega_1pct"], price_level * root_t / 100.0)
    _assert_exact("theta", values.theta_per_day, ref["theta_day"], price_level * vol / root_t / 365.0)
    _assert_exact("rho", values.rho_per_point, ref["rho_1pct"], ref["K"] * ref["t"] / 100.0)
    _assert_exact("vanna", values.vanna, ref["vanna"], 1.0 / vol)
    _assert_exact("volga", values.volga, ref["volga"], price_level * root_t / vol)
    _assert_exact("charm", values.charm_per_day, ref["charm_day"], 1.0 / ref["t"] / 365.0)


def test_every_row_of_the_spot_reference_is_met(shared_reference: Path) -> None:
    ref, is_call = _reference(shared_reference / "greeks_bsm.csv")
    values = bsm(
        spot=ref["S"],
        strike=ref["K"],
        t_years=ref["t"],
        rate=ref["r"],
        dividend_yield=ref["q"],
        vol=ref["sigma"],
        is_call=is_call,
    )
    _compare(values, ref, ref["S"])


def test_every_row_of_the_futures_reference_is_met(shared_reference: Path) -> None:
    ref, is_call = _reference(shared_reference / "greeks_black76.csv")
    values = black76(
        forward=ref["F"], strike=ref["K"], t_years=ref["t"], rate=ref["r"], vol=ref["sigma"], is_call=is_call
    )
    _compare(values, ref, ref["F"])


def test_every_published_european_example_comes_out_as_printed(shared_reference: Path) -> None:
    document = json.loads((shared_reference / "textbook.json").read_text())
    european = [example for example in document["examples"] if example["model"] in EUROPEAN_MODELS]
    assert len(european) > 100
    for example in european:
        assert abs(european_figure(example) - example["published"]) <= example["tol"], example["id"]
