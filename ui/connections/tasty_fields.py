"""The fields of the Tastytrade page: filled from the settings, read back as they stand; secrets in their own box."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QFormLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from execution.connection_views import SIMULATOR_HOST, TastyForm
from ui.connections.secrets_box import SecretsBox
from ui.theme import PAD

_PRODUCTION, _CERTIFICATION = "production", "certification"
_HOSTS = (
    ("Production: real accounts, REAL MONEY", _PRODUCTION),
    ("Certification sandbox: no real money, emptied every day", _CERTIFICATION),
)
_SIMULATOR = ("The simulated Tastytrade of this desk: to try this page", SIMULATOR_HOST)


class TastyFields(QWidget):
    """`changed` is sent whenever the user edits something, `login_changed` when he named another login."""

    changed = Signal()
    login_changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(PAD)
        self.login = QLineEdit(self)
        self.login.setPlaceholderText("your own name for it, such as main")
        self.host = QComboBox(self)
        for label, name in _HOSTS:
            self.host.addItem(label, name)
        self.secrets = SecretsBox(self)
        self.accounts = QLineEdit(self)
        self.accounts.setPlaceholderText("all accounts of the login")
        self.trading = QLineEdit(self)
        self.trade_note = _note("", self)
        top, bottom = _form(), _form()
        top.addRow("Login", self.login)
        top.addRow("Host", self.host)
        note = "Secrets: a grant with the scopes read and trade, from my.tastytrade.com, Manage > My Profile > API."
        top.addRow("", _note(note, self))
        bottom.addRow("Accounts to show", self.accounts)
        bottom.addRow("Accounts to trade", self.trading)
        bottom.addRow("", self.trade_note)
        column.addLayout(top)
        column.addWidget(self.secrets)
        column.addLayout(bottom)
        self._align((top, bottom))
        self._named_login = ""
        self._is_filling = False
        self._connect()
        self._show_host()

    def fill(self, form: TastyForm, *, has_simulator: bool) -> None:
        """Shows settings; fields for secrets are left as they are. The simulator is offered where one runs."""
        self._is_filling = True
        at = self.host.findData(SIMULATOR_HOST)
        if has_simulator and at < 0:
            self.host.addItem(*_SIMULATOR)
        elif not has_simulator and at >= 0:
            self.host.removeItem(at)
        self.login.setText(form.login)
        self.host.setCurrentIndex(self.host.findData(form.host))
        self.accounts.setText(", ".join(form.accounts))
        self.trading.setText(", ".join(form.trading_accounts))
        self._is_filling = False
        self._show_host()
        self._named_login = form.login

    def form(self) -> TastyForm:
        """Returns what stands in the fields, secrets apart."""
        return TastyForm(
            login=self.login.text().strip(),
            host=str(self.host.currentData()),
            accounts=_names(self.accounts.text()),
            trading_accounts=_names(self.trading.text()),
        )

    def _align(self, forms: tuple[QFormLayout, ...]) -> None:
        """Three forms, one column of labels: as wide as the widest."""
        labels = [
            item.widget()
            for form in (*forms, self.secrets.layout())
            if isinstance(form, QFormLayout)
            for row in range(form.rowCount())
            if (item := form.itemAt(row, QFormLayout.ItemRole.LabelRole)) is not None
        ]
        width = max((label.sizeHint().width() for label in labels if label is not None), default=0)
        for label in labels:
            if label is not None:
                label.setMinimumWidth(width)

    def _connect(self) -> None:
        self.login.textEdited.connect(self._on_edit)
        self.login.editingFinished.connect(self._on_login)
        self.accounts.textEdited.connect(self._on_edit)
        self.trading.textEdited.connect(self._on_edit)
        self.host.currentIndexChanged.connect(self._on_edit)
        self.host.currentIndexChanged.connect(self._show_host)
        self.secrets.changed.connect(self._on_edit)

    @Slot()
    def _show_host(self) -> None:
        is_production = self.host.currentData() == _PRODUCTION
        self.trading.setEnabled(is_production)
        nowhere = "none: production accounts are watched only"
        self.trading.setPlaceholderText(nowhere if is_production else "every account: no real money there")
        self.trade_note.setText(
            "Account numbers with commas. Each has to be armed by hand in every session."
            if is_production
            else "On production only: what is written here is kept for it."
        )

    @Slot()
    def _on_login(self) -> None:
        login = self.login.text().strip()
        if login != self._named_login:
            self._named_login = login
            self.login_changed.emit(login)

    @Slot()
    def _on_edit(self) -> None:
        if not self._is_filling:
            self.changed.emit()


def _form() -> QFormLayout:
    form = QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setVerticalSpacing(PAD)
    form.setHorizontalSpacing(2 * PAD)
    return form


def _note(text: str, parent: QWidget) -> QLabel:
    label = QLabel(text, parent)
    label.setProperty("role", "caption")
    return label


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip().upper() for name in text.split(",") if name.strip())
