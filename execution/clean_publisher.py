"""Takes what is secret out of what the engine tells the window, once for all who show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from execution.connection_views import LoginState
from execution.views import DeskState, LogLine, Notice, Publisher, State


class CleanPublisher:
    """Passes everything on; texts that may hold foreign words are cleaned before."""

    def __init__(self, inner: Publisher, clean: Callable[[str], str]) -> None:
        self._inner = inner
        self._clean = clean

    def state(self, state: State) -> None:
        """Publishes the newest state of its type."""
        if isinstance(state, DeskState):
            reason = self._clean(state.trading_state_reason)
            state = replace(state, problem=self._clean(state.problem), trading_state_reason=reason)
        elif isinstance(state, LoginState):
            state = replace(state, text=self._clean(state.text))
        self._inner.state(state)

    def notice(self, notice: Notice) -> None:
        """Publishes a notice."""
        if isinstance(notice, LogLine):
            notice = replace(notice, text=self._clean(notice.text))
        self._inner.notice(notice)
