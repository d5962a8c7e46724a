"""The simulated Tastytrade as a program of its own, and driven by its own clock."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from execution.brokers.paper.store import PaperStore
from tests.simulators.tastytrade.__main__ import open_simulator
from tests.simulators.tastytrade.auth import CLIENT_SECRET
from tests.simulators.tastytrade.stage import CROSSING, MANUAL, Stage, play

_ROOT = Path(__file__).resolve().parents[3]
_PATIENCE_S = 60


@contextlib.contextmanager
def _program(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Starts the simulator; yields it with its first lines. It is ended afterwards if it still runs."""
    command = [
        sys.executable,
        "-m",
        "tests.simulators.tastytrade",
        "--port",
        "0",
        "--data-dir",
        str(folder),
        *arguments,
    ]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=_ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, [process.stdout.readline() for _ in range(3)]
        finally:
            process.kill()


def test_the_program_says_where_it_listens_and_what_to_log_in_with(tmp_path: Path) -> None:
    with _program(tmp_path) as (process, lines):
        assert int(lines[0].removeprefix("listening on 127.0.0.1:").split(",")[0]) > 0
        assert lines[1] == f"client secret {CLIENT_SECRET}\n"
        assert lines[2].startswith("refresh token ")
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(_PATIENCE_S) == 0
    (books,) = tmp_path.glob("paper-*/paper-broker.sqlite")
    store = PaperStore(books, environment="synthetic-7")
    assert [account.account_id for account in store.accounts()] == ["5WX00001"]
    assert any(one.contract.key.startswith("./ES") for one in store.holdings())
    store.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to send")
def test_the_program_ends_on_sigterm_and_may_open_an_empty_book(tmp_path: Path) -> None:
    with _program(tmp_path, "--empty-book", "--seed", "3", "--account", "5WX00009") as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(_PATIENCE_S) == 0
    (books,) = tmp_path.glob("paper-*/paper-broker.sqlite")
    store = PaperStore(books, environment="synthetic-3")
    assert [account.account_id for account in store.accounts()] == ["5WX00009"]
    assert store.holdings() == ()
    store.close()


def test_a_file_that_is_no_market_is_refused_in_a_sentence(tmp_path: Path) -> None:
    wrong = tmp_path / "chain.csv"
    wrong.write_text("nothing\n")
    command = [sys.executable, "-m", "tests.simulators.tastytrade", "--data-dir", str(tmp_path), "--market", str(wrong)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False, timeout=_PATIENCE_S)
    assert done.returncode == 2
    assert done.stderr.startswith("simulated Tastytrade: ")


def test_a_recorded_day_is_played_on_its_own_clock(tmp_path: Path, shared_data: Path) -> None:
    simulator, clock, base = open_simulator(
        tmp_path, market_files=[shared_data / "chain_SPX_2026-05-04.parquet"], seed=7, sample_book=False
    )
    assert clock is not base
    assert simulator.refresh_token

    async def run() -> None:
        assert await simulator.start() > 0
        assert simulator.core.market.environment != "synthetic-7"
        await simulator.stop()

    asyncio.run(run())


def test_it_ticks_by_itself(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        placed = await stage.place(stage.session(), stage.limit(CROSSING))
        session = stage.session()
        account = await stage.account(session)
        async with asyncio.timeout(20):
            while (await account.get_order(session, placed.order.id)).status.value != "Filled":
                stage.clock.advance(timedelta(seconds=0.1))
                await asyncio.sleep(0.01)

    play(tmp_path, scenario, settings=replace(MANUAL, manual=False))


def _official() -> Path:
    """The official JavaScript client's folder; the test skips without it, and without Node."""
    folder = _ROOT / ".node-clients" / "node_modules"
    if shutil.which("node") is None or not (folder / "@tastytrade" / "api").is_dir():
        pytest.skip("no official client: npm install --prefix .node-clients @tastytrade/api@7.0.2 ws")
    return folder


def test_the_official_javascript_client_trades_four_legs(tmp_path: Path) -> None:
    folder = _official()
    with _program(tmp_path) as (_, lines):
        port, secret, refresh = (line.split()[-1].split(":")[-1] for line in lines)
        command = ["node", str(Path(__file__).with_name("official_probe.mjs")), str(folder), port, secret, refresh]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "kinds": ["Cryptocurrency", "Equity", "Equity Option", "Future", "Future Option"],
        "roots": ["SPX", "SPXW"],
        "dryRun": "Debit",
        "statuses": ["Routed", "Live", "Filled"],
        "trades": 4,
    }
