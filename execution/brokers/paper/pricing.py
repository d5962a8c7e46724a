"""Prices contracts of a simulated market at a frame of its paths, as arrays over registered rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

import numpy as np

from execution.brokers.paper.paths import Frame
from execution.brokers.paper.quoting import IntArray, TickColumns, spread_width, tick_row
from execution.brokers.paper.surface import BoolArray, FloatArray, Smile, Surface, black, years_between
from models.clock import epoch_s
from models.contract import Contract
from models.enums import ExerciseStyle, Right
from models.ids import ContractKey


@dataclass(frozen=True, slots=True)
class Asset:
    """An underlying: `ratio` x the path's price, for a future carried to `delivery_s` (POSIX seconds) by `smile`.

    `option_smile` prices its options: the smile itself, for a future one without carry.
    """

    symbol: str
    path: int
    smile: Smile
    option_smile: Smile
    ratio: float = 1.0
    delivery_s: float | None = None

    def price_at(self, frame: Frame) -> float:
        """Returns the underlying's price at a frame, in points."""
        price = float(frame.spots[self.path]) * self.ratio
        if self.delivery_s is None:
            return price
        carry = self.smile.carry(np.array([self.delivery_s]), epoch_s(frame.at_utc))
        return price * float(np.exp(carry[0]))


class Priced(NamedTuple):
    """Model prices of rows, in points; `alive` False where the contract has expired or is not in this market."""

    price: FloatArray
    intrinsic: FloatArray
    spot: FloatArray
    t_years: FloatArray
    alive: BoolArray


class _Ladder(NamedTuple):
    """One asset's expiries at one frame."""

    expires_s: FloatArray
    surface: Surface
    forward: FloatArray
    discount: FloatArray
    spot: float


class ContractTable:
    """Columns of every option asked for so far; a row stays a contract's for the life of the market."""

    def __init__(self) -> None:
        self._row_of: dict[ContractKey, int] = {}
        self.assets: list[Asset | None] = []
        self._number_of: dict[str, int] = {}
        self._floats = np.zeros((256, 7))
        self._ints = np.zeros((256, 3), dtype=np.int64)

    def __len__(self) -> int:
        return len(self._row_of)

    def rows(self, contracts: Sequence[Contract], assets: dict[str, Asset]) -> IntArray:
        """Returns the rows of option contracts, registering new ones; one of an unknown asset is never alive."""
        known = self._row_of
        try:
            return np.fromiter((known[contract.key] for contract in contracts), np.int64, len(contracts))
        except KeyError:
            for contract in contracts:
                if contract.key not in known:
                    self._register(contract, assets.get(contract.underlying))
        return np.fromiter((known[contract.key] for contract in contracts), np.int64, len(contracts))

    def _register(self, contract: Contract, asset: Asset | None) -> None:
        row = len(self._row_of)
        if row == len(self._floats):
            self._floats = np.concatenate([self._floats, np.zeros_like(self._floats)])
            self._ints = np.concatenate([self._ints, np.zeros_like(self._ints)])
        number = self._number_of.setdefault(contract.underlying, len(self.assets))
        if number == len(self.assets):
            self.assets.append(asset)
        expires = contract.expires_at_utc
        expires_s = 0.0 if expires is None else epoch_s(expires)
        if asset is None or not asset.option_smile.knows(expires_s):
            expires_s = 0.0
        sign = 1.0 if contract.right is Right.CALL else -1.0
        width = spread_width(contract.underlying)
        self._floats[row] = (float(contract.strike or 1), sign, expires_s, width, *tick_row(contract.tick))
        self._ints[row] = (number, contract.style is ExerciseStyle.AMERICAN, crc32(contract.key.encode()))
        self._row_of[contract.key] = row

    def strike(self, rows: IntArray) -> FloatArray:
        """Returns strikes, points."""
        return np.asarray(self._floats[rows, 0])

    def sign(self, rows: IntArray) -> FloatArray:
        """Returns +1 for calls, -1 for puts."""
        return np.asarray(self._floats[rows, 1])

    def expires_s(self, rows: IntArray) -> FloatArray:
        """Returns settlement instants, POSIX seconds; 0 = not in this market."""
        return np.asarray(self._floats[rows, 2])

    def width(self, rows: IntArray) -> FloatArray:
        """Returns spread factors."""
        return np.asarray(self._floats[rows, 3])

    def ticks(self, rows: IntArray) -> TickColumns:
        """Returns the tick rules."""
        return TickColumns(self._floats[rows, 4], self._floats[rows, 5], self._floats[rows, 6])

    def asset_numbers(self, rows: IntArray) -> IntArray:
        """Returns positions in `assets`."""
        return np.asarray(self._ints[rows, 0])

    def is_american(self, rows: IntArray) -> BoolArray:
        """Returns which may be exercised early."""
        return np.asarray(self._ints[rows, 1] == 1)

    def fingerprints(self, rows: IntArray) -> IntArray:
        """Returns a number per contract that does not depend on the order in which contracts were asked for."""
        return np.asarray(self._ints[rows, 2])

    def ladder_of(self, number: int) -> FloatArray:
        """Returns the distinct settlement instants of an asset's registered rows, ascending."""
        count = len(self._row_of)
        mine = self._floats[:count, 2][self._ints[:count, 0] == number]
        return np.unique(mine[mine > 0.0])


