"""Which of several brokers quotes which contract: each one broker only, the first that has it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from models.contract import Contract
from models.ids import ContractKey

#: A broker that has not quoted a contract for so many looks is passed over, and tried again after so many more.
PATIENCE: Final = 15
FORGIVEN_AFTER: Final = 300


class QuoteSplit:
    """Brokers are numbers, the primary is 0. Time is counted in looks, which the owner takes once a second."""

    def __init__(self, count: int) -> None:
        self._is_up = [False] * count
        self._wanted: dict[ContractKey, Contract] = {}
        self._at: dict[ContractKey, int | None] = {}
        self._silent: dict[ContractKey, int] = {}
        self._passed_over: dict[ContractKey, set[int]] = {}
        self._looks = 0

    def want(self, contracts: Collection[Contract]) -> None:
        """States the full set of contracts."""
        self._wanted = {contract.key: contract for contract in contracts}
        for known in (self._at, self._silent, self._passed_over):
            for key in [key for key in known if key not in self._wanted]:
                del known[key]
        for key in self._wanted:
            if key not in self._at:
                self._place(key)

    def set_up(self, number: int, *, is_up: bool) -> None:
        """Says whether a broker can quote; one that comes back is asked again for what it had been passed over."""
        if self._is_up[number] is is_up:
            return
        self._is_up[number] = is_up
        for key in self._wanted:
            self._passed_over.get(key, set()).discard(number)
            self._place(key)

    def is_at(self, key: ContractKey, number: int) -> bool:
        """Returns whether a contract is this broker's to quote."""
        return self._at.get(key) == number

    def hear(self, number: int, keys: Iterable[ContractKey]) -> None:
        """Takes note of what a broker quoted."""
        for key in keys:
            if self.is_at(key, number):
                self._silent[key] = -1

    def look(self) -> bool:
        """Passes over who stays silent; True when a contract has moved to another broker."""
        self._looks += 1
        if self._looks % FORGIVEN_AFTER == 0:
            # What nobody quotes stays with the primary: a market that opens is heard there.
            silent = [key for key, passed in self._passed_over.items() if passed and self._silent.get(key, 0) >= 0]
            moves = [self._forgive(key) for key in silent]
            return any(moves)
        moved = False
        for key, looks in list(self._silent.items()):
            if looks < 0:
                continue
            self._silent[key] = looks + 1
            if looks + 1 == PATIENCE:
                moved = self._pass_over(key) or moved
        return moved

    def part(self, number: int) -> tuple[Contract, ...]:
        """Returns the contracts that a broker is to quote."""
        return tuple(self._wanted[key] for key, at in self._at.items() if at == number)

    def _forgive(self, key: ContractKey) -> bool:
        before = self._at.get(key)
        self._passed_over.pop(key, None)
        self._place(key)
        return self._at[key] != before

    def _pass_over(self, key: ContractKey) -> bool:
        before = self._at[key]
        if before is not None:
            self._passed_over.setdefault(key, set()).add(before)
        self._place(key)
        return self._at[key] != before

    def _place(self, key: ContractKey) -> None:
        up = [number for number, is_up in enumerate(self._is_up) if is_up]
        passed = self._passed_over.get(key, set())
        left = [number for number in up if number not in passed]
        at = next(iter(left or up), None)
        if key not in self._at or self._at[key] != at:
            self._at[key] = at
            self._silent[key] = 0
