"""What goes wrong around suggestions on a whole desk: links, limits, positions, a broker that says nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from execution import commands
from execution.brokers.port import WhatIf
from execution.hedging import service as service_module
from execution.hedging.finder import BookFinder, BookLook
from execution.hedging.finding import HedgeTask
from execution.hedging.listing import Listing
from execution.hedging.premortem import next_regime
from execution.hedging.service import SuggestionService
from execution.suggestion_commands import FindSuggestions, LoadSuggestion, VerifySuggestion
from execution.suggestion_views import SearchPhase, SuggestionSet
from execution.views import BreachesState, RiskState
from models.contract import Contract
from models.enums import FeedState, Metric, Regime
from models.errors import BrokerFailure, FailureKind, InvalidInput, KnownError
from models.hedge import HedgeKind, SearchLimits, Verdict
from models.order import Order
from models.suggestion_records import SuggestionSetRecord
from tests.execution.desk_runner import ACCOUNT, Running, running
from tests.execution.hedging.rig import on_loop
from tests.execution.hedging.test_whole_desk import broken_vega, is_ready, sets_of


def service_of(desk: Running) -> SuggestionService:
    return desk.composed.desk._parts.suggestions.service


async def break_vega(desk: Running) -> Regime:
    """Draws the limit in without waiting for what is offered against it."""
    core = desk.composed.desk._core
    await desk.until(lambda: RiskState in desk.publisher.states and core.regime.regime is not None, "the regime")
    await desk.until(lambda: desk.publisher.states[RiskState].greeks.vega < 0, "the vega")
    assert core.regime.regime is not None
    await desk.ask(commands.SetLimit(core.regime.regime, Metric.VEGA, -900.0, 2500.0))
    return core.regime.regime


def quoted_for_hedges(desk: Running) -> int:
    return len(desk.composed.desk._core.subscriptions._wanted.get("hedge", {}))


@on_loop
async def test_a_limit_that_nothing_cures_takes_no_offers_away_from_another(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        core = desk.composed.desk._core
        await desk.until(lambda: core.regime.regime is not None and bool(core.margin_used_pct()), "the margin")
        regime, margin = core.regime.regime, core.margin_used_pct()
        assert regime is not None
        assert margin is not None
        await desk.ask(commands.SetLimit(regime, Metric.MARGIN_USED_PCT, None, margin / 100))
        await desk.until(lambda: bool(desk.publisher.states[BreachesState].open), "the margin's breach")
        await desk.ask(commands.AcknowledgeBreach(desk.publisher.states[BreachesState].open[0].id))
        held = await broken_vega(desk)
        assert set(held.situation.trigger_metrics) == {Metric.VEGA, Metric.MARGIN_USED_PCT}
        assert "No trade cures Margin as well" in held.search_text
        offered = [one for one in held.suggestions if one.rank > 0]
        assert offered
        for one in offered:
            effects = {effect.metric: effect for effect in one.verified.candidate.effects}
            assert not effects[Metric.VEGA].is_broken_after
            left = effects[Metric.MARGIN_USED_PCT]
            assert left.limit.high == margin / 100
            assert (left.after or 0.0) <= (left.before or 0.0) * 1.000_01


@on_loop
async def test_suggestions_follow_limits_that_change_while_they_are_shown(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        before = await broken_vega(desk)
        regime = before.situation.regime
        await desk.ask(commands.SetLimit(regime, Metric.VEGA, -700.0, 2500.0))
        await desk.until(lambda: is_ready(desk) and sets_of(desk)[0].set_id != before.set_id, "another search", 3000)
        for one in (one for one in sets_of(desk)[0].suggestions if one.rank > 0):
            effects = {effect.metric: effect for effect in one.verified.candidate.effects}
            assert effects[Metric.VEGA].limit.low == -700.0
            assert not effects[Metric.VEGA].is_broken_after


@on_loop
async def test_what_was_verified_on_other_positions_is_simulated_again_before_it_is_loaded(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        held = await broken_vega(desk)
        first, core = held.suggestions[0], desk.composed.desk._core
        positions = core.positions(ACCOUNT)
        core.set_positions(ACCOUNT, [replace(positions[0], quantity=positions[0].quantity + 1), *positions[1:]])
        with pytest.raises(InvalidInput, match="Positions have changed"):
            await desk.ask(LoadSuggestion(first.id))
        assert desk.rows("SELECT count(*) FROM suggestion_fates") == [(0,)]
        again = await desk.ask(VerifySuggestion(first.id))
        assert again.verified.verdict is Verdict.OFFERED
        assert (await desk.ask(LoadSuggestion(first.id))).ai_suggestion_id == first.id


@on_loop
async def test_a_link_lost_while_trades_are_verified_ends_in_another_search_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "_AGAIN_AFTER_S", 0.5)
    async with running(tmp_path, sample_book=True) as desk:
        dispatch = desk.composed.desk._dispatch
        link = dispatch.feed_now
        asked = 0
        broker = service_of(desk)._verifier._broker
        simulate = broker.simulate

        async def failing(order: Order) -> WhatIf:
            nonlocal asked
            asked += 1
            if asked == 3:
                monkeypatch.setattr(dispatch, "feed_now", lambda: (FeedState.DOWN, "pulled"))
                desk.composed.desk._core.feed = FeedState.DOWN
                raise BrokerFailure(FailureKind.OFFLINE, "The link is down.", broker="paper")
            return await simulate(order)

        monkeypatch.setattr(broker, "simulate", failing)
        await break_vega(desk)
        await desk.until(lambda: any(held.search is SearchPhase.FAILED for held in sets_of(desk)), "the break-off")
        assert "broken off" in sets_of(desk)[0].search_text
        assert asked == 3
        with pytest.raises(KnownError, match="nothing to search on now"):
            await desk.ask(FindSuggestions(sets_of(desk)[0].key))
        monkeypatch.setattr(dispatch, "feed_now", link)
        await desk.until(lambda: is_ready(desk), "another search", 3000)
        assert any(one.rank > 0 for one in sets_of(desk)[0].suggestions)


@on_loop
async def test_a_broker_that_answers_no_what_if_is_not_asked_for_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        broker = service_of(desk)._verifier._broker
        asked: list[Order] = []

        async def silent(order: Order) -> WhatIf:
            asked.append(order)
            raise TimeoutError

        monkeypatch.setattr(broker, "simulate", silent)
        listing = service_of(desk)._listing
        gather, shown = listing.gather, list[SearchPhase]()

        async def gathering() -> Listing:
            shown.extend(held.search for held in sets_of(desk))
            return await gather()

        monkeypatch.setattr(listing, "gather", gathering)
        regime = await break_vega(desk)
        await desk.until(lambda: any(held.search is SearchPhase.FAILED for held in sets_of(desk)), "the end")
        held = sets_of(desk)[0]
        assert held.search_text == "The broker does not answer when it is asked to simulate."
        assert [one.verified.verdict for one in held.suggestions] == [Verdict.REFUSED, Verdict.REFUSED]
        assert len(asked) == 2
        assert shown == [SearchPhase.SEARCHING]  # before the chains were there
        # Only what is shown stays quoted; and nothing when the breach is over.
        assert 0 < quoted_for_hedges(desk) < 20
        await desk.ask(commands.SetLimit(regime, Metric.VEGA, -9000.0, 2500.0))
        await desk.until(lambda: not sets_of(desk), "the breach's end", 3000)
        await desk.until(lambda: not quoted_for_hedges(desk), "its quotes to go")


@on_loop
async def test_two_sets_keep_each_others_quotes_and_a_step_of_the_regime_ends_what_looked_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        held = await broken_vega(desk)
        up = next_regime(held.situation.regime)
        assert up is not None
        await desk.ask(commands.SetLimit(up, Metric.VEGA, -900.0, 2500.0))
        await desk.ask(FindSuggestions(None))
        await desk.until(lambda: len(sets_of(desk)) == 2 and all(_done(one) for one in sets_of(desk)), "both", 3000)
        wanted = desk.composed.desk._core.subscriptions._wanted["hedge"]
        for one in (one for each in sets_of(desk) for one in each.suggestions):
            assert all(leg.contract.key in wanted for leg in one.verified.candidate.legs)
        regime = desk.composed.desk._core.regime
        monkeypatch.setattr(regime, "observe", lambda *_: False)
        regime.restore(json.dumps([up.value, 0.0, None]))
        await desk.until(lambda: all(one.breach_id is not None for one in sets_of(desk)), "the look ahead to go")
        await desk.until(
            lambda: all(_done(one) and one.situation.regime is up for one in sets_of(desk)), "its end", 3000
        )


@on_loop
async def test_a_models_wish_for_another_search_takes_no_offer_away(tmp_path: Path) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        before = await broken_vega(desk)
        wish = SearchLimits(max_cost_usd=0.0, kinds=frozenset({HedgeKind.CALENDAR}), max_days_to_expiry=0)
        service_of(desk)._rerun(before.key)(wish)
        await desk.until(lambda: sets_of(desk)[0].set_id != before.set_id, "the other search", 3000)
        await desk.until(lambda: sets_of(desk)[0].set_id == before.set_id, "the suggestions to come back", 3000)
        held = sets_of(desk)[0]
        assert "found nothing to offer" in held.search_text
        assert held.suggestions == before.suggestions
        assert desk.publisher.states[BreachesState].open[0].suggestions
        assert (await desk.ask(LoadSuggestion(held.suggestions[0].id))).ai_suggestion_id == before.suggestions[0].id


@on_loop
async def test_a_database_that_refuses_keeps_suggestions_from_being_loaded_until_it_takes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "_AGAIN_AFTER_S", 0.5)
    async with running(tmp_path, sample_book=True) as desk:
        store = desk.composed.desk._parts.suggestions.store
        save = store.save_suggestions
        refused = 0

        async def refusing(made: SuggestionSetRecord) -> None:
            nonlocal refused
            refused += 1
            raise KnownError("The disk is full.")

        monkeypatch.setattr(store, "save_suggestions", refusing)
        await break_vega(desk)
        await desk.until(lambda: any(held.search is SearchPhase.FAILED for held in sets_of(desk)), "the refusal", 3000)
        held = sets_of(desk)[0]
        assert held.search_text == "The disk is full."
        with pytest.raises(KnownError, match="not kept"):
            await desk.ask(LoadSuggestion(held.suggestions[0].id))
        monkeypatch.setattr(store, "save_suggestions", save)
        await desk.until(lambda: is_ready(desk), "another search", 3000)
        assert (refused, len(desk.rows("SELECT 1 FROM suggestion_sets"))) == (1, 1)
        assert (await desk.ask(LoadSuggestion(sets_of(desk)[0].suggestions[0].id))).legs


def _done(held: SuggestionSet) -> bool:
    return held.search is SearchPhase.READY


@on_loop
async def test_a_second_search_goes_by_no_quote_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        before = await broken_vega(desk)
        core, finder = desk.composed.desk._core, service_of(desk)._finder
        assert isinstance(finder, BookFinder)
        await asyncio.sleep(0.6)  # what was on its way is in
        # An hour later, in another market: what was quoted for the first search only is still known.
        for key, quote in list(core.market._quotes.items()):
            if quote.bid is not None and quote.ask is not None and key not in core.held():
                old = replace(quote, at_utc=quote.at_utc - timedelta(hours=1), bid=quote.bid * 3, ask=quote.ask * 3)
                core.market._quotes[key] = old
        look, ages = finder.look, list[float]()

        def looking(contracts: Sequence[Contract], task: HedgeTask) -> BookLook:
            taken = look(contracts, task)
            market = taken.given.market
            usable = zip(market.columns.contracts, np.isfinite(market.bid).tolist(), strict=True)
            ages.extend(core.quote_age_s(one.key) or 0.0 for one, is_quoted in usable if is_quoted)
            return taken

        monkeypatch.setattr(finder, "look", looking)
        await desk.ask(FindSuggestions(before.key))
        await desk.until(lambda: is_ready(desk) and sets_of(desk)[0].set_id != before.set_id, "another search", 3000)
        assert len(ages) > 100
        assert max(ages) <= core.caps.quote_max_age_s
        assert any(one.rank > 0 for one in sets_of(desk)[0].suggestions)


@on_loop
async def test_nothing_is_offered_where_margin_means_nothing_or_no_account_may_trade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, sample_book=True) as desk:
        held = await broken_vega(desk)
        core, first = desk.composed.desk._core, held.suggestions[0]
        values, info = core.values[ACCOUNT], core.accounts[ACCOUNT]
        assert values.net_liquidation is not None
        under_water = replace(values, net_liquidation=-values.net_liquidation)
        with monkeypatch.context() as patched:
            patched.setattr(core, "total_values", lambda *_: under_water)
            again = await desk.ask(VerifySuggestion(first.id))
        assert again.verified.verdict is Verdict.MARGIN_UNKNOWN
        core.accounts[ACCOUNT] = replace(info, may_trade=False)
        again = await desk.ask(VerifySuggestion(first.id))
        assert (again.verified.verdict, again.is_open) == (Verdict.REFUSED, False)
        assert again.verified.reason == "No account is connected that may trade."
        core.accounts[ACCOUNT] = info
        assert (await desk.ask(VerifySuggestion(first.id))).is_open
