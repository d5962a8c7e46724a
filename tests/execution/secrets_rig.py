"""Twelve secrets, and the means to look for any byte of them."""

from __future__ import annotations

import json
import traceback
import urllib.parse
from collections.abc import Iterable, Iterator

from tests.execution.brokers.tastytrade.jwt import refresh_token

SECRETS: tuple[str, ...] = (
    "plain-Xq7client-9fW2secret-0123456789",
    refresh_token({"scope": "read trade openid", "sub": "U-Planted-7Hq2"}),
    'quote\'and"double"-Zx81-Jv03',
    "back\\slash\\new\\tab-Ty47\\\\end",
    "first-line-Kw93-of-it\nsecond-line-Bd20-of-it",
    "Schlüssel-ÄÖÜß-Ωμέγα-ключ-77",
    "emoji-😀-Pn64-🔑-secret-5521",
    "per%cent%20encoded+and/plus=Qm36==",
    '<tag>&amp;"html"-Vb58-&lt;end',
    "spaces  around\tand tabs-Hn29",
    '{"json":["nested-Ld64"]},client;x=1',
    "short-9Zk",
)
#: A piece of a secret as long as this is a leak, wherever it was cut.
PIECE = 12


def spellings(secret: str) -> tuple[str, ...]:
    """Returns the ways a text is usually written down; not taken from what is tested."""
    return (
        secret,
        urllib.parse.quote(secret),
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        ascii(secret)[1:-1],
        repr(secret.encode())[2:-1],
        " ".join(secret.split()),
    )


def needles(secrets: Iterable[str]) -> frozenset[str]:
    """Returns whatever must not be found: short secrets whole, long ones in pieces."""
    return frozenset(piece for secret in secrets for spelling in spellings(secret) for piece in _cut(spelling))


def _cut(text: str) -> Iterator[str]:
    if len(text) <= PIECE:
        yield text
    for start in range(len(text) - PIECE + 1):
        yield text[start : start + PIECE]


def leaks(text: str, wanted: frozenset[str]) -> list[str]:
    """Returns what was found of the secrets."""
    lengths = {len(needle) for needle in wanted}
    seen = {text[start : start + length] for length in lengths for start in range(len(text) - length + 1)}
    return sorted(seen & wanted)


def told(error: BaseException) -> list[str]:
    """Returns every text an exception has to say."""
    texts = [str(error), repr(error), repr(error.args), "".join(traceback.format_exception(error))]
    return [*texts, *(str(getattr(error, name, "")) for name in ("what", "cure", "code", "kind"))]
