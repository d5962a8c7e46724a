"""A limit breaks on a whole desk: the paper broker, a real database, the real search; no model is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from execution import commands
from execution.hedging.premortem import next_regime
from execution.suggestion_commands import (
    DismissSuggestion,
    FindSuggestions,
    LoadSuggestion,
    ReadPayload,
    ReadScoreboard,
    SuggestionsShown,
    VerifySuggestion,
)
from execution.suggestion_views import AnalystPhase, SearchPhase, SuggestionSet, SuggestionsState
from execution.views import BreachesState, RiskState
from models.enums import BreachState, Metric, OrderStatus
from models.errors import InvalidInput
from models.hedge import HedgeKind, Verdict
from tests.execution.desk_runner import Running, quoted, running
from tests.execution.hedging.rig import on_loop


def sets_of(desk: Running) -> tuple[SuggestionSet, ...]:
    state = desk.publisher.states.get(SuggestionsState)
    return () if state is None else state.sets


def is_ready(desk: Running) -> bool:
    return any(held.search is SearchPhase.READY and held.suggestions for held in sets_of(desk))


async def broken_vega(desk: Running, share: float = 0.7) -> SuggestionSet:
    """Draws the limit in until the book is beyond it, and waits for what is offered against it."""
    await desk.until(lambda: RiskState in desk.publisher.states and _vega(desk) < 0, "the book's vega")
    regime = desk.composed.desk._core.regime.regime
    assert regime is not None
    await desk.ask(commands.SetLimit(regime, Metric.VEGA, share * _vega(desk), 2500.0))
    await desk.until(lambda: is_ready(desk), "suggestions", tries=3000)
    return sets_of(desk)[0]


def _vega(desk: Running) -> float:
    vega: float = desk.publisher.states[RiskState].greeks.vega
    return vega


@on_loop
async def test_every_suggestion_that_is_offered_keeps_what_its_card_claims(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        held = await broken_vega(desk)
        offered = [one for one in held.suggestions if one.rank > 0]
        assert offered
        assert held.analyst.phase is AnalystPhase.OFF
        core = desk.composed.desk._core
        for one in offered:
            legs = one.verified.candidate.legs
            assert all(leg.quantity > 0 for leg in legs)
            assert 1 <= len(legs) <= 4
            now = core.book.portfolio_greeks(core.spx_price())
            after = core.book.portfolio_greeks(core.spx_price(), extra_legs=legs)
            claimed = {effect.metric: effect for effect in one.verified.candidate.effects}
            change = (claimed[Metric.VEGA].after or 0.0) - (claimed[Metric.VEGA].before or 0.0)
            # The market has moved on for some seconds since the card was verified.
            assert after.vega - now.vega == pytest.approx(change, rel=0.05, abs=5.0)
            assert not any(effect.is_broken_after for effect in claimed.values())
        nothing = [one for one in held.suggestions if one.verified.candidate.kind is HedgeKind.DO_NOTHING]
        assert [one.rank for one in nothing] == [0]
        for struck in (one for one in held.suggestions if one.rank == 0):
            assert struck.verified.verdict is not Verdict.OFFERED
            assert struck.verified.reason
            with pytest.raises(InvalidInput, match="not offered"):
                await desk.ask(LoadSuggestion(struck.id))


@on_loop
async def test_a_breach_lives_from_detected_to_archived_and_its_suggestion_reaches_the_journal(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        held = await broken_vega(desk)
        assert desk.publisher.states[BreachesState].open[0].state is BreachState.POPULATED
        assert desk.publisher.states[BreachesState].open[0].suggestions
        await desk.ask(SuggestionsShown(held.key))
        assert desk.publisher.states[BreachesState].open[0].state is BreachState.SHOWN
        first = held.suggestions[0]
        again = await desk.ask(VerifySuggestion(first.id))
        assert again.verified.verified_at_utc >= first.verified.verified_at_utc
        draft = await desk.ask(LoadSuggestion(first.id))
        assert (draft.ai_suggestion_id, draft.ai_rationale) == (first.id, first.rationale)
        assert desk.rows("SELECT count(*) FROM orders") == [(0,)]
        await quoted(desk, draft)
        preview = await desk.ask(commands.PreviewTicket(draft))
        draft = commands.TicketDraft(
            draft.order_id,
            draft.account_id,
            draft.legs,
            draft.order_type,
            preview.net_natural,
            draft.tif,
            ai_suggestion_id=draft.ai_suggestion_id,
            ai_rationale=draft.ai_rationale,
        )
        outcome = await desk.ask(commands.SimulateOrder(draft))
        assert outcome.order is not None, outcome
        assert (await desk.ask(commands.SendOrder(draft))).accepted
        await desk.status(draft.order_id, OrderStatus.FILLED)
        await desk.until(lambda: bool(desk.rows("SELECT 1 FROM trade_journal")), "the journal row")
        assert desk.rows("SELECT ai_suggestion_id, ai_rationale FROM trade_journal") == [(first.id, first.rationale)]
        assert desk.rows("SELECT count(*) FROM signals WHERE id IN (SELECT ai_suggestion_id FROM trade_journal)") == [
            (1,)
        ]
        await desk.until(lambda: not desk.publisher.states[BreachesState].open, "the breach's end", tries=3000)
        await desk.until(lambda: not sets_of(desk), "its suggestions to go")
        assert desk.rows("SELECT state FROM risk_breaches") == [("ARCHIVED",)]
        assert (await desk.ask(ReadScoreboard())).accepted_count == 1


@on_loop
async def test_a_dismissed_suggestion_is_kept_with_its_reason_and_offered_no_more(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        held = await broken_vega(desk)
        first = held.suggestions[0]
        with pytest.raises(InvalidInput, match="why"):
            await desk.ask(DismissSuggestion(first.id, "  "))
        await desk.ask(DismissSuggestion(first.id, "too far out"))
        shown = next(one for one in sets_of(desk)[0].suggestions if one.id == first.id)
        assert (shown.dismissed, shown.is_open) == ("too far out", False)
        with pytest.raises(InvalidInput, match="not offered"):
            await desk.ask(LoadSuggestion(first.id))
        assert desk.rows("SELECT fate, text FROM suggestion_fates") == [("DISMISSED", "too far out")]
        assert "PAPER-1" not in (await desk.ask(ReadPayload(held.key))).text


@on_loop
async def test_a_breach_survives_a_restart_and_gets_fresh_suggestions(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        before = await broken_vega(desk)
    async with running(tmp_path, sample_book=True) as desk:
        await desk.until(lambda: is_ready(desk), "suggestions after the restart", tries=3000)
        after = sets_of(desk)[0]
        assert after.breach_id == before.breach_id
        assert {one.id for one in after.suggestions}.isdisjoint(one.id for one in before.suggestions)
        assert desk.rows("SELECT count(DISTINCT set_id) FROM signals") == [(2,)]


@on_loop
async def test_trades_against_a_step_up_of_the_regime_are_found_before_it_comes(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        await desk.until(lambda: RiskState in desk.publisher.states and _vega(desk) < 0, "the book's vega")
        up = next_regime(desk.composed.desk._core.regime.regime)
        assert up is not None
        await desk.ask(commands.SetLimit(up, Metric.VEGA, 0.7 * _vega(desk), 2500.0))
        await desk.until(
            lambda: bool((state := desk.publisher.states[SuggestionsState]).premortem and state.premortem.breaks),
            "the pre-mortem",
            tries=1000,
        )
        assert not desk.publisher.states[BreachesState].open
        await desk.ask(FindSuggestions(None))
        await desk.until(lambda: is_ready(desk), "suggestions", tries=3000)
        held = sets_of(desk)[0]
        assert (held.breach_id, held.situation.is_premortem, held.situation.regime) == (None, True, up)
        assert any(one.rank > 0 for one in held.suggestions)
