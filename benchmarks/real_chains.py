"""The numbers core on four real chains: vols or reasons, forwards from parity, deltas against the vendor's, smiles.

`benchmarks.real_chain_tables` prints it. Nothing here is timed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from analytics.american import american
from analytics.black_scholes import black76_first_order, bsm_first_order
from analytics.volatility import (
    ParityLine,
    RateCurve,
    Region,
    SmileSurface,
    fit_rate_curve,
    fit_smiles,
    implied_dividend_yield,
    parity_forward,
    parity_line,
    vol_uncertainty,
)
from analytics.volatility.american_parity import american_parity_line, implied_spot
from analytics.volatility.chain import VolStatus, chain_vols
from benchmarks.chain_rows import DAY, NAMES, Bools, ChainRows, Floats, Ints, read_rows

FOLDER: Final = Path(__file__).resolve().parents[2] / "shared" / "data"
#: Issue: median |our delta - vendor's| of rows with volume and an expiry past three days.
MOST_DELTA_GAP: Final = 0.003
#: The default rate of `assets/defaults.toml`.
DESK_RATE: Final = 0.0375
_PAST_DAYS: Final = 3
_VENDOR_ROWS: Final = 12
_VENDOR_ROUNDS: Final = 28
_HELD_OUT: Final = 5
_TWIN_WITHIN: Final = 0.1


class Pairs(NamedTuple):
    """Strikes of a series with a call and a put price of the day, and how well call less put is known there."""

    strike: Floats
    call: Floats
    put: Floats
    sd: Floats


@dataclass(frozen=True, slots=True)
class Carry:
    """Per series of one file: its parity line, rate (per year) and yield (per year), and the spot they start from."""

    lines: tuple[ParityLine, ...]
    rate: Floats
    dividend_yield: Floats
    spot: float

    @property
    def forward(self) -> Floats:
        """Forwards of the series, NaN without one."""
        return np.array([line.forward for line in self.lines])


@dataclass(frozen=True, slots=True)
class DeltaGaps:
    """Medians of |delta - vendor's| of the rows that have a vol at every carry (`docs/volatility.md`).

    own: our vol and carry. desk: our vol, carry as the live chain takes it. vendor_carry: our vol, the carry that the
    vendor's vols imply. vendor_inputs: that carry and the vendor's vol. vendor_vol: the vendor's vol, our carry.
    european: `vendor_inputs` without early exercise.
    """

    eligible: int
    compared: int
    own: float
    desk: float
    vendor_carry: float
    vendor_inputs: float
    vendor_vol: float
    european: float


@dataclass(frozen=True, slots=True)
class Twins:
    """Median call vol less put vol at the strikes nearest the money, of expiries past 30 days, in vol points; and the
    median carry (rate less yield, per year) of expiries past one year: ours, and what the vendor's vols imply.
    """

    ours_points: float
    vendor_points: float
    our_carry: float
    vendor_carry: float


@dataclass(frozen=True, slots=True)
class FileFindings:
    """All that was found in one file. reasons: rows by what became of them; they add up to `rows`.

    spot_gap: price of the underlying the options imply over the recorded one, less 1. held_out: median and p95 of
    |smile - vol| at strikes that were left out of the fit, and how many.
    """

    rows: ChainRows
    reasons: dict[str, int]
    own_rates: tuple[ParityLine, ...]
    carry: Carry
    spot_gap: float
    deltas: DeltaGaps | None
    twins: Twins | None
    smiles: SmileSurface
    held_out: tuple[float, float, int]


@dataclass(frozen=True, slots=True)
class Findings:
    """The rate curve of the European chain, by which all are discounted, and each file."""

    curve: RateCurve
    files: dict[str, FileFindings]


def examine(folder: Path = FOLDER) -> Findings:
    """Returns what the four chains in `folder` show."""
    rows = {name: read_rows(folder / f"chain_{name}_{DAY}.parquet") for name in NAMES}
    own = own_rates(rows["SPX"])
    known = [(one.t_years, line) for one, line in zip(rows["SPX"].series, own, strict=True)]
    curve = fit_rate_curve(
        t_years=[t for t, _ in known],
        rate=[line.rate for _, line in known],
        rate_se=[line.rate_se for _, line in known],
    )
    return Findings(curve, {name: _examine_file(one, curve, own) for name, one in rows.items()})


def own_rates(rows: ChainRows) -> tuple[ParityLine, ...]:
    """Parity lines of European series with the rate fitted, each from its own strikes alone."""
    pairs = (_pairs(rows, number) for number in range(len(rows.series)))
    return tuple(
        parity_line(
            strike=pair.strike,
            call_price=pair.call,
            put_price=pair.put,
            price_sd=pair.sd,
            t_years=one.t_years,
        )
        for pair, one in zip(pairs, rows.series, strict=True)
    )


def _examine_file(rows: ChainRows, curve: RateCurve, own: tuple[ParityLine, ...]) -> FileFindings:
    carry = _carry(rows, curve)
    columns = _columns(rows, carry)
    found = chain_vols(price=rows.price, **columns, is_american=rows.is_american)
    smiles, held_out = _smiles(rows, carry, found.vol)
    has_vendor = bool(np.isfinite(rows.vendor_delta).any())
    vendor = _vendor_carry(rows, carry.rate) if has_vendor else carry
    return FileFindings(
        rows=rows,
        reasons=_reasons(rows, found.status),
        own_rates=() if rows.is_american else own,
        carry=carry,
        spot_gap=carry.spot / rows.spot - 1.0,
        deltas=_delta_gaps(rows, carry, vendor, found.vol) if has_vendor else None,
        twins=_twins(rows, carry, vendor, found.vol) if has_vendor else None,
        smiles=smiles,
        held_out=held_out,
    )


def _pairs(rows: ChainRows, number: int) -> Pairs:
    """The pairs of a series that have both prices of the day."""
    mine = np.flatnonzero((rows.of == number) & np.isfinite(rows.price) & ~rows.is_old)
    calls, puts = mine[rows.is_call[mine]], mine[~rows.is_call[mine]]
    strike, of_call, of_put = np.intersect1d(rows.strike[calls], rows.strike[puts], return_indices=True)
    call, put = calls[of_call], puts[of_put]
    sd = np.hypot(rows.price_sd[call], rows.price_sd[put])
    return Pairs(strike, rows.price[call], rows.price[put], sd)


def _carry(rows: ChainRows, curve: RateCurve) -> Carry:
    t = np.array([one.t_years for one in rows.series])
    rate = curve.at(t)
    pairs = [_pairs(rows, number) for number in range(t.size)]
    spot = rows.spot
    if rows.is_american:
        rough = np.array([_nearest(pair, years, r) for pair, years, r in zip(pairs, t, rate, strict=True)])
        spot = implied_spot(forward=rough, t_years=t, rate=rate)
    lines = tuple(
        _line(pair, spot, float(years), float(r), is_american=rows.is_american)
        for pair, years, r in zip(pairs, t, rate, strict=True)
    )
    return Carry(lines, rate, _yields(np.array([line.forward for line in lines]), spot, t, rate), spot)


def _line(pair: Pairs, spot: float, t_years: float, rate: float, *, is_american: bool) -> ParityLine:
    if not is_american:
        return parity_line(
            strike=pair.strike,
            call_price=pair.call,
            put_price=pair.put,
            price_sd=pair.sd,
            t_years=t_years,
            rate=rate,
        )
    return american_parity_line(
        strike=pair.strike,
        call_price=pair.call,
        put_price=pair.put,
        price_sd=pair.sd,
        spot=spot,
        t_years=t_years,
        rate=rate,
    )


def _nearest(pair: Pairs, t_years: float, rate: float) -> float:
    """Forward as the live chain takes it: from the strikes nearest the money, prices as they are."""
    return parity_forward(strike=pair.strike, call_mid=pair.call, put_mid=pair.put, t_years=t_years, rate=rate).forward


def _yields(forward: Floats, spot: float, t: Floats, rate: Floats) -> Floats:
    return implied_dividend_yield(forward=forward, spot=spot, t_years=t, rate=rate)


def _columns(rows: ChainRows, carry: Carry, mask: Bools | None = None) -> dict[str, Any]:
    """Arguments of the pricing functions for all rows, or those of `mask`."""
    keep = slice(None) if mask is None else mask
    of = rows.of[keep]
    return {
        "spot": carry.spot,
        "strike": rows.strike[keep],
        "t_years": rows.t_years[keep],
        "rate": carry.rate[of],
        "dividend_yield": carry.dividend_yield[of],
        "is_call": rows.is_call[keep],
    }


def _reasons(rows: ChainRows, status: Any) -> dict[str, int]:
    """Counts of what became of the rows; a price of an earlier day is said so, because the reason is the age."""
    counts: dict[str, int] = {}
    for code in VolStatus:
        mine = status == code
        parts = {code.name: mine & ~rows.is_old, f"{code.name} (price of an earlier day)": mine & rows.is_old}
        if code in {VolStatus.NO_PRICE, VolStatus.EXPIRED}:
            parts = {code.name: mine}
        counts |= {name: int(part.sum()) for name, part in parts.items() if part.any()}
    return counts


def _eligible(rows: ChainRows) -> Bools:
    return np.asarray((rows.volume > 0.0) & (rows.days > _PAST_DAYS) & np.isfinite(rows.vendor_delta))


def _delta_gaps(rows: ChainRows, carry: Carry, vendor: Carry, vol: Floats) -> DeltaGaps:
    eligible, desk = _eligible(rows), _desk_carry(rows)
    mask = eligible & np.isfinite(vol) & (np.nan_to_num(rows.vendor_vol) > 0.0)
    desk_vol, vendor_vol = (
        chain_vols(price=rows.price[mask], **_columns(rows, one, mask), is_american=True).vol for one in (desk, vendor)
    )
    both = np.isfinite(desk_vol) & np.isfinite(vendor_vol)
    theirs, target = rows.vendor_vol[mask], rows.vendor_delta[mask]

    def gap(of: Carry, with_vol: Floats) -> float:
        delta = american(**_columns(rows, of, mask), vol=with_vol).delta
        return float(np.median(np.abs(delta - target)[both]))

    plain = bsm_first_order(**_columns(rows, vendor, mask), vol=theirs).delta
    return DeltaGaps(
        eligible=int(eligible.sum()),
        compared=int(both.sum()),
        own=gap(carry, vol[mask]),
        desk=gap(desk, desk_vol),
        vendor_carry=gap(vendor, vendor_vol),
        vendor_inputs=gap(vendor, theirs),
        vendor_vol=gap(carry, theirs),
        european=float(np.median(np.abs(plain - target)[both])),
    )


def _desk_carry(rows: ChainRows) -> Carry:
    """Carry as the live chain takes it: the default rate, parity of the nearest strikes as they are, recorded spot."""
    t = np.array([one.t_years for one in rows.series])
    rate = np.full(t.size, DESK_RATE)
    forward = np.array([_nearest(_pairs(rows, number), t[number], DESK_RATE) for number in range(t.size)])
    return Carry((), rate, _yields(forward, rows.spot, t, rate), rows.spot)


def _vendor_carry(rows: ChainRows, rate: Floats) -> Carry:
    """The yields at which the vendor's vols give back the midpoints, on the recorded spot and our rate.

    Per series the yield at which, over the rows nearest the money, calls and puts together are neither too dear nor too
    cheap (bisection, all series at once). Deltas play no part in it.
    """
    count = len(rows.series)
    mask = np.zeros(rows.of.size, dtype=np.bool_)
    mask[_near_rows(rows)] = True
    of, sign = rows.of[mask], np.where(rows.is_call[mask], 1.0, -1.0)
    known = np.unique(of)
    low, high = np.full(known.size, -1.0), np.full(known.size, 1.0)
    found = np.full(count, np.nan)
    for _ in range(_VENDOR_ROUNDS):
        found[known] = middle = 0.5 * (low + high)
        trial = Carry((), rate, found, rows.spot)
        worth = american(**_columns(rows, trial, mask), vol=rows.vendor_vol[mask]).price
        excess = sign * (worth - rows.price[mask])
        is_dear = np.array([np.median(excess[of == number]) > 0.0 for number in known])
        low, high = np.where(is_dear, middle, low), np.where(is_dear, high, middle)
    return Carry((), rate, found, rows.spot)


def _near_rows(rows: ChainRows) -> Ints:
    """The rows of every series nearest the money that have a vendor's vol."""
    has_vol = np.isfinite(rows.vendor_vol) & (rows.vendor_vol > 0.0) & np.isfinite(rows.price) & (rows.t_years > 0.0)
    distance = np.abs(np.log(rows.strike / rows.spot))
    found = []
    for number in range(len(rows.series)):
        mine = np.flatnonzero(has_vol & (rows.of == number))
        found.append(mine[np.argsort(distance[mine], kind="stable")][:_VENDOR_ROWS])
    return np.concatenate(found)


