"""A publisher that remembers everything."""

from __future__ import annotations

from typing import Any

from execution.views import Notice, State


class RecordingPublisher:
    """Keeps the newest state of each type and every notice."""

    def __init__(self) -> None:
        self.states: dict[type[Any], Any] = {}
        self.notices: list[Notice] = []

    def state(self, state: State) -> None:
        self.states[type(state)] = state

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)
