"""The user's own words about a trade: rationale and tags, saved together, with what they were before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QStringListModel, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCompleter,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ui.journal import text as words
from ui.journal.flow import FlowLayout
from ui.theme import GAP

if TYPE_CHECKING:
    from database.journal_query import JournalEdit

_TEXT_HEIGHT = 76


@dataclass(frozen=True, slots=True)
class Words:
    """Rationale and tags of a row; tags sorted, as the journal keeps them."""

    rationale: str
    tags: tuple[str, ...]


class TagsEditor(QWidget):
    """Tags as small buttons that go on a click, and a field that adds one (Enter or comma)."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tags: tuple[str, ...] = ()
        self._is_editable = True
        self.chips: list[QToolButton] = []
        self.field = QLineEdit(self)
        self.field.setPlaceholderText("Add a tag")
        self.field.setFixedWidth(110)
        self._known = QStringListModel(self)
        completer = QCompleter(self._known, self.field)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.field.setCompleter(completer)
        self.field.returnPressed.connect(self._add)
        self.field.textEdited.connect(self._on_typed)
        self._flow = FlowLayout(self, gap=GAP)
        self._flow.addWidget(self.field)

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags as they stand, sorted."""
        return self._tags

    def set_known(self, tags: Sequence[str]) -> None:
        """Takes the tags in use, offered while typing."""
        self._known.setStringList(list(tags))

    def set_tags(self, tags: Sequence[str]) -> None:
        """Shows tags; `changed` is not emitted."""
        self._tags = tuple(sorted(set(tags)))
        self._rebuild()

    def set_editable(self, *, is_editable: bool) -> None:
        """Lets tags be changed, or only seen."""
        self._is_editable = is_editable
        self.field.setVisible(is_editable)
        self._rebuild()

    def _rebuild(self) -> None:
        for chip in self.chips:
            self._flow.removeWidget(chip)
            chip.deleteLater()
            chip.hide()
        self._flow.removeWidget(self.field)
        self.chips = [self._chip(tag) for tag in self._tags]
        self._flow.addWidget(self.field)
        self.updateGeometry()

    def _chip(self, tag: str) -> QToolButton:
        chip = QToolButton(self)
        chip.setText(f"{tag}  ×" if self._is_editable else tag)
        chip.setToolTip(f"Take the tag “{tag}” away" if self._is_editable else tag)
        chip.setEnabled(self._is_editable)
        chip.setProperty("tag", tag)
        chip.clicked.connect(self._on_chip)
        self._flow.addWidget(chip)
        chip.show()
        return chip

    @Slot()
    def _on_chip(self) -> None:
        chip = self.sender()
        if isinstance(chip, QToolButton):
            self.set_tags([tag for tag in self._tags if tag != chip.property("tag")])
            self.changed.emit()

    @Slot(str)
    def _on_typed(self, text: str) -> None:
        if "," in text:
            self._add()

    @Slot()
    def _add(self) -> None:
        new = {" ".join(part.split()) for part in self.field.text().split(",")} - {""}
        self.field.clear()
        if new - set(self._tags):
            self.set_tags([*self._tags, *new])
            self.changed.emit()
        self.field.setFocus()


class WordsEditor(QWidget):
    """Emits `save_requested(journal_id, rationale | None, tags | None)` with what was changed; None = as it is.

    Unsaved words are kept per trade while the user looks at others, and are there again on coming back.
    """

    save_requested = Signal(str, object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._journal_id: str | None = None
        self._saved = Words("", ())
        self._drafts: dict[str, Words] = {}
        self._saving: dict[str, Words] = {}
        self._locked = ""
        self._is_filling = False
        self.rationale = QPlainTextEdit(self)
        self.rationale.setPlaceholderText("Why this trade? What would make you close it?")
        self.rationale.setFixedHeight(_TEXT_HEIGHT)
        self.rationale.setTabChangesFocus(True)
        self.tags = TagsEditor(self)
        self.note = QLabel(self)
        self.note.setProperty("role", "caption")
        self.note.setWordWrap(True)
        self.save_button = QPushButton("Save", self)
        self.save_button.setProperty("kind", "primary")
        self.save_button.setToolTip("Save rationale and tags; what they were is kept in the history below")
        self.revert_button = QPushButton("Revert", self)
        self.revert_button.setToolTip("Back to what is saved")
        self.history = QLabel(self)
        self.history.setProperty("role", "caption")
        self.history.setWordWrap(True)
        self.history.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._arrange()
        self.rationale.textChanged.connect(self._on_edited)
        self.tags.changed.connect(self._on_edited)
        self.save_button.clicked.connect(self._save)
        self.revert_button.clicked.connect(self.revert)
        self._show_state()

    def _arrange(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP)
        layout.addWidget(self.rationale)
        layout.addWidget(self.tags)
        line = QHBoxLayout()
        line.addWidget(self.note, 1)
        line.addWidget(self.revert_button)
        line.addWidget(self.save_button)
        layout.addLayout(line)
        layout.addWidget(self.history)

    @property
    def is_dirty(self) -> bool:
        """Whether something shown is not saved."""
        return self._now() != self._saved

    def show_words(self, journal_id: str, saved: Words) -> None:
        """Shows a trade's saved words, or the unsaved ones the user left there."""
        saved = Words(saved.rationale.strip(), tuple(sorted(saved.tags)))
        if journal_id == self._journal_id and (saved == self._saved or self.is_dirty):
            self._saved = saved  # the user's draft stays on screen, whatever was written meanwhile
            self._forget_clean_draft()
            self._show_state()
            return
        if journal_id != self._journal_id:
            self.history.clear()
        self._journal_id, self._saved = journal_id, saved
        self._fill(self._drafts.get(journal_id, saved))
        self._show_state()

    def show_history(self, edits: Sequence[JournalEdit]) -> None:
        """Shows what the words were, newest first."""
        lines = [words.edit_line(edit) for edit in reversed(edits)]
        self.history.setText("\n".join(lines) if lines else "Never edited.")

    def lock(self, reason: str) -> None:
        """Keeps the user from editing and says why; an empty reason lets them."""
        self._locked = reason
        self.rationale.setReadOnly(bool(reason))
        self.tags.set_editable(is_editable=not reason)
        self._show_state()

    def saved(self, journal_id: str) -> None:
        """The engine has saved what was asked for a trade."""
        now = self._saving.pop(journal_id, None)
        if now is not None and self._drafts.get(journal_id) == now:
            del self._drafts[journal_id]
        if now is not None and journal_id == self._journal_id:
            self._saved = now
        self._show_state()

    def refused(self, journal_id: str, reason: str) -> None:
        """Saving failed: the words stay and can be saved again."""
        self._saving.pop(journal_id, None)
        self._show_state()
        if journal_id == self._journal_id:
            self.note.setText(f"Not saved: {reason}")

    @Slot()
    def revert(self) -> None:
        """Goes back to what is saved."""
        self._fill(self._saved)
        self._on_edited()

    def _fill(self, shown: Words) -> None:
        self._is_filling = True
        self.rationale.setPlainText(shown.rationale)
        self.tags.set_tags(shown.tags)
        self._is_filling = False

    def _now(self) -> Words:
        return Words(self.rationale.toPlainText().strip(), self.tags.tags)

    @Slot()
    def _on_edited(self) -> None:
        if self._is_filling or self._journal_id is None:
            return
        self._drafts[self._journal_id] = self._now()
        self._forget_clean_draft()
        self._show_state()

    def _forget_clean_draft(self) -> None:
        if self._journal_id is not None and not self.is_dirty:
            self._drafts.pop(self._journal_id, None)

    @Slot()
    def _save(self) -> None:
        now = self._now()
        if self._journal_id is None or not self.is_dirty:
            return
        self._saving[self._journal_id] = now
        self._show_state()
        self.save_requested.emit(
            self._journal_id,
            now.rationale if now.rationale != self._saved.rationale else None,
            now.tags if now.tags != self._saved.tags else None,
        )

    def _show_state(self) -> None:
        is_saving = self._journal_id in self._saving
        is_open = self.is_dirty and not self._locked and not is_saving and self._journal_id is not None
        self.save_button.setEnabled(is_open)
        self.revert_button.setEnabled(is_open)
        for button in (self.save_button, self.revert_button):
            button.setVisible(not self._locked)
        unsaved = "Saving…" if is_saving else "Not saved yet."
        self.note.setText(self._locked or (unsaved if self.is_dirty else ""))