def _twins(rows: ChainRows, carry: Carry, vendor: Carry, vol: Floats) -> Twins:
    ours, theirs = [], []
    for number, one in enumerate(rows.series):
        mine = np.flatnonzero((rows.of == number) & np.isfinite(vol) & np.isfinite(rows.vendor_vol))
        calls, puts = mine[rows.is_call[mine]], mine[~rows.is_call[mine]]
        strike, of_call, of_put = np.intersect1d(rows.strike[calls], rows.strike[puts], return_indices=True)
        near = np.abs(np.log(strike / carry.forward[number])) < _TWIN_WITHIN
        if (one.expiry - DAY).days <= 30 or not near.any():
            continue
        call, put = calls[of_call][near], puts[of_put][near]
        ours.append(np.median(vol[call] - vol[put]))
        theirs.append(np.median(rows.vendor_vol[call] - rows.vendor_vol[put]))
    long = np.array([one.t_years > 1.0 for one in rows.series])
    return Twins(
        ours_points=100.0 * float(np.median(ours)),
        vendor_points=100.0 * float(np.median(theirs)),
        our_carry=float(np.nanmedian((carry.rate - carry.dividend_yield)[long])),
        vendor_carry=float(np.nanmedian((vendor.rate - vendor.dividend_yield)[long])),
    )


