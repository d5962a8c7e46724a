"""The whole desk on a simulated broker in another process: composed as main.py does, run, and measured.

A program of `benchmarks/children` says which broker and which simulator.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

import main as program
from benchmarks.desktop import look_at_every_panel, open_desktop, wait_ready
from benchmarks.figures import percentile
from benchmarks.followed import Followed, SentLog, Shown, ShownTicks, TickPublisher
from benchmarks.windows import Heartbeat, TooLong, live_for, wait_until
from execution.brokers.port import Broker
from execution.brokers.simulator_process import SimulatorProcess, Started
from execution.views import BookStructure, Publisher, RiskState, ScenarioState
from models.clock import Clock, SystemClock
from models.enums import Mode
from ui.app import Desktop

_SEED = 7
_WARM_S = 5.0
_TALLEST_PX, _STEP_PX = 3000, 100
#: A taller window has subscribed what it shows after this.
_SETTLE_S = 0.5


@dataclass(frozen=True, slots=True)
class Far:
    """The broker and its far end. `make` returns the broker, and what counts for it."""

    #: As the settings call it.
    broker: str
    #: The simulator's package, and what it needs beside data, seed and pace.
    package: str
    arguments: tuple[str, ...]
    label: str
    make: Callable[[Started, Clock], tuple[Broker, Followed]]
    #: After this what is out of sight is subscribed no more.
    linger_s: float


@dataclass(slots=True)
class Parts:
    """What the measuring needs of the desk, once it has been composed."""

    far: Far
    folder: Path
    ticks_per_s: float
    count: Followed | None = None
    publisher: TickPublisher | None = None

    @property
    def live_count(self) -> Followed:
        """The counter of a desk that has been composed."""
        assert self.count is not None  # noqa: S101 - asked for once the desk is ready
        return self.count

    @property
    def live_publisher(self) -> TickPublisher:
        """The publisher of a desk that has been composed."""
        assert self.publisher is not None  # noqa: S101 - asked for once the desk is ready
        return self.publisher

    @property
    def tick_log(self) -> Path:
        """Where the simulator writes what left when."""
        return self.folder / "ticks.log"

    async def compose(self, publisher: Publisher) -> program.Composed:
        """Makes the desk as main.py does, the connection to the broker counted."""
        from analytics.strategy import recognise
        from database.store import open_storage
        from execution.assembly import Surroundings, assemble
        from execution.sessions import ExchangeSessions
        from models.config import load_config

        clock, far = SystemClock(), self.far
        arguments = ("--data-dir", str(self.folder / "simulator"), "--seed", str(_SEED), *far.arguments)
        pace = ("--ticks-per-s", str(self.ticks_per_s), "--tick-log", str(self.tick_log))
        simulator = SimulatorProcess(far.package, working_folder=program.ROOT, arguments=(*arguments, *pace))
        broker, count = far.make(await simulator.start(), clock)
        following = TickPublisher(publisher, count)
        path = self.folder / "journal.sqlite"
        storage = open_storage(path, environment="bench", mode=Mode.PAPER, clock=clock)

        async def tend() -> tuple[str, ...]:
            report = await storage.verify()
            return tuple(report.problems)

        config = load_config(program.ASSETS / "defaults.toml", self.folder / "none.toml")
        options = program.Options(self.folder, self.folder / "none.toml", (), _SEED, False, None)
        desk = assemble(
            Surroundings(
                broker=broker,
                storage=storage,
                config=config,
                clock=clock,
                publisher=following,
                sessions=ExchangeSessions(),
                recognise=recognise,
                tend_storage=tend,
                market_label=far.label,
                database_path=str(path),
                mode=Mode.PAPER,
                connections=program.connections(options, config, far.broker, far.label),
                analysts=program.analysts(options, clock),
            )
        )
        self.count, self.publisher = count, following

        async def close() -> None:
            await desk.stop()
            await simulator.stop()
            storage.close()

        return program.Composed(desk, path, far.label, close)


def run(far: Far, folder: Path, *, ticks_per_s: float, seconds: float, windows: int, lines: int) -> dict[str, Any]:
    """Returns what a run of the desk showed, with at least `lines` contracts of the window's own subscribed."""
    folder.mkdir(parents=True, exist_ok=True)
    program.log_to_file(folder / "logs" / "optiondesk.log")
    parts = Parts(far, folder, ticks_per_s)
    desktop = open_desktop(parts.compose, folder)
    wait_ready(desktop)
    look_at_every_panel(desktop)
    wait_until(lambda: desktop.bridge.newest(ScenarioState) is not None, within_s=30.0, what="scenario figures")
    _fill_lines(desktop, parts, lines)
    measured = _Run(desktop, parts, seconds, windows)
    measured.measure()
    desktop.close()
    return measured.facts(SentLog(parts.tick_log))


def _fill_lines(desktop: Desktop, parts: Parts, lines: int) -> None:
    """Makes the window taller, as on a bigger screen, until what it shows takes so many subscriptions.

    Raises TooLong when it does not: what is out of sight is given back after a while, and does not count.
    """
    count = parts.live_count
    while count.open_lines < lines:
        if desktop.window.height() >= _TALLEST_PX:
            raise TooLong(f"only {count.open_lines} contracts are subscribed, {lines} are wanted")
        desktop.window.resize(desktop.window.width(), desktop.window.height() + _STEP_PX)
        live_for(_SETTLE_S)
        if count.open_lines >= lines:
            live_for(parts.far.linger_s + _SETTLE_S)


