"""The risk analysis on the tour: every page with figures in it, and what they say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from execution.analysis_views import (
    AnalysisPage,
    AnalysisState,
    BreachMapState,
    ExpiryLadderState,
    ExplainState,
    MarginHorizonState,
    StressState,
)
from ui.tour.facts import plain
from ui.tour.stage import Stage

if TYPE_CHECKING:
    from ui.panels.risk_analysis import RiskAnalysisPanel

ANALYSIS = "risk_analysis"
_WITHIN_S, _SETTLE_S = 20.0, 0.7
_STATES: dict[AnalysisPage, type[AnalysisState]] = {
    AnalysisPage.BREACH_MAP: BreachMapState,
    AnalysisPage.STRESS: StressState,
    AnalysisPage.EXPIRIES: ExpiryLadderState,
    AnalysisPage.MARGIN: MarginHorizonState,
    AnalysisPage.EXPLAIN: ExplainState,
}


def pages_with_figures(stage: Stage) -> Iterator[AnalysisPage]:
    """Brings page after page to the front, each once it has figures; at last the first one again.

    A page's picture is taken the first time that it is seen in a theme. Raises TourFailed when a page has no figures
    for too long.
    """
    panel = cast("RiskAnalysisPanel", stage.window.reveal(ANALYSIS))
    for page in AnalysisPage:
        panel.show_page(page)
        stage.wait(lambda: panel.problem_text is None, within_s=_WITHIN_S, what=f"figures of the {page.value} page")
        _take_picture(stage, panel, page)
        yield page
    panel.show_page(AnalysisPage.BREACH_MAP)


def _take_picture(stage: Stage, panel: RiskAnalysisPanel, page: AnalysisPage) -> None:
    name = f"{ANALYSIS}_{page.value.lower()}_{stage.theme.name.value}"
    if name not in {path.stem for path in stage.pictures}:
        stage.rest(_SETTLE_S)
        stage.picture(panel, name)


def show_pages(stage: Stage) -> None:
    """Shows every page once, for its picture."""
    for _ in pages_with_figures(stage):
        pass


def analysis_facts(stage: Stage) -> dict[str, Any]:
    """Returns under which method each page stands and what it leaves out, what breaks first, where the margin call is.

    Shifts are moves of SPX in per cent, None = not within the map or ladder.
    """
    facts: dict[str, Any] = {}
    for page in pages_with_figures(stage):
        note = stage.newest(_STATES[page]).note
        facts[page.value.lower()] = {
            "method": note.method,
            "positions": note.positions,
            "left_out": note.left_out,
            "took_ms": note.took_ms,
        }
    breach, margin = stage.newest(BreachMapState), stage.newest(MarginHorizonState)
    facts["breaks_first"] = plain((breach.first_down, breach.first_up))
    facts["margin_call_pct"] = (margin.call_down_pct, margin.call_up_pct)
    return facts
