"""The one stylesheet, filled with the palette's colours.

`$name` stands for the ink of that name, `$art` for the path that the theme's small drawings begin with
(`.../dark` for `.../dark-down.svg`).
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Template

_SHEET = Template("""
* { outline: none; }
QMainWindow, QDialog { background: $window; }
QMainWindow::separator { background: $window; width: 4px; height: 4px; }
QMainWindow::separator:hover { background: $accent; }
QToolTip { background: $raised; color: $text; border: 1px solid $border; padding: 4px 6px; }

QLabel { background: transparent; }
QLabel[role="muted"], QLabel[role="caption"] { color: $text_muted; }
QLabel[role="caption"] { font-size: 11px; }
QLabel[role="title"] { font-weight: 600; }
QLabel[role="error"] { color: $error; }
QLabel[role="warning"] { color: $warning; }
QLabel[role="empty"] { color: $text_muted; padding: 16px; }

QDockWidget { color: $text; font-weight: 600; titlebar-close-icon: none; titlebar-normal-icon: none; }
QWidget[surface="panel"] { background: $panel; border: 1px solid $border; }
QWidget[surface="dockTitle"] { background: $raised; border: 1px solid $border; border-bottom: none; }
QWidget[surface="dockTitle"] QLabel { font-weight: 600; }
QWidget[surface="dockTitle"] QLabel[role="caption"] { font-weight: 400; }
QWidget[surface="toolbar"] { background: $panel; border-bottom: 1px solid $grid; }

QWidget[surface="bar"] { background: $raised; border-bottom: 1px solid $border; }
QFrame[surface="divider"] { background: $border; }

QTabBar { background: transparent; }
QTabBar::tab { background: $window; color: $text_muted; padding: 5px 12px; border: 1px solid transparent;
    border-top: 2px solid transparent; }
QTabBar::tab:selected { background: $panel; color: $text; border-left-color: $border; border-right-color: $border;
    border-top-color: $accent; }
QTabBar::tab:hover:!selected { color: $text; background: $hover; }
QTabWidget::pane { border: 1px solid $border; background: $panel; }

QMenuBar { background: $window; color: $text; }
QMenuBar::item { padding: 4px 8px; background: transparent; }
QMenuBar::item:selected { background: $hover; }
QMenu { background: $raised; border: 1px solid $border; padding: 4px 0; }
QMenu::item { padding: 5px 28px 5px 24px; }
QMenu::item:selected { background: $selection; }
QMenu::item:disabled { color: $text_disabled; }
QMenu::separator { height: 1px; background: $border; margin: 4px 8px; }

QPushButton, QToolButton { background: $raised; color: $text; border: 1px solid $border; border-radius: 3px;
    padding: 3px 10px; min-height: 18px; }
QToolButton { padding: 3px 6px; }
QPushButton:hover, QToolButton:hover { background: $hover; border-color: $text_disabled; }
QPushButton:pressed, QToolButton:pressed { background: $selection; }
QPushButton:focus, QToolButton:focus { border-color: $accent; }
QPushButton:disabled, QToolButton:disabled { color: $text_disabled; border-color: $grid; background: $panel; }
QPushButton:checked, QToolButton:checked { background: $selection; border-color: $accent; }
QPushButton[kind="primary"] { background: $accent; color: $on_accent; border-color: $accent; font-weight: 600; }
QPushButton[kind="danger"] { background: $live; color: $on_live; border-color: $live; font-weight: 600; }
QPushButton[kind="buy"] { background: $buy; color: $on_accent; border-color: $buy; font-weight: 600; }
QPushButton[kind="sell"] { background: $sell; color: $on_accent; border-color: $sell; font-weight: 600; }
QPushButton[kind="primary"]:hover, QPushButton[kind="danger"]:hover, QPushButton[kind="buy"]:hover,
QPushButton[kind="sell"]:hover { border-color: $text; }
QPushButton[kind="primary"]:disabled, QPushButton[kind="danger"]:disabled, QPushButton[kind="buy"]:disabled,
QPushButton[kind="sell"]:disabled { background: $panel; color: $text_disabled; border-color: $grid; }
QPushButton[kind="flat"], QToolButton[kind="flat"] { background: transparent; border-color: transparent; }
QPushButton[kind="flat"]:hover, QToolButton[kind="flat"]:hover { background: $hover; }
QPushButton[kind="flat"]:checked, QToolButton[kind="flat"]:checked { background: $selection; }
QToolButton::menu-indicator { image: none; width: 0; }

