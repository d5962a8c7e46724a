"""Quotes at a pace of their own, far above the market's: each subscription's text is kept and only its size changes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from models.contract import Contract
from models.ids import ContractKey
from models.quote import Quote
from tests.simulators.tastytrade.events import NAN, Tape
from tests.simulators.tastytrade.wire import Socket

#: Stands in the text where the size goes.
_SIZE: Final = "@"
_SIZES: Final = 97


@dataclass(slots=True)
class FloodLine:
    """One subscription to quotes. `names` are the fields its channel asked for."""

    socket: Socket
    channel: int
    names: tuple[str, ...]
    is_full: bool
    symbol: str
    contract: Contract
    _quote: Quote | None = None
    _text: tuple[str, str] | None = None

    def text(self, tape: Tape, quote: Quote | None, size: int) -> str | None:
        """Returns the event as it stands in a frame; None when the market has none."""
        if quote is not self._quote:
            self._quote = quote
            self._text = None if quote is None else self._halves(tape, quote)
        if self._text is None:
            return None
        before, behind = self._text
        return f"{before}{size}{behind}" if behind else before

    def _halves(self, tape: Tape, quote: Quote) -> tuple[str, str] | None:
        event = tape.quote(self.symbol, self.contract, quote)
        if event is None:
            return None
        if event["bidSize"] != NAN:
            event["bidSize"] = _SIZE
        event["eventType"] = "Quote"
        values: Any = {name: event.get(name, NAN) for name in self.names}
        if self.is_full:
            text = json.dumps({"eventType": "Quote"} | values, separators=(",", ":"))
        else:
            text = json.dumps(list(values.values()), separators=(",", ":"))[1:-1]
        before, _, behind = text.partition(f'"{_SIZE}"')
        return before, behind


@dataclass(slots=True)
class Flood:
    """Sends lines in turn, several events a frame."""

    tape: Tape
    lines: Sequence[FloodLine]
    per_frame: int
    _turn: int = 0
    _frames: dict[tuple[int, int], tuple[FloodLine, list[str]]] = field(default_factory=dict)

    def send(self, newest: Mapping[ContractKey, Quote], count: int) -> int:
        """Sends about so many events; returns how many left. Lines without a market are passed over."""
        if not self.lines:
            return 0
        sent = 0
        for _ in range(count):
            line = self.lines[self._turn % len(self.lines)]
            self._turn += 1
            text = line.text(self.tape, newest.get(line.contract.key), 1 + self._turn % _SIZES)
            if text is None:
                continue
            sent += 1
            texts = self._frames.setdefault((id(line.socket), line.channel), (line, []))[1]
            texts.append(text)
            if len(texts) == self.per_frame:
                self._flush()
        self._flush()
        return sent

    def _flush(self) -> None:
        frames, self._frames = self._frames, {}
        for line, texts in frames.values():
            events = ",".join(texts)
            data = events if line.is_full else f'"Quote",[{events}]'
            line.socket.send_text(f'{{"type":"FEED_DATA","channel":{line.channel},"data":[{data}]}}')
