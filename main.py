"""Optiondesk: composes the parts and starts them; the only place that knows everything.

main.py                             the desk in a window, on the broker of the settings (paper at first)
main.py --broker ibkr --simulator   the desk on a simulated TWS: Interactive Brokers without an account
main.py --broker tastytrade --simulator   the same on a simulated Tastytrade
main.py --broker ibkr,tastytrade    both in one book, Interactive Brokers the primary
main.py --headless                  the engine alone
main.py tour --out DIR              plays the whole main job once, leaves facts and pictures
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import logging
import logging.handlers
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from execution.openings import (
    BrokerPlan,
    Options,
    TastySimulation,
    joined_options,
    plan_all,
    plan_ibkr,
    plan_paper,
    plan_tastytrade,
    running_broker,
    running_brokers,
)
from execution.redaction import Redactor, guard_last_words, protect
from models.clock import Clock, SystemClock
from models.errors import KnownError

if TYPE_CHECKING:
    from database.secret_store import StoreChoice
    from execution.assembly import AnalystSurroundings
    from execution.brokers.paper.faults import FaultScript
    from execution.connections import Connections
    from execution.desk import Desk
    from execution.desk_login import SecretKeeper
    from execution.views import Publisher
    from models.config import AiSection, DeskConfig
    from models.secret_text import SecretText

__all__ = [
    "Composed",
    "Options",
    "Secrecy",
    "compose",
    "connections",
    "keep_secrets",
    "load_settings",
    "log_to_file",
    "main",
    "run_headless",
    "running_broker",
]

ROOT = Path(__file__).resolve().parent
ASSETS = ROOT / "assets"
_BROKERS = ("paper", "ibkr", "tastytrade")
_LOG_BYTES, _LOG_FILES = 10_000_000, 10


@dataclass(frozen=True, slots=True)
class Composed:
    """A desk with the facts about it that the window and the tour need."""

    desk: Desk
    database_path: Path
    market_label: str
    close: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Secrecy:
    """What knows the secrets of this run, and keeps them out of everything that is written or shown."""

    redactor: Redactor
    keeper: SecretKeeper


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 done, 1 failed, 2 wrong usage or settings."""
    # Before numpy is loaded: the desk's matrices are small, and OpenBLAS's own threads would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    parsed = _parser().parse_args(arguments)
    os.umask(0o077)
    _leave_no_core()
    clean: Callable[[str], str] = str
    try:
        options = _options(parsed)
        options.data_dir.mkdir(parents=True, exist_ok=True)
        secrecy = keep_secrets(options)
        clean = secrecy.redactor.clean
        guard_last_words(secrecy.redactor)
        log_to_file(options.data_dir / "logs" / "optiondesk.log", secrecy.redactor)
        if parsed.command == "tour":
            return _tour(parsed, options, secrecy)
        if parsed.headless:
            return _headless(options, secrecy)
        return _window(options, secrecy)
    except KnownError as error:
        return _fail(clean(str(error)), 2)
    except OSError as error:
        return _fail(f"{error.strerror}: {error.filename}. Choose another folder with --data-dir.", 2)
    except KeyboardInterrupt:
        return 130


def _leave_no_core() -> None:
    """A crash leaves no picture of the memory on disk: secrets and tokens are in it. Windows writes none by itself."""
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, most))


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
    parser.add_argument(
        "--broker",
        type=_broker_names,
        metavar="NAME[,NAME]",
        help="broker to open: paper, ibkr or tastytrade, or ibkr,tastytrade for both in one book, the first of them "
        "the primary (default: what the settings say)",
    )
    parser.add_argument(
        "--simulator", action="store_true", help="with --broker ibkr or tastytrade: start and use a simulated one"
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of the simulated market (default 7)")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="where databases, logs and layouts are kept")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file (default: optiondesk.toml)")
    parser.add_argument("--session-hours", action="store_true", help="trade only while the exchange is open")
    parser.add_argument("--empty-book", action="store_true", help="open a new paper account without the sample book")


def _broker_names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = [name for name in names if name not in _BROKERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(_BROKERS)}")
    if len(set(names)) != len(names) or (len(names) > 1 and "paper" in names):
        raise argparse.ArgumentTypeError("name each once; the paper broker has a market of its own and stands alone")
    return names


