"""Strategies the chain can stage in one go: by width from a strike, or by delta."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from execution.chain_views import ChainNumbers, ChainSide, ChainStatic
from execution.views import FloatArray
from models.contract import Contract
from models.enums import Action, Right
from models.errors import InvalidInput
from models.greeks import UnitGreeks
from models.order import OrderLeg

#: Deltas, in hundredths, within which a strike counts as the one that was looked for.
_CLOSE_DELTAS = 4.0


class Template(Enum):
    """Strategies by delta; the value is the name on the button."""

    IRON_CONDOR = "Iron condor"
    STRANGLE = "Strangle"
    PUT_VERTICAL = "Put vertical"
    CALL_VERTICAL = "Call vertical"


@dataclass(frozen=True, slots=True)
class DeltaPick:
    """A strategy by absolute delta in hundredths: short legs near `short_delta`, wings near `long_delta`."""

    template: Template
    short_delta: float
    long_delta: float

    @property
    def label(self) -> str:
        """`Iron condor 16/8` or `Strangle 16`."""
        if self.template is Template.STRANGLE:
            return f"{self.template.value} {self.short_delta:g}Δ"
        return f"{self.template.value} {self.short_delta:g}/{self.long_delta:g}Δ"


def is_bracketed(pick: DeltaPick, static: ChainStatic, numbers: ChainNumbers) -> bool:
    """Returns whether the known deltas lie close around every delta that `pick` looks for.

    The engine quotes only the strikes on screen, and a broker with few market-data lines quotes a wide range with
    gaps; until more is known the nearest known delta may be far off.
    """
    return all(_is_bracketed(static, numbers, right, target) for right, target in _targets(pick))


def is_near(pick: DeltaPick, static: ChainStatic, numbers: ChainNumbers) -> bool:
    """Returns whether what is known is good enough when nothing more comes: close, or the outermost strike listed."""
    for right, target in _targets(pick):
        deltas = _deltas(static, numbers, right)
        if not np.isfinite(deltas).any():
            continue  # `legs_by_delta` says it better
        at = int(np.nanargmin(np.abs(deltas - target)))
        listed = np.flatnonzero(_listed_rows(static, right))
        is_close = abs(deltas[at] - target) <= _CLOSE_DELTAS or at in (listed[0], listed[-1])
        if not is_close and not _is_bracketed(static, numbers, right, target):
            return False
    return True


def _targets(pick: DeltaPick) -> list[tuple[Right, float]]:
    wanted = [pick.short_delta] if pick.template is Template.STRANGLE else [pick.short_delta, pick.long_delta]
    return [(right, target) for right in _sides(pick.template) for target in wanted]


def _is_bracketed(static: ChainStatic, numbers: ChainNumbers, right: Right, target: float) -> bool:
    deltas = _deltas(static, numbers, right)
    known = np.flatnonzero(np.isfinite(deltas))
    above, below = known[deltas[known] >= target], known[deltas[known] <= target]
    if len(above) == 0 or len(below) == 0:
        return False
    one, other = above[np.argmin(deltas[above])], below[np.argmax(deltas[below])]
    between = _listed_rows(static, right)[min(one, other) + 1 : max(one, other)]
    return bool(deltas[one] - deltas[other] <= _CLOSE_DELTAS or not between.any())


def _deltas(static: ChainStatic, numbers: ChainNumbers, right: Right) -> FloatArray:
    """Absolute deltas in hundredths, NaN where unknown or not listed."""
    return np.where(_listed_rows(static, right), np.abs(_side(numbers, right).delta) * 100, np.nan)


def _listed_rows(static: ChainStatic, right: Right) -> npt.NDArray[np.bool_]:
    contracts = static.calls if right is Right.CALL else static.puts
    return np.array([contract is not None for contract in contracts], dtype=bool)


def legs_by_delta(pick: DeltaPick, static: ChainStatic, numbers: ChainNumbers) -> tuple[OrderLeg, ...]:
    """Returns one package of the strategy; raises InvalidInput when no strike has the delta or wings coincide."""
    legs: list[OrderLeg] = []
    for right in _sides(pick.template):
        short = _nearest(static, numbers, right, pick.short_delta)
        if pick.template is not Template.STRANGLE:
            long = _nearest(static, numbers, right, pick.long_delta)
            if long == short:
                raise InvalidInput(
                    "legs",
                    f"The {pick.short_delta:g} and {pick.long_delta:g} delta {_NAME[right]}s are the same strike.",
                    cure="Choose deltas further apart.",
                )
            legs.append(_leg(static, numbers, right, long, Action.BUY))
        legs.append(_leg(static, numbers, right, short, Action.SELL))
    return tuple(sorted(legs, key=_by_strike))


def vertical(static: ChainStatic, row: int, right: Right, action: Action, width_strikes: int) -> tuple[OrderLeg, ...]:
    """Returns a vertical whose first leg is at `row`; the other lies `width_strikes` listed strikes out of the money.

    Raises InvalidInput when that strike is not listed.
    """
    step = width_strikes if right is Right.CALL else -width_strikes
    first, second = _listed(static, row, right, 0), _listed(static, row, right, step)
    return tuple(sorted((OrderLeg(first, action, 1), OrderLeg(second, action.opposite, 1)), key=_by_strike))


def strangle(static: ChainStatic, row: int, action: Action, money_row: int) -> tuple[OrderLeg, ...]:
    """Returns a strangle with one leg at `row` and the other as many strikes on the far side of the money.

    At the money it is a straddle. Raises InvalidInput when the mirrored strike is not listed.
    """
    put_row, call_row = _mirrored(row, money_row)
    put, call = _listed(static, put_row, Right.PUT, 0), _listed(static, call_row, Right.CALL, 0)
    return OrderLeg(put, action, 1), OrderLeg(call, action, 1)


def iron_condor(
    static: ChainStatic, row: int, action: Action, money_row: int, width_strikes: int
) -> tuple[OrderLeg, ...]:
    """Returns an iron condor whose body is the strangle of `row`; `action` is what the body does (SELL = short)."""
    put_row, call_row = _mirrored(row, money_row)
    return (
        OrderLeg(_listed(static, put_row, Right.PUT, -width_strikes), action.opposite, 1),
        OrderLeg(_listed(static, put_row, Right.PUT, 0), action, 1),
        OrderLeg(_listed(static, call_row, Right.CALL, 0), action, 1),
        OrderLeg(_listed(static, call_row, Right.CALL, width_strikes), action.opposite, 1),
    )


_NAME = {Right.CALL: "call", Right.PUT: "put"}


def _mirrored(row: int, money_row: int) -> tuple[int, int]:
    distance = abs(row - money_row)
    return money_row - distance, money_row + distance


def _sides(template: Template) -> tuple[Right, ...]:
    if template is Template.PUT_VERTICAL:
        return (Right.PUT,)
    return (Right.CALL,) if template is Template.CALL_VERTICAL else (Right.PUT, Right.CALL)


def _side(numbers: ChainNumbers, right: Right) -> ChainSide:
    return numbers.calls if right is Right.CALL else numbers.puts


def _listed(static: ChainStatic, row: int, right: Right, step: int) -> Contract:
    side = static.calls if right is Right.CALL else static.puts
    at = row + step
    contract = side[at] if 0 <= at < len(side) else None
    if contract is None:
        raise InvalidInput(
            "legs",
            f"There is no {_NAME[right]} listed {abs(step) or 'at that many'} strikes away in this expiration.",
            cure="Choose a smaller width.",
        )
    return contract


def _nearest(static: ChainStatic, numbers: ChainNumbers, right: Right, target: float) -> int:
    miss = np.abs(_deltas(static, numbers, right) - target)
    miss = np.where(np.isfinite(miss), miss, np.inf)
    if not len(miss) or not np.isfinite(miss.min()):
        raise InvalidInput("legs", f"No {_NAME[right]} has a delta yet.", cure="Wait for its quotes, then try again.")
    return int(np.argmin(miss))


def _leg(static: ChainStatic, numbers: ChainNumbers, right: Right, row: int, action: Action) -> OrderLeg:
    contract = _listed(static, row, right, 0)
    return OrderLeg(contract, action, 1, unit_greeks(_side(numbers, right), row))


def unit_greeks(side: ChainSide, row: int) -> UnitGreeks | None:
    """Returns the Greeks of one strike as they were when it was staged; None unless all are known."""
    price = (side.bid[row] + side.ask[row]) / 2
    figures = (price, side.delta[row], side.gamma[row], side.theta_per_day[row], side.vega_per_point[row])
    if not np.isfinite(figures).all():
        return None
    iv = float(side.iv[row])
    return UnitGreeks(
        price=float(price),
        vol=iv if np.isfinite(iv) else None,
        delta=float(side.delta[row]),
        gamma=float(side.gamma[row]),
        theta_per_day=float(side.theta_per_day[row]),
        vega_per_point=float(side.vega_per_point[row]),
    )


def _by_strike(leg: OrderLeg) -> tuple[float, str]:
    strike = leg.contract.strike
    return (0.0 if strike is None else float(strike), "" if leg.contract.right is None else leg.contract.right.value)
