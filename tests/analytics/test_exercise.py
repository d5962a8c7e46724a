"""Rows of both styles side by side are what each style's own function makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analytics.american import american_first_order, american_price
from analytics.black_scholes import bsm_first_order, bsm_price
from analytics.exercise import option_first_order, option_implied_vol, option_price
from analytics.implied_vol import IvStatus

COUNT = 60


def columns(seed: int = 5) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "spot": np.full(COUNT, 100.0),
        "strike": rng.uniform(80, 120, COUNT),
        "t_years": rng.uniform(0.02, 1.5, COUNT),
        "rate": np.full(COUNT, 0.04),
        "dividend_yield": rng.uniform(0.0, 0.05, COUNT),
        "vol": rng.uniform(0.15, 0.6, COUNT),
        "is_call": rng.random(COUNT) < 0.5,
    }


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_each_row_is_valued_by_its_own_style(share: float) -> None:
    rows = columns()
    early = np.random.default_rng(1).random(COUNT) < share
    price, values = option_price(**rows, is_american=early), option_first_order(**rows, is_american=early)
    american, european = american_first_order(**rows), bsm_first_order(**rows)
    np.testing.assert_array_equal(price, np.where(early, american_price(**rows), bsm_price(**rows)))
    for found, first, second in zip(values, american, european, strict=True):
        np.testing.assert_allclose(found, np.where(early, first, second), rtol=1e-14)


def test_vols_come_back_for_either_style() -> None:
    rows = columns()
    early = np.arange(COUNT) % 2 == 0
    price = option_price(**rows, is_american=early)
    vol = rows.pop("vol")
    found = option_implied_vol(price=price, **rows, is_american=early)
    assert found.status.dtype == np.int8
    clear = found.status == IvStatus.OK
    assert clear.mean() > 0.8
    assert np.abs(found.vol - vol)[clear].max() < 1e-5


def test_a_grid_of_spots_keeps_its_shape_for_either_style() -> None:
    rows = columns() | {"spot": np.array([[90.0], [100.0], [110.0]])}
    mixed = option_price(**rows, is_american=np.arange(COUNT) % 3 == 0)
    assert mixed.shape == (3, COUNT)
    assert option_price(**rows, is_american=True).shape == (3, COUNT)
    assert option_price(**(rows | {"spot": 100.0}), is_american=np.zeros((2, COUNT), dtype=bool)).shape == (2, COUNT)


def test_one_bad_row_stays_alone() -> None:
    rows = columns()
    rows["vol"][3], rows["vol"][4] = np.nan, np.nan
    price = option_price(**rows, is_american=np.arange(COUNT) % 2 == 0)
    assert np.flatnonzero(np.isnan(price)).tolist() == [3, 4]
