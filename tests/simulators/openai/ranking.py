"""A sane model: ranks what cures everything first, then by theta, and explains it with the figures it was given."""

from __future__ import annotations

import json
from typing import Any


def sent_data(body: dict[str, Any]) -> dict[str, Any] | None:
    """Returns the data of a request in either protocol, None when it carries none."""
    text = body["input"] if "input" in body else body["messages"][-1]["content"]
    if not text.startswith("Data:"):
        return None
    data: dict[str, Any] = json.loads(text.removeprefix("Data:"))
    return data


def best_by_theta(body: dict[str, Any]) -> str:
    """Returns the answer to a request, as JSON; the word asked for when there is nothing to rank."""
    data = sent_data(body)
    if data is None:
        return "ready"
    ranked = sorted(data["candidates"], key=_merit, reverse=True)
    ranking = [_opinion(candidate, data["situation"]) for candidate in ranked]
    first = ranked[0]
    comment = (
        f"{first['id']} keeps the most theta of the trades that bring every limit back inside. "
        f"The regime is {data['situation']['regime'].replace('_', ' ')} with VIX at {data['situation']['vix']}."
    )
    return json.dumps({"ranking": ranking, "comment": comment, "wish": None})


def _merit(candidate: dict[str, Any]) -> tuple[float, float]:
    return -candidate["limits_broken_after"], candidate["theta_change_usd_per_day"] or 0.0


def _opinion(candidate: dict[str, Any], situation: dict[str, Any]) -> dict[str, Any]:
    changes = [each for each in candidate["limits"] if each["metric"] in situation["broken_limits"]]
    told = [_change(each) for each in changes] or ["Nothing is broken"]
    legs = " and ".join(
        f"{leg['action'].lower()} {leg['quantity']} {leg['contract']['label']}" for leg in candidate["legs"]
    )
    trade = f"{legs[:1].upper()}{legs[1:]}: {told[0]}." if legs else f"Leaves the book alone: {told[0]}."
    theta = candidate["theta_change_usd_per_day"] or 0
    keeps = f"It gives up ${abs(theta)} of theta a day." if theta < 0 else f"It adds ${theta} of theta a day."
    rationale = f"{trade} {keeps}" if theta else trade
    watch = ["the broken limit if VIX rises further"] if candidate["limits_broken_after"] else ["a fill near the mid"]
    return {"candidate_id": candidate["id"], "rationale": rationale, "watch": watch}


def _change(change: dict[str, Any]) -> str:
    name, before, after = (
        change["metric"].replace("_", " "),
        change["before_pct_of_limit"],
        change["after_pct_of_limit"],
    )
    return f"{name} goes from {before}% to {after}% of its limit"
