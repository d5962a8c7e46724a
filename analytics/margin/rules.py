"""Formulas of strategy margin for one contract or one share, in points; no pairing here.

Sources: FINRA 4210(f)(2)(E)-(H), Regulation T 220.12, Cboe margin manual. Points times multiplier times
contracts is dollars.
"""

from __future__ import annotations

from analytics.margin.terms import RegTParameters, UnderlyingTerms


def uncovered_base(is_call: bool, strike: float, terms: UnderlyingTerms, rates: RegTParameters) -> float:
    """Requirement of an uncovered short beyond its own value.

    20 % (15 % broad) of the underlying less the out-of-the-money amount, at least 10 % of the underlying
    (call) or of the exercise price (put); percentages times the leverage of the fund.
    """
    percent = rates.broad_percent if terms.margin_class.is_broad else rates.equity_percent
    out_of_the_money = max(strike - terms.price, 0.0) if is_call else max(terms.price - strike, 0.0)
    floor_on = terms.price if is_call else strike
    return max(
        percent * terms.leverage * terms.price - out_of_the_money,
        rates.minimum_percent * terms.leverage * floor_on,
    )


def long_stock_maintenance(price: float, terms: UnderlyingTerms, rates: RegTParameters) -> float:
    """Per share: 25 % times leverage, never more than the share itself."""
    return min(1.0, rates.long_stock_maintenance * terms.leverage) * price


def short_stock_extra(terms: UnderlyingTerms, rates: RegTParameters) -> float:
    """Per share beyond the market value: greater of 30 % and $5; under $5 greater of 100 % and $2.50."""
    if terms.price < rates.cheap_stock_below:
        return max(rates.cheap_stock_per_share, terms.price)
    return max(rates.short_stock_per_share, rates.short_stock_maintenance * terms.leverage * terms.price)


def covered_call_maintenance(call_strike: float, terms: UnderlyingTerms, rates: RegTParameters) -> float:
    """Long share against a short call: the share counts for no more than the exercise price."""
    return long_stock_maintenance(min(terms.price, call_strike), terms, rates)


def protective_put_maintenance(put_strike: float, terms: UnderlyingTerms, rates: RegTParameters) -> float:
    """Long share with a long put: lesser of 10 % of the strike plus out-of-the-money amount, and 25 %."""
    hedged = rates.hedged_stock_percent * put_strike + max(terms.price - put_strike, 0.0)
    return min(hedged, long_stock_maintenance(terms.price, terms, rates))


def collar_maintenance(put_strike: float, call_strike: float, terms: UnderlyingTerms, rates: RegTParameters) -> float:
    """Long share, long put, short call of one expiry; equal strikes (a conversion): 10 % of the strike."""
    if put_strike == call_strike:
        return rates.hedged_stock_percent * put_strike
    hedged = rates.hedged_stock_percent * put_strike + max(terms.price - put_strike, 0.0)
    return min(hedged, covered_call_maintenance(call_strike, terms, rates))


def covered_put_maintenance(put_strike: float, terms: UnderlyingTerms, rates: RegTParameters) -> float:
    """Short share against a short put: the short-stock rule plus the in-the-money amount of the put."""
    return terms.price + short_stock_extra(terms, rates) + max(put_strike - terms.price, 0.0)


def protective_call_maintenance(call_strike: float, terms: UnderlyingTerms, rates: RegTParameters) -> float:
    """Short share with a long call: lesser of 10 % of the strike plus out-of-the-money and short rule."""
    hedged = rates.hedged_stock_percent * call_strike + max(call_strike - terms.price, 0.0)
    return terms.price + min(hedged, short_stock_extra(terms, rates))


def reverse_conversion_maintenance(strike: float, terms: UnderlyingTerms, rates: RegTParameters) -> float:
    """Short share, long call and short put of one strike and expiry: 10 % of it plus the put in the money."""
    return terms.price + rates.hedged_stock_percent * strike + max(strike - terms.price, 0.0)
