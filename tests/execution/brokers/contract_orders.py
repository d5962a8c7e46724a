"""What every broker must do with sound orders on a sound wire."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from execution.brokers.paper.faults import Call, CallFault, CancelBehavior, Failure, FillBehavior, OrderScript
from execution.brokers.port import (
    AccountEvent,
    Capability,
    FeeEvent,
    PositionsEvent,
    QuotesEvent,
)
from models.enums import OrderStatus
from models.errors import BrokerFailure, FailureKind, InvalidInput
from models.ids import ContractKey, new_order_id
from tests.execution.brokers.contract_kit import (
    AT_ONCE,
    BrokerHarness,
    ContractTests,
    bought,
    cash,
    fills,
    held,
    known_order,
    net_per_package,
    order_of,
    states,
)


class OrderContract(ContractTests):
    """Reads, what-ifs, fills, cancels, replaces, refusals."""

    # --- connection and reads ---------------------------------------------------------------------------------------

    def test_connect_tells_the_accounts_and_a_snapshot_is_complete(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            snapshot = await desk.broker.snapshot()
            assert [values.account_id for values in snapshot.accounts] == [desk.account_id]
            assert snapshot.accounts[0].net_liquidation is not None
            assert snapshot.executions_since_utc < snapshot.at_utc

        self.play(tmp_path, scenario)

    def test_subscribed_contracts_are_quoted_and_others_are_not(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            leg, other = desk.condor(1)[0], desk.condor(1)[3]
            desk.broker.set_subscriptions([leg.contract])
            await desk.pass_time(1)
            quoted = {q.key for e in desk.events if isinstance(e, QuotesEvent) for q in e.quotes}
            assert leg.contract.key in quoted
            assert other.contract.key not in quoted
            desk.events.clear()
            desk.broker.set_subscriptions([other.contract])
            await desk.pass_time(1)
            quoted = {q.key for e in desk.events if isinstance(e, QuotesEvent) for q in e.quotes}
            assert other.contract.key in quoted
            assert leg.contract.key not in quoted

        self.play(tmp_path, scenario)

    def test_listed_chains_resolve_and_unknown_symbols_are_refused(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            contract = desk.condor(1)[0].contract
            expiries = await desk.broker.expiries(contract.underlying)
            assert [listed.expiry for listed in expiries] == sorted(listed.expiry for listed in expiries)
            listed = next(x for x in expiries if x.root == contract.root and x.expiry == contract.expiry)
            chain = await desk.broker.chain(listed)
            assert contract in chain
            assert [c.strike for c in chain] == sorted(c.strike for c in chain if c.strike is not None)
            assert await desk.broker.resolve(contract.key) == contract
            with pytest.raises(InvalidInput):
                await desk.broker.expiries("NOSUCH")
            with pytest.raises(InvalidInput):
                await desk.broker.resolve(ContractKey("NOSUCH"))

        self.play(tmp_path, scenario)

    # --- what-if ----------------------------------------------------------------------------------------------------

    def test_a_what_if_tells_margin_before_and_after_and_sends_nothing(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(2)
            answer = await desk.broker.simulate(order_of(desk, legs, desk.natural(legs)))
            assert answer.error is None
            assert answer.initial_margin_before is not None
            assert answer.initial_margin_change is not None
            assert answer.initial_margin_change > 0
            assert answer.initial_margin_after == answer.initial_margin_before + answer.initial_margin_change
            assert answer.fees is not None
            assert answer.fees > 0
            await desk.pass_time(2)
            snapshot = await desk.broker.snapshot()
            assert snapshot.open_orders == ()
            assert snapshot.executions == ()

        self.play(tmp_path, scenario)

    def test_a_lost_what_if_answer_is_unknown_margin_and_not_zero(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(1)
            desk.fail(Call.SIMULATE, CallFault(Failure.DROP))
            answer = await desk.broker.simulate(order_of(desk, legs, desk.natural(legs)))
            assert answer.initial_margin_after is None
            assert answer.fees is None
            assert answer.warning

        self.play(tmp_path, scenario)

    # --- orders -----------------------------------------------------------------------------------------------------

    def test_a_resting_order_is_accepted_and_found_by_our_id(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(1)
            order = order_of(desk, legs, desk.resting(legs))
            broker_id = await desk.broker.submit(order)
            await desk.pass_time(2)
            assert states(desk, order) == [OrderStatus.PENDING]
            found = known_order(await desk.broker.snapshot(), order)
            assert found.broker_order_id == broker_id
            assert found.limit_price == order.limit_price
            assert [o.order_id for o in await desk.broker.find_orders([order.id, new_order_id()])] == [order.id]

        self.play(tmp_path, scenario)

    def test_a_complete_fill_books_every_leg_once_at_the_limit_or_better(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            before = await desk.broker.snapshot()
            legs = desk.condor(2)
            order = order_of(desk, legs, desk.natural(legs))
            await desk.broker.submit(order)
            await desk.pass_time(3)
            done = fills(desk, order)
            assert states(desk, order)[-1] is OrderStatus.FILLED
            assert bought(done) == {leg.contract.key: leg.signed_quantity for leg in legs}
            assert order.limit_price is not None
            assert net_per_package(done, 2) <= order.limit_price
            after = await desk.broker.snapshot()
            assert held(after) == bought(done)
            fees = {e.execution_id: e.fee for e in desk.events if isinstance(e, FeeEvent)}
            assert fees.keys() == done.keys()
            effect = sum((e.cash_effect for e in done.values()), start=Decimal(0))
            assert cash(after, desk.account_id) - cash(before, desk.account_id) == effect - sum(fees.values())

        self.play(tmp_path, scenario)

    def test_a_fill_is_told_with_positions_and_account_figures(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.single(1)
            order = order_of(desk, legs, desk.natural(legs))
            await desk.broker.submit(order)
            await desk.pass_time(3)
            positions = [e for e in desk.events if isinstance(e, PositionsEvent)]
            assert {p.contract.key: p.quantity for p in positions[-1].positions} == bought(fills(desk, order))
            assert any(isinstance(event, AccountEvent) for event in desk.events)

        self.play(tmp_path, scenario)

    def test_a_partial_fill_keeps_the_ratio_and_the_rest_follows(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(4)
            order = order_of(desk, legs, desk.natural(legs))
            desk.script(order.id, OrderScript(fills=FillBehavior.PARTIAL, first_packages=1, delay_s=5))
            await desk.broker.submit(order)
            await desk.pass_time(2)
            assert states(desk, order)[-1] is OrderStatus.PARTIAL
            assert bought(fills(desk, order)) == {leg.contract.key: leg.signed_quantity // 4 for leg in legs}
            assert known_order(await desk.broker.snapshot(), order).filled_packages == 1
            await desk.pass_time(6)
            assert states(desk, order)[-1] is OrderStatus.FILLED
            assert bought(fills(desk, order)) == {leg.contract.key: leg.signed_quantity for leg in legs}

        self.play(tmp_path, scenario)

    def test_a_cancelled_order_never_fills_and_keeps_its_partial_fill(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(4)
            order = order_of(desk, legs, desk.natural(legs))
            desk.script(order.id, OrderScript(fills=FillBehavior.PARTIAL, first_packages=1, delay_s=3600))
            await desk.broker.submit(order)
            await desk.pass_time(2)
            await desk.broker.cancel(order)
            await desk.pass_time(2)
            assert states(desk, order)[-1] is OrderStatus.CANCELLED
            await desk.pass_time(30)
            assert bought(fills(desk, order)) == {leg.contract.key: leg.signed_quantity // 4 for leg in legs}
            assert known_order(await desk.broker.snapshot(), order).filled_packages == 1

        self.play(tmp_path, scenario)

    @pytest.mark.parametrize("race", [CancelBehavior.FILL_WINS, CancelBehavior.LATE_FILL])
    def test_a_fill_that_races_a_cancel_is_told_and_booked(self, tmp_path: Path, race: CancelBehavior) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(1)
            order = order_of(desk, legs, desk.natural(legs))
            desk.script(order.id, OrderScript(fills=FillBehavior.NEVER, cancel=race))
            await desk.broker.submit(order)
            await desk.pass_time(2)
            await desk.broker.cancel(order)
            await desk.pass_time(5)
            seen = states(desk, order)
            assert seen[-1] is OrderStatus.FILLED
            assert (OrderStatus.CANCELLED in seen) == (race is CancelBehavior.LATE_FILL)
            assert held(await desk.broker.snapshot()) == bought(fills(desk, order))

        self.play(tmp_path, scenario)

    def test_a_cancel_of_a_filled_order_is_refused_and_changes_nothing(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(1)
            order = order_of(desk, legs, desk.natural(legs))
            desk.script(order.id, AT_ONCE)
            await desk.broker.submit(order)
            await desk.pass_time(2)
            with pytest.raises(BrokerFailure) as caught:
                await desk.broker.cancel(order)
            assert caught.value.kind is FailureKind.REJECTED
            assert not caught.value.outcome_unknown
            await desk.pass_time(2)
            assert states(desk, order)[-1] is OrderStatus.FILLED

        self.play(tmp_path, scenario)

    def test_a_replaced_price_takes_effect(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            if Capability.REPLACE not in desk.broker.capabilities:
                pytest.skip("this broker cannot replace")
            legs = desk.condor(1)
            order = order_of(desk, legs, desk.resting(legs))
            await desk.broker.submit(order)
            await desk.pass_time(2)
            await desk.broker.replace(order, desk.natural(legs))
            await desk.pass_time(3)
            assert states(desk, order)[-1] is OrderStatus.FILLED
            assert bought(fills(desk, order)) == {leg.contract.key: leg.signed_quantity for leg in legs}

        self.play(tmp_path, scenario)

    def test_a_refusal_is_decoded_and_nothing_works(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(1)
            order = order_of(desk, legs, desk.natural(legs))
            desk.fail(Call.SUBMIT, CallFault(Failure.REJECT, text="No."))
            with pytest.raises(BrokerFailure) as caught:
                await desk.broker.submit(order)
            assert caught.value.kind is FailureKind.REJECTED
            assert not caught.value.outcome_unknown
            await desk.pass_time(3)
            assert await desk.broker.find_orders([order.id]) == ()
            assert fills(desk, order) == {}

        self.play(tmp_path, scenario)

    def test_a_refusal_after_acceptance_comes_as_an_event_with_its_reason(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(1)
            order = order_of(desk, legs, desk.natural(legs))
            desk.script(order.id, OrderScript(fills=FillBehavior.REJECT, reason="Risk check of the exchange."))
            await desk.broker.submit(order)
            await desk.pass_time(3)
            assert states(desk, order)[-1] is OrderStatus.REJECTED
            assert known_order(await desk.broker.snapshot(), order).reason == "Risk check of the exchange."

        self.play(tmp_path, scenario)

    def test_the_same_order_is_never_accepted_twice(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(1)
            order = order_of(desk, legs, desk.natural(legs))
            await desk.broker.submit(order)
            with pytest.raises(BrokerFailure) as caught:
                await desk.broker.submit(order)
            assert caught.value.kind is FailureKind.REJECTED
            await desk.pass_time(3)
            assert bought(fills(desk, order)) == {leg.contract.key: leg.signed_quantity for leg in legs}

        self.play(tmp_path, scenario)
