"""A candidate's figures from scratch, one trade at a time, by another road than the search's unit columns.

The legs are appended to the live book, the book is valued as a whole before and after, the stress ladder is run on both
and each account's margin is worked out in full. It serves verification on a newer market, and finds errors of the
search.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

import numpy as np

from analytics.beta_weighting import PortfolioTotals
from analytics.black_scholes import Floats
from analytics.book import BookArrays, Exclusion
from analytics.book_columns import PositionColumns
from analytics.hedge_margin import account_requirement
from analytics.hedge_market import HedgeError, NoQuote, NotListed, SearchInput, worst_rungs
from analytics.hedge_pool import LEAST_LIFE_S
from analytics.hedge_units import market_positions, new_underlyings
from analytics.hedge_words import summary
from analytics.scenarios import VolDynamics, stress_ladder
from models.contract import Contract
from models.enums import Action, InstrumentKind, Metric
from models.hedge import HedgeCandidate, LimitEffect
from models.ids import AccountId
from models.order import OrderLeg
from models.risk import Limit

#: A future's price is not paid; an option's is premium. All else that is paid for is held for what it is worth.
_NOT_SHARES = frozenset({InstrumentKind.FUTURE, InstrumentKind.OPTION, InstrumentKind.FUTURE_OPTION})


def reprice(given: SearchInput, candidate: HedgeCandidate) -> HedgeCandidate:
    """The candidate with every figure of this instant.

    Raises `NotListed` when a leg's contract is neither held nor in the market, `NoQuote` when a leg cannot be traded or
    valued (no two-sided quote, no bid to sell at, about to settle), `HedgeError` for a trade without sense.
    """
    if not candidate.legs:
        return _filled(given, candidate, given.book, cost=0.0, slippage=0.0)
    quotes = [_quote(given, leg) for leg in candidate.legs]
    signed = [leg.signed_quantity * float(leg.contract.multiplier) for leg in candidate.legs]
    kinds = [leg.contract.kind for leg in candidate.legs]
    mid = [size * 0.5 * (bid + ask) for size, (bid, ask) in zip(signed, quotes, strict=True)]
    cost = math.fsum(part for part, kind in zip(mid, kinds, strict=True) if kind is not InstrumentKind.FUTURE)
    shares = math.fsum(part for part, kind in zip(mid, kinds, strict=True) if kind not in _NOT_SHARES)
    slippage = math.fsum(abs(size) * 0.5 * (ask - bid) for size, (bid, ask) in zip(signed, quotes, strict=True))
    after = book_after(given, candidate.legs)
    mids = [Decimal(str(bid)) + Decimal(str(ask)) for bid, ask in quotes]
    filled = _filled(given, candidate, after, cost=cost, slippage=slippage)
    price = limit_price(candidate.legs, [each / 2 for each in mids])
    return _told(replace(filled, limit_price=price, shares_cost_usd=shares))


def book_after(given: SearchInput, legs: Sequence[OrderLeg]) -> BookArrays:
    """The live book with the legs as further rows, each on the vol it has in the book or on that of its own quote."""
    extra = new_underlyings(given)
    index_of = {symbol: at for at, symbol in enumerate((*given.book.symbols, *extra.symbols))}
    parts = [_leg_columns(given, leg, index_of) for leg in legs]
    names = PositionColumns.__dataclass_fields__
    columns = PositionColumns(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
    book = given.book.with_positions(columns, extra)
    start = len(given.book)
    for at, leg in enumerate(legs):
        bid, ask = _quote(given, leg)
        known = float(book.vol[start + at])
        book.set_quotes([start + at], [bid], [ask])
        if math.isfinite(known):
            book.set_vols([start + at], [known])
    book.refresh_vols(given.now_epoch_s, np.arange(start, len(book)))
    lost = np.flatnonzero(book.exclusions(given.now_epoch_s)[start:] != Exclusion.INCLUDED)
    if lost.size:
        label = legs[int(lost[0])].contract.label
        raise NoQuote(
            f"{label} cannot be valued: its quote gives no vol, or its underlying has no price. Wait for one."
        )
    return book


def limit_price(legs: Sequence[OrderLeg], mids: Sequence[Decimal]) -> Decimal:
    """Net price of the smallest package at mid, rounded to its tick in the market's favour (we pay more, get less).

    Points of the leg with the greatest multiplier; positive = debit. A net of 0 becomes a debit of one tick.
    """
    packages = math.gcd(*(leg.quantity for leg in legs))
    point = max(leg.contract.multiplier for leg in legs)
    dollars = sum(
        (leg.signed_quantity // packages * leg.contract.multiplier * mid for leg, mid in zip(legs, mids, strict=True)),
        Decimal(0),
    )
    rule = (
        legs[0].contract.tick if len(legs) == 1 else max((leg.contract.net_tick for leg in legs), key=lambda r: r.above)
    )
    price = rule.snap(dollars / point, rounding=ROUND_CEILING)
    return price if price != 0 else rule.tick_at(price)


def effects_of(
    limits: Sequence[Limit], before: dict[Metric, float | None], after: dict[Metric, float | None]
) -> tuple[LimitEffect, ...]:
    """Every limit with its figure before and after; None where it is not known."""
    return tuple(LimitEffect(limit, before.get(limit.metric), after.get(limit.metric)) for limit in limits)


def cure_of(effects: Sequence[LimitEffect]) -> float:
    """Share of the excess that goes away, 0..1, every broken limit weighing alike; 0 when none is broken."""
    shares = []
    for effect in effects:
        if effect.is_broken_before and effect.before is not None:
            left = math.nan if effect.after is None else excess(effect.limit, effect.after)
            share = 1.0 - left / excess(effect.limit, effect.before)
            shares.append(min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0)
    return math.fsum(shares) / len(shares) if shares else 0.0


def excess(limit: Limit, value: float) -> float:
    """How far a figure lies outside its limit, 0 inside."""
    above = 0.0 if limit.high is None else value - limit.high
    below = 0.0 if limit.low is None else limit.low - value
    return max(above, below, 0.0)


def figures_of(totals: PortfolioTotals, margin_used_pct: float | None) -> dict[Metric, float | None]:
    """The book's figure of every metric; None while it is not known."""
    values = {
        Metric.SPX_DELTA: totals.spx_equiv_delta,
        Metric.GAMMA: totals.gamma,
        Metric.THETA: totals.theta_per_day,
        Metric.VEGA: totals.vega_per_point,
    }
    known: dict[Metric, float | None] = {
        name: value if math.isfinite(value) else None for name, value in values.items()
    }
    return {**known, Metric.MARGIN_USED_PCT: margin_used_pct}


