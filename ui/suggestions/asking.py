"""The panel's questions to the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject

from execution.suggestion_commands import SuggestionCommand
from ui.engine_client import EngineClient


class Question(QObject):
    """A command on its way to the engine; dropped with the widget that asked."""

    def __init__(self, owner: QObject, done: Callable[[Any], None], failed: Callable[[Exception], None]) -> None:
        super().__init__(owner)
        self._done = done
        self._failed = failed

    def done(self, answer: object) -> None:
        """The engine answered."""
        self.deleteLater()
        self._done(answer)

    def failed(self, error: Exception) -> None:
        """The engine refused."""
        self.deleteLater()
        self._failed(error)


def ask(
    owner: QObject,
    client: EngineClient,
    command: SuggestionCommand,
    done: Callable[[Any], None],
    failed: Callable[[Exception], None],
) -> None:
    """Asks the engine; neither is called once `owner` is gone."""
    question = Question(owner, done, failed)
    client.ask(command, question.done, question.failed)
