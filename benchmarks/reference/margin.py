"""Margin against margin_regt.json, margin_pm.json and margin_span.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from analytics.legs import option_leg
from analytics.margin import MarginClass, PortfolioRules, RegTMargin, UnderlyingTerms, portfolio_margin, scan
from analytics.margin.span import span_requirement
from benchmarks.reference.lines import Line, document, line, wrong
from tests.analytics.margin_books import reference_book
from tests.analytics.test_margin_reg_t import FIELDS, legs_of, terms_of
from tests.analytics.test_margin_span import parameters_of
from tests.analytics.test_margin_span import reference_book as span_book

_CENT, _SCALE, _RELATIVE = 0.005, 1e-11, 1e-11


def reg_t(folder: Path) -> list[Line]:
    """Returns every field of every example in dollars, and the naked options that a broker was seen to margin."""
    file = "margin_regt.json"
    found = document(folder / file)
    got, want = [], []
    for example in found["examples"]:
        result = RegTMargin().requirement(legs_of(example), {"U": terms_of(example["underlying"])}, 0.0)
        got.append([getattr(result, field) for field in FIELDS])
        want.append([example["expected"][field] for field in FIELDS])
    lines = [
        line(file, field, "$", np.array(got)[:, number], np.array(want)[:, number], 1.0, _CENT)
        for number, field in enumerate(FIELDS)
    ]
    rows = found["broker_observations"]["rows"]
    naked = [_naked(row) for row in rows]
    rule, seen = ([row[key] for row in rows] for key in ("rule_value", "ib_observed"))
    return [
        *lines,
        line(file, "naked options, the rule", "$", naked, rule, 1.0, _CENT),
        line(file, "naked options, a broker's own", "relative", naked, seen, np.abs(seen), None),
    ]


def _naked(row: dict[str, Any]) -> float:
    margin_class = MarginClass.BROAD_INDEX if row["product"].startswith("SPX") else MarginClass.EQUITY
    leg = option_leg("U", row["right"], row["strike"], 30 * 86_400.0, -1, price=row["option_price"])
    return (
        RegTMargin().requirement([leg], {"U": UnderlyingTerms(row["underlying"], margin_class)}, 0.0).option_requirement
    )


def portfolio(folder: Path) -> list[Line]:
    """Returns P&L at every point of every class group, requirements of groups, products and books."""
    file = "margin_pm.json"
    points: list[np.ndarray] = []
    groups: list[tuple[float, float]] = []
    products: list[tuple[float, float]] = []
    books: list[tuple[float, float]] = []
    misses: list[bool] = []
    for example in document(folder / file)["examples"]:
        offsets = {name: one["offset"] for name, one in example["product_groups"].items() if one["offset"]}
        found = portfolio_margin(reference_book(example), rules=PortfolioRules(product_offsets=offsets))
        scale = max(abs(pnl) for one in example["class_groups"].values() for pnl in one["pnl"])
        for group in found.class_groups:
            stated = example["class_groups"][group.name]
            points.append(np.abs(group.point_pnl - np.array(stated["pnl"])) / scale)
            groups.append((group.requirement, stated["requirement"]))
            misses.append(group.worst_point != stated["worst_point"])
        products += [
            (one.requirement, example["product_groups"][one.name]["requirement"]) for one in found.product_groups
        ]
        books.append((found.requirement, example["requirement"]))
    return [
        Line(file, "P&L at each point", "of the largest", np.concatenate(points), _SCALE),
        wrong(file, "worst point of a class group", misses),
        _pairs(file, "requirement of a class group", groups),
        _pairs(file, "requirement of a product group", products),
        _pairs(file, "requirement of a book", books),
    ]


def span(folder: Path) -> list[Line]:
    """Returns P&L in every scenario, the requirement, and the printed arrays netted."""
    file = "margin_span.json"
    stated = document(folder / file)
    scenarios: list[np.ndarray] = []
    requirements: dict[str, list[tuple[float, float]]] = {
        key: [] for key in ("scan_risk", "short_option_minimum", "risk_requirement", "net_option_value")
    }
    misses: list[bool] = []
    for example in stated["examples"]:
        found = span_requirement(span_book(example), parameters_of(example))
        want = np.array(example["scenario_pnl"])
        scenarios.append(np.abs(found.scenario_pnl - want) / np.abs(want).max())
        misses.append(found.worst_scenario != example["worst_scenario"])
        for key, pairs in requirements.items():
            pairs.append((getattr(found, key), example[key]))
    printed = stated["published_array"]
    arrays = {"call": printed["long_dec_410_call"], "future": printed["long_future"]}
    netted = [
        (
            scan(
                arrays=[arrays[name] for name in one["positions"]], quantity=list(one["positions"].values())
            ).scan_risk,
            one["requirement"],
        )
        for one in printed["portfolios"]
    ]
    return [
        Line(file, "P&L in each scenario", "of the largest", np.concatenate(scenarios), _SCALE),
        wrong(file, "worst scenario", misses),
        *(_pairs(file, key.replace("_", " "), pairs) for key, pairs in requirements.items()),
        line(file, "printed arrays, netted", "$", [got for got, _ in netted], [want for _, want in netted], 1.0, _CENT),
    ]


def _pairs(file: str, quantity: str, pairs: list[tuple[float, float]]) -> Line:
    """Relative errors; where nothing is required, of a dollar."""
    got, want = np.array(pairs, dtype=np.float64).T
    return line(file, quantity, "relative", got, want, np.maximum(np.abs(want), 1.0), _RELATIVE)
