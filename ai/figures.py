"""Finds the numbers in a sentence, in digits and in words, and holds each against the facts."""

from __future__ import annotations

import math
import re
from typing import Final

from ai.facts import Facts, Figure
from ai.payload import Unit

NUMBER: Final = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
_SCALES: Final = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "bn": 1e9}
_PLUS: Final = frozenset({"+", "DB", "debit"})
_MINUS: Final = frozenset({"-", "−", "–", "CR", "credit"})
_SIDES: Final = frozenset({"DB", "CR", "debit", "credit"})
_UNIT_WORDS: Final = (
    r"%|per\s?cent(?:age)?\b|percent\b|pct\b|points?\b|pts?\b|vols?\b|days?\b|DTE\b|dte\b|weeks?\b|contracts?\b|lots?\b"
    r"|legs?\b|packages?\b|spreads?\b|limits?\b|candidates?\b|trades?\b|puts?\b|calls?\b|[x×](?!\w)|USD\b|dollars?\b"
    r"|delta\b"
)
FIGURE: Final = re.compile(
    r"(?:(?P<side>DB|CR|debit|credit)\s(?:of\s)?)?"
    r"(?:(?<![\w)])(?P<sign>[+\-−–])\s?)?"
    r"(?P<currency>US\$|USD\s|\$)?(?P<inner_sign>[+\-−])?"
    rf"(?<![A-Za-z\d])(?P<number>{NUMBER})"
    r"(?:\s?(?P<scale>k|K|m|M|bn|thousand|million)(?![A-Za-z]))?"
    rf"(?:\s?-?\s?(?P<unit>{_UNIT_WORDS}))?"
    r"(?:\s(?P<tail>debit|credit)\b)?(?![\w⁄])"
)
#: Written unit -> what the fact may count; none written -> anything.
_WRITTEN: Final = (
    (re.compile(r"%|per|pct"), frozenset({Unit.PCT})),
    (re.compile(r"USD|dollar"), frozenset({Unit.USD, Unit.PRICE, Unit.STRIKE})),
    (re.compile(r"point|pt|vol"), frozenset({Unit.PRICE, Unit.PCT, Unit.STRIKE, Unit.PLAIN})),
    (re.compile(r"day|DTE|dte|week"), frozenset({Unit.DAYS})),
    (re.compile(r"delta"), frozenset({Unit.PLAIN})),
    (re.compile(r"[a-z×]"), frozenset({Unit.COUNT})),
)
_PAID: Final = frozenset({Unit.USD, Unit.PRICE})
_EXACT: Final = frozenset({Unit.COUNT, Unit.DAYS, Unit.STRIKE})
_LARGEST_ERROR: Final = 0.05

_SMALL: Final = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS: Final = {
    **{word: float(value) for value, word in enumerate(_SMALL)},
    **{word: 10.0 * value for value, word in enumerate(_TENS, start=2)},
    "dozen": 12.0,
}
_MULTIPLES: Final = {"hundred": 100.0, "thousand": 1e3, "million": 1e6}
_WORD: Final = "|".join(sorted([*_WORDS, *_MULTIPLES], key=len, reverse=True))
SPELT: Final = re.compile(
    rf"\b(?P<words>(?:{_WORD})(?:(?:\s|-|\sand\s)(?:{_WORD})){{0,8}})[\s-](?P<unit>{_UNIT_WORDS})", re.IGNORECASE
)

#: Shares in words, each with what it may stand for in per cent; multiples stand for nothing that is told.
_SHARES: Final = (
    (re.compile(r"hal[fv]", re.IGNORECASE), 45.0, 55.0),
    (re.compile(r"two", re.IGNORECASE), 63.0, 70.0),
    (re.compile(r"three", re.IGNORECASE), 72.0, 78.0),
    (re.compile(r".*third", re.IGNORECASE), 30.0, 37.0),
    (re.compile(r".*quarter", re.IGNORECASE), 22.0, 28.0),
)
SHARE: Final = re.compile(
    r"\b(?:half|halves|halved|halving|(?:a|one)[\s-]third|two[\s-]thirds|(?:a|one)[\s-]quarter|three[\s-]quarters"
    r"|twice|doubles|doubled|doubling|triples|tripled|tripling|(?:double|triple)\s(?:the|its|what|that)|\w{3,8}fold)\b",
    re.IGNORECASE,
)


def is_known_share(found: re.Match[str], facts: Facts) -> bool:
    """Returns whether a match of SHARE ("half", "two thirds") is about one of the percentages."""
    low, high = next(((low, high) for words, low, high in _SHARES if words.match(found[0])), (math.inf, math.inf))
    return any(figure.unit is Unit.PCT and low <= abs(figure.value) <= high for figure in facts.figures)


def is_known_figure(found: re.Match[str], facts: Facts) -> bool:
    """Returns whether a match of FIGURE stands in the facts: value as rounded, unit and sign as written."""
    digits = found["number"].replace(",", "")
    scale = _SCALES.get((found["scale"] or "").lower(), 1.0)
    decimals = len(digits.partition(".")[2])
    unit = found["unit"] or ("USD" if found["currency"] else "")
    signs = {found["side"], found["sign"], found["inner_sign"], found["tail"]} - {None}
    value = float(digits) * scale
    return _is_known(value, unit, facts, half_unit=0.5 * 10.0**-decimals * scale, signs=frozenset(signs))


def is_known_spelt(found: re.Match[str], facts: Facts) -> bool:
    """Returns whether a match of SPELT ("two contracts", "twenty-five per cent") stands in the facts."""
    total = group = 0.0
    for word in re.findall(_WORD, found["words"].lower()):
        if word in _MULTIPLES:
            group = (group or 1.0) * _MULTIPLES[word]
            if word != "hundred":
                total, group = total + group, 0.0
        else:
            group += _WORDS[word]
    return _is_known(total + group, found["unit"].lower(), facts, half_unit=0.5, signs=frozenset())


def _is_known(value: float, unit: str, facts: Facts, *, half_unit: float, signs: frozenset[str | None]) -> bool:
    if unit.startswith("week"):
        value, half_unit = 7 * value, 0.0
    may_count = next((units for pattern, units in _WRITTEN if unit and pattern.match(unit)), frozenset(Unit))
    if signs & _SIDES:
        may_count &= _PAID
    wants_plus, wants_minus = bool(signs & _PLUS), bool(signs & _MINUS)
    return any(
        _agrees(value, figure, half_unit)
        for figure in facts.figures
        if figure.unit in may_count and not (wants_plus and figure.value < 0) and not (wants_minus and figure.value > 0)
    )


def _agrees(value: float, figure: Figure, half_unit: float) -> bool:
    size = abs(figure.value)
    error = abs(value - size)
    if figure.unit in _EXACT:
        return error < 1e-9
    return error <= half_unit * (1 + 1e-9) and error <= _LARGEST_ERROR * size
