"""Fixtures for the tests of the numbers."""

from collections.abc import Iterator

import numpy as np
import pytest


@pytest.fixture(scope="module")
def strict_floats() -> Iterator[None]:
    """Any silent overflow, division by zero or invalid operation inside the core fails the test."""
    with np.errstate(all="raise", under="ignore"):
        yield
