"""The engine's thread, stopped in the middle of whatever it does."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from execution.commands import Command, Reconcile
from execution.engine_thread import EngineThread


class Desk:
    """Notes its life; `start` lasts until it is let go."""

    def __init__(self, life: list[str]) -> None:
        self._life = life

    async def start(self) -> None:
        self._life.append("starting")
        try:
            await asyncio.Event().wait()
        finally:
            self._life.append("start ended")

    async def stop(self) -> None:
        self._life.append("stopped")

    async def handle(self, command: Command) -> Any:
        return type(command).__name__


def test_a_desk_stopped_while_it_starts_is_broken_off_before_its_database_closes() -> None:
    life: list[str] = []
    failures: list[BaseException] = []

    async def make() -> Desk:
        return Desk(life)

    engine = EngineThread(make, failures.append)
    engine.start()
    assert engine.submit(Reconcile()).result(5) == "Reconcile"
    engine.stop()
    assert (life, failures) == (["starting", "start ended", "stopped"], [])


def test_a_desk_stopped_while_it_is_made_is_never_started() -> None:
    is_making, life = threading.Event(), []
    failures: list[BaseException] = []

    async def make() -> Desk:
        is_making.set()
        try:
            await asyncio.Event().wait()
        finally:
            life.append("broken off")
        return Desk(life)

    engine = EngineThread(make, failures.append)
    engine.start()
    assert is_making.wait(5)
    engine.stop()
    assert (life, failures) == (["broken off"], [])


def test_a_desk_that_cannot_be_made_says_so_to_everybody() -> None:
    failures: list[BaseException] = []

    async def make() -> Desk:
        raise RuntimeError("no desk")

    engine = EngineThread(make, failures.append)
    engine.start()
    with pytest.raises(RuntimeError, match="no desk"):
        engine.submit(Reconcile()).result(5)
    engine.stop()
    assert [str(each) for each in failures] == ["no desk"]
