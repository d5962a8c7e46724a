from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from models.errors import BrokerFailure, FailureKind, InvalidInput
from tests.execution.brokers.tastytrade import samples
from tests.execution.brokers.tastytrade.canned_server import HTML_502, Canned, CannedServer, data, error
from tests.execution.brokers.tastytrade.login_rig import (
    IMPATIENT,
    LIMITS,
    lost,
    run,
    session_on,
)

A = samples.ACCOUNT
ORDERS = f"/accounts/{A}/orders"


def test_a_dry_run_tells_what_is_needed_and_a_refusal_with_figures_tells_both() -> None:
    async def work(server: CannedServer) -> None:
        refusal = {"data": samples.effects(), "error": {"code": "preflight_check_failure", "message": "x"}}
        refusal["error"]["errors"] = [{"code": "margin_check_failed", "message": "Too little."}]
        server.answers[f"POST {ORDERS}/dry-run"] = [
            data(samples.dry_run(), 201),
            Canned(refusal, 422),
            error(422, "instrument_validation_failed", "No such leg"),
            data([], 201),
        ]
        async with session_on(server) as stage:
            sound = await stage.session.dry_run(A, samples.draft())
            both = await stage.session.dry_run(A, samples.draft())
            bare = await stage.session.dry_run(A, samples.draft())
            with pytest.raises(BrokerFailure) as caught:
                await stage.session.dry_run(A, samples.draft())
        assert (sound.margin_change, sound.errors, len(sound.warnings)) == (Decimal(10000), (), 1)
        assert (both.margin_change, both.errors) == (Decimal(10000), (("margin_check_failed", "Too little."),))
        assert (bare.margin_change, bare.errors) == (None, (("instrument_validation_failed", "No such leg"),))
        assert lost(caught.value) == (FailureKind.PROTOCOL, False)

    run(work)


def test_an_order_is_sent_with_its_signs_and_our_id_and_told_as_accepted() -> None:
    async def work(server: CannedServer) -> None:
        server.answers[f"POST {ORDERS}"] = [data(samples.effects() | {"order": samples.spread_order()}, 201)]
        async with session_on(server) as stage:
            found = await stage.session.place(A, samples.draft(is_strict=True, word="Close"))
        (sent,) = server.seen
        assert (found.order_id, found.status, found.net_price) == ("270561", "Routed", Decimal("-4.2"))
        assert (sent.body["price"], sent.body["price-effect"]) == ("4.20", "Credit")
        assert (sent.body["external-identifier"], sent.body["source"]) == ("ours-1", "Optiondesk/1.0")
        assert sent.body["advanced-instructions"] == {"strict-position-effect-validation": True}
        assert "behavior" not in sent.body

    run(work)


ACCEPTED = {"order": samples.spread_order()}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Canned(fault="hang up"), FailureKind.OFFLINE),
        (Canned({"data": ACCEPTED}, 201, fault="cut"), FailureKind.OFFLINE),
        (Canned(HTML_502, 502), FailureKind.OFFLINE),
        (error(500, "oops"), FailureKind.OFFLINE),
        (Canned(fault="silence"), FailureKind.TIMEOUT),
        (Canned(b'{"data": {"order": {"id": 27', 201), FailureKind.PROTOCOL),
        (Canned(b"", 201), FailureKind.PROTOCOL),
        (data({}, 201), FailureKind.PROTOCOL),
        (data({"order": {"status": "Routed"}}, 201), FailureKind.PROTOCOL),
        (data({"order": samples.spread_order() | {"legs": "gone"}}, 201), FailureKind.PROTOCOL),
    ],
)
def test_an_order_whose_answer_is_lost_or_unreadable_is_unknown_and_left_once(
    answer: Canned, kind: FailureKind
) -> None:
    async def work(server: CannedServer) -> None:
        server.answers[f"POST {ORDERS}"] = [answer]
        async with session_on(server, timeouts=replace(LIMITS, submit_s=IMPATIENT.submit_s)) as stage:
            with pytest.raises(BrokerFailure) as caught:
                await stage.session.place(A, samples.draft())
        assert lost(caught.value) == (kind, True)
        assert len(server.of(ORDERS)) == 1

    run(work)


def test_an_accepted_order_without_its_effects_is_accepted() -> None:
    async def work(server: CannedServer) -> None:
        server.answers[f"POST {ORDERS}"] = [data(ACCEPTED, 201)]
        async with session_on(server) as stage:
            assert (await stage.session.place(A, samples.draft())).order_id == "270561"

    run(work)


def test_a_replacement_has_another_id_and_a_cancel_answers_nothing() -> None:
    async def work(server: CannedServer) -> None:
        fresh = samples.spread_order(270562, "Contingent") | {"replaces-order-id": 270561}
        server.answers[f"PUT {ORDERS}/270561"] = [data(fresh)]
        server.answers[f"DELETE {ORDERS}/270562"] = [data(fresh | {"status": "Cancel Requested"}), Canned(b"", 204)]
        async with session_on(server) as stage:
            found = await stage.session.replace(A, "270561", samples.draft(Decimal("-4.10")))
            await stage.session.cancel(A, "270562")
            await stage.session.cancel(A, "270562")
        assert (found.order_id, found.replaces_order_id) == ("270562", "270561")
        assert "legs" not in server.seen[0].body
        assert (server.seen[0].body["price"], server.seen[1].body) == ("4.10", None)

    run(work)


def test_a_cancel_of_what_has_ended_is_a_certain_refusal() -> None:
    async def work(server: CannedServer) -> None:
        server.answers[f"DELETE {ORDERS}/5"] = [error(422, "cannot_update_order", "Order is in a terminal state")]
        async with session_on(server) as stage:
            with pytest.raises(BrokerFailure, match="terminal state") as caught:
                await stage.session.cancel(A, "5")
        assert (caught.value.code, lost(caught.value)) == ("cannot_update_order", (FailureKind.REJECTED, False))

    run(work)


def test_an_even_price_never_leaves() -> None:
    async def work(server: CannedServer) -> None:
        async with session_on(server) as stage:
            for send in (
                lambda: stage.session.place(A, samples.draft(Decimal(0))),
                lambda: stage.session.replace(A, "1", samples.draft(Decimal(0))),
                lambda: stage.session.dry_run(A, samples.draft(Decimal(0))),
            ):
                with pytest.raises(InvalidInput):
                    await send()
        assert server.seen == []

    run(work)


def test_a_margin_estimate_names_account_and_underlying_and_tells_bare_figures() -> None:
    async def work(server: CannedServer) -> None:
        path = f"/margin/accounts/{A}/dry-run"
        figures = samples.effects()["buying-power-effect"] | {"account-number": A, "last-results": {}}
        server.answers[f"POST {path}"] = [data(figures, 201), error(422, "margin_check_failed", "Too little.")]
        async with session_on(server) as stage:
            told = await stage.session.margin_dry_run(A, samples.draft(), "SPX")
            refused = await stage.session.margin_dry_run(A, samples.draft(), "SPX")
        sent = server.seen[0].body
        assert (sent["account-number"], sent["underlying-symbol"], len(sent["legs"])) == (A, "SPX", 2)
        assert (told.margin_change, told.buying_power_after, told.fees) == (
            Decimal(10000),
            Decimal("70825.84"),
            None,
        )
        assert (refused.margin_change, refused.errors) == (None, (("margin_check_failed", "Too little."),))

    run(work)
