"""Turns the desk's state into the snapshots that the window shows."""

from __future__ import annotations

import math
import time

import numpy as np

from analytics.book import BookGreeks
from execution.core import DeskCore
from execution.risk.limits import limit_rows, metric_values
from execution.risk.risk_view import (
    Buckets,
    defaulted_betas,
    excluded_positions,
    masked_totals,
    scaled,
    weighted_vegas,
)
from execution.views import (
    AccountsState,
    BookNumbers,
    LimitRow,
    MarketState,
    Publisher,
    RiskState,
)
from models.ids import ContractKey


class DeskPublisher:
    """Computes and publishes book and risk states. Engine thread only."""

    def __init__(self, core: DeskCore, publisher: Publisher) -> None:
        self._core = core
        self._publisher = publisher
        self._structure_version = -1
        self._buckets: Buckets | None = None
        self._bucket_key: tuple[int, object] | None = None
        self._greeks: BookGreeks | None = None
        #: What deltas are weighted into on screen: SPX, SPY or /ES.
        self.benchmark = "SPX"
        #: Whether every position stands in the sums.
        self.is_whole = False
        self.limit_rows: tuple[LimitRow, ...] = ()

    def structure(self) -> None:
        """Publishes the book's tree if it is a new one."""
        structure = self._core.book.structure
        if structure.version != self._structure_version:
            self._structure_version = structure.version
            self._publisher.state(structure)

    def risk(self) -> BookNumbers:
        """Solves vols, values the book, publishes RiskState; returns the rows' numbers (published more slowly)."""
        started = time.perf_counter()
        core = self._core
        core.book.refresh()
        self.structure()
        greeks = core.book.greeks(core.spx_price())
        self._greeks = greeks
        numbers = core.book.numbers(greeks)
        mask = core.selection_mask()
        totals = masked_totals(core.book, greeks, None)
        self.is_whole = totals.excluded_count == 0
        self.limit_rows = limit_rows(core.limits(), metric_values(totals, core.margin_used_pct()))
        self._publisher.state(self._risk_state(greeks, numbers, mask, started))
        return numbers

    def _risk_state(
        self, greeks: BookGreeks, numbers: BookNumbers, mask: np.ndarray | None, started: float
    ) -> RiskState:
        core = self._core
        spx = core.spx_price()
        benchmark, level = self._benchmark()
        shown = masked_totals(core.book, greeks, mask)
        if level is not None and not math.isnan(spx):
            shown = scaled(shown, spx / level)
        one_pct = None if level is None else shown.spx_equiv_delta * level / 100.0
        buckets = self._buckets_of(mask)
        vega_30_day, vega_vix_weighted = weighted_vegas(greeks, mask, core.market.price("VIX"))
        return RiskState(
            greeks=shown,
            benchmark=benchmark,
            benchmark_price=level,
            dollars_per_one_pct=one_pct,
            limits=self.limit_rows,
            regime_limits=core.limit_book.all(),
            by_underlying=buckets.by_underlying(greeks, numbers.pnl_open),
            by_expiry=buckets.by_expiry(greeks, numbers.pnl_open, core.book),
            excluded=excluded_positions(core.book, greeks, numbers.status, mask),
            defaulted_betas=defaulted_betas(core.book, mask),
            compute_ms=(time.perf_counter() - started) * 1000.0,
            vega_30_day=vega_30_day,
            vega_vix_weighted=vega_vix_weighted,
        )

    def market(self, session: str) -> None:
        """Publishes the header figures."""
        core = self._core
        spx, vix = core.market.change("SPX"), core.market.change("VIX")
        context = core.market_context()
        spx_quote = core.market.quote(ContractKey("SPX"))
        self._publisher.state(
            MarketState(
                at_utc=context.at_utc,
                spx_price=context.spx_price,
                spx_change_pct=None if spx is None else spx[1],
                vix=context.vix,
                vix_change=None if vix is None else vix[0],
                regime=core.regime.info(),
                feed=core.feed,
                feed_text=core.feed_text,
                newest_quote_age_s=core.market.newest_age_s(),
                session=session,
                odd_objects=core.odd_objects,
                spx_kind=None if spx_quote is None else spx_quote.kind,
                brokers_down=tuple(dict.fromkeys(core.accounts[one].broker for one in sorted(core.accounts_down))),
            )
        )

    def accounts(self) -> None:
        """Publishes accounts and their money."""
        core = self._core
        self._publisher.state(
            AccountsState(
                accounts=tuple(core.accounts.values()),
                values=tuple(core.values.values()),
                selected=core.selected,
                total=core.total_values(core.selected),
            )
        )

    def _benchmark(self) -> tuple[str, float | None]:
        wanted = self.benchmark
        price = self._core.market.price(self._core.benchmark_symbol(wanted))
        return wanted, None if math.isnan(price) else price

    def _buckets_of(self, mask: np.ndarray | None) -> Buckets:
        key = (self._core.book.version, self._core.selected)
        if self._buckets is None or key != self._bucket_key:
            self._buckets, self._bucket_key = Buckets(self._core.book, mask), key
        return self._buckets
