"""Every shape that a wish lets through, with the account it is traded in and an estimate of the margin it takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analytics.black_scholes import Floats
from analytics.book_columns import Rows
from analytics.hedge_closing import ClosingTrades, account_numbers
from analytics.hedge_margin import scan_base, scan_rungs, scanned
from analytics.hedge_market import SearchInput
from analytics.hedge_opening import OpeningTrades
from analytics.hedge_scores import unit_figures
from analytics.hedge_shapes import CODE, NEW, Ints, Shapes, joined
from analytics.hedge_units import Units
from models.enums import MarginMethod
from models.hedge import HedgeKind, SearchLimits
from models.ids import AccountId


def account_names(given: SearchInput) -> tuple[AccountId, ...]:
    """The accounts by their numbers; new positions go into the first."""
    return tuple(account_numbers(given))


def all_shapes(given: SearchInput, wish: SearchLimits, units: Units) -> Shapes:
    """The shapes of every family, of the kinds and legs wished for."""
    shapes = joined([*ClosingTrades(given, wish, units).all(), *OpeningTrades(given, units).all()])
    kept = np.count_nonzero(shapes.ratio, axis=1) <= wish.max_legs
    if wish.kinds is not None:
        # Whether a closing trade closes or reduces is known with its size only.
        closing = {HedgeKind.CLOSE} if HedgeKind.REDUCE in wish.kinds else set()
        kept &= np.isin(shapes.kind, [CODE[kind] for kind in {*wish.kinds, *closing}])
    shapes = shapes.take(kept)
    first = 0 if account_names(given) else NEW
    shapes = replace(shapes, account=np.where(shapes.account == NEW, first, shapes.account))
    return replace(shapes, margin=_margins(given, units, shapes))


def wished(shapes: Shapes, wish: SearchLimits, shape: Rows, size: Ints) -> tuple[Rows, Ints]:
    """Sized shapes without closing trades that are not wished for: whole ones close, others reduce."""
    if wish.kinds is None:
        return shape, size
    whole = size == shapes.most[shape]
    closing = shapes.kind[shape] == CODE[HedgeKind.CLOSE]
    kept = ~closing | np.where(whole, HedgeKind.CLOSE in wish.kinds, HedgeKind.REDUCE in wish.kinds)
    return shape[kept], size[kept]


def _margins(given: SearchInput, units: Units, shapes: Shapes) -> Floats:
    """Dollars of requirement of one unit: estimated, by a scan of P&L where the account is margined by risk."""
    margin = shapes.margin.copy()
    methods = [None if one is None else one.margin.method for one in map(given.account, account_names(given))]
    stress: Floats | None = None
    if MarginMethod.PORTFOLIO in methods:
        stress = unit_figures(given, units, shapes).stress[:, scan_rungs(given)]
    for number, (name, method) in enumerate(zip(account_names(given), methods, strict=True)):
        mine = np.flatnonzero(shapes.account == number)
        if method is None:
            margin[mine] = 0.0
        elif method is MarginMethod.PORTFOLIO and stress is not None:
            margin[mine] = scanned(scan_base(given, units, name), stress[mine])
    return margin
