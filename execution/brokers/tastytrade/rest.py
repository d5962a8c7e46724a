"""Requests to Tastytrade through the real SDK's session: answers taken whole, failures typed, nothing secret told.

The SDK logs in, refreshes the token and sends; its own reading of answers is left out, because it loses the status,
falls over a bare-word error and throws away the data of a refusal. A hook takes every answer before the SDK sees it.
Reads are repeated (401 once after a refresh; 429, 5xx, an unreadable answer and the network with growing pauses).
Writes leave once. A login that was refused is not tried again by itself: Tastytrade blocks the address for hours.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from execution.brokers.tastytrade.facts import OddObject
from execution.brokers.tastytrade.network_words import why_no_connection
from execution.brokers.tastytrade.parsing_replies import Reply, decode
from execution.brokers.tastytrade.seam import TastySdk
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings
from execution.brokers.tastytrade.wire_port import always
from execution.redaction import Redactor
from models.enums import BrokerName
from models.errors import BrokerFailure, BugError, FailureKind

_BROKER: Final = BrokerName.TASTYTRADE.value
_TOKEN_PATH: Final = "/oauth/token"  # noqa: S105 - where tokens come from, not one of them
_LOGIN_REFUSED: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_ATTEMPTS: Final = 4
#: A read and all its repetitions together take no longer than so many times one read.
_PATIENCE: Final = 2.0
_SAID_LENGTH: Final = 300

_HEADER_SAFE: Final = re.compile(r"[\x21-\x7e]+")

_LOOK: Final = "Look at the account's orders before sending anything again."
_AGAIN: Final = "Try again in a moment."
_LINK_CHANGED: Final = "the connection to Tastytrade changed while its login was renewed."
_NEW_GRANT: Final = "Make a new grant at my.tastytrade.com (Manage > My Profile > API) and enter both secrets again."

Params = Mapping[str, str | int]
Sleep = Callable[[float], Awaitable[None]]


class Scrubber(Redactor):
    """Takes this login's secrets and tokens out of a text, and what looks like one."""

    def __init__(self, secrets: TastySecrets) -> None:
        super().__init__()
        self.learn(secrets.client_secret)
        self.learn(secrets.refresh_token)


class _Answered(Exception):
    """An answer, not an error: raised to pass the SDK's own reading by."""

    def __init__(self, reply: Reply, *, is_login: bool) -> None:
        super().__init__(f"answered {reply.status}")
        self.reply = reply
        self.is_login = is_login


@dataclass(slots=True)
class _Exchange:
    """One request under way; `has_left` once the SDK hands it to the network, which `may_leave` can forbid."""

    has_left: bool = False
    may_leave: Callable[[], bool] = always


_EXCHANGE: Final[ContextVar[_Exchange | None]] = ContextVar("_EXCHANGE", default=None)


