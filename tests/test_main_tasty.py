"""The desk on Tastytrade as a user starts it: with a simulated one, and by clicks in its real window."""

from __future__ import annotations

import base64
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

import main as program
from execution.brokers.paper.faults import tour_orders
from execution.views import MarketState, Phase, Publisher
from models.enums import FeedState, OrderStatus
from tests.simulators.tastytrade.auth import CLIENT_SECRET, refresh_token
from tests.window_trader import Trader
from ui.app import Desktop

ROOT = Path(__file__).resolve().parents[1]
_PATIENCE_S = 90
_WAIT_MS = 60_000
_PACKAGES = 2
ACCOUNT = "5WX00001"
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="finds the simulator among the children in /proc")


def children_of(pid: int) -> list[int]:
    """Returns the programs that a process, or any of its threads, started and that still run."""
    found = [file.read_text().split() for file in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for line in found for child in line]


def simulators() -> list[int]:
    """Returns the simulated Tastytrades of this process."""
    return [pid for pid in children_of(os.getpid()) if b"tastytrade" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def assert_nothing_secret_in(folder: Path) -> None:
    """Reads every file of a data folder, bytes by bytes."""
    refresh = refresh_token()
    signature = refresh.rpartition(".")[2]
    wanted = [each.encode() for each in (CLIENT_SECRET, refresh, signature)]
    wanted += [base64.b64encode(each) for each in wanted] + [b"Bearer ey"]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 3
    for path in files:
        content = path.read_bytes()
        assert not [each for each in wanted if each in content], path


@linux_only
def test_the_engine_runs_on_a_simulated_tastytrade_of_its_own_and_takes_it_along_when_it_ends(tmp_path: Path) -> None:
    arguments = ["--headless", "--broker", "tastytrade", "--simulator", "--data-dir", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "main.py", *arguments, "--config", str(tmp_path / "none.toml")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    overdue = threading.Timer(_PATIENCE_S, process.kill)
    overdue.start()
    assert process.stdout is not None
    heard = ""
    while "READY" not in heard and (line := process.stdout.readline()):
        heard += line
    far = children_of(process.pid)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=_PATIENCE_S)
    overdue.cancel()
    assert "READY" in heard, heard + errors
    assert "simulated Tastytrade" in heard
    assert process.returncode == 0, errors
    assert far
    assert not [pid for pid in far if Path(f"/proc/{pid}").exists()]
    journal = tmp_path / "tastytrade-simulator" / "journal.sqlite"
    assert sqlite3.connect(journal).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert_nothing_secret_in(tmp_path)


def test_without_a_terminal_a_login_without_secrets_is_refused_with_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "main.py", "--headless", "--broker", "tastytrade", "--data-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    assert done.returncode == 2
    assert 'no secrets of the Tastytrade login "main" yet' in done.stderr
    assert "Broker connections" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_simulator_is_the_tws_unless_arguments_or_settings_name_tastytrade(tmp_path: Path) -> None:
    settings = tmp_path / "optiondesk.toml"
    options = program.Options(tmp_path, settings, (), 7, session_hours=False, sample_book=None, simulator=True)
    assert program.running_broker(options, program.load_settings(options)) == "ibkr"
    settings.write_text('[broker]\nname = "tastytrade"\n')
    assert program.running_broker(options, program.load_settings(options)) == "tastytrade"


class Composition:
    """Composes the desk of `main.py` on a simulated Tastytrade, which is a program of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.options = program.Options(
            folder,
            folder / "none.toml",
            (),
            7,
            session_hours=False,
            sample_book=None,
            broker="tastytrade",
            simulator=True,
        )
        self.secrecy = program.keep_secrets(self.options)

    async def __call__(self, publisher: Publisher) -> program.Composed:
        return await program.compose(self.options, publisher, faults=tour_orders(), secrecy=self.secrecy)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        database = self.folder / "tastytrade-simulator" / "journal.sqlite"
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            return connection.execute(query).fetchall()


@contextmanager
def at_the_desk(qtbot: QtBot, composition: Composition) -> Iterator[Trader]:
    """Opens the window and waits until the desk is ready and its chain is there."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    desktop = Desktop(
        app,
        composition,
        settings_path=composition.folder / "window.ini",
        clean=composition.secrecy.redactor.clean,
    )
    desktop.window.resize(1600, 1000)
    desktop.show()
    try:
        qtbot.waitUntil(lambda: desktop.window.is_complete, timeout=_WAIT_MS)
        trader = Trader(qtbot, desktop)
        trader.wait(lambda: trader.phase() is Phase.READY)
        trader.wait(lambda: trader.chain.model.money_row() is not None)
        yield trader
    finally:
        desktop.close()
        app.setStyleSheet("")


@linux_only
def test_an_iron_condor_is_journaled_and_the_desk_trades_on_after_tastytrade_was_gone(
    qtbot: QtBot, tmp_path: Path
) -> None:
    composition = Composition(tmp_path)
    with at_the_desk(qtbot, composition) as trader:
        assert trader.desktop.window.windowTitle().startswith("PAPER · TASTYTRADE · simulated Tastytrade")
        trader.build_condor(_PACKAGES)
        send(trader)
        journaled(trader, composition, 1)
        comes_back(trader)
        trader.wait(lambda: trader.chain.model.money_row() is not None)
        trader.build_condor(_PACKAGES)
        send(trader)
        journaled(trader, composition, 2)
    assert not simulators()
    assert_nothing_secret_in(tmp_path)


def send(trader: Trader) -> None:
    trader.send(banner=f"PAPER   Tastytrade account {ACCOUNT}", verb=f"Sell {_PACKAGES} iron condors for CR ")


def comes_back(trader: Trader) -> None:
    """Kills the simulator; the desk says so, and is ready again when it is started anew on the same port."""
    (pid,) = simulators()
    os.kill(pid, signal.SIGKILL)

    def feed() -> FeedState | None:
        told = trader.desktop.bridge.newest(MarketState)
        return None if told is None else told.feed

    trader.wait(lambda: feed() is FeedState.DOWN)
    trader.wait(lambda: feed() is FeedState.LIVE and trader.phase() is Phase.READY)
    assert simulators() != [pid]


def journaled(trader: Trader, composition: Composition, count: int) -> None:
    trader.wait(lambda: trader.order() in (OrderStatus.PARTIAL, OrderStatus.FILLED))
    trader.wait(lambda: trader.order() is OrderStatus.FILLED)
    ours = (
        "SELECT broker, account_id, status, legs_json, net_debit_credit FROM trade_journal"
        " WHERE strategy_tag = 'iron_condor'"
    )
    trader.wait(lambda: len(composition.rows(ours)) == count)
    for broker, account, status, legs, net in composition.rows(ours):
        assert (broker, account, status) == ("TASTYTRADE", ACCOUNT, "FILLED")
        assert [leg["qty"] for leg in json.loads(str(legs))] == [_PACKAGES] * 4
        assert isinstance(net, float)
        assert net < 0
    states = composition.rows("SELECT state_json FROM order_audit_log WHERE kind = 'STATUS' ORDER BY seq")
    filled = [json.loads(str(state))["filled_packages"] for (state,) in states]
    assert {1, _PACKAGES} <= set(filled)
