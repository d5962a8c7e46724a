"""Margins of the paper accounts, each by its own method, remembered for a while."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol

from analytics.margin import RegTParameters
from execution.brokers.paper.accounts import Holding
from execution.brokers.paper.margin_methods import Margin, MarginCase
from execution.brokers.paper.market import OptionModel
from models.contract import Contract
from models.enums import MarginMethod
from models.ids import AccountId, ContractKey
from models.order import OrderLeg

#: Margin is worked out again on a change, else no sooner than this, nor sooner than this many times what it took.
_LEAST_REST_S: Final = 1.0
_REST_PER_WORK: Final = 20.0
#: What takes less than this is worked out at once.
_AT_ONCE_S: Final = 0.02


class OptionModels(Protocol):
    """Tells how options are priced now; a `MarketSource` does."""

    def models(self, contracts: Sequence[Contract]) -> dict[ContractKey, OptionModel]:
        """Returns the model of each option that it prices."""
        ...


@dataclass(frozen=True, slots=True)
class _Worked:
    version: int
    at_utc: datetime
    took_s: float
    margin: Margin | None


class Margining:
    """Works out margins by each account's method; remembers each account's for a while.

    A book of many hundred positions can take tenths of a second. With an `executor` such a book is worked out beside
    the engine's thread, and until that is done its last margin stands; others, and all without one, are done at once.
    """

    def __init__(
        self,
        market: OptionModels,
        methods: Mapping[AccountId, MarginMethod],
        *,
        rates: RegTParameters | None = None,
        executor: Executor | None = None,
    ) -> None:
        """`methods`: an account that is not in it has strategy margin (Reg-T)."""
        self._market = market
        self._methods = dict(methods)
        self._rates = rates
        self._executor = executor
        self._worked: dict[AccountId, _Worked] = {}
        self._pending: dict[AccountId, Future[_Worked]] = {}

    def case(
        self,
        account_id: AccountId,
        holdings: Iterable[Holding],
        marks: Mapping[ContractKey, Decimal],
        now_utc: datetime,
        order_legs: Sequence[OrderLeg] = (),
    ) -> MarginCase:
        """Returns copies of all that an account's margin needs, with and without an order. Engine thread only."""
        kept, method = tuple(holdings), self._methods.get(account_id, MarginMethod.REG_T)
        models: dict[ContractKey, OptionModel] = {}
        if method is MarginMethod.PORTFOLIO:
            models = self._market.models([*(held.contract for held in kept), *(leg.contract for leg in order_legs)])
        return MarginCase(method, kept, dict(marks), models, now_utc, self._rates)

    def current(
        self,
        account_id: AccountId,
        version: int,
        holdings: Iterable[Holding],
        marks: Mapping[ContractKey, Decimal],
        now_utc: datetime,
    ) -> Margin | None:
        """Returns an account's margin, worked out anew when `version` (its positions) changed or it is old."""
        self._collect(account_id)
        known = self._worked.get(account_id)
        if known is not None and known.version == version:
            rest_s = max(_LEAST_REST_S, _REST_PER_WORK * known.took_s)
            if (now_utc - known.at_utc).total_seconds() < rest_s:
                return known.margin
        if known is not None and account_id in self._pending:
            return known.margin
        case = self.case(account_id, holdings, marks, now_utc)
        if self._executor is None or known is None or known.took_s < _AT_ONCE_S:
            worked = self._worked[account_id] = _work(version, case)
            return worked.margin
        self._pending[account_id] = self._executor.submit(_work, version, case)
        return known.margin

    def _collect(self, account_id: AccountId) -> None:
        """Takes over a margin that was worked out beside."""
        pending = self._pending.get(account_id)
        if pending is not None and pending.done():
            del self._pending[account_id]
            self._worked[account_id] = pending.result()


def _work(version: int, case: MarginCase) -> _Worked:
    began = time.perf_counter()
    margin = case.margin()
    return _Worked(version, case.now_utc, time.perf_counter() - began, margin)
