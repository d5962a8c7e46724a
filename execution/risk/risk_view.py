"""Portfolio Greeks, limit bars and buckets, as the dashboard shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

import numpy as np

from analytics.beta_weighting import time_weighted_vega, vol_beta_weighted_vega
from analytics.book import BookGreeks, Exclusion
from execution.risk.live_book import LiveBook
from execution.risk_views import RiskBucket
from execution.views import ExcludedPosition, FloatArray, RowStatus
from models.expiry import days_to_expiry
from models.greeks import PortfolioGreeks
from models.ids import AccountId


def masked_totals(book: LiveBook, greeks: BookGreeks, mask: np.ndarray | None) -> PortfolioGreeks:
    """Returns the totals over the rows of `mask` (None = all); excluded rows are counted, not summed as 0."""
    totals = greeks.totals
    now_utc = book.now_utc()
    if mask is None:
        return PortfolioGreeks(
            now_utc,
            totals.spx_equiv_delta,
            totals.gamma,
            totals.theta_per_day,
            totals.vega_per_point,
            totals.beta_defaulted_count,
            totals.excluded_count,
        )
    usable = mask & (greeks.exclusion == Exclusion.INCLUDED) & ~np.isnan(greeks.spx_equiv_delta)
    return PortfolioGreeks(
        now_utc,
        _total(greeks.spx_equiv_delta, usable, mask),
        _total(greeks.gamma_bw, usable, mask),
        _total(greeks.theta_dollars_per_day, usable, mask),
        _total(greeks.vega_dollars_per_point, usable, mask),
        int(np.count_nonzero(greeks.beta_defaulted & usable)),
        int(np.count_nonzero(mask & ~usable)),
    )


def account_greeks(book: LiveBook, greeks: BookGreeks, account_id: AccountId) -> PortfolioGreeks | None:
    """Returns the Greeks of what one account holds; None when none of it can be valued."""
    mask = np.array([row.account_id == account_id for row in book.structure.rows], dtype=np.bool_)
    totals = masked_totals(book, greeks, mask)
    return None if math.isnan(totals.spx_equiv_delta) else totals


def _total(values: FloatArray, usable: np.ndarray, mask: np.ndarray) -> float:
    """Sum over the usable rows; NaN when there are rows and none is usable."""
    return float(values[usable].sum()) if usable.any() or not mask.any() else math.nan


def scaled(greeks: PortfolioGreeks, ratio: float) -> PortfolioGreeks:
    """Returns the Greeks per point of another benchmark, `ratio` = SPX level / its level; theta and vega stay."""
    return PortfolioGreeks(
        greeks.timestamp,
        greeks.spx_equiv_delta * ratio,
        greeks.gamma * ratio * ratio,
        greeks.theta,
        greeks.vega,
        greeks.beta_unavailable_count,
        greeks.excluded_count,
    )


def weighted_vegas(greeks: BookGreeks, mask: np.ndarray | None, vix: float) -> tuple[float | None, float | None]:
    """Returns vega with expiries weighted to 30 days, and vega in points of VIX; None where nothing is known."""
    rows = slice(None) if mask is None else mask
    vega = greeks.vega_dollars_per_point[rows]
    timed = time_weighted_vega(vega_dollars_per_point=vega, t_years=greeks.t_years[rows])
    in_vix = vol_beta_weighted_vega(
        vega_dollars_per_point=vega, vol=greeks.vol[rows], vol_beta=1.0, index_vol=vix / 100.0
    )
    return (
        _known(timed.total_vega_dollars_per_point),
        _known(in_vix.total_vega_dollars_per_index_point),
    )


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


class Buckets:
    """Which rows belong to which underlying and which expiry; made once per structure."""

    def __init__(self, book: LiveBook, mask: np.ndarray | None) -> None:
        self._version = book.version
        rows = book.structure.rows
        shown = range(len(rows)) if mask is None else np.flatnonzero(mask).tolist()
        by_name: dict[str, list[int]] = {}
        by_expiry: dict[date, list[int]] = {}
        for index in shown:
            by_name.setdefault(rows[index].contract.underlying, []).append(index)
            expiry = rows[index].contract.expiry
            if expiry is not None and rows[index].contract.is_option:
                by_expiry.setdefault(expiry, []).append(index)
        self._by_name = {name: np.array(indices) for name, indices in sorted(by_name.items())}
        self._by_expiry = {expiry: np.array(indices) for expiry, indices in sorted(by_expiry.items())}

    def by_underlying(self, greeks: BookGreeks, pnl_open: FloatArray) -> tuple[RiskBucket, ...]:
        """Returns the sums of each underlying."""
        return tuple(_bucket(name, rows, greeks, pnl_open, None) for name, rows in self._by_name.items())

    def by_expiry(self, greeks: BookGreeks, pnl_open: FloatArray, book: LiveBook) -> tuple[RiskBucket, ...]:
        """Returns the sums of each expiration date, all underlyings together."""
        now_utc = book.now_utc()
        return tuple(
            _bucket(f"{expiry:%d %b %y}", rows, greeks, pnl_open, days_to_expiry(expiry, now_utc))
            for expiry, rows in self._by_expiry.items()
        )


def _bucket(name: str, rows: np.ndarray, greeks: BookGreeks, pnl_open: FloatArray, dte: int | None) -> RiskBucket:
    return RiskBucket(
        name=name,
        positions=len(rows),
        market_value=_sum(greeks.market_value[rows]),
        pnl_open=_sum(pnl_open[rows]),
        raw_delta=_sum(greeks.raw_delta[rows]),
        spx_equiv_delta=_sum(greeks.spx_equiv_delta[rows]),
        gamma=_sum(greeks.gamma_bw[rows]),
        theta_per_day=_sum(greeks.theta_dollars_per_day[rows]),
        vega_per_point=_sum(greeks.vega_dollars_per_point[rows]),
        days_to_expiry=dte,
    )


def _sum(values: FloatArray) -> float:
    """Sum of what is known; NaN when nothing is."""
    known = values[~np.isnan(values)]
    return float(known.sum()) if known.size else math.nan


def excluded_positions(
    book: LiveBook, greeks: BookGreeks, statuses: Sequence[RowStatus], mask: np.ndarray | None
) -> tuple[ExcludedPosition, ...]:
    """Returns what is in no total, with the reason."""
    out = np.isnan(greeks.spx_equiv_delta) | (greeks.exclusion != Exclusion.INCLUDED)
    if mask is not None:
        out &= mask
    rows = book.structure.rows
    return tuple(
        ExcludedPosition(rows[index].contract.label, statuses[index]) for index in np.flatnonzero(out).tolist()
    )


def defaulted_betas(book: LiveBook, mask: np.ndarray | None) -> tuple[str, ...]:
    """Returns the underlyings whose beta is only the default, in alphabetical order."""
    arrays = book.arrays
    used = arrays.underlying if mask is None else arrays.underlying[mask]
    return tuple(sorted({arrays.symbols[index] for index in np.unique(used) if arrays.beta_defaulted[index]}))
