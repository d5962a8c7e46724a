"""Suggestions in a trader's words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from models.hedge import HedgeKind, Verdict
from tests.ui import suggestions_demo_data as demo
from ui.suggestions import words


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("Vega -5,640.0 would be beyond -2,500.0", "Vega −5,640.0 would be beyond −2,500.0"),
        ("from -12 % to (-3)", "from −12 % to (−3)"),
        ("2026-05-04, 1-4 legs, --5, /ES-9", "2026-05-04, 1-4 legs, --5, /ES-9"),
    ],
)
def test_the_desk_s_figures_have_the_window_s_minus_sign(told: str, shown: str) -> None:
    assert words.minus(told) == shown


def test_the_model_s_words_are_left_to_the_letter() -> None:
    said = replace(demo.OFFERED[0], rationale="gives up -218 a day")
    assert words.rationale(said) == "gives up −218 a day"
    assert words.rationale(replace(said, is_from_model=True)) == "gives up -218 a day"


def test_a_candidate_without_words_says_what_is_known_of_it() -> None:
    silent = replace(demo.OFFERED[0], rationale="")
    assert words.rationale(silent) == demo.VERTICAL.summary
    nothing = demo.suggestion(demo.verified(demo.NOTHING, Verdict.DOES_NOT_CURE, "The limit stays broken."), 0, 1)
    assert words.rationale(replace(nothing, rationale="")) == "The limit stays broken."


@pytest.mark.parametrize("kind", list(HedgeKind))
def test_every_kind_has_words(kind: HedgeKind) -> None:
    assert words.kind(kind)[0].isupper()


def test_two_trades_in_one_order_are_both_named() -> None:
    for kind in HedgeKind:
        if kind is not HedgeKind.DO_NOTHING:
            both = replace(demo.VERTICAL, kind=kind, second_kind=HedgeKind.INDEX_HEDGE, second_at=1)
            assert words.deed(both).endswith(" and index hedge")
    assert words.deed(replace(demo.VERTICAL, second_kind=HedgeKind.WING, second_at=1)) == "Vertical and wing"
    assert words.deed(demo.VERTICAL) == "Add a vertical"


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_words(verdict: Verdict) -> None:
    assert words.verdict(verdict).islower()


def test_a_cost_is_said_with_its_direction() -> None:
    assert [words.cost(usd) for usd in (1240.4, -310.0, 0.3)] == ["1,240 paid", "310 received", "nothing"]


def test_what_the_broker_did_not_say_is_unknown_and_never_zero() -> None:
    assert (words.fees(None), words.margin_change(None)) == ("unknown", "unknown")
    assert (words.fees(Decimal(0)), words.margin_change(Decimal(0))) == ("0.00", "0")
    untold = replace(demo.VERTICAL, worst_stress_after_usd=None, worst_stress_shift=None)
    assert (words.stress(untold), words.stress_caption(untold)) == ("−48,200 → —", "Worst stress")


@pytest.mark.parametrize(("seconds", "is_old"), [(0, False), (30, False), (31, True), (4000, True)])
def test_a_verification_is_old_after_half_a_minute(seconds: int, is_old: bool) -> None:
    text, told = words.verified_age(demo.verified(demo.VERTICAL), demo.NOW + timedelta(seconds=seconds))
    assert told is is_old
    assert text.endswith("simulate again") is is_old


def test_who_cannot_see_hears_what_a_card_is_about() -> None:
    assert words.spoken(demo.OFFERED[2]) == "Suggestion 3: Buy a wing, BUY 10  SPXW 17 Jul 26 6200 P, CR 0.35"
    assert words.spoken(demo.STRUCK[0]) == "Do nothing, for comparison"
