"""Table model of the option chain on numpy arrays; tells the view of changed cells only."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from execution.chain_views import ChainNumbers, ChainSide, ChainStatic
from models.contract import Contract, plain
from models.enums import Action, BrokerName, Right
from models.ids import ContractKey
from models.order import OrderLeg
from ui import format as fmt
from ui.chain.columns import (
    BROKER_FIELDS,
    BROKER_TITLES,
    COLUMNS,
    MEASURES,
    STRIKE_COLUMN,
    Field,
    apart,
    as_drawn,
    matrix,
)
from ui.greeks_words import OURS_COUNT, VOL, Compared, short_name

AnyIndex = QModelIndex | QPersistentModelIndex
#: Quotes older than this are drawn grey, and delayed ones.
STALE_AFTER_S = 10.0


class Band(Enum):
    """How far a strike is from the money, in expected moves."""

    INSIDE_ONE = 1
    INSIDE_TWO = 2
    OUTSIDE = 3


@dataclass(frozen=True, slots=True)
class CellLook:
    """All that the delegate needs to paint a cell besides its text."""

    field: Field
    right: Right | None
    is_itm: bool
    is_stale: bool
    is_listed: bool
    band: Band
    held: int
    #: Contracts staged in the ticket, positive bought and negative sold.
    staged: int
    #: The desk's figure and the broker's differ enough to be marked.
    is_apart: bool = False


class ChainModel(QAbstractTableModel):
    """Strikes of one expiration inside a window around the money.

    Figures come as ChainNumbers of the same version; others are ignored. Only cells whose drawn figure changed and
    whose row the view has on screen (`set_visible_rows`) are announced.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._static: ChainStatic | None = None
        self._values = np.full((0, len(COLUMNS)), np.nan)
        self._drawn = self._values
        self._stale = np.zeros((0, 2), dtype=np.bool_)
        self._apart = np.zeros((0, len(COLUMNS)), dtype=np.bool_)
        self._numbers: ChainNumbers | None = None
        #: Whose model stands beside the desk's figures; None = the broker has none.
        self._broker: BrokerName | None = None
        self._strikes = np.zeros(0)
        self._low = 0
        self._high = 0
        self._visible = (0, 0)
        self._staged: dict[ContractKey, int] = {}
        self.spot: float | None = None
        self.expected_move: float | None = None

    # --- content ------------------------------------------------------------------------------------------------------

    @property
    def static(self) -> ChainStatic | None:
        """The expiration shown."""
        return self._static

    def set_broker(self, broker: BrokerName | None) -> None:
        """Says whose model the broker's columns show; None when the broker has none."""
        if broker is not self._broker:
            self._broker = broker
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(COLUMNS) - 1)

    def set_static(self, static: ChainStatic | None) -> bool:
        """Shows another expiration; returns False when only the version moved on and the rows stay as they are."""
        old = self._static
        if old is not None and static is not None and (old.expiry, old.strikes) == (static.expiry, static.strikes):
            self._static = static
            return False
        self.beginResetModel()
        self._static = static
        self._strikes = np.array([float(k) for k in static.strikes] if static else [], dtype=np.float64)
        count = len(self._strikes)
        self._values = np.full((count, len(COLUMNS)), np.nan)
        self._values[:, STRIKE_COLUMN] = self._strikes
        self._drawn = as_drawn(self._values)
        self._stale = np.zeros((count, 2), dtype=np.bool_)
        self._apart = np.zeros((count, len(COLUMNS)), dtype=np.bool_)
        self._numbers = None
        self._low, self._high = 0, count
        self.spot = self.expected_move = None
        self.endResetModel()
        return True

    def set_window(self, low: int, high: int) -> None:
        """Shows strikes `low` to `high` (exclusive) of the expiration."""
        low, high = max(0, low), min(len(self._strikes), high)
        if (low, high) == (self._low, self._high):
            return
        self.beginResetModel()
        self._low, self._high = low, high
        self.endResetModel()

    def set_visible_rows(self, first: int, last: int) -> None:
        """Takes note of the rows on screen (inclusive)."""
        self._visible = (first, last)

    def set_numbers(self, numbers: ChainNumbers) -> bool:
        """Takes new figures; returns False when they belong to another version or shape."""
        if (
            self._static is None
            or numbers.version != self._static.version
            or len(numbers.calls.bid) != len(self._strikes)
        ):
            return False
        values = matrix(self._strikes, numbers.calls, numbers.puts)
        drawn = as_drawn(values)
        stale = _stale(numbers)
        shading = self._shading()
        self.spot, self.expected_move = numbers.spot, numbers.expected_move
        changed = ~((drawn == self._drawn) | (np.isnan(drawn) & np.isnan(self._drawn)))
        old_stale, self._stale = self._stale, stale
        old_apart, self._apart = self._apart, apart(numbers.calls, numbers.puts)
        changed |= old_apart != self._apart
        self._values, self._drawn, self._numbers = values, drawn, numbers
        side_changed = stale != old_stale
        changed[:, :STRIKE_COLUMN] |= side_changed[:, :1]
        changed[:, STRIKE_COLUMN + 1 :] |= side_changed[:, 1:]
        after = self._shading()
        changed |= (shading != after).any(axis=1)[:, None]
        self._announce(changed)
        return True

    def set_staged(self, legs: tuple[OrderLeg, ...]) -> None:
        """Marks the legs that are in the ticket."""
        before = self._staged
        self._staged = {}
        for leg in legs:
            self._staged[leg.contract.key] = self._staged.get(leg.contract.key, 0) + leg.signed_quantity
        touched = {key for key in before.keys() | self._staged.keys() if before.get(key) != self._staged.get(key)}
        if self._static is None or not touched:
            return
        for row in range(self.rowCount()):
            strike_index = self._low + row
            contracts = (self._static.calls[strike_index], self._static.puts[strike_index])
            if any(contract is not None and contract.key in touched for contract in contracts):
                self.dataChanged.emit(self.index(row, 0), self.index(row, len(COLUMNS) - 1))

    def _announce(self, changed: NDArray[np.bool_]) -> None:
        first = max(self._low + self._visible[0], self._low)
        last = min(self._low + self._visible[1] + 1, self._high)
        for strike_index in np.flatnonzero(changed[first:last].any(axis=1)) + first:
            columns = np.flatnonzero(changed[strike_index])
            row = int(strike_index) - self._low
            self.dataChanged.emit(self.index(row, int(columns[0])), self.index(row, int(columns[-1])))

    def _shading(self) -> NDArray[np.int8]:
        """Returns [strike, (ITM call, band)]: what the background of each row depends on."""
        out = np.zeros((len(self._strikes), 2), dtype=np.int8)
        if self.spot is None:
            return out
        out[:, 0] = np.sign(self.spot - self._strikes)
        if self.expected_move is not None and self.expected_move > 0:
            distance = np.abs(self._strikes - self.spot) / self.expected_move
            out[:, 1] = np.where(distance <= 1, 1, np.where(distance <= 2, 2, 3))
        return out

    # --- questions the view asks -------------------------------------------------------------------------------------

    def contract_at(self, row: int, right: Right) -> Contract | None:
        """Returns the listed contract of a row's side, None where there is none."""
        if self._static is None or not 0 <= row < self.rowCount():
            return None
        side = self._static.calls if right is Right.CALL else self._static.puts
        return side[self._low + row]

    def strike_at(self, row: int) -> Decimal | None:
        """Returns the strike of a row."""
        if self._static is None or not 0 <= row < self.rowCount():
            return None
        return self._static.strikes[self._low + row]

    def row_of_strike(self, strike: float) -> int:
        """Returns the row whose strike is nearest to `strike`; -1 when there are no rows."""
        window = self._strikes[self._low : self._high]
        return int(np.argmin(np.abs(window - strike))) if len(window) else -1

    def index_of_strike(self, strike: float) -> int:
        """Returns the position of the nearest strike among all of the expiration's; -1 when there are none."""
        return int(np.argmin(np.abs(self._strikes - strike))) if len(self._strikes) else -1

    def money_row(self) -> float | None:
        """Returns where the spot lies between rows: 3.0 = at the top edge of row 3; None when unknown or outside."""
        window = self._strikes[self._low : self._high]
        if self.spot is None or len(window) == 0 or not window[0] <= self.spot <= window[-1]:
            return None
        return float(np.searchsorted(window, self.spot, side="right"))

    def value(self, row: int, column: int) -> float:
        """Returns the figure of a cell; NaN when unknown."""
        return float(self._values[self._low + row, column])

    def look(self, row: int, column: int) -> CellLook:
        """Returns how a cell is to be painted."""
        spec = COLUMNS[column]
        strike_index = self._low + row
        strike = self._strikes[strike_index]
        band = Band.OUTSIDE
        if self.spot is not None and self.expected_move:
            distance = abs(strike - self.spot) / self.expected_move
            band = Band.INSIDE_ONE if distance <= 1 else Band.INSIDE_TWO if distance <= 2 else Band.OUTSIDE
        if spec.right is None:
            return CellLook(spec.field, None, False, False, True, band, 0, 0)
        is_call = spec.right is Right.CALL
        contract = self.contract_at(row, spec.right)
        is_itm = self.spot is not None and (strike < self.spot if is_call else strike > self.spot)
        held = self._values[strike_index, _HELD[spec.right]]
        return CellLook(
            field=spec.field,
            right=spec.right,
            is_itm=bool(is_itm),
            is_stale=bool(self._stale[strike_index, 0 if is_call else 1]),
            is_listed=contract is not None,
            band=band,
            held=0 if np.isnan(held) else round(held),
            staged=0 if contract is None else self._staged.get(contract.key, 0),
            is_apart=bool(self._apart[strike_index, column]),
        )

    def hover_text(self, row: int, column: int) -> str:
        """Returns what a click on the cell would do, in words; empty where a click does nothing."""
        spec = COLUMNS[column]
        if spec.right is None or spec.action is None:
            return ""
        contract = self.contract_at(row, spec.right)
        if contract is None:
            return ""
        price = self.value(row, column)
        at = (
            f"@ {fmt.price(price)} ({spec.field.value.lower()})"
            if np.isfinite(price)
            else f"(no {spec.field.value.lower()})"
        )
        verb = "Sell" if spec.action is Action.SELL else "Buy"
        return f"{verb} 1 {contract.label} {at}"

    def comparison(self, row: int, column: int) -> str:
        """Returns the desk's figure and the broker's side by side, in words; empty where the broker gives none."""
        spec, numbers, broker = COLUMNS[column], self._numbers, self._broker
        measure = MEASURES.get(spec.field)
        if spec.right is None or measure is None or numbers is None or broker is None:
            return ""
        contract = self.contract_at(row, spec.right)
        if contract is None:
            return ""
        side, at = numbers.calls if spec.right is Right.CALL else numbers.puts, self._low + row
        ours, theirs = (side.iv, side.broker_iv) if measure is VOL else (side.delta, side.broker_delta)
        compared = Compared(
            measure=measure,
            broker=broker,
            ours=float(ours[at]),
            theirs=float(theirs[at]),
            quote_age_s=float(side.age_s[at]),
            broker_age_s=float(side.broker_age_s[at]),
            is_apart=bool(self._apart[at, column]),
        )
        return f"{contract.label}\n{compared.text}"

    # --- Qt -----------------------------------------------------------------------------------------------------------

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's name and default
        """Returns the strikes in the window."""
        return 0 if parent.isValid() else self._high - self._low

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's name and default
        """Returns the columns, hidden ones included."""
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Returns text, alignment and tip of a cell."""
        if not index.isValid():
            return None
        row, column = index.row(), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            centred = column == STRIKE_COLUMN
            horizontal = Qt.AlignmentFlag.AlignHCenter if centred else Qt.AlignmentFlag.AlignRight
            return horizontal | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.hover_text(row, column) or self.comparison(row, column) or None
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Returns the title and tip of a column."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._title(COLUMNS[section].field)
        if role == Qt.ItemDataRole.ToolTipRole:
            is_compared = self._broker is not None and COLUMNS[section].field in MEASURES
            return f"{COLUMNS[section].help}. {OURS_COUNT}" if is_compared else COLUMNS[section].help
        if role == Qt.ItemDataRole.TextAlignmentRole and section == STRIKE_COLUMN:
            return Qt.AlignmentFlag.AlignCenter
        return None

    def _title(self, field: Field) -> str:
        if field not in BROKER_FIELDS or self._broker is None:
            return field.value
        return f"{short_name(self._broker)} {BROKER_TITLES[field]}"

    def _text(self, row: int, column: int) -> str:
        if column == STRIKE_COLUMN:
            strike = self.strike_at(row)
            return "" if strike is None else plain(strike)
        return cell_text(COLUMNS[column].field, self.value(row, column))


_HELD = {right: next(i for i, c in enumerate(COLUMNS) if c.field is Field.HELD and c.right is right) for right in Right}


def cell_text(field: Field, value: float) -> str:
    """Returns a figure as the chain shows it; an em dash when unknown, nothing for no holding."""
    match field:
        case Field.HELD:
            return "" if np.isnan(value) or value == 0 else fmt.signed(value, 0)
        case Field.IV | Field.BROKER_IV:
            return fmt.vol(value)
        case Field.DELTA | Field.BROKER_DELTA:
            return fmt.unit_delta(value)
        case Field.GAMMA:
            return fmt.fixed(value, 4)
        case _:
            return fmt.price(value)


def _stale(numbers: ChainNumbers) -> NDArray[np.bool_]:
    def side(of: ChainSide) -> NDArray[np.bool_]:
        with np.errstate(invalid="ignore"):
            return np.asarray((of.age_s > STALE_AFTER_S) | of.is_delayed, dtype=np.bool_)

    return np.column_stack([side(numbers.calls), side(numbers.puts)])
