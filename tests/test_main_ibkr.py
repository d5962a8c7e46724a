"""The desk on Interactive Brokers as a user starts it: with a simulated TWS, and by clicks in its real window."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

import main as program
from execution.brokers.ibkr.trial import installed_libraries
from execution.brokers.paper.faults import tour_orders
from execution.views import Phase, Publisher
from models.enums import OrderStatus
from tests.simulators.tws.__main__ import open_simulator
from tests.window_trader import Trader
from ui.app import Desktop

ROOT = Path(__file__).resolve().parents[1]
_PATIENCE_S = 90
_WAIT_MS = 60_000
_PACKAGES = 2


def settings(folder: Path, text: str = "") -> Path:
    """Writes a settings file that names the client library of this environment."""
    file = folder / "optiondesk.toml"
    file.write_text(f'[ibkr]\nlibrary = "{installed_libraries()[0]}"\n{text}')
    return file


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_the_engine_runs_on_a_simulated_tws_of_its_own_and_takes_it_along_when_it_ends(tmp_path: Path) -> None:
    arguments = ["--headless", "--broker", "ibkr", "--simulator", "--data-dir", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "main.py", *arguments, "--config", str(settings(tmp_path))],
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
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    simulators = [int(pid) for pid in children.read_text().split()] if children.exists() else []
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=_PATIENCE_S)
    overdue.cancel()
    assert "READY" in heard, heard + errors
    assert "simulated TWS" in heard
    assert process.returncode == 0, errors
    assert not [pid for pid in simulators if Path(f"/proc/{pid}").exists()]
    journal = tmp_path / "ibkr-simulator" / "journal.sqlite"
    assert sqlite3.connect(journal).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_restart_drops_the_arguments_that_named_another_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    replaced: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _file, arguments: replaced.append(arguments))
    given = ["main.py", "--broker", "paper", "--data-dir", "d", "--simulator", "--broker=ibkr", "--seed", "3"]
    monkeypatch.setattr(sys, "orig_argv", ["python", "-X", "dev", *given])
    program._start_again()
    assert replaced == [[sys.executable, "-X", "dev", "main.py", "--data-dir", "d", "--seed", "3"]]


class Composition:
    """Composes the desk of `main.py` on a simulated TWS in this process; both live on the engine's loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.database = folder / "data" / "ibkr-paper" / "journal.sqlite"

    async def __call__(self, publisher: Publisher) -> program.Composed:
        simulator, _, _ = open_simulator(
            self._folder / "tws", market_files=[], seed=7, sample_book=True, faults=tour_orders()
        )
        port = await simulator.start(0)
        file = settings(self._folder, f"port = {port}\n")
        options = program.Options(
            self._folder / "data", file, (), 7, session_hours=False, sample_book=None, broker="ibkr"
        )
        composed = await program.compose(options, publisher)

        async def close() -> None:
            await composed.close()
            await simulator.stop()

        return program.Composed(composed.desk, composed.database_path, composed.market_label, close)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            return connection.execute(query).fetchall()


def test_an_iron_condor_goes_from_clicks_in_the_chain_to_a_filled_journal_row(qtbot: QtBot, tmp_path: Path) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    composition = Composition(tmp_path)
    desktop = Desktop(app, composition, settings_path=tmp_path / "window.ini")
    desktop.window.resize(1600, 1000)
    desktop.show()
    try:
        qtbot.waitUntil(lambda: desktop.window.is_complete, timeout=_WAIT_MS)
        trader = Trader(qtbot, desktop)
        trader.wait(lambda: trader.phase() is Phase.READY)
        trader.wait(lambda: trader.chain.model.money_row() is not None)
        assert desktop.window.windowTitle().startswith("PAPER · IBKR")
        trader.build_condor(_PACKAGES)
        verb = f"Sell {_PACKAGES} iron condors for CR "
        trader.send(banner="PAPER   IBKR account DU1234567", verb=verb)
        journaled(trader, composition)
    finally:
        desktop.close()
        app.setStyleSheet("")


def journaled(trader: Trader, composition: Composition) -> None:
    trader.wait(lambda: trader.order() in (OrderStatus.PARTIAL, OrderStatus.FILLED))
    trader.wait(lambda: trader.order() is OrderStatus.FILLED)
    trader.wait(lambda: composition.rows("SELECT id FROM trade_journal"))
    ((broker, account, status, strategy, legs, net, before, after),) = composition.rows(
        "SELECT broker, account_id, status, strategy_tag, legs_json, net_debit_credit, pre_greeks_json,"
        " post_greeks_json FROM trade_journal"
    )
    assert (broker, account, status, strategy) == ("IBKR", "DU1234567", "FILLED", "iron_condor")
    assert [leg["qty"] for leg in json.loads(str(legs))] == [_PACKAGES] * 4
    assert isinstance(net, float)
    assert net < 0
    vega = [json.loads(str(greeks))["vega"] for greeks in (before, after)]
    assert vega[1] < vega[0]
    states = composition.rows("SELECT state_json FROM order_audit_log WHERE kind = 'STATUS' ORDER BY seq")
    filled = [json.loads(str(state))["filled_packages"] for (state,) in states]
    assert {1, _PACKAGES} <= set(filled)
