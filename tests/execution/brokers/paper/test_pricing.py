"""Model prices of a frame: American contracts as American, all others as they were, every row by itself."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from analytics.american import american_price
from analytics.volatility.spline import COEFFICIENTS
from execution.brokers.paper.fitted_smile import FittedSmile
from execution.brokers.paper.paths import Frame
from execution.brokers.paper.pricing import Asset, ContractTable, FramePricer, Priced
from execution.brokers.paper.surface import (
    CarriedSmile,
    FloatArray,
    IntArray,
    ParametricSmile,
    Smile,
    black,
    years_between,
)
from models.clock import epoch_s
from models.contract import Contract, future_option_contract, option_contract
from models.enums import Right, Settlement
from models.expiry import settlement_instant_utc

NOW = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)
EXPIRY = date(2027, 3, 19)
EXPIRES_S = np.array([epoch_s(settlement_instant_utc(EXPIRY, Settlement.PM))])
T_YEARS = float(years_between(epoch_s(NOW), EXPIRES_S)[0])
RATE, PAID, SPOT = 0.05, 0.03, 280.0
SMILE = ParametricSmile(short_vol=0.3, long_vol=0.3, kappa=4.0, rho=-0.4, eta=0.8, rate=RATE, dividend_yield=PAID)
STRIKES = np.arange(180.0, 401.0, 20.0)


def stock_options(root: str) -> list[Contract]:
    return [option_contract(root, EXPIRY, right, Decimal(int(k))) for right in Right for k in STRIKES]


def future_options(root: str) -> list[Contract]:
    return [
        future_option_contract(
            f"./ESH7 {root} {right.value}{k}",
            future="/ESH7",
            root=root,
            expiry=EXPIRY,
            right=right,
            strike=Decimal(int(k)),
            settlement=Settlement.PM,
        )
        for right in Right
        for k in STRIKES
    ]


def pricer(underlying: str, contracts: list[Contract], smile: Smile = SMILE) -> tuple[FramePricer, IntArray]:
    table = ContractTable()
    rows = table.rows(contracts, {underlying: Asset(underlying, 0, smile, smile)})
    return FramePricer(Frame(NOW, np.array([SPOT]), np.array([0.0])), table, rate=RATE), rows


def priced(underlying: str, contracts: list[Contract], smile: Smile = SMILE) -> Priced:
    frame, rows = pricer(underlying, contracts, smile)
    return frame.price(rows)


def surface_vols(net_carry: float) -> FloatArray:
    """Vols of the strikes, calls and then puts."""
    k = np.log(STRIKES / (SPOT * np.exp(net_carry * T_YEARS)))
    surface = SMILE.surface(EXPIRES_S, epoch_s(NOW), 0.0)
    return np.tile(np.sqrt(surface.variance(np.zeros(k.size, dtype=np.int64), k) / T_YEARS), 2)


def european(net_carry: float) -> FloatArray:
    is_call = np.repeat([True, False], STRIKES.size)
    variance = surface_vols(net_carry) ** 2 * T_YEARS
    forward = np.full(is_call.size, SPOT * np.exp(net_carry * T_YEARS))
    return np.asarray(np.exp(-RATE * T_YEARS) * black(forward, np.tile(STRIKES, 2), variance, is_call))


def tree(net_carry: float, steps: int = 1500) -> FloatArray:
    """American prices of the strikes by a binomial tree: a method of its own."""
    vol, strike = surface_vols(net_carry), np.tile(STRIKES, 2)
    sign = np.repeat([1.0, -1.0], STRIKES.size)[:, None]
    up = np.exp(vol * np.sqrt(T_YEARS / steps))[:, None]
    rise = (np.exp(net_carry * T_YEARS / steps) - 1.0 / up) / (up - 1.0 / up)
    discount = np.exp(-RATE * T_YEARS / steps)
    price = SPOT * up ** (2.0 * np.arange(steps + 1) - steps)
    worth = np.maximum(sign * (price - strike[:, None]), 0.0)
    for count in range(steps, 0, -1):
        price = price[:, :count] * up
        worth = discount * (rise * worth[:, 1 : count + 1] + (1.0 - rise) * worth[:, :count])
        worth = np.maximum(worth, sign * (price - strike[:, None]))
    return np.asarray(worth[:, 0])


@pytest.mark.parametrize(
    ("underlying", "contracts", "net_carry"),
    [("AAPL", stock_options("AAPL"), RATE - PAID), ("/ESH7", future_options("ES"), 0.0)],
    ids=["stock", "quarterly future option"],
)
def test_american_contracts_are_worth_what_a_tree_says(
    underlying: str, contracts: list[Contract], net_carry: float
) -> None:
    smile = SMILE if net_carry else CarriedSmile(SMILE, net_carry=0.0)
    found = priced(underlying, contracts, smile).price
    assert found == pytest.approx(tree(net_carry), abs=0.015)
    assert (found >= european(net_carry)).all()
    assert np.max(found - european(net_carry)) > 0.3


@pytest.mark.parametrize(
    ("underlying", "contracts", "net_carry"),
    [("SPX", stock_options("SPXW"), RATE - PAID), ("/ESH7", future_options("EW3"), 0.0)],
    ids=["index", "weekly future option"],
)
def test_european_contracts_are_worth_their_european_price(
    underlying: str, contracts: list[Contract], net_carry: float
) -> None:
    smile = SMILE if net_carry else CarriedSmile(SMILE, net_carry=0.0)
    assert priced(underlying, contracts, smile).price == pytest.approx(european(net_carry), rel=1e-12)


def test_a_contract_is_worth_the_same_alone_and_in_any_company() -> None:
    contracts = stock_options("AAPL")
    together = priced("AAPL", contracts).price
    alone = [float(priced("AAPL", [one]).price[0]) for one in contracts]
    assert alone == pytest.approx(together, rel=1e-13)


def test_a_put_that_is_exercised_now_is_worth_exactly_that() -> None:
    deep = option_contract("AAPL", EXPIRY, Right.PUT, Decimal(500))
    found = priced("AAPL", [deep])
    assert found.price[0] == found.intrinsic[0] == pytest.approx(220.0)


def test_the_models_are_those_the_prices_come_from_and_none_of_what_has_expired() -> None:
    gone = option_contract("AAPL", date(2026, 11, 13), Right.CALL, Decimal(280))
    frame, rows = pricer("AAPL", [*stock_options("AAPL"), gone])
    *live, dead = frame.models(rows)
    assert dead is None
    for model, vol in zip(live, surface_vols(RATE - PAID), strict=True):
        assert model is not None
        assert (model.vol, model.rate, model.dividend_yield) == pytest.approx((vol, RATE, PAID))


def test_prices_of_another_minute_than_the_underlying_are_no_dividend() -> None:
    """Taken for one, a lean of 0.4 % over four months would be 1.2 % a year; it fades as the expiry comes nearer."""
    lean, carry = 0.004, (RATE - PAID) * T_YEARS
    smile = FittedSmile(
        expires_s=EXPIRES_S,
        theta=np.array([0.09 * T_YEARS]),
        shapes=np.zeros((1, COEFFICIENTS)),
        carry=np.array([carry + lean]),
        fitted_at_s=epoch_s(NOW),
        lean=lean,
    )
    frame, rows = pricer("AAPL", stock_options("AAPL"), smile)
    yields = [model.dividend_yield for model in frame.models(rows) if model is not None]
    assert yields == pytest.approx([PAID] * rows.size)
    expected = american_price(
        spot=SPOT * np.exp(lean),
        strike=np.tile(STRIKES, 2),
        t_years=T_YEARS,
        rate=RATE,
        dividend_yield=PAID,
        vol=0.3,
        is_call=np.repeat([True, False], STRIKES.size),
    )
    found = frame.price(rows)
    assert found.price == pytest.approx(np.maximum(expected, found.intrinsic))
    half_way = 0.5 * (epoch_s(NOW) + float(EXPIRES_S[0]))
    assert smile.lean(EXPIRES_S, half_way) == pytest.approx([0.5 * lean])
