"""An engine that does not come up: the window is measured alone."""

from __future__ import annotations

from typing import NoReturn


async def never(_publisher: object) -> NoReturn:
    """Waits for ever."""
    import asyncio

    await asyncio.Event().wait()
    raise AssertionError("nobody sets the event")
