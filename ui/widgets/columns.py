"""Column choice, widths and order of a table, remembered in the window's settings.

Until the user touches the columns, those of `spare` are shown while there is room for them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHeaderView, QMenu

from ui.settings import WindowSettings


class ColumnChooser(QObject):
    """Right-click on a header opens the choice; `keep` columns cannot be hidden.

    `spare` maps columns, the most useful first, to the width in pixels that each of them takes.
    """

    def __init__(
        self,
        header: QHeaderView,
        settings: WindowSettings,
        key: str,
        *,
        reset: Callable[[], None],
        keep: frozenset[int] = frozenset({0}),
        spare: Mapping[int, int] | None = None,
    ) -> None:
        super().__init__(header)
        self._header = header
        self._settings = settings
        self._key = f"columns/{key}"
        self._reset = reset
        self._keep = keep
        self._spare = dict(spare or {})
        self._absent: frozenset[int] = frozenset()
        self._is_busy = False
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._on_menu)
        header.setSectionsMovable(True)
        reset()
        state = settings.bytes(self._key)
        self._is_chosen = state is not None and header.restoreState(state)
        if state is not None and not self._is_chosen:
            reset()
        header.sectionResized.connect(self._save)
        header.sectionMoved.connect(self._save)
        header.sortIndicatorChanged.connect(self._save)
        header.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Another width may have room for more columns, or for fewer."""
        if event.type() is QEvent.Type.Resize:
            self._fit()
        return super().eventFilter(watched, event)

    def set_absent(self, sections: Collection[int]) -> None:
        """Says which columns the data at hand does not have: they are neither shown nor offered, the others as chosen.

        Until the user touches the columns, `reset` says anew what is shown.
        """
        if self._absent == frozenset(sections):
            return
        self._absent = frozenset(sections)
        self._is_busy = True
        state = self._settings.bytes(self._key) if self._is_chosen else None
        if state is None or not self._header.restoreState(state):
            self._reset()
        self._hide_absent()
        self._is_busy = False
        self._fit()

    def _hide_absent(self) -> None:
        for section in self._absent:
            self._header.setSectionHidden(section, True)

    def _fit(self) -> None:
        if self._is_chosen or not self._spare:
            return
        header = self._header
        self._is_busy = True
        room = header.width() - sum(
            header.sectionSize(section) for section in range(header.count()) if section not in self._spare
        )
        for section, width in self._spare.items():
            if section in self._absent:
                continue
            room -= width
            header.setSectionHidden(section, room < 0)
        self._is_busy = False

    def menu(self) -> QMenu:
        """Returns the choice as a menu."""
        menu = QMenu(self._header)
        model = self._header.model()
        for section in (at for at in range(self._header.count()) if at not in self._absent):
            name = str(model.headerData(section, Qt.Orientation.Horizontal))
            action = menu.addAction(name)
            action.setCheckable(True)
            action.setChecked(not self._header.isSectionHidden(section))
            action.setEnabled(section not in self._keep)
            action.setData(section)
            action.triggered.connect(self._on_toggled)
        menu.addSeparator()
        menu.addAction("Reset columns").triggered.connect(self._on_reset)
        return menu

    def popup(self, at_global: QPoint) -> None:
        """Opens the choice at a point of the screen."""
        menu = self.menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(at_global)

    @Slot(QPoint)
    def _on_menu(self, at: QPoint) -> None:
        self.popup(self._header.mapToGlobal(at))

    @Slot(bool)
    def _on_toggled(self, is_shown: bool) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self._header.setSectionHidden(int(action.data()), not is_shown)
            self._save()

    @Slot()
    def _on_reset(self) -> None:
        self._settings.forget(self._key)
        self._is_busy = True
        self._reset()
        self._hide_absent()
        self._is_busy = self._is_chosen = False
        self._fit()

    @Slot()
    def _save(self) -> None:
        if not self._is_busy:
            self._is_chosen = True
            self._settings.set_bytes(self._key, self._header.saveState())
