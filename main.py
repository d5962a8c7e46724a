"""Optiondesk: composes the parts and starts them; the only place that knows everything.

main.py                             the desk in a window, on the broker of the settings (paper at first)
main.py --broker ibkr --simulator   the desk on a simulated TWS: Interactive Brokers without an account
main.py --headless                  the engine alone
main.py tour --out DIR              plays the whole main job once, leaves facts and pictures
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import logging.handlers
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.clock import Clock, SystemClock
from models.errors import KnownError

if TYPE_CHECKING:
    from database.store import SqliteStorage
    from execution.brokers.paper.faults import FaultScript
    from execution.brokers.port import Broker
    from execution.connections import Connections
    from execution.desk import Desk
    from execution.sessions import ExchangeSessions
    from execution.views import Publisher
    from models.config import DeskConfig
    from models.enums import Mode

ROOT = Path(__file__).resolve().parent
ASSETS = ROOT / "assets"
#: The simulated TWS of `--simulator`, started as a program of its own.
_SIMULATOR = "tests.simulators.tws"
_LOG_BYTES, _LOG_FILES = 10_000_000, 10


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for."""

    data_dir: Path
    config_file: Path
    market_files: tuple[Path, ...]
    seed: int
    session_hours: bool
    sample_book: bool | None
    #: "paper" or "ibkr"; None = what the settings say.
    broker: str | None = None
    simulator: bool = False


