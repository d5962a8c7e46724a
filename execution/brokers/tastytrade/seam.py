"""The one seam through which the tastytrade SDK comes in: loaded late, its log quietened, its websockets wrapped.

The SDK logs bearer tokens at DEBUG and sets its own logger to DEBUG when it is imported; it reads at most 64 KiB of a
message, never notices a frozen peer and drops what it cannot parse. Its streamers open their sockets by the name
`tastytrade.streamer.AsyncClient`; a client put in its place raises the size limit and hands each socket to whoever
opened it. Nothing of the SDK is imported with this module.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.metadata
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from execution.brokers.tastytrade.settings import TastyHost, TastySecrets, TastySettings
from execution.off_loop import off_loop
from models.enums import BrokerName
from models.errors import BrokerFailure, BugError, FailureKind

#: What the vendor wants to see, `<product>/<version>`; any other is refused with 401.
USER_AGENT: Final = "Optiondesk/1.0"
#: What orders name as the app they came from.
SOURCE: Final = USER_AGENT
#: The SDK's client takes 64 KiB and closes the socket on more; full chains of alerts and quotes are larger.
MAX_MESSAGE_BYTES: Final = 8 << 20

#: How the task that enters a streamer gets at its socket: called with the websocket session, returns what the SDK uses
#: instead. Set in the task that enters; every socket opened in another context stays as it is.
SOCKET_WRAP: Final[ContextVar[Callable[[Any], Any] | None]] = ContextVar("SOCKET_WRAP", default=None)

_PARENTS: Final = ("tastytrade", "httpx2", "httpcore2")
#: Made with the first request only; they log headers.
_LATE: Final = tuple(f"httpcore2.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))
_SDK: Final = "tastytrade"
_STREAMER: Final = "tastytrade.streamer"
_DXFEED: Final = "tastytrade.dxfeed"
_HTTP: Final = "httpx2"
_SOCKETS: Final = "wsproto.utilities"


@dataclass(frozen=True, slots=True)
class TastySdk:
    """The loaded library: the names the adapter uses, and nothing else of it."""

    version: str
    module: ModuleType
    streamer: ModuleType
    dxfeed: ModuleType
    http: ModuleType

    @property
    def error(self) -> type[Exception]:
        """What the SDK raises of its own."""
        found: type[Exception] = self.streamer.TastytradeError
        return found

    @property
    def transport_error(self) -> type[Exception]:
        """The base of everything that can go wrong with a request on its way."""
        found: type[Exception] = self.http.HTTPError
        return found

    @property
    def socket_error(self) -> type[Exception]:
        """The base of everything that can go wrong with a websocket."""
        found: type[Exception] = self.streamer.HTTPXWSException
        return found

    @property
    def closing_error(self) -> type[Exception]:
        """What a websocket that is closing says to who would send on it still; its text is the message, token and all.

        It comes from below the SDK's HTTP library, which lets it through.
        """
        found: type[Exception] = importlib.import_module(_SOCKETS).LocalProtocolError
        return found

    def new_session(self, settings: TastySettings, secrets: TastySecrets, hooks: dict[str, list[Any]]) -> Any:
        """Returns an SDK session; made on the loop it is used on, without any request.

        `hooks` see every REST request and response, not the sockets. Proxies of the environment are not used: they
        would take a loopback address elsewhere, and see the tokens.
        """
        limits = settings.timeouts
        kwargs: dict[str, Any] = {
            "trust_env": False,
            "timeout": self.http.Timeout(limits.read_s, connect=limits.connect_s),
        }
        session = self.module.Session(
            secrets.client_secret,
            secrets.refresh_token,
            is_test=settings.host is TastyHost.CERTIFICATION,
            event_hooks=hooks,
            **kwargs,
        )
        if settings.base_url is not None:
            session._client.base_url = settings.base_url  # noqa: SLF001 - the one way to another server
        session._client.headers["User-Agent"] = USER_AGENT  # noqa: SLF001 - `headers` may not go through the kwargs
        session.client_kwargs = {**kwargs, "headers": {"User-Agent": USER_AGENT}}
        return session


class _NothingSecret(logging.Filter):
    """Drops what is below INFO whatever level somebody sets: the SDK logs tokens there."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.INFO


async def preload_sdk() -> None:
    """Imports the SDK on another thread, where it takes 0.65 s: the engine goes on meanwhile, live or not.

    Importing makes nothing that belongs to a loop (13.2.3); what does is made by `load_sdk`'s caller. What it cannot
    import is told by `load_sdk`.
    """
    with contextlib.suppress(ImportError):
        await off_loop(_import_sdk, name="tastytrade-import")


def _import_sdk() -> None:
    for name in (_SDK, _STREAMER, _DXFEED, _HTTP):
        importlib.import_module(name)
    _quieten()


def load_sdk() -> TastySdk:
    """Imports the SDK on the thread of the running loop; loading it again changes nothing.

    Raises BrokerFailure(UNSUPPORTED) when it is not installed, BugError outside a running loop.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise BugError("the tastytrade SDK must be loaded on the engine's thread, while its loop runs") from None
    try:
        module = importlib.import_module(_SDK)
        streamer = importlib.import_module(_STREAMER)
        dxfeed = importlib.import_module(_DXFEED)
        http = importlib.import_module(_HTTP)
    except ImportError as error:
        raise BrokerFailure(
            FailureKind.UNSUPPORTED,
            f"The tastytrade library cannot be loaded: {error}.",
            broker=BrokerName.TASTYTRADE.value,
            cure="Install the app's requirements again.",
        ) from error
    _quieten()
    if not getattr(streamer.AsyncClient, "is_tapped", False):
        vars(streamer)["AsyncClient"] = _tapped(streamer.AsyncClient)
    return TastySdk(importlib.metadata.version("tastytrade"), module, streamer, dxfeed, http)


def _quieten() -> None:
    logging.getLogger("tastytrade").setLevel(logging.INFO)
    # One line per request, with the account number in it, and headers below that.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    logging.getLogger("httpcore2").setLevel(logging.WARNING)
    for name in _PARENTS:
        for logger in _family(name):
            if not any(isinstance(each, _NothingSecret) for each in logger.filters):
                logger.addFilter(_NothingSecret())


def _family(name: str) -> list[logging.Logger]:
    """A filter of a logger does not see what its children log, so each of them needs its own."""
    known = {*logging.root.manager.loggerDict, *_LATE}
    return [logging.getLogger(each) for each in (name, *sorted(known)) if each == name or each.startswith(f"{name}.")]


def _tapped(base: Any) -> Any:
    """Returns the SDK's client for sockets with a larger message limit, and its socket handed over."""

    @asynccontextmanager
    async def websocket(self: Any, url: Any, **options: Any) -> AsyncGenerator[Any]:
        options.setdefault("max_message_size_bytes", MAX_MESSAGE_BYTES)
        async with base.websocket(self, url, **options) as socket:
            wrap = SOCKET_WRAP.get()
            yield socket if wrap is None else wrap(socket)

    return type("TapClient", (base,), {"websocket": websocket, "is_tapped": True})