def _options(parsed: argparse.Namespace) -> Options:
    from platformdirs import user_config_path, user_data_path

    named = parsed.broker or (None,)
    if parsed.simulator and named[0] == "paper":
        raise KnownError(
            "The paper broker needs no simulator.",
            cure="Leave --simulator out, or take --broker ibkr or tastytrade with it.",
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
        broker=named[0],
        also=named[1:],
        simulator=parsed.simulator,
    )


# --- composition ------------------------------------------------------------------------------------------------------


def load_settings(options: Options) -> DeskConfig:
    """Returns the settings; raises InvalidInput naming file, key and reason."""
    from models.config import load_config

    return load_config(ASSETS / "defaults.toml", options.config_file)


def keep_secrets(options: Options) -> Secrecy:
    """Returns the way to the stored secrets, and what knows each of them once it has passed."""
    from execution.desk_login import SecretKeeper

    redactor = Redactor()

    def choose() -> StoreChoice:
        # Looks for a keyring, which takes a while: not before a secret is wanted.
        from database.secret_store import choose_store

        return choose_store(options.data_dir / "secrets.vault", learn=redactor.learn)

    def checked(name: str, typed: str) -> SecretText:
        from database.secret_store import checked_secret

        secret = checked_secret(name, typed)
        redactor.learn(secret)
        return secret

    return Secrecy(redactor, SecretKeeper(choose, checked))


async def compose(
    options: Options,
    publisher: Publisher,
    *,
    base_clock: Clock | None = None,
    faults: FaultScript | None = None,
    secrecy: Secrecy | None = None,
) -> Composed:
    """Makes a desk on the chosen broker; heavy libraries are imported here, on the caller's (the engine's) thread.

    `faults` script the paper broker; on a simulated broker they only say that this is the tour.
    """
    from analytics.strategy import recognise
    from database.store import open_storage
    from execution.assembly import Surroundings, assemble
    from execution.clean_publisher import CleanPublisher
    from execution.desk_login import DeskLogin
    from execution.sessions import ExchangeSessions

    config = load_settings(options)
    sessions = ExchangeSessions()
    base = base_clock or SystemClock()
    secrecy = secrecy or keep_secrets(options)
    publisher = CleanPublisher(publisher, secrecy.redactor.clean)
    is_tour = faults is not None
    running = running_brokers(options, config)
    each = joined_options(options, running)

    async def plan_of(name: str) -> BrokerPlan:
        if name == "ibkr":
            return await plan_ibkr(each, config, base, is_tour=is_tour, root=ROOT)
        if name == "tastytrade":
            login = DeskLogin(secrecy.keeper, config.tastytrade.login, publisher.state)
            return await plan_tastytrade(
                each, config, base, login=login, redactor=secrecy.redactor, is_tour=is_tour, root=ROOT
            )
        return plan_paper(options, config, base, sessions=sessions, faults=faults, assets=ASSETS)

    plan = await plan_all(running, plan_of, options.data_dir)
    database_path = plan.folder / "journal.sqlite"
    try:
        storage = open_storage(database_path, environment=plan.environment, mode=plan.mode, clock=plan.clock)
        broker = plan.make(await storage.known_until(), storage.is_read_only)
    except BaseException:
        await plan.close()
        raise

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
            clock=plan.clock,
            publisher=publisher,
            sessions=sessions,
            recognise=recognise,
            tend_storage=tend_storage,
            market_label=plan.market_label,
            database_path=str(database_path),
            mode=plan.mode,
            connections=connections(
                options, config, running, plan.market_label, secrecy=secrecy, simulation=plan.simulation
            ),
            analysts=analysts(options, plan.clock, secrecy),
        )
    )

    async def close() -> None:
        await desk.stop()
        await plan.close()
        await asyncio.to_thread(storage.close)

    return Composed(desk, database_path, plan.market_label, close)


