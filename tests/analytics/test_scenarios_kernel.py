"""The grid's own price kernel: equal to `bsm_price`, to plain arithmetic, to itself in every block; small in memory."""

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.black_scholes import bsm_price
from analytics.book import BookArrays, Model, PositionColumns, UnderlyingColumns
from analytics.scenarios import SpotVolBeta, VolDynamics, VolShift, book_smiles, pnl_grid
from analytics.scenarios.columns import Moves, freeze
from analytics.scenarios.kernel import EuropeanBlock, prices_of
from analytics.scenarios.values import blocks, grouped_pnl
from tests.analytics.scenario_kit import DAY, NOW, options, random_book, with_quantity

pytestmark = pytest.mark.usefixtures("strict_floats")


def wild_book(seed: int, count: int) -> BookArrays:
    """Contracts of every size: minutes to three years, vols 0.03 to 3, deep wings, pennies to 600,000."""
    dice = np.random.default_rng(seed)
    spots = np.array([0.05, 100.0, 6000.0, 6e5])
    at = dice.integers(0, 4, count)
    years = np.exp(dice.uniform(np.log(5 / 525_600), np.log(3.0), count))
    return BookArrays(
        PositionColumns(
            quantity=np.ones(count),
            multiplier=1.0,
            model=dice.integers(1, 3, count),
            underlying=at,
            strike=spots[at] * np.exp(dice.normal(0.0, 0.7, count)),
            expiry_epoch_s=NOW + 365.0 * DAY * years,
            is_call=dice.random(count) < 0.5,
            rate=dice.uniform(-0.01, 0.08, count),
            dividend_yield=dice.uniform(0.0, 0.06, count),
            vol=np.exp(dice.uniform(np.log(0.03), np.log(3.0), count)),
        ),
        UnderlyingColumns(("A", "B", "C", "D"), spots, 1.0),
    )


@given(
    st.integers(0, 10_000),
    st.lists(st.floats(-1.2, 2.0), min_size=1, max_size=40),
    st.booleans(),
    st.floats(0, 400),
)
@settings(max_examples=60)
def test_every_price_is_that_of_the_one_pricing_formula(
    seed: int, shifts: list[float], per_cell: bool, days: float
) -> None:
    part = freeze(wild_book(seed, 40), NOW, Moves()).european
    spots = np.sort(np.array(shifts))
    prices = prices_of(part, spots)
    block = EuropeanBlock(part, prices, vol_per_cell=per_cell)
    block.set_date(days)
    vol = part.vol[:, None] * (np.linspace(0.5, 1.5, spots.size) if per_cell else 1.0)
    expected = bsm_price(
        spot=prices,
        strike=part.strike[:, None],
        t_years=np.maximum(part.days_left - days, 0.0)[:, None] / 365.0,
        rate=part.rate[:, None],
        dividend_yield=part.carry_yield[:, None],
        vol=vol,
        is_call=part.is_call[:, None],
    )
    scale = np.maximum(prices, part.strike[:, None])
    assert (np.abs(block.values(vol) - expected) <= 1e-12 * scale).all()


def test_a_price_is_what_plain_arithmetic_gives() -> None:
    """Hull, example 15.6: S 42, K 40, r 10 %, vol 20 %, six months: call 4.76, put 0.81."""
    hull: dict[str, Any] = {"spot": 42.0, "days": 182.5, "rate": 0.1, "dividend_yield": 0.0}
    call, put = (_one(options([40.0], calls=right, **hull)) for right in (True, False))
    assert (round(call, 2), round(put, 2)) == (4.76, 0.81)
    d1 = (math.log(42 / 40) + (0.1 + 0.02) * 0.5) / (0.2 * math.sqrt(0.5))
    d2 = d1 - 0.2 * math.sqrt(0.5)
    plain = 21 * math.erfc(-d1 / math.sqrt(2)) - 20 * math.exp(-0.05) * math.erfc(-d2 / math.sqrt(2))
    assert call == pytest.approx(plain, rel=1e-13)


