"""Where the charts' history comes from, and how the window holds it: plain arrays, one set an account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.enums import Regime
from ui import format as fmt

Floats = NDArray[np.float64]

#: Missed slots that follow each other within this time make one gap (slots come every 15 minutes).
_SLOT_S = 900.0
_ONE_GAP_S = 20 * 60.0


class SeriesLike(Protocol):
    """One account's snapshots: POSIX seconds ascending, columns by name with NaN for unknown."""

    @property
    def account_id(self) -> str:
        """The account."""
        ...

    @property
    def at_s(self) -> Floats:
        """Instants, shape (n,)."""
        ...

    @property
    def columns(self) -> Mapping[str, Floats]:
        """Figures by column name of `account_snapshots`, each shape (n,); `regime` indexes models.enums.Regime."""
        ...


class MissedLike(Protocol):
    """A snapshot that was due and not taken."""

    @property
    def slot_utc(self) -> datetime:
        """When it was due."""
        ...

    @property
    def account_id(self) -> str:
        """The account it was due for."""
        ...

    @property
    def reason(self) -> str:
        """Why it was not taken, in words."""
        ...


class SnapshotSource(Protocol):
    """Reads snapshots; called in the reader pool only. `database.reader.JournalReader` fits."""

    def accounts_with_snapshots(self) -> tuple[str, ...]:
        """Returns the accounts that have snapshots."""
        ...

    def snapshot_series(
        self,
        account_id: str,
        *,
        from_utc: datetime | None = None,
        to_utc: datetime | None = None,
        max_points: int | None = 4000,
    ) -> SeriesLike:
        """Returns an account's snapshots, all of them when `max_points` is None."""
        ...

    def missed_slots(self, *, from_utc: datetime, to_utc: datetime) -> Sequence[MissedLike]:
        """Returns the slots that were not taken, oldest first."""
        ...


class ChartMetric(Enum):
    """What can be drawn: column, title, unit."""

    NET_LIQUIDATION = ("net_liquidation", "Net liq", "dollars")
    SPX_DELTA = ("spx_delta", "SPX delta", "$ per SPX point")
    GAMMA = ("gamma", "Gamma", "deltas per SPX point")
    THETA = ("theta", "Theta", "$ per calendar day")
    VEGA = ("vega", "Vega", "$ per vol point")
    DELTA_THETA = ("delta_theta_ratio", "Delta/theta", "SPX delta per dollar of daily theta")
    VIX = ("vix", "VIX", "index level")

    def __init__(self, column: str, title: str, unit: str) -> None:
        self.column = column
        self.title = title
        self.unit = unit

    @property
    def is_market(self) -> bool:
        """Whether all accounts share the figure."""
        return self is ChartMetric.VIX

    def text(self, value: float | None) -> str:
        """Returns a figure as the read-out writes it."""
        match self:
            case ChartMetric.NET_LIQUIDATION:
                return fmt.money(value)
            case ChartMetric.SPX_DELTA:
                return fmt.delta(value)
            case ChartMetric.GAMMA | ChartMetric.DELTA_THETA:
                return fmt.signed(value, 2)
            case ChartMetric.VIX:
                return fmt.price(value)
            case _:
                return fmt.signed_money(value)


@dataclass(frozen=True, slots=True)
class Gap:
    """A run of missed slots: from the first slot's time to the last one's, POSIX seconds."""

    first_s: float
    last_s: float
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class AccountHistory:
    """One account's snapshots and gaps, both in time order."""

    account_id: str
    at_s: Floats
    columns: Mapping[str, Floats]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class RegimeRun:
    """A stretch of one regime, POSIX seconds."""

    start_s: float
    end_s: float
    regime: Regime


@dataclass(frozen=True, slots=True)
class History:
    """Everything the chart draws."""

    accounts: tuple[AccountHistory, ...]
    regimes: tuple[RegimeRun, ...]

    @property
    def span_s(self) -> tuple[float, float] | None:
        """First and last snapshot; None without any."""
        ends = [(float(one.at_s[0]), float(one.at_s[-1])) for one in self.accounts if one.at_s.size]
        return (min(first for first, _ in ends), max(last for _, last in ends)) if ends else None


def load_history(source: SnapshotSource) -> History:
    """Reads all snapshots; slow, for the reader pool. Raises what the source raises."""
    series = [source.snapshot_series(account_id, max_points=None) for account_id in source.accounts_with_snapshots()]
    series = [one for one in series if one.at_s.size]
    if not series:
        return History((), ())
    first = min(float(one.at_s[0]) for one in series)
    last = max(float(one.at_s[-1]) for one in series)
    missed = source.missed_slots(
        from_utc=datetime.fromtimestamp(first, UTC),
        to_utc=datetime.fromtimestamp(last, UTC) + timedelta(seconds=_SLOT_S),
    )
    accounts = tuple(
        AccountHistory(
            one.account_id,
            one.at_s,
            one.columns,
            gaps_of([slot for slot in missed if slot.account_id == one.account_id]),
        )
        for one in series
    )
    longest = max(accounts, key=lambda one: one.at_s.size)
    return History(accounts, regime_runs(longest.at_s, longest.columns["regime"]))


def gaps_of(missed: Sequence[MissedLike]) -> tuple[Gap, ...]:
    """Returns missed slots, oldest first, with neighbours for the same reason joined into one gap."""
    gaps: list[Gap] = []
    for slot in missed:
        at_s = slot.slot_utc.timestamp()
        before = gaps[-1] if gaps else None
        if before is not None and before.reason == slot.reason and at_s - before.last_s <= _ONE_GAP_S:
            gaps[-1] = Gap(before.first_s, at_s, before.count + 1, slot.reason)
        else:
            gaps.append(Gap(at_s, at_s, 1, slot.reason))
    return tuple(gaps)


def regime_runs(at_s: Floats, regime: Floats) -> tuple[RegimeRun, ...]:
    """Returns the stretches between changes of regime; unknown ones are left out."""
    codes = np.where(np.isnan(regime), -1.0, regime)
    if not codes.size:
        return ()
    starts = np.concatenate(([0], np.flatnonzero(np.diff(codes)) + 1))
    ends = np.concatenate((starts[1:], [codes.size - 1]))
    names = tuple(Regime)
    return tuple(
        RegimeRun(float(at_s[start]), float(at_s[end]), names[int(codes[start])])
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        if codes[start] >= 0
    )
