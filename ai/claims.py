"""Finds what a sentence claims, figures, contracts, symbols, days, candidates, and which of it is not in the facts.

Whatever has a digit in it and is not recognised counts as false: what cannot be looked up is not shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from ai.facts import Facts
from ai.figures import FIGURE, SHARE, SPELT, is_known_figure, is_known_share, is_known_spelt
from ai.mentions import (
    ACTED,
    CONTRACT,
    DAY,
    MONTH,
    OCC,
    PREFIXED,
    is_count,
    is_known_action,
    is_known_contract,
    is_known_day,
    is_known_occ,
    is_known_prefixed,
)
from ai.words import DESK_WORDS, LEVELS, SMALL_SYMBOLS

#: How the desk names candidates; a word of this form is meant as one.
CANDIDATE: Final = re.compile(r"(?<![\w$])[A-WYZa-wyz]\d{1,4}(?![\w%])(?!\s?[PC]\b)")
_PHRASES: Final = re.compile(r"\bS&P(?:\s?500)?\b|\bP&L\b|\bP/L\b|\bT\+0\b")
_ORDINAL: Final = re.compile(r"\b\d{1,2}(?:st|nd|rd|th)\b")
_TIMES: Final = re.compile(r"(?<!\w)[xX×]\s?(?P<number>\d{1,3})(?!\w|[.,]\d)")
_SYMBOL: Final = re.compile(r"(?<![\w/.&])[./]?/?[A-Z][A-Z0-9]{1,7}(?!\w|&)")
_ONE_LETTER_SYMBOL: Final = re.compile(r"\b(?P<symbol>[B-HJ-Z])\s(?:calls?|puts?|shares?|stock|options?)\b")
_SMALL_SYMBOL: Final = re.compile(rf"(?<![\w/])(?:{SMALL_SYMBOLS})(?!\w)", re.IGNORECASE)
_LEFT: Final = re.compile(r"[^\s\0]*[\d⁄½¼¾%‰][^\s\0]*")
#: Stands where something was found; nothing that follows joins over it.
_TAKEN: Final = " \0 "


def mentioned(sentence: str, facts: Facts) -> frozenset[str]:
    """Returns the candidates that a sentence names."""
    return frozenset(found[0].lower() for found in CANDIDATE.finditer(sentence)) & facts.ids


def false_claims(sentence: str, facts: Facts) -> tuple[str, ...]:
    """Returns the pieces of a plain sentence that are not in the facts, as they are written."""
    false: list[str] = []
    rest = sentence

    def take(pattern: re.Pattern[str], is_true: Callable[[re.Match[str]], bool]) -> None:
        nonlocal rest

        def look(found: re.Match[str]) -> str:
            if not is_true(found):
                false.append(found[0].strip())
            return _TAKEN

        rest = pattern.sub(look, rest)

    days = facts.days()
    take(_PHRASES, lambda _: True)
    take(OCC, lambda found: is_known_occ(found, facts))
    # Only looked at: the contract itself is taken next.
    acted = [found for found in ACTED.finditer(rest) if is_known_contract(found, facts)]
    false += [found[0] for found in acted if not is_known_action(found, facts)]
    take(CONTRACT, lambda found: is_known_contract(found, facts))
    take(PREFIXED, lambda found: is_known_prefixed(found, facts))
    take(DAY, lambda found: is_known_day(found[0], days))
    take(MONTH, lambda found: is_known_day(found[0], days))
    take(_ORDINAL, lambda _: True)
    take(CANDIDATE, lambda found: found[0].lower() in facts.ids)
    take(_TIMES, lambda found: is_count(float(found["number"]), facts))
    take(FIGURE, lambda found: is_known_figure(found, facts))
    take(SHARE, lambda found: is_known_share(found, facts))
    take(SPELT, lambda found: is_known_spelt(found, facts))
    take(_SYMBOL, lambda found: _is_known_symbol(found[0], facts))
    take(_SMALL_SYMBOL, lambda found: _is_known_symbol(found[0].upper(), facts))
    take(_ONE_LETTER_SYMBOL, lambda found: found["symbol"] in facts.symbols)
    take(_LEFT, lambda _: False)
    return tuple(false)


def _is_known_symbol(text: str, facts: Facts) -> bool:
    symbol = text.lstrip("./")
    return symbol in facts.symbols or symbol in DESK_WORDS or symbol in LEVELS
