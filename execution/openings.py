"""Ways to open a broker: what stands behind it, where its journal is, and how it is made once the journal is open.

Nothing here opens a database: `main.py` does, between a plan and its broker.
"""

# ruff: noqa: PLC0415 - each broker's own modules are imported when it is opened, on the engine's thread

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from execution.brokers.port import Broker
from models.clock import Clock
from models.enums import Mode
from models.errors import KnownError
from models.ids import AccountId

if TYPE_CHECKING:
    from execution.brokers.paper.faults import FaultScript
    from execution.brokers.tastytrade.settings import TastySecrets, TastySettings
    from execution.desk_login import DeskLogin
    from execution.redaction import Redactor
    from execution.sessions import ExchangeSessions
    from models.config import DeskConfig

#: The simulators of `--simulator`, each started as a program of its own.
_SIMULATED_TWS: Final = "tests.simulators.tws"
_SIMULATED_TASTYTRADE: Final = "tests.simulators.tastytrade"
#: How far apart clocks of brokers in one desk may be.
_SAME_CLOCK: Final = timedelta(seconds=5)
#: What a simulated Tastytrade prints to log in with.
_LOGIN_FACTS: Final = ("client secret", "refresh token")

#: Until when the journal knows each account.
KnownUntil = Mapping[AccountId, datetime]


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for."""

    data_dir: Path
    config_file: Path
    market_files: tuple[Path, ...]
    seed: int
    session_hours: bool
    sample_book: bool | None
    #: "paper", "ibkr" or "tastytrade"; None = what the settings say.
    broker: str | None = None
    #: With `broker`: those that are opened beside it.
    also: tuple[str, ...] = ()
    simulator: bool = False


@dataclass(frozen=True, slots=True)
class TastySimulation:
    """A simulated Tastytrade that runs behind the desk; its secrets are in memory only."""

    url: str
    secrets: TastySecrets


async def nothing_more() -> None:
    """Ends nothing: the broker has no program of its own behind it."""


@dataclass(frozen=True, slots=True)
class BrokerPlan:
    """A broker before its journal is open. `close` ends what stands behind it, after the desk has let go of it."""

    folder: Path
    environment: str
    mode: Mode
    clock: Clock
    market_label: str
    #: Makes the broker; told until when the journal knows each account, and whether it is only read.
    make: Callable[[KnownUntil, bool], Broker]
    close: Callable[[], Awaitable[None]] = nothing_more
    simulation: TastySimulation | None = None


def running_broker(options: Options, config: DeskConfig) -> str:
    """Returns the broker to open; a simulator is the TWS unless arguments or settings name Tastytrade."""
    return running_brokers(options, config)[0]


def running_brokers(options: Options, config: DeskConfig) -> tuple[str, ...]:
    """Returns the brokers to open, the primary first."""
    if options.broker is not None:
        return (options.broker, *options.also)
    if options.simulator and config.broker.name == "paper":
        return ("ibkr",)
    return (config.broker.name, *config.broker.also)


def joined_options(options: Options, brokers: Sequence[str]) -> Options:
    """Returns the options for one broker of several: simulators keep books of the combination's own."""
    if len(brokers) == 1 or not options.simulator:
        return options
    return replace(options, data_dir=options.data_dir / f"simulated-{'+'.join(sorted(brokers))}")


async def plan_all(brokers: Sequence[str], plan: Callable[[str], Awaitable[BrokerPlan]], data_dir: Path) -> BrokerPlan:
    """Returns the plan of one broker, or of several as one; what one had started ends when another fails."""
    answers = await asyncio.gather(*(plan(name) for name in brokers), return_exceptions=True)
    plans = [answer for answer in answers if isinstance(answer, BrokerPlan)]
    try:
        _raise_first(answers)
        return join_plans(plans, data_dir)
    except BaseException:
        await asyncio.gather(*(made.close() for made in plans))
        raise


def _raise_first(answers: Sequence[object]) -> None:
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer


