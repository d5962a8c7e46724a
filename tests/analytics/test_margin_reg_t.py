"""Reg-T margin against published and hand-worked examples, and properties of the best pairing."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.legs import PayoffLeg, linear_leg, option_leg
from analytics.margin import (
    FuturesRule,
    MarginClass,
    MarginError,
    MarginRequirement,
    PairingKind,
    RegTMargin,
    UnderlyingTerms,
)

DAY_S = 86_400.0
FIELDS = (
    "option_requirement",
    "long_option_cost",
    "short_option_proceeds",
    "stock_initial",
    "stock_maintenance",
    "initial_requirement_total",
    "initial_call_net_of_proceeds",
    "option_maintenance",
    "maintenance_total",
)


def legs_of(example: dict[str, Any]) -> list[PayoffLeg]:
    multiplier = float(example["underlying"]["multiplier"])
    return [
        linear_leg("U", position["qty"], price=position["price"])
        if position["type"] == "stock"
        else option_leg(
            "U",
            position["right"],
            position["strike"],
            position["days"] * DAY_S,
            position["qty"],
            multiplier=multiplier,
            price=position["price"],
        )
        for position in example["positions"]
    ]


def terms_of(underlying: dict[str, Any]) -> UnderlyingTerms:
    return UnderlyingTerms(
        underlying["price"], MarginClass(underlying["kind"]), underlying.get("leverage", 1.0)
    )


def margin_of(
    legs: list[PayoffLeg], price: float = 100.0, margin_class: MarginClass = MarginClass.EQUITY
) -> MarginRequirement:
    return RegTMargin().requirement(legs, {"U": UnderlyingTerms(price, margin_class)}, 0.0)


def test_every_reference_example_is_met_to_the_cent(shared_reference: Path) -> None:
    examples = json.loads((shared_reference / "margin_regt.json").read_text("utf-8"))["examples"]
    wrong: list[str] = []
    for example in examples:
        result = RegTMargin().requirement(legs_of(example), {"U": terms_of(example["underlying"])}, 0.0)
        wrong += [
            f"{example['id']} {example['name']}: {field} {getattr(result, field)} not {example['expected'][field]}"
            for field in FIELDS
            if getattr(result, field) != pytest.approx(example["expected"][field], abs=0.005)
        ]
    assert len(examples) >= 52
    assert not wrong
