"""A report as tables for the documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def markdown(report: Mapping[str, Any]) -> str:
    """Returns date and machine, then each benchmark: its figures, and its facts as tables."""
    machine = report["machine"]
    size = (
        f"{machine['cpus']} cores, {machine['memory_mb'] // 1024} GB, {machine['system']}, Python {machine['python']}"
    )
    load = f"load {report['load_before'][0]} before, {report['load_after'][0]} after"
    lines = [f"{report['date']}: {size}; {load}.", ""]
    for name, outcome in report["benchmarks"].items():
        facts = outcome["facts"]
        lines += [f"## {name}", ""]
        # Where the facts hold a table, its rows are what the figures are made of.
        lines += _rows(facts["table"]) if "table" in facts else _figures(outcome["figures"])
        scalars = []
        for key, value in _flat({key: value for key, value in facts.items() if key != "table"}):
            if _is_table(value):
                lines += [f"{key}", "", *_rows(value)]
            else:
                scalars.append({"fact": key, "": value})
        lines += _rows(scalars)
    lines += [f"{name} was not measured: {why}" for name, why in report["failed"].items()]
    return "\n".join(lines).rstrip() + "\n"


def _figures(figures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = ["| figure | median | noise | target | |", "|---|---:|---:|---:|---|"]
    for name, one in figures.items():
        target = f"<= {one['at_most']:g}" if one["at_most"] is not None else ""
        target = f">= {one['at_least']:g}" if one["at_least"] is not None else target
        verdict = {None: "", True: "met", False: "missed"}[one["met"]]
        noise = f"± {one['noise_pct'] or 0.0:.0f} %" if len(one["runs"]) > 1 else "one run"
        lines.append(f"| {name} | {_cell(one['median'])} {one['unit']} | {noise} | {target} | {verdict} |")
    return [*lines, ""]


def _rows(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    keys = list(rows[0])
    is_text = [isinstance(rows[0][key], str) for key in keys]
    lines = [f"| {' | '.join(keys)} |", f"|{'|'.join('---' if text else '---:' for text in is_text)}|"]
    lines += [f"| {' | '.join(_cell(row[key]) for key in keys)} |" for row in rows]
    return [*lines, ""]


def _is_table(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _flat(facts: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in facts.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}: ")
        else:
            yield f"{before}{key}", value


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
