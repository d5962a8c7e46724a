"""Trades that act on what is held: close or reduce, roll, buy a wing against a short."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from analytics.black_scholes import Bools, Floats
from analytics.book_columns import Model, Rows
from analytics.hedge_estimates import naked_base, standing_requirement
from analytics.hedge_market import SearchInput
from analytics.hedge_pool import wants
from analytics.hedge_shapes import MAX_LEGS, Shapes, shapes_of
from analytics.hedge_units import Units
from analytics.legs import LegKind, PayoffLeg
from analytics.strategy_groups import group_positions
from models.enums import InstrumentKind
from models.hedge import HedgeKind, SearchLimits
from models.ids import AccountId

_FUTURES = frozenset({InstrumentKind.FUTURE, InstrumentKind.FUTURE_OPTION})
#: A roll goes to the own expiry or one of so many later ones of its class.
_LATER_EXPIRIES = 4
#: A wing may expire later than its short, by so many expiries: it covers all the same.
_LATER_WINGS = 2
#: Strikes above and below the nearest that a whole spread is rolled to.
_SHIFTS = (-2, -1, 0, 1, 2)
#: Wings a side when a strangle gets both at once.
_PAIR_WINGS = 8


class ClosingTrades:
    """Shapes on the positions of one book, as far as they lie in the accounts given (all, when none is given)."""

    def __init__(self, given: SearchInput, wish: SearchLimits, units: Units) -> None:
        self._given, self._units = given, units
        self._accounts = account_numbers(given)
        self._of_account = np.array([self._accounts[row.account_id] for row in given.rows], dtype=np.int64)
        wanted = [wants(symbol, wish) for symbol in units.symbols]
        held = units.held
        self._named = np.array([wanted[at] for at in units.underlying[:held].tolist()], dtype=np.bool_)
        if given.accounts:
            self._named &= self._of_account < len(given.accounts)
        quantity = units.quantity[:held]
        side = np.where(quantity > 0, units.can_sell[:held], units.can_buy[:held])
        self._closable = side & self._named & (np.floor(np.abs(quantity)) >= 1.0)
        self._naked = naked_base(given, units)
        strategies = list(self._strategies())
        self._own = standing_requirement(units, self._naked, strategies)
        self._other = self._needs_of_other_side(strategies)
        self._groups = [part for members in strategies for part in self._parts(members)]

    def all(self) -> list[Shapes]:
        """Every family, part by part."""
        return [*self._closings(), *self._rolls(), *self._rolled_pairs(), *self._wings(), *self._wing_pairs()]

    def _strategies(self) -> Iterator[list[tuple[int, int]]]:
        """What is held together, account by account: (row, signed whole contracts) of each member."""
        for number in sorted(set(self._of_account.tolist())):
            rows = [row for row in np.flatnonzero(self._of_account == number).tolist() if self._is_line(row)]
            for group in group_positions([_payoff_leg(self._given, self._units, row) for row in rows]):
                yield [(rows[one.position], int(one.quantity)) for one in group.members]

    def _is_line(self, row: int) -> bool:
        quantity = float(self._units.quantity[row])
        return quantity != 0.0 and math.isfinite(quantity)

    def _parts(self, members: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
        """A strategy that can be closed whole, and its put and its call side."""
        if not all(quantity and self._closable[row] for row, quantity in members):
            return
        if 2 <= len(members) <= MAX_LEGS:
            yield members
        if len(members) > 2:
            for call in (False, True):
                side = [m for m in members if self._is_option(m[0]) and bool(self._units.is_call[m[0]]) is call]
                if len(side) == 2:
                    yield side

    def _is_option(self, row: int) -> bool:
        return bool(self._units.model[row] != Model.LINEAR)

    def _closings(self) -> Iterator[Shapes]:
        rows = np.flatnonzero(self._closable)
        units = self._units
        if rows.size:
            quantity = units.quantity[rows]
            sign = np.sign(quantity).astype(np.int64)
            yield shapes_of(
                [(rows, -sign)],
                kind=HedgeKind.CLOSE,
                family=rows,
                row=rows,
                account=self._of_account[rows],
                most=np.floor(np.abs(quantity)).astype(np.int64),
                margin=-(np.maximum(self._own, self._other) - self._other)[rows],
            )
        for number, members in enumerate(self._groups):
            size = math.gcd(*(abs(quantity) for _, quantity in members))
            legs = [(np.array([row]), -quantity // size) for row, quantity in members]
            yield shapes_of(
                [(at, np.array([ratio])) for at, ratio in legs],
                kind=HedgeKind.CLOSE,
                family=10_000 + number,
                row=members[0][0],
                account=int(self._of_account[members[0][0]]),
                most=size,
                margin=-self._spread_requirement([(row, quantity / size) for row, quantity in members]),
            )

    def _needs_of_other_side(self, strategies: list[list[tuple[int, int]]]) -> Floats:
        """Dollars per contract that the other side of a short option's strategy needs: only the greater side counts."""
        other = np.zeros(self._units.held)
        for members in strategies:
            sides = {True: 0.0, False: 0.0}
            shorts = [row for row, quantity in members if quantity < 0 and self._is_option(row)]
            for row in shorts:
                call = bool(self._units.is_call[row])
                sides[call] = max(sides[call], float(self._own[row]))
            for row in shorts:
                other[row] = sides[not bool(self._units.is_call[row])]
        return other

    def _spread_requirement(self, members: Sequence[tuple[int, float]]) -> float:
        """Dollars that one unit of a strategy holds: the greater side of its shorts, its lines, what its longs cost."""
        sides, rest = {True: 0.0, False: 0.0}, 0.0
        for row, quantity in members:
            need = abs(quantity) * float(self._own[row])
            if self._is_option(row) and quantity < 0:
                sides[bool(self._units.is_call[row])] += need
            else:
                rest += need
        return max(sides.values()) + rest

    def _targets(self, row: int) -> Rows:
        """Contracts of the market that a held option can be rolled to: own class and right, own or a later expiry."""
        units = self._units
        same = (units.root == units.root[row]) & (units.is_call == units.is_call[row]) & (units.group >= 0)
        same &= (units.contract != units.contract[row]) & (units.expiry_epoch_s >= units.expiry_epoch_s[row])
        same &= units.can_sell if units.quantity[row] < 0 else units.can_buy
        same &= ~self._opposed(int(self._of_account[row]), units.quantity[row] > 0)
        same &= units.expiry_epoch_s <= self._last_expiry(row, same, _LATER_EXPIRIES)
        return np.flatnonzero(same & units.core)

    def _opposed(self, account: int, is_buy: bool) -> Bools:
        """Contracts held in the account on the other side: trading them would close, not open."""
        return opposed(self._units, self._of_account == account, is_buy=is_buy)

    def _rolls(self) -> Iterator[Shapes]:
        units = self._units
        for row in np.flatnonzero(self._closable & (units.model[: units.held] != Model.LINEAR)).tolist():
            targets = self._targets(row)
            if targets.size == 0:
                continue
            sign = 1 if units.quantity[row] > 0 else -1
            margin = self._naked[targets] - self._naked[row] if sign < 0 else units.value[targets] - units.value[row]
            later = units.expiry_epoch_s[targets] > units.expiry_epoch_s[row]
            yield shapes_of(
                [(np.full(targets.size, row), -sign), (targets, sign)],
                kind=HedgeKind.ROLL,
                family=20_000 + 2 * row + later.astype(np.int64),
                row=row,
                account=int(self._of_account[row]),
                most=int(abs(units.quantity[row])),
                margin=np.where(np.isfinite(margin), margin, 0.0),
            )

    def _rolled_pairs(self) -> Iterator[Shapes]:
        """Both options of a spread, strangle or straddle to one later expiry, at its strikes or shifted ones."""
        units = self._units
        for number, members in enumerate(self._groups):
            rows = [row for row, _ in members]
            if len(members) != 2 or not all(self._is_option(row) for row in rows):
                continue
            if units.expiry_epoch_s[rows[0]] != units.expiry_epoch_s[rows[1]]:
                continue
            size = math.gcd(*(abs(quantity) for _, quantity in members))
            pools = [self._targets(row) for row in rows]
            expiries = np.intersect1d(units.expiry_epoch_s[pools[0]], units.expiry_epoch_s[pools[1]])
            new = [self._shifted(row, pool, expiries) for row, pool in zip(rows, pools, strict=True)]
            legs = np.stack(new, axis=1)
            order = units.strike[rows[0]] < units.strike[rows[1]]
            kept = (units.strike[legs[:, 0]] < units.strike[legs[:, 1]]) == order
            kept &= (legs[:, 0] != legs[:, 1]) & ~np.isin(units.contract[legs], units.contract[rows]).any(axis=1)
            legs = np.unique(legs[kept], axis=0)
            if legs.shape[0] == 0:
                continue
            one, two = (quantity // size for _, quantity in members)
            old = [(np.full(legs.shape[0], row), -ratio) for row, ratio in zip(rows, (one, two), strict=True)]
            yield shapes_of(
                [*old, (legs[:, 0], one), (legs[:, 1], two)],
                kind=HedgeKind.ROLL,
                family=30_000 + number,
                row=rows[0],
                account=int(self._of_account[rows[0]]),
                most=size,
                margin=self._pair_need((one, two), legs)
                - self._spread_requirement([(r, q / size) for r, q in members]),
            )

    def _pair_need(self, ratio: tuple[int, int], legs: Rows) -> Floats:
        """Dollars that one unit of new pairs of options needs, [N] of `legs` [N, 2]."""
        units = self._units
        needs = np.stack([abs(size) * self._naked[legs[:, at]] for at, size in enumerate(ratio)], axis=1)
        paid = np.stack([size * units.value[legs[:, at]] for at, size in enumerate(ratio)], axis=1).sum(axis=1)
        if max(ratio) < 0:
            return np.asarray(needs.max(axis=1))
        if min(ratio) > 0:
            return np.asarray(paid)
        short = 0 if ratio[0] < 0 else 1
        width = np.abs(units.strike[legs[:, 0]] - units.strike[legs[:, 1]]) * units.multiplier[legs[:, 0]]
        return np.asarray(np.minimum(needs[:, short], width * abs(ratio[short])))

    def _shifted(self, row: int, pool: Rows, expiries: Floats) -> Rows:
        """The strikes of a pool nearest to the row's, and its neighbours, per expiry: one entry a shift."""
        units, found = self._units, []
        for expiry in expiries.tolist():
            mine = pool[units.expiry_epoch_s[pool] == expiry]
            mine = mine[np.argsort(units.strike[mine])]
            at = int(np.abs(units.strike[mine] - units.strike[row]).argmin())
            found.append(mine[np.clip(np.array(_SHIFTS) + at, 0, mine.size - 1)])
        return np.concatenate(found) if found else np.empty(0, dtype=np.intp)

    def _wing_rows(self, row: int, *, later: int = 0) -> Rows:
        """Contracts further out of the money than a short option, of its class and right, its expiry or a later one."""
        units = self._units
        same = (units.root == units.root[row]) & (units.is_call == units.is_call[row]) & units.core & units.can_buy
        same &= units.expiry_epoch_s >= units.expiry_epoch_s[row]
        same &= units.expiry_epoch_s <= self._last_expiry(row, same, later)
        same &= units.strike > units.strike[row] if units.is_call[row] else units.strike < units.strike[row]
        return np.flatnonzero(same & ~self._opposed(int(self._of_account[row]), is_buy=True))

    def _last_expiry(self, row: int, among: Bools, later: int) -> float:
        """The expiry of a row, or that of the n-th later one among some rows."""
        expiry = self._units.expiry_epoch_s
        after = np.unique(expiry[among & (expiry > expiry[row])])[:later]
        return float(after[-1]) if after.size else float(expiry[row])

    def _shorts(self) -> list[int]:
        units = self._units
        short = (units.quantity[: units.held] <= -1.0) & (units.model[: units.held] != Model.LINEAR) & self._named
        return np.flatnonzero(short & ~units.excluded[: units.held]).tolist()

    def _wings(self) -> Iterator[Shapes]:
        units = self._units
        for row in self._shorts():
            wings = self._wing_rows(row, later=_LATER_WINGS)
            if wings.size:
                yield shapes_of(
                    [(wings, 1)],
                    kind=HedgeKind.WING,
                    family=40_000 + row,
                    row=row,
                    account=int(self._of_account[row]),
                    most=int(abs(units.quantity[row])),
                    margin=self._wing_margin(row, wings),
                )

    def _width(self, row: int, wings: Rows) -> Floats:
        """Dollars that one short needs with each wing against it."""
        units = self._units
        width = np.abs(units.strike[wings] - units.strike[row]) * units.multiplier[row]
        return np.asarray(np.minimum(width, self._own[row]))

    def _wing_margin(self, row: int, wings: Rows) -> Floats:
        other = self._other[row]
        freed = max(self._own[row], other) - np.maximum(self._width(row, wings), other)
        return np.asarray(self._units.value[wings] - freed)

    def _wing_pairs(self) -> Iterator[Shapes]:
        """A put and a call against a short put and a short call of one strategy, one for one."""
        units, shorts = self._units, set(self._shorts())
        for number, members in enumerate(self._groups):
            sold = [row for row, quantity in members if quantity < 0 and row in shorts]
            if len(sold) != 2 or units.is_call[sold[0]] == units.is_call[sold[1]]:
                continue
            pools = [_spread_out(self._wing_rows(row), _PAIR_WINGS) for row in sold]
            one, two = (grid.reshape(-1) for grid in np.meshgrid(*pools, indexing="ij"))
            if one.size:
                held = min(abs(int(units.quantity[row])) for row in sold)
                yield shapes_of(
                    [(one, 1), (two, 1)],
                    kind=HedgeKind.WING,
                    family=50_000 + number,
                    row=sold[0],
                    account=int(self._of_account[sold[0]]),
                    most=held,
                    margin=self._pair_margin(sold, one, two),
                )

    def _pair_margin(self, sold: Sequence[int], one: Rows, two: Rows) -> Floats:
        before = max(self._own[row] for row in sold)
        after = np.maximum(self._width(sold[0], one), self._width(sold[1], two))
        return np.asarray(after - before + self._units.value[one] + self._units.value[two])


def opposed(units: Units, mine: Bools, *, is_buy: bool) -> Bools:
    """Rows whose contract is held short (`is_buy`) or long among the book's rows `mine`."""
    quantity = units.quantity[: units.held]
    other = mine & ((quantity < 0) if is_buy else (quantity > 0))
    return np.asarray(np.isin(units.contract, units.contract[: units.held][other]))


def account_numbers(given: SearchInput) -> dict[AccountId, int]:
    """Number of every account: those given first, then others that hold something."""
    names = [*(one.account_id for one in given.accounts), *(row.account_id for row in given.rows)]
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def _spread_out(rows: Rows, most: int) -> Rows:
    """At most so many of the rows, evenly."""
    return rows if rows.size <= most else rows[np.linspace(0, rows.size - 1, most).round().astype(np.intp)]


def _payoff_leg(given: SearchInput, units: Units, row: int) -> PayoffLeg:
    contract = given.rows[row].contract
    option = contract.is_option
    return PayoffLeg(
        kind=LegKind.OPTION if option else LegKind.LINEAR,
        underlying=contract.underlying,
        quantity=float(units.quantity[row]),
        multiplier=float(units.multiplier[row]),
        is_call=bool(units.is_call[row]) if option else None,
        strike=float(units.strike[row]) if option else 0.0,
        expiry_epoch_s=float(units.expiry_epoch_s[row]) if option else 0.0,
        is_future=contract.kind in _FUTURES,
        key=str(contract.key),
    )
