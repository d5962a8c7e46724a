"""Cutting shapes into blocks."""

import math

import numpy as np
import pytest

from analytics._blocks import BLOCK, cut


@pytest.mark.parametrize(
    "shape",
    [(1,), (BLOCK,), (BLOCK + 1,), (100_003,), (61, 500), (3, 11, 61, 50), (2, 30_000), (30_000, 2), (1, 1, 25_000, 1)],
)
def test_blocks_cover_a_shape_once_and_none_is_too_large(shape: tuple[int, ...]) -> None:
    visits = np.zeros(shape, dtype=np.int64)
    division = cut(shape)
    sizes = []
    for index in division.indexes():
        visits[index] += 1
        sizes.append(visits[index].size)
    assert np.all(visits == 1)
    assert max(sizes) <= division.largest
    assert max(sizes) <= BLOCK + 8
    assert len(sizes) <= math.ceil(visits.size / BLOCK) * 2 + math.prod(shape[:-1])


def test_blocks_are_about_equally_large_and_begin_on_a_cache_line() -> None:
    runs = [index[0] for index in cut((BLOCK * 2 + 100,)).indexes()]
    lengths = [run.stop - run.start for run in runs if isinstance(run, slice)]
    assert max(lengths) - min(lengths) <= 16
    assert all(run.start % 8 == 0 for run in runs if isinstance(run, slice))
