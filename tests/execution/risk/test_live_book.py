from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from execution.views import RowStatus
from models.clock import ManualClock
from models.enums import Action, BetaSource, Right
from models.order import OrderLeg
from models.trade import Execution
from tests.execution.builders import (
    ACCOUNT,
    NOW,
    condor_legs,
    condor_positions,
    condor_quotes,
    core_at,
    feed,
    index_quotes,
    position,
    quote,
    spxw,
    underlying_contract,
)


def test_a_short_condor_collects_theta_and_is_short_gamma_and_vega() -> None:
    core = core_at()
    core.set_positions(ACCOUNT, condor_positions())
    feed(core, condor_quotes())
    greeks = core.greeks()
    assert greeks.theta > 0
    assert greeks.gamma < 0
    assert greeks.vega < 0
    assert greeks.excluded_count == 0


def test_five_contracts_weigh_five_times_one() -> None:
    one, five = core_at(), core_at()
    one.set_positions(ACCOUNT, condor_positions(1))
    five.set_positions(ACCOUNT, condor_positions(5))
    for core in (one, five):
        feed(core, condor_quotes())
    small, large = one.greeks(), five.greeks()
    assert large.spx_equiv_delta == pytest.approx(5 * small.spx_equiv_delta)
    assert large.gamma == pytest.approx(5 * small.gamma)
    assert large.theta == pytest.approx(5 * small.theta)
    assert large.vega == pytest.approx(5 * small.vega)


def test_greeks_after_a_staged_order_equal_those_of_the_book_that_holds_it() -> None:
    staged, held = core_at(), core_at()
    staged.set_positions(ACCOUNT, [])
    feed(staged, condor_quotes())
    held.set_positions(ACCOUNT, condor_positions())
    feed(held, condor_quotes())
    after = staged.greeks(extra_legs=condor_legs())
    assert after.spx_equiv_delta == pytest.approx(held.greeks().spx_equiv_delta, rel=1e-12)
    assert after.vega == pytest.approx(held.greeks().vega, rel=1e-12)
    assert staged.greeks().vega == 0


def test_greeks_before_a_fill_are_those_of_the_book_without_its_executions() -> None:
    core = core_at()
    core.set_positions(ACCOUNT, condor_positions())
    feed(core, condor_quotes())
    executions = [
        Execution(
            broker=condor_positions()[0].broker,
            account_id=ACCOUNT,
            execution_id=f"X{index}",  # type: ignore[arg-type]  # NewType of str
            broker_order_id=None,
            order_id=None,
            contract=leg.contract,
            action=leg.action,
            quantity=Decimal(leg.quantity),
            price=Decimal(1),
            executed_at_utc=NOW,
        )
        for index, leg in enumerate(condor_legs())
    ]
    before = core.greeks(without=executions)
    assert before.vega == pytest.approx(0, abs=1e-9)
    assert before.spx_equiv_delta == pytest.approx(0, abs=1e-9)


def test_a_position_without_a_quote_is_excluded_and_named_not_counted_as_zero() -> None:
    core = core_at()
    core.set_positions(ACCOUNT, condor_positions())
    feed(core, condor_quotes()[:3])
    greeks = core.greeks()
    numbers = core.book.numbers(core.book.greeks(core.spx_price()))
    assert greeks.excluded_count == 1
    assert list(numbers.status).count(RowStatus.NO_QUOTE) == 1
    missing = numbers.status.index(RowStatus.NO_QUOTE)
    assert np.isnan(numbers.spx_equiv_delta[missing])
    assert np.isnan(numbers.pnl_open[missing])


def test_a_one_sided_quote_keeps_the_last_vol_and_is_marked_stale() -> None:
    core = core_at()
    core.set_positions(ACCOUNT, condor_positions())
    feed(core, condor_quotes())
    core.greeks()
    feed(core, (quote(spxw(Right.PUT, 6800).key, None, "21.00", core.clock.now_utc()),))
    assert core.greeks().excluded_count == 0
    numbers = core.book.numbers(core.book.greeks(core.spx_price()))
    assert RowStatus.STALE in numbers.status


