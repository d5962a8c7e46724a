"""The broker's Greeks: what was not computed is never a figure."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.ibkr.facts import IbGreeks, TickFact
from execution.brokers.ibkr.greeks import model_greeks
from models.contract import option_contract, underlying_contract
from models.enums import Right

AT = datetime(2026, 5, 4, 14, 0, tzinfo=UTC)
PUT = option_contract("SPXW", date(2026, 6, 5), Right.PUT, Decimal(6800))


def tick(greeks: IbGreeks | None) -> TickFact:
    return TickFact(7, None, None, None, None, None, None, 1, greeks, AT)


def greeks(
    vol: float | None = 0.17,
    delta: float | None = -0.2,
    gamma: float | None = 0.001,
    vega: float | None = 6.5,
    theta: float | None = -1.4,
) -> IbGreeks:
    return IbGreeks(vol, delta, gamma, vega, theta, 7200.0, 20.2)


def test_a_model_line_becomes_the_brokers_greeks() -> None:
    found = model_greeks(tick(greeks()), PUT)
    assert found is not None
    assert (found.key, found.at_utc) == (PUT.key, AT)
    assert (found.vol, found.delta, found.gamma, found.vega_per_point, found.theta_per_day) == (
        0.17, -0.2, 0.001, 6.5, -1.4,
    )  # fmt: skip


def test_the_leaked_minus_two_of_vega_and_theta_is_nothing() -> None:
    assert model_greeks(tick(greeks(None, None, None, -2.0, -2.0)), PUT) is None


def test_minus_two_a_day_is_a_theta_beside_computed_greeks() -> None:
    found = model_greeks(tick(greeks(theta=-2.0)), PUT)
    assert found is not None
    assert found.theta_per_day == -2.0


def test_minus_two_is_no_theta_beside_a_delta_that_was_not_computed() -> None:
    found = model_greeks(tick(greeks(delta=None, theta=-2.0)), PUT)
    assert found is not None
    assert found.theta_per_day is None
    assert found.vega_per_point == 6.5


@pytest.mark.parametrize("line", [None, IbGreeks(None, None, None, None, None, 7200.0, 20.2)])
def test_no_line_and_an_empty_line_are_no_greeks(line: IbGreeks | None) -> None:
    assert model_greeks(tick(line), PUT) is None


def test_what_is_no_option_has_no_greeks_of_its_own() -> None:
    assert model_greeks(tick(greeks()), underlying_contract("AAPL")) is None


_ANY = st.none() | st.floats() | st.sampled_from([-1.0, -2.0, 1.7976931348623157e308])


@given(_ANY, _ANY, _ANY, _ANY, _ANY)
def test_whatever_comes_every_figure_told_is_possible(
    vol: float | None, delta: float | None, gamma: float | None, vega: float | None, theta: float | None
) -> None:
    found = model_greeks(tick(greeks(vol, delta, gamma, vega, theta)), PUT)
    if found is None:
        return
    assert found.vol is None or 0 < found.vol < 1e9 + 1
    assert found.delta is None or -1 <= found.delta <= 1
    assert found.gamma is None or found.gamma >= 0
    assert found.vega_per_point is None or found.vega_per_point >= 0
    assert found.theta_per_day is None or (math.isfinite(found.theta_per_day) and abs(found.theta_per_day) <= 1e9)