def _smiles(rows: ChainRows, carry: Carry, vol: Floats) -> tuple[SmileSurface, tuple[float, float, int]]:
    """The smiles of the out-of-the-money rows of the day, and what every fifth strike says when it is left out."""
    forward, t = carry.forward, np.array([one.t_years for one in rows.series])
    at = forward[rows.of]
    out = np.where(rows.is_call, rows.strike >= at, rows.strike <= at)
    rows_used = np.flatnonzero(out & np.isfinite(vol) & ~rows.is_old & np.isfinite(at))
    of = rows.of[rows_used]
    greeks = black76_first_order(
        forward=at[rows_used],
        strike=rows.strike[rows_used],
        t_years=t[of],
        rate=carry.rate[of],
        vol=vol[rows_used],
        is_call=rows.is_call[rows_used],
    )
    sd = vol_uncertainty(
        price_sd=rows.quote_sd[rows_used],
        vega_per_point=greeks.vega_per_point,
        delta=greeks.delta,
        spot=rows.spot,
        age_minutes=rows.age_minutes[rows_used],
    )
    points = {"expiry": of, "strike": rows.strike[rows_used], "vol": vol[rows_used], "vol_sd": sd}
    everything = fit_smiles(**points, forward=forward, t_years=t)
    is_left_out = np.arange(of.size) % _HELD_OUT == 0
    part = fit_smiles(**{key: column[~is_left_out] for key, column in points.items()}, forward=forward, t_years=t)
    marked = part.vol(expiry=of[is_left_out], strike=rows.strike[rows_used][is_left_out])
    inside = marked.region == Region.INTERPOLATED
    miss = np.abs(marked.vol - vol[rows_used][is_left_out])[inside]
    return everything, (float(np.median(miss)), float(np.quantile(miss, 0.95)), int(inside.sum()))
