"""Gate checks of simulation, size, loss and limits. Each is pure; unknown denies."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from execution.orders.gate_context import (
    GateContext,
    exercise_value_usd,
    is_in_shares,
    is_purely_reducing,
    reducible,
)
from execution.orders.limit_values import excess, value_of
from models.contract import plain
from models.gate import Denial, DenialCode
from models.order import Order, SimulationResult
from models.risk import Limit

#: Clocks of desk and simulation are the same one; a simulation from the future is as wrong as an old one.
_FUTURE_TOLERANCE = timedelta(seconds=1)


def not_simulated(order: Order, _context: GateContext) -> Denial | None:
    """Denies an order without the broker's what-if."""
    if order.simulation_result is not None:
        return None
    return Denial(DenialCode.NOT_SIMULATED, "The order has not been simulated. Simulate it first.")


def simulation_stale(order: Order, context: GateContext) -> Denial | None:
    """Denies when the what-if is older than allowed."""
    result, caps, now = order.simulation_result, context.caps, context.now_utc
    if result is None:
        return None
    if caps is None or now is None:
        return Denial(DenialCode.SIMULATION_STALE, "The age of the simulation is not known. Simulate again.")
    age = now - result.simulated_at
    if -_FUTURE_TOLERANCE <= age <= timedelta(seconds=caps.simulation_max_age_s):
        return None
    text = (
        f"The simulation is {age.total_seconds():.0f} s old; at most {caps.simulation_max_age_s:g} s. Simulate again."
    )
    return Denial(DenialCode.SIMULATION_STALE, text)


def simulation_differs(order: Order, _context: GateContext) -> Denial | None:
    """Denies when legs, quantities, price, terms or account changed since the what-if."""
    result = order.simulation_result
    if result is None or result.fingerprint == order.fingerprint:
        return None
    return Denial(DenialCode.SIMULATION_DIFFERS, "The order changed after it was simulated. Simulate again.")


def positions_changed(order: Order, context: GateContext) -> Denial | None:
    """Denies when positions moved since the what-if."""
    result = order.simulation_result
    if result is None or (context.position_version is not None and result.position_version == context.position_version):
        return None
    return Denial(DenialCode.POSITIONS_CHANGED, "Positions changed after the simulation. Simulate again.")


def broker_refused(order: Order, _context: GateContext) -> Denial | None:
    """Denies what the broker said it would refuse."""
    result = order.simulation_result
    if result is None or result.broker_error is None:
        return None
    return Denial(DenialCode.BROKER_REFUSED, f"The broker would refuse it: {result.broker_error}")


def margin_unknown(order: Order, _context: GateContext) -> Denial | None:
    """Denies when the what-if brought no margin."""
    result = order.simulation_result
    if result is None or result.margin_known:
        return None
    return Denial(DenialCode.MARGIN_UNKNOWN, "The broker did not say what margin it needs. Simulate again.")


def buying_power(order: Order, context: GateContext) -> Denial | None:
    """Denies when buying power would go below zero; from account values where the what-if does not say."""
    result = order.simulation_result
    if result is None:
        return None
    left = result.buying_power_after
    if left is None and context.values is not None and context.values.buying_power is not None:
        change = result.initial_margin_change
        left = None if change is None else context.values.buying_power - change
    if left is None:
        return Denial(DenialCode.BUYING_POWER, "Buying power after the trade is not known. Simulate again.")
    if left >= 0:
        return None
    return Denial(
        DenialCode.BUYING_POWER, f"Buying power would fall to {left:,.0f} dollars. Trade less or close first."
    )


def size_cap(order: Order, context: GateContext) -> Denial | None:
    """Denies more contracts a leg than allowed; shares are held by the notional cap instead."""
    if context.caps is None or not order.legs:
        return Denial(DenialCode.SIZE_CAP, "The size cap or the legs are not known, so nothing is sent.")
    cap = context.caps.max_contracts_per_leg
    for leg in order.legs:
        if leg.quantity <= 0 or (not is_in_shares(leg.contract) and leg.quantity > cap):
            text = f"{leg.quantity} of {leg.contract.label}: a leg takes 1 to {cap} contracts."
            return Denial(DenialCode.SIZE_CAP, text)
    return None


