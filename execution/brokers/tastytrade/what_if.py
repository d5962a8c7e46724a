"""Tastytrade's dry run as the port's what-if: figures, refusals and silence told apart."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from decimal import Decimal
from typing import Final

from execution.brokers.port import WhatIf
from execution.brokers.tastytrade.facts import TastyBalance, TastyDryRun
from execution.brokers.tastytrade.wire_port import TastyOrderDraft, TastyWire
from models.errors import BrokerFailure, FailureKind

_log = logging.getLogger(__name__)
_WAITED_FOR: Final = (FailureKind.TIMEOUT, FailureKind.PROTOCOL, FailureKind.RATE_LIMIT)
_ESTIMATED: Final = "The margin is Tastytrade's estimate for these legs: its dry run of the order told none."
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


async def ask_what_if(wire: TastyWire, account_number: str, draft: TastyOrderDraft, underlying: str) -> WhatIf:
    """Asks for the order's dry run; where that tells no margin (a refusal for another reason) for the estimate of it.

    Raises BrokerFailure when it could not be asked; no answer in time is an answer.
    """
    try:
        reply, balance = await asyncio.gather(
            wire.dry_run(account_number, draft), balance_or_none(wire, account_number)
        )
    except BrokerFailure as error:
        if error.kind in _WAITED_FOR:
            return unanswered(error)
        raise
    if reply.margin_change is None:
        reply = with_estimate(reply, await _estimate_or_none(wire, account_number, draft, underlying))
    return what_if_of(reply, balance)


def with_estimate(reply: TastyDryRun, estimate: TastyDryRun | None) -> TastyDryRun:
    """Returns a dry run that told no margin with the figures of the estimate, marked as such; verdicts stay its own."""
    if estimate is None or estimate.margin_change is None:
        return reply
    after = reply.buying_power_after
    return replace(
        reply,
        margin_change=estimate.margin_change,
        isolated_margin=estimate.isolated_margin,
        buying_power_change=estimate.buying_power_change,
        buying_power_before=estimate.buying_power_before,
        buying_power_after=estimate.buying_power_after if after is None else after,
        warnings=(*reply.warnings, *estimate.warnings, _ESTIMATED),
    )


async def _estimate_or_none(
    wire: TastyWire, account_number: str, draft: TastyOrderDraft, underlying: str
) -> TastyDryRun | None:
    try:
        return await wire.margin_dry_run(account_number, draft, underlying)
    except BrokerFailure as failure:
        _log.info("no margin estimate either: %s", failure)
        return None


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
