"""What the book would make or lose if prices, vols and the calendar moved: full revaluation, never a Greek expansion.

Rules
    spot        every underlying moves by its relative shift, or (beta-weighted, the default) by beta x the index's
                shift, plus its own further shift if one is given; a price cannot fall below 0. Futures move like any
                other underlying.
    vol         sticky strike unless `VolDynamics` says otherwise; shifts absolute or relative as stated; `shocks` has
                the order of the steps, and how many vols stood on a floor is in every result.
    time        calendar days pass, act/365; rates, yields and dividends stay; cash and carry on it are ignored.
    expiry      an option whose instant has passed is worth its intrinsic value at the scenario's price.
    exercise    as the book says: European, or American by `analytics.american`.
    zero shock  both sides of every difference come from the same arithmetic on the same numbers, so no shock is
                exactly 0.0, not nearly.
    unknown     positions the book cannot value (no price, no vol) are left out, counted and masked.
"""

from analytics.scenarios.breach import BreachMap, Crossing, Lane, breach_map
from analytics.scenarios.columns import Moves
from analytics.scenarios.expiries import ExpiryLadder, expiry_ladder
from analytics.scenarios.explain import (
    ExplainInputs,
    ExplainStatus,
    PnlExplain,
    PnlParts,
    pnl_explain,
    sum_by,
)
from analytics.scenarios.grid import (
    PnlCurve,
    PnlGrid,
    SliceTable,
    expiration_curve,
    greeks_at_slices,
    pnl_curve,
    pnl_grid,
)
from analytics.scenarios.shocks import (
    STICKY_STRIKE,
    VOL_FLOOR,
    ScenarioError,
    SmileRows,
    SpotVolBeta,
    VolDynamics,
    VolShift,
    spot_vol_beta,
)
from analytics.scenarios.smile import SmileFit, SmilePoints, book_smiles, fit_smile, own_points
from analytics.scenarios.stress import QUOTED_LOSS_LIMITS, STRESS_SHIFTS, StressLadder, stress_ladder

__all__ = [
    "QUOTED_LOSS_LIMITS",
    "STICKY_STRIKE",
    "STRESS_SHIFTS",
    "VOL_FLOOR",
    "BreachMap",
    "Crossing",
    "ExpiryLadder",
    "ExplainInputs",
    "ExplainStatus",
    "Lane",
    "Moves",
    "PnlCurve",
    "PnlExplain",
    "PnlGrid",
    "PnlParts",
    "ScenarioError",
    "SliceTable",
    "SmileFit",
    "SmilePoints",
    "SmileRows",
    "SpotVolBeta",
    "StressLadder",
    "VolDynamics",
    "VolShift",
    "book_smiles",
    "breach_map",
    "expiration_curve",
    "expiry_ladder",
    "fit_smile",
    "greeks_at_slices",
    "own_points",
    "pnl_curve",
    "pnl_explain",
    "pnl_grid",
    "spot_vol_beta",
    "stress_ladder",
    "sum_by",
]
