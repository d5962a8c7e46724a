"""Random but ordinary European options for several tests."""

import numpy as np

from analytics.black_scholes import Floats


class Sample:
    """Random but ordinary options, one per row."""

    def __init__(self, count: int = 400, seed: int = 3) -> None:
        dice = np.random.default_rng(seed)
        self.spot = dice.uniform(50.0, 150.0, count)
        self.strike = self.spot * np.exp(dice.normal(0.0, 0.2, count))
        self.t_years = dice.uniform(0.02, 2.0, count)
        self.rate = dice.uniform(-0.01, 0.08, count)
        self.dividend_yield = dice.uniform(0.0, 0.06, count)
        self.vol = dice.uniform(0.08, 0.9, count)
        self.is_call = dice.random(count) < 0.5

    def arguments(self, **changes: Floats) -> dict[str, Floats]:
        return {**vars(self), **changes}
