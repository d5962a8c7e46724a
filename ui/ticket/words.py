"""What the ticket says in words: the verb on its button, totals, and what changed since the preview. Pure."""

from __future__ import annotations

from decimal import Decimal

from execution.commands import TicketDraft
from execution.ticket_views import LimitChange, TicketPreview
from models.enums import Action, OrderType
from models.order import Order
from ui import format as fmt
from ui.theme import LimitState, limit_state
from ui.ticket.legs import packages

_PLURALS = {"butterfly": "butterflies", "custom": "custom packages"}


def is_credit(draft: TicketDraft, net_mid: Decimal | None) -> bool | None:
    """Returns whether money comes in; None when neither price nor market says so."""
    price = draft.limit_price if draft.order_type is OrderType.LIMIT else net_mid
    if price is None or price == 0:
        return None
    return price < 0


def verb(draft: TicketDraft, name: str, net_mid: Decimal | None) -> str:
    """Returns the sentence of the send button: `Sell 2 iron condors for CR 1.85`."""
    count = packages(draft.legs)
    if len(draft.legs) == 1:
        leg = draft.legs[0]
        word, what = leg.action.value.capitalize(), f"{leg.quantity} {leg.contract.label}"
    else:
        credit = is_credit(draft, net_mid)
        word = "Trade" if credit is None else "Sell" if credit else "Buy"
        what = _counted(count, name)
    return f"{word} {what} {_at(draft)}"


def name_of(order: Order | None, preview: TicketPreview | None) -> str:
    """Returns the strategy's name: as previewed, else from the order's own tag."""
    if preview is not None:
        return preview.strategy_name
    return "" if order is None or order.strategy_tag is None else order.strategy_tag.replace("_", " ")


def _at(draft: TicketDraft) -> str:
    match draft.order_type:
        case OrderType.MARKET:
            return "at market"
        case OrderType.MARKET_ON_CLOSE:
            return "at the close"
        case OrderType.LIMIT:
            return f"for {fmt.net_price(draft.limit_price)}"


def _counted(count: int, name: str) -> str:
    single = name.lower().removeprefix("short ").removeprefix("long ") or "package"
    if single == "custom":
        single = "custom package"
    last = single.rsplit(" ", 1)[-1]
    many = single[: len(single) - len(last)] + _PLURALS.get(last, last + "s")
    return fmt.plural(count, single, many)


def buys(draft: TicketDraft, net_mid: Decimal | None) -> bool:
    """Returns whether the button is a buying one (its colour)."""
    if len(draft.legs) == 1:
        return draft.legs[0].action is Action.BUY
    return is_credit(draft, net_mid) is False


def total(draft: TicketDraft) -> str:
    """Returns price x packages x multiplier in dollars: `$370 received`; empty without a price."""
    if draft.limit_price is None or not draft.legs or draft.limit_price == 0:
        return ""
    multiplier = max(leg.contract.multiplier for leg in draft.legs)
    dollars = draft.limit_price * packages(draft.legs) * multiplier
    return f"${fmt.money(abs(dollars))} {'paid' if dollars > 0 else 'received'}"


def extremes(preview: TicketPreview) -> str:
    """Returns what can come of the trade at expiry: `max profit 370  ·  max loss 4,630  ·  POP 68.4%`."""
    profit = fmt.UNLIMITED if preview.max_profit_unlimited else fmt.money(preview.max_profit)
    loss = preview.max_loss
    lost = fmt.UNLIMITED if preview.max_loss_unlimited else fmt.money(None if loss is None else abs(loss))
    return f"max profit {profit}  ·  max loss {lost}  ·  POP {fmt.vol(preview.probability_of_profit)}"


def changes_since(then: TicketPreview, now: TicketPreview) -> tuple[str, ...]:
    """Returns what moved between the market at the simulation and now, worst first."""
    lines = []
    for old, new in zip(then.limits, now.limits, strict=False):
        before, after = _state(old), _state(new)
        if before is not after and after in (LimitState.NEAR, LimitState.BREACHED):
            lines.append(f"{fmt.metric_name(new.after.metric)} after the trade is now {_LIMIT_WORDS[after]}")
    if then.net_mid != now.net_mid and then.net_mid is not None:
        lines.append(f"Mid moved {fmt.net_price(then.net_mid)} → {fmt.net_price(now.net_mid)}")
    return tuple(lines)


_LIMIT_WORDS = {LimitState.NEAR: "near its limit", LimitState.BREACHED: "over its limit"}


def _state(change: LimitChange) -> LimitState:
    return limit_state(change.after.utilisation, is_breached=change.after.is_breached)
