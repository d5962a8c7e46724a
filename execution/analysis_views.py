"""What the risk analysis panel shows: breach map, stress ladder, expiry ladder, margin horizon, P&L explain.

Computed beside the engine's thread, only for pages in sight. Every state carries a note: as of when, by which method,
on how many positions. Unknown figures are None or NaN, shown as an em dash.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from models.enums import Metric, Regime

FloatArray = npt.NDArray[np.float64]


class AnalysisPage(StrEnum):
    """A page of the risk analysis panel."""

    BREACH_MAP = "BREACH_MAP"
    STRESS = "STRESS"
    EXPIRIES = "EXPIRIES"
    MARGIN = "MARGIN"
    EXPLAIN = "EXPLAIN"


class VolResponse(StrEnum):
    """What vols do when the spot moves."""

    #: Every option keeps its own vol.
    STICKY_STRIKE = "STICKY_STRIKE"
    #: The smile slides along with the spot.
    STICKY_DELTA = "STICKY_DELTA"
    #: Vols rise as the index falls, by the regime's points per per cent, shorter terms more.
    SPOT_VOL = "SPOT_VOL"


@dataclass(frozen=True, slots=True)
class AnalysisNote:
    """Under what a page's figures stand. `problem`: why there are none; empty when there are."""

    as_of_utc: datetime
    method: str
    positions: int
    left_out: int
    took_ms: float
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where a limit breaks first on one side; `shift_pct` is 0 when it is broken now."""

    metric: Metric
    #: The bound that breaks, and which side of the limit it is.
    bound: float
    is_upper: bool
    shift_pct: float
    spot: float


@dataclass(frozen=True, slots=True)
class LimitLane:
    """One metric over the spots of the map, vols responding but not shifted besides."""

    metric: Metric
    low: float | None
    high: float | None
    #: Per spot; utilisation 1.0 = at the limit, NaN = not bounded there.
    values: FloatArray
    utilisation: FloatArray
    down: Crossing | None
    up: Crossing | None


@dataclass(frozen=True, slots=True)
class BreachMapState:
    """Which limit breaks first, and where. `worst[vol, spot]`: highest utilisation; `binding[vol, spot]`: its lane."""

    note: AnalysisNote
    regime: Regime | None
    spot_now: float
    spot_shifts_pct: FloatArray
    vol_shifts_points: FloatArray
    lanes: tuple[LimitLane, ...]
    worst: FloatArray
    #: Index into `lanes`, -1 where no limit applies.
    binding: npt.NDArray[np.int64]
    first_down: Crossing | None
    first_up: Crossing | None


@dataclass(frozen=True, slots=True)
class StressRung:
    """The book after one move of the index; dollars against now."""

    shift_pct: float
    spot: float
    #: Points that a 30-day at-the-money vol of the index moves with it.
    vol_change_points: float
    pnl: float
    pnl_pct_of_net_liq: float | None
    spx_equiv_delta: float
    gamma: float
    theta_per_day: float
    vega_per_point: float
    worst_underlying: str
    worst_pnl: float


@dataclass(frozen=True, slots=True)
class StressState:
    """The ladder from the deepest fall to the highest rise."""

    note: AnalysisNote
    net_liq: float | None
    rungs: tuple[StressRung, ...]


@dataclass(frozen=True, slots=True)
class ExpiryRung:
    """What expires on one date, all underlyings together; dollars."""

    expiry: date
    days_to_expiry: int
    contracts_long: float
    contracts_short: float
    #: Time value still in the contracts; negative = still to be earned by the book.
    extrinsic: float
    spx_equiv_delta: float
    gamma: float
    theta_per_day: float
    vega_per_point: float
    #: P&L of this date's contracts at `ExpiryLadderState.shifts_pct`.
    pnl_at: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ExpiryLadderState:
    """One rung an expiration date, the nearest first."""

    note: AnalysisNote
    shifts_pct: tuple[float, ...]
    rungs: tuple[ExpiryRung, ...]


@dataclass(frozen=True, slots=True)
class MarginRung:
    """An account's margin after one move of the index, dollars; None = unknown."""

    shift_pct: float
    spot: float
    vol_change_points: float
    #: Net liquidation then.
    equity: float
    reg_t: float | None
    portfolio: float | None
    #: Equity less the requirement of the account's own method.
    excess: float | None


@dataclass(frozen=True, slots=True)
class MarginHorizonState:
    """The requirement at shocked prices, and where the cushion is gone.

    `broker_requirement` is what the broker says now; ours now is the rung at 0. `call_down` / `call_up`: move of the
    index in per cent at which excess liquidity reaches zero, None = not within the ladder.
    """

    note: AnalysisNote
    account: str
    #: The method that `excess` and the calls follow: "Reg-T" or "Portfolio margin".
    own_method: str
    net_liq: float | None
    broker_requirement: float | None
    rungs: tuple[MarginRung, ...]
    call_down_pct: float | None
    call_up_pct: float | None


@dataclass(frozen=True, slots=True)
class ExplainLine:
    """Dollars since the baseline and what made them; the parts add up to `actual`."""

    name: str
    actual: float
    delta: float
    gamma: float
    theta: float
    vega: float
    #: Positions opened, changed or closed since.
    trades: float
    residual: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """A moment the book was recorded at."""

    at_utc: datetime
    label: str


@dataclass(frozen=True, slots=True)
class ExplainState:
    """P&L from the baseline to now. `unexplained`: labels of contracts that lack a figure at either end."""

    note: AnalysisNote
    baselines: tuple[Baseline, ...]
    baseline: Baseline | None
    total: ExplainLine | None
    by_underlying: tuple[ExplainLine, ...]
    by_position: tuple[ExplainLine, ...]
    unexplained: tuple[str, ...]


AnalysisState = BreachMapState | StressState | ExpiryLadderState | MarginHorizonState | ExplainState