@dataclass(slots=True)
class _Window:
    """One part of the run: its ends, and what was counted in it."""

    began_s: float
    ended_s: float
    counts: dict[str, int]
    cpu_s: float


class _Run:
    """One run of `seconds`, cut into windows."""

    def __init__(self, desktop: Desktop, parts: Parts, seconds: float, windows: int) -> None:
        self._desktop, self._parts, self._seconds, self._windows = desktop, parts, seconds, windows
        self._count = parts.live_count
        self._ticks = ShownTicks(desktop.bridge, parts.live_publisher)
        self._heart, self._process = Heartbeat(), psutil.Process()
        self._cut: list[_Window] = []
        self._rss = (0, 0)
        self._lines: tuple[int, ...] = ()
        self._told: dict[str, Any] = {}

    def measure(self) -> None:
        """Runs; raises nothing that a slow machine could cause."""
        live_for(min(_WARM_S, self._seconds))
        self._ticks.found.clear()
        self._ticks.compute_ms.clear()
        self._heart.start()
        rss, lines = self._process.memory_info().rss, [self._count.open_lines]
        for _ in range(self._windows):
            before, cpu, began_s = self._count.counts(), sum(self._process.cpu_times()[:2]), time.perf_counter()
            live_for(self._seconds / self._windows)
            ended_s, after = time.perf_counter(), self._count.counts()
            counts = {name: after[name] - before[name] for name in after}
            lines.append(self._count.open_lines)
            self._cut.append(_Window(began_s, ended_s, counts, sum(self._process.cpu_times()[:2]) - cpu))
        self._heart.stop()
        self._rss = (rss, self._process.memory_info().rss)
        self._told = self._count.facts()
        self._lines = tuple(lines)

    def facts(self, sent: SentLog) -> dict[str, Any]:
        """Returns what the run showed; the desk and the simulator have ended."""
        found, late = self._ticks.found, [ms for _, ms in self._heart.beats]
        risk, structure = self._desktop.bridge.newest(RiskState), self._desktop.bridge.newest(BookStructure)
        began_s, ended_s = self._cut[0].began_s, self._cut[-1].ended_s
        return {
            "windows": [self._window(one, found, sent) for one in self._cut],
            "lines": min(self._lines),
            **self._told,
            "window_px": f"{self._desktop.window.width()} x {self._desktop.window.height()}",
            "sent_in_all": sent.between(began_s, ended_s),
            "read_in_all": sum(one.counts["ticks"] for one in self._cut),
            "stall_p99_ms": percentile(late, 0.99),
            "stall_max_ms": max(late, default=0.0),
            "age_p99_ms": percentile(_ages_ms(found, sent), 0.99),
            **_stages(found, sent),
            "compute_p99_ms": percentile(self._ticks.compute_ms, 0.99),
            "risk_states": len(self._ticks.compute_ms),
            "packets_followed": len(found),
            "positions": 0 if structure is None else len(structure.rows),
            "excluded": -1 if risk is None else len(risk.excluded),
            "rss_before_mb": self._rss[0] / 2**20,
            "rss_after_mb": self._rss[1] / 2**20,
        }

    def _window(self, one: _Window, found: list[Shown], sent: SentLog) -> dict[str, float]:
        took_s = one.ended_s - one.began_s
        late = [ms for at_s, ms in self._heart.beats if one.began_s <= at_s <= one.ended_s]
        ages = _ages_ms([shown for shown in found if one.began_s <= shown.shown_s <= one.ended_s], sent)
        return {
            "sent_per_s": sent.between(one.began_s, one.ended_s) / took_s,
            **{f"{name}_per_s": count / took_s for name, count in one.counts.items()},
            "stall_p50_ms": percentile(late, 0.5),
            "stall_p99_ms": percentile(late, 0.99),
            "stall_max_ms": max(late, default=0.0),
            "age_p50_ms": percentile(ages, 0.5),
            "age_p99_ms": percentile(ages, 0.99),
            "cpu_pct": one.cpu_s / took_s * 100.0,
        }


def _stages(found: list[Shown], sent: SentLog) -> dict[str, float]:
    """Returns where a packet's age comes from: the far end to our loop, loop to engine, engine to the panels."""
    stages = {
        "sent_to_read": _ms(one.packet.read_s - sent.sent_s(one.packet.first) for one in found),
        "read_to_taken": _ms(one.taken_s - one.packet.read_s for one in found),
        "taken_to_shown": _ms(one.shown_s - one.taken_s for one in found),
    }
    return {
        f"{stage}_{name}_ms": percentile(took, share)
        for stage, took in stages.items()
        for name, share in (("p50", 0.5), ("p99", 0.99))
    }


def _ages_ms(found: list[Shown], sent: SentLog) -> list[float]:
    return _ms(one.shown_s - sent.sent_s(one.packet.first) for one in found)


def _ms(seconds: Iterable[float]) -> list[float]:
    return [one * 1000.0 for one in seconds]
