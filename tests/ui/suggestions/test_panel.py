"""What is broken and what would be: choosing it, searching, and the states in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QBoxLayout, QScrollArea

from execution.suggestion_commands import FindSuggestions, ReadScoreboard, SuggestionsShown
from execution.suggestion_views import SearchPhase
from execution.views import Phase
from models.enums import Metric
from models.errors import KnownError
from tests.ui import demo_data
from tests.ui import suggestions_demo_data as demo
from tests.ui.suggestions.conftest import Desk
from ui.suggestions import words
from ui.suggestions.picks import PREMORTEM, BreachPick, PreMortemPick
from ui.theme import Theme, ThemeName

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", "raise")


def pick(desk: Desk, key: str) -> BreachPick:
    card = desk.panel.picks.cards[key]
    assert isinstance(card, BreachPick)
    return card


def ahead(desk: Desk) -> PreMortemPick:
    card = desk.panel.picks.cards[PREMORTEM]
    assert isinstance(card, PreMortemPick)
    return card


def test_nothing_is_claimed_before_the_desk_watches_limits(desk: Desk) -> None:
    assert desk.panel.empty_text == words.NOT_YET


def test_a_quiet_book_says_so_and_what_would_happen(desk: Desk) -> None:
    desk.tell(demo.risk(**demo.CALM), demo.breaches(), demo.state())
    assert desk.panel.summary.text() == "✓ All limits hold"
    assert desk.panel.set_view.note.text() == words.plain(words.ALL_HOLD)
    assert not desk.shown(desk.panel.picks)


def test_a_limit_that_is_not_measured_is_not_said_to_hold(desk: Desk) -> None:
    desk.tell(demo.risk(spx_delta=20.0, vega=-2000.0, margin_used_pct=None), demo.breaches(), demo.state())
    assert desk.panel.summary.text() == "Limits not all measured"
    assert desk.panel.set_view.note.text() == "No breach is known. Not measured: Margin."


def test_an_acknowledged_breach_is_not_called_a_limit_that_holds(desk: Desk) -> None:
    desk.tell(replace(demo.breaches(), acknowledged=frozenset({Metric.VEGA})), demo.state(), demo.risk())
    assert desk.panel.set_view.note.text() == words.ACKNOWLEDGED


def test_a_limit_that_was_passed_just_now_is_not_called_acknowledged(desk: Desk) -> None:
    desk.tell(demo.breaches(), demo.state(), demo.risk())
    assert desk.panel.summary.text() == "A limit was passed just now"
    assert desk.panel.set_view.note.text() == words.PASSED


def test_a_breach_says_what_by_how_much_in_which_regime_and_since_when(desk: Desk) -> None:
    desk.broken(demo.a_set())
    card = pick(desk, "vega")
    assert card.title.text() == "Vega below its limit"
    assert (card.value.text(), card.bound.text()) == ("−5,640", "low −4,000")
    assert card.share.text() == "141%, 1,640 beyond"
    assert card.regime.text() == "MEDIUM"
    assert card.since.text() == "since 15:30:07, 12 m 08 s"
    assert card.offered.text() == "3 trades offered"
    assert desk.panel.summary.text() == "2 limits broken"


def test_the_figure_of_a_breach_follows_the_book(desk: Desk) -> None:
    desk.broken(demo.a_set())
    desk.tell(demo.risk(vega=-4400.0))
    assert pick(desk, "vega").value.text() == "−4,400"


def test_choosing_another_breach_shows_its_set_and_new_states_keep_the_choice(desk: Desk) -> None:
    delta = demo.a_set("delta", title="SPX delta beyond its limit")
    desk.broken(demo.a_set(), delta)
    assert desk.panel.set_view.title.text() == "Vega beyond its limit"
    desk.click(pick(desk, "delta"))
    assert desk.panel.set_view.title.text() == "SPX delta beyond its limit"
    desk.tell(demo.state(replace(delta, scored_count=7), demo.a_set()))
    assert desk.panel.shown_key == "delta"
    assert desk.panel.set_view.scored.text() == "7 candidates scored"


def test_a_breach_is_chosen_with_the_keyboard(desk: Desk) -> None:
    desk.broken(demo.a_set(), demo.a_set("delta"))
    pick(desk, "delta").setFocus()
    QTest.keyClick(pick(desk, "delta"), Qt.Key.Key_Space)
    assert desk.panel.shown_key == "delta"
    assert [card.isChecked() for card in desk.panel.picks.cards.values()] == [False, True]


def test_when_the_chosen_breach_is_over_the_next_one_is_shown(desk: Desk) -> None:
    desk.broken(demo.a_set(), demo.a_set("delta"))
    desk.click(pick(desk, "delta"))
    desk.tell(demo.state(demo.a_set()), demo.breaches(demo.VEGA))
    assert desk.panel.shown_key == "vega"
    assert list(desk.panel.picks.cards) == ["vega"]
    desk.tell(demo.state(), demo.breaches())
    assert desk.panel.picks.cards == {}
    assert desk.panel.set_view.cards == {}


def test_a_breach_that_was_not_searched_for_yet_offers_the_search(desk: Desk) -> None:
    desk.broken()
    view = desk.panel.set_view
    assert (view.title.text(), view.note.text()) == ("Vega below its limit", words.NOT_SEARCHED)
    assert view.search_button.text() == "Search now"
    desk.click(view.search_button)
    assert desk.asked(FindSuggestions) == [FindSuggestions("vega")]


def test_a_set_that_comes_before_its_breach_is_shown_by_its_own_title(desk: Desk) -> None:
    desk.tell(demo.risk(), demo.breaches(), demo.state(demo.a_set()))
    assert pick(desk, "vega").title.text() == "Vega beyond its limit"
    assert len(desk.panel.set_view.cards) == 4
    desk.tell(demo.breaches(demo.VEGA))
    assert pick(desk, "vega").title.text() == "Vega below its limit"


def test_search_again_asks_for_the_breach_that_is_shown(desk: Desk) -> None:
    desk.broken(demo.a_set(), demo.a_set("delta"))
    desk.click(pick(desk, "delta"))
    desk.click(desk.panel.set_view.search_button)
    assert desk.asked(FindSuggestions) == [FindSuggestions("delta")]


def test_a_refused_search_says_why(desk: Desk) -> None:
    desk.broken(demo.a_set())
    desk.click(desk.panel.set_view.search_button)
    desk.client.answer(FindSuggestions, KnownError("There is nothing to search on yet."))
    assert desk.messages.toasts == ("There is nothing to search on yet.",)


@pytest.mark.parametrize(
    ("phase", "text", "says", "is_busy"),
    [
        (SearchPhase.SEARCHING, "", "Searching…", True),
        (SearchPhase.VERIFYING, "2 left out", "Verifying with the broker… 7 of 13 checked  ·  2 left out", True),
        (SearchPhase.READY, "", "3 offered of 7 verified", False),
        (SearchPhase.FAILED, "SPX is not quoted.", "The search failed.  ·  SPX is not quoted.", False),
    ],
)
def test_the_search_says_where_it_is(desk: Desk, phase: SearchPhase, text: str, says: str, is_busy: bool) -> None:
    desk.broken(demo.a_set(search=phase, search_text=text))
    view = desk.panel.set_view
    assert view.state.text() == says
    assert view.scored.text() == "23,816 candidates scored"
    assert desk.shown(view.progress) is is_busy
    assert view.search_button.isEnabled() is not is_busy
    assert view.state.property("role") == ("error" if phase is SearchPhase.FAILED else "muted")


def test_cards_come_one_by_one_while_the_broker_is_asked(desk: Desk) -> None:
    desk.broken(demo.a_set(search=SearchPhase.VERIFYING, suggestions=demo.OFFERED[:1]))
    first = desk.card("c01")
    desk.tell(demo.state(demo.a_set(search=SearchPhase.VERIFYING, suggestions=demo.OFFERED[:2])))
    assert list(desk.panel.set_view.cards) == ["s-c01", "s-c02"]
    assert desk.card("c01") is first


def test_nothing_offered_is_said_in_words(desk: Desk) -> None:
    desk.broken(demo.a_set(suggestions=demo.STRUCK))
    assert desk.panel.set_view.note.text() == words.NONE_OFFERED
    assert list(desk.panel.set_view.cards) == ["s-c00"], "doing nothing stays for comparison"


def test_the_engine_is_told_once_that_a_finished_set_was_shown(desk: Desk) -> None:
    desk.broken(demo.a_set(search=SearchPhase.VERIFYING))
    assert desk.asked(SuggestionsShown) == []
    desk.tell(demo.state(demo.a_set()))
    desk.tell(demo.state(demo.a_set(scored_count=1)))
    assert desk.asked(SuggestionsShown) == [SuggestionsShown("vega")]
    desk.tell(demo.state(demo.a_set(set_id="another")))
    assert len(desk.asked(SuggestionsShown)) == 2


def test_a_hidden_panel_takes_no_states_and_catches_up(desk: Desk) -> None:
    desk.panel.hide()
    desk.broken(demo.a_set())
    assert desk.panel.set_view.cards == {}
    assert desk.asked(SuggestionsShown) == []
    desk.panel.show()
    assert len(desk.panel.set_view.cards) == 4


def test_the_premortem_says_what_would_break_and_finds_trades_for_it(desk: Desk) -> None:
    desk.tell(demo.risk(**demo.CALM), demo.breaches(), demo.state(premortem=demo.PREMORTEM))
    card = ahead(desk)
    assert card.title.text() == "If volatility stepped up to HIGH now"
    assert card.lines.text() == "▲  Vega −5,640.0 would be beyond −2,500.0\n▲  Margin 46.2 % would be beyond 35.0 %"
    assert desk.panel.shown_key is None, "what is not searched does not push the quiet state aside"
    desk.click(card.find_button)
    assert desk.asked(FindSuggestions) == [FindSuggestions(None)]
    assert desk.panel.set_view.note.text() == words.NOT_SEARCHED_AHEAD
    desk.tell(demo.state(demo.a_set(PREMORTEM, title="If the regime steps up"), premortem=demo.PREMORTEM))
    assert desk.panel.set_view.title.text() == "If the regime steps up"
    assert desk.panel.set_view.note.text() == words.AHEAD
    assert desk.panel.set_view.cards["s-c01"].effects.heading == "HIGH limits"
    assert card.offered.text() == "3 trades offered"


def test_a_premortem_without_a_breach_in_it_says_that_all_would_hold(desk: Desk) -> None:
    calm = replace(demo.PREMORTEM, lines=(), breaks=False)
    desk.tell(demo.risk(**demo.CALM), demo.breaches(), demo.state(premortem=calm))
    assert ahead(desk).lines.text() == "✓  every limit would hold."
    assert not desk.shown(ahead(desk).find_button)


def test_a_breach_comes_before_the_premortem_unless_the_user_chose_that(desk: Desk) -> None:
    held = demo.a_set(PREMORTEM)
    desk.tell(demo.risk(**demo.CALM), demo.breaches(), demo.state(held, premortem=demo.PREMORTEM))
    assert desk.panel.shown_key == PREMORTEM
    desk.tell(demo.breaches(demo.VEGA), demo.state(demo.a_set(), held, premortem=demo.PREMORTEM))
    assert desk.panel.shown_key == "vega"
    desk.click(ahead(desk))
    desk.tell(demo.state(held, demo.a_set(), premortem=demo.PREMORTEM))
    assert desk.panel.shown_key == PREMORTEM


def test_the_score_is_read_when_the_desk_is_ready_and_shown_by_horizon(desk: Desk) -> None:
    desk.broken(demo.a_set())
    assert len(desk.asked(ReadScoreboard)) == 1
    board = desk.panel.set_view.scoreboard
    assert desk.shown(board.empty)
    desk.client.answer(ReadScoreboard, demo.SCORE)
    assert board.texts() == [
        ["1 hour", "14", "5", "−82", "−241", "−96", "9 of 14"],
        ["1 day", "11", "4", "+412", "−1,310", "+388", "8 of 11"],
        ["expiry", "0", "0", "—", "—", "—", "—"],
    ]
    assert board.counts.text() == "41 offered, 6 loaded, 9 dismissed"
    assert not desk.shown(board.empty)
    desk.qtbot.waitUntil(lambda: desk.shown(board.lines[0][0]))


def test_without_marks_the_score_says_so_in_words_and_a_failure_is_told(desk: Desk) -> None:
    desk.broken(demo.a_set())
    board = desk.panel.set_view.scoreboard
    desk.client.answer(ReadScoreboard, demo.NO_SCORE)
    assert desk.shown(board.empty)
    assert not desk.shown(board.counts)
    desk.client.answer(ReadScoreboard, KnownError("The database is busy."))
    assert board.problem.text() == "The score cannot be read: The database is busy."


def test_the_scoreboard_button_scrolls_to_the_score(desk: Desk) -> None:
    desk.panel.resize(1000, 420)
    desk.broken(demo.a_set())
    desk.client.answer(ReadScoreboard, demo.SCORE)
    bar = desk.panel.set_view.area.verticalScrollBar()
    desk.qtbot.waitUntil(lambda: bar.maximum() > 300)
    desk.click(desk.panel.score_button)
    assert bar.value() > 300


@pytest.mark.parametrize("width", [430, 700, 1000, 1500])
def test_nothing_is_cut_at_any_width(desk: Desk, width: int) -> None:
    desk.panel.resize(width, 700)
    desk.broken(demo.ranked_by_model(demo.a_set()))
    area = desk.panel.set_view.area
    content = area.widget()
    assert content is not None
    desk.qtbot.waitUntil(lambda: content.minimumSizeHint().width() <= area.viewport().width())
    direction = QBoxLayout.Direction.LeftToRight if width >= 860 else QBoxLayout.Direction.TopToBottom
    body = desk.panel.picks.parentWidget()
    layout = None if body is None else body.layout()
    assert isinstance(layout, QBoxLayout)
    assert layout.direction() is direction


def test_a_panel_made_narrower_puts_the_parts_of_a_card_below_each_other(desk: Desk) -> None:
    desk.panel.resize(1500, 900)
    desk.broken(demo.ranked_by_model(demo.a_set()))
    area = desk.panel.set_view.area
    content = area.widget()
    assert content is not None
    card = desk.card("c01")

    def is_whole() -> bool:
        parts = (card.figures, card.effects)
        is_inside = all(part.geometry().right() <= card.width() for part in parts)
        return is_inside and content.width() <= area.viewport().width()

    for width in (1500, 1200, 1000, 900, 870, 700, 560, 430):
        desk.panel.resize(width, 900)
        desk.qtbot.waitUntil(is_whole, timeout=2000)


def test_every_button_is_reached_by_the_keyboard_and_has_a_name(desk: Desk) -> None:
    desk.broken(demo.ranked_by_model(demo.a_set()))
    desk.panel.set_view.struck.toggle.setChecked(True)
    buttons = [each for each in desk.panel.findChildren(QAbstractButton) if desk.shown(each)]
    assert len(buttons) > 15
    for each in buttons:
        assert each.focusPolicy() & Qt.FocusPolicy.TabFocus
        assert each.accessibleName() or each.text()


def test_both_themes_paint_the_panel_differently(desk: Desk, theme: Theme) -> None:
    desk.broken(demo.a_set())
    dark = desk.panel.grab().toImage()
    theme.switch(ThemeName.LIGHT)
    light = desk.panel.grab().toImage()
    theme.switch(ThemeName.DARK)
    assert dark != light


def test_the_durations_count_on_while_the_panel_is_seen(desk: Desk) -> None:
    desk.broken(demo.a_set())
    desk.clock.advance(timedelta(minutes=3))
    desk.qtbot.waitUntil(lambda: pick(desk, "vega").since.text().endswith("15 m 08 s"))


def test_a_restart_of_the_desk_reads_the_score_again(desk: Desk) -> None:
    desk.broken(demo.a_set())
    desk.tell(demo_data.desk(phase=Phase.RECONCILING))
    desk.tell(demo_data.desk())
    assert len(desk.asked(ReadScoreboard)) == 2


def test_the_scroll_areas_take_no_keyboard_stop_of_their_own(desk: Desk) -> None:
    desk.broken(demo.a_set())
    assert desk.panel.findChildren(QScrollArea)
    assert desk.panel.picks.focusPolicy() is Qt.FocusPolicy.NoFocus
