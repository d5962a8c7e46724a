"""Recomputes the book's risk as the market moves, holds it against the limits, tells the window."""

from __future__ import annotations

import asyncio
import contextlib
import time

from execution.analysis.service import AnalysisService
from execution.commands import SetScenario
from execution.core import DeskCore
from execution.memory import DeskMemory
from execution.publishing import DeskPublisher
from execution.risk.breaches import BreachMonitor, breach_type
from execution.storage import BreachStore
from execution.views import LogLine, Publisher, Severity
from models.enums import BreachState, Regime
from models.errors import KnownError
from models.risk import AITradeSuggestion, RiskBreach

#: Ticks are gathered this long, then everything is computed once. The window takes states every 50 ms: with as long a
#: pause here too, a quote would be more than 100 ms old before it is in the Greeks on screen.
_GATHER_S = 0.02
#: Without news everything is computed this often all the same: what is old must turn grey when no tick comes at all.
_AGED_AFTER_S = 5.0
#: The tree's numbers repaint no faster than an eye follows.
_NUMBERS_EVERY_S = 0.2


class RiskWatch:
    """The risk loop. Engine thread only."""

    def __init__(
        self,
        *,
        core: DeskCore,
        published: DeskPublisher,
        analysis: AnalysisService,
        breaches: BreachMonitor,
        store: BreachStore,
        memory: DeskMemory,
        publisher: Publisher,
    ) -> None:
        self._core = core
        self._published = published
        self._analysis = analysis
        self._breaches = breaches
        self._store = store
        self._memory = memory
        self._publisher = publisher
        self._dirty = asyncio.Event()
        self._numbers_at = 0.0
        self._numbers_version = -1
        self._regime_moved = False
        self._regime_told = False
        self._told: set[str] = set()

    def mark_dirty(self) -> None:
        """Something changed that figures depend on."""
        self._dirty.set()

    def set_scenario(self, scenario: SetScenario) -> None:
        """Shows another scenario, at once."""
        self._published.benchmark = scenario.benchmark
        self._core.want_benchmark(scenario.benchmark)
        self._analysis.set_scenario(scenario)
        self._dirty.set()

    def observe_vix(self) -> None:
        """Feeds the newest VIX into the regime detector."""
        market = self._core.market
        if self._core.regime.observe(market.price("VIX"), market.price("VIX3M"), self._core.clock.now_utc()):
            self._regime_moved = True
            self._dirty.set()

    async def run(self) -> None:
        """Computes whenever something changed, at most every 20 ms; and every few seconds, because figures age."""
        self._publisher.state(self._breaches.state())
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_AGED_AFTER_S):
                    await self._dirty.wait()
            self._dirty.clear()
            await self.compute()
            await asyncio.sleep(_GATHER_S)

    async def compute(self) -> None:
        """One round: Greeks, limits, breaches, and as often as it is due the tree."""
        numbers = self._published.risk()
        now = time.monotonic()
        # Rows that changed are shown with their numbers at once: the tree would stand without any for a moment.
        if now - self._numbers_at >= _NUMBERS_EVERY_S or numbers.version != self._numbers_version:
            self._numbers_at, self._numbers_version = now, numbers.version
            self._publisher.state(numbers)
        if self._regime_moved:
            self._regime_moved = False
            await self._tell_regime()
        await self._hold_against_limits()

    async def acknowledge(self, breach_id: str) -> None:
        """Archives a breach the user acted on."""
        archived = self._breaches.acknowledge(breach_id, self._core.clock.now_utc())
        if archived is not None:
            await self._keep((archived,))

    async def advance(
        self, breach_id: str, state: BreachState, suggestions: tuple[AITradeSuggestion, ...] | None = None
    ) -> None:
        """Moves a breach on in its life: suggestions were asked for, came, were shown."""
        moved = self._breaches.advance(breach_id, state, suggestions)
        if moved is not None:
            await self._keep((moved,))

    async def _hold_against_limits(self) -> None:
        regime = self._core.regime.regime
        if regime is None:
            return
        acknowledged = self._breaches.acknowledged
        changed = self._breaches.evaluate(
            self._published.limit_rows,
            regime,
            self._core.clock.now_utc(),
            is_whole=self._published.is_whole,
        )
        if changed:
            await self._keep(changed)
        elif acknowledged != self._breaches.acknowledged:
            self._publisher.state(self._breaches.state())

    async def _keep(self, changed: tuple[RiskBreach, ...]) -> None:
        for breach in changed:
            if not self._core.is_read_only:
                await self._save(breach)
            self._tell(breach)
        self._publisher.state(self._breaches.state())

    async def _save(self, breach: RiskBreach) -> None:
        try:
            await self._store.save_breach(breach)
        except KnownError as error:
            self._say(Severity.ERROR, f"The breach could not be saved: {error}")

    def _tell(self, breach: RiskBreach) -> None:
        if breach.state is BreachState.ARCHIVED:
            self._say(Severity.GOOD, f"{_named(breach)} is over.")
        elif breach.id not in self._told:
            self._told.add(breach.id)
            self._say(
                Severity.WARNING,
                f"{_named(breach)}: {_figure(breach.actual_value)} against {_figure(breach.threshold)} "
                f"({_short(breach.regime)} regime).",
                toast=True,
            )

    async def _tell_regime(self) -> None:
        regime = self._core.regime.regime
        if regime is None:
            return
        is_first, self._regime_told = not self._regime_told, True
        severity = Severity.INFO if is_first else Severity.WARNING
        self._say(severity, f"Volatility regime is {_short(regime)}; its limits hold.", toast=not is_first)
        if not self._core.is_read_only:
            await self._memory.save_regime()

    def _say(self, severity: Severity, text: str, *, toast: bool = False) -> None:
        self._publisher.notice(LogLine(self._core.clock.now_utc(), severity, "risk", text, toast))


def _figure(value: float) -> str:
    """Returns a figure with the minus sign that the window writes everywhere."""
    return f"{value:,.1f}".replace("-", "\N{MINUS SIGN}")


def _short(regime: Regime) -> str:
    """Returns a regime as the window names it: `MEDIUM`."""
    return regime.value.removesuffix("_VOL")


def _named(breach: RiskBreach) -> str:
    """Returns what is broken: `Vega below its limit`."""
    side = "below" if breach.breach_type == breach_type(breach.metric, below=True) else "above"
    return f"{breach.metric.label} {side} its limit"
