"""Answers as they go wrong on their way: cut, broken, rewritten, or another one altogether."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from tests.simulators.tastytrade.habits import PlannedTrouble, Trouble
from tests.simulators.tastytrade.wire import Reply, json_reply

_HTML_502: Final = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
_NOBODY_KNOWS: Final = "Quantum"


def spoiled(reply: Reply, planned: PlannedTrouble) -> Reply:
    """Returns an answer as it went wrong."""
    half = len(reply.body) // 2
    changed = {
        Trouble.TRUNCATED: replace(reply, cut_at=half),
        Trouble.BROKEN_JSON: replace(reply, body=reply.body[:half]),
        Trouble.EMPTY_BODY: replace(reply, body=b""),
        Trouble.WRONG_TYPE: replace(reply, content_type="text/html"),
        Trouble.REDIRECT: Reply(302, b"", "text/html", (("location", "/login"),)),
        Trouble.NO_DATA: json_reply(reply.status, {"context": "/"}),
    }
    if planned.trouble in changed:
        return changed[planned.trouble]
    if planned.trouble in {Trouble.MISSING_FIELD, Trouble.UNKNOWN_ENUM, Trouble.EDITED}:
        return _edited(reply, planned)
    return _error(planned.trouble)


def _error(trouble: Trouble) -> Reply:
    if trouble is Trouble.HTML_502:
        return Reply(502, _HTML_502, "text/html")
    status, code, text = {
        Trouble.STATUS_500: (500, "internal_server_error", "Internal server error"),
        Trouble.STATUS_429: (429, "too_many_requests", "Too many requests"),
        Trouble.STATUS_401: (401, "token_invalid", "This token is invalid or has expired"),
        Trouble.STATUS_403: (403, "not_permitted", "User not permitted access"),
    }[trouble]
    return json_reply(status, {"error": {"code": code, "message": text}})


def _edited(reply: Reply, planned: PlannedTrouble) -> Reply:
    content = json.loads(reply.body)
    if planned.trouble is Trouble.EDITED:
        content = content if planned.edit is None else planned.edit(content)
    elif planned.trouble is Trouble.MISSING_FIELD:
        _drop(content, planned.field or "buying-power-effect")
    else:
        _swap(content, planned.field or "status")
    return json_reply(reply.status, content)


def _drop(content: Any, name: str) -> None:
    """Takes a field out wherever it stands."""
    if isinstance(content, dict):
        content.pop(name, None)
        content = list(content.values())
    for one in content if isinstance(content, list) else ():
        _drop(one, name)


def _swap(content: Any, name: str) -> None:
    """Gives a field a value that nobody knows, wherever it stands."""
    if isinstance(content, dict):
        if name in content:
            content[name] = _NOBODY_KNOWS
        content = list(content.values())
    for one in content if isinstance(content, list) else ():
        _swap(one, name)
