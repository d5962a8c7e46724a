"""Where the analyst's model is, how long it may take, and what may be sent to it."""

from __future__ import annotations

import ipaddress
import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import SplitResult, urlsplit

from models.errors import InvalidInput

OPENAI_URL: Final = "https://api.openai.com/v1"
_OPENAI_HOST: Final = "api.openai.com"
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_PATH: Final = re.compile(r"[\w./~+:@-]*", re.ASCII)
_MODEL: Final = re.compile(r"[A-Za-z0-9][\w.:/@+-]{0,127}", re.ASCII)
_LONGEST_URL: Final = 300


class ModelProtocol(StrEnum):
    """How the server is spoken to. AUTO: responses at OpenAI itself, chat completions everywhere else."""

    AUTO = "auto"
    CHAT = "chat"
    RESPONSES = "responses"


@dataclass(frozen=True, slots=True)
class AnalystConfig:
    """Raises InvalidInput, by field, for settings that cannot be used or would send the book in the clear.

    base_url: https, or http on this computer only. silence_timeout_s: the longest wait for the next piece of an answer;
    total_timeout_s: of one request with all its attempts. cool_down_s: between two requests for the same breach.
    Prices in dollars per million tokens; None = the cost is not told.
    """

    is_on: bool = False
    base_url: str = OPENAI_URL
    model: str = ""
    protocol: ModelProtocol = ModelProtocol.AUTO
    may_send_notes: bool = False
    connect_timeout_s: float = 10.0
    silence_timeout_s: float = 60.0
    total_timeout_s: float = 180.0
    cool_down_s: float = 120.0
    max_attempts: int = 3
    first_retry_s: float = 1.0
    longest_retry_s: float = 20.0
    max_output_tokens: int = 6000
    max_answer_chars: int = 40_000
    usd_per_million_in: float | None = None
    usd_per_million_out: float | None = None

    def __post_init__(self) -> None:
        check_base_url(self.base_url)
        if self.model and _MODEL.fullmatch(self.model) is None:
            raise InvalidInput(
                "model",
                "The model's name holds characters that no name has.",
                cure="Take the name as the server lists it, e.g. gpt-5-mini or llama3.1:8b.",
            )
        for field in ("connect_timeout_s", "silence_timeout_s", "total_timeout_s"):
            _check_range(field, getattr(self, field), low=0.01, high=3600.0)
        for field in ("cool_down_s", "first_retry_s", "longest_retry_s"):
            _check_range(field, getattr(self, field), low=0.0, high=86_400.0)
        _check_range("max_attempts", self.max_attempts, low=1, high=10)
        _check_range("max_output_tokens", self.max_output_tokens, low=16, high=200_000)
        _check_range("max_answer_chars", self.max_answer_chars, low=1000, high=1_000_000)
        for field in ("usd_per_million_in", "usd_per_million_out"):
            price = getattr(self, field)
            if price is not None:
                _check_range(field, price, low=0.0, high=100_000.0)

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this computer: nothing leaves it, and it may need no key."""
        return _is_loopback(_host(urlsplit(self.base_url)))

    @property
    def destination(self) -> str:
        """The server in words: its host, with the port when it is not the usual one."""
        parts = urlsplit(self.base_url)
        host = _host(parts)
        shown = f"[{host}]" if ":" in host else host
        return shown if parts.port is None else f"{shown}:{parts.port}"

    @property
    def spoken(self) -> ModelProtocol:
        """The protocol that is used: CHAT or RESPONSES."""
        if self.protocol is not ModelProtocol.AUTO:
            return self.protocol
        is_openai = _host(urlsplit(self.base_url)) == _OPENAI_HOST
        return ModelProtocol.RESPONSES if is_openai else ModelProtocol.CHAT


def check_base_url(text: str) -> None:
    """Raises InvalidInput unless `text` is an https address, or an http address of this computer."""
    parts = _split(text)
    host = _host(parts)
    if parts.scheme not in {"https", "http"}:
        raise _bad_url("must begin with https://", cure="Only https (and http on this computer) is spoken.")
    if parts.username is not None or parts.password is not None:
        raise _bad_url("must not hold a user name or password", cure="Put the key in its own field.")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise _bad_url("must end with its path", cure="Leave out everything from ? or # on.")
    if not host or not (_HOST.fullmatch(host) or _is_ip(host)) or ".." in host:
        raise _bad_url("names no host", cure="Write it as https://host/v1.")
    if _PATH.fullmatch(parts.path) is None or ".." in parts.path:
        raise _bad_url("has a path that no server has", cure="Write it as https://host/v1.")
    if parts.scheme == "http" and not _is_loopback(host):
        raise _bad_url(
            "would send the book over the network in the clear",
            cure="Use https, or a server on this computer (http://127.0.0.1:11434/v1).",
        )


def _split(text: str) -> SplitResult:
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text or len(text) > _LONGEST_URL:
        raise _bad_url("holds characters that no address has", cure="Write it as https://host/v1.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise _bad_url("cannot be read", cure="Write it as https://host/v1 or http://127.0.0.1:11434/v1.")
    return parts


def _host(parts: SplitResult) -> str:
    return parts.hostname or ""


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_ip(host) and ipaddress.ip_address(host).is_loopback)


def _bad_url(what: str, *, cure: str) -> InvalidInput:
    return InvalidInput("base_url", f"The server's address {what}.", cure=cure)


def _check_range(field: str, value: float, *, low: float, high: float) -> None:
    if not math.isfinite(value) or not low <= value <= high:
        raise InvalidInput(field, f"{field} is {value}.", cure=f"Take a figure from {low:g} to {high:g}.")
