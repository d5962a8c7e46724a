"""Work that may wait for a person or a slow system service, beside the engine's loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def off_loop(work: Callable[[], T], *, name: str) -> T:
    """Returns what `work` returns, done on a thread of its own that never keeps the program from ending.

    A keyring may wait for its user for ever: threads of the default pool would be waited for at the end.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(result)

    def run() -> None:
        try:
            value = work()
        except Exception as error:  # noqa: BLE001 - handed on to whoever awaits
            settle(lambda error=error: None if done.done() else done.set_exception(error))  # type: ignore[misc] # default
        else:
            settle(lambda: None if done.done() else done.set_result(value))

    threading.Thread(target=run, daemon=True, name=name).start()
    return await done
