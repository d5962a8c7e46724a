"""What the desk remembers from one run to the next besides orders: regime, limits, betas."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence

from execution.brokers.port import Broker
from execution.core import DeskCore
from execution.storage import Storage
from execution.views import JournalWritten, LogLine, Publisher, Severity
from models.enums import BetaSource, Metric, Regime
from models.errors import KnownError

_REGIME, _LIMITS, _BETAS = "regime_state", "risk_limits", "beta_overrides"
_LOG = logging.getLogger(__name__)


class DeskMemory:
    """Reads and writes the remembered facts. Engine thread only."""

    def __init__(self, *, core: DeskCore, storage: Storage, publisher: Publisher) -> None:
        self._core = core
        self._storage = storage
        self._publisher = publisher
        self._asked_betas: set[str] = set()
        self._broker_betas: dict[str, float] = {}
        self._told_no_betas = False

    async def restore(self) -> None:
        """Takes up where the last run stopped; a fact that cannot be read is said and left at its default."""
        facts = await self._storage.load_settings()
        for name, take in (
            (_REGIME, self._core.regime.restore),
            (_LIMITS, self._take_limits),
            (_BETAS, self._take_betas),
        ):
            if name not in facts:
                continue
            try:
                take(facts[name])
            except (ValueError, KeyError, TypeError, IndexError) as error:
                _LOG.warning("remembered %s cannot be read: %s", name, error)
                self._say(f"The remembered {name.replace('_', ' ')} cannot be read; the default holds.")

    async def save_regime(self) -> None:
        """Remembers the regime's state."""
        await self._save(_REGIME, self._core.regime.dump())

    async def save_limits(self) -> None:
        """Remembers the limits in force."""
        facts = {
            one.regime.value: {limit.metric.value: [limit.low, limit.high] for limit in one.limits}
            for one in self._core.limit_book.all()
        }
        await self._save(_LIMITS, json.dumps(facts))

    async def save_betas(self) -> None:
        """Remembers the user's own betas."""
        await self._save(_BETAS, json.dumps(self._core.betas.overrides))

    async def learn_broker_betas(self, broker: Broker) -> bool:
        """Asks the broker for the betas of what is held and was not asked for yet; True when it said something new."""
        missing = set(self._core.book.underlyings()) - self._asked_betas
        if not missing:
            return False
        try:
            betas = await broker.betas(sorted(missing))
        except KnownError as error:
            if not self._told_no_betas:
                self._told_no_betas = True
                self._say(f"The broker's betas are not known: {error}")
            return False
        self._asked_betas |= missing
        self._told_no_betas = False
        self._broker_betas |= betas
        self._core.betas.set_source(BetaSource.TASTYTRADE, self._broker_betas)
        return bool(betas)

    async def edit_journal(self, journal_id: str, rationale: str | None, tags: Sequence[str] | None) -> None:
        """Changes the user's words on a journal row; what they were stays in its history."""
        await self._storage.edit_journal(
            journal_id, user_rationale=rationale, tags=tags, at_utc=self._core.clock.now_utc()
        )
        self._publisher.notice(JournalWritten(journal_id))

    def _take_limits(self, text: str) -> None:
        for regime, metrics in json.loads(text).items():
            for metric, (low, high) in metrics.items():
                self._core.limit_book.change(Regime(regime), Metric(metric), low, high)

    def _take_betas(self, text: str) -> None:
        for symbol, beta in json.loads(text).items():
            self._core.betas.set_override(symbol, float(beta))

    async def _save(self, name: str, value: str) -> None:
        try:
            await self._storage.save_setting(name, value, self._core.clock.now_utc())
        except KnownError as error:
            self._say(f"The {name.replace('_', ' ')} holds now but could not be saved: {error}")

    def _say(self, text: str) -> None:
        self._publisher.notice(LogLine(self._core.clock.now_utc(), Severity.WARNING, "desk", text))
