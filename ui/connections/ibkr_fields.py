"""The fields of the Interactive Brokers page: filled from the settings, read back as they stand."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLabel, QLineEdit, QSpinBox, QWidget

from execution.connection_views import IbkrForm
from models.enums import Mode
from ui.theme import PAD

#: What listens where by default: label, port, paper or live.
_PLACES = (
    ("TWS, paper trading", 7497, Mode.PAPER),
    ("TWS, live", 7496, Mode.LIVE),
    ("IB Gateway, paper trading", 4002, Mode.PAPER),
    ("IB Gateway, live", 4001, Mode.LIVE),
)
#: Numbers begin where the texts of the other fields begin.
_NUMBER_INDENT_PX = 4
_OTHER = "Another port"
_LIBRARIES = {
    "ib_insync": "ib_insync 0.9.86",
    "ib_async": "ib_async 2.1.0 (maintained)",
}


class IbkrFields(QWidget):
    """`changed` is sent whenever the user edits something."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(PAD)
        form.setHorizontalSpacing(2 * PAD)
        self.place = QComboBox(self)
        for label, port, mode in _PLACES:
            self.place.addItem(f"{label} ({port})", (port, mode))
        self.place.addItem(_OTHER)
        self.host = QLineEdit(self)
        self.port = QSpinBox(self)
        self.port.setRange(1, 65535)
        self.port.setGroupSeparatorShown(False)
        self.mode = QComboBox(self)
        self.mode.addItem("Paper account (DU…): no real money", Mode.PAPER)
        self.mode.addItem("LIVE account (U…): real money", Mode.LIVE)
        self.client_id = QSpinBox(self)
        self.client_id.setRange(0, 999_999)
        for number in (self.port, self.client_id):
            number.lineEdit().setTextMargins(_NUMBER_INDENT_PX, 0, 0, 0)
        self.library = QComboBox(self)
        self.read_only = QCheckBox("Watch only: nothing is ever sent", self)
        self.accounts = QLineEdit(self)
        self.accounts.setPlaceholderText("all accounts of the login")
        self.trading = QLineEdit(self)
        self.trading.setPlaceholderText("none: live accounts are watched only")
        self.delayed = QCheckBox("Show delayed quotes where live ones are not subscribed", self)
        for label, field in (
            ("Where it runs", self.place),
            ("Host", self.host),
            ("Port", self.port),
            ("Account behind it", self.mode),
            ("Client id", self.client_id),
            ("", _note("Each program on one TWS needs its own; 0 also sees orders placed by hand in TWS.", self)),
            ("Client library", self.library),
            ("", self.read_only),
            ("Accounts to show", self.accounts),
            ("Live accounts to trade", self.trading),
            ("", _note("Account ids with commas. Each has to be armed by hand in every session.", self)),
            ("", self.delayed),
        ):
            form.addRow(label, field)
        self._is_filling = False
        self._connect()

    def fill(self, form: IbkrForm, libraries: tuple[str, ...]) -> None:
        """Shows settings; libraries that are not installed stand there, but cannot be chosen."""
        self._is_filling = True
        self.library.clear()
        for name, label in _LIBRARIES.items():
            is_there = name in libraries
            self.library.addItem(label if is_there else f"{label}: not in this installation", name)
            model = self.library.model()
            if isinstance(model, QStandardItemModel):
                model.item(self.library.count() - 1).setEnabled(is_there)
        self.host.setText(form.host)
        self.port.setValue(form.port)
        self.mode.setCurrentIndex(self.mode.findData(form.mode))
        self.client_id.setValue(form.client_id)
        self.library.setCurrentIndex(self.library.findData(form.library))
        self.read_only.setChecked(form.read_only)
        self.accounts.setText(", ".join(form.accounts))
        self.trading.setText(", ".join(form.trading_accounts))
        self.delayed.setChecked(form.allow_delayed)
        self._is_filling = False
        self._show_place()

    def form(self) -> IbkrForm:
        """Returns what stands in the fields."""
        return IbkrForm(
            host=self.host.text().strip(),
            port=self.port.value(),
            client_id=self.client_id.value(),
            library=str(self.library.currentData()),
            mode=Mode(self.mode.currentData()),
            read_only=self.read_only.isChecked(),
            accounts=_names(self.accounts.text()),
            trading_accounts=_names(self.trading.text()),
            allow_delayed=self.delayed.isChecked(),
        )

    def _connect(self) -> None:
        self.place.activated.connect(self._take_place)
        self.port.valueChanged.connect(self._show_place)
        for box in (self.mode, self.library):
            box.currentIndexChanged.connect(self._on_edit)
        for line in (self.host, self.accounts, self.trading):
            line.textEdited.connect(self._on_edit)
        for number in (self.port, self.client_id):
            number.valueChanged.connect(self._on_edit)
        for check in (self.read_only, self.delayed):
            check.toggled.connect(self._on_edit)

    @Slot()
    def _take_place(self) -> None:
        chosen = self.place.currentData()
        if chosen is not None:
            port, mode = chosen
            self.port.setValue(port)
            self.mode.setCurrentIndex(self.mode.findData(mode))

    @Slot()
    def _show_place(self) -> None:
        known = [number for number, (_, port, _) in enumerate(_PLACES) if port == self.port.value()]
        self.place.setCurrentIndex(known[0] if known else len(_PLACES))

    @Slot()
    def _on_edit(self) -> None:
        if not self._is_filling:
            self.changed.emit()


def _note(text: str, parent: QWidget) -> QLabel:
    label = QLabel(text, parent)
    label.setProperty("role", "caption")
    return label


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip().upper() for name in text.split(",") if name.strip())
