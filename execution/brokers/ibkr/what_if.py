"""TWS's what-if answer as the port's: real, unset, refused and silent answers told apart."""

from __future__ import annotations

from decimal import Decimal

from execution.brokers.ibkr.error_codes import info_of, reason_of
from execution.brokers.ibkr.facts import IbMargins
from execution.brokers.ibkr.wire_port import WhatIfReply
from execution.brokers.port import WhatIf

_SILENT = "Margin unknown: TWS gave no answer to the what-if in time. Simulate again, or look at TWS's own preview."
_UNSET = "Margin unknown: TWS answered without figures. Simulate again, or look at TWS's own preview."
_REFUSED = "Margin unknown: TWS refused the what-if."
_DOLLARS = ("", "USD")


def what_if_of(reply: WhatIfReply) -> WhatIf:
    """Returns the answer in dollars. What TWS did not say is None, with a warning that says so; never 0.

    `buying_power_after` is equity with loan less initial margin after the trade (what TWS calls available funds).
    `fees` is the commission, or the upper end of its range when TWS gives only a range.
    """
    if reply.refusal is not None:
        code, text = reply.refusal
        error = f"{reason_of(text)} (TWS code {code}). {info_of(code).advice}"
        return _nothing(_join(_REFUSED, reply.warnings), error)
    margins = reply.margins
    if margins is None:
        return _nothing(_join(_SILENT, reply.warnings))
    fees, fee_words = _fees(margins)
    said = [reason_of(margins.warning_text), *reply.warnings, fee_words]
    if not margins.is_known:
        said.insert(0, _UNSET)
    return WhatIf(
        initial_margin_before=margins.initial_before,
        initial_margin_change=margins.initial_change,
        initial_margin_after=margins.initial_after,
        maintenance_margin_before=margins.maintenance_before,
        maintenance_margin_change=margins.maintenance_change,
        maintenance_margin_after=margins.maintenance_after,
        equity_change=margins.equity_change,
        buying_power_after=_difference(margins.equity_after, margins.initial_after),
        fees=fees,
        warning=_join("", said) or None,
    )


def _nothing(warning: str, error: str | None = None) -> WhatIf:
    return WhatIf(None, None, None, None, None, None, None, None, None, warning=warning, error=error)


def _fees(margins: IbMargins) -> tuple[Decimal | None, str]:
    """Returns the fees and what is to be said about them."""
    low, high = margins.min_commission, margins.max_commission
    told = margins.commission if margins.commission is not None else high
    if told is None:
        return None, "TWS gave no commission." if margins.is_known else ""
    if margins.commission_currency not in _DOLLARS:
        return None, f"The commission is {told} {margins.commission_currency}: not counted in dollars."
    if low is not None and high is not None and low != high:
        return told, f"Commission between {low:,.2f} and {high:,.2f} dollars."
    return told, ""


def _difference(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    return None if left is None or right is None else left - right


def _join(first: str, others: list[str] | tuple[str, ...]) -> str:
    words: list[str] = []
    for text in (first, *others):
        if text.strip() and text.strip() not in words:
            words.append(text.strip())
    return " ".join(words)
