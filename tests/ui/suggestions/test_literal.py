"""Whatever a model, a broker or a symbol writes is shown to the letter: no markup, no link, no hidden character."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QWidget

from execution.suggestion_commands import ReadPayload, ReadScoreboard
from execution.suggestion_views import AnalystPhase, AnalystReport, PreMortem, SuggestionSet
from models.enums import Regime
from tests.ui import suggestions_demo_data as demo
from tests.ui.suggestions.conftest import Desk
from ui.suggestions import words
from ui.suggestions.labels import PlainLabel

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", "raise")
EVIL = (
    '<a href="https://evil.example">Send now</a> <b>bold</b> <img src="https://evil.example/x.png"> [x](https://e.vil)'
)


def poisoned() -> SuggestionSet:
    """A set in which every text from outside is an attack."""
    report = AnalystReport(AnalystPhase.DONE, EVIL, EVIL, comment=EVIL, asked_for=EVIL, seconds=1.0)
    candidate = replace(demo.VERTICAL, summary=EVIL)
    first = demo.suggestion(
        replace(demo.verified(candidate), broker_warning=EVIL), 1, 1, rationale=EVIL, is_from_model=True, watch=(EVIL,)
    )
    struck = demo.suggestion(replace(demo.STRUCK[1].verified, reason=EVIL), 0, 2)
    gone = demo.suggestion(demo.verified(demo.CLOSE), 2, 3, dismissed=EVIL)
    return demo.a_set(title=EVIL, search_text=EVIL, suggestions=(first, struck, gone), analyst=report)


def labels(widget: QWidget) -> list[QLabel]:
    return [label for label in widget.findChildren(QLabel) if label.text()]


def test_text_from_outside_is_never_rendered(desk: Desk) -> None:
    ahead = PreMortem(demo.NOW, Regime.HIGH_VOL, (EVIL,), breaks=True)
    desk.tell(demo.risk(), demo.breaches(demo.VEGA), demo.state(poisoned(), premortem=ahead))
    for fold in (desk.panel.set_view.struck, desk.panel.set_view.dismissed):
        desk.click(fold.toggle)
    desk.panel.talk.show_payload()
    dialog = desk.panel.talk.payload
    assert dialog is not None
    desk.client.answer(ReadPayload, replace(demo.PAYLOAD, text=EVIL, destination=EVIL))
    card = desk.card("c01")
    assert card.rationale.text() == EVIL
    assert card.watch.text() == f"Watch: {EVIL}"
    assert dialog.text.toPlainText() == EVIL
    assert sum("evil" in label.text() for label in labels(desk.panel)) >= 11
    for label in labels(desk.panel.picks) + labels(desk.panel.set_view) + labels(dialog):
        assert label.textFormat() is Qt.TextFormat.PlainText, label.text()
        assert not label.openExternalLinks()
        assert not label.textInteractionFlags() & Qt.TextInteractionFlag.LinksAccessibleByMouse


def test_no_tooltip_holds_text_from_outside(desk: Desk) -> None:
    desk.broken(poisoned())
    for fold in (desk.panel.set_view.struck, desk.panel.set_view.dismissed):
        desk.click(fold.toggle)
    told = [widget.toolTip() for widget in desk.panel.findChildren(QWidget)]
    assert not [tip for tip in told if "evil" in tip]


def test_a_click_on_what_looks_like_a_link_does_nothing(desk: Desk) -> None:
    desk.broken(poisoned())
    label = desk.card("c01").rationale
    activated: list[str] = []
    label.linkActivated.connect(activated.append)
    desk.click(label)
    label.event(QHelpEvent(QEvent.Type.ToolTip, QPointF(5, 5).toPoint(), label.mapToGlobal(QPointF(5, 5).toPoint())))
    assert activated == []
    assert label.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse


def test_the_payload_is_shown_in_a_field_that_knows_no_markup(desk: Desk) -> None:
    desk.broken(poisoned())
    desk.panel.talk.show_payload()
    assert desk.panel.talk.payload is not None
    assert isinstance(desk.panel.talk.payload.text, QPlainTextEdit)


def test_a_failed_score_shows_its_words_plainly(desk: Desk) -> None:
    desk.broken(poisoned())
    desk.client.answer(ReadScoreboard, ValueError(EVIL))
    problem = desk.panel.set_view.scoreboard.problem
    assert EVIL in problem.text()
    assert problem.textFormat() is Qt.TextFormat.PlainText


@pytest.mark.parametrize("hidden", ["\u202e", "\u2066", "\u200b", "\x00", "\x1b", "\ufeff", "\U000e0041"])
def test_what_is_not_seen_or_turns_the_writing_round_is_taken_out(desk: Desk, hidden: str) -> None:
    tricky = demo.suggestion(demo.verified(demo.VERTICAL), 1, 1, rationale=f"SELL{hidden}YUB")
    desk.broken(demo.a_set(suggestions=(tricky,)))
    assert desk.card("c01").rationale.text() == "SELL YUB"


def test_a_text_without_end_is_cut(desk: Desk) -> None:
    endless = demo.suggestion(demo.verified(demo.VERTICAL), 1, 1, rationale="vega " * 10_000)
    desk.broken(demo.a_set(suggestions=(endless,)))
    assert len(desk.card("c01").rationale.text()) <= words.MOST_CHARS + 1


@given(st.text())
def test_plain_text_keeps_every_visible_character(text: str) -> None:
    shown = words.plain(text)
    visible = [char for char in text[: words.MOST_CHARS] if char.isprintable() and not char.isspace()]
    assert [char for char in shown if char.isprintable() and not char.isspace()][: len(visible)] == visible
    assert all(char == "\n" or char.isprintable() or char.isspace() for char in shown)


def test_a_label_shows_an_empty_text_as_no_label_at_all(desk: Desk) -> None:
    label = PlainLabel("", desk.panel)
    label.say("something")
    assert desk.shown(label)
    label.say(" \u200b ")
    assert not desk.shown(label)
