"""The real chains as tables for people, and as an outcome of the benchmarks.

`python -m benchmarks.real_chain_tables [FOLDER]` prints them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from analytics.volatility import ParityStatus, SmileStatus
from benchmarks.figures import Outcome, figure
from benchmarks.plan import Plan
from benchmarks.real_chains import FOLDER, MOST_DELTA_GAP, FileFindings, Findings, examine


def measure(plan: Plan, folder: Path) -> Outcome:
    """Returns the chains' findings as an outcome; `plan` has no sizes for it and `folder` nothing is written to."""
    del plan, folder
    return outcome(examine())


def outcome(found: Findings) -> Outcome:
    """Returns the figures that have a bar, and everything else as facts."""
    figures = {}
    for name, one in found.files.items():
        if one.deltas is not None:
            figures[f"{name.lower()}_delta_gap"] = figure("", [one.deltas.vendor_carry], at_most=MOST_DELTA_GAP)
    facts = {name: _facts(one) for name, one in found.files.items()}
    facts["SPX"]["parity"] = parity_rows(found)
    return Outcome(figures, facts)


def parity_rows(found: Findings) -> list[dict[str, Any]]:
    """Returns one row a series of SPX and SPXW: forward, rate fitted and used, yield, residuals and strikes."""
    one = found.files["SPX"]
    table = []
    for number, (series, own, line) in enumerate(zip(one.rows.series, one.own_rates, one.carry.lines, strict=True)):
        is_known = line.status is ParityStatus.OK
        table.append(
            {
                "expiry": series.expiry.isoformat(),
                "root": series.root,
                "days": round(series.t_years * 365.0, 2),
                "status": line.status.name if series.t_years > 0.0 else "EXPIRED",
                "forward": line.forward if is_known else None,
                "forward_se": line.forward_se if is_known else None,
                "implied_rate": own.rate if own.status is ParityStatus.OK else None,
                "implied_rate_se": own.rate_se if own.status is ParityStatus.OK else None,
                "rate_used": float(one.carry.rate[number]),
                "implied_yield": float(one.carry.dividend_yield[number]) if is_known else None,
                "residual_median": line.residual_median if is_known else None,
                "residual_p95": line.residual_p95 if is_known else None,
                "strikes_used": line.strikes_used,
                "strikes_given": line.strikes_given,
            }
        )
    return table


def _facts(one: FileFindings) -> dict[str, Any]:
    report = one.smiles.report
    with_smile = report.status != SmileStatus.NO_SMILE
    median, p95, count = one.held_out
    return {
        "rows": one.rows.of.size,
        "priced": int(np.isfinite(one.rows.price).sum()),
        "reasons": one.reasons,
        "spot_gap": one.spot_gap,
        "deltas": None if one.deltas is None else {key: getattr(one.deltas, key) for key in one.deltas.__slots__},
        "twins": None if one.twins is None else {key: getattr(one.twins, key) for key in one.twins.__slots__},
        "smiles": {
            "expiries": {status.name: int((report.status == status).sum()) for status in SmileStatus},
            "points_used": int(report.points_used.sum()),
            "outliers": int(report.outliers.sum()),
            "vol_error_median": float(np.median(report.vol_error_median[with_smile])),
            "vol_error_p95": float(np.median(report.vol_error_p95[with_smile])),
            "price_error_median": float(np.median(report.price_error_median[with_smile])),
            "butterfly_least": float(np.min(report.butterfly_least[with_smile])),
            "calendar_lift": float(np.nanmax(report.calendar_lift)),
            "held_out_median": median,
            "held_out_p95": p95,
            "held_out_strikes": count,
        },
    }


def text(found: Findings) -> str:
    """Returns all tables."""
    curve = found.curve
    lines = [
        f"rate curve of SPX parity: {curve.level:.4%} + {curve.slope:.4%} x years, spread {curve.spread:.4%}",
        f"fitted to {curve.expiries_used} series",
        "",
        "what became of every row",
    ]
    for name, one in found.files.items():
        lines.append(f"{name}: {one.rows.of.size} rows, {int(np.isfinite(one.rows.price).sum())} priced")
        lines += [f"    {count:>6}  {reason}" for reason, count in one.reasons.items()]
    lines += ["", "median |delta - vendor's|, rows with volume, expiry past 3 days"]
    head = ("eligible", "compared", "own", "desk", "vendor_carry", "vendor_inputs", "vendor_vol", "european")
    lines.append("      " + "".join(f"{key:>15}" for key in head))
    for name, one in found.files.items():
        if one.deltas is not None:
            values = (getattr(one.deltas, key) for key in head)
            cells = (f"{value:>15}" if isinstance(value, int) else f"{value:>15.5f}" for value in values)
            lines.append(f"{name:<6}" + "".join(cells))
    lines += ["", "call vol less put vol at the money (points), carry past a year, spot implied / recorded - 1"]
    for name, one in found.files.items():
        if one.twins is not None:
            lines.append(
                f"{name:<6} ours {one.twins.ours_points:+.2f}  vendor {one.twins.vendor_points:+.2f}"
                f"   carry ours {one.twins.our_carry:+.3%}  vendor {one.twins.vendor_carry:+.3%}"
                f"   spot {one.spot_gap:+.4%}"
            )
    return "\n".join([*lines, "", *_smile_lines(found), "", *_parity_lines(found)])


def _smile_lines(found: Findings) -> list[str]:
    lines = ["smiles: medians over the expiries; held out: every fifth strike, not fitted"]
    for name, one in found.files.items():
        smiles = _facts(one)["smiles"]
        statuses = ", ".join(f"{count} {status}" for status, count in smiles["expiries"].items() if count)
        lines.append(
            f"{name:<6} {statuses}; {smiles['points_used']} points, {smiles['outliers']} outliers;"
            f" vol error {smiles['vol_error_median']:.4f} (p95 {smiles['vol_error_p95']:.4f}),"
            f" price {smiles['price_error_median']:.3f}; least g {smiles['butterfly_least']:.4f},"
            f" calendar lift {smiles['calendar_lift']:.4f};"
            f" held out {smiles['held_out_median']:.4f} (p95 {smiles['held_out_p95']:.4f})"
            f" of {smiles['held_out_strikes']}"
        )
    return lines


def _parity_lines(found: Findings) -> list[str]:
    head = (
        f"{'expiry':<11}{'root':<5}{'days':>9}{'forward':>11}{'+-':>7}{'rate':>9}{'+-':>9}{'yield':>9}"
        f"{'|res| med':>11}{'p95':>9}{'strikes':>10}  status"
    )
    rows = [
        f"{row['expiry']:<11}{row['root']:<5}{row['days']:>9.2f}{_cell(row['forward'], 11, '.2f')}"
        f"{_cell(row['forward_se'], 7, '.2f')}{_cell(row['implied_rate'], 9, '.2%')}"
        f"{_cell(row['implied_rate_se'], 9, '.2%')}{_cell(row['implied_yield'], 9, '.2%')}"
        f"{_cell(row['residual_median'], 11, '.2f')}{_cell(row['residual_p95'], 9, '.2f')}"
        f"{row['strikes_used']:>6}/{row['strikes_given']:<3}  {row['status']}"
        for row in parity_rows(found)
    ]
    return ["SPX put-call parity per series", head, *rows]


def _cell(value: float | None, width: int, form: str) -> str:
    return f"{'-' if value is None else format(value, form):>{width}}"


def main() -> int:
    """Prints the tables of the chains in the folder given, or the shared one."""
    print(text(examine(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
