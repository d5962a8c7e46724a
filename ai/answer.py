"""The form of the model's answer: asked for as a strict schema, and found in the text of a server that ignores it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, field_validator

from models.hedge import HedgeKind
from models.order import MAX_LEGS

SCHEMA_NAME: Final = "ranking"
#: Places in a text at which an object is looked for; a text of nothing but braces would take for ever.
_MOST_STARTS: Final = 200


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class RankedCandidate(_Part):
    """One candidate in the model's order."""

    candidate_id: str
    rationale: str = ""
    watch: tuple[str, ...] = ()

    @field_validator("watch", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else () if value is None else value


class Wish(_Part):
    """Constraints of another search; whatever is wrong in them is dropped later, one by one."""

    reason: str = ""
    max_cost_usd: float | None = None
    max_theta_given_up_per_day: float | None = None
    max_legs: int | None = None
    kinds: tuple[str, ...] | None = None
    underlyings: tuple[str, ...] | None = None
    max_days_to_expiry: int | None = None


class ModelAnswer(_Part):
    """What the model wrote, unchecked."""

    ranking: tuple[RankedCandidate, ...] = Field(max_length=200)
    comment: str = ""
    wish: Wish | None = None

    @field_validator("wish", mode="wrap")
    @classmethod
    def _no_wish_of_another_form(cls, value: object, handler: ValidatorFunctionWrapHandler) -> object:
        """A ranking is not lost for a wish that cannot be read."""
        try:
            return handler(value)
        except ValidationError:
            return None


def answer_schema(candidate_ids: tuple[str, ...]) -> dict[str, Any]:
    """Returns the strict JSON schema: every field required, nothing else allowed, ids only of the candidates."""
    number = {"type": ["number", "null"]}
    integer = {"type": ["integer", "null"]}
    words = {"type": "array", "items": {"type": "string"}}
    kinds = [kind.value for kind in HedgeKind if kind is not HedgeKind.DO_NOTHING]
    wish = _object(
        reason={"type": "string"},
        max_cost_usd=number,
        max_theta_given_up_per_day=number,
        max_legs={"type": ["integer", "null"], "enum": [*range(1, MAX_LEGS + 1), None]},
        kinds={"type": ["array", "null"], "items": {"type": "string", "enum": kinds}},
        underlyings={"type": ["array", "null"], "items": {"type": "string"}},
        max_days_to_expiry=integer,
    )
    ranked = _object(
        candidate_id={"type": "string", "enum": list(candidate_ids)}, rationale={"type": "string"}, watch=words
    )
    return _object(
        ranking={"type": "array", "items": ranked},
        comment={"type": "string"},
        wish={"anyOf": [wish, {"type": "null"}]},
    )


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def parse_answer(text: str) -> ModelAnswer | None:
    """Returns the answer in a text: the text itself, a fenced block, or the last object with a ranking in it."""
    found: ModelAnswer | None = None
    for value in _objects(text):
        try:
            found = ModelAnswer.model_validate(value)
        except ValidationError:
            continue
    return found


def _objects(text: str) -> Iterator[Any]:
    """Every outermost JSON object of a text, in order; what is inside one is not looked at again."""
    decoder = json.JSONDecoder(parse_constant=_no_number)
    at = text.find("{")
    for _ in range(_MOST_STARTS):
        if at < 0:
            return
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield value
        at = text.find("{", end)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
