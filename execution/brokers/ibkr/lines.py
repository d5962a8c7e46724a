"""Which contracts hold one of TWS's market-data lines: what matters most first, and no thrash while a chain scrolls."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from models.contract import Contract
from models.enums import InstrumentKind
from models.ids import ContractKey

#: A line nobody wants any more is kept this long, unless its room is needed: who scrolls down soon scrolls up again.
LINGER_S: Final = 5.0
#: TWS's limit of lines was met: the user's other windows share them, so the full budget is tried again after this.
_SHORT_FOR_S: Final = 60.0
#: Request ids of closed lines that are remembered: TWS may still complain about one.
_CLOSED_KEPT: Final = 256


@dataclass(slots=True)
class Line:
    """An open line; `unwanted_since_s` is None while it is wanted within the budget."""

    contract: Contract
    con_id: int
    request_id: int
    unwanted_since_s: float | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """A line is to be opened."""

    contract: Contract


@dataclass(frozen=True, slots=True)
class Close:
    """A line is to be closed."""

    line: Line


class LineBook:
    """Lines open and wanted on one connection. Times are seconds of a monotonic clock; nothing is sent from here."""

    def __init__(self, max_lines: int) -> None:
        self._max_lines = max_lines
        self._wanted: dict[ContractKey, Contract] = {}
        self._open: dict[ContractKey, Line] = {}
        self._by_con_id: dict[int, Line] = {}
        self._by_request: dict[int, Line] = {}
        self._closed_requests: deque[int] = deque(maxlen=_CLOSED_KEPT)
        #: Not to be asked for before this time; None = not on this connection. Kept while a contract is out of sight:
        #: what is scrolled out and in again is not asked for each time.
        self._refused: dict[ContractKey, float | None] = {}
        self._short: tuple[int, float] | None = None

    @property
    def open_lines(self) -> tuple[Line, ...]:
        """The open lines."""
        return tuple(self._open.values())

    def want(self, contracts: Collection[Contract]) -> None:
        """States all that is wanted: indices come first, then other underlyings, then options in the given order."""
        self._wanted = {contract.key: contract for contract in sorted(contracts, key=_rank)}

    def wanted_keys(self) -> frozenset[ContractKey]:
        """Returns what is wanted."""
        return frozenset(self._wanted)

    def wants(self, key: ContractKey) -> bool:
        """Returns whether a contract is wanted; a line that lingers is not."""
        return key in self._wanted

    def concerns(self, key: ContractKey) -> bool:
        """Returns whether a contract is wanted or holds a line."""
        return key in self._wanted or key in self._open

    def line_of(self, con_id: int) -> Line | None:
        """Returns the open line of a contract id."""
        return self._by_con_id.get(con_id)

    def line_of_request(self, request_id: int) -> Line | None:
        """Returns the open line that was asked for with this id."""
        return self._by_request.get(request_id)

    def was_line(self, request_id: int) -> bool:
        """Returns whether the id belonged to a line closed lately."""
        return request_id in self._closed_requests

    def opened(self, contract: Contract, con_id: int, request_id: int) -> None:
        """Notes a line that was asked for."""
        line = Line(contract, con_id, request_id)
        self._open[contract.key] = line
        self._by_con_id[con_id] = line
        self._by_request[request_id] = line

    def closed(self, line: Line) -> None:
        """Notes a line that was let go."""
        self._open.pop(line.contract.key, None)
        self._by_con_id.pop(line.con_id, None)
        self._by_request.pop(line.request_id, None)
        self._closed_requests.append(line.request_id)

    def refuse(self, key: ContractKey, until_s: float | None) -> None:
        """Has a contract left alone until a time, or (None) on this connection."""
        self._refused[key] = until_s

    def forgive(self) -> None:
        """Has everything refused asked for again."""
        self._refused.clear()

    def met_limit(self, now_s: float) -> None:
        """Notes that TWS has no more lines than are open now (the one it refused is closed already)."""
        self._short = (len(self._open), now_s + _SHORT_FOR_S)

    def reset(self) -> None:
        """Forgets lines and refusals: the connection is another one."""
        self._open.clear()
        self._by_con_id.clear()
        self._by_request.clear()
        self._closed_requests.clear()
        self._refused.clear()
        self._short = None

    def left_out(self, now_s: float) -> int:
        """Returns how many wanted contracts the full budget leaves without quotes."""
        return max(sum(1 for _ in self._askable(now_s)) - self._max_lines, 0)

    def planned(self, now_s: float) -> tuple[Contract, ...]:
        """Returns what should be open now, by priority, within the budget."""
        budget = self._budget(now_s)
        return tuple(contract for _, contract in zip(range(budget), self._askable(now_s), strict=False))

    def next_step(self, now_s: float, ready: Collection[ContractKey]) -> Open | Close | None:
        """Returns what to send next; None = nothing now. Only contracts in `ready` can be opened."""
        planned = self.planned(now_s)
        spare = self._spare({contract.key for contract in planned}, now_s)
        missing = next((one for one in planned if one.key not in self._open and one.key in ready), None)
        crowded = len(self._open) >= self._budget(now_s) if missing else len(self._open) > self._budget(now_s)
        if spare and (crowded or _lingers_until_s(spare[0]) <= now_s):
            return Close(spare[0])
        return Open(missing) if missing and not crowded else None

    def next_due_s(self, now_s: float) -> float | None:
        """Returns when time alone makes something to do: a line has lingered, a refusal or a shortage is over."""
        due = [_lingers_until_s(line) for line in self._open.values() if line.unwanted_since_s is not None]
        due += [until for key, until in self._refused.items() if until is not None and key in self._wanted]
        if self._short is not None:
            due.append(self._short[1])
        return min((at for at in due if at > now_s), default=None)

    def _askable(self, now_s: float) -> Iterator[Contract]:
        for key in [key for key, until in self._refused.items() if until is not None and until <= now_s]:
            del self._refused[key]
        return (contract for key, contract in self._wanted.items() if key not in self._refused)

    def _budget(self, now_s: float) -> int:
        if self._short is not None and now_s >= self._short[1]:
            self._short = None
        return self._max_lines if self._short is None else min(self._short[0], self._max_lines)

    def _spare(self, planned: Collection[ContractKey], now_s: float) -> list[Line]:
        """Open lines outside of the plan, unwanted for longest first."""
        spare: list[Line] = []
        for key, line in self._open.items():
            if key in planned:
                line.unwanted_since_s = None
                continue
            if line.unwanted_since_s is None:
                line.unwanted_since_s = now_s
            spare.append(line)
        return sorted(spare, key=_lingers_until_s)


def _lingers_until_s(line: Line) -> float:
    return math.inf if line.unwanted_since_s is None else line.unwanted_since_s + LINGER_S


def _rank(contract: Contract) -> int:
    if contract.kind is InstrumentKind.INDEX:
        return 0
    return 2 if contract.is_option else 1
