"""Margin engines: Reg-T strategy margin of securities, a named estimate for futures."""

from __future__ import annotations

from analytics.margin.futures import FuturesRule
from analytics.margin.reg_t import RegTMargin
from analytics.margin.terms import (
    FuturesBucket,
    FuturesGroup,
    MarginChange,
    MarginClass,
    MarginError,
    MarginGroup,
    MarginRequirement,
    PairingKind,
    RegTParameters,
    UnderlyingTerms,
)

__all__ = [
    "FuturesBucket",
    "FuturesGroup",
    "FuturesRule",
    "MarginChange",
    "MarginClass",
    "MarginError",
    "MarginGroup",
    "MarginRequirement",
    "PairingKind",
    "RegTMargin",
    "RegTParameters",
    "UnderlyingTerms",
]
