"""What the SDK raises, in the desk's words: never the server's, which may quote the key or the payload."""

from __future__ import annotations

import json
import math
import re
import ssl
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2
import openai

from ai.config import AnalystConfig
from ai.exchange import AnswerTooLarge, Form
from ai.failures import QUOTA_CODES, RETRIED, AnalystFailure, FailureCause, cut, server_failed, too_large

#: Everything that a request may end in; anything else is a mistake of the desk's.
ERRORS: Final = (
    openai.OpenAIError,
    httpx2.HTTPError,
    httpx2.InvalidURL,
    json.JSONDecodeError,
    UnicodeDecodeError,
    AnswerTooLarge,
    OSError,
)
_MODEL_CODES: Final = frozenset({"model_not_found", "invalid_model"})
_BAD_REQUEST: Final = frozenset({400, 422})


def plainer_form(error: Exception, form: Form) -> Form | None:
    """Returns the form without the option that the server says it does not know; None when it complains otherwise."""
    if not isinstance(error, openai.APIStatusError) or error.status_code not in _BAD_REQUEST:
        return None
    said = f"{error.param or ''} {error.message}".lower()
    if form.counts_tokens and ("stream_options" in said or "include_usage" in said):
        return replace(form, counts_tokens=False)
    if form.limit_field == "max_completion_tokens" and "max_completion_tokens" in said:
        return replace(form, limit_field="max_tokens")
    if form.limit_field is not None and ("max_tokens" in said or "max_output_tokens" in said):
        return replace(form, limit_field=None)
    if form.is_structured and re.search(r"response_format|json_schema|text\.format|schema|structured", said):
        return replace(form, is_structured=False)
    return None


def failure_of(error: Exception, config: AnalystConfig, *, now_utc: datetime, has_begun: bool) -> AnalystFailure:
    """Returns what happened; `has_begun`: part of the answer was already here."""
    if isinstance(error, AnswerTooLarge):
        return too_large(config.destination)
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, config, now_utc)
    if isinstance(error, openai.APITimeoutError):
        return _of_timeout(error, config)
    if isinstance(error, openai.APIConnectionError | httpx2.HTTPError | httpx2.InvalidURL | OSError):
        return cut(config.destination) if has_begun else _of_connection(error, config)
    if isinstance(error, openai.APIError):
        return server_failed(config.destination, error.code or "")
    return AnalystFailure(
        FailureCause.MALFORMED,
        f"{config.destination} answers in a form that is not the {config.spoken.value} protocol.",
        cure="Check the server's address; it mostly ends in /v1.",
    )


def _of_status(error: openai.APIStatusError, config: AnalystConfig, now_utc: datetime) -> AnalystFailure:
    cause = _cause_of(error)
    where, wait_s = config.destination, None
    if cause in RETRIED:
        wait_s = retry_after_s(error.response.headers, now_utc)
    what, cure = _WORDS[cause]
    asks = "" if wait_s is None else f" It asks to wait {wait_s:.0f} s."
    text = what.format(where=where, model=config.model, status=error.status_code)
    return AnalystFailure(cause, f"{text}{asks}", cure=cure, retry_after_s=wait_s)


def _cause_of(error: openai.APIStatusError) -> FailureCause:
    status = error.status_code
    if status == 429 and (error.code in QUOTA_CODES or error.type in QUOTA_CODES):
        return FailureCause.NO_CREDIT
    if error.code in _MODEL_CODES:
        return FailureCause.MODEL_UNKNOWN
    if status >= 500:
        return FailureCause.SERVER
    if 300 <= status < 400:
        return FailureCause.REDIRECTED
    return _CAUSES.get(status, FailureCause.NOT_ACCEPTED)


_CAUSES: Final = {
    401: FailureCause.KEY_REFUSED,
    402: FailureCause.NO_CREDIT,
    403: FailureCause.FORBIDDEN,
    404: FailureCause.MODEL_UNKNOWN,
    408: FailureCause.SERVER,
    409: FailureCause.SERVER,
    429: FailureCause.RATE_LIMIT,
}
#: Cause -> what happened, what to do.
_WORDS: Final = {
    FailureCause.KEY_REFUSED: ("{where} does not accept the API key.", "Enter a valid key in the settings."),
    FailureCause.NO_CREDIT: ("The account at {where} has no credit left.", "Top it up, or use another key."),
    FailureCause.FORBIDDEN: (
        "{where} does not let this key use {model}.",
        "Allow it in the server's settings, or choose another model.",
    ),
    FailureCause.MODEL_UNKNOWN: (
        "{where} does not know the model {model}, or has no such address.",
        "Take a model's name as the server lists it, and check that the address ends as it should (/v1).",
    ),
    FailureCause.REDIRECTED: (
        "{where} sends the request on to another address; neither key nor data were sent after it.",
        "If the server has moved, enter its new address in the settings.",
    ),
    FailureCause.RATE_LIMIT: ("{where} takes no more requests for now.", "Ask again later."),
    FailureCause.SERVER: ("{where} has a fault of its own (status {status}).", "Ask again later."),
    FailureCause.NOT_ACCEPTED: (
        "{where} does not accept the request (status {status}).",
        "Choose another model, or the server's other protocol, in the settings.",
    ),
}


def _of_timeout(error: openai.APITimeoutError, config: AnalystConfig) -> AnalystFailure:
    if isinstance(error.__cause__, httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return AnalystFailure(
            FailureCause.OFFLINE,
            f"{config.destination} does not answer within {config.connect_timeout_s:g} s.",
            cure="Check the connection and the server's address.",
        )
    return AnalystFailure(
        FailureCause.TOO_SLOW,
        f"{config.destination} was silent for {config.silence_timeout_s:g} s.",
        cure="Ask again, or choose a faster model.",
    )


def _of_connection(error: Exception, config: AnalystConfig) -> AnalystFailure:
    if any(isinstance(each, ssl.SSLError) for each in _causes(error)):
        return AnalystFailure(
            FailureCause.OFFLINE,
            f"{config.destination} does not prove who it is: its certificate is not trusted.",
            cure="Check the address; nothing was sent.",
        )
    return AnalystFailure(
        FailureCause.OFFLINE,
        f"{config.destination} cannot be reached.",
        cure="Start the server." if config.is_loopback else "Check the connection and the server's address.",
    )


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def retry_after_s(headers: httpx2.Headers, now_utc: datetime) -> float | None:
    """Returns the seconds a server asks to wait, given as seconds, milliseconds or a date; None when it does not."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "")
        try:
            seconds = float(text) * unit
        except ValueError:
            seconds = _until(text, now_utc)
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None


def _until(text: str, now_utc: datetime) -> float:
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return math.nan
    return (at - now_utc).total_seconds() if at.tzinfo is not None else math.nan