QLineEdit, QSpinBox, QDoubleSpinBox, QDateEdit, QDateTimeEdit, QComboBox, QPlainTextEdit, QTextEdit {
    background: $field; color: $text; border: 1px solid $border; border-radius: 3px; padding: 2px 6px;
    selection-background-color: $accent; selection-color: $on_accent; }
QLineEdit, QSpinBox, QDoubleSpinBox, QDateEdit, QDateTimeEdit, QComboBox { min-height: 20px; }
QAbstractSpinBox QLineEdit { border: none; padding: 0; background: transparent; min-height: 0; }
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QDateEdit:focus, QComboBox:focus, QPlainTextEdit:focus {
    border-color: $accent; }
QLineEdit[invalid="true"], QSpinBox[invalid="true"], QDoubleSpinBox[invalid="true"], QComboBox[invalid="true"] {
    border-color: $error; }
QLineEdit:disabled, QComboBox:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled { color: $text_disabled; }
QComboBox { padding-right: 18px; }
QComboBox::drop-down { border: none; width: 18px; }
QComboBox::down-arrow { image: url("$art-down.svg"); width: 12px; height: 12px; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { border: none; background: transparent; width: 16px; }
QAbstractSpinBox::up-arrow { image: url("$art-up.svg"); width: 10px; height: 10px; }
QAbstractSpinBox::down-arrow, QDateEdit::down-arrow { image: url("$art-down.svg"); width: 10px; height: 10px; }
QDateEdit::drop-down, QDateTimeEdit::drop-down { border: none; width: 16px; }
QComboBox QAbstractItemView { background: $raised; border: 1px solid $border; selection-background-color: $selection;
    selection-color: $text; }

QCheckBox, QRadioButton { spacing: 6px; background: transparent; }
QCheckBox::indicator, QRadioButton::indicator { width: 12px; height: 12px; border: 1px solid $text_disabled;
    background: $field; }
QCheckBox::indicator { border-radius: 2px; }
QRadioButton::indicator { border-radius: 7px; }
QCheckBox::indicator:hover, QRadioButton::indicator:hover { border-color: $accent; }
QCheckBox::indicator:checked { background: $accent; border-color: $accent; image: url("$art-check.svg"); }
QRadioButton::indicator:checked { background: $accent; border: 3px solid $field; width: 8px; height: 8px; }
QMenu::indicator { width: 12px; height: 12px; left: 6px; }
QMenu::indicator:checked { background: $accent; border-radius: 2px; image: url("$art-check.svg"); }
QSlider::groove:horizontal { height: 4px; background: $bar_track; border-radius: 2px; }
QSlider::sub-page:horizontal { background: $accent; border-radius: 2px; }
QSlider::handle:horizontal { width: 12px; height: 12px; margin: -5px 0; border-radius: 6px; background: $text; }
QProgressBar { background: $bar_track; border: none; border-radius: 2px; text-align: center; max-height: 6px; }
QProgressBar::chunk { background: $accent; border-radius: 2px; }

QAbstractItemView { background: $panel; alternate-background-color: $panel; border: none; gridline-color: $grid;
    selection-background-color: $selection; selection-color: $text; }
QTreeView::item, QTableView::item { padding: 0 4px; border: none; }
QTreeView::item { height: 20px; }
QTreeView::item:hover, QTableView::item:hover { background: $hover; }
QTreeView::item:selected, QTableView::item:selected { background: $selection; }
QHeaderView { background: $panel; border: none; }
QHeaderView::section { background: $panel; color: $text_muted; border: none; border-bottom: 1px solid $border;
    padding: 4px 6px; font-weight: 400; }
QHeaderView::section:hover { color: $text; }
QTableCornerButton::section { background: $panel; border: none; }

QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QScrollBar::handle { background: $border; border-radius: 3px; margin: 2px; min-height: 24px; min-width: 24px; }
QScrollBar::handle:hover { background: $text_disabled; }
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page { background: none;
    border: none; width: 0; height: 0; }
QAbstractScrollArea::corner { background: transparent; }
QSplitter::handle { background: $window; }
QGroupBox { border: 1px solid $border; border-radius: 3px; margin-top: 8px; padding-top: 8px; }
QGroupBox::title { subcontrol-origin: margin; left: 8px; color: $text_muted; }
QStatusBar { background: $window; color: $text_muted; }
QStatusBar::item { border: none; }
""")


def stylesheet(colors: Mapping[str, str], art: str) -> str:
    """Returns the sheet with every `$ink` replaced; raises KeyError when a colour is missing."""
    return _SHEET.substitute(colors, art=art)
