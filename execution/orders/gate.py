"""The risk gate: a tuple of pure checks directly before sending. It returns every reason and fails closed."""

from __future__ import annotations

import logging
from collections.abc import Callable

from execution.orders import checks_market, checks_risk, checks_session
from execution.orders.gate_context import GateContext
from models.gate import Denial, DenialCode
from models.order import Order

Check = Callable[[Order, GateContext], Denial | None]

_log = logging.getLogger(__name__)

#: What must hold of desk, account and traffic whatever is sent.
SESSION_CHECKS: tuple[Check, ...] = (
    checks_session.trading_locked,
    checks_session.trading_halted,
    checks_session.read_only_desk,
    checks_session.account_unknown,
    checks_session.account_read_only,
    checks_session.mode_mismatch,
    checks_session.live_not_armed,
    checks_session.order_rate,
    checks_session.symbol_locked,
)
#: What must hold of the market and of a limit price.
PRICE_CHECKS: tuple[Check, ...] = (
    checks_market.contract_expired,
    checks_market.quote_missing,
    checks_market.quote_stale,
    checks_market.quote_not_live,
    checks_market.quote_one_sided,
    checks_market.quote_crossed,
    checks_market.price_off_tick,
    checks_market.price_sign,
    checks_market.price_collar,
    checks_risk.max_loss_cap,
)
#: What must hold of a new order besides.
ORDER_CHECKS: tuple[Check, ...] = (
    checks_session.reducing_only,
    checks_risk.not_simulated,
    checks_risk.simulation_stale,
    checks_risk.simulation_differs,
    checks_risk.positions_changed,
    checks_risk.broker_refused,
    checks_risk.margin_unknown,
    checks_risk.buying_power,
    checks_risk.size_cap,
    checks_risk.notional_cap,
    checks_session.open_orders_cap,
    checks_session.duplicate,
    checks_risk.close_flips_position,
    checks_risk.limit_breach,
)

CHECKS: tuple[Check, ...] = SESSION_CHECKS + ORDER_CHECKS + PRICE_CHECKS
#: Asked again between the committed intent and the wire, however long the commit took. The order's own intent is
#: counted by now, so the rate is not asked again.
LAST_CHECKS: tuple[Check, ...] = tuple(check for check in CHECKS if check is not checks_session.order_rate)
#: A new price for a working order: legs and size stay, so size and simulation checks have been passed.
REPLACE_CHECKS: tuple[Check, ...] = SESSION_CHECKS + PRICE_CHECKS


def gate(order: Order, context: GateContext, checks: tuple[Check, ...] = CHECKS) -> tuple[Denial, ...]:
    """Returns all reasons against sending `order`; empty = it may go. A check that raises is a reason too."""
    denials = (_ask(check, order, context) for check in checks)
    return tuple(denial for denial in denials if denial is not None)


def _ask(check: Check, order: Order, context: GateContext) -> Denial | None:
    name = getattr(check, "__name__", "check")
    try:
        return check(order, context)
    except Exception:  # noqa: BLE001 - named boundary: logged, and the order is denied
        _log.exception("risk check %s failed on order %s", name, order.id)
        text = f"The check {name.replace('_', ' ')!r} failed, so the order is not sent. See the log and report it."
        return Denial(DenialCode.CHECK_FAILED, text)
