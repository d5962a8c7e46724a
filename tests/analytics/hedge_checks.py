"""What holds for every trade a hedge search keeps, and the market most of its tests are made on."""

from __future__ import annotations

import pytest

from analytics.hedge_market import HedgeMarket, SearchInput, SearchResult
from models.contract import Contract
from models.enums import Action, Metric
from models.hedge import HedgeCandidate, HedgeKind
from models.ids import ContractKey
from tests.analytics import hedge_worlds as world
from tests.analytics.hedge_worlds import Line, call, es, mes, put, spy

STRIKES = (6300, 6500, 6600, 6700, 6800, 6900, 7000, 7100, 7200, 7300, 7400, 7600)
MARKET = [*world.chain(STRIKES, (11, 25, 46, 81)), es(), mes(), spy()]
WIDE = [
    *MARKET,
    *world.chain(STRIKES, (46,), "SPX"),
    *world.chain((600, 640, 660, 680, 700, 720, 740), (25,), "SPY"),
    *world.chain((640, 660, 680, 700, 720), (25,), "XSP"),
]
STRANGLE = [Line(put(6600), -3), Line(call(7300), -3)]


def trades(result: SearchResult) -> list[HedgeCandidate]:
    """All but "do nothing"."""
    return [one for one in result.candidates if one.kind is not HedgeKind.DO_NOTHING]


def after(candidate: HedgeCandidate, metric: Metric) -> float:
    """A figure after the trade."""
    found = next(one.after for one in candidate.effects if one.metric is metric)
    assert found is not None
    return found


def same(one: HedgeCandidate, again: HedgeCandidate) -> None:
    """Equal but for rounding; what carries an early-exercise premium to 1e-4 of the figure."""
    tolerance = 1e-4 if any("SPY" in leg.contract.underlying for leg in one.legs) else 1e-7
    for before, now in zip(one.effects, again.effects, strict=True):
        assert (before.before is None) == (now.before is None)
        if before.after is not None and now.after is not None:
            assert now.after == pytest.approx(before.after, rel=tolerance, abs=1e-5)
        else:
            assert before.after is now.after
    for name in (
        "cost_usd",
        "shares_cost_usd",
        "slippage_usd",
        "theta_change_per_day",
        "worst_stress_after_usd",
        "margin_change_usd",
    ):
        mine, other = getattr(one, name), getattr(again, name)
        assert (mine is None) == (other is None)
        if mine is not None:
            assert other == pytest.approx(mine, rel=tolerance, abs=0.02), name
    assert again.cure == pytest.approx(one.cure, abs=1e-5)
    assert again.limit_price == one.limit_price
    assert again.worst_stress_shift == one.worst_stress_shift


def tradeable(setting: SearchInput, one: HedgeCandidate) -> None:
    assert 1 <= len(one.legs) <= 4
    assert len({leg.contract.key for leg in one.legs}) == len(one.legs)
    assert len({leg.contract.underlying for leg in one.legs}) == 1
    held = {row.contract.key: at for at, row in enumerate(setting.rows)}
    for leg in one.legs:
        assert isinstance(leg.quantity, int)
        assert leg.quantity > 0
        bid, ask = quote_of(setting, leg.contract, held)
        assert ask > 0.0
        assert bid >= 0.0
        assert leg.action is Action.BUY or bid > 0.0


def quote_of(setting: SearchInput, contract: Contract, held: dict[ContractKey, int]) -> tuple[float, float]:
    market: HedgeMarket = setting.market
    if contract.key in market.columns.row_of:
        at = market.columns.row_of[contract.key]
        return float(market.bid[at]), float(market.ask[at])
    row = held[contract.key]
    return float(setting.book.bid[row]), float(setting.book.ask[row])
