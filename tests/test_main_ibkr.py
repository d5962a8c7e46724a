"""The desk on Interactive Brokers as a user starts it: with a simulated TWS, and by clicks in its real window."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

import main as program
from execution.brokers.ibkr.trial import installed_libraries
from execution.brokers.paper.faults import tour_orders
from execution.views import DeskState, OrdersState, Phase, Publisher
from models.enums import OrderStatus, Right
from tests.simulators.tws.__main__ import open_simulator
from ui.app import Desktop
from ui.chain.columns import Field, column_index
from ui.panels.option_chain import OptionChainPanel
from ui.panels.order_ticket import OrderTicketPanel

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


class Trader:
    """A person at the window: looks, waits, clicks."""

    def __init__(self, qtbot: QtBot, desktop: Desktop) -> None:
        self._qtbot = qtbot
        self.desktop = desktop
        chain, ticket = (desktop.window.docks[key].panel() for key in ("option_chain", "order_ticket"))
        assert isinstance(chain, OptionChainPanel)
        assert isinstance(ticket, OrderTicketPanel)
        self.chain, self.ticket = chain, ticket

    def wait(self, done: Callable[[], object]) -> None:
        self._qtbot.waitUntil(lambda: bool(done()), timeout=_WAIT_MS)

    def press(self, button: object) -> None:
        self._qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def click_price(self, row: int, right: Right, field: Field) -> None:
        """Brings a strike on screen, waits for its quote and clicks it."""
        index = self.chain.model.index(row, column_index(field, right))
        self.chain.view.scrollTo(index)
        self.wait(lambda: re.fullmatch(r"[\d,.]+", str(index.data())))
        middle = self.chain.view.visualRect(index).center()
        self._qtbot.mouseClick(self.chain.view.viewport(), Qt.MouseButton.LeftButton, pos=middle)

    def order(self) -> OrderStatus | None:
        told = self.desktop.bridge.newest(OrdersState)
        return told.orders[0].status if told is not None and told.orders else None


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
        desk: Callable[[], DeskState | None] = lambda: desktop.bridge.newest(DeskState)  # noqa: E731
        trader.wait(lambda: (told := desk()) is not None and told.phase is Phase.READY)
        trader.wait(lambda: trader.chain.model.money_row() is not None)
        assert desktop.window.windowTitle().startswith("PAPER · IBKR")
        build_condor(trader)
        send(trader)
        journaled(trader, composition)
    finally:
        desktop.close()
        app.setStyleSheet("")


def build_condor(trader: Trader) -> None:
    money = round(trader.chain.model.money_row() or 0)
    for row, right, field in (
        (money - 20, Right.PUT, Field.BID),
        (money - 24, Right.PUT, Field.ASK),
        (money + 20, Right.CALL, Field.BID),
        (money + 24, Right.CALL, Field.ASK),
    ):
        trader.click_price(row, right, field)
    page = trader.ticket.edit_page
    trader.wait(lambda: page.title.text() == "Short iron condor")
    for _ in range(_PACKAGES - 1):
        trader.press(page.more)


def send(trader: Trader) -> None:
    ticket = trader.ticket
    trader.wait(ticket.edit_page.simulate.isEnabled)
    trader.press(ticket.edit_page.simulate)
    trader.wait(lambda: ticket.pages.currentWidget() is ticket.review_page and ticket.review_page.send.isEnabled())
    assert ticket.review_page.banner.text() == "PAPER   IBKR account DU1234567"
    assert ticket.review_page.send.text().startswith(f"Sell {_PACKAGES} iron condors for CR ")
    trader.press(ticket.review_page.send)


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
