"""Asks a model once: in time, bounded, tried again where that helps, and broken off at any point.

The SDK is imported at the first request, on a worker thread: about half a second that neither the start of the program
nor the engine's loop waits for.
"""

from __future__ import annotations

import asyncio
import importlib
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from ai.config import AnalystConfig
from ai.exchange import Ask, End, Form, Piece, Received, Reply
from ai.failures import RETRIED, AnalystFailure, FailureCause, server_failed, too_large
from models.clock import Clock
from models.secret_text import SecretText

if TYPE_CHECKING:
    from ai import wire

_WIRE: Final = "ai.wire"
#: Progress is told each time so many characters more have come.
_PROGRESS_CHARS: Final = 48
_GROWTH: Final = 2.0

Sleep = Callable[[float], Awaitable[None]]


class ModelClient:
    """Asks one server with one key; engine thread only."""

    def __init__(
        self,
        config: AnalystConfig,
        key: SecretText | None,
        clock: Clock,
        *,
        sleep: Sleep = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`key` None: the server needs none. `jitter` returns 0 to 1; waits are spread by it."""
        self._config = config
        self._key = key
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter

    async def ask(self, ask: Ask) -> AsyncGenerator[Received | Reply]:
        """Yields how much has come, and the reply at the end; raises AnalystFailure.

        Closing the iterator or cancelling its task ends the connection.
        """
        deadline = asyncio.get_running_loop().time() + self._config.total_timeout_s
        connection = await asyncio.to_thread(_open, self._config, self._key)
        try:
            stream = await self._begin(connection, ask, deadline)
            async with aclosing(self._read(connection, stream, deadline)) as events:
                async for event in events:
                    yield event
        finally:
            await connection.close()

    async def _begin(self, connection: wire.Wire, ask: Ask, deadline: float) -> wire.Stream:
        """Sends the request until an answer begins; without an option the server does not know, and after a wait."""
        form, attempt = Form(), 1
        while True:
            started, plainer = await self._try(connection, ask, form, deadline)
            if not isinstance(started, AnalystFailure):
                return started
            if plainer is not None:
                form = plainer
                continue
            wait_s = self._wait_s(started, attempt, deadline)
            if wait_s is None:
                raise started
            await self._sleep(wait_s)
            attempt += 1

    async def _try(
        self, connection: wire.Wire, ask: Ask, form: Form, deadline: float
    ) -> tuple[wire.Stream | AnalystFailure, Form | None]:
        """Returns the answer as it begins, or why there is none; raises nothing, so that no text of the SDK clings."""
        try:
            async with asyncio.timeout_at(deadline):
                return await connection.start(ask, form), None
        except TimeoutError:
            return self._too_slow(), None
        except connection.ERRORS as error:
            failure = connection.failure_of(error, self._clock.now_utc(), has_begun=False)
            return failure, connection.plainer_form(error, form)

    def _wait_s(self, failure: AnalystFailure, attempt: int, deadline: float) -> float | None:
        """Returns how long to wait before another try, None when there is none to make."""
        config = self._config
        if failure.cause not in RETRIED or attempt >= config.max_attempts:
            return None
        wait_s = min(config.first_retry_s * _GROWTH ** (attempt - 1), config.longest_retry_s)
        wait_s *= 0.5 + 0.5 * self._jitter()
        if failure.retry_after_s is not None:
            if failure.retry_after_s > config.longest_retry_s:
                return None
            wait_s = max(wait_s, failure.retry_after_s)
        return wait_s if asyncio.get_running_loop().time() + wait_s < deadline else None

    async def _read(
        self, connection: wire.Wire, stream: wire.Stream, deadline: float
    ) -> AsyncGenerator[Received | Reply]:
        answer = _Answer()
        told = 0
        try:
            async with aclosing(stream.pieces()) as pieces:
                while (piece := await self._next(connection, pieces, deadline)) is not None:
                    answer.add(piece)
                    self._check(answer)
                    if answer.chars >= told + _PROGRESS_CHARS or (told == 0 and answer.chars):
                        told = answer.chars
                        yield Received(told)
        finally:
            await stream.close()
        yield answer.reply()

    async def _next(self, connection: wire.Wire, pieces: AsyncGenerator[Piece], deadline: float) -> Piece | None:
        """Returns the next piece, None at the end; raises AnalystFailure."""
        try:
            async with asyncio.timeout_at(deadline):
                return await anext(pieces, None)
        except TimeoutError:
            failure = self._too_slow()
        except connection.ERRORS as error:
            failure = connection.failure_of(error, self._clock.now_utc(), has_begun=True)
        raise failure

    def _check(self, answer: _Answer) -> None:
        """Raises AnalystFailure for an answer that need not be waited for any longer."""
        if answer.chars > self._config.max_answer_chars:
            raise too_large(self._config.destination)
        if answer.is_refusal or answer.end is End.FILTERED:
            raise AnalystFailure(
                FailureCause.REFUSED,
                f"{self._config.model} refuses to answer.",
                cure="Ask again, or choose another model.",
            )
        if answer.end is End.FAILED:
            raise server_failed(self._config.destination, answer.code)

    def _too_slow(self) -> AnalystFailure:
        return AnalystFailure(
            FailureCause.TOO_SLOW,
            f"{self._config.destination} did not finish within {self._config.total_timeout_s:g} s.",
            cure="Ask again, choose a faster model, or allow more time in the settings.",
        )


class _Answer:
    """Puts pieces together."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._tokens: tuple[int | None, int | None] = (None, None)
        self.chars = 0
        self.is_refusal = False
        self.end: End | None = None
        self.code = ""

    def add(self, piece: Piece) -> None:
        if piece.text:
            self._texts.append(piece.text)
            self.chars += len(piece.text)
        self.is_refusal = self.is_refusal or piece.is_refusal
        self.end = piece.end or self.end
        self.code = piece.code or self.code
        if piece.tokens_in is not None or piece.tokens_out is not None:
            self._tokens = piece.tokens_in, piece.tokens_out

    def reply(self) -> Reply:
        return Reply("".join(self._texts), self.end, *self._tokens)


def _open(config: AnalystConfig, key: SecretText | None) -> wire.Wire:
    """On a worker thread: the import, and the certificates."""
    module: type[wire.Wire] = importlib.import_module(_WIRE).Wire
    return module(config, key)
