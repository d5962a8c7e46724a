"""The bad habits of Tastytrade that a test can switch on, and how answers go wrong; all off, it is as documented."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any


class Trouble(Enum):
    """How one answer goes wrong."""

    #: No answer ever comes; the connection stands.
    REPLY_LOST = "reply-lost"
    #: The connection ends hard (RST) instead of an answer.
    RESET = "reset"
    #: The connection ends politely (FIN) instead of an answer.
    HANG_UP = "hang-up"
    #: The right answer, `delay_s` late.
    SLOW = "slow"
    #: Half of the JSON, with the length of all of it.
    TRUNCATED = "truncated"
    #: JSON that ends in the middle, with a matching length.
    BROKEN_JSON = "broken-json"
    HTML_502 = "html-502"
    STATUS_500 = "status-500"
    STATUS_429 = "status-429"
    STATUS_401 = "status-401"
    STATUS_403 = "status-403"
    #: `field` is missing in the answer (default: `buying-power-effect`).
    MISSING_FIELD = "missing-field"
    #: A status, type or action that nobody knows.
    UNKNOWN_ENUM = "unknown-enum"
    EMPTY_BODY = "empty-body"
    #: The right JSON as `text/html`.
    WRONG_TYPE = "wrong-type"
    REDIRECT = "redirect"
    #: `{"context": ...}` without data.
    NO_DATA = "no-data"
    #: The right answer as `edit` changed it.
    EDITED = "edited"


#: The ways an order's POST can fail after the order was accepted.
AFTER_ACCEPTANCE = (
    Trouble.REPLY_LOST,
    Trouble.RESET,
    Trouble.SLOW,
    Trouble.TRUNCATED,
    Trouble.BROKEN_JSON,
    Trouble.HTML_502,
    Trouble.STATUS_500,
    Trouble.STATUS_429,
    Trouble.MISSING_FIELD,
    Trouble.UNKNOWN_ENUM,
    Trouble.EMPTY_BODY,
    Trouble.WRONG_TYPE,
    Trouble.REDIRECT,
    Trouble.HANG_UP,
    Trouble.NO_DATA,
)


@dataclass(slots=True)
class PlannedTrouble:
    """What goes wrong, where and how often. `is_done`: the work is done all the same, only the answer suffers."""

    trouble: Trouble
    method: str
    #: Shell pattern of the path: `*/orders`.
    path: str
    times: int
    is_done: bool
    delay_s: float
    field: str
    edit: Callable[[Any], Any] | None

    def fits(self, method: str, path: str) -> bool:
        """Whether a request is meant."""
        return self.times > 0 and self.method in ("*", method) and fnmatchcase(path, self.path)


@dataclass(slots=True)
class Troubles:
    """Answers that will go wrong, each used up by the requests it fits."""

    planned: list[PlannedTrouble] = field(default_factory=list)

    def take(self, method: str, path: str) -> PlannedTrouble | None:
        """Returns and uses up what goes wrong with a request."""
        found = next((one for one in self.planned if one.fits(method, path)), None)
        if found is not None:
            found.times -= 1
            self.planned = [one for one in self.planned if one.times > 0]
        return found


@dataclass(frozen=True, slots=True)
class CryptoHolding:
    """Coins an account holds beside what the exchange knows; they cannot be traded."""

    symbol: str = "BTC/USD"
    quantity: Decimal = Decimal("0.25")
    average_price: Decimal = Decimal(60000)
    mark: Decimal = Decimal(98000)


@dataclass(slots=True)
class Habits:
    """Everything may be changed while the simulator runs; it holds from the next message on. Times in seconds."""

    # --- login ---
    #: Life of an access token, in the loop's time. Below a minute the SDK asks for a new one on every call.
    token_life_s: int = 900
    #: The grant is revoked: no more access tokens.
    is_revoked: bool = False
    #: Errors of the token endpoint are the text of RFC 6749, which crashes the SDK.
    oauth_error_is_text: bool = False
    #: What the login may do; without `trade` orders are refused with 403.
    scopes: tuple[str, ...] = ("read", "trade", "openid")
    #: Any secrets are taken: for trying the screens.
    any_login: bool = False
    #: Requests without a product in their User-Agent are refused (401).
    user_agent_needed: bool = False
    #: Versions below it get a 406.
    least_version: int = 0
    #: Requests per second beyond which 429 comes; None = no limit.
    max_requests_per_s: int | None = None
    # --- reading ---
    #: Lists of orders without a first day are refused (400), as from 2026-10-12.
    orders_need_start: bool = True
    #: Coins of the first account.
    crypto: CryptoHolding | None = field(default_factory=CryptoHolding)
    #: Symbols whose position has `close-price` "NaN".
    nan_close: set[str] = field(default_factory=set)
    #: Symbols whose metrics come without a market cap, without a beta, or not at all.
    without_market_cap: set[str] = field(default_factory=set)
    without_beta: set[str] = field(default_factory=set)
    without_metrics: set[str] = field(default_factory=set)
    #: By how much the fees of the day are told too high until the next day.
    fee_estimate_off: Decimal = Decimal(0)
    #: False: chains come without streamer symbols.
    streamer_symbols: bool = True
    # --- orders ---
    #: First status of an order in the answer to its POST.
    accepted_status: str = "Routed"
    #: `In Flight` between `Routed` and `Live`.
    tells_in_flight: bool = False
    #: The alerts of a new order leave before the answer to its POST; False = behind it.
    alerts_first: bool = True
    #: A filled order of several legs is told leg by leg, "Filled" from the first one on.
    staggered: bool = True
    #: Pause between these.
    leg_gap_s: float = 0.0
    #: Prices off the tick pass and are rejected by the exchange; False = refused at once.
    off_tick_passes: bool = True
    #: From a replacement's answer until it takes the place of the order it replaces.
    replace_delay_s: float = 0.05
    #: Status of a replacement whose order filled first.
    aborted_replacement: str = "Rejected"
    #: Later frames of an order that is done come without its fills.
    late_empty_fills: bool = False
    #: Each fill of one contract or share by itself.
    fills_one_by_one: bool = False
    # --- account stream ---
    #: Alerts that leave together are one `{"results": [...]}`.
    batches: bool = False
    #: How often each alert is sent.
    copies: int = 1
    #: Alerts that leave together are shuffled.
    disorder_seed: int | None = None
    #: Text with which `connect` is refused; empty = taken.
    refuse_connect: str = ""
    #: Refusals name the request they answer.
    refusal_has_request_id: bool = False
    #: Nothing heard for so long: closed with 1000 "Bye"; None = never. In the loop's time.
    idle_alerts_s: float | None = 60.0
    #: A balance is told so often at most, beside those after a fill; None = only those.
    balance_every_s: float | None = None
    #: Types of alerts that are never sent.
    muted: set[str] = field(default_factory=set)
    # --- DXLink ---
    #: AUTH before the server asked for it is refused; the JavaScript client sends it early.
    strict_handshake: bool = False
    #: FULL instead of COMPACT, whatever was asked for.
    full_format: bool = False
    #: Nothing heard for so long: ERROR TIMEOUT and closed; None = what SETUP agreed on. In the loop's time.
    keepalive_timeout_s: float | None = None
    #: Life of a quote token, in the loop's time.
    quote_token_life_s: float = 86_400.0
    #: Messages beyond it are refused with 1009.
    max_message_bytes: int | None = 65_536
    #: Most symbols of one message; beyond it the connection is closed with 1009.
    max_symbols_per_message: int | None = 2000
    #: Fills every data frame to at least so many bytes.
    least_frame_bytes: int = 0
    #: Symbols that are never quoted.
    silent: set[str] = field(default_factory=set)
    #: Greeks of an option are sent no more often than this.
    greeks_every_s: float = 1.0
    #: Quotes do not leave when the market ticks, but when `TastySimulator.send_ticks` is called.
    paced_ticks: bool = False
    #: The upgrade of a WebSocket is answered with HTML and this status; None = taken.
    upgrade_status: int | None = None
