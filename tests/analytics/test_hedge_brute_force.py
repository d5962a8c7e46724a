"""The search against every permitted trade of a small chain in every size, worked out one by one by slow code.

What is permitted, what a trade does and what it scores is written down here a second time, from
docs/hedge-search.md, without any of the search's own arrays.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pytest

from analytics.black_scholes import bsm_first_order, bsm_price
from analytics.hedge_market import SearchInput
from analytics.hedge_reprice import reprice
from analytics.hedge_search import search, total_score
from analytics.implied_vol import implied_vol
from models.clock import epoch_s
from models.contract import Contract
from models.enums import Action, MarginMethod, Metric, Right
from models.hedge import HedgeCandidate, HedgeKind, SearchLimits
from models.order import OrderLeg
from models.risk import Limit
from tests.analytics import hedge_worlds as world
from tests.analytics.hedge_worlds import NOW_S, RATE, SPX, YIELD, Line, call, limit, mes, put

MOST = 4
METRICS = (Metric.SPX_DELTA, Metric.GAMMA, Metric.THETA, Metric.VEGA)
Trade = Mapping[Contract, int]


@dataclass(frozen=True, slots=True)
class One:
    """What one contract held does: figures by metric, P&L by rung; dollars at mid, half the spread."""

    greeks: tuple[float, ...]
    stress: tuple[float, ...]
    mid: float
    half: float


def one_of(contract: Contract, shifts: Sequence[float]) -> One:
    """Figures of one contract from its own quote."""
    bid, ask = world.sides(contract)
    size = float(contract.multiplier)
    spot = world.SPOTS[contract.underlying]
    mid, half = 0.5 * (bid + ask) * size, 0.5 * (ask - bid) * size
    if not contract.is_option:
        moved = tuple(size * spot * shift for shift in shifts)
        return One((size * spot / SPX, 0.0, 0.0, 0.0), moved, mid, half)
    expires = contract.expires_at_utc
    assert expires is not None
    terms = {
        "strike": float(contract.strike or 0),
        "t_years": (epoch_s(expires) - NOW_S) / (365.0 * 86_400.0),
        "rate": RATE,
        "dividend_yield": YIELD,
        "is_call": contract.right is Right.CALL,
    }
    vol = float(implied_vol(price=0.5 * (bid + ask), spot=spot, **terms).vol)
    now = bsm_first_order(spot=spot, vol=vol, **terms)

    def worth(level: float) -> float:
        return float(bsm_price(spot=level, vol=vol, out=None, **terms))

    greeks = (now.delta, now.gamma, now.theta_per_day, now.vega_per_point)
    pnl = [size * (worth(spot * (1.0 + shift)) - worth(spot)) for shift in shifts]
    return One(tuple(size * float(part) for part in greeks), tuple(pnl), mid, half)


def strike_of(contract: Contract) -> float:
    """Strike of an option."""
    assert contract.strike is not None
    return float(contract.strike)


def expiry_of(contract: Contract) -> date:
    """Expiry of an option."""
    assert contract.expiry is not None
    return contract.expiry


class SlowDesk:
    """Every trade of a small market, judged one at a time."""

    def __init__(self, lines: Sequence[Line], contracts: Sequence[Contract], given: SearchInput) -> None:
        self.held = {line.contract: line.quantity for line in lines}
        self.contracts = list(dict.fromkeys([*self.held, *contracts]))
        self.given = given
        self.ones = {one: one_of(one, given.stress_shifts) for one in self.contracts}
        self.before = self._figures(self.held)
        self.stress = self._stress(self.held)

    def _figures(self, trade: Trade) -> list[float]:
        return [math.fsum(q * self.ones[c].greeks[at] for c, q in trade.items()) for at in range(4)]

    def _stress(self, trade: Trade) -> list[float]:
        rungs = range(len(self.given.stress_shifts))
        return [math.fsum(q * self.ones[c].stress[at] for c, q in trade.items()) for at in rungs]

    def cures(self, trade: Trade) -> bool:
        """Whether every broken limit is back inside by the margin, none other broken, the stress within its room."""
        made = self._figures(trade)
        for one in self.given.limits:
            at = METRICS.index(one.metric)
            now, then = self.before[at], self.before[at] + made[at]
            if not self._holds(one, now, then):
                return False
        worst = min(a + b for a, b in zip(self.stress, self._stress(trade), strict=True))
        room = max(0.25 * max(-min(self.stress), 0.0), 0.05 * (self.given.net_liq or 0.0))
        return worst >= min(self.stress) - room

    def _holds(self, one: Limit, now: float, then: float) -> bool:
        low = -math.inf if one.low is None else one.low
        high = math.inf if one.high is None else one.high
        if now < low:
            low += self.given.clear_margin * abs(low)
        if now > high:
            high -= self.given.clear_margin * abs(high)
        return low - 1e-9 <= then <= high + 1e-9

    def score(self, trade: Trade) -> float:
        """Dollars, by the words of the page."""
        premium = math.fsum(q * self.ones[c].mid for c, q in trade.items() if c.is_option)
        slippage = math.fsum(abs(q) * self.ones[c].half for c, q in trade.items())
        theta = self._figures(trade)[2]
        worst = min(a + b for a, b in zip(self.stress, self._stress(trade), strict=True))
        fees = float(sum(abs(q) for q in trade.values()))
        worn = 5.0 * max(-theta, 0.0) + 0.10 * max(premium, 0.0)
        if worst <= min(self.stress):
            return slippage + fees + worn + 0.01 * (min(self.stress) - worst)
        return slippage + fees + max(worn - 0.01 * (worst - min(self.stress)), worn / 2.0)

    def best(self, most_legs: int) -> tuple[float, Trade] | None:
        """The least score of all trades that cure."""
        found = [(self.score(trade), trade) for trade in self.trades(most_legs) if self.cures(trade)]
        return min(found, key=lambda pair: pair[0]) if found else None

    def trades(self, most_legs: int) -> Iterator[Trade]:
        """Every permitted trade."""
        sizes = [size for size in range(-MOST, MOST + 1) if size]
        for contract, size in itertools.product(self.contracts, sizes):
            if self._single(contract, size):
                yield {contract: size}
        for one, other in itertools.combinations(self.contracts, 2):
            for first, second in itertools.product(sizes, sizes):
                if self._pair((one, first), (other, second)):
                    yield {one: first, other: second}
        if most_legs >= 3:
            yield from self._broken_wings()
        if most_legs >= 4:
            yield from self._rolled_pairs()

    def _closes(self, contract: Contract, size: int) -> bool:
        held = self.held.get(contract, 0)
        return held * size < 0 and abs(size) <= abs(held)

    def _opens(self, contract: Contract, size: int) -> bool:
        """Whether it could be opened or added to: never against what is held, never sold without a bid."""
        bid, _ = world.sides(contract)
        return self.held.get(contract, 0) * size >= 0 and (size > 0 or bid > 0.0)

    def is_of(self, kind: HedgeKind, trade: Trade) -> bool:
        """Whether a trade of several legs is of a kind."""
        closing = [one for one, size in trade.items() if self._closes(one, size)]
        expiries = {one.expiry for one in trade}
        match kind:
            case HedgeKind.ROLL:
                return 2 * len(closing) == len(trade)
            case HedgeKind.BROKEN_WING:
                return len(trade) == 3
            case HedgeKind.WING:
                return not closing and min(trade.values()) > 0
            case HedgeKind.VERTICAL:
                return not closing and len(expiries) == 1 and min(trade.values()) < 0
            case _:
                return not closing and len(expiries) == 2

    def _single(self, contract: Contract, size: int) -> bool:
        if self._closes(contract, size):
            return size > 0 or world.sides(contract)[0] > 0.0
        if not contract.is_option:
            return True
        return size > 0 and self._opens(contract, size) and (self._is_near([contract]) or self._is_wing(contract, size))

    def _is_near(self, contracts: Sequence[Contract]) -> bool:
        """Whether one of the options has a delta of 0.10 or more."""
        return max(abs(self.ones[one].greeks[0]) / float(one.multiplier) for one in contracts) >= 0.10

    def _is_wing(self, contract: Contract, size: int) -> bool:
        """Further out than a short of its right that expires no later, and not more than those."""
        for short, held in self.held.items():
            if short.is_option and held < 0 and short.right is contract.right and size <= -held:
                out = strike_of(contract) - strike_of(short)
                further = out > 0 if contract.right is Right.CALL else out < 0
                if further and expiry_of(contract) >= expiry_of(short):
                    return True
        return False

    def _pair(self, one: tuple[Contract, int], other: tuple[Contract, int]) -> bool:
        (a, p), (b, q) = one, other
        if not (a.is_option and b.is_option):
            return False
        if self._closes(a, p) and self._closes(b, q):
            return self._is_strategy(a, b) and self.held[a] * q == self.held[b] * p
        return (
            self._is_roll(one, other)
            or self._is_roll(other, one)
            or self._is_spread(one, other)
            or (p == q > 0 and self._are_wings(a, b, p))
        )

    def _is_strategy(self, a: Contract, b: Contract) -> bool:
        """The books here hold one strangle, and singles."""
        return a.right is not b.right and a.expiry == b.expiry and self.held[a] == self.held[b]

    def _is_roll(self, old: tuple[Contract, int], new: tuple[Contract, int]) -> bool:
        (a, p), (b, q) = old, new
        if not self._closes(a, p) or q != -p or not self._opens(b, q):
            return False
        return a.right is b.right and a.root == b.root and expiry_of(b) >= expiry_of(a)

    def _is_spread(self, one: tuple[Contract, int], other: tuple[Contract, int]) -> bool:
        (a, p), (b, q) = one, other
        if q != -p or a.right is not b.right or a.root != b.root or not (self._opens(a, p) and self._opens(b, q)):
            return False
        if not self._is_near([a, b]) or not self._is_worth_it({a: p, b: q}):
            return False
        if a.expiry == b.expiry:
            return True
        sold, bought = (a, b) if p < 0 else (b, a)
        return a.strike == b.strike and expiry_of(sold) < expiry_of(bought)

    def _are_wings(self, a: Contract, b: Contract, size: int) -> bool:
        """Both sides of the strangle at once, one for one."""
        if a.right is b.right or a.expiry != b.expiry or not (self._opens(a, size) and self._opens(b, size)):
            return False
        low, high = (a, b) if a.right is Right.PUT else (b, a)
        shorts = {c.right: c for c, held in self.held.items() if held < 0 and c.expiry == a.expiry and c.is_option}
        if len(shorts) < 2 or not self._is_strategy(shorts[Right.PUT], shorts[Right.CALL]):
            return False
        outside = strike_of(low) < strike_of(shorts[Right.PUT]) and strike_of(high) > strike_of(shorts[Right.CALL])
        return outside and size <= -self.held[shorts[Right.PUT]]

    def _groups(self) -> Iterator[list[Contract]]:
        groups: dict[tuple[str, date, str], list[Contract]] = {}
        for one in self.contracts:
            if one.is_option and one.right is not None:
                groups.setdefault((one.root, expiry_of(one), one.right.value), []).append(one)
        for members in groups.values():
            yield sorted(members, key=strike_of)

    def _is_worth_it(self, trade: Trade) -> bool:
        """Whether a new structure does on a broken limit a fifth of what its legs do without their signs."""
        made = self._figures(trade)
        broken = [METRICS.index(one.metric) for one in self.given.limits if self._is_broken(one)]
        gross = [math.fsum(abs(q * self.ones[c].greeks[at]) for c, q in trade.items()) for at in broken]
        return not broken or any(abs(made[at]) >= 0.2 * each for at, each in zip(broken, gross, strict=True))

    def _is_broken(self, one: Limit) -> bool:
        if one.metric is Metric.MARGIN_USED_PCT:
            return False
        now = self.before[METRICS.index(one.metric)]
        return (one.low is not None and now < one.low) or (one.high is not None and now > one.high)

    def _broken_wings(self) -> Iterator[Trade]:
        for members in self._groups():
            for low, body, high in itertools.combinations(range(len(members)), 3):
                a, b, c = members[low], members[body], members[high]
                if (
                    not self._is_near([a, b, c])
                    or body - low > 4
                    or high - body > 4
                    or strike_of(c) - strike_of(b) == strike_of(b) - strike_of(a)
                ):
                    continue
                for size in range(1, MOST // 2 + 1):
                    trade = {a: size, b: -2 * size, c: size}
                    if all(self._opens(one, count) for one, count in trade.items()) and self._is_worth_it(trade):
                        yield trade

    def _rolled_pairs(self) -> Iterator[Trade]:
        """The strangle to one expiry, both strikes moved alike (in places of the chain) from the nearest ones."""
        shorts = [one for one, held in self.held.items() if held < 0 and one.is_option]
        pairs = [(a, b) for a, b in itertools.combinations(shorts, 2) if self._is_strategy(a, b)]
        for a, b in pairs:
            groups = list(self._groups())
            for first, second in itertools.product(groups, groups):
                if first[0].expiry != second[0].expiry or expiry_of(first[0]) < expiry_of(a):
                    continue
                if first[0].right is a.right and second[0].right is b.right:
                    yield from self._moved(a, b, first, second)

    def _moved(self, a: Contract, b: Contract, first: list[Contract], second: list[Contract]) -> Iterator[Trade]:
        pools = [
            [one for one in pool if one != old and self._opens(one, -1)] for pool, old in ((first, a), (second, b))
        ]
        if not all(pools):
            return
        places = [
            int(np.argmin([abs(strike_of(one) - strike_of(old)) for one in pool]))
            for pool, old in zip(pools, (a, b), strict=True)
        ]
        for shift in (-2, -1, 0, 1, 2):
            new = [pool[min(max(at + shift, 0), len(pool) - 1)] for pool, at in zip(pools, places, strict=True)]
            if (strike_of(new[0]) < strike_of(new[1])) == (strike_of(a) < strike_of(b)) and new[0].strike != new[
                1
            ].strike:
                for size in range(1, min(-self.held[a], MOST) + 1):
                    yield {a: size, b: size, new[0]: -size, new[1]: -size}


STRIKES = (6500.0, 6700.0, 6800.0, 7000.0, 7150.0, 7400.0)
BOOKS: dict[str, list[Line]] = {
    "strangle": [Line(put(6700), -3), Line(call(7150), -3)],
    "puts sold": [Line(put(6800), -4), Line(put(6500, 46), 2)],
    "calls bought": [Line(call(7000), 1), Line(call(7150, 46), 1), Line(put(6500), -2)],
    "strangle and long put": [Line(put(6800), -2), Line(call(7150), -2), Line(put(6500, 46), 1)],
}
LIMITS: dict[str, list[Limit]] = {
    "vega": [limit(Metric.VEGA, -900, 900), limit(Metric.SPX_DELTA, -80, 80)],
    "delta": [limit(Metric.SPX_DELTA, -15, 15), limit(Metric.VEGA, -4000, 4000)],
    "gamma": [limit(Metric.GAMMA, -0.35, 0.35), limit(Metric.SPX_DELTA, -120, 120)],
    "theta": [limit(Metric.THETA, -60, 250), limit(Metric.SPX_DELTA, -150, 150)],
    "two at once": [limit(Metric.SPX_DELTA, -25, 25), limit(Metric.VEGA, -1200, 1200), limit(Metric.THETA, -300, 900)],
}


def _trade(candidate: HedgeCandidate) -> Trade:
    return {leg.contract: leg.signed_quantity for leg in candidate.legs}


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("lines", BOOKS)
def test_no_permitted_trade_scores_better_than_the_first_one_found(lines: str, limits: str) -> None:
    market = [*world.chain(STRIKES, (25, 46)), mes()]
    setting = replace(world.given(BOOKS[lines], market, LIMITS[limits]), accounts=(), max_contracts_per_leg=MOST)
    desk = SlowDesk(BOOKS[lines], market, setting)
    expected = desk.best(most_legs=4)
    result = search(setting)
    if not any(effect.is_broken_before for effect in result.candidates[-1].effects):
        assert len(result.candidates) == 1
        return
    if expected is None:
        # Nothing clears the alarm alone: what is offered is two in one order, only just inside, or partial.
        alone = {frozenset(trade.items()) for trade in desk.trades(4)}
        for one in (one for one in result.candidates if one.legs):
            assert not desk.cures(_trade(one)) or frozenset(_trade(one).items()) not in alone
        return
    best = result.candidates[0]
    assert best.kind is not HedgeKind.DO_NOTHING, f"missed {expected}"
    assert total_score(best) == pytest.approx(expected[0], rel=1e-6), f"{best.summary} instead of {expected}"
    assert desk.score(_trade(best)) == pytest.approx(expected[0], rel=1e-6)


@pytest.mark.parametrize("legs", [1, 2])
def test_with_fewer_legs_wished_for_the_best_of_those_is_found(legs: int) -> None:
    market = [*world.chain(STRIKES, (25, 46)), mes()]
    lines = BOOKS["strangle"]
    setting = replace(world.given(lines, market, LIMITS["vega"]), accounts=(), max_contracts_per_leg=MOST)
    desk = SlowDesk(lines, market, setting)
    every = [trade for trade in desk.trades(4) if len(trade) <= legs and desk.cures(trade)]
    expected = min(desk.score(trade) for trade in every)
    best = search(setting, SearchLimits(max_legs=legs)).candidates[0]
    assert total_score(best) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("lines", "limits", "kind", "legs"),
    [
        ("puts sold", "delta", HedgeKind.BROKEN_WING, 3),
        ("calls bought", "delta", HedgeKind.BROKEN_WING, 3),
        ("strangle and long put", "gamma", HedgeKind.VERTICAL, 2),
        ("strangle and long put", "vega", HedgeKind.CALENDAR, 2),
        ("strangle and long put", "gamma", HedgeKind.ROLL, 4),
        ("strangle", "gamma", HedgeKind.WING, 2),
    ],
)
def test_the_best_of_a_kind_wished_for_is_found(lines: str, limits: str, kind: HedgeKind, legs: int) -> None:
    market = [*world.chain(STRIKES, (25, 46)), mes()]
    setting = replace(world.given(BOOKS[lines], market, LIMITS[limits]), accounts=(), max_contracts_per_leg=MOST)
    desk = SlowDesk(BOOKS[lines], market, setting)
    found = [one for one in search(setting, SearchLimits(kinds=frozenset({kind})), keep=60).candidates if one.legs]
    assert {one.kind for one in found} == {kind}
    mine = [one for one in found if len(one.legs) == legs]
    every = [trade for trade in desk.trades(4) if len(trade) == legs and desk.is_of(kind, trade) and desk.cures(trade)]
    assert total_score(mine[0]) == pytest.approx(min(desk.score(trade) for trade in every), rel=1e-6)


def test_every_trade_the_search_keeps_is_a_permitted_one() -> None:
    market = [*world.chain(STRIKES, (25, 46)), mes()]
    lines = BOOKS["strangle and long put"]
    setting = replace(world.given(lines, market, LIMITS["gamma"]), accounts=(), max_contracts_per_leg=MOST)
    desk = SlowDesk(lines, market, setting)
    permitted = {frozenset(trade.items()) for trade in desk.trades(4)}
    kept = [one for one in search(setting, keep=60).candidates if one.legs]
    assert len(kept) > 10
    for one in kept:
        assert frozenset(_trade(one).items()) in permitted, one.summary


@pytest.mark.parametrize("method", list(MarginMethod))
@pytest.mark.parametrize("lines", ["strangle", "puts sold", "strangle and long put"])
def test_when_margin_is_broken_the_best_of_the_exact_requirements_is_found(lines: str, method: MarginMethod) -> None:
    market = list(dict.fromkeys([*world.chain(STRIKES, (25,)), *(line.contract for line in BOOKS[lines])]))
    setting = world.given(BOOKS[lines], market, [], method=method)
    assert setting.margin_used_pct is not None
    bound = limit(Metric.MARGIN_USED_PCT, None, 0.8 * setting.margin_used_pct)
    setting = replace(setting, limits=(bound,), max_contracts_per_leg=MOST)
    best = search(setting, SearchLimits(max_legs=2)).candidates[0]
    assert best.cure == 1.0
    mine = total_score(best)
    desk = SlowDesk(BOOKS[lines], market, setting)
    worth_it = [trade for trade in desk.trades(2) if desk.score(trade) < mine - 1e-6]
    for trade in worth_it:
        # What looks cheaper must not cure on its exact margin, or cost more than that with the margin it adds.
        again = reprice(setting, _as_candidate(best, trade))
        after = again.effects[0].after
        assert after is not None
        room = max(0.25 * -min(desk.stress), 0.05 * (setting.net_liq or 0.0))
        worst = again.worst_stress_after_usd
        assert worst is not None
        is_cure = after <= 0.95 * (bound.high or 0.0) + 1e-9 and worst >= min(desk.stress) - room
        assert not is_cure or total_score(again) >= mine - 1e-6, again.summary


def _as_candidate(like: HedgeCandidate, trade: Trade) -> HedgeCandidate:
    legs = tuple(OrderLeg(one, Action.BUY if size > 0 else Action.SELL, abs(size)) for one, size in trade.items())
    return replace(like, legs=legs)
