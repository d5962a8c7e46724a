"""Answers that hold for one New York day, each question asked once however many want to know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from datetime import date
from typing import Generic, TypeVar

from models.clock import Clock, new_york_time

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class DailyAnswers(Generic[K, T]):
    """A cache that empties itself with the New York date. Engine thread only.

    A question under way is shared by everybody who asks it, and goes on when one of them gives up. Failures are told to
    all who wait and are not remembered: the next one asks again.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._day: date | None = None
        self._answers: dict[K, T] = {}
        self._asking: dict[K, asyncio.Task[T]] = {}

    async def get(self, key: K, ask: Callable[[], Awaitable[T]]) -> T:
        """Returns today's answer, by `ask` when there is none yet; raises what `ask` raises."""
        self._turn()
        if key in self._answers:
            return self._answers[key]
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.get_running_loop().create_task(self._ask(ask))
            task.add_done_callback(lambda done: self._done(key, done))
        return await asyncio.shield(task)

    def known(self, key: K) -> T | None:
        """Returns today's answer if there is one."""
        self._turn()
        return self._answers.get(key)

    def set(self, key: K, answer: T) -> None:
        """Remembers an answer that came by another road, for today."""
        self._turn()
        self._answers[key] = answer

    def _turn(self) -> None:
        today = new_york_time(self._clock.now_utc()).date()
        if today != self._day:
            self._day = today
            self._answers.clear()
            # What is still under way was asked yesterday: those who wait get it, nobody else.
            self._asking.clear()

    async def _ask(self, ask: Callable[[], Awaitable[T]]) -> T:
        return await ask()

    def _done(self, key: K, task: asyncio.Task[T]) -> None:
        is_todays = self._asking.get(key) is task
        if is_todays:
            del self._asking[key]
        if task.cancelled() or task.exception() is not None:
            return
        if is_todays:
            self._answers[key] = task.result()