def join_plans(plans: Sequence[BrokerPlan], data_dir: Path) -> BrokerPlan:
    """Returns several brokers as one; the journal is the combination's own, whichever is the primary.

    Raises KnownError when they cannot be one desk.
    """
    if len(plans) == 1:
        return plans[0]
    modes = {plan.mode: plan for plan in plans}
    if len(modes) > 1:
        told = " and ".join(f"{plan.market_label} is {mode.value.lower()}" for mode, plan in sorted(modes.items()))
        raise KnownError(
            f"{told}: paper and live do not go into one desk.",
            cure="Open brokers of one mode, or one broker (--broker, or Desk > Broker connections…).",
        )
    first, others = plans[0], plans[1:]
    now = first.clock.now_utc()
    if any(abs(plan.clock.now_utc() - now) > _SAME_CLOCK for plan in others):
        raise KnownError(
            "The simulated brokers live at different times.", cure="Start them on a new folder with --data-dir."
        )

    def make(known: KnownUntil, is_read_only: bool) -> Broker:
        from execution.brokers.joined import JoinedBroker

        return JoinedBroker([plan.make(known, is_read_only) for plan in plans])

    async def close() -> None:
        await asyncio.gather(*(plan.close() for plan in plans))

    return BrokerPlan(
        folder=data_dir / "+".join(sorted(plan.folder.name for plan in plans)),
        environment="+".join(sorted(plan.environment for plan in plans)),
        mode=first.mode,
        clock=first.clock,
        market_label=" + ".join(plan.market_label for plan in plans),
        make=make,
        close=close,
        simulation=next((plan.simulation for plan in plans if plan.simulation is not None), None),
    )


def plan_paper(
    options: Options,
    config: DeskConfig,
    base: Clock,
    *,
    sessions: ExchangeSessions,
    faults: FaultScript | None,
    assets: Path,
) -> BrokerPlan:
    """Returns the embedded paper broker on its market."""
    from execution.brokers.paper.broker import PaperBroker
    from execution.brokers.paper.opening import desk_clock, open_market, store_path, viewer_copy
    from execution.brokers.paper.sample_book import load_sample_book
    from execution.brokers.paper.settings import PaperAccount, PaperSettings
    from execution.brokers.paper.store import last_desk_time

    market = open_market(
        options.market_files,
        options.seed,
        base,
        data_dir=options.data_dir,
        sessions=sessions if options.session_hours else None,
    )
    books = store_path(options.data_dir, market.environment)
    books.parent.mkdir(parents=True, exist_ok=True)
    clock = desk_clock(base, market.starts_at_utc, last_desk_time(books))
    wants_sample = config.paper.sample_book if options.sample_book is None else options.sample_book

    def make(_known: KnownUntil, is_read_only: bool) -> Broker:
        return PaperBroker(
            market=market,
            clock=clock,
            store_path=viewer_copy(books) if is_read_only else books,
            settings=PaperSettings(
                accounts=(
                    PaperAccount(
                        starting_cash=config.paper.starting_cash_usd, margin_method=config.paper.margin_method
                    ),
                ),
                quote_interval_s=config.paper.quote_interval_s,
                session_hours=options.session_hours,
                seed=options.seed,
            ),
            faults=faults,
            calendar=sessions,
            sample_book=load_sample_book(assets / "sample_book.json") if wants_sample else None,
        )

    return BrokerPlan(books.parent, market.environment, Mode.PAPER, clock, market.label, make)


