"""Finds breaches of the regime's limits, keeps them from flapping, archives them when they clear."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from execution.views import BreachesState, LimitRow
from models.enums import BreachState, Metric, Regime
from models.ids import new_uuid
from models.risk import AITradeSuggestion, RiskBreach

_ARCHIVE_SHOWN = 50
#: A breach whose value moved by less than this share is not told again.
_TELL_STEP = 0.01
#: A sum that lacks positions (not quoted yet) proves a cure only when it has stood this long.
_PARTIAL_CLEARS_AFTER = timedelta(seconds=30)
_LIFE = tuple(BreachState)


class BreachMonitor:
    """One open breach a metric and side at most.

    A breach is raised when it has lasted `raise_after`, and clears when the value is back inside by `clear_margin` of
    the limit: between the two nothing changes.
    """

    def __init__(self, *, clear_margin: float, raise_after: timedelta) -> None:
        self._clear_margin = clear_margin
        self._raise_after = raise_after
        self._since: dict[str, datetime] = {}
        self._clear_since: dict[str, datetime] = {}
        self._open: dict[str, RiskBreach] = {}
        self._acknowledged: dict[str, Metric] = {}
        self._archived: deque[RiskBreach] = deque(maxlen=_ARCHIVE_SHOWN)

    def restore(self, open_breaches: Sequence[RiskBreach]) -> None:
        """Takes up the breaches that were open when the desk stopped."""
        self._open = {breach.breach_type: breach for breach in open_breaches}

    def state(self) -> BreachesState:
        """Returns open and lately archived breaches, newest first."""
        newest = sorted(self._open.values(), key=lambda breach: breach.detected_at, reverse=True)
        return BreachesState(tuple(newest), tuple(self._archived), self.acknowledged)

    @property
    def acknowledged(self) -> frozenset[Metric]:
        """What is broken still but was acted on."""
        return frozenset(self._acknowledged.values())

    def evaluate(
        self, rows: Sequence[LimitRow], regime: Regime, now_utc: datetime, *, is_whole: bool = True
    ) -> tuple[RiskBreach, ...]:
        """Holds the rows against the limits and returns the breaches that opened, moved or were archived.

        `is_whole` False: the sums lack positions, as in the first moments after a start; see `_PARTIAL_CLEARS_AFTER`.
        """
        changed: list[RiskBreach] = []
        for row in rows:
            for bound, below in ((row.low, True), (row.high, False)):
                kind = breach_type(row.metric, below=below)
                is_clear = row.value is not None and (bound is None or self._is_clear(row.value, bound, below=below))
                if not is_clear:
                    self._clear_since.pop(kind, None)
                elif not is_whole and now_utc - self._clear_since.setdefault(kind, now_utc) < _PARTIAL_CLEARS_AFTER:
                    continue
                changed += self._side(row, bound, below=below, regime=regime, now_utc=now_utc)
        return tuple(changed)

    def acknowledge(self, breach_id: str, now_utc: datetime) -> RiskBreach | None:
        """Archives a breach the user acted on; it is raised again only after it has cleared once."""
        for kind, breach in list(self._open.items()):
            if breach.id == breach_id:
                self._acknowledged[kind] = breach.metric
                return self._archive(kind, now_utc)
        return None

    def advance(
        self, breach_id: str, state: BreachState, suggestions: tuple[AITradeSuggestion, ...] | None = None
    ) -> RiskBreach | None:
        """Moves an open breach on in its life (002 section 3), never back; None when it is not open or nothing changes.

        `suggestions` are those made last; None leaves them as they are.
        """
        for kind, breach in self._open.items():
            if breach.id == breach_id:
                told = breach.suggestions if suggestions is None else suggestions
                further = max(breach.state, state, key=_LIFE.index)
                moved = replace(breach, state=further, suggestions=told)
                if moved == breach:
                    return None
                self._open[kind] = moved
                return moved
        return None

    def _side(
        self, row: LimitRow, bound: float | None, *, below: bool, regime: Regime, now_utc: datetime
    ) -> list[RiskBreach]:
        kind = breach_type(row.metric, below=below)
        if row.value is None:
            return []
        if bound is None or self._is_clear(row.value, bound, below=below):
            self._since.pop(kind, None)
            self._acknowledged.pop(kind, None)
            return [self._archive(kind, now_utc)] if kind in self._open else []
        if row.value < bound if below else row.value > bound:
            return self._broken(kind, row, bound, regime, now_utc)
        self._since.pop(kind, None)
        return []

    def _broken(self, kind: str, row: LimitRow, bound: float, regime: Regime, now_utc: datetime) -> list[RiskBreach]:
        value = row.value or 0.0
        if kind in self._open:
            return self._moved(kind, value, bound, regime)
        since = self._since.setdefault(kind, now_utc)
        if kind in self._acknowledged or now_utc - since < self._raise_after:
            return []
        self._open[kind] = RiskBreach(new_uuid(), kind, row.metric, bound, value, regime, now_utc)
        return [self._open[kind]]

    def _moved(self, kind: str, value: float, bound: float, regime: Regime) -> list[RiskBreach]:
        held = self._open[kind]
        scale = max(abs(held.actual_value), abs(bound), 1e-9)
        if held.threshold == bound and held.regime is regime and abs(value - held.actual_value) < _TELL_STEP * scale:
            return []
        self._open[kind] = replace(held, actual_value=value, threshold=bound, regime=regime)
        return [self._open[kind]]

    def _is_clear(self, value: float, bound: float, *, below: bool) -> bool:
        margin = self._clear_margin * abs(bound)
        return value >= bound + margin if below else value <= bound - margin

    def _archive(self, kind: str, now_utc: datetime) -> RiskBreach:
        archived = replace(self._open.pop(kind), state=BreachState.ARCHIVED, archived_at=now_utc)
        self._archived.appendleft(archived)
        return archived


def breach_type(metric: Metric, *, below: bool) -> str:
    """Returns the name of a breach, e.g. VEGA_TOO_LOW."""
    return f"{metric.value.upper()}_TOO_{'LOW' if below else 'HIGH'}"
