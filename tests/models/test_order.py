from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product

import pytest

from models.contract import option_contract
from models.enums import Action, OrderStatus, OrderType, Right, TimeInForce
from models.ids import AccountId, is_uuid4, new_order_id
from models.order import Order, OrderLeg
from models.order_status import NEXT, TERMINAL, WORKING, IllegalTransition

S = OrderStatus
PUT = option_contract("SPXW", date(2026, 6, 5), Right.PUT, Decimal(6800))
WING = option_contract("SPXW", date(2026, 6, 5), Right.PUT, Decimal(6700))


def order(**changes: object) -> Order:
    base = Order(
        id=new_order_id(),
        account_id=AccountId("PAPER-1"),
        legs=(OrderLeg(PUT, Action.SELL, 4), OrderLeg(WING, Action.BUY, 2)),
        order_type=OrderType.LIMIT,
        limit_price=Decimal("-1.85"),
        tif=TimeInForce.DAY,
        status=S.DRAFT,
        created_at=datetime(2026, 5, 4, 20, tzinfo=UTC),
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # tests name the fields they change


@pytest.mark.parametrize(("before", "after"), list(product(S, S)))
def test_every_pair_of_statuses_is_either_in_the_table_or_refused(before: S, after: S) -> None:
    subject = order(status=before)
    if after in NEXT[before]:
        assert subject.to(after).status is after
    else:
        with pytest.raises(IllegalTransition, match=f"{before.value} may not become {after.value}"):
            subject.to(after)


def test_a_late_fill_after_a_cancel_is_legal() -> None:
    assert order(status=S.CANCELLED).to(S.PARTIAL).to(S.FILLED).status is S.FILLED


def test_only_a_simulated_order_can_be_sent() -> None:
    assert [status for status in S if S.PENDING in NEXT[status] and status not in WORKING] == [S.SIMULATED]


def test_working_and_terminal_statuses_do_not_overlap() -> None:
    assert not WORKING & TERMINAL
    assert {S.DRAFT, S.SIMULATED} | WORKING | TERMINAL == set(S)


def test_the_package_is_the_greatest_common_divisor_of_the_legs() -> None:
    assert order().packages == 2


@pytest.mark.parametrize(
    "change",
    [
        {"limit_price": Decimal("-1.90")},
        {"account_id": AccountId("PAPER-2")},
        {"tif": TimeInForce.GTC},
        {"legs": (OrderLeg(PUT, Action.SELL, 4), OrderLeg(WING, Action.BUY, 4))},
        {"legs": (OrderLeg(PUT, Action.BUY, 4), OrderLeg(WING, Action.BUY, 2))},
        {"order_type": OrderType.MARKET, "limit_price": None},
    ],
)
def test_whatever_changes_the_trade_changes_the_fingerprint(change: dict[str, object]) -> None:
    assert order(**change).fingerprint != order().fingerprint


def test_the_fingerprint_does_not_depend_on_leg_order_or_trailing_zeros() -> None:
    subject = order()
    same = order(legs=tuple(reversed(subject.legs)), limit_price=Decimal("-1.850"))
    assert same.fingerprint == subject.fingerprint


def test_new_order_ids_are_uuid4() -> None:
    assert is_uuid4(new_order_id())
    assert not is_uuid4("00000000-0000-1000-8000-000000000000")