@dataclass(frozen=True, slots=True)
class Composed:
    """A desk with the facts about it that the window and the tour need."""

    desk: Desk
    database_path: Path
    market_label: str
    close: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Opened:
    """A broker with its journal. `close` ends what stands behind the broker, after the desk has let go of it."""

    broker: Broker
    storage: SqliteStorage
    folder: Path
    clock: Clock
    mode: Mode
    market_label: str
    close: Callable[[], Awaitable[None]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 done, 1 failed, 2 wrong usage or settings."""
    # Before numpy is loaded: the desk's matrices are small, and OpenBLAS's own threads would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    parsed = _parser().parse_args(arguments)
    os.umask(0o077)
    try:
        options = _options(parsed)
        options.data_dir.mkdir(parents=True, exist_ok=True)
        log_to_file(options.data_dir / "logs" / "optiondesk.log")
        if parsed.command == "tour":
            return _tour(parsed, options)
        if parsed.headless:
            return asyncio.run(run_headless(options))
        return _window(options)
    except KnownError as error:
        return _fail(str(error), 2)
    except OSError as error:
        return _fail(f"{error.strerror}: {error.filename}. Choose another folder with --data-dir.", 2)
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="main.py", description="Optiondesk: options risk, execution and journal desk."
    )
    _shared_arguments(parser)
    parser.add_argument("--headless", action="store_true", help="run the engine without a window until Ctrl+C")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    tour = commands.add_parser("tour", help="play the whole main job once without a person; leaves facts and pictures")
    _shared_arguments(tour)
    tour.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for tour.json, database, pictures")
    tour.add_argument(
        "--pictures", type=Path, metavar="DIR", help="copy the pictures of the guide into this folder too"
    )
    return parser


def _shared_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--market",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="make a recorded chain live; repeatable",
    )
    parser.add_argument("--broker", choices=("paper", "ibkr"), help="broker to open (default: what the settings say)")
    parser.add_argument("--simulator", action="store_true", help="with --broker ibkr: start and use a simulated TWS")
    parser.add_argument("--seed", type=int, default=7, help="seed of the simulated market (default 7)")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="where databases, logs and layouts are kept")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file (default: optiondesk.toml)")
    parser.add_argument("--session-hours", action="store_true", help="trade only while the exchange is open")
    parser.add_argument("--empty-book", action="store_true", help="open a new paper account without the sample book")


def _options(parsed: argparse.Namespace) -> Options:
    from platformdirs import user_config_path, user_data_path

    if parsed.simulator and parsed.broker == "paper":
        raise KnownError(
            "The paper broker needs no simulator.", cure="Leave --simulator out, or take --broker ibkr with it."
        )
    data_dir = parsed.data_dir or user_data_path("optiondesk", appauthor=False)
    if parsed.command == "tour":
        data_dir = parsed.data_dir or parsed.out / "desk"
    return Options(
        data_dir=data_dir,
        config_file=parsed.config or user_config_path("optiondesk", appauthor=False) / "optiondesk.toml",
        market_files=tuple(parsed.market),
        seed=parsed.seed,
        session_hours=parsed.session_hours,
        sample_book=False if parsed.empty_book else None,
        broker="ibkr" if parsed.simulator and parsed.broker is None else parsed.broker,
        simulator=parsed.simulator,
    )


# --- composition ------------------------------------------------------------------------------------------------------


def load_settings(options: Options) -> DeskConfig:
    """Returns the settings; raises InvalidInput naming file, key and reason."""
    from models.config import load_config

    return load_config(ASSETS / "defaults.toml", options.config_file)


async def compose(
    options: Options, publisher: Publisher, *, base_clock: Clock | None = None, faults: FaultScript | None = None
) -> Composed:
    """Makes a desk on the chosen broker; heavy libraries are imported here, on the caller's (the engine's) thread.

    `faults` script the paper broker; on the simulated TWS they only say that this is the tour.
    """
    from analytics.strategy import recognise
    from execution.assembly import Surroundings, assemble
    from execution.sessions import ExchangeSessions

    config = load_settings(options)
    sessions = ExchangeSessions()
    base = base_clock or SystemClock()
    running = options.broker or config.broker.name
    if running == "ibkr":
        opened = await _open_ibkr(options, config, base, is_tour=faults is not None)
    else:
        opened = _open_paper(options, config, base, sessions, faults)
    storage, database_path = opened.storage, opened.folder / "journal.sqlite"

    async def tend_storage() -> Sequence[str]:
        report = await storage.verify()
        if report.is_sound:
            await storage.back_up()
        return report.problems

    desk = assemble(
        Surroundings(
            broker=opened.broker,
            storage=storage,
            config=config,
            clock=opened.clock,
            publisher=publisher,
            sessions=sessions,
            recognise=recognise,
            tend_storage=tend_storage,
            market_label=opened.market_label,
            database_path=str(database_path),
            mode=opened.mode,
            connections=connections(options, config, running, opened.market_label),
        )
    )

    async def close() -> None:
        await desk.stop()
        await opened.close()
        await asyncio.to_thread(storage.close)

    return Composed(desk, database_path, opened.market_label, close)


def _open_paper(
    options: Options, config: DeskConfig, base: Clock, sessions: ExchangeSessions, faults: FaultScript | None
) -> Opened:
    from database.store import open_storage
    from execution.brokers.paper.broker import PaperBroker
    from execution.brokers.paper.opening import desk_clock, open_market, store_path, viewer_copy
    from execution.brokers.paper.sample_book import load_sample_book
    from execution.brokers.paper.settings import PaperAccount, PaperSettings
    from execution.brokers.paper.store import last_desk_time
    from models.enums import Mode

    market = open_market(
        options.market_files,
        options.seed,
        base,
        data_dir=options.data_dir,
        sessions=sessions if options.session_hours else None,
    )
    books = store_path(options.data_dir, market.environment)
    folder = books.parent
    folder.mkdir(parents=True, exist_ok=True)
    clock = desk_clock(base, market.starts_at_utc, last_desk_time(books))
    storage = open_storage(folder / "journal.sqlite", environment=market.environment, mode=Mode.PAPER, clock=clock)
    wants_sample = config.paper.sample_book if options.sample_book is None else options.sample_book
    broker = PaperBroker(
        market=market,
        clock=clock,
        store_path=books if not storage.is_read_only else viewer_copy(books),
        settings=PaperSettings(
            accounts=(
                PaperAccount(starting_cash=config.paper.starting_cash_usd, margin_method=config.paper.margin_method),
            ),
            quote_interval_s=config.paper.quote_interval_s,
            session_hours=options.session_hours,
            seed=options.seed,
        ),
        faults=faults,
        calendar=sessions,
        sample_book=load_sample_book(ASSETS / "sample_book.json") if wants_sample else None,
    )
    return Opened(broker, storage, folder, clock, Mode.PAPER, market.label, _nothing_more)


async def _open_ibkr(options: Options, config: DeskConfig, base: Clock, *, is_tour: bool) -> Opened:
    from database.store import open_storage
    from execution.brokers.ibkr.broker import IbkrBroker
    from execution.brokers.ibkr.trial import settings_of
    from execution.brokers.simulator_process import SimulatorProcess
    from execution.connections import form_of
    from models.enums import Mode

    settings = settings_of(form_of(config.ibkr))
    if not options.simulator:
        folder = options.data_dir / f"ibkr-{settings.mode.value.lower()}"
        storage = open_storage(folder / "journal.sqlite", environment="ibkr", mode=settings.mode, clock=base)
        broker = IbkrBroker(settings=settings, clock=base)
        label = f"TWS at {settings.host}:{settings.port}"
        return Opened(broker, storage, folder, base, settings.mode, label, _nothing_more)
    folder = options.data_dir / "ibkr-simulator"
    arguments = _simulator_arguments(options, folder, is_tour=is_tour)
    simulator = SimulatorProcess(_SIMULATOR, working_folder=ROOT, arguments=arguments)
    started = await simulator.start()
    try:
        clock = started.clock(base)
        settings = replace(settings, host="127.0.0.1", port=started.port, mode=Mode.PAPER, accounts=frozenset())
        storage = open_storage(folder / "journal.sqlite", environment="ibkr-simulator", mode=Mode.PAPER, clock=clock)
    except BaseException:
        await simulator.stop()
        raise
    broker = IbkrBroker(settings=settings, clock=clock)
    return Opened(broker, storage, folder, clock, Mode.PAPER, "simulated TWS", simulator.stop)


def connections(options: Options, config: DeskConfig, running: str, place: str) -> Connections:
    """Returns what the settings page works on."""
    from execution.brokers.ibkr.trial import installed_libraries, settings_of, try_connection
    from execution.connections import Connections, form_of
    from models.config_file import save_settings

    # What the desk holds open: on the simulator it is no TWS that the settings could name.
    held = settings_of(form_of(config.ibkr)) if running == "ibkr" and not options.simulator else None
    return Connections(
        config,
        running=running,
        place=place,
        file=str(options.config_file),
        save=partial(save_settings, ASSETS / "defaults.toml", options.config_file),
        probe=partial(try_connection, SystemClock(), held),
        libraries=installed_libraries,
    )


def _simulator_arguments(options: Options, folder: Path, *, is_tour: bool) -> tuple[str, ...]:
    files = [part for file in options.market_files for part in ("--market", str(file.resolve()))]
    empty = ["--empty-book"] if options.sample_book is False else []
    scripted = ["--tour-orders"] if is_tour else []
    return ("--data-dir", str((folder / "tws").resolve()), "--seed", str(options.seed), *files, *empty, *scripted)


async def _nothing_more() -> None:
    """Ends nothing: the broker has no program of its own behind it."""


# --- ways to run ------------------------------------------------------------------------------------------------------


async def run_headless(options: Options) -> int:
    """Runs the engine until it is told to stop; what it has to say goes to standard output."""
    publisher = ConsolePublisher()
    composed = await compose(options, publisher)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        if sys.platform != "win32":
            loop.add_signal_handler(number, stop.set)
    print(f"optiondesk: {composed.market_label}; journal {composed.database_path}; Ctrl+C stops", flush=True)
    await composed.desk.start()
    await stop.wait()
    await composed.close()
    return 0


class ConsolePublisher:
    """Prints notices; keeps the newest states to itself."""

    def state(self, state: Any) -> None:
        """Takes a state; a change of the desk's phase is printed."""
        from execution.views import DeskState

        if isinstance(state, DeskState):
            print(f"desk: {state.phase.value} {state.problem}".rstrip(), flush=True)

    def notice(self, notice: Any) -> None:
        """Prints what the log panel would show."""
        from execution.views import LogLine

        if isinstance(notice, LogLine):
            print(f"{notice.at_utc:%H:%M:%S} {notice.severity.value:<7} {notice.source}: {notice.text}", flush=True)