def connections(
    options: Options,
    config: DeskConfig,
    running: Sequence[str],
    place: str,
    *,
    secrecy: Secrecy | None = None,
    simulation: TastySimulation | None = None,
) -> Connections:
    """Returns what the settings page works on."""
    from execution.brokers.ibkr.trial import installed_libraries, settings_of, try_connection
    from execution.brokers.tastytrade import trial as tasty
    from execution.connections import Connections, form_of
    from models.config_file import save_settings

    # What the desk holds open: on the simulator it is no TWS that the settings could name.
    held = settings_of(form_of(config.ibkr)) if "ibkr" in running and not options.simulator else None
    return Connections(
        config,
        running=running[0],
        also=tuple(running[1:]),
        place=place,
        file=str(options.config_file),
        save=partial(save_settings, ASSETS / "defaults.toml", options.config_file),
        probe=partial(try_connection, SystemClock(), held),
        libraries=installed_libraries,
        keeper=(secrecy or keep_secrets(options)).keeper,
        tasty_probe=partial(tasty.try_connection, SystemClock(), None if simulation is None else simulation.url),
        simulator_secrets=None if simulation is None else simulation.secrets,
    )


def analysts(options: Options, clock: Clock, secrecy: Secrecy | None = None) -> AnalystSurroundings:
    """Returns what the analyst of the AI panel is made of; the library it speaks with is loaded when it is asked."""
    from ai.making import AnalystWorkshop
    from execution.assembly import AnalystSurroundings
    from execution.hedging.api_key import ApiKeyBox
    from models.config_file import save_settings

    secrecy = secrecy or keep_secrets(options)

    def save(changes: Mapping[str, Mapping[str, Any]]) -> AiSection:
        return save_settings(ASSETS / "defaults.toml", options.config_file, changes).ai

    return AnalystSurroundings(AnalystWorkshop(clock), save, ApiKeyBox(secrecy.keeper, secrecy.redactor.learn))


# --- ways to run ------------------------------------------------------------------------------------------------------


def _headless(options: Options, secrecy: Secrecy) -> int:
    """Asks on the terminal what the login lacks, then runs the engine. No secret is taken from the environment."""
    from execution.console import prepare_login

    config = load_settings(options)
    if "tastytrade" in running_brokers(options, config) and not options.simulator:
        ask = getpass.getpass if sys.stdin is not None and sys.stdin.isatty() else None
        prepare_login(secrecy.keeper, config.tastytrade.login, ask=ask, write=_write)
    return asyncio.run(run_headless(options, secrecy))


async def run_headless(options: Options, secrecy: Secrecy) -> int:
    """Runs the engine until it is told to stop; what it has to say goes to standard output."""
    from execution.console import ConsolePublisher

    composed = await compose(options, ConsolePublisher(_write), secrecy=secrecy)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        if sys.platform != "win32":
            loop.add_signal_handler(number, stop.set)
    _write(f"optiondesk: {composed.market_label}; journal {composed.database_path}; Ctrl+C stops")
    await composed.desk.start()
    await stop.wait()
    await composed.close()
    return 0


def _window(options: Options, secrecy: Secrecy) -> int:
    from ui.preflight import window_problem

    problem = window_problem()
    if problem is not None:
        return _fail(problem, 2)
    from ui.app import RESTART, run_window

    code = run_window(
        lambda publisher: compose(options, publisher, secrecy=secrecy),
        settings_path=options.data_dir / "window.ini",
        clean=secrecy.redactor.clean,
    )
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


def _tour(parsed: argparse.Namespace, options: Options, secrecy: Secrecy) -> int:
    from ui.preflight import window_problem

    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    problem = window_problem()
    if problem is not None:
        return _fail(problem, 2)
    from ui.tour.run import run_tour

    return run_tour(
        lambda publisher, faults: compose(options, publisher, faults=faults, secrecy=secrecy),
        out=parsed.out,
        pictures=parsed.pictures,
        settings_path=options.data_dir / "window.ini",
    )


def log_to_file(path: Path, redactor: Redactor | None = None) -> None:
    """Sends what the parts log to a rotating file; libraries speak from WARNING on, and no secret is ever logged.

    Without a redactor nothing secret is known, and what looks like a secret is taken out all the same.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES - 1, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
    protect(handler, redactor or Redactor())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for own in ("execution", "database", "analytics", "ui", "ai"):
        logging.getLogger(own).setLevel(logging.INFO)


def _write(text: str) -> None:
    print(text, flush=True)


def _fail(text: str, code: int) -> int:
    print(f"optiondesk: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
