"""kill -9 at random points of submit > ack > fill > journal: nothing is sent twice, lost or doubled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KILLS = 100


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the harness forks its children")
def test_a_hundred_kills_send_nothing_twice_and_lose_or_double_no_fill(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.execution.kill_harness", str(tmp_path), str(KILLS), "20261120"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    sys.stdout.write(f"kill test: {found}\n")
    for never in (
        "orders_sent_twice",
        "fills_lost",
        "fills_invented",
        "fills_doubled",
        "filled_orders_without_row",
        "orders_with_two_rows",
    ):
        assert found[never] == 0, found
    assert found["journal_integrity"] == found["broker_integrity"] == "ok"
    # The harness must really have traded, and some requests must really have died on the wire.
    assert found["kills"] == KILLS
    assert found["fills_at_broker"] >= KILLS // 2
    assert found["orders_asked_to_send"] >= found["orders_at_broker"]
