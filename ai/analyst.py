"""The analyst: asks a language model to rank and explain verified trades, and lets through only what holds.

It gets values and returns values. It has no tools and knows no broker; what it returns names candidates of the task it
was given, nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Final

from ai.answer import SCHEMA_NAME, answer_schema, parse_answer
from ai.budget import CoolDowns, cost_usd
from ai.checking import Checker
from ai.client import ModelClient, Sleep
from ai.config import AnalystConfig
from ai.exchange import Ask, End, Received, Reply
from ai.failures import AnalystFailure, FailureCause, cut
from ai.payload import Payload
from ai.payload_build import build_payload
from ai.prompt import SYSTEM, TEST_SYSTEM, TEST_USER, user_text
from ai.templates import template
from models.clock import Clock, new_york_time
from models.hedge import Situation, Verified
from models.ranking import RankingAnswer, RankingProgress, RankingTask
from models.secret_text import SecretText

#: Under which the pre-mortem cools down; no breach has an id like it.
_PREMORTEM: Final = "\0premortem"
_TEST_TOKENS: Final = 256
#: How long a cancelled request may take to close its connection.
_LETTING_GO_S: Final = 5.0


class Analyst:
    """Engine thread only. One request at a time, and one per breach within its cool-down."""

    def __init__(
        self,
        config: Callable[[], AnalystConfig],
        key: Callable[[], SecretText | None],
        clock: Clock,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`config` and `key` are asked anew for each request; `sleep` is what passes between two tries."""
        self._config = config
        self._key = key
        self._clock = clock
        self._sleep = sleep
        self._cool_downs = CoolDowns()
        #: Whose request is under way, and whether there is none.
        self._asking: asyncio.Task[object] | None = None
        self._is_free = asyncio.Event()
        self._is_free.set()

    def unavailable(self) -> str:
        """Returns why the model is not asked, in words; empty when it can be."""
        failure = self._not_set_up(self._config())
        return "" if failure is None else str(failure)

    def refusal(self, task: RankingTask) -> str:
        """Returns why this task may not be asked now, in words; empty when it may."""
        try:
            self._admit(self._config(), task)
        except AnalystFailure as failure:
            return str(failure)
        return ""

    def payload_text(self, task: RankingTask) -> str:
        """Returns exactly what a request for this task holds: instructions, data and the form of the answer."""
        config = self._config()
        return _shown(self._ask(config, self._payload(config, task)))

    async def rank(self, task: RankingTask) -> AsyncGenerator[RankingProgress | RankingAnswer]:
        """Asks the model; ends with one answer, or raises AnalystFailure. May be closed or cancelled at any point.

        A breach cools down from the first piece of an answer on; a request that never got one may be repeated. An
        answer that wishes for another search may be followed by one request more, for what that search finds.
        """
        config = self._config()
        self._admit(config, task)
        payload = self._payload(config, task)
        if not payload.candidates:
            raise AnalystFailure(
                FailureCause.NOTHING_TO_RANK, "No trade passed verification, so there is nothing to rank."
            )
        ask = self._ask(config, payload)
        rest = _cooling_key(task)
        is_follow_up = self._cool_downs.is_granted(rest, self._clock.now_utc())
        started_s = time.perf_counter()
        async with aclosing(self._ask_alone(config, ask)) as events:
            async for event in events:
                if isinstance(event, Received):
                    self._cool_downs.start(rest, self._clock.now_utc(), config.cool_down_s)
                    yield RankingProgress(event.chars)
                else:
                    seconds = time.perf_counter() - started_s
                    # On a worker thread: an answer made to be hard to read takes a while.
                    answer = await asyncio.to_thread(_ranking, config, task, payload, ask, event, seconds)
                    if answer.wish is not None and not is_follow_up:
                        self._cool_downs.grant(rest)
                    yield answer

    def template(self, situation: Situation, verified: Verified) -> str:
        """Returns the desk's own sentences on a candidate, made of its figures."""
        return template(situation, verified)

    async def test(self) -> str:
        """Asks the model whether it is there, with nothing of the book; returns what came of it, in words.

        Also while it is switched off; raises AnalystFailure.
        """
        config = self._config()
        failure = self._not_set_up(replace(config, is_on=True))
        if failure is not None:
            raise failure
        ask = Ask(config.model, TEST_SYSTEM, TEST_USER, max_output_tokens=_TEST_TOKENS)
        started_s = time.perf_counter()
        reply: Reply | None = None
        async with aclosing(self._ask_alone(config, ask)) as events:
            async for event in events:
                if isinstance(event, Reply):
                    reply = event
        if reply is None or (not reply.text and reply.end is None):
            raise cut(config.destination)
        return f"{config.model} at {config.destination} answered in {time.perf_counter() - started_s:.1f} s."

    # --- before it is asked ---

    def _admit(self, config: AnalystConfig, task: RankingTask) -> None:
        failure = self._not_set_up(config)
        if failure is not None:
            raise failure
        free_at = self._cool_downs.ends_at(_cooling_key(task), self._clock.now_utc())
        if free_at is not None:
            raise AnalystFailure(
                FailureCause.COOLING_DOWN,
                f"The model was asked about this a moment ago; it may be asked again at {_new_york(free_at)} New York.",
                retry_after_s=(free_at - self._clock.now_utc()).total_seconds(),
            )

    def _not_set_up(self, config: AnalystConfig) -> AnalystFailure | None:
        if not config.is_on:
            return AnalystFailure(
                FailureCause.OFF,
                "No language model is asked: it is switched off in the settings.",
                cure="The desk ranks and explains by itself.",
            )
        if not config.model:
            return AnalystFailure(FailureCause.NO_MODEL, "No model is chosen.", cure="Name one in the settings.")
        key = self._key()
        if key is None or not key:
            if config.is_loopback:
                return None
            return AnalystFailure(
                FailureCause.NO_KEY,
                f"There is no API key for {config.destination}.",
                cure="Enter one in the settings, or use a model on this computer.",
            )
        text = key.reveal()
        if not text.isascii() or not text.isprintable() or " " in text:
            return AnalystFailure(
                FailureCause.NO_KEY,
                "The API key holds characters that no key has.",
                cure="Copy it once more, without blanks or line ends.",
            )
        return None

    def _payload(self, config: AnalystConfig, task: RankingTask) -> Payload:
        return build_payload(task, may_send_notes=config.may_send_notes)

    def _ask(self, config: AnalystConfig, payload: Payload) -> Ask:
        return Ask(
            model=config.model,
            system=SYSTEM,
            user=user_text(payload),
            max_output_tokens=config.max_output_tokens,
            schema_name=SCHEMA_NAME,
            schema=answer_schema(tuple(each.id for each in payload.candidates)),
        )

    async def _ask_alone(self, config: AnalystConfig, ask: Ask) -> AsyncGenerator[Received | Reply]:
        await self._predecessor_gone()
        self._asking = asyncio.current_task()
        self._is_free.clear()
        try:
            key = self._key()
            client = ModelClient(config, key or None, self._clock, sleep=self._sleep)
            async with aclosing(client.ask(ask)) as events:
                async for event in events:
                    yield event
        finally:
            self._asking = None
            self._is_free.set()

    async def _predecessor_gone(self) -> None:
        """Waits for a request that was cancelled just now to let go; raises AnalystFailure while one goes on."""
        try:
            async with asyncio.timeout(_LETTING_GO_S):
                while self._asking is not None and self._asking.cancelling():
                    await self._is_free.wait()
        except TimeoutError:
            pass
        if self._asking is not None:
            raise AnalystFailure(FailureCause.BUSY, "The model is still answering.", cure="Wait for it, or stop it.")


