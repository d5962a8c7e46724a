"""What passes between the analyst and the wire: a request, pieces of an answer, and the answer whole."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `schema` None: plain words are enough."""

    model: str
    system: str
    user: str
    max_output_tokens: int
    schema_name: str = ""
    schema: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """How a request is put. Servers that do not know an option of it are asked again without."""

    is_structured: bool = True
    counts_tokens: bool = True
    limit_field: Literal["max_completion_tokens", "max_tokens"] | None = "max_completion_tokens"


class End(StrEnum):
    """Why an answer ended."""

    COMPLETE = "COMPLETE"
    TOKENS_USED_UP = "TOKENS_USED_UP"
    FILTERED = "FILTERED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Piece:
    """What one message of a stream brought."""

    text: str = ""
    is_refusal: bool = False
    end: End | None = None
    code: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """So much of the answer is here."""

    chars: int


@dataclass(frozen=True, slots=True)
class Reply:
    """The whole answer. `end` None: the stream stopped without saying that it was complete."""

    text: str
    end: End | None
    tokens_in: int | None
    tokens_out: int | None


class AnswerTooLarge(Exception):
    """The body of an answer has more bytes than an answer may have, or is packed."""
