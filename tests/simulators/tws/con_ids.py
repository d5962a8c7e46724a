"""Contract ids: derived from the contract's key, so that every simulator of a market gives the same, and kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from zlib import crc32

from models.ids import ContractKey

#: Ids lie where TWS's own do: nine or ten digits, within 31 bits.
_LOWEST: Final = 100_000_000
_SPAN: Final = 2_000_000_000
#: Room for the rare two keys of one checksum; the second takes the next free id, and keeps it in the store.
_STEP: Final = 7


class ConIds:
    """Gives ids and finds the key of one. `read` returns a kept text by name, None where there is none."""

    def __init__(self, read: Callable[[str], str | None]) -> None:
        self._read = read
        self._by_key: dict[ContractKey, int] = {}
        self._by_id: dict[int, ContractKey] = {}
        self._fresh: list[tuple[str, str]] = []

    def of(self, key: ContractKey) -> int:
        """Returns the id of a contract."""
        known = self._by_key.get(key)
        if known is not None:
            return known
        con_id = _LOWEST + crc32(key.encode()) % _SPAN
        while self.key(con_id) not in (None, key):
            con_id += _STEP
        if con_id not in self._by_id:
            self._fresh.append((_fact(con_id), key))
        self._by_key[key], self._by_id[con_id] = con_id, key
        return con_id

    def key(self, con_id: int) -> ContractKey | None:
        """Returns the key an id was ever given to, None for an id that was given to none."""
        known = self._by_id.get(con_id)
        if known is None:
            kept = self._read(_fact(con_id))
            if kept is None:
                return None
            known = self._by_id[con_id] = ContractKey(kept)
        return known

    def take_fresh(self) -> tuple[tuple[str, str], ...]:
        """Returns what is to be kept since the last call, as names and texts."""
        fresh, self._fresh = tuple(self._fresh), []
        return fresh


def _fact(con_id: int) -> str:
    return f"tws-conid-{con_id}"
