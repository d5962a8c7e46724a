"""Prices of American options on blocks of rows x spots, by `analytics.american`, behind the kernel's interface."""

import numpy as np

from analytics.american import american_price
from analytics.black_scholes import Bools, Floats
from analytics.scenarios.columns import Options
from analytics.scenarios.kernel import block_array, intrinsic

_DAYS_PER_YEAR = 365.0


class AmericanBlock:
    """Like `EuropeanBlock`; an exercise boundary serves all spots of its row while the vol does not depend on them."""

    def __init__(self, options: Options, prices: Floats, *, vol_per_cell: bool) -> None:
        """vol_per_cell: vols will come as [row, spot], and so will boundaries."""
        self._options, self._prices, self._vol_per_cell = options, prices, vol_per_cell
        self._intrinsic = intrinsic(options, prices)
        self._values = block_array(*prices.shape)

    def set_date(self, days_forward: float) -> None:
        """Let so many calendar days pass."""
        self._years = np.maximum(self._options.days_left - days_forward, 0.0) / _DAYS_PER_YEAR
        self.live: Bools = self._years > 0.0

    def values(self, vol: Floats) -> Floats:
        """Unit values [row, spot] at vols [row, 1] or [row, spot]; the array is overwritten by the next."""
        options = self._options
        self._values[:] = american_price(
            spot=self._prices.T,
            strike=options.strike,
            t_years=self._years,
            rate=options.rate,
            dividend_yield=options.carry_yield,
            vol=vol.T if self._vol_per_cell else vol[:, 0],
            is_call=options.is_call,
            precise=True,
        ).T
        # A spot of 0 has no boundary to solve; exercise is open there as everywhere.
        return np.maximum(self._values, self._intrinsic, out=self._values)
