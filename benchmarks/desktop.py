"""The real window with the real engine, as the measured programs use it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.windows import live_for, wait_until
from execution.views import DeskState, Phase, Publisher
from ui.app import Composed, Desktop, make_application
from ui.long_lived import LongLived

_UP_WITHIN_S = 60.0


def open_desktop(
    compose: Callable[[Publisher], Awaitable[Composed]], folder: Path, *, told: DeskState | None = None
) -> Desktop:
    """Returns the shown desk with every panel built; `compose` has been started, and `told` stands for its news."""
    app = make_application()
    desktop = Desktop(app, compose, settings_path=folder / "window.ini")
    desktop.settings.hint_dismissed = True
    if told is not None:
        desktop.bridge.state(told)
    LongLived(desktop.bridge, desktop)
    desktop.show()
    wait_until(lambda: desktop.window.is_complete, within_s=_UP_WITHIN_S, what="the panels")
    return desktop


def wait_ready(desktop: Desktop) -> None:
    """Returns once the desk is reconciled; raises TooLong otherwise."""

    def is_ready() -> bool:
        state = desktop.bridge.newest(DeskState)
        return state is not None and state.phase is Phase.READY

    wait_until(is_ready, within_s=_UP_WITHIN_S, what="the desk to be ready")


def look_at_every_panel(desktop: Desktop, seconds_each: float = 0.2) -> None:
    """Brings every panel to the front once, as a user does, and the option chain last."""
    for key in [*desktop.window.docks, "option_chain"]:
        desktop.window.reveal(key)
        live_for(seconds_each)
