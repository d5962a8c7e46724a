"""Whether a callback's widget still exists: answers may come after a panel was closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject
from shiboken6 import isValid


def is_alive(callback: Callable[..., Any]) -> bool:
    """Returns False when `callback` is a method of a Qt object that has been deleted."""
    owner = getattr(callback, "__self__", None)
    return not isinstance(owner, QObject) or isValid(owner)
