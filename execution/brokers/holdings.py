"""What a broker says an account holds, against what its executions make of what was told before."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from models.contract import Contract
from models.enums import BrokerName
from models.ids import AccountId, ContractKey, ExecutionId
from models.position import UnifiedPosition
from models.trade import Execution

#: Brokers tell fills and positions on two roads. So long a difference is taken for one of them being late.
PATIENCE_S: Final = 3.0
#: After a fill on which the broker's positions are silent altogether: the fill is the newer word.
SILENCE_S: Final = 10.0
_NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Held:
    """A holding in the broker's word. `average_price` is per share, None where the broker does not say."""

    contract: Contract
    quantity: Decimal
    average_price: Decimal | None


@dataclass(slots=True)
class Holdings:
    """One account's holdings. Times in seconds are those of a monotonic clock."""

    account_id: AccountId
    broker: BrokerName
    _word: dict[ContractKey, Held] = field(default_factory=dict)
    #: Quantities last told to the desk; None before that: nothing can be late.
    _told: dict[ContractKey, Decimal] | None = None
    _as_of: datetime | None = None
    _newest_fill_utc: datetime | None = None
    #: Fills later than what was told, by id: the newest revision.
    _fills: dict[ExecutionId, Execution] = field(default_factory=dict)
    _spoken_s: dict[ContractKey, float] = field(default_factory=dict)
    _filled_s: dict[ContractKey, float] = field(default_factory=dict)
    _last_price: dict[ContractKey, Decimal] = field(default_factory=dict)

    @property
    def was_told(self) -> bool:
        """Whether the desk has had a first word on the account."""
        return self._told is not None

    @property
    def as_of_utc(self) -> datetime | None:
        """As of when the positions are that were last told."""
        return self._as_of

    def hear(self, held: Held, now_s: float) -> bool:
        """Takes the broker's word on a contract (quantity 0: gone); True when it is news."""
        key = held.contract.key
        before = self._word.get(key)
        if held.quantity:
            self._word[key] = held
        else:
            self._word.pop(key, None)
        now = self._word.get(key)
        if before == now and (before is None or now is None or _same(before, now)):
            # The same word again, yet newer than a fill: the broker holds to it.
            if key in self._filled_s:
                self._spoken_s[key] = now_s
            return False
        self._spoken_s[key] = now_s
        return True

    def lend_price(self, key: ContractKey, price: Decimal) -> bool:
        """Takes an average price from elsewhere where the broker's word has none; True when it was wanted."""
        held = self._word.get(key)
        if held is None or held.average_price is not None:
            return False
        self._word[key] = replace(held, average_price=price)
        return True

    def take(self, execution: Execution, now_s: float) -> bool:
        """Takes a fill; True when positions must follow it. One that was told with the positions is passed over."""
        at_utc = execution.executed_at_utc
        self._newest_fill_utc = at_utc if self._newest_fill_utc is None else max(at_utc, self._newest_fill_utc)
        if self._as_of is None or at_utc <= self._as_of:
            return False
        known = self._fills.get(execution.execution_id)
        if known is not None and known.revision >= execution.revision:
            return False
        self._fills[execution.execution_id] = execution
        self._filled_s[execution.contract.key] = now_s
        self._last_price[execution.contract.key] = execution.price
        return True

    def differs(self) -> tuple[ContractKey, ...]:
        """Returns the contracts on which the broker's word and the fills do not agree."""
        if self._told is None:
            return ()
        expected = dict(self._told)
        for fill in self._fills.values():
            key = fill.contract.key
            expected[key] = expected.get(key, _NOTHING) + fill.signed_quantity
        keys = expected.keys() | self._word.keys()
        return tuple(key for key in keys if expected.get(key, _NOTHING) != self.quantity_of(key))

    def patience_ends_s(self) -> float | None:
        """Returns when every present difference has had its time; None when there is none."""
        return max((self._waits_until_s(key) for key in self.differs()), default=None)

    def tell(self, at_utc: datetime | None) -> tuple[UnifiedPosition, ...]:
        """Returns the broker's word as told to the desk, as of the later of `at_utc` and the newest fill told."""
        moments = (at_utc, self._as_of, self._newest_fill_utc)
        self._as_of = max((moment for moment in moments if moment is not None), default=None)
        self._told = {key: held.quantity for key, held in self._word.items()}
        positions = tuple(self._position(key) for key in sorted(self._word))
        self._fills.clear()
        self._spoken_s.clear()
        self._filled_s.clear()
        self._last_price = {one.contract.key: one.average_price for one in positions}
        return positions

    def without_price(self) -> Iterable[Contract]:
        """Returns what is held at a price that nobody told."""
        return [held.contract for key, held in self._word.items() if self._price(key) is None]

    def keep_only(self, keys: Collection[ContractKey], now_s: float) -> bool:
        """Drops what the broker did not name when it named all; True when something was dropped."""
        gone = [key for key in self._word if key not in keys]
        for key in gone:
            del self._word[key]
            self._spoken_s[key] = now_s
        return bool(gone)

    def _waits_until_s(self, key: ContractKey) -> float:
        spoken, filled = self._spoken_s.get(key), self._filled_s.get(key)
        if filled is None:
            return (spoken or 0.0) + PATIENCE_S
        return filled + SILENCE_S if spoken is None else max(spoken, filled) + PATIENCE_S

    def quantities(self) -> dict[ContractKey, Decimal]:
        """Returns what is held by the broker's last word, short negative."""
        return {key: held.quantity for key, held in self._word.items()}

    def quantity_of(self, key: ContractKey) -> Decimal:
        """Returns how much is held by the broker's last word, short negative."""
        held = self._word.get(key)
        return _NOTHING if held is None else held.quantity

    def _price(self, key: ContractKey) -> Decimal | None:
        told = self._word[key].average_price
        return self._last_price.get(key) if told is None else told

    def _position(self, key: ContractKey) -> UnifiedPosition:
        held, price = self._word[key], self._price(key)
        return UnifiedPosition(
            broker=self.broker,
            account_id=self.account_id,
            contract=held.contract,
            quantity=held.quantity,
            average_price=_NOTHING if price is None else price,
            at_utc=self._as_of,
        )


def _same(one: Held, other: Held) -> bool:
    """Contracts are equal by key; a corrected multiplier is news too."""
    return one.contract.multiplier == other.contract.multiplier
