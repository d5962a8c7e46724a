"""Optiondesk: composes the parts and starts them; the only place that knows everything.

main.py                 the desk in a window, on the paper broker
main.py --headless      the engine alone
main.py tour --out DIR  plays the whole main job once, leaves facts and pictures
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
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.clock import Clock, OffsetClock, SystemClock
from models.errors import KnownError

if TYPE_CHECKING:
    from execution.brokers.paper.faults import FaultScript
    from execution.brokers.paper.market import MarketSource
    from execution.desk import Desk
    from execution.sessions import ExchangeSessions
    from execution.views import Publisher
    from models.config import DeskConfig

ASSETS = Path(__file__).resolve().parent / "assets"
_QUARTER_HOUR = timedelta(minutes=15)
_LOG_BYTES, _LOG_FILES = 10_000_000, 10
_COPY_TRIES = 5


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for."""

    data_dir: Path
    config_file: Path
    market_files: tuple[Path, ...]
    seed: int
    session_hours: bool
    sample_book: bool | None


@dataclass(frozen=True, slots=True)
class Composed:
    """A desk with the facts about it that the window and the tour need."""

    desk: Desk
    database_path: Path
    market: MarketSource
    close: Callable[[], Awaitable[None]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 done, 1 failed, 2 wrong usage or settings."""
    # Before numpy is loaded: the desk's matrices are small, and OpenBLAS's own threads would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    parsed = _parser().parse_args(arguments)
    os.umask(0o077)
    options = _options(parsed)
    try:
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
    parser.add_argument("--seed", type=int, default=7, help="seed of the simulated market (default 7)")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="where databases, logs and layouts are kept")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file (default: optiondesk.toml)")
    parser.add_argument("--session-hours", action="store_true", help="trade only while the exchange is open")
    parser.add_argument("--empty-book", action="store_true", help="open a new paper account without the sample book")


def _options(parsed: argparse.Namespace) -> Options:
    from platformdirs import user_config_path, user_data_path

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
    )


# --- composition ------------------------------------------------------------------------------------------------------


def load_settings(options: Options) -> DeskConfig:
    """Returns the settings; raises InvalidInput naming file, key and reason."""
    from models.config import load_config

    return load_config(ASSETS / "defaults.toml", options.config_file)


def store_path(data_dir: Path, environment: str) -> Path:
    """Returns where the paper broker of a market keeps its books."""
    return data_dir / f"paper-{environment}" / "paper-broker.sqlite"


def make_market(options: Options, clock: Clock, sessions: ExchangeSessions) -> MarketSource:
    """Returns the recorded market of the files given, or the synthetic one; it never closes unless asked to."""
    from execution.brokers.paper.store import last_desk_time

    hours = sessions if options.session_hours else None
    if options.market_files:
        from execution.brokers.paper.recorded import RecordedMarket

        return RecordedMarket(options.market_files, seed=options.seed, sessions=hours)
    from execution.brokers.paper.synthetic import SyntheticMarket

    # A market that ran before is listed from then on: a future that expired meanwhile must still settle.
    before = last_desk_time(store_path(options.data_dir, f"synthetic-{options.seed}"))
    now_utc = clock.now_utc()
    return SyntheticMarket(seed=options.seed, start_utc=min(now_utc, before or now_utc), sessions=hours)


def desk_clock(base: Clock, starts_at_utc: datetime | None, last_seen_utc: datetime | None) -> Clock:
    """Returns the clock the desk lives by: the present, or the recorded day.

    The offset is whole quarter hours, so that the snapshot slots of both clocks fall together; a desk that ran on this
    market before goes on where it stopped, never back over its own fills.
    """
    if starts_at_utc is None:
        return base
    wanted = starts_at_utc if last_seen_utc is None else max(starts_at_utc, last_seen_utc)
    quarters = -((base.now_utc() - wanted) // _QUARTER_HOUR)
    return OffsetClock(base=base, offset=quarters * _QUARTER_HOUR)


def viewer_copy(books: Path) -> Path:
    """Returns a private copy of another desk's paper books, for a window that only looks on; gone with the process.

    The other desk holds its books exclusively, so they are copied as files, with their write-ahead log, and the copy is
    proven; one that was torn by a write in between is made again. Raises KnownError when none is sound.
    """
    import atexit
    import shutil
    import sqlite3
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="optiondesk-viewer-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for _ in range(_COPY_TRIES):
        for name in (f"{books.name}-wal", books.name):
            (folder / name).unlink(missing_ok=True)
            if (books.parent / name).exists():
                shutil.copyfile(books.parent / name, folder / name)
        try:
            connection = sqlite3.connect(folder / books.name)
            sound = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            connection.close()
        except sqlite3.DatabaseError:
            continue
        if sound:
            return folder / books.name
    raise KnownError("The other desk's books cannot be read while it is writing.", cure="Try again in a moment.")


async def compose(
    options: Options, publisher: Publisher, *, base_clock: Clock | None = None, faults: FaultScript | None = None
) -> Composed:
    """Makes a desk on the paper broker; heavy libraries are imported here, on the caller's (the engine's) thread."""
    from analytics.strategy import recognise
    from database.store import open_storage
    from execution.assembly import Surroundings, assemble
    from execution.brokers.paper.broker import PaperBroker
    from execution.brokers.paper.sample_book import load_sample_book
    from execution.brokers.paper.settings import PaperAccount, PaperSettings
    from execution.brokers.paper.store import last_desk_time
    from execution.sessions import ExchangeSessions
    from models.enums import Mode

    config = load_settings(options)
    sessions = ExchangeSessions()
    base = base_clock or SystemClock()
    market = make_market(options, base, sessions)
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

    async def tend_storage() -> Sequence[str]:
        report = await storage.verify()
        if report.is_sound:
            await storage.back_up()
        return report.problems

    desk = assemble(
        Surroundings(
            broker=broker,
            storage=storage,
            config=config,
            clock=clock,
            publisher=publisher,
            sessions=sessions,
            recognise=recognise,
            tend_storage=tend_storage,
            market_label=market.label,
            database_path=str(folder / "journal.sqlite"),
        )
    )

    async def close() -> None:
        await desk.stop()
        await asyncio.to_thread(storage.close)

    return Composed(desk, folder / "journal.sqlite", market, close)


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
    print(f"optiondesk: {composed.market.label}; journal {composed.database_path}; Ctrl+C stops", flush=True)
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
    from ui.app import run_window

    return run_window(lambda publisher: compose(options, publisher), settings_path=options.data_dir / "window.ini")


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
