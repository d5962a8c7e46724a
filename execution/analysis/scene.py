"""What an analysis looks at: the book frozen at one instant, taken on the engine thread, read on the worker's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from analytics.book import BookArrays, Exclusion
from analytics.scenarios import STICKY_STRIKE, SpotVolBeta, VolDynamics, book_smiles, spot_vol_beta
from execution.analysis_views import AnalysisNote, VolResponse
from execution.core import DeskCore
from execution.views import PositionRow
from models.account import AccountInfo, AccountValues
from models.clock import epoch_s
from models.enums import Regime
from models.risk import Limit


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """The book and what it is held against; nothing in it changes any more.

    `mask`: the rows of the selected account, None = all. `rows`: the structure's rows, in the book's order.
    """

    book: BookArrays
    rows: tuple[PositionRow, ...]
    mask: npt.NDArray[np.bool_] | None
    as_of_utc: datetime
    now_s: float
    spx_price: float
    regime: Regime | None
    limits: tuple[Limit, ...]
    accounts: tuple[tuple[AccountInfo, AccountValues], ...]
    response: VolResponse

    @property
    def chosen(self) -> npt.NDArray[np.bool_]:
        """Rows looked at, as a mask."""
        return np.ones(len(self.book), dtype=np.bool_) if self.mask is None else self.mask

    @property
    def left_out(self) -> int:
        """How many of the rows looked at cannot be valued."""
        return int(np.count_nonzero((self.book.exclusions(self.now_s) != Exclusion.INCLUDED) & self.chosen))

    @property
    def net_liq(self) -> float | None:
        """Net liquidation of the accounts looked at, dollars; None when one of them is unknown."""
        known = [values.net_liquidation for _, values in self.accounts]
        if not known or any(value is None for value in known):
            return None
        return math.fsum(float(value) for value in known if value is not None)

    def dynamics(self) -> VolDynamics:
        """What vols do when spots move, as the user chose."""
        if self.response is VolResponse.STICKY_STRIKE:
            return STICKY_STRIKE
        smile = book_smiles(self.book, now_epoch_s=self.now_s)
        return VolDynamics(smile=smile, response=self.spot_vol())

    def spot_vol(self) -> SpotVolBeta | None:
        """How far at-the-money vols answer to the index; None unless the user chose so."""
        return spot_vol_beta(self.regime or Regime.MEDIUM_VOL) if self.response is VolResponse.SPOT_VOL else None

    def method(self, dynamics: VolDynamics) -> str:
        """How figures were worked out under these dynamics (not those the user chose), in a trader's words."""
        early = bool((self.book.is_american & self.chosen).any())
        exercise = "American and European options" if early else "European options"
        text = f"Full revaluation, {exercise}, underlyings move by beta, {_words(dynamics)}"
        if dynamics.response is not None:
            one = dynamics.response
            regime = self.regime.value if self.regime is not None else "MEDIUM_VOL, no VIX yet"
            text += f" {one.down_per_pct:g}/{one.up_per_pct:g} pts per 1 % down/up at 30 days ({regime})"
        if dynamics.smile is not None:
            flat = int(np.count_nonzero((dynamics.smile.points == 0) & (self.book.strike > 0.0) & self.chosen))
            text += f"; {flat} options without a smile of their own stay on their strike's vol" if flat else ""
        return text

    def note(self, method: str, took_s: float, problem: str = "", left_out: int | None = None) -> AnalysisNote:
        """The line under which a page's figures stand."""
        return AnalysisNote(
            as_of_utc=self.as_of_utc,
            method=method,
            positions=int(np.count_nonzero(self.chosen)),
            left_out=self.left_out if left_out is None else left_out,
            took_ms=took_s * 1000.0,
            problem=problem,
        )


def _words(dynamics: VolDynamics) -> str:
    """What vols do, named after what the figures were given."""
    if dynamics.response is None:
        return "sticky strike" if dynamics.smile is None else "sticky delta"
    return f"spot-vol beta, {'every strike alike' if dynamics.smile is None else 'smile sliding'}"


def take_scene(core: DeskCore, response: VolResponse) -> Scene:
    """Returns the book as it is now. Engine thread."""
    selected, now_utc = core.selected, core.clock.now_utc()
    return Scene(
        book=core.book.arrays.copy(),
        rows=core.book.structure.rows,
        mask=core.selection_mask(),
        as_of_utc=now_utc,
        now_s=epoch_s(now_utc),
        spx_price=core.spx_price(),
        regime=core.regime.regime,
        limits=core.limits(),
        accounts=tuple(
            (info, core.values[account_id])
            for account_id, info in core.accounts.items()
            if selected in (None, account_id) and account_id in core.values
        ),
        response=response,
    )
