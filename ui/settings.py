"""What the window remembers between sessions, in one ini file whose path is handed in."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings

from ui.theme import ThemeName


class WindowSettings:
    """Typed access to the window's ini file; unreadable entries fall back to the default."""

    def __init__(self, path: Path) -> None:
        self._store = QSettings(str(path), QSettings.Format.IniFormat)

    @property
    def theme(self) -> ThemeName:
        """The look last chosen; dark before any choice."""
        try:
            return ThemeName(str(self._store.value("window/theme", ThemeName.DARK.value)))
        except ValueError:
            return ThemeName.DARK

    @theme.setter
    def theme(self, name: ThemeName) -> None:
        self._store.setValue("window/theme", name.value)

    @property
    def hint_dismissed(self) -> bool:
        """Whether the first-run hint was closed for good."""
        return str(self._store.value("window/hint_dismissed", "false")) == "true"

    @hint_dismissed.setter
    def hint_dismissed(self, is_dismissed: bool) -> None:
        self._store.setValue("window/hint_dismissed", "true" if is_dismissed else "false")

    def bytes(self, key: str) -> QByteArray | None:
        """Returns a saved Qt state (window geometry, docks, table header), None when there is none."""
        value = self._store.value(key)
        return value if isinstance(value, QByteArray) and not value.isEmpty() else None

    def set_bytes(self, key: str, state: QByteArray) -> None:
        """Saves a Qt state."""
        self._store.setValue(key, state)

    def text(self, key: str, default: str = "") -> str:
        """Returns a saved word, e.g. a filter."""
        return str(self._store.value(key, default))

    def set_text(self, key: str, text: str) -> None:
        """Saves a word."""
        self._store.setValue(key, text)

    def forget(self, key: str) -> None:
        """Removes an entry and everything below it."""
        self._store.remove(key)

    def save(self) -> None:
        """Writes the file now."""
        self._store.sync()
