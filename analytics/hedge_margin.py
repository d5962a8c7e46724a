"""What a trade does to an account's requirement: exactly, one trade at a time, and as a scan over many at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analytics.black_scholes import Bools, Floats
from analytics.book import BookArrays, Exclusion
from analytics.book_columns import Rows
from analytics.hedge_market import HedgeAccount, SearchInput
from analytics.hedge_units import Units
from analytics.margin import MarginError, RiskBook
from models.enums import MarginMethod
from models.ids import AccountId

#: Moves of the index that portfolio margin looks at for broad indices.
_SCAN = (-0.08, 0.06)


class ExactMargins:
    """Requirements of the accounts of one search, by their own rules, with what was worked out before kept."""

    def __init__(self, given: SearchInput, units: Units) -> None:
        self._given, self._units = given, units
        self._books: dict[AccountId, tuple[RiskBook, Rows] | None] = {}
        self._before: dict[tuple[AccountId, int], float | None] = {}
        self._owner = np.array([str(row.account_id) for row in given.rows], dtype=np.str_)

    def change(self, account_id: AccountId | None, rows: Rows, quantities: Floats) -> float | None:
        """Dollars of requirement that a trade adds; None when the account or what it holds cannot be margined."""
        account = self._given.account(account_id)
        if account is None or rows.size == 0:
            return None if account is None else 0.0
        book = self._book(account)
        if book is None:
            return None
        scope = int(self._units.underlying[rows[0]]) if account.margin.method is MarginMethod.REG_T else -1
        held = self._held(account, scope)
        key = (account.account_id, scope)
        if key not in self._before:
            self._before[key] = _requirement(account, book, held, self._units.quantity[held])
        before = self._before[key]
        every = np.concatenate([held, rows])
        after = _requirement(account, book, every, np.concatenate([self._units.quantity[held], quantities]))
        return None if before is None or after is None else after - before

    def _held(self, account: HedgeAccount, scope: int) -> Rows:
        units = self._units
        mine = (self._owner == str(account.account_id)) & ~units.excluded[: units.held]
        mine &= units.quantity[: units.held] != 0.0
        if scope >= 0:
            mine &= units.underlying[: units.held] == scope
        return np.flatnonzero(mine)

    def _book(self, account: HedgeAccount) -> tuple[RiskBook, Rows] | None:
        """Every row that has a value as margin sees it, one contract each, and where each row stands (-1 = nowhere)."""
        known, units = account.account_id, self._units
        if known not in self._books:
            seen = np.array([symbol in account.terms for symbol in units.symbols], dtype=np.bool_)
            rows = np.flatnonzero(seen[units.underlying] & ~units.excluded)
            place = np.full(len(units), -1, dtype=np.intp)
            place[rows] = np.arange(rows.size)
            try:
                book = RiskBook.from_book(units.book, self._given.now_epoch_s, account.terms, rows=rows)
                self._books[known] = (book, place)
            except MarginError:
                self._books[known] = None
        return self._books[known]


def _requirement(account: HedgeAccount, book: tuple[RiskBook, Rows], rows: Rows, quantity: Floats) -> float | None:
    every, place = book
    if rows.size == 0:
        return 0.0
    at = place[rows]
    if (at < 0).any():
        return None
    try:
        return account.margin.requirement(replace(every.take(at), quantity=quantity))
    except MarginError:
        return None


def account_requirement(given: SearchInput, account: HedgeAccount, book: BookArrays, owners: Bools) -> float | None:
    """Dollars that the rows marked in `owners` need together, valued from the live book; None = cannot be known."""
    valued = book.exclusions(given.now_epoch_s) == Exclusion.INCLUDED
    rows = np.flatnonzero(owners & valued)
    if rows.size == 0:
        return 0.0
    try:
        return account.margin.requirement(RiskBook.from_book(book, given.now_epoch_s, account.terms, rows=rows))
    except MarginError:
        return None


def scan_base(given: SearchInput, units: Units, account_id: AccountId | None) -> Floats:
    """P&L of one account's rows [rung] on the rungs of `scan_rungs`."""
    rungs = scan_rungs(given)
    mine = (
        np.array([row.account_id == account_id for row in given.rows], dtype=np.bool_) & ~units.excluded[: units.held]
    )
    return np.asarray(units.quantity[: units.held][mine] @ units.stress[: units.held][mine][:, rungs])


def scan_rungs(given: SearchInput) -> Rows:
    """Rungs of the stress ladder within the range of portfolio margin; the nearest to no move when there is none."""
    shifts = np.array(given.stress_shifts)
    inside = np.flatnonzero((shifts >= _SCAN[0] - 1e-9) & (shifts <= _SCAN[1] + 1e-9))
    return inside if inside.size else np.array([int(np.abs(shifts).argmin())])


def scanned(base: Floats, added: Floats) -> Floats:
    """Estimated change of a risk-based requirement [N] by P&L `added` [N, rung] to an account's `base` [rung]."""
    before = max(-float(base.min()), 0.0)
    return np.asarray(np.maximum(-(base + added).min(axis=1), 0.0) - before)
