"""Requests that wait for an answer: each ends by its answer, a refusal, its time limit or the end of the link.

TWS answers some requests by their number and some by name only ("all open orders"). Of a name only one is asked at a
time, and an answer that comes after its question was given up is never taken for that of the next one.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from execution.brokers.ibkr.advice import NAME
from models.errors import BrokerFailure, FailureKind

#: Of two answers to one name the second follows the first at once, when both come.
SECOND_ANSWER_S: Final = 1.0

Key = int | str


@dataclass(slots=True, eq=False)
class _Question:
    what: str
    future: asyncio.Future[list[Any]]
    #: Answers to earlier, given-up questions of this name that may still come first.
    owed: int = 0
    items: list[Any] = field(default_factory=list)
    #: What came up to the end of an answer that may be that of an earlier question.
    early: list[Any] = field(default_factory=list)
    spoiled: str = ""


class Questions:
    """What was asked on one connection and not answered yet."""

    def __init__(self, second_answer_s: float = SECOND_ANSWER_S) -> None:
        self._second_answer_s = second_answer_s
        self._open: dict[Key, _Question] = {}
        self._owed: defaultdict[Key, int] = defaultdict(int)
        self._turns: defaultdict[Key, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._times: deque[asyncio.Future[datetime]] = deque()
        self._over: Callable[[], BrokerFailure] | None = None

    async def ask(self, key: Key, what: str, send: Callable[[], None], timeout_s: float) -> list[Any]:
        """Sends a question and returns what came until its end.

        Raises BrokerFailure: TIMEOUT, REJECTED (TWS refused), PROTOCOL (part of the answer could not be read), OFFLINE.
        """
        try:
            async with asyncio.timeout(timeout_s):
                if isinstance(key, int):
                    return await self._asked(key, what, send)
                async with self._turns[key]:
                    return await self._asked(key, what, send)
        except TimeoutError:
            raise no_answer(what, timeout_s) from None

    async def ask_time(self, send: Callable[[], None], timeout_s: float) -> datetime:
        """Sends the question about the time; answers are handed out in the order of the questions.

        One that is given up keeps its place, so that a late answer is not taken for that of a later question.
        """
        self._check()
        send()
        future: asyncio.Future[datetime] = asyncio.get_running_loop().create_future()
        self._times.append(future)
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            raise no_answer("the question about its clock", timeout_s) from None

    def is_open(self, key: Key) -> bool:
        """Whether an answer to this is awaited."""
        return key in self._open

    def add(self, key: Key, item: object) -> None:
        """Takes one part of an answer."""
        question = self._open.get(key)
        if question is not None and not question.future.done():
            question.items.append(item)

    def end(self, key: Key) -> None:
        """Takes the end of an answer."""
        question = self._open.get(key)
        if question is None:
            if self._owed.get(key):
                self._owed[key] -= 1
        elif question.owed > 0:
            question.owed -= 1
            question.early, question.items = question.items, []
            asyncio.get_running_loop().call_later(self._second_answer_s, self._accept, question)
        else:
            _finish(question)

    def refuse(self, key: Key, code: int, text: str) -> None:
        """Takes TWS's refusal of a question."""
        if (question := self._open.get(key)) is not None:
            what = f"TWS refused {question.what}: {text} (code {code})."
            _fail(question.future, BrokerFailure(FailureKind.REJECTED, what, broker=NAME, code=str(code)))

    def spoil(self, key: Key, why: str) -> None:
        """Notes that part of an answer was unreadable: an answer with a hole must not be taken for a whole one."""
        if (question := self._open.get(key)) is not None:
            question.spoiled = why

    def take_time(self, at_utc: datetime) -> None:
        """Takes TWS's clock."""
        if self._times:
            future = self._times.popleft()
            if not future.done():
                future.set_result(at_utc)

    def end_all(self, failure: Callable[[], BrokerFailure]) -> None:
        """Ends every question, and every later one at once: the link is gone."""
        self._over = failure
        for question in self._open.values():
            _fail(question.future, failure())
        for future in self._times:
            _fail(future, failure())
        self._times.clear()

    async def _asked(self, key: Key, what: str, send: Callable[[], None]) -> list[Any]:
        self._check()
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        question = _Question(what, future, owed=self._owed.pop(key, 0))
        self._open[key] = question
        try:
            send()
            return await future
        finally:
            del self._open[key]
            if future.cancelled() and isinstance(key, str):
                self._owed[key] = question.owed + 1

    def _check(self) -> None:
        if self._over is not None:
            raise self._over()

    @staticmethod
    def _accept(question: _Question) -> None:
        """The answer that came first was the only one: the given-up question's own never came."""
        if not question.items:
            question.items = question.early
            _finish(question)


def no_answer(what: str, timeout_s: float) -> BrokerFailure:
    """Returns the failure of a question that TWS did not answer."""
    return BrokerFailure(
        FailureKind.TIMEOUT,
        f"TWS did not answer {what} within {timeout_s:g} s.",
        broker=NAME,
        cure="If this stays so, restart TWS or IB Gateway.",
    )


def _finish(question: _Question) -> None:
    if question.future.done():
        return
    if question.spoiled:
        what = f"TWS's answer to {question.what} could not be read whole: {question.spoiled}."
        question.future.set_exception(BrokerFailure(FailureKind.PROTOCOL, what, broker=NAME))
    else:
        question.future.set_result(question.items)


def _fail(future: asyncio.Future[Any], failure: BrokerFailure) -> None:
    if not future.done():
        future.set_exception(failure)
