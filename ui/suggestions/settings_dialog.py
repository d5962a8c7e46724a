"""Settings of the analyst: whether, where and which model, its key, its prices, what may be sent."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QCheckBox, QDialog, QFormLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from execution.suggestion_commands import ReadAnalystSettings, SaveAnalystSettings, TestAnalyst
from execution.suggestion_views import AnalystSettingsView
from models.errors import InvalidInput, KnownError
from models.secret_text import SecretText
from ui.engine_client import EngineClient
from ui.suggestions.asking import ask
from ui.suggestions.labels import PlainLabel, button
from ui.suggestions.vault_rows import VaultRows, key_hint, key_place
from ui.theme import GAP, PAD

_WITHOUT = (
    "Everything in this panel works without a language model: the desk searches, verifies, ranks and explains by"
    " itself. A model may only rank and explain what the desk has verified. It cannot trade, and it sees no account"
    " number, no name and no net liquidation."
)
_HOSTED, _LOCAL = "https://llm.example.com/v1", "http://127.0.0.1:11434/v1"
_WHERE = f"https, or this computer only.\nA hosted server: {_HOSTED}\nOne on this computer: {_LOCAL}"
_NOTES = "Send my own journal notes along"
_NOTES_TIP = (
    "Off: nothing you wrote is sent.\nOn: your latest notes on trades in the book are sent as you wrote them,\n"
    "so that the model can take your reasons into account."
)
_PRICES = "Dollars per million tokens, as your server charges them."
_READING = "Reading the settings, and whether a key is kept…"
_WIDTH_PX, _FIELD_PX = 600, 440


class SettingsDialog(QDialog):
    """A window beside the desk. The key is never shown and leaves the field with the save."""

    def __init__(self, client: EngineClient, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._why = ""
        self.setObjectName("analystSettings")
        self.setWindowTitle("Analyst settings")
        self.setModal(False)
        self.setMinimumWidth(_WIDTH_PX)
        self.is_on = QCheckBox("Ask a language model to rank and explain", self)
        self.base_url, self.model, self.api_key, self.price_in, self.price_out = (QLineEdit(self) for _ in range(5))
        self.api_key.setEchoMode(QLineEdit.EchoMode.Password)
        self.base_url.setPlaceholderText(_HOSTED)
        self.model.setPlaceholderText("as the server lists it")
        for field in (self.price_in, self.price_out):
            field.setPlaceholderText("not known: cost is not shown")
        self.notes = QCheckBox(_NOTES, self)
        self.key_place = PlainLabel("", self, role="caption", selects=True)
        self.forget_button = button("Forget key", "Removes the key from where it is kept", self)
        self.problems = {
            name: PlainLabel("", self, role="error")
            for name in ("base_url", "model", "api_key", "passphrase", "usd_per_million_in", "usd_per_million_out")
        }
        self.report = PlainLabel("", self, selects=True)
        for label in (*self.problems.values(), self.report):
            label.hide()
        for label in (*self.problems.values(), self.key_place):
            label.setMinimumWidth(_FIELD_PX)  # else the form gives it the height of a narrower one
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * PAD, 2 * PAD, 2 * PAD, 2 * PAD)
        column.setSpacing(PAD)
        column.setSizeConstraint(QVBoxLayout.SizeConstraint.SetMinimumSize)
        column.addWidget(PlainLabel(_WITHOUT, self, role="muted"))
        column.addWidget(self.is_on)
        column.addLayout(self._form())
        column.addWidget(self.report)
        column.addStretch(1)
        column.addLayout(self._buttons())
        self.forget_button.clicked.connect(self._forget)
        vault = (self.vault.passphrase, self.vault.again)
        for edit in (self.base_url, self.model, self.api_key, *vault, self.price_in, self.price_out):
            edit.textEdited.connect(self._on_edit)
        self._enable(is_enabled=False)

    # --- building -----------------------------------------------------------------------------------------------------

    def _form(self) -> QFormLayout:
        form = QFormLayout()
        form.setHorizontalSpacing(2 * PAD)
        form.setVerticalSpacing(GAP)
        key_line = QHBoxLayout()
        key_line.addWidget(self.api_key, 1)
        key_line.addWidget(self.forget_button)
        self._row(form, "Server", self.base_url)
        form.addRow("", PlainLabel(_WHERE, self, role="caption", wraps=False, selects=True))
        form.addRow("", self.problems["base_url"])
        self._row(form, "Model", self.model)
        form.addRow("", self.problems["model"])
        form.addRow(self._name("API key", self.api_key), key_line)
        form.addRow("", self.key_place)
        form.addRow("", self.problems["api_key"])
        self.vault = VaultRows(form, self)
        form.addRow("", self.problems["passphrase"])
        self._row(form, "Price of input", self.price_in)
        form.addRow("", self.problems["usd_per_million_in"])
        self._row(form, "Price of output", self.price_out)
        form.addRow("", self.problems["usd_per_million_out"])
        form.addRow("", PlainLabel(_PRICES, self, role="caption", wraps=False))
        form.addRow("", self.notes)
        form.addRow("", PlainLabel(_NOTES_TIP, self, role="caption", wraps=False))
        return form

    def _row(self, form: QFormLayout, name: str, field: QLineEdit) -> None:
        form.addRow(self._name(name, field), field)

    def _name(self, name: str, field: QLineEdit) -> PlainLabel:
        field.setAccessibleName(name)
        label = PlainLabel(name, self, wraps=False)
        label.setBuddy(field)
        return label

    def _buttons(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(GAP)
        self.test_button = button("Save and test", "Saves, then asks the server for a word; no book is sent", self)
        self.save_button = button("Save", "Takes effect with the next question", self, style="primary")
        self.close_button = button("Close", "Keeps what was saved last", self)
        self.test_button.clicked.connect(self._save_and_test)
        self.save_button.clicked.connect(self._save)
        self.close_button.clicked.connect(self.close)
        line.addWidget(self.test_button)
        line.addStretch(1)
        line.addWidget(self.save_button)
        line.addWidget(self.close_button)
        return line

    # --- settings -----------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        """Reads the settings anew each time it is opened."""
        super().showEvent(event)
        self._enable(is_enabled=False)
        self._say(_READING)
        ask(self, self._client, ReadAnalystSettings(), self._fill, self._on_read_failed)

    def say_why(self, text: str) -> None:
        """Says why it was opened, from when the settings are read."""
        self._why = text
        if self.save_button.isEnabled():
            self._say(text, "warning")

    def event(self, event: QEvent) -> bool:
        """Makes room for what appears: the layout's own least size does not count texts of several lines."""
        is_handled = super().event(event)
        if event.type() is QEvent.Type.LayoutRequest:
            self._make_room()
        return is_handled

    def _make_room(self) -> None:
        column = self.layout()
        needed = 0 if column is None else column.totalHeightForWidth(self.width())
        if needed > self.height():
            self.resize(self.width(), needed)

    def hideEvent(self, event: QHideEvent) -> None:
        """What was typed of a key does not outlive the window."""
        super().hideEvent(event)
        self._drop_key()

    def _drop_key(self) -> None:
        self.api_key.setText("")  # unlike clear(), it leaves nothing to undo
        self.vault.drop()

    def _fill(self, view: AnalystSettingsView) -> None:
        self.is_on.setChecked(view.is_on)
        self.base_url.setText(view.base_url)
        self.model.setText(view.model)
        self._drop_key()
        self.api_key.setPlaceholderText(key_hint(view))
        self.key_place.say(key_place(view))
        self.vault.show_view(view)
        self.forget_button.setVisible(bool(view.key_place))
        self.price_in.setText(_price_text(view.usd_per_million_in))
        self.price_out.setText(_price_text(view.usd_per_million_out))
        self.notes.setChecked(view.may_send_notes)
        self._clear_problems()
        self._say(view.problem or self._why, "warning")
        self._why = ""
        self._enable(is_enabled=True)

    @Slot()
    def _save(self) -> None:
        self._send(self._typed_key(), self._on_saved)

    @Slot()
    def _save_and_test(self) -> None:
        self._send(self._typed_key(), self._on_saved_for_test)

    @Slot()
    def _forget(self) -> None:
        self._send(SecretText(""), self._on_forgotten)

    def _typed_key(self) -> SecretText | None:
        typed = self.api_key.text().strip()
        return SecretText(typed) if typed else None

    def _send(self, key: SecretText | None, done: Callable[[AnalystSettingsView], None]) -> None:
        self._clear_problems()
        try:
            command = SaveAnalystSettings(
                is_on=self.is_on.isChecked(),
                base_url=self.base_url.text().strip(),
                model=self.model.text().strip(),
                api_key=key,
                may_send_notes=self.notes.isChecked(),
                usd_per_million_in=_price(self.price_in.text(), "usd_per_million_in"),
                usd_per_million_out=_price(self.price_out.text(), "usd_per_million_out"),
                passphrase=self.vault.typed(has_key=bool(key)),
            )
        except InvalidInput as error:
            self._on_failed(error)
            return
        self._enable(is_enabled=False)
        ask(self, self._client, command, done, self._on_failed)

    def _on_saved(self, view: AnalystSettingsView) -> None:
        self._fill(view)
        if not view.problem:
            self._say("Saved.", "muted")

    def _on_forgotten(self, view: AnalystSettingsView) -> None:
        self._fill(view)
        self._say("The key is forgotten.", "muted")

    def _on_saved_for_test(self, view: AnalystSettingsView) -> None:
        self._fill(view)
        self._enable(is_enabled=False)
        self._say("Saved. Asking the server…", "muted")
        ask(self, self._client, TestAnalyst(), self._on_tested, self._on_failed)

    def _on_tested(self, answer: str) -> None:
        self._enable(is_enabled=True)
        self._say(f"✓  {answer}", "muted")

    def _on_read_failed(self, error: Exception) -> None:
        """What is not known is not offered for editing."""
        self._on_failed(error)
        self._enable(is_enabled=False)

    def _on_failed(self, error: Exception) -> None:
        self._enable(is_enabled=True)
        problem = self.problems.get(error.field) if isinstance(error, InvalidInput) else None
        if problem is not None:
            problem.say(str(error))
            return
        known = isinstance(error, KnownError)
        self._say(str(error) if known else f"{type(error).__name__}. The log says more.", "error")

    @Slot()
    def _on_edit(self) -> None:
        """A report belongs to what was saved."""
        self.vault.follow(has_key=bool(self.api_key.text()))
        self._say("")
        self._clear_problems()

    def _clear_problems(self) -> None:
        for label in self.problems.values():
            label.say("")

    def _say(self, text: str, role: str = "muted") -> None:
        self.report.set_role(role)
        self.report.say(text)

    def _enable(self, *, is_enabled: bool) -> None:
        edits = (self.base_url, self.model, self.api_key, self.price_in, self.price_out, self.is_on, self.notes)
        vault = (self.vault.passphrase, self.vault.again)
        for widget in (self.test_button, self.save_button, self.forget_button, *edits, *vault):
            widget.setEnabled(is_enabled)


def _price_text(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _price(text: str, field: str) -> float | None:
    """Returns a typed price, None for an empty field; raises InvalidInput for what is no figure."""
    typed = text.strip().lstrip("$").replace(",", ".")
    if not typed:
        return None
    try:
        value = float(typed)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise InvalidInput(field, f"{text.strip()!r} is no price.", cure="Type dollars, e.g. 0.25, or leave it empty.")
    return value
