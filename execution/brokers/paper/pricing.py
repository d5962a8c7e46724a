"""Prices contracts of a simulated market at a frame of its paths, as arrays over registered rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

import numpy as np

from analytics.american import american_price
from execution.brokers.paper.market import OptionModel
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
    made_on: FloatArray
    forward: FloatArray
    dividend_yield: FloatArray
    spot: float


class _Inputs(NamedTuple):
    """What rows are priced from; of rows that are not alive they mean nothing.

    made_on: the underlying's price that the options follow, spot but for a recorded chain of another minute.
    """

    strike: FloatArray
    is_call: BoolArray
    t_years: FloatArray
    spot: FloatArray
    made_on: FloatArray
    forward: FloatArray
    dividend_yield: FloatArray
    variance: FloatArray
    alive: BoolArray

    @property
    def vol(self) -> FloatArray:
        """Annual vol of each row, 0 where it is not alive."""
        t_years = np.where(self.alive, self.t_years, np.inf)
        return np.asarray(np.sqrt(np.maximum(self.variance, 0.0) / t_years))

    def take(self, rows: IntArray) -> _Inputs:
        """Some of the rows."""
        return _Inputs(
            strike=self.strike[rows],
            is_call=self.is_call[rows],
            t_years=self.t_years[rows],
            spot=self.spot[rows],
            made_on=self.made_on[rows],
            forward=self.forward[rows],
            dividend_yield=self.dividend_yield[rows],
            variance=self.variance[rows],
            alive=self.alive[rows],
        )


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

        European value from the surface's variance. An American contract is priced as such at the surface's vol and the
        carry of its expiry, and is never worth less than exercise.
        """
        inputs, early = self._inputs(rows), self._table.is_american(rows)
        price = np.zeros(rows.size)
        plain, american = np.flatnonzero(inputs.alive & ~early), np.flatnonzero(inputs.alive & early)
        if plain.size:
            one = inputs.take(plain)
            price[plain] = np.exp(-self._rate * one.t_years) * black(one.forward, one.strike, one.variance, one.is_call)
        intrinsic = np.maximum(np.where(inputs.is_call, 1.0, -1.0) * (inputs.spot - inputs.strike), 0.0)
        if american.size:
            one = inputs.take(american)
            price[american] = american_price(
                spot=one.made_on,
                strike=one.strike,
                t_years=one.t_years,
                rate=self._rate,
                dividend_yield=one.dividend_yield,
                vol=one.vol,
                is_call=one.is_call,
            )
        price = np.where(early, np.maximum(price, intrinsic), price)
        return Priced(price, intrinsic, inputs.spot, inputs.t_years, inputs.alive)

    def models(self, rows: IntArray) -> list[OptionModel | None]:
        """Returns vol, rate and yield of each row; None where it is not alive."""
        inputs = self._inputs(rows)
        columns = zip(inputs.alive.tolist(), inputs.vol.tolist(), inputs.dividend_yield.tolist(), strict=True)
        return [OptionModel(vol, self._rate, paid) if alive else None for alive, vol, paid in columns]

    def _inputs(self, rows: IntArray) -> _Inputs:
        table = self._table
        if len(table) != self._rows_seen:
            self._ladders.clear()
            self._rows_seen = len(table)
        strike, expires_s, numbers = table.strike(rows), table.expires_s(rows), table.asset_numbers(rows)
        alive = expires_s > self._at_s
        t_years = years_between(self._at_s, expires_s)
        spot, forward, made_on, variance = (np.ones(rows.size) for _ in range(4))
        paid = np.zeros(rows.size)
        for number in np.unique(numbers[alive]).tolist():
            mine = alive & (numbers == number)
            ladder = self._ladder(number)
            at = np.searchsorted(ladder.expires_s, expires_s[mine])
            spot[mine], forward[mine], paid[mine] = ladder.spot, ladder.forward[at], ladder.dividend_yield[at]
            made_on[mine] = ladder.made_on[at]
            variance[mine] = ladder.surface.variance(at, np.log(strike[mine] / forward[mine]))
        is_call = table.sign(rows) > 0.0
        return _Inputs(strike, is_call, t_years, spot, made_on, forward, paid, variance, alive)

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
        carry = asset.option_smile.carry(expires_s, self._at_s)
        lean = asset.option_smile.lean(expires_s, self._at_s)
        dividend_yield = self._rate - (carry - lean) / np.where(t_years > 0.0, t_years, np.inf)
        return _Ladder(expires_s, surface, spot * np.exp(lean), spot * np.exp(carry), dividend_yield, spot)
