"""A simulator as a program: its arguments, its market, clock and books, its pace, and when it ends."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Generic, TypeVar

from execution.brokers.paper.faults import FaultScript, tour_orders
from execution.brokers.paper.opening import desk_clock, open_market, store_path
from execution.brokers.paper.sample_book import load_sample_book
from execution.brokers.paper.settings import PaperSettings
from execution.brokers.paper.store import last_desk_time
from execution.sessions import ExchangeSessions
from models.clock import Clock, SystemClock
from models.errors import KnownError
from models.ids import AccountId
from tests.simulators.life import HOST, Life
from tests.simulators.pace import keep_pace

_SAMPLE_BOOK: Final = Path(__file__).resolve().parents[2] / "assets" / "sample_book.json"
_READ_BYTES: Final = 4096
_Simulator = TypeVar("_Simulator", bound=Life)


class Program(Generic[_Simulator]):
    """A simulator on the command line; one with arguments of its own overrides the three hooks."""

    def __init__(
        self, kind: type[_Simulator], *, package: str, default_port: int, ticks: str, account_help: str
    ) -> None:
        """`ticks` is what the simulator's prices are called, `account_help` what `--account` says."""
        self._kind = kind
        self._package = package
        self._default_port = default_port
        self._ticks = ticks
        self._account_help = account_help

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Returns the exit code: 0 ended as asked, 2 could not start."""
        parsed = self._parser().parse_args(arguments)
        os.umask(0o077)
        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
        try:
            asyncio.run(self._serve(parsed))
        except KnownError as error:
            sys.stderr.write(f"simulated {self._kind.name}: {error}\n")
            return 2
        except OSError as error:
            sys.stderr.write(
                f"simulated {self._kind.name}: cannot listen on port {parsed.port}: {error}. "
                "Choose another with --port.\n"
            )
            return 2
        except KeyboardInterrupt:
            return 0
        return 0

    def open_simulator(
        self,
        data_dir: Path,
        *,
        market_files: Sequence[Path],
        seed: int,
        sample_book: bool,
        faults: FaultScript | None = None,
        account_id: AccountId | None = None,
    ) -> tuple[_Simulator, Clock, Clock]:
        """Returns the simulator on the market of the files, or the synthetic one, with its clock and the computer's.

        Raises KnownError when a file or the books cannot be used.
        """
        sessions, base = ExchangeSessions(), SystemClock()
        market = open_market(market_files, seed, base, data_dir=data_dir, sessions=None)
        books = store_path(data_dir, market.environment)
        books.parent.mkdir(parents=True, exist_ok=True)
        clock = desk_clock(base, market.starts_at_utc, last_desk_time(books))
        account = self._kind.default_account
        if account_id is not None:
            account = replace(account, account_id=account_id)
        simulator = self._kind(
            market=market,
            clock=clock,
            store_path=books,
            settings=PaperSettings(accounts=(account,), seed=seed),
            calendar=sessions,
            faults=faults,
            sample_book=load_sample_book(_SAMPLE_BOOK) if sample_book else None,
        )
        return simulator, clock, base

    # --- what a program may add ---

    def _add_behaviour(self, parser: argparse.ArgumentParser) -> None:
        """Adds the arguments that say how it behaves."""
        pace_help = f"send so many {self._ticks} a second, evenly in time"
        parser.add_argument("--ticks-per-s", type=float, metavar="N", help=pace_help)
        parser.add_argument("--tick-log", type=Path, metavar="FILE", help="with --ticks-per-s: write what left when")

    def _behave(self, simulator: _Simulator, parsed: argparse.Namespace) -> None:
        """Sets the habits that the arguments ask for."""
        simulator.habits.paced_ticks = parsed.ticks_per_s is not None

    def _login(self, simulator: _Simulator) -> str:
        """Returns the lines that say what to log in with: none."""
        return ""

    # --- inside ---

    def _parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(
            prog=f"python -m {self._package}", description=f"A simulated {self._kind.name} on loopback."
        )
        port_help = f"port on 127.0.0.1 (default {self._default_port}, 0 = any free one)"
        parser.add_argument("--port", type=int, default=self._default_port, help=port_help)
        parser.add_argument("--data-dir", type=Path, required=True, metavar="DIR", help="where its books are kept")
        parser.add_argument(
            "--market",
            type=Path,
            action="append",
            default=[],
            metavar="FILE",
            help="make a recorded chain live; repeatable",
        )
        parser.add_argument("--seed", type=int, default=7, help="seed of the simulated market (default 7)")
        tour_help = "fill the first order in two parts, rest the second"
        parser.add_argument("--tour-orders", action="store_true", help=tour_help)
        self._add_behaviour(parser)
        parser.add_argument("--empty-book", action="store_true", help="open a new account without the sample book")
        parser.add_argument(
            "--account",
            type=AccountId,
            default=self._kind.default_account.account_id,
            metavar="ID",
            help=f"{self._account_help} (default %(default)s)",
        )
        return parser

    async def _serve(self, parsed: argparse.Namespace) -> None:
        simulator, clock, base = self.open_simulator(
            parsed.data_dir,
            market_files=parsed.market,
            seed=parsed.seed,
            sample_book=not parsed.empty_book,
            faults=tour_orders() if parsed.tour_orders else None,
            account_id=parsed.account,
        )
        self._behave(simulator, parsed)
        port = await simulator.start(parsed.port)
        stop = _stop_event()
        try:
            offset_s = (clock.now_utc() - base.now_utc()).total_seconds()
            suffix = f", clock offset {round(offset_s)} s" if clock is not base else ""
            sys.stdout.write(f"listening on {HOST}:{port}{suffix}\n{self._login(simulator)}")
            sys.stdout.flush()
            async with _paced(simulator, parsed.ticks_per_s, parsed.tick_log):
                await _first_of(stop, simulator.failed)
        finally:
            await simulator.stop()


@contextlib.asynccontextmanager
async def _paced(simulator: Life, ticks_per_s: float | None, log: Path | None) -> AsyncIterator[None]:
    """Sends ticks at a pace, if one is wanted; its error is raised at the end."""
    if ticks_per_s is None:
        yield
        return
    with contextlib.ExitStack() as open_files:
        written = None if log is None else open_files.enter_context(log.open("w", encoding="ascii"))
        pace = asyncio.get_running_loop().create_task(keep_pace(simulator, ticks_per_s, written), name="pace")
        pace.add_done_callback(lambda task: None if task.cancelled() else simulator.failed.set())
        try:
            yield
        finally:
            pace.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pace


async def _first_of(*events: asyncio.Event) -> None:
    """Waits until one of several events is set."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for one in waiting:
        one.cancel()


def _stop_event() -> asyncio.Event:
    """Returns an event that is set when standard input closes or a signal comes."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)

    def tell() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=_until_input_ends, args=(tell,), daemon=True, name="standard-input").start()
    return stop


def _until_input_ends(tell: Callable[[], None]) -> None:
    """Reads and drops standard input; unbuffered, so that an interpreter that ends never waits for this thread."""
    try:
        while os.read(0, _READ_BYTES):
            continue
    except OSError:
        logging.getLogger(__name__).debug("standard input cannot be read: taken as closed")
    tell()
