"""Reads the data frames of DXLink: which values of which event stand where, in both forms it sends them.

COMPACT is a flat list of values in the order that was asked for (or that the server announces), several events behind
each other; FULL is a list of objects. Numbers that do not exist come as the text "NaN". A frame that cannot be read is
told as odd and costs no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

#: What is read of each event, in this order; the first names the symbol.
NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "Quote": ("eventSymbol", "bidPrice", "askPrice", "bidSize", "askSize"),
    "Trade": ("eventSymbol", "price"),
    "Summary": ("eventSymbol", "prevDayClosePrice"),
    "Greeks": ("eventSymbol", "volatility", "delta", "gamma", "theta", "vega"),
}
_ABSENT: Final = -1

Row = tuple[Any, ...]
TellOdd = Callable[[str, object], None]


@dataclass(frozen=True, slots=True)
class Events:
    """Events of one kind out of a frame: the needed values of each, in the order of `NEEDED`."""

    kind: str
    rows: tuple[Row, ...]


class FeedReader:
    """Reads the frames of one connection; the order of the values is that connection's own."""

    def __init__(self, tell_odd: TellOdd) -> None:
        self._tell_odd = tell_odd
        self._layouts: dict[str, _Layout] = {}

    def note_fields(self, fields: object) -> None:
        """Takes the order of values, as asked for in FEED_SETUP or announced in FEED_CONFIG."""
        if not isinstance(fields, dict):
            return
        for kind, names in fields.items():
            if kind in NEEDED and isinstance(names, list) and "eventSymbol" in names:
                self._layouts[kind] = _layout(kind, names)

    def read(self, data: object) -> Iterator[Events]:
        """Yields the events of a frame's `data`, kinds nobody asked for left out."""
        if not isinstance(data, list):
            self._tell_odd("the data of a frame is not a list", data)
        elif data and isinstance(data[0], str):
            yield from self._compact(data)
        else:
            yield from self._full(data)

    def _compact(self, data: list[Any]) -> Iterator[Events]:
        if len(data) % 2:
            self._tell_odd("a compact frame without values for its last kind", data)
        for kind, values in zip(data[::2], data[1::2], strict=False):
            layout = self._layouts.get(kind) if isinstance(kind, str) else None
            if layout is None:
                if kind not in NEEDED:
                    continue
                self._tell_odd(f"{kind} came before its fields were known", values)
            elif not isinstance(values, list) or len(values) % layout.size:
                self._tell_odd(f"the values of {kind} do not fill whole events", values)
            else:
                starts = range(0, len(values), layout.size)
                yield self._sound(kind, [layout.pick(values[at : at + layout.size]) for at in starts])

    def _full(self, data: list[Any]) -> Iterator[Events]:
        for item in data:
            kind = item.get("eventType") if isinstance(item, dict) else None
            if not isinstance(kind, str):
                self._tell_odd("an event without its type", item)
            elif kind in NEEDED:
                yield self._sound(kind, [tuple(item.get(name) for name in NEEDED[kind])])

    def _sound(self, kind: str, rows: list[Row]) -> Events:
        sound = [row for row in rows if isinstance(row[0], str)]
        if len(sound) < len(rows):
            self._tell_odd(f"{kind} without a symbol", rows)
        return Events(kind, tuple(sound))


@dataclass(frozen=True, slots=True)
class _Layout:
    size: int
    pick: Callable[[list[Any]], Row]


def _layout(kind: str, names: list[Any]) -> _Layout:
    places = [names.index(name) if name in names else _ABSENT for name in NEEDED[kind]]
    if _ABSENT not in places:
        return _Layout(len(names), itemgetter(*places))
    return _Layout(len(names), lambda values: tuple(None if at == _ABSENT else values[at] for at in places))
