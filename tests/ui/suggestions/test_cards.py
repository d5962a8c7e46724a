"""A suggestion as a card: what it says, what its buttons ask, what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from execution.suggestion_commands import DismissSuggestion, LoadSuggestion, ReadScoreboard, VerifySuggestion
from execution.suggestion_views import Suggestion, SuggestionSet
from models.errors import InvalidInput, KnownError
from models.hedge import Verdict
from tests.ui import suggestions_demo_data as demo
from tests.ui.suggestions.conftest import Desk
from ui.suggestions.dismissal import PRESETS
from ui.theme import Ink

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", "raise")


def changed(held: SuggestionSet, name: str, **changes: object) -> SuggestionSet:
    """Returns the set with one suggestion changed, as the engine makes it: everything else stays the same object."""

    def one(each: Suggestion) -> Suggestion:
        return replace(each, **changes) if each.verified.candidate.id == name else each  # type: ignore[arg-type] # any

    return replace(held, suggestions=tuple(one(each) for each in held.suggestions))


def test_a_card_says_what_to_trade_at_which_price_and_why(desk: Desk) -> None:
    desk.broken(demo.a_set())
    card = desk.card("c01")
    assert (card.rank.text(), card.kind.text(), card.price.text()) == ("1", "Add a vertical", "DB 21.40")
    assert [label.text() for label in card.leg_labels] == [
        "BUY 4  SPXW 17 Jul 26 6900 P",
        "SELL 4  SPXW 17 Jul 26 6500 P",
    ]
    assert card.rationale.text().startswith("Takes vega from −5,640")
    assert card.author.text() == "c01, by the desk"
    assert not desk.shown(card.watch)
    assert desk.card("c03").price.text() == "CR 0.35"


def test_every_limit_is_shown_before_and_after(desk: Desk) -> None:
    desk.broken(demo.a_set())
    assert desk.card("c01").effects.texts() == [
        ("SPX delta", "+131.2", "+62.4", "62%"),
        ("Gamma", "−2.60", "−2.10", "70%"),
        ("Theta", "+1,180", "+962.00", "48%"),
        ("Vega", "−5,640", "−3,120", "78%"),
        ("Margin", "46.2%", "43.8%", "88%"),
    ]
    assert desk.card("c03").effects.texts()[4] == ("Margin", "46.2%", "—", "unknown")
    assert desk.card("c00").effects.texts()[3] == ("Vega", "−5,640", "−5,640", "141% ▲")
    assert "Vega −5,640 to −3,120, 78% used" in desk.card("c01").effects.accessibleDescription()
    assert "Vega −5,640 to −5,640, 141% used, beyond its limit" in desk.card("c00").effects.accessibleDescription()


def test_money_margin_theta_and_stress_stand_beside_it(desk: Desk) -> None:
    desk.broken(demo.a_set())
    assert desk.card("c01").figures.texts() == {
        "Cost at mid": "8,560 paid",
        "Slippage to natural": "60",
        "Commission and fees": "10.56",
        "Theta of the book": "−218 a day",
        "Initial margin": "−3,120",
        "Maintenance margin": "−2,480",
        "Worst stress, SPX −12%": "−48,200 → −31,400",
        "Buying power after": "304,340",
    }
    assert desk.card("c03").figures.cost.text() == "140 received"


@pytest.mark.parametrize(("after", "ink"), [(-31_400.0, Ink.GAIN), (-48_300.0, Ink.TEXT), (-60_000.0, Ink.LOSS)])
def test_a_worst_loss_that_hardly_moves_is_neither_good_nor_bad(desk: Desk, after: float, ink: Ink) -> None:
    moved = demo.verified(replace(demo.VERTICAL, worst_stress_after_usd=after))
    desk.broken(demo.a_set(suggestions=(demo.suggestion(moved, 1, 1),)))
    assert desk.card("c01").figures.stress.ink is ink


def test_what_the_broker_did_not_say_is_called_unknown(desk: Desk) -> None:
    untold = replace(
        demo.verified(demo.VERTICAL),
        fees=None,
        initial_margin_change=None,
        maintenance_margin_change=None,
        buying_power_after=None,
    )
    desk.broken(demo.a_set(suggestions=(demo.suggestion(untold, 1, 1),)))
    figures = desk.card("c01").figures
    for label in (figures.fees, figures.initial, figures.maintenance, figures.power):
        assert (label.text(), label.ink) == ("unknown", Ink.WARNING)


def test_the_broker_s_warning_is_on_the_card(desk: Desk) -> None:
    desk.broken(demo.a_set())
    assert desk.card("c03").warning.text() == "The broker warns: This leg trades thinly."
    assert not desk.shown(desk.card("c01").warning)


def test_doing_nothing_is_a_card_to_compare_with_and_has_no_buttons(desk: Desk) -> None:
    desk.broken(demo.a_set())
    card = desk.card("c00")
    assert card.kind.text() == "Do nothing"
    assert card.summary.text() == "Costs nothing and gives up no theta. Worst stress, SPX −12%: −48,200."
    assert not any(desk.shown(button) for button in card.buttons)
    assert not desk.shown(card.figures)
    last = max(desk.panel.set_view.cards.values(), key=lambda each: each.y())
    desk.qtbot.waitUntil(lambda: max(desk.panel.set_view.cards.values(), key=lambda each: each.y()) is card)
    assert last is card


def test_the_model_s_words_are_told_from_the_desk_s(desk: Desk) -> None:
    desk.broken(demo.ranked_by_model(demo.a_set()))
    card = desk.card("c01")
    assert card.author.text() == "c01, by gpt-5-mini; place 2 in the desk's own ranking"
    assert card.rationale.text() == demo.RATIONALE
    assert card.watch.text() == "Watch: a close of SPX below 7,050;  VIX above 21"
    assert card.summary.text() == "By the desk: Brings vega and delta back inside for the least theta of all."
    assert desk.card("c02").author.text() == "c02, by the desk"


def test_the_verification_ages_and_asks_for_another_after_half_a_minute(desk: Desk) -> None:
    desk.broken(demo.a_set())
    card = desk.card("c01")
    assert (card.age.text(), card.age.property("role")) == ("Verified 8 s ago", "caption")
    desk.clock.advance(timedelta(seconds=22))
    desk.qtbot.waitUntil(lambda: card.age.text() == "Verified 30 s ago")
    desk.clock.advance(timedelta(seconds=1))
    desk.qtbot.waitUntil(lambda: card.age.text() == "Verified 31 s ago: simulate again")
    assert card.age.property("role") == "warning"


def test_load_in_ticket_hands_the_engine_s_draft_on(desk: Desk) -> None:
    desk.broken(demo.a_set())
    card = desk.card("c01")
    desk.click(card.load_button)
    desk.click(card.load_button)
    assert desk.asked(LoadSuggestion) == [LoadSuggestion("s-c01")]
    assert card.status.text() == "Opening it in the ticket…"
    desk.client.answer(LoadSuggestion, demo.DRAFT)
    assert desk.drafts == [demo.DRAFT]
    assert card.load_button.isEnabled()
    desk.tell(demo.state(changed(demo.a_set(), "c01", accepted_at_utc=demo.NOW)))
    assert card.accepted.text().startswith("✓ loaded ")
    assert desk.shown(card.accepted)
    assert card.load_button.text() == "Load again"


def test_what_cannot_be_loaded_any_more_says_so_on_the_card(desk: Desk) -> None:
    desk.broken(demo.a_set())
    card = desk.card("c01")
    desk.click(card.load_button)
    desk.client.answer(LoadSuggestion, InvalidInput("suggestion", "It is not offered any more."))
    assert card.status.text() == "▲  It is not offered any more."
    assert card.status.property("role") == "error"
    assert desk.drafts == []
    assert card.load_button.isEnabled()
    assert desk.messages.toasts == ()


def test_simulate_again_brings_the_figures_of_now(desk: Desk) -> None:
    desk.broken(demo.a_set())
    card = desk.card("c01")
    desk.click(card.again_button)
    assert desk.asked(VerifySuggestion) == [VerifySuggestion("s-c01")]
    assert not any(button.isEnabled() for button in card.buttons)
    desk.clock.advance(timedelta(seconds=50))
    fresh = replace(demo.verified(replace(demo.VERTICAL, cost_usd=9000.0)), verified_at_utc=desk.clock.now_utc())
    desk.client.answer(VerifySuggestion, replace(demo.OFFERED[0], verified=fresh))
    desk.tell(demo.state(changed(demo.a_set(), "c01", verified=fresh)))
    assert desk.card("c01") is card
    assert card.figures.cost.text() == "9,000 paid"
    assert card.age.text() == "Verified 0 s ago"
    assert all(button.isEnabled() for button in card.buttons)


def test_one_that_no_longer_cures_goes_to_what_is_not_offered(desk: Desk) -> None:
    desk.broken(demo.a_set())
    bad = demo.verified(demo.VERTICAL, Verdict.DOES_NOT_CURE, "Vega would still be beyond its limit.")
    desk.click(desk.card("c01").again_button)
    desk.tell(demo.state(changed(demo.a_set(), "c01", verified=bad, rank=0)))
    desk.client.answer(VerifySuggestion, KnownError("It cannot be simulated now."))
    assert "s-c01" not in desk.panel.set_view.cards
    assert desk.panel.set_view.struck.toggle.text() == "▸  Not offered (4)"
    assert desk.messages.toasts == ("It cannot be simulated now.",), "the card is gone: said over the window"


@pytest.mark.parametrize("reason", PRESETS)
def test_dismiss_asks_for_a_reason_in_the_card(desk: Desk, reason: str) -> None:
    desk.broken(demo.a_set())
    card = desk.card("c02")
    desk.click(card.dismiss_button)
    assert desk.asked(DismissSuggestion) == []
    desk.click(card.dismissal.presets[reason])
    assert desk.asked(DismissSuggestion) == [DismissSuggestion("s-c02", reason)]
    scores = len(desk.asked(ReadScoreboard))
    desk.client.answer(DismissSuggestion, None)
    assert len(desk.asked(ReadScoreboard)) == scores + 1
    desk.tell(demo.state(changed(demo.a_set(), "c02", dismissed=reason)))
    assert "s-c02" not in desk.panel.set_view.cards
    desk.click(desk.panel.set_view.dismissed.toggle)
    row = desk.panel.set_view.dismissed.rows["s-c02"]
    assert row.reason.text() == f"dismissed: {reason}"
    assert not desk.shown(row.again_button)


def test_dismiss_takes_the_user_s_own_words(desk: Desk) -> None:
    desk.broken(demo.a_set())
    card = desk.card("c01")
    desk.click(card.dismiss_button)
    assert not card.dismissal.dismiss.isEnabled()
    QTest.keyClicks(card.dismissal.text, "  FOMC today ")
    desk.click(card.dismissal.dismiss)
    assert desk.asked(DismissSuggestion) == [DismissSuggestion("s-c01", "FOMC today")]
    desk.client.answer(DismissSuggestion, KnownError("The desk is read only."))
    assert card.status.text() == "▲  The desk is read only."


def test_escape_keeps_the_suggestion(desk: Desk) -> None:
    desk.broken(demo.a_set())
    card = desk.card("c01")
    desk.click(card.dismiss_button)
    assert desk.shown(card.dismissal)
    assert not desk.shown(card.load_button)
    QTest.keyClick(card.dismissal.text, Qt.Key.Key_Escape)
    assert not desk.shown(card.dismissal)
    assert desk.shown(card.load_button)
    assert desk.asked(DismissSuggestion) == []


def test_what_is_not_offered_is_folded_struck_out_and_says_why(desk: Desk) -> None:
    desk.broken(demo.a_set())
    fold = desk.panel.set_view.struck
    assert fold.toggle.text() == "▸  Not offered (3)"
    assert fold.rows == {}
    desk.click(fold.toggle)
    assert [row.reason.text() for row in fold.rows.values()] == [
        "refused: The broker refuses: buying power.",
        "breaks a limit: Theta would be beyond its limit: −210.0 against 0.0.",
        "no quote: SPXW 17 Jul 26 5000 P has no two-sided quote now.",
    ]
    row = fold.rows["s-c05"]
    assert row.legs.font().strikeOut()
    assert row.legs.text() == "Roll:  BUY 6  SPXW 12 Jun 26 6800 P,  SELL 6  SPXW 17 Jul 26 6600 P  CR 4.20"
    desk.click(row.again_button)
    assert desk.asked(VerifySuggestion) == [VerifySuggestion("s-c05")]
    desk.client.answer(VerifySuggestion, KnownError("Not now."))
    assert row.reason.text() == "Not now."
    assert row.again_button.isEnabled()


def test_one_that_is_good_again_becomes_a_card(desk: Desk) -> None:
    desk.broken(demo.a_set())
    desk.click(desk.panel.set_view.struck.toggle)
    good = demo.verified(demo.REFUSED)
    desk.tell(demo.state(changed(demo.a_set(), "c05", verified=good, rank=4)))
    assert desk.shown(desk.card("c05").load_button)
    assert "s-c05" not in desk.panel.set_view.struck.rows


def test_a_new_order_moves_the_cards_and_keeps_their_widgets(desk: Desk) -> None:
    desk.broken(demo.a_set())
    before = dict(desk.panel.set_view.cards)
    first, second, *rest = demo.a_set().suggestions
    moved = (replace(second, rank=1), replace(first, rank=2), *rest)
    desk.tell(demo.state(demo.a_set(suggestions=moved)))
    assert desk.panel.set_view.cards == before
    desk.qtbot.waitUntil(lambda: desk.card("c02").y() < desk.card("c01").y())
    assert (desk.card("c02").rank.text(), desk.card("c01").rank.text()) == ("1", "2")


def test_a_burst_of_states_touches_only_what_changed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.broken(demo.a_set())
    touched: list[str] = []
    for name in ("c01", "c02", "c03", "c00"):
        card = desk.card(name)
        monkeypatch.setattr(card.figures, "show_figures", lambda _verified, name=name: touched.append(name))
    held = demo.a_set()
    for count in range(20):
        held = changed(replace(held, scored_count=count), "c02", rationale=f"the {count}th")
        desk.tell(demo.state(held))
    assert set(touched) == {"c02"}
    assert desk.card("c02").rationale.text() == "the 19th"


def test_an_opened_reason_line_survives_the_states_that_come_meanwhile(desk: Desk) -> None:
    desk.broken(demo.a_set())
    card = desk.card("c01")
    desk.click(card.dismiss_button)
    QTest.keyClicks(card.dismissal.text, "too")
    desk.tell(demo.state(demo.a_set(scored_count=5)))
    assert desk.shown(card.dismissal)
    assert card.dismissal.text.text() == "too"
