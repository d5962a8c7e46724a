"""European values and Greeks: shapes, company, cheaper calls and results put where one wants them."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from analytics.black_scholes import (
    Floats,
    black76,
    black76_first_order,
    black76_five_greeks,
    black76_price,
    bsm,
    bsm_first_order,
    bsm_five_greeks,
    bsm_price,
)
from tests.analytics.option_samples import Sample

pytestmark = pytest.mark.usefixtures("strict_floats")


def test_results_have_the_broadcast_shape_of_all_arguments() -> None:
    values = bsm(
        spot=np.full((4, 1, 1), 100.0),
        strike=np.full((3, 1), 100.0),
        t_years=0.5,
        rate=0.0,
        dividend_yield=0.0,
        vol=0.2,
        is_call=[True, False],
    )
    assert {value.shape for value in values} == {(4, 3, 2)}
    empty = bsm(spot=[], strike=[], t_years=[], rate=0.0, dividend_yield=0.0, vol=[], is_call=True)
    assert {value.shape for value in empty} == {(0,)}


def test_one_option_gives_one_value_of_each_kind_and_no_axis() -> None:
    values = bsm(spot=100.0, strike=100, t_years=0.5, rate=0, dividend_yield=0, vol=0.2, is_call=1)
    assert {(value.shape, value.dtype) for value in values} == {((), np.dtype(np.float64))}
    assert float(values.price) == pytest.approx(5.637197779701664, rel=1e-14)
    empty = bsm(spot=np.empty((0, 1)), strike=np.ones(3), t_years=1.0, rate=0.0, dividend_yield=0.0, vol=0.2, is_call=1)
    assert {value.shape for value in empty} == {(0, 3)}


def _same(got: tuple[Floats, ...], want: tuple[Floats, ...]) -> None:
    for one, other in zip(got, want, strict=True):
        assert np.array_equal(one, other, equal_nan=True)


def test_an_option_has_the_same_values_to_the_last_bit_in_any_company() -> None:
    sample = Sample(25_001)
    arguments = sample.arguments()
    together = bsm(**arguments)
    dice = np.random.default_rng(5)
    for size in (1, 2, 7, 600, 12_000):
        some = dice.choice(25_001, size, replace=False)
        alone = bsm(**{name: column[some] for name, column in arguments.items()})
        _same(alone, tuple(value[some] for value in together))


@pytest.mark.parametrize("shape", [(61, 500), (3, 11, 61, 20), (2, 30_000), (12_000, 3), (1, 30_000, 1)])
def test_a_grid_has_the_values_of_its_cells_written_out(shape: tuple[int, ...]) -> None:
    rows = Sample(shape[-1]).arguments()
    names = ("spot", "vol", "t_years")
    for axis, name in zip(range(len(shape) - 1), names, strict=False):
        stretch = np.linspace(0.9, 1.1, shape[axis]).reshape(-1, *[1] * (len(shape) - 1 - axis))
        rows[name] = rows[name] * stretch
    flat = {name: np.broadcast_to(column, shape).reshape(-1) for name, column in rows.items()}
    _same(bsm(**rows), tuple(value.reshape(shape) for value in bsm(**flat)))
    turned = {name: np.broadcast_to(column, shape).T for name, column in rows.items()}
    _same(bsm(**turned), tuple(value.T for value in bsm(**rows)))


def test_odd_rows_among_many_are_those_they_are_alone_and_disturb_nobody() -> None:
    arguments = Sample(30_000).arguments()
    clean = bsm(**arguments)
    dice = np.random.default_rng(6)
    odd = dice.choice(30_000, 15_000, replace=False)
    changes = {"spot": [0.0, -1.0, 1e-80], "t_years": [0.0, np.nan], "vol": [0.0, 1e-6, np.inf], "rate": [3.0, np.nan]}
    for part, (name, values) in zip(np.array_split(odd, 4), changes.items(), strict=True):
        arguments[name] = arguments[name].copy()
        arguments[name][part] = dice.choice(values, part.size)
    mixed = bsm(**arguments)
    even = np.setdiff1d(np.arange(30_000), odd)
    _same(tuple(value[even] for value in mixed), tuple(value[even] for value in clean))
    alone = bsm(**{name: column[odd] for name, column in arguments.items()})
    _same(tuple(value[odd] for value in mixed), alone)
    assert np.isnan(alone.price).any()
    assert np.isfinite(alone.price).any()


def test_the_cheaper_calls_agree_with_the_full_one_to_the_last_bit() -> None:
    arguments = Sample().arguments()
    arguments["t_years"][:5] = 0.0
    full = bsm(**arguments)
    _same(bsm_five_greeks(**arguments), full[:6])
    _same(bsm_first_order(**arguments), full[:5])
    _same((bsm_price(**arguments),), full[:1])
    arguments["forward"] = arguments.pop("spot")
    del arguments["dividend_yield"]
    on_future = black76(**arguments)
    _same(black76_five_greeks(**arguments), on_future[:6])
    _same(black76_first_order(**arguments), on_future[:5])
    _same((black76_price(**arguments),), on_future[:1])
    assert np.array_equal(
        on_future.price, bsm_price(spot=arguments.pop("forward"), dividend_yield=arguments["rate"], **arguments)
    )


def test_prices_can_be_put_into_an_array_one_has() -> None:
    arguments = Sample().arguments()
    want = bsm_price(**arguments)
    room = np.full((400, 2), -1.0)
    assert bsm_price(**arguments, out=room[:, 0]).base is room
    assert np.array_equal(room[:, 0], want)
    assert np.all(room[:, 1] == -1.0)
    grid = np.empty((30, 400))
    spots = np.linspace(80.0, 120.0, 30)[:, None]
    assert bsm_price(**{**arguments, "spot": spots}, out=grid) is grid
    assert np.array_equal(grid[7], bsm_price(**{**arguments, "spot": spots[7]}))
    one = np.empty(())
    assert black76_price(forward=1.0, strike=1.0, t_years=1.0, rate=0.0, vol=[], is_call=True).shape == (0,)
    black76_price(forward=1.0, strike=1.0, t_years=1.0, rate=0.0, vol=0.2, is_call=True, out=one)
    assert float(one) == pytest.approx(0.07965567455405798, rel=1e-13)


def test_an_array_that_cannot_take_the_prices_is_refused_and_left_alone() -> None:
    arguments = Sample().arguments()
    before = arguments["strike"].copy()
    rooms: list[npt.NDArray[Any]] = [np.zeros(399), np.zeros(400, dtype=np.float32), arguments["strike"]]
    for room in rooms:
        with pytest.raises(ValueError, match=r"give a float64 array of shape \(400,\)"):
            bsm_price(**arguments, out=room)
    assert np.array_equal(arguments["strike"], before)
