"""The paper broker's own durable memory: the other side of the wire, apart from the desk's database.

One SQLite file, WAL with `synchronous=FULL`, mode 0600, one writer (a second process is refused). Every change that
belongs together is one `BEGIN IMMEDIATE` transaction, durable when `commit` returns; a failed one has changed nothing.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from execution.brokers.paper.accounts import NO_BOOK_CHANGE, BookChange, Holding, LedgerAccount
from execution.brokers.paper.codec import contract_to_json
from execution.brokers.paper.orders import PaperOrder
from execution.brokers.paper.rows import (
    StoredExecution,
    account_of,
    execution_of,
    execution_row,
    holding_of,
    order_of,
    order_row,
    text,
    time_text,
)
from models.clock import from_iso, to_iso
from models.errors import KnownError
from models.ids import OrderId

SCHEMA_VERSION: Final = 1
_LOCK_WAIT_S: Final = 0.5
_TERMINAL: Final = "('FILLED','REJECTED','CANCELLED')"
_SCHEMA: Final = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE accounts (
    account_id TEXT PRIMARY KEY, title TEXT NOT NULL, deposits TEXT NOT NULL, ledger_cash TEXT NOT NULL,
    day_base_net_liq TEXT, day_base_at_utc TEXT) STRICT;
CREATE TABLE holdings (
    account_id TEXT NOT NULL, key TEXT NOT NULL, contract TEXT NOT NULL, quantity TEXT NOT NULL,
    average_price TEXT NOT NULL, PRIMARY KEY (account_id, key)) STRICT;
CREATE TABLE orders (
    serial INTEGER PRIMARY KEY AUTOINCREMENT, order_id TEXT NOT NULL UNIQUE, account_id TEXT NOT NULL,
    legs TEXT NOT NULL, order_type TEXT NOT NULL, limit_price TEXT, tif TEXT NOT NULL, status TEXT NOT NULL,
    filled_packages INTEGER NOT NULL, fills INTEGER NOT NULL, submitted_at_utc TEXT NOT NULL,
    works_from_utc TEXT NOT NULL, day_ends_utc TEXT, changed_at_utc TEXT NOT NULL, cancel_due_utc TEXT,
    reason TEXT) STRICT;
CREATE INDEX orders_by_status ON orders (status, changed_at_utc);
CREATE TABLE executions (
    serial INTEGER PRIMARY KEY AUTOINCREMENT, account_id TEXT NOT NULL, execution_id TEXT NOT NULL,
    revision INTEGER NOT NULL, broker_order_id TEXT, order_id TEXT, contract TEXT NOT NULL, action TEXT NOT NULL,
    quantity TEXT NOT NULL, price TEXT NOT NULL, executed_at_utc TEXT NOT NULL, kind TEXT NOT NULL, fee TEXT NOT NULL,
    fee_due_utc TEXT NOT NULL, UNIQUE (account_id, execution_id, revision)) STRICT;
CREATE INDEX executions_by_time ON executions (executed_at_utc);
"""
_PUT_ORDER: Final = (
    "INSERT INTO orders (serial, order_id, account_id, legs, order_type, limit_price, tif, status, filled_packages,"
    " fills, submitted_at_utc, works_from_utc, day_ends_utc, changed_at_utc, cancel_due_utc, reason)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
_UPDATE_ORDER: Final = (
    "UPDATE orders SET limit_price=?, status=?, filled_packages=?, fills=?, changed_at_utc=?, cancel_due_utc=?,"
    " reason=? WHERE serial=?"
)
_PUT_EXECUTION: Final = (
    "INSERT INTO executions (account_id, execution_id, revision, broker_order_id, order_id, contract, action,"
    " quantity, price, executed_at_utc, kind, fee, fee_due_utc) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"
)


class PaperStoreError(KnownError):
    """The paper broker's file could not be opened, read or written; nothing was changed."""


class DuplicateOrder(PaperStoreError):
    """An order with this client id was accepted before."""


@dataclass(frozen=True, slots=True)
class StoreChange:
    """What one transaction writes."""

    at_utc: datetime
    book: BookChange = NO_BOOK_CHANGE
    orders: tuple[PaperOrder, ...] = ()
    executions: tuple[StoredExecution, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


class PaperStore:
    """Opens (and creates) the file of one paper market. Raises PaperStoreError in every method when it cannot."""

    def __init__(self, path: Path, *, environment: str) -> None:
        self._path = path
        self.is_new = not path.exists()
        with self._explained("opened"):
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            path.chmod(0o600)
            self._connection = sqlite3.connect(path, timeout=_LOCK_WAIT_S, isolation_level=None)
            self._connection.row_factory = sqlite3.Row
            try:
                self._prepare(environment)
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Lets the file go; everything committed stays."""
        self._connection.close()

    def commit(self, change: StoreChange) -> None:
        """Writes one change in one transaction; raises DuplicateOrder for a client order id it has already."""
        with self._transaction("written") as connection:
            for order in change.orders:
                self._put_order(connection, order)
            for stored in change.executions:
                connection.execute(_PUT_EXECUTION, execution_row(stored))
            self._put_book(connection, change.book)
            self._put_facts(connection, (*change.facts, ("last_seen_utc", to_iso(change.at_utc))))

    def next_order_serial(self) -> int:
        """Returns the row number the next order gets."""
        return self._next_serial("orders")

    def next_execution_serial(self) -> int:
        """Returns the row number the next execution gets."""
        return self._next_serial("executions")

    def fact(self, name: str) -> str | None:
        """Returns a stored fact."""
        row = self._read("SELECT value FROM facts WHERE name=?", (name,))
        return None if not row else str(row[0]["value"])

    def last_seen_utc(self) -> datetime | None:
        """Returns the newest instant this store knows of."""
        seen = self.fact("last_seen_utc")
        return None if seen is None else from_iso(seen)

    def market_state(self) -> dict[str, Any] | None:
        """Returns the market's state as last saved."""
        saved = self.fact("market_state")
        if saved is None:
            return None
        state: dict[str, Any] = json.loads(saved)
        return state

    def accounts(self) -> tuple[LedgerAccount, ...]:
        """Returns every account's money."""
        return tuple(account_of(row) for row in self._read("SELECT * FROM accounts ORDER BY rowid"))

    def holdings(self) -> tuple[Holding, ...]:
        """Returns every holding."""
        return tuple(holding_of(row) for row in self._read("SELECT * FROM holdings ORDER BY rowid"))

    def working_orders(self) -> tuple[PaperOrder, ...]:
        """Returns the orders that are not terminal, oldest first."""
        rows = self._read(f"SELECT * FROM orders WHERE status NOT IN {_TERMINAL} ORDER BY serial")  # noqa: S608 - constant
        return tuple(order_of(row) for row in rows)

    def done_orders(self, since_utc: datetime) -> tuple[PaperOrder, ...]:
        """Returns terminal orders that changed since an instant, oldest first."""
        sql = f"SELECT * FROM orders WHERE status IN {_TERMINAL} AND changed_at_utc >= ? ORDER BY serial"  # noqa: S608 - constant
        return tuple(order_of(row) for row in self._read(sql, (to_iso(since_utc),)))

    def find_orders(self, order_ids: Collection[OrderId]) -> tuple[PaperOrder, ...]:
        """Returns the orders with these client ids, oldest first."""
        found = [
            row for wanted in set(order_ids) for row in self._read("SELECT * FROM orders WHERE order_id=?", (wanted,))
        ]
        return tuple(sorted((order_of(row) for row in found), key=lambda order: order.serial))

    def executions(self, since_utc: datetime | None = None) -> tuple[StoredExecution, ...]:
        """Returns the newest revision of each execution since an instant (None = all), in the order they happened."""
        rows = self._read(
            "SELECT * FROM executions AS e WHERE executed_at_utc >= ? AND revision = (SELECT max(revision) FROM"
            " executions WHERE account_id = e.account_id AND execution_id = e.execution_id)"
            " ORDER BY executed_at_utc, serial",
            ("" if since_utc is None else to_iso(since_utc),),
        )
        return tuple(execution_of(row) for row in rows)

    def fees_due_after(self, now_utc: datetime) -> tuple[StoredExecution, ...]:
        """Returns executions whose fee is still to be reported."""
        rows = self._read("SELECT * FROM executions WHERE fee_due_utc > ? AND revision = 1", (to_iso(now_utc),))
        return tuple(execution_of(row) for row in rows)

    def _prepare(self, environment: str) -> None:
        connection = self._connection
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise PaperStoreError(
                f"The paper account file {self._path} was written by a newer version ({version}).",
                cure="Update the program, or choose another file.",
            )
        with self._transaction("opened"):
            if version == 0:
                for statement in _SCHEMA.strip().split(";")[:-1]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
                self._put_facts(connection, (("environment", environment),))
            else:
                # A write takes the lock now, so a second desk is refused here and not in the middle of an order.
                connection.execute("UPDATE facts SET value=value WHERE name='environment'")
        written_for = self.fact("environment")
        if written_for != environment:
            raise PaperStoreError(
                f"The paper account file {self._path} belongs to the market {written_for!r}, not to {environment!r}.",
                cure="Use one file per market.",
            )

    @contextmanager
    def _transaction(self, what: str) -> Iterator[sqlite3.Connection]:
        with self._explained(what):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turns the world's errors into PaperStoreError with a cure."""
        try:
            yield
        except sqlite3.IntegrityError as error:
            if "orders.order_id" in str(error):
                raise DuplicateOrder("The paper broker has an order with this client id already.") from error
            raise PaperStoreError(f"The paper account file {self._path} refused a row: {error}.") from error
        except (sqlite3.Error, OSError) as error:
            locked = "locked" in str(error)
            cure = "Close the other desk that uses it." if locked else "Check the disk and the file's permissions."
            raise PaperStoreError(
                f"The paper account file {self._path} could not be {what}: {error}.", cure=cure
            ) from error

    def _read(self, sql: str, values: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        with self._explained("read"):
            return self._connection.execute(sql, values).fetchall()

    def _next_serial(self, table: str) -> int:
        row = self._read("SELECT seq FROM sqlite_sequence WHERE name=?", (table,))
        return 1 + (int(row[0]["seq"]) if row else 0)

    def _put_order(self, connection: sqlite3.Connection, order: PaperOrder) -> None:
        changed = connection.execute(
            _UPDATE_ORDER,
            (
                text(order.limit_price),
                order.status.value,
                order.filled_packages,
                order.fills,
                to_iso(order.changed_at_utc),
                time_text(order.cancel_due_utc),
                order.reason,
                order.serial,
            ),
        )
        if changed.rowcount == 0:
            connection.execute(_PUT_ORDER, order_row(order))

    def _put_book(self, connection: sqlite3.Connection, book: BookChange) -> None:
        connection.executemany(
            "INSERT INTO accounts VALUES (?,?,?,?,?,?) ON CONFLICT (account_id) DO UPDATE SET title=excluded.title,"
            " deposits=excluded.deposits, ledger_cash=excluded.ledger_cash,"
            " day_base_net_liq=excluded.day_base_net_liq, day_base_at_utc=excluded.day_base_at_utc",
            [
                (
                    a.account_id,
                    a.title,
                    str(a.deposits),
                    str(a.ledger_cash),
                    text(a.day_base_net_liq),
                    time_text(a.day_base_at_utc),
                )
                for a in book.accounts
            ],
        )
        gone = [(h.account_id, h.contract.key) for h in book.holdings if h.quantity == 0]
        connection.executemany("DELETE FROM holdings WHERE account_id=? AND key=?", gone)
        connection.executemany(
            "INSERT INTO holdings VALUES (?,?,?,?,?) ON CONFLICT (account_id, key) DO UPDATE SET"
            " quantity=excluded.quantity, average_price=excluded.average_price",
            [
                (h.account_id, h.contract.key, contract_to_json(h.contract), str(h.quantity), str(h.average_price))
                for h in book.holdings
                if h.quantity != 0
            ],
        )

    def _put_facts(self, connection: sqlite3.Connection, facts: Iterable[tuple[str, str]]) -> None:
        connection.executemany(
            "INSERT INTO facts VALUES (?,?) ON CONFLICT (name) DO UPDATE SET value=excluded.value", list(facts)
        )


def last_desk_time(path: Path) -> datetime | None:
    """Returns the newest instant a paper store knows of; None when there is none, or when another desk has it open.

    A desk on a recorded market starts its clock here, so that its time never runs back over earlier fills. Opened for
    writing, because a store whose desk was killed must first be recovered from its log.
    """
    if not path.exists():
        return None
    try:
        connection = sqlite3.connect(path.absolute().as_uri() + "?mode=rw", uri=True, timeout=_LOCK_WAIT_S)
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                return None
            row = connection.execute("SELECT value FROM facts WHERE name='last_seen_utc'").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        if "locked" in str(error):
            return None
        raise PaperStoreError(f"The paper account file {path} could not be read: {error}.") from error
    return None if row is None else from_iso(str(row[0]))
