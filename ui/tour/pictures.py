"""A picture of every panel and of the whole window, in both themes."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget

from ui.panels.base import Panel
from ui.theme import ThemeName
from ui.tour.analyses import ANALYSIS, show_pages
from ui.tour.stage import Stage

WINDOW_SIZE = QSize(1600, 1000)
_SETTLE_S = 0.7


def _shows_something(panel: QWidget) -> bool:
    return not isinstance(panel, Panel) or panel.empty_text is None


def take_pictures(stage: Stage) -> None:
    """Saves NAME_dark.png and NAME_light.png of the window (1600x1000) and of each panel."""
    window = stage.window
    window.resize(WINDOW_SIZE)
    stage.wait(lambda: window.is_complete, within_s=20, what="every panel to be built")
    for name in (ThemeName.LIGHT, ThemeName.DARK):
        stage.theme.switch(name)
        for key in window.docks:
            panel = window.reveal(key)
            stage.wait(partial(_shows_something, panel), within_s=15, what=f"something to see in the {key} panel")
            if key == ANALYSIS:
                show_pages(stage)
                continue
            stage.rest(_SETTLE_S)
            stage.picture(panel, f"{key}_{name.value}")
        for key in ("option_chain", ANALYSIS, "journal", "charts"):
            if key in window.docks:
                window.reveal(key)
                stage.rest(_SETTLE_S)
                stage.picture(window, f"window_{key}_{name.value}")
        stage.picture(window.account_bar, f"account_bar_{name.value}")
        window.reveal("option_chain")
        stage.rest(_SETTLE_S)
        stage.picture(window, f"window_{name.value}")