def _window(options: Options) -> int:
    from ui.preflight import window_problem

    problem = window_problem()
    if problem is not None:
        return _fail(problem, 2)
    from ui.app import RESTART, run_window

    code = run_window(lambda publisher: compose(options, publisher), settings_path=options.data_dir / "window.ini")
    if code == RESTART:
        _start_again()
    return code


def _start_again() -> None:
    """Becomes a new process that opens the broker of the settings, whatever this one was started with."""
    kept = list(sys.orig_argv[1:])
    if "--broker" in kept:
        at = kept.index("--broker")
        del kept[at : at + 2]
    kept = [part for part in kept if part != "--simulator" and not part.startswith("--broker=")]
    os.execv(sys.executable, [sys.executable, *kept])  # noqa: S606 - this very program


def _tour(parsed: argparse.Namespace, options: Options) -> int:
    from ui.preflight import window_problem

    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    problem = window_problem()
    if problem is not None:
        return _fail(problem, 2)
    from ui.tour.run import run_tour

    return run_tour(
        lambda publisher, faults: compose(options, publisher, faults=faults),
        out=parsed.out,
        pictures=parsed.pictures,
        settings_path=options.data_dir / "window.ini",
    )


def log_to_file(path: Path) -> None:
    """Sends what the parts log to a rotating file; libraries speak from WARNING on, and no secret is ever logged."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES - 1, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for own in ("execution", "database", "analytics", "ui", "ai"):
        logging.getLogger(own).setLevel(logging.INFO)


def _fail(text: str, code: int) -> int:
    print(f"optiondesk: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
