"""Shapes of strategies: ratios, strikes and expiries, without prices and sizes.

A shape's option legs are ordered by expiry, strike, put before call. `kind_of` is a decision per number of
legs; what fits nothing is CUSTOM.
"""

from __future__ import annotations

from typing import NamedTuple

from analytics.strategy_kinds import StrategyKind as K


class ShapeLeg(NamedTuple):
    """One option in the smallest ratio; `expiry` counts 0, 1, ... from the first."""

    is_call: bool
    strike: float
    expiry: int
    quantity: int


class Shape(NamedTuple):
    """Options in order, and lots of stock or futures in the same ratio (signed)."""

    legs: tuple[ShapeLeg, ...]
    stock: int
    is_future: bool


def kind_of(shape: Shape) -> K:
    """The strategy of a shape."""
    if not shape.legs:
        return _linear(shape)
    if shape.stock != 0:
        return _with_stock(shape)
    same_expiry = shape.legs[-1].expiry == 0
    count = len(shape.legs)
    if count == 1:
        return _single(shape.legs[0])
    judges = {2: _two_same_expiry, 3: _three, 4: _four} if same_expiry else {2: _time_spread, 4: _double_time_spread}
    return judges[count](shape.legs) if count in judges else K.CUSTOM


def _linear(shape: Shape) -> K:
    """Stock or a future alone."""
    if shape.is_future:
        return K.LONG_FUTURE if shape.stock > 0 else K.SHORT_FUTURE
    return K.LONG_STOCK if shape.stock > 0 else K.SHORT_STOCK


def _single(leg: ShapeLeg) -> K:
    """One option."""
    if leg.is_call:
        return K.LONG_CALL if leg.quantity > 0 else K.SHORT_CALL
    return K.LONG_PUT if leg.quantity > 0 else K.SHORT_PUT


def _two_same_expiry(legs: tuple[ShapeLeg, ...]) -> K:
    """Verticals and ratios of one right; straddles, strangles, synthetics of both."""
    low, high = legs
    if low.is_call == high.is_call:
        if low.quantity * high.quantity > 0:
            return K.CUSTOM
        return _vertical(low) if abs(low.quantity) == abs(high.quantity) else _ratio(low, high)
    if abs(low.quantity) != abs(high.quantity):
        return K.CUSTOM
    call, put = (low, high) if low.is_call else (high, low)
    if call.quantity * put.quantity > 0:
        return _strangle(call, put)
    if call.strike == put.strike:
        return K.SYNTHETIC_LONG if call.quantity > 0 else K.SYNTHETIC_SHORT
    return K.BULLISH_RISK_REVERSAL if call.quantity > 0 else K.BEARISH_RISK_REVERSAL


def _vertical(low: ShapeLeg) -> K:
    """One to one, one right: the sign of the lower strike decides."""
    if low.is_call:
        return K.BULL_CALL_SPREAD if low.quantity > 0 else K.BEAR_CALL_SPREAD
    return K.BULL_PUT_SPREAD if low.quantity > 0 else K.BEAR_PUT_SPREAD


def _ratio(low: ShapeLeg, high: ShapeLeg) -> K:
    """Unequal numbers: more shorts farther out is a ratio spread, more longs there a backspread."""
    near, far = (low, high) if low.is_call else (high, low)
    if abs(far.quantity) < abs(near.quantity):
        return K.CUSTOM
    return K.RATIO_SPREAD if far.quantity < 0 else K.BACKSPREAD


def _strangle(call: ShapeLeg, put: ShapeLeg) -> K:
    """Call and put on the same side."""
    is_long = call.quantity > 0
    if call.strike == put.strike:
        return K.LONG_STRADDLE if is_long else K.SHORT_STRADDLE
    if call.strike > put.strike:
        return K.LONG_STRANGLE if is_long else K.SHORT_STRANGLE
    return K.LONG_GUTS if is_long else K.SHORT_GUTS


def _time_spread(legs: tuple[ShapeLeg, ...]) -> K:
    """Two expiries, one right, one to one: the sign of the later leg decides."""
    near, far = legs
    if near.is_call != far.is_call or near.quantity != -far.quantity:
        return K.CUSTOM
    if near.strike == far.strike:
        return K.CALENDAR if far.quantity > 0 else K.SHORT_CALENDAR
    return K.DIAGONAL if far.quantity > 0 else K.SHORT_DIAGONAL


def _three(legs: tuple[ShapeLeg, ...]) -> K:
    """Butterflies of one right; lizards of both."""
    calls = [leg for leg in legs if leg.is_call]
    puts = [leg for leg in legs if not leg.is_call]
    if not calls or not puts:
        return _butterfly(legs)
    if any(abs(leg.quantity) != 1 for leg in legs):
        return K.CUSTOM
    if len(calls) == 2 and puts[0].quantity < 0 and (calls[0].quantity, calls[1].quantity) == (-1, 1):
        if puts[0].strike == calls[0].strike:
            return K.BIG_LIZARD
        return K.JADE_LIZARD if puts[0].strike < calls[0].strike else K.CUSTOM
    if len(puts) == 2 and calls[0].quantity < 0 and (puts[0].quantity, puts[1].quantity) == (1, -1):
        return K.REVERSE_JADE_LIZARD if calls[0].strike >= puts[1].strike else K.CUSTOM
    return K.CUSTOM