async def plan_ibkr(options: Options, config: DeskConfig, base: Clock, *, is_tour: bool, root: Path) -> BrokerPlan:
    """Returns Interactive Brokers: the TWS of the settings, or a simulated one, which is started."""
    from execution.brokers.ibkr.broker import IbkrBroker
    from execution.brokers.ibkr.trial import settings_of
    from execution.brokers.simulator_process import SimulatorProcess
    from execution.connections import form_of

    settings = settings_of(form_of(config.ibkr))
    if not options.simulator:
        return BrokerPlan(
            folder=options.data_dir / f"ibkr-{settings.mode.value.lower()}",
            environment="ibkr",
            mode=settings.mode,
            clock=base,
            market_label=f"TWS at {settings.host}:{settings.port}",
            make=lambda _known, _is_read_only: IbkrBroker(settings=settings, clock=base),
        )
    folder = options.data_dir / "ibkr-simulator"
    arguments = _simulator_arguments(options, folder / "tws", is_tour=is_tour)
    simulator = SimulatorProcess(_SIMULATED_TWS, working_folder=root, arguments=arguments)
    started = await simulator.start()
    clock = started.clock(base)
    settings = replace(settings, host="127.0.0.1", port=started.port, mode=Mode.PAPER, accounts=frozenset())
    return BrokerPlan(
        folder=folder,
        environment="ibkr-simulator",
        mode=Mode.PAPER,
        clock=clock,
        market_label="simulated TWS",
        make=lambda _known, _is_read_only: IbkrBroker(settings=settings, clock=clock),
        close=simulator.stop,
    )


async def plan_tastytrade(
    options: Options,
    config: DeskConfig,
    base: Clock,
    *,
    login: DeskLogin,
    redactor: Redactor,
    is_tour: bool,
    root: Path,
) -> BrokerPlan:
    """Returns Tastytrade: the host of the settings with the login's secrets, or a simulated one, which is started."""
    from execution.brokers.tastytrade.broker import TastytradeBroker
    from execution.brokers.tastytrade.trial import settings_of
    from execution.connections import tasty_form_of

    settings = settings_of(tasty_form_of(config.tastytrade))
    if options.simulator:
        return await _plan_simulated_tastytrade(options, settings, base, redactor, is_tour=is_tour, root=root)
    is_live = settings.mode is Mode.LIVE
    environment = "tastytrade" if is_live else "tastytrade-certification"
    return BrokerPlan(
        folder=options.data_dir / ("tastytrade-live" if is_live else environment),
        environment=environment,
        mode=settings.mode,
        clock=base,
        market_label=f"{settings.host.value}, login {config.tastytrade.login}",
        make=lambda known, _is_read_only: TastytradeBroker(
            settings=settings, secrets=login.read, clock=base, last_known=known.get
        ),
    )


async def _plan_simulated_tastytrade(
    options: Options, settings: TastySettings, base: Clock, redactor: Redactor, *, is_tour: bool, root: Path
) -> BrokerPlan:
    from execution.brokers.simulator_process import SimulatorProcess
    from execution.brokers.tastytrade.broker import TastytradeBroker
    from execution.brokers.tastytrade.settings import TastySecrets

    folder = options.data_dir / "tastytrade-simulator"
    arguments = _simulator_arguments(options, folder / "far", is_tour=is_tour)
    simulator = SimulatorProcess(_SIMULATED_TASTYTRADE, working_folder=root, arguments=arguments, facts=_LOGIN_FACTS)
    started = await simulator.start()
    client_secret, refresh_token = (started.facts[name] for name in _LOGIN_FACTS)
    for secret in (client_secret, refresh_token):
        redactor.learn(secret)
    secrets = TastySecrets(client_secret, refresh_token)
    clock, url = started.clock(base), f"http://127.0.0.1:{started.port}"
    settings = replace(settings, base_url=url, accounts=frozenset(), trading_accounts=frozenset())
    return BrokerPlan(
        folder=folder,
        environment="tastytrade-simulator",
        mode=Mode.PAPER,
        clock=clock,
        market_label="simulated Tastytrade",
        make=lambda known, _is_read_only: TastytradeBroker(
            settings=settings, secrets=lambda: secrets, clock=clock, last_known=known.get
        ),
        close=simulator.stop,
        simulation=TastySimulation(url, secrets),
    )


def _simulator_arguments(options: Options, folder: Path, *, is_tour: bool) -> tuple[str, ...]:
    files = [part for file in options.market_files for part in ("--market", str(file.resolve()))]
    empty = ["--empty-book"] if options.sample_book is False else []
    scripted = ["--tour-orders"] if is_tour else []
    return ("--data-dir", str(folder.resolve()), "--seed", str(options.seed), *files, *empty, *scripted)
