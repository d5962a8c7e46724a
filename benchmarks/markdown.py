"""A report as tables for the documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

#: Documents other than `benchmarks.md`, and the benchmarks that belong into them.
_ERRORS = "exactness.md"
_OF_BROKERS = ("ibkr_storms", "ibkr_codes", "ibkr_combos", "tasty_storms", "tasty_posts", "tasty_odd")
_DOCUMENT_OF = dict.fromkeys(("exactness", "real_chains", *_OF_BROKERS), _ERRORS)
#: A document's own words stand above this line, what the command makes below it.
MARK = "<!-- Below this line: made by `python -m benchmarks --markdown`. -->"


def write_all(folder: Path, report: Mapping[str, Any]) -> None:
    """Writes each section into the document of a folder where it belongs: times and errors apart."""
    for name in dict.fromkeys(_DOCUMENT_OF.get(one, "benchmarks.md") for one in report["benchmarks"]):
        mine = {
            key: value for key, value in report["benchmarks"].items() if _DOCUMENT_OF.get(key, "benchmarks.md") == name
        }
        write(folder / name, {**report, "benchmarks": mine})


def write(path: Path, report: Mapping[str, Any]) -> None:
    """Writes the report's sections into a document: those of the same name are replaced, all else stays."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    words, _, made = text.partition(MARK)
    old = {part.partition("\n")[0]: part.strip() for part in f"\n{made}".split("\n## ")[1:]}
    kept = {**old, **sections(report)}
    body = "\n\n".join(f"## {part}" for part in kept.values())
    path.write_text(f"{words.strip()}\n\n{MARK}\n\n{body}\n".lstrip(), encoding="utf-8")


def sections(report: Mapping[str, Any]) -> dict[str, str]:
    """Returns per benchmark its name, date and machine, its figures, and its facts as tables."""
    machine = report["machine"]
    size = (
        f"{machine['cpus']} cores, {machine['memory_mb'] // 1024} GB, {machine['system']}, Python {machine['python']}"
    )
    load = f"load {report['load_before'][0]} before, {report['load_after'][0]} after"
    return {
        name: "\n".join([name, "", f"{report['date']}: {size}; {load}.", "", *_tables(outcome)]).strip()
        for name, outcome in report["benchmarks"].items()
    }


def _tables(outcome: Mapping[str, Any]) -> list[str]:
    facts = outcome["facts"]
    # Where the facts hold a table, its rows are what the figures are made of.
    lines = _rows(facts["table"]) if "table" in facts else _figures(outcome["figures"])
    flat = list(_flat({key: value for key, value in facts.items() if key != "table"}))
    for key, value in flat:
        if _is_table(value):
            lines += [f"{key}", "", *_rows(value)]
    scalars = {key: value for key, value in flat if not _is_table(value)}
    return [*lines, *_rows(_side_by_side(scalars))]


def _side_by_side(scalars: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns one row a fact; facts of several things alike ("QQQ: rows", "AAPL: rows") share a row, a column each."""
    names = list(dict.fromkeys(key.partition(": ")[0] for key in scalars))
    tails = [[key.partition(": ")[2] for key in scalars if key.partition(": ")[0] == name] for name in names]
    common = set(tails[0]).intersection(*tails[1:]) - {""} if tails else set()
    if len(names) < 2 or len(common) < 3:
        return [{"fact": key, "": value} for key, value in scalars.items()]
    every = list(dict.fromkeys(tail for mine in tails for tail in mine))
    rows = [{"fact": tail, **{name: scalars.get(f"{name}: {tail}") for name in names}} for tail in every]
    return [row for row in rows if any(row[name] is not None for name in names)]


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
