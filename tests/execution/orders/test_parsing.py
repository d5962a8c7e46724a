"""Quantity and price fields: what they take, and what they say to everything else."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.orders.parsing import parse_price, parse_quantity
from models.errors import InvalidInput


@pytest.mark.parametrize(("text", "quantity"), [("1", 1), (" 25 ", 25), ("007", 7), ("9999999", 9_999_999)])
def test_a_whole_number_is_a_quantity(text: str, quantity: int) -> None:
    assert parse_quantity(text) == quantity


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("0", "nothing"),
        ("00", "nothing"),
        ("1.5", "whole"),
        ("-2", "whole"),
        ("1,000", "comma"),
        ("two", "not a number"),
        ("1e5", "not a number"),
        ("NaN", "not a number"),
        ("٣", "not a number"),
        ("10000000", "too many digits"),
    ],
)
def test_a_quantity_that_cannot_be_used_is_named(text: str, word: str) -> None:
    with pytest.raises(InvalidInput, match=word) as caught:
        parse_quantity(text)
    assert caught.value.field == "quantity"


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("1.85", "1.85"),
        ("-1.85", "-1.85"),
        ("CR 1.85", "-1.85"),
        ("cr1.85", "-1.85"),
        ("DB 0.40", "0.40"),
        (".5", "0.5"),
        ("2.", "2"),
        (" 1234567.1234 ", "1234567.1234"),
    ],
)
def test_a_price_is_read_with_its_sign(text: str, price: str) -> None:
    assert parse_price(text) == Decimal(price)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("abc", "not a number"),
        ("1,85", "comma"),
        ("1,000.50", "comma"),
        ("1e5", "exponent"),
        ("1E-3", "exponent"),
        ("NaN", "not a number"),
        ("Infinity", "not a number"),
        ("--1", "not a number"),
        ("$1.85", "currency"),
        ("CR -1.85", "minus sign"),
        ("CR", "not a number"),
        ("1.23456", "too many digits"),
        ("12345678", "too many digits"),
        ("١.٥", "not a number"),
    ],
)
def test_a_price_that_cannot_be_used_is_named(text: str, word: str) -> None:
    with pytest.raises(InvalidInput, match=word) as caught:
        parse_price(text)
    assert caught.value.field == "limit_price"


@pytest.mark.parametrize("text", ["-1.85", "CR 1.85", "DB 1.85"])
def test_one_leg_takes_a_plain_price_only(text: str) -> None:
    with pytest.raises(InvalidInput, match="one leg has a plain price"):
        parse_price(text, allow_negative=False)


@given(st.text(max_size=12))
def test_any_text_gives_a_finite_price_or_a_clear_refusal(text: str) -> None:
    try:
        price = parse_price(text)
    except InvalidInput as refusal:
        told = (refusal.what, refusal.cure)
    else:
        told = ("a price", str(price)) if price.is_finite() else ("", "")
    assert all(told)


@given(st.decimals(min_value=Decimal(-9999999), max_value=Decimal(9999999), places=2))
def test_a_written_price_reads_back(price: Decimal) -> None:
    assert parse_price(f"{price:f}") == price
