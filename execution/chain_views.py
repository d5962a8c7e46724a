"""The option chain as the engine tells it: listed strikes, and live columns for them (NaN = unknown)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from execution.brokers.port import ChainExpiry, UnderlyingMetrics
from models.contract import Contract
from models.enums import MarketDataKind

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ChainStatic:
    """The listed strikes of one expiration. `calls[i]`/`puts[i]` belong to `strikes[i]`; None = not listed."""

    expiry: ChainExpiry
    version: int
    strikes: tuple[Decimal, ...]
    calls: tuple[Contract | None, ...]
    puts: tuple[Contract | None, ...]
    days_to_expiry: int
    expires_at_utc: datetime


class ChainSide(NamedTuple):
    """Columns of one side of the chain; IV and Greeks are the desk's own, `broker_*` the broker's model.

    The broker's are NaN where it has none, or none of the last 60 s (`execution.market.model_greeks`).
    """

    bid: FloatArray
    ask: FloatArray
    last: FloatArray
    iv: FloatArray
    delta: FloatArray
    gamma: FloatArray
    theta_per_day: FloatArray
    vega_per_point: FloatArray
    held: FloatArray
    age_s: FloatArray
    broker_iv: FloatArray
    broker_delta: FloatArray
    broker_age_s: FloatArray
    #: Whether the quote is a delayed one.
    is_delayed: BoolArray


class ChainNumbers(NamedTuple):
    """Live figures for the ChainStatic of the same version.

    `kinds` are those of all quotes the figures rest on, the underlying's among them.
    """

    version: int
    at_utc: datetime
    spot: float | None
    expected_move: float | None
    atm_iv: float | None
    calls: ChainSide
    puts: ChainSide
    kinds: frozenset[MarketDataKind]
    #: The broker's own figures of the underlying; None at a broker that tells none.
    metrics: UnderlyingMetrics | None = None
