"""The columns of the T-shaped chain: calls on the left, strikes in the middle, puts mirrored on the right."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from execution.chain_views import ChainSide
from execution.market.model_greeks import are_apart
from models.enums import Action, Right
from ui.greeks_words import DELTA, VOL, Measure


class Field(Enum):
    """What a cell of the chain shows; the value is the column's title."""

    BID = "Bid"
    ASK = "Ask"
    IV = "IV"
    BROKER_IV = "Broker IV"
    DELTA = "Delta"
    BROKER_DELTA = "Broker Δ"
    GAMMA = "Gamma"
    THETA = "Theta"
    VEGA = "Vega"
    HELD = "Pos"
    STRIKE = "Strike"


#: The broker's model: there only when the broker has one (`Capability.MODEL_GREEKS`), with the broker's name on them.
BROKER_FIELDS: Final = (Field.BROKER_IV, Field.BROKER_DELTA)
#: Fields the user may hide and show; the others are always there.
OPTIONAL_FIELDS: Final = (*BROKER_FIELDS, Field.GAMMA, Field.THETA, Field.VEGA)
#: Titles of the broker's columns after the broker's short name.
BROKER_TITLES: Final = {Field.BROKER_IV: "IV", Field.BROKER_DELTA: "Δ"}
#: Decimals at which a figure is drawn: a change below them repaints nothing.
DECIMALS: Final = {
    Field.BID: 2,
    Field.ASK: 2,
    Field.IV: 3,
    Field.BROKER_IV: 3,
    Field.DELTA: 2,
    Field.BROKER_DELTA: 2,
    Field.GAMMA: 4,
    Field.THETA: 2,
    Field.VEGA: 2,
    Field.HELD: 0,
    Field.STRIKE: 3,
}
_MIDDLE_OUT: Final = (
    Field.BID,
    Field.ASK,
    Field.IV,
    Field.BROKER_IV,
    Field.DELTA,
    Field.BROKER_DELTA,
    Field.GAMMA,
    Field.THETA,
    Field.VEGA,
    Field.HELD,
)
#: What both sources give, by the column of either.
MEASURES: Final[dict[Field, Measure]] = {
    Field.IV: VOL,
    Field.BROKER_IV: VOL,
    Field.DELTA: DELTA,
    Field.BROKER_DELTA: DELTA,
}
_HELP: Final = {
    Field.BID: "Best bid. Click to sell one more.",
    Field.ASK: "Best ask. Click to buy one more.",
    Field.IV: "Implied volatility, per cent a year",
    Field.BROKER_IV: "Implied volatility by the broker's model, per cent a year",
    Field.DELTA: "Delta of one option",
    Field.BROKER_DELTA: "Delta of one option by the broker's model",
    Field.GAMMA: "Change of delta per point of the underlying",
    Field.THETA: "Dollars per share and calendar day",
    Field.VEGA: "Dollars per share and vol point",
    Field.HELD: "Contracts held (negative: short)",
    Field.STRIKE: "Strike; right-click for spreads",
}


@dataclass(frozen=True, slots=True)
class ChainColumn:
    """One column; `right` None is the strike."""

    field: Field
    right: Right | None

    @property
    def title(self) -> str:
        """Header text."""
        return self.field.value

    @property
    def help(self) -> str:
        """Header tip."""
        return _HELP[self.field]

    @property
    def action(self) -> Action | None:
        """What a click stages: a bid is sold to, an ask is bought from."""
        return {Field.BID: Action.SELL, Field.ASK: Action.BUY}.get(self.field)


def _calls() -> tuple[ChainColumn, ...]:
    """Returns the call side: Pos on the outside, Bid then Ask nearest the strike (a bid is always left of its ask)."""
    outer = [field for field in reversed(_MIDDLE_OUT) if field not in {Field.BID, Field.ASK}]
    return tuple(ChainColumn(field, Right.CALL) for field in [*outer, Field.BID, Field.ASK])


COLUMNS: Final = (
    *_calls(),
    ChainColumn(Field.STRIKE, None),
    *(ChainColumn(field, Right.PUT) for field in _MIDDLE_OUT),
)
STRIKE_COLUMN: Final = next(i for i, column in enumerate(COLUMNS) if column.right is None)
_DECIMALS_BY_COLUMN: Final = np.array([DECIMALS[column.field] for column in COLUMNS], dtype=np.int64)


def column_index(field: Field, right: Right) -> int:
    """Returns the index of one side's column."""
    return COLUMNS.index(ChainColumn(field, right))


def _values(side: ChainSide, field: Field) -> NDArray[np.float64]:
    return {
        Field.BID: side.bid,
        Field.ASK: side.ask,
        Field.IV: side.iv,
        Field.BROKER_IV: side.broker_iv,
        Field.DELTA: side.delta,
        Field.BROKER_DELTA: side.broker_delta,
        Field.GAMMA: side.gamma,
        Field.THETA: side.theta_per_day,
        Field.VEGA: side.vega_per_point,
        Field.HELD: side.held,
    }[field]


def matrix(strikes: NDArray[np.float64], calls: ChainSide, puts: ChainSide) -> NDArray[np.float64]:
    """Returns the table's figures, [strike, column], in the order of COLUMNS; NaN where unknown."""
    out = np.empty((len(strikes), len(COLUMNS)))
    for index, column in enumerate(COLUMNS):
        if column.right is None:
            out[:, index] = strikes
        else:
            out[:, index] = _values(calls if column.right is Right.CALL else puts, column.field)
    return out


def apart(calls: ChainSide, puts: ChainSide) -> NDArray[np.bool_]:
    """Returns [strike, column] True where the desk's figure and the broker's differ enough to be marked."""
    out = np.zeros((len(calls.iv), len(COLUMNS)), dtype=np.bool_)
    for index, column in enumerate(COLUMNS):
        measure = MEASURES.get(column.field)
        if measure is not None:
            side = calls if column.right is Right.CALL else puts
            ours, theirs = (side.iv, side.broker_iv) if measure is VOL else (side.delta, side.broker_delta)
            out[:, index] = are_apart(ours, theirs, measure.most)
    return out


def as_drawn(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the figures rounded to what the eye sees, so that a change below it counts as none."""
    scale = 10.0**_DECIMALS_BY_COLUMN
    rounded: NDArray[np.float64] = np.rint(values * scale) / scale
    return rounded