def _one(book: BookArrays) -> float:
    part = freeze(book, NOW, Moves()).european
    block = EuropeanBlock(part, prices_of(part, np.zeros(1)), vol_per_cell=False)
    block.set_date(0.0)
    return float(block.values(part.vol[:, None])[0, 0])


@pytest.mark.parametrize("dynamics", ["still", "moving"])
def test_the_size_of_a_block_changes_no_figure(dynamics: str) -> None:
    book = random_book(200)
    moving = VolDynamics(smile=book_smiles(book, now_epoch_s=NOW), response=SpotVolBeta(1.5, 1.0))
    moves = Moves(dynamics=VolDynamics() if dynamics == "still" else moving)
    frozen = freeze(book, NOW, moves, book.underlying, 3)
    axes: Any = (np.linspace(-0.2, 0.2, 41), np.array([-0.05, 0.0, 0.1]), np.array([0.0, 20.0]))
    whole = grouped_pnl(frozen, *axes, cells=1_000_000)
    for cells in (1, 7, 64, 1000):
        cut = grouped_pnl(frozen, *axes, cells=cells)
        assert cut.pnl == pytest.approx(whole.pnl, rel=1e-11, abs=1e-7)
        assert cut.floored == whole.floored
        assert (cut.pnl[:, 0, 1, 20] == 0.0).all()


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 200))
def test_blocks_cover_every_cell_once_within_their_size(rows: int, spots: int, cells: int) -> None:
    seen = np.zeros((rows, spots), dtype=int)
    for down, across in blocks(rows, spots, cells):
        assert seen[down, across].size <= cells
        seen[down, across] += 1
    assert (seen == 1).all()


def test_the_same_contract_in_many_positions_is_valued_once() -> None:
    book = options([95.0, 100.0, 95.0, 100.0, 100.0], quantity=[1.0, 2.0, 3.0, -2.0, 1.0])
    frozen = freeze(book, NOW, Moves())
    assert frozen.european.strike.tolist() == [95.0, 100.0]
    assert frozen.european.units.tolist() == [400.0, 100.0]
    closed = freeze(with_quantity(book, [1.0, 2.0, -1.0, -2.0, 0.0]), NOW, Moves())
    assert len(closed.european) == 0
    assert closed.included.all()


def test_contracts_that_differ_in_anything_stay_apart() -> None:
    book = options(
        [95.0] * 4, days=[30.0, 31.0, 30.0, 30.0], calls=[False, False, True, False], vol=[0.2, 0.2, 0.2, 0.21]
    )
    assert len(freeze(book, NOW, Moves()).european) == 4


def test_memory_does_not_grow_with_book_or_grid() -> None:
    peaks = []
    for count, spots in ((300, 61), (3_000, 61), (300, 6_000)):
        book = random_book(count)
        tracemalloc.start()
        grid = pnl_grid(book, now_epoch_s=NOW, spot_shifts=np.linspace(-0.2, 0.2, spots), days_forward=[0.0, 5.0])
        peaks.append(tracemalloc.get_traced_memory()[1] - grid.pnl.nbytes)
        tracemalloc.stop()
    assert max(peaks) < 4_000_000


def test_a_price_of_zero_and_an_hour_left_break_nothing() -> None:
    book = options([1e-3, 100.0, 1e6], quantity=1.0, days=1 / 24, calls=[True, False, False], vol=[3.0, 0.03, 1.0])
    shifts, vols = [-1.0, -0.999999, 5.0], [-1.0, 5.0]
    grid = pnl_grid(book, now_epoch_s=NOW, spot_shifts=shifts, vol_shifts=vols, vol_mode=VolShift.RELATIVE)
    assert np.isfinite(grid.pnl).all()


def test_only_linear_rows_need_no_kernel() -> None:
    stock = BookArrays(
        PositionColumns([100, -40], 1, Model.LINEAR, 0, np.nan, np.nan, False, 0.0, 0.0),
        UnderlyingColumns(("AAPL",), 200.0, 1.5),
    )
    assert pnl_grid(stock, now_epoch_s=NOW, spot_shifts=[-0.1, 0.0]).pnl[0, 0].tolist() == pytest.approx([-1800.0, 0.0])
