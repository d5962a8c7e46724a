"""Finds contracts and days in a sentence, in the many ways traders write them, and holds each against the facts."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Final

from ai.facts import Facts, KnownContract
from ai.figures import NUMBER
from ai.payload import Unit
from ai.words import DESK_WORDS, SMALL_SYMBOLS

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH: Final = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)\.?"
)
_RIGHT_AHEAD: Final = r"(?!\d|\.\d|/\d|,\d|\s?(?:[PC]\b|(?i:puts?|calls?)\b|-?(?i:strike)))"
_YEAR: Final = rf"(?:,?\s?'?(?:20)?\d\d{_RIGHT_AHEAD})"
_DATE: Final = (
    rf"(?:20\d\d-\d\d-\d\d|\d{{1,2}}(?:st|nd|rd|th)?\s?(?:of\s)?{_MONTH}{_YEAR}?"
    rf"|{_MONTH}[\s-]?\d{{1,2}}(?:st|nd|rd|th)?(?!\d|\.\d|,\d|/\d){_YEAR}?|{_MONTH}\s20\d\d{_RIGHT_AHEAD}"
    r"|\d{1,2}/\d{1,2}(?:/(?:20)?\d\d)?(?![\d/]))"
)
DAY: Final = re.compile(rf"(?<![\w/]){_DATE}(?!\w)")
#: A month without a day; "May" and "March" are words too.
MONTH: Final = re.compile(
    r"\b(?:Jan(?:uary)?|Feb(?:ruary)?|Apr(?:il)?|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?"
    r"|Dec(?:ember)?|JAN|FEB|APR|JUN|JUL|AUG|SEP|OCT|NOV|DEC)\b|\b(?:Mar|March|May)(?=\s(?i:expir|puts?|calls?))"
)
OCC: Final = re.compile(
    r"(?<![\w.])\.?/?(?P<root>[A-Za-z]{1,6}\d?)[\s_]{0,3}(?P<day>\d{6})\s?(?P<right>[PCpc])\s?(?P<strike>\d+(?:\.\d+)?)\b"
)
_STRIKES: Final = rf"\$?{NUMBER}(?:\s?[/–-]\s?{NUMBER}){{0,5}}"
CONTRACT: Final = re.compile(
    rf"(?:(?P<root>(?<![\w/.])(?:/?[A-Z][A-Z0-9]{{1,7}}|(?i:{SMALL_SYMBOLS})))\s)?"
    rf"(?:(?P<count>\d{{1,3}})\s?[x×]?\s(?!{_MONTH}))?"
    rf"(?:(?P<day>(?<![\w/])(?:{_DATE}|{_MONTH}))\s)?"
    rf"(?<![\w.,])(?P<strikes>{_STRIKES})"
    r"(?:(?P<letter>[PCpc])|[\s-]{1,2}(?:(?i:strike)[\s-])?(?P<right>[PC]|(?i:puts?|calls?)))\b"
    rf"(?:\s(?:expiring\s|of\s|for\s|in\s)?(?P<late_day>{_DATE}|{_MONTH})(?!\w))?"
)
#: A contract with what is done to it: "buy back two of the 6800 P".
ACTED: Final = re.compile(
    r"\b(?P<verb>(?i:buy|sell)(?:s|ing)?)(?:\s(?:back|out|to|open|close|the|a|an|another|of|more|one|two|three|four|five|ten"
    rf"|\d{{1,3}}[x×]?|contracts?|lots?|short|long))*\s{CONTRACT.pattern}"
)
PREFIXED: Final = re.compile(
    rf"\b(?:(?P<letter>[PC])\s?|(?P<right>(?i:put|call))\s(?:at\s|struck\sat\s|strike\s)?)"
    rf"(?P<strikes>{NUMBER})(?!\s?(?:%|per\s?cent|[kKmM]\b))\b"
)
_RIGHTS: Final = {"P": "put", "C": "call"}


def is_known_day(text: str, days: frozenset[date]) -> bool:
    """Returns whether a match of DAY or MONTH names one of the days; "Jun 26" may be a day or a month of a year."""
    return any(_names(text, day) for day in days)


def _names(text: str, day: date) -> bool:
    numbers = [int(each) for each in re.findall(r"\d+", text)]
    month = re.search(r"[A-Za-z]{3}", re.sub(r"\d+(?:st|nd|rd|th)", " ", text))
    if month is not None:
        if _MONTHS[day.month - 1].lower() != month[0].lower():
            return False
        if len(numbers) == 1:
            return numbers[0] in {day.day, day.year, day.year % 100}
        return not numbers or (numbers[0] == day.day and numbers[1] in {day.year, day.year % 100})
    if "-" in text:
        return numbers == [day.year, day.month, day.day]
    return numbers[:2] == [day.month, day.day] and (len(numbers) == 2 or numbers[2] in {day.year, day.year % 100})


def is_known_occ(found: re.Match[str], facts: Facts) -> bool:
    """Returns whether a match of OCC (`.SPXW261218P6800`, the 21-character form) is a contract of the facts."""
    digits = found["strike"]
    strike = int(digits) / 1000 if len(digits) == 8 and digits.isdecimal() else float(digits)
    return any(
        each.is_called(found["root"].upper())
        and each.expiry is not None
        and f"{each.expiry:%y%m%d}" == found["day"]
        and each.right == _RIGHTS[found["right"].upper()]
        and each.strike == strike
        for each in facts.contracts
    )


def is_known_contract(found: re.Match[str], facts: Facts) -> bool:
    """Returns whether every strike of a match of CONTRACT is one of a contract with the root, day and right named."""
    root = found["root"]
    if root in DESK_WORDS:
        root = None
    if found["count"] is not None and not is_count(float(found["count"]), facts):
        return False
    written = found["letter"] or found["right"]
    right = _RIGHTS[written[0].upper()]
    fitting = [
        each
        for each in facts.contracts
        if each.right == right
        and (root is None or each.is_called(root.upper()))
        and all(
            each.expiry is not None and _names(day, each.expiry)
            for day in (found["day"], found["late_day"])
            if day is not None
        )
    ]
    strikes = _strikes(found["strikes"])
    if all(any(each.strike == strike for each in fitting) for strike in strikes):
        return True
    # "2 puts" counts contracts, it names none.
    is_counting = written.lower() in {"put", "puts", "call", "calls"} and len(strikes) == 1
    return is_counting and bool(fitting) and is_count(strikes[0], facts)


def is_known_action(found: re.Match[str], facts: Facts) -> bool:
    """Returns whether the trade does with the contract of a match of ACTED what the verb says.

    Whoever buys "the 6700/6600" sells one of them: there the verb says nothing of a leg.
    """
    if len(_strikes(found["strikes"])) > 1:
        return True
    action = "BUY" if found["verb"][0] in "bB" else "SELL"
    done = replace(facts, contracts=tuple(each for each in facts.contracts if each.action == action))
    return is_known_contract(found, done)


def is_known_prefixed(found: re.Match[str], facts: Facts) -> bool:
    """Returns whether a match of PREFIXED ("P6800", "put at 6800") is a contract of the facts."""
    right = _RIGHTS[(found["letter"] or found["right"])[0].upper()]
    return all(any(_is(each, strike, right) for each in facts.contracts) for strike in _strikes(found["strikes"]))


def _is(contract: KnownContract, strike: float, right: str) -> bool:
    return contract.strike == strike and contract.right == right


def _strikes(text: str) -> list[float]:
    return [float(each.replace(",", "")) for each in re.findall(NUMBER, text)]


def is_count(value: float, facts: Facts) -> bool:
    """Returns whether so many of something are in the facts."""
    return any(figure.unit is Unit.COUNT and figure.value == value for figure in facts.figures)
