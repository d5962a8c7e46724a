"""The simulated TWS as a program of its own, and the brokers' official clients driven through a trade on it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.paper.store import PaperStore

_ROOT = Path(__file__).resolve().parents[3]
_PROBE = Path(__file__).with_name("official_probe.py")
_PATIENCE_S = 60
_CLIENTS = {"ibapi-10.19": 176, "ibapi-10.30": 178}


@contextlib.contextmanager
def _program(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Starts the simulator; yields it with its first line. It is ended afterwards if it still runs."""
    command = [sys.executable, "-m", "tests.simulators.tws", "--port", "0", "--data-dir", str(folder), *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=_ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline()
        finally:
            process.kill()


def _port(line: str) -> int:
    assert line.startswith("listening on 127.0.0.1:")
    return int(line.partition(":")[2].split(",")[0])


def test_the_program_says_where_it_listens_and_ends_when_its_input_closes(tmp_path: Path) -> None:
    with _program(tmp_path) as (process, line):
        assert _port(line) > 0
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(_PATIENCE_S) == 0
    (books,) = tmp_path.glob("paper-*/paper-broker.sqlite")
    store = PaperStore(books, environment="synthetic-7")
    assert [account.account_id for account in store.accounts()] == ["DU1234567"]
    assert len(store.holdings()) > 10
    store.close()


def test_the_program_may_be_of_a_live_account(tmp_path: Path) -> None:
    with _program(tmp_path, "--account", "U7654321", "--empty-book") as (process, _):
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(_PATIENCE_S) == 0
    (books,) = tmp_path.glob("paper-*/paper-broker.sqlite")
    store = PaperStore(books, environment="synthetic-7")
    assert [account.account_id for account in store.accounts()] == ["U7654321"]
    store.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to send")
def test_the_program_ends_on_sigterm_and_may_open_an_empty_book(tmp_path: Path) -> None:
    with _program(tmp_path, "--empty-book", "--seed", "3") as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(_PATIENCE_S) == 0
    (books,) = tmp_path.glob("paper-*/paper-broker.sqlite")
    store = PaperStore(books, environment="synthetic-3")
    assert store.holdings() == ()
    store.close()


def test_a_file_that_is_no_market_is_refused_in_a_sentence(tmp_path: Path) -> None:
    wrong = tmp_path / "chain.csv"
    wrong.write_text("nothing\n")
    command = [sys.executable, "-m", "tests.simulators.tws", "--data-dir", str(tmp_path), "--market", str(wrong)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False, timeout=_PATIENCE_S)
    assert done.returncode == 2
    assert done.stderr.startswith("simulated TWS: ")


def _official(name: str) -> Path:
    """Folder of an official client; the test skips without it, and fails on CI."""
    folder = _ROOT / ".venv-clients" / name
    if not folder.is_dir():
        why = f"the official client {name} is not installed in {folder.parent.name}: `make test` does it"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return folder


@pytest.mark.parametrize(("name", "version"), _CLIENTS.items())
def test_the_official_client_trades_four_legs(tmp_path: Path, name: str, version: int) -> None:
    folder = _official(name)
    with _program(tmp_path) as (_, line):
        done = subprocess.run(
            [sys.executable, str(_PROBE), str(_port(line)), "21"],
            env=os.environ | {"PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_S,
        )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    assert seen["server_version"] == version
    assert seen["errors"] == seen["logged"] == []
    assert seen["statuses"][0] == "PreSubmitted"
    assert seen["statuses"][-1] == "Filled"
    assert [kind for _, kind in seen["live_executions"]] == ["BAG", "OPT", "OPT", "OPT", "OPT"]
    assert seen["asked_executions"] == 5
    assert [exec_id for exec_id, _ in seen["commissions"]] == [exec_id for exec_id, _ in seen["live_executions"][1:]]
    assert all(commission > 0 for _, commission in seen["commissions"])
    assert seen["completed"] == ["Filled"]
    assert seen["greeks"] >= 4
    assert seen["positions"] > 10
    assert float(seen["margins"]["after"]) == pytest.approx(
        float(seen["margins"]["before"]) + float(seen["margins"]["change"])
    )