class FramePricer:
    """Prices rows at one frame; surfaces are evaluated once an asset, when first asked for."""

    def __init__(self, frame: Frame, table: ContractTable, *, rate: float) -> None:
        self.frame = frame
        self._at_s = epoch_s(frame.at_utc)
        self._table = table
        self._rate = rate
        self._ladders: dict[int, _Ladder] = {}
        self._rows_seen = 0

    def price(self, rows: IntArray) -> Priced:
        """Returns model prices of rows of the contract table.

        European value from the surface; an American contract is never worth less than exercise.
        """
        table = self._table
        if len(table) != self._rows_seen:
            self._ladders.clear()
            self._rows_seen = len(table)
        strike, sign, expires_s = table.strike(rows), table.sign(rows), table.expires_s(rows)
        numbers = table.asset_numbers(rows)
        alive = expires_s > self._at_s
        price, spot = np.zeros(rows.size), np.ones(rows.size)
        for number in np.unique(numbers[alive]).tolist():
            mine = alive & (numbers == number)
            ladder = self._ladder(number)
            at = np.searchsorted(ladder.expires_s, expires_s[mine])
            forward, strikes = ladder.forward[at], strike[mine]
            variance = ladder.surface.variance(at, np.log(strikes / forward))
            worth = black(forward, strikes, variance, sign[mine] > 0.0)
            price[mine] = ladder.discount[at] * worth
            spot[mine] = ladder.spot
        intrinsic = np.maximum(sign * (spot - strike), 0.0)
        price = np.where(table.is_american(rows), np.maximum(price, intrinsic), price)
        return Priced(price, intrinsic, spot, years_between(self._at_s, expires_s), alive)

    def _ladder(self, number: int) -> _Ladder:
        found = self._ladders.get(number)
        asset = self._table.assets[number]
        if found is None and asset is not None:
            found = self._ladders[number] = self._evaluate(asset, self._table.ladder_of(number))
        if found is None:
            raise LookupError(f"asset {number} of the contract table is not in this market")
        return found

    def _evaluate(self, asset: Asset, expires_s: FloatArray) -> _Ladder:
        log_variance = float(self.frame.log_variances[asset.path])
        surface = asset.option_smile.surface(expires_s, self._at_s, log_variance)
        spot = asset.price_at(self.frame)
        t_years = years_between(self._at_s, expires_s)
        forward = spot * np.exp(asset.option_smile.carry(expires_s, self._at_s))
        return _Ladder(expires_s, surface, forward, np.exp(-self._rate * t_years), spot)
