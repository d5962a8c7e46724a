"""The openai SDK at work: one server, one request at a time, nothing but what was asked leaves or is believed.

Importing this module imports the SDK (0.3 to 0.6 s and some 15 MB): `ai.client` does so at the first request and
beside the engine's loop. The SDK takes more from the environment than a desk wants (organisation, project, extra
headers) and tells the server about this computer; a hook lets only the headers through that a request needs. It follows
no redirect, so the key never goes to another host.
"""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime
from typing import Any, ClassVar, Final

import httpx2
import openai

from ai.config import AnalystConfig, ModelProtocol
from ai.exchange import AnswerTooLarge, Ask, Form, Piece
from ai.failures import AnalystFailure
from ai.pieces import chat_piece, responses_piece, whole_response
from ai.wire_failures import ERRORS, failure_of, plainer_form
from models.secret_text import SecretText

_HEADERS: Final = frozenset({"host", "authorization", "content-type", "content-length", "connection"})
_AGENT: Final = "optiondesk"
#: A streamed answer is packed in some hundred bytes a word.
_BYTES_PER_CHAR: Final = 200
_SPARE_BYTES: Final = 1_000_000
_NO_KEY: Final = "none"
#: What a server answers with that does not stream.
_WHOLE: Final = ("application/json", "text/html", "text/plain")

# At INFO and below these write addresses and, at DEBUG, whole requests.
for _name in ("openai", "httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends in AnswerTooLarge when it does not end by itself."""

    def __init__(self, body: httpx2.AsyncByteStream, most_bytes: int) -> None:
        self._body = body
        self._left = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            self._left -= len(chunk)
            if self._left < 0:
                raise AnswerTooLarge
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()


class Stream:
    """An answer that is coming in."""

    def __init__(self, chunks: openai.AsyncStream[object], protocol: ModelProtocol) -> None:
        self._chunks = chunks
        self._is_chat = protocol is ModelProtocol.CHAT

    async def pieces(self) -> AsyncGenerator[Piece]:
        """Yields what comes; raises what the SDK raises, or AnswerTooLarge."""
        response = self._chunks.response
        if response.headers.get("content-type", "").lower().startswith(_WHOLE):
            body = json.loads(await response.aread())
            yield chat_piece(body) if self._is_chat else whole_response(body)
            return
        read = chat_piece if self._is_chat else responses_piece
        async for chunk in self._chunks:
            yield read(chunk)

    async def close(self) -> None:
        """Ends the connection, whatever is still to come."""
        await self._chunks.close()


class Wire:
    """The way to one server; to be closed."""

    #: What `start` and a stream's `pieces` may raise.
    ERRORS: ClassVar[tuple[type[Exception], ...]] = ERRORS

    def __init__(self, config: AnalystConfig, key: SecretText | None) -> None:
        """Builds the clients; loads the computer's certificates, so not on the engine's loop."""
        self._config = config
        self._protocol = config.spoken
        self._has_key = key is not None
        self._most_bytes = config.max_answer_chars * _BYTES_PER_CHAR + _SPARE_BYTES
        text = _NO_KEY if key is None else key.reveal()
        is_plain = config.base_url.startswith("http:")
        self._client = openai.AsyncOpenAI(
            api_key=text,
            base_url=config.base_url,
            max_retries=0,
            default_headers={"Authorization": f"Bearer {text}"},
            http_client=httpx2.AsyncClient(
                timeout=httpx2.Timeout(config.silence_timeout_s, connect=config.connect_timeout_s),
                follow_redirects=False,
                trust_env=not config.is_loopback,
                # On this computer nothing is encrypted: a context that trusts nobody saves loading the certificates.
                verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if is_plain else True,
                event_hooks={"request": [self._before], "response": [self._after]},
            ),
        )

    async def _before(self, request: httpx2.Request) -> None:
        for name in list(request.headers):
            if name.lower() not in _HEADERS or (name.lower() == "authorization" and not self._has_key):
                del request.headers[name]
        request.headers["accept"] = "text/event-stream, application/json"
        request.headers["accept-encoding"] = "identity"
        request.headers["user-agent"] = _AGENT

    async def _after(self, response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise AnswerTooLarge  # packed although that was declined: its size cannot be told
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Bounded(response.stream, self._most_bytes)

    async def start(self, ask: Ask, form: Form) -> Stream:
        """Sends the request and returns its answer as it begins; raises what the SDK raises.

        The SDK's own method for each protocol would build a type for every event there is, a second on the loop.
        """
        is_chat = self._protocol is ModelProtocol.CHAT
        chunks: openai.AsyncStream[object] = await self._client.post(
            "/chat/completions" if is_chat else "/responses",
            body=_chat_body(ask, form) if is_chat else _responses_body(ask, form),
            cast_to=object,
            stream=True,
            stream_cls=openai.AsyncStream[object],
        )
        return Stream(chunks, self._protocol)

    async def close(self) -> None:
        """Ends every connection."""
        await self._client.close()

    def failure_of(self, error: Exception, now_utc: datetime, *, has_begun: bool) -> AnalystFailure:
        """Returns one of ERRORS in the desk's words; `has_begun`: part of the answer was already here."""
        return failure_of(error, self._config, now_utc=now_utc, has_begun=has_begun)

    def plainer_form(self, error: Exception, form: Form) -> Form | None:
        """Returns the form without the option that the server does not know; None when it says no such thing."""
        return plainer_form(error, form)


def _chat_body(ask: Ask, form: Form) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": ask.model,
        "messages": [{"role": "system", "content": ask.system}, {"role": "user", "content": ask.user}],
        "stream": True,
    }
    if form.limit_field is not None:
        body[form.limit_field] = ask.max_output_tokens
    if form.counts_tokens:
        body["stream_options"] = {"include_usage": True}
    if form.is_structured and ask.schema is not None:
        json_schema = {"name": ask.schema_name, "schema": ask.schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": json_schema}
    return body


def _responses_body(ask: Ask, form: Form) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": ask.model,
        "instructions": ask.system,
        "input": ask.user,
        "stream": True,
        # The server is to keep nothing.
        "store": False,
    }
    if form.limit_field is not None:
        body["max_output_tokens"] = ask.max_output_tokens
    if form.is_structured and ask.schema is not None:
        text = {"type": "json_schema", "name": ask.schema_name, "schema": ask.schema, "strict": True}
        body["text"] = {"format": text}
    return body
