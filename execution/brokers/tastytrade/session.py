"""One login at Tastytrade, the real one: `wire_port.TastyWire` on the SDK's session and its two streams.

Answers are read object by object; what cannot be read goes to the alert sink as OddObject and costs its list nothing
else. Everything runs on the engine's loop; the session is made, used and closed there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import date
from typing import Any, Final, TypeVar
from urllib.parse import quote

from execution.brokers.tastytrade.alerts import AlertStream
from execution.brokers.tastytrade.dxlink import QuoteStream
from execution.brokers.tastytrade.facts import (
    AlertFact,
    MarketFact,
    OddObject,
    StreamFact,
    TastyAccount,
    TastyBalance,
    TastyDryRun,
    TastyExpiration,
    TastyMetrics,
    TastyOrder,
    TastyPosition,
    TastyTransaction,
)
from execution.brokers.tastytrade.parsing import Odd, each
from execution.brokers.tastytrade.parsing_accounts import (
    account_of,
    balance_of,
    margin_type_of,
    position_of,
    quote_level_of,
    scopes_of,
    transaction_of,
)
from execution.brokers.tastytrade.parsing_alerts import alert_of
from execution.brokers.tastytrade.parsing_chains import chain_of, futures_chain_of, metrics_of, streamer_symbol_of
from execution.brokers.tastytrade.parsing_orders import (
    draft_body,
    dry_run_of,
    order_of,
    placed_order_of,
    replacement_body,
)
from execution.brokers.tastytrade.parsing_replies import Reply
from execution.brokers.tastytrade.rest import Params, RestClient
from execution.brokers.tastytrade.seam import load_sdk
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings
from execution.brokers.tastytrade.wire_port import AlertSink, Login, MarketSink, TastyOrderDraft, always
from models.clock import Clock
from models.errors import BrokerFailure, BugError, FailureKind, InvalidInput

T = TypeVar("T")
CleanT = TypeVar("CleanT", OddObject, StreamFact)

_TRADE: Final = "trade"
_PER_PAGE: Final = 250
#: More pages than any account has: a page count that never ends is not believed.
_MOST_PAGES: Final = 400
_SYMBOLS_PER_QUESTION: Final = 100
_INSTRUMENTS: Final = {
    "Equity": "equities",
    "Index": "equities",
    "Equity Option": "equity-options",
    "Future": "futures",
    "Future Option": "future-options",
    "Cryptocurrency": "cryptocurrencies",
}


class TastySession:
    """Opened once; a login that failed leaves nothing behind, and may be tried again."""

    def __init__(
        self,
        settings: TastySettings,
        secrets: TastySecrets,
        clock: Clock,
        *,
        alerts: AlertSink,
        market: MarketSink,
        dated: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`dated` takes the date of each answer, as HTTP writes it."""
        self._settings = settings
        self._secrets = secrets
        self._clock = clock
        self._alert_sink = alerts
        self._market_sink = market
        self._dated = dated
        self._sdk = load_sdk()
        self._open_rest: RestClient | None = None
        self._alerts: AlertStream | None = None
        self._quotes: QuoteStream | None = None
        self._wanted: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    # --- life --------------------------------------------------------------------------------------------------------

    async def open(self) -> Login:
        """Logs in and reads the accounts. Raises BrokerFailure."""
        if self._open_rest is not None:
            raise BugError("the Tastytrade session is open")
        rest = RestClient(self._sdk, self._settings, self._secrets, odd=self._tell_odd, dated=self._dated)
        self._open_rest = rest
        try:
            await rest.login()
            return Login(await self._read_accounts(), scopes_of(self._secrets.refresh_token))
        except BaseException:
            self._open_rest = None
            await rest.close()
            raise

    async def close(self) -> None:
        """Ends streams and session; no fact comes afterwards."""
        alerts, quotes, rest = self._alerts, self._quotes, self._open_rest
        self._alerts = self._quotes = self._open_rest = None
        if alerts is not None:
            await alerts.stop()
        if quotes is not None:
            await quotes.stop()
        if rest is not None:
            await rest.close()

    async def start_alerts(self, account_numbers: Collection[str]) -> None:
        """Starts the account stream, or starts it anew for other accounts."""
        if self._alerts is not None:
            await self._alerts.stop()
        stream = self._alerts = AlertStream(
            sdk=self._sdk,
            session=self._rest.session,
            settings=self._settings,
            sink=self._tell_alert,
            parse=alert_of,
        )
        try:
            await stream.start(account_numbers)
        except BrokerFailure as failure:
            self._alerts = None
            raise self._rest.scrubbed(failure) from None
        except BaseException:
            self._alerts = None
            raise

    async def start_quotes(self) -> None:
        """Starts the quote stream with the symbols stated so far."""
        if self._quotes is not None:
            raise BugError("the quote stream is started once")
        stream = self._quotes = QuoteStream(
            sdk=self._sdk,
            session=self._rest.session,
            settings=self._settings,
            clock=self._clock,
            sink=self._tell_market,
        )
        stream.set_symbols(*self._wanted)
        try:
            await stream.start()
        except BrokerFailure as failure:
            self._quotes = None
            raise self._rest.scrubbed(failure) from None
        except BaseException:
            self._quotes = None
            raise

    def set_streamer_symbols(self, quotes: Collection[str], greeks: Collection[str]) -> None:
        """States the full set of streamer symbols wanted, by need, also before the stream is started."""
        self._wanted = (tuple(quotes), tuple(greeks))
        if self._quotes is not None:
            self._quotes.set_symbols(*self._wanted)

    async def quote_level(self) -> str:
        """Returns what kind of quotes the login is given: "api", or "demo", which is delayed. Opens no stream."""
        what = "the token for quotes"
        return self._one(what, await self._rest.read(what, "/api-quote-tokens"), quote_level_of)

    # --- accounts ----------------------------------------------------------------------------------------------------

    async def balance(self, account_number: str) -> TastyBalance:
        """Returns an account's money."""
        what = f"the balance of account {account_number}"
        reply = await self._rest.read(what, f"/accounts/{_part(account_number)}/balances/USD")
        return self._one(what, reply, lambda raw: balance_of(raw, account_number))

    async def positions(self, account_number: str) -> tuple[TastyPosition, ...]:
        """Returns what an account holds."""
        what = f"the positions of account {account_number}"
        reply = await self._rest.read(what, f"/accounts/{_part(account_number)}/positions")
        return self._each(what, self._items(what, reply), lambda raw: position_of(raw, account_number))

    async def transactions(self, account_number: str, since: date) -> tuple[TastyTransaction, ...]:
        """Returns transactions since a day, oldest first, all pages; asked for oldest first, so that none slips by."""
        what = f"the transactions of account {account_number}"
        params = {"start-date": since.isoformat(), "sort": "Asc"}
        found = await self._pages(
            what,
            f"/accounts/{_part(account_number)}/transactions",
            params,
            lambda raw: transaction_of(raw, account_number),
        )
        by_id = {transaction.transaction_id: transaction for transaction in found}
        return tuple(sorted(by_id.values(), key=_transaction_order))

    # --- orders ------------------------------------------------------------------------------------------------------

    async def orders(self, account_number: str, since: date) -> tuple[TastyOrder, ...]:
        """Returns every order since a day, newest first, all pages, and older ones that still work."""
        what = f"the orders of account {account_number}"
        found = await self._pages(
            what,
            f"/accounts/{_part(account_number)}/orders",
            {"start-date": since.isoformat(), "sort": "Desc"},  # an order that comes meanwhile is doubled, not missed
            lambda raw: order_of(raw, account_number),
        )
        by_id = {order.order_id: order for order in (*found, *await self.live_orders(account_number))}
        return tuple(sorted(by_id.values(), key=_order_order, reverse=True))

    async def live_orders(self, account_number: str) -> tuple[TastyOrder, ...]:
        """Returns the orders of today that are working or ended today, and older ones that still work."""
        what = f"the working orders of account {account_number}"
        reply = await self._rest.read(what, f"/accounts/{_part(account_number)}/orders/live")
        return self._each(what, self._items(what, reply), lambda raw: order_of(raw, account_number))

    async def order(self, account_number: str, order_id: str) -> TastyOrder | None:
        """Returns one order, None when there is none of that id."""
        what = f"order {order_id}"
        reply = await self._rest.find(what, f"/accounts/{_part(account_number)}/orders/{_part(order_id)}")
        return None if reply is None else self._one(what, reply, lambda raw: order_of(raw, account_number))

    async def dry_run(self, account_number: str, draft: TastyOrderDraft) -> TastyDryRun:
        """Asks what an order would need; a refusal is an answer."""
        path = f"/accounts/{_part(account_number)}/orders/dry-run"
        return await self._tried("the simulation", path, draft_body(draft))

    async def margin_dry_run(self, account_number: str, draft: TastyOrderDraft, underlying: str) -> TastyDryRun:
        """Asks for the margin alone; a refusal is an answer."""
        path = f"/margin/accounts/{_part(account_number)}/dry-run"
        own = {"account-number": account_number, "underlying-symbol": underlying}
        return await self._tried("the margin estimate", path, draft_body(draft) | own)

    async def _tried(self, what: str, path: str, body: dict[str, Any]) -> TastyDryRun:
        reply = await self._rest.trial(what, path, body)
        if reply.is_ok and not isinstance(reply.data, dict):
            raise self._rest.unreadable(what, "there is nothing in it")
        told = dry_run_of(reply.data, reply.errors)
        return replace(
            told,
            warnings=tuple(self._rest.scrubber.clean(text) for text in told.warnings),
            errors=self._pairs(told.errors),
        )

    async def place(
        self, account_number: str, draft: TastyOrderDraft, *, may_leave: Callable[[], bool] = always
    ) -> TastyOrder:
        """Sends an order once and returns it as accepted."""
        what = "the order"
        path = f"/accounts/{_part(account_number)}/orders"
        reply = await self._rest.write(what, "POST", path, draft_body(draft), may_leave=may_leave)
        return self._accepted(what, account_number, reply)

    async def replace(
        self, account_number: str, order_id: str, draft: TastyOrderDraft, *, may_leave: Callable[[], bool] = always
    ) -> TastyOrder:
        """Replaces a working order once; returns the successor (another id)."""
        what = f"the change of order {order_id}"
        path = f"/accounts/{_part(account_number)}/orders/{_part(order_id)}"
        reply = await self._rest.write(what, "PUT", path, replacement_body(draft), may_leave=may_leave)
        return self._accepted(what, account_number, reply)

    async def cancel(self, account_number: str, order_id: str) -> None:
        """Asks to cancel, once."""
        path = f"/accounts/{_part(account_number)}/orders/{_part(order_id)}"
        await self._rest.write(f"the cancel of order {order_id}", "DELETE", path)

    # --- the market --------------------------------------------------------------------------------------------------

    async def metrics(self, symbols: Collection[str]) -> tuple[TastyMetrics, ...]:
        """Returns betas and vol ranks; a symbol that makes the whole question fail is found by halves and left out."""
        wanted = tuple(dict.fromkeys(symbols))
        found: list[TastyMetrics] = []
        for start in range(0, len(wanted), _SYMBOLS_PER_QUESTION):
            found.extend(await self._metrics(wanted[start : start + _SYMBOLS_PER_QUESTION]))
        return tuple(found)

    async def chain(self, underlying: str) -> tuple[TastyExpiration, ...]:
        """Returns every expiration of every root on an equity or index, nested; empty for an unknown one."""
        what = f"the chain of {underlying}"
        reply = await self._rest.find(what, f"/option-chains/{_part(underlying)}/nested")
        return () if reply is None else chain_of(self._items(what, reply), source=what, odd=self._tell_odd)

    async def futures_chain(self, product: str) -> tuple[TastyExpiration, ...]:
        """Returns every expiration of the options on a futures product (`ES`)."""
        what = f"the chain of {product}"
        reply = await self._rest.find(what, f"/futures-option-chains/{_part(product.removeprefix('/'))}/nested")
        if reply is None:
            return ()
        try:
            return futures_chain_of(reply.mapping(), source=what, odd=self._tell_odd)
        except Odd as error:
            raise self._rest.unreadable(what, str(error)) from None

    async def streamer_symbol(self, symbol: str, instrument_type: str) -> str:
        """Returns DXLink's symbol of an instrument; raises InvalidInput when Tastytrade does not know it."""
        kind = _INSTRUMENTS.get(instrument_type)
        if kind is None:
            raise InvalidInput("symbol", f"Tastytrade streams no quotes of the type {instrument_type!r}.")
        path_symbol = symbol.removeprefix("/") if kind == "futures" else symbol
        reply = await self._rest.find(f"the symbol {symbol}", f"/instruments/{kind}/{_part(path_symbol)}")
        if reply is None:
            raise InvalidInput("symbol", f"Tastytrade does not know {symbol}.")
        return self._one(f"the symbol {symbol}", reply, streamer_symbol_of)

    # --- inside ------------------------------------------------------------------------------------------------------

    @property
    def _rest(self) -> RestClient:
        if self._open_rest is None:
            raise BugError("the Tastytrade session is not open")
        return self._open_rest

    async def _read_accounts(self) -> tuple[TastyAccount, ...]:
        what = "the accounts"
        reply = await self._rest.read(what, "/customers/me/accounts")
        accounts = self._each(what, self._items(what, reply), account_of)
        scopes = scopes_of(self._secrets.refresh_token)
        is_read_only = bool(scopes) and _TRADE not in scopes
        return tuple([await self._with_status(account, is_read_only=is_read_only) for account in accounts])

    async def _with_status(self, account: TastyAccount, *, is_read_only: bool) -> TastyAccount:
        """Adds the kind of margin; an account whose status is refused or unreadable stands without it."""
        account = replace(account, may_trade=account.may_trade and not is_read_only)
        if account.is_closed:
            return account
        what = f"the trading status of account {account.account_number}"
        try:
            reply = await self._rest.read(what, f"/accounts/{_part(account.account_number)}/trading-status")
            margin_type, is_frozen = self._one(what, reply, margin_type_of)
        except BrokerFailure as failure:
            if failure.kind not in (FailureKind.REJECTED, FailureKind.PROTOCOL):
                raise
            self._tell_refused(what, failure)
            return account
        may_trade = account.may_trade and not is_frozen
        return replace(account, margin_type=margin_type, may_trade=may_trade, is_frozen=is_frozen)

    async def _metrics(self, symbols: tuple[str, ...]) -> tuple[TastyMetrics, ...]:
        what = f"the market metrics of {symbols[0]}" + (" and others" if len(symbols) > 1 else "")
        try:
            reply = await self._rest.read(what, "/market-metrics", {"symbols": ",".join(symbols)})
        except BrokerFailure as failure:
            if failure.kind not in (FailureKind.REJECTED, FailureKind.PROTOCOL):
                raise
            if len(symbols) == 1:
                self._tell_refused(what, failure)
                return ()
            half = len(symbols) // 2
            return (*await self._metrics(symbols[:half]), *await self._metrics(symbols[half:]))
        return self._each(what, self._items(what, reply), metrics_of)

    async def _pages(self, what: str, path: str, params: Params, parse: Callable[[object], T]) -> tuple[T, ...]:
        found: list[T] = []
        for page in range(_MOST_PAGES):
            reply = await self._rest.read(what, path, {**params, "per-page": _PER_PAGE, "page-offset": page})
            found.extend(self._each(what, self._items(what, reply), parse))
            if not reply.has_more(page, _PER_PAGE):
                return tuple(found)
        raise self._rest.unreadable(what, f"there are more than {_MOST_PAGES} pages")

    def _accepted(self, what: str, account_number: str, reply: Reply) -> TastyOrder:
        """Reads the answer to a write: where that fails, the order may be live all the same."""
        try:
            return placed_order_of(reply.data, account_number)
        except Odd as error:
            raise self._rest.unreadable(what, str(error), is_write=True) from None

    def _items(self, what: str, reply: Reply) -> list[Any]:
        try:
            return reply.items()
        except Odd as error:
            raise self._rest.unreadable(what, str(error)) from None

    def _each(self, what: str, items: Collection[object], parse: Callable[[object], T]) -> tuple[T, ...]:
        return each(items, parse, source=what, odd=self._tell_odd)

    def _one(self, what: str, reply: Reply, parse: Callable[[object], T]) -> T:
        try:
            return parse(reply.data)
        except Odd as error:
            raise self._rest.unreadable(what, str(error)) from None

    def _tell_odd(self, odd: OddObject) -> None:
        if self._open_rest is not None:  # closed: no fact comes any more
            self._alert_sink(self._clean(odd))

    def _tell_refused(self, what: str, failure: BrokerFailure) -> None:
        """Tells of what Tastytrade would not say; an answer that could not be read was told when it came."""
        if failure.kind is FailureKind.REJECTED:
            self._tell_odd(OddObject(what, failure.what, ""))

    def _tell_alert(self, fact: AlertFact) -> None:
        if isinstance(fact, OddObject):
            self._tell_odd(fact)
        else:
            self._alert_sink(self._clean(fact) if isinstance(fact, StreamFact) else fact)

    def _tell_market(self, facts: tuple[MarketFact, ...]) -> None:
        self._market_sink(tuple(self._told(fact) for fact in facts))

    def _told(self, fact: MarketFact) -> MarketFact:
        if isinstance(fact, StreamFact):
            return self._clean(fact)
        return self._clean(fact) if isinstance(fact, OddObject) else fact

    def _clean(self, fact: CleanT) -> CleanT:
        scrub = self._rest.scrubber.clean
        if isinstance(fact, StreamFact):
            return replace(fact, reason=scrub(fact.reason))
        return replace(fact, raw=scrub(fact.raw), what=scrub(fact.what))

    def _pairs(self, told: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        scrub = self._rest.scrubber.clean
        return tuple((scrub(code), scrub(text)) for code, text in told)


def _part(text: str) -> str:
    """One part of a path: a slash or a blank in it belongs to the symbol."""
    return quote(text, safe="")


def _transaction_order(transaction: TastyTransaction) -> tuple[float, int, str]:
    at = transaction.executed_at_utc
    return (0.0 if at is None else at.timestamp(), *_id_order(transaction.transaction_id))


def _order_order(order: TastyOrder) -> tuple[float, int, str]:
    at = order.received_at_utc or order.updated_at_utc
    return (0.0 if at is None else at.timestamp(), *_id_order(order.order_id))


def _id_order(number: str) -> tuple[int, str]:
    return (int(number), "") if number.isascii() and number.isdigit() else (0, number)