def test_without_spx_nothing_is_summed_as_zero() -> None:
    core = core_at()
    core.market.apply((quote("SPX", None, None, core.clock.now_utc()),))
    core.set_positions(ACCOUNT, [position(underlying_contract("AAPL"), 100, "270")])
    feed(core, (quote("AAPL", "276.50", "276.56"),))
    assert np.isnan(core.greeks().spx_equiv_delta)


def test_stock_delta_is_weighted_by_price_and_beta_and_its_source_is_kept() -> None:
    core = core_at()
    core.set_positions(ACCOUNT, [position(underlying_contract("AAPL"), 100, "270")])
    feed(core, (quote("AAPL", "276.50", "276.56"),))
    expected = 100 * 276.53 * 1.24 / 7200.75
    assert core.greeks().spx_equiv_delta == pytest.approx(expected)
    assert core.book.structure.rows[0].beta_source is BetaSource.CONFIG


def test_an_unknown_beta_counts_as_one_and_is_flagged_until_the_user_sets_it() -> None:
    core = core_at()
    core.set_positions(ACCOUNT, [position(underlying_contract("ZZZ"), 10, "50")])
    feed(core, (quote("ZZZ", "50", "50"),))
    assert core.greeks().beta_unavailable_count == 1
    core.betas.set_override("ZZZ", 2.0)
    greeks = core.greeks()
    assert greeks.beta_unavailable_count == 0
    assert greeks.spx_equiv_delta == pytest.approx(10 * 50 * 2 / 7200.75)


def test_profit_and_loss_is_against_the_average_price_with_the_contracts_multiplier() -> None:
    core = core_at()
    core.set_positions(ACCOUNT, [position(spxw(Right.PUT, 6800), -2, "25.00", previous="22.00")])
    feed(core, condor_quotes())
    core.greeks()
    numbers = core.book.numbers(core.book.greeks(core.spx_price()))
    assert numbers.mark[0] == 20.25
    assert numbers.pnl_open[0] == pytest.approx(-2 * 100 * (20.25 - 25))
    assert numbers.pnl_day[0] == pytest.approx(-2 * 100 * (20.25 - 22))


def test_the_tree_names_the_condor_and_uses_every_contract_once() -> None:
    core = core_at()
    core.set_positions(ACCOUNT, [*condor_positions(), position(underlying_contract("AAPL"), 100, "270")])
    groups = core.book.structure.groups
    assert {group.tag for group in groups} == {"iron_condor", "long_stock"}
    used = sorted(row for group in groups for row in group.rows)
    assert used == list(range(5))


def test_an_age_is_never_negative_and_counts_on() -> None:
    clock = ManualClock(NOW)
    core = core_at(clock)
    core.set_positions(ACCOUNT, condor_positions())
    feed(core, condor_quotes())
    clock.set(NOW.replace(minute=47))
    core.greeks()
    numbers = core.book.numbers(core.book.greeks(core.spx_price()))
    assert numbers.quote_age_s.tolist() == [120.0] * 4
    assert set(numbers.status) == {RowStatus.STALE}


def test_unchanged_positions_make_no_new_version() -> None:
    core = core_at()
    assert core.set_positions(ACCOUNT, condor_positions())
    version = core.position_version
    assert not core.set_positions(ACCOUNT, condor_positions())
    assert core.position_version == version


def test_an_order_on_a_new_underlying_is_weighed_with_its_own_beta() -> None:
    core = core_at()
    core.set_positions(ACCOUNT, condor_positions())
    feed(core, (*condor_quotes(), *index_quotes(), quote("MSFT", "400", "400")))
    before = core.greeks().spx_equiv_delta
    after = core.greeks(extra_legs=(OrderLeg(underlying_contract("MSFT"), Action.BUY, 10),)).spx_equiv_delta
    assert after - before == pytest.approx(10 * 400 * 1.02 / 7200.75)
