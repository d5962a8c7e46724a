"""Reads a Flex statement file safely into rows of text: no DTD, no entities, capped in size, depth and rows.

Nothing is interpreted here. The file is parsed as a stream; only the attributes that are asked for are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from models.errors import KnownError

MAX_BYTES: Final = 50_000_000
_MAX_DEPTH: Final = 12
_MAX_ROWS: Final = 400_000
_MAX_TEXT: Final = 2_000
_CHUNK: Final = 1 << 20
#: Where rows of several kinds stand together: orders, summaries and lots beside their executions.
_TRADE_SECTIONS: Final = ("Trades", "TradeConfirms")
_ROOT, _STATEMENT = "FlexQueryResponse", "FlexStatement"
_CURE = "Choose the file that the Flex Query gave in XML format."


class StatementUnreadable(KnownError):
    """The file is not a statement that can be imported; nothing was changed."""


@dataclass(frozen=True, slots=True)
class FlexRow:
    """One row: its element, which statement of the file it stands in, its attributes, and where it stands."""

    tag: str
    statement: int
    values: Mapping[str, str]
    place: str

    def get(self, *names: str) -> str:
        """Returns the first of these attributes that says something, else an empty text."""
        return next((self.values[name] for name in names if self.values.get(name)), "")


@dataclass(slots=True)
class FlexFile:
    """What a file holds. `others` counts the rows of elements that were not asked for, by section."""

    statements: list[Mapping[str, str]] = field(default_factory=list)
    #: Names of the sections that each statement has, empty ones too.
    sections: list[set[str]] = field(default_factory=list)
    rows: list[FlexRow] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)


def read_flex_file(path: Path, wanted: Mapping[str, Collection[str]], *, max_bytes: int = MAX_BYTES) -> FlexFile:
    """Returns the rows of the elements in `wanted` (element name -> attributes to keep).

    Raises StatementUnreadable, in plain words, for anything that is not a whole, harmless Flex statement.
    """
    collector = _Collector(wanted)
    parser = DefusedXMLParser(target=collector, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    try:
        if path.stat().st_size > max_bytes:
            raise _too_large(path, path.stat().st_size, max_bytes)
        with path.open("rb") as file:
            done = 0
            while chunk := file.read(_CHUNK):
                done += len(chunk)
                if done > max_bytes:
                    raise _too_large(path, done, max_bytes)
                parser.feed(chunk)
        parser.close()
    except DefusedXmlException as error:
        raise StatementUnreadable(
            f"{path.name} declares XML entities or a document type, which no Flex statement does; it was not read.",
            cure="Fetch the statement again from Interactive Brokers itself.",
        ) from error
    except ParseError as error:
        raise _broken(path, collector, error) from error
    except OSError as error:
        raise StatementUnreadable(
            f"{path.name} could not be read: {error.strerror or error}.", cure="Check the file and its rights."
        ) from error
    return collector.result


class _Collector:
    """The parser's target: keeps rows, counts the rest, refuses what is not a statement."""

    def __init__(self, wanted: Mapping[str, Collection[str]]) -> None:
        self._wanted = {tag: frozenset(names) for tag, names in wanted.items()}
        self._path: list[str] = []
        self._numbers: Counter[str] = Counter()
        self._is_answer = False
        self._answer_text: list[str] = []
        self.result = FlexFile()

    @property
    def has_begun(self) -> bool:
        """Whether any element was seen."""
        return bool(self._path or self.result.statements or self._numbers)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins; its attributes are whole."""
        if not self._path:
            self._check_root(tag)
        if len(self._path) >= _MAX_DEPTH:
            self._refuse(f"Elements are nested more than {_MAX_DEPTH} deep, which no Flex statement does.")
        self._path.append(tag)
        if tag == _STATEMENT:
            self.result.statements.append(_short(attributes))
            self.result.sections.append(set())
            return
        if not self.result.statements:
            return
        section = self._path[3] if len(self._path) > 3 else tag
        self.result.sections[-1].add(section)
        if attributes:
            self._take(tag, section, attributes)

    def end(self, _tag: str) -> None:
        """An element ends."""
        self._path.pop()

    def data(self, text: str) -> None:
        """Text between elements says something only in the web service's answer."""
        if self._is_answer and text.strip() and len(self._answer_text) < 20:
            self._answer_text.append(text.strip()[:200])

    def close(self) -> None:
        """The document is whole."""
        if self._is_answer:
            said = " ".join(self._answer_text).rstrip(".") or "nothing more"
            self._refuse(f"This is an answer of the Flex web service, not the statement itself. It says: {said}.")
        if not self.result.statements:
            self._refuse("The Flex file holds no statement.")

    def _check_root(self, tag: str) -> None:
        self._is_answer = tag == "FlexStatementResponse"
        if tag != _ROOT and not self._is_answer:
            self._refuse(f"This is not a Flex statement: it begins with <{tag[:40]}> in place of <{_ROOT}>.")

    def _take(self, tag: str, section: str, attributes: dict[str, str]) -> None:
        self._numbers[tag] += 1
        if self._numbers.total() > _MAX_ROWS:
            self._refuse(f"The statement has more than {_MAX_ROWS:,} rows. Ask for a shorter period.")
        names = self._wanted.get(tag)
        if names is None:
            self.result.others[f"{section}: {tag}" if section in _TRADE_SECTIONS else section] += 1
            return
        values = {name: value for name, value in attributes.items() if name in names and value}
        place = f"{tag} {self._numbers[tag]:,}"
        self.result.rows.append(FlexRow(tag, len(self.result.statements) - 1, _short(values), place))

    def _refuse(self, what: str) -> NoReturn:
        raise StatementUnreadable(what, cure=_CURE)


def _short(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value[:_MAX_TEXT].strip() for name, value in values.items()}


def _too_large(path: Path, size: int, most: int) -> StatementUnreadable:
    return StatementUnreadable(
        f"{path.name} has {size / 1e6:,.0f} MB; statements of up to {most / 1e6:,.0f} MB are read.",
        cure="Ask the Flex Query for a shorter period and import the parts one by one.",
    )


def _broken(path: Path, collector: _Collector, error: ParseError) -> StatementUnreadable:
    if not collector.has_begun:
        return StatementUnreadable(f"{path.name} is not an XML file.", cure=_CURE)
    line = error.position[0]
    return StatementUnreadable(
        f"{path.name} is damaged at line {line:,}: it may have been downloaded only in part.",
        cure="Download it again.",
    )
