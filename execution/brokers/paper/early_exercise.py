"""Takes early exercise out of a recorded chain of American options, so that its forwards and vols are true ones.

An American put in the money carries a premium over its European twin that put-call parity knows nothing of: left in,
it pulls a year's forward down by 0.4 % and makes vols too high. Dividends count as a yield to each expiry, the one that
its own forward implies. What all expiries' forwards have in common (`lean`) is no yield: prices of another minute than
the underlying's.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from analytics.american import american_implied_vol
from analytics.volatility import european_equivalent
from execution.brokers.paper.chain_file import ChainFile
from execution.brokers.paper.surface import FloatArray, IntArray

#: Strikes that take part in parity: within this many standard deviations, or this share where that is less.
_NEAR_SD: Final = 1.0
_NEAR_LEAST: Final = 0.012


class Terms(NamedTuple):
    """One entry an expiry: t_years, carry = ln(forward / spot) and vol about the money; `lean` and `rate` for all."""

    t_years: FloatArray
    carry: FloatArray
    vol: FloatArray
    lean: float
    rate: float

    @property
    def dividend_yield(self) -> FloatArray:
        """Continuous yield a year of each expiry."""
        return self.rate - (self.carry - self.lean) / self.t_years


def european_prices(chain: ChainFile, price: FloatArray, of: IntArray, terms: Terms) -> FloatArray:
    """Returns the European twins' prices of the rows near the money, NaN for all others and for what has none.

    `price`: American, NaN = unknown; `of`: the expiry of each row of the file, -1 = none. Shapes (rows of the file,).
    """
    row = np.flatnonzero((of >= 0) & np.isfinite(price))
    reach = np.maximum(_NEAR_SD * terms.vol * np.sqrt(terms.t_years), _NEAR_LEAST)
    distance = np.log(chain.strike[row] / chain.underlying_price) - terms.carry[of[row]]
    row = row[np.abs(distance) <= reach[of[row]]]
    found = np.full(price.size, np.nan)
    found[row] = european_equivalent(
        price=price[row],
        spot=chain.underlying_price * np.exp(terms.lean),
        strike=chain.strike[row],
        t_years=terms.t_years[of[row]],
        rate=terms.rate,
        dividend_yield=terms.dividend_yield[of[row]],
        is_call=chain.is_call[row],
    ).price
    return found


def american_vols(
    chain: ChainFile, price: FloatArray, row: IntArray, of: IntArray, terms: Terms, *, guess: FloatArray
) -> FloatArray:
    """Returns the vols at which American options of file rows `row`, expiries `of`, are worth `price`; NaN = none."""
    return american_implied_vol(
        price=price,
        spot=chain.underlying_price * np.exp(terms.lean),
        strike=chain.strike[row],
        t_years=terms.t_years[of],
        rate=terms.rate,
        dividend_yield=terms.dividend_yield[of],
        is_call=chain.is_call[row],
        guess=guess,
    ).vol