def margin_after(given: SearchInput, change: float | None) -> float | None:
    """Maintenance as per cent of net liquidation after a change in dollars."""
    if change is None or given.margin_used_pct is None or not given.net_liq or given.net_liq <= 0.0:
        return None
    return given.margin_used_pct + 100.0 * change / given.net_liq


def _filled(
    given: SearchInput, candidate: HedgeCandidate, after: BookArrays, *, cost: float, slippage: float
) -> HedgeCandidate:
    now, spx = given.now_epoch_s, given.spx_price
    one, other = given.book.greeks(now, spx).totals, after.greeks(now, spx).totals
    margin = 0.0 if after is given.book else _margin_change(given, candidate.account_id, after)
    used = given.margin_used_pct if after is given.book else margin_after(given, margin)
    effects = effects_of(given.limits, figures_of(one, given.margin_used_pct), figures_of(other, used))
    stressed_before, stressed = _stress(given, given.book), _stress(given, after)
    worst = int(worst_rungs(stressed))
    theta = other.theta_per_day - one.theta_per_day
    return _told(
        replace(
            candidate,
            effects=effects,
            cure=cure_of(effects),
            theta_change_per_day=theta if math.isfinite(theta) else 0.0,
            cost_usd=cost,
            slippage_usd=slippage,
            margin_change_usd=margin,
            worst_stress_before_usd=float(stressed_before.min()),
            worst_stress_after_usd=float(stressed.min()),
            worst_stress_shift=given.stress_shifts[worst],
        )
    )


def _told(candidate: HedgeCandidate) -> HedgeCandidate:
    return replace(candidate, summary=summary(candidate))


def _stress(given: SearchInput, book: BookArrays) -> Floats:
    dynamics = VolDynamics(response=given.response)
    return stress_ladder(
        book,
        now_epoch_s=given.now_epoch_s,
        index_price=given.spx_price,
        spot_shifts=given.stress_shifts,
        dynamics=dynamics,
    ).pnl


def _margin_change(given: SearchInput, account_id: AccountId | None, after: BookArrays) -> float | None:
    account = given.account(account_id)
    if account is None:
        return None
    mine = np.array([row.account_id == account_id for row in given.rows], dtype=np.bool_)
    legs = np.ones(len(after) - len(given.book), dtype=np.bool_)
    one = account_requirement(given, account, given.book, mine)
    other = account_requirement(given, account, after, np.concatenate([mine, legs]))
    return None if one is None or other is None else other - one


def _quote(given: SearchInput, leg: OrderLeg) -> tuple[float, float]:
    """Bid and ask of a leg that can be traded."""
    if leg.quantity <= 0:
        raise HedgeError(f"{leg.contract.label}: quantity {leg.quantity} trades nothing. Give 1 or more.")
    bid, ask = _sides(given, leg.contract)
    if not (bid >= 0.0 and ask > 0.0 and bid <= ask < math.inf):
        raise NoQuote(f"{leg.contract.label} has no two-sided quote. Wait for one.")
    if leg.action is Action.SELL and bid <= 0.0:
        raise NoQuote(f"{leg.contract.label} has no bid: nobody would buy it. Leave it.")
    return bid, ask


def _sides(given: SearchInput, contract: Contract) -> tuple[float, float]:
    book, market = given.book, given.market
    row = _held_row(given, contract)
    if row is not None:
        _check_life(contract, float(book.expiry_epoch_s[row]), given.now_epoch_s)
        return float(book.bid[row]), float(book.ask[row])
    at = market.columns.row_of.get(contract.key)
    if at is None:
        raise NotListed(f"{contract.label} is neither held nor listed in the market searched. Search again.")
    _check_life(contract, float(market.columns.expiry_epoch_s[at]), given.now_epoch_s)
    return float(market.bid[at]), float(market.ask[at])


def _check_life(contract: Contract, expiry_epoch_s: float, now_epoch_s: float) -> None:
    if expiry_epoch_s - now_epoch_s <= LEAST_LIFE_S:
        raise NoQuote(f"{contract.label} has expired or settles within a minute. Pick a later expiry.")


def _held_row(given: SearchInput, contract: Contract) -> int | None:
    return next((at for at, row in enumerate(given.rows) if row.contract.key == contract.key), None)


def _leg_columns(given: SearchInput, leg: OrderLeg, index_of: dict[str, int]) -> PositionColumns:
    row = _held_row(given, leg.contract)
    quantity = np.array([float(leg.signed_quantity)])
    if row is None:
        at = given.market.columns.row_of[leg.contract.key]
        columns = market_positions(given, np.array([at]), index_of)
        return replace(columns, quantity=quantity)
    held = given.book.positions()
    one = {name: np.asarray(getattr(held, name))[row : row + 1] for name in PositionColumns.__dataclass_fields__}
    return PositionColumns(**{**one, "quantity": quantity})