def _ranking(
    config: AnalystConfig, task: RankingTask, payload: Payload, ask: Ask, reply: Reply, seconds: float
) -> RankingAnswer:
    if reply.end is End.TOKENS_USED_UP:
        raise AnalystFailure(
            FailureCause.CUT_SHORT,
            f"{config.model} used up {config.max_output_tokens:,} tokens before its answer was complete.",
            cure="Allow more in the settings, or choose a model that thinks less.",
        )
    by_id = {each.candidate.id: each for each in task.verified}
    answer = parse_answer(reply.text)
    if answer is None and reply.end is None:
        raise cut(config.destination)
    if answer is None:
        raise AnalystFailure(
            FailureCause.MALFORMED,
            f"The answer of {config.model} is not in the form that was asked for.",
            cure="Ask again, or choose a model that can write structured output.",
        )
    checked = Checker(payload, lambda name: template(task.situation, by_id[name])).check(answer)
    if not checked.opinions and not checked.comment and checked.wish is None:
        raise AnalystFailure(
            FailureCause.NOTHING_USABLE,
            f"Nothing {config.model} wrote could be used: {checked.removed} things in it are not in the data.",
            cure="The solver's order stands. Ask again later, or choose another model.",
        )
    return RankingAnswer(
        opinions=checked.opinions,
        comment=checked.comment,
        removed_claims=checked.removed,
        wish=checked.wish,
        wish_text=checked.wish_text,
        model=config.model,
        payload_sha256=hashlib.sha256(_shown(ask).encode()).hexdigest(),
        tokens_in=reply.tokens_in,
        tokens_out=reply.tokens_out,
        cost_usd=cost_usd(config, reply.tokens_in, reply.tokens_out),
        seconds=seconds,
    )


def _shown(ask: Ask) -> str:
    """Everything of a request that is not its address and key, as it can be read."""
    form = json.dumps(ask.schema, sort_keys=True, indent=1)
    head = f"Model: {ask.model}\nTokens at most: {ask.max_output_tokens}"
    return f"{head}\n\nInstructions:\n{ask.system}\n\n{ask.user}\n\nForm of the answer ({ask.schema_name}):\n{form}\n"


def _cooling_key(task: RankingTask) -> str:
    return _PREMORTEM if task.breach_id is None else task.breach_id


def _new_york(at_utc: datetime) -> str:
    return f"{new_york_time(at_utc):%H:%M:%S}"
