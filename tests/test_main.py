"""The program as a user starts it: in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from execution.brokers.paper.opening import desk_clock
from models.clock import ManualClock

ROOT = Path(__file__).resolve().parents[1]


def run(
    *arguments: str, timeout_s: float = 120, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "main.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", **(environ or {})},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows writes no memory to disk by itself")
def test_a_crash_leaves_no_memory_with_secrets_on_disk(tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text("[orders]\nno_such = 5\n")
    code = (
        "import resource, main\n"
        "_, most = resource.getrlimit(resource.RLIMIT_CORE)\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (most, most))\n"
        f"main.main(['--headless', '--data-dir', {str(tmp_path)!r}, '--config', {str(tmp_path / 'wrong.toml')!r}])\n"
        "print('core', resource.getrlimit(resource.RLIMIT_CORE)[0])\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert "core 0" in done.stdout


def test_a_settings_file_with_a_wrong_key_is_refused_with_file_key_and_cure(tmp_path: Path) -> None:
    settings = tmp_path / "optiondesk.toml"
    settings.write_text("[orders]\nmax_order_per_day = 5\n")
    done = run("--headless", "--data-dir", str(tmp_path / "data"), "--config", str(settings))
    assert done.returncode == 2
    assert "orders.max_order_per_day: there is no such key" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("chain.parquet", b"not parquet at all", "chain.parquet"), ("chain.csv", b"a,b\n1,2\n", "chain.csv")],
)
def test_an_unreadable_chain_file_is_refused_by_name(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    done = run("--headless", "--data-dir", str(tmp_path / "data"), "--market", str(tmp_path / name))
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_chain_file_is_named(tmp_path: Path) -> None:
    done = run("--headless", "--data-dir", str(tmp_path), "--market", str(tmp_path / "none.parquet"))
    assert done.returncode == 2
    assert "none.parquet" in done.stderr


def test_a_window_without_a_display_is_told_in_a_sentence(tmp_path: Path) -> None:
    blind = {"QT_QPA_PLATFORM": "xcb", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    done = run("--data-dir", str(tmp_path), environ=blind)
    assert done.returncode == 2
    assert "apt-get install" in done.stderr or "no display" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run("--headless", "--data-dir", str(tmp_path / "file" / "data"))
    assert done.returncode == 2
    assert "--data-dir" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_the_engine_runs_without_a_window_and_stops_on_a_signal(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "main.py", "--headless", "--data-dir", str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    heard = ""
    deadline = time.monotonic() + 60
    while "READY" not in heard and time.monotonic() < deadline:
        heard += process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert "READY" in heard
    assert process.returncode == 0, errors
    (journal,) = tmp_path.glob("paper-*/journal.sqlite")
    assert journal.stat().st_mode & 0o777 == 0o600
    assert sqlite3.connect(journal).execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_tour_plays_the_whole_main_job_on_the_real_chain(tmp_path: Path, shared_data: Path) -> None:
    out = tmp_path / "tour"
    done = run("tour", "--out", str(out), "--market", str(shared_data / "chain_SPX_2026-05-04.parquet"), timeout_s=280)
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads((out / "tour.json").read_text("utf-8"))
    assert facts["passed"]
    assert facts["spx"] == pytest.approx(7200.75, rel=0.01)
    assert facts["regime"] == "MEDIUM_VOL"
    assert 30 <= facts["chain"]["days_to_expiry"] <= 45
    shorts, wings = (
        [abs(facts["ticket"]["leg_deltas"][n]) for n in (1, 2)],
        [abs(facts["ticket"]["leg_deltas"][n]) for n in (0, 3)],
    )
    assert shorts == pytest.approx([0.16, 0.16], abs=0.03)
    assert wings == pytest.approx([0.08, 0.08], abs=0.03)
    assert [denial["code"] for denial in facts["denial"]] == ["NOT_SIMULATED"]
    assert facts["simulation"]["initial_margin_after"]
    statuses = [step["state"].get("status") for step in facts["order"]["history"]]
    assert statuses.index("DRAFT") < statuses.index("SIMULATED") < statuses.index("PENDING")
    assert statuses.index("PENDING") < statuses.index("PARTIAL") < statuses.index("FILLED")
    assert facts["cancelled_order"]["status"] == "CANCELLED"
    assert facts["breach"]["metric"] == "vega"
    row = facts["journal_row"]
    assert row["id"] == facts["journal_id"]
    assert len(row["legs_json"]) == 4
    effect = row["post_greeks_json"]["vega"] - row["pre_greeks_json"]["vega"]
    seen = facts["portfolio_greeks_after"]["vega"] - facts["portfolio_greeks_before"]["vega"]
    assert effect == pytest.approx(seen, rel=0.1)
    assert facts["snapshot"]["id"] == facts["snapshot_id"]
    for name in facts["pictures"]:
        assert (out / name).stat().st_size > 2000, name
    assert {"window_dark.png", "window_light.png"} <= set(facts["pictures"])


def test_a_tour_on_a_broken_chain_fails_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "chain.csv").write_text("symbol,strike\nSPXW,x\n")
    out = tmp_path / "tour"
    done = run("tour", "--out", str(out), "--market", str(tmp_path / "chain.csv"))
    assert done.returncode == 1
    assert "chain.csv" in done.stdout
    assert json.loads((out / "tour.json").read_text("utf-8"))["passed"] is False


def test_a_recorded_desk_starts_on_its_day_and_never_runs_back_over_its_own_fills() -> None:
    now = datetime(2026, 11, 20, 12, 7, 30, tzinfo=UTC)
    day = datetime(2026, 5, 4, 19, 45, tzinfo=UTC)
    first = desk_clock(ManualClock(now), day, None).now_utc()
    assert day <= first < day + timedelta(minutes=15)
    assert first.minute % 15 == now.minute % 15
    later = datetime(2026, 5, 4, 21, 3, tzinfo=UTC)
    assert later <= desk_clock(ManualClock(now), day, later).now_utc() < later + timedelta(minutes=15)


def test_a_live_market_runs_on_the_computers_own_clock() -> None:
    clock = ManualClock(datetime(2026, 11, 20, tzinfo=UTC))
    assert desk_clock(clock, None, None) is clock
