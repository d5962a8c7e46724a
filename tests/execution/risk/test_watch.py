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

    def risk(self) -> object:
        self.rounds += 1
        if self.rounds == 2:
            self.again.set()
        return object()


class Nobody:
    """Takes whatever is published."""

    def state(self, _state: object) -> None:
        """Nothing is shown here."""


async def rounds_without_news(published: Published) -> int:
    parts: dict[str, Any] = {
        "core": SimpleNamespace(regime=SimpleNamespace(regime=None)),
        "published": published,
        "breaches": SimpleNamespace(state=object),
        "publisher": Nobody(),
    }
    others = dict.fromkeys(("analysis", "store", "memory"), cast("Any", None))
    running = asyncio.ensure_future(RiskWatch(**parts, **others).run())
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
