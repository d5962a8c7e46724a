"""Tastytrade's dry run as the port's what-if: figures, refusals and silence told apart."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from execution.brokers.port import WhatIf
from execution.brokers.tastytrade.facts import TastyBalance, TastyDryRun
from execution.brokers.tastytrade.wire_port import TastyWire
from models.errors import BrokerFailure

_UNSET: Final = "Margin unknown: Tastytrade answered without figures. Simulate again, or look at its own preview."
_NO_BALANCE: Final = "The margin before the trade is not known: Tastytrade did not tell the account's balance."


def what_if_of(reply: TastyDryRun, balance: TastyBalance | None) -> WhatIf:
    """Returns the answer in dollars; what Tastytrade did not say is None, with a warning that says so, never 0.

    Tastytrade tells one change of requirement: it counts for initial and maintenance margin alike. A refusal may bear
    figures: both are told.
    """
    change = reply.margin_change
    initial = None if balance is None else balance.initial_margin
    maintenance = None if balance is None else balance.maintenance_margin
    said = list(reply.warnings)
    if change is None and not reply.errors:
        said.insert(0, _UNSET)
    if change is not None and initial is None:
        said.append(_NO_BALANCE)
    errors = [f"{text} ({code})" if code else text for code, text in reply.errors]
    return WhatIf(
        initial_margin_before=initial,
        initial_margin_change=change,
        initial_margin_after=_sum(initial, change),
        maintenance_margin_before=maintenance,
        maintenance_margin_change=change,
        maintenance_margin_after=_sum(maintenance, change),
        equity_change=None if reply.fees is None else -reply.fees,
        buying_power_after=reply.buying_power_after,
        fees=reply.fees,
        warning=_joined(said),
        error=_joined(errors),
    )


async def balance_or_none(wire: TastyWire, account_number: str) -> TastyBalance | None:
    """Returns an account's money; None when Tastytrade does not tell it now."""
    try:
        return await wire.balance(account_number)
    except BrokerFailure:
        return None


def unanswered(error: BrokerFailure) -> WhatIf:
    """Returns what is known when no answer came: nothing."""
    warning = f"Margin unknown: Tastytrade gave no answer to the dry run. {error.what} Simulate again."
    return WhatIf(None, None, None, None, None, None, None, None, None, warning=warning)


def _sum(before: Decimal | None, change: Decimal | None) -> Decimal | None:
    return None if before is None or change is None else before + change


def _joined(texts: list[str]) -> str | None:
    words = dict.fromkeys(text.strip() for text in texts if text.strip())
    return " ".join(words) or None
