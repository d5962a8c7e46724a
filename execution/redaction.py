"""Takes what is secret out of everything that is logged or shown, at any level, whoever logs it.

    redactor = Redactor()
    store = choose_store(path, learn=redactor.learn).store     # every secret that passes is known from then on
    protect(handler, redactor)                                 # each handler of the root logger
    guard_last_words(redactor)                                 # uncaught exceptions of any thread, to standard error
    text = redactor.clean(text)                                # a report, a dialog's details

Taken out are: each known secret, also quoted, escaped, percent-encoded, in base64 or wrapped over lines; each piece of
12 characters of one, wherever it was cut; whatever follows `Bearer`, looks like a JWT, or is the value of something
called `client_secret`, `refresh_token`, `access_token` and the like, known or not.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import sys
import threading
import traceback
import urllib.parse
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final

from models.secret_text import MASK, SecretText

#: Shorter than this nothing is a secret: taking it out everywhere would spell it.
LEAST_SECRET: Final = 4
#: A piece of a secret so long is taken out, a shorter one may be a word of its own.
PIECE: Final = 12
#: Pieces with fewer different characters ("------------") are anybody's.
_LEAST_VARIETY: Final = 5
_PASSING_KEPT: Final = 8
#: What is looked for before the slower search for pairs.
_HINT: Final = re.compile(r"(?i)secret|token|key|pass|authoriz|tt_")

_DASH: Final = r"(?:[_-]|%5f|%2d)?"
_NAMES: Final = (
    rf"(?:client|provider){_DASH}secret|api{_DASH}key|tt_secret|tt_refresh|passphrase|password|passwd"
    rf"|(?:refresh|access|id|auth|quote|session|remember|streamer){_DASH}token|authorization"
)
#: `"name": "`, `name=`, `name%3D`, `('name', '`, also escaped once more or as bytes.
_JOINT: Final = r"(?:(?:\\*[\"'])?\s*(?:=>|[:=]|%3[ad])|\\*[\"']\s*,)\s*"
#: In quotes up to the same quotes again, or to the end where it was cut; else up to the next blank or bracket.
_VALUE: Final = (
    r"(?:b(?=[\"']))?(?:(\\*)\".*?(?:(?<!\\)\2\"|\Z)|(\\*)'.*?(?:(?<!\\)\3'|\Z)"
    r"|(?!None\b|null\b)(?:(?:basic|bearer|token)\s+)?[^\s,;&\"'})\]]+)"
)
_PAIR: Final = re.compile(rf"(?is)((?<![a-z])(?:{_NAMES}){_JOINT}|(?<=[\"'])token\\*[\"']\s*[:,]\s*){_VALUE}")
_BEARER: Final = re.compile(r"(?i)\bbearer(?:\s|%20|\+|\\t)+[^\s\"'\\,;})\]]+")
_JWT: Final = re.compile(r"eyJ[\w-]{6,}(?:(?:\.|%2[eE])[\w-]*){0,4}")

Clean = Callable[[str], str]


class Redactor:
    """Knows the secrets of this run and takes them out of texts. May be used from any thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        #: Secret -> its spellings in pieces, and its spellings that are too short for one.
        self._lasting: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        self._passing: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        self._pieces: frozenset[str] = frozenset()
        #: Longest first, so that no part of a longer one is left over.
        self._short: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Redactor({len(self._lasting)} secrets)"

    def learn(self, secret: SecretText | str) -> None:
        """Takes out this secret too from now on, for as long as the program runs: a log may repeat it later."""
        text = secret.reveal() if isinstance(secret, SecretText) else secret
        if len(text.strip()) >= LEAST_SECRET:
            self._add(self._lasting, text)

    def learn_passing(self, token: str) -> None:
        """Takes out a token that ends by itself; the last few are remembered."""
        if len(token.strip()) >= LEAST_SECRET:
            self._add(self._passing, token)

    def _add(self, where: dict[str, tuple[frozenset[str], frozenset[str]]], text: str) -> None:
        with self._guard:
            if text in self._lasting or text in self._passing:
                return
            where[text] = _traces(text)
            while len(self._passing) > _PASSING_KEPT:
                del self._passing[next(iter(self._passing))]
            known = (*self._lasting.values(), *self._passing.values())
            self._pieces = frozenset().union(*(pieces for pieces, _ in known))
            self._short = tuple(sorted(frozenset().union(*(short for _, short in known)), key=len, reverse=True))

    def clean(self, text: str) -> str:
        """Returns the text with `•••` where something secret was."""
        text = _without_pieces(text, self._pieces)
        for form in self._short:
            text = text.replace(form, MASK)
        text = _BEARER.sub(MASK, text)
        text = _JWT.sub(MASK, text)
        return _PAIR.sub(lambda found: found[1] + MASK, text) if _HINT.search(text) else text


def _traces(secret: str) -> tuple[frozenset[str], frozenset[str]]:
    pieces: set[str] = set()
    short: set[str] = set()
    for form in {each for each in _forms(secret) if len(each) >= LEAST_SECRET}:
        found = frozenset(_pieces(form))
        pieces |= found
        if not found:
            short.add(form)
    return frozenset(pieces), frozenset(short)


def _forms(secret: str) -> Iterator[str]:
    """Every way in which a program may write a secret down."""
    whole = {secret, secret.strip(), " ".join(secret.split())}
    # What indents or wraps a text breaks it at its lines; a line as long as a piece is a secret too.
    whole |= {line.strip() for line in secret.splitlines() if len(line.strip()) >= PIECE}
    for text in whole:
        yield text
        once = set(_written(text))
        yield from once
        for each in once:  # a JSON text inside a JSON text, the repr of an escaped one
            yield json.dumps(each)[1:-1]
            yield each.replace("\\", "\\\\")
            yield each.replace("'", "\\'")


