"""The risk loop: figures are computed when something changed, and also when nothing does."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from execution.risk import watch as module
from execution.risk.watch import RiskWatch


class Published:
    """Counts rounds; the second one is awaited."""

    def __init__(self) -> None:
        self.rounds = 0
        self.again = asyncio.Event()
        #: Of the book's rows, round by round; 0 when none are left.
        self.versions: list[int] = []

    def risk(self) -> object:
        self.rounds += 1
        if self.rounds == 2:
            self.again.set()
        return SimpleNamespace(version=self.versions.pop(0) if self.versions else 0)


class Shown:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.states: list[Any] = []

    def state(self, state: object) -> None:
        self.states.append(state)


def watch_on(published: Published, shown: Shown) -> RiskWatch:
    parts: dict[str, Any] = {
        "core": SimpleNamespace(regime=SimpleNamespace(regime=None)),
        "published": published,
        "breaches": SimpleNamespace(state=object),
        "publisher": shown,
    }
    others = dict.fromkeys(("analysis", "store", "memory"), cast("Any", None))
    return RiskWatch(**parts, **others)


async def rounds_without_news(published: Published) -> int:
    running = asyncio.ensure_future(watch_on(published, Shown()).run())
    async with asyncio.timeout(30):
        await published.again.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return published.rounds


def test_figures_are_computed_again_when_no_tick_comes_so_that_what_is_old_turns_grey(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_AGED_AFTER_S", 0.01)
    assert asyncio.run(rounds_without_news(Published())) >= 2


def test_rows_that_changed_are_shown_with_their_numbers_at_once_and_else_as_fast_as_an_eye_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_NUMBERS_EVERY_S", 3600.0)
    published, shown = Published(), Shown()
    published.versions = [1, 1, 2, 2, 3]
    subject = watch_on(published, shown)

    async def compute() -> None:
        for _ in range(5):
            await subject.compute()

    asyncio.run(compute())
    assert [state.version for state in shown.states] == [1, 2, 3]
