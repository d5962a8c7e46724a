from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from database.codec import CodecError, from_text, to_text
from models.contract import Contract, option_contract, underlying_contract
from models.enums import Action, OrderStatus, OrderType, Right, TimeInForce
from models.greeks import PortfolioGreeks, UnitGreeks
from models.ids import AccountId, OrderId
from models.order import Order, OrderLeg, SimulationResult
from tests.database.builders import an_order

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
money = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9)
maybe_money = st.none() | money
figures = st.floats(allow_nan=False, allow_infinity=False)
moments = st.integers(600_000_000_000_000, 3_700_000_000_000_000).map(lambda us: EPOCH + timedelta(microseconds=us))
words = st.text(max_size=40).filter(lambda text: text.isprintable())
contracts = st.one_of(
    st.builds(
        option_contract,
        st.sampled_from(["SPX", "SPXW", "AAPL", "XSP", "QQQ"]),
        st.dates(min_value=date(2026, 1, 1), max_value=date(2030, 1, 1)),
        st.sampled_from(Right),
        st.integers(min_value=1, max_value=99_999_999).map(lambda mills: Decimal(mills) / 1000),
        conid=st.integers(min_value=0, max_value=10**9),
    ),
    st.sampled_from(["AAPL", "/ESZ6", "/MESZ6", "SPX"]).map(underlying_contract),
)
unit_greeks = st.builds(UnitGreeks, figures, st.none() | figures, figures, figures, figures, figures)
legs = st.builds(OrderLeg, contracts, st.sampled_from(Action), st.integers(1, 500), st.none() | unit_greeks)
greeks = st.builds(PortfolioGreeks, moments, figures, figures, figures, figures, st.integers(0, 99), st.integers(0, 99))
simulations = st.builds(
    SimulationResult,
    *([maybe_money] * 9),
    greeks,
    greeks,
    moments,
    words,
    st.integers(0, 10**6),
    st.none() | words,
    st.none() | words,
)
orders = st.builds(
    Order,
    id=st.uuids(version=4).map(lambda value: OrderId(str(value))),
    account_id=words.map(AccountId),
    legs=st.lists(legs, min_size=1, max_size=4).map(tuple),
    order_type=st.sampled_from(OrderType),
    limit_price=maybe_money,
    tif=st.sampled_from(TimeInForce),
    status=st.sampled_from(OrderStatus),
    created_at=moments,
    simulation_result=st.none() | simulations,
    user_rationale=words,
    submitted_at=st.none() | moments,
    fill_prices=st.none() | st.dictionaries(contracts.map(lambda contract: contract.key), money, max_size=4),
    filled_packages=st.integers(0, 500),
    reason=st.none() | words,
)


def everything(value: object) -> object:
    """All fields, those left out of `==` too."""
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


@given(orders)
def test_an_order_comes_back_field_by_field(order: Order) -> None:
    back = from_text(Order, to_text(order))
    assert everything(back) == everything(order)
    assert back.fingerprint == order.fingerprint


@given(contracts)
def test_a_contract_comes_back_with_its_types(contract: Contract) -> None:
    back = from_text(Contract, to_text(contract))
    assert repr(back) == repr(contract)


@given(money)
def test_decimals_keep_every_digit_and_trailing_zero(amount: Decimal) -> None:
    order = dataclasses.replace(an_order(), limit_price=amount)
    back = from_text(Order, to_text(order)).limit_price
    assert back is not None
    assert back.as_tuple() == amount.as_tuple()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), Decimal("NaN"), Decimal("-Infinity")])
def test_what_is_not_a_number_is_refused(bad: object) -> None:
    with pytest.raises(CodecError, match="cannot be stored"):
        to_text({"price": bad})


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(CodecError, match="object"):
        to_text([object()])


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "not json",
        '{"key":"SPX","unknown_field":1}',
        to_text(an_order()).replace('"quantity":2', '"quantity":"2"'),
        to_text(an_order()).replace('"-1.850"', "-1.850"),
    ],
)
def test_text_that_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(CodecError):
        from_text(Order, text)


def test_a_field_that_an_older_row_lacks_takes_its_default() -> None:
    text = to_text(an_order()).replace('"filled_packages":0,', "")
    assert from_text(Order, text).filled_packages == 0


def test_equal_orders_give_equal_text() -> None:
    order = an_order()
    assert to_text(order) == to_text(dataclasses.replace(order))
