"""Vols of a whole chain, European and American rows together, and the exact reason for every row without one."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.american import american_implied_vol
from analytics.black_scholes import Floats
from analytics.implied_vol import IvStatus, implied_vol

Statuses = npt.NDArray[np.int8]


class VolStatus(IntEnum):
    """Why a row of a chain has, or has not, a vol; the first five are those of `IvStatus`.

    BELOW_INTRINSIC: below the European bound, or for an American option below its exercise value. AT_INTRINSIC: exactly
    there, or too near for any vol to be told. NO_PRICE: none, or not above 0. EXPIRED: no time left. NO_CARRY: spot,
    rate or dividend yield unknown.
    """

    OK = IvStatus.OK
    BELOW_INTRINSIC = IvStatus.BELOW_INTRINSIC
    AT_INTRINSIC = IvStatus.AT_INTRINSIC
    ABOVE_MAXIMUM = IvStatus.ABOVE_MAXIMUM
    BAD_INPUT = IvStatus.BAD_INPUT
    NO_PRICE = 5
    EXPIRED = 6
    NO_CARRY = 7


class ChainVols(NamedTuple):
    """vol: annual, NaN wherever status is not OK. status: int8 codes of `VolStatus`. Both in the broadcast shape."""

    vol: Floats
    status: Statuses


def chain_vols(
    *,
    price: npt.ArrayLike,
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    is_call: npt.ArrayLike,
    is_american: npt.ArrayLike,
) -> ChainVols:
    """Implied vols of a chain's rows, each by its own exercise style.

    Arguments broadcast to one shape. price, spot, strike: currency per unit. t_years: act/365. rate, dividend_yield:
    continuous per year. A row that has no vol gets NaN and its reason; it never raises and touches no other row.
    """
    american, call = np.asarray(is_american, dtype=np.bool_), np.asarray(is_call, dtype=np.bool_)
    raw = tuple(np.asarray(v, dtype=np.float64) for v in (price, spot, strike, t_years, rate, dividend_yield))
    shape = np.broadcast_shapes(american.shape, call.shape, *(v.shape for v in raw))
    columns = [np.broadcast_to(v, shape).ravel() for v in raw]
    early, is_up = (np.broadcast_to(v, shape).ravel() for v in (american, call))
    p, s, k, t, r, q = columns
    status = np.full(p.shape, VolStatus.OK, dtype=np.int8)
    # Later lines win: the reason that makes all others pointless stands.
    carry_known = np.isfinite(s) & np.isfinite(r) & np.isfinite(q)
    status[~carry_known] = VolStatus.NO_CARRY
    status[~(np.nan_to_num(p, nan=0.0) > 0.0)] = VolStatus.NO_PRICE
    status[np.nan_to_num(t, nan=1.0) <= 0.0] = VolStatus.EXPIRED
    vol = np.full(p.shape, np.nan)
    for solve, is_mine in ((implied_vol, ~early), (american_implied_vol, early)):
        rows = np.flatnonzero((status == VolStatus.OK) & is_mine)
        if rows.size:
            found = solve(
                price=p[rows],
                spot=s[rows],
                strike=k[rows],
                t_years=t[rows],
                rate=r[rows],
                dividend_yield=q[rows],
                is_call=is_up[rows],
            )
            vol[rows], status[rows] = found.vol, found.status
    return ChainVols(vol.reshape(shape), status.reshape(shape))
