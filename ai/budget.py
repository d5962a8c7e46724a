"""How often a breach may be put to the model, and what a request cost."""

from __future__ import annotations

from datetime import datetime, timedelta

from ai.config import AnalystConfig


class CoolDowns:
    """Remembers when each breach was last answered; forgets what has cooled down.

    Once in a rest a breach may be asked about again: when the model wished for another search, to rank what it found.
    """

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}
        self._granted: set[str] = set()

    def start(self, key: str, now_utc: datetime, seconds: float) -> None:
        """Lets `key` rest for so many seconds from now, and takes its grant back."""
        self._until = {each: until for each, until in self._until.items() if until > now_utc}
        self._until[key] = now_utc + timedelta(seconds=seconds)
        self._granted &= set(self._until)
        self._granted.discard(key)

    def grant(self, key: str) -> None:
        """Lets `key` be asked about once more in its rest."""
        self._granted.add(key)

    def is_granted(self, key: str, now_utc: datetime) -> bool:
        """Returns whether a request for `key` now would be the one more in its rest."""
        return key in self._granted and self._rests_until(key, now_utc) is not None

    def ends_at(self, key: str, now_utc: datetime) -> datetime | None:
        """Returns when `key` may be asked about again, None when it may be now."""
        return None if key in self._granted else self._rests_until(key, now_utc)

    def _rests_until(self, key: str, now_utc: datetime) -> datetime | None:
        until = self._until.get(key)
        return until if until is not None and until > now_utc else None


def cost_usd(config: AnalystConfig, tokens_in: int | None, tokens_out: int | None) -> float | None:
    """Returns the dollars a request cost by the prices in the settings; None when tokens or prices are not known."""
    price_in, price_out = config.usd_per_million_in, config.usd_per_million_out
    if tokens_in is None or tokens_out is None or price_in is None or price_out is None:
        return None
    return (tokens_in * price_in + tokens_out * price_out) / 1_000_000