class RestClient:
    """One login's requests. Made, used and closed on the engine's loop."""

    def __init__(
        self,
        sdk: TastySdk,
        settings: TastySettings,
        secrets: TastySecrets,
        *,
        odd: Callable[[OddObject], None] = lambda _: None,
        dated: Callable[[str], None] = lambda _: None,
        jitter: Callable[[], float] = random.random,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._sdk = sdk
        self._limits = settings.timeouts
        #: Takes what came and was no answer, also where the question was answered when it was put again.
        self._odd = odd
        self._dated = dated
        self._jitter = jitter
        self._sleep = sleep
        self.scrubber = Scrubber(secrets)
        self._refused: BrokerFailure | None = None
        self._is_closed = False
        self._login = asyncio.Lock()
        hooks: dict[str, list[Any]] = {"request": [self._on_request], "response": [self._on_response]}
        #: The SDK's session, which the streams use too.
        self.session: Any = sdk.new_session(settings, secrets, hooks)

    async def close(self) -> None:
        """Closes the connections; nothing can be asked afterwards."""
        self._is_closed = True
        await self.session._client.aclose()  # noqa: SLF001 - `async with session` is for short scripts only

    # --- asking ------------------------------------------------------------------------------------------------------

    async def read(self, what: str, path: str, params: Params | None = None) -> Reply:
        """Returns the answer to a GET. Raises BrokerFailure; `what` names in words what was asked for."""
        return await self._repeated(what, "GET", path, params, None, answers=_NO_REFUSAL)

    async def find(self, what: str, path: str) -> Reply | None:
        """Returns the answer to a GET, None when Tastytrade says that there is no such thing."""
        reply = await self._repeated(what, "GET", path, None, None, answers=_NOT_FOUND)
        return reply if reply.is_ok else None

    async def trial(self, what: str, path: str, body: Mapping[str, Any]) -> Reply:
        """Returns the answer to a POST that changes nothing (a dry run): repeated like a read, a refusal returned."""
        return await self._repeated(what, "POST", path, None, body, answers=_TRIAL_REFUSALS)

    async def write(
        self,
        what: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        may_leave: Callable[[], bool] = always,
    ) -> Reply:
        """Sends once and returns the answer. Raises BrokerFailure, `outcome_unknown` unless it was surely not done.

        `may_leave` is asked when the library hands it to the network: a login may have taken its time.
        """
        exchange = _Exchange(may_leave=may_leave)
        try:
            await self._ready(self._limits.read_s)
            reply = await self._once(method, path, None, body, self._limits.submit_s, exchange)
        except BrokerFailure as failure:  # of the login, or it may not leave any more
            raise self._not_sent(what, failure) from None
        except _Lost as lost:
            raise self._lost_write(what, lost, exchange) from None
        if reply.is_ok:
            return reply
        self._tell_odd(what, reply)
        if reply.status == HTTPStatus.UNAUTHORIZED:
            self._expire()  # it was not done, and the next one goes with a new token
        raise self.failure(what, reply, is_write=True)

    def unreadable(self, what: str, why: str, *, is_write: bool = False) -> BrokerFailure:
        """Tells of an answer that came and cannot be used, and returns its failure: what a write did is not known."""
        self._odd(OddObject(what, f"the answer cannot be read: {self._said(why)}", ""))
        text = f"Tastytrade's answer to {what} cannot be read: {self._said(why)}."
        cure = _LOOK if is_write else _AGAIN
        return BrokerFailure(FailureKind.PROTOCOL, text, broker=_BROKER, cure=cure, outcome_unknown=is_write)

    def failure(self, what: str, reply: Reply, *, is_write: bool = False) -> BrokerFailure:
        """Returns the failure that an answer other than a 2xx means."""
        if not reply.is_refusal:
            return self._no_answer(what, reply, is_write=is_write)
        kind, cure = _KINDS.get(reply.status, (FailureKind.REJECTED, ""))
        if is_write and kind is FailureKind.AUTH:
            cure = "Send it again: the login is renewed first."
        said = "; ".join(text or code for code, text in reply.errors)
        code = reply.errors[0][0]
        text = f"Tastytrade refused {what}: {self._said(said).rstrip('.')}. ({self._said(code)}, HTTP {reply.status})"
        return BrokerFailure(kind, text, broker=_BROKER, code=self._said(code), cure=cure)

    def scrubbed(self, failure: BrokerFailure) -> BrokerFailure:
        """Returns the failure with nothing secret in its words: a stream passes on what the server said."""
        clean = self.scrubber.clean
        return BrokerFailure(
            failure.kind,
            clean(failure.what),
            broker=failure.broker,
            code=clean(failure.code),
            cure=failure.cure,
            outcome_unknown=failure.outcome_unknown,
        )

    # --- logging in --------------------------------------------------------------------------------------------------

    async def login(self) -> None:
        """Fetches a token, also after a refusal: the user asked. Raises BrokerFailure(AUTH) when it is refused."""
        self._refused = None
        await self._ready(self._limits.read_s, refresh_of=self.session.session_token)

    def _raise_if_refused(self) -> None:
        if self._refused is not None:
            raise self._refused

    async def _ready(self, limit_s: float, *, refresh_of: str | None = None) -> None:
        """Makes sure that there is a token: one request however many wait. `refresh_of` is a token that is no good."""
        if self._is_closed:
            raise BugError("the Tastytrade session is closed")
        try:
            async with asyncio.timeout(limit_s), self._login:
                self._raise_if_refused()
                is_forced = refresh_of is not None and refresh_of == self.session.session_token
                await self._within(limit_s, self.session.refresh(force=is_forced), _Exchange())
        except _Answered as answered:
            raise self._login_failure(answered.reply) from None
        except (_Lost, TimeoutError) as error:  # TimeoutError: others were first and waited in vain
            text = f"Tastytrade's login cannot be reached: {str(error) or 'nobody answers'}."
            raise BrokerFailure(FailureKind.OFFLINE, text, broker=_BROKER, cure=_AGAIN) from None

    def _login_failure(self, reply: Reply) -> BrokerFailure:
        if reply.status in _LOGIN_REFUSED:
            said = " ".join(text or code for code, text in reply.errors) or f"HTTP {reply.status}"
            text = f"Tastytrade refused the login: {self._said(said).rstrip('.')}."
            code = reply.errors[0][0] if reply.errors else str(reply.status)
            self._refused = BrokerFailure(
                FailureKind.AUTH, text, broker=_BROKER, code=self._said(code), cure=_NEW_GRANT, is_users_turn=True
            )
            return self._refused
        if reply.is_ok:
            return self.unreadable("the login", "there is no usable token in it")
        return self.failure("the login", reply)

    def _expire(self) -> None:
        """Makes the next request fetch a new token."""
        self.session.session_expiration = 0.0

    # --- sending -----------------------------------------------------------------------------------------------------

    async def _repeated(
        self,
        what: str,
        method: str,
        path: str,
        params: Params | None,
        body: Mapping[str, Any] | None,
        *,
        answers: frozenset[int],
    ) -> Reply:
        """Asks until there is an answer; a refusal with a status of `answers` is one."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + _PATIENCE * self._limits.read_s
        pause_s = self._limits.retry_first_s
        attempts_left = _ATTEMPTS
        was_odd = False
        stale: str | None = None
        while True:
            limit_s = max(min(deadline_s - loop.time(), self._limits.read_s), 0.0)
            try:
                await self._ready(limit_s, refresh_of=stale)
                token = self.session.session_token
                reply = await self._once(method, path, params, body, limit_s, _Exchange())
            except BrokerFailure as failure:  # of the login
                problem, may_pass = failure, failure.kind is not FailureKind.AUTH
            except _Lost as lost:
                problem, may_pass = self._lost_read(what, lost), True
            else:
                if _is_answer(reply, answers):
                    return reply
                was_odd = was_odd or self._tell_odd(what, reply)
                if reply.status == HTTPStatus.UNAUTHORIZED and stale is None:
                    stale = token
                    continue
                problem, may_pass = self.failure(what, reply), _may_pass(reply)
            attempts_left -= 1
            rest_s = min(pause_s, self._limits.retry_most_s) * (0.5 + 0.5 * self._jitter())
            if not may_pass or not attempts_left or loop.time() + rest_s >= deadline_s:
                raise problem
            await self._sleep(rest_s)
            pause_s *= 2

    async def _once(
        self,
        method: str,
        path: str,
        params: Params | None,
        body: Mapping[str, Any] | None,
        limit_s: float,
        exchange: _Exchange,
    ) -> Reply:
        """Sends one request and returns its answer, whatever it is. Raises _Lost when there is none."""
        send = getattr(self.session, f"_{method.lower()}")
        options: dict[str, Any] = {}
        if params is not None:
            options["params"] = dict(params)
        if body is not None:
            options["json"] = dict(body)
        try:
            await self._within(limit_s, send(path, **options), exchange)
        except _Answered as answered:
            if answered.is_login:  # the token ran out between `_ready` and here
                raise self._login_failure(answered.reply) from None
            return answered.reply
        raise BugError("the hook hands over every answer")

    async def _within(self, limit_s: float, sending: Awaitable[object], exchange: _Exchange) -> None:
        """Awaits a request of the SDK with the hooks told whose it is; what happens on the way becomes _Lost."""
        token = _EXCHANGE.set(exchange)
        try:
            async with asyncio.timeout(limit_s):
                await sending
        except (self._sdk.http.ConnectError, self._sdk.http.ConnectTimeout, self._sdk.http.PoolTimeout) as error:
            is_slow = isinstance(error, self._sdk.http.TimeoutException)
            raise _Lost(why_no_connection(error), was_sent=False, is_slow=is_slow) from None
        except (self._sdk.http.TimeoutException, TimeoutError):
            raise _Lost(f"nothing came within {limit_s:g} s", was_sent=exchange.has_left, is_slow=True) from None
        except self._sdk.transport_error as error:
            why = self._said(str(error) or type(error).__name__)
            raise _Lost(f"the connection broke ({why})", was_sent=exchange.has_left, is_slow=False) from None
        finally:
            _EXCHANGE.reset(token)

    async def _on_request(self, request: Any) -> None:
        if request.url.path.endswith(_TOKEN_PATH):
            self._raise_if_refused()
            return
        exchange = _EXCHANGE.get()
        if exchange is not None:
            _require_leave(exchange.may_leave)
            exchange.has_left = True

    async def _on_response(self, response: Any) -> None:
        """Takes an answer before the SDK reads it; those of the streams' own requests go on, unless they are errors."""
        self._dated(response.headers.get("date", ""))
        is_login = response.request.url.path.endswith(_TOKEN_PATH)
        reply = decode(response.status_code, await response.aread())
        if is_login and reply.is_ok and self._has_token(reply):
            return
        if _EXCHANGE.get() is not None:
            raise _Answered(reply, is_login=is_login)
        if is_login:
            raise self._login_failure(reply)
        if reply.status == HTTPStatus.UNAUTHORIZED:
            self._expire()
        if not reply.is_ok or reply.document is None:
            raise self.failure("a stream's token", reply)

    def _has_token(self, reply: Reply) -> bool:
        """Whether the SDK can use the answer as it is: a token that fits a header, and a life in seconds."""
        document = reply.document or {}
        token, life = document.get("access_token"), document.get("expires_in", 900)
        if not isinstance(token, str) or _HEADER_SAFE.fullmatch(token) is None:
            return False
        if isinstance(life, bool) or not isinstance(life, int):
            return False
        self.scrubber.learn_passing(token)
        return True

    # --- telling -----------------------------------------------------------------------------------------------------

    def _said(self, text: str) -> str:
        """Returns foreign words fit to be shown: without secrets, on one line, not without end."""
        line = " ".join(self.scrubber.clean(text).split())
        return line if len(line) <= _SAID_LENGTH else line[: _SAID_LENGTH - 1] + "…"

    def _tell_odd(self, what: str, reply: Reply) -> bool:
        """Tells of an answer nobody can read, or that came instead of one (429); returns whether it was one."""
        if reply.document is not None and reply.status != HTTPStatus.TOO_MANY_REQUESTS:
            return False
        why = "too many requests" if reply.status == HTTPStatus.TOO_MANY_REQUESTS else "it cannot be read"
        self._odd(OddObject(what, f"HTTP {reply.status}, {why}", reply.raw))
        return True

    def _no_answer(self, what: str, reply: Reply, *, is_write: bool) -> BrokerFailure:
        kind = FailureKind.PROTOCOL
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            kind = FailureKind.RATE_LIMIT
        elif reply.status == HTTPStatus.UNAUTHORIZED:
            kind = FailureKind.AUTH
        elif reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            kind = FailureKind.OFFLINE
        said = "; ".join(text or code for code, text in reply.errors) or "an answer that cannot be read"
        lack = "did not say what became of" if is_write else "did not tell"
        text = f"Tastytrade {lack} {what}: HTTP {reply.status}, {self._said(said).rstrip('.')}."
        code = self._said(reply.errors[0][0]) if reply.errors else str(int(reply.status))
        cure = _LOOK if is_write else _AGAIN
        return BrokerFailure(kind, text, broker=_BROKER, code=code, cure=cure, outcome_unknown=is_write)

    def _lost_read(self, what: str, lost: _Lost) -> BrokerFailure:
        kind = FailureKind.TIMEOUT if lost.is_slow else FailureKind.OFFLINE
        return BrokerFailure(kind, f"Tastytrade did not tell {what}: {lost}.", broker=_BROKER, cure=_AGAIN)

    def _lost_write(self, what: str, lost: _Lost, exchange: _Exchange) -> BrokerFailure:
        if not (lost.was_sent and exchange.has_left):
            text = f"{_sentence(what)} was not sent: {lost}."
            return BrokerFailure(FailureKind.OFFLINE, text, broker=_BROKER, cure=_AGAIN)
        kind = FailureKind.TIMEOUT if lost.is_slow else FailureKind.OFFLINE
        text = f"{_sentence(what)} left, and Tastytrade did not say what became of it: {lost}."
        return BrokerFailure(kind, text, broker=_BROKER, cure=_LOOK, outcome_unknown=True)

    def _not_sent(self, what: str, why: BrokerFailure) -> BrokerFailure:
        text = f"{_sentence(what)} was not sent: {why.what}"
        # Any other kind would be read as a request that left.
        kind = why.kind if why.kind in (FailureKind.AUTH, FailureKind.RATE_LIMIT) else FailureKind.OFFLINE
        return BrokerFailure(kind, text, broker=_BROKER, code=why.code, cure=why.cure)


class _Lost(Exception):
    """No answer came; the text says why, without anything secret."""

    def __init__(self, why: str, *, was_sent: bool, is_slow: bool) -> None:
        super().__init__(why)
        self.was_sent = was_sent
        self.is_slow = is_slow


#: What a refusal of that status is, and what to do about it; any other is a plain refusal.
_KINDS: Final[dict[int, tuple[FailureKind, str]]] = {
    HTTPStatus.UNAUTHORIZED: (FailureKind.AUTH, _NEW_GRANT),
    HTTPStatus.FORBIDDEN: (FailureKind.REJECTED, "See which scopes the login was granted; orders need `trade`."),
    HTTPStatus.NOT_ACCEPTABLE: (FailureKind.REJECTED, "Tastytrade retired this version of its interface: update."),
}
#: Statuses of refusals that are answers: of a dry run, of a look whether something is there.
_TRIAL_REFUSALS: Final = frozenset[int]({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
_NOT_FOUND: Final = frozenset[int]({HTTPStatus.NOT_FOUND})
_NO_REFUSAL: Final = frozenset[int]()
_PASSING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


def _is_answer(reply: Reply, refusals: frozenset[int]) -> bool:
    if reply.is_ok:
        return reply.document is not None
    return reply.is_refusal and reply.status in refusals


def _may_pass(reply: Reply) -> bool:
    """Whether the same question may be answered a little later: an answer cut short, a limit, a fault of theirs."""
    return reply.is_ok or reply.status in _PASSING or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _require_leave(may_leave: Callable[[], bool]) -> None:
    if not may_leave():
        raise BrokerFailure(FailureKind.OFFLINE, _LINK_CHANGED, broker=_BROKER, cure=_AGAIN)


def _sentence(what: str) -> str:
    return what[:1].upper() + what[1:]
