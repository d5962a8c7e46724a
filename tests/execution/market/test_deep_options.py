"""A deep option whose mid is at or below what exercise pays still has a vol, Greeks and a place in the totals."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np

from execution.commands import TicketDraft
from execution.core import DeskCore
from execution.market.chain_values import SideMarket, SideQuotes, SideValuer
from execution.ticket_views import Problem, TicketPreview
from models.clock import epoch_s
from models.contract import Contract, option_contract, underlying_contract
from models.enums import Action, Metric, OrderType, Right, TimeInForce
from models.ids import new_order_id
from models.order import OrderLeg
from models.product import NICKEL
from tests.execution.builders import ACCOUNT, NOW, core_at, feed, position, quote

_SPOT = 287.05


def deep_put(strike: int = 360) -> Contract:
    return option_contract("AAPL", date(2026, 6, 5), Right.PUT, Decimal(strike))


def core_quoted(bid: str, ask: str) -> DeskCore:
    core = core_at()
    core.set_positions(ACCOUNT, [position(deep_put(), -1, "73.00")])
    feed(core, (quote("AAPL", "287.05", "287.05"), quote(deep_put().key, bid, ask)))
    core.book.refresh()
    return core


def preview(core: DeskCore, leg: OrderLeg, *problems: Problem) -> TicketPreview:
    draft = TicketDraft(new_order_id(), ACCOUNT, (leg,), OrderType.LIMIT, None, TimeInForce.DAY)
    return core.tickets.preview(
        draft, problems=problems, tick=NICKEL, limits=core.limits(), margin_used_pct=20.0, max_packages=100
    )


def test_a_deep_american_put_with_its_mid_below_exercise_counts_with_nearly_its_whole_delta() -> None:
    core = core_quoted("72.65", "73.10")
    greeks = core.book.greeks(7200.75)
    assert greeks.totals.excluded_count == 0
    assert -1.0 <= greeks.delta[0] < -0.9
    assert not greeks.vol_stale[0]


def test_a_quote_wholly_below_exercise_says_nothing_and_the_row_stays_out() -> None:
    assert core_quoted("72.00", "72.90").book.greeks(7200.75).totals.excluded_count == 1


def test_a_deep_row_stays_fresh_as_its_mid_ticks_about_what_exercise_pays() -> None:
    core = core_quoted("72.90", "73.40")
    for bid, ask in (("72.65", "73.10"), ("72.80", "73.30"), ("72.60", "73.00"), ("72.90", "73.40")):
        feed(core, (quote(deep_put().key, bid, ask),))
        core.book.refresh()
        greeks = core.book.greeks(7200.75)
        assert not greeks.vol_stale[0], f"{bid} to {ask}"
        assert -1.0 <= greeks.delta[0] < -0.9


def test_a_known_vol_outlives_a_quote_wholly_below_exercise_and_is_marked_old() -> None:
    core = core_quoted("72.90", "73.40")
    known = core.book.arrays.vol[0]
    feed(core, (quote(deep_put().key, "72.00", "72.90"),))
    core.book.refresh()
    assert core.book.arrays.vol[0] == known
    assert core.book.arrays.vol_stale[0]


def test_a_row_without_a_vol_gets_one_when_its_underlying_moves_out_of_the_way_of_its_quote() -> None:
    core = core_quoted("72.00", "72.90")
    feed(core, (quote("AAPL", "287.40", "287.40"),))
    core.book.refresh()
    assert core.book.greeks(7200.75).totals.excluded_count == 0


def test_the_ticket_counts_a_deep_leg_against_the_limits() -> None:
    core = core_quoted("72.65", "73.10")
    strike = deep_put(365)
    core.market.apply((quote(strike.key, "77.60", "78.10"),))
    seen = preview(core, OrderLeg(strike, Action.BUY, 10))
    delta = next(change for change in seen.limits if change.after.metric is Metric.SPX_DELTA)
    assert delta.before.value is not None
    assert delta.after.value is not None
    assert delta.after.value < delta.before.value - 20.0


def test_a_leg_without_greeks_leaves_the_figures_after_unknown_and_no_size_that_fits() -> None:
    core = core_quoted("72.65", "73.10")
    other = deep_put(365)
    seen = preview(core, OrderLeg(other, Action.BUY, 1))
    assert {change.after.value for change in seen.limits} == {None}
    assert all(change.before.value is not None for change in seen.limits)
    assert seen.largest_packages_that_fit is None


def test_each_row_of_a_chain_is_taken_by_itself() -> None:
    strikes = np.array([280.0, 355.0, 360.0, 365.0])
    quotes = SideQuotes(
        bid=np.array([6.0, 67.5, np.nan, 77.0]),
        ask=np.array([6.2, 68.3, 73.1, 77.5]),
        mid=np.array([6.1, 67.9, np.nan, 77.25]),
    )
    market = SideMarket(_SPOT, 0.1, 0.04, 0.005, epoch_s(NOW))
    valuer = SideValuer(strikes, is_call=False, is_american=True)
    vol, greeks = valuer.value(quotes, market)
    assert np.isnan(vol).tolist() == [False, False, True, True]
    assert -1.0 <= greeks.delta[1] < -0.9
    again, _ = valuer.value(quotes._replace(mid=quotes.mid - np.array([0.0, 0.01, 0.0, 0.0])), market)
    assert again[1] == vol[1]


def sentences(seen: TicketPreview) -> list[tuple[str, str]]:
    return [(problem.field, problem.text) for problem in seen.problems]


def test_a_leg_without_greeks_is_said_at_the_leg_with_its_reason() -> None:
    core = core_quoted("72.65", "73.10")
    strike = deep_put(365)
    leg = OrderLeg(strike, Action.BUY, 1)
    ((field, text),) = sentences(preview(core, leg))
    assert field == "leg:0"
    assert "no two-sided quote" in text
    assert "limits" in text
    core.market.apply((quote(strike.key, "76.00", "77.00"),))
    assert "below what exercise pays" in sentences(preview(core, leg))[0][1]
    core.market.apply((quote(strike.key, "400.00", "420.00"),))
    assert "implies no vol" in sentences(preview(core, leg))[0][1]
    core.market.apply((quote(strike.key, "77.60", "78.10"),))
    assert sentences(preview(core, leg)) == []


def test_a_leg_whose_underlying_has_no_price_says_so() -> None:
    stock = underlying_contract("TSLA")
    assert (
        "TSLA has no price" in sentences(preview(core_quoted("72.65", "73.10"), OrderLeg(stock, Action.BUY, 1)))[0][1]
    )


def test_a_leg_that_is_wrong_anyway_is_not_said_twice() -> None:
    core = core_quoted("72.65", "73.10")
    wrong = Problem("leg:0", "This contract has expired.")
    seen = preview(core, OrderLeg(deep_put(365), Action.BUY, 1), wrong)
    assert seen.problems == (wrong,)
