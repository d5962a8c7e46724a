"""The paper broker's memory: whole transactions or nothing, one writer, private."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from execution.brokers.paper.accounts import BookChange, Holding, LedgerAccount
from execution.brokers.paper.codec import contract_from_json, contract_to_json
from execution.brokers.paper.orders import PaperOrder
from execution.brokers.paper.rows import StoredExecution
from execution.brokers.paper.store import (
    DuplicateOrder,
    PaperStore,
    PaperStoreError,
    StoreChange,
    last_desk_time,
)
from models.contract import Contract, future_option_contract, underlying_contract
from models.enums import Action, BrokerName, OrderStatus, OrderType, Right, Settlement, TimeInForce
from models.ids import AccountId, ExecutionId, OrderId
from models.trade import Execution
from tests.execution.brokers.contract_kit import buy, sell
from tests.execution.brokers.paper.fake_market import ES, EXPIRY, aapl, spxw

ACCOUNT = AccountId("PAPER-1")
NOW = datetime(2026, 11, 16, 15, 0, 0, 123456, tzinfo=UTC)


def an_order(serial: int = 1, order_id: str = "one") -> PaperOrder:
    return PaperOrder(
        serial=serial,
        order_id=OrderId(order_id),
        account_id=ACCOUNT,
        legs=(sell(spxw(6800, "P"), 2), buy(spxw(6700, "P"), 2)),
        order_type=OrderType.LIMIT,
        limit_price=Decimal("-9.60"),
        tif=TimeInForce.DAY,
        status=OrderStatus.PENDING,
        filled_packages=0,
        fills=0,
        submitted_at_utc=NOW,
        works_from_utc=NOW + timedelta(seconds=1),
        day_ends_utc=NOW + timedelta(hours=6),
        changed_at_utc=NOW,
    )


def an_execution(number: int = 1, revision: int = 1) -> StoredExecution:
    execution = Execution(
        broker=BrokerName.PAPER,
        account_id=ACCOUNT,
        execution_id=ExecutionId(f"E{number}"),
        broker_order_id=an_order().broker_order_id,
        order_id=OrderId("one"),
        contract=spxw(6800, "P"),
        action=Action.SELL,
        quantity=Decimal(2),
        price=Decimal("29.80"),
        executed_at_utc=NOW,
        revision=revision,
    )
    return StoredExecution(execution, Decimal("2.63"), NOW + timedelta(seconds=5))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "paper.db"


def test_everything_comes_back_as_it_was_committed(path: Path) -> None:
    account = LedgerAccount(ACCOUNT, "Paper", Decimal(500000), Decimal("500123.45"), Decimal("499999.99"), NOW)
    holding = Holding(ACCOUNT, spxw(6800, "P"), Decimal(-2), Decimal("29.80"))
    store = PaperStore(path, environment="hand")
    change = StoreChange(NOW, BookChange((account,), (holding,)), (an_order(),), (an_execution(),), (("x", "y"),))
    store.commit(change)
    store.close()
    again = PaperStore(path, environment="hand")
    assert not again.is_new
    assert again.accounts() == (account,)
    assert again.holdings() == (holding,)
    assert again.working_orders() == (an_order(),)
    assert again.executions() == (an_execution(),)
    assert again.fact("x") == "y"
    assert again.last_seen_utc() == NOW
    assert again.next_order_serial() == 2
    assert again.next_execution_serial() == 2
    again.close()
    assert last_desk_time(path) == NOW


def test_a_fee_is_known_from_the_moment_it_is_reported() -> None:
    stored = an_execution()
    assert stored.as_known_at(NOW).fee is None
    assert stored.as_known_at(NOW + timedelta(seconds=5)).fee == Decimal("2.63")


def test_a_change_that_fails_leaves_nothing_of_itself(path: Path) -> None:
    store = PaperStore(path, environment="hand")
    store.commit(StoreChange(NOW, executions=(an_execution(),)))
    account = LedgerAccount(ACCOUNT, "Paper", Decimal(1), Decimal(1))
    with pytest.raises(PaperStoreError, match="refused a row"):
        store.commit(StoreChange(NOW, BookChange((account,)), (an_order(),), (an_execution(2), an_execution(1))))
    assert store.accounts() == ()
    assert store.working_orders() == ()
    assert [stored.execution.execution_id for stored in store.executions()] == ["E1"]
    store.close()


def test_a_client_order_id_is_taken_once(path: Path) -> None:
    store = PaperStore(path, environment="hand")
    store.commit(StoreChange(NOW, orders=(an_order(),)))
    with pytest.raises(DuplicateOrder):
        store.commit(StoreChange(NOW, orders=(an_order(serial=2),)))
    assert len(store.working_orders()) == 1
    store.close()


def test_an_order_changes_in_place_and_leaves_the_working_ones_when_done(path: Path) -> None:
    store = PaperStore(path, environment="hand")
    store.commit(StoreChange(NOW, orders=(an_order(),)))
    done = replace(an_order(), status=OrderStatus.FILLED, filled_packages=2, fills=1)
    store.commit(StoreChange(NOW, orders=(done,)))
    assert store.working_orders() == ()
    assert store.done_orders(NOW) == (done,)
    assert store.done_orders(NOW + timedelta(seconds=1)) == ()
    assert store.find_orders([OrderId("one"), OrderId("two")]) == (done,)
    store.close()


def test_the_newest_revision_of_an_execution_counts(path: Path) -> None:
    store = PaperStore(path, environment="hand")
    store.commit(StoreChange(NOW, executions=(an_execution(), an_execution(2))))
    store.commit(StoreChange(NOW, executions=(an_execution(revision=2),)))
    assert sorted((s.execution.execution_id, s.execution.revision) for s in store.executions()) == [
        ("E1", 2),
        ("E2", 1),
    ]
    store.close()


def test_a_holding_of_nothing_is_gone(path: Path) -> None:
    store = PaperStore(path, environment="hand")
    holding = Holding(ACCOUNT, spxw(6800, "P"), Decimal(-2), Decimal("29.80"))
    store.commit(StoreChange(NOW, BookChange((), (holding,))))
    store.commit(StoreChange(NOW, BookChange((), (replace(holding, quantity=Decimal(0)),))))
    assert store.holdings() == ()
    store.close()


def test_the_file_is_private_and_fully_synchronised(path: Path) -> None:
    store = PaperStore(path, environment="hand")
    assert path.stat().st_mode & 0o777 == 0o600
    assert store._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert store._connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    store.close()


def test_a_second_desk_is_refused_with_a_cure(path: Path) -> None:
    store = PaperStore(path, environment="hand")
    with pytest.raises(PaperStoreError, match="Close the other desk"):
        PaperStore(path, environment="hand")
    assert last_desk_time(path) is None
    store.close()


def test_a_file_of_another_market_or_a_newer_version_is_refused(path: Path) -> None:
    PaperStore(path, environment="hand").close()
    with pytest.raises(PaperStoreError, match="belongs to the market 'hand'"):
        PaperStore(path, environment="synthetic-7")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(PaperStoreError, match="newer version"):
        PaperStore(path, environment="hand")


def test_a_file_that_is_no_database_is_refused_and_kept(path: Path) -> None:
    path.write_text("this is not a database, but the user may want it")
    with pytest.raises(PaperStoreError):
        PaperStore(path, environment="hand")
    assert path.read_text() == "this is not a database, but the user may want it"


def test_no_file_and_an_empty_file_have_no_last_time(path: Path) -> None:
    assert last_desk_time(path) is None
    path.touch()
    assert last_desk_time(path) is None
    path.write_text("this is not a database" * 50)
    with pytest.raises(PaperStoreError, match="could not be read"):
        last_desk_time(path)


_KILLED = """
import os, signal, sys
from pathlib import Path
from tests.execution.brokers.paper.test_store import NOW, an_execution, an_order
from execution.brokers.paper.store import PaperStore, StoreChange
store = PaperStore(Path(sys.argv[1]), environment="hand")
store.commit(StoreChange(NOW, orders=(an_order(),)))
store._connection.execute("BEGIN IMMEDIATE")
store._connection.execute("UPDATE orders SET status='FILLED'")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_what_it_committed_and_nothing_else(path: Path) -> None:
    command = [sys.executable, "-c", _KILLED, str(path)]
    killed = subprocess.run(command, check=False, cwd=Path(__file__).parents[4])
    assert killed.returncode == -9
    assert last_desk_time(path) == NOW
    store = PaperStore(path, environment="hand")
    assert store.working_orders() == (an_order(),)
    store.close()


@pytest.mark.parametrize(
    "contract",
    [
        spxw(6800, "P"),
        aapl(280, "C"),
        underlying_contract("SPX"),
        underlying_contract(ES, expiry=EXPIRY),
        future_option_contract(
            "./ESZ6 E1AZ6 261204C6700",
            future=ES,
            root="E1A",
            expiry=EXPIRY,
            right=Right.CALL,
            strike=Decimal("6700.5"),
            settlement=Settlement.PM,
        ),
    ],
)
def test_a_contract_survives_the_store_in_every_field(contract: Contract) -> None:
    again = contract_from_json(contract_to_json(contract))
    names = Contract.__slots__
    assert [getattr(again, name) for name in names] == [getattr(contract, name) for name in names]
