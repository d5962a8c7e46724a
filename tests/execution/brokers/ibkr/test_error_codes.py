from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from execution.brokers.ibkr.error_codes import CodeKind, info_of, known_codes, reason_of, says_pending_cancel
from models.enums import OrderStatus
from models.errors import BrokerFailure, FailureKind
from tests.execution.brokers.ibkr.order_kit import Bench, bench, condor, error, opened, status_of

_S = OrderStatus
#: Every listed code, and some that nobody knows.
CODES = (*known_codes(), 77777, 99999, 2199)


def test_well_over_150_codes_are_known_and_each_says_what_to_do() -> None:
    assert len(known_codes()) >= 150
    assert all(info_of(code).advice.endswith(".") for code in CODES)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (201, CodeKind.REFUSED),
        (110, CodeKind.REFUSED),
        (321, CodeKind.REQUEST_REFUSED),
        (202, CodeKind.CANCELLED),
        (399, CodeKind.ADVISORY),
        (404, CodeKind.ADVISORY),
        (2109, CodeKind.ADVISORY),
        (10349, CodeKind.ADVISORY),
        (2199, CodeKind.ADVISORY),
        (161, CodeKind.CANCEL_REFUSED),
        (135, CodeKind.CANCEL_REFUSED),
        (10147, CodeKind.CANCEL_REFUSED),
        (10148, CodeKind.CANCEL_REFUSED),
        (105, CodeKind.CHANGE_REFUSED),
        (104, CodeKind.CHANGE_REFUSED),
        (2104, CodeKind.ELSEWHERE),
        (1100, CodeKind.ELSEWHERE),
        (77777, CodeKind.UNCLEAR),
    ],
)
def test_codes_are_told_apart_by_what_they_do_to_an_order(code: int, kind: CodeKind) -> None:
    assert info_of(code).kind is kind


async def _after_the_look(desk: Bench) -> None:
    """Lets the look that follows a doubt come and go."""
    await asyncio.sleep(0.012)
    await desk.until(lambda: not desk.desk.is_looking)


async def _live(code: int) -> bool:
    """Returns whether a live order that TWS still lists stays as it is."""
    desk, order = bench(), condor()
    await desk.sent(order)
    desk.wire.working = (opened(order),)
    await desk.take(error(code, "Order Canceled - reason: something"))
    await _after_the_look(desk)
    return desk.states(order) == [_S.PENDING]


async def _cancel_pending(code: int) -> bool:
    """Returns whether an order whose cancel is on its way stays so."""
    desk, order = bench(), condor()
    await desk.sent(order)
    await desk.take(status_of("PendingCancel"))
    desk.wire.working = (opened(order, "PendingCancel"),)
    await desk.take(error(code, "Order Canceled - reason: something"))
    await _after_the_look(desk)
    return desk.states(order) == [_S.PENDING, _S.CANCEL_PENDING]


async def _new_and_working(code: int) -> bool:
    """Returns whether a new order that TWS works is taken whatever the code."""
    desk, order = bench(), condor()
    await desk.desk.snapshot()
    desk.wire.working = (opened(order),)
    broker_id = await desk.sent(order, error(code), opened(order), status_of("Submitted"))
    await _after_the_look(desk)
    return broker_id == "900" and desk.states(order) == [_S.PENDING]


async def _new_and_absent(code: int) -> bool:
    """Returns whether a new order that TWS does not have is refused by a refusing code, and unknown by any other."""
    desk = bench()
    try:
        await desk.sent(condor(), error(code))
    except BrokerFailure as failure:
        is_refusing = info_of(code).kind in (CodeKind.REFUSED, CodeKind.REQUEST_REFUSED, CodeKind.CHANGE_REFUSED)
        expected = (FailureKind.REJECTED, False) if is_refusing else (FailureKind.TIMEOUT, True)
        return (failure.kind, failure.outcome_unknown) == expected
    return False


@pytest.mark.parametrize("state", [_live, _cancel_pending, _new_and_working, _new_and_absent])
def test_no_code_makes_a_wrong_end_in_any_state(state: Callable[[int], Awaitable[bool]]) -> None:
    async def run() -> list[int]:
        right = await asyncio.gather(*(state(code) for code in CODES))
        return [code for code, is_right in zip(CODES, right, strict=True) if not is_right]

    assert asyncio.run(run()) == []


def test_a_reason_is_tws_s_own_words_without_the_lead_in() -> None:
    assert reason_of("Order rejected - reason:Risk check.") == "Risk check."
    assert reason_of("Order Canceled - reason:") == ""
    assert reason_of("Order Message:<br>BUY 1\nWarning: held") == "Order Message: BUY 1 Warning: held"


def test_a_cancel_refused_because_one_is_on_its_way_is_told_apart() -> None:
    assert says_pending_cancel(10148, "cannot be cancelled, state: PendingCancel.")
    assert not says_pending_cancel(10148, "cannot be cancelled, state: Filled.")
    assert not says_pending_cancel(161, "PendingCancel")
