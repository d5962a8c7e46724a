"""Premiums that are carried along stay what solving them anew would give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analytics import early_premium
from analytics.american import american, american_first_order, american_price
from analytics.black_scholes import OptionValues, bsm_first_order
from analytics.early_premium import EarlyPremiums, LiveOptions
from analytics.implied_vol import IvStatus

NOW = 1_800_000_000.0
COUNT = 400


def some_rows(seed: int = 3, count: int = COUNT) -> LiveOptions:
    rng = np.random.default_rng(seed)
    vol, years = rng.uniform(0.12, 0.7, count), rng.uniform(2, 500, count) / 365.0
    spot = np.full(count, 100.0)
    return LiveOptions(
        spot=spot,
        strike=spot * np.exp(rng.uniform(-2.0, 2.0, count) * vol * np.sqrt(years)),
        t_years=years,
        rate=rng.uniform(0.01, 0.06, count),
        carry_yield=rng.uniform(0.0, 0.05, count),
        vol=vol,
        is_call=rng.random(count) < 0.5,
    )


def carried(premiums: EarlyPremiums, live: LiveOptions, now_s: float = NOW) -> np.ndarray:
    return premiums.add_to(bsm_first_order(**live.arguments()), np.arange(live.spot.size), now_s, live)


def test_solved_anew_the_values_are_those_of_american_options() -> None:
    live = some_rows()
    found = carried(EarlyPremiums(COUNT), live)
    exact = american_first_order(**live.arguments())
    for mine, theirs in zip(found, exact, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_within_reach_carried_values_stay_near_the_exact_ones(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    live, premiums = some_rows(seed), EarlyPremiums(COUNT)
    carried(premiums, live)
    later = NOW + 55.0
    moved = live._replace(
        spot=live.spot * (1.0 + rng.uniform(-9.9e-4, 9.9e-4)),
        vol=live.vol + live.vol * rng.uniform(-0.019, 0.019, COUNT),
        t_years=live.t_years - 55.0 / (365.0 * 86_400.0),
    )
    found, exact = carried(premiums, moved, later), american_first_order(**moved.arguments())
    assert np.abs(found[0] - exact.price).max() < 5e-6 * 100.0
    wrong = np.abs(found[1] - exact.delta)
    inside = np.abs(exact.delta) < 0.95
    assert wrong[inside].max() < 5e-4
    # Next to the boundary gamma jumps, and delta bends as the spot or the boundary crosses.
    assert wrong.max() < 5e-3


def test_a_row_that_moved_out_of_reach_is_solved_again() -> None:
    live, premiums = some_rows(), EarlyPremiums(COUNT)
    carried(premiums, live)
    for far, now_s in (
        (live._replace(spot=live.spot * 1.002), NOW),
        (live._replace(vol=live.vol + 0.01), NOW),
        (live._replace(carry_yield=live.carry_yield + 0.01), NOW),
        (live, NOW + 120.0),
    ):
        found, exact = carried(premiums, far, now_s), american_first_order(**far.arguments())
        np.testing.assert_allclose(found[0], exact.price, rtol=1e-12, atol=1e-12)


def test_nothing_is_solved_while_rows_stay_near(monkeypatch: pytest.MonkeyPatch) -> None:
    live, premiums = some_rows(), EarlyPremiums(COUNT)
    carried(premiums, live)

    def never(**_: object) -> None:
        raise AssertionError("solved again")

    monkeypatch.setattr(early_premium, "american", never)
    carried(premiums, live._replace(spot=live.spot * 1.0003), NOW + 10.0)
    with pytest.raises(AssertionError, match="solved again"):
        carried(premiums, live._replace(rate=live.rate + 1e-4))


def test_vols_come_back_from_prices_near_the_last_ones_and_far_from_them() -> None:
    live, premiums = some_rows(), EarlyPremiums(COUNT)
    carried(premiums, live)
    rng = np.random.default_rng(8)
    true = live.vol + np.where(rng.random(COUNT) < 0.5, live.vol * rng.uniform(-0.03, 0.03, COUNT), 0.05)
    price = american_price(**live._replace(vol=true).arguments())
    found = premiums.implied_vol(np.arange(COUNT), NOW, live, price)
    solved = found.status == IvStatus.OK
    assert solved.mean() > 0.95
    vega = american_first_order(**live._replace(vol=true).arguments()).vega_per_point
    clear = solved & (vega > 0.02)
    assert np.abs(found.vol - true)[clear].max() < 1e-3
    back = american_price(**live._replace(vol=np.where(solved, found.vol, 0.2)).arguments())
    assert np.abs(back - price)[solved].max() < 1e-3


def test_a_first_vol_needs_no_last_one() -> None:
    live = some_rows()
    price = american_price(**live.arguments())
    unknown = live._replace(vol=np.full(COUNT, np.nan))
    found = EarlyPremiums(COUNT).implied_vol(np.arange(COUNT), NOW, unknown, price)
    clear = (found.status == IvStatus.OK) & (american_first_order(**live.arguments()).vega_per_point > 0.005)
    assert clear.mean() > 0.8
    assert np.abs(found.vol - live.vol)[clear].max() < 1e-5


def test_one_row_without_a_vol_leaves_the_others_alone() -> None:
    live, premiums = some_rows(), EarlyPremiums(COUNT)
    exact = american_first_order(**live.arguments())
    broken = live._replace(vol=np.where(np.arange(COUNT) == 7, np.nan, live.vol))
    found = carried(premiums, broken)
    assert np.isnan(found[0, 7])
    others = np.arange(COUNT) != 7
    np.testing.assert_allclose(found[0, others], exact.price[others], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(carried(premiums, live)[0], exact.price, rtol=1e-12, atol=1e-12)


def test_premiums_can_be_lent_to_a_longer_book() -> None:
    live, premiums = some_rows(), EarlyPremiums(COUNT)
    first = carried(premiums, live)
    longer = EarlyPremiums(COUNT + 5)
    premiums.lend(longer, COUNT)
    again = longer.add_to(bsm_first_order(**live.arguments()), np.arange(COUNT), NOW + 1.0, live)
    np.testing.assert_allclose(again[1], first[1], rtol=0, atol=1e-12)


def test_rows_of_one_underlying_are_not_all_solved_at_the_same_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    live, premiums = some_rows(), EarlyPremiums(COUNT)
    carried(premiums, live)
    solved: list[int] = []

    def counting(**columns: Any) -> OptionValues:
        solved.append(columns["spot"].size)
        return american(**columns)

    monkeypatch.setattr(early_premium, "american", counting)
    for step in range(1, 120):
        carried(premiums, live._replace(spot=live.spot * (1.0 + step * 1e-5)), NOW + 0.1 * step)
    assert sum(solved) >= COUNT, "every row was solved on the way"
    assert max(solved) <= 16, "none of them had to wait until it was out of reach"
