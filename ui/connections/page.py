"""The settings page of the brokers: which one the desk opens, how it is reached, and a test of it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from execution.commands import ForgetSecrets, LookForSecrets, ReadConnections, SaveConnections, TryConnection
from execution.connection_views import (
    NOTHING_TYPED,
    SIMULATOR_HOST,
    ConnectionsView,
    Form,
    IbkrForm,
    ProbeView,
    SecretsView,
    TypedSecrets,
)
from models.errors import InvalidInput, KnownError
from ui.connections.ibkr_fields import IbkrFields
from ui.connections.report import Report
from ui.connections.tasty_fields import TastyFields
from ui.engine_client import EngineClient
from ui.theme import GAP, PAD, Theme
from ui.widgets.confirm import Confirmation, ConfirmDialog

_PAPER, _IBKR, _TASTY = "paper", "ibkr", "tastytrade"
_NAMES = {_PAPER: "the paper broker", _IBKR: "Interactive Brokers", _TASTY: "Tastytrade"}
#: Those whose accounts can stand in one book.
_JOINED = (_IBKR, _TASTY)
_WIDTH_PX = 640


class ConnectionsPage(QDialog):
    """A window beside the desk, not in its way. `restart_wanted` after a save that the user wants in effect now."""

    restart_wanted = Signal()

    def __init__(
        self, client: EngineClient, theme: Theme, parent: QWidget | None = None, *, clean: Callable[[str], str] = str
    ) -> None:
        """`clean` takes what is secret out of a text before it is shown."""
        super().__init__(parent)
        self._client = client
        self._theme = theme
        self._clean = clean
        self._saved: ConnectionsView | None = None
        self._tests = 0
        self._had_focus = False
        self.setWindowTitle("Broker connections")
        self.setModal(False)
        self.setMinimumWidth(_WIDTH_PX)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * PAD, 2 * PAD, 2 * PAD, 2 * PAD)
        column.setSpacing(PAD)
        column.setSizeConstraint(QVBoxLayout.SizeConstraint.SetMinimumSize)
        self.running_label = QLabel("Reading the settings…", self)
        self.running_label.setWordWrap(True)
        column.addWidget(self.running_label)
        self.paper_button = QRadioButton("Paper broker: built in, no account needed, nothing costs money", self)
        self.ibkr_button = QRadioButton("Interactive Brokers, through TWS or IB Gateway", self)
        self.tasty_button = QRadioButton("Tastytrade, over the internet", self)
        self._choice = QButtonGroup(self)
        for button in (self.paper_button, self.ibkr_button, self.tasty_button):
            self._choice.addButton(button)
            column.addWidget(button)
        self.also_boxes = {name: self._also_box(name) for name in _JOINED}
        for box in self.also_boxes.values():
            column.addWidget(box)
        self.fields = IbkrFields(self)
        self.tasty_fields = TastyFields(self)
        self.report = Report(theme, self)
        for widget in (self.fields, self.tasty_fields, self.report):
            column.addWidget(widget)
        column.addStretch(1)
        column.addLayout(self._buttons())
        self.fields.changed.connect(self._on_edit)
        self.tasty_fields.changed.connect(self._on_edit)
        self.tasty_fields.login_changed.connect(self._look)
        self.tasty_fields.secrets.forget_wanted.connect(self._ask_forget)
        self._choice.buttonToggled.connect(self._on_edit)
        self.tasty_button.toggled.connect(self._look_when_chosen)
        self._enable(is_read=False)

    def showEvent(self, event: QShowEvent) -> None:
        """Reads the settings anew each time it is opened, not when it only comes back from the task bar."""
        super().showEvent(event)
        if event.spontaneous():
            return
        self.report.clear()
        self._client.ask(ReadConnections(), self._on_read, self._on_read_failed)

    def hideEvent(self, event: QHideEvent) -> None:
        """What was typed unseen does not wait in a closed window."""
        super().hideEvent(event)
        if not event.spontaneous():
            self.tasty_fields.secrets.empty()

    def event(self, event: QEvent) -> bool:
        """Makes room for what appears: the layout's own least size does not count texts of several lines."""
        is_handled = super().event(event)
        if event.type() is QEvent.Type.LayoutRequest:
            needed = self._needed_height()
            if needed > self.height():
                self.resize(self.width(), needed)
        return is_handled

    def _needed_height(self) -> int:
        column = self.layout()
        return 0 if column is None else column.totalHeightForWidth(self.width())

    def _also_box(self, name: str) -> QCheckBox:
        box = QCheckBox(f"Also open {_NAMES[name]}: its accounts in the same book, under the same limits", self)
        box.setToolTip(
            "It opens with its own saved settings. To change them, choose it above, save, then choose this one again."
        )
        box.toggled.connect(self._on_edit)
        return box

    def _buttons(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(GAP)
        self.test_button = QPushButton("Test connection", self)
        self.save_button = QPushButton("Save", self)
        self.restart_button = QPushButton("Save and restart the desk", self)
        self.close_button = QPushButton("Close", self)
        self.restart_button.setProperty("kind", "primary")
        self.restart_button.setToolTip(
            "Starts the desk again on the broker chosen here. A simulator it was started with is not used then."
        )
        self.test_button.clicked.connect(self._test)
        self.save_button.clicked.connect(self._save)
        self.restart_button.clicked.connect(self._save_and_restart)
        self.close_button.clicked.connect(self.close)
        for button in (self.test_button, self.save_button, self.restart_button, self.close_button):
            button.setAutoDefault(False)
        line.addWidget(self.test_button)
        line.addStretch(1)
        for button in (self.save_button, self.restart_button, self.close_button):
            line.addWidget(button)
        return line

    # --- settings -----------------------------------------------------------------------------------------------------

    @Slot(object)
    def _on_read(self, view: ConnectionsView) -> None:
        self._saved = view
        self.fields.fill(view.ibkr, view.libraries)
        self.tasty_fields.fill(view.tasty, has_simulator=view.has_tasty_simulator)
        chosen = {_IBKR: self.ibkr_button, _TASTY: self.tasty_button}.get(view.broker, self.paper_button)
        self._choice.blockSignals(True)
        chosen.setChecked(True)
        self._choice.blockSignals(False)
        for name, box in self.also_boxes.items():
            box.blockSignals(True)
            box.setChecked(name in view.also)
            box.blockSignals(False)
        running = " and ".join(_NAMES[name] for name in (view.running, *view.running_also))
        self.running_label.setText(
            f"The desk runs on {running} now ({view.place}). Changes take effect when it starts again.\n"
            f"Kept in {view.file}"
        )
        self._enable(is_read=True)
        self._look_when_chosen(self.tasty_button.isChecked())

    def _on_read_failed(self, error: Exception) -> None:
        self.running_label.setText(self._clean(str(error)))

    @Slot()
    def _save(self) -> None:
        self._send_save(self._on_saved)

    @Slot()
    def _save_and_restart(self) -> None:
        self._send_save(self._on_ready)

    def _send_save(self, done: Callable[[object], None]) -> None:
        typed = self._typed()
        if typed is not None:
            command = SaveConnections(self._broker(), self._form(), typed, self._also())
            self._client.ask(command, done, self._on_save_failed)

    def _on_saved(self, _: object) -> None:
        had_secrets = self.tasty_fields.secrets.has_secrets
        self.tasty_fields.secrets.empty()
        at_once = " Secrets are used from now on." if had_secrets else ""
        self.report.say_good(f"Saved. It takes effect when the desk starts again.{at_once}")
        self._client.ask(ReadConnections(), self._on_read, self._on_read_failed)

    def _on_ready(self, _: object) -> None:
        self.close()
        self.restart_wanted.emit()

    def _on_save_failed(self, error: Exception) -> None:
        known = isinstance(error, KnownError)
        text = str(error) if known else f"Not saved: {type(error).__name__}. The log says more."
        self.report.say_bad(self._clean(text))

    def _broker(self) -> str:
        if self.tasty_button.isChecked():
            return _TASTY
        return _IBKR if self.ibkr_button.isChecked() else _PAPER

    def _also(self) -> tuple[str, ...]:
        chosen = self._broker()
        return tuple(name for name, box in self.also_boxes.items() if box.isChecked() and chosen not in (name, _PAPER))

    def _form(self) -> Form:
        return self.tasty_fields.form() if self._broker() == _TASTY else self.fields.form()

    def _typed(self) -> TypedSecrets | None:
        """Returns what was typed as secrets, None when it does not fit, which is said then."""
        if self._broker() != _TASTY:
            return NOTHING_TYPED
        try:
            return self.tasty_fields.secrets.typed()
        except InvalidInput as error:
            self.report.say_bad(str(error))
            return None

    # --- secrets ------------------------------------------------------------------------------------------------------

    @Slot(bool)
    def _look_when_chosen(self, is_chosen: bool) -> None:
        """Who has no login at Tastytrade is not asked to unlock a keyring."""
        if is_chosen and self._saved is not None:
            self._look(self.tasty_fields.form().login)

    @Slot(str)
    def _look(self, login: str) -> None:
        box = self.tasty_fields.secrets
        box.forget_place()

        def on_seen(view: SecretsView) -> None:
            if view.login == self.tasty_fields.form().login:
                box.show_place(view)

        self._client.ask(LookForSecrets(login), on_seen, self._on_look_failed)

    def _on_look_failed(self, error: Exception) -> None:
        self.tasty_fields.secrets.show_trouble(self._clean(str(error)))

    @Slot()
    def _ask_forget(self) -> None:
        login = self.tasty_fields.form().login
        question = Confirmation(
            title="Forget secrets",
            text=f"Client secret and refresh token of the login {login} are removed from this computer. A desk that"
            " runs on them goes on until it is closed. The grant itself ends only at my.tastytrade.com.",
            verb="Forget secrets",
            kind="danger",
        )
        self.forget_dialog = ConfirmDialog(self._theme, question, self)
        self.forget_dialog.accepted.connect(self._forget)
        self.forget_dialog.open()

    @Slot()
    def _forget(self) -> None:
        typed = self._typed()
        if typed is not None:
            command = ForgetSecrets(self.tasty_fields.form().login, typed.passphrase)
            self._client.ask(command, self._on_forgotten, self._on_save_failed)

    def _on_forgotten(self, text: str) -> None:
        self.tasty_fields.secrets.empty()
        self.report.say_good(text)
        self._look(self.tasty_fields.form().login)

    # --- test ---------------------------------------------------------------------------------------------------------

    @Slot()
    def _test(self) -> None:
        typed = self._typed()
        if typed is None:
            return
        form = self._form()
        self._tests += 1
        self._had_focus = self.test_button.hasFocus()
        self.test_button.setEnabled(False)
        self.report.say_busy(_busy(form))
        number = self._tests

        def on_done(view: ProbeView) -> None:
            self._on_tested(number, view)

        def on_failed(error: Exception) -> None:
            if number == self._tests:
                self._offer_test()
                self.report.say_bad(self._clean(str(error)))

        self._client.ask(TryConnection(form, typed), on_done, on_failed)

    def _on_tested(self, number: int, view: ProbeView) -> None:
        if number != self._tests:
            return
        self._offer_test()
        self.report.show_probe(view)

    def _offer_test(self) -> None:
        """Qt gave the keyboard to the next button, Save, while this one was off; who waited for it gets it back."""
        self.test_button.setEnabled(True)
        if self._had_focus and self.save_button.hasFocus():
            self.test_button.setFocus()

    @Slot()
    def _on_edit(self) -> None:
        """A report belongs to what was tested; so does a test that is still under way."""
        self._tests += 1
        self.report.clear()
        self._enable(is_read=self._saved is not None)

    def _enable(self, *, is_read: bool) -> None:
        broker = self._broker()
        for name, fields in ((_IBKR, self.fields), (_TASTY, self.tasty_fields)):
            fields.setEnabled(is_read and broker == name)
            fields.setVisible(broker == name)
            self.also_boxes[name].setVisible(broker not in (name, _PAPER))
            self.also_boxes[name].setEnabled(is_read)
        if self.isVisible():
            self.resize(self.width(), self._needed_height())
        self.test_button.setEnabled(is_read and broker != _PAPER)
        for widget in (self.paper_button, self.ibkr_button, self.tasty_button, self.save_button, self.restart_button):
            widget.setEnabled(is_read)
        self.setWindowFlag(Qt.WindowType.WindowContextHelpButtonHint, on=False)


def _busy(form: Form) -> str:
    if isinstance(form, IbkrForm):
        return f"Connecting to {form.host}:{form.port} …"
    where = "the simulated Tastytrade" if form.host == SIMULATOR_HOST else f"Tastytrade ({form.host})"
    return f"Logging in to {where} …"
