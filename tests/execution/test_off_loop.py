"""Work beside the loop: its answer, its error, and an end of the loop that does not wait for it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from execution.off_loop import off_loop


@pytest.mark.anyio
async def test_the_answer_comes_back_from_a_thread_of_that_name() -> None:
    assert await off_loop(lambda: threading.current_thread().name, name="aside") == "aside"


@pytest.mark.anyio
async def test_an_error_is_raised_where_it_is_awaited() -> None:
    def fail() -> None:
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        await off_loop(fail, name="aside")


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_still_at_work_neither_keeps_the_loop_nor_disturbs_it_later(fails: bool) -> None:
    go_on, done = threading.Event(), threading.Event()

    def wait() -> None:
        go_on.wait(30)
        done.set()
        if fails:
            raise ValueError

    async def run() -> None:
        task = asyncio.ensure_future(off_loop(wait, name="aside"))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(run())
    (worker,) = [thread for thread in threading.enumerate() if thread.name == "aside"]
    assert worker.daemon
    go_on.set()
    worker.join(30)
    assert done.is_set()
