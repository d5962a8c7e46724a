"""Chains, market metrics and instruments out of Tastytrade's JSON.

SPX and SPXW are two items of one chain, told apart by root and by settlement. An odd strike costs its expiration
nothing else, an odd expiration its root nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, Final

from execution.brokers.tastytrade.facts import OddObject, TastyExpiration, TastyMetrics, TastyStrike, TastyTick
from execution.brokers.tastytrade.parsing import (
    Json,
    Odd,
    decimal_at,
    each,
    float_at,
    list_of,
    mapping_of,
    needed_date,
    needed_decimal,
    needed_text,
    odd_object,
    text_at,
)

_SETTLEMENTS: Final = frozenset({"AM", "PM"})
_RANKS: Final = (
    "implied-volatility-index-rank",
    "tw-implied-volatility-index-rank",
    "tos-implied-volatility-index-rank",
)
_CONTRACT_ROOT: Final = re.compile(r"([A-Z0-9]+?)[FGHJKMNQUVXZ]\d{1,2}")

OddSink = Callable[[OddObject], None]


def chain_of(items: Iterable[object], *, source: str, odd: OddSink) -> tuple[TastyExpiration, ...]:
    """Returns the expirations of every root of an equity or an index, in the order they came."""

    def root_of(raw: object) -> tuple[TastyExpiration, ...]:
        chain = mapping_of(raw, "the root")
        return each(
            list_of(chain.get("expirations"), "expirations"),
            partial(_equity_expiration, chain, source, odd),
            source=source,
            odd=odd,
        )

    roots = each(items, root_of, source=source, odd=odd)
    return tuple(expiration for root in roots for expiration in root)


def futures_chain_of(data: Json, *, source: str, odd: OddSink) -> tuple[TastyExpiration, ...]:
    """Returns the expirations of the options on every future of a product."""

    def subchain_of(raw: object) -> tuple[TastyExpiration, ...]:
        chain = mapping_of(raw, "the chain")
        return each(
            list_of(chain.get("expirations"), "expirations"),
            partial(_future_expiration, chain, source, odd),
            source=source,
            odd=odd,
        )

    try:
        subchains = list_of(data.get("option-chains"), "option-chains")
    except Odd as error:
        odd(odd_object(source, str(error), data))
        return ()
    found = each(subchains, subchain_of, source=source, odd=odd)
    return tuple(expiration for subchain in found for expiration in subchain)


def metrics_of(raw: object) -> TastyMetrics:
    """Returns a symbol's market metrics as fractions; raises Odd without a symbol."""
    item = mapping_of(raw, "the metrics")
    return TastyMetrics(
        symbol=needed_text(item, "symbol"),
        beta=float_at(item, "beta"),
        iv_rank=next((rank for key in _RANKS if (rank := float_at(item, key)) is not None), None),
        iv_percentile=float_at(item, "implied-volatility-percentile"),
        iv_index=float_at(item, "implied-volatility-index"),
        liquidity_rating=_rating(item),
        earnings_on=_earnings_on(item),
    )


def _rating(item: Json) -> int | None:
    rating = decimal_at(item, "liquidity-rating")
    return None if rating is None or rating != rating.to_integral_value() else int(rating)


def _earnings_on(item: Json) -> date | None:
    """The report's day, where Tastytrade shows it; an unreadable one is none."""
    earnings = item.get("earnings")
    if not isinstance(earnings, dict) or earnings.get("visible") is False:
        return None
    try:
        return date.fromisoformat(text_at(earnings, "expected-report-date")[:10])
    except ValueError:
        return None


def streamer_symbol_of(raw: object) -> str:
    """Returns DXLink's symbol out of an instrument; raises Odd when it tells none."""
    return needed_text(mapping_of(raw, "the instrument"), "streamer-symbol")


def _equity_expiration(chain: Json, source: str, odd: OddSink, raw: object) -> TastyExpiration:
    expiration = mapping_of(raw, "the expiration")
    return TastyExpiration(
        root=needed_text(chain, "root-symbol"),
        underlying_symbol=needed_text(chain, "underlying-symbol"),
        expiration=needed_date(expiration, "expiration-date"),
        settlement=_settlement(expiration),
        ticks=_ticks(chain.get("tick-sizes"), source, odd),
        multiplier=needed_decimal(chain, "shares-per-contract"),
        strikes=_strikes(expiration, source, odd),
    )


def _future_expiration(chain: Json, source: str, odd: OddSink, raw: object) -> TastyExpiration:
    expiration = mapping_of(raw, "the expiration")
    contract = text_at(expiration, "option-contract-symbol")
    match = _CONTRACT_ROOT.fullmatch(contract)
    root = text_at(expiration, "option-root-symbol") or (match[1] if match else "")
    if not root:
        raise Odd("no option-root-symbol")
    return TastyExpiration(
        root=root,
        underlying_symbol=text_at(expiration, "root-symbol") or needed_text(chain, "underlying-symbol"),
        expiration=needed_date(expiration, "expiration-date"),
        settlement=_settlement(expiration),
        ticks=_ticks(expiration.get("tick-sizes"), source, odd),
        multiplier=_future_multiplier(expiration),
        strikes=_strikes(expiration, source, odd),
        future_symbol=needed_text(expiration, "underlying-symbol"),
    )


def _future_multiplier(expiration: Json) -> Decimal:
    """Dollars per point: the notional value of one display unit, by how much of a point that is (0.5 / 0.01 = 50)."""
    notional = needed_decimal(expiration, "notional-value")
    factor = needed_decimal(expiration, "display-factor")
    if notional <= 0 or factor <= 0:
        raise Odd("notional-value and display-factor make no multiplier")
    multiplier = notional / factor
    whole = multiplier.to_integral_value()
    return whole if whole == multiplier else multiplier


def _settlement(expiration: Json) -> str:
    settlement = text_at(expiration, "settlement-type")
    if settlement not in _SETTLEMENTS:
        raise Odd(f"settlement-type is {settlement or 'absent'}")
    return settlement


def _strikes(expiration: Json, source: str, odd: OddSink) -> tuple[TastyStrike, ...]:
    return each(list_of(expiration.get("strikes"), "strikes"), _strike, source=source, odd=odd)


def _strike(raw: object) -> TastyStrike:
    item = mapping_of(raw, "the strike")
    call, put = text_at(item, "call"), text_at(item, "put")
    if not call and not put:
        raise Odd("neither call nor put")
    return TastyStrike(
        strike=needed_decimal(item, "strike-price"),
        call=call,
        put=put,
        call_streamer=text_at(item, "call-streamer-symbol"),
        put_streamer=text_at(item, "put-streamer-symbol"),
    )


def _ticks(raw: Any, source: str, odd: OddSink) -> tuple[TastyTick, ...]:
    return each(list_of(raw, "tick-sizes"), _tick, source=source, odd=odd)


def _tick(raw: object) -> TastyTick:
    item = mapping_of(raw, "the tick")
    value = needed_decimal(item, "value")
    if value <= 0:
        raise Odd("a tick that is not positive")
    threshold = decimal_at(item, "threshold")
    if threshold is None and item.get("threshold") is not None:
        raise Odd("threshold is no number")
    return TastyTick(value, threshold)
