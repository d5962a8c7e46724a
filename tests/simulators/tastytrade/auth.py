"""Logins: OAuth refresh tokens in, access tokens and quote tokens out, each with its end.

Lives of tokens are counted in the loop's time: a client counts them on its own clock, which a test does not move.
"""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any, Final

from tests.simulators.tastytrade.habits import Habits
from tests.simulators.tastytrade.replies import Refusal
from tests.simulators.tastytrade.wire import HttpRequest, Reply, json_reply

CLIENT_SECRET: Final = "-".join(("simulated", "client", "secret", "0123456789abcdef"))
_BEARER: Final = "Bearer "
_FREE: Final = frozenset({"/oauth/token", "/margin-requirements-public-configuration"})


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode().rstrip("=")


def refresh_token(scopes: tuple[str, ...] = ("read", "trade", "openid")) -> str:
    """Returns a refresh token: a JWT whose claims tell the scopes, as Tastytrade's does."""
    head = _part({"alg": "EdDSA", "typ": "rt+jwt"})
    claims = _part({"iss": "https://api.tastytrade.com", "sub": "U0001", "scope": " ".join(scopes)})
    return f"{head}.{claims}.c2ltdWxhdGVkLXNpZ25hdHVyZQ"


@dataclass(slots=True)
class Logins:
    """Every token given. `client_secret` and `refresh_token` are what a client must present."""

    habits: Habits
    client_secret: str = CLIENT_SECRET
    refresh_token: str = field(default_factory=refresh_token)
    _access: dict[str, float] = field(default_factory=dict)
    _quote: dict[str, float] = field(default_factory=dict)
    _given: int = 0

    def token(self, request: HttpRequest) -> Reply:
        """Answers a request for an access token."""
        try:
            asked = request.json()
        except ValueError:
            asked = {}
        why = self._refusal(asked if isinstance(asked, dict) else {})
        if why is not None:
            if self.habits.oauth_error_is_text:
                return json_reply(400, {"error": "invalid_grant", "error_description": why})
            return json_reply(400, {"error": {"code": "invalid_grant", "message": why}})
        self._given += 1
        token = f"{_part({'alg': 'EdDSA', 'typ': 'at+jwt'})}.{_part({'sub': 'U0001', 'n': self._given})}.c2ln"
        self._access[token] = _now_s() + self.habits.token_life_s
        content = {"access_token": token, "token_type": "Bearer", "expires_in": self.habits.token_life_s}
        return json_reply(200, content | {"id_token": f"{token}.id"})

    def _refusal(self, asked: dict[str, Any]) -> str | None:
        if asked.get("grant_type") != "refresh_token":
            return "Unsupported grant type"
        if self.habits.any_login:
            return None
        if self.habits.is_revoked:
            return "Grant revoked"
        if asked.get("refresh_token") != self.refresh_token:
            return "Invalid JWT"
        return None if asked.get("client_secret") == self.client_secret else "Client secret mismatch"

    def check(self, request: HttpRequest) -> None:
        """Raises Refusal for a request without a valid access token, or of a kind that is not served."""
        self._check_client(request)
        if request.path in _FREE:
            return
        if not self.knows(request.headers.get("authorization", "")):
            raise Refusal(401, "token_invalid", "This token is invalid or has expired")
        if request.method != "GET" and "trade" not in self.habits.scopes:
            raise Refusal(403, "not_permitted", "User not permitted access")

    def _check_client(self, request: HttpRequest) -> None:
        agent = request.headers.get("user-agent", "")
        if self.habits.user_agent_needed and ("/" not in agent or "httpx" in agent):
            raise Refusal(401, "unauthorized", "A User-Agent of the form <product>/<version> is required")
        version = request.headers.get("accept-version", "")
        if version.isdigit() and int(version) < self.habits.least_version:
            raise Refusal(406, "406", "The requested version is not supported.")

    def knows(self, authorization: str) -> bool:
        """Whether an access token, with or without `Bearer`, is valid."""
        ends = self._access.get(authorization.removeprefix(_BEARER))
        return ends is not None and _now_s() < ends and not self.habits.is_revoked

    def quote_token(self) -> str:
        """Returns a new token for DXLink."""
        self._given += 1
        token = f"dGFzdHksYXBpLCwx.{self._given:08d}.quote"
        self._quote[token] = _now_s() + self.habits.quote_token_life_s
        return token

    def knows_quote(self, token: str) -> bool:
        """Whether a quote token is valid."""
        ends = self._quote.get(token)
        return ends is not None and _now_s() < ends

    def expire(self) -> None:
        """Ends every access token now."""
        self._access.clear()

    def expire_quotes(self) -> None:
        """Ends every quote token now."""
        self._quote.clear()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
