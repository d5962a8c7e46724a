"""The book's rows with the broker's own figures beside ours, and with delayed quotes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import cast

import numpy as np

from execution.brokers.port import ModelGreeksEvent
from execution.core import DeskCore
from execution.dispatch import EventDispatch, Say
from execution.orders.manager import OrderManager
from execution.publishing import DeskPublisher
from execution.risk.watch import RiskWatch
from execution.views import BookNumbers
from models.clock import ManualClock
from models.contract import Contract
from models.enums import MarketDataKind, Right
from models.ids import AccountId, ContractKey
from models.quote import ModelGreeks
from tests.execution.builders import (
    ACCOUNT,
    NOW,
    condor_positions,
    condor_quotes,
    core_at,
    feed,
    index_quotes,
    position,
    spxw,
)

PUT, CALL = spxw(Right.PUT, 6800), spxw(Right.CALL, 7550)
OTHER = AccountId("PAPER-2")


class Dirt:
    """Counts how often the risk loop is called."""

    def __init__(self) -> None:
        self.count = 0

    def mark_dirty(self) -> None:
        self.count += 1


def book(clock: ManualClock | None = None) -> DeskCore:
    core = core_at(clock)
    core.set_positions(ACCOUNT, condor_positions())
    feed(core, condor_quotes())
    return core


def never() -> None:
    raise AssertionError("a model's figures ask for no reconcile")


def dispatch(core: DeskCore, watch: Dirt) -> EventDispatch:
    return EventDispatch(
        core=core,
        manager=cast("OrderManager", None),
        watch=cast("RiskWatch", watch),
        published=cast("DeskPublisher", None),
        reconcile=never,
        say=cast("Say", None),
    )


def told(contract: Contract, vol: float, delta: float) -> ModelGreeks:
    return ModelGreeks(contract.key, NOW, vol, delta, None, None, None)


def numbers(core: DeskCore) -> BookNumbers:
    core.book.refresh()
    return core.book.numbers(core.book.greeks(core.spx_price()))


def row_of(core: DeskCore, contract: Contract, account: AccountId = ACCOUNT) -> int:
    rows = core.book.structure.rows
    return next(at for at, row in enumerate(rows) if (row.contract, row.account_id) == (contract, account))


def test_an_event_puts_the_brokers_figures_at_the_rows_they_belong_to_and_changes_no_risk_figure() -> None:
    core, watch = book(), Dirt()
    before = numbers(core)
    event = ModelGreeksEvent((told(CALL, 0.14, 0.11), told(spxw(Right.PUT, 5000), 0.5, -0.01)))
    asyncio.run(dispatch(core, watch).apply(event))
    after = numbers(core)
    row = row_of(core, CALL)
    assert watch.count == 1
    assert (after.broker_iv[row], after.broker_delta[row], after.broker_age_s[row]) == (0.14, 0.11, 0.0)
    assert np.count_nonzero(~np.isnan(after.broker_delta)) == 1
    for name in ("iv", "unit_delta", "spx_equiv_delta", "gamma", "theta_per_day", "vega_per_point"):
        assert np.array_equal(getattr(before, name), getattr(after, name))


def test_figures_of_what_is_not_held_are_kept_for_the_chain_and_wake_nobody() -> None:
    core, watch = book(), Dirt()
    other = spxw(Right.PUT, 5000)
    asyncio.run(dispatch(core, watch).apply(ModelGreeksEvent((told(other, 0.5, -0.01),))))
    assert watch.count == 0
    assert core.market.model_greeks(other.key) == told(other, 0.5, -0.01)


def test_a_contract_in_two_accounts_has_the_figures_in_both_rows_and_keeps_them_when_the_book_changes() -> None:
    core = book()
    core.market.apply_model_greeks([told(PUT, 0.19, -0.16)])
    core.set_positions(OTHER, [replace(position(PUT, -3, "20.00"), account_id=OTHER)])
    seen = numbers(core)
    assert seen.broker_delta[[row_of(core, PUT), row_of(core, PUT, OTHER)]].tolist() == [-0.16, -0.16]
    core.book.take_model_greeks([told(PUT, 0.19, -0.17)])
    assert numbers(core).broker_delta[[row_of(core, PUT), row_of(core, PUT, OTHER)]].tolist() == [-0.17, -0.17]


def test_after_a_minute_the_brokers_figures_are_gone_and_ours_stand_alone() -> None:
    clock = ManualClock(NOW)
    core = book(clock)
    core.book.take_model_greeks([told(PUT, 0.19, -0.16)])
    clock.advance(timedelta(seconds=60))
    assert numbers(core).broker_age_s[row_of(core, PUT)] == 60.0
    clock.advance(timedelta(seconds=1))
    late = numbers(core)
    assert np.isnan(late.broker_delta).all()
    assert not np.isnan(late.unit_delta).any()


def test_a_row_on_a_delayed_quote_or_a_delayed_underlying_says_so_until_a_live_one_comes() -> None:
    core = book()
    assert not numbers(core).is_delayed.any()
    late = tuple(replace(one, kind=MarketDataKind.DELAYED) if one.key == PUT.key else one for one in condor_quotes())
    feed(core, late)
    assert np.flatnonzero(numbers(core).is_delayed).tolist() == [row_of(core, PUT)]
    core.book.rebuild()
    assert np.flatnonzero(numbers(core).is_delayed).tolist() == [row_of(core, PUT)]
    feed(core, condor_quotes())
    assert not numbers(core).is_delayed.any()
    spx = next(one for one in index_quotes() if one.key == ContractKey("SPX"))
    feed(core, (replace(spx, kind=MarketDataKind.DELAYED),))
    assert numbers(core).is_delayed.all()
    core.book.rebuild()
    assert numbers(core).is_delayed.all()
    feed(core, (spx,))
    assert not numbers(core).is_delayed.any()
