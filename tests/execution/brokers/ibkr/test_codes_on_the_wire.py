"""TWS's codes on the wire to a whole desk; `python -m benchmarks --only ibkr_codes` sends every one in every state."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.ibkr_codes import Found, run_codes
from execution.brokers.ibkr.error_codes import info_of, known_codes
from models.enums import OrderStatus

#: Said of the link itself.
_LINK = (1100,)


def some_codes() -> list[int]:
    """Those that users met first, one more of each kind, one that nobody knows, and one about the link."""
    chosen = [201, 202, 161, 10148, 105, 10349, 110]
    kinds = {info_of(code).kind: code for code in known_codes() if code not in (*_LINK, *chosen)}
    return [*chosen, *kinds.values(), 77777, *_LINK]


def test_no_code_makes_a_wrong_end_on_the_wire(tmp_path: Path) -> None:
    codes = some_codes()
    reports = asyncio.run(run_codes(tmp_path, codes, tuple(Found), 4, looked_after_s=2.2, cancel_after_s=12.0))
    assert [problem for report in reports.values() for problem in report.problems] == []
    lost = reports.pop(Found.NEW_LOST)
    plain = [code for code in codes if code not in _LINK]
    assert lost.cases == len(plain)
    assert set(lost.said) == {f"{Found.NEW_LOST.value}: {status}" for status in ("REJECTED", "UNKNOWN")}
    assert all(report.cases == len(codes) for report in reports.values())
    ended = (OrderStatus.CANCELLED.value, OrderStatus.REJECTED.value, OrderStatus.FILLED.value)
    assert not [text for report in reports.values() for text in report.said if text.endswith(ended)]
