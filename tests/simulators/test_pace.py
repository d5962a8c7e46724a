"""Ticks at a pace: as many as are due, line after line, and nothing when the market ticks."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

from tests.execution.brokers.paper.fake_market import spxw
from tests.simulators.pace import Pace, keep_pace
from tests.simulators.tws.stage import RawClient, Stage, of, play

_ROWS = (spxw(7000, "C"), spxw(7000, "P"))


async def _two_lines(stage: Stage) -> RawClient:
    stage.sim.habits.paced_ticks = True
    client = await stage.raw()
    for req_id, contract in enumerate(_ROWS, start=5):
        client.send(1, 11, req_id, stage.con_id(contract), *("",) * 6, "SMART", *("",) * 4, 0, "", 0, 0, "")
    await client.sync()
    stage.pass_time(0.25)
    return client


def test_as_many_ticks_are_due_as_the_time_that_went_by_is_worth() -> None:
    pace = Pace(1_024.0, 10.0)
    assert pace.due(10.0 + 1 / 256) == 4
    pace.sent(4)
    assert pace.due(10.0 + 1.5 / 256) == 2
    assert pace.due(10.0 + 2 / 256) == 4


def test_a_few_too_many_are_made_up_for_by_a_pause() -> None:
    pace = Pace(1_024.0, 0.0)
    assert pace.due(1 / 256) == 4
    pace.sent(9)
    assert pace.due(2 / 256) <= 0
    assert pace.due(4 / 256) == 7


def test_what_a_held_up_program_owes_is_due_at_once_but_no_more_than_a_seconds_worth() -> None:
    pace = Pace(1_024.0, 0.0)
    assert pace.due(0.5) == 512
    assert pace.due(60.0) == 1_024


def test_the_market_ticks_in_silence_and_the_newest_price_leaves_when_it_is_called(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await _two_lines(stage)
        stage.hand.set_quote(_ROWS[0], "100.00", "210.20")
        stage.pass_time(0.5)
        stage.hand.set_quote(_ROWS[0], "101.00", "210.20")
        stage.pass_time(0.5)
        assert of(await client.sync(), 1, 2) == []
        stage.sim.send_ticks(50)
        told = await client.sync()
        assert [message[4] for message in of(told, 1) if message[2:4] == ("5", "1")] == ["101.00"]

    play(tmp_path, scenario)


def test_lines_take_turns_and_each_turn_shows_other_sizes(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await _two_lines(stage)
        before = stage.sim.send_ticks(0)
        seen: list[tuple[str, ...]] = []
        for _ in range(4):
            stage.sim.send_ticks(1)
            seen += of(await client.sync(), 2)
        assert stage.sim.send_ticks(0) - before >= len(seen)
        assert {message[2] for message in seen[:2]} != {message[2] for message in seen[2:4]}
        sizes = [message[4] for message in seen if message[2:4] == ("5", "0")]
        assert len(sizes) == 2
        assert sizes[0] != sizes[1]

    play(tmp_path, scenario)


def test_what_is_sent_in_all_is_what_a_client_reads(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw()
        stage.sim.habits.paced_ticks = True
        client.send(1, 11, 5, stage.con_id(_ROWS[0]), *("",) * 6, "SMART", *("",) * 4, 0, "", 0, 0, "")
        read = len(of(await client.sync(), 1, 2, 21, 45, 46))
        stage.pass_time(0.25)
        for count in (1, 7, 30):
            total = stage.sim.send_ticks(count)
            read += len(of(await client.sync(), 1, 2, 21, 45, 46))
            assert read == total > 0

    play(tmp_path, scenario)


def test_a_line_that_is_closed_or_lost_is_passed_over(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await _two_lines(stage)
        client.send(2, 2, 5)
        await client.sync()
        stage.sim.send_ticks(20)
        assert {message[2] for message in of(await client.sync(), 1, 2)} == {"6"}
        stage.sim.broadcast(1101)
        total = stage.sim.send_ticks(0)
        assert stage.sim.send_ticks(20) == total

    play(tmp_path, scenario)


def test_the_log_tells_what_had_left_at_which_instant() -> None:
    class Lines:
        def __init__(self) -> None:
            self.total = 0
            self.enough = asyncio.Event()

        def send_ticks(self, count: int) -> int:
            self.total += max(count, 0)
            if self.total > 100:
                self.enough.set()
            return self.total

    async def run() -> None:
        lines, log = Lines(), io.StringIO()
        task = asyncio.get_running_loop().create_task(keep_pace(lines, 5_000.0, log))
        await lines.enough.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        rows = [row.split() for row in log.getvalue().splitlines()]
        totals, instants = [int(total) for total, _ in rows], [float(instant) for _, instant in rows]
        assert totals == sorted(set(totals))
        assert totals[0] > 0
        assert instants == sorted(instants)

    asyncio.run(run())
