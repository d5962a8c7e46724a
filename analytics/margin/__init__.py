"""Margin engines: Reg-T strategy margin, TIMS-like portfolio margin, SPAN-like futures margin, and their stress."""

from __future__ import annotations

from analytics.margin.account import AccountMargin, against_net_liquidation
from analytics.margin.futures import FuturesRule
from analytics.margin.portfolio import (
    ClassGroupMargin,
    PortfolioMargin,
    PortfolioRules,
    ProductGroupMargin,
    portfolio_margin,
    portfolio_margins,
)
from analytics.margin.reg_t import RegTMargin, reg_t_margin
from analytics.margin.risk_book import RiskBook, RiskKind, RiskTerms, Valuer
from analytics.margin.span import ScanRisk, SpanParameters, SpanRequirement, scan, span_by_product, span_requirement
from analytics.margin.stress import (
    SCHWAB_LIKE_LADDER,
    LadderResult,
    MarginCall,
    MarginHorizon,
    MarginStress,
    Rung,
    StressBook,
    house_ladder,
)
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
    "SCHWAB_LIKE_LADDER",
    "AccountMargin",
    "ClassGroupMargin",
    "FuturesBucket",
    "FuturesGroup",
    "FuturesRule",
    "LadderResult",
    "MarginCall",
    "MarginChange",
    "MarginClass",
    "MarginError",
    "MarginGroup",
    "MarginHorizon",
    "MarginRequirement",
    "MarginStress",
    "PairingKind",
    "PortfolioMargin",
    "PortfolioRules",
    "ProductGroupMargin",
    "RegTMargin",
    "RegTParameters",
    "RiskBook",
    "RiskKind",
    "RiskTerms",
    "Rung",
    "ScanRisk",
    "SpanParameters",
    "SpanRequirement",
    "StressBook",
    "UnderlyingTerms",
    "Valuer",
    "against_net_liquidation",
    "house_ladder",
    "portfolio_margin",
    "portfolio_margins",
    "reg_t_margin",
    "scan",
    "span_by_product",
    "span_requirement",
]