def notional_cap(order: Order, context: GateContext) -> Denial | None:
    """Denies when the largest leg stands for more dollars than allowed.

    A leg stands for strike (options) or mark (others) x the contract's multiplier x quantity. The largest leg counts:
    the legs of a package offset each other.
    """
    if context.caps is None or not order.legs:
        return Denial(DenialCode.NOTIONAL_CAP, "The notional cap or the legs are not known, so nothing is sent.")
    cap = context.caps.max_notional_usd
    for leg in order.legs:
        notional = exercise_value_usd(leg.contract, leg.quantity, context.quotes.get(leg.contract.key))
        if notional is None:
            return Denial(DenialCode.NOTIONAL_CAP, f"What {leg.contract.label} stands for in dollars is not known.")
        if notional > cap:
            text = f"{leg.quantity} {leg.contract.label} stand for {notional:,.0f} dollars; the cap is {cap:,.0f}."
            return Denial(DenialCode.NOTIONAL_CAP, text)
    return None


def max_loss_cap(order: Order, context: GateContext) -> Denial | None:
    """Denies when the order may lose more than allowed.

    The greatest loss at expiry counts. Where it has no bound or is unknown (naked shorts, calendars, stock), and for
    orders that only close what is held, the added initial margin of the what-if stands for it; without that, denied.
    """
    if context.caps is None:
        return Denial(DenialCode.MAX_LOSS_CAP, "The loss cap is not known, so nothing is sent.")
    cap, loss, told = context.caps.max_loss_usd, context.max_loss_usd, "may lose"
    if loss is None or is_purely_reducing(context, order):
        result = order.simulation_result
        loss, told = (
            (None if result is None else result.initial_margin_change),
            "has no bounded loss and adds margin of",
        )
    if loss is None or not loss.is_finite():
        return Denial(DenialCode.MAX_LOSS_CAP, "What the order may lose is not known: no bound and no margin figure.")
    if loss <= cap:
        return None
    return Denial(DenialCode.MAX_LOSS_CAP, f"The order {told} {loss:,.0f} dollars; the cap is {cap:,.0f}. Trade less.")


def close_flips_position(order: Order, context: GateContext) -> Denial | None:
    """Denies a leg that would close more than is held (less what working orders already close)."""
    room = reducible(context, order)
    if room is None or context.held is None:
        return Denial(
            DenialCode.CLOSE_FLIPS_POSITION, "What is held is not known, so closing cannot be told from opening."
        )
    for leg in order.legs:
        held = context.held.get(leg.contract.key, Decimal(0))
        if held * leg.action.sign < 0 and leg.quantity > room[leg.contract.key]:
            text = (
                f"{leg.action.value} {leg.quantity} {leg.contract.label} turns the position of {plain(held)} around: "
                f"{plain(room[leg.contract.key])} can still be closed. Close that, then open with an order of its own."
            )
            return Denial(DenialCode.CLOSE_FLIPS_POSITION, text)
    return None


def limit_breach(order: Order, context: GateContext) -> Denial | None:
    """Denies a trade that breaks a limit of the regime or makes a broken one worse, where that is configured."""
    if context.caps is None:
        return _limit("Whether limits block orders is not known, so nothing is sent.")
    result = order.simulation_result
    if not context.caps.block_on_limit_breach or result is None:
        return None
    if not context.limits:
        return _limit("The regime's limits are not known (no VIX). Wait for the market.")
    if result.projected_greeks.excluded_count > result.current_greeks.excluded_count:
        return _limit("A leg has no Greeks, so the limits after the trade are not known.")
    worse = (_worse(limit, result, context) for limit in context.limits)
    return next((denial for denial in worse if denial is not None), None)


def _worse(limit: Limit, result: SimulationResult, context: GateContext) -> Denial | None:
    before = value_of(limit.metric, result, context.values, after=False)
    after = value_of(limit.metric, result, context.values, after=True)
    if after is None:
        return _limit(f"{limit.metric.value} after the trade is not known. Simulate again.")
    was_outside = 0.0 if before is None else excess(limit, before)
    if excess(limit, after) <= was_outside:
        return None
    return _limit(f"{limit.metric.value} would go to {after:,.1f}, further outside {_bounds(limit.low, limit.high)}.")


def _limit(text: str) -> Denial:
    return Denial(DenialCode.LIMIT_BREACH, text)


def _bounds(low: float | None, high: float | None) -> str:
    if low is None:
        return f"the limit of {high:,.1f}"
    return f"the limit of {low:,.1f}" if high is None else f"the limits of {low:,.1f} to {high:,.1f}"
