from __future__ import annotations

import json
from typing import Any

import pytest

from ai.answer import ModelAnswer, answer_schema, parse_answer

ANSWER = {
    "ranking": [{"candidate_id": "c07", "rationale": "It cures.", "watch": ["VIX"]}],
    "comment": "Fine.",
    "wish": None,
}
TEXT = json.dumps(ANSWER)


def parsed(text: str) -> ModelAnswer:
    answer = parse_answer(text)
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"```json\n{TEXT}\n```",
        f"Here is my answer:\n{TEXT}\nI hope it helps {{really}}.",
        f"<think>maybe {{'a': 1}} or {{}}</think>\n{TEXT}",
        f'{{"thoughts": "none"}}\n{TEXT}',
        f'{{"ranking": [], "comment": "draft"}} no, rather: {TEXT}',
        f"\ufeff{TEXT}",
    ],
)
def test_the_answer_is_found_in_what_servers_without_structured_output_write(text: str) -> None:
    assert parsed(text).ranking[0].candidate_id == "c07"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I would close the short put.",
        "{}",
        "[]",
        "null",
        '{"ranking": "c07"}',
        '{"ranking": [{"rationale": "no id"}]}',
        TEXT[:-10],
        "{" * 40_000,
        "[" * 40_000,
        '{"a":' * 20_000,
        '{"ranking": [{"candidate_id": "c07", "rationale": NaN}]}',
        '{"ranking": ' + "9" * 10_000 + "}",
    ],
)
def test_anything_else_is_no_answer(text: str) -> None:
    assert parse_answer(text) is None


def test_a_wish_or_a_watch_list_of_another_form_does_not_lose_the_ranking() -> None:
    answer = parsed(json.dumps({**ANSWER, "wish": "none", "ranking": [{"candidate_id": "c07", "watch": "VIX"}]}))
    assert answer.wish is None
    assert answer.ranking[0].watch == ("VIX",)
    wish = parsed(json.dumps({**ANSWER, "wish": {"max_cost_usd": "cheap"}})).wish
    assert wish is None


def objects(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, dict):
        own = [schema] if schema.get("type") == "object" else []
        return own + [each for value in schema.values() for each in objects(value)]
    if isinstance(schema, list):
        return [each for value in schema for each in objects(value)]
    return []


def test_the_schema_is_strict_and_knows_only_the_candidates() -> None:
    schema = answer_schema(("c07", "c00"))
    for each in objects(schema):
        assert each["additionalProperties"] is False
        assert each["required"] == list(each["properties"])
    ranked, wish = objects(schema)[1:]
    assert ranked["properties"]["candidate_id"]["enum"] == ["c07", "c00"]
    assert set(objects(schema)[0]["properties"]) == set(ModelAnswer.model_fields)
    assert "DO_NOTHING" not in wish["properties"]["kinds"]["items"]["enum"]
