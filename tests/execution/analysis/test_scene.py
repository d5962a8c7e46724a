"""The words under a page say what its figures were given, not what the user chose elsewhere."""

from __future__ import annotations

import pytest

from analytics.scenarios import STICKY_STRIKE, VolDynamics, book_smiles, spot_vol_beta
from execution.analysis.margin_page import margin_page
from execution.analysis.scene import Scene, take_scene
from execution.analysis.stress_page import stress_page
from execution.analysis_views import VolResponse
from execution.commands import SetScenario
from execution.risk.scenario_view import scenario_state
from models.enums import Regime
from tests.execution.builders import ACCOUNT, condor_positions, condor_quotes, core_at, feed


def scene_of(response: VolResponse) -> Scene:
    core = core_at()
    core.set_positions(ACCOUNT, condor_positions())
    feed(core, condor_quotes())
    core.book.refresh()
    return take_scene(core, response)


@pytest.mark.parametrize("response", list(VolResponse))
def test_the_dashboard_stands_on_sticky_strike_whatever_the_analysis_panel_shows(response: VolResponse) -> None:
    text = scenario_state(scene_of(response), SetScenario()).method
    assert "sticky strike" in text
    assert "sticky delta" not in text
    assert "spot-vol" not in text


@pytest.mark.parametrize(
    ("response", "said", "not_said"),
    [
        (VolResponse.STICKY_STRIKE, "sticky strike", "spot-vol"),
        (VolResponse.STICKY_DELTA, "sticky strike", "sticky delta"),
        (VolResponse.SPOT_VOL, "spot-vol beta, every strike alike", "smile"),
    ],
)
def test_the_margin_page_promises_no_smile_because_it_slides_none(
    response: VolResponse, said: str, not_said: str
) -> None:
    text = margin_page(scene_of(response)).note.method
    assert said in text
    assert not_said not in text


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (VolResponse.STICKY_STRIKE, "sticky strike"),
        (VolResponse.STICKY_DELTA, "sticky delta"),
        (VolResponse.SPOT_VOL, "spot-vol beta, smile sliding"),
    ],
)
def test_a_page_that_follows_the_choice_says_so(response: VolResponse, said: str) -> None:
    assert said in stress_page(scene_of(response)).note.method


def test_every_combination_of_smile_and_response_has_its_own_words() -> None:
    scene = scene_of(VolResponse.STICKY_STRIKE)
    smile, beta = book_smiles(scene.book, now_epoch_s=scene.now_s), spot_vol_beta(Regime.MEDIUM_VOL)
    texts = [
        scene.method(dynamics)
        for dynamics in (
            STICKY_STRIKE,
            VolDynamics(smile=smile),
            VolDynamics(response=beta),
            VolDynamics(smile=smile, response=beta),
        )
    ]
    assert len(set(texts)) == 4
    assert ["1.54/1.15 pts per 1 %" in text for text in texts] == [False, False, True, True]
