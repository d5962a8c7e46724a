"""Takes the desk's book, market, limits and accounts of one instant as the search wants them, and searches on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics.american import american_price
from analytics.hedge_market import (
    ContractColumns,
    HedgeAccount,
    HedgeError,
    HedgeMarket,
    SearchInput,
    contract_columns,
)
from analytics.hedge_search import reprice, search
from analytics.margin import AccountMargin
from analytics.scenarios import spot_vol_beta
from execution.core import DeskCore
from execution.hedging.finding import Found, HedgeTask
from execution.hedging.premortem import broken_metrics, next_regime
from execution.margin_terms import futures_rule, risk_terms, span_parameters
from execution.risk.columns import quote_sides, underlying_columns
from execution.risk.limits import metric_values
from models.account import AccountInfo
from models.clock import epoch_s
from models.contract import Contract
from models.enums import MarginMethod, MarketDataKind, Metric, Mode
from models.errors import KnownError
from models.hedge import HedgeCandidate, LimitEffect, SearchLimits, Situation
from models.ids import ContractKey
from models.risk import Limit

#: The search adds the book up in another order.
_ROUNDING = 1e-6
_NOT_LIVE = (MarketDataKind.DELAYED, MarketDataKind.FROZEN)


class BookFinder:
    """Implements `execution.hedging.finding.Finder` on the live book. Engine thread only."""

    def __init__(self, *, core: DeskCore) -> None:
        self._core = core
        self._columns: tuple[tuple[ContractKey, ...], ContractColumns] | None = None

    def look(self, contracts: Sequence[Contract], task: HedgeTask) -> BookLook:
        """Returns everything as it is now."""
        core = self._core
        core.book.refresh()
        limits = self._limits(task)
        values = metric_values(core.greeks(), core.margin_used_pct())
        situation = self._situation(task, limits, values)
        try:
            given = SearchInput(
                book=core.book.arrays.copy(),
                rows=core.book.structure.rows,
                market=self._market(contracts),
                limits=limits,
                margin_used_pct=core.margin_used_pct(),
                net_liq=self._net_liq(),
                accounts=self._accounts(contracts),
                now_epoch_s=epoch_s(core.clock.now_utc()),
                spx_price=core.spx_price(),
                clear_margin=core.config.risk.clear_margin_pct / 100.0,
                max_contracts_per_leg=core.caps.max_contracts_per_leg,
                response=None if core.regime.regime is None else spot_vol_beta(core.regime.regime),
            )
        except HedgeError as error:
            raise KnownError(f"{error}") from error
        return BookLook(given, situation, task.metric)

    def _limits(self, task: HedgeTask) -> tuple[Limit, ...]:
        """Those in force, or those that a step up of the regime would bring."""
        regime = self._core.regime.regime
        if task.breach_id is None:
            regime = next_regime(regime)
        limits = self._core.limit_book.of(regime)
        if not limits:
            raise KnownError("There are no limits to search against: the regime is unknown or the highest already.")
        return limits

    def _situation(self, task: HedgeTask, limits: tuple[Limit, ...], values: dict[Metric, float | None]) -> Situation:
        core = self._core
        now = core.regime.regime
        regime = next_regime(now) if task.breach_id is None else now
        if regime is None:
            raise KnownError("The volatility regime is not known yet.")
        context = core.market_context()
        return Situation(
            at_utc=core.clock.now_utc(),
            regime=regime,
            effects=tuple(LimitEffect(limit, _known(values.get(limit.metric)), None) for limit in limits),
            trigger_metrics=broken_metrics(limits, values),
            spx_price=core.spx_price(),
            vix=context.vix,
            is_premortem=task.breach_id is None,
        )

    def _market(self, contracts: Sequence[Contract]) -> HedgeMarket:
        columns = self._columns_of(contracts)
        core = self._core
        sides = np.array([self._sides(one) for one in columns.contracts], dtype=np.float64).reshape(len(columns), 2)
        carried = [core.carry.carry(one.underlying, one.expiry) for one in columns.contracts]
        new = sorted(set(columns.symbols) - set(core.book.arrays.symbols))
        return HedgeMarket.of(
            columns,
            bid=sides[:, 0],
            ask=sides[:, 1],
            rate=np.array([one.rate for one in carried]),
            dividend_yield=np.array([one.dividend_yield for one in carried]),
            underlyings=underlying_columns(new, core.market, core.betas),
        )

    def _columns_of(self, contracts: Sequence[Contract]) -> ContractColumns:
        """The columns of a listing, kept: their expirations are slow to work out."""
        keys = tuple(one.key for one in contracts)
        if self._columns is None or self._columns[0] != keys:
            self._columns = keys, contract_columns(contracts)
        return self._columns[1]

    def _sides(self, contract: Contract) -> tuple[float, float]:
        """Bid and ask of a quote good enough to trade on; that of an earlier search is not."""
        quote, age_s = self._core.quote(contract.key), self._core.quote_age_s(contract.key)
        if quote is None or quote.kind in _NOT_LIVE or age_s is None or age_s > self._core.caps.quote_max_age_s:
            return math.nan, math.nan
        return quote_sides(self._core.market, contract)

    def _net_liq(self) -> float | None:
        total = self._core.total_values()
        return None if total is None or total.net_liquidation is None else float(total.net_liquidation)

    def _accounts(self, contracts: Sequence[Contract]) -> tuple[HedgeAccount, ...]:
        """The accounts that may trade, the one looked at first, then the largest."""
        core = self._core
        prices = {name: core.market.price(name) for name in {one.underlying for one in contracts}}
        prices |= dict(zip(core.book.arrays.symbols, core.book.arrays.spot.tolist(), strict=True))
        found = [one for one in core.accounts.values() if one.may_trade and one.account_id not in core.accounts_down]
        found.sort(key=self._preference)
        terms = {name: risk_terms(name) for name in prices}
        return tuple(HedgeAccount(one.account_id, _margin(one.margin_method, prices), terms) for one in found)

    def _preference(self, info: AccountInfo) -> tuple[bool, bool, float]:
        values = self._core.values.get(info.account_id)
        worth = 0.0 if values is None or values.net_liquidation is None else float(values.net_liquidation)
        can_send = info.mode is Mode.PAPER or info.account_id in self._core.armed
        return info.account_id != self._core.selected, not can_send, -worth


@dataclass(frozen=True, slots=True, eq=False)
class BookLook:
    """Implements `execution.hedging.finding.Look`."""

    given: SearchInput
    situation: Situation
    #: The limit that must be cured, whatever becomes of other broken ones; None: all of them.
    metric: Metric | None = None

    def search(self, wish: SearchLimits) -> Found:
        """Returns what the search finds: trades that cure all that is broken, else what cures its own limit."""
        others = [metric for metric in self.situation.trigger_metrics if metric is not self.metric]
        try:
            found = search(self.given, wish)
            notes = found.notes
            if found.is_partial and self.metric is not None and others:
                alone = search(replace(self.given, limits=self._eased(others)), wish)
                if not alone.is_partial:
                    text = ", ".join(metric.label for metric in others)
                    found, notes = alone, (f"No trade cures {text} as well; these make it no worse.", *notes)
        except HedgeError as error:
            raise KnownError(f"{error}") from error
        return Found(tuple(map(self._held_against, found.candidates)), found.scored_count, " ".join(notes))

    def _eased(self, metrics: Sequence[Metric]) -> tuple[Limit, ...]:
        """The limits, those of `metrics` drawn to where the book stands: it may not get further beyond them."""
        now = {effect.metric: effect.before for effect in self.situation.effects}
        return tuple(
            _drawn_to(limit, now.get(limit.metric)) if limit.metric in metrics else limit for limit in self.given.limits
        )

    def _held_against(self, candidate: HedgeCandidate) -> HedgeCandidate:
        """The candidate with its effects on the real limits."""
        real = {limit.metric: limit for limit in self.given.limits}
        effects = tuple(replace(effect, limit=real.get(effect.metric, effect.limit)) for effect in candidate.effects)
        return replace(candidate, effects=effects)

    def price(self, candidate: HedgeCandidate) -> HedgeCandidate:
        """Returns the candidate's figures worked out anew."""
        try:
            return reprice(self.given, candidate)
        except HedgeError as error:
            raise KnownError(f"{error}") from error


def _margin(method: MarginMethod | None, prices: dict[str, float]) -> AccountMargin:
    return AccountMargin(
        method or MarginMethod.REG_T,
        futures_rules={name: futures_rule(name, at) for name, at in prices.items() if name.startswith("/") and at > 0},
        span_parameters=span_parameters(prices.items()),
        american=american_price,
    )


def _drawn_to(limit: Limit, value: float | None) -> Limit:
    if value is None:
        return limit
    room = _ROUNDING * max(abs(value), 1.0)
    return Limit(
        limit.metric,
        None if limit.low is None else min(limit.low, value - room),
        None if limit.high is None else max(limit.high, value + room),
    )


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
