"""The simulated broker as a program of its own: what it tells at the start, and that it never waits for the desk."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from pathlib import Path
from textwrap import dedent

import pytest

from execution.brokers.simulator_process import SimulatorProcess, Started
from models.errors import KnownError

ROOT = Path(__file__).resolve().parents[3]
LOGIN = ("client secret", "refresh token")
SECRETS = ("a-secret with spaces", "a.token")
GREETING = "listening on 127.0.0.1:4711, clock offset -12 s"

pytestmark = pytest.mark.anyio


def broker(folder: Path, *lines: str, then: str = "") -> SimulatorProcess:
    """Returns a program in `folder` that prints `lines`, does `then` and waits for the end of its standard input."""
    program = f"import sys\nprint({chr(10).join(lines)!r}, flush=True)\n{dedent(then)}\nsys.stdin.read()\n"
    (folder / "printing_broker.py").write_text(program, encoding="utf-8")
    return SimulatorProcess("printing_broker", working_folder=folder, arguments=(), facts=LOGIN)


async def started_once(process: SimulatorProcess) -> Started:
    try:
        return await process.start()
    finally:
        await process.stop()


async def test_what_the_simulated_tastytrade_prints_to_log_in_with_is_carried(tmp_path: Path) -> None:
    process = SimulatorProcess(
        "tests.simulators.tastytrade", working_folder=ROOT, arguments=("--data-dir", str(tmp_path)), facts=LOGIN
    )
    started = await started_once(process)
    assert started.port > 0
    assert started.facts["client secret"].startswith("simulated-")
    assert len(started.facts["refresh token"].split(".")) == 3


async def test_the_simulated_tws_prints_nothing_to_log_in_with(tmp_path: Path) -> None:
    arguments = ("--data-dir", str(tmp_path))
    started = await started_once(SimulatorProcess("tests.simulators.tws", working_folder=ROOT, arguments=arguments))
    assert started.port > 0
    assert started.facts == {}


async def test_facts_are_found_in_any_order_and_other_lines_are_passed_over(tmp_path: Path) -> None:
    lines = (GREETING, f"refresh token {SECRETS[1]}", "refresh tokens are long", f"client secret {SECRETS[0]}")
    started = await started_once(broker(tmp_path, *lines))
    assert started == Started(4711, timedelta(seconds=-12), dict(zip(LOGIN, SECRETS, strict=True)))


async def test_a_simulator_that_ends_before_it_has_told_all_did_not_start(tmp_path: Path) -> None:
    process = broker(tmp_path, GREETING, f"client secret {SECRETS[0]}", then="sys.exit(0)")
    with pytest.raises(KnownError, match="did not start") as failure:
        await started_once(process)
    assert SECRETS[0] not in repr(failure.value)


async def test_a_program_that_greets_in_other_words_did_not_start(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="did not start"):
        await started_once(broker(tmp_path, "hello"))


async def test_a_line_that_never_ends_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="did not start"):
        await started_once(broker(tmp_path, GREETING, "x" * 1_000_000))


async def test_a_simulator_that_prints_on_and_on_is_never_held_up(tmp_path: Path) -> None:
    lines = (GREETING, *(f"{name} {secret}" for name, secret in zip(LOGIN, SECRETS, strict=True)))
    through = asyncio.Event()

    def called(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        through.set()
        writer.close()

    server = await asyncio.start_server(called, "127.0.0.1", 0)
    then = f"""
        print("x" * 4_000_000, flush=True)
        import socket
        socket.create_connection({server.sockets[0].getsockname()}).close()
    """
    process = broker(tmp_path, *lines, then=then)
    try:
        await process.start()
        async with asyncio.timeout(30):
            await through.wait()
    finally:
        await process.stop()
        server.close()


async def test_secrets_are_neither_logged_nor_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = (GREETING, *(f"{name} {secret}" for name, secret in zip(LOGIN, SECRETS, strict=True)))
    asyncio.get_running_loop().set_debug(True)
    with caplog.at_level(logging.DEBUG):
        started = await started_once(broker(tmp_path, *lines))
    assert tuple(started.facts[name] for name in LOGIN) == SECRETS
    assert "execute program" in caplog.text
    for secret in SECRETS:
        assert secret not in caplog.text
        assert secret not in repr(started)
