"""Market data lines: quotes, sizes, closes and the model's Greeks, live or delayed, within the limit of lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final
from zlib import crc32

import numpy as np

from analytics.exercise import option_first_order
from execution.brokers.paper.market import OptionModel
from execution.brokers.port import BrokerEvent, QuotesEvent
from models.clock import epoch_s
from models.contract import Contract
from models.enums import ExerciseStyle, InstrumentKind, MarketDataKind, Right
from models.ids import ContractKey
from models.quote import Quote
from tests.simulators.tws import replies
from tests.simulators.tws.client import Client
from tests.simulators.tws.framing import Field, Fields
from tests.simulators.tws.habits import GreeksHabit
from tests.simulators.tws.listing import Refusal
from tests.simulators.tws.replies import OptionComputation
from tests.simulators.tws.requests import ReqMktData
from tests.simulators.tws.state import TwsState

_SECONDS_PER_YEAR: Final = 365.0 * 86400.0
_LIVE, _FROZEN, _DELAYED = 1, 2, 3
#: Tick types of price, size of it, and the delayed ones.
_Types = tuple[int, int | None, int, int | None]
_BID: Final[_Types] = (1, 0, 66, 69)
_ASK: Final[_Types] = (2, 3, 67, 70)
_LAST: Final[_Types] = (4, 5, 68, 71)
_CLOSE: Final[_Types] = (9, None, 75, None)
#: Lines take turns in an order of their own: those opened together do not tick together.
_TURNS_SEED: Final = 1
_MODEL, _MODEL_DELAYED = 13, 83
_KEEPS_FLOWING: Final = 10090
_WORD_OF_NO_MODEL: Final = OptionComputation(None, None, None, None, None, None, None, None)
#: Generic ticks: 100 option volume, 101 open interest, 106 implied vol, 221 mark price, 588 futures open interest.
_VOLUMES, _INTEREST, _IMPLIED_VOL, _MARK, _FUTURES_INTEREST = "100", "101", "106", "221", "588"


@dataclass(slots=True)
class _Line:
    """One request for data, with what its client was told last."""

    client: Client
    req_id: int
    contract: Contract
    generic: frozenset[str]
    is_delayed: bool
    told: dict[int, Field] = field(default_factory=dict)
    kind: int = 0
    greeks_due_utc: datetime | None = None
    turns: int = 0


@dataclass(slots=True)
class TickDesk:
    """The lines of all clients."""

    tws: TwsState
    _lines: dict[tuple[Client, int], _Line] = field(default_factory=dict)
    _by_key: dict[ContractKey, list[_Line]] = field(default_factory=dict)
    #: The kind of data each client wants: 1 to 4.
    wanted_kind: dict[Client, int] = field(default_factory=dict)
    #: Messages with a price, a size, a text or Greeks that were sent in all.
    sent: int = 0
    #: While ticks are paced: the newest quote of every contract with a line.
    _newest: dict[ContractKey, Quote] = field(default_factory=dict)
    _turns: deque[tuple[Client, int]] = field(default_factory=deque)

    def lines_of(self, client: Client) -> int:
        """Returns how many lines a client has open."""
        return sum(line.client is client for line in self._lines.values())

    def subscribe(self, client: Client, request: ReqMktData) -> None:
        """Opens a line, or answers with a snapshot; refuses with TWS's codes."""
        habits = self.tws.habits
        if (client, request.req_id) in self._lines:
            client.error(request.req_id, 322, "Error processing request.-'bO' : cause - Duplicate ticker id")
            return
        if not request.snapshot and len(self._lines) >= habits.max_lines:
            client.error(request.req_id, 101)
            return
        try:
            contract = self.tws.listing.one(request.contract, self.tws.now())
        except Refusal as refusal:
            client.error(request.req_id, refusal.code, refusal.text)
            return
        generic = frozenset(part.strip() for part in request.generic_ticks.split(",") if part.strip())
        line = _Line(client, request.req_id, contract, generic, is_delayed=False)
        if not request.snapshot:
            self._lines[client, request.req_id] = line
            self._by_key.setdefault(contract.key, []).append(line)
            self._follow()
        if self._flows(line):
            self._begin(line)
        if request.snapshot:
            client.send(replies.tick_snapshot_end(request.req_id))

    def cancel(self, client: Client, req_id: int) -> None:
        """Closes a line; 300 for one that is not open."""
        line = self._lines.pop((client, req_id), None)
        if line is None:
            client.error(req_id, 300, f"Can't find EId with ticker Id:{req_id}")
            return
        self._drop(line)
        self._follow()

    def forget(self, client: Client) -> None:
        """Closes a client's lines."""
        for place in [place for place in self._lines if place[0] is client]:
            self._drop(self._lines.pop(place))
        self.wanted_kind.pop(client, None)
        self._follow()

    def lose_all(self) -> None:
        """Closes every line without a word: after 1101 the clients must ask again."""
        self._lines.clear()
        self._by_key.clear()
        self._newest.clear()
        self._follow()

    def follow(self, events: Sequence[BrokerEvent]) -> None:
        """Sends what changed on the lines of the contracts that were quoted."""
        lines: list[tuple[_Line, Quote]] = []
        for event in events:
            if isinstance(event, QuotesEvent):
                for quote in event.quotes:
                    lines += [(line, quote) for line in self._by_key.get(quote.key, ())]
        lines = [(line, quote) for line, quote in lines if line.kind]
        if self.tws.habits.paced_ticks:
            self._newest.update({quote.key: quote for _, quote in lines})
            return
        for line, quote in lines:
            self._tell(line, quote)
        self._tell_greeks([line for line, _ in lines])

    def send_in_turn(self, count: int) -> int:
        """Sends `count` messages or a few more, line after line; returns how many were sent in all until now.

        Displayed sizes change at every turn of a line, as they do on a busy day; prices are the market's.
        """
        before, visited = self.sent, list[_Line]()
        for _ in range(len(self._lines)):
            if self.sent - before >= count:
                break
            line = self._next_line()
            quote = None if line is None else self._newest.get(line.contract.key)
            if line is not None and quote is not None:
                self._tell(line, _with_sizes(quote, line.turns))
                line.turns += 1
                visited.append(line)
        self._tell_greeks(visited)
        return self.sent

    def _next_line(self) -> _Line | None:
        if not self._turns:
            self._turns.extend(Random(_TURNS_SEED).sample(list(self._lines), len(self._lines)))
        return self._lines.get(self._turns.popleft()) if self._turns else None

    def _begin(self, line: _Line) -> None:
        contract, client = line.contract, line.client
        client.send(replies.tick_req_params(line.req_id, min(contract.tick.below, contract.tick.above), "9c0001", 3))
        quotes = self.tws.core.valuation.refresh([contract], self.tws.now())
        for quote in quotes:
            self._tell(line, quote)
        self._tell_greeks([line])

    def _flows(self, line: _Line) -> bool:
        """Whether the line gets quotes; says why not."""
        habits, client, symbol = self.tws.habits, line.client, line.contract.underlying
        if habits.competing_session:
            client.error(line.req_id, 10197)
            return False
        code = habits.line_errors.get(symbol)
        if code is not None:
            client.error(line.req_id, code)
        if symbol in habits.not_subscribed:
            if self.wanted_kind.get(client, _LIVE) < _DELAYED:
                client.error(line.req_id, 354)
                return False
            if not habits.delayed_enabled:
                client.error(line.req_id, 10168)
                return False
            client.error(line.req_id, 10167)
            line.is_delayed = True
        return code in (None, _KEEPS_FLOWING)

    def _tell(self, line: _Line, quote: Quote) -> None:
        kind = self._kind(line, quote)
        if kind != line.kind:
            line.kind = kind
            line.client.send(replies.market_data_type(line.req_id, kind))
        if line.contract.kind is InstrumentKind.INDEX:
            # A level has no market: TWS sends -1 for both sides.
            quote = replace(quote, bid=None, ask=None, last=quote.mark if quote.last is None else quote.last)
        self._price(line, _BID, quote.bid, quote.bid_size)
        self._price(line, _ASK, quote.ask, quote.ask_size)
        if quote.last is not None:
            self._price(line, _LAST, quote.last, 0 if line.contract.kind is InstrumentKind.INDEX else 1)
            self._text(line, 88 if line.is_delayed else 45, str(int(epoch_s(quote.at_utc))))
        if quote.previous_close is not None:
            self._price(line, _CLOSE, quote.previous_close, None)
        self._extras(line, quote)

    def _price(self, line: _Line, types: _Types, price: Decimal | None, size: int | None) -> None:
        """Sends a price with its size, and the size by itself when only that changed; -1 is no price."""
        live_price, live_size, delayed_price, delayed_size = types
        price_type, size_type = (delayed_price, delayed_size) if line.is_delayed else (live_price, live_size)
        shown, shown_size = Decimal(-1) if price is None else price, 0 if size is None or price is None else size
        if line.told.get(price_type) != shown:
            line.told[price_type] = shown
            self._send(line, replies.tick_price(line.req_id, price_type, shown, shown_size))
        if size_type is not None and line.told.get(size_type) != shown_size:
            line.told[size_type] = shown_size
            self._send(line, replies.tick_size(line.req_id, size_type, shown_size))

    def _text(self, line: _Line, tick_type: int, text: str) -> None:
        if line.told.get(tick_type) != text:
            line.told[tick_type] = text
            self._send(line, replies.tick_string(line.req_id, tick_type, text))

    def _size(self, line: _Line, tick_type: int, size: int) -> None:
        if line.told.get(tick_type) != size:
            line.told[tick_type] = size
            self._send(line, replies.tick_size(line.req_id, tick_type, size))

    def _extras(self, line: _Line, quote: Quote) -> None:
        """Volume, and the generic ticks asked for; traded sizes are made up of the contract's key, the same always."""
        contract, made_up = line.contract, crc32(line.contract.key.encode())
        if contract.kind is not InstrumentKind.INDEX:
            self._size(line, 74 if line.is_delayed else 8, made_up % 5000)
        if line.is_delayed:
            return
        if contract.is_option:
            call = contract.right is Right.CALL
            if _VOLUMES in line.generic:
                self._size(line, 29 if call else 30, made_up % 5000)
            if _INTEREST in line.generic:
                self._size(line, 27 if call else 28, made_up % 20000)
        if contract.kind is InstrumentKind.FUTURE and _FUTURES_INTEREST in line.generic:
            self._size(line, 86, made_up % 2_000_000)
        if _MARK in line.generic and quote.mark is not None and line.told.get(37) != quote.mark:
            line.told[37] = quote.mark
            self._send(line, replies.tick_price(line.req_id, 37, quote.mark, 0))

    def _tell_greeks(self, lines: Sequence[_Line]) -> None:
        habits, now_utc = self.tws.habits, self.tws.now()
        due = [
            line
            for line in lines
            if line.contract.is_option and (line.greeks_due_utc is None or line.greeks_due_utc <= now_utc)
        ]
        if not due or habits.greeks is GreeksHabit.ABSENT:
            return
        computed: dict[ContractKey, OptionComputation] = {}
        if habits.greeks is GreeksHabit.COMPUTED:
            computed = self._computed([line.contract for line in due], now_utc)
        for line in due:
            line.greeks_due_utc = now_utc + timedelta(seconds=habits.greeks_every_s)
            model = computed.get(line.contract.key, _WORD_OF_NO_MODEL)
            tick_type = _MODEL_DELAYED if line.is_delayed else _MODEL
            self._send(line, replies.tick_option_computation(line.req_id, tick_type, model))
            if _IMPLIED_VOL in line.generic and model.implied_volatility is not None and not line.is_delayed:
                self._send(line, replies.tick_generic(line.req_id, 24, model.implied_volatility))

    def _computed(self, contracts: Sequence[Contract], now_utc: datetime) -> dict[ContractKey, OptionComputation]:
        """The market's own model of each option; what it cannot price is absent."""
        market = self.tws.core.market
        models = market.models(contracts)
        usable: list[tuple[Contract, float, OptionModel]] = []
        for contract in {one.key: one for one in contracts}.values():
            level, model = market.level(contract.underlying), models.get(contract.key)
            if level is not None and model is not None:
                usable.append((contract, float(level), model))
        if not usable:
            return {}
        values = option_first_order(
            spot=np.array([level for _, level, _ in usable]),
            strike=np.array([float(one.strike or 1) for one, _, _ in usable]),
            t_years=np.array([_years(one, now_utc) for one, _, _ in usable]),
            rate=np.array([model.rate for _, _, model in usable]),
            dividend_yield=np.array([model.dividend_yield for _, _, model in usable]),
            vol=np.array([model.vol for _, _, model in usable]),
            is_call=np.array([one.right is Right.CALL for one, _, _ in usable]),
            is_american=np.array([one.style is ExerciseStyle.AMERICAN for one, _, _ in usable]),
        )
        rows = np.column_stack(values)
        return {
            one.key: OptionComputation(model.vol, row[1], row[0], 0.0, row[2], row[4], row[3], level)
            for (one, level, model), row in zip(usable, rows.tolist(), strict=True)
            if np.isfinite(row).all()
        }

    def _send(self, line: _Line, message: Fields) -> None:
        self.sent += 1
        line.client.send(message)

    def _kind(self, line: _Line, quote: Quote) -> int:
        wanted = self.wanted_kind.get(line.client, _LIVE)
        if line.is_delayed:
            return wanted
        return _FROZEN if quote.kind is MarketDataKind.FROZEN and wanted in (2, 4) else _LIVE

    def _drop(self, line: _Line) -> None:
        lines = self._by_key[line.contract.key]
        lines.remove(line)
        if not lines:
            del self._by_key[line.contract.key]
            self._newest.pop(line.contract.key, None)

    def _follow(self) -> None:
        """Tells the exchange's feed what is wanted."""
        wanted = {line.contract.key: line.contract for line in self._lines.values()}
        self.tws.core.feed.subscribe(wanted.values())


def _years(contract: Contract, now_utc: datetime) -> float:
    expires = contract.expires_at_utc
    return 0.0 if expires is None else max((expires - now_utc).total_seconds(), 0.0) / _SECONDS_PER_YEAR


def _with_sizes(quote: Quote, turn: int) -> Quote:
    """Returns the quote with sizes that are others at the next turn."""
    at = crc32(quote.key.encode())
    return replace(
        quote,
        bid_size=None if quote.bid_size is None else 1 + (at + 7 * turn) % 60,
        ask_size=None if quote.ask_size is None else 1 + (at + 11 * turn) % 60,
    )