def _written(text: str) -> Iterator[str]:
    raw = text.encode("utf-8", "surrogatepass")
    for ascii_only in (True, False):
        escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield escaped.replace("/", "\\/")
    # A repr takes the quotes that fit: an added one at the front makes it choose, and is cut off again.
    yield repr('"' + text)[2:-1]
    yield ascii('"' + text)[2:-1]
    yield repr(b'"' + raw)[3:-1]
    if '"' not in text:
        yield repr("'" + text)[2:-1]
        yield repr(b"'" + raw)[3:-1]
    for safe in ("", "/", "/:;=@$!*'(),~"):
        percent = urllib.parse.quote(raw, safe=safe)
        yield percent
        yield re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), percent)
        yield percent.replace("%20", "+")
        yield urllib.parse.quote(percent, safe="")
    yield html.escape(text)
    yield html.escape(text, quote=False)
    yield raw.hex()
    yield raw.hex().upper()
    for shift in range(3):  # base64 of something with the secret in it, wherever it begins
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(shift) + raw).decode().rstrip("=")[shift and 4 : -2]
    # As other programs decode what they did not expect.
    yield raw.decode("latin-1")
    yield text.encode("ascii", "backslashreplace").decode()
    yield text.encode("ascii", "xmlcharrefreplace").decode()
    yield text.lower()
    yield text.upper()


def _pieces(form: str) -> Iterator[str]:
    for start in range(len(form) - PIECE + 1):
        piece = form[start : start + PIECE]
        if len(set(piece)) >= _LEAST_VARIETY:
            yield piece


def _without_pieces(text: str, pieces: frozenset[str]) -> str:
    """Takes out every run of characters that stands in a secret, if it is as long as a piece."""
    if not pieces:
        return text
    kept: list[str] = []
    done = at = 0
    last = len(text) - PIECE
    while at <= last:
        if text[at : at + PIECE] not in pieces:
            at += 1
            continue
        end = at + 1
        while end <= last and text[end : end + PIECE] in pieces:
            end += 1
        kept += [text[done:at], MASK]
        done = at = end + PIECE - 1
    return "".join((*kept, text[done:]))


class RedactingFilter(logging.Filter):
    """Cleans a record before its handler has it: message, arguments, traceback, stack and every text that goes along.

    The record is changed for the handlers after this one too: there is nothing in it that they should have.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns True: nothing is dropped."""
        record.msg, record.args = self._redactor.clean(_message(record)), None
        if record.exc_info and record.exc_info[0] is not None and not record.exc_text:
            record.exc_text = _traceback(record.exc_info)
        record.exc_info = None
        for name, value in list(vars(record).items()):
            if isinstance(value, str) and name not in _PLAIN:
                setattr(record, name, self._redactor.clean(value))
            elif name not in _ORDINARY and name not in _PLAIN and value is not None:
                setattr(record, name, self._redactor.clean(_shown(value)))
        return True


#: Attributes of a record that hold no foreign words.
_PLAIN: Final = frozenset({"name", "levelname", "filename", "module", "funcName", "msg"})
_ORDINARY: Final = frozenset(vars(logging.makeLogRecord({})))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - named boundary: `logging` would print the bare arguments instead
        return f"{_shown(record.msg)} (its arguments do not fit: {type(error).__name__})"


def _shown(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - named boundary: what cannot be shown is not shown
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"


def _traceback(info: tuple[Any, BaseException | None, TracebackType | None]) -> str:
    try:
        return "".join(traceback.format_exception(*info)).rstrip("\n")
    except Exception as error:  # noqa: BLE001 - named boundary: an exception whose own words fail
        return f"<{_shown(info[0])}: traceback that cannot be shown: {type(error).__name__}>"


class RedactingFormatter(logging.Formatter):
    """Cleans what another formatter made of a record: nothing that is added last slips by."""

    def __init__(self, inner: logging.Formatter, redactor: Redactor) -> None:
        super().__init__()
        self._inner = inner
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Returns the clean line."""
        return self._redactor.clean(self._inner.format(record))


def protect(handler: logging.Handler, redactor: Redactor) -> None:
    """Lets a handler write nothing secret; its format stays. Doing it again changes nothing."""
    if any(isinstance(each, RedactingFilter) for each in handler.filters):
        return
    handler.filters.insert(0, RedactingFilter(redactor))
    handler.setFormatter(RedactingFormatter(handler.formatter or logging.Formatter(), redactor))


def guard_last_words(redactor: Redactor) -> Callable[[], None]:
    """Cleans what Python prints of uncaught exceptions; returns a function that puts the old hooks back.

    The window puts its own hooks over these and calls them for nothing but the end of the program.
    """
    old = sys.excepthook, threading.excepthook, sys.unraisablehook

    def tell(head: str, info: tuple[Any, BaseException | None, TracebackType | None]) -> None:
        if sys.stderr is not None:  # a windowed program on Windows has none
            sys.stderr.write(redactor.clean(f"{head}{_traceback(info)}") + "\n")

    def on_main(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        tell("", (kind, error, trace))

    def on_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is not SystemExit:
            name = "" if args.thread is None else args.thread.name
            tell(f"Exception in thread {name}:\n", (args.exc_type, args.exc_value, args.exc_traceback))

    def on_unraisable(args: Any) -> None:
        head = args.err_msg or "Exception ignored"
        tell(f"{head}: {_shown(args.object)}\n", (args.exc_type, args.exc_value, args.exc_traceback))

    def restore() -> None:
        sys.excepthook, threading.excepthook, sys.unraisablehook = old

    sys.excepthook, threading.excepthook, sys.unraisablehook = on_main, on_thread, on_unraisable
    return restore