def _butterfly(legs: tuple[ShapeLeg, ...]) -> K:
    """1-2-1 of one right, with even or broken wings."""
    quantities = tuple(leg.quantity for leg in legs)
    if quantities not in ((1, -2, 1), (-1, 2, -1)):
        return K.CUSTOM
    low, body, high = (leg.strike for leg in legs)
    is_even = abs((body - low) - (high - body)) <= 1e-9 * high
    if quantities[0] > 0:
        return K.LONG_BUTTERFLY if is_even else K.BROKEN_WING_BUTTERFLY
    return K.SHORT_BUTTERFLY if is_even else K.SHORT_BROKEN_WING_BUTTERFLY


def _four(legs: tuple[ShapeLeg, ...]) -> K:
    """Condors of one right; iron condors, iron butterflies and boxes of both."""
    if any(abs(leg.quantity) != 1 for leg in legs):
        return K.CUSTOM
    calls = [leg for leg in legs if leg.is_call]
    puts = [leg for leg in legs if not leg.is_call]
    if len(calls) != 2:
        return _condor(legs) if not calls or not puts else K.CUSTOM
    put_signs, call_signs = (puts[0].quantity, puts[1].quantity), (calls[0].quantity, calls[1].quantity)
    if [leg.strike for leg in puts] == [leg.strike for leg in calls]:
        return _box(put_signs, call_signs)
    middle_gap = calls[0].strike - puts[1].strike
    if (
        middle_gap < 0
        or put_signs[0] != call_signs[1]
        or put_signs[0] == put_signs[1]
        or call_signs[0] == call_signs[1]
    ):
        return K.CUSTOM
    if put_signs[0] > 0:
        return K.IRON_BUTTERFLY if middle_gap == 0 else K.IRON_CONDOR
    return K.REVERSE_IRON_BUTTERFLY if middle_gap == 0 else K.REVERSE_IRON_CONDOR


def _box(put_signs: tuple[int, int], call_signs: tuple[int, int]) -> K:
    """Call and put verticals on the same two strikes that pay the width everywhere."""
    if call_signs == (1, -1) and put_signs == (-1, 1):
        return K.LONG_BOX
    if call_signs == (-1, 1) and put_signs == (1, -1):
        return K.SHORT_BOX
    return K.CUSTOM


def _condor(legs: tuple[ShapeLeg, ...]) -> K:
    """Four strikes of one right."""
    quantities = tuple(leg.quantity for leg in legs)
    if quantities == (1, -1, -1, 1):
        return K.LONG_CONDOR
    return K.SHORT_CONDOR if quantities == (-1, 1, 1, -1) else K.CUSTOM


def _double_time_spread(legs: tuple[ShapeLeg, ...]) -> K:
    """A put and a call time spread over the same two expiries, both with the later leg long."""
    rights = [tuple(leg for leg in legs if leg.is_call == is_call) for is_call in (False, True)]
    if legs[-1].expiry != 1 or any(len(side) != 2 for side in rights):
        return K.CUSTOM
    kinds = [_time_spread(side) if side[0].expiry != side[1].expiry else K.CUSTOM for side in rights]
    if abs(rights[0][0].quantity) != abs(rights[1][0].quantity):
        return K.CUSTOM
    if kinds == [K.CALENDAR, K.CALENDAR]:
        return K.DOUBLE_CALENDAR
    return K.DOUBLE_DIAGONAL if set(kinds) <= {K.CALENDAR, K.DIAGONAL} else K.CUSTOM


def _with_stock(shape: Shape) -> K:
    """Options against stock or a future, one lot each."""
    if any(abs(leg.quantity) != abs(shape.stock) for leg in shape.legs):
        return K.CUSTOM
    if len(shape.legs) == 1:
        return _one_with_stock(shape.legs[0], shape.stock)
    if len(shape.legs) == 2:
        return _two_with_stock(shape)
    return K.CUSTOM


def _one_with_stock(leg: ShapeLeg, stock: int) -> K:
    """Covered and protective positions."""
    kinds = {
        (True, False, True): K.COVERED_CALL,
        (True, True, False): K.PROTECTIVE_PUT,
        (False, False, False): K.COVERED_PUT,
        (False, True, True): K.PROTECTIVE_CALL,
    }
    return kinds.get((stock > 0, leg.quantity > 0, leg.is_call), K.CUSTOM)


def _two_with_stock(shape: Shape) -> K:
    """Collars, conversions and covered strangles."""
    calls = [leg for leg in shape.legs if leg.is_call]
    puts = [leg for leg in shape.legs if not leg.is_call]
    if len(calls) != 1:
        return K.CUSTOM
    call, put, same_expiry = calls[0], puts[0], calls[0].expiry == puts[0].expiry
    signs = (shape.stock > 0, call.quantity > 0, put.quantity > 0)
    if signs == (True, False, True):
        is_conversion = call.strike == put.strike and same_expiry
        return K.CONVERSION if is_conversion else K.COLLAR
    if signs == (False, True, False) and call.strike == put.strike and same_expiry:
        return K.REVERSE_CONVERSION
    return K.COVERED_STRANGLE if signs == (True, False, False) else K.CUSTOM
