from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from execution.brokers.tastytrade.facts import OddObject, TastyStrike, TastyTick
from execution.brokers.tastytrade.parsing import Odd
from execution.brokers.tastytrade.parsing_chains import chain_of, futures_chain_of, metrics_of, streamer_symbol_of
from tests.execution.brokers.tastytrade import samples


def _none(odd: OddObject) -> None:
    pytest.fail(str(odd))


def test_spx_and_spxw_of_one_day_are_two_expirations_apart_by_root_and_settlement() -> None:
    odd: list[OddObject] = []
    found = chain_of(samples.chain(), source="chain", odd=odd.append)
    assert [(each.root, each.settlement, each.expiration) for each in found] == [
        ("SPXW", "PM", date(2026, 12, 18)),
        ("SPX", "AM", date(2026, 12, 18)),
    ]
    assert found[0].ticks == (TastyTick(Decimal("0.05"), Decimal("3.0")), TastyTick(Decimal("0.1"), None))
    assert (found[0].multiplier, found[0].future_symbol, found[0].underlying_symbol) == (Decimal(100), "", "SPX")
    assert found[0].strikes[0] == TastyStrike(
        Decimal(5900), "SPXW  261218C05900000", samples.PUT_5900, ".SPXW261218C5900", ".SPXW261218P5900"
    )
    assert odd == []


@pytest.mark.parametrize(
    ("spoil", "counts", "what"),
    [
        (lambda c: c[0]["expirations"][0]["strikes"][0].update({"strike-price": "NaN"}), (1, 2), "strike-price"),
        (lambda c: c[0]["expirations"][0]["strikes"].append(7), (2, 2), "the strike"),
        (lambda c: c[0]["expirations"][0]["strikes"].append({"strike-price": "1"}), (2, 2), "neither call nor put"),
        (lambda c: c[0]["tick-sizes"].append({"value": "0"}), (2, 2), "a tick that is not positive"),
        (lambda c: c[0]["tick-sizes"].append({"value": "1", "threshold": "high"}), (2, 2), "threshold"),
        (
            lambda c: c[0]["expirations"].append({"settlement-type": "Noon", "expiration-date": "2026-12-21"}),
            (2, 2),
            "Noon",
        ),
        (lambda c: c[0]["expirations"].append("soon"), (2, 2), "the expiration"),
        (lambda c: c[0].update({"shares-per-contract": None}), (2,), "shares-per-contract"),
        (lambda c: c[0].update({"expirations": 3}), (2,), "expirations is not a list"),
        (lambda c: c.insert(0, None), (2, 2), "the root"),
    ],
)
def test_an_odd_piece_of_a_chain_is_set_aside_alone(
    spoil: Callable[[Any], None], counts: tuple[int, ...], what: str
) -> None:
    raw = samples.chain()
    spoil(raw)
    odd: list[OddObject] = []
    found = chain_of(raw, source="chain", odd=odd.append)
    assert tuple(len(each.strikes) for each in found) == counts
    assert len(odd) == 1
    assert what in odd[0].what


def test_a_strike_with_one_side_or_without_streamer_symbols_stands_and_nothing_is_made_up() -> None:
    raw = samples.chain()
    strike = raw[0]["expirations"][0]["strikes"][0]
    del strike["put"], strike["call-streamer-symbol"]
    found = chain_of(raw, source="chain", odd=_none)[0].strikes[0]
    assert (found.call, found.put, found.call_streamer) == ("SPXW  261218C05900000", "", "")


def test_options_on_futures_know_their_future_and_what_a_point_is_worth() -> None:
    (found,) = futures_chain_of(samples.futures_chain(), source="chain", odd=_none)
    assert (found.root, found.underlying_symbol, found.future_symbol) == ("E1A", "/ES", "/ESZ6")
    assert (found.multiplier, found.settlement, found.expiration) == (
        Decimal(50),
        "PM",
        date(2026, 12, 4),
    )
    assert found.strikes[0].call_streamer == "./E1AZ26C6700:XCME"


def test_the_root_of_an_option_on_a_future_is_read_off_its_contract_where_it_is_not_told() -> None:
    raw = samples.futures_chain()
    del raw["option-chains"][0]["expirations"][0]["option-root-symbol"]
    (found,) = futures_chain_of(raw, source="chain", odd=_none)
    assert found.root == "E1A"


@pytest.mark.parametrize(
    "change",
    [{"display-factor": "0"}, {"notional-value": "NaN"}, {"option-root-symbol": "", "option-contract-symbol": "?"}],
)
def test_an_expiration_that_cannot_be_multiplied_or_named_is_odd(change: dict[str, Any]) -> None:
    raw = samples.futures_chain()
    raw["option-chains"][0]["expirations"].append(raw["option-chains"][0]["expirations"][0] | change)
    odd: list[OddObject] = []
    assert len(futures_chain_of(raw, source="chain", odd=odd.append)) == 1
    assert len(odd) == 1


def test_a_futures_chain_that_is_no_list_is_odd_as_a_whole() -> None:
    odd: list[OddObject] = []
    assert futures_chain_of({"option-chains": 5}, source="chain", odd=odd.append) == ()
    assert len(odd) == 1


def test_liquidity_and_the_next_report_are_read_where_tastytrade_shows_them() -> None:
    report = {"visible": True, "expected-report-date": "2023-07-27", "estimated": False}
    found = metrics_of(samples.metrics() | {"liquidity-rating": 4, "earnings": report})
    assert (found.liquidity_rating, found.earnings_on) == (4, date(2023, 7, 27))
    for spoiled in (report | {"visible": False}, report | {"expected-report-date": "soon"}, {}, None, "none"):
        assert metrics_of(samples.metrics() | {"earnings": spoiled}).earnings_on is None
    assert metrics_of(samples.metrics() | {"liquidity-rating": "NaN"}).liquidity_rating is None


def test_metrics_need_no_market_cap_and_are_fractions() -> None:
    found = metrics_of(samples.metrics())
    assert (found.symbol, found.beta, found.iv_rank) == ("AAPL", 1.265634436, 0.0223)
    assert (found.iv_percentile, found.iv_index) == (0.0312, 0.224186663)


def test_the_rank_falls_back_on_the_vendor_s_own_and_a_beta_that_is_none_is_none() -> None:
    raw = samples.metrics() | {"implied-volatility-index-rank": None, "beta": "NaN"}
    assert (metrics_of(raw).iv_rank, metrics_of(raw).beta) == (0.0373, None)
    with pytest.raises(Odd):
        metrics_of({"beta": "1"})


def test_an_instrument_without_a_streamer_symbol_is_odd_and_none_is_built() -> None:
    assert streamer_symbol_of({"streamer-symbol": "/ESZ26:XCME"}) == "/ESZ26:XCME"
    with pytest.raises(Odd, match="no streamer-symbol"):
        streamer_symbol_of({"symbol": "SPXW  261218C06000000", "underlying-symbol": "SPX"})
